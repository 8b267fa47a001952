# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a probe has found, kept so that an interruption loses nothing and the next run can compare.

In the state folder, 0600: ``probe.partial.jsonl`` while a run is under way (its first line says
which), ``probe.json`` of the last run that ended, ``probe.md`` and ``probe.html`` of the same. A
folder that is not there keeps nothing.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from typing import Any, Optional

from .._host.files import appending, reading, write_atomically
from . import probe as _probe

FORMAT = 1
# A run that was interrupted is taken up while what it has found is as new as this.
FRESH = 24 * 3600.0
_FIELDS: dict[str, Any] = {
    "model": str,
    "capability": str,
    "state": str,
    "why": str,
    "seconds": (int, float),
    "first": (int, float, type(None)),
    "tokens": (int, type(None)),
}


class Keeper:
    """The files of one run.

    :param folder: the state folder; empty for none.
    :param about: what the run asks (proxy, options); only a run about the same is taken up.
    """

    def __init__(self, folder: str, about: dict[str, Any], now: datetime) -> None:
        self.folder = folder if folder and os.path.isdir(folder) else ""
        self.about, self.now = about, now
        self.partial = os.path.join(self.folder, "probe.partial.jsonl")

    def begin(self, fresh: bool = False) -> list[dict[str, Any]]:
        """Take up what an interrupted run has found, or begin anew.

        :param fresh: begin anew in any case.
        """
        done = [] if fresh or not self.folder else self._resumable()
        if self.folder and not done:
            write_atomically(
                self.partial, json.dumps({"about": self.about, "begun": _stamp(self.now)}) + "\n"
            )
        return done

    def _resumable(self) -> list[dict[str, Any]]:
        try:
            with reading(self.partial) as handle:
                head, *lines = handle.read().decode("utf-8").splitlines()
            answer = json.loads(head)
            age = (self.now - datetime.fromisoformat(answer["begun"])).total_seconds()
            if answer["about"] != self.about or not -60 <= age <= FRESH:
                return []
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return []
        found = []
        for line in lines:
            try:
                result = json.loads(line)
            except (ValueError, RecursionError):
                break  # the line that was being written
            if not is_result(result):
                break
            found.append(result)
        return found

    def keep(self, result: dict[str, Any]) -> None:
        """Keep one result at once."""
        if self.folder:
            with appending(self.partial) as handle:
                handle.write(json.dumps(result).encode() + b"\n")

    def earlier(self) -> dict[str, Any]:
        """The report of the last run that ended; nothing where there is none that can be
        understood."""
        try:
            with reading(os.path.join(self.folder or "/nonexistent", "probe.json")) as handle:
                result = json.load(handle)
        except (OSError, ValueError, RecursionError):
            return {}
        return result if isinstance(result, dict) and result.get("format") == FORMAT else {}

    def end(self, report: dict[str, Any], texts: dict[str, str]) -> dict[str, str]:
        """Put the report in place, with its other forms (by the ends of their names); what is
        where."""
        if not self.folder:
            return {}
        paths = {}
        for end, text in {
            "json": json.dumps(report, indent=1, sort_keys=True) + "\n",
            **texts,
        }.items():
            paths[end] = os.path.join(self.folder, "probe." + end)
            write_atomically(paths[end], text)
        if os.path.exists(self.partial):
            os.unlink(self.partial)
        return paths


def is_result(result: Any) -> bool:
    """Whether something is a result as :func:`_health.probe.ask` makes it."""
    return isinstance(result, dict) and all(
        isinstance(result.get(name), kind) for name, kind in _FIELDS.items()
    )


def memory(report: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """What is remembered of every model ever asked: ``{shown, seconds, time}`` by model and
    capability."""
    listed = report.get("memory")
    found = {}
    for entry in listed if isinstance(listed, list) else []:
        if (
            isinstance(entry, dict)
            and all(
                isinstance(entry.get(name), str)
                for name in ("model", "capability", "shown", "time")
            )
            and isinstance(entry.get("seconds"), (int, float))
        ):
            found[(entry["model"], entry["capability"])] = {
                name: entry[name] for name in ("shown", "seconds", "time")
            }
    return found


def remembered(
    earlier: dict[tuple[str, str], dict[str, Any]],
    results: list[dict[str, Any]],
    there: set[str],
    now: datetime,
) -> list[dict[str, Any]]:
    """The memory with these results in it, without models that are not ``there`` any more."""
    new = {
        (result["model"], result["capability"]): {
            "shown": _probe.shown(result),
            "seconds": result["seconds"],
            "time": _stamp(now),
        }
        for result in results
        if result["state"] != _probe.SKIPPED
    }
    return [
        {"model": key[0], "capability": key[1], **value}
        for key, value in sorted({**earlier, **new}.items())
        if key[0] in there
    ]


def _stamp(now: Optional[datetime]) -> str:
    return (
        (now or datetime.now(timezone.utc)).astimezone(timezone.utc).isoformat(timespec="seconds")
    )
