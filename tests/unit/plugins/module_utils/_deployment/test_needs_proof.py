"""Whether the proxy's container has what it needs: asked in Python, judged in words."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    compose_project as _compose_project,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    needs_proof as _needs_proof,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment.compose_project import (
    DeploymentError,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result


@pytest.fixture
def container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """A container that is this host's Python in a folder of its own; what Compose was told."""
    seen: list[list[str]] = []

    def compose(folder: str, words: list[str], timeout: float = 0) -> Result:
        seen.append(words)
        argv = [sys.executable, *words[words.index("-c") :]]
        done = subprocess.run(
            argv, cwd=tmp_path, capture_output=True, text=True, timeout=timeout, check=False
        )
        return Result(done.returncode, done.stdout, done.stderr)

    monkeypatch.setattr(_compose_project, "compose", compose)
    return seen


@pytest.fixture
def open_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_the_container_says_what_it_lacks(
    container: list[list[str]], tmp_path: Path, open_port: int, closed_port: int
) -> None:
    (tmp_path / "hooks.py").write_text("raise SystemExit('never run')")
    lost = _needs_proof.ask(
        "/opt/litellm",
        ["compose.yaml", "compose.stage.yaml"],
        {
            "files": [str(tmp_path), str(tmp_path / "hooks.py"), "/nosuch/key"],
            "modules": ["hooks", "json", "nosuch_module.part"],
            "programs": ["sh", "nosuch-program"],
            "hosts": ["localhost", "nosuch.invalid"],
            "servers": ["127.0.0.1:%d" % open_port, "127.0.0.1:%d" % closed_port],
        },
    )
    assert list(lost.pop("servers")) == ["127.0.0.1:%d" % closed_port]
    assert lost == {
        "files": {"/nosuch/key": "No such file or directory"},
        "modules": {"nosuch_module.part": "no module of that name"},
        "programs": {"nosuch-program": "no program of that name"},
        "hosts": {"nosuch.invalid": "not known"},
    }
    # by their whole paths: Compose works elsewhere
    named = ["/opt/litellm/compose.yaml", "/opt/litellm/compose.stage.yaml"]
    assert container[0][:5] == ["--file", named[0], "--file", named[1], "run"]
    assert "--no-deps" in container[0] and "--rm" in container[0]


@pytest.mark.parametrize(
    "answer",
    [Result(1, "", "x\nno such image"), Result(0, "", ""), Result(0, "[]", ""), Result(0, "x", "")],
)
def test_what_cannot_be_asked_is_said(monkeypatch: pytest.MonkeyPatch, answer: Result) -> None:
    monkeypatch.setattr(_compose_project, "compose", lambda *_words, **_named: answer)
    with pytest.raises(DeploymentError, match="can't be asked for what it needs"):
        _needs_proof.ask("/opt/litellm", ["compose.yaml"], {})


CASES: list[tuple[Any, list[str], list[str]]] = [
    ({}, [], []),
    ({"files": {"/srv/key": "Permission denied"}}, ["/srv/key: LiteLLM can't read it"], []),
    ({"modules": {"presidio": ""}}, ["Python module presidio: the image has none"], []),
    ({"programs": {"npx": ""}}, ["program npx: the image has none"], []),
    ({"hosts": {"gpu1": ""}}, ["litellm_extra_hosts: {gpu1: 10.0.0.7}"], []),
    (
        {"servers": {"db.example.com:5432": "timed out"}},
        ["server db.example.com:5432: the container does not reach it (timed out); let its"],
        [],
    ),
    ({"hosts": {"gone": ""}}, [], ["host gone is known to nobody here"]),
    (
        {"files": {"/b": "x", "/a": "x"}, "programs": {"npx": ""}},
        ["/a: LiteLLM", "/b: LiteLLM", "program npx"],
        [],
    ),
]


@pytest.mark.parametrize(("lost", "problems", "notes"), CASES)
def test_what_is_missing_is_said_at_once(lost: Any, problems: list[str], notes: list[str]) -> None:
    found = _needs_proof.check(lost, {"gpu1": "10.0.0.7"})
    assert len(found.problems) == len(problems)
    assert all(wanted in said for wanted, said in zip(problems, found.problems))
    assert found.notes == notes


def test_addresses_are_those_that_this_host_knows() -> None:
    names = ["localhost", "nosuch.invalid", "no..name", "x" * 64]
    assert _needs_proof.addresses(names).keys() == {"localhost"}
    assert json.dumps(_needs_proof.addresses([])) == "{}"


@pytest.mark.parametrize(
    ("address", "remedy"),
    [
        ("10.0.0.7", "litellm_extra_hosts: {gpu1: 10.0.0.7}"),
        ("fd00::7", "litellm_extra_hosts: {gpu1: fd00::7}"),
        ("127.0.1.1", "it knows gpu1 as itself (127.0.1.1): write 127.0.0.1 instead"),
        ("::1", "it knows gpu1 as itself (::1): write 127.0.0.1 instead"),
        ("fe80::1%eth0", "it knows gpu1 as itself (fe80::1%eth0): write 127.0.0.1 instead"),
    ],
)
def test_remedy_for_a_name_is_an_address_that_means_the_same_inside(
    address: str, remedy: str
) -> None:
    (problem,) = _needs_proof.check({"hosts": {"gpu1": "not known"}}, {"gpu1": address}).problems
    assert remedy in problem


def test_of_several_addresses_one_that_others_reach_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A host's own name, as systemd's resolver knows it."""
    told = ["127.0.0.2", "fe80::1%eth0", "fd00::5", "10.0.0.5"]
    monkeypatch.setattr(
        _needs_proof.socket,
        "getaddrinfo",
        lambda *_words: [(0, 0, 0, "", (each,)) for each in told],
    )
    assert _needs_proof.addresses(["me"]) == {"me": "10.0.0.5"}
