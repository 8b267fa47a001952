"""Where a journal says that a host is: each killed run has one way on and one way back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    position as _position,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import steps as _steps

EARLY = list(_steps.of(_steps.PREPARE))
FORWARD = [*EARLY, "cutover", "serve", "verify", "hand_over"]
BACK = [
    *("pause_timers", "transition_back", "stop_new", "copy_back"),
    *("start_legacy", "verify_legacy", "remove_new"),
]
LATE_BACK = BACK[4:]
LATE = ["serve", "verify", "hand_over"]


def reached(*steps: str, state: str = "running", **facts: Any) -> Any:
    """A journal with these steps, all done but the last. A step may carry its state: ``verify!``
    failed."""
    entries = [
        {
            "name": name.rstrip("!"),
            "state": "failed" if name.endswith("!") else "done",
            "begun": "t%d" % number,
            "ended": "e%d" % number,
            "facts": {},
        }
        for number, name in enumerate(steps)
    ]
    if entries and state == "running" and entries[-1]["state"] == "done":
        entries[-1].update(state="begun", ended=None)
    phase = entries[-1]["name"] if entries else "preflight"
    return {"id": "x", "state": state, "phase": phase, "steps": entries, "facts": facts}


@pytest.mark.parametrize(
    ("steps", "on", "back"),
    [
        ([], [], []),
        *((EARLY[: number + 1], [], []) for number in range(len(EARLY))),
        ([*EARLY, "cutover"], None, LATE_BACK),
        ([*EARLY, "cutover", "serve"], LATE, BACK),
        ([*EARLY, "cutover", "serve", "verify"], LATE[1:], BACK),
        (FORWARD, LATE[2:], BACK),
        # it serves still, so that only the timers have to run again
        ([*FORWARD, "pause_timers"], LATE[2:], BACK),
        # a migration that was not verified is not at its end when its way back is killed there
        ([*EARLY, "cutover", "serve", "verify!", "pause_timers"], LATE[1:], BACK),
        ([*FORWARD, "pause_timers", "stop_new"], LATE, BACK),
        ([*FORWARD, "pause_timers", "stop_new", "copy_back"], LATE, BACK),
        # paused once more by a second rollback, while nobody serves
        ([*FORWARD, "pause_timers", "stop_new", "pause_timers"], LATE, BACK),
        # the legacy proxy may have written since: its rows are never overwritten
        ([*FORWARD, *BACK[:5]], None, LATE_BACK),
        ([*FORWARD, *BACK], None, LATE_BACK),
        # in the automatic way back from a cutover there is nothing to copy back
        ([*EARLY, "cutover", "start_legacy"], None, LATE_BACK),
        # forward again after a rollback that was killed, and back once more
        ([*FORWARD, *BACK[:4], "serve"], LATE, BACK),
        ([*FORWARD, *BACK[:4], *LATE, "pause_timers"], LATE[2:], BACK),
    ],
)
def test_killed_run_has_one_way_on_and_one_back(steps: list[str], on: Any, back: list[str]) -> None:
    journal = reached(*steps)
    assert (_position.steps_on(journal), _position.steps_back(journal)) == (on, back)


def test_migrated_host_comes_back_with_its_rows() -> None:
    assert _position.steps_back(reached(*FORWARD, state="migrated")) == BACK


def test_early_step_that_is_added_to_the_table_is_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it had to be added to a second list too, and a kill in it sent an untouched host
    back."""
    added = _steps.Step("inspect", _steps.PREPARE, "looked at once more")
    table = (*_steps.STEPS[:6], added, *_steps.STEPS[6:])
    monkeypatch.setattr(_steps, "STEPS", table)
    monkeypatch.setattr(_steps, "BY_NAME", {entry.name: entry for entry in table})
    journal = reached(*EARLY[:6], "inspect")
    assert (_position.steps_on(journal), _position.steps_back(journal)) == ([], [])
    told = _position.describe(None, "/nowhere")
    assert "inspect" in told["steps_early"]
    assert "inspect" not in told["steps_late"]


