# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs share built modules only where the code is the same."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Callable

import pytest
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
