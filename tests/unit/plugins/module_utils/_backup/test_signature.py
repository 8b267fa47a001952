"""Signatures of backups, with the real ssh-keygen."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._backup import (
    signature as _signature,
)
from ansible_collections.llmops.litellm.plugins.module_utils._backup.folder import BackupError
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process


def key(folder: Path, name: str, passphrase: str = "") -> tuple[str, str]:
    """A new pair of keys: the private one's path, the public one."""
    path = folder / name
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", name, "-f", str(path)],
        check=True,
    )
    return str(path), (folder / (name + ".pub")).read_text().strip()


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    folder = tmp_path / "b"
    folder.mkdir()
    (folder / "manifest.json").write_text('{"format": 1}')
    (folder / "SHA256SUMS").write_text(_backup.sums(str(folder)))
    return folder


def sign(backup: Path, private: str) -> None:
    text = (backup / "SHA256SUMS").read_text()
    (backup / "SHA256SUMS.sig").write_text(_signature.sign(text, private))


def test_backup_is_believed_by_its_signer_s_key(backup: Path, tmp_path: Path) -> None:
    private, public = key(tmp_path, "ours")
    sign(backup, private)
    other = key(tmp_path, "other")[1]
    assert _backup.verify(str(backup), [other, public]) == []
    assert _backup.verify(str(backup)) == []
    text = _signature.sums(str(backup), [public])
    fingerprint = subprocess.run(
        ["ssh-keygen", "-l", "-f", private], check=True, capture_output=True, text=True
    ).stdout.split()[1]
    assert _signature.signer(str(backup), text) == fingerprint
    assert _backup.verify(str(backup), [other]) == [
        f"{backup} is signed by the key {fingerprint}, and must be signed by the key given"
    ]
    assert _backup.verify(str(backup), [other, other])[0].endswith("by one of the 2 keys given")


def test_backup_without_a_signature_is_sound_where_no_key_is_demanded(
    backup: Path, tmp_path: Path
) -> None:
    assert _backup.verify(str(backup)) == []
    assert _signature.signer(str(backup), "") == ""
    assert _backup.verify(str(backup), [key(tmp_path, "ours")[1]]) == [
        f"{backup} is not signed, and must be signed by the key given"
    ]


def test_nothing_but_sums_and_signature_is_read_of_what_nobody_signed(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (backup / "manifest.json").unlink()
    monkeypatch.setattr(_backup._folder, "names", lambda folder: pytest.fail("was looked into"))
    assert "is not signed" in _backup.verify(str(backup), [key(tmp_path, "ours")[1]])[0]


@pytest.mark.parametrize("namespace", [_signature.NAMESPACE, "file"])
def test_signature_of_something_else_is_wrong_without_a_key_too(
    backup: Path, tmp_path: Path, namespace: str
) -> None:
    private, public = key(tmp_path, "ours")
    text = (backup / "SHA256SUMS").read_text()
    if namespace == _signature.NAMESPACE:
        text += "0" * 64 + "  more\n"
    done = subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-f", private, "-n", namespace],
        check=True,
        input=text.encode(),
        capture_output=True,
    )
    (backup / "SHA256SUMS.sig").write_bytes(done.stdout)
    said = [f"{backup}/SHA256SUMS.sig is no signature of the SHA256SUMS beside it"]
    assert _backup.verify(str(backup)) == said
    assert _backup.verify(str(backup), [public]) == said


@pytest.mark.parametrize("what", ["link", "folder", "large", "no text"])
def test_signature_that_is_none_is_said(backup: Path, what: str) -> None:
    path = backup / "SHA256SUMS.sig"
    if what == "link":
        path.symlink_to("/dev/zero")
    elif what == "folder":
        path.mkdir()
    else:
        path.write_bytes(b"x" * (9 << 20) if what == "large" else b"\xff\0")
    said = _backup.verify(str(backup))
    assert len(said) == 1 and str(path) in said[0]


def test_signing_key_is_root_s_alone_and_opens_by_itself(tmp_path: Path) -> None:
    private, public = key(tmp_path, "ours")
    _signature.check(private)
    assert _signature.refusal(public) == ""
    Path(private).chmod(0o640)
    with pytest.raises(BackupError, match=r"only root can read \(0600\)"):
        _signature.check(private)
    tmp_path.chmod(0o777)
    Path(private).chmod(0o600)
    with pytest.raises(BackupError, match=f": every account can write to {tmp_path}"):
        _signature.check(private)
    tmp_path.chmod(0o700)
    with pytest.raises(BackupError, match="locked cannot sign backups: .*passphrase"):
        _signature.check(key(tmp_path, "locked", "hunter2")[0])
    with pytest.raises(BackupError, match="/nosuch, the signing key, cannot be read: No such file"):
        _signature.check("/nosuch")


def test_host_without_the_program(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = key(tmp_path, "ours")
    sign(backup, private)

    def gone(*words: object, **more: object) -> None:
        raise FileNotFoundError(2, "not found", "ssh-keygen")

    monkeypatch.setattr(_process, "start", gone)
    assert _backup.verify(str(backup)) == []
    missing = r"ssh-keygen is not installed on this host \(Debian: openssh-client\)"
    with pytest.raises(BackupError, match=missing):
        _signature.sums(str(backup), [public])
    with pytest.raises(BackupError, match=missing):
        _signature.check(private)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-----BEGIN OPENSSH PRIVATE KEY-----hunter2", "is a secret key"),
        ("hunter2", "is no public key"),
        ("", "has no key"),
        ("# hunter2\n\n", "has no key"),
        ('cert-authority,namespaces="*" ssh-ed25519 AAAA', "is no public key"),
    ],
)
def test_keys_that_are_none_are_refused_without_being_shown(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "keys").write_text(text)
    with pytest.raises(BackupError, match=said) as refused:
        _signature.read_keys(str(tmp_path / "keys"))
    assert "hunter2" not in str(refused.value)


def test_keys_are_read_from_the_file_that_ssh_keygen_writes(tmp_path: Path) -> None:
    public = key(tmp_path, "ours")[1]
    assert _signature.read_keys(str(tmp_path / "ours.pub")) == (public,)
    with pytest.raises(BackupError, match="/nosuch cannot be read"):
        _signature.read_keys("/nosuch")
    with pytest.raises(BackupError, match="is no public key"):
        _signature.check_keys([public + "\noperator ssh-ed25519 AAAA"])
