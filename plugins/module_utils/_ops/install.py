# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This very code as a command on the host: ``litellm-ops``, which needs Python and nothing of
Ansible.

The sources lie in a folder that is named by their content; the command names that folder. So
another release takes its place by one rename, and a run that is under way keeps what it began with.

Root's timers and units of accounts without a name run it alike: everyone can read all of it and
only root write it, bytecode included, whatever root's umask is.
"""

from __future__ import annotations

import functools
import glob
import hashlib
import os
import pwd
import re
import stat
from typing import Any, Iterable, Optional

from .._backup import settings as _backup_settings
from .._health import settings as _health_settings
from .._host import files as _files
from .._host import paths as _paths
from .._host import process as _process
from .._host import sources as _sources
from .._host.account import NOBODY, Account
from .._host.files import read, sync_folder, write_atomically
from .._host.problem import OperatorError
from .._host.sources import PACKAGE, PYTHON

LIBRARY = "/usr/local/lib/llmops-litellm"
COMMAND = "/usr/local/sbin/litellm-ops"
GROWING = ".growing-"
FOLDER_MODE, FILE_MODE, COMMAND_MODE = 0o755, 0o644, 0o755
LARGEST = 1 << 20  # bytes of a unit's file
SETTINGS = (_backup_settings.PATH, _health_settings.PATH)
SETTINGS_FOLDER = os.path.dirname(_backup_settings.PATH)
# Of systemd's search path, where administrators, packages and tools put units; the last two
# folders are those of all user managers.
UNITS = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/etc/systemd/user",
    "/usr/lib/systemd/user",
)
# Without -B root would write bytecode with whatever umask its timers have.
_SCRIPT = """#!/usr/bin/python3 -IB
# Written by llmops.litellm: backups, health and models of this host's LiteLLM deployment.
# See litellm-ops --help.
import sys

sys.path.insert(0, "%s")
from %s._ops.cli import main  # noqa: E402

