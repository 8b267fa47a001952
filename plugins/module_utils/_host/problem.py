# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator is shown: the base of all errors, a problem that a check has found; and versions
as numbers to compare."""

from __future__ import annotations

import re
from typing import NamedTuple

from . import display as _display


class OperatorError(Exception):
    """The base of every error whose message is for an operator: plain words, and no secret.

    Each argument is a line of it.
    """

    def __str__(self) -> str:
        return "\n".join(map(_display.plain, self.args))


class Problem(NamedTuple):
    """One reason to refuse (or, in a list of warnings, to think): what it is about, what is wrong,
    what to do."""

    subject: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        shown = "%s: %s" % self[:2] + (" -> %s" % self.remedy if self.remedy else "")
        return _display.plain(shown)


def words(error: Exception) -> str:
    """What an operator is told of an error: of one of the system's, the file and what is wrong with
    it."""
    if isinstance(error, OSError) and error.filename:
        return _display.plain("%s: %s" % (error.filename, error.strerror))
    return str(error) if isinstance(error, OperatorError) else _display.plain(error)


def numbers(text: str) -> tuple[int, ...]:
    """A version as comparable numbers: ``v2.26.1-ds1`` is (2, 26, 1)."""
    match = re.search(r"\d+(\.\d+)*", text or "")
    return tuple(int(part) for part in match.group(0).split(".")) if match else ()
