# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Preflight check of what the legacy database holds beside LiteLLM's tables: what stays where it
is, what would be without effect, and what would stand in the way of coming back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .._deployment import legacy as _legacy
from .._deployment import places as _places
from .._host.problem import Problem
from .._postgres import contents as _contents
from .._postgres import extensions as _extensions
from .._postgres import session as _session
from .._postgres.contents import Attached, Contents
from .._postgres.role import SETTINGS
from . import neighbours as _neighbours
from . import preflight_stores as _preflight_stores
from .preflight_findings import Facts, Findings

SHOWN = 12  # names in one message; the journal has all of them
ASK = (
    "ask whoever made it whether it may rest (it is neither copied nor changed, and acts again"
    " after a rollback)"
)


def check_contents(legacy: _legacy.Running, facts: Facts, accepted: Iterable[str]) -> Findings:
    """Look into the database of the running proxy, as far as it has answered.

    Of one that stays where it is, only whether all of LiteLLM's can be read.

    Facts: more of ``database``: ``schema`` of LiteLLM's tables, ``extensions`` that they need,
    ``left_behind``: what stays, in words.

    :param accepted: what the operator can do without, see :mod:`.neighbours`.
    """
    found, database = Findings(), facts.get("database") or {}
    if "major" not in database:
        return found  # which is said elsewhere
    endpoint = _preflight_stores.endpoint(database, legacy.effective)
    subject = "database %s" % endpoint.database
    try:
        with _session.Session(endpoint, SETTINGS) as session:
            there = _contents.read(session, endpoint.schema)
            beyond = _extensions.beyond(session, there.scope) if there else []
            bypasses = _contents.bypasses(session)
            closed = _closed(session, there.scope.schema) if there else []
            user = endpoint.user or str(session.query("SELECT current_user")[0][0])
    except _session.PostgresError as error:
        found.refuse(subject, str(error), "let the proxy's role read the system catalogs")
        return found
    if there is None:
        found.refuse(
            subject,
            "has no tables of LiteLLM's%s"
            % (" in schema %s" % endpoint.schema if endpoint.schema else ""),
            "the migration needs the database that the proxy uses",
        )
        return found
    found.problems += unread(there, subject, user, bypasses, closed)
    database["schema"] = there.scope.schema
    database["extensions"] = list(there.scope.extensions)
    database["left_behind"] = there.besides
    try:
        if not there.alone:
            there.scope.options(_session.client_version(endpoint, "pg_dump"))
    except _session.PostgresError as error:
        found.refuse("pg_dump", str(error), "it is only used here, and changes no server")
    if not _places.here(facts, "database"):
        return found
    found.problems += obstacles(there, subject, user)
    found.problems += _neighbours.check(acting(there), accepted)
    if beyond:
        found.refuse(
            subject,
            "has %s, which LiteLLM's tables need and only a superuser can make" % ", ".join(beyond),
            "let the index, default or constraint that calls it do without it: LiteLLM makes none,"
            " and its role in the container is no superuser",
        )
    found.warnings += stays(there, subject)
    return found


def acting(there: Contents) -> list[_neighbours.Use]:
    """What somebody else has hung on LiteLLM's tables, and would be without effect, or in the way
    of rows that come back.
    """
    says = {
        "trigger": "acts on LiteLLM's table, and not in the container: from the cutover on nothing"
        " calls it",
        "rule": "acts on LiteLLM's table, and not in the container",
        "child": "inherits from LiteLLM's table: its rows, which LiteLLM reads as its own, stay"
        " behind",
        "foreign key": "of a table that is not LiteLLM's refers to LiteLLM's: it knows no key or"
        " team that is made in the container, and while it refers to a row that was deleted there,"
        " a rollback can't copy rows back",
    }
    names = {"child": "table"}
    return [
        _neighbours.Use(
            "%s %s" % (names.get(item.kind, item.kind), item.label), says[item.kind], ASK
        )
        for item in there.of(*says)
        if item.counts
    ]


_CLOSED = """SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace =
  (SELECT oid FROM pg_namespace WHERE nspname = %s)
  AND (relname LIKE 'LiteLLM\\_%%' OR relname = '_prisma_migrations')
  AND NOT has_table_privilege(oid, 'SELECT') ORDER BY 1"""


