"""The module that writes a deploy's record: its steps, whose host it is, and who is kept out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._restore import state as _state
from ansible_collections.llmops.litellm.plugins.modules import (
    deployment_record,
    journal,
    journal_info,
)

HERE = {"controller": "desk", "run": "7:100", "alive": ["7:100"]}
LATER = {"controller": "desk", "run": "8:200", "alive": ["8:200"]}
OTHER = {"controller": "elsewhere", "run": "9:9", "alive": ["9:9"]}
FOUND = {"port": 4000}
Record = Callable[..., dict[str, Any]]
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def record(run: Run, folder: Path) -> Record:
    """Run the module with this operation."""

    def call(operation: str, **params: Any) -> dict[str, Any]:
        return run(deployment_record, folder=str(folder), operation=operation, **params)

    return call


def test_a_run_from_its_begin_to_its_end(record: Record, run: Run, folder: Path) -> None:
    opened = record("open", run=HERE, facts={"found": FOUND})
    assert folder.stat().st_mode & 0o777 == 0o700
    assert opened["changed"]
    assert opened["record"]["owner"] == {"controller": "desk", "run": "7:100"}
    assert (opened["record"]["state"], opened["record"]["step"]) == ("running", "prepare")
    assert "deploy.yml ends it" in run(journal_info, folder=str(folder))["deploying"]
    assert record("step", step="swap")["record"]["step"] == "swap"
    kept = record("remember", facts={"seen": {"refused": 0}})["record"]
    assert kept["facts"] == {"found": FOUND, "seen": {"refused": 0}}
    closed = record("close", state="deployed", facts={"failure": None})["record"]
    assert (closed["state"], closed["ended"]) == ("deployed", closed["updated"])
    assert closed["facts"] == {**kept["facts"], "failure": None}
    assert json.loads((folder / "deployment.json").read_text()) == closed
    told = run(journal_info, folder=str(folder))
    assert (told["deploying"], told["deployment"], told["state"]) == ("", closed, "deployed")


def test_check_mode_writes_nothing(record: Record, folder: Path) -> None:
    assert record("open", run=HERE, check=True)["record"] == {}
    assert not folder.exists()
    opened = record("open", run=HERE)["record"]
    assert record("close", state="deployed", check=True)["record"] == opened
    assert json.loads((folder / "deployment.json").read_text()) == opened


@pytest.mark.parametrize("ended", [False, True])
def test_nothing_is_noted_without_a_run(record: Record, folder: Path, ended: bool) -> None:
    record("open", run=HERE)
    record("close", state="failed")
    if not ended:
        (folder / "deployment.json").unlink()
    for params in ({"step": "swap"}, {"facts": {"found": FOUND}}, {"state": "deployed"}):
        operation = {"step": "step", "facts": "remember", "state": "close"}[next(iter(params))]
        assert record(operation, **params)["msg"].endswith("deployment.json tells of no run.")


def test_a_run_that_was_killed_is_taken_over_with_what_it_knew(record: Record) -> None:
    record("open", run=HERE, facts={"found": FOUND})
    record("step", step="swap")
    taken = record("open", run=LATER, facts={"seen": {}})["record"]
    assert (taken["owner"]["run"], taken["step"]) == ("8:200", "swap")
    assert taken["facts"] == {"found": FOUND, "seen": {}}


def test_a_run_of_another_controller_keeps_this_one_out(record: Record, folder: Path) -> None:
    record("open", run=OTHER)
    before = (folder / "deployment.json").read_bytes()
    refused = record("open", run=HERE)
    assert refused["msg"].startswith("Refused: run 9:9 of controller elsewhere deploys")
    assert (folder / "deployment.json").read_bytes() == before
    assert record("open", run=HERE, patience=0)["record"]["owner"]["controller"] == "desk"


def test_every_reason_is_told_at_once(
    record: Record, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(journal, folder=str(folder), operation="open", run=HERE)
    monkeypatch.setattr(_state, "unfinished", lambda folder: "a restore in %s" % folder)
    said = record("open", run=LATER)["msg"]
    assert "(phase preflight): migrate.yml or rollback.yml ends it" in said
    assert said.endswith("; a restore in %s." % folder)
    assert not (folder / "deployment.json").exists()


def test_a_migration_is_kept_out_until_the_run_has_ended(
    record: Record, run: Run, folder: Path
) -> None:
    record("open", run=HERE)
    refused = run(journal, folder=str(folder), operation="open", run=LATER)
    assert refused["failed"] and "deploy.yml ends it" in refused["msg"]
    assert not (folder / "journal.json").exists()
    record("close", state="failed")
    assert run(journal, folder=str(folder), operation="open", run=LATER)["changed"]


@pytest.mark.parametrize(
    ("operation", "missing"), [("open", "run"), ("step", "step"), ("close", "state")]
)
def test_each_operation_wants_what_it_needs(
    record: Record, folder: Path, operation: str, missing: str
) -> None:
    failed = record(operation)
    assert failed["failed"]
    assert failed["msg"].endswith("following are missing: %s" % missing)
    assert not folder.exists()
