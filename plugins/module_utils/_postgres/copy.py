# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A verified copy of a database on another server: pg_dump | pg_restore from one snapshot,
fingerprints of both sides compared. An earlier copy is only made equal again, where that is enough.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from time import monotonic, sleep
from typing import IO, Any, NamedTuple, Optional

from . import archive as _archive
from . import contents as _contents
from . import copy_back as _copy_back
from . import extensions as _extensions
from . import readers as _readers
from . import verified as _verified
from .database import Occupancy, check_source, check_versions, inspect, refusals
from .endpoint import APPLICATION, said
from .fingerprint import SETTINGS, begin, compare, fingerprint, sequences, take
from .role import administering
from .session import Endpoint, PostgresError, Session, client_version, literal

CHUNK = 1 << 20
TIMEOUT = 900.0  # seconds
DUMP_OPTIONS = (
    "--format=custom",
    "--no-owner",
    "--no-acl",
    "--no-publications",
    "--no-subscriptions",
    "--no-security-labels",
    "--no-tablespaces",
    "--lock-wait-timeout=60000",
)


def _pump(
    out: IO[bytes],
    into: IO[bytes],
    counted: list[int],
    keep: Optional[_archive.Keep] = None,
    failed: Optional[list[str]] = None,
) -> None:
    """Move bytes from one pipe to the other inside the kernel (where Python has splice), counting
    them, until either end closes.

    :param keep: what of pg_dump's archive, see :mod:`.archive`.
    :param failed: is given why its head can't be read, where no program says it.
    """
    try:
        if keep is not None:
            counted[0] += _begin(out, into, keep)
        while True:
            if hasattr(os, "splice"):
                moved = os.splice(out.fileno(), into.fileno(), CHUNK)
            else:
                chunk = os.read(out.fileno(), CHUNK)
                moved = into.write(chunk)
            if not moved:
                break
            counted[0] += moved
    except (OSError, _archive.Truncated):
        pass  # a program ended early: its exit code and standard error say why
    except PostgresError as error:
        if failed is not None:
            failed.append(str(error))
    finally:
        for pipe in (out, into):
            try:
                pipe.close()
            except OSError:
                pass


def _begin(out: IO[bytes], into: IO[bytes], keep: _archive.Keep) -> int:
    """Move the head of pg_dump's archive, without what is not kept; its bytes."""
    head = _archive.head(lambda count: os.read(out.fileno(), count), keep)
    into.write(head)
    into.flush()
    return len(head)


def stream(
    source: Endpoint,
    target: Endpoint,
    snapshot: str,
    meanwhile: Session,
    options: Sequence[str] = (),
    scope: Optional[_contents.Scope] = None,
) -> tuple[int, dict[str, Any]]:
    """pg_dump of a snapshot into pg_restore, and at the same time the fingerprint of that snapshot
    by the session that holds it.

    :param options: more of pg_restore's.
    :param scope: what of the source; ``None``: all of it.
    :returns: bytes that crossed, the source's fingerprint.
    :raises PostgresError: either program failed; what both said is in the message.
    """
    counted = [0]
    failed: list[str] = []
    with ExitStack() as stack:
        errors = [stack.enter_context(tempfile.TemporaryFile()) for _program in range(2)]
        dump = source.start(
            "pg_dump",
            *DUMP_OPTIONS,
            "--compress=0",
            "--snapshot=" + snapshot,
            *(scope.options(client_version(source, "pg_dump")) if scope else ()),
            stdout=subprocess.PIPE,
            stderr=errors[0],
        )
        stack.callback(_end, dump)
        restore = target.start(
            "pg_restore",
            "--no-owner",
            "--no-acl",
            "--exit-on-error",
            "--single-transaction",
            *options,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors[1],
            bufsize=0,
        )
        stack.callback(_end, restore)
        pump = threading.Thread(
            target=_pump,
            args=(dump.stdout, restore.stdin, counted, scope and scope.keeps, failed),
            daemon=True,
        )
        pump.start()
        held = take(meanwhile, scope)
        pump.join()
        for name, endpoint, process, file in zip(
            ("pg_dump", "pg_restore"), (source, target), (dump, restore), errors
        ):
            code = process.wait()
            if code:
                failed.append("%s: %s" % (name, endpoint.explain(name, code, said(file))))
        if failed:
            raise PostgresError("the copy failed. " + " | ".join(failed))
    return counted[0], held


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()


def _check_own(target: Endpoint, found: Occupancy, replace: str) -> Optional[dict[str, Any]]:
    """The fingerprint of our earlier copy, ``None`` where there is none.

    :raises PostgresError: it was written to since, and only an unchanged copy may be replaced.
    """
    if found.mark is None or not found.holds:
        return None
    held = fingerprint(target)
    if replace == "unchanged" and held["hash"] != found.mark.get("hash"):
        raise PostgresError(
            "%s is an earlier copy of ours that was written to since (%d rows now, %s when "
            "it was copied on %s): replacing it would lose those changes"
            % (target, held["rows_total"], found.mark.get("rows_total"), found.mark.get("time"))
        )
    return held


