"""The module preflight_info: its arguments, and what it returns of a survey."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import (
    OperatorError,
    Problem,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    preflight as _preflight,
)
from ansible_collections.llmops.litellm.plugins.modules import preflight_info

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

    def survey(settings: dict[str, Any]) -> Any:
        asked.append(settings)
        return SimpleNamespace(
            facts={"engine": {}},
            problems=[Problem("port 4000", "nginx has it", "stop nginx")],
            warnings=[Problem("room", "is short", "")],
        )

    monkeypatch.setattr(_preflight, "preflight", survey)
    return asked


@pytest.mark.parametrize("check", [False, True])
def test_problems_are_told_and_are_no_failure(
    run: Run, asked: list[dict[str, Any]], check: bool
) -> None:
    told = run(preflight_info, check, **NEEDED)
    assert "failed" not in told
    assert told["changed"] is False
    assert told["facts"] == {"engine": {}}
    assert told["problems"] == ["port 4000: nginx has it -> stop nginx"]
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
    """A file of the proxy's on a server that is gone, for example."""

    def survey(settings: dict[str, Any]) -> Any:
        raise error

    monkeypatch.setattr(_preflight, "preflight", survey)
    told = run(preflight_info, **NEEDED)
    assert (told["failed"], told["msg"]) == (True, said)


def test_defaults_are_those_of_the_documentation(run: Run, asked: list[dict[str, Any]]) -> None:
    run(preflight_info, **NEEDED)
    (settings,) = asked
    for name, value in (
        ("legacy_unit", "litellm.service"),
        ("project_dir", "/opt/litellm"),
        ("stage_port", 14000),
        ("carry_redis", True),
        ("accept_weak", []),
    ):
        assert settings[name] == value


def test_overrides_are_not_shown(run: Run, asked: list[dict[str, Any]]) -> None:
    run(preflight_info, **NEEDED, overrides={"UI_PASSWORD": "hunter2"})
    assert asked[0]["overrides"] == {"UI_PASSWORD": "hunter2"}


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_what_is_needed_must_be_given(run: Run, asked: list[dict[str, Any]], name: str) -> None:
    given = {key: value for key, value in NEEDED.items() if key != name}
    assert f"missing required arguments: {name}" in run(preflight_info, **given)["msg"]
    assert asked == []
