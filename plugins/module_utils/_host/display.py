# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts of others as they are shown: one function for each medium.

A process title, a model's name, a table's, a path or a server's answer can hold anything. Shown,
it forges no line, colour, numbered item, markup or link. JSON needs none of this: what
``json.dumps`` writes is ASCII.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any, Callable

_BREAK = re.compile(r"\s*[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]\s*")
_MARKUP = re.compile(
    r"""[\\`*<|~$]                    # code, emphasis, HTML, cells, strikes, formulas
    | (?<![^\W_])_ | _(?![^\W_])      # emphasis, which is none within a word
    | &(?=[#a-z])                     # entities
    | \](?=[(\[:]|$)                  # the end of a link's text
    | (?<=\bhttps)(?=:) | (?<=\bhttp)(?=:) | (?<=\bftp)(?=:)
    | (?<=\bmailto)(?=:) | (?<=\bxmpp)(?=:) | (?<=\bwww)(?=\.)   # what viewers make links of
    | ^[#>+=\-\[]                     # headings, quotes, items, rules, tasks
    """,
    re.X | re.I,
)
_NUMBER = re.compile(r"^(\d+)([.)])")


def line(text: object) -> str:
    """On one line, as wide as it is: for what has columns."""
    words = str(text)
    if words.isprintable():
        return words
    words = _BREAK.sub(" ", words)
    return "".join(letter if letter.isprintable() else _shown(letter) for letter in words)


def block(text: str) -> str:
    """The lines of a text, each as :func:`line` shows it."""
    return "\n".join(map(line, text.split("\n")))


def plain(text: object) -> str:
    """For a terminal, a log and a message: on one line, words a space apart."""
    return " ".join(line(text).split())


def markdown(text: object) -> str:
    """For Markdown, also within a table or at the beginning of an item."""
    words = _MARKUP.sub(lambda found: "\\" + found[0], plain(text))
    return _NUMBER.sub(r"\1\\\2", words)


def code(text: object) -> str:
    """For Markdown, as code where it can be."""
    words = plain(text)
    return markdown(words) if re.search(r"[`|\\]", words) or not words else "`%s`" % words


def html(text: object) -> str:
    """For HTML, also within an attribute."""
    return escape(plain(text))


def label(text: object) -> str:
    """For the value of a metric's label."""
    return plain(text).replace("\\", "\\\\").replace('"', '\\"')


def each(value: Any, medium: Callable[[object], str] = plain) -> Any:
    """All texts within something that JSON could carry, names included."""
    if isinstance(value, str):
        return medium(value)
    if isinstance(value, dict):
        return {each(name, medium): each(item, medium) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [each(item, medium) for item in value]
    return value


def _shown(letter: str) -> str:
    """What can't be seen, as Python writes it; a byte that is no UTF-8 as that byte."""
    number = ord(letter)
    if letter.isspace():
        return " "
    if 0xDC80 <= number <= 0xDCFF:
        return "\\x%02x" % (number - 0xDC00)
    return letter.encode("unicode_escape", "surrogatepass").decode()
