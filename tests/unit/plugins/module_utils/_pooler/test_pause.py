"""The record of a pause."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._pooler import pause as _pause
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.pause import Pause
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.target import PoolerError


@pytest.fixture
def folder(tmp_path: Path) -> str:
    _pause.begin(str(tmp_path), "abc 1", 100.5)
    return str(tmp_path)


def over(folder: str) -> None:
    """What a limit does."""
    os.rename(os.path.join(folder, _pause.LIMITED), os.path.join(folder, _pause.OVER))


def test_there_is_none(tmp_path: Path) -> None:
    assert _pause.find(str(tmp_path)) is None
    assert _pause.find(str(tmp_path / "nothing")) is None
    assert _pause.keep(str(tmp_path)) is False
    assert _pause.complete(str(tmp_path)) is False


def test_it_begins_is_complete_and_is_kept(folder: str) -> None:
    assert _pause.find(folder) == Pause("abc 1", 100.5, "pause", False)
    assert _pause.complete(folder) is True
    assert _pause.find(folder) == Pause("abc 1", 100.5, "pause", True)
    assert _pause.keep(folder) is True
    assert _pause.find(folder) == Pause("abc 1", 100.5, "pause-kept", True)
    assert _pause.keep(folder) is False


def test_a_limit_that_was_first(folder: str) -> None:
    assert _pause.complete(folder) is True
    over(folder)
    assert _pause.keep(folder) is False
    found = _pause.find(folder)
    assert found is not None
    assert (found.state, found.complete) == ("pause-over", True)
    assert abs(found.ended - time.time()) < 60


def test_a_limit_that_ran_out_before_it_was_complete(folder: str) -> None:
    over(folder)
    assert _pause.complete(folder) is False
    found = _pause.find(folder)
    assert found is not None and (found.state, found.complete) == ("pause-over", False)


@pytest.mark.parametrize("how", ["over", "keep", "stay"])
def test_another_one_takes_its_place(folder: str, how: str) -> None:
    _pause.complete(folder)
    {"over": over, "keep": _pause.keep, "stay": str}[how](folder)
    _pause.begin(folder, "abc 2", 200)
    assert os.listdir(folder) == ["pause"]
    assert _pause.find(folder) == Pause("abc 2", 200, "pause", False)


def test_only_pauses_are_forgotten(folder: str) -> None:
    Path(folder, "proxy.env").touch()
    Path(folder, ".pause-half").mkdir()
    _pause.clear(folder)
    assert os.listdir(folder) == ["proxy.env"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"identity": "x", "began": []}'])
def test_a_strange_record_is_told(folder: str, text: str) -> None:
    Path(folder, "pause", "began.json").write_text(text)
    with pytest.raises(PoolerError, match="is no record of a pause: remove it"):
        _pause.find(folder)


def test_one_that_moves_while_it_is_looked_for_is_found(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = _pause._files.read

    def moved(path: str) -> str:
        try:
            return read(path)
        except FileNotFoundError:
            # after a look at where it will be, before one at where it is
            if _pause.OVER + "/" in path and os.path.exists(os.path.join(folder, _pause.LIMITED)):
                over(folder)
            raise

    monkeypatch.setattr(_pause._files, "read", moved)
    found = _pause.find(folder)
    assert found is not None and found.state == _pause.LIMITED
