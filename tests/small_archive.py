"""Small backups in a folder, for the tests of the command."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Callable

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup_backup
from ansible_collections.llmops.litellm.plugins.module_utils._backup import history as _history

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


def outcomes(archive: Path) -> dict[str, Any]:
    return _history.load(str(archive.parent))
