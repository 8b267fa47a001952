"""Files are written whole or not at all; room is measured where a folder will be."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._host import files as _files


def test_file_is_written_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "a"
    _files.write_atomically(str(path), "é\r\n", 0o640, (65534, 65534))
    assert path.read_bytes() == "é\r\n".encode()
    told = path.stat()
    assert (told.st_mode & 0o777, told.st_uid, told.st_gid) == (0o640, 65534, 65534)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("broken", ["os.fsync", "os.rename", "os.fchmod"])
def test_interrupted_write_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    path = tmp_path / "a"
    path.write_text("old")

    def fail(*_words: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(broken, fail)
        with pytest.raises(KeyboardInterrupt):
            _files.write_atomically(str(path), "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_file_is_overwritten_in_place_and_no_links_target(tmp_path: Path) -> None:
    path, link = tmp_path / "file", tmp_path / "link"
    path.write_bytes(b"abcdef")
    with _files.updating(str(path)) as file:
        assert file.read(2) == b"ab"
        file.write(b"XY")
    assert path.read_bytes() == b"abXYef"
    link.symlink_to(path)
    with pytest.raises(OSError):
        _files.updating(str(link))


def test_space_is_that_of_the_nearest_folder(tmp_path: Path) -> None:
    assert _files.free_bytes(str(tmp_path / "not" / "there")) > 0
    assert _files.device_of(str(tmp_path / "not" / "there")) == tmp_path.stat().st_dev
    blocks = subprocess.run(
        ["stat", "-f", "-c", "%a %S", str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout.split()
    assert abs(_files.free_bytes(str(tmp_path)) - int(blocks[0]) * int(blocks[1])) < 1 << 30


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (90701159, "86.5 MiB"), (1 << 31, "2.0 GiB")],
)
def test_sizes_are_readable(count: int, said: str) -> None:
    assert _files.size(count) == said


def test_a_mode_is_given_to_what_is_there_and_to_no_links_target(tmp_path: Path) -> None:
    path, link = tmp_path / "a", tmp_path / "link"
    path.touch(0o600)
    link.symlink_to(path)
    _files.set_mode(str(path), 0o644)
    with pytest.raises(OSError, match="symbolic links"):
        _files.set_mode(str(link), 0o600)
    assert path.stat().st_mode & 0o777 == 0o644


def test_published_file_is_for_everyone_and_whole(tmp_path: Path) -> None:
    _files.publish(str(tmp_path / "x.prom"), "a 1\n")
    assert (tmp_path / "x.prom").read_text() == "a 1\n"
    assert (tmp_path / "x.prom").stat().st_mode & 0o777 == 0o644


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A folder of another account's, with a folder of root's own in it."""
    place = tmp_path / "theirs"
    (place / "inner").mkdir(parents=True)
    os.chown(place, 65534, 65534)
    return place


@pytest.mark.parametrize("below", ["", "inner"])
def test_published_file_comes_to_lie_in_the_folder_of_another_account(
    theirs: Path, below: str
) -> None:
    (theirs / below / "x.prom").symlink_to("/etc/passwd")
    _files.publish(str(theirs / below / "x.prom"), "a 1\n")
    assert (theirs / below / "x.prom").read_text() == "a 1\n"
    assert not (theirs / below / "x.prom").is_symlink()
    assert [path.name for path in (theirs / below).iterdir() if path.is_file()] == ["x.prom"]


def test_published_file_follows_no_link_of_another_account(theirs: Path, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (theirs / "link").symlink_to(tmp_path / "root")
    with pytest.raises(OSError, match=r"/theirs/"):
        _files.publish(str(theirs / "link/x.prom"), "a 1\n")
    assert list((tmp_path / "root").iterdir()) == []


def test_what_lies_in_the_way_of_a_growing_file_is_replaced(theirs: Path, tmp_path: Path) -> None:
    """Of a run that was killed, or planted."""
    (tmp_path / "canary").write_text("untouched")
    (theirs / ".x.prom.llmops-litellm").symlink_to(tmp_path / "canary")
    _files.publish(str(theirs / "x.prom"), "a 1\n")
    assert (tmp_path / "canary").read_text() == "untouched"
    assert sorted(path.name for path in theirs.iterdir()) == ["inner", "x.prom"]


def test_a_file_that_can_not_be_published_leaves_nothing(
    theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        _files.publish(str(theirs / "x.prom"), "a 1\n")
    assert [path.name for path in theirs.iterdir()] == ["inner"]


def test_folder_that_another_run_makes_at_the_same_time_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = os.mkdir

    def later(path: str, mode: int) -> None:
        really(path, mode)
        raise FileExistsError(17, "File exists", path)

    monkeypatch.setattr("os.mkdir", later)
    assert not _files.make_folder(str(tmp_path / "a"), 0o700)
    assert (tmp_path / "a").is_dir()


def test_a_link_is_made_and_never_replaces(tmp_path: Path) -> None:
    _files.link("target", str(tmp_path / "name"))
    assert os.readlink(tmp_path / "name") == "target"
    with pytest.raises(FileExistsError):
        _files.link("other", str(tmp_path / "name"))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/etc/litellm/config.yaml", "2-config.yaml"),
        ("/etc/systemd/system/litellm@.service", "2-litellm_.service"),
        ("/srv/a b/team's key", "2-team_s_key"),
        ("/srv/env.age", "2-env_age"),
        ("/srv/" + "x" * 200, "2-" + "x" * 80),
    ],
)
def test_name_of_a_copy_is_one_for_a_backup(path: str, name: str) -> None:
    assert _files.numbered_name(2, path) == name
    assert _backup._NAME.fullmatch(name)
