"""A backup's database into a fresh one: what is checked before, and what is refused."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._backup.backup import BackupError
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import verified as _verified
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.database import Occupancy
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
)
from ansible_collections.llmops.litellm.plugins.module_utils._restore import database as _database

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
TARGET = Endpoint("litellm", "litellm", "litellm-postgres")
MANIFEST = {
    "database": {"client_major": 15},
    "fingerprint": {"hash": "h"},
    "sequences_after": [{"name": "s"}],
}


class Host:
    """A sound backup, and a server whose programs are new enough."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.client = 15
        self.found = Occupancy(False, None, [], [])
        self.loaded: list[Any] = []
        self.verified: list[str] = []


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host()

    def verify(folder: str) -> list[str]:
        host.verified.append(folder)
        return host.problems

    def load(admin: Any, target: Any, now: Any, fill: Any, phase: Any, sides: Any) -> Any:
        phase("load")
        wanted = fill(target.on("growing"))
        return _verified.Verified([], {**wanted[0], "sides": sides}, {"rows_total": 7})

    monkeypatch.setattr(_database._backup, "verify", verify)
    monkeypatch.setattr(_database._backup, "manifest", lambda _folder: dict(MANIFEST))
    monkeypatch.setattr(_database, "client_version", lambda *_words: host.client)
    monkeypatch.setattr(_database, "administering", support.Database())
    monkeypatch.setattr(_database, "inspect", lambda *_words: host.found)
    monkeypatch.setattr(_database._load, "find", lambda folder, *_words: folder + "/dump")
    monkeypatch.setattr(_database._load, "extensions", lambda *words: words)
    monkeypatch.setattr(_database._extensions, "make", lambda *words: words)
    monkeypatch.setattr(_database._load, "load", lambda *words: host.loaded.append(words))
    monkeypatch.setattr(_database._verified, "load", load)
    return host


def test_dump_is_loaded_into_the_fresh_one_and_compared_with_the_manifest(host: Host) -> None:
    done = _database.restore("/b/x", TARGET, NOW, jobs=4)
    fresh = TARGET.on("growing")
    # The dump's extensions are made first, and what they ask of pg_restore is passed on.
    assert host.loaded == [("/b/x/dump", fresh, 4, (fresh, ("/b/x/dump", fresh)))]
    assert done.expected == {"hash": "h", "sides": ("backup", "restored database")}
    assert done.found == {"rows_total": 7}
    assert done.action == "create"
    assert list(done.seconds) == ["load"]


def test_every_byte_is_read_before_anything_is_loaded(host: Host) -> None:
    host.problems = ["/b/x/database.dump: its checksum does not match"]
    with pytest.raises(BackupError, match=r"not sound: /b/x/database\.dump: its checksum"):
        _database.restore("/b/x", TARGET, NOW)
    assert host.loaded == []


def test_backup_that_somebody_has_verified_is_not_read_again(host: Host) -> None:
    _database.restore("/b/x", TARGET, NOW, verified=dict(MANIFEST))
    assert host.verified == []
    assert len(host.loaded) == 1


@pytest.mark.parametrize(("client", "fits"), [(15, True), (17, True), (14, False)])
def test_programs_must_not_be_older_than_the_dump(host: Host, client: int, fits: bool) -> None:
    host.client = client
    if fits:
        _database.check(MANIFEST, TARGET)
        return
    with pytest.raises(
        PostgresError, match="of PostgreSQL 14 and cannot read a dump of pg_dump 15"
    ):
        _database.restore("/b/x", TARGET, NOW)
    assert host.loaded == []


def test_database_of_somebody_else_is_not_replaced(host: Host) -> None:
    host.found = Occupancy(True, None, ["table a"], [])
    with pytest.raises(PostgresError):
        _database.restore("/b/x", TARGET, NOW)
    assert host.loaded == []


@pytest.mark.parametrize(
    ("found", "action"),
    [
        (Occupancy(False, None, [], []), "create"),
        (Occupancy(True, {"made_by": "llmops.litellm"}, ["table a"], []), "replace"),
    ],
)
def test_dry_run_says_what_would_be_done_and_does_nothing(
    host: Host, found: Occupancy, action: str
) -> None:
    host.found = found
    assert _database.dry_run("/b/x", TARGET) == (action, MANIFEST)
    assert host.loaded == []
