"""Whether a host may be without its legacy deployment: every reason against it, and what is kept.
Servers and systemd are fakes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from migrated_host import ENDED, HELD, NATIVE, backup, entry, finalized

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import legacy as _legacy
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    position as _position,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    unit_removal as _unit_removal,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import files as _files
from ansible_collections.llmops.litellm.plugins.module_utils._host import reader as _reader
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import Problem
from ansible_collections.llmops.litellm.plugins.module_utils._migration import finalize as _finalize
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    neighbours as _neighbours,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration import status as _status
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    fingerprint as _fingerprint,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    native_server as _native_server,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session

NOW = datetime(2026, 11, 30, 15, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("told", "standing", "why"),
    [
        (None, "refused", "no migration was ever begun"),
        (
            finalized(state="untouched"),
            "refused",
            "the host is untouched and runs its legacy deployment: migrate.yml",
        ),
        (finalized(state="rolled back"), "refused", "the host is rolled back"),
        (finalized(state="migrated"), "ready", ""),
        (finalized(state="finalized"), "finalized", "finalized since 2026-11-23"),
        (finalized(entry("last_backup", "begun"), state="running"), "ready", ""),
        (finalized(entry("remove_units", "failed"), state="running"), "ready", ""),
        (finalized(state="running"), "ready", ""),
        (
            finalized(entry("stop_new", "begun"), state="running"),
            "refused",
            "a run was killed in its step stop_new: migrate.yml or rollback.yml",
        ),
    ],
    ids=lambda value: value["state"] + " " + value["phase"] if isinstance(value, dict) else "",
)
def test_only_a_migrated_host_can_be_finalized(told: Any, standing: str, why: str) -> None:
    assert _finalize.position(told)[0] == standing
    assert _finalize.position(told)[1].startswith(why)


def test_migration_that_was_killed_in_its_last_step_is_not_over() -> None:
    told = finalized(state="running")
    del told["ended"]
    assert _finalize.position(told)[0] == "refused"


def subjects(problems: list[Problem]) -> list[str]:
    return [item.subject for item in problems]


@given(st.floats(0, 3650, allow_nan=False), st.integers(0, 400_000_000))
def test_host_is_watched_for_as_long_as_was_said(days: float, seconds: int) -> None:
    now = datetime.fromisoformat(ENDED) + timedelta(seconds=seconds)
    early = now < datetime.fromisoformat(ENDED) + timedelta(days=days)
    assert subjects(_finalize.check_journal(finalized(), days, now)) == (
        ["finalize_observation_days"] if early else []
    )


def test_refusal_names_the_day() -> None:
    assert "run finalize.yml from 2026-12-03 14:00 UTC on" in str(
        _finalize.check_journal(finalized(), 10, NOW)[0]
    )


def test_run_that_went_on_is_not_asked_for_the_time_again() -> None:
    assert (
        _finalize.check_journal(finalized(entry("remove_units", "begun"), state="running"), 99, NOW)
        == []
    )
    assert subjects(
        _finalize.check_journal(
            finalized(entry("last_backup", "failed"), state="migrated"), 99, NOW
        )
    ) == ["finalize_observation_days"]


def test_journal_without_proofs_is_refused_with_every_reason() -> None:
    told = finalized()
    told["steps"][1]["facts"] = {"equal": False, "source": HELD}
    del told["ended"], told["facts"]["found"]["database"]["server"]
    said = " ".join(str(item) for item in _finalize.check_journal(told, 0, NOW))
    assert "when the migration ended" in said
    assert "no proof that the copy at the cutover was equal" in said
    assert "how the native PostgreSQL is started" in said
    told["facts"] = {}
    assert "what the legacy deployment was" in " ".join(
        str(item) for item in _finalize.check_journal(told, 0, NOW)
    )


def test_what_the_database_was_left_with_last_counts() -> None:
    assert _position.legacy_hash(finalized()) == "h1"
    assert _position.legacy_hash(finalized(legacy_hash="h2")) == "h2"
    assert _position.legacy_hash({"facts": {}, "steps": []}) == ""


def test_steps_that_are_left() -> None:
    assert _finalize.steps_left(finalized(), False) == ["last_backup", "remove_units"]
    assert _finalize.steps_left(finalized(), True) == [
        "last_backup",
        "remove_units",
        "drop_databases",
    ]
    dumped = entry("last_backup", hash="h1")
    assert _finalize.steps_left(finalized(dumped, entry("remove_units", "begun")), True) == [
        "remove_units",
        "drop_databases",
    ]
    assert (
        _finalize.steps_left(
            finalized(dumped, entry("remove_units"), entry("drop_databases", "failed")), False
        )
        == []
    )
    # it is of an earlier state of the database
    assert _finalize.steps_left(
        finalized(dumped, entry("remove_units"), legacy_hash="h2"), False
    ) == [
        "last_backup",
        "remove_units",
    ]


def test_backup_from_before_is_looked_at(tmp_path: Path) -> None:
    assert _finalize.check_backup({"path": backup(tmp_path / "a")}) == []
    assert "not named in the journal" in str(_finalize.check_backup({})[0])
    assert "it is not pinned" in str(
        _finalize.check_backup({"path": backup(tmp_path / "b", pinned=False)})[0]
    )
    assert "is not of format 1" in str(
        _finalize.check_backup({"path": backup(tmp_path / "c", format=9)})[0]
    )
    assert "cannot be read" in str(_finalize.check_backup({"path": str(tmp_path / "nosuch")})[0])


def test_last_backup_of_another_state_is_not_taken(tmp_path: Path) -> None:
    path = backup(tmp_path / "a")
    assert _finalize.check_dump(path, "h1") == []
    assert "holds something else" in str(_finalize.check_dump(path, "h2")[0])
    assert "cannot be read" in str(_finalize.check_dump(str(tmp_path), "h1")[0])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ""),
        (
            {"kind": "nobody", "name": "nobody"},
            "port 4000: is not the compose deployment's: nobody",
        ),
        ({"ready": False, "reasons": ["HTTP 503"]}, "HTTP 503"),
        (
            {"database": "unknown", "reasons": []},
            "is not ready with its database: database unknown",
        ),
    ],
)
def test_compose_deployment_has_to_serve(change: dict[str, Any], said: str) -> None:
    problems = _finalize.check_proxy(
        {
            "port": 4000,
            "kind": "compose",
            "name": "c",
            "ready": True,
            "database": "connected",
            "reasons": [],
            **change,
        }
    )
    assert said in " ".join(str(item) for item in problems)
    assert bool(problems) == bool(said)


def test_unit_that_runs_is_a_reason() -> None:
    units = [
        {"name": "a.timer", "active": "active"},
        {"name": "b.service", "active": "inactive"},
        {"name": "c.service", "active": None},
    ]
    assert subjects(_finalize.check_units(units)) == ["unit a.timer"]


def test_server_of_a_users_unit_stops_no_unit_of_the_system() -> None:
    """Starting it in private stops its own unit by name, in the system's manager."""
    unit = {"name": "ufw.service", "account": ""}
    assert _finalize._system_unit({"unit": unit}) == "ufw.service"
    assert _finalize._system_unit({"unit": {**unit, "account": "ana"}}) == ""
    assert _finalize._system_unit({"unit": None}) == _finalize._system_unit({}) == ""


