# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This very code as a command on the host: ``litellm-ops``, which needs Python and nothing of
Ansible.

The sources lie in a folder that is named by their content; the command names that folder. So
another release takes its place by one rename, and a run that is under way keeps what it began with.
"""

from __future__ import annotations

import compileall
import glob
import hashlib
import os
import pwd
import re
import shutil
import sys
import tempfile
from typing import Any, Iterable, Optional

from .._backup import settings as _backup_settings
from .._health import settings as _health_settings
from .._host.files import read, sync_folder, write_atomically

LIBRARY = "/usr/local/lib/llmops-litellm"
COMMAND = "/usr/local/sbin/litellm-ops"
PACKAGE = "llmops_litellm"
GROWING = ".growing-"
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
_SCRIPT = """#!/usr/bin/python3 -I
# Written by llmops.litellm: backups, health and models of this host's LiteLLM deployment.
# See litellm-ops --help.
import sys

sys.path.insert(0, "%s")
from %s._ops.cli import main  # noqa: E402

sys.exit(main())
"""


def sources() -> dict[str, bytes]:
    """The files of these packages that are loaded now, by their path below it. What
    :mod:`_ops.cli.cli` needs is among them once it is imported."""
    root = __name__.rpartition("._ops.")[0]
    found = {"__init__.py": b""}
    for name in sorted(sys.modules):
        if name.startswith(root + "._"):
            path = name[len(root) + 1 :].replace(".", "/")
            if hasattr(sys.modules[name], "__path__"):
                found[path + "/__init__.py"] = b""
            else:
                # of files, of the archive in which a module comes, and of Ansible's own import of
                # collections
                found[path + ".py"] = sys.modules[name].__loader__.get_source(name).encode()  # type: ignore[union-attr]
    return found


def install(
    files: dict[str, bytes], library: str = LIBRARY, command: str = COMMAND, check: bool = False
) -> dict[str, Any]:
    """Put the command in place.

    :returns: ``changed``, ``folder``; ``before`` and ``after`` (texts of the command, for a diff).
    """
    folder = os.path.join(library, _digest(files))
    script = _SCRIPT % (folder, PACKAGE)
    before = _read(command)
    whole = _held(os.path.join(folder, PACKAGE)) == files
    result = {
        "changed": not whole or before != script or not os.access(command, os.X_OK),
        "folder": folder,
        "before": before,
        "after": script,
    }
    if check or not result["changed"]:
        return result
    os.makedirs(library, mode=0o755, exist_ok=True)
    if not whole:
        _put(files, library, folder)
    write_atomically(command, script, 0o755)
    for path in _ours(library):
        if path != folder:
            shutil.rmtree(path)
    return result


def needed_by(
    command: str = COMMAND,
    settings: Iterable[str] = SETTINGS,
    folders: Optional[Iterable[str]] = None,
) -> list[str]:
    """The files because of which a host still needs the command: its settings, and units or
    drop-ins of any manager, with or without this project's name, that call it.

    :param folders: of units; none for those of the system's manager and of all user managers.
    """
    if folders is None:
        homes = sorted({entry.pw_dir for entry in pwd.getpwall()})
        folders = [*UNITS, *(os.path.join(home, ".config/systemd/user") for home in homes)]
    called = re.compile(
        r"^[ \t]*Exec\w+[ \t]*=(?:[^\n]|\\\n)*?(?<![\w./])%s(?![\w./-])" % re.escape(command),
        re.MULTILINE,
    )
    units = []
    for folder in folders:
        for pattern in ("*.service", "*.service.d/*.conf"):
            for path in sorted(glob.glob(os.path.join(glob.escape(folder), pattern))):
                # a masked unit is a link to /dev/null, a stale one a link to nothing
                if os.path.isfile(path) and called.search(read(path)):
                    units.append(path)
    return [path for path in settings if os.path.exists(path)] + units


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
            shutil.rmtree(path)
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


def _put(files: dict[str, bytes], library: str, folder: str) -> None:
    """The sources, compiled, in their folder: whole or not at all."""
    growing = tempfile.mkdtemp(prefix=GROWING, dir=library)
    os.chmod(growing, 0o755)
    package = os.path.join(growing, PACKAGE)
    os.mkdir(package, 0o755)
    for name, data in files.items():
        path = os.path.join(package, name)
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        with open(path, "wb") as handle:
            handle.write(data)
            os.fchmod(handle.fileno(), 0o644)
            os.fsync(handle.fileno())
    # paths in messages are those of the folder in the end
    compileall.compile_dir(package, ddir=os.path.join(folder, PACKAGE), quiet=2)
    for below, _folders, _files in os.walk(package):
        sync_folder(below)
    if os.path.isdir(folder):  # somebody has changed something in it
        shutil.rmtree(folder)
    os.rename(growing, folder)
    sync_folder(library)


def _held(package: str) -> dict[str, bytes]:
    """The sources that lie in a folder, by their path below it."""
    found = {}
    for below, _folders, names in os.walk(package):
        for name in names:
            if name.endswith(".py"):
                path = os.path.join(below, name)
                with open(path, "rb") as handle:
                    found[os.path.relpath(path, package)] = handle.read()
    return found


def _digest(files: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, data in sorted(files.items()):
        digest.update(b"%s\0%d\0%s" % (name.encode(), len(data), data))
    return digest.hexdigest()[:16]


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as handle:
            return handle.read()
    except FileNotFoundError:
        return ""
