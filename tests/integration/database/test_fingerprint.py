"""Fingerprints of real databases."""

from __future__ import annotations

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    fingerprint as _fingerprint,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    PostgresError,
    Session,
    identifier,
    query,
)

from .conftest import Native, Server
from .content import CHANGES, NASTY


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_every_change_shows(native: Native, change: str) -> None:
    database = native.new(NASTY)
    before = _fingerprint.fingerprint(database)
    native.run(database, change)
    after = _fingerprint.fingerprint(database)
    assert before["hash"] != after["hash"]
    assert _fingerprint.compare(before, after)


def test_equal_contents_are_equal_everywhere(native: Native, target: Server) -> None:
    ours, theirs = (
        _fingerprint.fingerprint(server.new(NASTY.replace("CURRENT_TIMESTAMP", "'2026-01-01 UTC'")))
        for server in (native, target)
    )
    assert _fingerprint.compare(ours, theirs) == []
    assert ours["hash"] == theirs["hash"]
    rows = {table["name"]: table["rows"] for table in ours["tables"]}
    assert rows == {
        "Mixed Case Täble": 4,
        "No Rows": 0,
        "no columns": 2,
        "twice": 5,
        "Other Schema.Mixed Case Täble": 4,
        "parts_2026": 100,
        "dropped": 429,
    }
    assert ours["rows_total"] == 544
    assert {item["name"]: (item["last_value"], item["is_called"]) for item in ours["sequences"]}[
        "called"
    ] == (41, True)
    assert {item["name"]: (item["last_value"], item["is_called"]) for item in ours["sequences"]}[
        "Never Called"
    ] == (5, False)


def test_order_and_settings_do_not_matter(native: Native) -> None:
    database = native.new(NASTY)
    before = _fingerprint.fingerprint(database)
    native.run(
        database,
        "CREATE TEMP TABLE t AS SELECT * FROM dropped ORDER BY md5(a::text); DELETE FROM dropped;"
        "INSERT INTO dropped SELECT * FROM t; VACUUM FULL",
    )
    for name, value in (
        ("DateStyle", "'German'"),
        ("TimeZone", "'Asia/Kathmandu'"),
        ("extra_float_digits", "0"),
        ("bytea_output", "'escape'"),
        ("IntervalStyle", "'sql_standard'"),
        ("search_path", "'Other Schema'"),
        ("quote_all_identifiers", "on"),
        ("default_transaction_isolation", "'serializable'"),
    ):
        native.run(
            native.endpoint,
            "ALTER DATABASE %s SET %s = %s" % (identifier(database.database), name, value),
        )
    assert query(database.on(database.database), "SHOW timezone") == [["Asia/Kathmandu"]]
    # last, and no less, since on a busy machine even that question, or setting it off, takes long
    native.run(
        native.endpoint,
        "ALTER DATABASE %s SET statement_timeout = '300ms'" % identifier(database.database),
    )
    with Session(database, _fingerprint.SETTINGS) as session:
        assert session.query("SELECT 1 FROM pg_sleep(0.4)") == [["1"]]
    assert _fingerprint.fingerprint(database)["hash"] == before["hash"]


def test_another_encoding_has_the_same_hashes(native: Native) -> None:
    sql = "CREATE TABLE t (a text); INSERT INTO t VALUES ('größe'), ('é')"
    ours, theirs = (
        _fingerprint.fingerprint(native.new(sql, encoding)) for encoding in ("UTF8", "LATIN1")
    )
    assert ours["hash"] == theirs["hash"]


def test_it_is_of_one_snapshot(native: Native) -> None:
    database = native.new("CREATE TABLE t AS SELECT 1 AS a")
    with Session(database, _fingerprint.SETTINGS) as holder:
        _fingerprint.begin(holder)
        snapshot = str(holder.query("SELECT pg_export_snapshot()")[0][0])
        native.run(database, "INSERT INTO t VALUES (2); CREATE TABLE later ()")
        inside = _fingerprint.fingerprint(database, snapshot)
        assert _fingerprint.take(holder) == inside
    assert [(table["name"], table["rows"]) for table in inside["tables"]] == [("t", 1)]
    assert _fingerprint.fingerprint(database)["rows_total"] == 2


def test_every_core_takes_part(native: Native) -> None:
    database = native.new(
        (
            "CREATE TABLE t AS SELECT n, repeat('x', 100) AS x FROM generate_series(1, "
            "50000) n; ANALYZE"
        )
    )
    with Session(database, _fingerprint.SETTINGS) as session:
        lines = session._run("EXPLAIN " + _fingerprint.content_query("public", "t", "n x") + ";")
    assert any("Workers Planned" in line for line in lines), lines


def test_a_table_that_may_not_be_read_is_an_error(native: Native) -> None:
    database = native.new()
    native.run(native.endpoint.on(database.database), "CREATE TABLE hidden (a integer)")
    with pytest.raises(PostgresError, match="permission denied for table hidden"):
        _fingerprint.fingerprint(database)


def test_rows_hidden_by_policies_are_an_error(native: Native) -> None:
    database = native.new(
        (
            "CREATE TABLE t (a integer); ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER "
            "TABLE t FORCE ROW LEVEL SECURITY"
        )
    )
    with pytest.raises(PostgresError, match="row-level security"):
        _fingerprint.fingerprint(database)
