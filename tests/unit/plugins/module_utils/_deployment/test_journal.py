"""The journal: written whole or not at all, and the lock that follows from it."""

from __future__ import annotations

import fcntl
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.modules import journal as module

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=timezone.utc)
HERE = {"controller": "desk", "run": "7:100", "alive": ["1:1", "7:100"]}


def params(folder: Path, operation: str, **others: Any) -> dict[str, Any]:
    """The module's parameters with their defaults."""
    return {
        "folder": str(folder),
        "operation": operation,
        "name": None,
        "next": None,
        "facts": {},
        "remember": {},
        "state": None,
        "run": HERE,
        "patience": 7200,
        **others,
    }


def apply(folder: Path, operation: str, now: datetime = NOW, **others: Any) -> dict[str, Any]:
    """One operation of the module."""
    return module.change(params(folder, operation, **others), now)


def test_life_of_a_journal(tmp_path: Path) -> None:
    state = tmp_path / "state"
    opened = apply(state, "open", remember={"found": {}})
    assert state.stat().st_mode & 0o777 == 0o700
    assert (state / "journal.json").stat().st_mode & 0o777 == 0o600
    assert (opened["state"], opened["facts"], opened["owner"]) == (
        "running",
        {"found": {}},
        {"controller": "desk", "run": "7:100"},
    )
    apply(state, "begin", name="stage")
    apply(state, "done", NOW + timedelta(seconds=3), name="stage", facts={"bridges": [8082]})
    apply(state, "remember", remember={"images": {}})
    closed = apply(state, "close", state="migrated")
    assert closed["facts"] == {"found": {}, "images": {}}
    assert closed["steps"] == [
        {
            "name": "stage",
            "state": "done",
            "begun": "2026-11-23T15:00:00.000000+00:00",
            "ended": "2026-11-23T15:00:03.000000+00:00",
            "facts": {"bridges": [8082]},
        }
    ]
    assert _journal.load(str(state)) == closed
    again = apply(state, "open")
    assert again["id"] != opened["id"]
    assert json.loads((state / f"journal-{opened['id']}.json").read_text()) == closed


def test_step_must_have_begun(tmp_path: Path) -> None:
    apply(tmp_path, "open")
    with pytest.raises(_journal.JournalError, match="step cutover ends without having begun"):
        apply(tmp_path, "done", name="cutover")


def test_last_attempt_at_a_step_counts(tmp_path: Path) -> None:
    apply(tmp_path, "open")
    for facts in ({"a": 1}, {"b": 2}):
        apply(tmp_path, "begin", name="stage")
        apply(tmp_path, "done", name="stage", facts=facts)
    journal = _journal.load(str(tmp_path))
    assert journal is not None
    assert (_journal.step(journal, "stage") or {})["facts"] == {"b": 2}
    assert _journal.step(journal, "serve") is None


def test_operations_need_a_journal(tmp_path: Path) -> None:
    with pytest.raises(_journal.JournalError, match=r"journal\.json does not exist"):
        apply(tmp_path, "begin", name="stage")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 3}'])
def test_strange_journal_is_never_overwritten(tmp_path: Path, text: str) -> None:
    (tmp_path / "journal.json").write_text(text)
    with pytest.raises(_journal.JournalError, match=r"journal\.json"):
        apply(tmp_path, "open")
    assert (tmp_path / "journal.json").read_text() == text


def test_somebody_elses_run_keeps_the_host(tmp_path: Path) -> None:
    apply(tmp_path, "open", run={"controller": "elsewhere", "run": "1:1", "alive": []})
    before = (tmp_path / "journal.json").read_text()
    for operation in ("open", "resume"):
        with pytest.raises(
            _journal.JournalError, match="run 1:1 of controller elsewhere is at work"
        ):
            apply(tmp_path, operation, NOW + timedelta(seconds=7199))
    assert (tmp_path / "journal.json").read_text() == before
    assert apply(tmp_path, "resume", NOW + timedelta(seconds=7201))["owner"]["controller"] == "desk"


def test_killed_run_of_this_controller_is_taken_over_at_once(tmp_path: Path) -> None:
    killed = apply(tmp_path, "open", run={"controller": "desk", "run": "6:99", "alive": ["6:99"]})
    with pytest.raises(_journal.JournalError, match="at work"):
        apply(tmp_path, "open", run={**HERE, "alive": ["6:99", "7:100"]})
    resumed = apply(tmp_path, "resume")
    assert resumed["id"] == killed["id"]
    assert resumed["owner"] == {"controller": "desk", "run": "7:100"}


