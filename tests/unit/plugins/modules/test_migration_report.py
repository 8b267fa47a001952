"""The module migration_report: which report a journal gets, and that it is written once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    report_text as _report_text,
)
from ansible_collections.llmops.litellm.plugins.modules import (
    journal,
    migration_report,
)

Run = Callable[..., dict[str, Any]]


RUN = {"controller": "desk", "run": "7:100", "alive": []}


def fails(error: Exception) -> Callable[..., Any]:
    def call(*_words: Any, **_named: Any) -> Any:
        raise error

    return call


def test_report_needs_a_journal_and_is_written_once(run: Run, tmp_path: Path) -> None:
    folder = str(tmp_path / "state")
    assert "there was no migration" in run(migration_report, folder=folder)["msg"]
    run(journal, folder=folder, operation="open", run=RUN)
    run(
        journal,
        folder=folder,
        operation="close",
        state="untouched",
        remember={"failure": "it rained"},
    )
    assert run(migration_report, check=True, folder=folder)["changed"]
    assert not (tmp_path / "state/report.md").exists()
    result = run(migration_report, folder=folder)
    assert "reason: it rained" in result["summary"]
    assert "it rained" in Path(result["path"]).read_text()
    assert json.loads((tmp_path / "state/report.json").read_text())["failure"] == "it rained"
    assert not run(migration_report, folder=folder)["changed"]


def test_finalized_host_gets_the_report_of_its_retirement(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = str(tmp_path)
    monkeypatch.setattr(_journal, "load", lambda folder: {"state": "finalized"})
    monkeypatch.setattr(_report_text, "retirement", lambda journal: ["# A", "", "b", ""])
    result = run(migration_report, check=True, folder=folder)
    assert (result["changed"], list(tmp_path.iterdir())) == (True, [])
    result = run(migration_report, folder=folder)
    path = tmp_path / "finalized.md"
    assert (result["changed"], result["path"], result["stuck"]) == (True, str(path), [])
    assert result["summary"] == ["# A", "", "b", "", "Report: %s" % path]
    assert path.read_text() == "# A\n\nb\n"
    assert not run(migration_report, folder=folder)["changed"]
    assert list(tmp_path.iterdir()) == [path]


def test_journal_that_cannot_be_read_is_reported(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(_journal, "load", fails(_journal.JournalError("broken")))
    assert run(migration_report, folder=str(tmp_path))["msg"] == "broken"
