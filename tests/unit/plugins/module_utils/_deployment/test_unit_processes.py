"""What runs in the proxy's unit and is no part of the proxy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    unit_processes as _unit_processes,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment.proxy_process import (
    Process,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host.systemd import Manager, Unit

JOURNAL = 7  # what systemd gives every process of a unit for its log
PROXY = 30


def family(proc: Path, *rows: tuple[int, int, str, set[int]]) -> dict[int, Process]:
    """Processes of a unit: number, parent, name, sockets of its own."""
    found = {}
    for pid, parent, name, inodes in rows:
        (proc / str(pid)).mkdir()
        (proc / str(pid) / "cmdline").write_text(name.replace(" ", "\0"))
        found[pid] = Process(pid, parent, name.split(), frozenset({JOURNAL, *inodes}))
    return found


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([(PROXY, 1, "litellm", {40})], [], id="the proxy itself"),
        pytest.param(
            [(20, 1, "bash start.sh", set()), (PROXY, 20, "litellm", {40}), (31, 20, "tee", set())],
            [],
            id="its script, and a pipe for its log",
        ),
        pytest.param(
            [
                (20, 1, "bash start.sh", set()),
                (PROXY, 20, "litellm", {40}),
                (31, 20, "ollama", {41}),
            ],
            ["ollama"],
            id="another server of its script",
        ),
        pytest.param(
            [
                (20, 1, "supervisord", {50}),
                (PROXY, 20, "litellm", {40}),
                (31, 20, "n8n", {41}),
                (32, 31, "node", {42}),
                (33, 20, "bash loop.sh", set()),
                (34, 33, "curl", {43}),
            ],
            ["n8n", "curl"],
            id="all others of a supervisor, a family once",
        ),
        pytest.param(
            [
                (PROXY, 1, "gunicorn", {40}),
                (31, PROXY, "gunicorn", {40, 41}),
                (32, 31, "npx", {42}),
            ],
            [],
            id="workers, and what they have started",
        ),
        pytest.param(
            [
                (20, 1, "bash start.sh", set()),
                (PROXY, 20, "litellm", {40}),
                (31, 20, "logger -t litellm", {41}),
                (32, 1, "/c/query-engine-debian-openssl-3.0.x", {42}),
            ],
            [],
            id="helpers, and a client of the database that is left over",
        ),
        pytest.param(
            [(20, 1, "uv run litellm", {44}), (PROXY, 20, "litellm", {40})], [], id="a wrapper"
        ),
        pytest.param([(31, 1, "n8n", {41})], ["n8n"], id="the proxy has gone"),
    ],
)
def test_what_is_beside_the_proxy_is_told_from_what_is_its_own(
    tmp_path: Path, rows: list[Any], expected: list[str]
) -> None:
    there = family(tmp_path, *rows)
    found = _unit_processes.strangers(there, PROXY, str(tmp_path))
    assert [item.name for item in found] == expected
    assert all(item.seen.startswith(item.name + " (process ") for item in found)


def test_processes_are_those_of_the_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real one that listens, beside this process in its control group."""
    code = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); print(1, flush=True)"
    code += "; time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None and child.stdout.readline()
            unit = Unit("a.service", Manager(None), "", "active", {"MainPID": str(child.pid)})
            monkeypatch.setattr(_unit_processes, "show", lambda manager, names: [unit])
            (found,) = _unit_processes.beside({"name": "a.service"}, os.getpid())
        finally:
            child.kill()
    assert str(child.pid) in found.seen
    monkeypatch.setattr(_unit_processes, "show", lambda manager, names: [])
    assert _unit_processes.beside({"name": "a.service"}, os.getpid()) == []
