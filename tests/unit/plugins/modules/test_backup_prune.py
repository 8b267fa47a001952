"""The module backup_prune: what it removes, shows and refuses."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.modules import backup_prune


def make(folder: Path, when: str, name: str = "", **more: Any) -> str:
    """A small sound backup of a time (``2026-11-24 02:00``); its name."""
    time = datetime.strptime(when, "%Y-%m-%d %H:%M").replace(tzinfo=timezone.utc)
    name = name or _backup.name_of(time)
    path = folder / name
    path.mkdir(0o700)
    (path / "database.dump").write_bytes(b"dump of " + name.encode())
    (path / "manifest.json").write_text(
        json.dumps(
            {"format": 1, "name": name, "created": time.isoformat(), "pinned": False, **more}
        )
    )
    (path / "SHA256SUMS").write_text(_backup.sums(str(path)))
    return name


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """The module backup_prune."""

    def call(check: bool = False, **params: Any) -> dict[str, Any]:
        return support.run_module(
            backup_prune.main,
            {"path": str(tmp_path), "timezone": "UTC", "_ansible_check_mode": check, **params},
            capsys,
        )

    return call


def test_module_shows_what_would_go_and_why(tmp_path: Path, run: Run) -> None:
    made = [make(tmp_path, "2020-11-%d 02:00" % day) for day in (1, 2, 3)]
    told = run(check=True, keep_daily=1, keep_weekly=0, keep_monthly=0)
    assert told["changed"] is True
    assert names(tmp_path) == made
    assert told["diff"]["after"] == "20201103T020000Z  last 1, daily 2020-11-03\n"
    assert "20201101T020000Z  older than what is kept (last 1, daily 1)\n" in told["diff"]["before"]
    assert run(keep_daily=1, keep_weekly=0, keep_monthly=0)["removed"] == told["removed"]
    assert names(tmp_path) == made[2:]
    again = run(keep_daily=1, keep_weekly=0, keep_monthly=0)
    assert (again["changed"], again["diff"]["before"] == again["diff"]["after"]) == (False, True)


def test_module_shows_what_is_left_of_interruptions_and_what_is_broken(
    tmp_path: Path, run: Run
) -> None:
    made = [make(tmp_path, "2020-11-%d 02:00" % day) for day in (1, 2, 3)]
    (tmp_path / made[0] / "manifest.json").write_text("{")
    for name in (
        ".removing-x",
        ".incomplete-20200101T000000Z-abcd1234",
        ".incomplete-29990101T000000Z-abcd1234",
    ):
        (tmp_path / name).mkdir()
    told = run(check=True, keep_daily=2)
    assert (told["changed"], told["cleared"]) == (
        True,
        [".incomplete-20200101T000000Z-abcd1234", ".removing-x"],
    )
    before, after = told["diff"]["before"].splitlines(), told["diff"]["after"].splitlines()
    assert [line for line in before if line not in after] == [
        ".incomplete-20200101T000000Z-abcd1234  left by an interruption",
        ".removing-x  left by an interruption",
    ]
    assert after[0].startswith(made[0] + "  broken: ") and len(after) == 3
    assert run(keep_daily=2)["diff"] == told["diff"]


def test_module_tells_of_a_folder_that_is_none(tmp_path: Path, run: Run) -> None:
    (tmp_path / "file").touch()
    assert run(path=str(tmp_path / "file"))["msg"] == "%s is not a folder" % (tmp_path / "file")


def test_module_refuses_a_policy_that_keeps_nothing(tmp_path: Path, run: Run) -> None:
    made = make(tmp_path, "2020-11-01 02:00")
    told = run(keep_last=0, keep_daily=0, keep_weekly=0, keep_monthly=0)
    assert told["failed"] and "keeps nothing" in told["msg"]
    assert "no time zone" in run(timezone="Mars")["msg"]
    assert names(tmp_path) == [made]
