"""What every test of a module has."""

from __future__ import annotations

import pytest
from ansible.module_utils.common import warnings


@pytest.fixture(autouse=True)
def _own_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module has a process of its own; here one would tell the warnings of those before it."""
    monkeypatch.setattr(warnings, "_global_warnings", {})
