# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore a deployment's database from a backup: beside the one in service, verified, then swapped.

The deployment serves until the restored database is complete; then its proxy stops, the two
databases swap names in one transaction, and it starts again. If anything fails after that, the old
database comes back. It is kept twice: as a verified backup, and under another name. A run that was
killed is finished by the next one: see :func:`settle`.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from datetime import datetime, timezone
from typing import Any, Callable, NamedTuple, Optional

from .._backup import backup as _backup
from .._deployment import service as _service
from .._deployment.compose_project import DeploymentError
from .._deployment.service import Deployment, Service
from .._host.systemd import SystemdError
from .._litellm import spend_flush as _spend_flush
from .._postgres import readers as _readers
from .._postgres.fingerprint import fingerprint
from .._postgres.session import PostgresError
from .._redis.redis import RedisError
from . import checks as _checks
from . import database as _database
from . import state as _state
from . import swap as _swap
from .state import RefusedError, RestoreError

POINT = "before-restore-"
START_TIMEOUT = 240.0  # seconds that the proxy may take to serve
_FAILURES = (
    DeploymentError,
    RestoreError,
    PostgresError,
    _backup.BackupError,
    RedisError,
    SystemdError,
    OSError,
)
Log = Callable[[str], None]


class Order(NamedTuple):
    """What to restore.

    ``path``: the backup. ``point``: order of the restore point; only its name is set here, ``None``
    makes none. ``folder``: the archive, so that no backup is made while the databases change
    places; ``identity``: file with an age key; ``signers``: public keys, one of which must have
    signed the backup.
    """

    deployment: Deployment
    path: str
    folder: str
    state_dir: str
    point: Optional[_backup.Order] = None
    identity: str = ""
    jobs: int = _database.JOBS
    timeout: float = START_TIMEOUT
    signers: tuple[str, ...] = ()


def dry_run(order: Order) -> dict[str, Any]:
    """What :func:`restore` would do now; nothing is changed.

    :returns: ``name``, ``created``, ``source``, ``rows_total`` (of the backup; ``None`` where its
        manifest can't be trusted), ``problems`` (why it would be refused), ``notes``, ``loses`` (in
        words, table by table), ``interrupted`` (the stage at which an earlier restore was killed,
        or empty).
    """
    findings = _inspect(order, True)
    state = _state.load(order.state_dir)
    interrupted = state["stage"] if state is not None and state["stage"] not in _state.ENDED else ""
    manifest = findings.manifest
    return {
        "name": os.path.basename(order.path),
        "path": order.path,
        "created": manifest.get("created"),
        "source": manifest.get("source"),
        "rows_total": manifest.get("rows_total"),
        "problems": findings.problems,
        "notes": findings.notes,
        "loses": findings.loses,
        "interrupted": interrupted,
    }


def _inspect(order: Order, compare: bool) -> _checks.Findings:
    point = order.point
    findings = _checks.inspect(
        order.deployment,
        order.path,
        point.folder if point else "",
        order.state_dir,
        order.identity,
        compare,
        order.signers,
        order.folder,
    )
    if point is not None and findings.exists and not findings.problems:
        try:
            _backup.check_space(point)
        except (_backup.BackupError, PostgresError) as error:
            findings.problems.append("the restore point can't be made: %s" % error)
    return findings


def restore(order: Order, now: datetime, log: Log) -> dict[str, Any]:
    """Restore a backup into a deployment, or leave the deployment as it was.

    :param log: gets a line before each step; the first ones list what will be lost.
    :returns: ``name``, ``path``, ``point`` (path of the restore point, empty for none), ``kept``
        (name of the database that was in service, empty for none), ``loses`` (in words; what it
        held at the stop of the proxy and the backup does not), ``rows_total``, ``notes``,
        ``resumed`` (nothing but the end of an earlier run of this backup), ``stopped`` (seconds
        without a proxy), ``seconds``.
    :raises RefusedError: nothing was touched. :raises RestoreError: it failed; the message says how
        the deployment is left.
    """
    begun = time.monotonic()
    with _state.alone(order.state_dir):
        earlier = settle(order, log)
        if (
            earlier is not None
            and earlier["stage"] == _state.DONE
            and earlier["backup"] == order.path
        ):
            log(
                "an earlier run has restored this backup, and was killed before it could say "
                "so; run again to restore it once more"
            )
            return _finish(order, earlier, [], log, begun, 0.0, True)
        try:
            findings = _inspect(order, True)
        except OSError as error:
            raise RefusedError("%s: %s" % (error.filename, error.strerror)) from None
        if findings.problems:
            raise RefusedError(
                "%s is not restored, and nothing was touched: %s"
                % (order.path, "; ".join(findings.problems))
            )
        for line in [
            *findings.notes,
            *(
                ["what the backup does not have will be lost:", *findings.loses]
                if findings.loses
                else ["the backup has all that is there now"]
            ),
        ]:
            log(line)
        with ExitStack() as stack:
            state = _prepare(order, findings, now, log, stack)
            stopped = time.monotonic()
            _switch(order, state, log)
            stopped = time.monotonic() - stopped
        return _finish(order, state, findings.notes, log, begun, stopped, False)


