"""What a restore remembers."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._host import paths as _paths
from ansible_collections.llmops.litellm.plugins.module_utils._restore import state as _state

NOW = datetime(2026, 11, 24, 12, 0, 0, 5, tzinfo=timezone.utc)
STATE: dict[str, Any] = {
    "id": "x",
    "backup": "/b/x",
    "name": "x",
    "database": "d",
    "fresh": "f",
    "kept": "k",
    "had": True,
    "point": "",
    "begun": "t",
}


def test_stage_is_on_disk_for_root_alone(tmp_path: Path) -> None:
    assert _state.load(str(tmp_path)) is None
    _state.save(str(tmp_path), dict(STATE), _state.SWAPPING, NOW)
    told = _state.load(str(tmp_path))
    assert told == {
        **STATE,
        "format": 1,
        "stage": "swapping",
        "updated": "2026-11-24T12:00:00+00:00",
    }
    assert (tmp_path / "restore.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["restore.json"]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        json.dumps({**STATE, "format": 2}),
        json.dumps({**STATE, "format": 1, "stage": "flying", "updated": "t"}),
        json.dumps({**STATE, "format": 1, "stage": "done", "updated": "t", "kept": None}),
    ],
)
def test_nothing_is_guessed(tmp_path: Path, text: str) -> None:
    (tmp_path / "restore.json").write_text(text)
    with pytest.raises(_state.RestoreError, match="restore.json .*Check which databases exist"):
        _state.load(str(tmp_path))


def test_one_at_a_time(tmp_path: Path) -> None:
    folder = str(tmp_path / "state")
    with (
        _state.alone(folder),
        pytest.raises(_state.RefusedError, match="another restore is under way"),
        _state.alone(folder),
    ):
        pass
    with _state.alone(folder):
        pass
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_restore_that_has_not_ended_stands_in_the_way(tmp_path: Path) -> None:
    folder = str(tmp_path)
    assert _state.unfinished(folder) == ""
    for stage in _state.STAGES:
        _state.save(folder, dict(STATE), stage, NOW)
        words = _state.unfinished(folder)
        if stage in ("done", "finished", "back"):
            assert words == ""
        else:
            assert words == (
                (
                    "a restore of x has not ended (it was killed, or failed, in its stage "
                    "%s): restore.yml or litellm-ops restore ends it"
                )
                % stage
            )
            with _state.alone(folder):
                assert (
                    _state.unfinished(folder)
                    == "a restore of x is under way (stage %s): wait until it has ended" % stage
                )


def test_deployment_that_is_half_built_stands_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "opt").mkdir()
    told = {"path": "/b/x", "folder": str(tmp_path / "opt"), "stage": "database"}
    (tmp_path / "rebuild.json").write_text(json.dumps(told))
    words = _state.unfinished(str(tmp_path))
    assert words.startswith(
        (
            "a deployment in %s, built from /b/x, has not ended (it was killed, or failed, "
            "in its stage database)"
        )
        % (tmp_path / "opt")
    )
    (tmp_path / "rebuild.json").write_text(json.dumps({**told, "stage": "done"}))
    assert _state.unfinished(str(tmp_path)) == ""
    # killed before its folder had its name: nothing was made
    (tmp_path / "rebuild.json").write_text(
        json.dumps({**told, "stage": "servers", "folder": str(tmp_path / "none")})
    )
    assert _state.unfinished(str(tmp_path)) == ""
    for text in ("{", "[]", "{}"):
        (tmp_path / "rebuild.json").write_text(text)
        with pytest.raises(_state.RestoreError, match="rebuild.json cannot be read"):
            _state.unfinished(str(tmp_path))


def test_state_folder_of_another_account_is_refused(tmp_path: Path) -> None:
    theirs = support.foreign(tmp_path / "theirs")
    with pytest.raises(_paths.UntrustedPath, match="theirs belongs to account nobody"):
        with _state.alone(str(theirs)):
            pass
    assert list(theirs.iterdir()) == []


@pytest.mark.parametrize("name", ["restore.json", "rebuild.json"])
@pytest.mark.parametrize("text", ["[" * 200_000, "[]", '{"stage": 3, "folder": [], "path": 1}'])
def test_state_that_is_none_is_refused(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(_state.RestoreError, match=name):
        _state.unfinished(str(tmp_path))
