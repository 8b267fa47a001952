# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole of a probe: asked, checked, compared with the run before, told as JSON, as Markdown and
on a terminal. The page is made by :mod:`_health.probe_page`."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Any, Callable, Optional

from .._host import display as _display
from .._litellm import client as _client
from . import probe as _probe
from . import probe_store as _probe_store
from .checks import HEALTHY
from .host_checks import DEGRADED, FAILED, UNKNOWN
from .probe import BROKEN, NO, SKIPPED, YES

MARKS = {YES: "yes", NO: "no", BROKEN: "FAILED", SKIPPED: "not asked"}
SIGNS = {YES: "✓", NO: "–", BROKEN: "✗", SKIPPED: "·"}
# From when on an answer counts as slower than in the run before: so many times, and so many
# seconds.
SLOWER, SECONDS = 3.0, 1.0


def listed(client: _client.Client) -> list[Any]:
    """The rows of ``GET /model/info``.

    :raises ProxyError: the proxy does not answer, not to this key, or with something else.
    """
    body = client.json("GET", "/model/info")
    rows = body.get("data") if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise _client.ProxyError(
            "GET /model/info: the answer has not the form that LiteLLM gives it"
        )
    return rows


def probe(
    client: _client.Client,
    kind: str,
    options: _probe.Options,
    keeper: _probe_store.Keeper,
    found: list[_probe.Model],
    done: list[dict[str, Any]],
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Ask, and make the report; an interruption goes through, with what was found kept.

    :param found: the proxy's models.
    :param done: what an interrupted run has found.
    """
    begun = time.monotonic()
    tasks = _probe.plan(found, options)
    if done:
        tell("%d of %d were asked by a run that was interrupted" % (len(done), len(tasks)))
    results = _probe.run(client, tasks, options, done, keeper.keep, tell)
    earlier = keeper.earlier()
    memory = _probe_store.memory(earlier)
    out = _probe.left_out(found, options)
    rows = _probe.matrix(found, results, memory)
    time_is = datetime.now(timezone.utc)
    report = {
        "format": _probe_store.FORMAT,
        "time": time_is.isoformat(timespec="seconds"),
        "before": earlier.get("time"),
        "kind": kind,
        "url": client.url,
        "options": {**options._asdict(), "names": list(options.names)},
        "seconds": round(time.monotonic() - begun, 1),
        "requests": sum(row["state"] != SKIPPED for row in rows),
        "tokens": sum(row["tokens"] or 0 for row in rows),
        "models": [
            {
                "name": model.name,
                "mode": model.mode,
                "local": model.local,
                "left_out": out.get(model.name),
            }
            for model in found
        ],
        "rows": rows,
        "memory": _probe_store.remembered(
            memory, results, {model.name for model in found}, time_is
        ),
    }
    report["differences"], report["drift"] = differences(rows), drifts(rows)
    report["outcome"] = outcome(report)
    return report


def differences(rows: list[dict[str, Any]]) -> list[str]:
    """What is otherwise than declared, in words."""
    found = []
    for row in rows:
        if row["state"] == BROKEN:
            found.append(
                "%s, %s: no usable answer (%s)" % (row["model"], row["capability"], row["why"])
            )
        elif row["differs"]:
            found.append(
                "%s, %s: %s%s"
                % (
                    row["model"],
                    row["capability"],
                    row["differs"],
                    " (%s)" % row["why"] if row["why"] else "",
                )
            )
    return found


def drifts(rows: list[dict[str, Any]]) -> list[str]:
    """What is otherwise than in the run before, in words."""
    found = [
        "%s, %s: %s became %s" % (row["model"], row["capability"], row["drift"], _probe.shown(row))
        for row in rows
        if row["drift"]
    ]
    return found + [
        "%s, %s: %.1f s became %.1f s"
        % (row["model"], row["capability"], row["before"], row["seconds"])
        for row in rows
        if is_slower(row)
    ]


def is_slower(row: dict[str, Any]) -> bool:
    """Whether an answer took much longer than in the run before."""
    return (
        row["before"] is not None
        and row["seconds"] > SLOWER * row["before"]
        and row["seconds"] - row["before"] > SECONDS
    )


def outcome(report: dict[str, Any]) -> str:
    """In a word of the health check: failed where no model gave a usable answer; unknown where the
    budget ended it."""
    states = [row["state"] for row in report["rows"]]
    asked = [state for state in states if state != SKIPPED]
    if asked and all(state == BROKEN for state in asked):
        return FAILED
    if any(row["state"] == SKIPPED and row["why"] == _probe.BUDGET for row in report["rows"]):
        return UNKNOWN
    return DEGRADED if report["differences"] else HEALTHY


def seconds(row: dict[str, Any]) -> str:
    """How long an answer took, and for a stream the time to its first words."""
    if row["state"] == SKIPPED:
        return ""
    return "%.2f s%s" % (
        row["seconds"],
        ", first words after %.2f s" % row["first"] if row["first"] is not None else "",
    )


def declared(row: dict[str, Any]) -> str:
    """What LiteLLM declares, in a word."""
    return {True: "yes", False: "no", None: "not told"}[row["declared"]]


def summary(report: dict[str, Any]) -> str:
    """The report in one sentence."""
    asked = len({row["model"] for row in report["rows"] if row["state"] != SKIPPED})
    states = [row["state"] for row in report["rows"]]
    parts = [
        "%d %s" % (states.count(state), words)
        for state, words in (
            (YES, "seen"),
            (NO, "not seen"),
            (BROKEN, "failed"),
            (SKIPPED, "not asked"),
        )
        if state in states
    ]
    return "%d of %d models asked, %d requests, %d tokens, %.1f s: %s" % (
        asked,
        len(report["models"]),
        report["requests"],
        report["tokens"],
        report["seconds"],
        ", ".join(parts) or "nothing was asked",
    )


def screen(report: dict[str, Any], colours: bool = False) -> list[str]:
    """The report as lines for a terminal."""
    report = _display.each(report)
    codes = {YES: 32, NO: 33, BROKEN: 31, SKIPPED: 90}
    width = max((len(row["model"]) for row in report["rows"]), default=0)
    lines = []
    for row in report["rows"]:
        state = "%-9s" % MARKS[row["state"]]
        state = "\033[%dm%s\033[0m" % (codes[row["state"]], state) if colours else state
        notes = [
            row["differs"],
            row["why"],
            "was %s" % row["drift"] if row["drift"] else "",
            "first words after %.2f s" % row["first"] if row["first"] is not None else "",
        ]
        took = "" if row["state"] == SKIPPED else "%.2f s" % row["seconds"]
        cells = (
            state,
            row["model"].ljust(width),
            "%-13s" % row["capability"],
            took.rjust(8),
            "; ".join(filter(None, notes)),
        )
        lines.append("  ".join(cells).rstrip())
    lines += [
        "not asked  %s: %s" % (model["name"], model["left_out"])
        for model in report["models"]
        if model["left_out"]
    ]
    lines += ["differs    " + line for line in report["differences"]] + [
        "changed    " + line for line in report["drift"]
    ]
    return [*lines, summary(report)]


def markdown(report: dict[str, Any], findings: Optional[list[str]] = None) -> str:
    """The report as Markdown.

    :param findings: of the inventory, in words.
    """
    report = _display.each(report, _display.markdown)
    about = (report["kind"].capitalize(), report["url"], report["time"], summary(report))
    lines = ["# What the models can do", "", "%s deployment at %s, %s. %s." % about, ""]
    sections = (
        ("Otherwise than declared", report["differences"]),
        ("Otherwise than in the run before", report["drift"]),
        ("Inventory", _display.each(findings or [], _display.markdown)),
    )
    for title, result in sections:
        lines += ["## " + title, "", *("- " + line for line in result), ""] if result else []
    lines += [
        "## Declared against observed",
        "",
        "| model | | declared | observed | why | seconds |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        "| %s |"
        % " | ".join(
            (
                row["model"],
                row["capability"],
                declared(row),
                MARKS[row["state"]],
                row["why"],
                seconds(row),
            )
        )
        for row in report["rows"]
    ]
    out = [model for model in report["models"] if model["left_out"]]
    lines += (
        [
            "",
            "## Not asked",
            "",
            *("- %s: %s" % (model["name"], model["left_out"]) for model in out),
        ]
        if out
        else []
    )
    return "\n".join(lines) + "\n"
