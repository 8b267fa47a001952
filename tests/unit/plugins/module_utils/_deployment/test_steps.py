"""The table of steps, and the way on and back from each."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import steps as _steps

FORWARD = [*_steps.of(_steps.PREPARE, _steps.CUTOVER, _steps.SERVE)]


def reached(*steps: str, state: str = "running") -> dict[str, Any]:
    """A journal with these steps, the last of them not ended."""
    entries = [
        {"name": name, "state": "done", "begun": "", "ended": "", "facts": {}} for name in steps
    ]
    return {"state": state, "phase": steps[-1] if steps else "preflight", "steps": entries}


@pytest.mark.parametrize(
    ("steps", "on", "back"),
    [
        ([], [], []),
        (FORWARD[:3], [], []),
        (FORWARD[:6], [], []),
        (FORWARD[:7], None, ["return", "check", "clear"]),
        (
            FORWARD[:8],
            ["serve", "verify", "hand_over"],
            ["leave", "carry", "return", "check", "clear"],
        ),
        (FORWARD[:9], ["verify", "hand_over"], ["leave", "carry", "return", "check", "clear"]),
        (FORWARD, ["hand_over"], ["leave", "carry", "return", "check", "clear"]),
        (
            [*FORWARD, "leave"],
            ["serve", "verify", "hand_over"],
            ["leave", "carry", "return", "check", "clear"],
        ),
        (
            [*FORWARD, "leave", "carry"],
            ["serve", "verify", "hand_over"],
            ["leave", "carry", "return", "check", "clear"],
        ),
        # the legacy proxy may have written since: its rows are never overwritten
        ([*FORWARD, "leave", "carry", "return"], None, ["return", "check", "clear"]),
        (
            [*FORWARD, "leave", "carry", "return", "check", "clear"],
            None,
            ["return", "check", "clear"],
        ),
        # in the automatic way back from a cutover there is nothing to carry
        ([*FORWARD[:7], "return"], None, ["return", "check", "clear"]),
        # forward again after a rollback that was killed, and back once more
        (
            [*FORWARD, "leave", "carry", "serve"],
            ["serve", "verify", "hand_over"],
            ["leave", "carry", "return", "check", "clear"],
        ),
    ],
)
def test_killed_run_has_one_way_on_and_one_back(steps: list[str], on: Any, back: list[str]) -> None:
    assert (_steps.steps_on(reached(*steps)), _steps.steps_back(reached(*steps))) == (on, back)


def test_migrated_host_comes_back_with_its_rows() -> None:
    assert _steps.steps_back(reached(*FORWARD, state="migrated")) == [
        "leave",
        "carry",
        "return",
        "check",
        "clear",
    ]
