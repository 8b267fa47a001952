"""The module model_adoption."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    adoption as _adoption,
)
from ansible_collections.llmops.litellm.plugins.modules import (
    model_adoption,
)

Run = Callable[..., dict[str, Any]]


def test_adoption_names_every_fault(
    monkeypatch: pytest.MonkeyPatch, run: Run, tmp_path: Path
) -> None:
    monkeypatch.setattr(_adoption, "find", lambda _units, own, _account: ([], ["one", own]))
    told = run(model_adoption, units=["x"], state_dir=str(tmp_path))
    assert told["failed"]
    assert "- one\n- litellm-model-" in told["msg"]
    assert run(model_adoption, state_dir=str(tmp_path), state="absent")["changed"] is False
