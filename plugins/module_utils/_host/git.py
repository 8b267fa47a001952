# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ignore files that belong to somebody else: a marked block of ours at their end, the rest
untouched."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Optional

from . import files as _files
from . import process as _process
from . import reader as _reader
from .account import SECONDS, Account
from .problem import OperatorError

BEGIN = "# BEGIN llmops.litellm: kept by Ansible"
END = "# END llmops.litellm"


class IgnoreError(OperatorError):
    """What stands in the way and what to do."""


class File(NamedTuple):
    """A file as it is and as it shall be; ``before`` is ``None`` where there is none."""

    path: str
    before: Optional[str]
    after: str

    @property
    def changed(self) -> bool:
        """Whether there is something to write."""
        return self.before != self.after


def has_block(text: str) -> bool:
    """Whether our block is in a text."""
    return BEGIN in text.splitlines()


def with_block(text: str, lines: Sequence[str]) -> str:
    """The text with our block at its end, where it wins over what is before; an older block is
    taken out."""
    kept: list[str] = []
    inside = False
    for line in text.splitlines(keepends=True):
        if line.rstrip("\r\n") == BEGIN:
            inside = True
        if not inside:
            kept.append(line)
        if line.rstrip("\r\n") == END:
            inside = False
    rest = "".join(kept)
    if rest and not rest.endswith("\n"):
        rest += "\n"
    return rest + "".join(line + "\n" for line in (BEGIN, *lines, END))


def upwards(folder: str) -> Iterator[str]:
    """A folder and those above it."""
    while True:
        yield folder
        if folder == os.path.dirname(folder):
            return
        folder = os.path.dirname(folder)


def _git(folder: str, *arguments: str, names: Sequence[str] = ()) -> _process.Result:
    """Git, as the repository's owner, and as root only where nobody else can have written its
    settings: they may run programs, and git refuses other people's repositories.

    :param names: files of the folder, which need not be there yet.
    :raises UntrustedPath: more than one account can write to the repository.
    """
    place = next(path for path in upwards(os.path.realpath(folder)) if os.path.isdir(path))
    below = os.path.relpath(os.path.realpath(folder), place)
    return _process.run(
        [
            "git",
            "-c",
            "core.fsmonitor=false",
            "-c",
            "core.hooksPath=/dev/null",
            "-C",
            place,
            *arguments,
            *(os.path.normpath(os.path.join(below, name)) for name in names),
        ],
        account=_owner(place),
        env={"HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "GIT_OPTIONAL_LOCKS": "0"},
    )


def _owner(place: str) -> Account:
    """Who may run git in a folder."""
    top = _top(place)
    if not top:
        return _reader.of("", place)
    settings = [os.path.join(top, ".git", name) for name in ("", "config", "HEAD", "index")]
    if not os.path.isdir(settings[0]):
        settings[1:] = _elsewhere(top)
    owners = [_reader.of("", path) for path in settings if os.path.lexists(path)]
    return next((owner for owner in owners if owner.uid != os.geteuid()), owners[0])


def _top(place: str) -> str:
    """The folder of the repository that a folder is in, empty where it is in none."""
    found = (path for path in upwards(place) if os.path.lexists(os.path.join(path, ".git")))
    return next(found, "")


def _elsewhere(top: str) -> list[str]:
    """The settings of a work tree whose ``.git`` is a file that says where they are."""
    with _reader.opened("", os.path.join(top, ".git")) as handle:
        named = handle.read(4096).decode("utf-8", "surrogateescape").partition("gitdir: ")[2]
    folder = os.path.join(top, named.strip())
    return [os.path.join(folder, name) for name in ("", "config.worktree", "HEAD", "../../config")]


def in_work_tree(folder: str) -> bool:
    """Whether a folder is in a git work tree.

    :raises IgnoreError: there is a repository, but git cannot be asked.
    """
    if not _top(os.path.realpath(folder)):
        return False
    answer = _git(folder, "rev-parse", "--is-inside-work-tree")
    if answer.rc == 0:
        return answer.out.strip() == "true"
    raise IgnoreError(
        "%s is in a git repository, and git cannot say what it tracks: %s Mend that first."
        % (
            folder,
            "git is not installed."
            if answer.rc == 127
            else answer.err.strip().splitlines()[0] + ".",
        )
    )


def tracked(folder: str, names: Sequence[str]) -> list[str]:
    """Which of these files of a folder git tracks."""
    return [
        os.path.basename(name)
        for name in _git(folder, "ls-files", "-z", "--", names=names).out.split("\0")
        if name
    ]


def not_ignored(folder: str, names: Sequence[str]) -> list[str]:
    """Which of these files of a folder git would offer to add."""
    return [
        name
        for name in names
        if _git(folder, "check-ignore", "--quiet", "--no-index", "--", names=[name]).rc != 0
    ]


def _read(path: str) -> Optional[str]:
    if os.path.islink(path):
        raise IgnoreError("%s is a symbolic link. Put a file in its place." % path)
    account = _reader.of("", os.path.dirname(path))
    return account.text(path) if account.exists(path) else None


def gitignore(folder: str, names: Sequence[str]) -> Optional[File]:
    """The folder's ``.gitignore``, if one is needed so that git leaves these files alone.

    :raises IgnoreError: git tracks one of them already.
    """
    if not in_work_tree(folder):
        return None
    found = tracked(folder, names)
    if found:
        listed = " ".join(found)
        raise IgnoreError(
            "git tracks %s in %s, so its secrets would be in every clone. Run: cd '%s' && "
            "git rm --cached %s && git commit -m "
            "'Stop tracking secrets'. What it ever held is in the history: rotate it."
            % (listed, folder, folder, listed)
        )
    path = os.path.join(folder, ".gitignore")
    before = _read(path)
    if not not_ignored(folder, names) and not has_block(before or ""):
        return None
    return File(path, before, with_block(before or "", ["/" + name for name in names]))


def dockerignore(folder: str, patterns: Sequence[str]) -> File:
    """The folder's ``.dockerignore``."""
    path = os.path.join(folder, ".dockerignore")
    before = _read(path)
    return File(path, before, with_block(before or "", patterns))


def write(file: File) -> None:
    """Put it in place: owner and mode as they were, a new one for the folder's owner. Where the
    folder is an account's, that account writes."""
    account = _reader.of("", os.path.dirname(file.path))
    if account.uid != os.geteuid():
        mode = 0o644
        if file.before is not None:
            mode = account.ask(lambda: os.lstat(file.path).st_mode & 0o777, file.path)
        with tempfile.TemporaryFile() as data:
            data.write(file.after.encode("utf-8", "surrogateescape"))
            data.seek(0)
            account.write(file.path, data, mode, SECONDS)
        return
    folder = os.stat(os.path.dirname(file.path))
    there = os.stat(file.path) if file.before is not None else None
    mode = there.st_mode & 0o777 if there else 0o644
    owner = (there.st_uid, there.st_gid) if there else (folder.st_uid, folder.st_gid)
    _files.write_atomically(file.path, file.after, mode, owner)
