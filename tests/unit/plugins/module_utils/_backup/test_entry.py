"""One folder of an archive: of what time it is, and whether it is sound."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Optional
from zoneinfo import ZoneInfo

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._backup import entry as _entry

DIGEST = hashlib.sha256(b"dump").hexdigest()


def old(tmp_path: Path, manifest: Any, name: str = "daily-20261025-023000") -> Path:
    """A backup of the older layout."""
    path = tmp_path / name
    path.mkdir()
    (path / "manifest.json").write_text(json.dumps(manifest))
    (path / "dump.sql.gz").write_bytes(b"dump")
    return path


def read(path: Path, zone: Optional[str] = "UTC") -> Optional[_entry.Entry]:
    return _entry.read(path.name, str(path), False, ZoneInfo(zone) if zone else None)


@pytest.mark.parametrize(
    ("manifest", "wanted"),
    [
        ({"created": "2026-11-02T02:00:00+01:00"}, "2026-11-02T01:00:00+00:00"),
        ({"date": "2026-11-02T02:00:00Z"}, "2026-11-02T02:00:00+00:00"),
        ({"timestamp": 1793584800}, "2026-11-02T02:00:00+00:00"),
        ({"time": 1793584800.5}, "2026-11-02T02:00:00.500000+00:00"),
        # without a zone, nonsense, or of no time at all: the name
        *(
            (manifest, "2026-10-25T02:30:00+00:00")
            for manifest in (
                {"created": "2026-11-02T02:00:00"},
                {"created": True},
                {"created": -1},
                {"created": 1e300},
                {"created": None},
                {"created": "0001-01-01T00:00:00+14:00"},
                {},
                [],
                "text",
            )
        ),
    ],
)
def test_time_of_the_older_layout(tmp_path: Path, manifest: Any, wanted: str) -> None:
    entry = read(old(tmp_path, manifest))
    assert entry and (entry.layout, entry.time.isoformat()) == ("old", wanted)


@pytest.mark.parametrize(
    ("name", "zone", "wanted"),
    [
        ("daily-20260701-020000", "Europe/Berlin", "2026-07-01T00:00:00+00:00"),
        ("daily-20261224-020000", "Europe/Berlin", "2026-12-24T01:00:00+00:00"),
        # an hour that comes twice is its first, one that does not come is the one after
        ("weekly-20261025-023000", "Europe/Berlin", "2026-10-25T00:30:00+00:00"),
        ("weekly-20260329-023000", "Europe/Berlin", "2026-03-29T01:30:00+00:00"),
        ("monthly-20261101-013000", "America/New_York", "2026-11-01T05:30:00+00:00"),
        ("monthly-20260308-023000", "America/New_York", "2026-03-08T07:30:00+00:00"),
    ],
)
def test_names_of_the_older_layout_are_in_the_zone_of_the_place(
    tmp_path: Path, name: str, zone: str, wanted: str
) -> None:
    entry = read(old(tmp_path, {}, name), zone)
    assert entry and entry.time.isoformat() == wanted


def test_without_a_zone_names_are_in_the_hosts(tmp_path: Path) -> None:
    entry = read(old(tmp_path, {}), None)
    assert entry and entry.time == datetime(2026, 10, 25, 2, 30).astimezone(timezone.utc)


@pytest.mark.parametrize(
    "name",
    [
        "daily-00010101-000000",
        "daily-99991231-235959",
        "daily-20261301-000000",
        "hourly-20261025-020000",
        "daily-20261025",
    ],
)
def test_names_that_are_no_times_are_foreign(tmp_path: Path, name: str) -> None:
    assert read(old(tmp_path, {}, name), "America/New_York") is None


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("%s *dump.sql.gz\n" % DIGEST, ""),
        ("%s  ./dump.sql.gz\n" % DIGEST, ""),
        ("%s  dump.sql.gz\n" % ("0" * 64), "dump.sql.gz: its checksum does not match"),
        ("%s  gone\n" % DIGEST, "gone: is no file of this backup"),
        ("%s  ../outside\n" % DIGEST, "../outside: is no file of this backup"),
        ("%s  linked\n" % DIGEST, "linked: is no file of this backup"),
        ("", "SHA256SUMS holds no checksums"),
        ("nothing of the kind\n", "SHA256SUMS holds no checksums"),
    ],
)
def test_older_layout_is_sound_as_far_as_its_checksums_say(
    tmp_path: Path, lines: str, problem: str
) -> None:
    path = old(tmp_path, {})
    (tmp_path / "outside").write_bytes(b"dump")
    (path / "linked").symlink_to(path / "dump.sql.gz")
    (path / "SHA256SUMS").write_text(lines)
    entry = read(path)
    assert entry
    found = _entry.verify(entry)
    assert found.endswith(problem) and bool(found) == bool(problem)


def test_older_layout_without_checksums_must_hold_something(tmp_path: Path) -> None:
    path = old(tmp_path, {})
    entry = read(path)
    assert entry and _entry.verify(entry) == ""
    (path / "dump.sql.gz").write_bytes(b"")
    (path / "linked").symlink_to(path / "manifest.json")
    assert _entry.verify(entry) == "%s holds nothing" % path
    (path / "dump.sql.gz").unlink()
    (path / "linked").unlink()
    (path / "manifest.json").unlink()
    path.rmdir()
    assert _entry.verify(entry) == "%s cannot be read: No such file or directory" % path


def test_manifest_is_held_against_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "before-x"
    path.mkdir()
    text = json.dumps(
        {"format": 1, "name": "before-x", "created": "2026-11-02T02:00:00+01:00"}
    ).encode()
    (path / "manifest.json").write_bytes(text)
    entry = read(path)
    assert entry and (entry.time, entry.problem) == (
        datetime(2026, 11, 2, 1, tzinfo=timezone.utc),
        "",
    )
    assert _entry.verify_manifest(entry).endswith("manifest.json: its checksum does not match")
    (path / "SHA256SUMS").write_text("%s  manifest.json\n" % hashlib.sha256(text).hexdigest())
    assert _entry.verify_manifest(entry) == ""
    (path / "manifest.json").unlink()
    assert _entry.verify_manifest(entry).endswith(
        "manifest.json cannot be read: No such file or directory"
    )
    assert _entry.verify_manifest(entry._replace(problem="known")) == "known"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("20261102T020000Z", 0),
        ("20261102T020000Z-2", 0),
        ("20261302T020000Z", None),
        ("20261102T020000Z-x", None),
        ("x", None),
    ],
)
def test_time_in_a_name(name: str, wanted: Optional[int]) -> None:
    base = datetime(2026, 11, 2, 2, tzinfo=timezone.utc)
    assert _entry.named_time(name) == (None if wanted is None else base + timedelta(seconds=wanted))
