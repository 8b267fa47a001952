# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files: read, written whole or not at all, and the space and device that they are on."""

from __future__ import annotations

import os
import tempfile
from typing import Optional


def read(path: str) -> str:
    """A text file, undecodable bytes kept as surrogates."""
    with open(path, encoding="utf-8", errors="surrogateescape") as handle:
        return handle.read()


def free_bytes(path: str) -> int:
    """Bytes that root may still write below the nearest existing parent of a path."""
    while not os.path.exists(path):
        path = os.path.dirname(path) or "/"
    stat = os.statvfs(path)
    return stat.f_bavail * stat.f_frsize


def device_of(path: str) -> int:
    """The device of the nearest existing parent of a path; equal for paths that share their free
    space."""
    while not os.path.exists(path):
        path = os.path.dirname(path) or "/"
    return os.stat(path).st_dev


def write_atomically(
    path: str, text: str, mode: int = 0o600, owner: Optional[tuple[int, int]] = None
) -> None:
    """Put a file in place whole or not at all: temporary name, sync, rename, parent synced."""
    folder = os.path.dirname(path)
    handle, temporary = tempfile.mkstemp(prefix=".%s." % os.path.basename(path), dir=folder)
    try:
        with os.fdopen(
            handle, "w", encoding="utf-8", errors="surrogateescape", newline=""
        ) as stream:
            stream.write(text)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            if owner is not None:
                os.fchown(stream.fileno(), *owner)
            os.fsync(stream.fileno())
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    sync_folder(folder)


def sync_folder(folder: str) -> None:
    """Make renames and removals in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def size(count: int) -> str:
    """Bytes as people say them."""
    value = float(count)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return "%.0f %s" % (value, unit) if unit == "B" else "%.1f %s" % (value, unit)
        value /= 1024
    return "%.1f GiB" % value
