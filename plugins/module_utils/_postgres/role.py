# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""LiteLLM's role in a container: it logs in, owns its databases, and is nothing more.

What a dump brings (functions of indexes, of defaults, of views) runs as that role. The server's
superuser has no password and is reached on the container's local socket alone; it makes, renames
and drops databases, and works in none whose content came from elsewhere, except on owners.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import unicodedata
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple, Optional

from .endpoint import Endpoint
from .programs import PostgresError
from .session import Session, identifier, literal, query

# Every server has it; databases are made and dropped from there.
MAINTENANCE = "postgres"
# The superuser's name; the second where LiteLLM's own role, or somebody else's, has the first.
SUPERUSERS = ("postgres", "llmops_superuser")
# A bootstrap superuser can't be renamed by itself.
TEMPORARY = "llmops_temporary"
BOOTSTRAP = "10"  # its number on every server
ATTRIBUTES = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
# What a session of another role has made findable must not be found.
SETTINGS = {"search_path": "pg_catalog"}
# Clients may hold a table: each waits this long for an owner's change, and no longer.
_LOCKS = {**SETTINGS, "lock_timeout": "5s", "statement_timeout": "0"}
TRIES = 6
_ITERATIONS = 4096  # PostgreSQL's own number
_SUPERUSER = "SELECT rolname FROM pg_roles WHERE rolsuper AND rolcanlogin ORDER BY oid LIMIT 1"
_ROLE = """SELECT oid, rolcanlogin AND NOT (rolsuper OR rolcreatedb OR rolcreaterole
  OR rolreplication OR rolbypassrls), rolpassword FROM pg_authid WHERE rolname = %s"""
# What a conversion that was killed has left, and a password of the superuser's.
_LEFT = """SELECT 'member' FROM pg_auth_members WHERE roleid = %(bootstrap)s
  AND member = (SELECT oid FROM pg_roles WHERE rolname = %(user)s)
UNION ALL SELECT 'temporary' FROM pg_roles WHERE rolname = %(temporary)s
UNION ALL SELECT 'password' FROM pg_authid
  WHERE rolname = %(superuser)s AND rolname <> %(user)s AND rolpassword IS NOT NULL"""
_SET = """SELECT coalesce(datname, ''), split_part(setting, '=', 1),
  substr(setting, strpos(setting, '=') + 1)
FROM pg_db_role_setting JOIN unnest(setconfig) AS setting ON true
LEFT JOIN pg_database d ON d.oid = setdatabase WHERE setrole = %s ORDER BY 1, 2"""
_DATABASES = """SELECT datname, datdba = 10 FROM pg_database
WHERE datallowconn AND NOT datistemplate AND datname <> %s ORDER BY 1"""
_EVENT_TRIGGERS = "SELECT evtname FROM pg_event_trigger WHERE evtenabled <> 'D' ORDER BY 1"
# What a user made: below this number is what initdb made. A sequence of a column and the type of a
# row follow their table; what an extension made stays the extension's.
_OWNED = """SELECT upper(CASE i.type WHEN 'composite type' THEN 'type'
  WHEN 'statistics object' THEN 'statistics' ELSE i.type END), i.identity
FROM (
  SELECT 'pg_class'::regclass AS class, c.oid FROM pg_class c WHERE relowner = 10
    AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND relpersistence <> 't' AND NOT EXISTS (
      SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid
        AND relkind = 'S' AND refclassid = 'pg_class'::regclass AND deptype IN ('a', 'i'))
  UNION ALL SELECT 'pg_proc'::regclass, oid FROM pg_proc WHERE proowner = 10
  UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type t WHERE typowner = 10
    AND typtype IN ('e', 'd', 'b', 'r')
    AND NOT EXISTS (SELECT FROM pg_type WHERE typarray = t.oid)
  UNION ALL SELECT 'pg_namespace'::regclass, oid FROM pg_namespace
    WHERE nspowner = 10 AND nspname !~ '^pg_'
  UNION ALL SELECT 'pg_collation'::regclass, oid FROM pg_collation WHERE collowner = 10
  UNION ALL SELECT 'pg_operator'::regclass, oid FROM pg_operator WHERE oprowner = 10
  UNION ALL SELECT 'pg_opclass'::regclass, oid FROM pg_opclass WHERE opcowner = 10
  UNION ALL SELECT 'pg_opfamily'::regclass, oid FROM pg_opfamily WHERE opfowner = 10
  UNION ALL SELECT 'pg_ts_config'::regclass, oid FROM pg_ts_config WHERE cfgowner = 10
  UNION ALL SELECT 'pg_ts_dict'::regclass, oid FROM pg_ts_dict WHERE dictowner = 10
  UNION ALL SELECT 'pg_statistic_ext'::regclass, oid FROM pg_statistic_ext
    WHERE stxowner = 10
  UNION ALL SELECT 'pg_largeobject'::regclass, oid FROM pg_largeobject_metadata
    WHERE lomowner = 10
  UNION ALL SELECT 'pg_foreign_server'::regclass, oid FROM pg_foreign_server
    WHERE srvowner = 10
  UNION ALL SELECT 'pg_publication'::regclass, oid FROM pg_publication
    WHERE pubowner = 10 AND NOT puballtables
) AS owned, pg_identify_object(owned.class, owned.oid, 0) AS i
WHERE (owned.oid >= 16384 OR i.type = 'schema' AND i.identity = 'public')
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = owned.class AND e.objid = owned.oid
    AND e.deptype = 'e')
ORDER BY 1, 2"""


