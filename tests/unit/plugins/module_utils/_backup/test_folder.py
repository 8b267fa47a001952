"""Files of a backup's folder: how they get there, what they are called, and what is wrong with
them.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._backup import folder as _folder


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """A sound backup whose dump is a folder."""
    (tmp_path / "database.dir").mkdir()
    (tmp_path / "database.dir/toc.dat").write_bytes(b"toc")
    (tmp_path / "manifest.json").write_text(json.dumps({"format": 1, "name": "x"}))
    (tmp_path / "SHA256SUMS").write_text(_folder.sums(str(tmp_path)))
    return tmp_path


def verify(backup: Path) -> list[str]:
    return _folder.verify(str(backup), (backup / "SHA256SUMS").read_text())


def test_file_is_placed_whole_for_its_owner_alone(tmp_path: Path) -> None:
    content = os.urandom(3 << 20)
    digest = _folder.place(io.BytesIO(content), str(tmp_path / "x"))
    assert (tmp_path / "x").read_bytes() == content
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o600
    assert digest == hashlib.sha256(content).hexdigest() == _folder.sha256(str(tmp_path / "x"))


def test_file_never_takes_the_place_of_another(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    with pytest.raises(FileExistsError):
        _folder.place(io.BytesIO(b"theirs"), str(tmp_path / "x"))
    assert (tmp_path / "x").read_text() == "mine"


def test_only_plain_files_belong_to_it(backup: Path) -> None:
    (backup / "empty").mkdir()
    (backup / "link").symlink_to("manifest.json")
    os.mkfifo(backup / "database.dir/pipe")
    assert _folder.names(str(backup)) == (
        ["SHA256SUMS", "database.dir/toc.dat", "manifest.json"],
        ["database.dir/pipe", "empty/", "link"],
    )


def test_size_is_that_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"123")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner/b").write_bytes(b"4567")
    (tmp_path / "link").symlink_to("a")
    assert _folder.size(str(tmp_path)) == 7


def test_sums_are_those_of_sha256sum(backup: Path) -> None:
    lines = _folder.sums(str(backup)).splitlines()
    assert [line[66:] for line in lines] == ["database.dir/toc.dat", "manifest.json"]
    assert lines[0].split("  ")[0] == hashlib.sha256(b"toc").hexdigest()


def test_sound_backup_has_nothing_wrong(backup: Path) -> None:
    assert verify(backup) == []


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("database.dir/toc.dat", b"t0c", "database.dir/toc.dat: its checksum does not match"),
        ("manifest.json", None, "manifest.json: is missing"),
        ("notes", b"", "notes: was not there when the backup was made"),
    ],
)
def test_what_is_wrong_is_named(backup: Path, name: str, content: bytes | None, said: str) -> None:
    (backup / name).unlink(missing_ok=True)
    if content is not None:
        (backup / name).write_bytes(content)
    assert verify(backup) == [f"{backup}/{said}"]


def test_sums_that_say_more_are_not_believed(backup: Path) -> None:
    sums = backup / "SHA256SUMS"
    sums.write_text(sums.read_text() + "\n")
    assert verify(backup)


def test_sums_count_as_they_were_read(backup: Path) -> None:
    text = (backup / "SHA256SUMS").read_text()
    (backup / "database.dir/toc.dat").write_bytes(b"t0c")
    (backup / "SHA256SUMS").write_text(_folder.sums(str(backup)))
    assert verify(backup) == []
    assert _folder.verify(str(backup), text) == [
        f"{backup}/database.dir/toc.dat: its checksum does not match"
    ]


def test_signature_is_not_among_what_it_covers(backup: Path) -> None:
    (backup / "SHA256SUMS.sig").write_text("signed")
    assert verify(backup) == []
    (backup / "SHA256SUMS.sig").unlink()
    (backup / "SHA256SUMS.sig").symlink_to("/dev/zero")
    assert verify(backup) == [f"{backup}/SHA256SUMS.sig: was not there when the backup was made"]


def test_backup_whose_sums_leave_the_manifest_out_is_not_sound(backup: Path) -> None:
    lines = _folder.sums(str(backup)).splitlines(keepends=True)
    (backup / "manifest.json").unlink()
    (backup / "SHA256SUMS").write_text(lines[0])
    assert verify(backup) == [f"{backup}/manifest.json: is missing from SHA256SUMS"]


def test_manifest_is_a_file_of_bounded_size_and_the_one_that_was_vouched_for(
    backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = backup / "manifest.json"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert _folder.manifest(str(backup), digest)["name"] == "x"
    with pytest.raises(_folder.BackupError, match="its checksum does not match"):
        _folder.manifest(str(backup), "0" * 64)
    monkeypatch.setattr(_folder, "LARGEST", 5)
    with pytest.raises(_folder.BackupError, match="is larger than 5 B"):
        _folder.manifest(str(backup))
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(_folder.BackupError, match="cannot be read: .*not a regular file"):
        _folder.manifest(str(backup))


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"format": 2}', '{"name": "x"}', "[" * 200_000, "\ud800"]
)
def test_manifest_of_another_format_is_refused(backup: Path, text: str) -> None:
    assert _folder.manifest(str(backup))["name"] == "x"
    (backup / "manifest.json").write_text(text, errors="surrogatepass")
    with pytest.raises(_folder.BackupError, match="manifest.json"):
        _folder.manifest(str(backup))
