"""What a restore remembers."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils import _restore_state, _restore_swap

NOW = datetime(2026, 11, 24, 12, 0, 0, 5, tzinfo=timezone.utc)
STATE: dict[str, Any] = {"id": "x", "backup": "/b/x", "name": "x", "database": "d", "fresh": "f", "kept": "k", "had": True, "point": "", "begun": "t"}


def test_stage_is_on_disk_for_root_alone(tmp_path: Path) -> None:
    assert _restore_state.load(str(tmp_path)) is None
    _restore_state.save(str(tmp_path), dict(STATE), _restore_state.SWAPPING, NOW)
    told = _restore_state.load(str(tmp_path))
    assert told == {**STATE, "format": 1, "stage": "swapping", "updated": "2026-11-24T12:00:00+00:00"}
    assert (tmp_path / "restore.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["restore.json"]


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({**STATE, "format": 2}), json.dumps({**STATE, "format": 1, "stage": "flying", "updated": "t"}),
                                  json.dumps({**STATE, "format": 1, "stage": "done", "updated": "t", "kept": None})])
def test_nothing_is_guessed(tmp_path: Path, text: str) -> None:
    (tmp_path / "restore.json").write_text(text)
    with pytest.raises(_restore_state.RestoreError, match="restore.json .*Look which databases are there"):
        _restore_state.load(str(tmp_path))


def test_one_at_a_time(tmp_path: Path) -> None:
    folder = str(tmp_path / "state")
    with _restore_state.alone(folder), pytest.raises(_restore_state.RefusedError, match="another restore is under way"), _restore_state.alone(folder):
        pass
    with _restore_state.alone(folder):
        pass
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_names_stay_within_postgresqls_limit() -> None:
    long = "ü" * 40
    for name in (_restore_swap.fresh_name(long), _restore_swap.kept_name(long, "20261124T120000Z-2")):
        assert len(name.encode()) <= 63
    assert _restore_swap.fresh_name("litellm") == "litellm_restored"
    assert _restore_swap.kept_name("litellm", "20261124T120000Z") == "litellm_before_20261124t120000z"