def _closed(session: _session.Session, schema: str) -> list[str]:
    """Tables of LiteLLM's that its role may not read."""
    return [str(row[0]) for row in session.query(_CLOSED % _session.literal(schema))]


def unread(
    there: Contents, subject: str, user: str, bypasses: bool, closed: Sequence[str] = ()
) -> list[Problem]:
    """What would stand in the way of reading everything.

    :param user: LiteLLM's role.
    :param bypasses: whether row security does not apply to it.
    :param closed: tables that it may not read.
    """
    found = []
    hidden = [item.table for item in there.of("row security") if item.counts]
    if hidden and not bypasses:
        found.append(
            Problem(
                subject,
                "hides rows of %s from role %s by row security: nobody could tell whether a copy is"
                " complete" % (_names(hidden), user),
                "ALTER ROLE %s BYPASSRLS as a superuser; NOBYPASSRLS after finalize.yml or"
                " rollback.yml" % _session.identifier(user),
            )
        )
    if closed:
        found.append(
            Problem(
                subject,
                "does not let role %s read %s: no backup of it would be whole"
                % (user, _names(closed)),
                "GRANT SELECT ON %s TO %s as their owner"
                % (
                    ", ".join(_session.identifier(there.scope.schema, table) for table in closed),
                    _session.identifier(user),
                ),
            )
        )
    return found


def obstacles(there: Contents, subject: str, user: str) -> list[Problem]:
    """What would stand in the way: of taking it along, of writing rows back.

    :param user: LiteLLM's role.
    """
    found = [
        Problem(
            subject,
            "%s needs %s, which is not LiteLLM's and is not taken along" % (item.table, item.name),
            "let LiteLLM's table do without it: LiteLLM makes no such thing",
        )
        for item in there.of("needs")
    ]
    found += _owned(there.of("owner"), subject, user, "LiteLLM's own")
    keys = [item for item in there.of("foreign key") if not item.counts]
    return found + _owned(keys, subject, user, "they refer to LiteLLM's")


def _owned(items: Sequence[Attached], subject: str, user: str, why: str) -> list[Problem]:
    """Tables of other roles, which alone may change them: those of a role at once."""
    found = []
    for owner, superuser in dict.fromkeys((item.owner, item.superuser) for item in items):
        theirs = [item for item in items if item.owner == owner]
        tables, role = [item.table for item in theirs], _session.identifier(user)
        first = _session.identifier(theirs[0].schema, theirs[0].table)
        remedy = "GRANT %s TO %s as a superuser; REVOKE it after finalize.yml or rollback.yml" % (
            _session.identifier(owner),
            role,
        )
        if superuser:
            remedy = "give each to LiteLLM's role, which takes nothing from anybody: ALTER TABLE"
            remedy += " %s OWNER TO %s, as a superuser" % (first, role)
        found.append(
            Problem(
                subject,
                "has tables of role %s (%s; %s), which role %s can't write rows back to: a rollback"
                " would refuse" % (owner, _names(tables), why, user),
                remedy,
            )
        )
    return found


def stays(there: Contents, subject: str) -> list[Problem]:
    """What is not taken along, for the operator to know."""
    found = []
    if there.besides:
        found.append(
            Problem(
                subject,
                "holds what is not LiteLLM's: %s" % _names(there.besides),
                "it stays there as it is; LiteLLM's tables alone are copied, and copied back."
                " Whoever reads them there sees them as they were at the cutover",
            )
        )
    # who logs in and reads is named one by one, see preflight_readers
    readers = [
        "%s (%s)" % (item.name, item.table)
        for item in there.of("reader")
        if not (item.counts and "SELECT" in item.table.split(", "))
    ]
    if readers:
        found.append(
            Problem(
                subject,
                "lets other roles use LiteLLM's tables: %s" % _names(readers),
                "they are not in the container, and see the tables as they were at the cutover:"
                " docs/operations.md has the statements that let them read the container's",
            )
        )
    places = sorted({item.name for item in there.of("tablespace")})
    if places:
        found.append(
            Problem(
                subject,
                "keeps tables of LiteLLM's in tablespace %s" % _names(places),
                "in the container they are all in its volume: look at its disk",
            )
        )
    return found


def _names(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (" and %d more" % more if more > 0 else "")
