"""One connection, carried: every byte arrives, and the first answer says that it is the last."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.support import fails

from ansible_collections.llmops.litellm.plugins.module_utils._hold import relay as _relay
from ansible_collections.llmops.litellm.plugins.module_utils._host import marked as _marked

PATIENCE = 10.0  # seconds until a test that waits for nothing fails
ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
LAST = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends, one of theirs and one of the relay's, where each piece is read by itself."""
    theirs, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for each in (theirs, ours):
        each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    ours.setblocking(False)
    return theirs, ours


def answered(pieces: list[bytes], as_it_is: bool = False) -> bytes:
    """What a client gets of what a proxy says in these pieces."""
    (there, proxy), (client, ours) = pair(), pair()
    with there, proxy, client, ours:
        for piece in pieces:
            there.send(piece)
        there.close()
        asyncio.run(_relay._answers(proxy, ours, as_it_is))
        ours.close()
        got = []
        client.settimeout(PATIENCE)
        while piece := client.recv(1 << 20):
            got.append(piece)
        return b"".join(got)


@pytest.mark.parametrize(
    ("said", "got"),
    [
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            LAST + b"Content-Length: 2\r\n\r\nok",
        ),
        (CHUNKED + CHUNKS, LAST + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS),
        (
            b"HTTP/1.1 204 No Content\r\n\r\n",
            b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
        ),
        (
            b"HTTP/1.0 200 OK\r\nX: y\r\n\r\nrest",
            b"HTTP/1.0 200 OK\r\nConnection: close\r\nX: y\r\n\r\nrest",
        ),
        (
            b"HTTP/1.1 503 \r\nX: y\r\n\r\n",
            b"HTTP/1.1 503 \r\nConnection: close\r\nX: y\r\n\r\n",
        ),
        (
            b"HTTP/1.1 200 OK\r\nA: 1\r\nconnection: keep-alive\r\nKeep-Alive: max=5\r\n"
            b"B: 2\r\n\r\n",
            LAST + b"A: 1\r\nB: 2\r\n\r\n",
        ),
        (
            b"HTTP/1.1 200 OK\r\nCONNECTION:close\r\nProxy-Connection: x\r\n"
            b"X: connection: y\r\n\r\n",
            LAST + b"Proxy-Connection: x\r\nX: connection: y\r\n\r\n",
        ),
        # what looks like a head within a body is none
        (
            b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n",
            LAST + b"X: y\r\n\r\nHTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n",
        ),
    ],
    ids=[
        "length",
        "chunked",
        "no header",
        "HTTP/1.0",
        "no reason",
        "keep-alive",
        "close, and others",
        "second head",
    ],
)
def test_the_first_answer_closes_its_connection(said: bytes, got: bytes) -> None:
    assert answered([said]) == got


@pytest.mark.parametrize("before", [CONTINUE, CONTINUE + EARLY], ids=["one", "two"])
def test_what_only_announces_an_answer_stays_as_it_is(before: bytes) -> None:
    said = before + CHUNKED + CHUNKS
    got = before + LAST + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS
    assert answered([said]) == got


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n\x81\x05hello",
        b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
        b"HTTP/2 200\r\nConnection: keep-alive\r\n\r\n",
        b"HTTP/1.1 two hundred\r\nConnection: keep-alive\r\n\r\n",
        b"-ERR\r\nConnection: keep-alive\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n",  # and no more
        b"HTT",
        b"",
    ],
    ids=["101", "frames", "HTTP/2", "no status", "another protocol", "half", "less", "nothing"],
)
def test_what_has_no_head_of_an_answer_stays_as_it_is(said: bytes) -> None:
    assert answered([said] if said else []) == said


def test_what_is_known_not_to_be_an_answer_waits_for_nothing() -> None:
    """A protocol whose first words have no empty line must not be held back until its end."""
    (there, proxy), (client, ours) = pair(), pair()
    with there, proxy, client, ours:
        there.send(b"+OK\r\n")
        assert asyncio.run(asyncio.wait_for(_relay._head(proxy, ours), PATIENCE)) == b"+OK\r\n"


def test_too_large_a_head_stays_as_it_is() -> None:
    begin = b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nX: "
    pieces = [begin] + [b"x" * 50000] * 3 + [b"\r\n\r\nbody"]
    assert answered(pieces) == b"".join(pieces)


def test_nothing_is_changed_where_it_must_not_be() -> None:
    assert answered([CHUNKED + CHUNKS], as_it_is=True) == CHUNKED + CHUNKS


