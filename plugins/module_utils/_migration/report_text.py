# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of the reports, of a migration and of the legacy deployment's retirement: Markdown for
the file, lines for the terminal."""

from __future__ import annotations

import os
import shlex
from typing import Any

from .._deployment import journal as _journal
from .._deployment import places as _places
from .._deployment import steps as _steps
from .._deployment.journal import MIGRATED
from .._host import display as _display

# Prefixes of interpreters that are the system's, and where package managers have each of theirs.
_SYSTEM, _PACKAGES = ("", "/", "/usr", "/usr/local"), ("/nix/store/", "/gnu/store/")


def retirement(journal: _journal.Journal) -> list[str]:
    """The report of a host that is finalized, as lines of Markdown."""
    found = journal["facts"]["found"]
    legacy, database = found["legacy"], found.get("database") or {}
    dumped, retired, dropped = (
        _journal.facts_of(journal, name) for name in _steps.of(_steps.FINALIZE)
    )
    lines = [
        "# The legacy deployment is retired",
        "",
        "On %s, after migration %s. Docker Compose serves."
        % (_display.markdown(journal.get("ended")), _display.markdown(journal["id"])),
        "**There is no way back from here except to restore a backup.**",
        "",
        "Last backup: %s, pinned: %s rows in %d tables, content hash %s%s;"
        " with its unit files, configuration and env files."
        % (
            _display.code(dumped.get("path")),
            "{:,}".format(dumped.get("rows", 0)),
            dumped.get("tables", 0),
            _display.markdown(str(dumped.get("hash"))[:12]),
            ", as at the cutover" if _places.here(found, "database") else "",
        ),
        "",
    ]
    # a run that was killed has not recorded what it had removed already
    gone = [
        unit["path"]
        for unit in legacy["units"]
        if unit["path"] and not os.path.lexists(unit["path"])
    ]
    lines += _section(
        "Removed",
        [
            *dict.fromkeys([*gone, *retired.get("removed", [])]),
            *("database %s" % name for name in dropped.get("dropped", [])),
        ],
    )
    staying = ["%s (%s)" % (item["path"], item["reason"]) for item in retired.get("stays", [])]
    servers = [
        found[name]["unit"]["name"]
        for name in ("database", "redis")
        if (found.get(name) or {}).get("unit")
    ]
    staying += ["unit %s, stopped: it belongs to a package" % name for name in servers]
    staying += [
        "%s: configuration" % path for path in [legacy["config"], *legacy.get("included", [])]
    ]
    staying += [
        "%s: environment, with secrets" % entry["path"] for entry in legacy["environment_files"]
    ]
    environment, packages = _python(legacy)
    staying += ["%s: Python environment" % environment] if environment else []
    staying += ["%s: Python packages, LiteLLM among them" % packages] if packages else []
    server = database.get("server")
    if server:
        kept = "without" if database["name"] in dropped.get("dropped", []) else "with"
        staying.append(
            "%s: data folder of the native PostgreSQL, %s the database %s"
            % (server["folder"], kept, database["name"])
        )
    data = (found.get("redis") or {}).get("data")
    staying += (
        ["%s: data folder of the native Redis" % data["folder"]] if data and data["folder"] else []
    )
    lines += _section("What stays", staying)
    lines += _section("To remove that by hand, where nothing else uses it", _by_hand(found))
    return lines


def _by_hand(found: dict[str, Any]) -> list[str]:
    legacy = found["legacy"]
    environment, _packages = _python(legacy)
    lines = ["rm -r %s" % shlex.quote(environment)] if environment else []
    lines += [
        "rm %s" % shlex.quote(path)
        for path in [legacy["config"], *(entry["path"] for entry in legacy["environment_files"])]
    ]
    server = (found.get("database") or {}).get("server")
    if server:
        lines.append(
            "the native PostgreSQL, with all its databases: its package, then %s" % server["folder"]
        )
    if (found.get("redis") or {}).get("unit"):
        lines.append("the native Redis: its package, then its data folder")
    return lines


def _python(legacy: dict[str, Any]) -> tuple[str, str]:
    """LiteLLM's Python environment, or the packages among which it is where that is the system's,
    or those of a user; empty where none is known."""
    prefix, site = os.path.dirname(os.path.dirname(legacy.get("python") or "")), legacy.get("site")
    if prefix in _SYSTEM or prefix.startswith(_PACKAGES):
        return "", site or ""
    return (prefix, "") if not site or site.startswith(prefix + "/") else ("", site)


def _section(title: str, items: list[str]) -> list[str]:
    """A list whose items are texts."""
    shown = ["- " + _display.markdown(item) for item in items]
    return ["## " + title, "", *shown, ""] if items else []


def _unless_done(phase: dict) -> str:
    return (
        ""
        if phase["state"] == "done"
        else " (%s)" % {"begun": "not ended"}.get(phase["state"], phase["state"])
    )


def _stall(report: dict, seconds: str) -> str:
    """What clients noticed, in a sentence; empty where nobody was stopped.

    :param seconds: how seconds are written.
    """
    led, waited = report.get("led"), report.get("waited")
    if led:
        said = (
            "A transitional proxy served meanwhile: nobody waited but who needed the database, for"
            " at most %s; %d kept connections went on." % (seconds % led["seconds"], led["carried"])
        )
        if led.get("waits"):
            said += " The database could not be moved while it was used: %s." % led["waits"]
        return said
    if waited:
        said = (
            "Clients waited for at most %s: %d new connections were held, %d kept ones went on."
            % (
                seconds % waited["seconds"],
                waited["held"],
                waited["carried"],
            )
        )
    elif report["refused_seconds"] is None:
        return ""
    else:
        said = "Clients were refused for at most %s." % (seconds % report["refused_seconds"])
    if report.get("not_led"):
        said += " There was no transitional proxy: %s." % "; ".join(report["not_led"])
    return said


def _watched(report: dict) -> list[str]:
    """What a client saw, as a line; none where nobody watched."""
    seen = report.get("watched")
    if not seen:
        return []
    return [
        "A client that asked ten times a second saw %d of %d requests fail; the longest took %.1f s"
        " (%.2f s before)."
        % (
            seen["since"]["failed"],
            seen["since"]["asked"],
            seen["since"]["longest"],
            seen["before"]["longest"],
        )
    ]


def summary(report: dict) -> list[str]:
    """The report as lines for a terminal."""
    report = _display.each(report)
    lines = [report["outcome"]]
    if report["failure"]:
        lines.append("reason: %s" % report["failure"])
    lines += report["stuck"]
    lines += ["", "step            seconds"]
    for phase in report["phases"]:
        lines.append(
            "%-15s %7s  %s%s"
            % (
                phase["name"],
                "-" if phase["seconds"] is None else "%.1f" % phase["seconds"],
                phase["meaning"],
                _unless_done(phase),
            )
        )
    if _stall(report, "%.1f s"):
        lines += ["", _stall(report, "%.1f s"), *_watched(report)]
    if report["proofs"]:
        lines.append("")
    lines += [
        "%s %s: %s" % ("✔" if proof["ok"] else "✘", proof["name"], proof["figures"])
        for proof in report["proofs"]
    ]
    return lines


def markdown(report: dict) -> str:
    """The report as a document."""
    shown = _display.each(report, _display.markdown)
    lines = ["# Migration %s" % shown["id"], "", shown["outcome"], ""]
    if report["failure"]:
        lines += ["Reason: %s" % shown["failure"], ""]
    lines += [*shown["stuck"], ""] if report["stuck"] else []
    lines += [
        "%s to %s" % (shown["began"], shown["ended"] or "(not ended)"),
        "",
        "| step | seconds | what |",
        "|---|---:|---|",
    ]
    for phase in shown["phases"]:
        lines.append(
            "| %s | %s | %s%s |"
            % (
                phase["name"],
                "" if phase["seconds"] is None else phase["seconds"],
                phase["meaning"],
                _unless_done(phase),
            )
        )
    if _stall(report, "**%.1f s**"):
        lines += ["", " ".join([_stall(shown, "**%.1f s**"), *_watched(report)])]
    lines += _section(
        "Proofs",
        [
            "%s %s: %s" % ("✔" if proof["ok"] else "✘", proof["name"], proof["figures"])
            for proof in report["proofs"]
        ],
    )
    lines += _section("What was found", report["found"])
    lines += _section("What should be known", report["warnings"])
    lines += _section("What changed", report["changes"])
    lines += _section(
        "How to go on" if report["state"] != MIGRATED else "How to undo it", report["undo"]
    )
    counts = report["environment"]["counts"]
    names = [entry["name"] for entry in report["environment"]["variables"]]
    if counts:
        lines += [
            "",
            "## Environment",
            "",
            ", ".join(
                "%d %s" % (count, _display.markdown(status))
                for status, count in sorted(counts.items())
            )
            + ".",
            "",
            "| variable | | from | why |",
            "|---|---|---|---|",
        ]
        lines += [
            "| %s | %s | %s | %s |"
            % (_display.code(name), entry["status"], entry["origin"], entry["reason"])
            for name, entry in zip(names, shown["environment"]["variables"])
        ]
    return "\n".join(lines) + "\n"
