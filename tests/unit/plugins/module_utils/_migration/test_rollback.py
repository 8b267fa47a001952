"""The way back: what stands against it, and what each choice keeps and loses, in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import legacy as _legacy
from ansible_collections.llmops.litellm.plugins.module_utils._host import files as _files
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._migration import rollback as _rollback
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    copy_back as _copy_back,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    fingerprint as _fingerprint,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session

ENDPOINT = _session.Endpoint(database="litellm", user="litellm", container="litellm-postgres")
LEFT = {"source": {"hash": "a"}, "target": {"schema_hash": "s", "tables": []}}
UNIT = {"name": "litellm.service", "path": ""}


def legacy(folder: Path, version: str = "1.102.4") -> dict[str, Any]:
    """A legacy deployment that is all there."""
    site = folder / "venv/lib/python3.11/site-packages" / f"litellm-{version}.dist-info"
    site.mkdir(parents=True)
    (folder / "venv/bin").mkdir()
    (folder / "venv/bin/python").touch()
    for name in ("config.yaml", "litellm.service"):
        (folder / name).write_text("x")
    return {
        "units": [
            {
                "name": "litellm.service",
                "account": "",
                "path": str(folder / "litellm.service"),
                "enabled": "enabled",
            }
        ],
        "python": str(folder / "venv/bin/python"),
        "litellm_version": "1.102.4",
        "hashes": {str(folder / "config.yaml"): _legacy.file_hash(str(folder / "config.yaml"))},
    }


@pytest.fixture(autouse=True)
def loads(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """How systemd has loaded units, by name; those that are not in it are as they should be."""
    states: dict[str, str] = {}

    def look(manager: Any, names: list[str]) -> list[_systemd.Unit]:
        shown = {"LoadState": states.get(names[0], "loaded"), "LoadError": 'x.y "why"'}
        return [_systemd.Unit(names[0], manager, "disabled", "inactive", shown)]

    monkeypatch.setattr(_systemd, "look", look)
    return states


def journal(found: dict[str, Any], served: bool = True) -> dict[str, Any]:
    """A journal of a host that was migrated, or was killed in its cutover."""

    def entry(name: str, facts: Any) -> dict[str, Any]:
        return {
            "name": name,
            "state": "done",
            "begun": "2026-11-23T15:00:00+00:00",
            "ended": "2026-11-23T15:00:09+00:00",
            "facts": facts,
        }

    steps = [entry("backup", {"name": "before-x", "path": "/nowhere"}), entry("cutover", LEFT)] + (
        [entry("serve", {})] if served else []
    )
    return {
        "state": "migrated" if served else "running",
        "phase": steps[-1]["name"],
        "steps": steps,
        "facts": {"found": found},
    }


def fail(error: Exception) -> None:
    """Raise what a test has prepared."""
    raise error


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The compose deployment's database, as its parts are asked."""
    told: dict[str, Any] = {
        "held": {"schema_hash": "s", "tables": []},
        "since": [["2", "7", "0.5"]],
        "size": 1 << 30,
        "asked": [],
    }

    def query(endpoint: Any, statement: str) -> Any:
        told["asked"].append(statement)
        return told["since"]

    def held(endpoint: Any) -> Any:
        if isinstance(told["held"], Exception):
            fail(told["held"])
        return told["held"]

    monkeypatch.setattr(_fingerprint, "fingerprint", held)
    monkeypatch.setattr(_session, "query", query)
    monkeypatch.setattr(_session, "database_size", lambda endpoint: told["size"])
    monkeypatch.setattr(
        _copy_back,
        "delta",
        lambda before, after: [
            {"name": "LiteLLM_SpendLogs", "before": 3, "after": 10},
            {"name": "LiteLLM_UserTable", "before": 4, "after": 4},
        ],
    )
    return told