class _State(NamedTuple):
    """LiteLLM's role as it is: ``oid`` (``None``: not there), whether it is no more than it may be,
    its password as the server has it, and what is left to be done besides."""

    oid: Optional[str]
    plain: bool
    stored: Optional[str]
    left: frozenset[str]


def contained(target: Endpoint) -> bool:
    """Whether a server is reached on its container's local socket, which asks for no password."""
    return bool(target.container) and not target.host


def administrator(target: Endpoint) -> Endpoint:
    """The maintenance database of a server, as the role that makes, renames and drops databases
    there: the superuser of one in a container, elsewhere the endpoint's own.

    :raises PostgresError: the container's does not answer, or has no superuser that may log in.
    """
    here = target.on(MAINTENANCE)
    if not contained(target):
        return here
    return replace(here, user=_superuser(replace(here, settings=())))


def administering(target: Endpoint) -> Session:
    """A session of :func:`administrator`."""
    return Session(administrator(target), SETTINGS)


@lru_cache(maxsize=None)
def _superuser(here: Endpoint) -> str:
    failure = PostgresError("%s: no superuser may log in" % here)
    for name in dict.fromkeys((SUPERUSERS[0], here.user, *SUPERUSERS)):
        try:
            found = query(replace(here, user=name), _SUPERUSER)
        except PostgresError as error:
            failure = error
        else:
            return str(found[0][0])
    raise failure


def secure(target: Endpoint, password: Optional[str] = None, check: bool = False) -> bool:
    """Make LiteLLM's role in a container what it must be.

    Release 0.1.0 made it the server's bootstrap superuser. That one gets another name, and what it
    owns goes to a new role of LiteLLM's name and password. Clients may be served meanwhile; what a
    killed run has left is finished by the next.

    :param target: any database of the server, with LiteLLM's role.
    :param password: the role's; ``None`` keeps the one it has, and a role that is not there gets
        none.
    :param check: change nothing.
    :returns: whether anything was changed, or would be.
    :raises PostgresError: it can't be done; what was done so far harms nobody.
    """
    if not contained(target):
        return False
    with administering(target) as session:
        admin, state = session.endpoint, _state(session, target.user)
    new = password is not None and not matches(password, state.stored)
    if not new and state.plain and not state.left:
        return False
    if check:
        return True
    if state.oid == BOOTSTRAP:
        _rename_bootstrap(admin, target.user, state.stored)
    with administering(target) as session:
        admin, state = session.endpoint, _state(session, target.user)
        if new or not state.plain:
            session.execute(
                "%s ROLE %s %s%s"
                % (
                    "ALTER" if state.oid else "CREATE",
                    identifier(target.user),
                    ATTRIBUTES,
                    " PASSWORD %s" % literal(scram(password)) if new and password else "",
                )
            )
        if "password" in state.left:
            session.execute("ALTER ROLE %s PASSWORD NULL" % identifier(admin.user))
        if "member" in state.left:
            _give_all(admin, session, target.user)
        session.execute("DROP ROLE IF EXISTS %s" % TEMPORARY)
    return True


def _state(session: Session, user: str) -> _State:
    found = session.query(_ROLE % literal(user))
    names = {
        "bootstrap": BOOTSTRAP,
        "user": literal(user),
        "temporary": literal(TEMPORARY),
        "superuser": literal(session.endpoint.user),
    }
    left = frozenset(str(row[0]) for row in session.query(_LEFT % names))
    if not found:
        return _State(None, False, None, left)
    oid, plain, stored = found[0]
    return _State(oid, plain == "t", stored, left)


def _rename_bootstrap(admin: Endpoint, user: str, stored: Optional[str]) -> None:
    """LiteLLM's role is the bootstrap superuser, which can be nothing less: it becomes another's
    name, and LiteLLM gets a role that may do the same with what is there, until it owns it.
    """
    acting = admin
    if admin.user == user:
        acting = replace(admin, user=TEMPORARY)
        with Session(admin, SETTINGS) as session:
            if not session.query("SELECT 1 FROM pg_roles WHERE rolname = %s" % literal(TEMPORARY)):
                session.execute("CREATE ROLE %s LOGIN SUPERUSER" % TEMPORARY)
    with Session(acting, SETTINGS) as session:
        taken = {str(row[0]) for row in session.query("SELECT rolname FROM pg_roles")}
        name = next((name for name in SUPERUSERS if name not in taken), None)
        if name is None:
            raise PostgresError(
                "%s: the server's superuser can't have a name of its own: roles %s are there"
                % (admin, " and ".join(SUPERUSERS))
            )
        own = session.query(_SET % BOOTSTRAP)
        session.execute("BEGIN")
        session.execute("ALTER ROLE %s RENAME TO %s" % (identifier(user), identifier(name)))
        session.execute("ALTER ROLE %s PASSWORD NULL" % identifier(name))
        session.execute(
            "CREATE ROLE %s %s%s"
            % (identifier(user), ATTRIBUTES, " PASSWORD %s" % literal(stored) if stored else "")
        )
        session.execute("GRANT %s TO %s" % (identifier(name), identifier(user)))
        for database, setting, value in own:
            _carry_setting(session, user, str(database), str(setting), str(value))
        session.execute("COMMIT")
    _superuser.cache_clear()


