"""The client that watches a run: begun, turned, ended."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._hold import unit as _unit
from ansible_collections.llmops.litellm.plugins.module_utils._hold import watch as _watch
from ansible_collections.llmops.litellm.plugins.module_utils._hold.unit import HoldError

SEEN = {"asked": 9, "failed": 0, "longest": 0.1}
ONE = "llmops-litellm-watch-1.service"


class Units:
    """Units by what they say, and what was done."""

    def __init__(self) -> None:
        self.there: dict[str, dict[str, Any]] = {}
        self.done: list[Any] = []
        self.answers = True

    def start(self, number: int, words: list[str], description: str) -> str:
        self.done.append((number, words, description))
        self.there[ONE] = {"state": "asking", "before": SEEN, "since": SEEN}
        return ONE

    def signal(self, unit: str, name: str) -> None:
        self.done.append((name, unit))
        if name == "USR2" and self.answers:
            self.there[unit]["state"] = "done"

    def stop(self, unit: str) -> None:
        self.done.append(("stop", unit))
        self.there.pop(unit)


@pytest.fixture
def units(monkeypatch: pytest.MonkeyPatch) -> Units:
    made = Units()
    monkeypatch.setattr(_unit.Program, "start", made.start)
    monkeypatch.setattr(_unit.Program, "units", lambda _program: list(made.there))
    monkeypatch.setattr(_unit.Program, "standing", lambda _program: dict(made.there))
    monkeypatch.setattr(_unit, "PATIENCE", 0.1)
    monkeypatch.setattr(_unit, "signal", made.signal)
    monkeypatch.setattr(_unit, "stop", made.stop)
    return made


def test_a_run_is_watched_from_its_begin_to_its_end(units: Units) -> None:
    assert _watch.begin("http://127.0.0.1:4000", 150) == ONE
    assert _watch.turn() == ONE
    assert _watch.end() == {"before": SEEN, "since": SEEN}
    number, words, _description = units.done[0]
    assert number == 1
    assert words == ["--url=http://127.0.0.1:4000", "--patience=150", "--limit=3600"]
    assert units.done[1:] == [("USR1", ONE), ("USR2", ONE), ("stop", ONE)]
    assert (_watch.turn(), _watch.end()) == (None, None)


def test_one_that_was_forgotten_ends_first(units: Units) -> None:
    units.there[ONE] = {}
    _watch.begin("http://127.0.0.1:4000", 150)
    assert units.done[0] == ("stop", ONE)


def test_one_that_does_not_answer_ends_all_the_same(units: Units) -> None:
    _watch.begin("http://127.0.0.1:4000", 150)
    units.answers = False
    with pytest.raises(HoldError, match="does not answer"):
        _watch.end()
    assert units.there == {}
