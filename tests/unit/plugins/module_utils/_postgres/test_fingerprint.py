"""Fingerprints compared."""

from __future__ import annotations

import copy
from typing import Any, Callable

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._postgres.fingerprint import (
    Rows,
    combine,
    compare,
    content_query,
    digest,
    parts,
)

ONE: dict[str, Any] = {
    "server_version": "15.20",
    "server_major": 15,
    "schema_hash": "s",
    "rows_total": 5,
    "hash": "h",
    "tables": [
        {"schema": "public", "name": "a", "rows": 2, "hash": "x"},
        {"schema": "other", "name": "other.a", "rows": 3, "hash": "y"},
    ],
    "sequences": [{"schema": "public", "name": "s", "last_value": 7, "is_called": True}],
}


def test_equal_whatever_the_server() -> None:
    other = {**copy.deepcopy(ONE), "server_version": "17.1", "server_major": 17}
    other["tables"].reverse()
    assert compare(ONE, other) == []


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda it: it["tables"].pop(0), "table a is only in the source"),
        (
            lambda it: it["tables"].append(
                {"schema": "public", "name": "b", "rows": 0, "hash": ""}
            ),
            "table b is only in the target",
        ),
        (
            lambda it: it["tables"][0].update(rows=1),
            "table a has 2 rows in the source, 1 in the target",
        ),
        (
            lambda it: it["tables"][0].update(hash="z"),
            "table a has 2 rows on both sides, but not the same ones",
        ),
        (lambda it: it["tables"][1].update(schema="public"), "table other.a is only in the source"),
        (lambda it: it["sequences"].clear(), "sequence s is only in the source"),
        (
            lambda it: it["sequences"][0].update(last_value=8),
            "sequence s stands at 7 in the source, at 8 in the target",
        ),
        (
            lambda it: it["sequences"][0].update(is_called=False),
            "sequence s stands at 7 in the source, at 7 (not called) in the target",
        ),
        (lambda it: it.update(schema_hash="t"), "the schemas differ"),
    ],
)
def test_differences_in_words(change: Callable[[dict[str, Any]], None], words: str) -> None:
    other = copy.deepcopy(ONE)
    change(other)
    assert words in compare(ONE, other)[0] or words in " ".join(compare(ONE, other))
    assert digest(other) != digest(ONE)


def test_sums_become_digits() -> None:
    assert combine(None, None) == "0" * 32
    assert combine("1", "-1") == "0000000000000001ffffffffffffffff"
    assert combine(str(2**64 + 5), str(-(2**64))) == "0000000000000005" + "0" * 16


def test_a_column_cannot_stand_for_the_row() -> None:
    assert 'md5("row"::text)' in content_query("public", "t", "a b")
    assert 'md5("row__"::text)' in content_query("public", "t", "a row row_")
    assert "convert_to" in content_query("public", "t", "a", utf8=False)


def test_rows_of_some_parts_are_named_by_their_hash() -> None:
    rows = Rows.of("public", "t", "a row", True)
    assert rows.table == 'ONLY "public"."t" AS "row_"'
    condition = rows.among(255, [7, 9])
    assert 'left(md5("row_"::text), 8)' in condition
    assert condition.endswith("& 255) = ANY ('{7,9}'::bigint[])")


def test_parts_add_up_to_the_whole() -> None:
    database: Any = support.Database({"GROUP BY 1": [["3", "2", "10", "-4"], ["0", "1", "5", "6"]]})
    found = parts(database, Rows.of("public", "t", "a"), 3)
    assert found == {3: (2, 10, -4), 0: (1, 5, 6)}
    assert "& 3), count(*), sum(" in database.done[0]
    sums = [sum(part[place] for part in found.values()) for place in (1, 2)]
    assert combine(*sums) == combine("15", "2")
