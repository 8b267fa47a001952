"""The module that says what differs: what it asks, and passes on."""

from __future__ import annotations

from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import changes as _changes
from ansible_collections.llmops.litellm.plugins.module_utils._deployment.compose_project import (
    DeploymentError,
)
from ansible_collections.llmops.litellm.plugins.modules import deployment_changes_info

PARAMS = {"folder": "/opt/litellm", "definition": "services: {}\n"}
FOUND = _changes.Found(
    ["litellm"], True, False, ["services.litellm.image"], ["it is gone"], True, 4000, ["127.0.0.1"]
)


@pytest.mark.parametrize("check", [False, True])
def test_what_differs_is_told_and_is_no_change(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], check: bool
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(_changes, "look", lambda *words: asked.append(words) or FOUND)
    told = support.run_module(deployment_changes_info.main, PARAMS, capsys, check)
    assert asked == [("/opt/litellm", "services: {}\n")]
    del told["invocation"]
    assert told == {
        "changed": False,
        "services": ["litellm"],
        "network": True,
        "volumes": False,
        "changes": ["services.litellm.image"],
        "drift": ["it is gone"],
        "serves": True,
        "port": 4000,
        "addresses": ["127.0.0.1"],
    }


def test_what_compose_cannot_read_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_changes, "look", support.fails(DeploymentError("compose can't read it")))
    told = support.run_module(deployment_changes_info.main, PARAMS, capsys)
    assert (told["failed"], told["msg"]) == (True, "compose can't read it")
