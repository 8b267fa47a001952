# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of a database that is served, carried over into its copy, so that clients have to wait
for the last of them only.

The server tells the keys of rows that change: a publication, and a slot that ends with its session,
so that nothing of it outlives this process but the publication. A row is then made in the target
what it is in the source now, in whatever order that comes. Nothing is subscribed to: the target's
server connects to nobody, and rows come in as the role that owns them.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from itertools import chain
from time import monotonic, sleep
from typing import Any, NamedTuple, Optional

from . import contents as _contents
from . import copy_back as _copy_back
from .changes import Begun, Changed, Changes, Emptied, Key, Relation
from .contents import FOLLOWED
from .endpoint import APPLICATION
from .fingerprint import SETTINGS, begin, digest, sequences, tables, take
from .session import Endpoint, PostgresError, Session, identifier, literal

FIRST = 13  # the oldest major whose changes are followed
FIRST_WITH_STANDBY_SNAPSHOT = 16  # the function of this name
FIRST_WITH_COLUMNS = 15  # from then on only the key's columns are published
CHUNK = 10_000  # messages that are taken at once, if no transaction alone has more
KEYS = 1_000  # rows that are asked for at once
# Seconds: for an answer, and for a transaction that is written down as committed to be seen as such
SECONDS, VISIBLE = 600.0, 10.0
WAIT = "60s"  # for transactions that began before changes are followed
ROUNDS = 10  # in which the last changes are carried over
_STARTED = 1.0  # seconds that a transaction is waited for which may be committing right now
# Few rows at a time: to start parallel workers would take longer than what they do.
_SETTINGS = {
    **SETTINGS,
    "max_parallel_workers_per_gather": "0",
    # what is carried over is given up elsewhere, and what is decoded is on disk
    "synchronous_commit": "on",
}
# A session may have nothing to do for as long as the copy takes. Older servers know neither.
_NO_TIMEOUT = """SELECT set_config(name, '0', false) FROM pg_settings
WHERE name IN ('transaction_timeout', 'idle_session_timeout')"""
_LOCK = "SELECT pg_try_advisory_lock(hashtext(%s), hashtext('follow'))" % literal(APPLICATION)
_DROP = "DROP PUBLICATION IF EXISTS %s" % FOLLOWED
_SLOT = "SELECT pg_create_logical_replication_slot(%s, 'pgoutput', true)"
_SERVER = """SELECT current_setting('server_version_num')::int / 10000,
  current_setting('wal_level'), current_setting('max_replication_slots')::int,
  (SELECT count(*) FROM pg_replication_slots), current_setting('server_encoding')"""
_TABLES = """SELECT n.nspname, c.relname, c.relpersistence, c.relreplident,
  c.relispartition OR EXISTS (SELECT FROM pg_inherits WHERE c.oid IN (inhrelid, inhparent))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid IN (%s) ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C\""""
# The key is what the server tells of a row that was deleted. A domain's rules are the target's
# table's to look at: a row that is no more has no values.
_COLUMNS = """SELECT n.nspname, c.relname, a.attname,
  format_type(a.atttypid, a.atttypmod),
  CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod)
    ELSE format_type(a.atttypid, a.atttypmod) END,
  a.attgenerated <> '', a.attidentity = 'a', EXISTS (
    SELECT FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)
    WHERE i.indrelid = c.oid AND i.indisvalid AND i.indimmediate AND k.number = a.attnum
      AND k.place <= i.indnkeyatts AND (c.relreplident = 'd' AND i.indisprimary
        OR c.relreplident = 'i' AND i.indisreplident))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
WHERE c.oid IN (%s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C", a.attnum"""
# Of the target's tables, what stands against writing rows as they are.
_AGAINST = """WITH followed AS (
  SELECT c.*, CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname AS label
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid IN (%(tables)s)
)
SELECT 'owner', label FROM followed WHERE NOT pg_has_role(relowner, 'USAGE')
UNION ALL SELECT 'rule', label FROM followed
WHERE EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = followed.oid)
UNION ALL SELECT 'security', label FROM followed WHERE relrowsecurity AND relforcerowsecurity
UNION ALL SELECT 'temporary', '' WHERE NOT has_database_privilege(current_database(), 'TEMP')
ORDER BY 1, 2"""
_REFERENCES = """SELECT DISTINCT k.conrelid, k.confrelid FROM pg_constraint k
WHERE k.contype = 'f' AND k.conrelid IN (%(tables)s) AND k.confrelid IN (%(tables)s)
  AND k.conrelid <> k.confrelid ORDER BY 1, 2"""
