"""Rows home into a database that exists: proved, or as if nothing had happened."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._config import envfile as _envfile
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import copy as _copy
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    copy_back as _copy_back,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    fingerprint as _fingerprint,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
    Session,
    identifier,
    literal,
    query,
)

from .conftest import Native, Server
from .content import NASTY
from .test_modules import run

NOW = datetime(2026, 11, 23, 12, 5, 1, tzinfo=timezone.utc)
# Foreign keys to itself, around in a circle and to a table that stays as it is; every kind of value
# that text could spoil.
TABLES = """
CREATE TABLE still (id int PRIMARY KEY); INSERT INTO still SELECT generate_series(1, 5);
CREATE TABLE people (id serial PRIMARY KEY, boss int REFERENCES people, home int, said text,
  told jsonb, many text[], raw bytea, much float8,
  shout text GENERATED ALWAYS AS (upper(said)) STORED, number bigint GENERATED ALWAYS AS IDENTITY,
  kept int NOT NULL REFERENCES still);
CREATE TABLE homes (id int PRIMARY KEY, owner int REFERENCES people ON DELETE CASCADE);
ALTER TABLE people ADD CONSTRAINT "Lives in" FOREIGN KEY (home) REFERENCES homes
  DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX ON people (said);
INSERT INTO people (said, told, many, raw, much, kept) VALUES
  (E'tab\\t line\\n back\\\\slash \\\\. and \\\\N', '{"a": "\\u00fc"}', ARRAY['x', NULL, '{,}'],
  '\\x00ff5c', 0.1::float8 / 3, 1),
  (NULL, NULL, NULL, NULL, 'NaN', 2);
INSERT INTO homes VALUES (7, 1); UPDATE people SET home = 7, boss = 2 WHERE id = 1;
COMMENT ON CONSTRAINT "Lives in" ON people IS 'it''s a note'
"""
SINCE = """
INSERT INTO people (boss, home, said, kept) VALUES (1, 7, E'\\\\.', 3), (3, NULL,
  'Grüße \U0001f600', 4);
UPDATE people SET much = 'Infinity' WHERE id = 2; INSERT INTO homes VALUES (8, 4);
  UPDATE people SET boss = 4 WHERE id = 2;
