# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore remembers while it is at work: ``restore.json`` (0600) in the state folder, written whole or not at all.

``{format, id, stage, backup, name, database, fresh, kept, had, point, begun, updated}``: the stage is on disk before what it announces begins.
A run that was killed leaves it, and the next one reads from it and from the server where things stand.
"""
from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any, Iterator, Optional

from ._host import write_atomically

FORMAT = 1
# In their order. Before "stopping" the deployment is not touched; from "swapping" on the server knows which database is which.
LOADING, STOPPING, CLEARING, SWAPPING, STARTING, VERIFYING, DONE, FINISHED = (
    "loading", "stopping", "clearing", "swapping", "starting", "verifying", "done", "finished")
# A deployment that could not be brought back by itself, and one that was.
STUCK, BACK = "stuck", "back"
STAGES = (LOADING, STOPPING, CLEARING, SWAPPING, STARTING, VERIFYING, DONE, FINISHED, STUCK, BACK)
# Nothing is left to do for the next run.
ENDED = (FINISHED, BACK)
_LOOK = "Look which databases are there before you move it away."
_TEXTS = ("id", "stage", "backup", "name", "database", "fresh", "kept", "point", "begun", "updated")


class RestoreError(Exception):
    """A restore failed; the message says why, and how the deployment is left."""


class RefusedError(RestoreError):
    """A restore was refused before anything was touched."""


def path_of(folder: str) -> str:
    """The file in a state folder."""
    return os.path.join(folder, "restore.json")


def load(folder: str) -> Optional[dict[str, Any]]:
    """What is remembered, ``None`` where no restore was ever begun.

    :raises RestoreError: it can't be understood; nothing is guessed.
    """
    path = path_of(folder)
    try:
        with open(path, encoding="utf-8") as handle:
            told = json.load(handle)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RestoreError("%s cannot be read (%s): a restore may be half done. %s" % (path, error, _LOOK)) from None
    if not isinstance(told, dict) or told.get("format") != FORMAT or told.get("stage") not in STAGES or any(
            not isinstance(told.get(name), str) for name in _TEXTS):
        raise RestoreError("%s is not what this release writes. %s" % (path, _LOOK))
    return told


def save(folder: str, state: dict[str, Any], stage: str, now: Optional[datetime] = None) -> dict[str, Any]:
    """Announce a stage."""
    state.update(format=FORMAT, stage=stage, updated=(now or datetime.now(timezone.utc)).astimezone(timezone.utc).isoformat(timespec="seconds"))
    write_atomically(path_of(folder), json.dumps(state, indent=1, sort_keys=True) + "\n")
    return state


@contextmanager
def alone(folder: str) -> Iterator[None]:
    """One restore at a time on a host; a killed one's hold ends with its process.

    :raises RefusedError: another one is at work.
    """
    os.makedirs(folder, mode=0o700, exist_ok=True)
    handle = os.open(os.path.join(folder, "restore.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError("another restore is under way on this host (%s)" % os.path.join(folder, "restore.lock")) from None
        yield
    finally:
        os.close(handle)
