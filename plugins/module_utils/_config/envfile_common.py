# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the readers of env files share: the text, places in it, and the error.

No message ever holds a value.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Optional, Union

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
BOM = "\ufeff"
# How bytes that are not UTF-8 appear in decoded text (Python's surrogateescape: one character per
# byte).
STRAY_BYTE = re.compile("[\ud800-\udfff]")


class EnvError(ValueError):
    """An env file that cannot be read or written: ``line`` and ``column`` count from 1, ``message``
    says what and why.
    """

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__("line %d, column %d: %s" % (line, column, message))
        self.line, self.column, self.message = line, column, message


class Dropped(NamedTuple):
    """A line that systemd does not turn into a variable.

    ``name`` is empty where the line shows none that is safe to print.
    """

    line: int
    name: str
    reason: str


def decode(text: Union[str, bytes]) -> str:
    """Decode bytes as UTF-8, keeping other bytes as surrogates; text is returned as it is."""
    return text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else text


def error_at(text: str, index: int, message: str) -> EnvError:
    """The error for a place in a text: lines end at a line feed, columns count characters."""
    start = text.rfind("\n", 0, index) + 1
    return EnvError(text.count("\n", 0, index) + 1, index - start + 1, message)


def refuse(text: str, pattern: Union[str, "re.Pattern[str]"], message: str) -> None:
    """Raise the error if the text has such a character."""
    found: Optional[re.Match[str]] = re.search(pattern, text)
    if found:
        raise error_at(text, found.start(), message)
