# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TCP listeners of the host and the processes that have them, from ``/proc``.

A listener is its exact address, its port, its process and the account that made it. Any account can
listen at 127.0.0.2; it answers nobody who asks 127.0.0.1.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from typing import Iterable, NamedTuple, Optional, Union

from .files import read
from .process import describe

LISTEN = "0A"
LOOPBACK = "127.0.0.1"
# What clients try for a name, in this order.
NAMES = {"localhost": (LOOPBACK, "::1")}
# Who answers where nobody has the address itself, first one first. An IPv6 socket on every address
# takes IPv4 as well, unless it was told not to, which can't be seen from here.
WILDCARDS = {4: ("0.0.0.0", "::"), 6: ("::",)}


class Socket(NamedTuple):
    """A row of ``/proc/net/tcp``; ``uid`` is the account that made the socket, whoever has it
    now."""

    address: str
    port: int
    uid: int
    inode: int


class Listener(NamedTuple):
    """A TCP socket in LISTEN: numeric address, port, who holds it (``None`` where that cannot be
    read), and which account made it."""

    address: str
    port: int
    pid: Optional[int]
    command: str
    uid: int = 0


def _address(text: str) -> str:
    """The kernel's hexadecimal address (host byte order in groups of 32 bits) as people write
    it."""
    words = [int(text[i : i + 8], 16) for i in range(0, len(text), 8)]
    packed = b"".join(struct.pack("=I", word) for word in words)
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def parse_listeners(text: str) -> list[Socket]:
    """The sockets of ``/proc/net/tcp`` or ``tcp6`` that listen."""
    return [
        Socket(*place(fields[1]), int(fields[7]), int(fields[9]))
        for fields in rows(text)
        if fields[3] == LISTEN
    ]


def rows(text: str) -> list[list[str]]:
    """The rows of such a table, each as its fields."""
    return [fields for fields in map(str.split, text.splitlines()[1:]) if len(fields) > 9]


def of_port(port: int, within: Union[int, str] = "self") -> list[list[str]]:
    """The rows of the kernel's TCP sockets whose own end is at a port, in the network that a
    process is in."""
    found = []
    for table in ("tcp", "tcp6"):
        try:
            text = read("/proc/%s/net/%s" % (within, table))
        except OSError:
            continue
        found += [row for row in rows(text) if place(row[1])[1] == port]
    return found


def place(text: str) -> tuple[str, int]:
    """Address and port of one end of a socket, as such a table has them."""
    address, port = text.rsplit(":", 1)
    return _address(address), int(port, 16)


def socket_owners(proc: str) -> dict[int, int]:
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


def listeners(proc: str = "/proc", within: Optional[int] = None) -> list[Listener]:
    """Every TCP listener of the host, or of the network that a process is in."""
    owners = socket_owners(proc)
    found = []
    for table in ("tcp", "tcp6"):
        try:
            folder = "net" if within is None else "%d/net" % within
            sockets = parse_listeners(read(os.path.join(proc, folder, table)))
        except OSError:
            continue
        for row in sockets:
            pid = owners.get(row.inode)
            found.append(Listener(row.address, row.port, pid, describe(pid, proc), row.uid))
    return found


def is_here(address: str) -> bool:
    """Whether this host has an address, by its number (every one: it has): it would be the
    sender's, too. Nothing is sent. What can be bound need not be here (``ip_nonlocal_bind``)."""
    try:
        number = ipaddress.ip_address(address)
        if number.is_unspecified or number.is_loopback:
            return True
        family = socket.AF_INET6 if number.version == 6 else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
            return bool(probe.getsockname()[0] == str(number))
    except (OSError, ValueError):
        return False


def holder(found: Iterable[Listener], port: int, host: str = LOOPBACK) -> Optional[Listener]:
    """Who answers a client of this host: as the kernel has it, the listener on the very address,
    else the one on every address.

    :param host: the address that the client uses, or ``localhost``. Of one that is not of the
        loopback network nobody knows here whether it is this host's, so only the address itself
        counts.
    """
    there = {item.address: item for item in reversed(list(found)) if item.port == port}
    for address in NAMES.get(host.lower(), (host,)):
        for place in _places(address):
            if place in there:
                return there[place]
    return None


def anywhere(found: Iterable[Listener], port: int) -> Optional[Listener]:
    """Who answers at a port of the loopback address; where nobody does, of another address."""
    there = [item for item in found if item.port == port]
    return holder(there, port) or next(iter(there), None)


def _places(address: str) -> tuple[str, ...]:
    """The addresses at which a socket answers for one, the first one first."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ()
    exact = (str(parsed), "::ffff:" + address) if parsed.version == 4 else (str(parsed),)
    return exact + (WILDCARDS[parsed.version] if parsed.is_loopback else ())
