# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where in a YAML text its values are, so that one can be replaced and every other byte kept.

Not every host has a YAML library, and none keeps comments, quotes and order. This one knows block
and flow collections, all five styles of scalars, comments, anchors, aliases and tags. It does not
validate: a text that is not YAML gives some result.

Texts are other people's, so the work grows as their size does: nesting, aliases and values have
limits, and no expression tries a place twice.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

DEPTH = 100  # LiteLLM's own settings need a dozen
ALIASES = 10000  # a thousand models with ten each
VALUES = 100000  # and three thousand of them with thirty settings each
Path = tuple[str, ...]

_BREAK = "\r\n\x85\u2028\u2029"
SKIP = re.compile(r"(?:[ \t\ufeff%s]+|#[^%s]*)*" % (_BREAK, _BREAK))
MARKER = re.compile(r"(?:---|\.\.\.)(?=[ \t%s]|\Z)" % _BREAK)
DIRECTIVE = re.compile("%%[^%s]*" % _BREAK)
INDICATOR = re.compile(r"[-?:](?=[ \t%s]|\Z)" % _BREAK)
FLOW_INDICATOR = re.compile(r"\?(?=[ \t%s])|[:,]" % _BREAK)
NAME = re.compile(r"[^\s,\[\]{}]*")
DOUBLE = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.S)
SINGLE = re.compile(r"'([^']*(?:''[^']*)*)'")
PLAIN = re.compile(
    r"(?:[^ \t:#%s]|:(?![ \t%s]|\Z)|(?<=[^ \t%s])#|[ \t]+(?![ \t#%s]|\Z))+" % ((_BREAK,) * 4)
)
FLOW_PLAIN = re.compile(
    r"(?:[^ \t:#,\[\]{}%s]|:(?![ \t,\[\]{}%s]|\Z)|(?<=[^ \t%s])#|[ \t%s]+(?![ \t#,\[\]{}%s]|\Z))+"
    % ((_BREAK,) * 5)
)
KEY = re.compile(r"[ \t]*:(?=[ \t%s]|\Z)" % _BREAK)
FLOW_KEY = re.compile(r"[ \t%s]*:(?=[ \t,\[\]{}%s]|\Z)" % (_BREAK, _BREAK))
FLOW_QUOTED_KEY = re.compile(r"[ \t%s]*:" % _BREAK)
NEXT_LINE = re.compile(
    r"(?:[ \t]*(?:\r\n|\r(?!\n)|[%s]))+([ \t]*)(?![ \t#%s]|\Z)" % (_BREAK[1:], _BREAK)
)
BLOCK_HEADER = re.compile(
    r"[|>](?:[+-]?([1-9])?|([1-9])[+-])(?:[ \t]+#[^%s]*|[ \t]*)(?:\r\n|[%s]|\Z)" % (_BREAK, _BREAK)
)
SPACES = re.compile(" *")
REST = re.compile(r"[^\r\n]*")
BREAK = re.compile(r"\r\n|[\r\n]|\Z")


class Value(NamedTuple):
    """A scalar value: its path of keys (``-`` for a list item), and where its text is, unquoted.

    ``key``: where its key starts, -1 without one. ``quoted``, ``flow``: how it is written.
    """

    path: Path
    start: int
    end: int
    key: int
    quoted: bool
    flow: bool


class Scan(NamedTuple):
    """The result of :func:`scan`.

    - ``keys``: each key's path and offset.
    - ``anchors``: the paths of anchored nodes, by anchor.
    - ``aliases``: the path where each alias is used, and its name.
    - ``faults``: offsets of unclosed quotes and brackets; what follows such a quote is not read.
    - ``items``: the path of the list and the offset of each list item.
    - ``excess``: offset and words of a limit that the text goes beyond; what follows is not read.
    """

    values: list[Value]
    keys: dict[Path, int]
    anchors: dict[str, Path]
    aliases: list[tuple[Path, str]]
    faults: list[int]
    items: list[tuple[Path, int]]
    excess: Optional[tuple[int, str]] = None


