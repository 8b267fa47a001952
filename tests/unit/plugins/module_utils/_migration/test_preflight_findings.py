"""Findings of preflight's checks, and how they are put together."""

from __future__ import annotations

from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import Problem
from ansible_collections.llmops.litellm.plugins.module_utils._migration.preflight_findings import (
    Findings,
)


def test_findings_of_several_checks_are_put_together_in_order() -> None:
    found = Findings({"project_dir": "/opt/litellm"})
    found.refuse("a", "is wrong", "mend it")
    other = Findings({"redis": None})
    other.refuse("b", "is wrong", "mend it")
    other.warn("c", "is odd", "check it")
    found.add(other)
    assert found.facts == {"project_dir": "/opt/litellm", "redis": None}
    assert found.problems == [
        Problem("a", "is wrong", "mend it"),
        Problem("b", "is wrong", "mend it"),
    ]
    assert found.warnings == [Problem("c", "is odd", "check it")]


def test_two_checks_share_nothing() -> None:
    Findings().refuse("a", "is wrong", "mend it")
    assert Findings() == Findings({}, [], [])