_TRIGGERED = """SELECT DISTINCT g.tgrelid FROM pg_trigger g
WHERE NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgrelid IN (%s)"""
# The schema as facts that no vacuum, privilege or written row changes.
_FACTS = """WITH own AS MATERIALIZED (
  SELECT c.* FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND %s
)
SELECT md5(string_agg(fact, ' ' ORDER BY fact COLLATE "C")) FROM (
  SELECT concat_ws(' ', 'relation', oid, relname, relnamespace, relkind, relpersistence,
    relreplident, relrowsecurity, relforcerowsecurity) FROM own
  UNION ALL SELECT concat_ws(' ', 'column', attrelid, attnum, attname, atttypid, atttypmod,
    attnotnull, attidentity, attgenerated, attisdropped)
  FROM pg_attribute WHERE attrelid IN (SELECT oid FROM own) AND attnum > 0
  UNION ALL SELECT concat_ws(' ', 'default', adrelid, adnum, md5(adbin::text))
  FROM pg_attrdef WHERE adrelid IN (SELECT oid FROM own)
  UNION ALL SELECT concat_ws(' ', 'index', indexrelid, indisvalid, indisprimary, indisreplident)
  FROM pg_index WHERE indrelid IN (SELECT oid FROM own)
  UNION ALL SELECT concat_ws(' ', 'constraint', conrelid, conname, contype, confrelid, convalidated)
  FROM pg_constraint WHERE conrelid IN (SELECT oid FROM own)
  UNION ALL SELECT concat_ws(' ', 'trigger', oid, tgname, tgenabled)
  FROM pg_trigger WHERE NOT tgisinternal AND tgrelid IN (SELECT oid FROM own)
  UNION ALL SELECT concat_ws(' ', 'rule', oid, ev_enabled)
  FROM pg_rewrite WHERE ev_class IN (SELECT oid FROM own)
  UNION ALL SELECT concat_ws(' ', 'label', enumtypid, enumlabel)
  FROM pg_enum WHERE enumtypid IN (
    SELECT atttypid FROM pg_attribute WHERE attrelid IN (SELECT oid FROM own))
) AS facts(fact)"""
_CHANGES = """SELECT encode(data, 'hex') FROM pg_logical_slot_get_binary_changes(%s, %s, %s,
  'proto_version', '1', 'publication_names', %s)"""
# A transaction that has written something waits until all before it is on disk; only that is told.
_FLUSH = "SELECT pg_logical_emit_message(true, %s, '')" % literal(APPLICATION)
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;\nSET CONSTRAINTS ALL IMMEDIATE"
_REFUSED = "llmops_litellm.refused"  # a setting, which tells why rows were not taken
# What the order of rows can be the reason of; the words are the server's, in its own language.
_TRY = """#variable_conflict use_column
BEGIN
  PERFORM set_config('%(refused)s', '', false);
  %(statements)s
EXCEPTION WHEN foreign_key_violation OR restrict_violation OR unique_violation
    OR exclusion_violation THEN
  PERFORM set_config('%(refused)s', SQLSTATE, false);
END"""


class _Column(NamedTuple):
    """A column: its type in the table and without a domain's rules, whether it is computed, has
    numbers that nobody may choose, and is of the key."""

    name: str
    type: str
    plain: str
    is_generated: bool
    is_always: bool
    is_key: bool