SPLIT = (
    CONTINUE + b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nX: y\r\n\r\n" + b"body\r\n\r\n" * 3
)


@given(cuts=st.sets(st.integers(1, len(SPLIT) - 1)))
def test_packets_may_end_anywhere(cuts: set[int]) -> None:
    places = [0, *sorted(cuts), len(SPLIT)]
    pieces = [SPLIT[begin:end] for begin, end in zip(places, places[1:])]
    assert answered(pieces) == CONTINUE + LAST + b"X: y\r\n\r\n" + b"body\r\n\r\n" * 3


def leading(place: tuple[str, int]) -> Callable[[], Awaitable[tuple[str, int]]]:
    """Where a connection is carried to."""

    async def target() -> tuple[str, int]:
        return place

    return target


class Line:
    """A client, a proxy that listens, and the relay between them."""

    def __init__(self, pool: ThreadPoolExecutor, address: str = "127.0.0.1") -> None:
        self.pool = pool
        with socket.create_server(("127.0.0.1", 0)) as door:
            self.client = socket.create_connection(door.getsockname(), PATIENCE)
            self.ours = door.accept()[0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.create_server((address, 0), family=family)
        self.listener.settimeout(PATIENCE)

    def carry(self, idle: float = PATIENCE) -> Future[bool]:
        """Begin to carry."""
        target = leading(self.listener.getsockname()[:2])
        return self.pool.submit(asyncio.run, _relay.carry(self.ours, target, idle))

    def proxy(self) -> socket.socket:
        """The proxy's end, once there is a request."""
        made = self.listener.accept()[0]
        made.settimeout(PATIENCE)
        return made


@pytest.fixture
def line() -> Iterator[Line]:
    with ThreadPoolExecutor(2) as pool:
        made = Line(pool)
        with made.client, made.listener:
            yield made


def until(source: socket.socket, end: bytes = b"") -> bytes:
    """What is said up to and with these words, or, without any, up to the end."""
    got = b""
    while not end or not got.endswith(end):
        piece = source.recv(65536)
        if not piece:
            break
        got += piece
    return got


def test_both_ends_hear_each_other_until_one_goes(line: Line) -> None:
    done = line.carry()
    line.client.sendall(ASK[:5])
    with line.proxy() as proxy:
        line.client.sendall(ASK[5:])
        assert until(proxy, b"\r\n\r\n") == ASK
        proxy.sendall(CHUNKED + CHUNKS[:5])
        head = until(line.client, CHUNKS[:5])
        assert head == LAST + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS[:5]
        proxy.sendall(CHUNKS[5:])
        assert until(line.client, b"0\r\n\r\n") == CHUNKS[5:]
        # who asks again in spite of it is answered as well
        line.client.sendall(ASK)
        assert until(proxy, b"\r\n\r\n") == ASK
        proxy.sendall(CHUNKED)
        assert until(line.client, b"\r\n\r\n") == CHUNKED
        line.client.close()
        assert until(proxy) == b""
    assert done.result(PATIENCE) is True


def test_a_client_that_has_said_all_still_gets_its_answer(line: Line) -> None:
    done = line.carry()
    line.client.sendall(ASK)
    line.client.shutdown(socket.SHUT_WR)
    with line.proxy() as proxy:
        assert until(proxy) == ASK
        proxy.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 500000)
    got = until(line.client)
    assert got == LAST + b"\r\n" + b"x" * 500000
    assert done.result(PATIENCE) is True


def test_a_proxy_that_has_said_all_ends_the_connection(line: Line) -> None:
    """An answer without a length ends with its connection."""
    done = line.carry()
    line.client.sendall(ASK)
    with line.proxy() as proxy:
        assert until(proxy, b"\r\n\r\n") == ASK
        proxy.sendall(b"HTTP/1.0 200 OK\r\n\r\nall")
        proxy.shutdown(socket.SHUT_WR)
        got = until(line.client)
    assert got == b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nall"
    assert done.result(PATIENCE) is True


def test_a_client_that_breaks_off_is_not_waited_for(line: Line) -> None:
    done = line.carry()
    line.client.sendall(ASK)
    with line.proxy() as proxy:
        assert until(proxy, b"\r\n\r\n") == ASK
        reset(line.client)
        assert done.result(PATIENCE) is True
        assert until(proxy) == b""


def reset(end: socket.socket) -> None:
    """Close a connection as one that broke is."""
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()


