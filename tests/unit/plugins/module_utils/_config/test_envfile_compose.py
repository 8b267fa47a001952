"""Docker Compose's dialect: interpolation, escapes and names, and where it refuses a file.

What Compose itself makes of every construct is measured in tests/env_cases.py.
"""

from __future__ import annotations

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    envfile_compose as _envfile_compose,
)

KNOWN = {"X": "x", "EMPTY": ""}


def value(text: str) -> str:
    return _envfile_compose.loads(f"A={text}\n", KNOWN)["A"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("$X", "x"),
        ("${X}y", "xy"),
        ("$NOT", ""),
        ("${NOT-d}", "d"),
        ("${EMPTY-d}", ""),
        ("${EMPTY:-d}", "d"),
        ("${X:-d}", "x"),
        ("${X+d}", "d"),
        ("${EMPTY+d}", "d"),
        ("${EMPTY:+d}", ""),
        ("${NOT+d}", ""),
        ("${X?no}", "x"),
        ("${NOT:-${X}}", "x"),
        ("${NOT:-a}${X}", "ax"),
        ("$$X", "$X"),
        ("$1", "$1"),
        ("'$X'", "$X"),
        ('"$X"', "x"),
    ],
)
def test_variables_in_values(text: str, wanted: str) -> None:
    assert value(text) == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${NOT?hunter2}", "required variable NOT is missing a value"),
        ("${EMPTY:?hunter2}", "required variable EMPTY is missing a value"),
        ("${X:-${NOT?}}", "required variable NOT is missing a value"),
        ("${X", "without a variable's name and a closing brace"),
        ("${1}", "without a variable's name and a closing brace"),
    ],
)
def test_value_that_cannot_be_interpolated_is_refused_without_its_words(
    text: str, said: str
) -> None:
    with pytest.raises(_envfile_compose.EnvError, match=said) as caught:
        value(text)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (r'"a\nb"', "a\nb"),
        (r'"a\\nb"', "a\\nb"),
        (r'"\$X"', "$X"),
        (r'"\0101"', "A"),
        (r'"\0999"', "\\999"),
        (r'"\c"', r"\c"),
        (r"'a\nb'", r"a\nb"),
        (r"'it\'s'", "it's"),
        ("a\\nb", "a\\nb"),
    ],
)
def test_escapes_count_in_double_quotes_only(text: str, wanted: str) -> None:
    assert value(text) == wanted


def test_environment_goes_before_the_file_and_the_last_line_wins() -> None:
    text = "X=file\nA=$X\nB=1\nB=2\nC=$B\n"
    assert _envfile_compose.loads(text, {"X": "own"}) == {
        "X": "file",
        "A": "own",
        "B": "2",
        "C": "2",
    }


def test_bare_name_is_taken_from_the_environment_where_it_has_it() -> None:
    assert _envfile_compose.loads("X\nNOT\n", KNOWN) == {"X": "x"}


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("A=1\nB C=2\n", 2, 1),
        ("A=1\nB@=1\n", 2, 2),
        ("A='x\n", 1, 3),
        ("export ", 1, 1),
        ("A=1\0", 1, 4),
    ],
)
def test_refusal_names_the_place(text: str, line: int, column: int) -> None:
    with pytest.raises(_envfile_compose.EnvError) as caught:
        _envfile_compose.loads(text, {})
    assert (caught.value.line, caught.value.column) == (line, column)


def test_bytes_that_are_no_text_arrive_as_compose_replaces_them() -> None:
    assert _envfile_compose.loads("A=x\udcff\n", {}) == {"A": "x\ufffd"}
