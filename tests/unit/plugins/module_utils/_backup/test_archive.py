"""A folder of backups: what is ours, what may go, and that nothing else ever does. The folders are
real.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._backup import archive as _archive
from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._backup.retention import Policy
from ansible_collections.llmops.litellm.plugins.module_utils._host import files as _files
from ansible_collections.llmops.litellm.plugins.module_utils._host import paths as _paths

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
TWO_DAYS = Policy(1, 2, 0, 0, 0, "UTC")


def make(folder: Path, when: str, name: str = "", **more: Any) -> str:
    """A small sound backup of a time (``2026-11-24 02:00``); its name."""
    time = datetime.strptime(when, "%Y-%m-%d %H:%M").replace(tzinfo=timezone.utc)
    name = name or _backup.name_of(time)
    path = folder / name
    path.mkdir(0o700)
    (path / "database.dump").write_bytes(b"dump of " + name.encode())
    (path / "manifest.json").write_text(
        json.dumps(
            {"format": 1, "name": name, "created": time.isoformat(), "pinned": False, **more}
        )
    )
    (path / "SHA256SUMS").write_text(_backup.sums(str(path)))
    return name


def old(folder: Path, name: str, **manifest: Any) -> str:
    """A backup of the older layout."""
    (folder / name).mkdir()
    (folder / name / "manifest.json").write_text(json.dumps(manifest))
    (folder / name / "dump.sql.gz").write_bytes(b"dump")
    return name


def prune(
    folder: Path, policy: Policy = TWO_DAYS, now: datetime = NOW, check: bool = False
) -> dict[str, Any]:
    """What was told, with names instead of whole entries."""
    told = _archive.prune(str(folder), policy, now, check)
    return {
        **told,
        **{kind: [entry["name"] for entry in told[kind]] for kind in ("kept", "removed", "broken")},
    }


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_the_policy_does_not_keep_goes(tmp_path: Path) -> None:
    made = [make(tmp_path, "2026-11-%d 02:00" % day) for day in (20, 22, 23, 24)]
    foretold = prune(tmp_path, check=True)
    assert names(tmp_path) == made
    told = prune(tmp_path)
    assert told == foretold
    assert (told["changed"], told["removed"], told["kept"]) == (True, made[1::-1], made[:1:-1])
    assert names(tmp_path) == made[2:]
    assert prune(tmp_path)["changed"] is False


def test_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert prune(tmp_path / "nosuch") == {
        "changed": False,
        "kept": [],
        "removed": [],
        "foreign": [],
        "incomplete": [],
        "cleared": [],
        "broken": [],
    }
    assert not (tmp_path / "nosuch").exists()


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(_backup.BackupError, match="file is not a folder"):
        prune(tmp_path / "file")


def test_what_is_not_ours_is_left(tmp_path: Path) -> None:
    victim = tmp_path / "elsewhere"
    victim.mkdir()
    archive = tmp_path / "archive"
    archive.mkdir()
    for when in ("2026-11-01 02:00", "2026-11-23 02:00", "2026-11-24 02:00"):
        make(archive, when)
    make(victim, "2026-10-01 02:00", "real")
    (archive / "20261002T020000Z").symlink_to(victim / "real")
    (archive / "20261003T020000Z").mkdir()
    (archive / "20261003T020000Z" / "notes.txt").write_text("mine")
    (archive / "20261004T020000Z").write_text("a file")
    (archive / "daily-20261005-020000").mkdir()
    (archive / "lost+found").mkdir()
    (archive / ".incomplete-mine").mkdir()
    (archive / "mine.pinned").write_text("")
    foreign = [
        "daily-20261005-020000",
        "lost+found",
        ".incomplete-mine",
        "mine.pinned",
        "20261002T020000Z",
        "20261003T020000Z",
        "20261004T020000Z",
    ]
    told = prune(archive)
    assert told["removed"] == ["20261101T020000Z"]
    assert sorted(told["foreign"]) == sorted(foreign)
    assert set(foreign) < set(names(archive))
    assert (victim / "real" / "database.dump").exists()


def test_other_programs_manifests_are_not_ours(tmp_path: Path) -> None:
    made = [make(tmp_path, "2026-11-%d 02:00" % day) for day in (22, 23, 24)]
    manifest: Any = {"format": 1, "created": "2020-01-01T00:00:00+00:00"}
    for name, told in {"webapp": manifest, "other": {**manifest, "name": "x"}, "list": []}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(json.dumps(told))
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "manifest.json").symlink_to(tmp_path / made[0] / "manifest.json")
    (tmp_path / "20200101T000000Z").mkdir()
    (tmp_path / "20200101T000000Z" / "manifest.json").symlink_to(
        tmp_path / made[0] / "manifest.json"
    )
    (tmp_path / "20200101T000000Z" / "SHA256SUMS").symlink_to(tmp_path / made[0] / "SHA256SUMS")
    done = prune(tmp_path)
    assert done["removed"] == made[:1]
    assert done["foreign"] == ["20200101T000000Z", "linked", "list", "other", "webapp"]
    assert set(done["foreign"]) < set(names(tmp_path))


def test_names_that_nobody_can_print_are_shown_and_left(tmp_path: Path) -> None:
    strange = os.fsencode(str(tmp_path)) + b"/caf\xe9"
    os.mkdir(strange)
    assert prune(tmp_path)["foreign"] == ["caf\\xe9"]
    assert os.path.isdir(strange)


def test_links_within_a_backup_are_removed_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "precious").write_text("x")
    archive = tmp_path / "archive"
    archive.mkdir()
    made = [make(archive, "2026-11-%d 02:00" % day) for day in (1, 22, 23, 24)]
    (archive / made[0] / "link").symlink_to(tmp_path / "elsewhere")
    assert prune(archive)["removed"] == [made[1], made[0]]
    assert not (archive / made[0]).exists()
    assert (tmp_path / "elsewhere" / "precious").exists()


def test_copy_under_another_name_stays_and_serves_no_rule(tmp_path: Path) -> None:
    made = [make(tmp_path, "2026-11-%d 02:00" % day) for day in (20, 23, 24)]
    for source, name in ((made[0], "mine"), (made[2], "20261124T110000Z")):
        shutil.copytree(tmp_path / source, tmp_path / name)
    told = _archive.prune(str(tmp_path), TWO_DAYS, NOW)
    assert {entry["name"]: entry["reasons"][0] for entry in told["kept"]} == {
        made[2]: "last 1",
        made[1]: "daily 2026-11-23",
        "mine": "somebody's copy of %s" % made[0],
        "20261124T110000Z": "somebody's copy of %s" % made[2],
    }
    assert [entry["name"] for entry in told["removed"]] == made[:1]
    assert _archive.find(str(tmp_path), "latest", NOW).name == made[2]
    assert _archive.find(str(tmp_path), "mine", NOW).problem == ""


def test_time_is_the_manifests_and_else_the_names(tmp_path: Path) -> None:
    make(tmp_path, "2026-11-24 02:00", "20200101T000000Z")
    make(tmp_path, "2026-11-23 02:00", "before-migration-7f")
    os.utime(tmp_path / "20200101T000000Z", (0, 0))
    old(tmp_path, "weekly-20261101-020000")
    old(tmp_path, "daily-20260101-020000", created_at="2026-11-02T02:00:00Z")
    old(tmp_path, "daily-20260102-020000", timestamp="2026-11-03T02:00:00")
    (tmp_path / "daily-20260103-020000").mkdir()
    (tmp_path / "daily-20260103-020000" / "manifest.json").write_text("no JSON")
    times = {
        entry.name: entry.time.isoformat()
        for entry in _archive.scan(str(tmp_path), NOW, timezone.utc).entries
    }
    assert times == {
        "20200101T000000Z": "2026-11-24T02:00:00+00:00",
        "before-migration-7f": "2026-11-23T02:00:00+00:00",
        "weekly-20261101-020000": "2026-11-01T02:00:00+00:00",
        "daily-20260101-020000": "2026-11-02T02:00:00+00:00",
        "daily-20260102-020000": "2026-01-02T02:00:00+00:00",
        "daily-20260103-020000": "2026-01-03T02:00:00+00:00",
    }


def test_backups_of_the_older_layout_age_as_well(tmp_path: Path) -> None:
    for name in (
        "monthly-20260901-020000",
        "weekly-20261115-020000",
        "daily-20261123-020000",
        "daily-20261199-020000",
    ):
        old(tmp_path, name)
    make(tmp_path, "2026-11-24 02:00")
    told = prune(tmp_path)
    assert told["removed"] == ["weekly-20261115-020000", "monthly-20260901-020000"]
    assert told["foreign"] == ["daily-20261199-020000"]  # that is no day


def test_older_layout_never_takes_the_place_of_the_last_that_is_proved(tmp_path: Path) -> None:
    made = [make(tmp_path, "2026-11-%d 02:00" % day) for day in (20, 22, 23, 24)]
    olds = [old(tmp_path, "daily-202611%d-030000" % day) for day in (20, 22, 23, 24)]
    damage(tmp_path / made[3] / "database.dump")
    foretold = prune(tmp_path, check=True)
    told = _archive.prune(str(tmp_path), TWO_DAYS, NOW)
    assert (
        [entry["name"] for entry in told["kept"]] == foretold["kept"] == [olds[3], olds[2], made[2]]
    )
    assert told["kept"][2]["reasons"] == ["newest that can be restored"]
    assert [entry["name"] for entry in told["broken"]] == made[3:]
    assert names(tmp_path) == sorted([*made[2:], *olds[2:]])
    assert prune(tmp_path)["changed"] is False


def test_pinned_ones_stay_and_serve_no_rule(tmp_path: Path) -> None:
    first = make(tmp_path, "2026-01-01 02:00", pinned=True)
    second, third, fourth = (make(tmp_path, "2026-11-%d 02:00" % day) for day in (22, 23, 24))
    assert _archive.pin(str(tmp_path), fourth, True, NOW)
    assert not _archive.pin(str(tmp_path), fourth, True, NOW)
    told = _archive.prune(str(tmp_path), TWO_DAYS, NOW)
    assert {entry["name"]: entry["reasons"] for entry in told["kept"]} == {
        fourth: ["pinned"],
        third: ["last 1", "daily 2026-11-23"],
        second: ["daily 2026-11-22"],
        first: ["pinned"],
    }
    assert (told["foreign"], told["removed"]) == ([], [])
    assert _archive.pin(str(tmp_path), fourth, False, NOW)
    assert not _archive.pin(str(tmp_path), second, False, NOW)
    assert prune(tmp_path)["removed"] == [second]
    with pytest.raises(_backup.BackupError, match="was pinned when it was made"):
        _archive.pin(str(tmp_path), first, False, NOW)


def test_clock_that_jumped_ahead_pushes_nothing_out(tmp_path: Path) -> None:
    future = make(tmp_path, "2031-01-01 02:00")
    made = [make(tmp_path, "2026-11-%d 02:00" % day) for day in (22, 23, 24)]
    told = _archive.prune(str(tmp_path), TWO_DAYS, NOW)
    assert (told["kept"][0]["name"], told["kept"][0]["reasons"]) == (future, ["from the future"])
    assert [entry["name"] for entry in told["removed"]] == made[:1]
    assert prune(tmp_path, now=datetime(2031, 2, 1, tzinfo=timezone.utc))["removed"] == [made[1]]


@pytest.mark.parametrize(
    "stamp", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "1969-12-31T23:59:59+00:00"]
)
def test_time_in_which_nobody_made_backups_is_none(tmp_path: Path, stamp: str) -> None:
    made = make(tmp_path, "2026-11-23 02:00")
    make(tmp_path, "2026-11-01 02:00", created=stamp)
    make(tmp_path, "2026-11-24 02:00", "before-x", created=stamp)
    told = _archive.prune(str(tmp_path), TWO_DAYS, NOW)
    assert [(entry["name"], entry["time"]) for entry in told["broken"]] == [
        ("20261101T020000Z", "2026-11-01T02:00:00+00:00"),
        ("before-x", "1970-01-01T00:00:00+00:00"),
    ]
    assert "has no time" in told["broken"][0]["problem"]
    assert [entry["name"] for entry in told["kept"]] == [made]


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_broken_backup_serves_no_rule_and_stays(tmp_path: Path) -> None:
    made = [make(tmp_path, "2026-11-%d 02:00" % day) for day in (20, 21, 22, 23, 24)]
    damage(tmp_path / made[4] / "database.dump")
    (tmp_path / made[3] / "SHA256SUMS").unlink()
    told = _archive.prune(str(tmp_path), TWO_DAYS, NOW)
    assert [entry["name"] for entry in told["broken"]] == made[3:]
    assert told["broken"][1]["problem"] == "%s/database.dump: its checksum does not match" % (
        tmp_path / made[4]
    )
    assert [entry["name"] for entry in told["kept"]] == [made[2], made[1]]
    assert names(tmp_path) == made[1:]


def test_nothing_is_read_while_nothing_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [make(tmp_path, "2026-11-%d 02:00" % day) for day in (22, 23, 24)]
    read: list[str] = []
    monkeypatch.setattr(
        _backup, "verify", lambda folder, _signers: read.append(os.path.basename(folder)) or []
    )
    prune(tmp_path, Policy(3, 0, 0, 0, 0, "UTC"))
    assert read == []
    prune(tmp_path, check=True)
    assert read == made[:0:-1]


def test_last_good_one_is_never_removed(tmp_path: Path) -> None:
    made = [make(tmp_path, "2026-11-%d 02:00" % day) for day in (1, 22, 23, 24)]
    for name in made[1:]:
        damage(tmp_path / name / "database.dump")
    assert prune(tmp_path, Policy(1, 0, 0, 0, 0, "UTC"))["kept"] == made[:1]
    assert names(tmp_path) == made
    damage(tmp_path / made[0] / "database.dump")
    make(tmp_path, "2026-10-01 02:00")
    damage(tmp_path / "20261001T020000Z" / "manifest.json")
    told = prune(tmp_path, Policy(1, 0, 0, 0, 0, "UTC"))
    assert told["removed"] == []


@pytest.mark.parametrize(
    "manifest",
    [
        '{"format": 2}',
        '{"format": 1}',
        '{"format": 1, "created": "today"}',
        '{"format": 1, "created": "2026-11-24T02:00:00"}',
        "{",
        "[]",
    ],
)
def test_manifest_that_nobody_understands_makes_a_backup_broken_not_gone(
    tmp_path: Path, manifest: str
) -> None:
    made = [make(tmp_path, "2026-11-%d 02:00" % day) for day in (1, 22, 23, 24)]
    (tmp_path / made[0] / "manifest.json").write_text(manifest)
    told = _archive.prune(str(tmp_path), TWO_DAYS, NOW)
    assert [entry["name"] for entry in told["broken"]] == made[:1]
    assert "manifest.json" in told["broken"][0]["problem"]
    assert (tmp_path / made[0]).exists()


def test_pin_that_a_flipped_bit_hides_is_not_lost(tmp_path: Path) -> None:
    pinned = make(tmp_path, "2026-01-01 02:00", "before-migration-7f", pinned=True)
    aged = make(tmp_path, "2026-11-20 02:00")
    made = [make(tmp_path, "2026-11-%d 02:00" % day) for day in (22, 23, 24)]
    for name, before, after in (
        (pinned, b'"pinned"', b'"pinnee"'),
        (aged, b"2026-11-20", b"2006-11-20"),
    ):
        path = tmp_path / name / "manifest.json"
        path.write_bytes(path.read_bytes().replace(before, after))
    (tmp_path / aged / "SHA256SUMS").unlink()
    told = prune(tmp_path)
    assert told["removed"] == made[:1]
    assert told["broken"] == [aged, pinned]
    assert prune(tmp_path)["changed"] is False


def test_backup_whose_manifest_is_damaged_is_still_ours(tmp_path: Path) -> None:
    sound = make(tmp_path, "2026-11-24 02:00")
    truncated, missing, marked = (
        make(tmp_path, "2026-11-20 0%d:00" % hour, name)
        for hour, name in ((1, "before-1"), (2, "before-2"), (3, "before-3"))
    )
    for name in (truncated, marked):
        (tmp_path / name / "manifest.json").write_text('{"format": 1')
    (tmp_path / missing / "manifest.json").unlink()
    (tmp_path / "before-3.pinned").touch()
    entries = {entry.name: entry for entry in _archive.scan(str(tmp_path), NOW).entries}
    assert sorted(entries) == sorted([sound, truncated, missing, marked])
    assert "manifest.json cannot be read" in _archive.verify(
        entries[truncated]
    ) and "manifest.json is missing" in _archive.verify(entries[missing])
    told = _archive.prune(str(tmp_path), Policy(1, 0, 0, 0, 0, "UTC"), NOW)
    assert [entry["name"] for entry in told["broken"]] == [truncated, missing, marked]
    assert {entry["name"]: entry["reasons"] for entry in told["kept"]} == {
        sound: ["last 1"],
        marked: ["pinned"],
    }
    assert told["foreign"] == []


def test_broken_one_goes_when_enough_sound_newer_ones_are_there(tmp_path: Path) -> None:
    made = [make(tmp_path, "2026-11-%d 02:00" % day) for day in (21, 22)]
    damage(tmp_path / made[1] / "database.dump")
    later = [make(tmp_path, "2026-11-23 02:00")]
    assert prune(tmp_path) == {
        "changed": False,
        "kept": [later[0], made[0]],
        "removed": [],
        "foreign": [],
        "incomplete": [],
        "cleared": [],
        "broken": [made[1]],
    }
    later.append(make(tmp_path, "2026-11-24 02:00"))
    damage(tmp_path / later[1] / "database.dump")
    assert prune(tmp_path)["broken"] == [made[1], later[1]]
    later.append(make(tmp_path, "2026-11-24 03:00"))
    told = prune(tmp_path)
    assert (told["kept"], told["removed"]) == ([later[2], later[0]], [later[1], made[1], made[0]])


def test_old_backup_without_anything_in_it_is_broken(tmp_path: Path) -> None:
    old(tmp_path, "daily-20261124-020000")
    (tmp_path / "daily-20261124-020000" / "dump.sql.gz").write_bytes(b"")
    for day in (21, 22, 23):
        make(tmp_path, "2026-11-%d 02:00" % day)
    assert prune(tmp_path)["broken"] == ["daily-20261124-020000"]


def test_what_interruptions_leave_goes_when_nobody_can_be_at_work_on_it(tmp_path: Path) -> None:
    made = make(tmp_path, "2026-11-24 02:00")
    left = {
        ".incomplete-20261122T020000Z-abcd1234": True,
        ".incomplete-20261124T110000Z-abcd1234": False,
        ".incomplete-before-x-abcd_123": True,
        ".incomplete-later-abcd1234": False,
        ".removing-20261124T020000Z": True,
        ".removing-20261120T020000Z": True,
    }
    for name in left:
        (tmp_path / name).mkdir()
        (tmp_path / name / "database.dump").write_bytes(b"half")
    os.utime(
        tmp_path / ".incomplete-before-x-abcd_123",
        (0, (NOW - timedelta(days=1, minutes=1)).timestamp()),
    )
    os.utime(tmp_path / ".incomplete-later-abcd1234", (0, (NOW - timedelta(hours=23)).timestamp()))
    told = prune(tmp_path)
    assert (told["changed"], told["incomplete"]) == (True, sorted(left))
    assert told["cleared"] == sorted(name for name, removable in left.items() if removable)
    assert names(tmp_path) == sorted(
        [made, *(name for name, removable in left.items() if not removable)]
    )


def interrupt(*_words: Any) -> None:
    raise KeyboardInterrupt


def test_removal_can_be_interrupted_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [make(tmp_path, "2026-11-%d 02:00" % day) for day in (1, 22, 23, 24)]
    for stop in ("replace", "sync_folder", "rmtree"):
        with monkeypatch.context() as patched:
            patched.setattr(
                {"replace": os, "sync_folder": _files, "rmtree": shutil}[stop], stop, interrupt
            )
            with pytest.raises(KeyboardInterrupt):
                prune(tmp_path)
        whole = [
            entry
            for entry in _archive.scan(str(tmp_path), NOW).entries
            if not _archive.verify(entry)
        ]
        assert {entry.name for entry in whole} >= set(made[2:])
        assert [entry.name for entry in _archive.scan(str(tmp_path), NOW).entries] == [
            entry.name for entry in whole
        ]
    prune(tmp_path)
    assert names(tmp_path) == made[2:]


KILLED = """
import os, shutil, signal, sys
from datetime import datetime, timezone
from ansible_collections.llmops.litellm.plugins.module_utils._backup import archive as _archive
from ansible_collections.llmops.litellm.plugins.module_utils._backup.retention import Policy