def test_ended_run_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(_journal.JournalError, match="no run that was killed"):
        apply(tmp_path, "resume")
    apply(tmp_path, "open")
    apply(tmp_path, "close", state="untouched")
    with pytest.raises(_journal.JournalError, match="no run that was killed"):
        apply(tmp_path, "resume")


RUNS = st.fixed_dictionaries(
    {"controller": st.sampled_from(["desk", "elsewhere"]), "run": st.sampled_from(["1:1", "2:2"])}
)


@given(
    owner=RUNS,
    here=RUNS,
    alive=st.lists(st.sampled_from(["1:1", "2:2"])),
    silent=st.floats(0, 20000),
    state=st.sampled_from(_journal.STATES),
)
def test_refused_only_while_another_run_may_live(
    owner: Any, here: Any, alive: list[str], silent: float, state: str
) -> None:
    journal = {"state": state, "owner": owner, "updated": _journal.stamp(NOW), "phase": "stage"}
    refused = _journal.refusal(
        journal, {**here, "alive": alive}, NOW + timedelta(seconds=silent), 7200
    )
    if state != "running" or owner == here:
        assert refused is None
    elif owner["controller"] == here["controller"]:
        assert (refused is not None) == (owner["run"] in alive)
    else:
        assert (refused is not None) == (silent < 7200)


