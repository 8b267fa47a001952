# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a Compose project that this collection writes: put in the place of others, each
whole at every moment."""

from __future__ import annotations

import glob
import os
import stat
from typing import NamedTuple

from .._host import files as _files
from .._host import paths as _paths

# What a run renders, in the order in which it is put in place: what Compose reads comes last. The
# patterns are of files whose number follows from the configuration, so those that nobody names any
# more go.
PATTERNS = ("needed.*", "config.compose.*")
NAMES = (
    ".gitignore",
    ".dockerignore",
    "config.yaml",
    "config.compose.yaml",
    "redis.conf",
    ".env",
    "compose.stage.yaml",
    "compose.yaml",
)


class Placed(NamedTuple):
    """Names of files that were written or differ (``written``), and that went (``removed``)."""

    written: list[str]
    removed: list[str]


def patterns(folder: str) -> list[str]:
    """What matches each file of a project folder that is this collection's to write."""
    return [os.path.join(folder, name) for name in (*PATTERNS, *NAMES)]


def place(source: str, folder: str, check: bool = False) -> Placed:
    """Let a project have the files that another folder has, with owners and modes.

    A name that ``source`` does not have stays as it is, but for those of :data:`PATTERNS`.

    :raises UntrustedPath: another account can write to one of the folders.
    """
    for place_ in (source, folder):
        _paths.require(place_, "puts files in place")
    wanted = [name for name in (*_matching(source), *NAMES) if _is_file(source, name)]
    wanted = list(dict.fromkeys(wanted))
    written = [name for name in wanted if _differs(source, folder, name)]
    removed = [name for name in _matching(folder) if name not in wanted]
    if not check:
        for name in written:
            _copy(os.path.join(source, name), os.path.join(folder, name))
        for name in removed:
            os.unlink(os.path.join(folder, name))
        _files.sync_folder(folder)
    return Placed(written, removed)


def _matching(folder: str) -> list[str]:
    found = {
        os.path.basename(path)
        for pattern in PATTERNS
        for path in glob.glob(os.path.join(glob.escape(folder), pattern))
    }
    return sorted(name for name in found - set(NAMES) if _is_file(folder, name))


def _is_file(folder: str, name: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(os.path.join(folder, name)).st_mode)
    except FileNotFoundError:
        return False


def _differs(source: str, folder: str, name: str) -> bool:
    if not _is_file(folder, name):
        return True
    one, other = (os.lstat(os.path.join(each, name)) for each in (source, folder))
    if (one.st_mode, one.st_uid, one.st_gid) != (other.st_mode, other.st_uid, other.st_gid):
        return True
    return _bytes(os.path.join(source, name)) != _bytes(os.path.join(folder, name))


def _bytes(path: str) -> bytes:
    with _files.reading(path) as handle:
        return handle.read()


def _copy(path: str, target: str) -> None:
    about = os.lstat(path)
    text = _bytes(path).decode("utf-8", "surrogateescape")
    _files.write_atomically(target, text, stat.S_IMODE(about.st_mode), (about.st_uid, about.st_gid))
