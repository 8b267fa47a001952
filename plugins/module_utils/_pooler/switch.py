# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Move a database to another server while its clients are served.

What they change is followed from before the copy is made; they wait in the pooler only for the last
of it. Both sides are compared as they were in that moment, while clients are served again.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any, Callable, NamedTuple, Optional

from .._postgres import fence as _fence
from .._postgres import role as _role
from .._postgres.fence import Fence
from .._postgres.follow import Follower
from .._postgres.session import Endpoint
from . import pooler as _pooler
from .folder import Folder
from .target import PoolerError, Target, identity

# Rows that a pause may be left with, and rounds until there are so few.
FEW, ROUNDS = 50, 200
# Pauses that are tried, and seconds between two: behind a transaction that is open for long all
# others would wait.
TRIES, BETWEEN = 20, 1.0
ANSWERS = 15.0  # seconds until the copy's server must have answered


class Sides(NamedTuple):
    """The database: as LiteLLM's role has it, as a role that may follow its changes, and where it
    is going to be, as LiteLLM's role has that."""

    source: Endpoint
    admin: Endpoint
    target: Endpoint


class Wait(NamedTuple):
    """Seconds: of a pause that nobody else ends, and for transactions that are open."""

    limit: float
    patience: float


class Switched(NamedTuple):
    """What the copy before has returned, the fingerprints of both sides in the moment of the
    switch, rows that were carried over since the copy, and seconds for which clients waited."""

    copied: Any
    source: dict[str, Any]
    target: dict[str, Any]
    followed: int
    seconds: float


def switch(
    folder: Folder,
    container: str,
    sides: Sides,
    lead: Target,
    copy: Callable[[], Any],
    mark: Callable[[], None],
    wait: Wait,
) -> Switched:
    """Lead the pooler's clients from one database to its copy. Of the two, one in a container is
    fenced while it is not the one that counts: the copy until the switch, by who has started its
    server; the source from then on.

    :param lead: the copy, as the pooler reaches it.
    :param copy: makes it equal, while clients write.
    :param mark: is called once, in the pause, when both are equal: what clients write from then on
        is in the copy alone.
    :raises OperatorError: it can't be. Until ``mark`` is done clients go on where they were.
    """
    with ExitStack() as stack:
        source_fence, target_fence = (
            stack.enter_context(Fence(side)) if _role.contained(side) else None
            for side in (sides.source, sides.target)
        )
        follower = stack.enter_context(
            Follower(sides.source, sides.admin, _fence.writer(sides.target))
        )
        copied = copy()
        followed = _catch_up(follower)
        known = identity(lead.endpoint(), ANSWERS)  # before anybody waits
        _pause(folder, container, follower, wait)
        try:
            _put_up(source_fence)
            follower.finish()
            _pooler.settle(folder, container)
            mark()
        except BaseException:
            try:
                _take_down(source_fence)
            finally:
                _pooler.go_on(folder, container)
            raise
        _take_down(target_fence)
        seconds = _pooler.serve(folder, container, lead, known).seconds
        source, target = follower.prove()
    return Switched(copied, source, target, followed, seconds)


def _put_up(fence: Optional[Fence]) -> None:
    if fence is not None:
        fence.put_up()


def _take_down(fence: Optional[Fence]) -> None:
    if fence is not None:
        fence.take_down()


def _catch_up(follower: Follower) -> int:
    """Carry over until little is left; the number of rows."""
    carried = 0
    for _round in range(ROUNDS):
        count = follower.apply()
        carried += count
        if count <= FEW:
            return carried
    raise PoolerError("clients write faster than their changes can be carried over")


def _pause(folder: Folder, container: str, follower: Follower, wait: Wait) -> None:
    """Let clients wait, right after the last changes."""
    for left in reversed(range(TRIES)):
        try:
            _pooler.pause(folder, container, wait.limit, wait.patience)
            return
        except PoolerError:
            if not left:
                raise
        time.sleep(BETWEEN)
        follower.apply()
