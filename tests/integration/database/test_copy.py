"""Copies between real servers."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import copy as _copy
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import database as _database
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
    server_version,
)

from .conftest import Native, Server
from .content import NASTY

NOW = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)


def copy(source: Endpoint, target: Endpoint, replace: str = "unchanged") -> _copy.Result:
    return _copy.copy(source, target, replace, NOW)


def test_nasty_content_crosses(pair: tuple[Server, Server]) -> None:
    origin, target = pair
    source, there = origin.new(NASTY), target.at(target.name())
    done = copy(source, there)
    assert (done.action, done.differences) == ("create", [])
    assert (
        done.source["hash"]
        == done.target["hash"]
        == _fingerprint.fingerprint(source)["hash"]
        == _fingerprint.fingerprint(there)["hash"]
    )
    assert done.bytes > 20_000 and set(done.seconds) == {
        "prepare",
        "load",
        "analyze",
        "verify",
        "rename",
    }
    # not only by our own measure: what psql shows is the same
    for table in (
        'public."Mixed Case Täble"',
        '"Other Schema"."Mixed Case Täble"',
        "twice",
        "dropped",
        "parts",
        '"A View"',
        "sums",
    ):
        rows = "SELECT t::text FROM %s AS t ORDER BY 1" % table
        assert sorted(map(str, query(source, rows))) == sorted(map(str, query(there, rows)))
    owners = (
        "SELECT DISTINCT pg_get_userbyid(relowner), relacl::text FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace"
    )
    assert query(there, owners) == [[target.role, None]]
    assert query(there, "SELECT count(*) > 0 FROM pg_stats WHERE tablename = 'dropped'") == [["t"]]
    made = (
        "SELECT pg_encoding_to_char(encoding), pg_get_userbyid(datdba) FROM "
        "pg_database WHERE datname = current_database()"
    )
    assert query(there, made) == [["UTF8", target.role]]
    assert not [name for name in target.databases() if name.endswith("__copying")]


def test_a_newer_server_is_not_copied_into_an_older_one(
    pair: tuple[Server, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = pair
    source, there = new.new("CREATE TABLE t ()"), old.at(old.name())
    if server_version(old.endpoint)[1] == server_version(new.endpoint)[1]:
        monkeypatch.setattr(
            _database,
            "server_version",
            lambda endpoint: ("14.2", 14) if endpoint.database == "postgres" else ("15.20", 15),
        )
    with pytest.raises(
        PostgresError, match=r"the target's PostgreSQL is 1\d\..*, older than the source's 1\d\."
    ):
        copy(source, there)
    assert there.database not in old.databases()


def test_the_second_run_does_nothing(pair: tuple[Server, Server]) -> None:
    origin, target = pair
    source, there = origin.new(NASTY), target.at(target.name())
    assert _copy.dry_run(source, there, "unchanged") == "create"
    copy(source, there)
    assert _copy.dry_run(source, there, "unchanged") == "none"
    again = copy(source, there)
    assert (again.action, again.differences, again.bytes) == ("none", [], 0)


def test_an_unchanged_copy_of_ours_is_replaced(native: Native) -> None:
    source, there = native.new("CREATE TABLE t AS SELECT 1 AS a"), native.at(native.name())
    copy(source, there)
    native.run(source, "INSERT INTO t VALUES (2)")
    assert _copy.dry_run(source, there, "unchanged") == "replace"
    assert copy(source, there).action == "replace"
    assert query(there, "SELECT a FROM t ORDER BY a") == [["1"], ["2"]]


def test_a_copy_in_service_is_kept(native: Native) -> None:
    source, there = native.new("CREATE TABLE t AS SELECT 1 AS a"), native.at(native.name())
    copy(source, there)
    native.run(there, "INSERT INTO t VALUES (42)")
    for act in (copy, lambda *both: _copy.dry_run(*both, "unchanged")):
        with pytest.raises(
            PostgresError,
            match=(
                r"written to since \(2 rows now, 1 when it was copied on "
                r"2026-11-23T12:00:00\+00:00\)"
            ),
        ):
            act(source, there)
    assert query(there, "SELECT a FROM t ORDER BY a") == [["1"], ["42"]]
    assert copy(source, there, "ours").action == "refresh"
    assert query(there, "SELECT a FROM t") == [["1"]]
    assert _copy.dry_run(source, there, "unchanged") == "none"


MANY = """CREATE TABLE many (id int PRIMARY KEY, said text);
INSERT INTO many SELECT n, repeat(md5(n::text), 4) FROM generate_series(1, 20000) n;
CREATE TABLE twice (a int); INSERT INTO twice SELECT n % 3000 FROM generate_series(1, 9000) n;
CREATE TABLE few (id int PRIMARY KEY REFERENCES many ON DELETE CASCADE, kept int);
INSERT INTO few VALUES (7, 1), (8, 2)"""


def test_of_an_earlier_copy_only_what_differs_is_replaced(
    pair: tuple[Server, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    origin, target = pair
    source, there = origin.new(MANY), target.at(target.name())
    whole = copy(source, there).bytes
    # what clients did at the source, and a rehearsal in the copy
    origin.run(
        source,
        "INSERT INTO many VALUES (20001, 'new'); UPDATE many SET said = 'else' WHERE id = 500; "
        "DELETE FROM many WHERE id = 900; INSERT INTO twice VALUES (5), (5), (NULL); "
        "DELETE FROM twice WHERE a = 77",
    )
    target.run(
        there,
        "INSERT INTO many VALUES (30000, 'tried'); UPDATE many SET said = 'tried' WHERE id = 7; "
        "DELETE FROM many WHERE id = 8; UPDATE few SET kept = 5",
    )
    done = copy(source, there, "ours")
    assert (done.action, done.differences) == ("refresh", [])
    assert 0 < done.bytes < whole / 20
    assert _fingerprint.fingerprint(there)["hash"] == _fingerprint.fingerprint(source)["hash"]
    assert query(there, "SELECT id, kept FROM few ORDER BY 1") == [["7", "1"], ["8", "2"]]
    assert _copy.dry_run(source, there, "unchanged") == "none"  # its mark says so
    again = copy(source, there, "ours")
    assert (again.action, again.bytes) == ("none", 0)
    # most of a table is copied as a whole
    target.run(there, "UPDATE many SET said = 'all of it'")
    assert copy(source, there, "ours").bytes > whole / 4
    assert _copy.dry_run(source, there, "unchanged") == "none"


def test_earlier_copy_of_another_schema_is_made_anew(pair: tuple[Server, Server]) -> None:
    origin, target = pair
    source, there = origin.new(MANY), target.at(target.name())
    copy(source, there)
    origin.run(source, "ALTER TABLE few ADD COLUMN later text")
    done = copy(source, there, "ours")
    assert (done.action, done.differences) == ("replace", [])
    assert query(there, "SELECT later FROM few WHERE id = 7") == [[None]]


def test_refresh_that_would_differ_leaves_the_earlier_copy_until_it_is_made_anew(
    native: Native, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, there = native.new(MANY), native.at(native.name())
    copy(source, there)
    native.run(source, "INSERT INTO many VALUES (20001, 'new')")
    fill, lost = _copy._copy_back._fill, []

    def lose(session: Session, *others: Any) -> int:
        crossed = fill(session, *others)
        session.execute("DELETE FROM public.many WHERE id = 4")
        lost.append(crossed)
        return crossed

    monkeypatch.setattr(_copy._copy_back, "_fill", lose)
    done = copy(source, there, "ours")
    assert (done.action, done.differences, len(lost)) == ("replace", [], 1)
    assert query(there, "SELECT count(*) FROM many WHERE id IN (4, 20001)") == [["2"]]


@pytest.mark.parametrize(
    "content, word",
    [
        ('CREATE TABLE "Strange" ()', "table Strange"),
        ("CREATE SCHEMA strange", "schema strange"),
        ("CREATE SEQUENCE s", "sequence s"),
        ("CREATE TYPE e AS ENUM ()", "type e"),
        ("SELECT lo_create(4711)", "large object 4711"),
        ("CREATE VIEW v AS SELECT 1", "view v"),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "function f"),
    ],
)
def test_a_strangers_target_is_refused(native: Native, content: str, word: str) -> None:
    source, there = native.new("CREATE TABLE t ()"), native.new(content)
    before = native.databases(), _fingerprint.fingerprint(there)
    for act in (
        copy,
        lambda *both: _copy.dry_run(*both, "ours"),
        lambda *both: copy(*both, "ours"),
    ):
        with pytest.raises(PostgresError, match="did not put there: .*%s" % word):
            act(source, there)
    assert (native.databases(), _fingerprint.fingerprint(there)) == before


def test_an_empty_target_is_taken(native: Native) -> None:
    source, there = native.new("CREATE TABLE t AS SELECT 1 AS a"), native.new()
    assert copy(source, there).action == "replace"
    assert query(there, "SELECT a FROM t") == [["1"]]


def test_connected_clients_are_named_and_left(native: Native) -> None:
    source, there = native.new("CREATE TABLE t ()"), native.new()
    with Session(there) as client:
        client.execute("SET application_name = 'their proxy'")
        with pytest.raises(PostgresError, match='1 of their proxy as gate"way ü'):
            copy(source, there)
        assert client.query("SELECT 1") == [["1"]]


def test_the_servers_own_workers_are_no_clients(native: Native) -> None:
    there = native.new(
        "CREATE TABLE t WITH (autovacuum_vacuum_cost_delay = 100, "
        "autovacuum_vacuum_cost_limit = 1, autovacuum_vacuum_threshold = 0,"
        " autovacuum_vacuum_scale_factor = 0) AS SELECT n, repeat('x', 500) AS x FROM "
        "generate_series(1, 20000) n; DELETE FROM t"
    )
    at_work = (
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker' "
        "AND datname = %s"
    ) % literal(there.database)
    with Session(native.endpoint) as session:
        session.execute("ALTER SYSTEM SET autovacuum_naptime = 1")
        session.execute("SELECT pg_reload_conf()")
        try:
            limit = time.monotonic() + 60
            while session.query(at_work) == [["0"]]:
                assert time.monotonic() < limit
                time.sleep(0.1)
            assert _database.inspect(there).clients == []
            session.execute("DROP DATABASE %s" % identifier(there.database))
        finally:
            session.execute("ALTER SYSTEM RESET autovacuum_naptime")
            session.execute("SELECT pg_reload_conf()")


@pytest.mark.parametrize(
    "content, word",
    [("CREATE EXTENSION pg_trgm", "extension pg_trgm"), ("SELECT lo_create(0)", "1 large objects")],
)
def test_what_is_not_carried_over_is_refused(native: Native, content: str, word: str) -> None:
    source = native.new()
    native.run(native.endpoint.on(source.database), content)
    there = native.at(native.name())
    with pytest.raises(PostgresError, match=word):
        copy(source, there)
    assert there.database not in native.databases()


@pytest.mark.parametrize(
    "program, script, words",
    [
        (
            "pg_dump",
            "{real} \"$@\" | head -c 2000\necho 'pg_dump: error: the disk is on fire' >&2; exit 1",
            "pg_dump: .*the disk is on fire",
        ),
        ("pg_dump", "exit 3", "pg_dump: .*pg_dump ended with exit code 3"),
        ("pg_dump", '{real} "$@" | head -c 2000; true', "failed. pg_restore: .*"),
        ("pg_dump", "true", "failed. pg_restore: .*"),
        (
            "pg_restore",
            "head -c 1000 >/dev/null; echo 'pg_restore: error: no room' >&2; exit 1",
            "pg_restore: .*no room",
        ),
    ],
)
def test_a_program_that_fails_leaves_nothing(
    native: Native, broken: Callable[[str, str], Endpoint], program: str, script: str, words: str
) -> None:
    source, there = native.new(NASTY), native.at(native.name())
    copy(source, there)
    native.run(source, "DELETE FROM twice")
    before = native.databases()
    bad = broken(program, script)
    ends = (
        (bad.on(source.database), there)
        if program == "pg_dump"
        else (source, bad.on(there.database))
    )
    with pytest.raises(PostgresError, match=words):
        copy(*ends)
    assert native.databases() == before
    assert query(there, "SELECT count(*) FROM twice") == [["5"]]


def test_a_copy_that_lost_a_row_is_removed(
    native: Native, broken: Callable[[str, str], Endpoint]
) -> None:
    source, there = (
        native.new("CREATE TABLE t AS SELECT 'row one' AS a UNION ALL SELECT 'row two'"),
        native.at(native.name()),
    )
    liar = broken("pg_dump", "{real} \"$@\" | sed 's/row two/row 2wo/'").on(source.database)
    done = copy(liar, there)
    assert done.differences == ["table t has 2 rows on both sides, but not the same ones"]
    assert (
        there.database not in native.databases()
        and there.database + "__copying" not in native.databases()
    )


def test_writers_may_run(pair: tuple[Server, Server]) -> None:
    origin, target = pair
    source = origin.new(
        "CREATE TABLE t (id serial PRIMARY KEY, x text DEFAULT repeat('x', 200));"
        "INSERT INTO t (x) SELECT md5(n::text) FROM generate_series(1, 30000) n"
    )
    there, stop = target.at(target.name()), threading.Event()

    def write() -> None:
        with Session(source) as session:
            while not stop.is_set():
                session.execute(
                    "INSERT INTO t DEFAULT VALUES; UPDATE t SET x = 'changed' WHERE id = "
                    "currval('t_id_seq') - 1000;"
                    "DELETE FROM t WHERE id = currval('t_id_seq') - 2000"
                )

    writer = threading.Thread(target=write)
    writer.start()
    try:
        done = copy(source, there)
    finally:
        stop.set()
        writer.join()
    assert done.differences == []
    assert _fingerprint.fingerprint(source)["hash"] != done.source["hash"], (
        "nothing was written meanwhile"
    )


def test_what_a_killed_run_left_is_taken_over(native: Native) -> None:
    source, there = native.new("CREATE TABLE t AS SELECT 1 AS a"), native.at(native.name())
    left = there.on(_database.growing(there.database))
    with Session(there.on("postgres")) as session:
        session.execute("CREATE DATABASE %s" % identifier(left.database))
        session.execute(
            "COMMENT ON DATABASE %s IS %s"
            % (identifier(left.database), literal('{"made_by": "llmops.litellm"}'))
        )
    native.run(left, "CREATE TABLE half ()")
    with Session(left):  # a backend of ours that has not noticed yet
        assert copy(source, there).differences == []
    assert query(there, "SELECT a FROM t") == [["1"]]


def test_a_run_that_is_killed_harms_nothing_and_is_followed_by_one_that_works(
    native: Native, broken: Callable[[str, str], Endpoint], tmp_path: Path
) -> None:
    source, there = native.new(NASTY), native.at(native.name())
    copy(source, there)
    native.run(source, "DELETE FROM twice")
    slow = broken(
        "pg_dump", "{real} \"$@\" | (head -c 2000; touch '%s'; sleep 2)" % (tmp_path / "streaming")
    )
    script = """
