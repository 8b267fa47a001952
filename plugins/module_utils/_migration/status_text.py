# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of ``status.yml``: one screen from what :mod:`status` has collected."""

from __future__ import annotations

import textwrap
from datetime import datetime, timezone
from typing import Any, Optional

from .._deployment import journal as _journal
from .._host import display as _display
from .next_command import NONE, UNREADABLE

WIDTH, HEIGHT, NAME_WIDTH, MOST_UNITS = 100, 40, 48, 11


def text_lines(status: dict[str, Any]) -> list[str]:
    """The status as lines for a terminal: at most 40 of at most 100 columns."""
    status = _display.each(status)
    lines = [
        "%s, %s" % (status["host"], _time(status["time"])),
        *_about_journal(status["journal"]),
        *(_wrapped(_head("restore"), status["restore"]) if status["restore"] else []),
        *_about_proxy(status["proxy"]),
        *_about_backup(status["backup"]),
        "",
        *_about_legacy(status["legacy"]),
        "",
        *_about_compose(status["compose"]),
        "",
        "next",
    ]
    following = [
        line for name, words in status["next"].items() for line in _wrapped("  %-13s" % name, words)
    ]
    room = HEIGHT - len(following)
    return [
        line[:WIDTH]
        for line in (lines if len(lines) <= room else [*lines[: room - 2], "  …", "next"])
        + following
    ][:HEIGHT]


def _wrapped(head: str, text: str, most: int = 3) -> list[str]:
    """A text beside a head, broken into lines that keep clear of it."""
    return textwrap.wrap(
        " ".join(text.split()) or "-",
        WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        max_lines=most,
        placeholder=" …",
    )


def _time(text: Optional[str]) -> str:
    if not text:
        return "an unknown time"
    try:
        return (
            datetime.fromisoformat(text).astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
        )
    except (TypeError, ValueError):
        return str(text)


def _head(word: str) -> str:
    return "%-9s" % word


def _about_journal(position: dict[str, Any]) -> list[str]:
    if position["state"] in (NONE, UNREADABLE):
        return _wrapped(
            _head("state"),
            position["words"] + (": " + position["problem"] if position["problem"] else ""),
        )
    name = "" if position["state"] == _journal.RUNNING else position["state"] + " "
    lines = _wrapped(
        _head("state"), "%ssince %s: %s" % (name, _time(position["since"]), position["words"])
    )
    if position["kept_database"]:
        lines += _wrapped(
            _head(""),
            "rows of a proxy that served and was left are in database %s of the volume"
            % position["kept_database"],
        )
    return lines


def _about_proxy(proxy: dict[str, Any]) -> list[str]:
    if proxy["error"]:
        return _wrapped(_head("proxy"), "port %d: %s" % (proxy["port"], proxy["error"]))
    if proxy["kind"] == "nobody":
        return _wrapped(_head("proxy"), "nobody listens on port %d" % proxy["port"])
    lines = _wrapped(
        _head("proxy"),
        "port %d has %s: %s, database %s, cache %s%s"
        % (
            proxy["port"],
            proxy["name"],
            "ready" if proxy["ready"] else "NOT READY",
            proxy["database"],
            proxy["cache"],
            ", LiteLLM %s" % proxy["version"] if proxy["version"] else "",
        ),
    )
    return lines + [
        line for reason in proxy["reasons"][:2] for line in _wrapped(_head(""), reason, 1)
    ]


def _about_backup(backup: dict[str, Any]) -> list[str]:
    last = backup["last"]
    text = backup["error"] or "none"
    if last:
        text = "%s of %s: %s, %s rows%s" % (
            last["name"],
            _time(last["created"]),
            last["kind"],
            "{:,}".format(last["rows"]),
            ", pinned" if last["pinned"] else "",
        )
    return _wrapped(
        _head("backup"),
        text
        + ("; %d without a sound manifest" % backup["unreadable"] if backup["unreadable"] else ""),
    )


def _about_legacy(legacy: dict[str, Any]) -> list[str]:
    units = legacy["units"] + legacy["servers"]
    if not units:
        return _wrapped("legacy deployment: ", legacy["error"] or "nothing is known of it")
    names = [
        "  %s%s" % (unit["name"], " (%s)" % unit["account"] if unit["account"] else "")
        for unit in units[:MOST_UNITS]
    ]
    room = min(NAME_WIDTH, max(map(len, names)))
    lines = ["%-*s %-21s %s" % (room, "legacy deployment", "now", "recorded")]
    for unit, name in zip(units, names):
        now = (
            "gone"
            if unit["enabled"] is None
            else "%s, %s" % (unit["enabled"] or "-", unit["active"])
        )
        was = (
            "%s, %s" % (unit["recorded_enabled"], unit["recorded_active"])
            if unit["recorded_enabled"] is not None
            else "-"
        )
        held = ", has port %d" % unit["port"] if unit["holds_port"] else ""
        lines.append("%-*s %-21s %s%s" % (room, name[:room], now, was, held))
    if len(units) > MOST_UNITS:
        lines.append("  and %d more" % (len(units) - MOST_UNITS))
    return lines + (_wrapped("  ", legacy["error"]) if legacy["error"] else [])


def _about_compose(compose: dict[str, Any]) -> list[str]:
    engine = compose["engine"]
    lines = [
        "compose deployment%s"
        % (
            " on Docker %s, Compose %s" % (engine["version"], engine["compose"] or "missing")
            if engine.get("version")
            else ""
        )
    ]
    lines += _wrapped("  ", compose["error"]) if compose["error"] else []
    for name, found in compose["containers"].items():
        if found is None:
            lines.append("  %-24s none" % name)
            continue
        state = found["state"] + (", " + found["health"] if found["health"] else "")
        ports = [
            "%s:%s" % (host["HostIp"], host["HostPort"])
            for hosts in (found["ports"] or {}).values()
            for host in hosts or []
        ]
        lines.append(
            "  %-18s %-18s %-18s %s"
            % (name, state, ", ".join(ports) or "not published", _image(found["image"]))
        )
    unit = compose["unit"]
    lines.append(
        "  %s"
        % (
            "%s: %s, %s" % (unit["name"], unit["enabled"] or "-", unit["active"])
            if unit
            else "no unit starts it at boot"
        )
    )
    return lines + (["  volumes %s" % ", ".join(compose["volumes"])] if compose["volumes"] else [])


def _image(reference: str) -> str:
    """An image's name with as much of its digest as people compare."""
    name, at, digest = reference.rpartition("@")
    short = name.rsplit("/", 1)[-1] if at else reference
    return "%s@%s" % (short, digest[:19]) if at else short[:40]