sys.exit(main())
"""


class CannotRun(OperatorError):
    """The command is in place, and not every account can execute it."""


def sources() -> dict[str, bytes]:
    """The files of these packages that are loaded now: what :mod:`_ops.cli` needs is among them
    once it is imported."""
    return _sources.loaded()


def install(
    files: dict[str, bytes], library: str = LIBRARY, command: str = COMMAND, check: bool = False
) -> dict[str, Any]:
    """Put the command in place.

    :returns: ``changed``, ``folder``; ``before`` and ``after`` (texts of the command, for a diff).
    :raises UntrustedPath: another account could put something in its place.
    """
    folder = os.path.join(library, _digest(files))
    script = _SCRIPT % (folder, PACKAGE)
    mended = _open_to_all(library, check)
    _paths.require(os.path.dirname(command), "would run what lies there")
    before = _read(command)
    whole = not _astray(folder) and _held(os.path.join(folder, PACKAGE)) == files
    fits = before == script and _is(os.lstat(command), stat.S_IFREG | COMMAND_MODE)
    result = {
        "changed": mended or not whole or not fits,
        "folder": folder,
        "before": before,
        "after": script,
    }
    if check or not result["changed"]:
        return result
    _files.make_folder(library, FOLDER_MODE)
    if not whole:
        _put(files, library, folder)
    write_atomically(command, script, COMMAND_MODE)
    for path in _ours(library):
        if path != folder:
            _files.remove_tree(path)
    return result


def own_folder(path: str, mode: int, check: bool = False) -> bool:
    """A folder with exactly this mode, for what the command reads and keeps; whether there was
    none, or one with another mode.

    :raises UntrustedPath: another account can write to it, or above it.
    """
    _paths.require(path, "acts on what it reads there, and keeps secrets in it")
    there = os.path.isdir(path)
    wrong = not there or stat.S_IMODE(os.stat(path).st_mode) != mode
    if wrong and not check:
        _files.make_folder(path, mode)
        _files.set_mode(os.path.realpath(path), mode)
    return wrong


def prove(command: str = COMMAND, uid: int = NOBODY) -> None:
    """An account with no rights of its own, as a ``DynamicUser`` has none, executes the command.

    :raises CannotRun: it can't; which folder or file is closed to it, or what it said.
    """
    account = Account.numbered(uid)
    done = _process.run([command, "--help"], account=account)
    if done.rc == 0:
        return
    closed = _closed_to(account, command) or "it ended with %d" % done.rc
    said = (done.err or done.out).strip()
    raise CannotRun(
        "account %s can't execute %s: %s%s. The units of bridges and model servers run it as"
        " accounts like this one. Open the folders above it to everyone (chmod o+x) and run this"
        " again." % (account.name, command, closed, " (%s)" % said.splitlines()[-1] if said else "")
    )


def needed_by(
    command: str = COMMAND,
    settings: Iterable[str] = SETTINGS,
    folders: Optional[Iterable[str]] = None,
) -> list[str]:
    """The files because of which a host still needs the command: its settings, and units or
    drop-ins of any manager, with or without this project's name, that call it.

    :param folders: of units; none for those of the system's manager and of all user managers.
    """
    called = re.compile(
        r"^[ \t]*Exec\w+[ \t]*=(?:[^\n]|\\\n)*?(?<![\w./])%s(?![\w./-])" % re.escape(command),
        re.MULTILINE,
    )
    units = []
    for folder in UNITS if folders is None else folders:
        units += _calling(folder, called)
    for folder, account in _user_folders() if folders is None else ():
        try:
            units += account.ask(functools.partial(_calling, folder, called), folder)
        except OSError:
            continue  # so many or so large that its own manager would not get through them either
    return [path for path in settings if os.path.exists(path)] + units


def _user_folders() -> list[tuple[str, Account]]:
    """Where accounts have units of their own, each with the account that looks there."""
    found = {}
    for entry in pwd.getpwall():
        folder = os.path.join(entry.pw_dir, ".config/systemd/user")
        if os.path.isdir(folder):
            found[folder] = Account.numbered(entry.pw_uid)
    return sorted(found.items())


def _calling(folder: str, called: re.Pattern[str]) -> list[str]:
    """The services and drop-ins of a folder that call a command."""
    found = []
    for pattern in ("*.service", "*.service.d/*.conf"):
        for path in sorted(glob.glob(os.path.join(glob.escape(folder), pattern))):
            # a masked unit is a link to /dev/null, a stale one a link to nothing
            if os.path.isfile(path) and os.path.getsize(path) < LARGEST:
                found += [path] if called.search(_text(path)) else []
    return found


def _text(path: str) -> str:
    try:
        return read(path)
    except OSError:
        return ""  # what its account can't read, it does not run


def remove(library: str = LIBRARY, command: str = COMMAND, check: bool = False) -> dict[str, Any]:
    """Take the command away."""
    before = _read(command)
    ours = _ours(library)
    changed = bool(before) or bool(ours)
    if changed and not check:
        if before:
            os.unlink(command)
            sync_folder(os.path.dirname(command))
        for path in ours:
            _files.remove_tree(path)
        if os.path.isdir(library) and not os.listdir(library):
            os.rmdir(library)
    return {"changed": changed, "folder": library, "before": before, "after": ""}


def remove_settings_folder(folder: str = SETTINGS_FOLDER, check: bool = False) -> bool:
    """Remove the folder of the settings where nothing is in it; whether it was."""
    if not os.path.isdir(folder) or os.listdir(folder):
        return False
    if not check:
        os.rmdir(folder)
    return True


def _ours(library: str) -> list[str]:
    """The folders in there that this module has made, or begun to."""
    names = sorted(os.listdir(library)) if os.path.isdir(library) else []
    return [
        os.path.join(library, name)
        for name in names
        if name.startswith(GROWING)
        or (
            re.fullmatch(r"[0-9a-f]{16}", name)
            and os.path.isdir(os.path.join(library, name, PACKAGE))
        )
    ]


def _open_to_all(library: str, check: bool) -> bool:
    """Give the library's folder, which is root's already, its mode; whether it had another."""
    if not os.path.isdir(library):
        return False
    _paths.require(os.path.dirname(library), "would run what lies there")
    about = os.lstat(library)
    wrong = stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid()
    wrong = wrong and not _is(about, stat.S_IFDIR | FOLDER_MODE)
    if wrong and not check:
        _files.set_mode(library, FOLDER_MODE)
    if not wrong or not check:
        _paths.require(library, "would run what lies there")
    return wrong


def _is(about: os.stat_result, kind_and_mode: int) -> bool:
    """Whether something is root's and has exactly this kind and mode."""
    return about.st_mode == kind_and_mode and about.st_uid == os.geteuid()


