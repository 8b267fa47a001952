"""The module legacy_units: units that are retired, brought back and removed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._backup import folder as _folder
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    unit_removal as _unit_removal,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._migration import finalize as _finalize
from ansible_collections.llmops.litellm.plugins.modules import (
    legacy_units,
)

Run = Callable[..., dict[str, Any]]


def test_units_are_handled_in_order_and_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def retire(unit: dict[str, str], check: bool) -> list[str]:
        seen.append((unit["name"], check))
        return ["stopped"] if unit["name"] == "b.service" else []

    monkeypatch.setattr(legacy_units._systemd, "retire", retire)
    units = [
        {"name": name, "enabled": "enabled", "active": "active"}
        for name in ("a.timer", "b.service")
    ]
    assert run(legacy_units, check=True, units=units, state="retired")["actions"] == {
        "b.service": ["stopped"]
    }
    assert seen == [("a.timer", True), ("b.service", True)]


def fails(error: Exception) -> Callable[..., Any]:
    def call(*_words: Any, **_named: Any) -> Any:
        raise error

    return call


UNITS = [
    {
        "name": "litellm.service",
        "path": "/u/litellm.service",
        "enabled": "disabled",
        "active": "inactive",
    }
]


def test_units_go_only_with_a_sound_backup(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    planned = _unit_removal.Plan(
        [_unit_removal.Removal("/u/litellm.service", "")], [{"path": "/p", "reason": "r"}], []
    )
    hashes: list[Any] = []
    monkeypatch.setattr(_unit_removal, "plan", lambda units, known: hashes.append(known) or planned)
    monkeypatch.setattr(
        _unit_removal, "remove", lambda plan, units, check: [item.path for item in plan.removals]
    )
    told = run(
        legacy_units, state="absent", check=True, units=UNITS, backup=str(tmp_path / "nosuch")
    )
    assert (told["removed"], told["stays"], told["diff"]["before"], hashes) == (
        ["/u/litellm.service"],
        planned.stays,
        "/u/litellm.service\n",
        [None],
    )
    assert (
        "Nothing was removed"
        in run(legacy_units, state="absent", units=UNITS, backup=str(tmp_path))["msg"]
    )
    nowhere = str(tmp_path / "nosuch")
    missing = run(legacy_units, state="absent", units=UNITS, backup=nowhere)
    assert "Nothing was removed" in missing["msg"]
    (tmp_path / _folder.MANIFEST).write_text(json.dumps({"format": 1, "files": [{"sha256": "h"}]}))
    (tmp_path / _folder.SUMS).write_text(_folder.sums(str(tmp_path)))
    assert run(legacy_units, state="absent", units=UNITS, backup=str(tmp_path))["changed"]
    assert hashes[1:] == [{"h"}]
    planned.problems.append(_finalize.Problem("/u/x", "was changed", ""))
    assert (
        run(legacy_units, state="absent", units=UNITS, backup=str(tmp_path))["msg"]
        == "Nothing was removed. /u/x: was changed"
    )


@pytest.mark.parametrize(
    "error", [_systemd.SystemdError("no"), OSError(13, "Permission denied", "/u")]
)
def test_unit_that_cannot_go_is_said(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
) -> None:
    monkeypatch.setattr(_unit_removal, "plan", fails(error))
    assert run(
        legacy_units, state="absent", check=True, units=UNITS, backup=str(tmp_path / "nosuch")
    )["msg"] in (
        "no",
        "/u: Permission denied",
    )


def test_each_unit_is_brought_back_whatever_becomes_of_the_others(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B4: with the proxy back, a timer that is broken is a note; without it, the run fails."""
    tried: list[str] = []
    broken = {"b.timer"}

    def restore(unit: dict[str, str], check: bool) -> list[str]:
        tried.append(unit["name"])
        if unit["name"] in broken:
            raise _systemd.SystemdError("unit %s: can't be loaded" % unit["name"])
        return ["started"]

    monkeypatch.setattr(_systemd, "restore", restore)
    monkeypatch.setattr(
        _systemd, "replaced", lambda unit: "a is new" if unit["name"] == "a.service" else ""
    )
    names = ["b.timer", "a.service", "c.timer"]
    words = {
        "units": [{"name": name, "enabled": "enabled", "active": "active"} for name in names],
        "state": "recorded",
    }
    told = run(legacy_units, proxy="a.service", **words)
    assert told["notes"] == ["unit b.timer: can't be loaded", "a is new"]
    assert told["actions"] == {"a.service": ["started"], "c.timer": ["started"]}
    assert "unit b.timer: can't be loaded" in run(legacy_units, **words)["msg"]
    assert tried == names * 2
    broken.add("a.service")
    told = run(legacy_units, proxy="a.service", **words)
    assert (told["failed"], told["msg"]) == (True, "unit a.service: can't be loaded")
    assert told["actions"] == {"c.timer": ["started"]}


def test_every_reason_against_stopping_is_told_at_once(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = []

    def obstacle(unit: dict[str, str], check: bool) -> Any:
        checks.append(check)
        return _systemd.Problem(unit["name"], "is bad", "") if unit["name"] != "b" else None

    monkeypatch.setattr(_systemd, "obstacle", obstacle)
    units = [{"name": name, "enabled": "", "active": ""} for name in "abc"]
    told = run(legacy_units, units=units, state="restorable")
    assert (told["failed"], told["msg"]) == (True, "a: is bad; c: is bad")
    told = run(legacy_units, check=True, units=units[1:2], state="restorable")
    assert (told["changed"], checks) == (False, [False] * 3 + [True])


def test_proxy_alone_gets_more_time(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, dict[str, Any]] = {}

    def retire(unit: dict[str, str], **how: Any) -> list[str]:
        given[unit["name"]] = how
        return ["stopped", "killed"] if unit["name"] == "litellm.service" else []

    monkeypatch.setattr(_systemd, "retire", retire)
    units = [{**UNITS[0], "name": name} for name in ("b.timer", "litellm.service")]
    words: dict[str, Any] = {"units": units, "state": "retired", "proxy": "litellm.service"}
    (note,) = run(legacy_units, patience=600, **words)["notes"]
    assert "LiteLLM had not ended 600 s after it was told to" in note
    assert given["litellm.service"]["patience"] == 600
    assert "patience" not in given["b.timer"]
    run(legacy_units, **words)
    assert given["litellm.service"]["patience"] == 0


def test_proxy_that_was_killed_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    done = {"litellm.service": ["stopped", "killed", "disabled"], "b.timer": ["stopped"]}
    monkeypatch.setattr(_systemd, "retire", lambda unit, **_how: done[unit["name"]])
    units = [{**UNITS[0], "name": name} for name in done]
    told = run(legacy_units, units=units, state="retired", proxy="litellm.service")
    (note,) = told["notes"]
    assert note.startswith("litellm.service: LiteLLM had not ended 90 s after it was told to")
