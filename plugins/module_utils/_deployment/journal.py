# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal: one JSON file that says what a migration found, did and has still to do, and whose
run it is.

Every change is on disk, synced, before the step that it announces begins. The journal holds no
secrets.

Shape: ``{format, id, state, phase, owner, created, updated, facts: {name: value}, steps: [{name,
state, begun, ended, facts}]}``; times are UTC in ISO 8601 with microseconds; ``state`` is one of
:data:`STATES`, a step's is ``begun``, ``done`` or ``failed``.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from typing import Any, Optional

from .._host.files import write_atomically
from .._host.problem import OperatorError

FORMAT = 1
RUNNING, MIGRATED, ROLLED_BACK, UNTOUCHED, FINALIZED = (
    "running",
    "migrated",
    "rolled back",
    "untouched",
    "finalized",
)
STATES = (RUNNING, MIGRATED, ROLLED_BACK, UNTOUCHED, FINALIZED)


class JournalError(OperatorError):
    """The journal cannot be read or does not allow what was asked; the message names the file."""


def stamp(now: datetime) -> str:
    """A time as the journal writes it."""
    return now.astimezone(timezone.utc).isoformat(timespec="microseconds")


def seconds_between(begun: str, ended: str) -> float:
    """Seconds between two of the journal's times."""
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds()


def path_of(folder: str) -> str:
    """The journal's file in a state folder."""
    return os.path.join(folder, "journal.json")


def load(folder: str) -> Optional[dict]:
    """The journal of a state folder, ``None`` where there is none.

    :raises JournalError: the file is there but cannot be understood; it is never guessed at or
        overwritten.
    """
    path = path_of(folder)
    try:
        with open(path, encoding="utf-8") as handle:
            journal = json.load(handle)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise JournalError(
            "%s cannot be read (%s). Move it away only if you know that no migration has begun."
            % (path, error)
        ) from error
    if not isinstance(journal, dict) or journal.get("format") != FORMAT:
        raise JournalError(
            "%s is not a journal of format %d. It was written by another release of this "
            "collection." % (path, FORMAT)
        )
    wrong = nonsense(journal)
    if wrong:
        raise JournalError(
            "%s was edited or damaged: %s. Nothing is guessed from it; docs/operations.md "
            "says what to do." % (path, "; ".join(wrong))
        )
    return journal


_STEP: dict[str, Any] = {
    "name": str,
    "state": str,
    "begun": str,
    "ended": (str, type(None)),
    "facts": dict,
}
_SHAPE: dict[str, Any] = {
    "id": str,
    "state": str,
    "phase": str,
    "owner": dict,
    "created": str,
    "updated": str,
    "facts": dict,
    "steps": list,
}


def nonsense(journal: dict) -> list[str]:
    """Everything in a journal that this module never writes, in words."""
    found = [
        "%s is not there, or not what it should be" % name
        for name, kind in _SHAPE.items()
        if not isinstance(journal.get(name), kind)
    ]
    if found:
        return found
    if journal["state"] not in STATES:
        found.append("the state %r is none" % journal["state"])
    times = [journal["created"], journal["updated"]]
    for number, entry in enumerate(journal["steps"], 1):
        if (
            not isinstance(entry, dict)
            or any(not isinstance(entry.get(name, 0), kind) for name, kind in _STEP.items())
            or entry["state"] not in ("begun", "done", "failed")
        ):
            found.append("step %d is none" % number)
        else:
            times += [time for time in (entry["begun"], entry["ended"]) if time is not None]
    found += ["%r is no time" % time for time in times if not _is_time(time)]
    if not found and journal["steps"] and journal["phase"] != journal["steps"][-1]["name"]:
        found.append("the phase %r is not that of the last step" % journal["phase"])
    return found


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def half_staged(folder: str) -> bool:
    """Whether earlier runs on this host began their step ``stage`` and none has ever ended it: the
    volumes may be half made, and hold nothing.

    Where a journal can't be read, or no earlier one tells of it, nobody knows, and they may hold
    something.
    """
    current = load(folder)
    found = False
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        if name.startswith("journal") and name.endswith(".json"):
            try:
                with open(os.path.join(folder, name), encoding="utf-8") as handle:
                    result = json.load(handle)
                entry = step(result, "stage")
                if entry and entry["state"] == "done":
                    return False
                found = found or (
                    entry is not None and (current is None or result["id"] != current["id"])
                )
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                return False
    return found


def save(folder: str, journal: dict, now: datetime) -> dict:
    """Write the journal whole or not at all, and return it."""
    journal["updated"] = stamp(now)
    write_atomically(path_of(folder), _text(journal))
    return journal


def _text(journal: dict) -> str:
    return json.dumps(journal, indent=1, sort_keys=True) + "\n"


def create(identity: str, owner: dict, now: datetime) -> dict:
    """A new journal for a run that begins."""
    return {
        "format": FORMAT,
        "id": identity,
        "state": RUNNING,
        "phase": "preflight",
        "owner": owner,
        "created": stamp(now),
        "facts": {},
        "steps": [],
    }


def archive(folder: str, journal: dict) -> None:
    """Keep an ended journal beside the new one, under its own id.

    A copy: the journal stays in its place until the new one replaces it, whatever happens in
    between.
    """
    write_atomically(os.path.join(folder, "journal-%s.json" % journal["id"]), _text(journal))


def step(journal: dict, name: str) -> Optional[dict]:
    """The latest entry of a step, ``None`` where it has not begun."""
    return next((entry for entry in reversed(journal["steps"]) if entry["name"] == name), None)


def begin(journal: dict, name: str, now: datetime) -> dict:
    """Announce a step; the journal must be saved before the step touches anything."""
    journal["phase"] = name
    journal["steps"].append(
        {"name": name, "state": "begun", "begun": stamp(now), "ended": None, "facts": {}}
    )
    return journal


def end(journal: dict, name: str, state: str, facts: dict, now: datetime) -> dict:
    """Say how a step went.

    :raises JournalError: the step was never begun.
    """
    entry = step(journal, name)
    if entry is None:
        raise JournalError("The step %s ends without having begun." % name)
    entry.update(state=state, ended=stamp(now))
    entry["facts"].update(facts)
    return journal


def lives(owner: dict, here: dict, updated: str, now: datetime, patience: float) -> bool:
    """Whether the run that a journal belongs to may still be going on.

    :param owner: ``{controller, run}`` of the journal; ``here``: ``{controller, run, alive}`` of
        this run, where ``alive`` lists the runs that this controller sees. A run of the same
        controller is known to be alive or dead; one of another is taken for alive until its journal
        has been silent for ``patience`` seconds.
    """
    if owner.get("run") == here["run"] and owner.get("controller") == here["controller"]:
        return False
    if owner.get("controller") == here["controller"]:
        return owner.get("run") in here["alive"]
    return seconds_between(updated, stamp(now)) < patience


def refusal(journal: Optional[dict], here: dict, now: datetime, patience: float) -> Optional[str]:
    """Why this run must not touch the host now: somebody else's run is at work. ``None`` where
    nobody is."""
    if journal is None or journal["state"] != RUNNING:
        return None
    if not lives(journal["owner"], here, journal["updated"], now, patience):
        return None
    return "run %s of controller %s is at work on this host (phase %s, last sign of life %s)" % (
        journal["owner"].get("run"),
        journal["owner"].get("controller"),
        journal["phase"],
        journal["updated"],
    )
