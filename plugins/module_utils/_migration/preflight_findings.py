# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result type of preflight's checks: facts, problems and warnings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Optional, TypedDict

from .._deployment import legacy as _legacy
from .._host.problem import Problem


class Facts(TypedDict, total=False):
    """JSON without secrets, kept in the journal for later steps; in the order of the checks.

    A key is missing if its check could not run. ``redis`` is ``None`` if the proxy uses none.
    """

    engine: dict[str, Any]
    legacy: _legacy.Facts
    project_dir: str
    database: Optional[dict[str, Any]]
    redis: Optional[dict[str, Any]]
    model_hosts: list[dict[str, Any]]
    address: dict[str, Any]
    needs: dict[str, Any]
    images: dict[str, dict[str, Any]]
    space: list[dict[str, Any]]
    places: dict[str, str]
    cutover: dict[str, Any]


@dataclass
class Findings:
    """What one check found, or all of them: problems stop a migration, warnings do not."""

    facts: Facts = field(default_factory=Facts)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def add(self, other: Findings) -> None:
        """Add the findings of another check."""
        self.facts.update(other.facts)
        self.problems += other.problems
        self.warnings += other.warnings

    def refuse(self, subject: str, problem: str, remedy: str) -> None:
        """Add a problem."""
        self.problems.append(Problem(subject, problem, remedy))

    def warn(self, subject: str, problem: str, remedy: str) -> None:
        """Add a warning."""
        self.warnings.append(Problem(subject, problem, remedy))
