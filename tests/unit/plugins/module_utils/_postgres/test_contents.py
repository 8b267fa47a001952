"""LiteLLM's part of a database, from what its catalogs answer.

tests/integration/database/test_contents.py reads real ones.
"""

from __future__ import annotations

from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    contents as _contents,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.archive import Entry
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
)

PLACE = Endpoint("litellm", "litellm", host="127.0.0.1")
OWN = [["pg_class", "1259", "16400"], ["pg_class", "1259", "16401"], ["pg_trigger", "2620", "17"]]
TABLE = ["1259", "16400", "public", "table", "LiteLLM_SpendLogs"]


def session(**more: Any) -> support.Database:
    answers = {
        "starts_with(c.relname, 'LiteLLM_') ORDER": [["public", "f"]],
        "RECURSIVE": more.get("own", OWN),
        "pg_largeobject_metadata": [[more.get("large", "0")]],
        "extnamespace": more.get("extensions", []),
        "pg_extension o": more.get("installed", []),
        "i.identity": [TABLE, *more.get("others", [])],
        "c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')": more.get("relations", []),
        "pg_policy": more.get("attached", []),
    }
    return support.Database(answers)(PLACE)


def read(**more: Any) -> _contents.Contents:
    found = _contents.read(session(**more))  # type: ignore[arg-type]
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("more", "behind"),
    [
        ({}, []),
        (
            {"others": [["1259", "5", "app", "table", "orders"]]},
            ["table app.orders"],
        ),
        (
            {"others": [["1255", "5", "public", "function", "public.f()"]]},
            ["function public.f()"],
        ),
        (
            {"others": [["1255", "5", "audit", "function", "audit.note()"]]},
            ["function audit.note()"],
        ),
        ({"large": "1"}, ["1 large object"]),
        ({"large": "3"}, ["3 large objects"]),
        ({"installed": [["9", "pg_stat_statements"]]}, ["extension pg_stat_statements"]),
    ],
)
def test_what_is_not_litellms_is_named_and_stays(more: dict[str, Any], behind: list[str]) -> None:
    found = read(**more)
    assert found.behind == behind
    assert found.alone == (not behind)
    taken = _contents.scope(session(**more))  # type: ignore[arg-type]
    assert taken == (found.scope if behind else None)


def test_every_relation_of_others_is_left_out() -> None:
    found = read(relations=[["public", "jobs"], ["public", "jobs_id_seq"]])
    assert found.scope.options(15)[1:] == [
        '--exclude-table="public"."jobs"',
        '--exclude-table="public"."jobs_id_seq"',
    ]


def test_extension_that_a_table_of_litellms_needs_is_taken() -> None:
    found = read(
        own=[*OWN, ["pg_extension", "3079", "9"]],
        installed=[["9", "pg_trgm"]],
        extensions=[["9", "pg_trgm", "extensions"]],
    )
    assert found.scope.extensions == ("pg_trgm",) and found.behind == []
    assert found.scope.schemas == ("extensions", "public")
    assert found.alone


@pytest.mark.parametrize(
    ("kind", "alone"),
    [("trigger", False), ("rule", False), ("policy", False), ("child", False), ("reader", True)],
)
def test_what_hangs_on_a_table_of_litellms_is_told(kind: str, alone: bool) -> None:
    found = read(attached=[[kind, "app", "LiteLLM_SpendLogs", "audit", "t", "", "f"]])
    assert found.attached == [
        _contents.Attached(kind, "LiteLLM_SpendLogs", "audit", True, "", False, "app")
    ]
    assert found.attached[0].label == "LiteLLM_SpendLogs.audit"
    assert found.alone == alone
    assert found.besides == ([] if alone else [f"{kind} LiteLLM_SpendLogs.audit"])


def test_database_without_litellms_tables_has_no_part_of_it() -> None:
    empty = support.Database()(PLACE)
    assert _contents.read(empty) is None  # type: ignore[arg-type]
    assert _contents.scope(empty) is None  # type: ignore[arg-type]


def test_database_in_a_container_of_ours_is_taken_as_a_whole() -> None:
    asked = session(large="3")
    asked.endpoint = Endpoint("litellm", "litellm", container="litellm-postgres")
    assert _contents.scope(asked) is None  # type: ignore[arg-type]
    assert asked.done == []


def test_the_asked_schema_is_read() -> None:
    asked = session()
    found = _contents.read(asked, 'pro"xy')  # type: ignore[arg-type]
    assert found is not None and found.scope.schema == 'pro"xy'
    assert """'"pro""xy"'::regnamespace""" in asked.done[0]


SCOPE = _contents.Scope(
    "public",
    ("extensions", "public"),
    {"pg_class": frozenset({"16400", "5"}), "pg_trigger": frozenset({"17"})},
    {"1259": "pg_class", "2620": "pg_trigger"},
    (("public", 'in"voice.x'),),
    ("pg_trgm",),
)


def test_pg_dump_is_told_what_is_litellms() -> None:
    assert SCOPE.options(14) == [
        '--schema="extensions"',
        '--schema="public"',
        '--exclude-table="public"."in""voice.x"',
        '--extension="pg_trgm"',
    ]
    with pytest.raises(PostgresError, match="PostgreSQL 13 can't take extension pg_trgm without"):
        SCOPE.options(13)
    assert SCOPE._replace(extensions=()).options(13) == SCOPE.options(14)[:3]


@pytest.mark.parametrize(
    ("entry", "kept"),
    [
        (Entry(1, "1259", "16400", "TABLE", "LiteLLM_SpendLogs", ()), True),
        (Entry(1, "1259", "16409", "TABLE", "orders", ()), False),
        (Entry(1, "1255", "16400", "FUNCTION", "f()", ()), False),
        (Entry(1, "2620", "17", "TRIGGER", "LiteLLM_MCPServerTable x", ()), True),
        (Entry(1, "2620", "18", "TRIGGER", "LiteLLM_SpendLogs audit", ()), False),
        (Entry(1, "2615", "2200", "SCHEMA", "public", ()), False),
        (Entry(1, "2615", "16", "SCHEMA", "extensions", ()), True),
        (Entry(1, "2615", "17", "SCHEMA", "app", ()), False),
        (Entry(1, "0", "16400", "TABLE DATA", "LiteLLM_SpendLogs", (1,)), True),
        (Entry(1, "0", "16400", "ROW SECURITY", "LiteLLM_SpendLogs", (1,)), False),
        (Entry(1, "3256", "9", "POLICY", "LiteLLM_SpendLogs p", (1,)), False),
    ],
)
def test_of_a_dump_is_kept_what_is_litellms(entry: Entry, kept: bool) -> None:
    assert SCOPE.keeps(entry) is kept


def test_numbers_are_a_list_for_sql_and_never_empty() -> None:
    assert SCOPE.numbers("pg_class") == "5, 16400"
    assert SCOPE.numbers("pg_proc") == "0"


def test_what_a_database_holds_besides_is_read_where_it_is_not_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_contents, "Session", session(large="2"))
    assert _contents.besides(PLACE) == ["2 large objects"]
    assert _contents.besides(Endpoint("litellm", "litellm", container="litellm-postgres")) == []