@pytest.mark.parametrize(
    ("steps", "since"),
    [
        (EARLY, None),
        ([*EARLY, "cutover"], f"t{len(EARLY)}"),
        ([*EARLY, "cutover", "serve"], f"t{len(EARLY)}"),
        ([*EARLY, "cutover", "serve", "verify"], None),
        ([*FORWARD, "pause_timers"], None),
        # not since a cutover that is long over
        ([*FORWARD, "pause_timers", "stop_new", "copy_back"], f"t{len(FORWARD) + 1}"),
        ([*FORWARD, *BACK[:4], "serve"], f"t{len(FORWARD) + 2}"),
        ([*EARLY, "cutover", "start_legacy", "verify_legacy"], None),
    ],
)
def test_clients_are_refused_from_a_stop_to_the_next_start(steps: list[str], since: Any) -> None:
    assert _position.refused_since(reached(*steps)) == since
    assert _position.refused_since(reached(*steps, state="migrated")) is None


def test_rows_stay_where_nobody_proved_them_copied_back() -> None:
    journal = reached(*FORWARD, *BACK[:4])
    assert not _position.rows_stay(reached(*EARLY, "cutover"))
    assert _position.rows_stay(journal)
    journal["steps"][-1]["facts"] = {"data": "backup", "equal": True}
    assert _position.rows_stay(journal)
    journal["steps"][-1]["facts"] = {"data": "carry", "equal": True}
    assert not _position.rows_stay(journal)
    # it has served again since
    journal["steps"] += reached("serve", "stop_new", "copy_back")["steps"]
    assert _position.rows_stay(journal)


def test_proxy_is_compared_with_what_clients_saw_last_of_its_rows() -> None:
    def compared(journal: Any, **facts: Any) -> Any:
        journal["facts"].update(facts)
        return _position.comparable(journal)

    assert compared(reached(*EARLY)) is None
    assert compared(reached(*FORWARD[:10]), snapshot_before={"b": 1}) == {"b": 1}
    both: dict[str, Any] = {"snapshot_before": {"b": 1}, "snapshot_after": {"a": 1}}
    assert compared(reached(*FORWARD, *BACK[:4], "serve", "verify"), **both) == {"a": 1}
    legacy = reached(*FORWARD, *BACK[:6])
    assert compared(legacy, **both) == {"b": 1}
    legacy["steps"][-3]["facts"] = {"data": "carry", "equal": True}
    assert legacy["steps"][-3]["name"] == "copy_back"
    assert compared(legacy, **both) == {"a": 1}


def test_without_a_journal_nothing_is_left_to_do(tmp_path: Path) -> None:
    told = _position.describe(None, str(tmp_path))
    assert (told["state"], told["steps_on"], told["steps_back"]) == ("none", [], [])
    assert told["steps_late"] == ["cutover", *LATE]


# What release 0.1.0 wrote: its steps in their order, and how it called the facts.
FORMER = ["record", "images", "environment", "stage", "rehearse", "backup", "cutover", *LATE]
FORMER_BACK = ["leave", "carry", "return", "check", "clear"]
FORMER_END = ["last_dump", "retire", "drop"]
WAYS: list[tuple[list[str], Any, list[str]]] = [
    *((FORMER[: number + 1], [], []) for number in range(6)),
    (FORMER[:7], None, LATE_BACK),
    *((FORMER[: 8 + number], LATE[number:], BACK) for number in range(3)),
    ([*FORMER, "leave"], LATE, BACK),
    ([*FORMER, "leave", "carry"], LATE, BACK),
    *(([*FORMER, *FORMER_BACK[: number + 3]], None, LATE_BACK) for number in range(3)),
]


