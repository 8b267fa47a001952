# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers that processes are connected to at the moment, by TCP or a Unix socket; those who are
connected to a server: :mod:`_host.connections`. Who is at the other end is said where that is a
process of this host.
"""

from __future__ import annotations

import os
import re
import socket
import struct
from typing import Iterable, Iterator, Mapping, NamedTuple, Optional

from . import connections as _connections
from . import listeners as _listeners
from .files import read
from .listeners import Socket, parse_listeners, socket_owners
from .process import describe

_CREDENTIALS = struct.Struct("3i")  # process, account, group


class Connection(NamedTuple):
    """A connection to a server: its address and port, or ``path`` of its Unix socket. ``pid`` and
    ``command`` of the process there, ``program``: the file name of what that runs; ``None`` and
    empty where it is not on this host."""

    address: str
    port: int
    path: str = ""
    pid: Optional[int] = None
    program: str = ""
    command: str = ""

    @property
    def place(self) -> str:
        """Where it leads, in words."""
        where = self.path or ("[%s]:%d" if ":" in self.address else "%s:%d") % (
            self.address,
            self.port,
        )
        return "%s, %s" % (where, self.command) if self.pid else where


def family(pid: int, proc: str = "/proc") -> list[int]:
    """A process with all that descend from it: workers, and the engine of its database client."""
    children: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir(proc)):
        try:
            parent = re.search(r"^PPid:\s+(\d+)$", read(os.path.join(proc, name, "status")), re.M)
        except OSError:
            continue  # it ended while we looked
        if parent:
            children.setdefault(int(parent[1]), []).append(int(name))
    found = [pid]
    for each in found:  # which grows meanwhile
        found += [child for child in children.get(each, ()) if child not in found]
    return found


def of(pids: Iterable[int], proc: str = "/proc") -> list[Connection]:
    """The servers that processes which share a network, at least one, are connected to; each
    once."""
    pids, owners = list(pids), socket_owners(proc)
    ours = {inode for pid in pids for inode in sockets_of(pid, proc)}
    base = os.path.join(proc, str(pids[0]))
    ports = {item.port for item in _listening(base) if item.inode in ours}
    found = [Connection(*item[:2], pid=item[2]) for item in _tcp(base, ours, ports, owners)]
    found += [Connection("", 0, path, pid) for path, pid in _unix(base, ours, owners)]
    return sorted(
        {_with_program(item, proc) for item in found},
        key=lambda item: (*item[:3], item.pid or 0),
    )


def sockets_of(pid: int, proc: str = "/proc") -> list[int]:
    """The inodes of a process's sockets; none where it has ended."""
    folder, found = os.path.join(proc, str(pid), "fd"), []
    try:
        for name in os.listdir(folder):
            target = os.readlink(os.path.join(folder, name))
            if target.startswith("socket:["):
                found.append(int(target[8:-1]))
    except OSError:
        pass  # it, or what it had open, is gone
    return found


def _listening(base: str) -> list[Socket]:
    """What listens in a process' network."""
    found: list[Socket] = []
    for table in ("tcp", "tcp6"):
        try:
            found += parse_listeners(read(os.path.join(base, "net", table)))
        except OSError:
            continue  # without IPv6
    return found


def _tcp(
    base: str, ours: set[int], ports: set[int], owners: Mapping[int, int]
) -> Iterator[tuple[str, int, Optional[int]]]:
    """Address and port of each server, and its process."""
    rows = list(_connections.established(base))
    other_ends = {(row.here, row.there): row.inode for row in rows}
    for row in rows:
        # who asks us is no server of ours
        if row.inode in ours and row.here[1] not in ports:
            yield (*row.there, owners.get(other_ends.get((row.there, row.here), 0)))


def _unix(
    base: str, ours: Iterable[int], owners: Mapping[int, int]
) -> Iterator[tuple[str, Optional[int]]]:
    """The path of each server's Unix socket, and its process."""
    ends = _connections.unix_peers()
    try:
        _listens, accepted = _connections.parse_unix(read(os.path.join(base, "net", "unix")))
    except OSError:
        return
    for inode in ours:
        end = ends.get(inode, 0)
        # an accepted one has the name of the one that accepted it
        if accepted.get(end, "").startswith("/"):
            yield accepted[end], owners.get(end)


def _with_program(connection: Connection, proc: str) -> Connection:
    """A connection with what runs at its other end."""
    if connection.pid is None:
        return connection
    try:
        program = os.readlink(os.path.join(proc, str(connection.pid), "exe"))
    except OSError:
        return connection._replace(pid=None)
    # an upgrade while it runs leaves the old file without a name
    name = re.sub(r" \(deleted\)$", "", os.path.basename(program))
    return connection._replace(program=name, command=describe(connection.pid, proc))


def peer(path: str) -> Optional[int]:
    """The process that listens on a Unix socket, as the kernel has it: a lock file beside it, or
    the path in ``/proc/net/unix``, is anybody's word."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.setblocking(False)  # somebody who accepts nothing is not waited for
        try:
            connection.connect(path)
            told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        except OSError:
            return None
    return int(_CREDENTIALS.unpack(told)[0]) or None


def is_here(host: str) -> bool:
    """Whether a name or an address is this host's, as its clients find it."""
    try:
        found = {item[4][0] for item in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(_listeners.is_here(_connections.plain(str(each))) for each in found)


def addresses(host: str) -> set[str]:
    """What a client may be connected to who was given this name or address."""
    if host.lower() in ("localhost", "0.0.0.0", "::"):
        return {"127.0.0.1", "::1"}
    try:
        return {_connections.plain(str(item[4][0])) for item in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return {_connections.plain(host)}