def scan(text: str) -> Scan:
    """Find the values of a YAML text."""
    return _Scanner(text).run()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text, self.at, self.column = text, 0, 0
        self.line, self.seen = 0, 0  # where this line begins, and up to where lines are known
        self.block: list[tuple[int, str]] = []  # columns and keys of the open block collections
        self.flow: list[list[str]] = []  # brackets and current keys of the open flow collections
        self.opened: list[int] = []  # where their brackets are
        self.found = Scan([], {}, {}, [], [], [])

    def run(self) -> Scan:
        while True:
            self.at = SKIP.match(self.text, self.at).end()  # type: ignore[union-attr]
            excess = self._excess()
            if excess:
                return self.found._replace(excess=(self.at, excess))
            if self.at >= len(self.text):
                self.found.faults.extend([] if self.found.faults else self.opened)
                return self.found
            self.line = self.text.rfind("\n", self.seen, self.at) + 1 or self.line
            self.seen = self.at
            self.column = self.at - self.line
            if not (self.column == 0 and self._document()):
                self._token(self.text[self.at])

    def _excess(self) -> str:
        if len(self.block) + len(self.flow) > DEPTH:
            return "is nested deeper than %d levels. Write it flatter" % DEPTH
        if len(self.found.aliases) > ALIASES:
            return "uses more than %d aliases (*). Write the values themselves" % ALIASES
        if len(self.found.values) + len(self.found.items) > VALUES:
            return "holds more than %d values. Keep models in the database instead" % VALUES
        return ""

    def _document(self) -> bool:
        match = MARKER.match(self.text, self.at) or (
            None if self.block or self.flow else DIRECTIVE.match(self.text, self.at)
        )
        if match is None:
            return False
        self.found.faults.extend(self.opened)
        self.block, self.flow, self.opened, self.at = [], [], [], match.end()
        return True

    def _path(self) -> Path:
        return (
            *(key for column, key in self.block if column < self.column),
            *(level[1] for level in self.flow),
        )

    def _token(self, char: str) -> None:
        indicator = (FLOW_INDICATOR if self.flow else INDICATOR).match(self.text, self.at)
        if indicator:
            self.at = indicator.end()
            if not self.flow:
                self._open(char, item=char == "-")
            elif char == ",":
                self.flow[-1][1] = "-" if self.flow[-1][0] == "[" else ""
                self._item()
        elif char in "&*!":
            self._property(char)
        elif char in "\"'":
            self._quoted(char)
        elif char in "[{":
            self.flow.append([char, "-" if char == "[" else ""])
            self.opened.append(self.at)
            self.at += 1
            self._item()
        elif self.flow and char in "]}":
            self.flow.pop()
            self.opened.pop()
            self.at += 1
        elif char in "|>" and not self.flow:
            self._literal()
        else:
            self._plain()

    def _open(self, key: str, item: bool = False) -> None:
        """A block collection goes on at this column with another item or key; deeper ones are
        closed.

        A key may be called "-" as well, so an item is one because its caller says so.
        """
        while self.block and (
            self.block[-1][0] > self.column
            or (self.block[-1][0] == self.column and (not item or self.block[-1][1] == "-"))
        ):
            self.block.pop()
        self.block.append((self.column, key))
        if item:
            self.found.items.append((tuple(name for _column, name in self.block[:-1]), self.at))

    def _item(self) -> None:
        """Record that an item of a flow list begins here."""
        if self.flow[-1][0] == "[":
            self.found.items.append((self._path()[:-1], self.at))

    def _property(self, char: str) -> None:
        end = NAME.match(self.text, self.at + 1).end()  # type: ignore[union-attr]
        name, self.at = self.text[self.at + 1 : end], end
        if char == "&":
            self.found.anchors[name] = self._path()
        elif char == "*":
            self.found.aliases.append((self._path(), name))
            self._is_key(end - len(name) - 1, char + name, FLOW_KEY)

    def _is_key(self, start: int, key: str, flow_pattern: "re.Pattern[str]") -> bool:
        """Take the colon after a scalar, if there is one."""
        match = (flow_pattern if self.flow else KEY).match(self.text, self.at)
        if match is None:
            return False
        self.at = match.end()
        if self.flow:
            self.flow[-1][1] = key
            self.found.keys[self._path()] = start
        else:
            self._open(key)
            self.found.keys[tuple(name for _column, name in self.block)] = start
        return True

    def _value(self, start: int, end: int, quoted: bool = False) -> None:
        path = self._path()
        key = self.found.keys.get(path, -1) if path and path[-1] != "-" else -1
        self.found.values.append(Value(path, start, end, key, quoted, bool(self.flow)))

    def _quoted(self, char: str) -> None:
        match = (DOUBLE if char == '"' else SINGLE).match(self.text, self.at)
        if match is None:
            self.found.faults.append(self.at)
            self.at = len(self.text)
            return
        self.at = match.end()
        if not self._is_key(match.start(), match[1], FLOW_QUOTED_KEY):
            self._value(*match.span(1), quoted=True)

    def _plain(self) -> None:
        match = (FLOW_PLAIN if self.flow else PLAIN).match(self.text, self.at)
        if match is None:
            self.at += 1
            return
        start, end = match.start(), match.start() + len(match[0].rstrip(" \t" + _BREAK))
        self.at = end
        if self._is_key(start, self.text[start:end], FLOW_KEY):
            return
        while not self.flow:
            following = NEXT_LINE.match(self.text, self.at)
            if (
                not following
                or len(following[1]) <= self._parent()
                or (not following[1] and MARKER.match(self.text, following.end()))
            ):
                break
            match = PLAIN.match(self.text, following.end())
            if match is None:
                break
            self.at = end = match.start() + len(match[0].rstrip(" \t"))
        self._value(start, end)

    def _parent(self) -> int:
        """The column of the innermost block collection that is open here, -1 outside of all."""
        return max([column for column, _key in self.block if column < self.column], default=-1)

    def _literal(self) -> None:
        """A block scalar: every line that is indented deeper than what it belongs to."""
        header = BLOCK_HEADER.match(self.text, self.at)
        if header is None:
            self._plain()
            return
        parent = self._parent()
        digit = header[1] or header[2]
        indent = max(parent, 0) + int(digit) if digit else 0
        start = self.at = header.end()
        while self.at < len(self.text):
            depth = SPACES.match(self.text, self.at).end() - self.at  # type: ignore[union-attr]
            end = REST.match(self.text, self.at + depth).end()  # type: ignore[union-attr]
            if end > self.at + depth:
                indent = indent or max(depth, parent + 1)
                if depth < indent:
                    break
            self.at = BREAK.match(self.text, end).end()  # type: ignore[union-attr]
        self._value(start, self.at)
