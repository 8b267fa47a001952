"""Env files as systemd reads them: what it takes and drops, and where a quote never ends.

What systemd itself makes of every construct is measured in tests/env_cases.py.
"""

from __future__ import annotations

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    envfile_systemd as _envfile_systemd,
)
from ansible_collections.llmops.litellm.plugins.module_utils._config.envfile_common import EnvError


def test_what_systemd_drops() -> None:
    text = (
        "A=1\nexport B=hunter2\nMY-C=x\n2D=x\nBARE\nE: x\nexport F\n# "
        "c\n\nG='1\n2'\nhunter2/+x==\n=x\n"
    )
    found = _envfile_systemd.dropped(text)
    assert [(item.line, item.name) for item in found] == [
        (2, "B"),
        (3, "MY-C"),
        (4, "2D"),
        (5, ""),
        (6, "E"),
        (7, "F"),
        (12, ""),
        (13, ""),
    ]
    assert "`export`" in found[0].reason
    assert "hunter2" not in str(found)


def test_a_byte_order_mark_costs_the_first_variable() -> None:
    found = _envfile_systemd.dropped("\ufeffA=1\nB=2\n")
    assert [(item.line, item.name) for item in found] == [(1, "A")]
    assert "byte order mark" in found[0].reason


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A=1\n", None),
        ('A="x\ny"\n', None),
        ("A='it\n", 1),
        ('A=1\nB="x\nC=2\n', 2),
        ('A="x\\"\n', 1),
        ("# don't\nA=it's\n", None),
    ],
    ids=["no quote", "two lines", "single", "double", "escaped end", "a comment and inside a word"],
)
def test_quote_that_never_ends_is_found(text: str, line: int | None) -> None:
    assert _envfile_systemd.unclosed_quote(text) == line


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("A=1\nA=2\n", {"A": "2"}),
        ("; c\n# c\nA=a b \t\n", {"A": "a b"}),
        ("A=a\\ \n", {"A": "a "}),
        ("A=1\\\n2\n", {"A": "12"}),
        ('A="\\$X \\n"\n', {"A": "$X \\n"}),
        ("export A=1\nB-C=2\n", {}),
    ],
)
def test_what_a_process_gets(text: str, wanted: dict[str, str]) -> None:
    assert _envfile_systemd.loads(text) == wanted


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [("A=1\nB=\0\n", 2, 3, "a NUL"), ("# \udcff\nA=x\udcff\n", 2, 4, "not UTF-8")],
)
def test_file_that_systemd_refuses(text: str, line: int, column: int, said: str) -> None:
    with pytest.raises(EnvError, match=said) as caught:
        _envfile_systemd.loads(text)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_statements_are_known_by_their_place_whether_they_count_or_not() -> None:
    text = "export A='x'\nB=1\n"
    found = _envfile_systemd.assignments(text)
    assert [text[item.start : item.end].strip() for item in found] == ["export A='x'", "B=1"]
    assert [_envfile_systemd.exported_name(item.key) for item in found] == ["A", ""]
