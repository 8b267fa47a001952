"""A server that holds any number of connections and answers every request: plain.py PORT."""

import asyncio
import resource
import sys


async def answer(reader, writer):
    """One request, whatever it asks."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = next(
            (
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.startswith(b"content-length:")
            ),
            0,
        )
        await reader.readexactly(length)
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Content-Length: 2\r\nConnection: close\r\n\r\n{}"
        )
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    """Listen on loopback."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    async with await asyncio.start_server(
        answer, "127.0.0.1", int(sys.argv[1]), backlog=1024
    ) as server:
        await server.serve_forever()


asyncio.run(main())
