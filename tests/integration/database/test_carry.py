"""Rows home into a database that exists: proved, or as if nothing had happened."""
from __future__ import annotations

import threading
from datetime import datetime, timezone
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils import _carry, _copy, _fingerprint
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import Endpoint, PostgresError, Session, query

from .conftest import Native, Server
from .content import NASTY

NOW = datetime(2026, 11, 23, 12, 5, 1, tzinfo=timezone.utc)
# Foreign keys to itself, around in a circle and to a table that stays as it is; every kind of value that text could spoil.
TABLES = """
CREATE TABLE still (id int PRIMARY KEY); INSERT INTO still SELECT generate_series(1, 5);
CREATE TABLE people (id serial PRIMARY KEY, boss int REFERENCES people, home int, said text, told jsonb, many text[], raw bytea, much float8,
  shout text GENERATED ALWAYS AS (upper(said)) STORED, number bigint GENERATED ALWAYS AS IDENTITY, kept int NOT NULL REFERENCES still);
CREATE TABLE homes (id int PRIMARY KEY, owner int REFERENCES people ON DELETE CASCADE);
ALTER TABLE people ADD CONSTRAINT "Lives in" FOREIGN KEY (home) REFERENCES homes DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX ON people (said);
INSERT INTO people (said, told, many, raw, much, kept) VALUES
  (E'tab\\t line\\n back\\\\slash \\\\. and \\\\N', '{"a": "\\u00fc"}', ARRAY['x', NULL, '{,}'], '\\x00ff5c', 0.1::float8 / 3, 1), (NULL, NULL, NULL, NULL, 'NaN', 2);
INSERT INTO homes VALUES (7, 1); UPDATE people SET home = 7, boss = 2 WHERE id = 1;
"""
SINCE = """
INSERT INTO people (boss, home, said, kept) VALUES (1, 7, E'\\\\.', 3), (3, NULL, 'Grüße \U0001f600', 4);
UPDATE people SET much = 'Infinity' WHERE id = 2; INSERT INTO homes VALUES (8, 4); UPDATE people SET boss = 4 WHERE id = 2;
DELETE FROM homes WHERE id = 99; SELECT setval('people_id_seq', 1000, false)
"""


def left(native: Native, to: Server, sql: str = TABLES) -> tuple[Endpoint, Endpoint, str]:
    """A native database, its copy on another server, and the hash of both."""
    old, new = native.new(sql), to.at(to.name())
    done = _copy.copy(old, new, "unchanged", NOW)
    return old, new, str(done.target["hash"])


def shape(endpoint: Endpoint) -> list[list[Any]]:
    """What a carry must not change: files of untouched tables, owners, rights, constraints."""
    return query(endpoint, """SELECT 'still', pg_relation_filenode('still')::text, '' UNION ALL
        SELECT c.relname, c.relowner::regrole::text, c.relacl::text FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace UNION ALL
        SELECT conname, pg_get_constraintdef(oid), convalidated::text FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2, 3""")


def test_rows_come_home_whatever_they_are(native: Native, target: Server) -> None:
    old, new, mark = left(native, target)
    native.run(old, "GRANT SELECT ON people TO PUBLIC")
    before = shape(old)
    target.run(new, SINCE)
    assert _carry.foresee(new, old, mark)[0] == "carry"
    done = _carry.carry(new, old, mark)
    assert (done.action, done.differences) == ("carry", [])
    assert _fingerprint.compare(_fingerprint.fingerprint(new), _fingerprint.fingerprint(old)) == []
    assert done.tables == [{"name": "homes", "before": 1, "after": 2}, {"name": "people", "before": 2, "after": 4}]
    assert done.bytes > 100
    assert shape(old) == before
    assert query(old, "SELECT said FROM people WHERE id = 4") == [["Grüße \U0001f600"]]
    assert query(old, "SELECT nextval('people_id_seq')") == [["1000"]]


def test_schema_of_litellms_kind_comes_home(native: Native, target: Server) -> None:
    old, new, mark = left(native, target, NASTY)
    target.run(new, "DELETE FROM dropped WHERE ctid IN (SELECT ctid FROM dropped LIMIT 7)")
    assert _carry.carry(new, old, mark).differences == []
    assert _fingerprint.fingerprint(old)["hash"] == _fingerprint.fingerprint(new)["hash"]


def test_nothing_to_carry_is_nothing_done(native: Native, target: Server) -> None:
    old, new, mark = left(native, target)
    assert _carry.foresee(new, old, mark) == ("none", [])
    done = _carry.carry(new, old, "another")  # what is equal needs no leave
    assert (done.action, done.bytes, done.tables) == ("none", 0, [])


