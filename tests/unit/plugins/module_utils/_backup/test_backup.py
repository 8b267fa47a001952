"""Names, keys and checksums of backups."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._host import paths as _paths
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import Endpoint

NOW = datetime(2026, 11, 23, 13, 5, 1, tzinfo=timezone(timedelta(hours=1)))


def test_names_are_utc_and_sort_by_time() -> None:
    assert _backup.name_of(NOW) == "20261123T120501Z"
    assert _backup.name_of(NOW, ["20261123T120501Z", "20261123T120501Z-2"]) == "20261123T120501Z-3"
    names = [
        _backup.name_of(NOW),
        _backup.name_of(NOW, [_backup.name_of(NOW)]),
        _backup.name_of(NOW + timedelta(seconds=1)),
    ]
    assert names == sorted(names)


@pytest.mark.parametrize(
    "environment, key",
    [
        ({}, None),
        ({"LITELLM_MASTER_KEY": "m"}, "m"),
        ({"LITELLM_MASTER_KEY": "m", "LITELLM_SALT_KEY": "s"}, "s"),
        ({"LITELLM_MASTER_KEY": "m", "LITELLM_SALT_KEY": ""}, ""),
    ],
)
def test_the_key_that_litellm_uses(environment: dict[str, str], key: object) -> None:
    assert _backup.salt_key(environment) == key


def test_fingerprints_of_keys() -> None:
    assert _backup.salt_key_fingerprint("a") != _backup.salt_key_fingerprint("b")
    assert len(_backup.salt_key_fingerprint("")) == 32


def backup(path: Path) -> str:
    (path / "manifest.json").write_text('{"format": 1}')
    (path / "database.dump").write_bytes(b"PGDMP")
    (path / "SHA256SUMS").write_text(_backup.sums(str(path)))
    return str(path)


def test_a_sound_backup(tmp_path: Path) -> None:
    assert _backup.verify(backup(tmp_path)) == []
    assert _backup.manifest(str(tmp_path)) == {"format": 1}


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("database.dump", "PGDMQ", "database.dump: its checksum does not match"),
        ("more", "x", "more: was not there"),
        ("SHA256SUMS", "", "manifest.json: is missing from SHA256SUMS"),
    ],
)
def test_an_unsound_one(tmp_path: Path, name: str, content: str, words: str) -> None:
    folder = backup(tmp_path)
    (tmp_path / name).write_text(content)
    assert any(words in problem for problem in _backup.verify(folder))


def test_checksums_are_compared_as_written(tmp_path: Path) -> None:
    folder = backup(tmp_path)
    text = (tmp_path / "SHA256SUMS").read_text()
    for other in (
        text.upper(),
        "".join(reversed(text.splitlines(True))),
        text + "\n",
        text.rstrip("\n"),
    ):
        (tmp_path / "SHA256SUMS").write_text(other)
        assert _backup.verify(folder), other


def test_other_formats_and_no_manifest(tmp_path: Path) -> None:
    assert "cannot be read" in _backup.verify(str(tmp_path / "nowhere"))[0]
    folder = backup(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": 2}')
    with pytest.raises(_backup.BackupError, match="not of format 1"):
        _backup.manifest(folder)
    (tmp_path / "manifest.json").unlink()
    assert any("manifest.json: is missing" in problem for problem in _backup.verify(folder))
    with pytest.raises(_backup.BackupError, match="cannot be read"):
        _backup.manifest(folder)


@pytest.mark.parametrize("place", ["theirs", "theirs/inner"])
def test_nothing_is_backed_up_into_the_folder_of_another_account(
    tmp_path: Path, place: str
) -> None:
    theirs = support.foreign(tmp_path / "theirs")
    order = _backup.Order(Endpoint("d", "u"), str(tmp_path / place), "compose")
    with pytest.raises(_paths.UntrustedPath, match="theirs belongs to account nobody"):
        _backup.backup(order, datetime(2026, 11, 23, tzinfo=timezone.utc))
    assert list(theirs.iterdir()) == []


@pytest.mark.parametrize("kind", ["link", "hard link", "fifo", "large"])
@pytest.mark.parametrize("reader", ["nobody", ""])
def test_files_of_an_account_are_copied_as_that_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, reader: str
) -> None:
    home, secret = support.foreign(support.reachable(tmp_path / "home")), tmp_path / "secret"
    secret.write_text("hunter2")
    secret.chmod(0o600)
    (home / "fine").write_text("a: 1\n")
    odd = home / "odd"
    if kind == "link":
        odd.symlink_to(secret)
    elif kind == "hard link":
        odd.hardlink_to(secret)
    elif kind == "fifo":
        os.mkfifo(odd, 0o666)
    else:
        odd.touch()
        os.truncate(odd, 20 << 30)
    grown = tmp_path / "backup"
    grown.mkdir()
    _backup._copy(str(home / "fine"), str(grown), "fine", (), reader)
    assert (grown / "fine").read_text() == "a: 1\n"
    why = {"fifo": "not a regular file", "large": "larger than"}.get(kind, "Permission denied")
    with pytest.raises(OSError, match=f"can't read it: {why}"):
        _backup._copy(str(odd), str(grown), "odd", (), reader)
    assert [path.name for path in grown.iterdir()] == ["fine"]


def test_who_can_not_be_named_is_said_before_a_backup_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_backup, "database_size", lambda endpoint: 1)
    order = _backup.Order(
        Endpoint("litellm"),
        str(tmp_path),
        "legacy",
        files={"a": "/dev/null"},
        readers={"a": "root"},
    )
    assert _backup.space(order)["needed"] == 1 + _backup.SPARE
    with pytest.raises(_backup.BackupError, match="there is no account llmops-nosuch"):
        _backup.space(order._replace(readers={"a": "llmops-nosuch"}))
    place = tmp_path / "open"
    place.mkdir()
    place.chmod(0o777)
    with pytest.raises(_backup.BackupError, match="every account can write to"):
        _backup.space(order._replace(files={"a": str(place / "x")}))
