"""The module client_watch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from unit.support import fails

from ansible_collections.llmops.litellm.plugins.module_utils._hold import watch as _watch
from ansible_collections.llmops.litellm.plugins.module_utils._hold.unit import HoldError
from ansible_collections.llmops.litellm.plugins.modules import client_watch

Run = Callable[..., dict[str, Any]]
SEEN = {"before": {"asked": 3}, "since": {"asked": 4}}


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was done."""
    made: list[Any] = []
    monkeypatch.setattr(_watch, "begin", lambda *words: made.append(words))
    monkeypatch.setattr(_watch, "turn", lambda: made.append("turn"))
    monkeypatch.setattr(_watch, "end", lambda: made.append("end") or SEEN)
    return made


def test_a_run_is_watched(done: list[Any], run: Run) -> None:
    found = run(client_watch, state="started", url="http://127.0.0.1:4000", patience=9)
    assert (found["changed"], found["reason"]) == (False, "")
    run(client_watch, state="turned")
    assert run(client_watch, state="ended")["seen"] == SEEN
    assert done == [("http://127.0.0.1:4000", 9), "turn", "end"]


def test_in_check_mode_nobody_watches(done: list[Any], run: Run) -> None:
    run(client_watch, check=True, state="started", url="http://127.0.0.1:4000")
    assert run(client_watch, check=True, state="ended")["seen"] == {}
    assert done == []


def test_where_nobody_watched_nothing_was_seen(
    done: list[Any], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_watch, "end", lambda: None)
    assert run(client_watch, state="ended")["seen"] == {}


@pytest.mark.parametrize("error", [HoldError("no answer"), OSError("no answer")])
def test_it_never_fails(run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(_watch, "end", fails(error))
    found = run(client_watch, state="ended")
    assert (found["seen"], found["reason"]) == ({}, "no answer")
