"""Backups of a real database."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Callable

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    fingerprint as _fingerprint,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import verified as _verified
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
)

from .conftest import Native, Server
from .content import NASTY

NOW = datetime(2026, 11, 23, 12, 5, 1, tzinfo=timezone.utc)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text("model_list: []\n")
    path.chmod(0o644)
    return path


def order(source: Endpoint, folder: Path, **more: object) -> _backup.Order:
    return _backup.Order(source, str(folder), "legacy", **more)  # type: ignore[arg-type]


def test_a_backup_holds_everything(target: Server, tmp_path: Path, config: Path) -> None:
    source, folder = target.new(NASTY), tmp_path / "backups"
    asked = order(
        source,
        folder,
        pinned=True,
        files={"config.yaml": str(config)},
        facts={"litellm_version": "1.102.4"},
        salt_key="sk-größe$",
    )
    foreseen = _backup.foresee(asked, NOW)
    assert (
        not folder.exists()
        and foreseen["changed"]
        and foreseen["free_bytes"] > foreseen["needed_bytes"] > 8_000_000
    )
    made = _backup.backup(asked, NOW)
    assert (made["changed"], made["name"], foreseen["name"]) == (
        True,
        "20261123T120501Z",
        "20261123T120501Z",
    )
    path, manifest = Path(made["path"]), made["manifest"]
    assert sorted(os.listdir(path)) == [
        "SHA256SUMS",
        "config.yaml",
        "database.dump",
        "manifest.json",
    ]
    assert os.listdir(folder) == [made["name"]]
    assert {entry.stat().st_mode & 0o777 for entry in path.iterdir()} == {0o600}
    assert {each.stat().st_mode & 0o777 for each in (folder, path)} == {0o700}
    assert manifest == json.loads((path / "manifest.json").read_text())
    assert manifest["fingerprint"]["hash"] == _fingerprint.fingerprint(source)["hash"]
    assert (manifest["created"], manifest["source"], manifest["pinned"], manifest["format"]) == (
        "2026-11-23T12:05:01+00:00",
        "legacy",
        True,
        1,
    )
    assert (manifest["rows"]["dropped"], manifest["rows_total"], manifest["facts"]) == (
        429,
        544,
        {"litellm_version": "1.102.4"},
    )
    assert (
        manifest["salt_key_fingerprint"] == _backup.salt_key_fingerprint("sk-größe$")
        and "sk-gr" not in (path / "manifest.json").read_text()
    )
    subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=path, check=True
    )


def test_a_backup_restores_to_what_its_manifest_says(native: Native, tmp_path: Path) -> None:
    made = _backup.backup(order(native.new(NASTY), tmp_path), NOW)
    there = native.new()
    with open(os.path.join(made["path"], "database.dump"), "rb") as dump:
        restore = there.start("pg_restore", "--exit-on-error", "--single-transaction", stdin=dump)
    assert restore.wait() == 0
    assert (
        _fingerprint.compare(made["manifest"]["fingerprint"], _fingerprint.fingerprint(there)) == []
    )


def test_a_signed_backup_is_known_by_its_key(native: Native, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    public = (tmp_path / "key.pub").read_text().strip()
    how = _backup.How(signing_key=str(key))
    path = Path(_backup.backup(order(native.new(), tmp_path / "backups", how=how), NOW)["path"])
    assert (path / "SHA256SUMS.sig").stat().st_mode & 0o777 == 0o600
    assert _backup.verify(str(path), [public]) == []
    manifest = path / "manifest.json"
    manifest.write_text(manifest.read_text().replace("legacy", "compose"))
    (path / "SHA256SUMS").write_text(_backup.sums(str(path)))
    assert _backup.verify(str(path), [public]) == [
        f"{path}/SHA256SUMS.sig is no signature of the SHA256SUMS beside it"
    ]
    key.unlink()
    with pytest.raises(_backup.BackupError, match="the signing key, cannot be read"):
        _backup.backup(order(native.new(), tmp_path / "backups", how=how), NOW)
    assert os.listdir(tmp_path / "backups") == [path.name]


def test_the_same_name_is_made_once(native: Native, tmp_path: Path) -> None:
    asked = order(native.new(NASTY), tmp_path, name="before-migration")
    first = _backup.backup(asked, NOW)
    second = _backup.backup(asked, NOW)
    assert (first["changed"], second["changed"]) == (True, False) and second["manifest"] == first[
        "manifest"
    ]
    assert not _backup.foresee(asked, NOW)["changed"]
    with open(os.path.join(first["path"], "database.dump"), "ab") as dump:
        dump.write(b"x")
    with pytest.raises(_backup.BackupError, match="not sound: .*database.dump"):
        _backup.backup(asked, NOW)


def test_two_in_one_second_get_two_names(native: Native, tmp_path: Path) -> None:
    asked = order(native.new(), tmp_path)
    assert [_backup.backup(asked, NOW)["name"] for _again in range(3)] == [
        "20261123T120501Z",
        "20261123T120501Z-2",
        "20261123T120501Z-3",
    ]


@pytest.mark.parametrize(
    "program, script",
    [
        ("pg_dump", "{real} \"$@\" | head -c 2000; echo 'pg_dump: error: no room' >&2; exit 1"),
        ("pg_dump", '{real} "$@" | head -c 2000; true'),
        ("pg_dump", "true"),
        ("pg_restore", "echo 'pg_restore: error: unreadable' >&2; exit 1"),
    ],
)
def test_a_failed_backup_leaves_nothing(
    native: Native,
    broken: Callable[[str, str], Endpoint],
    tmp_path: Path,
    program: str,
    script: str,
) -> None:
    source = native.new(NASTY)
    with pytest.raises(PostgresError, match="no room|unreadable|pg_restore"):
        _backup.backup(order(broken(program, script).on(source.database), tmp_path), NOW)
    assert os.listdir(tmp_path) == []


def test_too_little_space_is_said_with_numbers(
    native: Native, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_backup, "free_bytes", lambda path: 3 << 20)
    asked = order(native.new(), tmp_path / "b")
    for act in (_backup.backup, _backup.foresee):
        with pytest.raises(
            _backup.BackupError, match=r"has 3\.0 MiB free, the backup may need \d\d\.\d MiB"
        ):
            act(asked, NOW)
    assert not (tmp_path / "b").exists() or os.listdir(tmp_path / "b") == []


def test_a_missing_file_and_a_bad_name_are_refused(native: Native, tmp_path: Path) -> None:
    source = native.new()
    with pytest.raises(_backup.BackupError, match="nowhere.yaml cannot be backed up"):
        _backup.backup(order(source, tmp_path, files={"x": "/nowhere.yaml"}), NOW)
    for bad in (
        {"name": "../x"},
        {"name": ""},
        {"name": ".x"},
        {"files": {"manifest.json": "/etc/hostname"}},
        {"files": {"a/b": "/etc/hostname"}},
    ):
        with pytest.raises(_backup.BackupError, match="is no name"):
            _backup.backup(order(source, tmp_path, **bad), NOW)
    assert os.listdir(tmp_path) == []


def test_second_one_waits_for_the_first(native: Native, tmp_path: Path) -> None:
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    timer = threading.Timer(0.7, os.close, [handle])
    timer.start()
    begun = time.monotonic()
    assert _backup.backup(order(native.new(), tmp_path), NOW)["changed"]
    assert time.monotonic() - begun > 0.7
    timer.join()


def test_second_one_does_not_wait_for_ever(
    native: Native, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    monkeypatch.setattr(_backup, "PATIENCE", 0)
    with pytest.raises(_backup.BackupError, match="another backup into .* is under way"):
        _backup.backup(order(native.new(), tmp_path), NOW)
    os.close(handle)


def test_sequences_of_a_backup_under_writers_can_be_compared(
    native: Native, tmp_path: Path
) -> None:
    source = native.new("CREATE SEQUENCE s; SELECT nextval('s')")
    manifest = _backup.backup(order(source, tmp_path), NOW)["manifest"]
    before = manifest["fingerprint"]["sequences"]
    assert _verified.settle(before, manifest["sequences_after"], before) == before
