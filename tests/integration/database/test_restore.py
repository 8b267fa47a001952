"""Backups back in a real server, proved, or nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import copy as _copy
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    fingerprint as _fingerprint,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.database import inspect
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
    query,
)
from ansible_collections.llmops.litellm.plugins.module_utils._restore import database as _database
from ansible_collections.llmops.litellm.plugins.module_utils._restore import load as _load

from .conftest import Server
from .content import NASTY

NOW = datetime(2026, 11, 23, 12, 5, 1, tzinfo=timezone.utc)


def backed_up(source: Endpoint, folder: Path) -> str:
    """The folder of a backup."""
    return str(_backup.backup(_backup.Order(source, str(folder), "legacy"), NOW)["path"])


def as_folder(source: Endpoint, path: str, name: str = "database.dir") -> dict[str, Any]:
    """Give a backup a dump in directory format instead of its own; its manifest."""
    os.unlink(os.path.join(path, "database.dump"))
    dump = os.path.join(path, name)
    if source.container:
        subprocess.run(
            [*source.engine, "exec", source.container, "rm", "-rf", "/tmp/dumped"], check=True
        )
    with source.start(
        "pg_dump",
        "--format=directory",
        "--no-owner",
        "--no-acl",
        "--file=" + ("/tmp/dumped" if source.container else dump),
    ) as process:
        assert process.wait() == 0
    if source.container:
        subprocess.run([*source.engine, "cp", source.container + ":/tmp/dumped", dump], check=True)
    told = _backup.manifest(path)
    told["database"]["dump"] = name
    return told


def test_dump_that_is_a_folder_is_restored(pair: tuple[Server, Server], tmp_path: Path) -> None:
    source, to = pair
    old = source.new(NASTY)
    path, there = backed_up(old, tmp_path), to.at(to.name())
    told = as_folder(old, path)
    done = _database.restore(path, there, NOW, verified=told)
    assert done.differences == []
    assert done.found["hash"] == _fingerprint.fingerprint(old)["hash"]
    if there.container:  # nothing of it stays in there
        left = subprocess.run(
            [*there.engine, "exec", there.container, "ls", "/tmp"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        assert "llmops-litellm-restore" not in left
    # and one of whose files half is missing is not
    file = max(
        (file for file in Path(path, "database.dir").iterdir() if file.name != "toc.dat"),
        key=lambda file: file.stat().st_size,
    )
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(PostgresError, match="pg_restore"):
        _database.restore(path, there, NOW, verified=told)
    assert _fingerprint.fingerprint(there)["hash"] == done.found["hash"]
    assert there.database + "__copying" not in to.databases()


def test_ledger_of_migrations_is_read_from_a_dump(target: Server, tmp_path: Path) -> None:
    ledger = """CREATE TABLE _prisma_migrations (id text, "finished_at" timestamptz,
  migration_name text, rolled_back_at timestamptz, logs text);
    INSERT INTO _prisma_migrations VALUES ('1', now(), '20250101000000_first one', NULL,
  E'a\nb\tc'), ('2', NULL, '20260101000000_begun', NULL, NULL),
      ('3', now(), '20260101000000_taken back', now(), NULL), ('4', now(), '0_init', NULL, NULL)"""
    for number, (sql, names) in enumerate(
        ((NASTY + ledger, ["0_init", "20250101000000_first one"]), (NASTY, None))
    ):
        database = target.new(sql)
        path = backed_up(database, tmp_path / str(number))
        assert _load.migrations(_load.find(path, _backup.manifest(path)), database) == names
        told = as_folder(database, path)
        assert _load.migrations(_load.find(path, told), database) == names


def test_dump_without_its_files_is_said(native: Server, tmp_path: Path) -> None:
    path = backed_up(native.new(NASTY), tmp_path)
    told = {**_backup.manifest(path), "encrypted": ["age1xyz"]}
    with pytest.raises(_load.EncryptedError, match="is encrypted: give the path"):
        _database.restore(path, native.at(native.name()), NOW, verified=told)
    told = as_folder(native.new(NASTY), path)
    shutil.rmtree(os.path.join(path, "database.dir"))
    with pytest.raises(_backup.BackupError, match="database.dir is missing"):
        _database.restore(path, native.at(native.name()), NOW, verified=told)


def test_restored_database_is_what_was_dumped(pair: tuple[Server, Server], tmp_path: Path) -> None:
    source, to = pair
    old = source.new(NASTY)
    path, there = backed_up(old, tmp_path), to.at(to.name())
    done = _database.restore(path, there, NOW)
    assert done.differences == []
    assert (
        done.found["hash"]
        == _fingerprint.fingerprint(there)["hash"]
        == _fingerprint.fingerprint(old)["hash"]
    )
    assert (inspect(there).mark or {})["state"] == "complete"
    # a second time in place of the first, which is ours
    assert _database.restore(path, there, NOW).differences == []


def test_database_of_somebody_else_is_not_replaced(target: Server, tmp_path: Path) -> None:
    path, there = (
        backed_up(target.new(NASTY), tmp_path),
        target.new("CREATE TABLE mine AS SELECT 1 AS one"),
    )
    with pytest.raises(PostgresError, match="holds what this collection did not put there"):
        _database.restore(path, there, NOW)
    assert query(there, "SELECT one FROM mine") == [["1"]]


def test_backup_that_is_not_sound_is_refused(native: Server, tmp_path: Path) -> None:
    path, there = backed_up(native.new(NASTY), tmp_path), native.at(native.name())
    with open(path + "/database.dump", "r+b") as dump:
        dump.seek(4000)
        (byte,) = dump.read(1)
        dump.seek(4000)
        dump.write(bytes([byte ^ 255]))
    with pytest.raises(_backup.BackupError, match="not sound"):
        _database.restore(path, there, NOW)
    assert there.database not in native.databases()


def test_restored_database_that_differs_is_removed(
    native: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, there = backed_up(native.new(NASTY), tmp_path), native.new()
    _copy.copy(native.new("CREATE TABLE earlier AS SELECT 1 AS one"), there, "ours", NOW)
    load = _load.load

    def lose(dump: _load.Dump, endpoint: Endpoint, *more: Any) -> None:
        load(dump, endpoint, *more)
        native.run(endpoint, "DELETE FROM dropped")

    monkeypatch.setattr(_load, "load", lose)
    assert any(
        "dropped has 429 rows in the backup, 0 in the restored database" in text
        for text in _database.restore(path, there, NOW).differences
    )
    assert query(there, "SELECT one FROM earlier") == [["1"]]
    assert there.database + "__copying" not in native.databases()