class _Table(NamedTuple):
    """A table that is followed, by its number here; its rows come by a temporary table of the
    target's, whose columns are ``c0``, whether there is a row of this key, ``c1`` …"""

    number: int
    schema: str
    name: str
    columns: tuple[_Column, ...]

    @property
    def sql(self) -> str:
        return identifier(self.schema, self.name)

    @property
    def label(self) -> str:
        return self.name if self.schema == "public" else "%s.%s" % (self.schema, self.name)

    @property
    def keys(self) -> list[_Column]:
        return [column for column in self.columns if column.is_key]

    @property
    def carried(self) -> list[tuple[str, _Column]]:
        """The columns that have values of their own, each with its name in the temporary table."""
        own = (column for column in self.columns if not column.is_generated)
        return [("c%d" % number, column) for number, column in enumerate(own, 1)]

    @property
    def temporary(self) -> str:
        return "pg_temp.llmops_follow_%d" % self.number

    @property
    def _same(self) -> str:
        """The condition that a row of the table has the key of one that came."""
        return " AND ".join(
            "own.%s = came.%s" % (identifier(column.name), place)
            for place, column in self.carried
            if column.is_key
        )

    def published(self, whole: bool) -> str:
        """What of the table is published. :param whole: all columns."""
        keys = ", ".join(identifier(column.name) for column in self.keys)
        return "ONLY %s%s" % (self.sql, "" if whole else " (%s)" % keys)

    def make(self) -> str:
        """The statement that makes the temporary table."""
        columns = "".join(", %s %s" % (place, column.plain) for place, column in self.carried)
        return "CREATE TEMPORARY TABLE llmops_follow_%d (c0 boolean%s)" % (self.number, columns)

    def asked(self, keys: Sequence[Key]) -> str:
        """The query for the rows of some keys as they are now; one that is no more has its key
        alone."""
        names = ["k%d" % number for number in range(len(self.keys))]
        wanted = dict(zip((column.name for column in self.keys), names))
        rows = ", ".join("(%s)" % ", ".join(map(literal, key)) for key in keys[1:])
        first = ", ".join(
            "%s::%s" % (literal(value), column.plain) for value, column in zip(keys[0], self.keys)
        )
        there = "own.%s" % identifier(self.keys[0].name)
        columns = "".join(
            ", coalesce(own.%s, asked.%s)" % (identifier(column.name), wanted[column.name])
            if column.is_key
            else ", own.%s" % identifier(column.name)
            for _place, column in self.carried
        )
        return (
            "SELECT %s IS NOT NULL%s\nFROM (VALUES (%s)%s) AS asked(%s) LEFT JOIN ONLY %s AS own"
            " ON %s"
            % (
                there,
                columns,
                first,
                rows and ", " + rows,
                ", ".join(names),
                self.sql,
                " AND ".join(
                    "own.%s = asked.%s" % (identifier(name), place)
                    for name, place in wanted.items()
                ),
            )
        )

    def remove(self, every: bool = False) -> str:
        """The statement that removes rows that are no more, or every one that came."""
        return "DELETE FROM ONLY %s AS own USING %s AS came WHERE %s%s" % (
            self.sql,
            self.temporary,
            self._same,
            "" if every else " AND NOT came.c0",
        )

    def insert(self) -> str:
        """The statement that inserts the rows that came."""
        return "INSERT INTO %s AS own (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s AS came%s" % (
            self.sql,
            ", ".join(identifier(column.name) for _place, column in self.carried),
            ", ".join("came." + place for place, _column in self.carried),
            self.temporary,
            " WHERE came.c0",
        )

    def put(self) -> str:
        """The statements that make rows what came, whether they are there or not."""
        others = [
            identifier(column.name)
            for _place, column in self.carried
            if not column.is_key and not column.is_always
        ]
        found = "%s ON CONFLICT (%s) DO %s" % (
            self.insert(),
            ", ".join(identifier(column.name) for column in self.keys),
            "UPDATE SET %s" % ", ".join("%s = EXCLUDED.%s" % (name, name) for name in others)
            if others
            else "NOTHING",
        )
        numbers = [
            "own.%s <> came.%s" % (identifier(column.name), place)
            for place, column in self.carried
            if column.is_always and not column.is_key
        ]
        if not numbers:
            return found
        # a row keeps such a number as long as it lives
        return (
            "%s;\n  IF EXISTS (SELECT FROM ONLY %s AS own JOIN %s AS came ON %s WHERE %s) THEN "
            "RAISE unique_violation; END IF"
            % (found, self.sql, self.temporary, self._same, " OR ".join(numbers))
        )


