# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows that were written after a migration, copied back into the database that they came from: its
schema, owners and rights stay.

Only rows travel, as COPY's text, so that the server they come from may be of a newer major, and of
a large table only those parts that are not the same on both sides. Everything happens in one
transaction of the target, which is committed when its contents are verified to equal the source's,
and else leaves no trace.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from time import monotonic, sleep
from typing import Any, NamedTuple, Optional

from . import contents as _contents
from .endpoint import APPLICATION, SAID, SCRIPT
from .fingerprint import (
    SETTINGS,
    Rows,
    begin,
    combine,
    compare,
    fingerprint,
    parts,
    recognize,
    sequences,
    take,
)
from .session import Endpoint, PostgresError, Session, identifier, literal
from .verified import Phases

TIMEOUT = 60.0  # seconds
# Rows of a table are compared and replaced by parts, with about so many in each.
PART_ROWS, MOST_PARTS = 16, 1 << 16
_COLUMNS = """SELECT a.attname, a.attgenerated FROM pg_attribute a
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum"""
# Of the tables themselves and to them: rows are removed and come in any order.
_FOREIGN_KEYS = """SELECT k.conrelid::regclass::text, k.conname, pg_get_constraintdef(k.oid),
  obj_description(k.oid, 'pg_constraint')
FROM pg_constraint k WHERE k.contype = 'f' AND k.conparentid = 0
  AND (k.conrelid::regclass::text IN (%(tables)s) OR k.confrelid::regclass::text IN (%(tables)s))
ORDER BY 1, 2"""
# Of the tables and of those that they are partitions of. PostgreSQL's own serve foreign keys.
_TRIGGERS = """SELECT g.tgrelid::regclass::text, g.tgname, g.tgenabled FROM pg_trigger g
WHERE NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgrelid IN (
  SELECT c.oid FROM pg_class c WHERE c.oid::regclass::text IN (%(tables)s)
  UNION SELECT a.relid FROM pg_class c, pg_partition_ancestors(c.oid) a
  WHERE c.oid::regclass::text IN (%(tables)s)) ORDER BY 1, 2"""
_ENABLED = {"O": "ENABLE TRIGGER", "R": "ENABLE REPLICA TRIGGER", "A": "ENABLE ALWAYS TRIGGER"}
# What is written to, and what refers to it: only an owner may take a foreign key away.
_NOT_OURS = """SELECT c.oid::regclass::text FROM pg_class c
WHERE NOT pg_has_role(c.relowner, 'USAGE') AND (c.oid::regclass::text IN (%(relations)s)
  OR c.oid IN (SELECT k.conrelid FROM pg_constraint k
    WHERE k.contype = 'f' AND k.confrelid::regclass::text IN (%(relations)s)))
ORDER BY 1"""


class Result(NamedTuple):
    """A copy back: what was done (``copy_back``, ``none``), the differences in words (none:
    verified), both fingerprints, what changed in the target (:func:`delta`), bytes that crossed,
    and the seconds of each phase.
    """

    action: str
    differences: list[str]
    source: dict[str, Any]
    target: dict[str, Any]
    tables: list[dict[str, Any]]
    bytes: int
    seconds: dict[str, float]


