"""The module status_info."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._migration import status as _status
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    status_text as _status_text,
)
from ansible_collections.llmops.litellm.plugins.modules import (
    status_info,
)

Run = Callable[..., dict[str, Any]]


def test_status_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_status, "inspect", lambda settings: {"host": settings["project_name"]})
    monkeypatch.setattr(_status_text, "text_lines", lambda status: ["screen"])
    told = run(status_info, check=True, state_dir="/s", backup_dir="/b")
    assert (told["changed"], told["status"], told["screen"]) == (
        False,
        {"host": "litellm"},
        ["screen"],
    )
