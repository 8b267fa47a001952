# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ``.env`` as python-dotenv 1.2 reads it, which LiteLLM does by itself.

What it can't parse it skips with a warning in its log; so no text is an error here. A name without
``=`` sets nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple, Optional

from .envfile_common import BOM

_NEXT = re.compile(r"\s*(?:export[^\S\r\n]+)?")
_NAME = re.compile(r"'(?P<quoted>[^']+)'|(?P<bare>(?!')[^=#\s]+)|(?=#)")
_EQUALS = re.compile(r"[^\S\r\n]*(?P<sign>=(?P<space>[^\S\r\n]*))?")
_SINGLE = re.compile(r"'((?:\\.|[^'\\])*)'", re.S)
_DOUBLE = re.compile(r'"((?:\\.|[^"\\])*)"', re.S)
_PLAIN = re.compile(r"[^\r\n]*")
_END = re.compile(r"(?:[^\S\r\n]*#[^\r\n]*)?[^\S\r\n]*(?:\r\n|\n|\r|\Z)")
_REST = re.compile(r"[^\r\n]*(?:\r|\n|\r\n)?")
_ESCAPES = {
    "\\": "\\",
    "'": "'",
    '"': '"',
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}
_VARIABLE = re.compile(r"\$\{(?P<name>[^}:]*)(?::-(?P<default>[^}]*))?\}")


class Line(NamedTuple):
    """A line that names a variable: where it begins in the text, the name, and the value as it is
    written, ``None`` where there is no ``=``."""

    start: int
    name: str
    value: Optional[str]


def assignments(text: str) -> list[Line]:
    """The lines of a text that name a variable, in its order."""
    found, position = [], len(BOM) if text.startswith(BOM) else 0
    while position < len(text):
        start = _match(_NEXT, text, position).end()
        if start >= len(text) and not text[position:].strip():
            break
        line, position = _line(text, start)
        found += [line] if line else []
    return found


def _match(pattern: re.Pattern[str], text: str, position: int) -> re.Match[str]:
    """Of an expression that matches anywhere."""
    match = pattern.match(text, position)
    if match is None:
        raise AssertionError("%s has to match anywhere" % pattern.pattern)
    return match


def _line(text: str, start: int) -> tuple[Optional[Line], int]:
    """The assignment that begins here, and where it ends; without one, where the line does."""
    name = _NAME.match(text, start)
    if name is None:
        return None, _match(_REST, text, start).end()
    equals = _match(_EQUALS, text, name.end())
    value: Optional[str] = None
    end = equals.end()
    if equals["sign"]:
        read = _value(text, end, bool(equals["space"]))
        if read is None:
            return None, _match(_REST, text, end).end()
        value, end = read
    closed = _END.match(text, end)
    if closed is None:
        # what looked like a comment's end is read as a line of its own
        return None, _match(_REST, text, end).end()
    key = name["quoted"] or name["bare"]
    return (Line(start, key, value) if key else None), closed.end()


def _value(text: str, start: int, spaced: bool) -> Optional[tuple[str, int]]:
    """A value and where it ends; ``None`` for a quote that is never closed."""
    if spaced and text.startswith("#", start):
        return "", start
    if text.startswith("'", start):
        quoted = _SINGLE.match(text, start)
        return quoted and (re.sub(r"\\([\\'])", r"\1", quoted[1]), quoted.end())
    if text.startswith('"', start):
        quoted = _DOUBLE.match(text, start)
        return quoted and (_unescaped(quoted[1]), quoted.end())
    plain = _match(_PLAIN, text, start)
    return re.sub(r"\s+#.*", "", plain[0]).rstrip(), plain.end()


def _unescaped(value: str) -> str:
    return re.sub(r"\\([\\'\"abfnrtv])", lambda found: _ESCAPES[found[1]], value)


def loads(text: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that a text gives a process that has these already: ``${NAME}`` and
    ``${NAME:-default}`` are replaced, by what the process has before what the text has.
    """
    values: dict[str, Optional[str]] = {}
    for line in assignments(text):
        values[line.name] = line.value and _replaced(line.value, {**values, **environment})
    return {name: value for name, value in values.items() if value is not None}


def _replaced(value: str, known: Mapping[str, Optional[str]]) -> str:
    return _VARIABLE.sub(
        lambda found: known.get(found["name"], found["default"] or "") or "", value
    )
