"""How backups and drills went last, as a file and as metrics."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._backup import history as _history

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)


def test_failure_does_not_make_the_last_success_forgotten(tmp_path: Path) -> None:
    _history.record(str(tmp_path), "backup", NOW, name="a", seconds=1.5, bytes=1000)
    _history.record(str(tmp_path), "drill", NOW)
    told = _history.record(str(tmp_path), "backup", NOW + timedelta(days=1), "the disk is full")
    assert told == _history.load(str(tmp_path))
    assert told["backup"] == {
        "time": "2026-11-25T12:00:00+00:00",
        "ok": False,
        "problem": "the disk is full",
        "note": None,
        "name": None,
        "seconds": None,
        "bytes": None,
        "last_success": {
            "time": "2026-11-24T12:00:00+00:00",
            "name": "a",
            "seconds": 1.5,
            "bytes": 1000,
        },
    }
    assert told["drill"]["ok"]
    assert (tmp_path / "backup.json").stat().st_mode & 0o777 == 0o600


def test_first_failure_has_no_success_before_it(tmp_path: Path) -> None:
    assert _history.record(str(tmp_path), "drill", NOW, "no room")["drill"]["last_success"] is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"backup": 5, "other": {}}'])
def test_file_that_is_damaged_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "backup.json").write_text(text)
    assert _history.load(str(tmp_path)) == {}
    assert _history.record(str(tmp_path), "backup", NOW)["backup"]["ok"]


def test_metrics_are_whole_families_of_numbers(tmp_path: Path) -> None:
    path = tmp_path / "litellm.prom"
    _history.record(
        str(tmp_path), "backup", NOW, None, str(path), name='a"b', seconds=1.5, bytes=123456789012
    )
    _history.record(
        str(tmp_path), "drill", NOW + timedelta(seconds=60), "no room\nat all", str(path)
    )
    assert path.stat().st_mode & 0o777 == 0o644
    lines = path.read_text().splitlines()
    families = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert [line.split()[2] for line in lines if line.startswith("# HELP")] == families
    assert len(set(families)) == len(families)
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert values == {
        'litellm_ops_last_run_timestamp_seconds{what="backup"}': "1795521600",
        'litellm_ops_last_run_timestamp_seconds{what="drill"}': "1795521660",
        'litellm_ops_last_run_ok{what="backup"}': "1",
        'litellm_ops_last_run_ok{what="drill"}': "0",
        'litellm_ops_last_run_sealed{what="backup"}': "0",
        'litellm_ops_last_run_sealed{what="drill"}': "0",
        'litellm_ops_last_success_timestamp_seconds{what="backup"}': "1795521600",
        'litellm_ops_duration_seconds{what="backup"}': "1.5",
        'litellm_ops_size_bytes{what="backup"}': "123456789012",
    }
    assert {name.partition("{")[0] for name in values} == set(families)
    assert (
        json.loads((tmp_path / "backup.json").read_text())["drill"]["problem"] == "no room\nat all"
    )


def test_metrics_follow_no_link_out_of_the_collectors_folder(tmp_path: Path) -> None:
    theirs = support.foreign(tmp_path / "collector")
    _history.record(str(tmp_path), "backup", NOW, metrics=str(theirs / "x.prom"))
    assert "litellm_ops_last_run_ok" in (theirs / "x.prom").read_text()
    (tmp_path / "etc").mkdir()
    (theirs / "link").symlink_to(tmp_path / "etc")
    with pytest.raises(OSError, match="collector/link"):
        _history.record(str(tmp_path), "backup", NOW, metrics=str(theirs / "link/x.prom"))
    assert list((tmp_path / "etc").iterdir()) == []
