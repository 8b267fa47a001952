"""Decisions of a follower, and what it says to both servers."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import follow as _follow
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.endpoint import (
    Endpoint,
    PostgresError,
)

SOURCE = Endpoint("litellm", "litellm", host="127.0.0.1")
ADMIN = Endpoint("litellm", "postgres", host="/run")
TARGET = Endpoint("copy", "litellm", host="127.0.0.2")


def column(name: str, **others: Any) -> _follow._Column:
    told = {"type": "text", "is_generated": False, "is_always": False, "is_key": False, **others}
    return _follow._Column(name=name, **{"plain": told["type"], **told})


def table(*columns: _follow._Column, schema: str = "public") -> _follow._Table:
    return _follow._Table(3, schema, 'Spend "x"', columns)


ROWS = table(
    column("made", is_generated=True),
    column("a'", is_key=True),
    column("body", type="public.short", plain="character varying(9)"),
    column("b", type="integer", is_key=True),
)


@pytest.mark.parametrize(
    ("numbers", "references", "wanted"),
    [
        ([], [], []),
        ([1, 2, 3], [], [1, 2, 3]),
        ([1, 2, 3], [(1, 2), (2, 3)], [3, 2, 1]),
        ([1, 2, 3], [(1, 3), (1, 2)], [3, 2, 1]),
        ([1, 2], [(1, 2), (2, 1)], [2, 1]),
        ([1, 2, 3], [(1, 2), (2, 1), (1, 3)], [2, 3, 1]),
    ],
)
def test_order_of_tables(
    numbers: list[int], references: list[tuple[int, int]], wanted: list[int]
) -> None:
    assert _follow.ordered(numbers, references) == wanted


@given(st.sets(st.tuples(st.integers(0, 20), st.integers(0, 20))), st.randoms())
def test_parents_are_first_where_that_can_be(
    pairs: set[tuple[int, int]], chance: random.Random
) -> None:
    numbers = list(range(21))
    chance.shuffle(numbers)
    references = [(max(pair), min(pair)) for pair in pairs if len({*pair}) == 2]  # no circle
    found = _follow.ordered(numbers, references)
    assert sorted(found) == list(range(21))
    assert [pair for pair in references if found.index(pair[0]) < found.index(pair[1])] == []
    assert sorted(_follow.ordered(numbers, pairs)) == list(range(21))  # circles as well


@pytest.mark.parametrize(
    ("number", "snapshot", "running"),
    [
        (9, "10:12:", False),
        (10, "10:12:10", True),
        (11, "10:12:10", False),
        (11, "10:13:10,11", True),
        (12, "10:12:10", True),
        (13, "10:12:", True),
        # numbers begin anew after 32 bits, a snapshot's don't
        (5, "4294967300:4294967306:", False),
        (5, "4294967300:4294967306:4294967301", True),
        (10, "4294967300:4294967306:", True),
        (4294967295, "4294967296:4294967298:", False),
        (1, "4294967290:4294967295:", True),
    ],
)
def test_transaction_that_a_snapshot_does_not_see(
    number: int, snapshot: str, running: bool
) -> None:
    assert _follow.is_running(number, snapshot) is running


SERVER = ["15", "logical", "10", "9", "UTF8"]


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (0, "13", []),
        (0, "12", ["PostgreSQL 12 is older than 13"]),
        (1, "replica", ["its wal_level is replica, not logical"]),
        (2, "9", ["all of its 9 max_replication_slots are taken"]),
        (2, "0", ["all of its 0 max_replication_slots are taken"]),
        (4, "LATIN1", ["its encoding is LATIN1, not UTF8"]),
    ],
)
def test_server_that_can_not_be_followed(place: int, value: str, words: list[str]) -> None:
    server = [*SERVER[:place], value, *SERVER[place + 1 :]]
    assert _follow.obstacles(server, [], []) == words


@pytest.mark.parametrize(
    ("found", "persistence", "identity", "inherits", "words"),
    [
        (ROWS, "p", "d", "f", []),
        (ROWS, "p", "i", "f", []),
        (ROWS, "u", "d", "f", ["unlogged tables"]),
        (ROWS, "p", "d", "t", ["tables that are partitions, inherit or are inherited from"]),
        (ROWS, "p", "f", "f", ["tables with REPLICA IDENTITY FULL"]),
        (ROWS, "p", "n", "f", ["tables with REPLICA IDENTITY NOTHING"]),
        (table(column("a")), "p", "d", "f", ["tables without a primary key, or whose one is"]),
        (table(column("a")), "p", "f", "f", ["tables with REPLICA IDENTITY FULL"]),
        (table(), "p", "d", "f", ["tables without a primary key, or whose one is deferrable"]),
        (
            table(column("a", is_key=True, is_generated=True)),
            "u",
            "d",
            "f",
            ["tables whose key is computed", "unlogged tables"],
        ),
    ],
)
@pytest.mark.parametrize("schema", ["public", "other"])
def test_table_that_can_not_be_followed(
    found: _follow._Table,
    persistence: str,
    identity: str,
    inherits: str,
    words: list[str],
    schema: str,
) -> None:
    here = found._replace(schema=schema)
    told = _follow.obstacles(SERVER, [[schema, here.name, persistence, identity, inherits]], [here])
    assert [text.split(": ")[0][: len(word)] for text, word in zip(told, words)] == words
    assert len(told) == len(words)
    name = 'Spend "x"' if schema == "public" else 'other.Spend "x"'
    assert [text for text in told if not text.endswith(": " + name)] == []


def test_tables_with_the_same_obstacle_are_named_together() -> None:
    tables = [table(column("a"))._replace(name=name) for name in ("b", "a")]
    facts = [["public", each.name, "u", "d", "f"] for each in tables]
    assert _follow.obstacles(SERVER, facts, tables) == [
        "tables without a primary key, or whose one is deferrable: b, a",
        "unlogged tables: b, a",
    ]


def test_what_stands_against_writing() -> None:
    assert _follow.against([]) == []
    assert _follow.against(
        [["owner", "a"], ["owner", "b"], ["rule", "a"], ["security", "c"], ["temporary", ""]]
    ) == [
        "tables that its role does not own: a, b",
        "tables with rules: a",
        "tables whose row security is forced: c",
        "its role may make no temporary tables",
    ]


def test_rows_are_asked_for_by_their_keys() -> None:
    assert ROWS.asked([("x'\\", "1"), ("", "-2")]) == (
        'SELECT own."a\'" IS NOT NULL, coalesce(own."a\'", asked.k0), own."body",'
        ' coalesce(own."b", asked.k1)\n'
        "FROM (VALUES (E'x''\\\\'::text, '1'::integer), ('', '-2')) AS asked(k0, k1)"
        ' LEFT JOIN ONLY "public"."Spend ""x""" AS own'
        ' ON own."a\'" = asked.k0 AND own."b" = asked.k1'
    )


