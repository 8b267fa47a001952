"""Bash's dialect: what sourcing a file assigns, and every line that would do more.

What bash itself makes of every construct is measured in tests/env_cases.py.
"""

from __future__ import annotations

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    envfile_shell as _envfile_shell,
)
from ansible_collections.llmops.litellm.plugins.module_utils._config.envfile_common import EnvError


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("A=1 B=2\n", {"A": "1", "B": "2"}),
        ("A=1; B=2 # c\n", {"A": "1", "B": "2"}),
        ("export A=1 NAME B=2\n", {"A": "1", "B": "2"}),
        ("A=a'b c'\"d e\"\\ f\n", {"A": "ab cd e f"}),
        ("A=1\\\n2\n", {"A": "12"}),
        ('A="1\\\n2"\n', {"A": "12"}),
        ('A="\\$ \\` \\" \\\\ \\n"\n', {"A": '$ ` " \\ \\n'}),
        ("A=$X${X}\n", {"A": "xx"}),
        ("A='$X'\n", {"A": "$X"}),
        ("A=1\nB=$A\n", {"A": "1", "B": "1"}),
        ("A=5$\n", {"A": "5$"}),
        ("A=a~b\n", {"A": "a~b"}),
        ("A=", {"A": ""}),
        ("A=\\", {"A": "\\"}),
        ("\n  # c\n\n", {}),
    ],
)
def test_what_a_shell_assigns(text: str, wanted: dict[str, str]) -> None:
    assert _envfile_shell.loads(text, {"X": "x"}) == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A=1 hunter2\n", "this would run a command"),
        ("A=$(hunter2)\n", "this would run a command"),
        ("A=`hunter2`\n", "this would run a command"),
        ('A="`hunter2`"\n', "this would run a command"),
        ("A=1 & B=2\n", "this would run a command"),
        ("A=1 | B=2\n", "this would run a command"),
        ("A=(1 2)\n", "an array or a subshell"),
        ("A=1 > hunter2\n", "a redirection"),
        ("A=~/x\n", "a home directory"),
        ("A=a:~/x\n", "a home directory"),
        ("export A={a,b}\n", "a brace that the shell may expand"),
        ("A=$'x'\n", "a \\$ before a quote"),
        ("A=${X:-hunter2}\n", "an expansion that only a shell can do"),
        ("A=$[1+1]\n", "a sum that only a shell can do"),
        ("A=$?\n", "a variable that only a shell knows"),
        ("A=$NOT\n", "NOT is not set in this file before this line"),
        ("A='hunter2\n", "a quote that is never closed"),
        ('A="hunter2\n', "a quote that is never closed"),
        ("UID=1\n", "bash keeps UID for itself"),
        ("export ;\n", "lists every variable"),
        ("; A=1\n", "a semicolon without a statement"),
        ("\ufeffA=1\n", "a byte order mark"),
        ("A=1\0\n", "a NUL character"),
    ],
)
def test_what_would_do_more_is_refused_without_its_words(text: str, said: str) -> None:
    with pytest.raises(EnvError, match=said) as caught:
        _envfile_shell.loads(text, {"X": "x"})
    assert "hunter2" not in str(caught.value)


def test_environment_of_the_caller_is_not_changed() -> None:
    environment = {"X": "x"}
    _envfile_shell.loads("X=y\n", environment)
    assert environment == {"X": "x"}
