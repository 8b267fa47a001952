"""What is seen of the model servers of a host."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import record as _record
from ansible_collections.llmops.litellm.plugins.module_utils._host import listeners as _listeners
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    process_unit as _process_unit,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    adoption as _adoption,
)
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    bridge_proof as _bridge_proof,
)
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    declaration as _declaration,
)
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import gpu as _gpu
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    inspect as _inspect,
)

NOW = datetime(2026, 11, 26, tzinfo=timezone.utc)


def unit(
    name: str, enabled: str = "enabled", active: str = "active", pid: int = 0
) -> _systemd.Unit:
    return _systemd.Unit(name, _systemd.Manager(None), enabled, active, {"MainPID": str(pid)})


@pytest.fixture(name="place")
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _inspect.Scope:
    models, state = tmp_path / "models", tmp_path / "state"
    models.mkdir()
    state.mkdir()
    told = [
        {
            "name": "embed",
            "server": "llama_cpp",
            "model": "/srv/embed.gguf",
            "port": 1,
            "gpus": [0],
            "vram": "2G",
        },
        {
            "name": "chat",
            "server": "llama_cpp",
            "model": "/srv/chat.gguf",
            "port": 2,
            "boot": "on_demand",
        },
    ]
    for server in _declaration.read(told)[0]:
        entry = _declaration.Installed(
            server, "litellm-model-%s.service" % server.name, "litellm-model"
        )
        (models / (server.name + ".json")).write_text(_declaration.dump(entry), encoding="utf-8")
    (models / "broken.json").write_text("{", encoding="utf-8")
    record = {
        "name": "llama.service",
        "scope": "system",
        "account": "",
        "enabled": "disabled",
        "active": "inactive",
        "path": "",
        "port": 3,
        "hashes": {},
    }
    _adoption.adopt([record], str(state))
    units = {
        name: unit(name) for name in ("litellm-model-embed.service", "litellm-model-chat.socket")
    }
    units["litellm-model-chat.service"] = unit("litellm-model-chat.service", "static", "inactive")
    units["llama.service"] = unit("llama.service", "disabled", "inactive")
    monkeypatch.setattr(
        _systemd, "show", lambda _manager, names: [units[name] for name in names if name in units]
    )
    monkeypatch.setattr(
        _listeners, "listeners", lambda: [_listeners.Listener("127.0.0.1", 2, 1, "systemd")]
    )
    monkeypatch.setattr(_gpu, "inspect", lambda: _gpu.Gpus([], "this host has no nvidia-smi"))
    monkeypatch.setattr(
        _inspect, "answer_seconds", lambda port, _limit: 0.25 if port == 1 else None
    )
    monkeypatch.setattr(
        _bridge_proof,
        "probe_container",
        lambda _container, addresses, _seconds: {
            port: "answers" if port == 1 else "unknown" for port in addresses
        },
    )
    monkeypatch.setattr(_inspect, "bridged", lambda _project: [1, 9])
    return _inspect.Scope("litellm", str(state), "proxy", "gw", models=str(models))


def test_each_server_is_seen(place: _inspect.Scope) -> None:
    told = _inspect.collect(place, NOW, remember=True)
    by_name = {host["name"]: host for host in told["hosts"]}
    assert sorted(by_name) == ["chat", "embed", "llama", "port 9"]
    embed = by_name["embed"]
    assert (embed["as_intended"], embed["answers"], embed["reachable"], embed["last_answer"]) == (
        True,
        True,
        True,
        "2026-11-26T00:00:00+00:00",
    )
    chat = by_name["chat"]
    assert (chat["asleep"], chat["as_intended"], chat["answers"], chat["reachable"]) == (
        True,
        True,
        False,
        None,
    )
    assert (by_name["llama"]["as_intended"], by_name["llama"]["reachable"]) == (True, None)
    assert by_name["port 9"]["as_intended"] is None
    assert "broken.json" in told["problems"][0]
    assert _inspect.load_seen(place.state_dir) == {"1": "2026-11-26T00:00:00+00:00"}


def test_the_screen_fits_a_terminal(place: _inspect.Scope) -> None:
    lines = _inspect.text_lines(_inspect.collect(place, NOW))
    text = "\n".join(lines)
    assert max(map(len, lines)) <= 100
    assert (
        "  embed 1: active, as intended\n    GPU 0 2 GiB, answers in 0.25 s, also to "
        "containers, embed.gguf"
    ) in text
    assert "  chat 2: asleep, as intended" in text
    assert "(this host has no nvidia-smi)" in lines[0]
    assert _inspect.text_lines({"hosts": [], "problems": []}) == [
        "model servers  none on this host is known"
    ]


def test_the_screen_has_no_line_that_others_forged(place: _inspect.Scope) -> None:
    told = _inspect.collect(place, NOW)
    honest = len(_inspect.text_lines(told))
    told["hosts"][0]["name"] = told["gpu_note"] = support.HOSTILE
    support.assert_on_lines(_inspect.text_lines(told), honest)


@pytest.mark.parametrize(
    ("main", "owner", "name", "account"),
    [
        (70, None, "llama-rerank", ""),
        (70, "ana", "llama-rerank", "ana"),
        (71, "ana", "port 9", ""),
        (None, None, "port 9", ""),
    ],
)
def test_a_server_that_nobody_named_is_known_by_the_unit_of_its_process(
    place: _inspect.Scope,
    monkeypatch: pytest.MonkeyPatch,
    main: Any,
    owner: Any,
    name: str,
    account: str,
) -> None:
    """Two managers may have units of the same name: it is the one whose process it is."""
    monkeypatch.setattr(
        _listeners, "listeners", lambda: [_listeners.Listener("127.0.0.1", 9, 77, "llama-server")]
    )
    served = unit("llama-rerank.service", pid=main)._replace(manager=_systemd.Manager(owner))
    monkeypatch.setattr(
        _process_unit,
        "behind",
        lambda _listener: _process_unit.Found(served if main else None, ""),
    )
    monkeypatch.setattr(_process, "ancestors", lambda pid: [pid, 70])
    monkeypatch.setattr(_process, "command_line", lambda _pid: [])
    told = _inspect.collect(place, NOW)
    host = next(host for host in told["hosts"] if host["port"] == 9)
    known = name != "port 9"
    assert (host["name"], host["unit"], host["account"]) == (
        name,
        "llama-rerank.service" if known else None,
        account,
    )
    assert (
        "  llama-rerank 9: active, not recorded" if known else "  port 9: no unit, not recorded"
    ) in _inspect.text_lines(told)


def test_looking_writes_nothing_unless_told(place: _inspect.Scope) -> None:
    before = sorted(os.listdir(place.state_dir))
    _inspect.collect(place, NOW)
    assert sorted(os.listdir(place.state_dir)) == before


@pytest.mark.parametrize(
    ("boot", "active", "entry", "right"),
    [
        ("always", "active", unit("e"), True),
        ("always", "failed", unit("e", active="failed"), False),
        ("always", "active", unit("e", "disabled"), False),
        ("on_demand", "inactive", unit("e"), True),
        ("on_demand", "failed", unit("e"), False),
        ("manual", "inactive", None, True),
        ("manual", "failed", None, False),
    ],
)
def test_what_is_intended(boot: str, active: str, entry: Any, right: bool) -> None:
    assert (
        _inspect.intended({"managed": True, "boot": boot}, unit("u", active=active), entry)[0]
        is right
    )


def test_an_adopted_server_is_as_it_was_found() -> None:
    row = {"managed": False, "recorded": {"enabled": "disabled", "active": "inactive"}}
    assert _inspect.intended(row, unit("u", "disabled", "inactive"), None) == (
        True,
        "disabled, inactive as it was found",
    )
    assert _inspect.intended(row, unit("u"), None)[0] is False
    assert _inspect.intended({"managed": False}, unit("u"), None) == (None, "")


@pytest.mark.parametrize(
    ("argv", "model"),
    [
        (["llama-server", "-m", "/a.gguf"], "/a.gguf"),
        (["vllm", "serve", "/b"], "/b"),
        (["x", "--model=/c"], "/c"),
        (["x"], ""),
        (["x", "--model"], ""),
    ],
)
def test_the_model_of_a_command_line(argv: list[str], model: str) -> None:
    assert _inspect.model_of(argv) == model


def test_bridges_of_this_project(tmp_path: Path) -> None:
    for name in (
        "litellm-bridge-8082.socket",
        "litellm-bridge-8082.service",
        "other-bridge-1.socket",
        "litellm-bridge-firewall.service",
    ):
        (tmp_path / name).touch()
    assert _inspect.bridged("litellm", str(tmp_path)) == [8082]
    assert _inspect.bridged("litellm", str(tmp_path / "none")) == []


@pytest.mark.parametrize(
    ("word", "told"),
    [(None, None), ("unknown", None), ("answers", True), ("closes", False), ("silent", False)],
)
def test_whether_a_container_was_answered(word: Any, told: Any) -> None:
    assert _inspect.answered(word) is told


def test_servers_of_a_deployment_that_was_never_migrated(tmp_path: Path) -> None:
    assert _inspect.migrated(str(tmp_path)) == []
    made = _record.begin(None, {"controller": "desk", "run": "1:1"}, NOW)
    made["facts"]["found"] = {"model_hosts": [{"port": 8082, "unit": None}]}
    _record.save(str(tmp_path), made, NOW)
    assert _inspect.migrated(str(tmp_path)) == [8082]
    (tmp_path / "deployment.json").write_text("{")
    assert _inspect.migrated(str(tmp_path)) == []