def test_rows_come_without_the_rules_of_a_domain_and_without_what_is_computed() -> None:
    assert ROWS.make() == (
        "CREATE TEMPORARY TABLE llmops_follow_3"
        " (c0 boolean, c1 text, c2 character varying(9), c3 integer)"
    )


def test_rows_are_put_where_their_key_is() -> None:
    assert ROWS.put() == (
        'INSERT INTO "public"."Spend ""x""" AS own ("a\'", "body", "b") OVERRIDING SYSTEM VALUE'
        " SELECT came.c1, came.c2, came.c3 FROM pg_temp.llmops_follow_3 AS came WHERE came.c0"
        ' ON CONFLICT ("a\'", "b") DO UPDATE SET "body" = EXCLUDED."body"'
    )
    assert ROWS.remove() == (
        'DELETE FROM ONLY "public"."Spend ""x""" AS own USING pg_temp.llmops_follow_3 AS came'
        ' WHERE own."a\'" = came.c1 AND own."b" = came.c3 AND NOT came.c0'
    )
    assert ROWS.remove(every=True) + " AND NOT came.c0" == ROWS.remove()


def test_row_of_nothing_but_a_key_is_there_or_not() -> None:
    assert table(column("a", is_key=True)).put().endswith('ON CONFLICT ("a") DO NOTHING')


def test_number_that_nobody_may_choose_is_not_set_but_looked_at() -> None:
    numbered = table(column("a", is_key=True), column("n", is_always=True), column("b"))
    upsert, check = numbered.put().split(";\n")
    assert upsert.endswith('DO UPDATE SET "b" = EXCLUDED."b"')
    assert 'WHERE own."n" <> came.c2) THEN RAISE unique_violation' in check
    key = table(column("n", is_always=True, is_key=True), column("b"))
    assert "RAISE" not in key.put() and 'EXCLUDED."n"' not in key.put()


