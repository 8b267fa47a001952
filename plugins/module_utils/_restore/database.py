# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup's database into a fresh one, verified against the fingerprint that was taken with the
dump.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple, Optional, Sequence

from .._backup import backup as _backup
from .._postgres import extensions as _extensions
from .._postgres import readers as _readers
from .._postgres import verified as _verified
from .._postgres.database import inspect, refusals
from .._postgres.role import administering
from .._postgres.session import Endpoint, PostgresError, Session, client_version
from . import load as _load

JOBS = 2


class Result(NamedTuple):
    """A restore: what was done (``create``, ``replace``), the backup's manifest, the differences in
    words (none: verified), what the backup says the database held, what the restored one holds, and
    the seconds of each phase.
    """

    action: str
    manifest: _backup.Manifest
    differences: list[str]
    expected: dict[str, Any]
    found: dict[str, Any]
    seconds: dict[str, float]


def restore(
    folder: str,
    target: Endpoint,
    now: datetime,
    identity: str = "",
    jobs: int = JOBS,
    verified: Optional[_backup.Manifest] = None,
    readers: Sequence[_readers.Right] = (),
) -> Result:
    """Restore a backup's database.

    :param folder: the backup; every byte of it is checked first, unless ``verified`` has its
        manifest, by somebody who did.
    :param identity: file with the age key that opens the backup, where it is encrypted.
    :param jobs: connections at once for a dump in directory format.
    :param readers: rights to read of roles that the server has, as far as they fit.
    :raises BackupError, PostgresError: refused or failed; what was at the target's name is as it
        was.
    """
    phase = _verified.Phases()
    manifest = verified or _sound(folder)
    check(manifest, target)
    dump = _load.find(folder, manifest, identity)

    def fill(fresh: Endpoint) -> _verified.Expected:
        options = _extensions.make(fresh, _load.extensions(dump, fresh))
        _load.load(dump, fresh, jobs, options)
        _readers.give(fresh, readers)
        return _verified.Expected(manifest["fingerprint"], manifest["sequences_after"])

    with administering(target) as admin:
        action = _plan(target, admin)
        done = _verified.load(admin, target, now, fill, phase, ("backup", "restored database"))
    return Result(action, manifest, done.differences, done.expected, done.found, phase.seconds)


def dry_run(folder: str, target: Endpoint) -> tuple[str, _backup.Manifest]:
    """What :func:`restore` would do now (``create`` or ``replace``), and the backup's manifest.

    :raises BackupError, PostgresError: it would refuse.
    """
    manifest = _sound(folder)
    check(manifest, target)
    with administering(target) as admin:
        return _plan(target, admin), manifest


def _sound(folder: str) -> _backup.Manifest:
    """The manifest of a backup of which every byte was checked."""
    problems = _backup.verify(folder)
    if problems:
        raise _backup.BackupError("the backup is not sound: %s" % "; ".join(problems))
    return _backup.manifest(folder)


def _plan(target: Endpoint, admin: Session) -> str:
    found = inspect(target, admin)
    reasons = refusals(target, found)
    if reasons:
        raise PostgresError("; ".join(reasons))
    return "replace" if found.exists else "create"


def check(manifest: _backup.Manifest, target: Endpoint) -> None:
    """:raises PostgresError: the target's programs are older than the one that wrote the dump."""
    dump, load = manifest["database"]["client_major"], client_version(target, "pg_restore")
    if load < dump:
        raise PostgresError(
            "%s: pg_restore is of PostgreSQL %d and cannot read a dump of pg_dump %d"
            % (target, load, dump)
        )
