# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a database holds, as numbers that are equal for equal contents on every PostgreSQL from 13
to 18.

A fingerprint is ``{server_version, server_major, tables: [{schema, name, rows, hash}], sequences:
[{schema, name, last_value, is_called}], schema_hash, rows_total, hash}``, all of one snapshot
(sequences are outside of snapshots, by PostgreSQL's design). ``hash`` covers everything but the
server's version. Names are bare in schema ``public``, else ``schema.name``. Where a database holds
more than LiteLLM's own, it is of LiteLLM's part alone (see :mod:`.contents`).

A table's hash is the sum, modulo 2**64, of each half of the MD5 of every row's text: no sort, no
memory, any order, and a row that is there twice counts twice. It proves that a copy is complete; it
is no defence against a forger.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Iterable, NamedTuple, Optional, Union

from . import contents as _contents
from .session import Endpoint, Session, identifier, literal

# Whatever changes how a value is written as text, and what lets every core take part.
SETTINGS = {
    "search_path": "pg_catalog",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "xmlbinary": "base64",
    "lc_monetary": "C",
    "lc_numeric": "C",
    "quote_all_identifiers": "off",
    "row_security": "off",
    "statement_timeout": "0",
    "lock_timeout": "60s",
    "idle_in_transaction_session_timeout": "0",
    "jit": "off",
    "max_parallel_workers_per_gather": "4",
    "parallel_setup_cost": "0",
    "parallel_tuple_cost": "0",
    "min_parallel_table_scan_size": "1MB",
}
# PostgreSQL 17 and newer know it, older ones refuse it.
_NO_TIMEOUT = (
    "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'transaction_timeout'"
)
# Objects of users: system schemas begin with pg_ (reserved), and what an extension made belongs to
# the extension. The comment's place is where LiteLLM's own are named, see _of.
_OURS = """n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e
    WHERE e.classid = '%(catalog)s'::regclass AND e.objid = %(alias)s.oid AND e.deptype = 'e')
  /* own %(catalog)s %(alias)s */"""
_ROW_SECURITY = "c.relrowsecurity, c.relforcerowsecurity"


def _ours(catalog: str, alias: str) -> str:
    return _OURS % {"catalog": catalog, "alias": alias}


_RELATIONS = "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE " + _ours(
    "pg_class", "c"
)

_TABLES = (
    """SELECT n.nspname, c.relname, (SELECT string_agg(a.attname, ' ') FROM pg_attribute a
  WHERE a.attrelid = c.oid AND a.attnum > 0)
FROM %s AND c.relkind = 'r' ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C\""""
    % _RELATIONS
)
_SEQUENCES = (
    """SELECT n.nspname, c.relname
FROM %s AND c.relkind = 'S' ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C\""""
    % _RELATIONS
)

# The schema as facts, one row each. Not in it: what differs between majors for the same schema
# (not-null constraints, which are rows of pg_constraint from 18 on; the text of views) and what
# pg_dump leaves out (invalid indexes, and, as we call it, owners and rights).
_SCHEMA = (
    """SELECT 'relation', n.nspname, c.relname, c.relkind, c.relpersistence, c.relreplident,
  %s
FROM %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"""
    % (_ROW_SECURITY, _RELATIONS),
    """SELECT 'column', n.nspname, c.relname,
  row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), a.attname,
  format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
  pg_get_expr(d.adbin, d.adrelid),
  (SELECT l.collname FROM pg_collation l JOIN pg_type t ON t.oid = a.atttypid
    WHERE l.oid = a.attcollation AND l.oid <> t.typcollation)
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND """
    + _ours("pg_class", "c"),
    """SELECT 'constraint', n.nspname, k.conrelid::regclass, k.conname, k.contype,
  pg_get_constraintdef(k.oid)
FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
WHERE k.contype IN ('p', 'u', 'f', 'c', 'x') AND """
    + _ours("pg_constraint", "k"),
    """SELECT 'index', n.nspname, c.relname, pg_get_indexdef(c.oid), i.indisreplident,
  i.indisclustered
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE i.indisvalid AND """
    + _ours("pg_class", "c"),
    """SELECT 'sequence', n.nspname, c.relname, s.seqtypid::regtype, s.seqstart, s.seqincrement,
  s.seqmin, s.seqmax, s.seqcache, s.seqcycle
FROM pg_sequence s
JOIN pg_class c ON c.oid = s.seqrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE """
    + _ours("pg_class", "c"),
    """SELECT 'type', n.nspname, t.typname, t.typtype, format_type(t.typbasetype, t.typtypmod),
  t.typdefault, (SELECT string_agg(quote_literal(v.enumlabel), ',' ORDER BY v.enumsortorder)
    FROM pg_enum v WHERE v.enumtypid = t.oid)
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype IN ('e', 'd') AND """
    + _ours("pg_type", "t"),
    """SELECT 'function', n.nspname, p.proname, p.prokind,
  pg_get_function_identity_arguments(p.oid), p.prorettype::regtype, md5(p.prosrc)
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE """
    + _ours("pg_proc", "p"),
    """SELECT 'trigger', n.nspname, c.relname, g.tgname, g.tgenabled, pg_get_triggerdef(g.oid)
FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT g.tgisinternal /* own pg_trigger g */ AND """
    + _ours("pg_class", "c"),
)


def _of(statement: str, scope: Optional[_contents.Scope]) -> str:
    """A statement about a whole database, as one about LiteLLM's part of it. Row security is
    nothing that is taken from there.
    """
    if scope is None:
        return statement
    return re.sub(
        r"/\* own (\w+) (\w+) \*/",
        lambda own: "AND %s.oid IN (%s)" % (own[2], scope.numbers(own[1])),
        statement.replace(_ROW_SECURITY, "false, false"),
    )


def _label(schema: object, name: object) -> str:
    return str(name) if schema == "public" else "%s.%s" % (schema, name)


def _digest(value: Any) -> str:
    return hashlib.sha256(
        json.dumps(value, sort_keys=True, separators=(",", ":")).encode("utf-8", "surrogateescape")
    ).hexdigest()


def digest(fingerprint_: dict[str, Any]) -> str:
    """The overall hash of a fingerprint: tables, sequences and schema, not the server's version."""
    return _digest([fingerprint_["tables"], fingerprint_["sequences"], fingerprint_["schema_hash"]])


class Rows(NamedTuple):
    """The rows of a table, each by its MD5: what ``FROM`` names, and the expression."""

    table: str
    md5: str

    @classmethod
    def of(cls, schema: str, table: str, columns: str, utf8: bool = True) -> Rows:
        """:param columns: the names of its columns, with blanks between.
        :param utf8: whether that is the database's encoding."""
        row = "row"
        while row in columns:
            row += "_"  # a column of this name would be read instead of the row
        text = identifier(row) + "::text"
        return cls(
            "ONLY %s AS %s" % (identifier(schema, table), identifier(row)),
            "md5(%s)" % (text if utf8 else "convert_to(%s, 'UTF8')" % text),
        )

    @property
    def hashed(self) -> str:
        """Each row's MD5 as ``h``."""
        # OFFSET 0 keeps the planner from computing the MD5 once for each half
        return "(SELECT %s AS h FROM %s OFFSET 0) AS hashed" % (self.md5, self.table)

    def among(self, mask: int, parts: Iterable[int]) -> str:
        """The condition for rows of some parts of a table."""
        listed = "'{%s}'::bigint[]" % ",".join(map(str, parts))
        return "%s = ANY (%s)" % (_PART % (self.md5, mask), listed)


# The part of a table that a row is in, by its MD5. A row that changes is in two: the one that it
# was in and the one that it is in.
_PART = "(('x' || left(%s, 8))::bit(32)::bigint & %d)"
_SUMS = """count(*), sum(('x' || left(h, 16))::bit(64)::bigint),
  sum(('x' || right(h, 16))::bit(64)::bigint)"""


def content_query(schema: str, table: str, columns: str, utf8: bool = True) -> str:
    """The query that yields a table's row count and the two sums; ``columns`` are its columns'
    names, with blanks between.
    """
    return "SELECT %s\nFROM %s" % (_SUMS, Rows.of(schema, table, columns, utf8).hashed)


def parts(session: Session, rows: Rows, mask: int) -> dict[int, tuple[int, int, int]]:
    """Row count and the two sums of each part of a table that has rows, by its number.

    :param mask: the bits of a row's MD5 that say its part; 0 for the whole table.
    """
    query = "SELECT %s, %s\nFROM %s GROUP BY 1" % (_PART % ("h", mask), _SUMS, rows.hashed)
    return {
        int(part or 0): (int(count or 0), int(high or 0), int(low or 0))
        for part, count, high, low in session.query(query)
    }


def combine(high: Union[str, int, None], low: Union[str, int, None]) -> str:
    """The two sums (decimal, ``None`` for no rows) as 32 hexadecimal digits."""
    return "%016x%016x" % (int(high or 0) % 2**64, int(low or 0) % 2**64)


def tables(session: Session, scope: Optional[_contents.Scope] = None) -> list[tuple[str, str, str]]:
    """Schema and name of every table, and the names of its columns with blanks between.

    :param scope: the part of the database that counts; ``None``: all of it.
    """
    return [
        (str(schema), str(name), columns or "")
        for schema, name, columns in session.query(_of(_TABLES, scope))
    ]


def sequences(session: Session, scope: Optional[_contents.Scope] = None) -> list[dict[str, Any]]:
    """The last value of every sequence, and whether it was used.

    :param scope: the part of the database that counts; ``None``: all of it.
    """
    found = []
    for schema, name in session.query(_of(_SEQUENCES, scope)):
        last, called = session.query(
            "SELECT last_value, is_called FROM %s" % identifier(str(schema), str(name))
        )[0]
        found.append(
            {
                "schema": schema,
                "name": _label(schema, name),
                "last_value": int(last or 0),
                "is_called": called == "t",
            }
        )
    return found


def take(session: Session, scope: Optional[_contents.Scope] = None) -> dict[str, Any]:
    """The fingerprint of a session's database.

    The session has :data:`SETTINGS` and is in the transaction that gives the snapshot.

    :param scope: the part of it that counts; ``None``: all of it.
    """
    version, number, encoding = session.query(
        "SELECT current_setting('server_version'), current_setting('server_version_num'), "
        "current_setting('server_encoding')"
    )[0]
    hashed = []
    for schema, name, columns in tables(session, scope):
        rows, high, low = session.query(content_query(schema, name, columns, encoding == "UTF8"))[0]
        hashed.append(
            {
                "schema": schema,
                "name": _label(schema, name),
                "rows": int(rows or 0),
                "hash": combine(high, low),
            }
        )
    facts = [row for query in _SCHEMA for row in session.query(_of(query, scope))]
    found = {
        "tables": hashed,
        "sequences": sequences(session, scope),
        "schema_hash": _digest(sorted(map(json.dumps, facts))),
    }
    return {
        "server_version": version,
        "server_major": int(number or 0) // 10000,
        **found,
        "rows_total": sum(table["rows"] for table in hashed),
        "hash": digest(found),
    }


def begin(session: Session, snapshot: Optional[str] = None) -> None:
    """Begin the one transaction of a fingerprint, optionally in a snapshot that another session
    exported.
    """
    session.query(_NO_TIMEOUT)
    session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    if snapshot:
        session.execute("SET TRANSACTION SNAPSHOT %s" % literal(snapshot))


def recognize(
    session: Session, expect: Optional[str] = None
) -> tuple[Optional[_contents.Scope], dict[str, Any]]:
    """LiteLLM's part of a session's database (``None``: all of it), and its fingerprint.

    :param expect: a hash that it may have had. Release 0.1.0 took all of a database, and so does
        this where LiteLLM's part has another.
    """
    return among(session, _contents.scope(session), expect)


def among(
    session: Session, scope: Optional[_contents.Scope], expect: Optional[str]
) -> tuple[Optional[_contents.Scope], dict[str, Any]]:
    """As :func:`recognize`, where LiteLLM's part is known."""
    found = take(session, scope)
    if scope is not None and expect and found["hash"] != expect:
        whole = take(session)
        if whole["hash"] == expect:
            return None, whole
    return scope, found


def fingerprint(
    endpoint: Endpoint, snapshot: Optional[str] = None, expect: Optional[str] = None
) -> dict[str, Any]:
    """The fingerprint of a database, in a snapshot of its own or in an exported one.

    :param expect: see :func:`recognize`.
    :raises PostgresError: it cannot be reached or read in full.
    """
    with Session(endpoint, SETTINGS) as session:
        begin(session, snapshot)
        return recognize(session, expect)[1]


def _pairs(
    one: Iterable[dict[str, Any]], other: Iterable[dict[str, Any]]
) -> list[tuple[str, Optional[dict[str, Any]], Optional[dict[str, Any]]]]:
    left, right = ({(item["schema"], item["name"]): item for item in side} for side in (one, other))
    return [(key[1], left.get(key), right.get(key)) for key in sorted(left.keys() | right.keys())]


def compare(
    one: dict[str, Any], other: dict[str, Any], names: tuple[str, str] = ("source", "target")
) -> list[str]:
    """Every difference between two fingerprints, in words; empty if the databases are equal.

    Server versions do not matter.
    """
    found = []
    for name, a, b in _pairs(one["tables"], other["tables"]):
        if a is None or b is None:
            found.append("table %s is only in the %s" % (name, names[1] if a is None else names[0]))
        elif a["rows"] != b["rows"]:
            found.append(
                "table %s has %d rows in the %s, %d in the %s"
                % (name, a["rows"], names[0], b["rows"], names[1])
            )
        elif a["hash"] != b["hash"]:
            found.append(
                "table %s has %d rows on both sides, but not the same ones" % (name, a["rows"])
            )
    for name, a, b in _pairs(one["sequences"], other["sequences"]):
        if a is None or b is None:
            found.append(
                "sequence %s is only in the %s" % (name, names[1] if a is None else names[0])
            )
        elif (a["last_value"], a["is_called"]) != (b["last_value"], b["is_called"]):
            states = tuple(
                "%d%s" % (item["last_value"], "" if item["is_called"] else " (not called)")
                for item in (a, b)
            )
            found.append(
                "sequence %s stands at %s in the %s, at %s in the %s"
                % (name, states[0], names[0], states[1], names[1])
            )
    if one["schema_hash"] != other["schema_hash"]:
        found.append(
            "the schemas differ (columns, types, defaults, constraints, indexes, views, "
            "types, functions or triggers)"
        )
    return found
