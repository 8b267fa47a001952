# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rows of a database change, read from what its server tells a subscriber: messages of
PostgreSQL's plugin pgoutput, version 1 of its protocol, which servers from 10 on speak.

Only the keys of rows count: what a row is now is asked of the server. Values are text in UTF-8, as
the session writes them that takes the messages.
"""

from __future__ import annotations

import struct
from typing import NamedTuple, Optional, Union

from .programs import PostgresError

Key = tuple[str, ...]
# A value that is large and was not changed is not sent.
_NULL, _UNCHANGED, _TEXT = b"n", b"u", b"t"
# A message by its first byte.
_BEGIN, _COMMIT, _ORIGIN, _TYPE, _NOTE = b"B", b"C", b"O", b"Y", b"M"
_RELATION, _INSERT, _UPDATE, _DELETE, _TRUNCATE = b"R", b"I", b"U", b"D", b"T"
# What stands before the values of a row: they are new, old and those of the key alone, old and all.
_NEW, _OLD_KEY, _OLD_ROW = b"N", b"K", b"O"


class Column(NamedTuple):
    """A column that is told of: its name, the number and modifier of its type, and whether it is of
    the key."""

    name: str
    type: int
    modifier: int
    is_key: bool


class Relation(NamedTuple):
    """A table that is told of: its replica identity as ``pg_class.relreplident`` has it, and those
    of its columns that are published."""

    schema: str
    table: str
    identity: str
    columns: tuple[Column, ...]

    @property
    def keys(self) -> list[str]:
        """The names of its key's columns."""
        return [column.name for column in self.columns if column.is_key]


class Begun(NamedTuple):
    """A transaction whose changes follow: the lower 32 bits of its number."""

    number: int


class Changed(NamedTuple):
    """A row that was inserted, updated or deleted: its key or, where an update has changed that,
    the old and the new one. A key's values are in the order of the table's columns."""

    relation: Relation
    keys: tuple[Key, ...]


class Emptied(NamedTuple):
    """Tables that were truncated."""

    relations: tuple[Relation, ...]


Told = Union[Begun, Changed, Emptied, Relation, None]


class Changes:
    """Reads messages in the order in which they come: a table is described once, and then has a
    number."""

    def __init__(self) -> None:
        self._relations: dict[int, Relation] = {}

    def read(self, message: bytes) -> Told:
        """What one message tells, ``None`` where that changes no row.

        :raises PostgresError: it is no message of this protocol, or does not fit those before it.
        """
        words = _Words(message)
        kind = words.take(1)
        told = self._told(kind, words)
        if kind not in (_NOTE, _ORIGIN) and words.left:
            raise _odd("message %r has %d bytes too many" % (kind.decode("latin-1"), words.left))
        return told

    def _told(self, kind: bytes, words: _Words) -> Told:
        if kind == _BEGIN:
            words.take(16)
            return Begun(words.number("I"))
        if kind == _RELATION:
            return self._described(words)
        if kind == _INSERT:
            return self._inserted(words)
        if kind == _UPDATE:
            return self._updated(words)
        if kind == _DELETE:
            return self._deleted(words)
        if kind == _TRUNCATE:
            count, _options = words.number("i"), words.number("B")
            return Emptied(tuple(self._known(words) for _each in range(count)))
        if kind == _COMMIT:
            words.take(25)
        elif kind == _TYPE:
            words.take(4)
            words.text()
            words.text()
        elif kind not in (_ORIGIN, _NOTE):
            raise _odd("there is no message %r" % kind.decode("latin-1"))
        return None

    def _described(self, words: _Words) -> Relation:
        number, schema, table = words.number("I"), words.text(), words.text()
        identity, count = words.take(1).decode("latin-1"), words.number("h")
        columns = []
        for _each in range(count):
            flags, name = words.number("B"), words.text()
            columns.append(Column(name, words.number("I"), words.number("i"), bool(flags & 1)))
        # the server's own schema has an empty name
        found = Relation(schema or "pg_catalog", table, identity, tuple(columns))
        self._relations[number] = found
        return found

    def _known(self, words: _Words) -> Relation:
        number = words.number("I")
        if number not in self._relations:
            raise _odd("table %d was not described" % number)
        return self._relations[number]

    def _inserted(self, words: _Words) -> Changed:
        relation = self._known(words)
        words.expect(_NEW)
        return Changed(relation, (_key(relation, words.row()),))

    def _updated(self, words: _Words) -> Changed:
        relation, old = self._known(words), None
        kind = words.expect(_NEW, _OLD_KEY, _OLD_ROW)
        if kind != _NEW:
            old = words.row()
            words.expect(_NEW)
        new = _key(relation, words.row(), old)
        before = new if old is None else _key(relation, old)
        return Changed(relation, (new,) if before == new else (before, new))

    def _deleted(self, words: _Words) -> Changed:
        relation = self._known(words)
        words.expect(_OLD_KEY, _OLD_ROW)
        return Changed(relation, (_key(relation, words.row()),))


class _Unchanged:
    """A value that was not sent."""


_Value = Union[str, _Unchanged, None]


class _Words:
    """What a message consists of, read from its beginning."""

    def __init__(self, message: bytes) -> None:
        self._message, self._at = message, 0

    @property
    def left(self) -> int:
        """Bytes that were not read."""
        return len(self._message) - self._at

    def take(self, count: int) -> bytes:
        if not 0 <= count <= self.left:
            raise _odd("a message ends early")
        self._at += count
        return self._message[self._at - count : self._at]

    def number(self, form: str) -> int:
        """:param form: as ``struct`` has it."""
        return int(struct.unpack("!" + form, self.take(struct.calcsize("!" + form)))[0])

    def text(self) -> str:
        """Up to a byte that is zero."""
        end = self._message.find(b"\0", self._at)
        found = self.take(end - self._at)
        self.take(1)
        return _decoded(found)

    def expect(self, *kinds: bytes) -> bytes:
        found = self.take(1)
        if found not in kinds:
            raise _odd("a row is %r" % found.decode("latin-1"))
        return found

    def row(self) -> list[_Value]:
        """The values of a row's columns."""
        return [self._value() for _each in range(self.number("h"))]

    def _value(self) -> _Value:
        kind = self.expect(_NULL, _UNCHANGED, _TEXT)
        if kind == _TEXT:
            return _decoded(self.take(self.number("i")))
        return None if kind == _NULL else _Unchanged()


def _key(relation: Relation, row: list[_Value], old: Optional[list[_Value]] = None) -> Key:
    """The values of a row's key.

    :param old: the row before, which has what was not sent again.
    """
    for values in (row, old or row):
        if len(values) != len(relation.columns):
            raise _odd(
                "a row of table %s has %d values for %d columns"
                % (relation.table, len(values), len(relation.columns))
            )
    found = []
    for column, value, before in zip(relation.columns, row, old or row):
        if not column.is_key:
            continue
        said = before if isinstance(value, _Unchanged) else value
        if not isinstance(said, str):
            raise _odd("a row of table %s has no value in its key" % relation.table)
        found.append(said)
    if not found:
        raise _odd("table %s has no key" % relation.table)
    return tuple(found)


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise _odd("a text is not UTF-8") from None


def _odd(why: str) -> PostgresError:
    return PostgresError("the server's account of changes can't be read: %s" % why)
