# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bridge: a socket relay from the gateway of the containers' network to a model server on the
host's loopback address, for that network only.

systemd's own peer filter needs the unified cgroup hierarchy. This one is on the listening socket
itself and works everywhere: packets of others are dropped before there is a connection, so the port
looks unused to them.
"""

from __future__ import annotations

import array
import ipaddress
import os
import socket
import struct

from .gate import CONNECTIONS, FIRST, PROXYD

SO_ATTACH_FILTER = 26
SETPRIV = "/usr/bin/setpriv"  # of util-linux, which every Debian and Red Hat has
# Classic BPF: offset of the IPv4 source address from the network header; load a word, and, jump if
# equal, return.
SOURCE = (-0x100000 + 12) & 0xFFFFFFFF
LOAD, AND, EQUAL, RETURN = 0x20, 0x54, 0x15, 0x06
WHOLE = 0xFFFFFFFF


def program(network: str) -> list[tuple[int, int, int, int]]:
    """The BPF program: packets from a network pass, others are dropped.

    :raises ValueError: it is no IPv4 network.
    """
    admitted = ipaddress.IPv4Network(network)
    return [
        (LOAD, 0, 0, SOURCE),
        (AND, 0, 0, int(admitted.netmask)),
        (EQUAL, 0, 1, int(admitted.network_address)),
        (RETURN, 0, 0, WHOLE),
        (RETURN, 0, 0, 0),
    ]


def admit(listening: socket.socket, network: str) -> None:
    """Let a listening socket accept that network only. Connections inherit the filter."""
    steps = program(network)
    code = array.array("B", b"".join(struct.pack("=HBBI", *step) for step in steps))
    listening.setsockopt(
        socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", len(steps), code.buffer_info()[0])
    )


def serve(listening: socket.socket, network: str, target: str) -> None:
    """Filter the socket that systemd has passed on, and become its proxy, without the capabilities
    that this needed. Does not return.
    """
    admit(listening, network)
    os.set_inheritable(FIRST, True)
    os.execv(
        SETPRIV,
        [
            SETPRIV,
            "--ambient-caps=-all",
            "--inh-caps=-all",
            PROXYD,
            "--connections-max=%d" % CONNECTIONS,
            target,
        ],
    )