def plan(
    source: Endpoint, target: Endpoint, replace: str = "unchanged", admin: Optional[Session] = None
) -> tuple[str, Optional[dict[str, Any]]]:
    """What a copy would do: ``create`` or ``replace``, and the fingerprint of our earlier copy.

    Nothing is changed.

    :param replace: ``unchanged``: an earlier copy of ours may be replaced only while it holds what
        was copied; ``ours``: whatever was written into it since.
    :raises PostgresError: the copy is refused; the message says why.
    """
    found = _look(source, target, admin)
    return "replace" if found.exists else "create", _check_own(target, found, replace)


def _look(source: Endpoint, target: Endpoint, admin: Optional[Session]) -> Occupancy:
    """What is at the target's name.

    :raises PostgresError: no copy may go there, or none of this source; the message says why.
    """
    check_versions(source, target)
    with Session(source) as session:
        check_source(session, target)
    found = inspect(target, admin)
    reasons = refusals(target, found)
    if reasons:
        raise PostgresError("; ".join(reasons))
    return found


def dry_run(source: Endpoint, target: Endpoint, replace: str) -> str:
    """What :func:`copy` would do now: ``create``, ``replace``, or ``none`` where our earlier copy
    equals the source.
    """
    action, earlier = plan(source, target, replace)
    return "none" if earlier is not None and not compare(fingerprint(source), earlier) else action


class Result(NamedTuple):
    """A copy: what was done (``create``, ``replace``, ``refresh``, ``none``), the differences in
    words (none: verified), both fingerprints, bytes that crossed, the seconds of each phase, and
    the roles of others that came along.
    """

    action: str
    differences: list[str]
    source: dict[str, Any]
    target: dict[str, Any]
    bytes: int
    seconds: dict[str, float]
    readers: tuple[_readers.Carried, ...] = ()


def _lock(admin: Session, target: Endpoint) -> None:
    """Hold a lock until this connection ends, so that two runs cannot build the same copy.

    What a run that was killed left at work ends first.

    :raises PostgresError: it does not end in time.
    """
    deadline = monotonic() + TIMEOUT
    while admin.query(
        "SELECT pg_try_advisory_lock(hashtext(%s), hashtext(%s))"
        % (literal(APPLICATION), literal(target.database))
    ) != [["t"]]:
        if monotonic() > deadline:
            raise PostgresError(
                "another copy into %s is under way, for more than %g s" % (target, TIMEOUT)
            )
        sleep(0.5)


def _refresh(
    admin: Session, source: Endpoint, target: Endpoint, now: datetime
) -> Optional[_copy_back.Result]:
    """Our earlier copy made equal again, and verified; ``None`` where that can't be, and it is as
    it was: making it anew says why, if that can't be either."""
    try:
        done = _copy_back.copy_back(source, target)
    except PostgresError:
        return None
    if done.differences:
        return None
    _verified.mark_complete(admin, target.database, now, done.target)
    return done


def copy(
    source: Endpoint,
    target: Endpoint,
    replace: str,
    now: datetime,
    readers: Sequence[str] = (),
    server: Optional[dict[str, Any]] = None,
) -> Result:
    """Copy a database and verify it.

    Where our earlier copy already equals the source, nothing is done but what these readers lack.
    One that may be replaced whatever it holds (``ours``) gets only what has changed, if its schema
    is the source's.

    When the two sides differ, the copy is removed and the differences are returned; the target's
    name is then as it was before.

    :param readers: roles of others that get their rights to read in the container as well.
    :param server: how the source's server runs, see :func:`.readers.passwords`.
    :raises PostgresError: refused or failed; what was there before is as it was.
    """
    phase = _verified.Phases()
    with ExitStack() as stack:
        admin = stack.enter_context(administering(target))
        _lock(admin, target)
        there = _look(source, target, admin)
        action = "replace" if there.exists else "create"
        holder = stack.enter_context(Session(source, SETTINGS))
        begin(holder)
        scope = _contents.scope(holder)
        made = _readers.carry(source, target, readers, server)
        rights = _readers.rights(holder, readers)
        if replace == "ours" and there.mark is not None and there.holds:
            done = _refresh(admin, source, target, now)
            if done is not None:
                changed = _readers.give(target, rights, readers)
                phase("refresh")
                return Result(
                    "none" if done.action == "none" else "refresh",
                    [],
                    done.source,
                    done.target,
                    done.bytes,
                    phase.seconds,
                    _readers.counted(made, rights, changed),
                )
        earlier = _check_own(target, there, replace)
        if earlier is not None:
            held = take(holder, scope)
            if not compare(held, earlier):
                changed = _readers.give(target, rights, readers)
                phase("verify")
                came = _readers.counted(made, rights, changed)
                return Result("none", [], held, earlier, 0, phase.seconds, came)
        snapshot = str(holder.query("SELECT pg_export_snapshot()")[0][0])
        crossed = 0

        def fill(fresh: Endpoint) -> _verified.Expected:
            nonlocal crossed
            options = _extensions.make(fresh, _extensions.installed(holder, scope))
            before = sequences(holder, scope)
            crossed, held = stream(source, fresh, snapshot, holder, options, scope)
            _readers.give(fresh, rights, readers)
            return _verified.Expected({**held, "sequences": before}, sequences(holder, scope))

        loaded = _verified.load(admin, target, now, fill, phase)
        return Result(
            action,
            loaded.differences,
            loaded.expected,
            loaded.found,
            crossed,
            phase.seconds,
            _readers.counted(made, rights, True),
        )
