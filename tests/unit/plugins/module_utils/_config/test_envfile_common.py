"""What the readers of env files share: bytes that are no text, and errors with their place."""

from __future__ import annotations

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    envfile_common as _envfile_common,
)


def test_bytes_that_are_no_text_are_kept() -> None:
    text = _envfile_common.decode(b"A=\xc3\xa9\xff")
    assert text == "A=\xe9\udcff"
    assert _envfile_common.STRAY_BYTE.findall(text) == ["\udcff"]
    assert _envfile_common.decode(text) == text


@pytest.mark.parametrize(
    ("index", "line", "column"), [(0, 1, 1), (2, 1, 3), (3, 1, 4), (4, 2, 1), (6, 3, 1)]
)
def test_place_of_an_error_counts_from_one(index: int, line: int, column: int) -> None:
    error = _envfile_common.error_at("A=1\nB\nC", index, "it is wrong")
    assert (error.line, error.column) == (line, column)
    assert str(error) == f"line {line}, column {column}: it is wrong"
    assert error.message == "it is wrong"


def test_text_is_refused_at_the_first_such_character() -> None:
    with pytest.raises(_envfile_common.EnvError, match="line 2, column 3: a NUL") as caught:
        _envfile_common.refuse("A=1\nB=\0hunter2\0", "\0", "a NUL character")
    assert "hunter2" not in str(caught.value)
    _envfile_common.refuse("A=1\n", "\0", "a NUL character")


@pytest.mark.parametrize(
    ("name", "good"),
    [("A", True), ("_a1", True), ("1A", False), ("A-B", False), ("", False), ("A\n", False)],
)
def test_names_of_variables(name: str, good: bool) -> None:
    assert bool(_envfile_common.NAME.match(name)) == good