DELETE FROM homes WHERE id = 99; SELECT setval('people_id_seq', 1000, false)
"""


def left(native: Native, to: Server, sql: str = TABLES) -> tuple[Endpoint, Endpoint, str]:
    """A native database, its copy on another server, and the hash of both."""
    old, new = native.new(sql), to.at(to.name())
    done = _copy.copy(old, new, "unchanged", NOW)
    return old, new, str(done.target["hash"])


def shape(endpoint: Endpoint) -> list[list[Any]]:
    """What a carry must not change: files of untouched tables, owners, rights, constraints."""
    return query(
        endpoint,
        """SELECT 'still', pg_relation_filenode('still')::text, '' UNION ALL
        SELECT c.relname, c.relowner::regrole::text,
  c.relacl::text FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace UNION ALL
        SELECT conname, pg_get_constraintdef(oid), convalidated || coalesce(obj_description(oid,
  'pg_constraint'), '')
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2, 3""",
    )


def test_rows_come_home_whatever_they_are(native: Native, target: Server) -> None:
    old, new, mark = left(native, target)
    native.run(old, "GRANT SELECT ON people TO PUBLIC")
    before = shape(old)
    target.run(new, SINCE)
    assert _copy_back.dry_run(new, old, mark)[0] == "copy_back"
    done = _copy_back.copy_back(new, old, mark)
    assert (done.action, done.differences) == ("copy_back", [])
    assert _fingerprint.compare(_fingerprint.fingerprint(new), _fingerprint.fingerprint(old)) == []
    assert done.tables == [
        {"name": "homes", "before": 1, "after": 2},
        {"name": "people", "before": 2, "after": 4},
    ]
    assert done.bytes > 100
    assert shape(old) == before
    assert query(old, "SELECT said FROM people WHERE id = 4") == [["Grüße \U0001f600"]]
    assert query(old, "SELECT nextval('people_id_seq')") == [["1000"]]


def test_schema_of_litellms_kind_comes_home(native: Native, target: Server) -> None:
    old, new, mark = left(native, target, NASTY)
    target.run(
        new,
        """DELETE FROM dropped WHERE ctid IN (SELECT ctid FROM dropped LIMIT 7);
  INSERT INTO "no columns" DEFAULT VALUES;
        UPDATE "Mixed Case Täble" SET flag = false;
  DELETE FROM "Other Schema"."Mixed Case Täble" WHERE id = 2; SELECT nextval('"Never Called"')""",
    )
    assert _copy_back.copy_back(new, old, mark).differences == []
    assert _fingerprint.fingerprint(old)["hash"] == _fingerprint.fingerprint(new)["hash"]


def test_nothing_to_carry_is_nothing_done(native: Native, target: Server) -> None:
    old, new, mark = left(native, target)
    assert _copy_back.dry_run(new, old, mark) == ("none", [])
    done = _copy_back.copy_back(new, old, "another")  # what is equal needs no leave
    assert (done.action, done.bytes, done.tables) == ("none", 0, [])


def test_plain_owner_suffices(native: Native) -> None:
    old, new, mark = left(native, native)
    native.run(new, SINCE)
    with Session(native.endpoint) as session:
        session.execute("ALTER ROLE %s NOCREATEDB" % '"gate""way ü"')
    try:
        assert _copy_back.copy_back(new, old, mark).differences == []
    finally:
        with Session(native.endpoint) as session:
            session.execute("ALTER ROLE %s CREATEDB" % '"gate""way ü"')


@pytest.mark.parametrize(
    ("at", "sql", "why"),
    [
        (
            "old",
            "INSERT INTO still VALUES (6)",
            (
                "was written to since it was left.*table still has 5 rows in the source, 6 "
                "in the target"
            ),
        ),
        (
            "new",
            "ALTER TABLE people ADD COLUMN later text",
            "the schemas differ in columns.*schema of one release of LiteLLM",
        ),
        (
            "old",
            "DROP TABLE homes CASCADE",
            "the schemas differ .table homes is only in the source",
        ),
        (
            "new",
            "CREATE TABLE later (id int)",
            "the schemas differ .table later is only in the source",
        ),
    ],
)
def test_what_would_be_guessed_is_refused(
    native: Native, target: Server, at: str, sql: str, why: str
) -> None:
    old, new, mark = left(native, target)
    target.run(new, SINCE)
    (native if at == "old" else target).run({"old": old, "new": new}[at], sql)
    before = _fingerprint.fingerprint(old)
    for attempt in (_copy_back.copy_back, _copy_back.dry_run):
        with pytest.raises(PostgresError, match=why):
            attempt(new, old, mark if "schemas" not in why else None)
    assert _fingerprint.fingerprint(old) == before


def test_no_trigger_acts_on_rows_that_are_copied_back_and_each_stays_as_it_was(
    native: Native, target: Server
) -> None:
    sql = """;CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER "t 1" BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION f();
        CREATE TRIGGER always BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION f();
        CREATE TRIGGER replica BEFORE INSERT ON homes FOR EACH ROW EXECUTE FUNCTION f();
        CREATE TRIGGER off BEFORE INSERT ON homes FOR EACH ROW EXECUTE FUNCTION f();
        ALTER TABLE people ENABLE ALWAYS TRIGGER always;
        ALTER TABLE homes ENABLE REPLICA TRIGGER replica, DISABLE TRIGGER off"""
    old, new, mark = left(native, target, TABLES + sql)
    target.run(new, "UPDATE people SET said = 'x'; INSERT INTO homes VALUES (8, 1)")
    assert _copy_back.copy_back(new, old, mark).differences == []
    states = "SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"
    assert query(old, states) == [["always", "A"], ["off", "D"], ["replica", "R"], ["t 1", "O"]]
    assert query(old, "SELECT count(*) FROM people WHERE said = 'x'") == [["2"]]


def test_rows_that_were_not_all_told_are_taken_back(
    native: Native, monkeypatch: pytest.MonkeyPatch
) -> None:
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
        _copy_back.copy_back(new, old, mark)
    monkeypatch.undo()
    assert _fingerprint.fingerprint(old) == before


def test_copy_that_differs_is_taken_back(native: Native, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new, mark = left(native, native)
    native.run(new, SINCE)
    before = _fingerprint.fingerprint(old)
    fill = _copy_back._fill

    def lose(session: Session, *others: Any) -> int:
        crossed = fill(session, *others)
        session.execute("DELETE FROM public.homes WHERE id = 8")
        return crossed

    monkeypatch.setattr(_copy_back, "_fill", lose)
    done = _copy_back.copy_back(new, old, mark)
    assert done.differences == ["table homes has 2 rows in the source, 1 in the target"]
    assert _fingerprint.fingerprint(old) == before  # sequences as well


def test_killed_server_process_leaves_what_was_there(
    native: Native, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new, mark = left(native, native)
    native.run(new, SINCE)
    before = _fingerprint.fingerprint(old)
    table = _copy_back._copy_table

    def struck(session: Session, *others: Any) -> int:
        pid = session.query("SELECT pg_backend_pid()")[0][0]
        with Session(native.endpoint) as admin:
            admin.query("SELECT pg_terminate_backend(%s, 5000)" % pid)
        return table(session, *others)

    monkeypatch.setattr(_copy_back, "_copy_table", struck)
    with pytest.raises(PostgresError, match="terminating connection|connection"):
        _copy_back.copy_back(new, old, mark)
    assert _fingerprint.fingerprint(old) == before


def test_memory_stays_flat(native: Native) -> None:
    old, new, mark = left(native, native, "CREATE TABLE big (id int PRIMARY KEY, said text)")
    native.run(
        new, "INSERT INTO big SELECT n, repeat(md5(n::text), 30) FROM generate_series(1, 150000) n"
    )
    script = """
