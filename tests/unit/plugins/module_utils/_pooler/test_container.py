"""The container in which PgBouncer runs: a process that stands for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from unit.support import Programs

from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import container as _container
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.container import Running
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.target import PoolerError

# It listens, is connected to a server, which it is itself, and answers with what it is told.
POOLER = """import socket, sys
door, server = (socket.create_server(("127.0.0.1", 0)) for _each in range(2))
there = socket.create_connection(server.getsockname())
print(door.getsockname()[1], server.getsockname()[1], there.getsockname()[1], flush=True)
while True:
    made, _address = door.accept()
    said = made.recv(8)
    made.sendall(sys.argv[1].encode() if said == b"\\0\\0\\0\\x08\\x04\\xd2\\x16\\x2f" else b"?")
    made.close()
"""


@contextmanager
def pooler(answer: str) -> Iterator[tuple[int, list[int]]]:
    """The process, and its ports: where clients ask, the server's, its own to the server."""
    words = [sys.executable, "-c", POOLER, answer]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as made:
        try:
            assert made.stdout
            yield made.pid, [int(word) for word in made.stdout.readline().split()]
        finally:
            made.kill()


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> Programs:
    made = Programs()
    monkeypatch.setattr(_process, "run", made)
    return made


STATE: dict[str, Any] = {"id": "abc", "status": "running", "started": "2026-11-30", "pid": 77}


def test_a_container_is_another_one_once_it_is_started_anew(docker: Programs) -> None:
    docker.answers["inspect"] = json.dumps(STATE)
    first = _container.find("x")
    assert (first.name, first.pid) == ("x", 77)
    docker.answers["inspect"] = json.dumps({**STATE, "started": "2026-12-01"})
    assert _container.find("x").identity != first.identity


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (json.dumps({**STATE, "status": "exited"}), "container x does not run: it is exited"),
        (Result(1, "", "No such container: x\n"), "container x: No such container: x"),
    ],
)
def test_one_that_does_not_run_is_told(docker: Programs, answer: Any, words: str) -> None:
    docker.answers["inspect"] = answer
    with pytest.raises(PoolerError) as raised:
        _container.find("x")
    assert str(raised.value) == words


def test_signals_go_by_the_engine(docker: Programs) -> None:
    _container.signal("x", _container.PAUSE)
    assert docker.seen == ["docker kill --signal USR1 -- x"]
    docker.answers["kill"] = Result(1, "", "is not running\n")
    with pytest.raises(PoolerError, match="container x gets no signal: is not running"):
        _container.signal("x", _container.RESUME)


@pytest.mark.parametrize("answer", ["N", "S"])
def test_its_turn_has_come_once_it_answers(answer: str) -> None:
    with pooler(answer) as (_pid, ports):
        _container.await_turn(ports[0])


def test_what_is_no_pooler_is_told() -> None:
    with pooler("E") as (_pid, ports), pytest.raises(PoolerError, match="is no pooler"):
        _container.await_turn(ports[0])
    with pytest.raises(PoolerError, match="no pooler answers at port"):
        _container.await_turn(ports[0])


def test_connections_to_servers_are_those_that_are_no_clients() -> None:
    with pooler("N") as (pid, (clients, server, there)):
        running = Running("x", "", pid)
        pids = _container.processes(running)
        assert pids == [pid]
        found = _container.to_servers(running, pids, clients)
        assert [(row.here[1], row.there[1]) for row in found] == [(there, server)]
        # seen from the server's port, its own end would be a client's
        found = _container.to_servers(running, pids, there)
        assert found == []


def test_what_it_has_started_is_its_own() -> None:
    ours = _container.processes(Running("x", "", os.getpid()))
    assert os.getpid() in ours and os.getppid() not in ours
    with pooler("N") as (pid, _ports):
        assert pid in _container.processes(Running("x", "", os.getpid()))
