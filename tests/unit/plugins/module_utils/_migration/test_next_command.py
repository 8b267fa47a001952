"""What to do next, for every state that a journal can have."""

from __future__ import annotations

from typing import Any

import pytest
from any_host import FORWARD, journal, upto
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import steps as _steps
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    next_command as _next_command,
)


@pytest.mark.parametrize(
    ("told", "forward", "backward", "end"),
    [
        (None, "looks at everything", "changes nothing", "refuses"),
        (journal(state="untouched"), "begins again", "changes nothing", "refuses"),
        (
            journal(
                *FORWARD,
                "stop_new",
                "copy_back",
                "start_legacy",
                "verify_legacy",
                "remove_new",
                state="rolled back",
            ),
            "goes forward again",
            "changes nothing",
            "refuses",
        ),
        (
            journal(*FORWARD, state="migrated"),
            "changes nothing",
            "copies rows",
            "after the observation period",
        ),
        (
            journal(*FORWARD, "last_backup", "remove_units", state="finalized"),
            "changes nothing",
            "refuses",
            "changes nothing",
        ),
        (journal(), "begins again", "ends untouched", "refuses"),
        (journal(*upto("rehearse")), "begins again", "ends untouched", "refuses"),
        (
            journal(*upto("cutover")),
            "brings the legacy deployment back first",
            "brings the legacy deployment back",
            "refuses",
        ),
        (
            journal(*upto("serve")),
            "goes on, and ends migrated",
            "copies rows written since the cutover back, and ends rolled back",
            "refuses",
        ),
        (journal(*upto("verify")), "goes on, and ends migrated", "copies rows", "refuses"),
        (
            {**journal(*FORWARD, state="migrated"), "state": "running"},
            "goes on, and ends migrated",
            "copies rows",
            "after the observation period",
        ),
        (journal(*FORWARD, "stop_new"), "goes on, and ends migrated", "copies rows", "refuses"),
        (
            journal(*FORWARD, "stop_new", "copy_back"),
            "goes on, and ends migrated",
            "copies rows",
            "refuses",
        ),
        (
            journal(*FORWARD, "stop_new", "copy_back", "start_legacy"),
            "brings the legacy deployment back first",
            "goes on, and ends rolled back",
            "refuses",
        ),
        (
            journal(*FORWARD, "last_backup"),
            "keeps the compose deployment serving",
            "copies rows",
            "goes on, and ends finalized",
        ),
        (
            journal(*FORWARD, "last_backup", "remove_units"),
            "keeps the compose deployment serving",
            "refuses",
            "goes on, and ends finalized",
        ),
        (journal(state="of another release"), "refuses", "refuses", "refuses"),
    ],
    ids=lambda value: (
        (value["state"] + " " + value["phase"] if isinstance(value, dict) else "none")
        if not isinstance(value, str)
        else ""
    ),
)
def test_next_commands(told: Any, forward: str, backward: str, end: str) -> None:
    following = _next_command.next_commands(told)
    assert list(following) == ["migrate.yml", "rollback.yml", "finalize.yml"]
    assert [
        text.startswith(words) for text, words in zip(following.values(), (forward, backward, end))
    ] == [True, True, True], following


@given(
    st.lists(
        st.sampled_from(
            [
                *FORWARD,
                "stop_new",
                "copy_back",
                "start_legacy",
                "verify_legacy",
                "remove_new",
                *_steps.of(_steps.FINALIZE),
            ]
        ),
        max_size=8,
    ),
    st.sampled_from(_journal.STATES),
)
def test_every_journal_has_a_next_command(steps: list[str], state: str) -> None:
    assert all(_next_command.next_commands(journal(*steps, state=state)).values())
