# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles beside LiteLLM's own that read its tables: a dashboard's, a report's.

One that the operator names gets a role of the same name in the container: it logs in with the
password that it has, reads what it reads there, and is nothing more. The rights are granted by
LiteLLM's role, which owns what they are for; a password is only ever seen as the server stores it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Optional

from .._host.problem import OperatorError
from . import contents as _contents
from . import native_server as _native_server
from .endpoint import APPLICATION, Endpoint
from .programs import PostgresError
from .role import (
    ATTRIBUTES,
    SETTINGS,
    SUPERUSERS,
    TEMPORARY,
    administering,
    administrator,
    contained,
)
from .session import Session, identifier, literal, query

LONGEST = 63  # bytes of a name in PostgreSQL
# What a server writes down of statements that fail, or of all, would have a stored password.
_QUIET = {
    **SETTINGS,
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_error_statement": "panic",
}
_CLOCK = {**SETTINGS, "datestyle": "ISO", "timezone": "UTC"}
_MARK = '{"made_by": "%s", "what": "reader"}' % APPLICATION
_SCRAM = re.compile(r"SCRAM-SHA-256\$[0-9]{1,9}:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+")
_SCHEMA, _TABLE, _SEQUENCE = "SCHEMA", "TABLE", "SEQUENCE"
_FUTURE = ("TABLES", "SEQUENCES")

_RELATIONS = "('r', 'p', 'v', 'm', 'f', 'S')"
_ROLES = """SELECT rolname, rolcanlogin, rolsuper, coalesce(rolvaliduntil::text, 'infinity'),
  rolconnlimit, rolsuper OR rolbypassrls FROM pg_catalog.pg_roles
WHERE rolname IN (%s) ORDER BY 1"""
_MEMBERS = """SELECT o.rolname FROM pg_catalog.pg_auth_members m
JOIN pg_catalog.pg_roles o ON o.oid = m.member JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
WHERE g.rolname = %s AND o.rolcanlogin ORDER BY 1"""
# Who reads LiteLLM's tables by whatever way: a grant, PUBLIC's, another role's, a predefined one.
_READING = """SELECT r.rolname, count(*) FROM pg_catalog.pg_roles r
JOIN pg_catalog.pg_class c ON c.oid IN (%s) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
WHERE r.rolcanlogin AND NOT r.rolsuper AND r.rolname !~ '^pg_' AND r.rolname <> current_user
  AND r.oid <> c.relowner AND (r.rolvaliduntil IS NULL OR r.rolvaliduntil > pg_catalog.now())
  AND pg_catalog.has_database_privilege(r.oid, pg_catalog.current_database(), 'CONNECT')
  AND pg_catalog.has_schema_privilege(r.oid, c.relnamespace, 'USAGE')
  AND pg_catalog.has_any_column_privilege(r.oid, c.oid, 'SELECT')
GROUP BY 1 ORDER BY 1"""
# What a role may beside reading.
_MORE = """SELECT r.rolname, p.word FROM pg_catalog.pg_roles r
JOIN pg_catalog.pg_class c ON c.oid IN (%s) AND c.relkind IN ('r', 'p', 'v')
CROSS JOIN (VALUES ('INSERT'), ('UPDATE'), ('DELETE')) p(word)
WHERE r.rolname IN (%s) AND NOT r.rolsuper
  AND pg_catalog.has_table_privilege(r.oid, c.oid, p.word) GROUP BY 1, 2 ORDER BY 1, 2"""
# Policies are not in the container: what one hides there would be seen here.
_HIDDEN = """SELECT r.rolname, c.relname FROM pg_catalog.pg_roles r
JOIN pg_catalog.pg_class c ON c.oid IN (%s) AND c.relrowsecurity
WHERE r.rolname IN (%s) AND NOT (r.rolsuper OR r.rolbypassrls)
  AND pg_catalog.has_any_column_privilege(r.oid, c.oid, 'SELECT') ORDER BY 1, 2"""
