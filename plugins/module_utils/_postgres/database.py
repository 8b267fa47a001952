# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is at a database's name, and whether a copy may go there."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, NamedTuple, Optional

from . import contents as _contents
from . import extensions as _extensions
from . import fingerprint as _fingerprint
from .endpoint import APPLICATION
from .extensions import Extension
from .role import MAINTENANCE, administering, administrator, contained
from .session import (
    Endpoint,
    PostgresError,
    Session,
    client_version,
    identifier,
    literal,
    query,
    server_version,
)

_HOLDS = """SELECT CASE c.relkind WHEN 'S' THEN 'sequence ' WHEN 'v' THEN 'view ' ELSE 'table ' END
    || c.relname
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
UNION ALL SELECT 'schema ' || nspname FROM pg_namespace
  WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
UNION ALL SELECT 'function ' || p.proname
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
UNION ALL SELECT 'type ' || t.typname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
  WHERE t.typtype IN ('e', 'd') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
UNION ALL SELECT 'large object ' || oid FROM pg_largeobject_metadata ORDER BY 1"""
_LARGE = "SELECT count(*) || ' large objects' FROM pg_largeobject_metadata HAVING count(*) > 0"


class Occupancy(NamedTuple):
    """What is at a database's name: ``exists``; ``mark``, our comment on it (``None``: not ours);
    ``holds``, its objects in words; ``clients``, who is connected in words (our own sessions not
    counted).
    """

    exists: bool
    mark: Optional[dict[str, Any]]
    holds: list[str]
    clients: list[str]


def growing(database: str) -> str:
    """The name under which a copy grows, within PostgreSQL's 63 bytes."""
    return database.encode()[:54].decode("utf-8", "ignore") + "__copying"


def parse_mark(comment: Optional[str]) -> Optional[dict[str, Any]]:
    """Our comment on a database, ``None`` where it is somebody else's or absent."""
    try:
        mark = json.loads(comment or "")
    except ValueError:
        return None
    return mark if isinstance(mark, dict) and mark.get("made_by") == APPLICATION else None


def inspect(endpoint: Endpoint, admin: Optional[Session] = None) -> Occupancy:
    """What is at a database's name.

    ``admin`` is a session on the server's maintenance database.
    """
    if admin is None:
        with administering(endpoint) as session:
            return inspect(endpoint, session)
    rows = admin.query(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
        % literal(endpoint.database)
    )
    if not rows:
        return Occupancy(False, None, [], [])
    # The server's own workers have no role. An autovacuum, which the rows of a copy call, ends by
    # itself where it is in the way.
    clients = admin.query(
        "SELECT count(*) || ' of ' || coalesce(nullif(application_name, ''), 'unnamed') || ' "
        "as ' || usename FROM pg_stat_activity WHERE datname = %s AND application_name <> %s "
        "AND usename IS NOT NULL GROUP BY application_name, usename ORDER BY 1"
        % (literal(endpoint.database), literal(APPLICATION))
    )
    holds = [str(row[0]) for row in query(endpoint, _HOLDS)]
    return Occupancy(True, parse_mark(rows[0][0]), holds, [str(row[0]) for row in clients])


def refusals(endpoint: Endpoint, found: Occupancy) -> list[str]:
    """Why a database must not be replaced, from what is there (whether our copy was written to
    since is not looked at here).
    """
    reasons = []
    if found.holds and found.mark is None:
        more = " and %d more" % (len(found.holds) - 5) if len(found.holds) > 5 else ""
        reasons.append(
            "%s holds what this collection did not put there: %s%s"
            % (endpoint, ", ".join(found.holds[:5]), more)
        )
    if found.clients:
        reasons.append(
            "%s cannot be replaced while clients are connected: %s"
            % (endpoint, ", ".join(found.clients))
        )
    return reasons


