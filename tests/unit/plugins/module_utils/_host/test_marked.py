"""Marked connections: as others, with a mark where we may set one."""

from __future__ import annotations

import socket

import pytest
from unit.support import fails

from ansible_collections.llmops.litellm.plugins.module_utils._host import marked as _marked


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> list[socket.socket]:
    """What was marked, before it was connected."""
    made: list[socket.socket] = []

    def mark(one: socket.socket) -> None:
        with pytest.raises(OSError):
            one.getpeername()
        made.append(one)

    monkeypatch.setattr(_marked, "mark", mark)
    return made


class Refusing:
    """A socket of a process without the right to mark."""

    asked: tuple[int, int, int] = (0, 0, 0)

    def setsockopt(self, *words: int) -> None:
        self.asked = words[0], words[1], words[2]
        raise PermissionError(1, "Operation not permitted")


def test_without_the_right_to_it_a_connection_is_like_any_other() -> None:
    made = Refusing()
    _marked.mark(made)  # type: ignore[arg-type]
    assert made.asked == (socket.SOL_SOCKET, 36, 0x6C6C6D68)


def test_every_connection_is_marked_before_it_opens(marked: list[socket.socket]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with _marked.connect(server.getsockname()) as made:
            assert marked == [made]
            assert made.getpeername() == server.getsockname()
            assert made.gettimeout() is None


def test_time_and_source_are_those_that_were_asked_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with _marked.connect(server.getsockname(), 7, ("127.0.0.9", 0)) as made:
            assert (made.gettimeout(), made.getsockname()[0]) == (7, "127.0.0.9")
        none = socket._GLOBAL_DEFAULT_TIMEOUT  # type: ignore[attr-defined]
        with _marked.connect(server.getsockname(), none) as made:
            assert made.gettimeout() is None


def test_the_next_address_is_tried(
    monkeypatch: pytest.MonkeyPatch, marked: list[socket.socket]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        kinds = socket.AF_INET, socket.SOCK_STREAM, 6, ""
        places = [(*kinds, (address, port)) for address in ("127.0.0.2", "127.0.0.1")]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_words, **_more: places)
        with _marked.connect(("x.example", port)) as made:
            assert made.getpeername() == ("127.0.0.1", port)
        assert marked[0].fileno() == -1


def test_why_nobody_answers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            _marked.connect(free.getsockname())
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_words, **_more: [])
    with pytest.raises(OSError, match=r"x\.example: no address"):
        _marked.connect(("x.example", 80))
    monkeypatch.setattr(socket, "getaddrinfo", fails(socket.gaierror(-2, "unknown")))
    with pytest.raises(socket.gaierror):
        _marked.connect(("x.example", 80))
