# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections that clients keep, taken along from a process that is about to end.

Each accepted connection is one more descriptor in this process (``pidfd_getfd``). As long as the
server has its own, nothing is read here. When it has closed that, the client notices nothing: the
connection is ours then, with a request in it that arrived in that moment.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import socket
from typing import Iterable, Iterator, Optional

from .._host import listeners as _listeners
from .._host import process as _process

# The same number on every architecture of Linux since 5.6.
_PIDFD_GETFD = 438
_C = ctypes.CDLL(None, use_errno=True)


def duplicate(process: int, descriptor: int) -> int:
    """A descriptor of another process as one of ours.

    :param process: a descriptor of that process (``os.pidfd_open``).
    :raises OSError: it has ended, has no such descriptor, or may not be asked.
    """
    made = _C.syscall(_PIDFD_GETFD, process, descriptor, 0)
    if made < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(made)


def obstacle() -> str:
    """Why this host can't take connections along; empty where it can."""
    try:
        process = os.pidfd_open(os.getpid())
        try:
            os.close(duplicate(process, process))
        finally:
            os.close(process)
    except OSError as error:
        return "the kernel does not hand over connections (pidfd_getfd: %s)" % error.strerror
    return ""


def servers(port: int, proc: str = "/proc", within: Optional[int] = None) -> list[int]:
    """The processes that serve at a port, of this host or of the network that a process is in: who
    listens there, and what they have started."""
    listen = {
        item.pid
        for item in _listeners.listeners(proc, within)
        if item.port == port and item.pid is not None
    }
    return [
        int(name)
        for name in os.listdir(proc)
        if name.isdigit() and listen.intersection(_process.ancestors(int(name), proc))
    ]


class KeptConnections:
    """The connections that some processes have accepted at a port."""

    def __init__(self, pids: Iterable[int], port: int) -> None:
        self.port = port
        self.taken = 0  # so far, of all that were followed
        self._processes: dict[int, int] = {}  # process id to a descriptor of it
        self._known: dict[int, Optional[socket.socket]] = {}  # by inode; None: none of a client's
        self.follow(pids, port)

    def follow(self, pids: Iterable[int], port: int) -> None:
        """Take along these processes' connections, and leave those of others."""
        self.leave()
        self.port = port
        for pid in pids:
            try:
                self._processes[pid] = os.pidfd_open(pid)
            except OSError:
                continue  # it has ended

    def look(self) -> list[socket.socket]:
        """Take along what is new; returns those that nobody but we have any more."""
        theirs: set[int] = set()
        for pid, process in list(self._processes.items()):
            try:
                descriptors = dict(_sockets(pid))
            except OSError:
                return []  # it can't be seen for now, and may have all that it had
            if not descriptors:  # of a process that ends, or has
                os.close(self._processes.pop(pid))
            for inode, descriptor in descriptors.items():
                theirs.add(inode)
                if inode not in self._known:
                    try:
                        self._known[inode] = self._take(process, inode, descriptor)
                    except OSError:
                        continue  # looked at again, if it is still there
        left = [inode for inode in self._known if inode not in theirs]
        orphans = [self._known.pop(inode) for inode in left]
        return [each for each in orphans if each is not None]

    def _take(self, process: int, inode: int, descriptor: int) -> Optional[socket.socket]:
        """A socket as ours as well; ``None`` where it is none of a client's.

        :raises OSError: it was closed while we looked, and maybe another one has its number.
        """
        number = duplicate(process, descriptor)
        if os.fstat(number).st_ino != inode:
            os.close(number)
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        made = socket.socket(fileno=number)
        try:
            accepted = made.family in (socket.AF_INET, socket.AF_INET6) and (
                made.type == socket.SOCK_STREAM and made.getsockname()[1] == self.port
            )
            if accepted:
                made.getpeername()
                self.taken += 1
                return made
        except OSError:
            pass  # it listens, or its client is gone
        made.close()
        return None

    @property
    def served(self) -> bool:
        """Whether one of the processes still has descriptors."""
        return bool(self._processes)

    def leave(self) -> None:
        """Leave everything to the processes that have it."""
        for made in self._known.values():
            if made is not None:
                made.close()
        for process in self._processes.values():
            os.close(process)
        self._known.clear()
        self._processes.clear()


def _sockets(pid: int) -> Iterator[tuple[int, int]]:
    """A process' sockets: inode and descriptor; none of one that has ended.

    :raises OSError: it can't be looked at.
    """
    folder = "/proc/%d/fd" % pid
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, ProcessLookupError):
        return
    for name in names:
        try:
            target = os.readlink(os.path.join(folder, name))
        except OSError:
            continue  # closed while we looked
        found = re.match(r"socket:\[(\d+)\]$", target)
        if found:
            yield int(found.group(1)), int(name)