def test_everything_is_there_and_comes_along(tmp_path: Path, database: dict[str, Any]) -> None:
    found = _rollback.inspect(journal({"legacy": legacy(tmp_path)}), ENDPOINT, "carry")
    assert (found.problems, found.warnings) == ([], [])
    assert found.facts["since"] == {"keys": 2, "requests": 7, "spend": 0.5}
    assert "'2026-11-23 15:00:09'" in database["asked"][0]
    assert found.facts["summary"] == (
        "Since the cutover 2 keys created, 7 requests logged, 0.500000 of spend recorded. "
        "Rows: LiteLLM_SpendLogs +7, LiteLLM_UserTable changed."
    )
    assert found.facts["choices"]["carry"] == "keeps all of it, loses nothing."
    assert (
        "at the cutover (2026-11-23T15:00:00+00:00), loses all of it"
        in found.facts["choices"]["none"]
    )
    assert "before-x of 2026-11-23T15:00:09+00:00" in found.facts["choices"]["backup"]


def test_names_of_tables_forge_no_line() -> None:
    tables = [{"name": support.HOSTILE, "before": 3, "after": 10}]
    told = _rollback.summary({"since": None, "tables": tables}, "")
    support.assert_on_lines([told], 1)


def test_killed_cutover_has_nothing_to_carry(tmp_path: Path, database: dict[str, Any]) -> None:
    found = _rollback.inspect(
        journal({"legacy": legacy(tmp_path)}, served=False), ENDPOINT, "carry"
    )
    assert (found.facts["carries"], found.facts["choices"], found.problems) == (False, {}, [])
    assert database["asked"] == []


def test_database_that_was_not_moved_has_nothing_to_carry(
    tmp_path: Path, database: dict[str, Any]
) -> None:
    told = legacy(tmp_path)
    for choice in _rollback.CHOICES:
        found = _rollback.inspect(journal({"legacy": told}), None, choice)
        assert (found.facts["carries"], found.problems) == (False, [])
        assert found.facts["summary"] == _rollback.NOT_MOVED
        redis = {"port": 6379, "unit": None}
        said = _rollback.inspect(journal({"legacy": told, "redis": redis}), None, choice)
        assert ("The keys of Redis" in said.facts["summary"]) == (choice != "carry")
    assert database["asked"] == []


def test_everything_that_is_gone_is_named_at_once(tmp_path: Path, database: dict[str, Any]) -> None:
    told = legacy(tmp_path, version="1.103.0")
    for name in ("config.yaml", "litellm.service"):
        (tmp_path / name).unlink()
    database["held"]["schema_hash"] = "newer"
    text = "\n".join(
        str(problem)
        for problem in _rollback.inspect(journal({"legacy": told}), ENDPOINT, "carry").problems
    )
    assert f"unit litellm.service: its file {tmp_path}/litellm.service is gone" in text
    assert f"{tmp_path}/config.yaml: is gone" in text
    assert "has LiteLLM 1.103.0 now, the legacy proxy ran 1.102.4" in text
    assert "has another schema than at the cutover" in text
    (tmp_path / "venv/bin/python").unlink()
    assert "is gone: the legacy proxy cannot start" in "\n".join(
        map(str, _rollback.inspect(journal({"legacy": told}), ENDPOINT, "none").problems)
    )


def test_journal_without_the_legacy_deployment_is_refused(database: dict[str, Any]) -> None:
    (problem,) = _rollback.inspect(journal({}), ENDPOINT, "none").problems
    assert str(problem).startswith("journal: does not say what the legacy deployment was")


def test_units_that_cannot_be_brought_back_are_named(
    tmp_path: Path, database: dict[str, Any], loads: dict[str, str]
) -> None:
    loads.update({"litellm.service": "bad-setting", "redis.service": "not-found"})
    unit = {"name": "redis.service", "account": "", "path": "", "enabled": "enabled"}
    redis = {"unit": unit}
    found = {"legacy": legacy(tmp_path), "redis": redis, "database": {"unit": None}}
    told = _rollback.inspect(journal(found), ENDPOINT, "none").problems
    assert [problem.subject for problem in told] == ["unit litellm.service", "unit redis.service"]
    assert told[0].problem == "can't be loaded by the system (bad-setting, why)"
    assert told[1].problem == "is not there any more: the system has no such unit"


