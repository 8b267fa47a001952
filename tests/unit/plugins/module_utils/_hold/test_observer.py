"""The client that asks all the time, at a real server."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._hold import observer as _observer
from ansible_collections.llmops.litellm.plugins.module_utils._hold import status as _status
from ansible_collections.llmops.litellm.plugins.module_utils._hold.observer import Observer

PATIENCE = 10.0  # seconds until a test that waits for nothing fails
OK = b"HTTP/1.1 200 OK\r\n\r\n"


class Server:
    """Answers each client with what is next in ``answers``, the last of them again and again;
    ``None`` closes, and ``held`` clients wait."""

    def __init__(self) -> None:
        self.answers: list[bytes | None] = [OK]
        self.heads: list[bytes] = []
        self.open = threading.Event()
        self.open.set()
        self.door = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = int(self.door.getsockname()[1])

    def serve(self) -> None:
        while True:
            try:
                client, _address = self.door.accept()
            except OSError:
                return
            with client:
                self.open.wait(PATIENCE)
                self.heads.append(client.recv(4096))
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if answer is not None:
                    client.sendall(answer)


@contextmanager
def serving() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve)
    thread.start()
    try:
        yield made
    finally:
        made.open.set()
        made.door.shutdown(socket.SHUT_RDWR)
        made.door.close()
        thread.join()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What systemd was told."""
    made: list[dict[str, Any]] = []

    def notify(text: str) -> None:
        made.append(json.loads(text.partition("STATUS=")[2]))

    monkeypatch.setattr(_status, "notify", notify)
    for name, seconds in (("PACE", 0.01), ("TOLD", 0.02)):
        monkeypatch.setattr(_observer, name, seconds)
    return made


async def until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0.005)


def run(
    url: str, script: Callable[[Observer], Awaitable[None]], limit: float = 60, patience: float = 9
) -> int:
    """Ask, and act the script meanwhile; the exit code."""

    async def both() -> int:
        made = Observer(argparse.Namespace(url=url, patience=patience, limit=limit))
        code, _done = await asyncio.gather(made.run(), script(made))
        return code

    return asyncio.run(both())


def kill(number: int) -> None:
    os.kill(os.getpid(), number)


def test_what_it_is_like_before_and_since_is_told_apart(told: list[dict[str, Any]]) -> None:
    with serving() as server:

        async def script(made: Observer) -> None:
            await until(lambda: len(made.done) > 3)
            kill(signal.SIGUSR1)
            await until(lambda: made.turned is not None)
            server.open.clear()  # clients wait
            waits = len(made._under_way)
            await until(lambda: len(made._under_way) > waits + 5)
            server.open.set()
            await until(lambda: not made._under_way)
            server.answers = [None, b"HTTP/1.1 503 Busy\r\n\r\n", OK]
            asked = len(made.done)
            await until(lambda: len(made.done) > asked + 4)
            kill(signal.SIGUSR2)
            await until(lambda: told[-1]["state"] == "done")
            kill(signal.SIGTERM)

        assert run(f"http://127.0.0.1:{server.port}", script) == 0
        assert set(server.heads) == {
            b"GET /health/liveliness HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        }
    before, since = told[-1]["before"], told[-1]["since"]
    assert before["asked"] > 3 and before["failed"] == 0
    assert since["asked"] > 10 and since["failed"] == 2
    assert since["longest"] > before["longest"]


def test_nobody_who_answers_is_a_failure(told: list[dict[str, Any]]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    async def script(made: Observer) -> None:
        await until(lambda: len(made.done) > 2)
        kill(signal.SIGTERM)

    assert run(f"http://127.0.0.1:{port}/prefix/", script) == 0
    assert told[-1]["before"]["failed"] == told[-1]["before"]["asked"] or len(told) == 1


def test_who_waits_longer_than_patience_has_failed(
    told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_observer, "LAST", 0.05)
    with serving() as server:
        server.open.clear()

        async def script(made: Observer) -> None:
            kill(signal.SIGUSR1)
            await until(lambda: made.done)
            assert not made.done[0].answered and made.done[0].seconds >= 0.3
            kill(signal.SIGUSR2)
            await until(lambda: told[-1]["state"] == "done")
            kill(signal.SIGTERM)

        assert run(f"http://127.0.0.1:{server.port}", script, patience=0.3) == 0
    # what is under way at the end was not answered either
    assert told[-1]["since"]["failed"] == told[-1]["since"]["asked"] > 1


def test_it_ends_at_its_limit(told: list[dict[str, Any]]) -> None:
    async def script(_made: Observer) -> None:
        await until(lambda: told)

    assert run("http://127.0.0.1:9", script, limit=0.05) == 0
    assert told[-1]["state"] == "asking"


def test_its_options_are_those_of_the_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    class Event:
        """One that is made where a loop runs, whose it is until Python 3.10."""

        def __init__(self) -> None:
            asyncio.get_running_loop()

    async def done(made: Observer) -> int:
        seen.append((made.question.host, made.options.patience, made.options.limit))
        return 0

    monkeypatch.setattr(Observer, "run", done)
    monkeypatch.setattr(asyncio, "Event", Event)
    assert _observer.main(["--url=https://[::1]/p/", "--patience=9", "--limit=60"]) == 0
    assert seen == [("::1", 9.0, 60.0)]
