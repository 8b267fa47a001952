"""A server of HTTP/1.1 that ends as uvicorn does: ``server.py NAME ADDRESS PORT [WORKERS]``.

It answers with its name, and to ``/stream`` with many pieces, half of them once it is told to end.
At SIGTERM it closes connections without a request and ends after the
answers that are under way. To what is no request it says a fixed word. With workers they serve, and
end when the first process is told to.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys

PIECES = 40
OTHER = b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\nas it is"
CONNECTIONS: set[Connection] = set()
ENDING = asyncio.Event()


class Connection(asyncio.Protocol):
    """A client."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.said = b""
        self.answer: asyncio.Task[None] | None = None
        CONNECTIONS.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        CONNECTIONS.discard(self)
        if self.answer:
            self.answer.cancel()

    def data_received(self, data: bytes) -> None:
        self.said += data
        if not self.said.startswith(b"GET"):
            self.transport.write(OTHER)
            self.said = b""
        elif b"\r\n\r\n" in self.said and not self.answer:
            head, self.said = self.said.split(b"\r\n\r\n", 1)
            self.answer = asyncio.ensure_future(self.respond(head))

    async def respond(self, head: bytes) -> None:
        """One answer; those of HTTP/1.0 end with their connection."""
        old = b"HTTP/1.0" in head
        if b"/stream" in head:
            kind = b"" if old else b"Transfer-Encoding: chunked\r\n"
            self.transport.write(b"HTTP/1.1 200 OK\r\n" + kind + b"\r\n")
            for number in range(PIECES):
                if number == PIECES // 2:
                    await ENDING.wait()
                piece = b"%05d" % number
                self.transport.write(piece if old else b"5\r\n%s\r\n" % piece)
                await asyncio.sleep(0.002)
            self.transport.write(b"" if old else b"0\r\n\r\n")
        else:
            await asyncio.sleep(0.001)
            name = sys.argv[1].encode()
            old = old or b"Connection: close" in head
            last = b"Connection: close\r\n" if ENDING.is_set() else b""
            head = b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n" % (last, len(name))
            self.transport.write(head + name)
        self.answer = None
        if ENDING.is_set() or old:
            self.transport.close()


async def serve(door: socket.socket) -> None:
    """Serve until told to end."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, sock=door)
    loop.add_signal_handler(signal.SIGTERM, ENDING.set)
    print("serves", flush=True)
    await ENDING.wait()
    server.close()
    for each in list(CONNECTIONS):
        if not each.answer:
            each.transport.close()
    while CONNECTIONS:
        await asyncio.sleep(0.005)


def main() -> None:
    """Serve, or have workers serve."""
    place = (sys.argv[2], int(sys.argv[3]))
    family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
    door = socket.create_server(place, family=family, backlog=2048, dualstack_ipv6=place[0] == "::")
    workers = []
    for _each in range(int((sys.argv[4:] or ["0"])[0])):
        workers.append(os.fork())
        if not workers[-1]:
            asyncio.run(serve(door))
            return
    if workers:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        signal.sigwait({signal.SIGTERM})
        for worker in workers:
            os.kill(worker, signal.SIGTERM)
            os.waitpid(worker, 0)
    else:
        asyncio.run(serve(door))


main()
