# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One client's connection carried to the proxy that serves now, until either end closes it.

The first answer tells the client that the connection ends with it (``Connection: close``), so that
its next request goes where everybody's goes. What is no HTTP/1 in plain text is carried as it is.
"""

from __future__ import annotations

import asyncio
import re
import socket
from typing import Awaitable, Callable, Optional

from .._host import marked as _marked

_PIECE = 65536
_LARGEST_HEAD = 1 << 17
_CONNECTS = 10.0  # seconds
_END = b"\r\n\r\n"
# How requests begin that no answer of HTTP/1 in plain text follows: TLS' handshake, HTTP/2.
_OTHERS = (b"\x16", b"PRI * HTTP/2")
_CONNECTION = re.compile(rb"\r\n(?:connection|keep-alive):[^\r\n]*", re.IGNORECASE)


def last_answer(head: bytes) -> bytes:
    """The head of an answer that closes its connection.

    :param head: all of it, up to and with its empty line.
    """
    begin, rest = _CONNECTION.sub(b"", head).split(b"\r\n", 1)
    return begin + b"\r\nConnection: close\r\n" + rest


async def carry(
    client: socket.socket, target: Callable[[], Awaitable[tuple[str, int]]], idle: float
) -> bool:
    """Carry a connection until it ends, and close it.

    :param target: asked once there is a request: address and port of the proxy that serves by then,
        or ``OSError``. The address' family may be another than the client's, whom a server on every
        address of IPv6 may have got by IPv4.
    :param idle: seconds that the client has for its first byte.
    :returns: whether the proxy got a request.
    """
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    with client:
        try:
            first = await asyncio.wait_for(loop.sock_recv(client, _PIECE), idle)
            if not first:
                return False
            place = await target()
        except (OSError, asyncio.TimeoutError):
            return False
        family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as proxy:
            proxy.setblocking(False)
            _marked.mark(proxy)
            try:
                await asyncio.wait_for(loop.sock_connect(proxy, place), _CONNECTS)
                await loop.sock_sendall(proxy, first)
            except (OSError, asyncio.TimeoutError):
                return False
            await _both_ways(client, proxy, first.startswith(_OTHERS))
    return True


async def _both_ways(client: socket.socket, proxy: socket.socket, as_it_is: bool) -> None:
    asked = asyncio.ensure_future(_pump(client, proxy))
    answered = asyncio.ensure_future(_answers(proxy, client, as_it_is))
    # a client may have said all that it has to say and still wait for the answer
    done, _rest = await asyncio.wait({asked, answered}, return_when=asyncio.FIRST_COMPLETED)
    if answered not in done and asked.exception() is None:
        await asyncio.wait({answered})
    for task in (asked, answered):
        task.cancel()
    await asyncio.gather(asked, answered, return_exceptions=True)


async def _pump(source: socket.socket, target: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while True:
        data = await loop.sock_recv(source, _PIECE)
        if not data:
            target.shutdown(socket.SHUT_WR)
            return
        await loop.sock_sendall(target, data)


async def _answers(proxy: socket.socket, client: socket.socket, as_it_is: bool) -> None:
    loop = asyncio.get_running_loop()
    if not as_it_is:
        begun = await _head(proxy, client)
        if begun:
            await loop.sock_sendall(client, begun)
    await _pump(proxy, client)


async def _head(proxy: socket.socket, client: socket.socket) -> bytes:
    """What the proxy says first, its head changed; what only announces an answer (``100
    Continue``) is handed on at once."""
    loop = asyncio.get_running_loop()
    said = b""
    while len(said) < _LARGEST_HEAD:
        data = await loop.sock_recv(proxy, _PIECE)
        if not data:
            return said
        said += data
        while _END in said:
            head, body = said.split(_END, 1)
            status = _status(head)
            if status is None or status == 101:  # from here on it is another protocol
                return said
            if status >= 200:
                return last_answer(head + _END) + body
            await loop.sock_sendall(client, head + _END)
            said = body
        if not b"HTTP/1.".startswith(said[:7]) and not said.startswith(b"HTTP/1."):
            return said
    return said


def _status(head: bytes) -> Optional[int]:
    found = re.match(rb"HTTP/1\.[01] (\d{3})\b", head)
    return int(found.group(1)) if found else None
