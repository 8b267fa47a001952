# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a restore in progress: ``restore.json`` (0600) in the state folder.

``{format, id, stage, backup, name, database, fresh, kept, had, point, begun, updated}``, written
atomically. The stage is on disk before its work begins. A run that was killed leaves the file, and
the next one reads from it and from the server how far that run came.

A rebuild of a whole deployment keeps ``{path, folder, stage}`` in ``rebuild.json``.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any, Iterator, Optional

from .._host import files as _files
from .._host.files import write_atomically
from .._host.problem import OperatorError

FORMAT = 1
# In their order. Before "stopping" the deployment is not touched; from "swapping" on the server
# says which database is which.
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
_LOOK = "Check which databases exist before you move it away."
_TEXTS = ("id", "stage", "backup", "name", "database", "fresh", "kept", "point", "begun", "updated")


class RestoreError(OperatorError):
    """A restore failed; the message says why, and how the deployment is left."""


class RefusedError(RestoreError):
    """A restore was refused before anything was touched."""


def path_of(folder: str) -> str:
    """The file in a state folder."""
    return os.path.join(folder, "restore.json")


def load(folder: str) -> Optional[dict[str, Any]]:
    """The saved state, ``None`` if no restore was ever begun.

    :raises RestoreError: it can't be read; nothing is guessed.
    """
    path = path_of(folder)
    try:
        with _files.reading(path) as handle:
            record = json.load(handle)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise RestoreError(
            "%s cannot be read (%s): a restore may be half done. %s" % (path, error, _LOOK)
        ) from None
    if (
        not isinstance(record, dict)
        or record.get("format") != FORMAT
        or record.get("stage") not in STAGES
        or any(not isinstance(record.get(name), str) for name in _TEXTS)
    ):
        raise RestoreError("%s is not what this release writes. %s" % (path, _LOOK))
    return record


def save(
    folder: str, state: dict[str, Any], stage: str, now: Optional[datetime] = None
) -> dict[str, Any]:
    """Save a stage before its work begins."""
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
    """The file with the stage of a rebuild."""
    return os.path.join(folder, "rebuild.json")


def unfinished(folder: str) -> str:
    """A restore in progress, or one that was killed and left the deployment between two states, in
    words; empty if there is none.

    :raises RestoreError: its state can't be read.
    """
    state = load(folder)
    if state is not None and state["stage"] not in SERVES:
        return _in_words("a restore of %s" % state["name"], state["stage"], folder)
    path = rebuild_path(folder)
    try:
        with _files.reading(path) as handle:
            record = json.load(handle)
        if record["stage"] != DONE and os.path.isdir(
            record["folder"]
        ):  # without the folder nothing was made
            return _in_words(
                "a deployment in %s, built from %s," % (record["folder"], record["path"]),
                record["stage"],
                folder,
            )
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise RestoreError(
            "%s cannot be read (%s): a deployment may be half built" % (path, error)
        ) from None
    return ""


def _in_words(what: str, stage: str, folder: str) -> str:
    if is_held(folder):
        return "%s is under way (stage %s): wait until it has ended" % (what, stage)
    return (
        "%s has not ended (it was killed, or failed, in its stage %s): restore.yml or "
        "litellm-ops restore ends it" % (what, stage)
    )


def is_held(folder: str) -> bool:
    """Whether a restore is in progress now."""
    try:
        lock = _files.reading(_lock(folder))
    except FileNotFoundError:
        return False
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
        except BlockingIOError:
            return True


def _lock(folder: str) -> str:
    return os.path.join(folder, "restore.lock")


@contextmanager
def alone(folder: str) -> Iterator[None]:
    """Lock the host for one restore; the lock of a killed one ends with its process.

    :raises RefusedError: another one is in progress.
    :raises UntrustedPath: another account can write to the folder.
    """
    _files.make_folder(folder, 0o700)
    with _files.appending(_lock(folder)) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError(
                "another restore is under way on this host (%s)" % _lock(folder)
            ) from None
        yield
