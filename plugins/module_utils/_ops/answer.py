# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command of ``litellm-ops`` answers, and the exit codes of all of them.

Commands that do something (backups, restores, model servers) and commands that check something
(``health``, ``probe``, ``inventory``) have each their own, since monitoring knows those of the
second kind: they are Nagios' OK, WARNING, CRITICAL and UNKNOWN.

====  ==============================================  =====================================
code  what is done                                    what is checked
====  ==============================================  =====================================
0     done                                            healthy (OK)
1     failed                                          degraded (WARNING)
2     wrong usage or settings                         failed (CRITICAL)
3     refused before anything was touched             unknown (UNKNOWN), also for wrong usage
                                                      or settings: they prove nothing
130                                                   interrupted
====  ==============================================  =====================================
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._health.checks import CODES
from .._host import problem as _problem

DONE, FAILED, USAGE, REFUSED = 0, 1, 2, 3
INTERRUPTED = 130  # as shells have it


class Answer(NamedTuple):
    """What a command did or found: its exit code, lines for a person, and the same for a
    program."""

    code: int
    lines: list[str]
    result: dict[str, Any]


def failure(code: int, error: Exception) -> Answer:
    """An answer that is an error's words."""
    text = _problem.words(error)
    return Answer(code, text.splitlines(), {"error": text})


def checked(outcome: str, lines: list[str], result: dict[str, Any]) -> Answer:
    """An answer of a check: ``outcome`` is one of the words that
    :data:`_health.checks.CODES` knows."""
    return Answer(CODES[outcome], lines, {"outcome": outcome, **result})