import re, sys
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import copy_back as _carry
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import Endpoint
mark, *urls = sys.stdin.read().splitlines()
done = _carry.copy_back(*map(Endpoint.from_url, urls), mark)
memory = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read()).group(1)
print(done.bytes, done.differences == [], memory)
"""
    given = "%s\n%s\n%s\n" % (mark, native.url(new.database), native.url(old.database))
    out = subprocess.run(
        [sys.executable, "-c", script],
        input=given,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ},
    ).stdout.split()
    assert int(out[0]) > 140_000_000 and out[1] == "True"
    assert int(out[2]) < 48 << 10, "%s KiB" % out[2]


def test_reader_sees_all_or_nothing(native: Native) -> None:
    old, new, mark = left(native, native, "CREATE TABLE big (id int PRIMARY KEY, said text)")
    native.run(new, "INSERT INTO big SELECT n, md5(n::text) FROM generate_series(1, 60000) n")
    seen, stop = set(), threading.Event()

    def look() -> None:
        with Session(old) as session:
            while not stop.is_set():
                seen.add(session.query("SELECT count(*) FROM big")[0][0])

    reader = threading.Thread(target=look)
    reader.start()
    try:
        assert _copy_back.copy_back(new, old, mark).differences == []
    finally:
        stop.set()
        reader.join()
    assert seen <= {"0", "60000"} and "0" in seen


def test_what_is_written_between_the_look_and_the_lock_is_not_lost(
    native: Native, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new, mark = left(native, native)
    native.run(new, SINCE)
    fill = _copy_back._fill

    def late(*given: Any) -> int:
        native.run(old, "UPDATE people SET said = 'a moment ago' WHERE id = 2")
        return fill(*given)

    monkeypatch.setattr(_copy_back, "_fill", late)
    with pytest.raises(PostgresError, match="written to while.*people"):
        _copy_back.copy_back(new, old, mark)
    assert query(old, "SELECT said FROM people WHERE id = 2") == [["a moment ago"]]


def test_table_that_became_equal_is_written_no_more(native: Native) -> None:
    old, new, mark = left(native, native)
    native.run(new, "SELECT setval('people_id_seq', 77, false)")
    files = (
        "SELECT relname, pg_relation_filenode(oid) FROM pg_class WHERE relkind = 'r' "
        "AND relnamespace = 'public'::regnamespace ORDER BY 1"
    )
    before = query(old, files)
    done = _copy_back.copy_back(new, old, mark)
    assert (done.action, done.differences, done.tables, done.bytes) == ("copy_back", [], [], 0)
    assert query(old, files) == before
    assert query(old, "SELECT nextval('people_id_seq')") == [["77"]]


class Struck(io.RawIOBase):
    """A stream that is struck once some of it has been read."""

    def __init__(self, stream: Any, strike: Any) -> None:
        self.stream, self.strike, self.left = stream, strike, 20

    def read(self, size: int = -1) -> bytes:
        self.left -= 1
        if self.left == 0:
            self.strike()
        return bytes(self.stream.read(size))

    def close(self) -> None:
        self.stream.close()
        super().close()


@pytest.mark.parametrize("side", ["source", "target"])
def test_server_process_that_is_killed_amid_the_rows_leaves_what_was_there(
    native: Native, monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    old, new, mark = left(
        native,
        native,
        TABLES + ";CREATE TABLE big (id int, said text); INSERT INTO big VALUES (1, 'kept')",
    )
    native.run(
        new,
        SINCE
        + ";INSERT INTO big SELECT n, repeat(md5(n::text), 30) FROM generate_series(1, 60000) n",
    )
    before, struck = _fingerprint.fingerprint(old), []
    real = Endpoint.start

    def strike() -> None:
        with Session(native.endpoint) as admin:
            struck.extend(
                admin.query(
                    (
                        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE "
                        "datname = %s AND query LIKE 'COPY %%big%%' AND state = 'active'"
                    )
                    % literal((new if side == "source" else old).database)
                )
            )

    def start(self: Endpoint, program: str, *arguments: str, **options: Any) -> Any:
        process = real(self, program, *arguments, **options)
        if self.database == new.database and options.get("stderr") == -1:
            process.stdout = Struck(process.stdout, strike)
        return process

    monkeypatch.setattr(Endpoint, "start", start)
    with pytest.raises(PostgresError, match="terminating connection|connection") as caught:
        _copy_back.copy_back(new, old, mark)
    monkeypatch.undo()
    assert struck == [["t"]]
    assert (new if side == "source" else old).database in str(caught.value) and "kept" not in str(
        caught.value
    )
    assert _fingerprint.fingerprint(old) == before
    assert _copy_back.copy_back(new, old, mark).differences == []


def test_second_carry_is_refused_while_one_is_under_way(
    native: Native, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new, mark = left(native, native)
    native.run(new, SINCE)
    monkeypatch.setattr(_copy_back, "TIMEOUT", 0.7)
    fill = _copy_back._fill

    def twice(*given: Any) -> int:
        crossed = fill(*given)
        with pytest.raises(PostgresError, match="another copy back into .* is under way"):
            _copy_back.copy_back(new, old, mark)
        return crossed

    monkeypatch.setattr(_copy_back, "_fill", twice)
    assert _copy_back.copy_back(new, old, mark).differences == []


def test_client_that_uses_the_tables_is_named_as_the_reason(
    native: Native, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new, mark = left(native, native)
    native.run(new, SINCE)
    monkeypatch.setitem(_copy_back.SETTINGS, "lock_timeout", "300ms")
    with Session(old) as client:
        client.execute("BEGIN")
        client.query("SELECT count(*) FROM people")
        before = _fingerprint.fingerprint(old)
        with pytest.raises(PostgresError, match="lock timeout.*stop the clients"):
            _copy_back.copy_back(new, old, mark)
    assert _fingerprint.fingerprint(old) == before


def test_tables_of_somebody_else_are_refused(native: Native) -> None:
    old, new, mark = left(native, native)
    native.run(new, SINCE)
    native.run(
        replace(native.endpoint, database=old.database),
        "ALTER TABLE homes OWNER TO postgres; GRANT ALL ON homes TO PUBLIC",
    )
    for attempt in (_copy_back.copy_back, _copy_back.dry_run):
        with pytest.raises(PostgresError, match="does not own public.homes"):
            attempt(new, old, mark)


def test_rows_wait_for_the_disk_and_for_statistics(
    native: Native, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new, mark = left(native, native)
    native.run(new, SINCE)
    native.run(
        native.endpoint, "ALTER DATABASE %s SET synchronous_commit = off" % identifier(old.database)
    )
    real, seen = Session.execute, []

    def told(session: Session, statement: str) -> None:
        if statement == "COMMIT":
            seen.extend(session.query("SHOW synchronous_commit"))
        real(session, statement)

    monkeypatch.setattr(Session, "execute", told)
    _copy_back.copy_back(new, old, mark)
    assert seen == [["on"]]
    assert query(old, "SELECT reltuples FROM pg_class WHERE relname = 'people'") == [["4"]]


def test_module_carries_once_and_tells_before(native: Native, tmp_path: Path) -> None:
    old, new, mark = left(native, native)
    native.run(new, SINCE)
    path = tmp_path / "both.env"
    path.write_text(
        _envfile.dumps(
            {"DATABASE_URL": native.url(old.database), "SOURCE": native.url(new.database)}
        )
    )
    path.chmod(0o600)
    arguments = {
        "state": "copied_back",
        "source": {"env_file": str(path), "variable": "SOURCE"},
        "target": {"env_file": str(path)},
        "expect": mark,
    }
    before = _fingerprint.fingerprint(old)
    told, said = run("database", arguments, "--check")
    assert (told["changed"], told["action"]) == (True, "copy_back"), said
    assert _fingerprint.fingerprint(old) == before
    done, more = run("database", arguments)
    assert (
        done["changed"]
        and done["equal"]
        and done["source"]["hash"] == done["target"]["hash"]
        and done["tables"] == told["tables"]
    ), more
    again, still = run("database", arguments)
    assert (again["changed"], again["action"], again["equal"], again["tables"]) == (
        False,
        "none",
        True,
        [],
    ), still
    native.run(new, "DELETE FROM still WHERE id = 5")
    refused, last = run("database", arguments)  # it is not what it was when it was left
    assert "was written to since it was left" in refused["msg"], last
    assert "p%40ss" not in said + more + still + last and "p@ss" not in said + more + still + last


def test_loading_takes_rows_and_goes_on(native: Native) -> None:
    there = native.new("CREATE TABLE t (a text)")
    with Session(there) as session:
        for rows in (b"", b"x\n\\\\.\n\\N\n", b"\\\\N\n"):
            with session.loading("COPY t FROM STDIN") as load:
                assert load(io.BytesIO(rows)) == len(rows)
        assert session.query("SELECT a FROM t") == [["x"], ["\\."], [None], ["\\N"]]


def test_loading_that_is_left_early_loads_nothing(native: Native) -> None:
    there = native.new("CREATE TABLE t (a text)")
    with (
        Session(there) as session,
        pytest.raises(ZeroDivisionError),
        session.loading("COPY t FROM STDIN") as load,
    ):
        load(io.BytesIO(b"x\n"))
        raise ZeroDivisionError
    assert query(there, "SELECT count(*) FROM t") == [["0"]]


def test_loading_rows_that_do_not_fit_says_why_without_them(native: Native) -> None:
    there = native.new("CREATE TABLE t (a int, b text UNIQUE)")
    with (
        Session(there) as session,
        pytest.raises(PostgresError, match="duplicate key") as caught,
        session.loading("COPY t FROM STDIN") as load,
    ):
        load(io.BytesIO(b"1\thunter2\n" * 2))
    assert "hunter2" not in str(caught.value)
    assert query(there, "SELECT count(*) FROM t") == [["0"]]


def test_nobody_writes_once_the_tables_were_looked_at_again(
    native: Native, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new, mark = left(native, native)
    native.run(new, SINCE)
    again, tried = _copy_back._check_unchanged, []

    def then(*given: Any) -> Any:
        found = again(*given)
        with (
            Session(old, {"lock_timeout": "200ms"}) as client,
            pytest.raises(PostgresError, match="lock timeout"),
        ):
            tried.append(client)
            client.execute("UPDATE people SET said = 'too late'")
        return found

    monkeypatch.setattr(_copy_back, "_check_unchanged", then)
    assert _copy_back.copy_back(new, old, mark).differences == []
    assert len(tried) == 1


def test_source_may_be_written_to_meanwhile(
    native: Native, target: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new, mark = left(native, target)
    target.run(new, SINCE)
    fill = _copy_back._fill

    def late(*given: Any) -> int:
        target.run(new, "INSERT INTO homes VALUES (9, NULL); INSERT INTO people (kept) VALUES (5)")
        return fill(*given)

    monkeypatch.setattr(_copy_back, "_fill", late)
    assert _copy_back.copy_back(new, old, mark).differences == []
    assert query(old, "SELECT id FROM homes ORDER BY 1") == [["7"], ["8"]]
    assert query(old, "SELECT count(*) FROM people") == [["4"]]