def _carry_setting(session: Session, user: str, database: str, setting: str, value: str) -> None:
    """Give the new role a setting that the old one had."""
    session.query("SELECT set_config(%s, %s, true)" % (literal(setting), literal(value)))
    session.execute(
        "ALTER ROLE %s %sSET %s FROM CURRENT"
        % (
            identifier(user),
            "IN DATABASE %s " % identifier(database) if database else "",
            ".".join(identifier(part) for part in setting.split(".")),
        )
    )


def _give_all(admin: Endpoint, session: Session, user: str) -> None:
    """Give LiteLLM's role what the superuser owns in the databases that are not the server's own.

    Each owner is changed by itself: clients are served, and whoever waits for two tables at once
    can wait in a circle.
    """
    version = session.query("SELECT current_setting('server_version_num')::int / 10000")[0][0]
    for name, owned in session.query(_DATABASES % literal(MAINTENANCE)):
        _give(admin.on(str(name)), user, int(version or 0))
        if owned == "t":
            session.execute(
                "ALTER DATABASE %s OWNER TO %s" % (identifier(str(name)), identifier(user))
            )
    session.execute("REVOKE %s FROM %s" % (identifier(admin.user), identifier(user)))


def _give(place: Endpoint, user: str, major: int) -> None:
    # A database's own event triggers would run as the superuser, at its login too.
    place = replace(place, settings=("event_triggers=off",) if major >= 17 else ())
    for left in reversed(range(TRIES)):
        try:
            with Session(place, _LOCKS) as session:
                triggers = [] if major >= 17 else session.query(_EVENT_TRIGGERS)
                if triggers:
                    raise PostgresError(
                        "%s: event trigger %s would run as the server's superuser: drop it"
                        % (place, triggers[0][0])
                    )
                for kind, name in session.query(_OWNED):
                    session.execute("ALTER %s %s OWNER TO %s" % (kind, name, identifier(user)))
            return
        except PostgresError as error:
            if "lock timeout" not in str(error) or not left:
                raise


def provide(target: Endpoint, check: bool = False) -> bool:
    """An empty database for LiteLLM's role, where there is none of its name.

    :returns: whether it was, or would be, made.
    """
    with administering(target) as admin:
        named = "SELECT 1 FROM pg_database WHERE datname = %s" % literal(target.database)
        if admin.query(named):
            return False
        if not check:
            create(admin, target)
    return True


def create(admin: Session, fresh: Endpoint, options: str = "") -> None:
    """Make an empty database that the endpoint's role owns, with its schema ``public``.

    :param admin: a session of :func:`administering`.
    :param options: more of CREATE DATABASE's words.
    """
    owner = identifier(fresh.user)
    other = contained(fresh)
    admin.execute(
        "CREATE DATABASE %s TEMPLATE template0%s%s"
        % (identifier(fresh.database), options, " OWNER %s" % owner if other else "")
    )
    if other:
        # Not as the session's role, which may have another name since it began.
        place = replace(administrator(fresh).on(fresh.database), settings=())
        with Session(place, SETTINGS) as session:
            session.execute("ALTER SCHEMA public OWNER TO %s" % owner)


def _derived(password: str, salt: bytes, rounds: int) -> tuple[bytes, bytes]:
    """SCRAM's stored key and server key (RFC 5802)."""
    words = unicodedata.normalize("NFKC", password).encode()
    salted = hashlib.pbkdf2_hmac("sha256", words, salt, rounds)
    client, server = (
        hmac.new(salted, part, hashlib.sha256).digest() for part in (b"Client Key", b"Server Key")
    )
    return hashlib.sha256(client).digest(), server


def scram(password: str) -> str:
    """A password as the server stores it: the server, and its log, never see it."""
    salt = os.urandom(16)
    keys = _derived(password, salt, _ITERATIONS)
    coded = [base64.b64encode(part).decode() for part in (salt, *keys)]
    return "SCRAM-SHA-256$%s:%s$%s:%s" % (str(_ITERATIONS), *coded)


def matches(password: str, stored: Optional[str]) -> bool:
    """Whether a password is the one that a server has stored by SCRAM."""
    found = re.fullmatch(r"SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):(.+)", stored or "")
    if found is None:
        return False
    key = _derived(password, base64.b64decode(found[2]), int(found[1]))[0]
    return hmac.compare_digest(base64.b64encode(key).decode(), found[3])
