# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is connected to a server of this host, from the kernel's own tables.

What a server says of its clients is its word; this is the kernel's. Of a client on this host it is
the process, by TCP or by a Unix socket; of any other its address.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import Collection, Iterable, Iterator, NamedTuple, Optional

from .files import read
from .listeners import Listener, place, rows, socket_owners
from .process import ancestors

_ESTABLISHED = "01"
_MAPPED = "::ffff:"
# Of /proc/net/unix: the flag of a socket that listens, the state of one that is connected.
_LISTENS = 1 << 16
_CONNECTED = 3
# From linux/netlink.h, linux/sock_diag.h and linux/unix_diag.h.
_NETLINK_SOCK_DIAG, _BY_FAMILY, _DUMP = 4, 20, 0x301
_LAST = (2, 3)  # an error, the end
_SHOW_PEER, _PEER, _STATES = 4, 2, 1 << 1
_HEADER, _REQUEST, _MESSAGE, _ATTRIBUTE = "=IHHII", "=BBHIIIII", "=BBBBIII", "=HH"
_SECONDS = 10.0


class Connection(NamedTuple):
    """A client of a server: its ``address`` and ``port`` (empty and 0 where it came by a Unix
    socket), its process where that is one of this host, and the server's at the other end."""

    address: str
    port: int
    client: Optional[int]
    server: int


class Row(NamedTuple):
    """A connected TCP socket, seen from its own end."""

    here: tuple[str, int]
    there: tuple[str, int]
    inode: int


def plain(address: str) -> str:
    """An address as IPv4 where it is one that an IPv6 socket has taken."""
    return address[len(_MAPPED) :] if address.startswith(_MAPPED) and "." in address else address


def connections(pid: int, listening: Iterable[Listener], proc: str = "/proc") -> list[Connection]:
    """Everybody who is connected to a server.

    :param pid: the process that listens; those that it has forked serve for it.
    :param listening: the host's listeners.
    """
    owners = socket_owners(proc)
    ports = {item.port for item in listening if item.pid == pid}
    found = [*_by_tcp(ports, owners, proc), *_by_unix(owners, proc)]
    serving: dict[int, bool] = {}
    for item in found:
        if item.server not in serving:
            serving[item.server] = pid in ancestors(item.server, proc)
    return [item for item in found if serving[item.server]]


def connected_to(places: Collection[tuple[str, int]], proc: str = "/proc") -> list[Connection]:
    """The processes of this host that are connected to these addresses and ports, whoever serves
    there (a container's may have no process of this host): the server is 0."""
    owners = socket_owners(proc)
    return [
        Connection(row.here[0], row.here[1], owners[row.inode], 0)
        for row in established(proc)
        if row.there in places and row.inode in owners
    ]


def _by_tcp(ports: set[int], owners: dict[int, int], proc: str) -> Iterator[Connection]:
    """The connections to these ports that some process of this host has."""
    table = list(established(proc))
    ends = {(row.here, row.there): owners.get(row.inode) for row in table}
    for row in table:
        if row.here[1] in ports and row.inode in owners:
            yield Connection(*row.there, ends.get((row.there, row.here)), owners[row.inode])


def established(proc: str) -> Iterator[Row]:
    """Every connected TCP socket, once; of another network than ours where ``proc`` is a process'
    own folder."""
    seen: set[Row] = set()
    for table in ("tcp", "tcp6"):
        try:
            text = read(os.path.join(proc, "net", table))
        except OSError:
            continue
        for fields in rows(text):
            if fields[3] == _ESTABLISHED:
                (here, port), (there, other) = place(fields[1]), place(fields[2])
                row = Row((plain(here), port), (plain(there), other), int(fields[9]))
                # the kernel repeats a row where the table changes while it is read
                if row not in seen:
                    seen.add(row)
                    yield row


def _by_unix(owners: dict[int, int], proc: str) -> Iterator[Connection]:
    """The connections to Unix sockets that processes of this host listen on: an accepted one has
    the name of the one that accepted it."""
    try:
        text = read(os.path.join(proc, "net", "unix"))
    except OSError:
        return
    listens, accepted = parse_unix(text)
    taken = {inode: name for inode, name in accepted.items() if name in listens}
    peers = unix_peers() if taken else {}
    for inode in taken:
        peer = peers.get(inode)
        # the kernel's 0: the client has closed its end, and the server hasn't yet
        if inode in owners and peer != 0:
            yield Connection("", 0, owners.get(peer or 0), owners[inode])


def parse_unix(text: str) -> tuple[set[str], dict[int, str]]:
    """Of ``/proc/net/unix``: names of sockets that listen, and the connected ones that have a name,
    by inode."""
    listens, connected = set(), {}
    for line in text.splitlines()[1:]:
        fields = line.split(None, 7)
        if len(fields) < 8:
            continue
        if int(fields[3], 16) & _LISTENS:
            listens.add(fields[7])
        elif int(fields[5], 16) == _CONNECTED:
            connected[int(fields[6])] = fields[7]
    return listens, connected


def unix_peers() -> dict[int, int]:
    """The two ends of each connected Unix socket of the host, by inode; nothing where the kernel
    does not tell."""
    request = struct.pack(_REQUEST, socket.AF_UNIX, 0, 0, _STATES, 0, _SHOW_PEER, 0, 0)
    size = struct.calcsize(_HEADER) + len(request)
    found: dict[int, int] = {}
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
            kernel.settimeout(_SECONDS)
            kernel.sendto(struct.pack(_HEADER, size, _BY_FAMILY, _DUMP, 1, 0) + request, (0, 0))
            while True:
                pairs, more = parse_peers(kernel.recv(1 << 20))
                found.update(pairs)
                if not more:
                    return found
    except OSError:
        return found


def parse_peers(answer: bytes) -> tuple[dict[int, int], bool]:
    """One answer of the kernel: inodes of connected Unix sockets with those of their other ends,
    and whether more will come."""
    found: dict[int, int] = {}
    head, body = struct.calcsize(_HEADER), struct.calcsize(_MESSAGE)
    start = 0
    while start + head <= len(answer):
        length, kind = struct.unpack_from("=IH", answer, start)
        if kind in _LAST or length < head:
            return found, False
        inode = struct.unpack_from(_MESSAGE, answer, start + head)[4]
        at, end = start + head + body, start + length
        while at + 8 <= end:
            size, name = struct.unpack_from(_ATTRIBUTE, answer, at)
            if name == _PEER:
                found[inode] = struct.unpack_from("=I", answer, at + 4)[0]
            at += max(size + 3 & ~3, 4)
        start += length + 3 & ~3
    return found, True