def test_plain_owner_suffices(native: Native) -> None:
    old, new, mark = left(native, native)
    native.run(new, SINCE)
    with Session(native.endpoint) as session:
        session.execute("ALTER ROLE %s NOCREATEDB" % '"gate""way ü"')
    try:
        assert _carry.carry(new, old, mark).differences == []
    finally:
        with Session(native.endpoint) as session:
            session.execute("ALTER ROLE %s CREATEDB" % '"gate""way ü"')


@pytest.mark.parametrize(("at", "sql", "why"), [
    ("old", "INSERT INTO still VALUES (6)", "was written to since it was left.*table still has 5 rows in the source, 6 in the target"),
    ("new", "ALTER TABLE people ADD COLUMN later text", "the schemas differ in columns"),
    ("new", "CREATE TABLE later (id int)", "the schemas differ .table later is only in the source"),
])
def test_what_would_be_guessed_is_refused(native: Native, target: Server, at: str, sql: str, why: str) -> None:
    old, new, mark = left(native, target)
    target.run(new, SINCE)
    (native if at == "old" else target).run({"old": old, "new": new}[at], sql)
    before = _fingerprint.fingerprint(old)
    for attempt in (_carry.carry, _carry.foresee):
        with pytest.raises(PostgresError, match=why):
            attempt(new, old, mark)
    assert _fingerprint.fingerprint(old) == before


def test_triggers_are_refused(native: Native, target: Server) -> None:
    sql = """;CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER t BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION f()"""
    old, new, mark = left(native, target, TABLES + sql)
    target.run(new, "UPDATE people SET said = 'x'")
    with pytest.raises(PostgresError, match="public.people .t."):
        _carry.carry(new, old, mark)


def test_rows_that_were_not_all_told_are_taken_back(native: Native, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new, mark = left(native, native)
    native.run(new, SINCE)
    before = _fingerprint.fingerprint(old)
    real = Endpoint.start

    def cut(self: Endpoint, program: str, *arguments: str, **options: Any) -> Any:
        process = real(self, program, *arguments, **options)
        if self.database == new.database and options.get("stderr") == -1:
            process.kill()
            process.wait()
        return process

    monkeypatch.setattr(Endpoint, "start", cut)
    with pytest.raises(PostgresError, match="psql ended with exit code -9"):
        _carry.carry(new, old, mark)
    monkeypatch.undo()
    assert _fingerprint.fingerprint(old) == before


def test_copy_that_differs_is_taken_back(native: Native, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new, mark = left(native, native)
    native.run(new, SINCE)
    before = _fingerprint.fingerprint(old)
    fill = _carry._fill

    def lose(session: Session, *others: Any) -> int:
        crossed = fill(session, *others)
        session.execute("DELETE FROM public.homes WHERE id = 8")
        return crossed

    monkeypatch.setattr(_carry, "_fill", lose)
    done = _carry.carry(new, old, mark)
    assert done.differences == ["table homes has 2 rows in the source, 1 in the target"]
    after = _fingerprint.fingerprint(old)
    assert (after["tables"], after["schema_hash"]) == (before["tables"], before["schema_hash"])  # sequences do not go back


def test_killed_server_process_leaves_what_was_there(native: Native, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new, mark = left(native, native)
    native.run(new, SINCE)
    before = _fingerprint.fingerprint(old)
    table = _carry._table

    def struck(session: Session, *others: Any) -> int:
        pid = session.query("SELECT pg_backend_pid()")[0][0]
        with Session(native.endpoint) as admin:
            admin.query("SELECT pg_terminate_backend(%s, 5000)" % pid)
        return table(session, *others)

    monkeypatch.setattr(_carry, "_table", struck)
    with pytest.raises(PostgresError, match="terminating connection|connection"):
        _carry.carry(new, old, mark)
    assert _fingerprint.fingerprint(old) == before


def test_memory_stays_flat_and_readers_wait(native: Native) -> None:
    old, new, mark = left(native, native, "CREATE TABLE big (id int PRIMARY KEY, said text)")
    native.run(new, "INSERT INTO big SELECT n, repeat(md5(n::text), 30) FROM generate_series(1, 60000) n")

    def peak() -> int:
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

    before, seen = peak(), []
    reader = threading.Thread(target=lambda: seen.append(query(old, "SELECT count(*) FROM big")[0][0]))
    reader.start()
    done = _carry.carry(new, old, mark)
    reader.join()
    assert done.differences == []
    assert done.bytes > 50_000_000
    assert peak() - before < 20_000  # KiB
    assert seen[0] in ("0", "60000")  # all or nothing, whenever it looked