def test_rows_that_somebody_wrote_are_named() -> None:
    assert _finalize.check_contents(HELD, finalized()) == []
    changed = {**HELD, "hash": "h2", "tables": [{**HELD["tables"][0], "rows": 2}]}  # type: ignore[dict-item,index]
    assert "table a has 1 rows in the database of the cutover, 2 in the legacy database" in str(
        _finalize.check_contents(changed, finalized())[0]
    )
    assert "its contents have another hash" in str(
        _finalize.check_contents(changed, finalized(legacy_hash="h3"))[0]
    )


def test_room() -> None:
    assert _finalize.check_room("/b", 10, 10) == []
    assert "/b: has 1.0 MiB free, the last backup may need 2.0 MiB" in str(
        _finalize.check_room("/b", 2 << 20, 1 << 20)[0]
    )


def test_every_file_is_taken_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "config.yaml",
        "litellm.service",
        "litellm-backup@x.timer",
        "own.conf",
        "legacy.env",
    ):
        (tmp_path / name).touch()
    (tmp_path / "link.service").symlink_to(tmp_path / "litellm.service")
    monkeypatch.setattr(
        _unit_removal,
        "drop_ins",
        lambda unit: [str(tmp_path / "own.conf")] if unit["name"] == "litellm.service" else [],
    )
    told = finalized()
    told["facts"]["found"]["legacy"].update(
        files=[
            {"src": str(tmp_path / "config.yaml"), "name": "1-config.yaml"},
            {"src": str(tmp_path / "link.service"), "name": "2-link.service"},
            {"src": str(tmp_path / "gone"), "name": "3-gone"},
        ],
        units=[
            {"name": "litellm.service", "account": "", "path": str(tmp_path / "litellm.service")},
            {"name": "x", "account": "root", "path": str(tmp_path / "litellm-backup@x.timer")},
            {"name": "y", "account": "", "path": ""},
        ],
    )
    ours = _reader.word(_reader.ours())
    assert _finalize.files_of(told, str(tmp_path)) == [
        {"src": str(tmp_path / name), "account": account, "name": "%d-%s" % (number, kept)}
        for name, account, number, kept in (
            ("config.yaml", ours, 1, "config.yaml"),
            ("link.service", ours, 2, "link.service"),
            ("litellm-backup@x.timer", "root", 4, "litellm-backup_x.timer"),
            ("own.conf", "", 5, "own.conf"),
            ("legacy.env", "", 6, "legacy.env"),
        )
    ]


