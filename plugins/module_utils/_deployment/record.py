# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of what ``deploy.yml`` has made of a host: ``deployment.json`` (0600) beside the
journal.

``{format, id, state, step, owner, begun, updated, ended, facts}``, written atomically. It says
which run is at work, how far one that was killed has come, and what the deployment runs. It holds
no secrets. Times are as in the journal.
"""

from __future__ import annotations

import json
import os
import secrets
from datetime import datetime
from typing import Any, Optional, TypedDict, cast

from .._host import files as _files
from . import journal as _journal
from . import journal_shape as _shape
from . import position as _position
from . import steps as _steps
from .journal import JournalError

FORMAT = 1
# States of a record. One that failed was undone.
STATES = RUNNING, DEPLOYED, FAILED = "running", "deployed", "failed"
# In PREPARE the deployment that serves is not touched; in SWAP another takes its place, and clients
# may be led to a proxy beside both.
STEPS = PREPARE, SWAP = "prepare", "swap"
_LARGEST = 1 << 20
_SHAPE: dict[str, Any] = {
    "id": str,
    "owner": dict,
    "begun": str,
    "updated": str,
    "ended": (str, type(None)),
    "facts": dict,
}


class Facts(TypedDict, total=False):
    """What later runs and the report ask. Each may be missing.

    ``found``: what was found of a host that nothing was migrated on, in the shape of preflight's
    facts; ``images``: service to image, by digest, that the deployment runs; ``seen``: what clients
    saw of the last change; ``pending``: what a swap that began has still to do, beside the proxy;
    ``failure``: why the last run failed.
    """

    found: dict[str, Any]
    images: dict[str, Any]
    seen: dict[str, Any]
    pending: dict[str, Any]
    failure: Optional[str]


class Record(TypedDict):
    """A record; ``state`` is one of :data:`STATES`, ``step`` one of :data:`STEPS`."""

    format: int
    id: str
    state: str
    step: str
    owner: dict[str, str]
    begun: str
    updated: str
    ended: Optional[str]
    facts: Facts


def path_of(folder: str) -> str:
    """The record's file in a state folder."""
    return os.path.join(folder, "deployment.json")


def load(folder: str) -> Optional[Record]:
    """The record of a state folder, ``None`` where there is none.

    :raises JournalError: it can't be understood; it is never guessed at.
    """
    path = path_of(folder)
    try:
        with _files.reading(path) as handle:
            found = json.loads(handle.read(_LARGEST + 1))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise JournalError("%s cannot be read (%s)." % (path, error)) from error
    if (
        not isinstance(found, dict)
        or found.get("format") != FORMAT
        or found.get("state") not in STATES
        or found.get("step") not in STEPS
        or any(not isinstance(found.get(name, 0), kind) for name, kind in _SHAPE.items())
    ):
        raise JournalError(
            "%s is not what this release writes: it was edited, damaged, or written by another"
            " release of this collection." % path
        )
    odd = _shape.odd_facts(found["facts"])
    if odd:
        raise JournalError(
            "%s was edited or damaged: %s. Nothing is guessed from it." % (path, "; ".join(odd[:5]))
        )
    return cast(Record, found)


def save(folder: str, record: Record, now: datetime) -> Record:
    """Write the record whole or not at all, and return it."""
    record["updated"] = _journal.stamp(now)
    _files.write_atomically(path_of(folder), json.dumps(record, indent=1, sort_keys=True) + "\n")
    return record


def begin(before: Optional[Record], owner: dict[str, str], now: datetime) -> Record:
    """The record of a run that begins, or that goes on where another one was killed: then what that
    one has remembered, and its step, stay."""
    goes_on = before is not None and before["state"] == RUNNING
    stamp = _journal.stamp(now)
    return {
        "format": FORMAT,
        "id": "%s-%s" % (now.strftime("%Y%m%dt%H%M%Sz"), secrets.token_hex(2)),
        "state": RUNNING,
        "step": before["step"] if before is not None and goes_on else PREPARE,
        "owner": owner,
        "begun": stamp,
        "updated": stamp,
        "ended": None,
        "facts": before["facts"] if before is not None else {},
    }


def refusal(record: Optional[Record], here: dict[str, Any], now: datetime, patience: float) -> str:
    """Why a run of ``deploy.yml`` must not touch the host now: another one is at work. Empty where
    none is; see :func:`journal.lives`."""
    if record is None or record["state"] != RUNNING:
        return ""
    if not _journal.lives(record["owner"], here, record["updated"], now, patience):
        return ""
    return "run %s of controller %s deploys on this host (last sign of life %s)" % (
        record["owner"].get("run"),
        record["owner"].get("controller"),
        record["updated"],
    )


def unfinished(folder: str) -> str:
    """A deploy that goes on, or was killed, in words; empty where there is none.

    :raises JournalError: the record can't be understood.
    """
    record = load(folder)
    if record is None or record["state"] != RUNNING:
        return ""
    return "a run of deploy.yml is under way, or was killed (%s): deploy.yml ends it" % path_of(
        folder
    )


def made(journal: Optional[_journal.Journal], record: Optional[Record]) -> Facts:
    """What is remembered of a deployment that ``deploy.yml`` has made itself; nothing where another
    one serves: none was made, or it is from before a migration."""
    if record is None or not record["facts"].get("found"):
        return {}
    if journal is not None and (
        journal["state"] not in (_journal.ROLLED_BACK, _journal.UNTOUCHED)
        or record["begun"] < journal["created"]
    ):
        return {}
    return record["facts"]


def remembered(journal: Optional[_journal.Journal], record: Optional[Record]) -> dict[str, Any]:
    """``found`` and ``images`` of the deployment of a host, whichever has made it; each may be
    missing."""
    own = made(journal, record)
    return dict(own or (journal["facts"] if journal is not None else {}))


def serving(journal: Optional[_journal.Journal], record: Optional[Record], project_dir: str) -> str:
    """The kind that serves, see :func:`position.serving`."""
    if made(journal, record):
        return _steps.COMPOSE
    return _position.serving(journal, project_dir)


def described(told: dict[str, Any], record: Optional[Record]) -> dict[str, Any]:
    """What :func:`position.describe` tells of a journal, with what the record has besides: the
    images that run now (``images``), the record itself (``deployment``), and the state ``deployed``
    of a host on which nothing is migrated."""
    since = told["journal"].get("created")
    if record is not None and since and record["begun"] < since:
        record = None  # of a deployment from before this migration
    facts = record["facts"] if record else {}
    made = told["state"] in ("none", "rolled back", "untouched") and "found" in facts
    return {
        **told,
        "state": DEPLOYED if made else told["state"],
        "images": facts.get("images") or (told["journal"].get("facts") or {}).get("images") or {},
        "deployment": dict(record) if record else {},
        **({"journal": {**told["journal"], "facts": dict(facts)}} if made else {}),
    }
