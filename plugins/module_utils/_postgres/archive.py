# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The head of pg_dump's archives, in which statements of others are blanked.

pg_dump can leave out tables and schemas, but neither functions nor triggers, rules or policies of
the tables that it takes. What makes them is replaced by as many blanks, so that no byte of the
archive moves: this works on a stream, on a file, and on a folder's table of contents.

The format is the same from PostgreSQL 12 to 18, but for two numbers (1.15: how it is compressed;
1.16: kinds of relations). Another version is refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple, Optional

from .._host import files as _files
from .programs import PostgresError

MAGIC = b"PGDMP"
VERSIONS = ((1, 14), (1, 15), (1, 16))
CUSTOM, FOLDER = 1, 3  # the second, which is that of tar, also says a folder
# As long, and with an empty statement nothing at all.
SCHEMA, NO_SCHEMA = b"SCHEMA", b"POLICY"
LONGEST = 64 << 20  # bytes of one text in it
TOC = "toc.dat"


class Truncated(PostgresError):
    """It ended early: pg_dump says why."""


class Entry(NamedTuple):
    """An entry of an archive: its number, its object's catalog and number there (``"0"``: it is
    about another entry), what it is (``TABLE``, ``TRIGGER``), its name, and the entries it needs.
    """

    number: int
    catalog: str
    oid: str
    kind: str
    name: str
    needs: tuple[int, ...]


Keep = Callable[[Entry], bool]


class _Head:
    """Reads an archive's head, and remembers it: ``data`` is all of it, as it goes on."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read, self.data = read, bytearray()
        self._size = self._offset = 0

    def take(self, count: int) -> bytes:
        """The next bytes."""
        if count > LONGEST:
            raise PostgresError(
                "pg_dump wrote an archive with a text of %d bytes in its head; at most %d are read"
                % (count, LONGEST)
            )
        chunk = self._read(count)
        while len(chunk) < count:
            more = self._read(count - len(chunk))
            if not more:
                raise Truncated("pg_dump's archive ends in its head")
            chunk += more
        self.data += chunk
        return chunk

    def number(self) -> int:
        """A number: its sign, then its bytes, the lowest first."""
        sign, value = self.take(1), int.from_bytes(self.take(self._size), "little")
        return -value if sign != b"\0" else value

    def text(self) -> Optional[str]:
        """A text, ``None`` for none."""
        count = self.number()
        return None if count < 0 else self.take(count).decode("utf-8", "surrogateescape")

    def blankable(self) -> tuple[int, bytes]:
        """Where in ``data`` the next text is, and as many blanks."""
        count = max(self.number(), 0)
        begin = len(self.data)
        self.take(count)
        return begin, b" " * count

    def start(self) -> tuple[tuple[int, int], int]:
        """What is before the entries: the version, and how the archive is kept."""
        if self.take(len(MAGIC)) != MAGIC:
            raise PostgresError("pg_dump wrote no archive")
        major, minor, _revision, self._size, self._offset, form = self.take(6)
        if (major, minor) not in VERSIONS or form not in (CUSTOM, FOLDER):
            raise PostgresError(
                "pg_dump wrote an archive of version %d.%d, which this release does not know: use"
                " client programs of PostgreSQL 13 to 18" % (major, minor)
            )
        if minor >= 15:
            self.take(1)
        else:
            self.number()
        for _time in range(7):
            self.number()
        for _about in ("database", "server", "program"):
            self.text()
        return (major, minor), form

    def entry(self, minor: int, form: int) -> tuple[Entry, list[tuple[int, bytes]]]:
        """The next entry, and what is written where to blank it."""
        number = self.number()
        self.number()
        catalog, oid, name, kind = (self.text() or "" for _word in range(4))
        # pg_restore makes its own statement for a schema, out of its name alone
        blanks = [(len(self.data) - len(SCHEMA), NO_SCHEMA)] if kind == SCHEMA.decode() else []
        self.number()
        blanks.append(self.blankable())
        self.text()
        blanks.append(self.blankable())
        for _word in ("schema", "tablespace", "access method"):
            self.text()
        if minor >= 16:
            self.number()
        for _word in ("owner", "with oids"):
            self.text()
        needs = tuple(int(text) for text in iter(self.text, None))
        if form == CUSTOM:
            self.take(1 + self._offset)
        else:
            self.text()
        return Entry(number, catalog, oid, kind, name, needs), blanks


def head(read: Callable[[int], bytes], keep: Keep) -> bytes:
    """The head of an archive, with the statements blanked of what shall not be kept, and of what is
    about that (comments).

    :param read: returns up to so many bytes; after this the rest of the archive follows.
    :raises PostgresError: it is no archive of a version that is known.
    """
    there = _Head(read)
    (_major, minor), form = there.start()
    left: set[int] = set()
    for _entry in range(there.number()):
        entry, blanks = there.entry(minor, form)
        about = entry.catalog == "0" and not left.isdisjoint(entry.needs)
        if about or not keep(entry):
            left.add(entry.number)
            for begin, text in blanks:
                there.data[begin : begin + len(text)] = text
    return bytes(there.data)


def blank(path: str, keep: Keep) -> None:
    """Blank them in an archive's file, or in a folder's ``toc.dat``.

    :raises OSError, PostgresError: it can't be done.
    """
    with _files.updating(path) as file:
        data = head(file.read, keep)
        file.seek(0)
        file.write(data)
        os.fsync(file.fileno())
