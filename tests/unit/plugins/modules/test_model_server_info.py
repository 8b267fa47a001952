"""The modules of model servers: what they pass on, change and refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    adoption as _adoption,
)
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    bridge_proof as _bridge_proof,
)
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    checks as _checks,
)
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    firewall as _firewall,
)
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    firewall_rules as _firewall_rules,
)
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    inspect as _inspect,
)
from ansible_collections.llmops.litellm.plugins.modules import (
    bridge_firewall,
    bridge_proof_info,
    model_adoption,
    model_host_info,
    model_server_info,
)


def run(capsys: pytest.CaptureFixture[str], module: Any, **params: Any) -> dict[str, Any]:
    with patch_module_args(params), pytest.raises(SystemExit):
        module.main()
    return dict(json.loads(capsys.readouterr().out))


EMBED = {
    "name": "embed",
    "server": "llama_cpp",
    "task": "embedding",
    "model": "/srv/embed.gguf",
    "port": 8082,
}


def test_declarations_are_checked_before_the_host(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = run(
        capsys, model_server_info, servers=[{**EMBED, "port": 0}, {**EMBED, "boot": "never"}]
    )
    assert told["failed"]
    assert [words in told["msg"] for words in ("embed: port", "embed: boot")] == [True, True]
    monkeypatch.setattr(
        _checks, "check", lambda *_words: (["embed: port 8082 is taken by x"], ["note"], {})
    )
    assert run(capsys, model_server_info, servers=[EMBED])["problems"] == [
        "embed: port 8082 is taken by x"
    ]
    monkeypatch.setattr(_checks, "check", lambda *_words: ([], ["note"], {}))
    told = run(capsys, model_server_info, servers=[EMBED], project_name="two")
    assert (told["servers"][0]["units"], told["notes"]) == (
        {"service": "two-model-embed.service"},
        ["note"],
    )
    assert json.loads(told["servers"][0]["file"])["unit"] == "two-model-embed.service"


def test_a_proof_that_fails_says_everything(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = _bridge_proof.Asked(
        {1: "answers", 2: "answers"}, {1: "silent", 2: "answers"}, {1: "answers", 2: "silent"}, {}
    )
    monkeypatch.setattr(_bridge_proof, "look", lambda *_words: asked)
    told = run(
        capsys, bridge_proof_info, ports=[2, 1, 1], gateway="172.30.40.1", container="litellm-proxy"
    )
    assert told["failed"]
    assert (len(told["problems"]), told["proved"]) == (2, [2])


def test_adoption_names_every_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(_adoption, "find", lambda _units, own, _account: ([], ["one", own]))
    told = run(capsys, model_adoption, units=["x"], state_dir=str(tmp_path))
    assert told["failed"]
    assert "- one\n- litellm-model-" in told["msg"]
    assert run(capsys, model_adoption, state_dir=str(tmp_path), state="absent")["changed"] is False


def test_the_firewall_is_asked_only_to_look_in_check_mode(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked: list[Any] = []
    told = {"changed": True, "firewall": "ufw", "added": ["ufw allow"], "removed": []}
    monkeypatch.setattr(_firewall, "bring", lambda *words: asked.append(words) or told)
    found = run(
        capsys,
        bridge_firewall,
        subnet="172.30.40.0/24",
        gateway="172.30.40.1",
        ports=[2, 1, 2],
        state_dir=str(tmp_path),
        _ansible_check_mode=True,
    )
    assert (found["changed"], found["volatile"]) == (True, False)
    assert asked == [
        (_firewall_rules.Wanted("172.30.40.0/24", "172.30.40.1", (1, 2)), str(tmp_path), True)
    ]
    assert run(capsys, bridge_firewall, state_dir=str(tmp_path))["failed"]
    assert run(capsys, bridge_firewall, state_dir=str(tmp_path), state="absent")["changed"] is False


@pytest.mark.parametrize("check", [True, False])
def test_what_is_seen_is_written_down_unless_only_looked_at(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], check: bool
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(
        _inspect,
        "look",
        lambda place, _now, remember: (
            asked.append((place, remember)) or {"hosts": [], "problems": [], "gpus": []}
        ),
    )
    told = run(
        capsys,
        model_host_info,
        state_dir="/var/x",
        container="litellm-proxy",
        ports=[1],
        _ansible_check_mode=check,
    )
    assert (told["changed"], told["screen"]) == (
        False,
        ["model servers  none on this host is known"],
    )
    assert asked == [
        (
            _inspect.Place("litellm", "/var/x", "litellm-proxy", "host.docker.internal", (1,), 5.0),
            not check,
        )
    ]
