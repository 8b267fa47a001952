# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bridge: from the gateway of the containers' network to a model server on the host's loopback address, for that network's peers only.

systemd's own filter of peers needs the unified cgroup hierarchy. This one is on the listening socket itself and works everywhere: what a stranger
sends is dropped before there is a connection, so that he sees no difference to an address at which nobody is.
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
# Classic BPF: offset of the IPv4 source address from the network header; load a word, and, jump if equal, return.
SOURCE = (-0x100000 + 12) & 0xFFFFFFFF
LOAD, AND, EQUAL, RETURN = 0x20, 0x54, 0x15, 0x06
WHOLE = 0xFFFFFFFF


def program(network: str) -> list[tuple[int, int, int, int]]:
    """The filter: packets from a network pass whole, others not at all.

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
    """Let a listening socket hear that network only. Connections inherit it."""
    steps = program(network)
    code = array.array("B", b"".join(struct.pack("=HBBI", *step) for step in steps))
    listening.setsockopt(
        socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", len(steps), code.buffer_info()[0])
    )


def serve(listening: socket.socket, network: str, target: str) -> None:
    """Filter the socket that systemd has handed over, and become its proxy, which has no right that this took. Does not return."""
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