def check_source(session: Session, target: Endpoint) -> list[Extension]:
    """The source's extensions, which the target's server has.

    :raises PostgresError: the source holds something that this way of copying does not carry
        over, or that the target's role can't make.
    """
    scope = _contents.scope(session)
    wanted = _extensions.installed(session, scope)
    found = [] if scope else [str(row[0]) for row in session.query(_LARGE)]
    if contained(target):
        found += _extensions.beyond(session, scope)
        reasons = _extensions.refusals(wanted, _extensions.available(target)) if wanted else []
    else:
        found += ["extension %s" % item.name for item in wanted]
        reasons = []
    if found:
        reasons.append("it has %s: LiteLLM makes none, and they are not copied" % ", ".join(found))
    if reasons:
        raise PostgresError("%s: %s" % (session.endpoint, "; ".join(reasons)))
    return wanted


def check_versions(source: Endpoint, target: Endpoint) -> tuple[int, int]:
    """The servers' majors.

    :raises PostgresError: the client programs cannot carry from one server to the other.
    """
    (old, old_major), (new, new_major) = (
        server_version(source),
        server_version(administrator(target)),
    )
    dump, restore = client_version(source, "pg_dump"), client_version(target, "pg_restore")
    if new_major < old_major:
        raise PostgresError(
            "the target's PostgreSQL is %s, older than the source's %s: a dump does not load "
            "into an older server" % (new, old)
        )
    if dump < old_major:
        raise PostgresError(
            "%s: pg_dump is of PostgreSQL %d and cannot read a server of %d: install "
            "postgresql-client-%d" % (source, dump, old_major, old_major)
        )
    if restore < dump:
        raise PostgresError(
            "%s: pg_restore is of PostgreSQL %d and cannot read a dump of pg_dump %d"
            % (target, restore, dump)
        )
    return old_major, new_major


# The private server begins every transaction read only.
WRITES = {"default_transaction_read_only": "off"}
# Its owner may drop it; where he cannot log in, a superuser can.
_ROLES = """SELECT rolname FROM pg_roles JOIN pg_database ON datname = %s
WHERE rolcanlogin AND (oid_of_owner OR rolsuper) ORDER BY oid_of_owner DESC, rolname""".replace(
    "oid_of_owner", "(pg_roles.oid = datdba)"
)


class Held(NamedTuple):
    """What a database that may be dropped holds: its content hash, and what of it that does not
    cover, in words.
    """

    hash: str
    besides: list[str]


def look(endpoint: Endpoint, expect: str) -> Held:
    """What a database holds: its hash, of LiteLLM's part where it has this one, and the rest."""
    with Session(endpoint, _fingerprint.SETTINGS) as session:
        _fingerprint.begin(session)
        there = _contents.native(session)
        scope, held = _fingerprint.among(session, there.part if there else None, expect)
        return Held(held["hash"], there.besides if there and scope else [])


def refusal(
    endpoint: Endpoint, found: Occupancy, held: Optional[Held], expect: Optional[str]
) -> Optional[str]:
    """Why a database must not be dropped, ``None`` where it may.

    :param held: where ``expect`` is given: the hash of what is kept elsewhere.
    """
    if found.clients:
        return "%s is not dropped while clients are connected: %s" % (
            endpoint,
            ", ".join(found.clients),
        )
    if held and expect:
        if held.hash != expect:
            return "%s is not dropped: it does not hold what the backup has" % endpoint
        if held.besides:
            return "%s is not dropped: it holds what is not LiteLLM's: %s" % (
                endpoint,
                ", ".join(held.besides),
            )
        return None
    return None if found.mark else "%s is not dropped: this collection did not make it" % endpoint


def drop(endpoint: Endpoint, expect: Optional[str], check: bool = False) -> bool:
    """Drop a database where that loses nothing.

    :param expect: the content hash of its backup; without it only a database with our mark is
        dropped.
    :returns: whether it was there.
    :raises PostgresError: it must not be dropped, or could not be.
    """
    with administering(endpoint) as session:
        found = inspect(endpoint, session)
        if not found.exists:
            return False
        roles = [str(row[0]) for row in session.query(_ROLES % literal(endpoint.database))]
    reason = refusal(endpoint, found, look(endpoint, expect) if expect else None, expect)
    if reason:
        raise PostgresError(reason)
    # Another role can only be used where no password is asked for.
    role = endpoint.user if endpoint.user in roles or not roles else roles[0]
    if not check:
        with Session(replace(endpoint.on(MAINTENANCE), user=role), WRITES) as session:
            session.execute("DROP DATABASE %s" % identifier(endpoint.database))
    return True
