# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Swap the names of two databases in one transaction, so that the proxy's is always a whole one.

The one that was in service is kept under another name, with a mark that says since when, until the
next restore that succeeds.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Any, Callable, Optional

from .._postgres import readers as _readers
from .._postgres.database import growing, inspect, parse_mark
from .._postgres.endpoint import APPLICATION
from .._postgres.role import administering
from .._postgres.session import Endpoint, PostgresError, Session, identifier, literal
from .._postgres.verified import mark

LIMIT = 63  # bytes of a name in PostgreSQL
KEPT = "kept"
CLIENTS_TIMEOUT = 30.0  # seconds for the connections of a proxy that has ended
TRIES = 5  # for a role that reads and comes again just now
_COMMENT = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
# Renaming asks for both; a superuser has them.
_MAY = """SELECT (SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user),
  coalesce((SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = %s), true)"""


def named(database: str, suffix: str) -> str:
    """A name beside a database's own, within PostgreSQL's limit."""
    return database.encode()[: LIMIT - len(suffix)].decode("utf-8", "ignore") + suffix


def fresh_name(database: str) -> str:
    """The name of a restored database until the swap."""
    return named(database, "_restored")


def kept_name(database: str, stamp: str) -> str:
    """The name of the database that was in service, after the swap."""
    return named(database, "_before_" + stamp.lower())


def names(target: Endpoint) -> set[str]:
    """Every database of the server."""
    with administering(target) as admin:
        return {str(row[0]) for row in admin.query("SELECT datname FROM pg_database")}


def exists(admin: Session, database: str) -> bool:
    """Whether a server has a database."""
    return bool(admin.query("SELECT 1 FROM pg_database WHERE datname = %s" % literal(database)))


def check_rights(target: Endpoint) -> None:
    """:raises PostgresError: the role may not give a database another name."""
    with administering(target) as admin:
        makes, owns = admin.query(_MAY % literal(target.database))[0]
    if makes != "t" or owns != "t":
        raise PostgresError(
            "%s: its role must %s to restore beside it"
            % (
                target,
                " and ".join(
                    words
                    for words, given in (
                        ("be allowed to create databases (ALTER ROLE … CREATEDB)", makes),
                        ("own the database", owns),
                    )
                    if given != "t"
                ),
            )
        )


def wait_alone(target: Endpoint, timeout: Optional[float] = None) -> None:
    """Wait until no client is connected to a database.

    :raises PostgresError: one still is; the message names it.
    """
    limit = time.monotonic() + (CLIENTS_TIMEOUT if timeout is None else timeout)
    with administering(target) as admin:
        while True:
            _readers.disconnect(admin, target)
            clients = inspect(target, admin).clients
            if not clients:
                return
            if time.monotonic() > limit:
                raise PostgresError(
                    "%s is still in use by others than the proxy: %s. Restore again when they are"
                    " done." % (target, ", ".join(clients))
                )
            time.sleep(0.2)


def _comment(admin: Session, database: str) -> Optional[str]:
    rows = admin.query(_COMMENT % literal(database))
    return rows[0][0] if rows else None


def _set_comment(admin: Session, database: str, text: Optional[str]) -> None:
    admin.execute(
        "COMMENT ON DATABASE %s IS %s"
        % (identifier(database), "NULL" if text is None else literal(text))
    )


def swap(target: Endpoint, fresh: str, kept: str, now: datetime) -> bool:
    """Give the restored database the name in service, and the one that had it another.

    The old database's comment moves to the new one: it says whose database it is.

    :returns: whether there was one to keep.
    """
    return _alone(lambda: _swap(target, fresh, kept, now))


def _alone(work: Callable[[], bool]) -> bool:
    """Do something that no client may be connected for."""
    for _try in range(TRIES - 1):
        try:
            return work()
        except PostgresError as error:
            if "accessed by other users" not in str(error):
                raise
    return work()


def _swap(target: Endpoint, fresh: str, kept: str, now: datetime) -> bool:
    with administering(target) as admin:
        had = exists(admin, target.database)
        comment = _comment(admin, target.database)
        _readers.disconnect(admin, target)
        admin.execute("BEGIN")
        if had:
            admin.execute(
                "ALTER DATABASE %s RENAME TO %s" % (identifier(target.database), identifier(kept))
            )
            mark(
                admin,
                kept,
                state=KEPT,
                of=target.database,
                time=now.astimezone(timezone.utc).isoformat(timespec="seconds"),
            )
        admin.execute(
            "ALTER DATABASE %s RENAME TO %s" % (identifier(fresh), identifier(target.database))
        )
        if had:
            _set_comment(admin, target.database, comment)
        admin.execute("COMMIT")
    return had


def swapped(target: Endpoint, fresh: str) -> bool:
    """Whether :func:`swap` was committed, given that the restored database was complete."""
    with administering(target) as admin:
        return not exists(admin, fresh) and exists(admin, target.database)


def unswap(target: Endpoint, fresh: str, kept: str, now: datetime) -> None:
    """Undo :func:`swap`.

    The restored database gets its name and mark back; the next restore replaces it.
    """
    _alone(lambda: _unswap(target, fresh, kept, now))


def _unswap(target: Endpoint, fresh: str, kept: str, now: datetime) -> bool:
    with administering(target) as admin:
        back = exists(admin, kept)
        comment = _comment(admin, target.database)
        _readers.disconnect(admin, target)
        admin.execute("BEGIN")
        admin.execute(
            "ALTER DATABASE %s RENAME TO %s" % (identifier(target.database), identifier(fresh))
        )
        mark(
            admin,
            fresh,
            state="complete",
            time=now.astimezone(timezone.utc).isoformat(timespec="seconds"),
        )
        if back:
            admin.execute(
                "ALTER DATABASE %s RENAME TO %s" % (identifier(kept), identifier(target.database))
            )
            _set_comment(admin, target.database, comment)
        admin.execute("COMMIT")
    return back


def kept(target: Endpoint) -> list[dict[str, Any]]:
    """Databases that earlier restores have kept of this one, oldest first: ``name``, ``time``,
    ``bytes``.
    """
    with administering(target) as admin:
        rows = admin.query(
            "SELECT datname, shobj_description(oid, 'pg_database'), pg_database_size(oid) "
            "FROM pg_database WHERE NOT datistemplate ORDER BY 1"
        )
    found = [(str(name), parse_mark(comment) or {}, int(size or 0)) for name, comment, size in rows]
    return sorted(
        (
            {"name": name, "time": str(record.get("time")), "bytes": size}
            for name, record, size in found
            if record.get("state") == KEPT and record.get("of") == target.database
        ),
        key=lambda item: (item["time"], item["name"]),
    )


def discard(target: Endpoint, spare: str = "") -> list[str]:
    """Drop the databases that earlier restores have kept of this one, except ``spare``.

    Only those have the mark.

    :returns: the names.
    """
    found = [item["name"] for item in kept(target) if item["name"] != spare]
    with administering(target) as admin:
        for name in found:
            record = parse_mark(_comment(admin, name)) or {}
            if record.get("made_by") == APPLICATION and record.get("state") == KEPT:
                admin.execute("DROP DATABASE IF EXISTS %s" % identifier(name))
    return found


def drop_fresh(target: Endpoint, fresh: str) -> None:
    """Remove an unused restored database, complete or not, if it has our mark."""
    with administering(target) as admin:
        for name in (fresh, growing(fresh)):
            if exists(admin, name) and parse_mark(_comment(admin, name)) is not None:
                admin.execute("DROP DATABASE %s WITH (FORCE)" % identifier(name))
