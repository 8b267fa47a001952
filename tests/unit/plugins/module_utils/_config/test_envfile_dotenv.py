"""A ``.env`` as python-dotenv reads it: expected is what its release 1.2.4 printed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    envfile_dotenv as _envfile_dotenv,
)

HAS = {"A": "env a", "X": "env x"}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("KEY=sk-1\n", {"KEY": "sk-1"}),
        ("\ufeffKEY=1", {"KEY": "1"}),
        ("export KEY = 'a b' # said\r\nB=2", {"KEY": "a b", "B": "2"}),
        ("KEY=a b  # said\n", {"KEY": "a b"}),
        ("KEY=a#b\nB=#c\nC= #d", {"KEY": "a#b", "B": "#c", "C": ""}),
        ("KEY=\"a\\nb\\q\"\nB='a\\nb\\''", {"KEY": "a\nb\\q", "B": "a\\nb'"}),
        ('KEY="one\ntwo"\n', {"KEY": "one\ntwo"}),
        ("KEY\nB=1\nB\n", {}),
        ("'a key'=1\n=2\n#C=3\n\n", {"a key": "1"}),
        ("KEY='never closed\nB=1\n", {"B": "1"}),
        ("KEY='a' b\nB=1\n", {"B": "1"}),
        ("A=file\nB=${A}-${X:-d}-${N:-d}-${N}$A", {"A": "file", "B": "env a-env x-d-$A"}),
        ("N=1\nB=${N}\nN=2", {"N": "2", "B": "1"}),
        ("", {}),
    ],
)
def test_text_is_read_as_python_dotenv_does(text: str, values: dict[str, str]) -> None:
    assert _envfile_dotenv.loads(text, HAS) == values


def test_line_says_where_it_begins() -> None:
    text = "# one\n\n  export KEY=1\n"
    found = _envfile_dotenv.assignments(text)
    assert [(text[line.start :], line.name, line.value) for line in found] == [
        ("KEY=1\n", "KEY", "1")
    ]


@given(st.text("AB='\"# \n\r\\n${}:-export\t", max_size=40))
def test_no_text_is_an_error(text: str) -> None:
    for name in _envfile_dotenv.loads(text, HAS):
        assert name