def _astray(folder: str) -> list[str]:
    """What is not as this module makes it, in a folder or the folder itself: in another's hand,
    with another mode, or no plain file. It may have been changed, so it is replaced, not mended."""
    if not os.path.isdir(folder):
        return [folder]
    found = []
    for below, folders, names in os.walk(folder):
        places = [(below, stat.S_IFDIR | FOLDER_MODE)]
        places += [(os.path.join(below, name), stat.S_IFREG | FILE_MODE) for name in names]
        places += [(os.path.join(below, name), stat.S_IFDIR | FOLDER_MODE) for name in folders]
        found += [path for path, kind in places if not _is(os.lstat(path), kind)]
    return found


def _closed_to(account: Account, command: str) -> str:
    """The first folder on the way to the command and its code that an account can't enter, or the
    file that it can't read."""
    code = re.search(r'^sys\.path\.insert\(0, "(.*)"\)$', _read(command), re.M)
    for path in [command, *([code.group(1)] if code else [])]:
        parts = path.split("/")
        for place in ("/".join(parts[:end]) for end in range(2, len(parts) + 1)):
            wanted = os.R_OK | os.X_OK if place == path else os.X_OK
            if not account.ask(functools.partial(os.access, place, wanted), place):
                return "%s (mode %04o) is closed to it" % (
                    place,
                    stat.S_IMODE(os.lstat(place).st_mode),
                )
    return ""


def _put(files: dict[str, bytes], library: str, folder: str) -> None:
    """The sources, compiled, in their folder: whole or not at all."""
    growing = _files.temporary_folder(GROWING, library)
    package = os.path.join(growing, PACKAGE)
    for name, data in files.items():
        path = os.path.join(package, name)
        _files.make_folder(os.path.dirname(path), FOLDER_MODE)
        with _files.creating(path, FILE_MODE) as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
    _compile(package, os.path.join(folder, PACKAGE))
    for below, folders, names in os.walk(growing):
        for name in folders:
            _files.set_mode(os.path.join(below, name), FOLDER_MODE)
        for name in names:
            _files.set_mode(os.path.join(below, name), FILE_MODE)
        sync_folder(below)
    if os.path.isdir(folder):  # somebody has changed something in it
        _files.remove_tree(folder)
    _files.set_mode(growing, FOLDER_MODE)
    _files.move(growing, folder)


def _compile(package: str, place: str) -> None:
    """Bytecode for the Python that runs the command, with the paths of the place that it is for.
    Where that fails the command is slower, and says the same."""
    _process.run([PYTHON, "-I", "-m", "compileall", "-q", "-d", place, package], timeout=300)


def _held(package: str) -> dict[str, bytes]:
    """The sources that lie in a folder, by their path below it."""
    found = {}
    for below, _folders, names in os.walk(package):
        for name in names:
            if name.endswith(".py"):
                path = os.path.join(below, name)
                with _files.reading(path) as handle:
                    found[os.path.relpath(path, package)] = handle.read()
    return found


def _digest(files: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, data in sorted(files.items()):
        digest.update(b"%s\0%d\0%s" % (name.encode(), len(data), data))
    return digest.hexdigest()[:16]


def _read(path: str) -> str:
    return read(path) if os.path.exists(path) else ""