def test_only_keys_are_published_where_the_server_can() -> None:
    assert ROWS.published(whole=False) == 'ONLY "public"."Spend ""x""" ("a\'", "b")'
    assert ROWS.published(whole=True) == 'ONLY "public"."Spend ""x"""'


def test_lines_are_read_like_a_pipe() -> None:
    rows = _follow._Rows(iter([b"a\n", b"b\n"]))
    assert [rows.read(1), rows.read(1 << 16), rows.read(1), rows.read(1)] == [
        b"a\n",
        b"b\n",
        b"",
        b"",
    ]


def follower(monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any]) -> support.Database:
    """A follower's sessions are these answers."""
    database = support.Database({"pg_try_advisory_lock": [["t"]], **answers})
    monkeypatch.setattr(_follow, "Session", database)
    monkeypatch.setattr(_follow._contents, "scope", lambda _session: None)
    return database


def test_nothing_is_made_where_something_stands_against_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_follow, "tables", lambda _session, _scope: [("public", "t", "a")])
    database = follower(
        monkeypatch,
        {
            "wal_level": [["12", "minimal", "0", "0", "UTF8"]],
            "attgenerated": [["public", "t", "a", "text", "text", "f", "f", "f"]],
            "relispartition": [["public", "t", "u", "d", "f"]],
            "'rule'": [["rule", "t"]],
        },
    )
    with pytest.raises(PostgresError) as refused:
        _follow.Follower(SOURCE, ADMIN, TARGET).__enter__()
    assert str(refused.value) == (
        "changes can't be followed. database litellm (127.0.0.1:5432): PostgreSQL 12 is older than"
        " 13; its wal_level is minimal, not logical; all of its 0 max_replication_slots are taken;"
        " tables without a primary key, or whose one is deferrable: t; unlogged tables: t"
        " | database copy (127.0.0.2:5432): tables with rules: t"
    )
    assert [text for text in database.done if "PUBLICATION" in text or "slot(" in text] == []


def test_another_run_keeps_its_publication(monkeypatch: pytest.MonkeyPatch) -> None:
    database = follower(monkeypatch, {"pg_try_advisory_lock": [["f"]]})
    with pytest.raises(PostgresError, match="another run follows its changes"):
        _follow.Follower(SOURCE, ADMIN, TARGET).__enter__()
    assert [text for text in database.done if "PUBLICATION" in text] == []


def test_commit_that_is_under_way_when_the_slot_is_made_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_follow, "sleep", lambda _seconds: None)
    snapshots = ["5:9:5,7", "5:9:5,7", "7:11:7,9", "9:11:9", "9:11:9"]
    database = support.Database({"pg_current_snapshot": lambda: [[snapshots.pop(0)]]})
    one = _follow.Follower(SOURCE, ADMIN, TARGET)
    one._reader = database  # type: ignore[assignment]
    one._settle()
    assert snapshots == ["9:11:9"]  # what began later is told of


def test_transaction_that_goes_on_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(100))
    monkeypatch.setattr(_follow, "sleep", lambda _seconds: None)
    monkeypatch.setattr(_follow, "monotonic", lambda: next(now) / 10)
    database = support.Database({"pg_current_snapshot": [["5:9:5"]]})
    one = _follow.Follower(SOURCE, ADMIN, TARGET)
    one._reader = database  # type: ignore[assignment]
    one._settle()
    assert 5 < len(database.done) < 20


def test_publication_of_another_run_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_follow, "VISIBLE", 0.0)
    database = follower(monkeypatch, {"pg_try_advisory_lock": [["f"]]})
    one = _follow.Follower(SOURCE, ADMIN, TARGET)
    one._published = True
    one._teller = support.Database()  # type: ignore[assignment]
    monkeypatch.setattr(one._teller, "execute", support.fails(PostgresError("it has ended")))
    one._end()
    assert one.left.endswith("another run follows its changes")
    assert [text for text in database.done if "DROP" in text] == []


@pytest.mark.parametrize("there", [True, False])
def test_what_a_killed_follower_has_left_is_removed(
    monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    server = support.Database({"pg_publication WHERE pubname": [["1"]] if there else []})
    monkeypatch.setattr(_follow, "Session", server)
    assert _follow.forget(ADMIN) is there
    dropped = [line for line in server.done if line.startswith("DROP PUBLICATION ")]
    assert dropped == ["DROP PUBLICATION %s" % _follow.FOLLOWED] * there
    assert server.endpoint == ADMIN
