"""The commands that the units of model servers call."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    checks as _checks,
)
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    declaration as _declaration,
)
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    firewall as _firewall,
)
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    gate as _gate,
)
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    ready as _ready,
)
from ansible_collections.llmops.litellm.plugins.module_utils._ops import cli as _cli
from ansible_collections.llmops.litellm.plugins.module_utils._ops import models as _commands

UNIT = "litellm-model-one.service"


@pytest.fixture(name="models")
def _models(tmp_path: Path) -> str:
    server = _declaration.read(
        [{"name": "one", "server": "llama_cpp", "model": "/srv/one.gguf", "port": 8001}]
    )[0][0]
    (tmp_path / "one.json").write_text(
        _declaration.dump(_declaration.Installed(server, UNIT, "litellm-model")), encoding="utf-8"
    )
    return str(tmp_path)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = _cli.main([*words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_check_refuses_with_everything(
    models: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_checks, "before_start", lambda _server, unit, account: [unit, account])
    code, told = run(capsys, "model-check", "one", "--models", models)
    assert (code, told["problems"]) == (3, [UNIT, "litellm-model"])
    monkeypatch.setattr(_checks, "before_start", lambda *_words: [])
    assert run(capsys, "model-check", "one", "--models", models)[0] == 0


def test_ready_tells_why_not(
    models: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[float] = []

    def wait(_server: Any, seconds: float, _environment: Any, alive: Any) -> _ready.Result:
        asked.append(seconds)
        return _ready.Result(alive(), "because", 0.0)

    monkeypatch.setattr(_ready, "wait", wait)
    monkeypatch.delenv("MAINPID", raising=False)
    assert run(capsys, "model-ready", "one", "--models", models, "--timeout", "7")[0] == 0
    monkeypatch.setenv("MAINPID", "4194305")
    code, told = run(capsys, "model-ready", "one", "--models", models)
    assert (code, told["reason"], asked) == (1, "because", [7, 60])


@pytest.mark.parametrize(
    ("result", "calls"),
    [
        ("success", [("reset-failed", "--", UNIT)]),
        ("signal", []),
        ("exit-code", []),
        ("timeout", []),
        ("", []),
    ],
)
def test_only_a_stop_in_order_sets_the_counter_back(
    models: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    result: str,
    calls: list[Any],
) -> None:
    done: list[Any] = []
    monkeypatch.setattr(
        _systemd.Manager,
        "systemctl",
        lambda _manager, *words: done.append(words) or _process.Result(0, "", ""),
    )
    monkeypatch.setenv("SERVICE_RESULT", result)
    assert run(capsys, "model-ended", "one", "--models", models)[0] == 0
    assert done == calls


def test_failed_says_what_to_do_once_it_is_over(
    models: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        _gate, "unit_state", lambda _unit: _gate.State("failed", 0, "start-limit-hit")
    )
    assert _cli.main(["model-failed", "one", "--models", models]) == 0
    text = capsys.readouterr().out
    assert all(
        words in text
        for words in (
            "10 times",
            "start-limit-hit",
            "journalctl -u " + UNIT,
            "systemctl reset-failed",
        )
    )
    monkeypatch.setattr(_gate, "unit_state", lambda _unit: _gate.State("activating", 0, ""))
    assert _cli.main(["model-failed", "one", "--models", models]) == 1
    assert "is started again" in capsys.readouterr().err


def test_the_door_is_opened_by_its_socket_only(
    models: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("LISTEN_PID", raising=False)
    code, told = run(capsys, "model-door", "one", "--models", models)
    assert code == 1
    assert "started by its socket" in told["error"]
    assert run(capsys, "bridge", "127.0.0.1:1", "--admit", "172.30.40.0/24")[0] == 1


def test_a_server_that_is_not_known(models: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = run(capsys, "model-check", "two", "--models", models)
    assert code == 2
    assert "two.json cannot be read" in told["error"]


def test_firewall_rules_are_made_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_firewall, "reapply", lambda folder: ["iptables " + folder])
    assert run(capsys, "firewall", "--state-dir", "/var/x") == (
        0,
        {"ok": True, "added": ["iptables /var/x"]},
    )


def test_bridge_is_the_proxy_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Any] = []
    monkeypatch.setattr(_gate, "inherited", lambda _environment: "its socket")
    monkeypatch.setattr(_commands._bridge, "serve", lambda *words: begun.append(words))
    options = SimpleNamespace(admit="172.30.40.0/24", target="127.0.0.1:8082")
    with pytest.raises(ValueError, match="systemd-socket-proxyd could not be started"):
        _commands.bridge(options)
    assert begun == [("its socket", "172.30.40.0/24", "127.0.0.1:8082")]