def test_interrupted_write_leaves_the_old_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(tmp_path, "open")
    before = (tmp_path / "journal.json").read_text()

    def full(*_words: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        apply(tmp_path, "begin", name="stage")
    assert (tmp_path / "journal.json").read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["journal.json", "lock"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"state": "migrated"', '"state": "whatever"', "the state 'whatever' is none"),
        (
            '"phase": "stage"',
            '"phase": "cutover"',
            "the phase 'cutover' is not that of the last step",
        ),
        ('"phase": "stage",', "", "phase is not there"),
        ('"steps": [', '"steps": 3, "old": [', "steps is not there, or not what it should be"),
        ('"state": "done"', '"state": "undone"', "step 1 is none"),
        ('"name": "stage"', '"name": 7', "step 1 is none"),
        ("stage", "lift_off", "this release has no step 'lift_off'"),
        ("2026-11-23T15:00:00.000000+00:00", "yesterday", "'yesterday' is no time"),
    ],
)
def test_journal_that_was_edited_into_nonsense_is_not_guessed_at(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    apply(tmp_path, "open")
    apply(tmp_path, "begin", name="stage")
    apply(tmp_path, "done", name="stage")
    apply(tmp_path, "close", state="migrated")
    path = tmp_path / "journal.json"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(_journal.JournalError) as raised:
        _journal.load(str(tmp_path))
    assert str(path) in str(raised.value)
    assert said in str(raised.value)


def half_staged(folder: str) -> bool:
    """What is known before the next run on this host."""
    return _journal.half_staged(folder, _journal.load(folder))


def test_volumes_are_half_made_where_runs_began_them_and_none_ended(tmp_path: Path) -> None:
    assert not half_staged(str(tmp_path / "nowhere"))
    apply(tmp_path, "open")
    apply(tmp_path, "begin", name="stage")
    assert not half_staged(str(tmp_path))  # that is this run's own
    apply(tmp_path, "open", NOW + timedelta(seconds=1))
    assert half_staged(str(tmp_path))
    apply(tmp_path, "begin", name="stage")
    apply(tmp_path, "done", name="stage")
    assert not half_staged(str(tmp_path))
    apply(tmp_path, "close", state="rolled back")
    apply(tmp_path, "open", NOW + timedelta(seconds=2))
    assert not half_staged(str(tmp_path))


def test_journal_that_cannot_be_read_is_no_leave_to_empty_volumes(tmp_path: Path) -> None:
    apply(tmp_path, "open")
    apply(tmp_path, "begin", name="stage")
    apply(tmp_path, "open", NOW + timedelta(seconds=1))
    (tmp_path / "journal-x.json").write_text("{")
    assert not half_staged(str(tmp_path))


def test_end_of_a_step_begins_the_next_in_the_same_write(tmp_path: Path) -> None:
    apply(tmp_path, "open")
    apply(tmp_path, "begin", name="record")
    journal = apply(
        tmp_path,
        "done",
        NOW + timedelta(seconds=2),
        name="record",
        next="images",
        facts={"units": 3},
    )
    first, second = journal["steps"]
    assert (first["state"], first["facts"], first["ended"]) == (
        "done",
        {"units": 3},
        second["begun"],
    )
    assert (second["name"], second["state"], journal["phase"]) == ("images", "begun", "images")


def test_last_step_of_a_way_ends_the_run(tmp_path: Path) -> None:
    for name, state in (("hand_over", "migrated"), ("remove_new", "rolled back")):
        apply(tmp_path, "open")
        apply(tmp_path, "begin", name=name)
        journal = apply(tmp_path, "done", name=name)
        assert (journal["state"], journal["ended"]) == (state, _journal.stamp(NOW))


def test_step_at_work_is_the_one_that_fails(tmp_path: Path) -> None:
    apply(tmp_path, "open")
    assert (
        apply(tmp_path, "failed", facts={"reason": "x"}, remember={"failure": "x"})["steps"] == []
    )
    apply(tmp_path, "begin", name="backup")
    (entry,) = apply(tmp_path, "failed", facts={"reason": "no space"})["steps"]
    assert (entry["state"], entry["facts"]) == ("failed", {"reason": "no space"})
    # a way back that goes on without it does not make it good
    journal = apply(tmp_path, "done", name="backup", next="snapshot", facts={"path": "/x"})
    assert [entry["state"] for entry in journal["steps"]] == ["failed", "begun"]
    assert journal["facts"] == {"failure": "x"}


def test_no_step_begins_that_is_not_in_the_table(tmp_path: Path) -> None:
    apply(tmp_path, "open")
    with pytest.raises(_journal.JournalError, match="There is no step lift_off"):
        apply(tmp_path, "begin", name="lift_off")
    assert (_journal.load(str(tmp_path)) or {})["steps"] == []


def test_facts_are_remembered_at_once_beside_the_others(tmp_path: Path) -> None:
    apply(tmp_path, "open", remember={"images": {}, "legacy_hash": "a"})
    apply(tmp_path, "begin", name="cutover")
    later = NOW + timedelta(seconds=5)
    _journal.remember(str(tmp_path), {"switched": "t", "legacy_hash": "b"}, later)
    journal = _journal.load(str(tmp_path))
    assert journal is not None
    assert journal["facts"] == {"images": {}, "legacy_hash": "b", "switched": "t"}
    assert (journal["phase"], journal["updated"]) == ("cutover", _journal.stamp(later))


@pytest.mark.parametrize("state", [None, "migrated", "rolled back", "untouched"])
def test_without_a_run_nothing_is_remembered(tmp_path: Path, state: Any) -> None:
    if state:
        apply(tmp_path, "open")
        apply(tmp_path, "close", state=state)
    with pytest.raises(_journal.JournalError, match=r"journal\.json tells of no run\."):
        _journal.remember(str(tmp_path), {"switched": "t"}, NOW)
    journal = _journal.load(str(tmp_path))
    assert (journal or {"facts": {}})["facts"] == {}
    assert (journal is None) is (state is None)


def test_what_is_remembered_waits_for_who_changes_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(tmp_path, "open")
    real, held = _journal.load, []

    def load(folder: str) -> Any:
        with open(tmp_path / "lock", "ab") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held.append(folder)
        return real(folder)

    monkeypatch.setattr(_journal, "load", load)
    _journal.remember(str(tmp_path), {"switched": "t"}, NOW)
    apply(tmp_path, "begin", name="stage")
    assert held == [str(tmp_path)] * 2
    with open(tmp_path / "lock", "ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_what_a_killed_run_has_started_remembers_nothing_for_the_next(tmp_path: Path) -> None:
    first = apply(tmp_path, "open")["owner"]
    _journal.remember(str(tmp_path), {"images": {}}, NOW, first)
    with pytest.raises(_journal.JournalError, match="was taken over by another run"):
        _journal.remember(str(tmp_path), {"switched": "t"}, NOW, {**first, "run": "8:200"})
    assert (_journal.load(str(tmp_path)) or {"facts": {}})["facts"] == {"images": {}}
