# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of the files that the proxy needs, in the project folder (see :mod:`_config.needs_files`):
read by the account that the proxy runs as, written as root's."""

from __future__ import annotations

import os
import stat
from typing import Iterable, Mapping, NamedTuple, Sequence

from .._host import files as _files
from .._host import reader as _reader
from .._host.problem import OperatorError
from .needs_files import LIMIT, OWN, Copy

MODE = 0o640


class Changes(NamedTuple):
    """Names of copies that are written, for they differ from their sources, and removed, for
    nothing needs them."""

    written: list[str]
    removed: list[str]


def put(
    copies: Sequence[Copy], folder: str, account: str, gid: int, check: bool = False
) -> Changes:
    """Let there be exactly these copies in the project folder, root's and readable for a group.

    :param account: the proxy's, as :func:`_host.reader.word` has it; each copy is read by it, or by
        whoever could have chosen what lies there (see :func:`_host.reader.one`).
    :param check: only say what would change.
    :raises OperatorError: a source can't be read, with its name; nothing is written then.
    """
    texts = {copy.name: read(copy, account) for copy in copies}
    owner = _owner(gid)
    written = [
        name for name, text in texts.items() if _differs(os.path.join(folder, name), text, owner)
    ]
    removed = stale(folder, texts)
    if not check:
        write(folder, {name: texts[name] for name in written}, gid)
        for name in removed:
            os.unlink(os.path.join(folder, name))
    return Changes(written, removed)


def write(folder: str, texts: Mapping[str, str], gid: int) -> None:
    """Write copies by their names, root's and readable for a group."""
    for name, text in texts.items():
        _files.write_atomically(os.path.join(folder, name), text, MODE, _owner(gid))


def _owner(gid: int) -> tuple[int, int]:
    return os.geteuid(), gid if os.geteuid() == 0 else os.getegid()


def read(copy: Copy, account: str) -> str:
    """What an original has, undecodable bytes kept as surrogates.

    :param account: see :func:`put`.
    :raises OperatorError: it can't be read, with its name.
    """
    try:
        reader = _reader.one(copy.account or account, copy.source)
    except OSError as error:
        raise OperatorError(
            "%s, which the proxy needs: %s" % (copy.source, error.strerror)
        ) from None
    try:
        return reader.text(copy.source, LIMIT)
    except OSError as error:
        raise OperatorError(
            "%s, which the proxy needs: %s" % (copy.source, reader.cannot(error))
        ) from None


def _differs(path: str, text: str, owner: tuple[int, int]) -> bool:
    if not os.path.lexists(path):
        return True
    about = os.lstat(path)
    return (
        not stat.S_ISREG(about.st_mode)
        or (stat.S_IMODE(about.st_mode), about.st_uid, about.st_gid) != (MODE, *owner)
        or _reader.ours().text(path, LIMIT) != text
    )


def stale(folder: str, wanted: Iterable[str]) -> list[str]:
    """Names of copies that nothing needs any more."""
    there = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return [name for name in there if OWN.fullmatch(name) and name not in wanted]
