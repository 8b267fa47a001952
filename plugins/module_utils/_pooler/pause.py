# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a pause: a folder whose name says who may end it.

It is renamed, never rewritten. So of a limit that runs out and a run that keeps the pause only one
gets it, and the other one sees that it is gone.
"""

from __future__ import annotations

import json
import os
from typing import NamedTuple, Optional

from .._host import files as _files
from .target import PoolerError

# It ends by itself; it has; it ends only when it is told to.
LIMITED, OVER, KEPT = "pause", "pause-over", "pause-kept"
_BEGAN, _COMPLETE = "began.json", "complete"


class Pause(NamedTuple):
    """A pause of the container of this ``identity``, since ``began`` (seconds since 1970), in a
    ``state``; ``complete`` once no connection was left, ``ended`` where its limit ran out."""

    identity: str
    began: float
    state: str
    complete: bool
    ended: float = 0.0


def find(folder: str) -> Optional[Pause]:
    """The record in the pooler's folder; ``None`` where there is none.

    :raises PoolerError: it can't be read.
    """
    # in this order: what moves meanwhile moves from the first place to one of the others
    for state in (LIMITED, OVER, KEPT):
        place = os.path.join(folder, state)
        try:
            told = json.loads(_files.read(os.path.join(place, _BEGAN)))
            complete = os.path.exists(os.path.join(place, _COMPLETE))
            # its own time of change is that of the move
            ended = os.stat(place).st_ctime if state == OVER else 0.0
            return Pause(str(told["identity"]), float(told["began"]), state, complete, ended)
        except FileNotFoundError:
            continue
        except (ValueError, KeyError, TypeError):
            raise PoolerError("%s is no record of a pause: remove it" % place) from None
    return None


def begin(folder: str, identity: str, now: float) -> None:
    """Record that a pause begins, in the place of any other."""
    clear(folder)
    place = os.path.join(folder, LIMITED)
    # whole or not at all: under another name first
    made = _files.temporary_folder(".pause-", folder)
    _files.write_atomically(
        os.path.join(made, _BEGAN), json.dumps({"identity": identity, "began": now})
    )
    _files.move(made, place)


def complete(folder: str) -> bool:
    """Record that nothing reaches the database any more; false where the limit has run out."""
    try:
        _files.creating(os.path.join(folder, LIMITED, _COMPLETE)).close()
        return True
    except FileNotFoundError:
        return False


def keep(folder: str) -> bool:
    """Take the pause from its limit; false where that has run out."""
    try:
        _files.move(os.path.join(folder, LIMITED), os.path.join(folder, KEPT))
        return True
    except FileNotFoundError:
        return False


def clear(folder: str) -> None:
    """Forget every pause."""
    for name in os.listdir(folder):
        if name in (LIMITED, OVER, KEPT) or name.startswith(".pause-"):
            _files.remove_tree(os.path.join(folder, name))
