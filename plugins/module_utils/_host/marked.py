# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections that say that they are this collection's own, so that what holds clients lets them
through."""

from __future__ import annotations

import socket
from typing import Optional

# Of packets that this collection sends itself ("llmh"). It never leaves the host.
MARK = 0x6C6C6D68
# From asm-generic/socket.h: Python has no name for it.
_SO_MARK = 36


def mark(made: socket.socket) -> None:
    """Mark what a socket sends; without the right to it (``CAP_NET_ADMIN``) it stays like any
    other's."""
    try:
        made.setsockopt(socket.SOL_SOCKET, _SO_MARK, MARK)
    except OSError:
        pass


def connect(
    address: tuple[str, int],
    timeout: Optional[float] = None,
    source_address: Optional[tuple[str, int]] = None,
) -> socket.socket:
    """As ``socket.create_connection``, with marked packets.

    :raises OSError: none of the host's addresses answers.
    """
    failed: Optional[OSError] = None
    for family, kind, protocol, _name, place in socket.getaddrinfo(
        *address, type=socket.SOCK_STREAM
    ):
        made = None
        try:
            made = socket.socket(family, kind, protocol)
            mark(made)
            # what http.client passes where it was given no number of seconds is no number
            if isinstance(timeout, (int, float)):
                made.settimeout(timeout)
            if source_address:
                made.bind(source_address)
            made.connect(place)
            return made
        except OSError as error:
            failed = error
            if made:
                made.close()
    raise failed or OSError("%s: no address" % address[0])
