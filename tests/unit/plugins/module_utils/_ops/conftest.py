"""A host with settings, a folder of backups, and the command."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from small_archive import NOW, SECRET, Run, make

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup_backup
from ansible_collections.llmops.litellm.plugins.module_utils._backup import offsite as _offsite
from ansible_collections.llmops.litellm.plugins.module_utils._ops import backup as _ops_backup
from ansible_collections.llmops.litellm.plugins.module_utils._ops import cli as _cli


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
