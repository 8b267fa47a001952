# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let a native PostgreSQL server leave its address to another one while its clients, who wait in
the pooler meanwhile, go on to use it at a second address; and bring it back.

It is the same server with other words on its command line, as a transient unit: nothing of its
settings is written to, and after a reboot it is what it was.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Mapping, NamedTuple

from .._host import systemd as _systemd
from .._host.problem import OperatorError
from .._postgres import follow as _follow
from .._postgres import native_server as _native_server
from .._postgres.programs import PostgresError
from .._postgres.session import Endpoint, Session
from . import pooler as _pooler
from .folder import Folder
from .pooler import Outcome
from .target import PoolerError, Target, identity

NAME = "litellm-legacy-aside"
# Of the loopback network as well, so that rules for 127.0.0.0/8 are about it, and nobody's.
ADDRESS = "127.0.0.2"
# Pauses that are tried, and seconds between two: behind a transaction that is open for long all
# others would wait.
TRIES, BETWEEN = 5, 2.0
# Its first process ends as PostgreSQL's own programs end it, but without them.
_FAST = "KillMode=mixed\nKillSignal=SIGINT\nExecStop=\n"


class Moving(NamedTuple):
    """What moves: the pooler's folder and container, the server as it was seen running, the record
    of its own unit, the env file with its clients' URL; and seconds: of a pause that nobody else
    ends, for transactions that are open, and for the server to answer."""

    folder: Folder
    container: str
    server: dict[str, Any]
    unit: Mapping[str, str]
    env_file: str
    limit: float
    patience: float
    timeout: float


def place() -> _native_server.Place:
    """The places of the server while it is aside."""
    return _native_server.place(NAME)


def is_aside() -> bool:
    """Whether it is."""
    found = _systemd.show(_systemd.Manager(None), [place().unit])
    return bool(found) and found[0].active in _systemd.RUNS


def aside(moving: Moving, own: Target) -> Outcome:
    """It is at :data:`ADDRESS`, and the pooler leads there.

    :param own: the database as clients know it.
    :raises OperatorError: that can't be; it is where it was then, or the message says that it is
        not.
    """
    there = replace(own, host=ADDRESS)
    if is_aside():
        return _pooler.serve(moving.folder, moving.container, there)
    unit = _running(moving)
    serving = _native_server.serving(_native_server.url_in(moving.env_file), ADDRESS)
    prepared = _native_server.prepare(
        moving.server, moving.env_file, place(), conflicts=unit.name, serving_=serving
    )
    _write_out(moving, own)
    _systemd.prepare_stop(unit, _FAST)
    try:
        _pause(moving)
        try:
            _systemd.stop_prepared(unit)
            _native_server.launch(prepared, moving.timeout, _native_server.QUICK)
            outcome = _pooler.serve(moving.folder, moving.container, there)
        except BaseException as error:
            _back(moving, own, error)
            raise
    finally:
        _systemd.forget_stop(unit.manager, unit.name)
    return outcome


def back(moving: Moving, own: Target) -> Outcome:
    """It is its own unit's again, at its own address, and the pooler leads there.

    :raises OperatorError: that can't be.
    """
    if not is_aside():
        return Outcome(_native_server.stop(place()))  # what a run that came less far has left
    # all that takes its time, before anybody waits
    _systemd.restore({**moving.unit, "active": ""})
    _forget()
    _write_out(moving, replace(own, host=ADDRESS))
    _pause(moving)
    return _return(moving, own)


def _return(moving: Moving, own: Target) -> Outcome:
    _native_server.stop(place())
    manager = _systemd.Manager(moving.unit["account"] or None)
    _systemd.start_beside(manager, moving.unit["name"])
    _await(own, moving.timeout)
    outcome = _pooler.serve(moving.folder, moving.container, own)
    _systemd.await_start(manager, moving.unit["name"], moving.timeout)
    return outcome


def _back(moving: Moving, own: Target, error: BaseException) -> None:
    """As it was, after a failure.

    :raises PoolerError: it is not.
    """
    try:
        _return(moving, own)
    except (OperatorError, OSError) as second:
        raise PoolerError(
            "%s. And %s was not started again: %s" % (error, moving.unit["name"], second)
        ) from None


def _running(moving: Moving) -> _systemd.Unit:
    """The unit, whose first process is the server's.

    :raises PoolerError: that is not how it runs.
    """
    record = moving.unit
    if record["account"]:
        raise PoolerError(
            "%s is a unit of account %s, whose server is not moved while it has clients"
            % (record["name"], record["account"])
        )
    unit = _systemd.look(_systemd.Manager(None), [record["name"]])[0]
    pid = _native_server.holder(moving.server, _native_server.owner(moving.server))
    if pid is None or unit.pid != pid:
        raise PoolerError(
            "%s does not have PostgreSQL as its main process (%s, %s in %s)"
            % (unit.name, unit.pid, pid, moving.server["folder"])
        )
    return unit


def _write_out(moving: Moving, at: Target) -> None:
    """What a stop would have to write to disk, before anybody waits. Only a superuser may; who is
    none just makes the stop take longer."""
    try:
        found = (
            _native_server.administrator(_private())
            if is_aside()
            else _native_server.as_its_account(at.endpoint(), moving.server)
        )
        with Session(found, seconds=moving.timeout) as session:
            session.execute("CHECKPOINT")
    except (OperatorError, OSError):
        pass


def _forget() -> None:
    """Remove what a switch that was killed has left. It does nothing where it stays, and the next
    switch removes it."""
    try:
        _follow.forget(_native_server.administrator(_private()))
    except (OperatorError, OSError):
        pass


def _private() -> Endpoint:
    return Endpoint.from_params({"env_file": place().env_file})


def _pause(moving: Moving) -> None:
    for left in reversed(range(TRIES)):
        try:
            _pooler.pause(moving.folder, moving.container, moving.limit, moving.patience)
            return
        except PoolerError:
            if not left:
                raise
        time.sleep(BETWEEN)


def _await(target: Target, timeout: float) -> None:
    """Wait until a server answers its clients.

    :raises PostgresError: not in time.
    """
    deadline = time.monotonic() + timeout
    endpoint = target.endpoint()
    while True:
        try:
            identity(endpoint, timeout)
            return
        except PostgresError:
            if time.monotonic() > deadline:
                raise
        time.sleep(_native_server.QUICK)
