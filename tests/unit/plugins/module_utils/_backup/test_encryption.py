"""What age is given and what becomes of the file, with an age that turns every byte around."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._backup import (
    encryption as _encryption,
)
from ansible_collections.llmops.litellm.plugins.module_utils._backup.folder import BackupError
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process

KEY = "age1" + "q" * 58
SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 somebody@desk"


@pytest.fixture
def age(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program ``age``: it notes what it is called with, and encrypts badly."""
    program = tmp_path / "bin/age"
    program.parent.mkdir()
    support.system_programs(monkeypatch, program.parent)
    says(program, "tr a-z b-za")
    return program


def says(program: Path, script: str) -> None:
    program.write_text(f'#!/bin/sh\necho "$@" > {program.parent}/called\n{script}\n')
    program.chmod(0o755)


@pytest.mark.parametrize("recipient", [KEY, SSH, "ssh-rsa AAAA=="])
def test_public_keys_are_taken(recipient: str) -> None:
    assert _encryption.refusal(recipient) == ""


@pytest.mark.parametrize(
    ("recipient", "said"),
    [
        ("AGE-SECRET-KEY-1HUNTER2", "is a secret key"),
        ("age-secret-key-1hunter2", "is a secret key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----hunter2", "is a secret key"),
        ("hunter2", "is no public key"),
        ("", "is no public key"),
        (KEY + "\n--identity", "is no public key"),
    ],
)
def test_what_is_no_public_key_is_refused_without_being_shown(recipient: str, said: str) -> None:
    why = _encryption.refusal(recipient)
    assert why.startswith(said)
    assert "hunter2" not in why.lower()


def test_comment_behind_a_key_is_not_shown() -> None:
    assert _encryption.shown(SSH) == "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5"


def test_file_is_what_age_gives_with_the_digest_of_that(age: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.age"
    with _encryption.sealed(str(path), [KEY, SSH]) as out:
        out.write(b"hal ")
        out.write(b"ibm")
    assert path.read_bytes() == b"ibm jcn"
    assert out.digest == hashlib.sha256(b"ibm jcn").hexdigest()
    assert path.stat().st_mode & 0o777 == 0o600
    assert (age.parent / "called").read_text() == (
        f"--encrypt --recipient {KEY} --recipient ssh-ed25519 AAAAC3NzaC1lZDI1NTE5\n"
    )


def test_age_that_fails_is_said(age: Path, tmp_path: Path) -> None:
    says(age, "cat > /dev/null; echo 'age: error: no room' >&2; exit 1")
    with pytest.raises(BackupError, match=r"x\.age cannot be encrypted: age: error: no room"):
        with _encryption.sealed(str(tmp_path / "x.age"), [KEY]) as out:
            out.write(b"a")


def test_age_that_ends_early_is_said(age: Path, tmp_path: Path) -> None:
    says(age, "echo 'warning' >&2; exit 3")
    with pytest.raises(BackupError, match="age ended with exit code 3"):
        with _encryption.sealed(str(tmp_path / "x.age"), [KEY]) as out:
            for _number in range(100):
                out.write(bytes(1 << 16))


def test_what_fails_meanwhile_ends_age_and_comes_through(age: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mine"):
        with _encryption.sealed(str(tmp_path / "x.age"), [KEY]) as out:
            out.write(b"a")
            raise ValueError("mine")
    assert out._age.poll() is not None


def test_existing_file_is_not_overwritten(age: Path, tmp_path: Path) -> None:
    (tmp_path / "x.age").write_text("mine")
    with pytest.raises(FileExistsError), _encryption.sealed(str(tmp_path / "x.age"), [KEY]):
        raise AssertionError("it was opened")
    assert (tmp_path / "x.age").read_text() == "mine"


def test_keys_are_tried_before_a_backup_begins(age: Path) -> None:
    _encryption.check([KEY])
    assert KEY in (age.parent / "called").read_text()
    says(age, f"echo 'age: error: malformed recipient {KEY}' >&2; exit 1")
    with pytest.raises(BackupError, match="age does not take age1q+ as a public key: age: error"):
        _encryption.check([KEY])


def test_missing_age_is_said_only_where_it_is_needed(
    age: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_process, "PATH", str(age.parent / "nosuch"))
    _encryption.check([])
    with pytest.raises(BackupError, match="age is not installed"):
        _encryption.check([KEY])


def test_secret_key_is_never_given_to_age(age: Path) -> None:
    with pytest.raises(BackupError, match="is a secret key"):
        _encryption.check([KEY, "AGE-SECRET-KEY-1HUNTER2"])
    assert not (age.parent / "called").exists()


def test_age_of_another_accounts_is_not_used(age: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_process, "PATH", str(age.parent))
    _encryption.check([KEY])
    (age.parent / "called").unlink()
    age.parent.chmod(0o777)
    with pytest.raises(BackupError, match="every account can write to .*/bin"):
        _encryption.check([KEY])
    assert not (age.parent / "called").exists()
