# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health over time: when an alarm begins and ends, the last looks, and the same as metrics.

``health.json`` (0600) in the state folder: ``{outcome, time, since, alarm (bool), bad, good (looks
in a row), checks: [{name, state, detail, seconds}]}``; ``health.jsonl`` beside it has one line for
each look: ``{time, outcome, checks: {name: state}, seconds}``.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from typing import Any, NamedTuple, Optional, Sequence

from .._host import display as _display
from .._host.files import appending, reading, write_atomically
from .checks import HEALTHY, Check
from .host_checks import DEGRADED, FAILED, OK, UNKNOWN

ALARM, ALL_CLEAR = "alarm", "all-clear"
# As a number, for metrics: the worse the higher.
RANKS = {HEALTHY: 0, OK: 0, DEGRADED: 1, UNKNOWN: 2, FAILED: 3}


class Thresholds(NamedTuple):
    """How many looks in a row must be bad (failed) before the alarm, and well before the all-clear;
    how many looks are remembered."""

    bad: int = 3
    good: int = 2
    history: int = 10080  # a week of minutes


def advance(
    previous: dict[str, Any], outcome: str, now: datetime, thresholds: Thresholds
) -> tuple[dict[str, Any], Optional[str]]:
    """What is remembered after one more look, and ``alarm`` or ``all-clear`` where one begins with
    it.

    Only ``failed`` counts as bad: what is degraded is shown and wakes nobody. What is unknown
    neither raises nor ends an alarm.
    """
    bad = (
        _count(previous, "bad") + 1
        if outcome == FAILED
        else _count(previous, "bad")
        if outcome == UNKNOWN
        else 0
    )
    good = (
        0
        if outcome == FAILED
        else _count(previous, "good")
        if outcome == UNKNOWN
        else _count(previous, "good") + 1
    )
    alarm = previous.get("alarm") is True
    event = None
    if not alarm and bad >= thresholds.bad:
        alarm, event = True, ALARM
    elif alarm and good >= thresholds.good:
        alarm, event = False, ALL_CLEAR
    time = now.astimezone(timezone.utc).isoformat(timespec="seconds")
    since = (
        previous.get("since")
        if previous.get("outcome") == outcome and isinstance(previous.get("since"), str)
        else time
    )
    return {
        "outcome": outcome,
        "time": time,
        "since": since,
        "alarm": alarm,
        "bad": bad,
        "good": good,
    }, event


def meaning(event: str, result: dict[str, Any]) -> str:
    """An alarm or its end, in words."""
    if event == ALARM:
        failed = [
            _display.plain("%s (%s)" % (check["name"], check["detail"]))
            for check in result["checks"]
            if check["state"] == FAILED
        ]
        return "failed %d times in a row: %s" % (result["bad"], "; ".join(failed))
    return "well %d times in a row" % result["good"]


def _count(previous: dict[str, Any], name: str) -> int:
    value = previous.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def remember(
    folder: str, outcome: str, checks: Sequence[Check], now: datetime, thresholds: Thresholds
) -> tuple[dict[str, Any], Optional[str]]:
    """:func:`advance` with the files of a state folder. A file that cannot be understood counts as
    none."""
    result, event = advance(_load(os.path.join(folder, "health.json")), outcome, now, thresholds)
    result["checks"] = [check._asdict() for check in checks]
    _append(
        os.path.join(folder, "health.jsonl"),
        {
            "time": result["time"],
            "outcome": outcome,
            "checks": {check.name: check.state for check in checks},
            "seconds": max((check.seconds for check in checks), default=0.0),
        },
        thresholds.history,
    )
    write_atomically(os.path.join(folder, "health.json"), json.dumps(result, indent=1) + "\n")
    return result, event


def _load(path: str) -> dict[str, Any]:
    try:
        with reading(path) as handle:
            result = json.load(handle)
    except (OSError, ValueError, RecursionError):
        return {}
    return result if isinstance(result, dict) else {}


def _append(path: str, entry: dict[str, Any], most: int) -> None:
    """Add a line; a file of twice as many lines as are wanted is cut, so that it is rarely written
    anew."""
    with appending(path) as handle:
        handle.write(json.dumps(entry).encode() + b"\n")
    with reading(path) as handle:
        lines = [line.decode("utf-8", "replace") for line in handle]
    if len(lines) >= 2 * most:
        write_atomically(path, "".join(lines[-most:]))


def metrics(result: dict[str, Any]) -> str:
    """What was remembered, for node_exporter's textfile collector."""
    lines = [
        "# HELP litellm_health 0 healthy, 1 degraded, 2 unknown, 3 failed.",
        "# TYPE litellm_health gauge",
        "litellm_health %d" % RANKS[result["outcome"]],
        "# HELP litellm_health_alarm Whether an alarm is on.",
        "# TYPE litellm_health_alarm gauge",
        "litellm_health_alarm %d" % result["alarm"],
        "# HELP litellm_health_timestamp_seconds When it was looked at last.",
        "# TYPE litellm_health_timestamp_seconds gauge",
        "litellm_health_timestamp_seconds %d" % datetime.fromisoformat(result["time"]).timestamp(),
        "# HELP litellm_health_check One part: 0 ok, 1 degraded, 2 unknown, 3 failed.",
        "# TYPE litellm_health_check gauge",
    ]
    lines += [
        'litellm_health_check{check="%s"} %d'
        % (_display.label(check["name"]), RANKS[check["state"]])
        for check in result["checks"]
    ]
    lines += [
        "# HELP litellm_health_check_seconds How long the answer took.",
        "# TYPE litellm_health_check_seconds gauge",
    ]
    lines += [
        'litellm_health_check_seconds{check="%s"} %g'
        % (_display.label(check["name"]), check["seconds"])
        for check in result["checks"]
    ]
    return "\n".join(lines) + "\n"


def screen(target: str, outcome: str, checks: Sequence[Check], colours: bool = False) -> list[str]:
    """All checks as a table of lines; with colours only on a terminal."""
    checks = [Check(*_display.each(check)) for check in checks]

    def painted(state: str) -> str:
        text = state.ljust(8)
        code = {OK: 32, HEALTHY: 32, DEGRADED: 33, UNKNOWN: 35, FAILED: 31}[state]
        return "\033[%dm%s\033[0m" % (code, text) if colours else text

    width = max((len(check.name) for check in checks), default=0)
    lines = [
        "%s  %s"
        % (
            painted(check.state),
            "%s  %s  %5.2f s" % (check.name.ljust(width), check.detail, check.seconds),
        )
        for check in checks
    ]
    return lines + ["%s  the %s deployment" % (painted(outcome), target)]
