# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TCP listeners of the host and the processes that have them, from ``/proc``."""

from __future__ import annotations

import os
import socket
import struct
from typing import Iterable, NamedTuple, Optional

from .files import read
from .process import describe

LISTEN = "0A"


class Listener(NamedTuple):
    """A TCP socket in LISTEN: numeric address, port, and who holds it (``None`` where that cannot
    be read)."""

    address: str
    port: int
    pid: Optional[int]
    command: str

    @property
    def loopback(self) -> bool:
        """True where only this host can connect."""
        return self.address.startswith("127.") or self.address in ("::1", "::ffff:127.0.0.1")


def _address(text: str) -> str:
    """The kernel's hexadecimal address (host byte order in groups of 32 bits) as people write
    it."""
    words = [int(text[i : i + 8], 16) for i in range(0, len(text), 8)]
    packed = b"".join(struct.pack("=I", word) for word in words)
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def parse_listeners(text: str) -> list[tuple[str, int, int]]:
    """``/proc/net/tcp`` or ``tcp6`` as (address, port, inode) of the sockets that listen."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == LISTEN:
            address, port = fields[1].rsplit(":", 1)
            found.append((_address(address), int(port, 16), int(fields[9])))
    return found


def _socket_owners(proc: str) -> dict[int, int]:
    """Which process holds which socket: inode to the lowest process id (the parent, where a server
    forks)."""
    owners: dict[int, int] = {}
    for name in sorted(
        (entry for entry in os.listdir(proc) if entry.isdigit()), key=int, reverse=True
    ):
        try:
            handles = os.listdir(os.path.join(proc, name, "fd"))
        except OSError:
            continue  # the process ended while we looked
        for handle in handles:
            try:
                target = os.readlink(os.path.join(proc, name, "fd", handle))
            except OSError:
                continue  # closed while we looked
            if target.startswith("socket:["):
                owners[int(target[8:-1])] = int(name)
    return owners


def listeners(proc: str = "/proc") -> list[Listener]:
    """Every TCP listener of the host."""
    owners = _socket_owners(proc)
    found = []
    for table in ("tcp", "tcp6"):
        try:
            rows = parse_listeners(read(os.path.join(proc, "net", table)))
        except OSError:
            continue
        for address, port, inode in rows:
            pid = owners.get(inode)
            found.append(Listener(address, port, pid, describe(pid, proc)))
    return found


def holder(found: Iterable[Listener], port: int) -> Optional[Listener]:
    """Who answers on a port of the loopback address: a listener on it or on every address."""
    for listener in found:
        if listener.port == port and (listener.loopback or listener.address in ("0.0.0.0", "::")):
            return listener
    return None
