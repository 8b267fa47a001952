"""Decisions of a carry: what differs, and what must not be carried over."""

from __future__ import annotations

from typing import Any, Optional

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    copy_back as _copy_back,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.endpoint import (
    Endpoint,
    PostgresError,
)

TARGET = Endpoint("litellm", "litellm", host="127.0.0.1")


def held(schema_hash: str = "s", **tables: tuple[int, str]) -> dict[str, Any]:
    """A fingerprint with tables of these rows and hashes."""
    items = [
        {"schema": "public", "name": name, "rows": rows, "hash": hashed}
        for name, (rows, hashed) in tables.items()
    ]
    return {
        "tables": items,
        "sequences": [],
        "schema_hash": schema_hash,
        "rows_total": sum(rows for rows, hashed in tables.values()),
        "hash": repr((schema_hash, items)),
    }


def row(name: str, before: int, after: int, changed: bool = True) -> dict[str, Any]:
    return {"name": name, "before": before, "after": after, "changed": changed}


@pytest.mark.parametrize(
    "before, after, wanted",
    [
        (held(), held(), []),
        (held(a=(1, "x")), held(a=(1, "x")), []),
        (held(a=(1, "x")), held(a=(1, "y")), [row("a", 1, 1)]),
        (held(a=(1, "x")), held(a=(2, "x")), [row("a", 1, 2, False)]),
        (
            held(b=(1, "x"), a=(5, "x")),
            held(a=(3, "z"), b=(2, "y")),
            [row("a", 5, 3), row("b", 1, 2)],
        ),
        (held(), held(new=(0, "0")), [row("new", 0, 0)]),
        (held(old=(4, "x")), held(), [row("old", 4, 0)]),
        (held("one", a=(1, "x")), held("other", a=(1, "x")), []),
    ],
)
def test_what_differs(
    before: dict[str, Any], after: dict[str, Any], wanted: list[dict[str, Any]]
) -> None:
    assert _copy_back.delta(before, after) == wanted


def test_tables_of_the_same_name_in_two_schemas_are_two() -> None:
    one, other = held(t=(1, "x")), held(t=(1, "x"))
    for side, rows in ((one, 3), (other, 9)):
        side["tables"].append(
            {"schema": "Other", "name": "Other.t", "rows": rows, "hash": str(rows)}
        )
    assert _copy_back.delta(one, other) == [row("Other.t", 3, 9)]


LEFT = held(a=(1, "x"), b=(2, "y"))


@pytest.mark.parametrize(
    "source, there, expect, why",
    [
        (held(a=(3, "z"), b=(2, "y")), LEFT, LEFT["hash"], None),
        (held(a=(3, "z"), b=(2, "y")), LEFT, None, None),
        (
            held(a=(3, "z"), b=(2, "y")),
            held(a=(1, "x"), b=(7, "y")),
            LEFT["hash"],
            (
                "written to since it was left.*table a has 3 rows in the source, 1 in the "
                "target; table b has 2 rows in the source, 7 in the target"
            ),
        ),
        (
            held("newer", a=(3, "z"), b=(2, "y")),
            LEFT,
            LEFT["hash"],
            "the schemas differ in columns, types.*leave these rows where they are",
        ),
        (
            held("newer", a=(1, "x"), b=(2, "y"), c=(0, "0")),
            LEFT,
            LEFT["hash"],
            "the schemas differ .table c is only in the source.: a newer LiteLLM",
        ),
        (held("newer", a=(1, "x")), LEFT, None, "table b is only in the target"),
    ],
)
def test_refusals(
    source: dict[str, Any], there: dict[str, Any], expect: Optional[str], why: Optional[str]
) -> None:
    if why is None:
        _copy_back.check(source, there, expect, TARGET)
        return
    with pytest.raises(PostgresError, match=why) as caught:
        _copy_back.check(source, there, expect, TARGET)
    assert "database litellm (127.0.0.1:5432)" in str(caught.value) or "schemas" in str(
        caught.value
    )


def test_names_are_quoted_wherever_they_are() -> None:
    assert _copy_back._sql({"schema": "public", "name": 'a."b"'}) == '"public"."a.""b"""'
    assert (
        _copy_back._sql({"schema": "Other Schema", "name": "Other Schema.a b"})
        == '"Other Schema"."a b"'
    )


@pytest.mark.parametrize("place", range(4))
def test_foreign_key_that_psql_would_take_for_commands_is_refused(
    monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    monkeypatch.setattr(_copy_back, "_check_unchanged", lambda _session, _items, _others: [])
    key = ["people", "lives_in", "FOREIGN KEY (home) REFERENCES homes(id)", None]
    key[place] = "x\n\\\\! id"
    database = support.Database({"FROM pg_constraint": [key]})
    database.endpoint = TARGET
    with pytest.raises(PostgresError, match="a foreign key or trigger has a backslash"):
        _copy_back._fill(
            database,  # type: ignore[arg-type]
            TARGET,
            "0001-1",
            held(people=(1, "x")),
            held(people=(1, "y")),
            database,  # type: ignore[arg-type]
        )
    assert [text for text in database.done if text.startswith("ALTER")] == []


@pytest.mark.parametrize(
    ("rows", "parts"), [(0, 1), (31, 1), (32, 2), (1000, 32), (1 << 20, 1 << 16), (10**9, 1 << 16)]
)
def test_large_tables_have_many_parts(rows: int, parts: int) -> None:
    assert _copy_back._mask(rows) + 1 == parts