# As they count, whoever granted them to whom.
_EFFECTIVE = """WITH reader AS (
  SELECT oid, rolname, rolsuper OR rolbypassrls AS sees FROM pg_catalog.pg_roles
  WHERE rolname IN (%(names)s)
), relation AS (
  SELECT c.oid, c.relnamespace, n.nspname, c.relname, c.relkind, c.relowner, c.relrowsecurity
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN %(relations)s AND c.oid IN (%(tables)s)
)
SELECT r.rolname, 'SCHEMA', s.nspname, '', '' FROM reader r CROSS JOIN pg_catalog.pg_namespace s
WHERE s.oid IN (SELECT relnamespace FROM relation)
  AND pg_catalog.has_schema_privilege(r.oid, s.oid, 'USAGE')
UNION SELECT r.rolname, CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.nspname,
  c.relname, '' FROM reader r CROSS JOIN relation c WHERE (r.sees OR NOT c.relrowsecurity)
  AND CASE c.relkind WHEN 'S' THEN pg_catalog.has_sequence_privilege(r.oid, c.oid, 'SELECT')
    ELSE pg_catalog.has_table_privilege(r.oid, c.oid, 'SELECT') END
UNION SELECT r.rolname, 'TABLE', c.nspname, c.relname, a.attname
FROM reader r CROSS JOIN relation c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind <> 'S' AND a.attnum > 0 AND NOT a.attisdropped
  AND (r.sees OR NOT c.relrowsecurity)
  AND NOT pg_catalog.has_table_privilege(r.oid, c.oid, 'SELECT')
  AND pg_catalog.has_column_privilege(r.oid, c.oid, a.attnum, 'SELECT')
UNION SELECT r.rolname, CASE d.defaclobjtype WHEN 'S' THEN 'SEQUENCES' ELSE 'TABLES' END,
  coalesce(n.nspname, ''), '', '' FROM pg_catalog.pg_default_acl d
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace
CROSS JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) a JOIN reader r ON r.oid = a.grantee
WHERE a.privilege_type = 'SELECT' AND d.defaclobjtype IN ('r', 'S')
  AND d.defaclrole IN (SELECT relowner FROM relation)
  AND (n.oid IS NULL OR n.oid IN (SELECT relnamespace FROM relation))
ORDER BY 1, 2, 3, 4, 5"""
# As they were granted to a role itself. A superuser needs none.
_GRANTED = """SELECT o.rolname, g.kind, g.place, g.name, g.part FROM (
  SELECT 'SCHEMA' AS kind, n.nspname AS place, '' AS name, '' AS part, a.grantee,
    n.nspowner AS owner
  FROM pg_catalog.pg_namespace n CROSS JOIN LATERAL pg_catalog.aclexplode(n.nspacl) a
  WHERE a.privilege_type = 'USAGE'
  UNION SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, n.nspname, c.relname, '',
    a.grantee, c.relowner
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a
  WHERE c.relkind IN %(relations)s AND a.privilege_type = 'SELECT'
  UNION SELECT 'TABLE', n.nspname, c.relname, t.attname, a.grantee, c.relowner
  FROM pg_catalog.pg_attribute t JOIN pg_catalog.pg_class c ON c.oid = t.attrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  CROSS JOIN LATERAL pg_catalog.aclexplode(t.attacl) a
  WHERE c.relkind IN %(relations)s AND NOT t.attisdropped AND a.privilege_type = 'SELECT'
  UNION SELECT CASE d.defaclobjtype WHEN 'S' THEN 'SEQUENCES' ELSE 'TABLES' END,
    coalesce(n.nspname, ''), '', '', a.grantee, d.defaclrole FROM pg_catalog.pg_default_acl d
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace
  CROSS JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) a
  WHERE a.privilege_type = 'SELECT' AND d.defaclobjtype IN ('r', 'S')
    AND pg_catalog.pg_get_userbyid(d.defaclrole) = current_user
) g JOIN pg_catalog.pg_roles o ON o.oid = g.grantee
WHERE g.grantee <> g.owner AND NOT o.rolsuper AND o.rolname !~ '^pg_'
  AND g.place !~ '^pg_' AND g.place <> 'information_schema'
ORDER BY 1, 2, 3, 4, 5"""
_THERE = """SELECT 'SCHEMA', nspname, '', '' FROM pg_catalog.pg_namespace
UNION ALL SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, n.nspname, c.relname, ''
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN %(relations)s
UNION ALL SELECT 'TABLE', n.nspname, c.relname, a.attname
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_'
  AND n.nspname <> 'information_schema'"""
