# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who uses a PostgreSQL server beside the owner of one database: sessions, other databases, roles,
replicas. Only looked at, as the role of the database's own user."""

from __future__ import annotations

from typing import NamedTuple

from .endpoint import Endpoint
from .programs import PostgresError
from .role import MAINTENANCE
from .session import query

# PostgreSQL's own; their contents are what every new database gets.
_TEMPLATES = ("template0", "template1")
# Of another role's session the server tells no more than that it is there, unless it is asked by a
# superuser. Its own workers have no role, and parallel ones are their leader's.
_SESSIONS = """SELECT pid, coalesce(datname, ''), usename, coalesce(application_name, ''),
  coalesce(host(client_addr), '') FROM pg_stat_activity
  WHERE usename IS NOT NULL AND pid <> pg_backend_pid()
  AND coalesce(backend_type, 'client backend') IN ('client backend', 'walsender') ORDER BY pid"""
_DATABASES = """SELECT datname, pg_get_userbyid(datdba) FROM pg_database
  WHERE datname NOT IN (current_database(), '%s', '%s', '%s') ORDER BY 1"""
# A superuser is whoever looks after the server; what he uses is in a session or a database.
_ROLES = """SELECT rolname FROM pg_roles WHERE rolcanlogin AND NOT rolsuper AND rolname !~ '^pg_'
  AND (rolvaliduntil IS NULL OR rolvaliduntil > now()) AND rolname <> current_user
  AND oid <> (SELECT datdba FROM pg_database WHERE datname = current_database()) ORDER BY 1"""
_SLOTS = "SELECT slot_name FROM pg_replication_slots ORDER BY 1"
# Of these, what an administrator has everywhere.
_HOLDS = """SELECT what FROM (
  SELECT 'pg_class'::regclass AS class, c.oid, n.nspname || '.' || c.relname AS what
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
      AND nspname !~ '^pg_' AND nspname <> 'information_schema'
  UNION ALL SELECT 'pg_proc'::regclass, p.oid, 'function ' || nspname || '.' || proname
    FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
  UNION ALL SELECT 'pg_namespace'::regclass, oid, 'schema ' || nspname FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
  UNION ALL SELECT 'pg_largeobject'::regclass, oid, 'large object ' || oid
    FROM pg_largeobject_metadata
  UNION ALL SELECT 'pg_extension'::regclass, oid, 'extension ' || extname FROM pg_extension
    WHERE extname NOT IN ('plpgsql', 'pg_stat_statements', 'pg_buffercache', 'adminpack')
  ) AS found WHERE NOT EXISTS (SELECT FROM pg_depend d
    WHERE d.classid = found.class AND d.objid = found.oid AND d.deptype = 'e')
  ORDER BY 1 LIMIT 4"""


class Session(NamedTuple):
    """A client's session: the server's process for it, database (empty for a replica's), role, and
    what its client calls itself and comes from, as far as the server tells."""

    pid: int
    database: str
    role: str
    application: str
    address: str


class Database(NamedTuple):
    """Another database, its owner, and what is said of it besides."""

    name: str
    owner: str
    seen: str = ""


class Others(NamedTuple):
    """What a server has beside one database and its user's role."""

    sessions: list[Session]
    databases: list[Database]
    roles: list[str]
    slots: list[str]


def look(endpoint: Endpoint) -> Others:
    """Who uses the server of a database besides.

    :raises PostgresError: it does not answer.
    """
    databases = [
        Database(str(row[0]), str(row[1]))
        for row in query(endpoint, _DATABASES % (MAINTENANCE, *_TEMPLATES))
    ]
    return Others(
        sessions(endpoint),
        databases + _maintenance(endpoint),
        [str(row[0]) for row in query(endpoint, _ROLES)],
        [str(row[0]) for row in query(endpoint, _SLOTS)],
    )


def sessions(endpoint: Endpoint) -> list[Session]:
    """The sessions of all clients but this one.

    :raises PostgresError: the server does not answer.
    """
    return [
        Session(int(pid or 0), *(str(word or "") for word in words))
        for pid, *words in query(endpoint, _SESSIONS)
    ]


def _maintenance(endpoint: Endpoint) -> list[Database]:
    """The database that every server has, where somebody has put something into it, or where
    nobody knows."""
    if endpoint.database == MAINTENANCE:
        return []
    try:
        holds = [str(row[0]) for row in query(endpoint.on(MAINTENANCE), _HOLDS)]
    except PostgresError as error:
        return [Database(MAINTENANCE, "", "can't be looked into (%s)" % error)]
    more = " and more" if len(holds) > 3 else ""
    said = "holds %s%s" % (", ".join(holds[:3]), more)
    return [Database(MAINTENANCE, "", said)] if holds else []