def _prepare(
    order: Order, findings: _checks.Findings, now: datetime, log: Log, stack: ExitStack
) -> dict[str, Any]:
    """Make the restore point, and restore the database beside the one in service.

    A failure leaves the deployment untouched.

    :param stack: gets the lock of the archive: no backup is made while the databases swap names.
    """
    target = order.deployment.database
    stamp = _stamp(order, now)
    state = {
        "id": stamp,
        "backup": order.path,
        "name": os.path.basename(order.path),
        "database": target.database,
        "fresh": _swap.fresh_name(target.database),
        "kept": _swap.kept_name(target.database, stamp),
        "had": findings.exists,
        "point": "",
        "begun": now.astimezone(timezone.utc).isoformat(timespec="seconds"),
    }
    _state.save(order.state_dir, state, _state.LOADING)
    try:
        # Once more, now that a migration that begins sees this restore: one of the two gives way.
        if _checks.check_journal(order.state_dir):
            raise RestoreError("; ".join(_checks.check_journal(order.state_dir)))
        if order.point is not None and findings.exists:
            log("a restore point is made")
            made = _backup.backup(order.point._replace(name=POINT + stamp, pinned=True), now)
            state["point"] = made["path"]
            log("%s is made and verified" % made["path"])
        log("%s is restored beside the database in service" % state["name"])
        done = _database.restore(
            order.path,
            target.on(str(state["fresh"])),
            now,
            order.identity,
            order.jobs,
            findings.manifest,
            _readers.held(target)
            if findings.exists
            else _readers.parse(findings.manifest.get("readers")),
        )
        if done.differences:
            raise RestoreError(
                "the restored database is not what was backed up, and was removed: %s"
                % "; ".join(done.differences)
            )
        log("it is proved to hold what was backed up: %d rows" % done.found["rows_total"])
        stack.enter_context(_backup.locked(order.folder))
    except BaseException as error:
        _drop_fresh(order, state, log)
        _state.save(order.state_dir, state, _state.BACK)
        if isinstance(error, _FAILURES):
            raise RestoreError(
                "%s was not restored, and the deployment was not touched: %s" % (order.path, error)
            ) from error
        raise
    return state


def _stamp(order: Order, now: datetime) -> str:
    """A time stamp that no restore point or kept database has yet: clocks are set back at times."""
    databases, archive = _swap.names(order.deployment.database), os.listdir(order.folder)
    first = _backup.name_of(now)
    return next(
        stamp
        for stamp in [first] + ["%s-%d" % (first, number) for number in range(2, 100)]
        if POINT + stamp not in archive
        and _swap.kept_name(order.deployment.database.database, stamp) not in databases
    )


def _drop_fresh(order: Order, state: dict[str, Any], log: Log) -> None:
    try:
        _swap.drop_fresh(order.deployment.database, state["fresh"])
    except PostgresError as error:
        log("database %s is left; the next restore removes it: %s" % (state["fresh"], error))


def _switch(order: Order, state: dict[str, Any], log: Log) -> None:
    """Swap the restored database with the one in service, or leave that one serving."""
    service = _service.of(order.deployment, order.state_dir, order.timeout)
    target, folder = order.deployment.database, order.state_dir
    try:
        # The old database is kept, so its last spend is written before the stop.
        _spend_flush.wait(target)
        _state.save(folder, state, _state.STOPPING)
        log("the proxy is stopped")
        service.stop()
        _swap.wait_alone(target)
        if service.redis is not None:
            _state.save(folder, state, _state.CLEARING)
            if service.redis.clear():
                log("Redis is emptied: its counters and cached keys belong to the other database")
        _state.save(folder, state, _state.SWAPPING)
        _swap.swap(target, state["fresh"], state["kept"], datetime.now(timezone.utc))
        _serve(order, service, state, log)
    except BaseException as error:
        log("it failed: %s" % error)
        _revert(order, service, state, log, str(error) or type(error).__name__)
        if isinstance(error, _FAILURES):
            raise RestoreError(
                "%s was not restored: %s. The deployment is back as it was, and serves"
                % (order.path, error)
            ) from error
        raise


def _serve(order: Order, service: Service, state: dict[str, Any], log: Log) -> None:
    _state.save(order.state_dir, state, _state.STARTING)
    log("the proxy starts with the restored database")
    service.start()
    _state.save(order.state_dir, state, _state.VERIFYING)
    service.verify()
    _state.save(order.state_dir, state, _state.DONE)