_MAY_READ_PASSWORDS = "SELECT pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'SELECT')"
_PASSWORDS = "SELECT rolname, rolpassword FROM pg_catalog.pg_authid WHERE rolname IN (%s)"
_MADE = """SELECT rolname, rolcanlogin AND NOT (rolsuper OR rolcreatedb OR rolcreaterole
  OR rolreplication OR rolbypassrls), rolpassword, coalesce(rolvaliduntil::text, 'infinity'),
  rolconnlimit, pg_catalog.shobj_description(oid, 'pg_authid') = %s
FROM pg_catalog.pg_authid WHERE rolname IN (%s)"""
_GROUPS = """SELECT m.rolname, g.rolname FROM pg_catalog.pg_auth_members a
JOIN pg_catalog.pg_roles m ON m.oid = a.member JOIN pg_catalog.pg_roles g ON g.oid = a.roleid
WHERE m.rolname IN (%s) ORDER BY 1, 2"""
_LEFT = """SELECT rolname FROM pg_catalog.pg_roles WHERE rolcanlogin
  AND pg_catalog.shobj_description(oid, 'pg_authid') = %s ORDER BY 1"""
_OURS = """SELECT rolname FROM pg_catalog.pg_roles
WHERE pg_catalog.shobj_description(oid, 'pg_authid') = %s ORDER BY 1"""
_DISCONNECT = """SELECT count(pg_catalog.pg_terminate_backend(a.pid))
FROM pg_catalog.pg_stat_activity a JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid
WHERE a.datname = %s AND pg_catalog.shobj_description(r.oid, 'pg_authid') = %s"""
_OPEN_TO_MAKERS = """SELECT nspname FROM pg_catalog.pg_namespace
WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
  AND pg_catalog.has_schema_privilege('public', oid, 'CREATE') ORDER BY 1"""


class Right(NamedTuple):
    """A right to read: ``kind`` is ``SCHEMA`` (to look into it), ``TABLE`` (a view's too; of one
    ``column``, or all), ``SEQUENCE``, or ``TABLES`` and ``SEQUENCES`` (those that LiteLLM's role
    makes from now on, in a schema or in all)."""

    role: str
    kind: str
    schema: str
    name: str = ""
    column: str = ""


class Role(NamedTuple):
    """A role of the server: ``until`` when its password counts, ``limit`` of its sessions (-1:
    none), whether row security does not apply to it."""

    name: str
    login: bool
    superuser: bool
    until: str
    limit: int
    bypasses: bool


class Known(NamedTuple):
    """What of its password is known: ``stored`` as the server has it (``None``: the container
    would not take it), ``why`` in words where there is none, and whether that was seen at all."""

    stored: Optional[str]
    why: str = ""
    seen: bool = True


class Carried(NamedTuple):
    """A role in the container: whether it has a password, why it has none, its number of rights,
    and whether anything of it was changed."""

    name: str
    password: bool
    why: str
    rights: int
    changed: bool


def _names(names: Iterable[str]) -> str:
    return ", ".join(literal(name) for name in names) or "''"


def roles(session: Session, names: Iterable[str]) -> dict[str, Role]:
    """Those of these names that the server has."""
    rows = session.query(_ROLES % _names(names))
    return {
        str(name): Role(
            str(name), login == "t", superuser == "t", str(until), int(limit or 0), sees == "t"
        )
        for name, login, superuser, until, limit, sees in rows
    }


