"""The door of a server on demand, with systemd's real proxy: nobody is lost while it starts, and
everybody is told when it can't.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    declaration as _declaration,
)
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    gate as _gate,
)
from ansible_collections.llmops.litellm.plugins.module_utils._model_server.gate import State

BACKEND = """import socket, sys, threading
def one(client):
    while b"\\r\\n\\r\\n" not in client.recv(4096): pass
    client.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok")
    client.close()
with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=100) as listening:
    print("listens", flush=True)
    while True: threading.Thread(target=one, args=(listening.accept()[0],)).start()"""


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_gate, "LINGER", 0.5)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def installed(backend_port: int, idle: int = 1) -> _declaration.Installed:
    told = {
        "name": "one",
        "server": "llama_cpp",
        "model": "/srv/x.gguf",
        "port": 8001,
        "boot": "on_demand",
        "backend_port": backend_port,
        "idle": idle,
    }
    found, problems = _declaration.read([told])
    assert problems == []
    return _declaration.Installed(found[0], "litellm-model-one.service", "litellm-model")


def door(
    listening: socket.socket, what: _declaration.Installed, see: Any, seconds: float = 30
) -> Any:
    """The door in a process of its own, as systemd has it."""
    process = multiprocessing.get_context("fork").Process(
        target=lambda: sys.exit(_gate.serve(what, seconds, listening, see, lambda _words: None))
    )
    process.start()
    return process


def get(address: Any) -> bytes:
    with socket.create_connection(address, timeout=30) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
        text = b""
        while True:
            piece = client.recv(4096)
            if not piece:
                return text
            text += piece


def start(port: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", BACKEND, str(port)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout and process.stdout.readline() == "listens\n"
    return process


def test_twenty_first_clients_wait_and_none_is_lost(tmp_path: Any) -> None:
    port, ready = free_port(), tmp_path / "pid"

    def see() -> State:
        return (
            State("active", int(ready.read_text()), "")
            if ready.exists()
            else State("activating", 0, "")
        )

    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        process = door(listening, installed(port), see)
        with ThreadPoolExecutor(20) as pool:
            answers = [pool.submit(get, listening.getsockname()) for _number in range(20)]
            backend = start(port)
            (tmp_path / "growing").write_text(str(backend.pid))
            os.rename(tmp_path / "growing", ready)
            assert {answer.result().split(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 200 OK"}
        process.join(30)  # idle for a second
        assert process.exitcode == 0
        backend.kill()
        backend.communicate()


def test_clients_of_a_server_that_fails_get_a_503_and_no_reset() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        process = door(
            listening, installed(free_port()), lambda: State("failed", 0, "start-limit-hit")
        )
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(get, [listening.getsockname()] * 20))
        assert {answer.split(b"\r\n")[0] for answer in answers} == {
            b"HTTP/1.1 503 Service Unavailable"
        }
        assert b"it failed to start (start-limit-hit)" in answers[0]
        assert b"Retry-After" in answers[0]
        process.join(30)
        assert process.exitcode == 0


def test_a_door_that_is_told_to_end_answers_who_waits() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:
        looks = multiprocessing.get_context("fork").Event()

        def see() -> State:
            looks.set()
            return State("activating", 0, "")

        # made before the client, whose connection a fork would hold open
        process = door(listening, installed(free_port()), see)
        client = socket.create_connection(listening.getsockname(), timeout=30)
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert looks.wait(30)
        process.terminate()
        assert b"503" in pool.submit(client.recv, 4096).result()
        client.close()
        process.join(30)
        assert process.exitcode == 0


def test_the_proxy_ends_with_its_server() -> None:
    port = free_port()
    backend = start(port)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        child = _gate.proxy(listening, port, 0)
        assert get(listening.getsockname()).startswith(b"HTTP/1.1 200")
        backend.kill()
        backend.communicate()
        assert _gate.watch(child, backend.pid) is None


@pytest.mark.parametrize(
    ("states", "seconds", "told"),
    [
        (["activating", "active"], 60, (State("active", 1, "r"), "")),
        (["deactivating", "inactive", "activating", "active"], 60, (State("active", 1, "r"), "")),
        (["failed"], 60, (None, "it failed to start (r)")),
        (["activating"], 5, (None, "it was not ready after 5 seconds")),
        (["inactive"], 60, (None, "")),
    ],
)
def test_waiting(states: list[str], seconds: float, told: Any) -> None:
    left, time_is = list(states), [0.0]

    def see() -> State:
        return State(left.pop(0) if len(left) > 1 else left[0], 1, "r")

    def rest(pause: float) -> None:
        time_is[0] += pause

    assert _gate.wait(see, seconds, lambda: time_is[0], rest) == told


def test_it_is_started_by_its_socket_only() -> None:
    with pytest.raises(ValueError, match="started by its socket"):
        _gate.inherited({"LISTEN_PID": "1", "LISTEN_FDS": "1"})


def test_a_silent_client_does_not_hold_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_gate, "CLIENT_TIMEOUT", 0.3)
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()) as silent,
        ThreadPoolExecutor(1) as pool,
    ):
        answer = pool.submit(get, listening.getsockname())
        begun = time.monotonic()
        assert _gate.refuse(listening, "no", 0.1) == 2
        assert time.monotonic() - begun < 10
        assert answer.result().startswith(b"HTTP/1.1 503")
        assert silent.recv(12) == b"HTTP/1.1 503"


def test_a_large_request_is_read_before_it_is_answered() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:
        with socket.create_connection(listening.getsockname(), timeout=30) as client:
            refused = pool.submit(_gate.refuse, listening, "no", 0.1)
            client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 8388608\r\n\r\n" + bytes(8 << 20))
            assert client.recv(12) == b"HTTP/1.1 503"
        assert refused.result() == 1
