# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a database a role without a superuser's rights can't make in a container.

Extensions that need more are made by the server's superuser, by name, where the server has them;
everything else is named, and refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple, Optional

from .contents import Scope
from .endpoint import Endpoint
from .programs import PostgresError
from .role import SETTINGS, administrator, contained
from .session import Session, identifier, query

# A schema of its own, which the dump makes, would be in the dump's way.
SCHEMAS = ("public", "pg_catalog")
# A comment on an extension is its owner's to write; LiteLLM's schema has no comments.
NO_COMMENTS = ("--no-comments",)
_INSTALLED = """SELECT extname, nspname FROM pg_extension
JOIN pg_namespace n ON n.oid = extnamespace WHERE extname <> 'plpgsql' ORDER BY 1"""
_AVAILABLE = """SELECT a.name, v.trusted FROM pg_available_extensions a
JOIN pg_available_extension_versions v ON v.name = a.name AND v.version = a.default_version"""
_USERS = """oid >= 16384 AND NOT EXISTS (SELECT FROM pg_depend e
  WHERE e.classid = '%(catalog)s'::regclass AND e.objid = %(catalog)s.oid AND e.deptype = 'e')"""
_BEYOND = (
    ("event trigger", "pg_event_trigger", "evtname", "true"),
    ("foreign data wrapper", "pg_foreign_data_wrapper", "fdwname", "true"),
    ("procedural language", "pg_language", "lanname", "true"),
    ("access method", "pg_am", "amname", "true"),
    ("operator class", "pg_opclass", "opcname", "true"),
    ("text search parser", "pg_ts_parser", "prsname", "true"),
    ("text search template", "pg_ts_template", "tmplname", "true"),
    ("cast", "pg_cast", "castsource::regtype || ' as ' || casttarget::regtype", "castfunc = 0"),
    (
        "function",
        "pg_proc",
        "proname",
        "prolang IN (SELECT oid FROM pg_language WHERE NOT lanpltrusted)",
    ),
    (
        "base type",
        "pg_type",
        "typname",
        "typtype = 'b' AND NOT EXISTS (SELECT FROM pg_type a WHERE a.typarray = pg_type.oid)",
    ),
)
_CREATE = re.compile(
    r'^CREATE EXTENSION IF NOT EXISTS ("(?:[^"]|"")+"|\w+) WITH SCHEMA ("(?:[^"]|"")+"|\w+);$', re.M
)


class Extension(NamedTuple):
    """An extension and the schema that its objects are in."""

    name: str
    schema: str


def installed(session: Session, scope: Optional[Scope] = None) -> list[Extension]:
    """The extensions of a session's database, beyond PL/pgSQL, which every database has.

    :param scope: only those that this part of it needs.
    """
    return [
        Extension(str(name), str(schema))
        for name, schema in session.query(_INSTALLED)
        if scope is None or name in scope.extensions
    ]


def parse(text: str) -> list[Extension]:
    """The extensions that a dump's statements make."""

    def bare(name: str) -> str:
        return name[1:-1].replace('""', '"') if name.startswith('"') else name

    return [Extension(bare(name), bare(schema)) for name, schema in _CREATE.findall(text)]


def beyond(session: Session, scope: Optional[Scope] = None) -> list[str]:
    """What a session's database has that only a superuser can make, extensions aside, in words.

    :param scope: only what is in this part of it.
    """
    statement = "\nUNION ALL ".join(
        "SELECT '%s ' || %s FROM %s WHERE (%s) AND %s%s"
        % (
            kind,
            name,
            catalog,
            condition,
            _USERS % {"catalog": catalog},
            " AND oid IN (%s)" % scope.numbers(catalog) if scope else "",
        )
        for kind, catalog, name, condition in _BEYOND
    )
    return sorted(str(row[0]) for row in session.query(statement))


def available(target: Endpoint) -> dict[str, bool]:
    """The extensions that a server could make, and whether any owner of a database may."""
    rows = query(administrator(target), _AVAILABLE)
    return {str(name): trusted == "t" for name, trusted in rows}


def refusals(wanted: Iterable[Extension], there: Mapping[str, bool]) -> list[str]:
    """Why extensions can't be made, one reason each.

    :param there: as :func:`available` returns it.
    """
    reasons = []
    for item in wanted:
        if item.name not in there:
            reasons.append("extension %s is not in the image of PostgreSQL" % item.name)
        elif not there[item.name] and item.schema not in SCHEMAS:
            reasons.append(
                "extension %s is in schema %s and needs a superuser, who makes it in schema public"
                " only" % item
            )
    return reasons


def make(fresh: Endpoint, wanted: Iterable[Extension]) -> tuple[str, ...]:
    """Make in an empty database what its role can't make there; the rest comes with the dump.

    :returns: options that pg_restore needs then.
    :raises PostgresError: one of them can't be made.
    """
    wanted = list(wanted)
    if not wanted or not contained(fresh):
        return ()
    there = available(fresh)
    reasons = refusals(wanted, there)
    if reasons:
        raise PostgresError("%s: %s" % (fresh, "; ".join(reasons)))
    ours = [item for item in wanted if not there[item.name]]
    if not ours:
        return ()
    superuser = replace(administrator(fresh).on(fresh.database), settings=())
    with Session(superuser, SETTINGS) as session:
        for item in ours:
            session.execute(
                "CREATE EXTENSION IF NOT EXISTS %s SCHEMA %s"
                % (identifier(item.name), identifier(item.schema))
            )
    return NO_COMMENTS