def members(session: Session, group: str) -> list[str]:
    """Roles that log in and belong to a group."""
    return [str(row[0]) for row in session.query(_MEMBERS % literal(group))]


def reading(session: Session, scope: _contents.Scope) -> dict[str, int]:
    """Roles beside LiteLLM's own, administrators aside, that log in and read its tables and views,
    each with how many."""
    rows = session.query(_READING % scope.numbers("pg_class"))
    return {str(name): int(count or 0) for name, count in rows}


def writing(session: Session, scope: _contents.Scope, names: Iterable[str]) -> dict[str, list[str]]:
    """Of these roles, what each may do with LiteLLM's tables beside reading."""
    return _grouped(session.query(_MORE % (scope.numbers("pg_class"), _names(names))))


def hidden(session: Session, scope: _contents.Scope, names: Iterable[str]) -> dict[str, list[str]]:
    """Of these roles, tables of which row security may hide rows from each."""
    return _grouped(session.query(_HIDDEN % (scope.numbers("pg_class"), _names(names))))


def _grouped(rows: Iterable[Sequence[Optional[str]]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, word in rows:
        found.setdefault(str(name), []).append(str(word))
    return found


def reserved(name: str, target_user: str) -> bool:
    """Whether the container has a role of this name for itself.

    :param target_user: LiteLLM's role in there.
    """
    own = {*SUPERUSERS, TEMPORARY, target_user, "public", "none"}
    return name in own or name.startswith("pg_")


def rights(session: Session, names: Sequence[str]) -> list[Right]:
    """What these roles may read of LiteLLM's, as it counts there: granted to whomever.

    Of a table with row security only those to whom it does not apply: no policy is in a container.
    """
    found = _contents.read(session, session.endpoint.schema) if names else None
    if found is None:
        return []
    words = {
        "names": _names(names),
        "relations": _RELATIONS,
        "tables": found.scope.numbers("pg_class"),
    }
    return [Right(*map(str, row)) for row in session.query(_EFFECTIVE % words)]


def granted(session: Session) -> list[Right]:
    """The rights to read that roles have been granted in a database, its owners' own aside."""
    return [Right(*map(str, row)) for row in session.query(_GRANTED % {"relations": _RELATIONS})]


def parse(recorded: object) -> list[Right]:
    """Rights as a backup's manifest has them; nothing where it is none of ours."""
    rows = recorded if isinstance(recorded, list) else []
    fit = [
        row
        for row in rows
        if isinstance(row, list)
        and len(row) == len(Right._fields)
        and all(isinstance(word, str) and "\0" not in word for word in row)
        and row[1] in (_SCHEMA, _TABLE, _SEQUENCE, *_FUTURE)
    ]
    return [Right(*row) for row in fit]


def made(target: Endpoint) -> list[str]:
    """The roles of a container that :func:`carry` or :func:`make_bare` has made.

    :raises PostgresError: it can't be asked.
    """
    if not contained(target):
        return []
    return [str(row[0]) for row in query(administrator(target), _OURS % literal(_MARK))]


def disconnect(admin: Session, target: Endpoint) -> None:
    """End the sessions of these roles in a database of a container: they only read, and come again
    by themselves."""
    if contained(target):
        admin.query(_DISCONNECT % (literal(target.database), literal(_MARK)))


def held(endpoint: Endpoint) -> list[Right]:
    """:func:`granted` of a database.

    :raises PostgresError: it can't be asked.
    """
    with Session(endpoint, SETTINGS) as session:
        return granted(session)


def passwords(
    source: Endpoint, server: Optional[dict[str, Any]], names: Sequence[str]
) -> dict[str, Known]:
    """What the source server stores for these roles, which only its superuser may see: LiteLLM's
    own role where it is one, else the server's account, on the server's own socket.

    :param server: how the server was seen running, see :func:`_postgres.native_server.seen`.
    """
    statement = _PASSWORDS % _names(names)
    try:
        if query(source, _MAY_READ_PASSWORDS) == [["t"]]:
            rows = query(source, statement)
        else:
            rows = query(_native_server.as_its_account(source, server), statement)
    except (OperatorError, OSError) as error:
        why = "it can't be read (%s)" % error
        return {name: Known(None, why, False) for name in names}
    return {str(name): _known(stored) for name, stored in rows}


def _known(stored: Optional[str]) -> Known:
    if stored is None:
        return Known(None, "it has none")
    if _SCRAM.fullmatch(stored):
        return Known(stored)
    return Known(None, "it is not stored by SCRAM-SHA-256, as the container asks for it")


def carry(
    source: Endpoint,
    target: Endpoint,
    names: Sequence[str],
    server: Optional[dict[str, Any]] = None,
) -> list[Carried]:
    """Make these roles in a container, before their rights: see :func:`give`. One that an earlier
    run has made and that is not named any more can't log in there.

    :param source: the database that is copied.
    :param server: see :func:`passwords`.
    :returns: each, without its rights.
    :raises PostgresError: there is no such role, or the container can't have it.
    """
    there = check(source, target, names)
    if not contained(target):
        return []
    known = passwords(source, server, names) if names else {}
    carried = []
    with Session(administrator(target), {**_CLOCK, **_QUIET}) as admin:
        rows = admin.query(_MADE % (literal(_MARK), _names(names)))
        now = {str(row[0]): row[1:] for row in rows}
        groups = _grouped(admin.query(_GROUPS % _names(names)))
        for name in names:
            password = known.get(name, Known(None, "it has none"))
            changed = _make(admin, there[name], password, now.get(name))
            for group in groups.get(name, []):
                admin.execute("REVOKE %s FROM %s" % (identifier(group), identifier(name)))
            kept = not password.seen and name in now and now[name][1] is not None
            why = "" if password.stored or kept else password.why
            changed = changed or name in groups
            carried.append(Carried(name, not why, why, 0, changed))
        for (left,) in admin.query(_LEFT % literal(_MARK)):
            if left not in names:
                admin.execute("ALTER ROLE %s NOLOGIN PASSWORD NULL" % identifier(str(left)))
    return carried


def counted(made: Iterable[Carried], given: Sequence[Right], changed: bool) -> tuple[Carried, ...]:
    """The same with how many rights each has.

    :param changed: whether any right was granted or revoked.
    """
    return tuple(
        item._replace(
            rights=sum(right.role == item.name for right in given), changed=item.changed or changed
        )
        for item in made
    )


def check(source: Endpoint, target: Endpoint, names: Sequence[str]) -> dict[str, Role]:
    """These roles of the source's server.

    :raises PostgresError: one of them is not there, or the target can't have it.
    """
    if not names:
        return {}
    if not contained(target):
        raise PostgresError("%s: roles are only made in a container" % target)
    with Session(source, _CLOCK) as session:
        there = roles(session, names)
    reasons = ["there is no role %s" % name for name in names if name not in there]
    reasons += ["role %s can't log in" % name for name in there if not there[name].login]
    reasons += [
        "%s is a role of the container's own" % name
        for name in names
        if reserved(name, target.user)
    ]
    if reasons:
        raise PostgresError("litellm_database_readers: %s" % "; ".join(reasons))
    return there


def _make(admin: Session, role: Role, password: Known, now: Optional[list[Optional[str]]]) -> bool:
    """Make one role what it is to be; whether it was not."""
    plain, stored, until, limit, ours = now or ["f", None, "", "", "f"]
    wanted = password.stored if password.seen else stored
    same = (plain, stored, until, limit) == ("t", wanted, role.until, str(role.limit))
    if not same:
        admin.execute(
            "%s ROLE %s %s CONNECTION LIMIT %d VALID UNTIL %s%s"
            % (
                "ALTER" if now else "CREATE",
                identifier(role.name),
                ATTRIBUTES,
                role.limit,
                literal(role.until),
                " PASSWORD %s" % (literal(wanted) if wanted else "NULL") if password.seen else "",
            )
        )
    if ours != "t":
        _mark(admin, role.name)
    return not same


def make_bare(target: Endpoint, names: Iterable[str]) -> list[str]:
    """Make roles that a server in a container does not have, to log in, without a password.

    :returns: those that were made, by this run or an earlier one.
    """
    names = sorted({name for name in names if not reserved(name, target.user)})
    if not names:
        return []
    with administering(target) as admin:
        there = roles(admin, names)
        for name in names:
            if name not in there:
                admin.execute("CREATE ROLE %s %s" % (identifier(name), ATTRIBUTES))
                _mark(admin, name)
    ours = made(target)
    return [name for name in names if name in ours]


def _mark(admin: Session, name: str) -> None:
    admin.execute("COMMENT ON ROLE %s IS %s" % (identifier(name), literal(_MARK)))


def lacking(source: Endpoint, target: Endpoint, names: Sequence[str]) -> bool:
    """Whether :func:`carry` and :func:`give` would do anything in a database that is there, a
    password aside.
    """
    if not names:
        return False
    with Session(source, SETTINGS) as session:
        wanted = rights(session, names)
    return not set(names) <= set(made(target)) or give(target, wanted, names, check=True)


def give(
    target: Endpoint,
    wanted: Iterable[Right],
    only: Optional[Iterable[str]] = None,
    check: bool = False,
) -> bool:
    """Grant rights in a database, as the role that owns its tables; what is not there is left out.

    :param only: roles that get these rights and no other to read; without, none is taken away.
    :param check: change nothing.
    :returns: whether anything was granted or revoked, or would be.
    """
    wanted = set(wanted)
    named = set(only or ())
    if not wanted and not named:
        return False
    with Session(replace(target, settings=()), SETTINGS) as session:
        there = {tuple(map(str, row)) for row in session.query(_THERE % {"relations": _RELATIONS})}
        known = roles(session, {right.role for right in wanted})
        possible = {
            right
            for right in wanted
            if right.role in known and not known[right.role].superuser and _possible(right, there)
        }
        have = set(granted(session))
        statements = [_statement(right, "GRANT", "TO") for right in sorted(possible - have)]
        statements += [
            _statement(right, "REVOKE", "FROM")
            for right in sorted(have - possible)
            if right.role in named
        ]
        if possible and contained(target):
            # before PostgreSQL 15 everybody may: a table of theirs would be in a rollback's way
            statements += [
                "REVOKE CREATE ON SCHEMA %s FROM PUBLIC" % identifier(str(row[0]))
                for row in session.query(_OPEN_TO_MAKERS)
            ]
        for statement in [] if check else statements:
            session.execute(statement)
    return bool(statements)


def _possible(right: Right, there: set[tuple[str, ...]]) -> bool:
    if right.kind in _FUTURE:
        return not right.schema or (_SCHEMA, right.schema, "", "") in there
    return right[1:] in there


def _statement(right: Right, verb: str, way: str) -> str:
    """:param verb: GRANT or REVOKE, ``way``: TO or FROM."""
    role = identifier(right.role)
    if right.kind in _FUTURE:
        place = " IN SCHEMA %s" % identifier(right.schema) if right.schema else ""
        words = (place, verb, right.kind, way, role)
        return "ALTER DEFAULT PRIVILEGES%s %s SELECT ON %s %s %s" % words
    if right.kind == _SCHEMA:
        return "%s USAGE ON SCHEMA %s %s %s" % (verb, identifier(right.schema), way, role)
    part = " (%s)" % identifier(right.column) if right.column else ""
    kind = _SEQUENCE if right.kind == _SEQUENCE else _TABLE
    place = identifier(right.schema, right.name)
    return "%s SELECT%s ON %s %s %s %s" % (verb, part, kind, place, way, role)
