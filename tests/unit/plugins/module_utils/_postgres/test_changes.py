"""Messages of a server's about changed rows, and what is read out of them."""

from __future__ import annotations

import struct
from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._postgres.changes import (
    Begun,
    Changed,
    Changes,
    Column,
    Emptied,
    Relation,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import PostgresError

Value = Optional[str]
UNCHANGED = "\0unchanged"  # no text of PostgreSQL's has a zero byte
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
BEGIN = b"B" + struct.pack("!QQI", 1 << 40, 5, 4_000_000_000)
COMMIT = b"C" + struct.pack("!BQQQ", 0, 1, 2, 3)
# "id" and "part" are its key
COLUMNS = (("id", True), ("body", False), ("part", True))
ONE = Relation(
    "public",
    "Spend Lög",
    "d",
    (Column("id", 25, -1, True), Column("body", 25, -1, False), Column("part", 23, 7, True)),
)


def described(number: int = 7, columns: tuple[tuple[str, bool], ...] = COLUMNS) -> bytes:
    types = {"part": (23, 7)}
    return (
        b"R"
        + struct.pack("!I", number)
        + "public\0Spend Lög\0d".encode()
        + struct.pack("!h", len(columns))
        + b"".join(
            bytes([is_key]) + name.encode() + b"\0" + struct.pack("!Ii", *types.get(name, (25, -1)))
            for name, is_key in columns
        )
    )


def row(*values: Value) -> bytes:
    def one(value: Value) -> bytes:
        if value is None or value == UNCHANGED:
            return b"n" if value is None else b"u"
        return b"t" + struct.pack("!I", len(value.encode())) + value.encode()

    return struct.pack("!h", len(values)) + b"".join(map(one, values))


def inserted(*values: Value) -> bytes:
    return b"I" + struct.pack("!I", 7) + b"N" + row(*values)


def updated(new: bytes, old: bytes = b"") -> bytes:
    return b"U" + struct.pack("!I", 7) + old + b"N" + new


def deleted(kind: bytes, *values: Value) -> bytes:
    return b"D" + struct.pack("!I", 7) + kind + row(*values)


@pytest.fixture
def changes() -> Changes:
    found = Changes()
    assert found.read(described()) == ONE
    return found


def test_transaction_has_a_number(changes: Changes) -> None:
    assert changes.read(BEGIN) == Begun(4_000_000_000)
    assert changes.read(COMMIT) is None


@pytest.mark.parametrize(
    "message",
    [
        b"Y" + struct.pack("!I", 16390) + b"public\0Job Status\0",
        b"O" + struct.pack("!Q", 1) + b"elsewhere\0",
        b"M" + struct.pack("!BQ", 1, 5) + b"prefix\0" + struct.pack("!I", 2) + b"I\xff",
    ],
)
def test_what_changes_no_row_tells_nothing(changes: Changes, message: bytes) -> None:
    assert changes.read(message) is None


@pytest.mark.parametrize(
    ("message", "keys"),
    [
        (inserted("a", "body", "1"), [("a", "1")]),
        (inserted("", None, "1"), [("", "1")]),
        (updated(row("a", UNCHANGED, "1")), [("a", "1")]),
        (updated(row("b", "x", "1"), b"K" + row("a", None, "1")), [("a", "1"), ("b", "1")]),
        # a large key that stays is told of as the old one
        (updated(row(UNCHANGED, "x", "1"), b"K" + row("a", None, "1")), [("a", "1")]),
        (updated(row("b", UNCHANGED, "1"), b"O" + row("a", "x", "1")), [("a", "1"), ("b", "1")]),
        (deleted(b"K", "a", None, "1"), [("a", "1")]),
        (deleted(b"O", "a", "body", "1"), [("a", "1")]),
    ],
)
def test_keys_of_a_row(changes: Changes, message: bytes, keys: list[tuple[str, ...]]) -> None:
    assert changes.read(message) == Changed(ONE, tuple(keys))


@given(TEXT, st.one_of(st.none(), TEXT), TEXT)
def test_any_text_comes_as_it_is(first: str, body: Value, second: str) -> None:
    changes = Changes()
    changes.read(described())
    told = changes.read(inserted(first, body, second))
    assert told == Changed(ONE, ((first, second),))
    told = changes.read(updated(row(second, body, first), b"K" + row(first, None, second)))
    wanted = {(first, second), (second, first)}
    assert isinstance(told, Changed) and set(told.keys) == wanted
    assert len(told.keys) == len(wanted)


def test_table_is_what_was_said_of_it_last(changes: Changes) -> None:
    changes.read(described(8, (("other", True),)))
    changes.read(described(7, (("part", False), ("id", True))))
    assert changes.read(inserted("1", "a")) == Changed(
        Relation(
            "public",
            "Spend Lög",
            "d",
            (Column("part", 23, 7, False), Column("id", 25, -1, True)),
        ),
        (("a",),),
    )


def test_names_of_a_key() -> None:
    assert ONE.keys == ["id", "part"]


def test_schema_of_the_server_has_no_name() -> None:
    message = b"R" + struct.pack("!I", 7) + b"\0pg_class\0n" + struct.pack("!h", 0)
    assert Changes().read(message) == Relation("pg_catalog", "pg_class", "n", ())


def test_tables_that_are_emptied(changes: Changes) -> None:
    other = changes.read(described(8, (("other", True),)))
    told = changes.read(b"T" + struct.pack("!iBII", 2, 1, 8, 7))
    assert told == Emptied((other, ONE))  # type: ignore[arg-type]


WHOLE = [
    BEGIN,
    COMMIT,
    described(),
    inserted("a", "b", "1"),
    updated(row("b", None, "1"), b"K" + row("a", None, "1")),
    deleted(b"K", "a", None, "1"),
    b"T" + struct.pack("!iBI", 1, 0, 7),
    b"Y" + struct.pack("!I", 16390) + b"public\0t\0",
]


@pytest.mark.parametrize("message", WHOLE, ids=lambda message: chr(message[0]))
def test_message_that_is_cut_or_goes_on_is_none(changes: Changes, message: bytes) -> None:
    for end in range(len(message)):
        with pytest.raises(PostgresError, match="account of changes can't be read"):
            changes.read(message[:end])
    with pytest.raises(PostgresError, match="message '.' has 1 bytes too many"):
        changes.read(message + b"x")


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"S" + bytes(8), "there is no message 'S'"),
        (b"I" + struct.pack("!I", 8) + b"N" + row("a"), "table 8 was not described"),
        (b"T" + struct.pack("!iBI", 1, 0, 9), "table 9 was not described"),
        (b"I" + struct.pack("!I", 7) + b"K" + row("a", "b", "c"), "a row is 'K'"),
        (deleted(b"N", "a", "b", "c"), "a row is 'N'"),
        (inserted("a", "b"), "table Spend Lög has 2 values for 3 columns"),
        (updated(row("a", "b", "c"), b"K" + row("a")), "has 1 values for 3 columns"),
        (inserted(None, "b", "c"), "no value in its key"),
        (updated(row(UNCHANGED, "b", "c")), "no value in its key"),
        (inserted("a", "b", "c").replace(b"\0\0\0\1b", b"\xff\xff\xff\xffb"), "ends early"),
        (inserted("a", "b", "c").replace(b"t\0\0\0\1b", b"b\0\0\0\1b"), "a row is 'b'"),
        (inserted("a", "b", "c").replace(b"\1b", b"\1\xff"), "a text is not UTF-8"),
        (b"R" + struct.pack("!I", 7) + b"\xff\0t\0d\0\0", "a text is not UTF-8"),
    ],
)
def test_what_is_not_understood_is_told(changes: Changes, message: bytes, why: str) -> None:
    with pytest.raises(PostgresError, match=why):
        changes.read(message)


def test_table_without_a_key_is_told() -> None:
    changes = Changes()
    changes.read(described(7, (("id", False),)))
    with pytest.raises(PostgresError, match="table Spend Lög has no key"):
        changes.read(inserted("a"))
