"""A reason to refuse, as an operator reads it, and versions as numbers."""

from __future__ import annotations

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem


def test_problem_says_what_is_wrong_and_then_what_to_do() -> None:
    found = _problem.Problem("port 4000", "nginx has it", "stop nginx")
    assert str(found) == "port 4000: nginx has it -> stop nginx"


def test_problem_without_a_remedy_ends_there() -> None:
    assert str(_problem.Problem("engine", "does not answer", "")) == "engine: does not answer"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("v2.26.1-ds1", (2, 26, 1)),
        ("20.10.24+dfsg1", (20, 10, 24)),
        ("PostgreSQL 15.18 (Debian 15.18-0)", (15, 18)),
        ("17", (17,)),
        ("unknown", ()),
        ("", ()),
        (None, ()),
    ],
)
def test_versions_are_numbers(text: str, parts: tuple[int, ...]) -> None:
    assert _problem.numbers(text) == parts


def test_versions_compare_as_numbers() -> None:
    assert _problem.numbers("2.9") < _problem.numbers("2.26.1") < _problem.numbers("10.0")