def die(*words, **more):
    os.kill(os.getpid(), signal.SIGKILL)

left = int(sys.argv[2])
def unlink(*words, really=os.unlink, **more):
    global left
    left -= 1
    if left < 0:
        die()
    really(*words, **more)

os.unlink = unlink
if left == 0:
    shutil.rmtree = die
noon = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
_archive.prune(sys.argv[1], Policy(1, 2, 0, 0, 0, "UTC"), noon)
"""


@pytest.mark.parametrize("files", [0, 1, 2, 3, 4, 5])
def test_removal_that_is_killed_leaves_nothing_that_looks_whole(tmp_path: Path, files: int) -> None:
    """By SIGKILL, between the new name and the first file, and after so many files of the two
    backups that go.
    """
    made = [make(tmp_path, "2026-11-%d 02:00" % day) for day in (20, 21, 23, 24)]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), str(files)],
        check=False,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == -9, done.stderr
    archive = _archive.scan(str(tmp_path), NOW)
    assert [entry.name for entry in archive.entries] == made[2:]
    assert archive.incomplete and archive.foreign == []
    told = prune(tmp_path)
    assert (told["changed"], told["removed"]) == (True, [])
    assert names(tmp_path) == made[2:]


def test_name_that_is_taken_does_not_hinder_a_removal(tmp_path: Path) -> None:
    made = [make(tmp_path, "2026-11-%d 02:00" % day) for day in (20, 23, 24)]
    (tmp_path / (".removing-" + made[0])).write_text("a file")
    told = prune(tmp_path)
    assert (told["removed"], told["foreign"]) == (made[:1], [".removing-" + made[0]])
    assert names(tmp_path) == [".removing-" + made[0], *made[1:]]


def test_what_cannot_be_removed_is_said_and_hinders_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [make(tmp_path, "2026-11-%d 02:00" % day) for day in (20, 21, 23, 24)]
    really = shutil.rmtree

    def rmtree(path: str) -> None:
        if path.endswith(made[1]):
            raise PermissionError(1, "Operation not permitted", path)
        really(path)

    monkeypatch.setattr(shutil, "rmtree", rmtree)
    with pytest.raises(
        _backup.BackupError,
        match=r"/.removing-%s cannot be removed: Operation not permitted$" % made[1],
    ):
        prune(tmp_path)
    assert names(tmp_path) == [".removing-" + made[1], *made[2:]]


def test_what_becomes_whole_while_we_look_is_not_of_yesterday(tmp_path: Path) -> None:
    class Gone:
        name = ".incomplete-before-x-abcd1234"

        def stat(self, follow_symlinks: bool = True) -> os.stat_result:
            raise FileNotFoundError

    assert _archive._begun(Gone(), NOW) == NOW


def test_second_removal_waits_for_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "2026-11-24 02:00")
    monkeypatch.setattr(_backup, "PATIENCE", 0.0)
    with _backup.locked(str(tmp_path)), pytest.raises(_backup.BackupError, match="is under way"):
        prune(tmp_path)
    with _backup.locked(str(tmp_path)):
        prune(tmp_path, check=True)  # which changes nothing, and waits for nobody


def test_backup_is_found_by_name_or_as_the_latest(tmp_path: Path) -> None:
    folder = str(tmp_path)
    with pytest.raises(_backup.BackupError, match="holds no backup$"):
        _archive.find(folder, "latest", NOW)
    with pytest.raises(_backup.BackupError, match="holds no backup x, nor any other"):
        _archive.find(folder, "x", NOW)
    made = [make(tmp_path, "2026-11-%d 02:00" % day) for day in (22, 23)]
    make(tmp_path, "2031-01-01 02:00")
    old(tmp_path, "daily-20261124-020000")
    make(tmp_path, "2026-11-24 03:00")
    (tmp_path / "20261124T030000Z" / "manifest.json").write_text("{")
    assert _archive.find(folder, "latest", NOW).name == made[1]
    assert _archive.find(folder, made[0], NOW).name == made[0]
    with pytest.raises(
        _backup.BackupError,
        match=(
            "but of the future .*: 20261122T020000Z, 20261123T020000Z, "
            "20310101T020000Z; name one of them"
        ),
    ):
        _archive.find(folder, "latest", datetime(2020, 1, 1, tzinfo=timezone.utc))
    with pytest.raises(
        _backup.BackupError, match="holds no backup 20261122T020001Z; there are 20261122T020000Z"
    ):
        _archive.find(folder, "20261122T020001Z", NOW)


def test_hundreds_of_backups(tmp_path: Path) -> None:
    """Four a day for half a year: what stays is what the rules say, and the folders are what was
    told.
    """
    begin = NOW - timedelta(days=183)
    for number in range(732):
        time = begin + timedelta(hours=6 * number)
        make(tmp_path, time.strftime("%Y-%m-%d %H:%M"))
    told = prune(tmp_path, Policy(1, 7, 4, 3, 1, "Europe/Berlin"))
    assert len(told["kept"]) + len(told["removed"]) == 732
    assert names(tmp_path) == sorted(told["kept"])
    assert 7 <= len(told["kept"]) <= 15
    assert prune(tmp_path, Policy(1, 7, 4, 3, 1, "Europe/Berlin"))["changed"] is False


KINDS = st.sampled_from(
    ("ours", "old", "file", "link", "folder", "broken", "pinned", "copy", "flipped")
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(KINDS, st.integers(-2, 60)), max_size=12))
def test_nothing_foreign_broken_or_pinned_ever_goes(
    tmp_path: Path, content: list[tuple[str, int]]
) -> None:
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    stays, ours = set(), set()
    for number, (kind, days) in enumerate(content):
        when = (NOW - timedelta(days=days)).strftime("%Y-%m-%d %H:%M")
        name = "item-%d" % number
        if kind in ("ours", "broken", "pinned", "flipped"):
            make(tmp_path, when, name, pinned=kind == "pinned")
        elif kind == "copy":
            make(tmp_path, when, name + "-original")
            (tmp_path / (name + "-original")).rename(tmp_path / name)
        elif kind == "old":
            old(
                tmp_path,
                "daily-%s-0200%02d" % ((NOW - timedelta(days=days)).strftime("%Y%m%d"), number),
            )
        elif kind == "file":
            (tmp_path / name).write_text("x")
        elif kind == "link":
            (tmp_path / name).symlink_to(tmp_path)
        else:
            (tmp_path / name).mkdir()
        if kind == "broken":
            (tmp_path / name / "manifest.json").write_text("{")
        if kind == "flipped":
            damage(tmp_path / name / "database.dump")
        if kind == "ours":
            ours.add(name)
        if kind not in ("ours", "old", "flipped"):
            stays.add(name)
    foretold = prune(tmp_path, check=True)
    told = prune(tmp_path)
    assert told == foretold
    left = set(names(tmp_path))
    assert stays <= left
    assert ours & left or not ours
    assert not set(told["removed"]) & left and set(told["kept"]) | set(told["broken"]) <= left
    again = prune(tmp_path)
    # where nothing goes, nothing is read: what was broken may count as kept
    assert (again["changed"], set(again["kept"] + again["broken"])) == (
        False,
        set(told["kept"] + told["broken"]),
    )
    assert set(names(tmp_path)) == left


@pytest.mark.parametrize("name", ["latest", "x"])
def test_backups_that_another_account_could_have_put_there_are_not_used(
    tmp_path: Path, name: str
) -> None:
    folder = support.foreign(tmp_path / "theirs")
    (folder / "x").mkdir()
    for use in (
        lambda: _archive.find(str(folder), name, NOW),
        lambda: _archive.pin(str(folder), name, True, NOW),
        lambda: prune(folder),
        lambda: prune(folder / "inner"),
    ):
        with pytest.raises(_paths.UntrustedPath, match="theirs belongs to account nobody"):
            use()
    assert names(folder) == ["x"]
