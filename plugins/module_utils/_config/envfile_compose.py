# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read env files as Docker Compose does for ``env_file:`` and ``.env`` (measured on 2.26.1).

Variables in values are interpolated as Compose does.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Optional

from .envfile_common import BOM, STRAY_BYTE, EnvError, error_at, refuse

# Blanks within a line, and all that Unicode calls white space (Python's str.isspace takes a few
# more).
LINE_BLANK = "\t\v\f\r \x85\xa0"
SPACE = (
    LINE_BLANK
    + "\n\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    + "\u2028\u2029\u202f\u205f\u3000"
)
EXPORT = re.compile(r"export[\t\n\f\r ]+")
ESCAPE = re.compile(r'\\(?:[abcfnrtv$"\\]|0[0-9]{0,3})')
LETTER_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    '"': '"',
    "\\": "\\",
    # the dollar is doubled, so that the interpolation that follows leaves it alone
    "$": "$$",
    "c": "\\c",
}
# Case-insensitive in Compose, where that brings in two more letters.
VARIABLE = "[_A-Za-z\u017f\u212a][_A-Za-z0-9\u017f\u212a]*"
NAMED = re.compile(VARIABLE)
BRACED = re.compile(r"\{(" + VARIABLE + r")(?:(:?[-+?])(.*))?\}")


class _Template(Exception):
    """A value that cannot be interpolated, in words."""


def _interpolate(text: str, known: Mapping[str, str]) -> str:
    """``$NAME``, ``${NAME}``, ``${NAME:-default}`` and so on, ``$$``; what is not set is empty.

    :raises _Template: a brace that is not closed or not a variable, or a ``:?`` that is not met.
    """
    parts: list[str] = []
    at = 0
    while True:
        dollar = text.find("$", at)
        if dollar < 0:
            return "".join(parts) + text[at:]
        parts.append(text[at:dollar])
        at = dollar + 1
        named = NAMED.match(text, at)
        if text.startswith("$", at):
            parts.append("$")
            at += 1
        elif named:
            parts.append(known.get(named.group(), ""))
            at = named.end()
        elif text.startswith("{", at):
            braced = BRACED.match(text, at)
            if not braced:
                raise _Template("${ without a variable's name and a closing brace in the same line")
            # Compose takes all up to the line's last brace, then closes at the one that fits and
            # reads the rest by itself.
            whole = braced.group()
            close = _closing(whole)
            inner = BRACED.match(whole[: close + 1]) if close >= 0 else braced
            if not inner:
                raise _Template("${ without a variable's name and a closing brace in the same line")
            parts.append(_variable(inner.group(1), inner.group(2), inner.group(3), known))
            if close >= 0:
                parts.append(_interpolate(whole[close + 1 :], known))
            at = braced.end()
        else:
            parts.append("$")


def _closing(text: str) -> int:
    """Where the brace that opens the text is closed, -1 if it is not."""
    depth = 0
    for index, char in enumerate(text):
        depth += {"{": 1, "}": -1}.get(char, 0)
        if char == "}" and depth == 0:
            return index
    return -1


def _variable(
    name: str, operator: Optional[str], argument: Optional[str], known: Mapping[str, str]
) -> str:
    value = known.get(name)
    if operator is None:
        return value or ""
    # The argument is read even where it is not used, so a mistake in it is always found.
    given = _interpolate(argument or "", known)
    there = value is not None and (value != "" or not operator.startswith(":"))
    if operator.endswith("-"):
        return value or "" if there else given
    if operator.endswith("+"):
        return given if there else value or ""
    if not there:
        raise _Template("required variable %s is missing a value" % name)
    return value or ""


def _escape(match: "re.Match[str]") -> str:
    body = match.group()[1:]
    if not body.startswith("0"):
        return LETTER_ESCAPES[body]
    digits = body[1:]
    if re.match(r"[0-7]{3}\Z", digits) and int(digits, 8) < 256:
        return chr(int(digits, 8))
    return "\\" + digits


class _Reader:
    """One pass over a text from ``at`` on."""

    def __init__(self, text: str, environment: Mapping[str, str]) -> None:
        self.text, self.environment = text, environment
        self.at = 1 if text.startswith(BOM) else 0
        self.found: dict[str, str] = {}

    def run(self) -> dict[str, str]:
        while self._next_statement():
            start = self.at
            key, inherited = self._key()
            if " " in key:
                raise error_at(self.text, start, "a blank in what should be a name")
            if inherited:
                if key in self.environment:
                    self.found[key] = self.environment[key]
            else:
                self.found[key] = self._value()
        return self.found

    def _skip(self, blanks: str) -> None:
        while self.at < len(self.text) and self.text[self.at] in blanks:
            self.at += 1

    def _next_statement(self) -> bool:
        """Skip white space and comments. A statement may follow a quoted value on the same line."""
        self._skip(SPACE)
        while self.text.startswith("#", self.at):
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end
            self._skip(SPACE)
        return self.at < len(self.text)

    def _key(self) -> tuple[str, bool]:
        """The key up to ``=``, ``:`` or the end of its line, and whether the environment has its
        value, which the last of them means.
        """
        start = self.at
        exported = EXPORT.match(self.text, self.at)
        if exported:
            self.at += len("export")
            self._skip(LINE_BLANK)
        if self.at == len(self.text):
            raise error_at(self.text, start, "nothing after `export`")
        for index in range(self.at, len(self.text)):
            char = self.text[index]
            if char in "=:\n":
                key = self.text[self.at : index].rstrip(SPACE)
                self.at = index + 1
                self._skip(LINE_BLANK)
                return key, char == "\n"
            if (
                char not in LINE_BLANK
                and char not in "_.-[]"
                and unicodedata.category(char)[0] not in "LN"
            ):
                raise error_at(self.text, index, "an unexpected character in what should be a name")
        # Without a separator up to the end of the file, Compose takes it for the value of a
        # variable without a name.
        self._skip(LINE_BLANK)
        return "", False

    def _value(self) -> str:
        start = self.at
        quote = self.text[start : start + 1]
        if quote in ("'", '"'):
            value = self._quoted(quote)
            if quote == "'":
                return value
            value = ESCAPE.sub(_escape, value)
        else:
            end = self.text.find("\n", start)
            end = len(self.text) if end < 0 else end
            value = self.text[start:end].split(" #", 1)[0].rstrip(SPACE)
            self.at = min(end + 1, len(self.text))
        try:
            return _interpolate(value, {**self.found, **self.environment})
        except _Template as error:
            raise error_at(self.text, start, str(error)) from None

    def _quoted(self, quote: str) -> str:
        """Up to the closing quote; only a backslash before a quote of the same kind is dropped."""
        parts: list[str] = []
        index = self.at + 1
        while index < len(self.text):
            char = self.text[index]
            if char == quote:
                self.at = index + 1
                return "".join(parts)
            if char == "\\":
                index += 1
                following = self.text[index : index + 1]
                parts.append(following if following == quote else char + following)
            else:
                parts.append(char)
            index += 1
        raise error_at(self.text, self.at, "a quote that is never closed")


def loads(text: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that a container gets.

    ``environment`` is what Compose itself was started with: it goes before the file in
    interpolation and fills in bare names.

    :raises EnvError: Compose refuses the file, or no process could hold the value.
    """
    refuse(text, "\0", "a NUL character; no variable can hold one")
    found = _Reader(text, environment).run()
    return {
        STRAY_BYTE.sub("\ufffd", key): STRAY_BYTE.sub("\ufffd", value)
        for key, value in found.items()
    }


__all__ = ["EnvError", "loads"]
