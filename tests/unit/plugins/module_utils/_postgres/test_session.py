"""What psql is told and what it answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    identifier,
    literal,
    parse_rows,
)


@pytest.mark.parametrize(
    "line, row",
    [
        ("a\tb", ["a", "b"]),
        ("\\N\t", [None, ""]),
        ("\\\\N", ["\\N"]),
        ("a\\tb\\nc\\rd", ["a\tb\nc\rd"]),
        ("\\\\t", ["\\t"]),
        ("ü\x01", ["ü\x01"]),
    ],
)
def test_rows(line: str, row: list[str]) -> None:
    assert parse_rows([line]) == [row]


@given(st.lists(st.one_of(st.none(), st.text()), min_size=1))
def test_what_copy_writes_is_read_back(row: list[str]) -> None:
    table = str.maketrans(
        {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\v": "\\v"}
    )
    line = "\t".join("\\N" if value is None else value.translate(table) for value in row)
    assert parse_rows([line]) == [row]


def test_quoting() -> None:
    assert (literal("it's"), literal("a\\b'")) == ("'it''s'", "E'a\\\\b'''")
    assert identifier("Other Schema", 'a"b') == '"Other Schema"."a""b"'
