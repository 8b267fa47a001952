# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal: one JSON file that says what a migration found, did and has still to do, and whose
run it is.

Every change is on disk, synced, before the step that it announces begins. The journal holds no
secrets. Times are UTC in ISO 8601 with microseconds.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any, Iterator, Optional, TypedDict, cast

from .._host import files as _files
from .._host.files import write_atomically
from .._host.problem import OperatorError
from . import journal_shape as _shape
from . import steps as _steps

FORMAT = 2
STATES = RUNNING, MIGRATED, ROLLED_BACK, UNTOUCHED, FINALIZED = _steps.STATES
# A step's states.
BEGUN, DONE, FAILED = "begun", "done", "failed"
# What a journal of format 1 called otherwise, in its facts. Its steps: steps.FORMER.
_FORMER_FACTS = {
    "before": "snapshot_before",
    "before_back": "snapshot_after",
    "left_hash": "legacy_hash",
}


class StepEntry(TypedDict):
    """One attempt at a step: when it was begun and ended (``None``: not yet), and what it found."""

    name: str
    state: str
    begun: str
    ended: Optional[str]
    facts: dict[str, Any]


class Facts(TypedDict, total=False):
    """What a migration remembers for other steps, later runs and the report. Each may be missing.

    ``found``: what preflight found; ``warnings``: what it warned of; ``cutover``: the way that the
    cutover went where it is not preflight's, and why; ``images``: service to image, by digest;
    ``snapshot_before``, ``snapshot_after``: what clients saw before the cutover, and before the way
    back; ``legacy_hash``, ``legacy_schema``: what the legacy database held when a way back was
    given up; ``switched``, ``switched_back``: when clients were led to the new database, and back
    to the legacy one, while they were served; ``redis_back``: what became of the keys of Redis on
    that way back; ``rollback_data``: what was chosen; ``since``: what was written since the
    cutover; ``failure``: why the run failed; ``stuck``: why neither way could be ended;
    ``kept_database``: the name under which rows that were not copied back are kept; ``not_kept``:
    why they are not.
    """

    found: dict[str, Any]
    warnings: list[Any]
    cutover: dict[str, Any]
    images: dict[str, Any]
    snapshot_before: dict[str, Any]
    snapshot_after: dict[str, Any]
    legacy_hash: str
    legacy_schema: str
    switched: str
    switched_back: str
    redis_back: dict[str, Any]
    rollback_data: str
    since: Optional[dict[str, Any]]
    failure: Optional[str]
    stuck: Optional[str]
    kept_database: str
    not_kept: str


class _Begun(TypedDict):
    format: int
    id: str
    state: str
    phase: str
    owner: dict[str, str]
    created: str
    updated: str
    facts: Facts
    steps: list[StepEntry]


class Journal(_Begun, total=False):
    """A journal; ``state`` is one of :data:`STATES`, ``ended`` is there once it is not running."""

    ended: str


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


def load(folder: str) -> Optional[Journal]:
    """The journal of a state folder, ``None`` where there is none. One of format 1 is translated.

    :raises JournalError: the file is there but cannot be understood; it is never guessed at or
        overwritten.
    """
    return read(path_of(folder))


def read(path: str) -> Optional[Journal]:
    """A journal's file, see :func:`load`."""
    try:
        with _files.reading(path) as handle:
            journal = _shape.parsed(handle.read(_shape.LARGEST + 1))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise JournalError(
            "%s cannot be read (%s). Move it away only if you know that no migration has begun."
            % (path, error)
        ) from error
    if not isinstance(journal, dict) or journal.get("format") not in (1, FORMAT):
        raise JournalError(
            "%s is not a journal of format %d. It was written by another release of this "
            "collection." % (path, FORMAT)
        )
    wrong = nonsense(journal)
    if not wrong:
        journal = translated(journal)
        wrong = unknown(journal) or odd(journal)
    if wrong:
        raise JournalError(
            "%s was edited or damaged: %s. Nothing is guessed from it; docs/operations.md "
            "says what to do." % (path, _few(wrong))
        )
    return cast(Journal, journal)


def _few(reasons: list[str]) -> str:
    more = len(reasons) - 5
    return "; ".join([*reasons[:5], *(["%d more" % more] if more > 0 else [])])


def odd(journal: dict[str, Any]) -> list[str]:
    """What of a translated journal's facts is not what code asks of them, in words."""
    steps = enumerate(journal["steps"], 1)
    return _shape.odd_facts(journal["facts"]) + [
        odd for n, entry in steps for odd in _shape.odd_step(n, entry["name"], entry["facts"])
    ]


def translated(journal: dict[str, Any]) -> dict[str, Any]:
    """A journal of the shape that this module writes, in the words of this release."""
    if journal["format"] == FORMAT:
        return journal
    words = _steps.FORMER
    return {
        **journal,
        "format": FORMAT,
        "phase": words.get(journal["phase"], journal["phase"]),
        "facts": {_FORMER_FACTS.get(key, key): value for key, value in journal["facts"].items()},
        "steps": [
            {**entry, "name": words.get(entry["name"], entry["name"])} for entry in journal["steps"]
        ],
    }


def unknown(journal: dict[str, Any]) -> list[str]:
    """Steps of a journal that this release does not have, in words."""
    names = [entry["name"] for entry in journal["steps"]]
    names += [] if journal["phase"] == _steps.PREFLIGHT else [journal["phase"]]
    return [
        "this release has no step %r" % name
        for name in dict.fromkeys(names)
        if name not in _steps.BY_NAME
    ]


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


