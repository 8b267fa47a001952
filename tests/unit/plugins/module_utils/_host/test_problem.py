"""A reason to refuse, as an operator reads it, and versions as numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.support import HOSTILE, assert_on_lines

from ansible_collections.llmops.litellm.plugins.module_utils._host import problem as _problem


def test_problem_says_what_is_wrong_and_then_what_to_do() -> None:
    found = _problem.Problem("port 4000", "nginx has it", "stop nginx")
    assert str(found) == "port 4000: nginx has it -> stop nginx"


def test_problem_without_a_remedy_ends_there() -> None:
    assert str(_problem.Problem("engine", "does not answer", "")) == "engine: does not answer"


def test_what_others_call_themselves_forges_no_line() -> None:
    assert_on_lines([str(_problem.Problem(HOSTILE, HOSTILE, HOSTILE))], 1)
    error = _problem.OperatorError("it says %s" % HOSTILE, "and %s" % HOSTILE)
    assert_on_lines(str(error).split("\n"), 2)
    assert_on_lines([_problem.words(OSError(2, "not there", "/x/" + HOSTILE))], 1)
    assert_on_lines([_problem.words(ValueError(HOSTILE))], 1)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (_problem.OperatorError("one", "two"), "one\ntwo"),
        (FileNotFoundError(2, "No such file", "/x"), "/x: No such file"),
        (OSError(5, "broken"), "[Errno 5] broken"),
        (ValueError("odd"), "odd"),
    ],
)
def test_errors_are_told_in_words(error: Exception, said: str) -> None:
    assert _problem.words(error) == said


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


def test_modules_tell_errors_of_the_system_in_the_same_words() -> None:
    """A file's name in one is as foreign as any."""
    modules = Path(__file__).parents[5] / "plugins/modules"
    texts = {path.name: path.read_text(encoding="utf-8") for path in modules.glob("*.py")}
    assert len(texts) > 30
    assert [name for name, text in texts.items() if "error.filename, error.strerror" in text] == []
