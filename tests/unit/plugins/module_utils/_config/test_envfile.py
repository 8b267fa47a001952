"""Env files in three dialects, against the table of what was measured."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._config import envfile as _envfile
from ansible_collections.llmops.litellm.tests import env_cases

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,12}", fullmatch=True).filter(
    lambda name: name not in _envfile._envfile_shell.SPECIAL
)
NASTY = st.lists(st.sampled_from(env_cases.NASTY), max_size=12).map("".join)
VALUES = NASTY | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@pytest.mark.parametrize("dialect", _envfile.DIALECTS)
@pytest.mark.parametrize("case", env_cases.CASES, ids=lambda case: case.id)
def test_every_construct_is_read_as_measured(case: env_cases.Case, dialect: str) -> None:
    wanted = getattr(case, dialect)
    if wanted is None:
        with pytest.raises(_envfile.EnvError):
            _envfile.loads(case.text, dialect)
    else:
        assert _envfile.loads(case.text, dialect) == wanted


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_what_is_written_is_read_alike_by_compose_and_systemd(mapping: dict[str, str]) -> None:
    text = _envfile.dumps(mapping)
    for form in (text, text.encode()):
        assert _envfile.loads(form, "compose") == mapping
        assert _envfile.loads(form, "systemd") == mapping
    assert _envfile.dropped(text) == []


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_a_shell_reads_it_alike_but_for_the_hole_that_is_documented(
    mapping: dict[str, str],
) -> None:
    text = _envfile.dumps(mapping)
    if any("`" in value and ("'" in value or value.endswith("\\")) for value in mapping.values()):
        with pytest.raises(_envfile.EnvError, match="run a command"):
            _envfile.loads(text, "shell")
    else:
        assert _envfile.loads(text, "shell") == mapping


@given(
    st.lists(st.sampled_from(env_cases.PIECES), max_size=14).map("".join),
    st.sampled_from(_envfile.DIALECTS),
)
def test_any_text_is_read_or_refused_with_a_place_in_it(text: str, dialect: str) -> None:
    try:
        _envfile.loads(text, dialect)
    except _envfile.EnvError as error:
        lines = text.split("\n")
        assert 1 <= error.line <= len(lines)
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1


@pytest.mark.parametrize(
    "text, dialect, line, column",
    [
        ("A=1\nB=2\n;C=3\n", "compose", 3, 1),
        ("A=1\n  B='x\n", "compose", 2, 5),
        ("A=1\nB=x${C\n", "compose", 2, 3),
        ("A='1\n2'\nB@=1\n", "compose", 3, 2),
        ("A=1\nB=2\0\n", "compose", 2, 4),
        ("A=1\nB=2\0\n", "systemd", 2, 4),
        (b"# \xff\nA=1\nB=x\xff\n", "systemd", 3, 4),
        ("A=1\nB=$(id)\n", "shell", 2, 3),
        ("A=1\nB=a b\n", "shell", 2, 5),
        ('A=1\nB="x\n`id`"\n', "shell", 3, 1),
        ("A=1\nexport\n", "shell", 2, 1),
        ("A=1\nexport B={a,b}\n", "shell", 2, 10),
        ("A=1;;\n", "shell", 1, 5),
        ("A=$'x'\n", "shell", 1, 3),
        ("\ufeffA=1\n", "shell", 1, 1),
    ],
)
def test_errors_name_the_place(text: Any, dialect: str, line: int, column: int) -> None:
    with pytest.raises(_envfile.EnvError) as caught:
        _envfile.loads(text, dialect)
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize("dialect", _envfile.DIALECTS)
@pytest.mark.parametrize("case", env_cases.CASES, ids=lambda case: case.id)
def test_no_message_holds_a_value(case: env_cases.Case, dialect: str) -> None:
    secret = "hunter2"
    text = case.text.replace(b"=x", b"=%s" % secret.encode()).replace(b"abc", secret.encode())
    try:
        _envfile.loads(text, dialect)
        shown = ""
    except _envfile.EnvError as error:
        shown = str(error)
    try:
        shown += str(_envfile.dropped(text))
    except _envfile.EnvError as error:
        shown += str(error)
    assert secret not in shown


def test_compose_takes_its_own_environment_before_the_file_and_for_bare_names() -> None:
    text = "X=file\nA=$X\nY\nZ\n"
    assert _envfile.loads(text, "compose", {"X": "shell", "Y": "1"}) == {
        "X": "file",
        "A": "shell",
        "Y": "1",
    }


def test_the_environment_of_this_process_is_never_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "leaked")
    assert _envfile.loads("A=$X\nX\n", "compose") == {"A": ""}
    with pytest.raises(_envfile.EnvError, match="X is not set"):
        _envfile.loads("A=$X\n", "shell")
    assert _envfile.loads("A=$X\n", "shell", {"X": "given"}) == {"A": "given"}


def test_unknown_dialect() -> None:
    with pytest.raises(
        ValueError, match="unknown dialect 'dotenv': one of compose, systemd, shell"
    ):
        _envfile.loads("", "dotenv")


def test_adoptable_lines_are_read_as_their_author_meant_them() -> None:
    text = 'export A="x y" # c\nexport B=$(id)\nexport C=1\nexport C=$HOME\nD=4\nexport E=5\n'
    assert _envfile.adoptable(text) == {"A": "x y", "E": "5"}


@pytest.mark.parametrize(
    "value, text",
    [
        ("", "A=\n"),
        ("a-Z0_./:@%+,", "A=a-Z0_./:@%+,\n"),
        ("a b", "A='a b'\n"),
        ("a=b", "A='a=b'\n"),
        ("$x", "A='$x'\n"),
        ("it's", 'A="it\'s"\n'),
        ("a b\\", 'A="a b\\\\"\n'),
        ("'\"$\\", 'A="\'\\"\\$\\\\"\n'),
        ("~", "A='~'\n"),
        ("#", "A='#'\n"),
    ],
)
def test_values_are_written_as_plainly_as_possible(value: str, text: str) -> None:
    assert _envfile.dumps({"A": value}) == text


@pytest.mark.parametrize(
    "mapping, message",
    [
        ({"A": "1\n2", "1A": "x"}, "line 3, column 1: a variable: the name"),
        ({"": "x"}, "the name"),
        ({"A-B": "x"}, "the name"),
        ({"é": "x"}, "the name"),
        ({"A\n": "x"}, "the name"),
        ({"hunter2 =": "x"}, "the name"),
        ({"A": "hunter2\0"}, "A: the value has a NUL"),
        ({"A": "hunter2\udcff"}, "A: the value is not UTF-8"),
        ({"A": 5}, "A: the value is not text but int"),
        ({"A": None}, "NoneType"),
        ({"A": True}, "bool"),
    ],
)
def test_what_cannot_be_written_is_refused_without_showing_it(
    mapping: dict[str, Any], message: str
) -> None:
    with pytest.raises(_envfile.EnvError, match=message) as caught:
        _envfile.dumps(mapping)
    assert "hunter2" not in str(caught.value)
