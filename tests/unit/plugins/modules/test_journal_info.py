"""The module journal_info: a host without a journal, one at work, and what nobody understands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    position as _position,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import steps as _steps
from ansible_collections.llmops.litellm.plugins.module_utils._restore import state as _state
from ansible_collections.llmops.litellm.plugins.modules import journal, journal_info

Run = Callable[..., dict[str, Any]]
HERE = {"controller": "desk", "run": "7:100", "alive": ["7:100"]}


def test_host_without_a_journal_has_no_state(run: Run, tmp_path: Path) -> None:
    told = run(journal_info, folder=str(tmp_path))
    del told["invocation"]
    assert told == {
        "changed": False,
        "state": "none",
        "phase": "",
        "busy": "",
        "restoring": "",
        "deploying": "",
        "deployment": {},
        "images": {},
        "steps_early": list(_steps.of(_steps.PREPARE)),
        "steps_late": list(_steps.of(_steps.CUTOVER, _steps.SERVE)),
        "steps_on": [],
        "steps_back": [],
        "refused_since": None,
        "rows_stay": False,
        "copying_back": False,
        "legacy_hash": "",
        "backup_path": "",
        "half_staged": False,
        "journal": {},
    }
    assert list(tmp_path.iterdir()) == []


def test_steps_on_and_back_are_those_of_the_table(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(journal, folder=str(tmp_path), operation="open", run=HERE)
    monkeypatch.setattr(_position, "steps_on", lambda found: ["on", found["state"]])
    monkeypatch.setattr(_position, "steps_back", lambda found: ["back", found["state"]])
    told = run(journal_info, folder=str(tmp_path))
    assert told["steps_on"] == ["on", "running"]
    assert told["steps_back"] == ["back", "running"]
    assert told["journal"]["state"] == told["state"] == "running"
    assert told["phase"] == "preflight"


def test_another_run_is_told_to_whoever_says_who_it_is(run: Run, tmp_path: Path) -> None:
    run(journal, folder=str(tmp_path), operation="open", run={**HERE, "controller": "elsewhere"})
    assert run(journal_info, folder=str(tmp_path))["busy"] == ""
    busy = run(journal_info, folder=str(tmp_path), run=HERE)["busy"]
    assert "controller elsewhere is at work" in busy
    assert run(journal_info, folder=str(tmp_path), run=HERE, patience=0)["busy"] == ""


def test_restore_that_has_not_ended_is_told(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_state, "unfinished", lambda folder: f"a restore in {folder}")
    assert run(journal_info, folder=str(tmp_path))["restoring"] == f"a restore in {tmp_path}"


@pytest.mark.parametrize(
    ("module", "name", "error"),
    [
        (_journal, "load", _journal.JournalError("the journal is broken")),
        (_state, "unfinished", _state.RestoreError("the restore is broken")),
    ],
)
def test_what_nobody_understands_is_a_failure(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, error: Any
) -> None:
    monkeypatch.setattr(module, name, support.fails(error))
    told = run(journal_info, folder=str(tmp_path))
    assert told["failed"]
    assert told["msg"] == str(error)
