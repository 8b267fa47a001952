"""The screen of the status: all of it on one screen, whatever there is."""

from __future__ import annotations

from typing import Any

from any_host import NOW, fits
from hypothesis import given
from hypothesis import strategies as st
from unit.support import HOSTILE, assert_on_lines

from ansible_collections.llmops.litellm.plugins.module_utils._migration import status as _status
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    status_text as _status_text,
)


def test_screen_is_one_screen_whatever_there_is(host: dict[str, Any]) -> None:
    told = _status.inspect(host["settings"], NOW)
    told["legacy"]["units"] = [
        {**told["legacy"]["units"][0], "name": "litellm-%s.service" % ("x" * number)}
        for number in range(90)
    ]
    told["proxy"]["reasons"] = ["long " * 60] * 9
    told["journal"]["problem"], told["compose"]["error"] = "long " * 90, "word" * 90
    lines = _status_text.text_lines(told)
    assert fits(lines)
    assert any(line.startswith("  and ") for line in lines)
    assert any(line.startswith("  finalize.yml") for line in lines)


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: st.dictionaries(st.text(), inner) | st.lists(inner),
        max_leaves=5,
    ),
    st.text(),
)
def test_times_and_texts_never_break_the_screen(time: Any, text: str) -> None:
    assert _status_text._time(time if isinstance(time, str) else None)
    assert all(len(line) <= 100 for line in _status_text._wrapped("head ", text))


def test_others_forge_no_line(host: dict[str, Any]) -> None:
    told = _status.inspect(host["settings"], NOW)
    honest = len(_status_text.text_lines(told))
    told["host"] = told["legacy"]["units"][0]["name"] = HOSTILE
    told["compose"]["volumes"] = [HOSTILE]
    lines = _status_text.text_lines(told)
    assert fits(lines)
    assert_on_lines(lines, honest)