def nonsense(journal: dict[str, Any]) -> list[str]:
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
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,99}", journal["id"], re.ASCII):
        found.append("the id %.100r is none" % journal["id"])
    times = [journal["created"], journal["updated"], journal.get("ended", journal["updated"])]
    for number, entry in enumerate(journal["steps"], 1):
        if (
            not isinstance(entry, dict)
            or any(not isinstance(entry.get(name, 0), kind) for name, kind in _STEP.items())
            or entry["state"] not in (BEGUN, DONE, FAILED)
        ):
            found.append("step %d is none" % number)
        else:
            times += [time for time in (entry["begun"], entry["ended"]) if time is not None]
    found += ["%.100r is no time" % (time,) for time in times if not _is_time(time)]
    if not found and journal["steps"] and journal["phase"] != journal["steps"][-1]["name"]:
        found.append("the phase %r is not that of the last step" % journal["phase"])
    return found


def _is_time(text: Any) -> bool:
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return False
    return time.tzinfo is not None and 2000 < time.year < 3000  # what can be reckoned with


def half_staged(folder: str, current: Optional[Journal]) -> bool:
    """Whether runs before the ``current`` one began their step ``stage`` on this host and none has
    ever ended it: the volumes may be half made, and hold nothing.

    Where a journal can't be read, or no earlier one tells of it, nobody knows, and they may hold
    something.
    """
    found = False
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        if name.startswith("journal") and name.endswith(".json"):
            try:
                journal = read(os.path.join(folder, name))
            except JournalError:
                return False
            entry = step(journal, "stage") if journal else None
            if entry and entry["state"] == DONE:
                return False
            other = journal and (current is None or journal["id"] != current["id"])
            found = found or bool(entry and other)
    return found


def save(folder: str, journal: Journal, now: datetime) -> Journal:
    """Write the journal whole or not at all, and return it."""
    journal["updated"] = stamp(now)
    write_atomically(path_of(folder), _text(journal))
    return journal


def _text(journal: Journal) -> str:
    return json.dumps(journal, indent=1, sort_keys=True) + "\n"


def create(identity: str, owner: dict[str, str], now: datetime) -> Journal:
    """A new journal for a run that begins."""
    return {
        "format": FORMAT,
        "id": identity,
        "state": RUNNING,
        "phase": _steps.PREFLIGHT,
        "owner": owner,
        "created": stamp(now),
        "updated": stamp(now),
        "facts": {},
        "steps": [],
    }


@contextmanager
def locked(folder: str) -> Iterator[None]:
    """Nobody else changes the journal within: of two that begin in the same instant one reads what
    the other has written."""
    with _files.appending(os.path.join(folder, "lock")) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def remember(
    folder: str, facts: dict[str, Any], now: datetime, owner: Optional[dict[str, str]] = None
) -> None:
    """Have the journal of a run remember facts, at once.

    :param owner: whose run it has to be. What a run has started may go on after it was killed, and
        the next one has read the journal then.
    :raises JournalError: there is none that goes on, or it is another's.
    """
    with locked(folder):
        journal = load(folder)
        if journal is None or journal["state"] != RUNNING:
            raise JournalError("%s tells of no run." % path_of(folder))
        if owner not in (None, journal["owner"]):
            raise JournalError("%s was taken over by another run." % path_of(folder))
        cast(dict, journal["facts"]).update(facts)
        save(folder, journal, now)


def archive(folder: str, journal: Journal) -> None:
    """Keep an ended journal beside the new one, under its own id.

    A copy: the journal stays in its place until the new one replaces it, whatever happens in
    between.
    """
    write_atomically(os.path.join(folder, "journal-%s.json" % journal["id"]), _text(journal))


def step(journal: Journal, name: str) -> Optional[StepEntry]:
    """The latest entry of a step, ``None`` where it has not begun."""
    return next((entry for entry in reversed(journal["steps"]) if entry["name"] == name), None)


def found_in(journal: Optional[Journal]) -> dict[str, Any]:
    """What preflight found on the host of a journal; nothing without one."""
    return (journal["facts"].get("found") or {}) if journal else {}


def facts_of(journal: Journal, name: str) -> dict[str, Any]:
    """What the latest attempt at a step found; nothing where it has not begun."""
    entry = step(journal, name)
    return entry["facts"] if entry else {}


def begin(journal: Journal, name: str, now: datetime) -> None:
    """Announce a step; the journal must be saved before the step touches anything.

    :raises JournalError: there is no such step.
    """
    if name not in _steps.BY_NAME:
        raise JournalError("There is no step %s." % name)
    journal["phase"] = name
    journal["steps"].append(
        {"name": name, "state": BEGUN, "begun": stamp(now), "ended": None, "facts": {}}
    )


def end(journal: Journal, name: str, state: str, facts: dict[str, Any], now: datetime) -> None:
    """Say how a step went. With some steps the run has ended as well, as the table of steps says.

    :raises JournalError: the step was never begun.
    """
    entry = step(journal, name)
    if entry is None:
        raise JournalError("The step %s ends without having begun." % name)
    if entry["state"] == FAILED and state == DONE:
        return  # given up on purpose: what a failed migration can't copy back stays where it is
    entry["state"], entry["ended"] = state, stamp(now)
    entry["facts"].update(facts)
    if state == DONE and _steps.BY_NAME[name].ends:
        close(journal, _steps.BY_NAME[name].ends, now)


def close(journal: Journal, state: str, now: datetime) -> None:
    """End the run, with this state of the host."""
    journal["state"], journal["ended"] = state, stamp(now)


def lives(
    owner: dict[str, Any], here: dict[str, Any], updated: str, now: datetime, patience: float
) -> bool:
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


def refusal(
    journal: Optional[Journal], here: dict[str, Any], now: datetime, patience: float
) -> Optional[str]:
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
