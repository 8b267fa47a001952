"""The container in which PgBouncer runs: a process that stands for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
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
    monkeypatch.setattr(_container, "_FOUND", {})
    return made


STATE: dict[str, Any] = {"id": "abc", "status": "running", "started": "2026-11-30", "pid": 77}


def process(proc: Path, start: int, state: str = "S") -> str:
    """Process 77 in a /proc of this test; its name is one that could be taken for more fields."""
    numbers = " ".join(map(str, range(4, 22)))
    (proc / "77").mkdir(exist_ok=True)
    (proc / "77" / "stat").write_text(f"77 (pg) Z 1 b) {state} {numbers} {start} 23 24\n")
    return str(proc)


def test_a_container_is_another_one_once_it_is_started_anew(
    docker: Programs, tmp_path: Path
) -> None:
    docker.answers["inspect"] = json.dumps(STATE)
    first = _container.find("x", process(tmp_path, 100))
    assert (first.name, first.pid) == ("x", 77)
    docker.answers["inspect"] = json.dumps({**STATE, "started": "2026-12-01"})
    # the number is that of another process by now
    assert _container.find("x", process(tmp_path, 101)).identity != first.identity


def test_the_engine_is_asked_once_while_its_process_lives(docker: Programs, tmp_path: Path) -> None:
    docker.answers["inspect"] = json.dumps(STATE)
    proc = process(tmp_path, 100)
    first = _container.find("x", proc)
    assert [_container.find("x", proc) for _each in range(3)] == [first] * 3
    assert len(docker.seen) == 1
    _container.find("y", proc)
    assert docker.seen[1].endswith("-- y") and len(docker.seen) == 2


@pytest.mark.parametrize("ended", ["gone", "zombie"])
def test_one_that_has_ended_is_not_remembered(docker: Programs, tmp_path: Path, ended: str) -> None:
    docker.answers["inspect"] = json.dumps(STATE)
    proc = process(tmp_path, 100)
    _container.find("x", proc)
    if ended == "gone":
        (tmp_path / "77" / "stat").unlink()
    else:
        process(tmp_path, 100, "Z")
    docker.answers["inspect"] = json.dumps({**STATE, "status": "exited"})
    with pytest.raises(PoolerError, match="does not run: it is exited"):
        _container.find("x", proc)


def test_one_whose_process_nobody_sees_is_asked_for_each_time(
    docker: Programs, tmp_path: Path
) -> None:
    docker.answers["inspect"] = json.dumps(STATE)
    for _each in range(2):
        _container.find("x", str(tmp_path))
    assert len(docker.seen) == 2


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


@pytest.mark.parametrize("word", [_container.PAUSE, _container.RESUME, _container.RELOAD])
def test_its_process_gets_the_signal(docker: Programs, word: str) -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as made:
        docker.answers["inspect"] = json.dumps({**STATE, "pid": made.pid})
        _container.find("x")
        _container.signal("x", word)
        assert -made.wait() == signal.Signals["SIG" + word]
        assert len(docker.seen) == 1


def test_a_signal_that_comes_too_late_is_told(
    docker: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen(["true"]) as made:
        made.wait()
    monkeypatch.setattr(_container, "find", lambda name: Running(name, "", made.pid))
    with pytest.raises(PoolerError) as raised:
        _container.signal("x", _container.RESUME)
    assert str(raised.value) == "container x gets no signal: it has ended"


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
