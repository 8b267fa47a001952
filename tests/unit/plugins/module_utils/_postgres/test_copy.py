"""Decisions of a copy, and its stream of bytes between two programs that are none of PostgreSQL's.

tests/integration/database/test_copy.py copies between real servers.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import copy as _copy
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.contents import Scope
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.database import Occupancy
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
)

OURS = {"made_by": "llmops.litellm", "hash": "h", "rows_total": 5, "time": "2026"}
SOURCE = Endpoint("old", "owner", host="127.0.0.1")
TARGET = Endpoint("litellm", "litellm", "litellm-postgres")


class Servers:
    """Two servers: what is at the target's name, and what both databases hold."""

    def __init__(self) -> None:
        self.found = Occupancy(False, None, [], [])
        self.held = {"old": {"hash": "h"}, "litellm": {"hash": "h", "rows_total": 5}}


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Servers:
    servers = Servers()
    monkeypatch.setattr(_copy, "check_versions", lambda *_words: (15, 15))
    monkeypatch.setattr(_copy, "check_source", lambda _session, _target: [])
    monkeypatch.setattr(_copy, "Session", support.Database())
    monkeypatch.setattr(_copy, "inspect", lambda *_words: servers.found)
    monkeypatch.setattr(_copy, "fingerprint", lambda place: servers.held[place.database])
    monkeypatch.setattr(
        _copy, "compare", lambda one, other: [] if one["hash"] == other["hash"] else ["table a"]
    )
    return servers


def test_free_name_is_created(servers: Servers) -> None:
    assert _copy.plan(SOURCE, TARGET) == ("create", None)


def test_what_is_somebody_elses_is_refused(servers: Servers) -> None:
    servers.found = Occupancy(True, None, ["table a"], ["psql of bob"])
    with pytest.raises(PostgresError, match="; "):
        _copy.plan(SOURCE, TARGET)


def test_unchanged_copy_of_ours_is_replaced(servers: Servers) -> None:
    servers.found = Occupancy(True, OURS, ["table a"], [])
    assert _copy.plan(SOURCE, TARGET) == ("replace", servers.held["litellm"])


def test_copy_that_was_written_to_is_replaced_only_on_demand(servers: Servers) -> None:
    servers.found = Occupancy(True, {**OURS, "hash": "other"}, ["table a"], [])
    with pytest.raises(PostgresError, match="was written to since .5 rows now, 5 when"):
        _copy.plan(SOURCE, TARGET)
    assert _copy.plan(SOURCE, TARGET, "ours")[0] == "replace"


def test_empty_database_needs_no_fingerprint(servers: Servers) -> None:
    servers.found = Occupancy(True, OURS, [], [])
    servers.held.clear()
    assert _copy.plan(SOURCE, TARGET) == ("replace", None)


@pytest.mark.parametrize(("source", "action"), [("h", "none"), ("other", "replace")])
def test_dry_run_compares_an_earlier_copy(servers: Servers, source: str, action: str) -> None:
    servers.found = Occupancy(True, OURS, ["table a"], [])
    servers.held["old"] = {"hash": source}
    assert _copy.dry_run(SOURCE, TARGET, "unchanged") == action


def test_dry_run_of_a_first_copy(servers: Servers) -> None:
    assert _copy.dry_run(SOURCE, TARGET, "unchanged") == "create"


def test_lock_is_waited_for_and_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([[["f"]], [["f"]], [["t"]]])
    admin: Any = support.Database({"pg_try_advisory_lock": lambda: next(answers)})
    pauses: list[float] = []
    monkeypatch.setattr(_copy, "sleep", pauses.append)
    _copy._lock(admin, TARGET)
    assert pauses == [0.5, 0.5]
    admin.answers = {"pg_try_advisory_lock": [["f"]]}
    monkeypatch.setattr(_copy, "TIMEOUT", -1.0)
    with pytest.raises(PostgresError, match="another copy into .* is under way"):
        _copy._lock(admin, TARGET)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``pg_dump`` and ``pg_restore`` as scripts; the fingerprint is taken meanwhile."""
    monkeypatch.setattr(_copy, "take", lambda _session, _scope: {"hash": "h"})
    script(tmp_path / "pg_dump", f'echo "$@" > {tmp_path}/dumped; head -c 3000000 /dev/zero')
    script(tmp_path / "pg_restore", f"cat > {tmp_path}/restored")
    return tmp_path


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def stream(folder: Path, scope: Scope | None = None) -> tuple[int, dict[str, Any]]:
    place = Endpoint("litellm", host="/nosuch", bindir=str(folder))
    held: Any = support.Database()
    return _copy.stream(place, place, "0001-1", held, (), scope)


def test_every_byte_crosses_and_is_counted(programs: Path) -> None:
    assert stream(programs) == (3_000_000, {"hash": "h"})
    assert (programs / "restored").stat().st_size == 3_000_000
    assert "--snapshot=0001-1" in (programs / "dumped").read_text().split()


@pytest.mark.parametrize("splice", [True, False], ids=["in the kernel", "by hand"])
def test_pump_ends_with_its_writer(monkeypatch: pytest.MonkeyPatch, splice: bool) -> None:
    if not splice:
        monkeypatch.delattr(os, "splice", raising=False)
    (read, write), (taken, given) = os.pipe(), os.pipe()
    counted = [0]
    pump = threading.Thread(
        target=_copy._pump,
        args=(os.fdopen(read, "rb", 0), os.fdopen(given, "wb", 0), counted),
    )
    pump.start()
    os.write(write, b"words")
    os.close(write)
    pump.join(30)
    assert os.read(taken, 100) == b"words"
    assert os.read(taken, 100) == b""
    assert counted == [5]
    os.close(taken)


def test_reader_that_fails_is_named_with_what_it_said(programs: Path) -> None:
    script(programs / "pg_restore", "echo 'pg_restore: error: no room' >&2; exit 1")
    with pytest.raises(PostgresError, match=r"the copy failed\. .*pg_restore: .*no room"):
        stream(programs)


def test_both_that_fail_are_named(programs: Path) -> None:
    script(programs / "pg_dump", "echo 'pg_dump: error: gone' >&2; exit 1")
    script(programs / "pg_restore", "echo 'pg_restore: error: too short' >&2; exit 1")
    with pytest.raises(PostgresError, match=r"pg_dump: .*gone.* \| pg_restore: .*too short"):
        stream(programs)


def test_fingerprint_that_fails_ends_both(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    start = Endpoint.start

    def note(*words: Any, **options: Any) -> Any:
        started.append(start(*words, **options))
        return started[-1]

    monkeypatch.setattr(Endpoint, "start", note)
    script(programs / "pg_dump", "exec sleep 60")
    monkeypatch.setattr(_copy, "take", support.fails(PostgresError("lost")))
    with pytest.raises(PostgresError, match="lost"):
        stream(programs)
    assert [process.returncode for process in started] == [-9, -9]


PART = Scope("public", ("public",), {}, {}, (), ())


@pytest.mark.parametrize(
    ("dump", "said"),
    [
        ("echo 'pg_dump: error: no table' >&2; exit 1", "pg_dump: .*no table"),
        ("printf 'PGDMP\\001\\021\\000\\004\\010\\001'; cat /dev/zero", "archive of version 1.17"),
    ],
)
def test_head_that_can_not_be_read_is_explained(
    programs: Path, monkeypatch: pytest.MonkeyPatch, dump: str, said: str
) -> None:
    monkeypatch.setattr(_copy, "client_version", lambda _source, _program: 15)
    script(programs / "pg_dump", dump)
    with pytest.raises(PostgresError, match=said):
        stream(programs, PART)
