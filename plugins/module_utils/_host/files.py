# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Root's own files: read, written whole or not at all, and the space and device that they are on.

They lie in folders that only root can write to, see :func:`make_folder`; what an account can write
to goes through :mod:`account`.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import tempfile
from typing import IO, Optional

from . import paths as _paths
from .account import open_regular, put_below


def read(path: str) -> str:
    """A text file, undecodable bytes kept as surrogates."""
    with open(path, encoding="utf-8", errors="surrogateescape") as handle:
        return handle.read()


def make_folder(path: str, mode: int) -> bool:
    """A folder of ours, with this mode whatever the umask is, and every new one above it 0755;
    whether it was made.

    :raises UntrustedPath: another account could put something in its place.
    """
    path = os.path.abspath(path)
    if not os.path.isdir(path):
        above = os.path.dirname(path)
        if not os.path.isdir(above):
            make_folder(above, 0o755)
        _paths.require(above, "makes a folder in it")
        try:
            os.mkdir(path, 0o700)
            os.chmod(path, mode)
            return True
        except FileExistsError:
            pass  # another run of root's makes it as well; what else it can be is seen below
    _paths.require(path, "writes to it")
    return False


def set_mode(path: str, mode: int) -> None:
    """Give a file or folder of ours this mode; a link in its place is refused."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.fchmod(handle, mode)
    finally:
        os.close(handle)


def give(path: str, uid: int, gid: int) -> None:
    """Hand a folder of ours over to an account.

    :raises UntrustedPath: another account could put something else in its place.
    """
    _paths.require(os.path.dirname(path), "changes the owner of what lies there")
    os.chown(path, uid, gid, follow_symlinks=False)


def link(target: str, path: str) -> None:
    """A new symbolic link of ours."""
    os.symlink(target, path)


def reading(path: str) -> IO[bytes]:
    """A file of ours, open for reading; a link in its place is refused."""
    return os.fdopen(open_regular(path, follow=False), "rb")


def creating(path: str, mode: int = 0o600) -> IO[bytes]:
    """A new file of ours, open for writing, with this mode whatever the umask is.

    :raises FileExistsError: something is there.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(path, flags, 0o600)
    os.fchmod(handle, mode)
    return os.fdopen(handle, "wb")


def appending(path: str) -> IO[bytes]:
    """A file of ours, open for writing at its end; made, 0600, where there is none."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, 0o600), "ab")


def updating(path: str) -> IO[bytes]:
    """A file of ours that is there, open to be read and overwritten in place."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC), "r+b", buffering=0)


def temporary_folder(prefix: str, above: str) -> str:
    """A new folder, 0700, below one of ours."""
    return tempfile.mkdtemp(prefix=prefix, dir=above)


def move(path: str, target: str) -> None:
    """Rename, durably, replacing a file that is there."""
    os.replace(path, target)
    sync_folder(os.path.dirname(target))


def remove_tree(path: str) -> None:
    """Remove a folder of ours with all that is in it; links in it are not followed.

    It may have been handed over: every step goes by the descriptor of the folder above
    (``shutil.rmtree.avoids_symlink_attacks``), so an account that swaps what is in there meanwhile
    gains nothing.
    """
    shutil.rmtree(path)


def numbered_name(number: int, path: str) -> str:
    """What a copy of a file is called among others, of which some may have the same name in other
    folders: with letters, digits, dot, hyphen and underscore alone, as a backup wants them."""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", os.path.basename(path))[:80]
    return "%d-%s" % (number, re.sub(r"\.age$", "_age", name))


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


def publish(path: str, text: str) -> None:
    """Put a file that everyone may read (0644) in place whole or not at all, also into a folder
    that is not root's own, such as a metrics collector's: there no link is followed on the way, so
    it comes to lie in that folder and nowhere else.

    :raises OSError: it can't; ``ENOTDIR`` or ``ELOOP`` where a link is on the way.
    """
    path = os.path.abspath(path)
    folder, name = os.path.split(path)
    if not _paths.weakness(folder):
        write_atomically(path, text, 0o644)
        return
    handle = _without_links(folder)
    try:
        put_below(handle, name, io.BytesIO(text.encode("utf-8", "surrogateescape")), 0o644)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None
    finally:
        os.close(handle)


def _without_links(folder: str) -> int:
    handle = open_folder("/")
    for name in folder.split("/"):
        if name:
            try:
                inner = os.open(
                    name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle
                )
            except OSError as error:
                raise OSError(error.errno, error.strerror, folder) from None
            finally:
                os.close(handle)
            handle = inner
    return handle


def open_folder(folder: str) -> int:
    """A handle of a folder of ours, to lock it by."""
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


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
