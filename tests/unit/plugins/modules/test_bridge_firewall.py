"""The module bridge_firewall."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    firewall as _firewall,
)
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    firewall_rules as _firewall_rules,
)
from ansible_collections.llmops.litellm.plugins.modules import (
    bridge_firewall,
)

Run = Callable[..., dict[str, Any]]


def test_the_firewall_is_asked_only_to_look_in_check_mode(
    monkeypatch: pytest.MonkeyPatch, run: Run, tmp_path: Path
) -> None:
    asked: list[Any] = []
    told = {"changed": True, "firewall": "ufw", "added": ["ufw allow"], "removed": []}
    monkeypatch.setattr(_firewall, "apply", lambda *words: asked.append(words) or told)
    found = run(
        bridge_firewall,
        subnet="172.30.40.0/24",
        gateway="172.30.40.1",
        ports=[2, 1, 2],
        state_dir=str(tmp_path),
        check=True,
    )
    assert (found["changed"], found["volatile"]) == (True, False)
    assert asked == [
        (_firewall_rules.Wanted("172.30.40.0/24", "172.30.40.1", (1, 2)), str(tmp_path), True)
    ]
    assert run(bridge_firewall, state_dir=str(tmp_path))["failed"]
    assert run(bridge_firewall, state_dir=str(tmp_path), state="absent")["changed"] is False
