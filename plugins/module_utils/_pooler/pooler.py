# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pooler between a proxy and its database, for the seconds in which the database moves.

PgBouncer, in transaction mode, in a container in the host's network. While it is paused, queries
wait in it and none reaches the database; then it leads to another one, and they go on there.
"""

from __future__ import annotations

import os
import time
from typing import NamedTuple, Optional, Sequence

from .._host.connections import Row
from .._postgres.programs import PostgresError
from . import client as _client
from . import container as _container
from . import limit as _limit
from . import pause as _pause
from . import settings as _settings
from .client import Client
from .container import Running
from .folder import Folder, Owner
from .pause import Pause
from .target import PoolerError, Target, identity

_LOOKS = 0.02  # seconds between two looks at its connections
_VERIFIES = 15.0  # seconds until a query must have come to the new database
_SHOWN = 3  # connections that a message names


class Outcome(NamedTuple):
    """Whether something was changed, and for how many seconds clients wait or have waited."""

    changed: bool
    seconds: float = 0.0


class Wanted(NamedTuple):
    """A pooler: where its clients ask, as whom it runs, how many connections it may have to the
    database, and what the proxy's variables are without it."""

    port: int
    owner: Owner
    pool_size: int
    urls: dict[str, str]


def present(folder: Folder, target: Target, wanted: Wanted, check: bool) -> Outcome:
    """Have the files of a pooler that leads to a database. One that runs goes on with those that
    it has read.

    :raises PoolerError: they can't be written.
    """
    client = _client.of(target, wanted.port, folder.client())
    files = {
        folder.ini: _settings.ini(client, target, wanted.pool_size),
        folder.users: _settings.users(client),
        folder.env: _client.text(client, wanted.urls),
    }
    return Outcome(folder.write(files, wanted.owner, check))


def paused(folder: Folder, name: str) -> bool:
    """Whether the pooler is paused, and was not let go on since."""
    found = _pause.find(folder.path)
    return found is not None and not _fault(found, folder.known_client(), name)


def pause(folder: Folder, name: str, limit: float, patience: float) -> Outcome:
    """Let clients wait, and return when nothing reaches the database any more. After the limit
    they go on by themselves.

    :param patience: seconds for the transactions that are open.
    :raises PoolerError: they take longer, and clients go on; or there is no pooler.
    """
    if not 0 < limit < _settings.WAITS:
        raise PoolerError("a pause of %g s: clients wait for %d at most" % (limit, _settings.WAITS))
    client, running = folder.known_client(), _container.find(name)
    if paused(folder, name):
        return Outcome(False, _since(_pause.find(folder.path)))
    _container.await_turn(client.port)
    _limit.disarm()
    began = time.time()
    _pause.begin(folder.path, running.identity, began)
    try:
        record, over = (os.path.join(folder.path, each) for each in (_pause.LIMITED, _pause.OVER))
        _limit.arm(limit, _limit.command(record, over, name))
        pids = _container.processes(running)
        _container.signal(name, _container.PAUSE)
        _container.await_turn(client.port)
        _await_quiet(running, pids, client.port, patience)
        if not _pause.complete(folder.path):
            raise PoolerError("the pause ended at its limit of %g s before it was whole" % limit)
    except BaseException:
        go_on(folder, name)
        raise
    return Outcome(True, time.time() - began)


def settle(folder: Folder, name: str) -> Outcome:
    """Let a pause last until it is told to end; it was one from the beginning until now.

    :raises PoolerError: it was not. What was written since is not in a copy.
    """
    _limit.disarm()
    changed = _pause.keep(folder.path)
    found = _pause.find(folder.path)
    if found is None:
        raise PoolerError("the pooler is not paused")
    fault = _fault(found, folder.known_client(), name)
    if fault:
        raise PoolerError(fault)
    return Outcome(changed, _since(found))


