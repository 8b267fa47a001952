"""The command: backups are made, copied, verified, pruned, pinned and listed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from small_archive import NOW, SECRET, Run, make, outcomes
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._backup import archive as _archive
from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup_backup
from ansible_collections.llmops.litellm.plugins.module_utils._backup import history as _history
from ansible_collections.llmops.litellm.plugins.module_utils._backup import (
    signature as _signature,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session
from ansible_collections.llmops.litellm.plugins.module_utils._restore import drill as _drill
from ansible_collections.llmops.litellm.plugins.module_utils._restore import state as _state
from ansible_collections.llmops.litellm.plugins.modules import backup_prune


def test_backup_is_made_and_then_the_old_ones_go(
    archive: Path, run: Run, orders: list[_backup_backup.Order]
) -> None:
    made = [make(archive, days) for days in (3, 2, 1)]
    code, out, err = run("backup")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "%s is made and verified: 7 rows in 2.0 MiB, 1.5 s" % (archive / "20261124T120000Z"),
        "removed  %s: older than what is kept (last 1, daily 2)" % made[1],
        "removed  %s: older than what is kept (last 1, daily 2)" % made[0],
        "2 kept, 2 removed",
    ]
    assert (orders[0].kind, orders[0].name, orders[0].pinned, orders[0].salt_key) == (
        "compose",
        None,
        False,
        SECRET,
    )
    assert sorted(path.name for path in archive.iterdir()) == [made[2], "20261124T120000Z"]
    told = outcomes(archive)
    assert (
        told["backup"]["ok"]
        and told["backup"]["name"] == "20261124T120000Z"
        and told["prune"]["ok"]
    )


def test_words_of_the_command_reach_the_order(
    archive: Path, run: Run, orders: list[_backup_backup.Order]
) -> None:
    old = make(archive, 400)
    code, out, _err = run("backup", "--name", "release", "--pin", "--no-prune", "--json")
    told = json.loads(out)
    assert (code, told["ok"], told["source"], told["rows_total"]) == (0, True, "compose", 7)
    assert (orders[0].name, orders[0].pinned) == ("release", True)
    assert (archive / old).exists()
    assert "prune" not in outcomes(archive)
    assert SECRET not in out


@pytest.mark.parametrize(
    "error",
    [
        _backup_backup.BackupError("/x has 1 MiB free"),
        _session.PostgresError("is gone"),
        OSError(28, "No space left", "/x"),
    ],
)
def test_failed_backup_removes_nothing_and_is_remembered(
    archive: Path, run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    made = [make(archive, days) for days in (3, 2, 1)]

    def backup(order: _backup_backup.Order, now: datetime) -> Any:
        raise error

    monkeypatch.setattr(_backup_backup, "backup", backup)
    code, out, err = run("backup")
    assert (code, out) == (1, "")
    assert err.strip() in ("/x has 1 MiB free", "is gone", "/x: No space left")
    assert sorted(path.name for path in archive.iterdir()) == made
    assert outcomes(archive)["backup"]["ok"] is False
    assert run("status")[0] == 1


def test_backup_of_nobody_knows_which_deployment_is_remembered_as_failed(
    archive: Path, run: Run, orders: list[_backup_backup.Order]
) -> None:
    path = archive.parent / "ops.json"
    told = json.loads(path.read_text())
    told["deployments"]["legacy"] = {"database": {"env_file": str(archive.parent / "env")}}
    path.write_text(json.dumps(told))
    (archive.parent / "journal.json").write_text("{")
    code, _out, err = run("backup")
    assert code == 1 and "journal.json cannot be read" in err
    assert orders == []
    assert outcomes(archive)["backup"]["ok"] is False


def test_wrong_words_are_no_failed_backup(archive: Path, run: Run) -> None:
    code, _out, err = run("backup", "--source", "legacy")
    assert code == 2 and "deployments.legacy: there is none" in err
    assert outcomes(archive) == {}


def test_broken_backup_is_reported_by_the_backup_that_went_well(
    archive: Path, run: Run, orders: list[_backup_backup.Order]
) -> None:
    made = [make(archive, days) for days in (3, 2, 1)]
    (archive / made[2] / "database.dump").write_bytes(b"dumb")
    code, out, err = run("backup")
    assert code == 1
    assert "is made and verified" in err
    assert (
        "BROKEN    %s: its checksum does not match" % (archive / made[2] / "database.dump") in err
    )
    assert outcomes(archive)["backup"]["ok"] and not outcomes(archive)["prune"]["ok"]
    assert (
        (archive / made[2]).exists()
        and (archive / made[1]).exists()
        and not (archive / made[0]).exists()
    )


def test_dry_run_shows_and_removes_nothing(archive: Path, run: Run) -> None:
    made = [make(archive, days) for days in (3, 2, 1)]
    (archive / "notes.txt").write_text("mine")
    code, out, _err = run("prune", "--dry-run")
    assert code == 0
    assert out.splitlines() == [
        "would go  %s: older than what is kept (last 1, daily 2)" % made[0],
        "stays     %s: last 1, daily 2026-11-23" % made[2],
        "stays     %s: daily 2026-11-22" % made[1],
        "foreign   notes.txt",
    ]
    assert sorted(path.name for path in archive.iterdir()) == [*made, "notes.txt"]
    assert outcomes(archive) == {}
    assert (
        run("prune")[1]
        == "removed  %s: older than what is kept (last 1, daily 2)\n2 kept, 1 removed\n" % made[0]
    )


class Clock(datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return NOW


@pytest.mark.parametrize("check", [True, False])
def test_command_and_module_remove_the_same(
    archive: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    check: bool,
) -> None:
    made = [make(archive, days) for days in (40, 9, 3, 2, 1, 0)]
    make(archive, 60, pinned=True)
    for name in (".removing-x", "foreign"):
        (archive / name).mkdir()
    twin = archive.parent / "twin"
    shutil.copytree(archive, twin)
    code, out, _err = run("prune", "--json", *(["--dry-run"] if check else []))
    monkeypatch.setattr(backup_prune, "datetime", Clock)
    policy = {"keep_daily": 2, "keep_weekly": 0, "keep_monthly": 0, "timezone": "UTC"}
    with (
        patch_module_args({"path": str(twin), **policy, "_ansible_check_mode": check}),
        pytest.raises(SystemExit),
    ):
        backup_prune.main()
    command, module = json.loads(out), json.loads(capsys.readouterr().out)
    shared = ("changed", "kept", "removed", "foreign", "incomplete", "cleared", "broken")
    assert code == 0
    assert [command[name] for name in shared] == [module[name] for name in shared]
    assert [entry["name"] for entry in module["removed"]] == made[3::-1]
    assert module["cleared"] == [".removing-x"]
    assert sorted(os.listdir(archive)) == sorted(os.listdir(twin))
    assert (made[0] in os.listdir(twin)) == check


def test_removal_that_is_hindered_is_said(
    archive: Path, run: Run, orders: list[_backup_backup.Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_words: Any) -> None:
        raise _backup_backup.BackupError("another backup is under way")

    monkeypatch.setattr(_archive, "prune", refuse)
    code, _out, err = run("backup")
    assert (code, err.splitlines()[1]) == (
        1,
        "nothing more was removed: another backup is under way",
    )
    assert outcomes(archive)["backup"]["ok"] and not outcomes(archive)["prune"]["ok"]


def test_verify_reads_the_latest_the_named_or_all(archive: Path, run: Run) -> None:
    made = [make(archive, days) for days in (3, 2, 1)]
    assert run("verify") == (0, "sound   %s\n" % made[2], "")
    (archive / made[0] / "database.dump").write_bytes(b"dumb")
    assert run("verify", made[1])[0] == 0
    code, _out, err = run("verify", "--all")
    assert code == 1
    broken = "BROKEN  %s: its checksum does not match" % (archive / made[0] / "database.dump")
    assert err.splitlines() == [broken, "sound   %s" % made[1], "sound   %s" % made[2]]
    assert outcomes(archive)["verify"]["ok"] is False
    assert "holds no backup x; there are" in run("verify", "x")[2]


@pytest.fixture
def signed(archive: Path) -> tuple[str, str, str]:
    """A backup without a signature and a newer one with; the option that demands that key."""
    path = archive.parent / "key"
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(words, check=True)
    plain, name = make(archive, 2), make(archive, 1)
    text = (archive / name / "SHA256SUMS").read_text()
    (archive / name / "SHA256SUMS.sig").write_text(_signature.sign(text, str(path)))
    return plain, name, "--signed-by=%s.pub" % path


def test_verify_says_who_signed_and_insists_where_it_shall(
    archive: Path, run: Run, signed: tuple[str, str, str]
) -> None:
    plain, name, demand = signed
    code, out, _err = run("verify", "--all")
    lines = out.splitlines()
    assert (code, lines[0]) == (0, "sound   " + plain)
    assert lines[1].startswith("sound   %s, signed by the key SHA256:" % name)
    assert run("verify", demand)[0] == 0
    code, _out, err = run("verify", "--all", demand)
    assert (code, err.splitlines()[0]) == (
        1,
        "BROKEN  %s is not signed, and must be signed by the key given" % (archive / plain),
    )
    with pytest.raises(SystemExit) as wrong:
        run("verify", "--signed-by", "/nosuch")
    assert wrong.value.code == 2


def test_nothing_is_tried_that_the_key_has_not_signed(
    archive: Path, run: Run, signed: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, name, demand = signed
    tried: list[str] = []

    def drill(folder: str, image: str, now: datetime, identity: str) -> dict[str, Any]:
        tried.append(folder)
        return {"rows": 7, "tables": 3, "differences": [], "seconds": 4.5}

    monkeypatch.setattr(_drill, "drill", drill)
    assert run("drill", plain, demand)[0] == 1
    assert "is not signed" in outcomes(archive)["drill"]["problem"]
    assert run("drill", name, demand)[0] == 0
    assert tried == [str(archive / name)]


def test_drill_restores_with_the_image_of_the_backup(
    archive: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = make(archive, 1)
    other = make(archive, 2, facts={})
    seen: list[tuple[str, str]] = []
    differences: list[str] = []

    def drill(folder: str, image: str, now: datetime, identity: str) -> dict[str, Any]:
        seen.append((folder, image))
        return {"rows": 7, "tables": 3, "differences": differences, "seconds": 4.5}

    monkeypatch.setattr(_drill, "drill", drill)
    code, out, _err = run("drill")
    assert (code, out) == (
        0,
        "%s can be restored: 7 rows in 3 tables, equal to its manifest, 4.5 s\n" % (archive / name),
    )
    assert run("drill", other)[0] == 0
    assert seen == [
        (str(archive / name), "postgres@sha256:ab"),
        (str(archive / other), "postgres@sha256:cd"),
    ]
    assert outcomes(archive)["drill"]["name"] == other
    differences.append("table a: 1 row is missing")
    code, _out, err = run("drill")
    assert (code, err) == (
        1,
        "%s was restored and is not what its manifest says: table a: 1 row is missing\n"
        % (archive / name),
    )
    assert outcomes(archive)["drill"]["problem"] == "table a: 1 row is missing"
    assert outcomes(archive)["drill"]["last_success"]["name"] == other


def test_drill_without_a_backup_or_an_engine_is_remembered_as_failed(
    archive: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("drill")[2] == "%s holds no backup\n" % archive
    assert outcomes(archive)["drill"]["ok"] is False

    def drill(*_words: Any, **_more: Any) -> Any:
        raise _backup_backup.BackupError("a container for the drill does not start")

    make(archive, 1)
    monkeypatch.setattr(_drill, "drill", drill)
    assert run("drill")[0] == 1
    assert outcomes(archive)["drill"]["problem"] == "a container for the drill does not start"


def test_drill_of_a_sealed_backup_is_neither_a_success_nor_a_failure(
    archive: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = make(archive, 2)
    monkeypatch.setattr(
        _drill,
        "drill",
        lambda *_words, **_more: {"rows": 7, "tables": 3, "differences": [], "seconds": 4.5},
    )
    assert run("drill", tried)[0] == 0
    # without an image that anybody knows: none is needed to see that it is sealed
    name = make(
        archive, 1, encrypted=True, database={"bytes": 1, "dump": "database.dump"}, facts={}
    )
    code, out, _err = run("drill")
    words = (
        "%s is sealed: it cannot be tried here without the key (--identity); every byte "
        "is as it was written"
    ) % (archive / name)
    assert (code, out) == (0, words + "\n")
    told = outcomes(archive)["drill"]
    assert (told["ok"], told["note"], told["problem"], told["last_success"]["name"]) == (
        None,
        words,
        None,
        tried,
    )
    assert json.loads(run("drill", "--json")[1])["ok"] is None
    code, out, _err = run("status")
    assert code == 0 and words in out
    # with the key it is tried
    (archive.parent / "key").write_text("x")
    assert run("drill", "--identity", str(archive.parent / "key"))[1].endswith(
        "equal to its manifest, 4.5 s\n"
    )
    # what can be seen without it is seen
    (archive / name / "database.dump.age").write_bytes(b"dumb")
    code, _out, err = run("drill")
    assert (code, err) == (
        1,
        "%s: its checksum does not match\n" % (archive / name / "database.dump.age"),
    )
    assert outcomes(archive)["drill"]["ok"] is False


def test_check_says_what_the_host_lacks(
    archive: Path, run: Run, copying: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = json.loads((archive.parent / "ops.json").read_text())
    told["backup"]["encrypt_to"] = ["age1abc"]
    (archive.parent / "ops.json").write_text(json.dumps(told))
    support.system_programs(monkeypatch)
    monkeypatch.setattr(_process, "PATH", "/nosuch")
    code, _out, err = run("check")
    assert code == 2
    assert err.splitlines() == [
        (
            "backups are to be encrypted, and the program age is not installed on this host "
            "(Debian: age)"
        ),
        "backups can't be copied: the program restic is not installed on this host "
        "(Debian: restic); /nosuch/copy.env cannot be read: No such file or"
        " directory. It holds what restic needs to log in",
    ]
    del told["backup"]["encrypt_to"], told["backup"]["copy"]
    (archive.parent / "ops.json").write_text(json.dumps(told))
    assert run("check")[:2] == (0, "this host has what the settings ask for\n")


def test_what_a_config_includes_and_is_not_there_is_said(
    archive: Path, run: Run, orders: list[_backup_backup.Order]
) -> None:
    config = archive.parent / "config.yaml"
    config.write_text("include: [gone.yaml]\n")
    told = json.loads((archive.parent / "ops.json").read_text())
    told["deployments"]["compose"]["files"] = [{"src": str(config)}]
    (archive.parent / "ops.json").write_text(json.dumps(told))
    assert run("backup")[1].splitlines()[1] == "not in it: %s includes %s, which is not there" % (
        config,
        archive.parent / "gone.yaml",
    )


def test_backups_are_listed_and_pinned(archive: Path, run: Run) -> None:
    assert run("list")[1] == "%s holds no backup\n" % archive
    name = make(archive, 1)
    assert run("pin", name)[:2] == (0, "%s is pinned\n" % name)
    assert run("pin", name)[1] == "%s was pinned\n" % name
    assert run("list")[1] == "2026-11-23T12:00:00+00:00  %s        0.0 MiB  pinned\n" % name
    assert json.loads(run("list", "--json")[1])["backups"][0]["pinned"] is True
    assert run("unpin", name)[1] == "%s is not pinned any more\n" % name
    assert run("unpin", name)[1] == "%s was not pinned\n" % name
    make(archive, 2, pinned=True)
    code, _out, err = run("unpin", "20261122T120000Z")
    assert (code, "was pinned when it was made" in err) == (3, True)


def test_status_tells_how_things_went(archive: Path, run: Run) -> None:
    assert run("status")[1].splitlines() == ["%-7s never yet" % kind for kind in _history.KINDS]
    _history.record(str(archive.parent), "backup", NOW - timedelta(days=1))
    _history.record(str(archive.parent), "backup", NOW, "the disk is full")
    code, _out, err = run("status")
    assert code == 1
    assert err.splitlines()[0] == (
        "backup  2026-11-24T12:00:00+00:00  FAILED: the disk is full; it went well "
        "last at 2026-11-23T12:00:00+00:00"
    )


def test_no_backup_is_made_of_a_restore_that_was_killed(
    archive: Path, run: Run, orders: list[_backup_backup.Order]
) -> None:
    state = {
        "id": "x",
        "backup": "/b/x",
        "name": "x",
        "database": "d",
        "fresh": "f",
        "kept": "k",
        "point": "",
        "begun": "t",
    }
    _state.save(str(archive.parent), dict(state), _state.SWAPPING, NOW)
    code, _out, err = run("backup")
    assert (code, orders) == (3, [])
    assert err.startswith("no backup is made: a restore of x has not ended")
    assert outcomes(archive)["backup"]["problem"] == err.strip()
    with _state.alone(str(archive.parent)):  # one that is at work is waited for
        assert run("backup")[0] == 0