def delta(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """The tables that differ between two fingerprints, by name: ``name``, the rows ``before`` and
    ``after`` (0 where there is no such table), and ``changed``, whether the hashes differ.
    """
    old, new = (
        {(item["schema"], item["name"]): item for item in side["tables"]}
        for side in (before, after)
    )
    nothing = {"rows": 0, "hash": None}
    pairs = [
        (key[1], old.get(key, nothing), new.get(key, nothing))
        for key in sorted(old.keys() | new.keys())
    ]
    return [
        {
            "name": name,
            "before": one["rows"],
            "after": other["rows"],
            "changed": one["hash"] != other["hash"],
        }
        for name, one, other in pairs
        if (one["rows"], one["hash"]) != (other["rows"], other["hash"])
    ]


def _rows(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {key: item[key] for key in ("name", "before", "after")} for item in delta(before, after)
    ]


def check(
    held: dict[str, Any], there: dict[str, Any], expect: Optional[str], target: Endpoint
) -> None:
    """Whether the target may be made to hold what the source holds.

    :param held: the source's fingerprint; ``there``: the target's; ``expect``: hash of the target
        when it was left, ``None`` for any.
    :raises PostgresError: it must not.
    """
    if expect is not None and there["hash"] != expect:
        raise PostgresError(
            "%s was written to since it was left; copying rows back over it would lose that. "
            "It differs from what is to be copied back: %s"
            % (target, "; ".join(compare(held, there)))
        )
    if held["schema_hash"] != there["schema_hash"]:
        ours, theirs = ({str(item["name"]) for item in side["tables"]} for side in (held, there))
        only = ["table %s is only in the source" % name for name in sorted(ours - theirs)]
        only += ["table %s is only in the target" % name for name in sorted(theirs - ours)]
        raise PostgresError(
            "the schemas differ%s: a newer LiteLLM changed one of them, and rows of the one "
            "do not fit the other. Let both sides have the schema of one release of LiteLLM, "
            "which migrates it when it starts, or leave these rows where they are"
            % (" (%s)" % "; ".join(only) if only else " in columns, types, constraints or indexes")
        )


def copy_back(source: Endpoint, target: Endpoint, expect: Optional[str] = None) -> Result:
    """Make the target hold what the source holds, and verify it.

    :param expect: content hash (``fingerprint()["hash"]``) that the target had when it was left.
        ``None`` for any.
    :raises PostgresError: refused or failed; the target holds what it held.
    """
    phase = Phases()
    with ExitStack() as stack:
        session = stack.enter_context(Session(target, SETTINGS))
        _lock(session)
        holder = stack.enter_context(Session(source, SETTINGS))
        begin(holder)
        snapshot = str(holder.query("SELECT pg_export_snapshot()")[0][0])
        with ThreadPoolExecutor(1) as beside:
            reading = beside.submit(recognize, holder)
            scope, there = recognize(session, expect)
            _scope, held = reading.result()
        phase("inspect")
        if not compare(held, there):
            return Result("none", [], held, there, [], 0, phase.seconds)
        check(held, there, expect, target)
        _check_tables(session, held, there)
        try:
            crossed = _fill(session, source, snapshot, held, there, holder)
            set_sequences(session, held["sequences"], sequences(session, scope))
        except PostgresError as error:
            if "lock timeout" in str(error):
                raise PostgresError(
                    "%s: others use these tables, stop the clients of this database first" % error
                ) from None
            raise
        phase("copy")
        # foreign keys that were added again have other numbers now
        reached = take(session, scope and _contents.scope(session))
        differences = compare(held, reached)
        phase("verify")
        if differences:
            session.execute("ROLLBACK")
            return Result("copy_back", differences, held, reached, [], crossed, phase.seconds)
        session.execute("COMMIT")
        try:
            for item in _differing(held, there):
                session.execute("ANALYZE %s" % _sql(item))
        except PostgresError:
            pass  # the rows are committed and verified; statistics come by autovacuum as well
        phase("analyze")
    return Result("copy_back", [], held, reached, _rows(there, held), crossed, phase.seconds)


def dry_run(
    source: Endpoint, target: Endpoint, expect: Optional[str] = None
) -> tuple[str, list[dict[str, Any]]]:
    """What :func:`copy_back` would do now, and to which tables.

    :raises PostgresError: it would refuse.
    """
    held, there = fingerprint(source), fingerprint(target, expect=expect)
    if not compare(held, there):
        return "none", []
    check(held, there, expect, target)
    with Session(target, SETTINGS) as session:
        _check_tables(session, held, there)
    return "copy_back", _rows(there, held)


def _bare(item: dict[str, Any]) -> str:
    """The name of a fingerprint's table or sequence, without its schema."""
    name = str(item["name"])
    return name if item["schema"] == "public" else name[len(item["schema"]) + 1 :]


def _sql(item: dict[str, Any]) -> str:
    return identifier(item["schema"], _bare(item))


def _differing(
    held: dict[str, Any], there: dict[str, Any], kind: str = "tables"
) -> list[dict[str, Any]]:
    """The tables or sequences that are not the same on both sides, as they are ``there``."""
    others = {(item["schema"], item["name"]): item for item in held[kind]}
    return [item for item in there[kind] if others[item["schema"], item["name"]] != item]


def _lock(session: Session) -> None:
    """Begin the transaction, as the only one that copies back into this database.

    :raises PostgresError: another one does not end in time.
    """
    session.query(
        "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'transaction_timeout'"
    )
    session.execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
    session.execute(
        "SET LOCAL synchronous_commit = on"
    )  # where somebody turned it off: what is committed here is given up elsewhere
    deadline = monotonic() + TIMEOUT
    lock = "SELECT pg_try_advisory_xact_lock(hashtext(%s), hashtext('copy back'))" % literal(
        APPLICATION
    )
    while session.query(lock) != [["t"]]:
        if monotonic() > deadline:
            raise PostgresError(
                "another copy back into %s is under way, for more than %g s"
                % (session.endpoint, TIMEOUT)
            )
        sleep(0.5)


def _check_tables(session: Session, held: dict[str, Any], there: dict[str, Any]) -> None:
    """:raises PostgresError: what is to be written to has another owner."""
    tables, numbers = (
        [_sql(item) for item in _differing(held, there, kind)] for kind in ("tables", "sequences")
    )
    strange = [
        str(row[0]) for row in session.query(_NOT_OURS % {"relations": _listed(tables + numbers)})
    ]
    if strange:
        raise PostgresError(
            "%s: its role does not own %s; connect as the role that does"
            % (session.endpoint, ", ".join(strange))
        )


@contextmanager
def without_foreign_keys(session: Session, tables: Sequence[str]) -> Iterator[None]:
    """Rows may be removed and come in any order within, in the transaction that is open; each
    foreign key of these tables and to them holds again at the end.

    :raises PostgresError: that can't be done.
    """
    keys: Sequence[Sequence[Optional[str]]] = session.query(
        _FOREIGN_KEYS % {"tables": _listed(tables)}
    )
    _check_words(session, keys)
    for table, name, *_rest in keys:
        session.execute("ALTER TABLE %s DROP CONSTRAINT %s" % (table, identifier(str(name))))
    yield
    for table, name, definition, comment in keys:
        session.execute(
            "ALTER TABLE %s ADD CONSTRAINT %s %s" % (table, identifier(str(name)), definition)
        )
        if comment is not None:
            session.execute(
                "COMMENT ON CONSTRAINT %s ON %s IS %s"
                % (identifier(str(name)), table, literal(comment))
            )


@contextmanager
def without_triggers(session: Session, tables: Sequence[str]) -> Iterator[None]:
    """Rows that are copied are not written anew: no trigger acts on them, LiteLLM's own included.
    Each is then what it was.

    :raises PostgresError: that can't be done.
    """
    asked = _TRIGGERS % {"tables": _listed(tables)}
    triggers = session.query(asked)
    _check_words(session, triggers)
    for table, name, _state in triggers:
        session.execute("ALTER TABLE ONLY %s DISABLE TRIGGER %s" % (table, identifier(str(name))))
    yield
    for table, name, state in triggers:
        how = _ENABLED[str(state)]
        session.execute("ALTER TABLE ONLY %s %s %s" % (table, how, identifier(str(name))))
    if session.query(asked) != triggers:
        raise PostgresError("%s: its triggers would not be what they were" % session.endpoint)


def _check_words(session: Session, rows: Iterable[Sequence[Optional[str]]]) -> None:
    """psql would run what follows a backslash that it finds outside of quotes, and some of this is
    SQL as the server wrote it.

    :raises PostgresError: there is one.
    """
    if any("\\" in (value or "") for row in rows for value in row):
        raise PostgresError(
            "%s: a foreign key or trigger has a backslash in its name or definition. LiteLLM makes"
            " none." % session.endpoint
        )


def _listed(relations: Iterable[str]) -> str:
    return ", ".join("%s::regclass::text" % literal(relation) for relation in relations)


class _Table(NamedTuple):
    """A table that is to be made equal: its columns, the bits of a row's hash that say its part
    (see :func:`.fingerprint.parts`), and what each part of it holds in the target."""

    name: str
    columns: list[tuple[str, bool]]  # name, whether it is generated
    rows: Rows  # of the target
    mask: int
    parts: dict[int, tuple[int, int, int]]


def _is_utf8(session: Session) -> bool:
    return session.query("SHOW server_encoding") == [["UTF8"]]


def _mask(rows: int) -> int:
    """The bits of a hash by which so many rows are divided into parts."""
    count = min(rows // PART_ROWS, MOST_PARTS)
    return (1 << max(0, count.bit_length() - 1)) - 1


def _check_unchanged(
    session: Session, items: Sequence[dict[str, Any]], others: dict[str, Any]
) -> list[_Table]:
    """What tables that are locked now hold, by parts.

    :param others: the source's fingerprint.
    :raises PostgresError: it is something else than when they were looked at.
    """
    utf8, found = _is_utf8(session), []
    counts = {(item["schema"], item["name"]): item["rows"] for item in others["tables"]}
    for item in items:
        name = _sql(item)
        columns = [(str(row[0]), bool(row[1])) for row in session.query(_COLUMNS % literal(name))]
        rows = Rows.of(item["schema"], _bare(item), " ".join(each for each, _made in columns), utf8)
        mask = _mask(max(item["rows"], counts[item["schema"], item["name"]]))
        held = parts(session, rows, mask)
        count, high, low = (sum(part[place] for part in held.values()) for place in range(3))
        if combine(high, low) != item["hash"]:
            raise PostgresError(
                "%s was written to while it was read: table %s had %d rows, now %d. "
                "Stop its clients first." % (session.endpoint, item["name"], item["rows"], count)
            )
        found.append(_Table(name, columns, rows, mask, held))
    return found


def _fill(
    session: Session,
    source: Endpoint,
    snapshot: str,
    held: dict[str, Any],
    there: dict[str, Any],
    holder: Session,
) -> int:
    """Replace what differs of all tables that do, in the transaction that is open and stays open;
    the bytes that crossed.

    :param holder: the session of the source that has the snapshot.
    """
    differing, crossed = _differing(held, there), 0
    tables = [_sql(item) for item in differing]
    if tables:
        # ONLY: a table of somebody else's may have been made to inherit from one
        only = ", ".join("ONLY " + table for table in tables)
        session.execute("LOCK TABLE %s IN ACCESS EXCLUSIVE MODE" % only)
        found = _check_unchanged(session, differing, held)
        with without_foreign_keys(session, tables), without_triggers(session, tables):
            utf8 = _is_utf8(holder)
            for item, here in zip(differing, found):
                names = " ".join(name for name, _generated in here.columns)
                rows = Rows.of(item["schema"], _bare(item), names, utf8)
                changed = _changed(parts(holder, rows, here.mask), here.parts)
                crossed += _make_equal(session, source, snapshot, here, rows, changed)
            session.execute(
                "SET CONSTRAINTS ALL IMMEDIATE"
            )  # no table can be altered while the check of a deferred one is pending
    return crossed


def set_sequences(
    session: Session, wanted: list[dict[str, Any]], found: list[dict[str, Any]]
) -> None:
    """Give sequences the source's values. setval alone would outlive a rollback; after a
    RESTART of the same transaction it does not.
    """
    for item in _differing({"sequences": found}, {"sequences": wanted}, "sequences"):
        session.execute("ALTER SEQUENCE %s RESTART" % _sql(item))
        session.query(
            "SELECT setval(%s, %d, %s)"
            % (literal(_sql(item)), item["last_value"], "true" if item["is_called"] else "false")
        )


def _changed(one: dict[int, Any], other: dict[int, Any]) -> list[int]:
    """The parts that are not the same on both sides."""
    return sorted(part for part in one.keys() | other.keys() if one.get(part) != other.get(part))


def _make_equal(
    session: Session,
    source: Endpoint,
    snapshot: str,
    table: _Table,
    rows: Rows,
    changed: Sequence[int],
) -> int:
    """Replace the rows of some parts of a table, or all where that is most of it; the bytes that
    crossed.

    :param rows: the source's.
    """
    if 2 * len(changed) > table.mask:
        session.execute("TRUNCATE ONLY %s" % table.name)
        return _copy_table(session, source, snapshot, table, rows)
    session.execute(
        "DELETE FROM %s WHERE %s" % (table.rows.table, table.rows.among(table.mask, changed))
    )
    return _copy_table(session, source, snapshot, table, rows, changed)


def _copy_table(
    session: Session,
    source: Endpoint,
    snapshot: str,
    table: _Table,
    rows: Rows,
    changed: Optional[Sequence[int]] = None,
) -> int:
    """The rows of one table, from the source's snapshot into the target's transaction.

    :param changed: of these parts alone.
    """
    columns = ", ".join(identifier(name) for name, generated in table.columns if not generated)
    which = "" if changed is None else " WHERE " + rows.among(table.mask, changed)
    with ExitStack() as stack:
        reader = source.start(
            "psql",
            "--no-psqlrc",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            "--set=VERBOSITY=terse",
            SCRIPT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        stack.callback(_kill, reader)
        if reader.stdin is None or reader.stdout is None or reader.stderr is None:
            raise PostgresError("%s: psql was started without pipes" % source)
        settings = "".join(
            "SET %s = %s;\n" % (name, literal(value)) for name, value in SETTINGS.items()
        )
        script = (
            "%sBEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\nSET TRANSACTION SNAPSHOT "
            "%s;\nCOPY (SELECT %s FROM %s%s) TO STDOUT;\n"
            % (settings, literal(snapshot), columns, rows.table, which)
        )
        try:
            reader.stdin.write(script.encode("utf-8", "surrogateescape"))
            reader.stdin.close()
        except OSError:
            pass  # it has ended; its exit code and standard error say why
        with session.loading(
            "COPY %s %s FROM STDIN" % (table.name, "(%s)" % columns if columns else "")
        ) as load:
            crossed = load(reader.stdout)
            said = reader.stderr.read(SAID).decode("utf-8", "replace")
            if reader.wait():
                # The target does not know yet that the rows are complete: ending its session like
                # this undoes everything.
                raise source.explain("psql", reader.returncode, said)
    return crossed


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe and not pipe.closed:
            pipe.close()
