"""Copies off the host: what is refused, and what no error shows. The tools themselves are tried in
tests/integration/copies.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._backup import offsite as _offsite
from ansible_collections.llmops.litellm.plugins.module_utils._backup.backup import BackupError
from ansible_collections.llmops.litellm.plugins.module_utils._backup.retention import Policy
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process

SECRET = "hunter2-4f9c0b7ad2e15386"


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where the tools are looked for."""
    (tmp_path / "bin").mkdir()
    support.system_programs(monkeypatch, tmp_path / "bin")
    return tmp_path / "bin"


def put(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text("#!/bin/sh\n%s\n" % script)
    (folder / name).chmod(0o755)


@pytest.fixture
def secrets(tmp_path: Path) -> str:
    path = tmp_path / "copy.env"
    path.write_text("RESTIC_PASSWORD=%s\nX=ab\n" % SECRET)
    path.chmod(0o600)
    return str(path)


@pytest.mark.parametrize(
    ("tool", "to", "words"),
    [
        ("restic", "rest:https://me:%s@vault/" % SECRET, "has a password"),
        ("rclone", ":s3,secret_access_key=%s:b" % SECRET, "has a password"),
        ("rclone", "vault,pass=%s:x" % SECRET, "has a password"),
        ("rclone", "", "must be a remote"),
        ("rclone", "folder", "must be a remote"),
        ("rclone", "--delete:", "must be a remote"),
        ("restic", "sftp:me@vault:/srv", ""),
        ("restic", "", ""),
        ("restic", "s3:https://vault/b", ""),
        ("rclone", "vault:", ""),
        ("rclone", "vault:a/b", ""),
        ("rclone", "/mnt/vault", ""),
    ],
)
def test_places(tool: str, to: str, words: str) -> None:
    said = _offsite.refusal(_offsite.Copy(tool, to, "/x"))
    assert (words in said) if words else said == ""
    assert SECRET not in said


def test_program_and_environment_file_are_looked_at_first(
    tools: Path, secrets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_process, "PATH", str(tools))
    with pytest.raises(
        BackupError, match=r"the program restic is not installed on this host \(Debian: restic\)"
    ):
        _offsite.check(_offsite.Copy("restic", "/r", secrets))
    put(tools, "restic", "exit 0")
    _offsite.check(_offsite.Copy("restic", "/r", secrets))
    with pytest.raises(
        BackupError, match="copy.env sets none of RESTIC_REPOSITORY, RESTIC_REPOSITORY_FILE"
    ):
        _offsite.check(_offsite.Copy("restic", "", secrets))
    with pytest.raises(BackupError, match="/nosuch cannot be read: No such file or directory"):
        _offsite.check(_offsite.Copy("restic", "/r", "/nosuch"))
    for mode in (0o640, 0o604, 0o620):
        Path(secrets).chmod(mode)
        with pytest.raises(
            BackupError, match="must be a file of this account that nobody else can read or write"
        ):
            _offsite.check(_offsite.Copy("restic", "/r", secrets))
    Path(secrets).chmod(0o600)
    Path(secrets).write_text("OTHER=1\n")
    with pytest.raises(
        BackupError,
        match="sets none of RESTIC_PASSWORD, RESTIC_PASSWORD_FILE, RESTIC_PASSWORD_COMMAND",
    ):
        _offsite.check(_offsite.Copy("restic", "/r", secrets))
    Path(secrets).write_text("A='%s" % SECRET)
    with pytest.raises(BackupError, match="is not an env file") as refused:
        _offsite.check(_offsite.Copy("restic", "/r", secrets))
    assert SECRET not in str(refused.value)


def test_passwords_go_by_environment_and_never_come_back(
    tools: Path, tmp_path: Path, secrets: str
) -> None:
    (tmp_path / "b/SHA256SUMS").parent.mkdir()
    (tmp_path / "b/SHA256SUMS").write_text("")
    put(
        tools,
        "restic",
        (
            'echo "$@" >> %s/words; env >> %s/env; echo "Fatal: wrong password '
            '$RESTIC_PASSWORD for ab" >&2; exit 1'
        )
        % (tmp_path, tmp_path),
    )
    with pytest.raises(BackupError) as failed:
        _offsite.copy(
            _offsite.Copy("restic", "/r", secrets),
            str(tmp_path / "b"),
            False,
            str(tmp_path),
            Policy(),
        )
    assert str(failed.value) == "restic backup: Fatal: wrong password *** for ab"
    assert SECRET not in (tmp_path / "words").read_text()
    told = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
    assert (told["RESTIC_PASSWORD"], told["RESTIC_REPOSITORY"], told["RESTIC_CACHE_DIR"]) == (
        SECRET,
        "/r",
        str(tmp_path / "restic-cache"),
    )


def test_tool_that_ends_well_and_has_something_else_is_not_believed(
    tools: Path, tmp_path: Path, secrets: str
) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b/SHA256SUMS").write_text("one\n")
    put(tools, "restic", '[ "$1" = dump ] && echo two; exit 0')
    with pytest.raises(BackupError, match="what restic has of b is not what is here"):
        _offsite.copy(
            _offsite.Copy("restic", "/r", secrets),
            str(tmp_path / "b"),
            False,
            str(tmp_path),
            Policy(),
        )


def test_copy_that_lost_its_signature_is_none(tools: Path, tmp_path: Path, secrets: str) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b/SHA256SUMS").write_text("one\n")
    (tmp_path / "b/SHA256SUMS.sig").write_text("two\n")
    copy = _offsite.Copy("restic", "/r", secrets)
    give = "case $1-$3 in dump-*SUMS) echo one;; dump-*sig) echo %s;; esac"
    put(tools, "restic", give % "gone")
    with pytest.raises(BackupError, match="what restic has of b is not what is here"):
        _offsite.copy(copy, str(tmp_path / "b"), False, str(tmp_path), Policy())
    put(tools, "restic", give % "two")
    _offsite.copy(copy, str(tmp_path / "b"), False, str(tmp_path), Policy())


def test_one_that_hangs_is_ended(
    tools: Path, tmp_path: Path, secrets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_offsite, "LIMIT", 0.2)
    put(tools, "restic", "exec sleep 60")
    with pytest.raises(BackupError, match="restic backup took more than 0.2 s"):
        _offsite.copy(
            _offsite.Copy("restic", "/r", secrets),
            str(tmp_path / "b"),
            False,
            str(tmp_path),
            Policy(),
        )


def test_environment_file_and_program_are_what_only_root_can_have_chosen(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tools, "restic", "exit 0")
    theirs = support.foreign(tmp_path / "theirs") / "copy.env"
    theirs.write_text("RESTIC_PASSWORD=x\n")
    theirs.chmod(0o600)
    with pytest.raises(BackupError, match="theirs belongs to account nobody"):
        _offsite.check(_offsite.Copy("restic", "/r", str(theirs)))
    own = tmp_path / "copy.env"
    own.write_text("RESTIC_PASSWORD=x\n")
    own.chmod(0o600)
    monkeypatch.setattr(_process, "PATH", str(tools))
    _offsite.check(_offsite.Copy("restic", "/r", str(own)))
    tools.chmod(0o777)
    with pytest.raises(BackupError, match="every account can write to .*/bin"):
        _offsite.check(_offsite.Copy("restic", "/r", str(own)))
