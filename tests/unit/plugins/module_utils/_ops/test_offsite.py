"""The command: backups are copied to other places, and what such a place lacks is said."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Callable

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup_backup
from ansible_collections.llmops.litellm.plugins.module_utils._backup import history as _history
from ansible_collections.llmops.litellm.plugins.module_utils._backup import offsite as _offsite
from ansible_collections.llmops.litellm.plugins.module_utils._ops import backup as _ops_backup
from ansible_collections.llmops.litellm.plugins.module_utils._ops import cli as _cli

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
SECRET = "hunter2-4f9c0b7ad2e15386"
Run = Callable[..., tuple[int, str, str]]


def make(folder: Path, days: int, **more: Any) -> str:
    """A small sound backup of so many days ago; its name."""
    time = NOW - timedelta(days=days)
    path = folder / _backup_backup.name_of(time)
    path.mkdir(mode=0o700, parents=True)
    (path / ("database.dump.age" if more.get("encrypted") else "database.dump")).write_bytes(
        b"dump"
    )
    (path / "manifest.json").write_text(
        json.dumps(
            {
                "format": 1,
                "name": path.name,
                "created": time.isoformat(),
                "rows_total": 7,
                "database": {"bytes": 1000},
                "facts": {"images": {"postgres": "postgres@sha256:ab"}},
                **more,
            }
        )
    )
    (path / "SHA256SUMS").write_text(_backup_backup.sums(str(path)))
    return path.name


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A folder of backups, and settings beside it."""
    (tmp_path / "env").write_text("LITELLM_SALT_KEY=%s\n" % SECRET)
    database = {"container": "litellm-postgres", "database": "litellm", "user": "litellm"}
    (tmp_path / "ops.json").write_text(
        json.dumps(
            {
                "format": 1,
                "state_dir": str(tmp_path),
                "project": {"name": "litellm", "folder": "/opt/litellm"},
                "deployments": {
                    "compose": {
                        "database": database,
                        "salt_key_file": str(tmp_path / "env"),
                        "facts": {"images": {"postgres": "postgres@sha256:cd"}},
                    }
                },
                "backup": {
                    "folder": str(tmp_path / "backups"),
                    "keep_daily": 2,
                    "keep_weekly": 0,
                    "keep_monthly": 0,
                    "timezone": "UTC",
                },
            }
        )
    )
    (tmp_path / "ops.json").chmod(0o600)
    return tmp_path / "backups"


@pytest.fixture
def run(archive: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command; its exit code and what it printed."""
    monkeypatch.setattr(_ops_backup, "now", lambda: NOW)

    def call(*words: str) -> tuple[int, str, str]:
        code = _cli.main([words[0], "--settings", str(archive.parent / "ops.json"), *words[1:]])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


@pytest.fixture
def orders(archive: Path, monkeypatch: pytest.MonkeyPatch) -> list[_backup_backup.Order]:
    """What was ordered; each order makes a small backup."""
    seen: list[_backup_backup.Order] = []

    def backup(order: _backup_backup.Order, now: datetime) -> dict[str, Any]:
        seen.append(order)
        name = make(archive, 0)
        path = str(archive / name)
        return {
            "changed": True,
            "name": name,
            "path": path,
            "bytes": 2 << 20,
            "seconds": 1.5,
            "manifest": _backup_backup.manifest(path),
        }

    monkeypatch.setattr(_backup_backup, "backup", backup)
    return seen


def outcomes(archive: Path) -> dict[str, Any]:
    return _history.load(str(archive.parent))


@pytest.fixture
def copying(archive: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Settings with a place to copy to. ``copied``: what was; ``problem``: why it fails."""
    path = archive.parent / "ops.json"
    told = json.loads(path.read_text())
    told["backup"]["copy"] = {
        "tool": "restic",
        "to": "/r",
        "environment_file": "/nosuch/copy.env",
        "prune": True,
    }
    path.write_text(json.dumps(told))
    seen: dict[str, Any] = {"copied": [], "problem": ""}

    def copy(
        wanted: Any, path: str, pinned: bool, state_dir: str, policy: Any, keeps: Any
    ) -> dict[str, Any]:
        if seen["problem"]:
            raise _backup_backup.BackupError(seen["problem"])
        seen["copied"].append((Path(path).name, pinned, policy.daily, keeps))
        return {"seconds": 2.5, "bytes": 99, "removed": ["abcd"]}

    monkeypatch.setattr(_offsite, "copy", copy)
    return seen


def test_backup_is_copied_off(
    archive: Path, run: Run, orders: list[_backup_backup.Order], copying: dict[str, Any]
) -> None:
    pinned = make(archive, 1, pinned=True)
    code, out, _err = run("backup")
    assert code == 0
    assert out.splitlines()[1:3] == [
        "20261124T120000Z is copied by restic, 2.5 s",
        "removed over there: abcd",
    ]
    assert copying["copied"] == [("20261124T120000Z", False, 2, [pinned])]
    assert outcomes(archive)["copy"]["bytes"] == 99 and outcomes(archive)["prune"]["ok"]
    code, out, _err = run("copy", pinned, "--json")
    assert (code, json.loads(out)["name"], copying["copied"][1][:2]) == (0, pinned, (pinned, True))


def test_copy_that_fails_is_said_and_leaves_the_backup_good(
    archive: Path, run: Run, orders: list[_backup_backup.Order], copying: dict[str, Any]
) -> None:
    made = [make(archive, days) for days in (3, 2, 1)]
    copying["problem"] = "restic backup: Fatal: no route"
    code, _out, err = run("backup")
    assert code == 1
    assert err.splitlines()[:3] == [
        "%s is made and verified: 7 rows in 2.0 MiB, 1.5 s" % (archive / "20261124T120000Z"),
        "NOT COPIED  20261124T120000Z: restic backup: Fatal: no route",
        "            the backup on this host is good",
    ]
    told = outcomes(archive)
    assert (told["backup"]["ok"], told["copy"]["ok"], told["copy"]["problem"]) == (
        True,
        False,
        "restic backup: Fatal: no route",
    )
    assert not (archive / made[0]).exists()  # retention went on: else the disk would fill up
    assert run("status")[0] == 1
    copying["problem"] = ""
    assert run("copy")[0] == 0 and run("status")[0] == 0


def test_what_is_not_sound_or_has_no_place_is_not_copied(
    archive: Path, run: Run, copying: dict[str, Any]
) -> None:
    name = make(archive, 1)
    (archive / name / "database.dump").write_bytes(b"dumb")
    code, _out, err = run("copy")
    assert (code, copying["copied"]) == (3, []) and "%s is not copied:" % name in err
    told = json.loads((archive.parent / "ops.json").read_text())
    del told["backup"]["copy"]
    (archive.parent / "ops.json").write_text(json.dumps(told))
    assert run("copy")[0] == 3
