# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore remembers while it is at work: ``restore.json`` (0600) in the state folder, written whole or not at all.

One that builds a deployment anew remembers less, in ``rebuild.json``: ``{path, folder, stage}``.

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

from .._deployment.compose_project import DeploymentError
from .._host.files import write_atomically

FORMAT = 1
# In their order. Before "stopping" the deployment is not touched; from "swapping" on the server knows which database is which.
LOADING, STOPPING, CLEARING, SWAPPING, STARTING, VERIFYING, DONE, FINISHED = (
    "loading",
    "stopping",
    "clearing",
    "swapping",
    "starting",
    "verifying",
    "done",
    "finished",
)
# A deployment that could not be brought back by itself, and one that was.
STUCK, BACK = "stuck", "back"
STAGES = (LOADING, STOPPING, CLEARING, SWAPPING, STARTING, VERIFYING, DONE, FINISHED, STUCK, BACK)
# Nothing is left to do for the next run.
ENDED = (FINISHED, BACK)
# The deployment serves what it should, and only a restore's own remains are left.
SERVES = (DONE, *ENDED)
_LOOK = "Look which databases are there before you move it away."
_TEXTS = ("id", "stage", "backup", "name", "database", "fresh", "kept", "point", "begun", "updated")


class RestoreError(DeploymentError):
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
        raise RestoreError(
            "%s cannot be read (%s): a restore may be half done. %s" % (path, error, _LOOK)
        ) from None
    if (
        not isinstance(told, dict)
        or told.get("format") != FORMAT
        or told.get("stage") not in STAGES
        or any(not isinstance(told.get(name), str) for name in _TEXTS)
    ):
        raise RestoreError("%s is not what this release writes. %s" % (path, _LOOK))
    return told


def save(
    folder: str, state: dict[str, Any], stage: str, now: Optional[datetime] = None
) -> dict[str, Any]:
    """Announce a stage."""
    state.update(
        format=FORMAT,
        stage=stage,
        updated=(now or datetime.now(timezone.utc))
        .astimezone(timezone.utc)
        .isoformat(timespec="seconds"),
    )
    write_atomically(path_of(folder), json.dumps(state, indent=1, sort_keys=True) + "\n")
    return state


def rebuild_path(folder: str) -> str:
    """Where it is remembered how far a deployment that is built anew has come."""
    return os.path.join(folder, "rebuild.json")


def unfinished(folder: str) -> str:
    """A restore that is under way, or was killed and has left the deployment between two states, in words; empty where there is none.

    :raises RestoreError: what a restore has left can't be understood.
    """
    state = load(folder)
    if state is not None and state["stage"] not in SERVES:
        return _words("a restore of %s" % state["name"], state["stage"], folder)
    path = rebuild_path(folder)
    try:
        with open(path, encoding="utf-8") as handle:
            told = json.load(handle)
        if told["stage"] != DONE and os.path.isdir(
            told["folder"]
        ):  # without the folder nothing was made
            return _words(
                "a deployment in %s, built from %s," % (told["folder"], told["path"]),
                told["stage"],
                folder,
            )
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RestoreError(
            "%s cannot be read (%s): a deployment may be half built" % (path, error)
        ) from None
    return ""


def _words(what: str, stage: str, folder: str) -> str:
    if is_held(folder):
        return "%s is under way (stage %s): wait until it has ended" % (what, stage)
    return (
        "%s has not ended (it was killed, or failed, in its stage %s): restore.yml or litellm-ops restore ends it"
        % (what, stage)
    )


def is_held(folder: str) -> bool:
    """Whether a restore is at work now."""
    try:
        handle = os.open(_lock(folder), os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(handle)


def _lock(folder: str) -> str:
    return os.path.join(folder, "restore.lock")


@contextmanager
def alone(folder: str) -> Iterator[None]:
    """One restore at a time on a host; a killed one's hold ends with its process.

    :raises RefusedError: another one is at work.
    """
    os.makedirs(folder, mode=0o700, exist_ok=True)
    handle = os.open(_lock(folder), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError(
                "another restore is under way on this host (%s)" % _lock(folder)
            ) from None
        yield
    finally:
        os.close(handle)
