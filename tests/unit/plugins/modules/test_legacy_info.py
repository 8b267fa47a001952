"""The module legacy_info: when a legacy deployment serves, and why not."""

from __future__ import annotations

import os
from typing import Any, Callable

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._config import stores as _stores
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import legacy as _legacy
from ansible_collections.llmops.litellm.plugins.module_utils._host import listeners as _listeners
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError
from ansible_collections.llmops.litellm.plugins.modules import (
    legacy_info,
)

Run = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("listener", "reason"),
    [
        (_listeners.Listener("127.0.0.1", 4000, os.getpid(), "litellm"), ""),
        (None, "nobody listens on port 4000"),
        (
            _listeners.Listener("127.0.0.1", 4000, 1, "docker-proxy (process 1)"),
            "port 4000 is held by docker-proxy (process 1)",
        ),
        (
            _listeners.Listener("127.0.0.1", 4000, None, "a process that cannot be seen from here"),
            "port 4000 is held by a process that cannot be seen from here",
        ),
    ],
    ids=["its own", "nobody", "another", "unknown"],
)
def test_serving_means_that_the_units_process_holds_the_port(
    run: Run, monkeypatch: pytest.MonkeyPatch, listener: Any, reason: str
) -> None:
    told = {"facts": {"pid": os.getpid(), "port": 4000}, "stores": _stores.Stores(None, ())}
    deployment = type("Deployment", (), told)
    monkeypatch.setattr(_legacy, "discover", lambda unit, account, alone: deployment)
    monkeypatch.setattr(_listeners, "listeners", lambda: [listener] if listener else [])
    result = run(legacy_info, unit="litellm.service")
    assert (result["serves"], result["reason"], result["legacy"]) == (
        not reason,
        reason,
        deployment.facts,
    )  # type: ignore[attr-defined]
    assert result["places"] == {"database": "nowhere", "redis": "nowhere"}


def test_unit_that_does_not_run_does_not_serve(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def discover(unit: str, account: str, alone: bool) -> Any:
        raise _legacy.LegacyError("%s is inactive" % unit, "Start it")

    monkeypatch.setattr(_legacy, "discover", discover)
    told = run(legacy_info, unit="litellm.service")
    assert (told["reason"], told["legacy"]) == ("litellm.service is inactive Start it", {})


@pytest.mark.parametrize(
    "error", [ProcessLookupError(3, "No such process", "/proc/7/stat"), OperatorError("it ended")]
)
def test_what_cannot_be_looked_at_does_not_serve(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def discover(unit: str, account: str, alone: bool) -> Any:
        raise error

    monkeypatch.setattr(_legacy, "discover", discover)
    told = run(legacy_info, unit="litellm.service")
    assert told["reason"] in ("/proc/7/stat: No such process", "it ended")
    assert (told["serves"], told["places"]) == (False, {})
