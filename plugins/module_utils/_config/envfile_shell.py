# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read env files as ``source FILE`` does in bash (measured on 5.2), assignments only.

What would run a command, or depends on the shell that reads it, is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .envfile_common import BOM, error_at, refuse

ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
VARIABLE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")
BLANK = " \t"
COMMAND = "this would run a command"
OPERATORS = {
    "&": COMMAND,
    "|": COMMAND,
    "(": "an array or a subshell",
    ")": "a parenthesis that is not quoted",
    "<": "a redirection",
    ">": "a redirection",
    "`": COMMAND,
}
# Bash refuses to set the first line's, and what it gives back for the others is not what was
# assigned.
SPECIAL = {
    "BASHOPTS",
    "BASH_VERSINFO",
    "EUID",
    "PPID",
    "SHELLOPTS",
    "UID",
    "BASHPID",
    "BASH_ARGV0",
    "BASH_COMMAND",
    "BASH_SUBSHELL",
    "EPOCHREALTIME",
    "EPOCHSECONDS",
    "FUNCNAME",
    "GROUPS",
    "LINENO",
    "RANDOM",
    "SECONDS",
    "SRANDOM",
    "_",
}


class _Reader:
    """One pass over a text from ``at`` on."""

    def __init__(self, text: str, environment: Mapping[str, str]) -> None:
        self.text, self.at = text, 0
        self.environment = dict(environment)
        self.found: dict[str, str] = {}

    def run(self) -> dict[str, str]:
        while self._next_line():
            self._statement()
        return self.found

    def _char(self, offset: int = 0) -> str:
        return self.text[self.at + offset : self.at + offset + 1]

    def _blanks(self) -> None:
        while True:
            if self._char() and self._char() in BLANK:
                self.at += 1
            elif self.text.startswith("\\\n", self.at):
                self.at += 2
            else:
                return

    def _comment(self) -> None:
        if self._char() == "#":
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end

    def _next_line(self) -> bool:
        """Go to the next statement, over empty lines and comments."""
        while True:
            self._blanks()
            self._comment()
            if self._char() != "\n":
                return self.at < len(self.text)
            self.at += 1

    def _statement(self) -> None:
        start, exports = self.at, False
        word = re.compile(r"export(?=[ \t]|\\\n)").match(self.text, self.at)
        if word:
            exports, self.at = True, word.end()
            self._blanks()
            if self._char() in ("", "\n", ";", "#"):
                raise error_at(self.text, start, "`export` without a name lists every variable")
        while self._char() not in ("", "\n", ";", "#"):
            assigned = ASSIGNMENT.match(self.text, self.at)
            if assigned:
                name, place = assigned.group(1), self.at
                if name in SPECIAL:
                    raise error_at(self.text, place, "bash keeps %s for itself" % name)
                self.at = assigned.end()
                self.found[name] = self.environment[name] = self._word(exports)
            elif not exports or not self._bare_name():
                raise error_at(self.text, self.at, OPERATORS.get(self._char(), COMMAND))
            self._blanks()
        self._comment()
        if self._char() == ";":
            if self.at == start:
                raise error_at(self.text, self.at, "a semicolon without a statement before it")
            self.at += 1
            self._blanks()
            if self._char() == ";":
                raise error_at(self.text, self.at, "a semicolon without a statement before it")

    def _bare_name(self) -> bool:
        """Skip ``NAME`` in ``export NAME``, which assigns nothing."""
        name = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?=[ \t\n;]|\\\n|\Z)").match(self.text, self.at)
        if name:
            self.at = name.end()
        return bool(name)

    def _word(self, exports: bool) -> str:
        """The value that begins here, up to a blank, the end of the line, or a semicolon."""
        parts: list[str] = []
        tilde = True  # a tilde here would become a home directory
        while True:
            char = self._char()
            if char in ("", "\n", ";", " ", "\t"):
                return "".join(parts)
            if char in OPERATORS:
                raise error_at(self.text, self.at, OPERATORS[char])
            if char == "~" and tilde:
                raise error_at(
                    self.text, self.at, "a tilde that the shell replaces by a home directory"
                )
            if exports and char == "{":
                raise error_at(self.text, self.at, "a brace that the shell may expand")
            tilde = char == ":"
            if char == "'":
                parts.append(self._single_quoted())
            elif char == '"':
                parts.append(self._double_quoted())
            elif char == "\\":
                self.at += 1
                # a backslash at the end of the file is itself
                parts.append({"\n": "", "": "\\"}.get(self._char(), self._char()))
                self.at += 1
            elif char == "$":
                if self._char(1) in ("'", '"') and self._char(1):
                    raise error_at(
                        self.text, self.at, "a $ before a quote, which not every shell reads alike"
                    )
                parts.append(self._dollar(" \t\n;"))
            else:
                parts.append(char)
                self.at += 1

    def _single_quoted(self) -> str:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            raise error_at(self.text, self.at, "a quote that is never closed")
        value = self.text[self.at + 1 : end]
        self.at = end + 1
        return value

    def _double_quoted(self) -> str:
        start = self.at
        parts: list[str] = []
        self.at += 1
        while self._char() != '"':
            char = self._char()
            if not char:
                raise error_at(self.text, start, "a quote that is never closed")
            if char == "`":
                raise error_at(self.text, self.at, COMMAND)
            if char == "$":
                parts.append(self._dollar('"'))
                continue
            if char == "\\":
                self.at += 1
                following = self._char()
                if following == "\n":
                    char = ""
                elif following and following in '$`"\\':
                    char = following
                else:
                    char += following
            parts.append(char)
            self.at += 1
        self.at += 1
        return "".join(parts)

    def _dollar(self, ends: str) -> str:
        """A variable's value, or the dollar itself where a shell would expand nothing."""
        named = VARIABLE.match(self.text, self.at)
        if named:
            name = named.group(1) or named.group(2)
            if name not in self.environment:
                raise error_at(
                    self.text, self.at, "%s is not set in this file before this line" % name
                )
            self.at = named.end()
            return self.environment[name]
        following = self._char(1)
        if following and following in "({[" or re.match(r"[A-Za-z0-9_@*#?$!-]", following):
            what = {
                "(": COMMAND,
                "{": "an expansion that only a shell can do",
                "[": "a sum that only a shell can do",
            }
            raise error_at(
                self.text, self.at, what.get(following, "a variable that only a shell knows")
            )
        self.at += 1
        return "$"


def loads(text: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that sourcing the file sets.

    ``environment`` is what the shell had before: ``$NAME`` finds it.

    :raises EnvError: sourcing it would do more than assign, or depends on what is not known here.
    """
    refuse(text, "\0", "a NUL character; no variable can hold one")
    if text.startswith(BOM):
        raise error_at(
            text,
            0,
            "the file begins with a byte order mark, which a shell takes for a part of a command",
        )
    return _Reader(text, environment).run()
