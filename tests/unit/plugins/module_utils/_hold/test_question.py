"""What is asked, of whom, and what counts as an answer; with real servers."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._hold.question import Question
from ansible_collections.llmops.litellm.plugins.module_utils._host import marked as _marked

PATIENCE = 10.0  # seconds until a test that waits for nothing fails
Serve = Callable[..., int]


@pytest.fixture
def heads() -> list[bytes]:
    """What servers were asked."""
    return []


@pytest.fixture
def serve(heads: list[bytes]) -> Iterator[Serve]:
    """Starts servers that say these pieces to one client each."""
    threads: list[threading.Thread] = []

    def start(*pieces: bytes, address: str = "127.0.0.1") -> int:
        door = socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else 2)
        door.settimeout(PATIENCE)

        def run() -> None:
            with door, door.accept()[0] as client:
                heads.append(client.recv(4096))
                for piece in pieces:
                    client.sendall(piece)

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        return int(door.getsockname()[1])

    yield start
    for thread in threads:
        thread.join(PATIENCE)


def ask(url: str, marked: bool = False) -> int | None:
    """The status of the answer there."""
    return asyncio.run(asyncio.wait_for(Question(url).status(marked), PATIENCE))


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ([b"HTTP/1.1 200 OK\r\n\r\n"], 200),
        ([b"HTT", b"P/1.0 503 Busy\r\n\r\nno"], 503),
        ([b"HTTP/1.1 two\r\n\r\n"], None),
        ([b"HTTP/1.1 20"], None),
        ([b"+OK 200 200\r\n"], None),
        ([], None),
    ],
)
def test_only_an_answer_of_http_is_one(serve: Serve, pieces: list[bytes], status: int) -> None:
    assert ask(f"http://127.0.0.1:{serve(*pieces)}") == status


def test_it_asks_whether_the_proxy_lives(serve: Serve, heads: list[bytes]) -> None:
    ask(f"http://127.0.0.1:{serve()}/prefix/")
    head = b"GET /prefix/health/liveliness HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    assert heads == [head]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_each_address_of_a_name_is_tried(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    port = serve(b"HTTP/1.1 200 OK\r\n\r\n", address=address)
    both = [
        (family, socket.SOCK_STREAM, 0, "", (each, port))
        for family, each in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_words, **_more: both)
    assert ask(f"http://name:{port}") == 200
    both.clear()
    with pytest.raises(OSError, match="name: no address"):
        ask("http://name")


def test_where_nobody_serves_there_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        ask(f"http://127.0.0.1:{port}")


def test_who_resets_has_not_answered() -> None:
    """As Docker's forwarder does whose container has ended."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def reset() -> None:
            client = door.accept()[0]
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()

        thread = threading.Thread(target=reset)
        thread.start()
        with pytest.raises(ConnectionResetError):
            ask(f"http://127.0.0.1:{door.getsockname()[1]}")
        thread.join(PATIENCE)


@pytest.mark.parametrize("marked", [True, False])
def test_a_connection_is_marked_before_it_opens(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, marked: bool
) -> None:
    seen: list[socket.socket] = []

    def mark(made: socket.socket) -> None:
        with pytest.raises(OSError):
            made.getpeername()
        seen.append(made)

    monkeypatch.setattr(_marked, "mark", mark)
    ask(f"http://127.0.0.1:{serve()}", marked)
    assert len(seen) == marked


def test_addresses_have_the_ports_of_their_kind() -> None:
    plain, secured = Question("http://x"), Question("https://[::1]/p/")
    assert (plain.host, plain.port, plain.path, plain.tls) == ("x", 80, "/health/liveliness", False)
    assert (secured.host, secured.port, secured.tls) == ("::1", 443, True)
    assert Question("https://x:8443/p").path == "/p/health/liveliness"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes",
        b"HTTP/1.1 200 OK\r\ncontent-length:0\r\nserver: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nserver: x\r\nCONTENT-LENGTH:\t3 \r\n\r\nyes, and more",
    ],
)
def test_an_answer_that_says_its_length_is_over_with_it(answer: bytes) -> None:
    """Its server leaves the connection open until the client has closed it."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(PATIENCE)
        ends: list[bytes] = []

        def serve() -> None:
            with door.accept()[0] as client:
                client.settimeout(PATIENCE)
                client.recv(4096)
                client.sendall(answer)
                ends.append(client.recv(1))

        thread = threading.Thread(target=serve)
        thread.start()
        assert ask(f"http://127.0.0.1:{door.getsockname()[1]}") == 200
        thread.join(PATIENCE)
        assert ends == [b""]


def test_one_that_ends_early_is_an_answer_all_the_same(serve: Serve) -> None:
    port = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nyes")
    assert ask(f"http://127.0.0.1:{port}") == 200
