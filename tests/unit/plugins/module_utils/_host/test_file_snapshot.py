"""Files that are kept, and come back exactly."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    file_snapshot as _file_snapshot,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host.paths import UntrustedPath


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A folder of units: a file, an odd one, a link, and a folder that matches too."""
    units = tmp_path / "units"
    units.mkdir()
    (units / "ops-backup.timer").write_text("[Timer]\n")
    (units / "ops-odd.service").write_bytes(b"\xff\n")
    (units / "ops-odd.service").chmod(0o640)
    (units / "ops-link.timer").symlink_to("ops-backup.timer")
    (units / "ops-folder").mkdir()
    (units / "other.timer").write_text("theirs")
    return units


def state(units: Path) -> dict[str, Any]:
    return {
        path.name: (
            oct(path.lstat().st_mode),
            os.readlink(path)
            if path.is_symlink()
            else path.read_bytes()
            if path.is_file()
            else None,
        )
        for path in units.iterdir()
    }


def test_what_was_there_comes_back_exactly(host: Path, tmp_path: Path) -> None:
    folder, patterns = str(tmp_path / "state/kept"), [str(host / "ops-*")]
    before = state(host)
    assert _file_snapshot.keep(folder, patterns)
    assert (tmp_path / "state/kept").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "state/kept").iterdir()} == {0o600}
    (host / "ops-backup.timer").write_text("ours")
    (host / "ops-odd.service").chmod(0o644)
    (host / "ops-link.timer").unlink()
    (host / "ops-link.timer").symlink_to("elsewhere")
    (host / "ops-new.service").write_text("ours")
    # what was kept first is what was there before
    assert not _file_snapshot.keep(folder, patterns)
    foreseen = _file_snapshot.put_back(folder, patterns, check=True)
    assert state(host) != before
    told = _file_snapshot.put_back(folder, patterns)
    assert (
        told
        == foreseen
        == {
            "restored": [
                str(host / name)
                for name in ("ops-backup.timer", "ops-link.timer", "ops-odd.service")
            ],
            "removed": [str(host / "ops-new.service")],
        }
    )
    assert state(host) == before
    assert _file_snapshot.put_back(folder, patterns) == {"restored": [], "removed": []}


def test_nothing_kept_means_that_all_goes(host: Path, tmp_path: Path) -> None:
    folder, patterns = str(tmp_path / "kept"), [str(host / "late-*")]
    assert _file_snapshot.keep(folder, patterns)
    assert _file_snapshot.kept(folder) == []
    (host / "late-a").write_text("ours")
    assert _file_snapshot.put_back(folder, patterns) == {
        "restored": [],
        "removed": [str(host / "late-a")],
    }
    assert not (host / "late-a").exists()


def test_folder_appears_whole_or_not_at_all(
    host: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: str) -> None:
        raise OSError(28, "No space left on device", path)

    monkeypatch.setattr(_file_snapshot._files, "sync_folder", full)
    with pytest.raises(OSError, match="No space left"):
        _file_snapshot.keep(str(tmp_path / "state/kept"), [str(host / "ops-*")])
    assert list((tmp_path / "state").iterdir()) == []


def test_record_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        _file_snapshot.kept(str(tmp_path))
    (tmp_path / "manifest.json").write_text(json.dumps({"format": 2}))
    with pytest.raises(ValueError, match="is not of format 1"):
        _file_snapshot.kept(str(tmp_path))


@pytest.mark.parametrize("name", ["units", "state"])
def test_folder_of_another_account_is_refused(host: Path, tmp_path: Path, name: str) -> None:
    folder, patterns = str(tmp_path / "state/kept"), [str(host / "ops-*")]
    assert _file_snapshot.keep(folder, patterns)
    os.chown(tmp_path / name, 65534, 65534)
    before = state(host)
    (host / "ops-new.service").write_text("ours")
    for call in (_file_snapshot.keep, _file_snapshot.put_back):
        with pytest.raises(UntrustedPath, match=f"{tmp_path / name} belongs to account nobody"):
            call(folder, patterns)
    (host / "ops-new.service").unlink()
    assert state(host) == before