def test_an_answer_before_the_end_of_a_request_arrives(line: Line) -> None:
    """A proxy may refuse a body that it does not read, and hang up."""
    done = line.carry()
    line.client.sendall(ASK + b"x" * 100)
    with line.proxy() as proxy:
        proxy.recv(1)
        proxy.sendall(b"HTTP/1.1 413 Too Large\r\n\r\nno")
    try:
        while True:  # until the relay can write no more
            line.client.sendall(b"x" * 65536)
    except OSError:
        pass
    assert until(line.client) == b"HTTP/1.1 413 Too Large\r\nConnection: close\r\n\r\nno"
    assert done.result(PATIENCE) is True


@pytest.mark.parametrize(
    "first", [b"\x16\x03\x01\x02\x00", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], ids=["TLS", "HTTP/2"]
)
def test_what_is_no_http_1_in_plain_text_is_carried_as_it_is(line: Line, first: bytes) -> None:
    done = line.carry()
    line.client.sendall(first)
    with line.proxy() as proxy:
        assert until(proxy, first) == first
        proxy.sendall(CHUNKED)  # bytes like any other here
        assert until(line.client, b"\r\n\r\n") == CHUNKED
        line.client.close()
    assert done.result(PATIENCE) is True


def test_a_client_that_says_nothing_is_let_go(line: Line) -> None:
    assert line.carry(idle=0.05).result(PATIENCE) is False
    assert line.client.recv(1) == b""
    line.listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        line.listener.accept()


def test_a_client_that_has_gone_asks_nobody(line: Line) -> None:
    line.client.close()
    assert line.carry().result(PATIENCE) is False
    line.listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        line.listener.accept()


def test_where_nobody_serves_the_connection_ends(line: Line) -> None:
    target = leading(line.listener.getsockname())
    line.listener.close()
    done = line.pool.submit(asyncio.run, _relay.carry(line.ours, target, PATIENCE))
    line.client.sendall(ASK)
    assert done.result(PATIENCE) is False
    assert line.client.recv(1) == b""


def test_a_proxy_that_does_not_answer_is_given_up(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its queue is full: the kernel drops what would open one more connection."""
    monkeypatch.setattr(_relay, "_CONNECTS", 0.05)
    line.listener.listen(0)
    with socket.create_connection(line.listener.getsockname()):
        done = line.carry()
        line.client.sendall(ASK)
        assert done.result(PATIENCE) is False
        assert line.client.recv(1) == b""


def test_where_it_is_carried_to_is_asked_once_there_is_a_request(line: Line) -> None:
    asked: list[str] = []
    place = line.listener.getsockname()

    async def target() -> tuple[str, int]:
        asked.append("")
        return place

    done = line.pool.submit(asyncio.run, _relay.carry(line.ours, target, PATIENCE))
    assert wait([done], 0.1).not_done and not asked
    line.client.sendall(ASK)
    with line.proxy() as proxy:
        assert until(proxy, b"\r\n\r\n") == ASK
        line.client.close()
    assert done.result(PATIENCE) is True and len(asked) == 1


def test_a_client_that_gave_up_before_somebody_served_asks_nobody(line: Line) -> None:
    target = fails(ConnectionAbortedError())
    done = line.pool.submit(asyncio.run, _relay.carry(line.ours, target, PATIENCE))
    line.client.sendall(ASK)
    assert done.result(PATIENCE) is False
    assert line.client.recv(1) == b""


def test_connections_to_the_proxy_are_marked(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules that are still there must not lead them back."""
    marked: list[bool] = []

    def mark(made: socket.socket) -> None:
        with pytest.raises(OSError):
            made.getpeername()  # its first packet counts
        marked.append(True)

    monkeypatch.setattr(_marked, "mark", mark)
    done = line.carry()
    line.client.sendall(ASK)
    with line.proxy():
        line.client.close()
    assert done.result(PATIENCE) is True
    assert marked == [True]


def test_a_client_of_an_ipv6_socket_may_be_carried_by_ipv4() -> None:
    """A server on every address of IPv6 has clients of IPv4, too."""
    with ThreadPoolExecutor(1) as pool:
        with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as door:
            client = socket.create_connection(("127.0.0.1", door.getsockname()[1]), PATIENCE)
            ours = door.accept()[0]
        with client, socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(PATIENCE)
            target = leading(listener.getsockname())
            done = pool.submit(asyncio.run, _relay.carry(ours, target, PATIENCE))
            client.sendall(ASK)
            with listener.accept()[0] as proxy:
                assert until(proxy, b"\r\n\r\n") == ASK
                client.close()
            assert done.result(PATIENCE) is True
