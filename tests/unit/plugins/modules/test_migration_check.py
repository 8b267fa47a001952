"""The module migration_check: what a rollback and the retirement of the legacy deployment are
checked for.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._migration import finalize as _finalize
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    neighbours as _neighbours,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration import rollback as _rollback
from ansible_collections.llmops.litellm.plugins.modules import (
    migration_check,
)

Run = Callable[..., dict[str, Any]]


FINALIZE = {"for": "finalize"}
SOURCE = {"container": "litellm-postgres", "database": "litellm", "user": "litellm"}


def fails(error: Exception) -> Callable[..., Any]:
    def call(*_words: Any, **_named: Any) -> Any:
        raise error

    return call


def test_rollback_is_checked_with_the_rows_since_the_cutover(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rollback = {"for": "rollback", "state_dir": str(tmp_path)}
    assert "source" in run(migration_check, **rollback)["msg"]
    assert "there was no migration" in run(migration_check, **rollback, source=SOURCE)["msg"]
    asked: list[Any] = []
    migrated: dict[str, Any] = {"state": "migrated", "facts": {}}

    def look(journal: Any, database: Any, choice: str) -> Any:
        asked.append((journal, str(database), choice))
        problem = _rollback.Problem("x", "is wrong", "mend it")
        return _rollback.Look({"carries": True}, [problem], [])

    monkeypatch.setattr(_journal, "load", lambda folder: migrated)

    def others(project: str, accepted: list[str]) -> list[Any]:
        assert project == "gateway"
        return [] if accepted == ["process psql"] else [_rollback.Problem("y", "is here", "wait")]

    monkeypatch.setattr(_rollback, "inspect", look)
    monkeypatch.setattr(_neighbours, "of_compose", others)
    rollback.update(source=SOURCE, data="none", project_name="gateway")
    result = run(migration_check, **rollback)
    assert (result["changed"], result["facts"]) == (False, {"carries": True})
    wrong = ["x: is wrong -> mend it"]
    assert (result["problems"], result["warnings_found"]) == ([*wrong, "y: is here -> wait"], [])
    result = run(migration_check, **rollback, accept_down=["process psql"])
    assert result["problems"] == wrong
    asked.pop()
    database = "database litellm (container litellm-postgres)"
    assert asked == [(migrated, database, "none")]
    # one that stays elsewhere has nothing that could be copied back
    migrated["facts"] = {"found": {"database": {"where": "elsewhere"}}}
    run(migration_check, **rollback)
    assert asked[1:] == [(migrated, "None", "none")]


def test_who_uses_the_servers_is_asked_again_before_the_cutover(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cutover = {"for": "cutover", "state_dir": str(tmp_path)}
    assert "no migration of this host" in run(migration_check, **cutover)["msg"]
    found = {"legacy": {"pid": 7}}
    monkeypatch.setattr(_journal, "load", lambda folder: {"facts": {"found": found}})
    assert "legacy.env cannot be read" in run(migration_check, **cutover)["msg"]
    (tmp_path / "legacy.env").write_text("DATABASE_URL=postgresql://x\n")

    def others(
        there: Any, environment: dict[str, str], accepted: list[str], ours: list[int]
    ) -> list[Any]:
        assert (there, environment, ours) == (found, {"DATABASE_URL": "postgresql://x"}, [8, 9])
        return [] if accepted else [_rollback.Problem("y", "is here", "wait")]

    names = {("litellm-transition-proxy", "litellm-transition-pooler"): [8, 9]}
    monkeypatch.setattr(_docker, "pids", lambda asked: names[tuple(asked)])
    monkeypatch.setattr(_neighbours, "of_legacy", others)
    assert run(migration_check, **cutover)["problems"] == ["y: is here -> wait"]
    assert run(migration_check, **cutover, accept_down=["y"])["problems"] == []


def test_host_is_judged_only_where_it_is_migrated(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = run(migration_check, **FINALIZE, state_dir=str(tmp_path), backup_dir="/b")
    assert (told["standing"], told["problems"], told["facts"]) == ("refused", [], {})
    monkeypatch.setattr(
        _journal, "load", lambda folder: {"state": "migrated", "phase": "hand_over"}
    )
    seen: list[dict[str, Any]] = []

    def look(settings: dict[str, Any], journal: Any, now: Any) -> Any:
        seen.append(settings)
        return _finalize.Look({"a": 1}, [_finalize.Problem("x", "is wrong", "mend it")], [])

    monkeypatch.setattr(_finalize, "inspect", look)
    told = run(migration_check, **FINALIZE, check=True, state_dir=str(tmp_path), backup_dir="/b")
    assert (told["changed"], told["problems"], told["facts"], seen[0]["check"]) == (
        False,
        ["x: is wrong -> mend it"],
        {"a": 1},
        True,
    )
    monkeypatch.setattr(_journal, "load", fails(_journal.JournalError("broken")))
    assert (
        run(migration_check, **FINALIZE, state_dir=str(tmp_path), backup_dir="/b")["msg"]
        == "broken"
    )


@pytest.mark.parametrize(
    "error", [_systemd.SystemdError("no answer"), OSError(5, "no answer", "/x")]
)
def test_host_that_cannot_be_looked_at_is_said(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
) -> None:
    monkeypatch.setattr(_journal, "load", lambda folder: {"state": "migrated", "facts": {}})
    monkeypatch.setattr(_rollback, "inspect", fails(error))
    told = run(migration_check, **{"for": "rollback"}, state_dir=str(tmp_path), source=SOURCE)
    assert told["failed"] and told["msg"].endswith("no answer")


def test_finalize_needs_the_folder_of_the_backups(run: Run, tmp_path: Path) -> None:
    assert "backup_dir" in run(migration_check, **FINALIZE, state_dir=str(tmp_path))["msg"]