def test_changed_configuration_is_only_told(tmp_path: Path, database: dict[str, Any]) -> None:
    told = legacy(tmp_path)
    (tmp_path / "config.yaml").write_text("y")
    found = _rollback.inspect(journal({"legacy": told}), ENDPOINT, "carry")
    assert found.problems == []
    assert [warning.subject for warning in found.warnings] == [f"{tmp_path}/config.yaml"]


@pytest.mark.parametrize(
    ("choice", "stopped"), [("carry", True), ("backup", True), ("none", False)]
)
def test_database_that_cannot_be_read_stops_only_what_needs_it(
    tmp_path: Path,
    database: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    choice: str,
    stopped: bool,
) -> None:
    database["held"] = _session.PostgresError("no such container")
    monkeypatch.setattr(_backup, "verify", lambda folder: [])
    found = _rollback.inspect(journal({"legacy": legacy(tmp_path)}), ENDPOINT, choice)
    assert bool(found.problems) is stopped
    assert "can't be counted" in found.facts["summary"]


@pytest.mark.parametrize(("wrong", "expected"), [([], 0), (["x: is missing"], 1)])
def test_backup_is_only_restored_if_it_is_sound(
    tmp_path: Path,
    database: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    wrong: list[str],
    expected: int,
) -> None:
    monkeypatch.setattr(_backup, "verify", lambda folder: wrong)
    assert (
        len(_rollback.inspect(journal({"legacy": legacy(tmp_path)}), ENDPOINT, "backup").problems)
        == expected
    )


def test_journal_without_its_proof_carries_nothing(
    tmp_path: Path, database: dict[str, Any]
) -> None:
    told = journal({"legacy": legacy(tmp_path)})
    told["steps"][1]["facts"] = {}
    assert ["journal"] == [
        problem.subject for problem in _rollback.inspect(told, ENDPOINT, "carry").problems
    ]
    told["facts"] = {}
    assert "journal" in [
        problem.subject for problem in _rollback.inspect(told, ENDPOINT, "none").problems
    ]


@pytest.mark.parametrize(
    ("facts", "wrong"),
    [
        ({"legacy_hash": "h", "legacy_schema": "s", "switched": "t"}, []),
        ({"legacy_hash": "h", "legacy_schema": "other", "switched": "t"}, ["database"]),
        ({"legacy_hash": "unequal", "switched": "t"}, ["journal"]),
        ({"legacy_hash": "h", "legacy_schema": "s"}, ["journal"]),
    ],
)
def test_database_that_was_looked_at_afterwards_is_proof_enough(
    tmp_path: Path, database: dict[str, Any], facts: dict[str, Any], wrong: list[str]
) -> None:
    """Of a run that was killed after clients were led to the new one, before both were compared."""
    told = journal({"legacy": legacy(tmp_path)})
    told["steps"][1]["facts"] = {"reason": "killed"}
    told["facts"].update(facts)
    found = _rollback.inspect(told, ENDPOINT, "carry").problems
    assert [problem.subject for problem in found] == wrong


@pytest.mark.parametrize(("free", "expected"), [(2 << 30, 0), (1 << 30, 1)])
def test_room_for_the_rows_is_looked_at_with_numbers(
    tmp_path: Path,
    database: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    free: int,
    expected: int,
) -> None:
    monkeypatch.setattr(_files, "free_bytes", lambda path: free)
    found = {"legacy": legacy(tmp_path), "database": {"server": {"folder": str(tmp_path)}}}
    problems = _rollback.inspect(journal(found), ENDPOINT, "carry").problems
    assert len(problems) == expected
    assert all("1.0 GiB free, the rows may need 1.2 GiB" in str(problem) for problem in problems)