def written(folder: Path, steps: list[str], state: str = "running") -> None:
    """A journal as 0.1.0 wrote it; ``captured`` in this folder's tests is one of a real run."""
    captured = json.loads((Path(__file__).parent / "journal-0.1.0.json").read_text())
    by_name = {entry["name"]: entry for entry in captured["steps"]}
    entries = [json.loads(json.dumps(by_name[name])) for name in steps]
    if state == "running":
        entries[-1].update(state="begun", ended=None, facts={})
    captured.update(state=state, phase=steps[-1], steps=entries)
    if state == "running":
        del captured["ended"]
    (folder / "journal.json").write_text(json.dumps(captured))


@pytest.mark.parametrize(("steps", "on", "back"), WAYS, ids=[case[0][-1] for case in WAYS])
def test_killed_run_of_the_former_release_is_ended_by_this_one(
    tmp_path: Path, steps: list[str], on: Any, back: list[str]
) -> None:
    written(tmp_path, steps)
    journal = _journal.load(str(tmp_path))
    assert journal is not None
    assert journal["format"] == 2
    assert (_position.steps_on(journal), _position.steps_back(journal)) == (on, back)
    assert _position.describe(journal, str(tmp_path))["copying_back"] == (steps[-1] == "carry")


@pytest.mark.parametrize(
    ("steps", "state", "kind"),
    [
        (FORMER, "migrated", "compose"),
        ([*FORMER, *FORMER_BACK], "rolled back", "legacy"),
        (FORMER[:6], "untouched", "legacy"),
        ([*FORMER, *FORMER_END], "finalized", "compose"),
    ],
)
def test_journal_of_the_former_release_that_ended(
    tmp_path: Path, steps: list[str], state: str, kind: str
) -> None:
    written(tmp_path, steps, state)
    journal = _journal.load(str(tmp_path))
    assert journal is not None
    assert (journal["state"], _position.serving(journal, str(tmp_path))) == (state, kind)
    assert {entry["name"] for entry in journal["steps"]} <= set(_steps.BY_NAME)
    assert {"snapshot_before", "snapshot_after", "legacy_hash"} <= set(journal["facts"])
    assert _position.legacy_hash(journal) == "left"
    assert not {"before", "before_back", "left_hash"} & set(journal["facts"])


def test_rows_of_a_database_that_was_not_moved_stay_nowhere() -> None:
    served = [*FORWARD, "pause_timers", "stop_new"]
    assert _position.rows_stay(reached(*served))
    away = {"found": {"database": {"where": "elsewhere"}}}
    assert not _position.rows_stay(reached(*served, **away))
    # the way back is the same all the same: one proxy stops before the other starts
    assert _position.steps_back(reached(*served, **away)) == BACK


CUT = [*EARLY, "cutover"]
# Every moment at which a run that moves the database while clients are served can be killed: the
# steps, the facts, the ways on and back, whether rows are to be copied back, whether rows stay in
# the new database, the legacy database's hash and who serves.
SWITCHED, BOTH = {"switched": "t"}, {"switched": "t", "switched_back": "u"}
LEFT = [*FORWARD, "pause_timers", "transition_back", "stop_new"]
MOMENTS: list[tuple[list[str], dict[str, str], Any, list[str], bool, bool, str, str]] = [
    (CUT, {}, None, LATE_BACK, False, False, "", "legacy"),
    (CUT, SWITCHED, LATE, BACK, True, True, "unproved", "compose"),
    # both sides differed
    (
        CUT,
        {**SWITCHED, "legacy_hash": "unequal"},
        *(LATE, BACK, True, True, "unequal", "compose"),
    ),
    # forward from there, or back at once
    ([*CUT, "serve"], SWITCHED, LATE, BACK, True, True, "unproved", "compose"),
    ([*CUT, "pause_timers"], SWITCHED, LATE, BACK, True, True, "unproved", "compose"),
    ([*CUT, "pause_timers", "stop_new"], SWITCHED, LATE, BACK, True, True, "unproved", "compose"),
    ([*LEFT, "copy_back"], SWITCHED, LATE, BACK, True, True, "unproved", "compose"),
    ([*LEFT, "copy_back"], BOTH, None, LATE_BACK, False, True, "unproved", "legacy"),
    ([*LEFT, "copy_back", "start_legacy"], BOTH, None, LATE_BACK, False, True, "unproved",
     "legacy"),
    # of a way back without a switch
    ([*LEFT, "copy_back", "start_legacy"], SWITCHED, None, LATE_BACK, False, True, "unproved",
     "legacy"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "facts", "on", "back", "copies", "stays", "left", "kind"), MOMENTS
)
def test_run_that_is_killed_while_the_database_moves(
    steps: list[str],
    facts: dict[str, str],
    on: Any,
    back: list[str],
    copies: bool,
    stays: bool,
    left: str,
    kind: str,
) -> None:
    journal = reached(*steps, **facts)
    assert (_position.steps_on(journal), _position.steps_back(journal)) == (on, back)
    assert (_position.copies_back(journal), _position.rows_stay(journal)) == (copies, stays)
    assert (_position.legacy_hash(journal), _position.serving(journal, "/nowhere")) == (left, kind)


