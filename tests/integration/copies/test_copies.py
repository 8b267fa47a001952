"""Copies with the real restic and rclone, into folders."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Callable

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._backup import folder as _folder
from ansible_collections.llmops.litellm.plugins.module_utils._backup import offsite as _offsite
from ansible_collections.llmops.litellm.plugins.module_utils._backup.retention import Policy

SECRET = "hunter2-4f9c0b7ad2e15386"
POLICY = Policy(1, 2, 0, 0, 0, "UTC")
Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a small sound backup whose dump is a folder."""

    def one(name: str, **more: Any) -> Path:
        path = tmp_path / "backups" / name
        (path / "database.dir").mkdir(parents=True)
        (path / "database.dir/toc.dat").write_bytes(os.urandom(5000))
        (path / "manifest.json").write_text(
            json.dumps(
                {"format": 1, "name": name, "host": os.uname().nodename, "pinned": False, **more}
            )
        )
        (path / "SHA256SUMS").write_text(_backup.sums(str(path)))
        return path

    return one


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository without a snapshot: to make one takes a second of processor, for its key."""
    path = tmp_path_factory.mktemp("restic") / "empty"
    ask(_offsite.Copy("restic", str(path), ""), "init")
    return path


@pytest.fixture
def restic(empty: Path, tmp_path: Path) -> _offsite.Copy:
    (tmp_path / "restic.env").write_text("RESTIC_PASSWORD=%s\n" % SECRET)
    (tmp_path / "restic.env").chmod(0o600)
    wanted = _offsite.Copy("restic", str(tmp_path / "repository"), str(tmp_path / "restic.env"))
    shutil.copytree(empty, wanted.to)
    return wanted


def ask(wanted: _offsite.Copy, *words: str) -> str:
    """What restic says."""
    environment = {**os.environ, "RESTIC_PASSWORD": SECRET, "RESTIC_REPOSITORY": wanted.to}
    return subprocess.run(
        ["restic", "--no-cache", *words],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    ).stdout


@pytest.fixture
def rclone(tmp_path: Path) -> _offsite.Copy:
    # a remote that the environment file alone describes
    (tmp_path / "rclone.env").write_text(
        "RCLONE_CONFIG=/dev/null\nRCLONE_CONFIG_VAULT_TYPE=alias\nRCLONE_CONFIG_VAULT_REMOTE=%s\n"
        % (tmp_path / "there")
    )
    (tmp_path / "rclone.env").chmod(0o600)
    return _offsite.Copy("rclone", "vault:litellm", str(tmp_path / "rclone.env"))


def test_restic_has_every_byte_of_it(make: Make, restic: _offsite.Copy, tmp_path: Path) -> None:
    path = make("20261124T120000Z")
    done = _offsite.copy(restic, str(path), False, str(tmp_path), POLICY)
    assert done["bytes"] == _backup.size(str(path)) and done["removed"] == []
    ask(restic, "check", "--read-data")
    ask(restic, "restore", "latest", "--target", str(tmp_path / "back"))
    assert _backup.verify(str(tmp_path / "back" / path.name)) == []
    assert (tmp_path / "back" / path.name / "database.dir/toc.dat").read_bytes() == (
        path / "database.dir/toc.dat"
    ).read_bytes()


def test_restic_keeps_what_retention_keeps(
    make: Make, restic: _offsite.Copy, tmp_path: Path
) -> None:
    # somebody else's in the same repository, and a pinned one
    (tmp_path / "theirs").mkdir()
    ask(restic, "backup", "--time", "2020-01-01 00:00:00", str(tmp_path / "theirs"))
    pruning = restic._replace(prune=True)
    _offsite.copy(pruning, str(make("20261121T120000Z")), True, str(tmp_path), POLICY)
    removed = [
        _offsite.copy(
            pruning, str(make("20261124T12000%dZ" % number)), False, str(tmp_path), POLICY
        )["removed"]
        for number in range(3)
    ]
    assert [len(each) for each in removed] == [0, 1, 1]  # of one day the newest stays
    left = sorted(
        Path(snapshot["paths"][0]).name
        for snapshot in json.loads(ask(restic, "snapshots", "--json"))
    )
    assert left == ["20261121T120000Z", "20261124T120002Z", "theirs"]


def test_restic_that_cannot_is_said_without_its_password(
    make: Make, empty: Path, restic: _offsite.Copy, tmp_path: Path
) -> None:
    path = make("20261124T120000Z")
    shutil.rmtree(restic.to)
    with pytest.raises(
        _folder.BackupError,
        match="restic backup: .*(unable to open|does not exist|Is there a repository)",
    ) as failed:
        _offsite.copy(restic, str(path), False, str(tmp_path), POLICY)
    shutil.copytree(empty, restic.to)
    Path(restic.environment_file).write_text("RESTIC_PASSWORD=other-%s\n" % SECRET)
    with pytest.raises(_folder.BackupError, match="restic backup: .*wrong password") as refused:
        _offsite.copy(restic, str(path), False, str(tmp_path), POLICY)
    assert SECRET not in str(failed.value) + str(refused.value)
    assert _backup.verify(str(path)) == []


def test_rclone_has_every_byte_of_it(make: Make, rclone: _offsite.Copy, tmp_path: Path) -> None:
    path = make("20261124T120000Z")
    _offsite.copy(rclone, str(path), False, str(tmp_path), POLICY)
    there = tmp_path / "there/litellm" / path.name
    assert _backup.verify(str(there)) == []
    # a second time is a proof alone, and mends what is not the same
    (there / "database.dir/toc.dat").write_bytes(b"x" * 5000)
    _offsite.copy(rclone, str(path), False, str(tmp_path), POLICY)
    assert _backup.verify(str(there)) == []
    (there / "stray").write_text("x")
    with pytest.raises(_folder.BackupError, match="rclone check: "):
        _offsite.copy(rclone, str(path), False, str(tmp_path), POLICY)


def test_rclone_that_is_stopped_midway_leaves_no_backup(
    make: Make, rclone: _offsite.Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make("20261124T120000Z")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/rclone").write_text(
        "#!/bin/sh\n/usr/bin/rclone \"$@\" && { echo 'Failed: no route' >&2; exit 1; }\n"
    )
    (tmp_path / "bin/rclone").chmod(0o755)
    support.system_programs(monkeypatch, tmp_path / "bin")
    with pytest.raises(_folder.BackupError, match="rclone copy: Failed: no route"):
        _offsite.copy(rclone, str(path), False, str(tmp_path), POLICY)
    assert os.listdir(tmp_path / "there/litellm" / path.name) == ["database.dir"]


def test_rclone_keeps_what_retention_keeps_and_what_is_not_ours(
    make: Make, rclone: _offsite.Copy, tmp_path: Path
) -> None:
    there = tmp_path / "there/litellm"
    plain = ["20261120T120000Z", "20261121T120000Z", "20261122T120000Z", "20261123T120000Z"]
    names = {
        **{name: {} for name in plain},
        "20261101T120000Z": {"pinned": True},
        "20261102T120000Z": {"host": "another"},
        "20261103T120000Z": {},
        "before-migration": {},
    }
    for name, more in names.items():
        _offsite.copy(rclone, str(make(name, **more)), False, str(tmp_path), POLICY)
    (there / "20261104T120000Z").mkdir()
    (there / "20261104T120000Z/half").write_text("x")
    done = _offsite.copy(
        rclone._replace(prune=True),
        str(make("20261124T120000Z")),
        False,
        str(tmp_path),
        POLICY,
        ["20261103T120000Z"],
    )
    assert sorted(done["removed"]) == plain[:3]
    assert sorted(os.listdir(there)) == sorted(
        [
            plain[3],
            "20261124T120000Z",
            "20261101T120000Z",
            "20261102T120000Z",
            "20261103T120000Z",
            "20261104T120000Z",
            "before-migration",
        ]
    )


def test_what_cannot_be_removed_over_there_is_said_with_the_copy(
    make: Make, rclone: _offsite.Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/rclone").write_text(
        (
            "#!/bin/sh\n[ \"$1\" != lsf ] || { echo 'Failed to lsf' >&2; exit 1; }\nexec "
            '/usr/bin/rclone "$@"\n'
        )
    )
    (tmp_path / "bin/rclone").chmod(0o755)
    support.system_programs(monkeypatch, tmp_path / "bin")
    path = make("20261124T120000Z")
    with pytest.raises(
        _folder.BackupError,
        match=(
            "^the copy is there and proved, but .*could not be removed: rclone lsf: Failed to lsf"
        ),
    ):
        _offsite.copy(rclone._replace(prune=True), str(path), False, str(tmp_path), POLICY)
    assert _backup.verify(str(tmp_path / "there/litellm" / path.name)) == []