import datetime, sys
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import copy as _copy
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import Endpoint
source, target, port, bindir, url = sys.argv[1:]
slow = Endpoint(source, "postgres", host=target, port=int(port), bindir=bindir)
_copy.copy(slow, Endpoint.from_url(url), "unchanged", datetime.datetime.now(datetime.timezone.utc))
"""
    run = subprocess.Popen(
        [
            sys.executable,
            "-c",
            script,
            source.database,
            slow.host,
            str(slow.port),
            slow.bindir,
            native.url(there.database),
        ]
    )
    while not (tmp_path / "streaming").exists():
        assert run.poll() is None
        time.sleep(0.05)
    run.kill()
    run.wait()
    assert query(there, "SELECT count(*) FROM twice") == [["5"]]
    assert copy(source, there).action == "replace"
    assert query(there, "SELECT count(*) FROM twice") == [["0"]]
    assert there.database + "__copying" not in native.databases()


def test_a_strangers_database_of_our_working_name_is_refused(native: Native) -> None:
    source, there = native.new("CREATE TABLE t ()"), native.at(native.name())
    stranger = there.on(_database.growing(there.database))
    with Session(there.on("postgres")) as session:
        session.execute("CREATE DATABASE %s" % identifier(stranger.database))
    native.run(stranger, "CREATE TABLE theirs ()")
    with pytest.raises(PostgresError, match="table theirs"):
        copy(source, there)
    assert query(stranger, "SELECT count(*) FROM theirs") == [["0"]]


def test_second_copy_waits_for_the_first(native: Native) -> None:
    source, there = native.new("CREATE TABLE t ()"), native.at(native.name())
    with Session(there.on("postgres")) as other:
        other.query(
            "SELECT pg_advisory_lock(hashtext('llmops.litellm'), hashtext(%s))"
            % literal(there.database)
        )
        timer = threading.Timer(0.7, other.close)
        timer.start()
        begun = time.monotonic()
        assert copy(source, there).action == "create"
        assert time.monotonic() - begun > 0.7
        timer.join()


def test_second_copy_does_not_wait_for_ever(
    native: Native, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_copy, "TIMEOUT", 0)
    source, there = native.new("CREATE TABLE t ()"), native.at(native.name())
    with Session(there.on("postgres")) as other:
        other.query(
            "SELECT pg_advisory_lock(hashtext('llmops.litellm'), hashtext(%s))"
            % literal(there.database)
        )
        with pytest.raises(PostgresError, match="another copy into .* is under way"):
            copy(source, there)
    copy(source, there)


def test_wrong_password_is_not_repeated(native: Native) -> None:
    wrong = Endpoint.from_url(native.url("postgres").replace("p%40ss", "sesame%40open"))
    with pytest.raises(PostgresError, match="password authentication failed") as caught:
        query(wrong, "SELECT 1")
    assert (
        "sesame" not in str(caught.value)
        and "sesame" not in repr(wrong)
        and "sesame" not in " ".join(wrong.argv("psql"))
    )


def test_the_postmasters_own_programs_are_found(native: Native) -> None:
    assert native.at("postgres").bindir == native.endpoint.bindir


def test_memory_stays_flat(native: Native) -> None:
    source, there = (
        native.new(
            (
                "CREATE TABLE t AS SELECT n, repeat(md5(n::text), 30) AS x FROM "
                "generate_series(1, 150000) n"
            )
        ),
        native.at(native.name()),
    )
    script = """
import datetime, re, sys
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import copy as _copy
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import Endpoint
source, target = (Endpoint.from_url(line) for line in sys.stdin.read().splitlines())
done = _copy.copy(source, target, "unchanged", datetime.datetime.now(datetime.timezone.utc))
print(done.bytes, re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read()).group(1))
"""
    urls = "%s\n%s\n" % (native.url(source.database), native.url(there.database))
    out = subprocess.run(
        [sys.executable, "-c", script],
        input=urls,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ},
    ).stdout.split()
    crossed, peak = int(out[0]), int(out[1]) * 1024
    assert crossed > 140_000_000
    assert peak < 48 << 20, "%d MiB" % (peak >> 20)