def test_hash_that_is_known_comes_before_none() -> None:
    journal = reached(*CUT, "serve", **SWITCHED)
    journal["steps"][-2]["facts"] = {"source": {"hash": "copied"}}
    assert _position.legacy_hash(journal) == "copied"
    journal["facts"]["legacy_hash"] = "left"
    assert _position.legacy_hash(journal) == "left"
    del journal["facts"]["switched"], journal["facts"]["legacy_hash"]
    assert _position.legacy_hash(journal) == "copied"
    journal["steps"][-2]["facts"] = {}
    assert _position.legacy_hash(journal) == ""


@pytest.mark.parametrize("steps", [CUT, [*CUT, "serve"], FORWARD], ids=len)
def test_rows_that_came_home_after_a_switch_stay_nowhere(steps: list[str]) -> None:
    """Whatever the run was killed in after it."""
    journal = reached(*steps, "pause_timers", "transition_back", "stop_new", "copy_back", **BOTH)
    assert _position.rows_stay(journal)
    journal["steps"][-1]["facts"] = {"data": "carry", "equal": True}
    assert not _position.rows_stay(journal)


@given(
    steps=st.lists(st.sampled_from([*FORWARD[1:], *BACK]), max_size=14).map(
        lambda names: ["record", *names]
    ),
    facts=st.sampled_from([{}, SWITCHED, BOTH]),
)
def test_whatever_was_done_one_deployment_has_the_rows(
    steps: list[str], facts: dict[str, str]
) -> None:
    journal = reached(*steps, **facts)
    on, back = _position.steps_on(journal), _position.steps_back(journal)
    copies = _position.copies_back(journal)
    prepares = _steps.group_of(journal["phase"]) == _steps.PREPARE
    assert (_position.serving(journal, "/nowhere") == "compose") is copies
    assert copies is (
        ("switched" in facts or "serve" in steps)
        and not ("switched_back" in facts or "start_legacy" in steps)
    )
    # rows are copied back before the legacy deployment starts, where there are any, and else never
    assert prepares or ("copy_back" in back) is copies
    # on only where the legacy one has not served since
    assert prepares or bool(on) is copies
    if "switched" in facts:
        assert _position.legacy_hash(journal)


@pytest.mark.parametrize(("facts", "told"), [(SWITCHED, True), (BOTH, False)])
def test_nothing_is_copied_back_any_more_once_clients_are_back(
    tmp_path: Path, facts: dict[str, str], told: bool
) -> None:
    """The server that they were led to must not be taken for one that nobody uses."""
    journal = reached(*LEFT, "copy_back", **facts)
    assert _position.describe(journal, str(tmp_path))["copying_back"] is told
