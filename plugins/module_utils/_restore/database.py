# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup's database into a fresh one, proved against the fingerprint that was taken with the dump.

As with a copy, it grows under a name of its own and takes the target's name when it is proved.
"""

from __future__ import annotations

from dataclasses import replace as changed
from datetime import datetime, timezone
from typing import Any, Optional

from .._backup import backup as _backup
from .._postgres.copy import RESTORE_SETTINGS, create, mark, remove, settle
from .._postgres.database import MAINTENANCE, growing, inspect, refusals
from .._postgres.fingerprint import compare, digest, fingerprint
from .._postgres.session import Endpoint, PostgresError, Session, client_version, identifier
from . import load as _restore_load

JOBS = 2


def restore(
    folder: str,
    target: Endpoint,
    now: datetime,
    identity: str = "",
    jobs: int = JOBS,
    verified: Optional[dict[str, Any]] = None,
) -> dict[str, Any]:
    """Restore a backup's database.

    :param folder: the backup; every byte of it is checked first, unless ``verified`` has its manifest, by somebody who did.
    :param identity: file with the age key that opens the backup, where it is encrypted.
    :param jobs: connections at once for a dump in directory format.
    :returns: ``manifest``, ``fingerprint`` (of the restored database), ``differences`` (none: proved equal to what was dumped).
    :raises BackupError, PostgresError: refused or failed; what was at the target's name is as it was.
    """
    if verified is None:
        problems = _backup.verify(folder)
        if problems:
            raise _backup.BackupError("the backup is not sound: %s" % "; ".join(problems))
    told = verified or _backup.manifest(folder)
    check(told, target)
    dump = _restore_load.find(folder, told, identity)
    fresh = changed(target.on(growing(target.database)), settings=RESTORE_SETTINGS)
    stamp = now.astimezone(timezone.utc).isoformat(timespec="seconds")
    with Session(target.on(MAINTENANCE)) as admin:
        reasons = refusals(target, inspect(target, admin))
        if reasons:
            raise PostgresError("; ".join(reasons))
        create(admin, fresh)
        try:
            mark(admin, fresh.database, state="growing", time=stamp)
            _load(dump, fresh, jobs)
            with Session(fresh) as session:
                session.execute("ANALYZE")
            reached = fingerprint(fresh)
            held = dict(told["fingerprint"])
            held["sequences"] = settle(
                held["sequences"], told["sequences_after"], reached["sequences"]
            )
            held["hash"] = digest(held)
            differences = compare(held, reached, ("backup", "restored database"))
            if not differences:
                mark(
                    admin,
                    fresh.database,
                    state="complete",
                    time=stamp,
                    hash=reached["hash"],
                    rows_total=reached["rows_total"],
                )
                admin.execute("DROP DATABASE IF EXISTS %s" % identifier(target.database))
                admin.execute(
                    "ALTER DATABASE %s RENAME TO %s"
                    % (identifier(fresh.database), identifier(target.database))
                )
        except BaseException:
            remove(fresh)
            raise
        if differences:
            remove(fresh)
    return {"manifest": told, "fingerprint": reached, "differences": differences}


def check(told: dict[str, Any], target: Endpoint) -> None:
    """:raises PostgresError: the target's programs are older than the one that wrote the dump."""
    dump, load = told["database"]["client_major"], client_version(target, "pg_restore")
    if load < dump:
        raise PostgresError(
            "%s: pg_restore is of PostgreSQL %d and cannot read a dump of pg_dump %d"
            % (target, load, dump)
        )


def _load(dump: _restore_load.Dump, target: Endpoint, jobs: int) -> None:
    _restore_load.load(dump, target, jobs)
