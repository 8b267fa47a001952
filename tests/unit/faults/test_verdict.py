"""What the fault tests decide."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "faults"))

import verdict  # noqa: E402

RECORD = [
    {
        "point": "a begin",
        "action": "llmops.litellm.journal",
        "step": "cutover",
        "seconds": 0.4,
        "changed": True,
    },
    {
        "point": "a tell",
        "action": "ansible.builtin.debug",
        "step": "cutover",
        "seconds": 0.1,
        "changed": False,
    },
    {
        "point": "a copy",
        "action": "llmops.litellm.database",
        "step": "cutover",
        "seconds": 6.0,
        "changed": True,
    },
    {
        "point": "a done",
        "action": "llmops.litellm.journal",
        "step": "cutover",
        "seconds": 0.4,
        "changed": True,
    },
    {
        "point": "a begin #2",
        "action": "llmops.litellm.journal",
        "step": "serve",
        "seconds": 0.4,
        "changed": True,
    },
]
ROWS = {"acknowledged": 9, "missing": 0, "keys_missing": 0}


def seen(**more: Any) -> dict[str, Any]:
    """A host that ended well."""
    return {
        "state": "migrated",
        "phase": "hand_over",
        "serves": "compose",
        "writers": ["compose"],
        "left": [],
        "ready": True,
        "rows": {"compose": ROWS},
        **more,
    }


def test_every_task_is_struck_and_long_ones_twice() -> None:
    made = verdict.cases("migrate", RECORD)
    assert [(case.point, case.fault, case.after) for case in made] == [
        ("a begin", "killed before", 0.0),
        ("a copy", "killed before", 0.0),
        ("a copy", "killed within", 3.0),
        ("a done", "killed before", 0.0),
        ("a begin #2", "killed before", 0.0),
    ]
    assert len({case.name for case in made}) == len(made)


def test_ways_to_go_on_take_turns_and_from_the_cutover_on_the_other_one_follows() -> None:
    one, other = (verdict.cases("migrate", RECORD, other) for other in (False, True))
    assert [case.then for case in one] == ["migrate", "rollback", "migrate", "rollback", "migrate"]
    assert [(case.point, case.fault) for case in other] == [
        (case.point, case.fault) for case in one
    ]
    assert all(mine.then != yours.then for mine, yours in zip(one, other))
    early = [{**told, "step": "stage"} for told in RECORD]
    assert [case.then for case in verdict.cases("migrate", early)] == [case.then for case in one]
    assert verdict.cases("migrate", early, other=True) == []


def test_after_a_short_task_that_changed_nothing_is_no_other_moment() -> None:
    look = {
        "point": "b",
        "action": "llmops.litellm.journal_info",
        "step": "cutover",
        "seconds": 0.4,
        "changed": False,
    }
    held = {**look, "point": "c", "action": "ansible.builtin.copy"}
    waited = {**look, "point": "d", "action": "ansible.builtin.wait_for", "seconds": 4.0}
    act = {**held, "point": "e", "changed": True}
    assert [
        case.point for case in verdict.cases("migrate", [look, held, act, act | {"point": "f"}])
    ] == ["b", "f"]
    assert [(case.point, case.fault) for case in verdict.cases("migrate", [held, waited, act])] == [
        ("c", "killed before"),
        ("d", "killed within"),
        ("e", "killed before"),
    ]


def test_faults_at_two_phases_are_two_cases() -> None:
    assert (
        len(
            {
                verdict.Case("engine killed", "migrate", "", step, "migrate").name
                for step in ("stage", "cutover", "serve")
            }
        )
        == 3
    )


@pytest.mark.parametrize(
    ("then", "state", "phase", "wanted"),
    [
        ("migrate", "running", "stage", "migrated"),
        ("migrate", "running", "cutover", "migrated"),
        ("migrate", "rolled back", "remove_new", "migrated"),
        ("rollback", "running", "rehearse", "untouched"),
        ("rollback", "running", "cutover", "rolled back"),
        ("rollback", "running", "copy_back", "rolled back"),
        ("rollback", "migrated", "hand_over", "rolled back"),
        ("rollback", "none", "", "none"),
        ("rollback", "untouched", "stage", "untouched"),
    ],
)
def test_state_that_the_next_command_must_reach(
    then: str, state: str, phase: str, wanted: str
) -> None:
    assert verdict.expected(then, {"state": state, "phase": phase}) == (wanted,)


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({}, ""),
        ({"rows": {}}, "no database can be read"),
        ({"rows": {"legacy": {}}}, ""),
        ({"writers": ["legacy", "compose"]}, "two proxies serve clients"),
        (
            {
                "rows": {
                    "legacy": {**ROWS, "keys_missing": 2},
                    "compose": {**ROWS, "keys_missing": 3},
                }
            },
            "2 acknowledged keys are in no database",
        ),
        ({"rows": {"legacy": {**ROWS, "keys_missing": 2}, "compose": ROWS}}, ""),
    ],
)
def test_moment_of_the_blow(more: dict[str, Any], wrong: str) -> None:
    found = verdict.moment(seen(**more))
    assert wrong in "".join(found)
    assert bool(found) is bool(wrong)


@pytest.mark.parametrize(
    ("more", "code", "wrong"),
    [
        ({}, 0, ""),
        ({}, None, ""),
        ({}, 2, "ended with 2"),
        ({"state": "running"}, 0, "between the states"),
        ({"serves": "nobody"}, 0, "nobody serves"),
        ({"writers": ["legacy", "compose"]}, 0, "should alone"),
        ({"left": ["litellm-transition-proxy"]}, 0, "is left: litellm-transition-proxy"),
        ({"ready": False}, 0, "not ready"),
        ({"rows": {}}, 0, "can't be read"),
        ({"rows": {"compose": {**ROWS, "missing": 1}}}, 0, "1 acknowledged rows are missing"),
        (
            {
                "state": "rolled back",
                "serves": "legacy",
                "writers": ["legacy"],
                "rows": {"legacy": ROWS},
            },
            0,
            "",
        ),
        ({"state": "rolled back"}, 0, "legacy should alone"),
    ],
)
def test_end(more: dict[str, Any], code: int, wrong: str) -> None:
    found = verdict.end(seen(**more), code)
    assert wrong in "; ".join(found)
    assert bool(found) is bool(wrong)


def test_end_in_another_state_than_the_command_is_for() -> None:
    assert verdict.end(seen(), 0, True, ("rolled back",)) == [
        "the host is migrated, and rolled back was to be expected"
    ]
    assert verdict.end(seen(state="unreadable"), 0) != []


def test_spend_does_not_count_where_a_proxy_was_killed() -> None:
    lost = seen(rows={"compose": {**ROWS, "missing": 1}})
    assert verdict.end(lost, 0, spend=False) == []


def test_table_counts() -> None:
    told = {
        "fault": "killed before",
        "playbook": "migrate",
        "step": "",
        "point": "a look",
        "then": "rollback",
        "moment": "legacy serves",
        "state": "none",
        "acknowledged": 9,
        "present": 8,
        "refused": 1.2,
        "verdict": "1 row lost",
        "lost": 1,
    }
    text = verdict.table([told, {**told, "verdict": "good", "lost": 0}])
    assert (
        "| killed before | migrate begin: look | rollback | legacy serves | none | 9 | 8 "
        "| 1 s | 1 row lost |"
    ) in text
    assert text.endswith("2 cases, 1 good, 1 acknowledged rows lost.")


def test_summary_counts_each_step_and_faults_apart() -> None:
    case = {
        "fault": "killed before",
        "playbook": "migrate",
        "step": "serve",
        "refused": 1.2,
        "verdict": "good",
        "lost": 0,
    }
    lost = {**case, "fault": "killed within", "refused": 33.4, "verdict": "1 row lost", "lost": 1}
    restart = {**case, "fault": "host restarted", "step": ""}
    assert verdict.summary([case, lost, restart]).splitlines()[2:] == [
        "| migrate: serve | 2 | 1 | 1 | 33 s |",
        "| faults of the host, migrate: begin | 1 | 1 | 0 | 1 s |",
    ]
