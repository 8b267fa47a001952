"""Env files: a quote that never ends is found."""

from __future__ import annotations

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._config import envfile as _envfile


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
    assert _envfile.unclosed_quote(text) == line
