"""The module deployment_facts_info: its arguments, and what it returns of a look."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import facts as _facts
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import (
    OperatorError,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    preflight_deploy as _preflight_deploy,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration.preflight_findings import (
    Findings,
)
from ansible_collections.llmops.litellm.plugins.modules import deployment_facts_info

Run = Callable[..., dict[str, Any]]
NEEDED: dict[str, Any] = {
    "state_dir": "/s",
    "backup_dir": "/b",
    "images": {"litellm": "l"},
    "run": {"controller": "desk", "run": "7:1"},
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A host with a problem and a warning; the settings that it was looked at with."""
    asked: list[dict[str, Any]] = []

    def look(settings: dict[str, Any]) -> _preflight_deploy.Host:
        asked.append(settings)
        found = Findings({"project_dir": "/opt/litellm"})
        found.refuse("port 4000", "nginx has it", "set another litellm_port")
        found.warn("room", "is short", "")
        known = _facts.Known("new", {}, True, True)
        return _preflight_deploy.Host(known, found, ("docker.io",))

    monkeypatch.setattr(_preflight_deploy, "preflight", look)
    return asked


@pytest.mark.parametrize("check", [False, True])
def test_problems_are_told_and_are_no_failure(
    run: Run, asked: list[dict[str, Any]], check: bool
) -> None:
    told = run(deployment_facts_info, check, **NEEDED)
    assert "failed" not in told
    assert told["changed"] is False
    assert (told["origin"], told["served"], told["packages"]) == ("new", True, ["docker.io"])
    assert told["facts"] == {"project_dir": "/opt/litellm"}
    assert told["problems"] == ["port 4000: nginx has it -> set another litellm_port"]
    assert told["warnings_found"] == ["room: is short"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(110, "Connection timed out", "/mnt/dead"), "/mnt/dead: Connection timed out"),
        (OperatorError("there is no account x"), "there is no account x"),
    ],
)
def test_host_that_cannot_be_looked_at_is_said(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def look(settings: dict[str, Any]) -> Any:
        raise error

    monkeypatch.setattr(_preflight_deploy, "preflight", look)
    told = run(deployment_facts_info, **NEEDED)
    assert (told["failed"], told["msg"]) == (True, said)


def test_what_is_not_given_is_not_wished(run: Run, asked: list[dict[str, Any]]) -> None:
    run(deployment_facts_info, **NEEDED)
    (settings,) = asked
    for name in ("proxy_port", "database_port", "redis_port", "options", "config"):
        assert settings[name] is None
    assert (settings["publish"], settings["install_docker"]) == ([], False)


def test_secrets_are_not_shown(run: Run, asked: list[dict[str, Any]]) -> None:
    given = {"overrides": {"UI_PASSWORD": "hunter2"}, "config": "general_settings: {}"}
    run(deployment_facts_info, **NEEDED, **given)
    assert {name: asked[0][name] for name in given} == given
    assert deployment_facts_info.ARGUMENTS["overrides"]["no_log"] is True
    assert deployment_facts_info.ARGUMENTS["config"]["no_log"] is True


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_what_is_needed_must_be_given(run: Run, asked: list[dict[str, Any]], name: str) -> None:
    given = {key: value for key, value in NEEDED.items() if key != name}
    assert f"missing required arguments: {name}" in run(deployment_facts_info, **given)["msg"]
    assert asked == []