class _Rows:
    """Lines of COPY's text format, read like a pipe."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines

    def read(self, _size: int) -> bytes:
        return next(self._lines, b"")


def ordered(numbers: Iterable[int], references: Iterable[tuple[int, int]]) -> list[int]:
    """Numbers of tables, each after those that it refers to; of those that refer to each other in a
    circle any first.

    :param references: pairs of a table and one that it refers to.
    """
    parents: dict[int, list[int]] = {number: [] for number in numbers}
    for child, parent in references:
        parents[child].append(parent)
    found: list[int] = []
    begun: set[int] = set()
    for first in parents:
        waiting = [(first, False)]
        while waiting:
            number, above = waiting.pop()
            if above:
                found.append(number)
            elif number not in begun:
                begun.add(number)
                waiting.append((number, True))
                waiting += [(parent, False) for parent in reversed(parents[number])]
    return found


def is_running(number: int, snapshot: str) -> bool:
    """Whether a snapshot does not see a transaction as ended.

    :param number: the lower 32 bits of the transaction's.
    :param snapshot: as PostgreSQL writes it, ``xmin:xmax:xip,xip``.
    """
    _lowest, after, listed = snapshot.split(":")
    running = {int(each) & 0xFFFFFFFF for each in listed.split(",") if each}
    return number in running or (number - int(after)) & 0xFFFFFFFF < 1 << 31


def _words(names: Iterable[str]) -> str:
    return ", ".join(names)


def obstacles(
    server: Sequence[Optional[str]], facts: Iterable[Sequence[Optional[str]]], found: list[_Table]
) -> list[str]:
    """Why a source can't be followed, in words.

    :param server: what :data:`_SERVER` yields; ``facts``: what :data:`_TABLES` yields.
    """
    major, level, slots, taken, encoding = server
    words = []
    if int(major or 0) < FIRST:
        words.append("PostgreSQL %s is older than %d" % (major, FIRST))
    if level != "logical":
        words.append("its wal_level is %s, not logical" % level)
    if int(taken or 0) >= int(slots or 0):
        words.append("all of its %s max_replication_slots are taken" % slots)
    if encoding != "UTF8":
        words.append("its encoding is %s, not UTF8" % encoding)
    named: dict[str, list[str]] = {}
    described = {(table.schema, table.name): table for table in found}
    for schema, name, persistence, identity, inherits in facts:
        table = described[str(schema), str(name)]
        kinds = []
        if persistence != "p":
            kinds.append("unlogged tables")
        if inherits == "t":
            kinds.append("tables that are partitions, inherit or are inherited from")
        if str(identity) in _IDENTITIES:
            kinds.append("tables with REPLICA IDENTITY %s" % _IDENTITIES[str(identity)])
        elif not table.keys:
            kinds.append("tables without a primary key, or whose one is deferrable")
        elif any(column.is_generated for column in table.keys):
            kinds.append("tables whose key is computed")
        for kind in kinds:
            named.setdefault(kind, []).append(table.label)
    return words + ["%s: %s" % (kind, _words(named[kind])) for kind in sorted(named)]


_IDENTITIES = {"n": "NOTHING", "f": "FULL"}
_AGAINST_WORDS = {
    "owner": "tables that its role does not own: %s",
    "rule": "tables with rules: %s",
    "security": "tables whose row security is forced: %s",
    "temporary": "its role may make no temporary tables%s",
}


def against(found: Iterable[Sequence[Optional[str]]]) -> list[str]:
    """Why rows can't be carried over into a target, in words.

    :param found: what :data:`_AGAINST` yields.
    """
    named: dict[str, list[str]] = {}
    for kind, name in found:
        named.setdefault(str(kind), []).append(str(name))
    return [_AGAINST_WORDS[kind] % _words(names) for kind, names in named.items()]


class Follower:
    """Follows the changes of a database and carries them over into its copy.

    A context manager: changes are tracked from its begin to its end. Between them, in this order:
    the copy is made equal to what the source then is, :meth:`apply` as often as it pays,
    :meth:`finish` while nobody writes, :meth:`prove`.
    """

    def __init__(self, source: Endpoint, admin: Endpoint, target: Endpoint) -> None:
        """:param source: as LiteLLM's role; ``admin``: the same database as a role that makes
        publications and slots there; ``target``: as the role that owns its tables.
        """
        self.source, self.admin, self.target = source, admin, target
        #: why the publication could not be removed at the end, empty where it was
        self.left = ""
        self._stack = ExitStack()
        self._slot = "%s_%s" % (FOLLOWED, secrets.token_hex(4))
        self._changes = Changes()
        self._pending: dict[int, set[Key]] = {}
        self._taken: set[int] = set()  # transactions whose changes were taken since the last look
        self._published = False
        self._writer: Optional[Session] = None
        self._clerk: Optional[Session] = None
        self._used: set[str] = set()  # temporary tables with rows
        self._sequences: Optional[tuple[list[dict[str, Any]], list[dict[str, Any]]]] = None

    def __enter__(self) -> Follower:
        try:
            self._begin()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self._end()

    def _session(
        self, endpoint: Endpoint, seconds: Optional[float] = SECONDS, **settings: str
    ) -> Session:
        session = self._stack.enter_context(Session(endpoint, {**_SETTINGS, **settings}, seconds))
        session.query(_NO_TIMEOUT)
        return session

    def _begin(self) -> None:
        self._reader = self._session(self.source)
        # a standby that is away is nothing to wait for: what is decoded is on this server's disk
        self._teller = self._session(self.admin, synchronous_commit="local", lock_timeout=WAIT)
        if self._teller.query(_LOCK) != [["t"]]:
            raise PostgresError("%s: another run follows its changes" % self.source)
        self._scope = _contents.scope(self._reader)
        self._facts = self._reader.query(self._facts_query())
        self._tables = self._look()
        self._numbers = {(table.schema, table.name): table.number for table in self._tables}
        self._published = True
        self._teller.execute(_DROP)
        self._track()
        self._settle()
        self._holder = self._session(self.source, None, max_parallel_workers_per_gather="4")

    def _track(self) -> None:
        """The publication first: what the slot tells is looked up in it as it was at that time."""
        published = ", ".join(table.published(self._whole) for table in self._tables)
        try:
            self._teller.execute("CREATE PUBLICATION %s FOR TABLE %s" % (FOLLOWED, published))
            self._teller.query(_SLOT % literal(self._slot))
        except PostgresError as error:
            if "lock timeout" not in str(error):
                raise
            raise PostgresError(
                "%s: a transaction, of whatever database of this server, has not ended for %s;"
                " changes can be followed from a moment on in which none is older"
                % (self.source, WAIT)
            ) from None

    def _look(self) -> list[_Table]:
        """The tables to be followed.

        :raises PostgresError: with all that stands against it.
        """
        server = self._teller.query(_SERVER)[0]
        self._major = int(server[0] or 0)
        self._whole = self._major < FIRST_WITH_COLUMNS
        names = [(schema, name) for schema, name, _columns in tables(self._reader, self._scope)]
        if not names:
            raise PostgresError("%s: there is no table to follow" % self.source)
        listed = _listed(names)
        found = _described(names, self._teller.query(_COLUMNS % listed))
        words = obstacles(server, self._teller.query(_TABLES % listed), found)
        with Session(self.target, SETTINGS, SECONDS) as session:
            there = against(session.query(_AGAINST % {"tables": _listed(names, "to_regclass(%s)")}))
        told = ["%s: %s" % (self.source, "; ".join(words))] if words else []
        told += ["%s: %s" % (self.target, "; ".join(there))] if there else []
        if told:
            raise PostgresError("changes can't be followed. %s" % " | ".join(told))
        return found

    def _settle(self) -> None:
        """Until a transaction that was committing when the slot was made can be seen: the slot may
        not tell of it, so the copy has to have it."""
        running, deadline = self._running(), monotonic() + _STARTED
        while running & self._running() and monotonic() < deadline:
            sleep(0.01)

    def _running(self) -> set[str]:
        return {each for each in self._snapshot().split(":")[2].split(",") if each}

    def _snapshot(self) -> str:
        return str(self._reader.query("SELECT pg_current_snapshot()")[0][0])

    def _facts_query(self) -> str:
        """The query for the schema's facts, of LiteLLM's part or of the whole database."""
        own = """n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass
      AND e.objid = c.oid AND e.deptype = 'e')"""
        if self._scope is not None:
            own = "n.nspname = %s AND (%s)" % (
                literal(self._scope.schema),
                "starts_with(c.relname, %s) OR c.relname IN (%s) OR c.oid IN (%s)"
                % (
                    literal(_contents.PREFIX),
                    ", ".join(map(literal, (_contents.LEDGER, *_contents.VIEWS))),
                    self._scope.numbers("pg_class"),
                ),
            )
        return _FACTS % own

    def _changed(self, what: str) -> PostgresError:
        return PostgresError(
            "somebody changed the schema of %s while its changes were followed: %s"
            % (self.source, what)
        )

    def _open(self) -> Session:
        """The target's sessions, from the first use on: the copy may have been made anew before.

        :raises PostgresError: it is not a copy of this schema, or can't be written to.
        """
        if self._writer is not None:
            return self._writer
        writer = self._session(self.target)
        self._reached = self._session(self.target, None, max_parallel_workers_per_gather="4")
        self._there = _contents.scope(self._reached)
        names = [(table.schema, table.name) for table in self._tables]
        listed = _listed(names, "to_regclass(%s)")
        if _described(names, writer.query(_COLUMNS % listed)) != self._tables:
            raise PostgresError(
                "%s is no copy of %s: columns of its tables differ" % (self.target, self.source)
            )
        words = against(writer.query(_AGAINST % {"tables": listed}))
        if words:
            raise PostgresError("%s: %s" % (self.target, "; ".join(words)))
        numbered = ", ".join(
            "(%d, %s)" % (table.number, literal(table.sql)) for table in self._tables
        )
        oids = {
            str(oid): int(number or 0)
            for number, oid in writer.query(
                "SELECT number, name::regclass::oid FROM (VALUES %s) AS t(number, name)" % numbered
            )
        }
        references = writer.query(_REFERENCES % {"tables": listed})
        order = ordered(
            oids.values(), ((oids[str(child)], oids[str(parent)]) for child, parent in references)
        )
        self._order = {number: place for place, number in enumerate(order)}
        self._triggered = {oids[str(oid)] for [oid] in writer.query(_TRIGGERED % listed)}
        writer.execute(";\n".join(table.make() for table in self._tables))
        self._writer = writer
        return writer

    def apply(self) -> int:
        """Carry over what has changed, or some of it where that is much; how many rows' keys that
        were.

        :raises PostgresError: it can't be; the target holds what it held. There is nothing to do
            but to end.
        """
        with self._explaining():
            self._open()
            drained = False
            while not (drained or self._pending):
                drained = self._take()
            count = self._carry()
            self._empty()
        if drained:
            self._shorten()
        return count

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        """What fails within is said to be the schema's change where there was one."""
        try:
            yield
        except PostgresError as error:
            try:
                same = self._has_schema()
            except PostgresError:
                same = True  # nobody can tell
            if same:
                raise
            raise self._differs() from error

    def _has_schema(self) -> bool:
        """Whether the source has the schema that it had at the begin."""
        return self._holder.query(self._facts_query()) == self._facts

    def _differs(self) -> PostgresError:
        return self._changed("what its tables consist of differs")

    def _shorten(self) -> None:
        """Have the server write down which transactions run, as it does every 15 seconds: decoding
        begins where it last did that before what was taken, each time anew.

        Nothing depends on it. Servers before 16 do it on request only where a slot is made.
        """
        try:
            if self._clerk is None:
                self._clerk = self._session(self.admin, statement_timeout="300ms")
            if self._major >= FIRST_WITH_STANDBY_SNAPSHOT:
                self._clerk.query("SELECT pg_log_standby_snapshot()")
            else:
                name = literal(self._slot + "_")
                self._clerk.query(_SLOT % name)
                self._clerk.query("SELECT pg_drop_replication_slot(%s)" % name)
        except PostgresError:
            if self._clerk is not None:
                self._clerk.close()
            self._clerk = None  # a transaction that runs for long, or no slot is free

    def _take(self, until: Optional[str] = None) -> bool:
        """Take changes from the slot, whole transactions; whether these were all.

        :param until: no later ones, by the position in the server's log.
        """
        count = number = 0
        asked = _CHANGES % (
            literal(self._slot),
            literal(until) if until else "NULL",
            CHUNK,
            literal(FOLLOWED),
        )
        for line in self._teller.copied(asked):
            count += 1
            told = self._changes.read(bytes.fromhex(line.decode("ascii")))
            if isinstance(told, Begun):
                number = told.number
            elif isinstance(told, Relation):
                self._known(told)
            elif isinstance(told, Changed):
                self._taken.add(number)
                table = self._numbers[told.relation.schema, told.relation.table]
                self._pending.setdefault(table, set()).update(told.keys)
            elif isinstance(told, Emptied):
                names = (self._tables[self._known(each)].label for each in told.relations)
                raise PostgresError(
                    "%s: somebody emptied tables at once while its changes were followed: %s"
                    % (self.source, _words(names))
                )
        return count < CHUNK

    def _known(self, relation: Relation) -> int:
        """The number here of a table that is told of.

        :raises PostgresError: it is not what it was.
        """
        number = self._numbers.get((relation.schema, relation.table))
        if number is not None:
            table = self._tables[number]
            keys = [column.name for column in table.keys]
            all_ = [column.name for _place, column in table.carried]
            told = [column.name for column in relation.columns]
            if relation.keys == keys and told == (all_ if self._whole else keys):
                return number
        raise self._changed("table %s is not what it was" % relation.table)

    def _flush(self) -> None:
        """Everything that was committed is on disk, and told, whatever its client waited for."""
        self._teller.query(_FLUSH)

    def _carry(self) -> int:
        """Carry over the rows whose keys are pending."""
        count = sum(map(len, self._pending.values()))
        if not count:
            return 0
        writer = self._open()
        self._look_at_source()
        pending, self._pending = self._pending, {}
        writer.execute(_WRITE)
        done = self._try(writer, pending)
        if not done:
            writer.execute("ROLLBACK")
            # A row may be newer than the changes that were taken so far, and need one of a later
            # change: with all that there were before it was read, the rows fit each other.
            self._flush()
            until = str(self._teller.query("SELECT pg_current_wal_flush_lsn()")[0][0])
            while not self._take(until):
                pass
            for number, keys in self._pending.items():
                pending.setdefault(number, set()).update(keys)
            writer.execute(_WRITE)
            try:
                self._replace(writer, pending)
            except PostgresError as error:
                raise self._do_not_fit(error, pending) from None
        writer.execute("COMMIT")
        self._reader.execute("COMMIT")
        return count

    def _look_at_source(self) -> None:
        """Begin a snapshot of the source that has all that was taken: a commit is told from the
        moment on in which it is on disk, and seen a moment later.

        :raises PostgresError: that takes too long.
        """
        deadline = monotonic() + VISIBLE
        while True:
            self._reader.execute(_BEGIN)
            snapshot = self._snapshot()
            self._taken = {number for number in self._taken if is_running(number, snapshot)}
            if not self._taken:
                return
            self._reader.execute("ROLLBACK")
            if monotonic() > deadline:
                raise PostgresError(
                    "%s: a commit takes more than %g s to be seen, as where a standby does not"
                    " answer" % (self.source, VISIBLE)
                )
            sleep(0.002)

    def _load(self, writer: Session, pending: dict[int, set[Key]]) -> list[_Table]:
        """Rows as the source has them, into the temporary tables; which tables, parents first."""
        self._empty()
        numbers = sorted(pending, key=self._order.__getitem__)
        self._used = {self._tables[number].temporary for number in numbers}
        for number in numbers:
            table, keys = self._tables[number], sorted(pending[number])
            parts = (keys[place : place + KEYS] for place in range(0, len(keys), KEYS))
            rows = chain.from_iterable(self._reader.copied(table.asked(part)) for part in parts)
            with writer.loading("COPY %s FROM STDIN" % table.temporary) as load:
                load(_Rows(rows))
        return [self._tables[number] for number in numbers]

    def _empty(self) -> None:
        """Empty the temporary tables: one by one, since at each commit PostgreSQL would empty all
        of them, which takes longer than the rest of it."""
        if self._used:
            self._open().execute("TRUNCATE %s" % _words(sorted(self._used)))
            self._used = set()

    def _try(self, writer: Session, pending: dict[int, set[Key]]) -> bool:
        """Make rows what they are in the source; whether the target took them."""
        found = self._load(writer, pending)
        statements = [table.remove() for table in reversed(found)]
        statements += [table.put() for table in found]
        code = _TRY % {"refused": _REFUSED, "statements": ";\n  ".join(statements) + ";"}
        own = [table.sql for table in found if table.number in self._triggered]
        with _copy_back.without_triggers(writer, own) if own else nullcontext():
            writer.execute("DO %s" % literal(code))
        return writer.query("SELECT current_setting('%s')" % _REFUSED) == [[""]]

    def _replace(self, writer: Session, pending: dict[int, set[Key]]) -> None:
        """Rows removed and inserted anew, while no foreign key stands between: for what no order
        of single rows can do."""
        found = self._load(writer, pending)
        names = [table.sql for table in found]
        without_keys = _copy_back.without_foreign_keys(writer, names)
        with without_keys, _copy_back.without_triggers(writer, names):
            for table in found:
                writer.execute(table.remove(every=True))
            for table in found:
                writer.execute(table.insert())

    def _do_not_fit(self, error: PostgresError, numbers: Iterable[int]) -> PostgresError:
        names = _words(sorted(self._tables[number].label for number in numbers))
        return PostgresError("rows that changed in %s do not fit the target. %s" % (names, error))

    def finish(self) -> None:
        """Carry over the last changes and set the sequences, while nobody writes; from then on
        both sides' contents are held for :meth:`prove`.

        :raises PostgresError: somebody writes, the schema was changed, or it can't be done; clients
            may go on with the source.
        """
        self._open()
        with ThreadPoolExecutor(3) as beside:
            wanted = beside.submit(self._source_state)
            found = beside.submit(sequences, self._reached, self._there)
            try:
                self._carry_all()
            except PostgresError:
                wanted.result()  # fails where a change of the schema is the reason
                raise
            self._set_sequences(wanted.result(), found.result())
            for begun in [
                beside.submit(self._hold, session) for session in (self._holder, self._reached)
            ]:
                begun.result()

    def _carry_all(self) -> None:
        for _round in range(ROUNDS):
            self._flush()
            while not self._take():
                pass
            if not self._carry():
                return
        raise PostgresError("%s: somebody still writes to it" % self.source)

    def _source_state(self) -> list[dict[str, Any]]:
        """The source's sequences, if its schema is what it was."""
        if not self._has_schema():
            raise self._differs()
        return sequences(self._holder, self._scope)

    def _set_sequences(self, wanted: list[dict[str, Any]], found: list[dict[str, Any]]) -> None:
        writer = self._open()
        names = ({(item["schema"], item["name"]) for item in side} for side in (wanted, found))
        if len({frozenset(each) for each in names}) > 1:
            raise PostgresError(
                "%s is no copy of %s: its sequences differ" % (self.target, self.source)
            )
        if wanted != found:
            writer.execute(_WRITE)
            _copy_back.set_sequences(writer, wanted, found)
            writer.execute("COMMIT")
            found = sequences(writer, self._there)
        self._sequences = wanted, found

    @staticmethod
    def _hold(session: Session) -> None:
        begin(session)
        session.query("SELECT pg_current_snapshot()")

    def prove(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The fingerprints of source and target as :meth:`finish` left them; clients may write
        meanwhile.

        :raises PostgresError: either can't be read, or there was no :meth:`finish`.
        """
        if self._sequences is None:
            raise PostgresError("%s: its last changes were not carried over" % self.source)
        with ThreadPoolExecutor(2) as beside:
            taken = [
                beside.submit(take, session, scope)
                for session, scope in ((self._holder, self._scope), (self._reached, self._there))
            ]
            held, reached = (
                {**each.result(), "sequences": numbers}
                for each, numbers in zip(taken, self._sequences)
            )
        for side in (held, reached):
            side["hash"] = digest(side)
        return held, reached

    def _end(self) -> None:
        """Remove the publication and end the sessions, the slot with its own."""
        try:
            if self._published:
                self.left = self._removed(self._teller) and self._removed()
        finally:
            self._stack.close()

    def _removed(self, session: Optional[Session] = None) -> str:
        """Remove the publication; why that could not be, empty where it was.

        :param session: that has the lock; without, one is made: what failed may have ended it.
        """
        try:
            if session is not None:
                session.execute(_DROP)
                return ""
            with Session(self.admin, SETTINGS, SECONDS) as fresh:
                deadline = monotonic() + VISIBLE
                while fresh.query(_LOCK) != [["t"]]:
                    if monotonic() > deadline:
                        return "%s: another run follows its changes" % self.source
                    sleep(0.05)
                fresh.execute(_DROP)
        except PostgresError as error:
            return str(error)
        return ""


def _listed(names: Iterable[tuple[str, str]], form: str = "%s::regclass") -> str:
    """Tables by their numbers, as SQL has them between parentheses."""
    return ", ".join(form % literal(identifier(*name)) for name in names)


def _described(
    names: Sequence[tuple[str, str]], rows: Iterable[Sequence[Optional[str]]]
) -> list[_Table]:
    """Tables with their columns, see :data:`_COLUMNS`, in the order of their names."""
    columns: dict[tuple[str, str], list[_Column]] = {name: [] for name in names}
    for schema, table, name, kind, plain, *flags in rows:
        columns[str(schema), str(table)].append(
            _Column(str(name), str(kind), str(plain), *(flag == "t" for flag in flags))
        )
    return [
        _Table(number, schema, table, tuple(found))
        for number, ((schema, table), found) in enumerate(columns.items())
    ]


def forget(admin: Endpoint) -> bool:
    """Remove the publication that a follower which was killed has left; whether there was one.

    :param admin: the database as a superuser.
    :raises PostgresError: it can't be removed.
    """
    with Session(admin, SETTINGS, SECONDS) as session:
        named = "SELECT 1 FROM pg_publication WHERE pubname = %s" % literal(FOLLOWED)
        if not session.query(named):
            return False
        session.execute("DROP PUBLICATION %s" % FOLLOWED)
    return True
