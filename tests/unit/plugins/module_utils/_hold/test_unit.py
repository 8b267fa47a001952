"""Programs as transient units. How they are started, asked, told and ended is tested with those
that hold (test_hold.py)."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._hold import unit as _unit


@pytest.mark.parametrize(
    ("text", "found"),
    [("", None), ("Serving", None), ("[1]", None), ("{}", None), ('{"state": 1}', {"state": 1})],
)
def test_a_status_is_ours_or_nobodys(text: str, found: Any) -> None:
    assert _unit.status_of(text) == found
