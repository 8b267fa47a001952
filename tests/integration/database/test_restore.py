"""Backups back in a real server, proved, or nothing."""
from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils import _backup, _copy, _fingerprint, _restore
from ansible_collections.llmops.litellm.plugins.module_utils._occupancy import inspect
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import Endpoint, PostgresError, query

from .conftest import Server
from .content import NASTY

NOW = datetime(2026, 11, 23, 12, 5, 1, tzinfo=timezone.utc)


def backed_up(source: Endpoint, folder: Path) -> str:
    """The folder of a backup."""
    return str(_backup.backup(_backup.Order(source, str(folder), "legacy"), NOW)["path"])


def test_restored_database_is_what_was_dumped(pair: tuple[Server, Server], tmp_path: Path) -> None:
    source, to = pair
    old = source.new(NASTY)
    path, there = backed_up(old, tmp_path), to.at(to.name())
    done = _restore.restore(path, there, NOW)
    assert done["differences"] == []
    assert done["fingerprint"]["hash"] == _fingerprint.fingerprint(there)["hash"] == _fingerprint.fingerprint(old)["hash"]
    assert (inspect(there).mark or {})["state"] == "complete"
    # a second time in place of the first, which is ours
    assert _restore.restore(path, there, NOW)["differences"] == []


def test_database_of_somebody_else_is_not_replaced(target: Server, tmp_path: Path) -> None:
    path, there = backed_up(target.new(NASTY), tmp_path), target.new("CREATE TABLE mine AS SELECT 1 AS one")
    with pytest.raises(PostgresError, match="holds what this collection did not put there"):
        _restore.restore(path, there, NOW)
    assert query(there, "SELECT one FROM mine") == [["1"]]


def test_backup_that_is_not_sound_is_refused(native: Server, tmp_path: Path) -> None:
    path, there = backed_up(native.new(NASTY), tmp_path), native.at(native.name())
    with open(path + "/database.dump", "r+b") as dump:
        dump.seek(4000)
        dump.write(b"\0\0\0")
    with pytest.raises(_backup.BackupError, match="not sound"):
        _restore.restore(path, there, NOW)
    assert there.database not in native.databases()


def test_restored_database_that_differs_is_removed(native: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, there = backed_up(native.new(NASTY), tmp_path), native.new()
    _copy.copy(native.new("CREATE TABLE earlier AS SELECT 1 AS one"), there, "ours", NOW)
    load = _restore._load

    def lose(dump: str, endpoint: Endpoint) -> None:
        load(dump, endpoint)
        native.run(endpoint, "DELETE FROM dropped")

    monkeypatch.setattr(_restore, "_load", lose)
    assert any("dropped has 429 rows in the backup, 0 in the restored database" in text for text in _restore.restore(path, there, NOW)["differences"])
    assert query(there, "SELECT one FROM earlier") == [["1"]]
    assert there.database + "__copying" not in native.databases()
