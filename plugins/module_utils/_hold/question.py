# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client asks a proxy without a key: whether it lives."""

from __future__ import annotations

import asyncio
import re
import socket
from typing import Optional
from urllib.parse import urlsplit

from .._host import marked as _marked
from .._host import tls as _tls

PATH = "/health/liveliness"
_LARGEST = 65536


class Question:
    """One request, asked again and again, with a connection of its own each time.

    :param url: the proxy's, with a prefix where it has one.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host = parts.hostname or ""
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self.path = parts.path.rstrip("/") + PATH
        self.tls = parts.scheme == "https"

    async def status(self, marked: bool = False) -> Optional[int]:
        """The number of an answer's status, once all of it is there; ``None`` for what is no answer
        of HTTP.

        :param marked: pass by where clients are held.
        :raises OSError: nobody serves there.
        """
        tls = _tls.unverified() if self.tls else None
        made = await self._connect(marked)
        try:
            reader, writer = await asyncio.open_connection(
                sock=made, ssl=tls, server_hostname=self.host if tls else None
            )
        except BaseException:
            made.close()
            raise
        try:
            head = "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"
            writer.write((head % (self.path, self.host)).encode())
            answer = b""
            while len(answer) < _LARGEST and not _is_whole(answer):
                data = await reader.read(_LARGEST)
                if not data:
                    break
                answer += data
        finally:
            writer.close()
        found = re.match(rb"HTTP/1\.\d (\d{3})\b", answer)
        return int(found.group(1)) if found else None

    async def _connect(self, marked: bool) -> socket.socket:
        loop = asyncio.get_running_loop()
        failed = OSError("%s: no address" % self.host)
        for family, kind, protocol, _name, place in await loop.getaddrinfo(
            self.host, self.port, type=socket.SOCK_STREAM
        ):
            made = socket.socket(family, kind, protocol)
            try:
                made.setblocking(False)
                if marked:
                    _marked.mark(made)
                await loop.sock_connect(made, place)
                return made
            except OSError as error:
                failed = error
                made.close()
            except BaseException:
                made.close()
                raise
        raise failed


def _is_whole(answer: bytes) -> bool:
    """Whether all of an answer is there that says how long it is. A client of today does not wait
    for the end of the connection."""
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*(?:\r\n|$)", head, re.IGNORECASE)
    return bool(end and length) and len(body) >= int(length.group(1) if length else 0)
