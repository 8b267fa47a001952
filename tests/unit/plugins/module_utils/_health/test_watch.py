"""Health over time: alarms, what is remembered, metrics, the table."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._health import watch as _watch
from ansible_collections.llmops.litellm.plugins.module_utils._health.checks import (
    DEGRADED,
    FAILED,
    HEALTHY,
    OK,
    UNKNOWN,
    Check,
)
from ansible_collections.llmops.litellm.plugins.module_utils._health.watch import (
    Thresholds,
    advance,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
USUAL = Thresholds()
CHECKS = [
    Check("postgresql", FAILED, "does not answer", 5.0),
    Check("bogus key", OK, "refused", 0.01),
]


def run(outcomes: list[str], thresholds: Thresholds = USUAL) -> tuple[dict[str, Any], list[Any]]:
    """Several looks, a minute apart: what is remembered at last, and the event of each."""
    told: dict[str, Any] = {}
    events = []
    for number, outcome in enumerate(outcomes):
        told, event = advance(told, outcome, NOW + timedelta(minutes=number), thresholds)
        events.append(event)
    return told, events


@pytest.mark.parametrize(
    ("outcomes", "events"),
    [
        ([FAILED, FAILED, FAILED, FAILED], [None, None, "alarm", None]),
        ([FAILED, FAILED, HEALTHY, FAILED, FAILED], [None] * 5),
        ([FAILED, FAILED, DEGRADED, FAILED, FAILED], [None] * 5),
        (
            [FAILED] * 3 + [HEALTHY, DEGRADED, FAILED],
            [None, None, "alarm", None, "all-clear", None],
        ),
        (
            [FAILED] * 3 + [HEALTHY, FAILED, HEALTHY, HEALTHY],
            [None, None, "alarm", None, None, None, "all-clear"],
        ),
        ([FAILED, UNKNOWN, FAILED, FAILED], [None, None, None, "alarm"]),
        (
            [FAILED] * 3 + [HEALTHY, UNKNOWN, UNKNOWN, HEALTHY],
            [None, None, "alarm", None, None, None, "all-clear"],
        ),
        ([UNKNOWN] * 9, [None] * 9),
    ],
)
def test_alarm_begins_and_ends_after_so_many_looks(outcomes: list[str], events: list[Any]) -> None:
    assert run(outcomes)[1] == events


@given(
    st.lists(st.sampled_from((HEALTHY, DEGRADED, UNKNOWN, FAILED)), max_size=60),
    st.integers(1, 5),
    st.integers(1, 5),
)
def test_alarms_and_all_clears_take_turns_beginning_with_an_alarm(
    outcomes: list[str], bad: int, good: int
) -> None:
    told, events = run(outcomes, Thresholds(bad, good))
    happened = [event for event in events if event]
    assert happened == (["alarm", "all-clear"] * len(happened))[: len(happened)]
    assert told.get("alarm", False) == (len(happened) % 2 == 1)


def test_time_since_when_is_kept_while_the_outcome_stays() -> None:
    told, _events = run([HEALTHY, FAILED, FAILED])
    assert (told["since"], told["time"]) == (
        "2026-11-24T12:01:00+00:00",
        "2026-11-24T12:02:00+00:00",
    )


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "[]",
        '{"bad": -3, "good": "x", "alarm": 1, "since": 5, "outcome": "failed"}',
        "{",
        '{"bad": true}',
    ],
)
def test_memory_that_is_damaged_counts_as_none(tmp_path: Path, damaged: str) -> None:
    (tmp_path / "health.json").write_text(damaged)
    told, event = _watch.remember(str(tmp_path), FAILED, CHECKS, NOW, Thresholds(bad=2))
    assert (told["bad"], told["good"], told["alarm"], told["since"], event) == (
        1,
        0,
        False,
        "2026-11-24T12:00:00+00:00",
        None,
    )
    assert _watch.remember(str(tmp_path), FAILED, CHECKS, NOW, Thresholds(bad=2))[1] == "alarm"


def test_history_is_bounded_and_nobody_elses(tmp_path: Path) -> None:
    for number in range(25):
        _watch.remember(
            str(tmp_path), FAILED, CHECKS, NOW + timedelta(minutes=number), Thresholds(history=5)
        )
        lines = (tmp_path / "health.jsonl").read_text().splitlines()
        assert 1 <= len(lines) < 10
        assert len(lines) >= min(number + 1, 5)
    last = json.loads(lines[-1])
    assert last == {
        "time": "2026-11-24T12:24:00+00:00",
        "outcome": FAILED,
        "checks": {"postgresql": FAILED, "bogus key": OK},
        "seconds": 5.0,
    }
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600] * 2


def test_metrics_are_what_node_exporter_reads(tmp_path: Path) -> None:
    told, _event = _watch.remember(str(tmp_path), FAILED, CHECKS, NOW, Thresholds())
    lines = _watch.metrics(told).splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert values == {
        "litellm_health": "3",
        "litellm_health_alarm": "0",
        "litellm_health_timestamp_seconds": "1795521600",
        'litellm_health_check{check="postgresql"}': "3",
        'litellm_health_check{check="bogus key"}': "0",
        'litellm_health_check_seconds{check="postgresql"}': "5",
        'litellm_health_check_seconds{check="bogus key"}': "0.01",
    }
    families = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert sorted(set(families)) == sorted(families)
    assert {name.partition("{")[0] for name in values} == set(families)


def test_table_has_colours_only_where_they_are_wanted() -> None:
    plain = _watch.screen("compose", FAILED, CHECKS)
    assert plain == [
        "failed    postgresql  does not answer   5.00 s",
        "ok        bogus key   refused   0.01 s",
        "failed    the compose deployment",
    ]
    assert _watch.screen("compose", FAILED, CHECKS, colours=True)[0].startswith(
        "\033[31mfailed  \033[0m  postgresql"
    )
    assert _watch.screen("compose", HEALTHY, []) == ["healthy   the compose deployment"]


def test_check_of_any_words_forges_nothing() -> None:
    odd = [Check(support.HOSTILE, FAILED, support.HOSTILE, 1.0)]
    support.assert_on_lines(_watch.screen("compose", FAILED, odd), 2)
    coloured = "\n".join(_watch.screen("compose", FAILED, odd, True))
    assert re.findall("\x1b[^m]*m", coloured) == ["\x1b[31m", "\x1b[0m"] * 2
    told = {**advance({}, FAILED, NOW, USUAL)[0], "checks": [odd[0]._asdict()]}
    support.assert_on_lines([_watch.meaning("alarm", told)], 1)
    honest = {**told, "checks": [{**odd[0]._asdict(), "name": "x"}]}
    told["checks"][0]["name"] += '"} 0\\'
    lines = _watch.metrics(told)[:-1].split("\n")
    support.assert_on_lines(lines, _watch.metrics(honest).count("\n"))
    assert all(line.startswith(("#", "litellm_health")) for line in lines)
    assert any(line.endswith('\\"} 0\\\\"} 3') for line in lines)