def test_kept_databases_of_all_journals(tmp_path: Path) -> None:
    begun = _journal.create("x", {"controller": "desk", "run": "1:1"}, NOW)

    def of(kept: Any) -> str:
        return json.dumps({**begun, "facts": {"kept_database": kept}})

    for name, text in (
        ("journal.json", of("b")),
        ("journal-1.json", of("a")),
        ("journal-2.json", json.dumps(begun)),
        ("journal-3.json", "{"),
        ("journal-4.json", "[" * 200_000),
        ("report.json", of("c")),
        ("journal-5.json", of("a")),
        ("journal-6.json", of(["d"])),
    ):
        (tmp_path / name).write_text(text)
    assert _finalize.kept_databases(str(tmp_path)) == ["a", "b"]
    assert _finalize.kept_databases(str(tmp_path / "nosuch")) == []


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A host with nothing against it; its private server tells that it was started."""
    told: dict[str, Any] = {
        "held": HELD,
        "broken": "",
        "started": [],
        "proxy": {
            "port": 4000,
            "kind": "compose",
            "name": "c",
            "ready": True,
            "database": "connected",
            "reasons": [],
        },
    }

    @contextmanager
    def running(server: Any, env_file: str, where: Any, conflicts: str) -> Iterator[Any]:
        told["started"].append((server, env_file, conflicts))
        if told["broken"]:
            raise _native_server.NativeServerError(told["broken"])
        yield "endpoint"

    monkeypatch.setattr(_native_server, "running", running)
    monkeypatch.setattr(_fingerprint, "fingerprint", lambda endpoint: told["held"])
    monkeypatch.setattr(_session, "database_size", lambda endpoint: 1 << 20)
    monkeypatch.setattr(_files, "free_bytes", lambda path: 1 << 30)
    monkeypatch.setattr(
        _status,
        "inspect",
        lambda settings, now: {"proxy": told["proxy"], "legacy": {"units": [], "servers": []}},
    )
    told["strangers"], told["uses"] = [], []
    monkeypatch.setattr(_legacy, "strangers", lambda recorded: told["strangers"])
    monkeypatch.setattr(_neighbours, "of_removed", lambda units: told["uses"])
    told["journal"] = finalized()
    told["journal"]["steps"][0]["facts"]["path"] = backup(tmp_path / "before")
    told["settings"] = {
        "state_dir": str(tmp_path),
        "backup_dir": str(tmp_path / "backups"),
        "observation_days": 7,
        "drop_database": False,
        "remove_kept": False,
        "accept_down": [],
        "check": False,
        "project_name": "litellm",
        "timeout": 1,
    }
    return told


def test_host_with_nothing_against_it(host: dict[str, Any], tmp_path: Path) -> None:
    found = _finalize.inspect(host["settings"], host["journal"], NOW)
    assert (found.problems, found.warnings) == ([], [])
    assert host["started"] == [(NATIVE, str(tmp_path / "legacy.env"), "postgresql@15-main.service")]
    assert (found.facts["steps"], found.facts["dump"], found.facts["expect"]) == (
        ["last_backup", "remove_units"],
        "legacy-final-20261123t140000z-12ab",
        "h1",
    )


def test_every_reason_comes_at_once(host: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    host["held"] = {**HELD, "hash": "h2"}
    host["proxy"]["kind"] = "nobody"
    host["settings"]["observation_days"] = 30
    host["journal"]["steps"][0]["facts"] = {}
    monkeypatch.setattr(_files, "free_bytes", lambda path: 1)
    found = _finalize.inspect(host["settings"], host["journal"], NOW)
    assert subjects(found.problems) == [
        "finalize_observation_days",
        "backup",
        "port 4000",
        "legacy database",
        host["settings"]["backup_dir"],
    ]


def test_unit_that_was_taken_for_its_name_keeps_its_files(host: dict[str, Any]) -> None:
    units = host["journal"]["facts"]["found"]["legacy"]["units"]
    host["strangers"] = [units[0]]
    found = _finalize.inspect(host["settings"], host["journal"], NOW)
    assert found.problems == []
    assert [unit["name"] for unit in found.facts["units"]] == [unit["name"] for unit in units[1:]]
    assert str(found.warnings[0]).startswith(
        "unit %s: was stopped with the legacy deployment for its name" % units[0]["name"]
    )


def test_who_needs_a_unit_that_is_removed_is_named_until_it_is_accepted(
    host: dict[str, Any],
) -> None:
    host["uses"] = [_neighbours.Use("unit chat.service", "needs litellm.service", "let it")]
    found = _finalize.inspect(host["settings"], host["journal"], NOW)
    assert subjects(found.problems) == ["unit chat.service"]
    host["settings"]["accept_down"] = ["chat.service"]
    assert _finalize.inspect(host["settings"], host["journal"], NOW).problems == []


def test_database_that_cannot_be_read_is_a_reason(host: dict[str, Any]) -> None:
    host["broken"] = "it runs already"
    assert "can't be looked at: it runs already" in str(
        _finalize.inspect(host["settings"], host["journal"], NOW).problems[0]
    )


def test_database_that_was_not_moved_is_backed_up_where_it_is(
    host: dict[str, Any], tmp_path: Path
) -> None:
    found = host["journal"]["facts"]["found"]
    found["database"] = {"where": "elsewhere", "host": "db", "port": 5432, "image": "pg:17"}
    for done in host["journal"]["steps"]:
        if done["name"] == "cutover":
            done["facts"] = {}
    seen = _finalize.inspect(host["settings"], host["journal"], NOW)
    assert (seen.problems, host["started"]) == ([], [])
    assert seen.facts["source"]["env_file"] == str(tmp_path / "legacy.env")
    assert (seen.facts["source"]["image"], seen.facts["server"]) == ("pg:17", None)
    host["settings"]["drop_database"] = True
    (problem,) = _finalize.inspect(host["settings"], host["journal"], NOW).problems
    assert "would drop the database that the proxy uses" in str(problem)


def test_deployment_without_a_database_is_not_finalized(host: dict[str, Any]) -> None:
    host["journal"]["facts"]["found"]["database"] = None
    host["proxy"]["database"] = "not configured"
    (problem,) = _finalize.inspect(host["settings"], host["journal"], NOW).problems
    assert str(problem).startswith("database: the deployment has none")


def test_check_mode_starts_no_server_and_says_so(host: dict[str, Any]) -> None:
    host["settings"]["check"] = True
    found = _finalize.inspect(host["settings"], host["journal"], NOW)
    assert (host["started"], found.problems) == ([], [])
    assert "is not looked at in check mode" in str(found.warnings[0])


@pytest.mark.parametrize(("drop", "refused"), [(True, ["finalize_drop_database"]), (False, [])])
def test_database_that_others_use_too_is_not_dropped(
    host: dict[str, Any], drop: bool, refused: list[str]
) -> None:
    host["settings"]["drop_database"] = drop
    host["journal"]["facts"]["found"]["database"]["left_behind"] = ["schema app"]
    found = _finalize.inspect(host["settings"], host["journal"], NOW)
    assert subjects(found.problems) == refused
    assert not drop or "would drop what is not LiteLLM's: schema app" in found.problems[0].problem


def test_run_that_goes_on_trusts_its_sound_backup(host: dict[str, Any], tmp_path: Path) -> None:
    host["journal"]["steps"] += [entry("last_backup", hash="h1"), entry("drop_databases", "begun")]
    host["journal"].update(state="running", phase="drop_databases")
    assert "cannot be read" in str(
        _finalize.inspect(host["settings"], host["journal"], NOW).problems[0]
    )
    backup(tmp_path / "backups/legacy-final-20261123t140000z-12ab")
    assert _finalize.inspect(host["settings"], host["journal"], NOW).problems == []
    assert host["started"] == []


def test_backup_that_a_killed_run_made_is_compared(host: dict[str, Any], tmp_path: Path) -> None:
    backup(tmp_path / "backups/legacy-final-20261123t140000z-12ab", fingerprint={"hash": "h9"})
    assert subjects(_finalize.inspect(host["settings"], host["journal"], NOW).problems) == [
        "last backup"
    ]


def test_journal_of_these_tests_is_one() -> None:
    assert _journal.nonsense(finalized()) == []
