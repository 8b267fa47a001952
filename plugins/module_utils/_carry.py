# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows that were written after a migration, home into the database that they came from: whose schema, owners and rights stay as they are.

Only rows travel, as COPY's text, so that the server they come from may be of a newer major. Everything happens in one transaction of
the target, which is committed when its contents are proved equal to the source's, and else leaves no trace.
"""
from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from time import monotonic
from typing import Any, NamedTuple, Optional

from ._fingerprint import SETTINGS, begin, compare, fingerprint, sequences, take
from ._postgres import Endpoint, PostgresError, Session, identifier, literal

_COLUMNS = """SELECT a.attname, a.attgenerated FROM pg_attribute a WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum"""
# Of the tables themselves and to them: rows are removed and come in any order.
_FOREIGN_KEYS = """SELECT k.conrelid::regclass::text, k.conname, pg_get_constraintdef(k.oid) FROM pg_constraint k
WHERE k.contype = 'f' AND k.conparentid = 0 AND (k.conrelid::regclass::text IN (%(tables)s) OR k.confrelid::regclass::text IN (%(tables)s)) ORDER BY 1, 2"""
_TRIGGERS = """SELECT g.tgrelid::regclass::text || ' (' || g.tgname || ')' FROM pg_trigger g
WHERE NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgrelid::regclass::text IN (%s) ORDER BY 1"""


class Result(NamedTuple):
    """A carry: what was done (``carry``, ``none``), the differences in words (none: proved equal), both fingerprints, what changed in the
    target (:func:`delta`), bytes that crossed, and the seconds of each phase."""

    action: str
    differences: list[str]
    source: dict[str, Any]
    target: dict[str, Any]
    tables: list[dict[str, Any]]
    bytes: int
    seconds: dict[str, float]


def delta(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """The tables that differ between two fingerprints: ``name``, and the rows ``before`` and ``after``, 0 where there is no such table."""
    old, new = ({(item["schema"], item["name"]): item for item in side["tables"]} for side in (before, after))
    nothing = {"rows": 0, "hash": None}
    return [{"name": key[1], "before": old.get(key, nothing)["rows"], "after": new.get(key, nothing)["rows"]}
            for key in sorted(old.keys() | new.keys()) if old.get(key, nothing)["hash"] != new.get(key, nothing)["hash"]]


def check(held: dict[str, Any], there: dict[str, Any], expect: Optional[str], target: Endpoint) -> None:
    """Whether the target may be made to hold what the source holds.

    :param held: the source's fingerprint; ``there``: the target's; ``expect``: hash of the target when it was left, ``None`` for any.
    :raises PostgresError: it must not.
    """
    if expect is not None and there["hash"] != expect:
        raise PostgresError("%s was written to since it was left; carrying rows over it would lose that. It differs from what is to be carried: %s"
                            % (target, "; ".join(compare(held, there))))
    if held["schema_hash"] != there["schema_hash"]:
        ours, theirs = ({str(item["name"]) for item in side["tables"]} for side in (held, there))
        only = ["table %s is only in the source" % name for name in sorted(ours - theirs)]
        only += ["table %s is only in the target" % name for name in sorted(theirs - ours)]
        raise PostgresError("the schemas differ%s: a newer LiteLLM changed the one that is carried, and its rows do not fit the other"
                            % (" (%s)" % "; ".join(only) if only else " in columns, types, constraints or indexes"))


def carry(source: Endpoint, target: Endpoint, expect: Optional[str] = None) -> Result:
    """Make the target hold what the source holds, and prove it.

    :param expect: content hash (``fingerprint()["hash"]``) that the target had when it was left. ``None`` for any.
    :raises PostgresError: refused or failed; the target holds what it held.
    """
    seconds: dict[str, float] = {}
    last = monotonic()

    def phase(name: str) -> None:
        nonlocal last
        seconds[name], last = round(monotonic() - last, 3), monotonic()

    with ExitStack() as stack:
        holder = stack.enter_context(Session(source, SETTINGS))
        begin(holder)
        snapshot = str(holder.query("SELECT pg_export_snapshot()")[0][0])
        held, there = take(holder), fingerprint(target)
        phase("look")
        if not compare(held, there):
            return Result("none", [], held, there, [], 0, seconds)
        check(held, there, expect, target)
        changed = delta(there, held)
        with Session(target, SETTINGS) as session:
            crossed = _fill(session, source, snapshot, held, there)
            phase("carry")
            reached = take(session)
            differences = compare(held, reached)
            phase("prove")
            if differences:
                session.execute("ROLLBACK")
                return Result("carry", differences, held, reached, [], crossed, seconds)
            session.execute("COMMIT")
            for table in _names(held, there):
                session.execute("ANALYZE %s" % table)
            phase("settle")
    return Result("carry", [], held, reached, changed, crossed, seconds)


def foresee(source: Endpoint, target: Endpoint, expect: Optional[str] = None) -> tuple[str, list[dict[str, Any]]]:
    """What :func:`carry` would do now, and to which tables.

    :raises PostgresError: it would refuse.
    """
    held, there = fingerprint(source), fingerprint(target)
    if not compare(held, there):
        return "none", []
    check(held, there, expect, target)
    return "carry", delta(there, held)


def _names(held: dict[str, Any], there: dict[str, Any]) -> list[str]:
    """The tables that differ, as SQL."""
    old = {(item["schema"], item["name"]): item["hash"] for item in there["tables"]}
    return [identifier(item["schema"], item["name"] if item["schema"] == "public" else item["name"][len(item["schema"]) + 1:])
            for item in held["tables"] if old.get((item["schema"], item["name"])) != item["hash"]]


def _fill(session: Session, source: Endpoint, snapshot: str, held: dict[str, Any], there: dict[str, Any]) -> int:
    """Replace the rows of all tables that differ, in a transaction that is left open; the bytes that crossed."""
    tables, crossed = _names(held, there), 0
    session.query("SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'transaction_timeout'")
    session.execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
    keys: Sequence[Sequence[Optional[str]]] = []
    if tables:
        session.execute("LOCK TABLE %s IN ACCESS EXCLUSIVE MODE" % ", ".join(tables))
        listed = ", ".join("%s::regclass::text" % literal(table) for table in tables)
        triggers = [str(row[0]) for row in session.query(_TRIGGERS % listed)]
        if triggers:
            raise PostgresError("%s has triggers, which would act on rows that are carried: %s. LiteLLM makes none."
                                % (session.endpoint, ", ".join(triggers)))
        keys = session.query(_FOREIGN_KEYS % {"tables": listed})
        for table, name, _definition in keys:
            session.execute("ALTER TABLE %s DROP CONSTRAINT %s" % (table, identifier(str(name))))
        session.execute("TRUNCATE %s" % ", ".join(tables))
        for table in tables:
            crossed += _table(session, source, snapshot, table)
        for table, name, definition in keys:
            session.execute("ALTER TABLE %s ADD CONSTRAINT %s %s" % (table, identifier(str(name)), definition))
    # The last thing before the proof: sequences are outside of transactions, so one that was set stays set.
    _set(session, held["sequences"], sequences(session))
    return crossed


def _set(session: Session, wanted: Iterable[dict[str, Any]], found: Iterable[dict[str, Any]]) -> None:
    at = {(item["schema"], item["name"]): (item["last_value"], item["is_called"]) for item in found}
    for item in wanted:
        if at.get((item["schema"], item["name"])) != (item["last_value"], item["is_called"]):
            bare = item["name"] if item["schema"] == "public" else item["name"][len(item["schema"]) + 1:]
            session.query("SELECT setval(%s, %d, %s)" % (literal(identifier(item["schema"], bare)), item["last_value"],
                                                         "true" if item["is_called"] else "false"))


def _table(session: Session, source: Endpoint, snapshot: str, table: str) -> int:
    """The rows of one table, from the source's snapshot into the target's transaction."""
    columns = ", ".join(identifier(str(name)) for name, generated in session.query(_COLUMNS % literal(table)) if not generated)
    with ExitStack() as stack:
        reader = source.start("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--set=VERBOSITY=terse", "--file=-",
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        stack.callback(_end, reader)
        if reader.stdin is None or reader.stdout is None or reader.stderr is None:
            raise PostgresError("%s: psql was started without pipes" % source)
        settings = "".join("SET %s = %s;\n" % (name, literal(value)) for name, value in SETTINGS.items())
        script = "%sBEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\nSET TRANSACTION SNAPSHOT %s;\nCOPY (SELECT %s FROM ONLY %s) TO STDOUT;\n" % (
            settings, literal(snapshot), columns, table)
        try:
            reader.stdin.write(script.encode())
            reader.stdin.close()
        except OSError:
            pass  # it has ended; its exit code and standard error say why
        with session.loading("COPY %s (%s) FROM STDIN" % (table, columns)) as load:
            crossed = load(reader.stdout)
            said = reader.stderr.read().decode("utf-8", "replace")
            if reader.wait():
                # The target has not been told that the rows are all: leaving its session like this undoes everything.
                raise source.explain("psql", reader.returncode, said)
    return crossed


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe and not pipe.closed:
            pipe.close()
