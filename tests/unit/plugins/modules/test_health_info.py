"""The module health_info: what it returns, and that it changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._health import checks as _checks
from ansible_collections.llmops.litellm.plugins.module_utils._health.checks import Check
from ansible_collections.llmops.litellm.plugins.modules import (
    health_info,
)

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def settings(tmp_path: Path) -> str:
    """Settings of a host with a legacy deployment."""
    (tmp_path / "state").mkdir()
    path = tmp_path / "settings.json"
    legacy = {"url": "http://127.0.0.1:9", "key_file": str(tmp_path / "env"), "units": []}
    path.write_text(
        json.dumps(
            {
                "format": 1,
                "state_dir": str(tmp_path / "state"),
                "project": {"name": "litellm", "folder": str(tmp_path / "project")},
                "legacy": {"unit": "no-such-unit.service"},
                "deployments": {"legacy": {**legacy, "config": str(tmp_path / "config.yaml")}},
            }
        )
    )
    path.chmod(0o600)
    return str(path)


@pytest.mark.parametrize("check", [False, True])
def test_health_is_told_and_fails_nothing(
    run: Run, settings: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, check: bool
) -> None:
    monkeypatch.setattr(
        _checks, "run", lambda target: [Check("liveness", "failed", "no answer", 0.1)]
    )
    told = run(health_info, check, settings=settings)
    assert (told["changed"], told["outcome"], told["kind"], told["checks"][0]["name"]) == (
        False,
        "failed",
        "legacy",
        "liveness",
    )
    assert told["screen"][-1].startswith("failed") and "failed" not in told
    assert list((tmp_path / "state").iterdir()) == []


def test_settings_that_are_wrong_are_said(run: Run, settings: str) -> None:
    Path(settings).write_text("{}")
    told = run(health_info, settings=settings)
    assert told["failed"] and "format is missing" in told["msg"]
