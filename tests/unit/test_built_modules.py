# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs share built modules only where the code is the same."""

from __future__ import annotations

import base64
import fcntl
import io
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Callable

import pytest
from ansible.executor.module_common import ModuleMetadataV1, _CachedModule
from callbacks import built_modules


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    """Two files of a collection."""
    folder = tmp_path / "plugins"
    (folder / "modules").mkdir(parents=True)
    (folder / "modules" / "one.py").write_text("a = 1\n")
    (folder / "modules" / "two.py").write_text("b = 2\n")
    return folder


def changed(plugins: Path) -> None:
    (plugins / "modules" / "one.py").write_text("a = 2\n")


def renamed(plugins: Path) -> None:
    (plugins / "modules" / "one.py").rename(plugins / "modules" / "three.py")


def moved_on(plugins: Path) -> None:
    """The text of both together stays."""
    (plugins / "modules" / "one.py").write_text("a = 1\nb = 2\n")
    (plugins / "modules" / "two.py").write_text("")


@pytest.mark.parametrize("change", [changed, renamed, moved_on])
def test_other_code_is_another_key(plugins: Path, change: Callable[[Path], None]) -> None:
    before = built_modules.key(plugins)
    assert before == built_modules.key(plugins)
    change(plugins)
    assert before != built_modules.key(plugins)


def test_another_release_is_another_key(plugins: Path) -> None:
    assert built_modules.key(plugins) != built_modules.key(plugins, ("ansible-core",))


def test_folders_of_code_that_nobody_runs_go(plugins: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    old = built_modules.folder(store, plugins)
    (old / "module").write_text("built")
    os.utime(old, (time.time() - 2 * built_modules.KEPT,) * 2)
    changed(plugins)
    new = built_modules.folder(store, plugins)
    assert [new] == list(store.iterdir())
    assert new.stat().st_mode & 0o777 == 0o700


def test_folder_in_use_stays(plugins: Path, tmp_path: Path) -> None:
    found = built_modules.folder(tmp_path / "store", plugins)
    os.utime(found, (time.time() - 2 * built_modules.KEPT,) * 2)
    (found / "module").write_text("built")
    os.utime(found, (time.time() - 2 * built_modules.KEPT,) * 2)
    assert built_modules.folder(tmp_path / "store", plugins) == found
    assert (found / "module").read_text() == "built"


def archive(folder: Path, name: str, files: dict[str, str]) -> Path:
    """A module as Ansible keeps it."""
    data = built_modules.packed({path: text.encode() for path, text in files.items()})
    metadata = ModuleMetadataV1(serialization_profile="legacy")
    path = folder / f"{name}-ZIP_DEFLATED-none"
    _CachedModule(
        zip_data=base64.b64encode(data), metadata=metadata, source_mapping={"a": "b"}
    ).dump(str(path))
    return path


def held(path: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(base64.b64decode(_CachedModule.load(str(path)).zip_data)))


def test_bytecode_comes_beside_the_sources_and_is_what_runs(tmp_path: Path) -> None:
    shared = "import sys\nframe = sys._getframe().f_code.co_filename\n"
    first = archive(tmp_path, "one", {"shared.py": shared, "one.py": "import shared"})
    second = archive(tmp_path, "two", {"shared.py": shared + "more = 1\n"})
    names = [path.name for path in (first, second)]
    assert built_modules.add_bytecode(tmp_path, [sys.executable]) == names
    assert sorted(path.name for path in tmp_path.glob("*-none")) == names
    assert held(first).namelist() == ["shared.py", "one.py", "shared.pyc", "one.pyc"]
    assert held(first).read("shared.py").decode() == shared
    assert held(first).read("shared.pyc") != held(second).read("shared.pyc")
    assert _CachedModule.load(str(first)).source_mapping == {"a": "b"}
    (tmp_path / "one.zip").write_bytes(base64.b64decode(_CachedModule.load(str(first)).zip_data))
    shown = subprocess.run(
        [sys.executable, "-c", "import shared; print(shared.__file__)"],
        env={"PYTHONPATH": str(tmp_path / "one.zip")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip().endswith("shared.pyc")


def test_what_has_bytecode_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive(tmp_path, "one", {"one.py": "a = 1"})
    built_modules.add_bytecode(tmp_path, [sys.executable])
    before = path.stat().st_ino
    monkeypatch.setattr(_CachedModule, "load", lambda name: pytest.fail("was read again"))
    assert built_modules.add_bytecode(tmp_path, ["false"]) == []
    assert path.stat().st_ino == before


def test_archives_stay_as_they_are_where_nothing_compiles_them(tmp_path: Path) -> None:
    path = archive(tmp_path, "one", {"one.py": "a = 1"})
    with pytest.raises(subprocess.CalledProcessError):
        built_modules.add_bytecode(tmp_path, ["false"])
    assert held(path).namelist() == ["one.py"]


def test_one_run_at_a_time_compiles(tmp_path: Path) -> None:
    archive(tmp_path, "one", {"one.py": "a = 1"})
    with (tmp_path / ".compiling").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert built_modules.add_bytecode(tmp_path, ["false"]) == []