def _revert(order: Order, service: Service, state: dict[str, Any], log: Log, why: str) -> None:
    """Bring the deployment back as it was, serving.

    A restored database that clients may have written to is kept until the next restore.

    :raises RestoreError: that failed as well; the message says where the data is, and the next run
        tries again.
    """
    target = order.deployment.database
    used = state["stage"] in (_state.STARTING, _state.VERIFYING, _state.STUCK)
    try:
        if _swap.swapped(target, state["fresh"]):
            log("the database that was in service comes back")
            service.end()
            _swap.wait_alone(target)
            _swap.unswap(target, state["fresh"], state["kept"], datetime.now(timezone.utc))
        if service.redis is not None:
            service.redis.put_back(order.timeout)
        service.start()
        service.verify()
    except BaseException as error:
        _state.save(order.state_dir, {**state, "why": why}, _state.STUCK)
        if isinstance(error, _FAILURES):
            raise RestoreError(
                "%s. And the way back failed too: %s. The next run of the same command tries "
                "it again. %s" % (why, error, _where(order, state))
            ) from error
        raise
    if used:
        log("database %s is what was restored; it stays until the next restore" % state["fresh"])
    else:
        _drop_fresh(order, state, log)
    _state.save(order.state_dir, {**state, "why": why}, _state.BACK)
    log("the deployment is back as it was, and serves")


def _where(order: Order, state: dict[str, Any]) -> str:
    """Where the rows are, for an operator who has to help."""
    return "What was in service before is database %s, or %s where that exists%s" % (
        state["database"],
        state["kept"],
        ", and the backup %s" % state["point"] if state["point"] else "",
    )


def settle(order: Order, log: Log) -> Optional[dict[str, Any]]:
    """Finish a restore that was killed: forward if the databases have swapped names, so that
    nothing is lost that clients may have written since; else back.

    :returns: the state of the last restore, ``None`` if there was none.
    :raises RestoreError: neither worked.
    """
    state = _state.load(order.state_dir)
    if state is None or state["stage"] in _state.SERVES:
        return state
    target, stage = order.deployment.database, state["stage"]
    if state["database"] != target.database:
        raise RefusedError(
            "%s: a restore of database %s was killed in its stage %s; end that first"
            % (_state.path_of(order.state_dir), state["database"], stage)
        )
    if stage == _state.LOADING:
        log("an earlier restore was killed before it touched the deployment")
        _drop_fresh(order, state, log)
        return _state.save(order.state_dir, state, _state.BACK)
    service = _service.of(order.deployment, order.state_dir, order.timeout)
    with _backup.locked(order.folder):
        if _swap.swapped(target, state["fresh"]) and (stage != _state.STUCK or service.serves()):
            log(
                "an earlier restore was killed in its stage %s, with the restored database "
                "in place: it is ended" % stage
            )
            try:
                _serve(order, service, state, log)
            except _FAILURES as error:
                _revert(order, service, state, log, str(error))
        else:
            log(
                "an earlier restore was killed in its stage %s: the deployment is brought back"
                % stage
            )
            if service.redis is not None and service.serves():
                # A reboot has started it meanwhile: Redis' counters are newer than those that were
                # set aside.
                service.redis.forget()
            _revert(order, service, state, log, "it was killed in its stage %s" % stage)
    return state


def _finish(
    order: Order,
    state: dict[str, Any],
    notes: list[str],
    log: Log,
    begun: float,
    stopped: float,
    resumed: bool,
) -> dict[str, Any]:
    """Clean up while the proxy serves, and make the result. A failure here is a note."""
    target, kept, loses = order.deployment.database, "", []
    notes = list(notes)
    manifest = _backup.manifest(order.path)
    try:
        service = _service.of(order.deployment, order.state_dir, order.timeout)
        if service.redis is not None:
            service.redis.forget()
        if state["had"]:
            kept = str(state["kept"])
            # Nothing writes to it any more, so this is what it held at the stop.
            loses = _checks.losses(manifest["fingerprint"], fingerprint(target.on(kept)))
        for name in _swap.discard(target, kept):
            notes.append("database %s, which an earlier restore had kept, is gone" % name)
    except _FAILURES as error:
        notes.append("the deployment is restored and serves, but: %s" % error)
    if kept:
        notes.append(
            "what was in service before is kept as database %s until the next restore; to "
            "remove it now: %s" % (kept, drop_command(order.deployment, kept))
        )
    _state.save(order.state_dir, state, _state.FINISHED)
    log("the deployment serves with what %s holds" % state["name"])
    return {
        "name": state["name"],
        "path": state["backup"],
        "point": state["point"],
        "kept": kept,
        "loses": loses,
        "rows_total": manifest["rows_total"],
        "notes": notes,
        "resumed": resumed,
        "stopped": round(stopped, 3),
        "seconds": round(time.monotonic() - begun, 3),
    }


def drop_command(deployment: Deployment, database: str) -> str:
    """The command that removes a kept database."""
    target = deployment.database
    if target.container:
        return "docker exec %s dropdb --username=%s %s" % (target.container, target.user, database)
    return "dropdb --host=%s --port=%d --username=%s %s" % (
        target.host or "localhost",
        target.port,
        target.user,
        database,
    )
