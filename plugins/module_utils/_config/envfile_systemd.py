# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read env files as systemd does for ``EnvironmentFile=`` (measured on 257).

Releases before 254 also skip the line after a comment that ends in a backslash.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

from .envfile_common import BOM, NAME, STRAY_BYTE, Dropped, error_at, refuse

BLANK = " \t\n\r"
LINE_END = "\n\r"
# In double quotes a backslash takes only these literally; before anything else it stays.
ESCAPABLE = '"\\`$'
SHOWABLE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")


class Assignment(NamedTuple):
    """A statement: its start and end in the text, and the key and value that systemd reads."""

    start: int
    end: int
    key: str
    value: str


class Ignored(NamedTuple):
    """A line without ``=``: where it starts and ends."""

    start: int
    end: int


class _Reader:
    """One pass over a text.

    Each method reads one part of a statement from ``at`` on and leaves ``at`` behind it.
    """

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.assignments: list[Assignment] = []
        self.ignored: list[Ignored] = []
        self.unclosed: Optional[int] = None

    def run(self) -> None:
        while self.at < len(self.text):
            char = self.text[self.at]
            if char in "#;":
                self._skip_comment()
            elif char in BLANK:
                self.at += 1
            else:
                self._statement()

    def _skip_comment(self) -> None:
        while self.at < len(self.text) and self.text[self.at] not in LINE_END:
            self.at += 1

    def _statement(self) -> None:
        start = self.at
        self.at += 1  # whatever it is: a = in the first place belongs to the key
        while self.at < len(self.text) and self.text[self.at] not in LINE_END + "=":
            self.at += 1
        if self.at == len(self.text) or self.text[self.at] != "=":
            self.ignored.append(Ignored(start, self.at))
            return
        key = self.text[start : self.at].rstrip(BLANK)
        self.at += 1
        value = self._value()
        self.assignments.append(Assignment(start, self.at, key, value))

    def _value(self) -> str:
        """Quoted parts and then at most one bare part, in which quotes are ordinary characters."""
        parts: list[str] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            if char in LINE_END:
                break
            if char == "'":
                parts.append(self._single_quoted())
            elif char == '"':
                parts.append(self._double_quoted())
            elif char in BLANK:
                self.at += 1
            else:
                parts.append(self._bare())
                break
        return "".join(parts)

    def _single_quoted(self) -> str:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            self.unclosed, end = self.at, len(self.text)
        value = self.text[self.at + 1 : end]
        self.at = end + 1
        return value

    def _double_quoted(self) -> str:
        parts: list[str] = []
        begin = self.at
        self.at += 1
        while self.at < len(self.text) and self.text[self.at] != '"':
            char = self.text[self.at]
            if char != "\\":
                parts.append(char)
            else:
                self.at += 1
                following = self.text[self.at : self.at + 1]
                if following in ESCAPABLE:
                    parts.append(following)
                elif following != "\n":
                    parts.append(char + following)
            self.at += 1
        if self.at >= len(self.text):
            self.unclosed = begin
        self.at += 1
        return "".join(parts)

    def _bare(self) -> str:
        """Up to the end of the line; trailing blanks are cut unless the last one is escaped."""
        parts: list[str] = []
        keep = 0
        while self.at < len(self.text) and self.text[self.at] not in LINE_END:
            char = self.text[self.at]
            if char == "\\":
                self.at += 1
                following = self.text[self.at : self.at + 1]
                if following not in LINE_END:
                    parts.append(following)
                keep = len(parts)
            else:
                parts.append(char)
                if char not in BLANK:
                    keep = len(parts)
            self.at += 1
        return "".join(parts[:keep])


def _read(text: str) -> _Reader:
    refuse(text, "\0", "a NUL character; systemd refuses the file")
    reader = _Reader(text)
    reader.run()
    for item in reader.assignments:
        found = STRAY_BYTE.search(item.key + item.value)
        if found:
            place = STRAY_BYTE.search(text, item.start)
            raise error_at(
                text,
                place.start() if place else item.start,
                "not UTF-8; systemd refuses the file and the unit does not start",
            )
    return reader


def loads(text: str) -> dict[str, str]:
    """The variables that a process gets; invalid names are left out, as systemd does.

    :raises EnvError: systemd refuses the file.
    """
    return {item.key: item.value for item in _read(text).assignments if NAME.match(item.key)}


def assignments(text: str) -> list[Assignment]:
    """Every statement with ``=``, in order, whether systemd keeps it or not.

    :raises EnvError: systemd refuses the file.
    """
    return _read(text).assignments


def unclosed_quote(text: str) -> Optional[int]:
    """The line of an unclosed quote, after which systemd silently takes the rest of the file for
    the value; ``None`` without one.

    :raises EnvError: systemd refuses the file.
    """
    start = _read(text).unclosed
    return None if start is None else text.count("\n", 0, start) + 1


def exported_name(key: str) -> str:
    """The name in a key such as ``export NAME``, empty for other keys."""
    found = re.match(r"export[ \t]+([A-Za-z_][A-Za-z0-9_]*)\Z", key)
    return found.group(1) if found else ""


def _fault(key: str) -> tuple[str, str]:
    """Name and reason for a key that systemd drops.

    Of a strange key nothing is shown: it may be a piece of a secret.
    """
    name = exported_name(key)
    if name:
        return name, "systemd does not know `export`; it drops the line with a warning"
    bare = key.lstrip(BOM)
    if bare != key:
        reason = "the file begins with a byte order mark, which systemd takes for part of the name"
        return bare if NAME.match(bare) else "", reason
    if SHOWABLE.match(key):
        return key, "not a name: only letters, digits and _ are allowed, and no digit at the start"
    return "", "what is before the = is not a name"


def dropped(text: str) -> list[Dropped]:
    """What systemd leaves out, in the order of the lines.

    :raises EnvError: systemd refuses the file.
    """
    reader = _read(text)
    found = [
        (item.start, *_fault(item.key)) for item in reader.assignments if not NAME.match(item.key)
    ]
    for item in reader.ignored:
        line = text[item.start : item.end]
        exported = re.match(r"export[ \t]+([A-Za-z_][A-Za-z0-9_]*)[ \t]*\Z", line)
        colon = re.match(r"([A-Z_][A-Z0-9_]*)[ \t]*:[ \t]", line)
        if exported:
            found.append((item.start, exported.group(1), "a line without =; systemd ignores it"))
        elif colon:
            found.append(
                (item.start, colon.group(1), "a colon in the place of =; systemd ignores the line")
            )
        else:
            found.append((item.start, "", "a line without =; systemd ignores it"))
    return [
        Dropped(text.count("\n", 0, start) + 1, name, reason)
        for start, name, reason in sorted(found)
    ]
