"""The command: backups are copied to other places, and what such a place lacks is said."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from small_archive import NOW, Run, make, outcomes
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._backup import archive as _archive
from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup_backup
from ansible_collections.llmops.litellm.plugins.module_utils._backup import (
    encryption as _encryption,
)
from ansible_collections.llmops.litellm.plugins.module_utils._backup import (
    offsite as _backup_offsite,
)
from ansible_collections.llmops.litellm.plugins.module_utils._backup import settings as _settings
from ansible_collections.llmops.litellm.plugins.module_utils._host.settings_file import (
    SettingsError,
)
from ansible_collections.llmops.litellm.plugins.module_utils._ops import offsite as _offsite


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


def test_check_says_that_the_signing_key_is_not_there(archive: Path, run: Run) -> None:
    path = archive.parent / "ops.json"
    settings = json.loads(path.read_text())
    settings["backup"]["signing_key"] = "/nosuch"
    path.write_text(json.dumps(settings))
    code, _out, err = run("check")
    assert code == 2
    assert "/nosuch, the signing key, cannot be read: No such file" in err


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


def settings(archive: Path) -> Any:
    return _settings.load(str(archive.parent / "ops.json"), os.geteuid())


def test_everything_that_the_host_lacks_is_told(
    archive: Path, copying: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    error = _backup_backup.BackupError
    monkeypatch.setattr(_encryption, "check", support.fails(error("no age")))
    monkeypatch.setattr(_backup_offsite, "check", support.fails(error("no restic")))
    assert _offsite.check(settings(archive)) == ["no age", "no restic"]


def test_host_without_a_place_lacks_nothing_and_copies_nothing(archive: Path) -> None:
    told = settings(archive)
    assert _offsite.check(told) == []
    make(archive, 1)
    (entry,) = _archive.scan(str(archive), NOW).entries
    with pytest.raises(SettingsError, match="the settings name no place to copy backups to"):
        _offsite.copy(told, entry, NOW)
