"""What is looked at before a model server starts."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from unit.support import reachable

from ansible_collections.llmops.litellm.plugins.module_utils._host import listeners as _listeners
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    checks as _checks,
)
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    declaration as _declaration,
)
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import gpu as _gpu
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    unit as _unit,
)

ACCOUNT = "no-such-account"


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Root's tests see what any account may see; those about rights set them."""
    monkeypatch.setattr(_checks.os, "geteuid", lambda: 1)


def server(path: Path, **change: Any) -> _declaration.Server:
    found, problems = _declaration.read(
        [
            {
                "name": "one",
                "server": "llama_cpp",
                "binary": "/bin/true",
                "model": str(path),
                "port": 8001,
                **change,
            }
        ]
    )
    assert problems == []
    return found[0]


def gguf(path: Path, text: bytes = b"GGUF....") -> Path:
    path.write_bytes(text)
    return path


def test_weights_that_are_there(tmp_path: Path) -> None:
    one = server(gguf(tmp_path / "one.gguf"))
    assert (_checks.weights(one, ACCOUNT), _checks.size_of(one, ACCOUNT)) == ([], 8)


def test_a_part_that_is_missing_is_named(tmp_path: Path) -> None:
    one = server(gguf(tmp_path / "one-00001-of-00002.gguf"))
    assert _checks.weights(one, ACCOUNT) == [
        "one: %s/one-00002-of-00002.gguf of the model does not exist" % tmp_path
    ]


def test_wrong_weights_are_refused(tmp_path: Path) -> None:
    assert "does not exist" in _checks.weights(server(tmp_path / "none.gguf"), ACCOUNT)[0]
    assert "is empty" in _checks.weights(server(gguf(tmp_path / "empty.gguf", b"")), ACCOUNT)[0]
    assert (
        "is not a GGUF file"
        in _checks.weights(server(gguf(tmp_path / "text.gguf", b"<html>")), ACCOUNT)[0]
    )
    assert "is a folder" in _checks.weights(server(tmp_path), ACCOUNT)[0]


def test_a_folder_for_vllm_needs_its_configuration(tmp_path: Path) -> None:
    one = server(tmp_path, server="vllm")
    (tmp_path / "text").mkdir()
    assert "holds no weights" in _checks.weights(one, ACCOUNT)[0]
    (tmp_path / "model.safetensors").write_bytes(b"1234")
    assert "config.json of the model does not exist" in _checks.weights(one, ACCOUNT)[0]
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    assert _checks.weights(one, ACCOUNT) == []
    assert _checks.size_of(one, ACCOUNT) == 4


def test_what_the_account_cannot_read_nobody_looks_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_checks.os, "geteuid", lambda: 0)
    weights = reachable(gguf(tmp_path / "one.gguf", b"secret"))
    one = server(weights, binary=str(tmp_path / "llama-server"))
    assert _checks.program(one, ACCOUNT) == [f"one: program {tmp_path}/llama-server does not exist"]
    (tmp_path / "llama-server").write_text("#!/bin/sh\n")
    (tmp_path / "llama-server").chmod(0o744)
    weights.chmod(0o600)
    closed = "one: the account no-such-account cannot "
    assert _checks.program(one, ACCOUNT) == [f"{closed}run {tmp_path}/llama-server"]
    assert _checks.weights(one, ACCOUNT) == [
        f"{closed}read {weights}: give it or its group the right, on every folder above too"
    ]
    weights.chmod(0o644)
    (tmp_path / "llama-server").chmod(0o755)
    assert _checks.program(one, ACCOUNT) == []
    assert _checks.weights(one, ACCOUNT) == [f"one: {weights} is not a GGUF file"]
    assert _checks.size_of(one, ACCOUNT) == 6
    tmp_path.chmod(0o700)
    assert f"cannot read {weights}" in _checks.weights(one, ACCOUNT)[0]
    assert f"cannot run {tmp_path}" in _checks.program(one, ACCOUNT)[0]
    assert _checks.size_of(one, ACCOUNT) == 0


def test_weights_that_are_no_file_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "one.gguf")
    one = server(tmp_path / "one.gguf")
    assert "of the model does not exist" in _checks.weights(one, ACCOUNT)[0]


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    assert (
        "does not exist"
        in _checks.program(
            server(tmp_path, server="command", command=["/none", "{port}"], binary=None), ACCOUNT
        )[0]
    )


def test_a_port_of_somebody_else_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        one = server(gguf(tmp_path / "one.gguf"), port=taken.getsockname()[1])
        units = _unit.names(one, "litellm")
        assert "is taken by" in "\n".join(_checks.ports(one, units, _listeners.listeners()))
        assert "is taken by" in "\n".join(_checks.before_start(one, "u", ACCOUNT))
    assert _checks.ports(one, units, _listeners.listeners()) == []
    assert _checks.before_start(one, "u", ACCOUNT) == []


def test_a_port_of_its_own_unit_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = server(gguf(tmp_path / "one.gguf"), boot="on_demand")
    units = _unit.names(one, "litellm")
    monkeypatch.setattr(_checks, "_owner", lambda listener, unit: "litellm-model-one.service")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        one = one._replace(port=taken.getsockname()[1])
        assert _checks.ports(one, units, _listeners.listeners()) == []


def test_everything_is_told_at_once_and_gpus_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_gpu, "inspect", lambda: _gpu.Gpus([], "this host has no nvidia-smi"))
    bad = server(
        tmp_path / "none.gguf",
        environment_file=os.path.join(str(tmp_path), "env"),
        gpus=[0],
        vram="1G",
    )
    good = server(gguf(tmp_path / "one.gguf"))._replace(name="two")
    problems, notes, told = _checks.check(
        [bad, good],
        {item.name: _unit.names(item, "litellm") for item in (bad, good)},
        ACCOUNT,
    )
    assert len(problems) == 3
    assert notes == ["this host has no nvidia-smi: GPUs and their memory are not checked"]
    assert told == {"reason": "this host has no nvidia-smi", "gpus": []}
