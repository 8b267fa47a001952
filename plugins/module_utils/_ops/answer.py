# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command's answer: exit code, lines for a person, values for a program."""

from __future__ import annotations

from typing import Any, NamedTuple

DONE, FAILED, USAGE, REFUSED = 0, 1, 2, 3


class Answer(NamedTuple):
    """What a command did: its exit code, lines for a person, and the same for a program."""

    code: int
    lines: list[str]
    told: dict[str, Any]