def is_settled(folder: Folder) -> bool:
    """Whether a pause was taken from its limit already."""
    found = _pause.find(folder.path)
    return found is not None and found.state == _pause.KEPT


def serve(
    folder: Folder, name: str, target: Target, known: Optional[tuple[str, ...]] = None
) -> Outcome:
    """Lead clients to a database, and let them go on.

    :param known: its identity, where it was asked already (:func:`.target.identity`).
    :raises PostgresError: the database itself does not answer; nothing is changed.
    :raises PoolerError: clients don't come to it.
    """
    client, found = folder.known_client(), _pause.find(folder.path)
    _container.find(name)
    wanted = known or identity(target.endpoint(), _VERIFIES)
    if found is None and folder.leads_to(target) and _reached(client, _VERIFIES) == wanted:
        return Outcome(False)
    folder.lead(target)
    _container.signal(name, _container.RELOAD)
    _container.await_turn(client.port)
    go_on(folder, name)
    seconds = _since(found)
    _verify(client, target, wanted)
    return Outcome(True, seconds)


def would_serve(folder: Folder, target: Target) -> Outcome:
    """What :func:`serve` would do, as far as the files tell."""
    found = _pause.find(folder.path)
    return Outcome(found is not None or not folder.leads_to(target), _since(found))


def go_on(folder: Folder, name: str) -> None:
    """End a pause. Its limit goes last: it lets clients go on if this does not."""
    _container.signal(name, _container.RESUME)
    _limit.disarm()
    _pause.clear(folder.path)


def _await_quiet(running: Running, pids: list[int], port: int, patience: float) -> None:
    """Wait until PgBouncer has closed its last connection to a server, as it does once it is
    paused and the transaction on it has ended."""
    until = time.monotonic() + patience
    while True:
        rows = _container.to_servers(running, pids, port)
        if not rows:
            return
        if time.monotonic() > until:
            raise PoolerError(
                "%d transactions are open for longer than %g seconds, so clients go on: %s"
                % (len(rows), patience, _shown(rows))
            )
        time.sleep(_LOOKS)


def _shown(rows: Sequence[Row]) -> str:
    """Connections as their server knows them."""
    words = ["client_port %d of %s:%d" % (row.here[1], *row.there) for row in rows[:_SHOWN]]
    return ", ".join(words) + (" …" if len(rows) > _SHOWN else "")


def _since(found: Optional[Pause]) -> float:
    return max(0.0, (found.ended or time.time()) - found.began) if found else 0.0


def _fault(found: Pause, client: Client, name: str) -> str:
    """Why clients may have written since a pause began, in words; empty where they have not."""
    if found.state == _pause.OVER:
        return (
            "the pause ended at its limit after %.1f s: clients went on, and rows that they have"
            " written since are not in a copy" % _since(found)
        )
    if not found.complete:
        return "the pause was broken off before it was whole"
    running = _container.find(name)
    if running.identity != found.identity:
        return (
            "container %s was started anew since the pause began: clients went on, and rows that"
            " they have written since are not in a copy" % name
        )
    rows = _container.to_servers(running, _container.processes(running), client.port)
    if rows:
        return (
            "somebody else has ended the pause: the pooler is connected to a database (%s), and"
            " rows that clients have written since are not in a copy" % _shown(rows)
        )
    return ""


def _reached(client: Client, seconds: float) -> tuple[str, ...]:
    """Where a query of the client's comes to; nothing where it has no answer."""
    try:
        return identity(client.endpoint(), seconds)
    except PostgresError:
        return ()


def _verify(client: Client, target: Target, wanted: tuple[str, ...]) -> None:
    """A query of the client's comes to the database. One more may come to that of before: PgBouncer
    closes a connection when a transaction on it ends."""
    until = time.monotonic() + _VERIFIES
    while _reached(client, max(1.0, until - time.monotonic())) != wanted:
        if time.monotonic() > until:
            raise PoolerError("the pooler does not lead to %s: see its log" % target)
        time.sleep(_LOOKS)
