"""Statements that are blanked in an archive's head.

tests/integration/database/test_contents.py does it to archives of real pg_dump.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Optional

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import archive as _archive
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import PostgresError

REST = b"the rows"
ENTRIES: list[dict[str, Any]] = [
    {"number": 5, "catalog": "2615", "oid": "2200", "kind": "SCHEMA", "name": "public"},
    {"number": 6, "catalog": "1259", "oid": "16400", "kind": "TABLE", "name": "Lite"},
    {"number": 7, "catalog": "2620", "oid": "16500", "kind": "TRIGGER", "name": "Lite audit"},
    {"number": 8, "kind": "COMMENT", "name": "TRIGGER audit ON Lite", "needs": (7,)},
    {"number": 9, "kind": "COMMENT", "name": "TABLE Lite", "needs": (6,)},
    {"number": 10, "kind": "TABLE DATA", "name": "Lite", "load": "COPY lite;", "needs": (6,)},
]


def number(value: int) -> bytes:
    return bytes([value < 0]) + abs(value).to_bytes(4, "little")


def text(value: Optional[str]) -> bytes:
    return number(-1) if value is None else number(len(value.encode())) + value.encode()


def statement(entry: dict[str, Any]) -> str:
    return "MAKE %s %s;" % (entry["kind"], entry["name"])


def archive(minor: int = 14, form: int = _archive.CUSTOM, major: int = 1) -> bytes:
    """An archive as pg_dump writes it."""
    made = _archive.MAGIC + bytes([major, minor, 0, 4, 8, form])
    made += b"\1" if minor >= 15 else number(-1)
    made += b"".join(number(part) for part in (1, 2, 3, 4, 10, 126, 0))
    made += text("litellm") + text("15.14") + text(None) + number(len(ENTRIES))
    for entry in ENTRIES:
        made += number(entry["number"]) + number(0)
        made += text(entry.get("catalog", "0")) + text(entry.get("oid", "0"))
        made += text(entry["name"]) + text(entry["kind"]) + number(2)
        made += text(statement(entry)) + text(None) + text(entry.get("load"))
        made += text("public") + text(None) + text("heap")
        made += number(114) if minor >= 16 else b""
        made += text("owner") + text("false")
        made += b"".join(text(str(needed)) for needed in entry.get("needs", ())) + text(None)
        made += b"\1" + bytes(8) if form == _archive.CUSTOM else text("7.dat")
    return made + REST


def keep(entry: _archive.Entry) -> bool:
    return entry.kind not in ("TRIGGER", "SCHEMA")


@pytest.mark.parametrize("form", [_archive.CUSTOM, _archive.FOLDER])
@pytest.mark.parametrize("minor", [14, 15, 16])
def test_what_is_not_kept_is_blanked_with_its_comment_and_no_byte_moves(
    minor: int, form: int
) -> None:
    whole = archive(minor, form)
    stream = io.BytesIO(whole)
    head = _archive.head(lambda count: stream.read(min(count, 3)), keep)
    assert stream.read() == REST
    assert len(head) + len(REST) == len(whole)
    gone = [entry for entry in ENTRIES if statement(entry).encode() not in head]
    assert [entry["number"] for entry in gone] == [5, 7, 8]
    expected = whole
    for entry in gone:
        made = statement(entry).encode()
        expected = expected.replace(made, b" " * len(made))
    # pg_restore would make a schema out of its name
    assert head + REST == expected.replace(text("SCHEMA"), text("POLICY"))


def test_all_that_is_kept_is_as_it_was() -> None:
    assert _archive.head(io.BytesIO(archive()).read, lambda entry: True) + REST == archive()


def test_entries_say_what_they_are() -> None:
    seen: list[_archive.Entry] = []
    _archive.head(io.BytesIO(archive()).read, lambda entry: bool(seen.append(entry)) or True)
    assert seen[2] == _archive.Entry(7, "2620", "16500", "TRIGGER", "Lite audit", ())
    assert seen[-1] == _archive.Entry(10, "0", "0", "TABLE DATA", "Lite", (6,))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "ends in its head"),
        (b"-- PostgreSQL database dump", "no archive"),
        (archive(17), "version 1.17, which this release does not know"),
        (archive(14, major=2), "version 2.14"),
        (archive(14, form=5), "does not know"),
        (archive()[:-200], "ends in its head"),
        (archive()[:11] + b"\0\xff\xff\xff\xff", "ends in its head"),
    ],
)
def test_what_is_no_archive_of_a_known_version_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(PostgresError, match=said):
        _archive.head(io.BytesIO(data).read, keep)


def test_end_before_its_time_is_for_pg_dump_to_explain() -> None:
    with pytest.raises(_archive.Truncated):
        _archive.head(io.BytesIO(archive()[:60]).read, keep)
    with pytest.raises(PostgresError) as caught:
        _archive.head(io.BytesIO(archive(17)).read, keep)
    assert not isinstance(caught.value, _archive.Truncated)


def test_text_that_is_too_long_to_read_is_no_early_end() -> None:
    begin = archive()
    zone = begin.index(b"litellm")  # the database's name
    data = begin[: zone - 4] + (65 << 20).to_bytes(4, "little") + begin[zone:]
    with pytest.raises(PostgresError, match="a text of 68157440 bytes in its head") as caught:
        _archive.head(io.BytesIO(data).read, keep)
    assert not isinstance(caught.value, _archive.Truncated)


def test_file_is_blanked_in_place(tmp_path: Path) -> None:
    path = tmp_path / _archive.TOC
    path.write_bytes(archive())
    _archive.blank(str(path), keep)
    found = path.read_bytes()
    assert len(found) == len(archive()) and found.endswith(REST)
    assert b"MAKE TRIGGER" not in found and b"MAKE TABLE Lite;" in found
