"""The module model_host_info."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    inspect as _inspect,
)
from ansible_collections.llmops.litellm.plugins.modules import (
    model_host_info,
)

Run = Callable[..., dict[str, Any]]


def test_servers_are_inspected_and_nothing_is_recorded(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def look(place: _inspect.Scope, _now: datetime, remember: bool = False) -> dict[str, Any]:
        asked.append((place, remember))
        return {"hosts": [], "problems": [], "gpus": []}

    monkeypatch.setattr(_inspect, "collect", look)
    result = run(model_host_info, state_dir="/var/x", container="litellm-proxy", ports=[1])
    assert result["screen"] == ["model servers  none on this host is known"]
    assert not result["changed"]
    place = _inspect.Scope("litellm", "/var/x", "litellm-proxy", "host.docker.internal", (1,), 5.0)
    assert asked == [(place, False)]
