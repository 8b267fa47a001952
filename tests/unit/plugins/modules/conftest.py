"""What every test of a module has."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible.module_utils.common import warnings
from ansible.module_utils.testing import patch_module_args

Run = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def _own_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module has a process of its own; here one would tell the warnings of those before it."""
    monkeypatch.setattr(warnings, "_global_warnings", {})


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a module and returns what it printed, in which no secret may be."""

    def call(module: Any, check: bool = False, **params: Any) -> dict[str, Any]:
        with patch_module_args({**params, "_ansible_check_mode": check}), pytest.raises(SystemExit):
            module.main()
        shown = capsys.readouterr().out
        assert "hunter2" not in shown
        return dict(json.loads(shown))

    return call
