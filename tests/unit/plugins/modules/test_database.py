"""The database module: what each state asks for, returns, refuses, and never does in check mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import copy as _copy
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    copy_back as _copy_back,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import database as _database
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import readers as _readers
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session
from ansible_collections.llmops.litellm.plugins.module_utils._restore import database as _restore
from ansible_collections.llmops.litellm.plugins.modules import database

Run = Callable[..., dict[str, Any]]
SOURCE = {"container": "litellm-postgres", "database": "litellm", "user": "litellm"}
TARGET = {"container": "legacy-postgres", "database": "old", "user": "owner"}
TABLES = [{"name": "LiteLLM_SpendLogs", "before": 3, "after": 10}]
MANIFEST = {"created": "2026-11-23T21:00:00+00:00"}
NEEDS = {
    "copied": {"source": SOURCE},
    "copied_back": {"source": SOURCE},
    "restored": {"path": "/backups/b"},
    "absent": {},
}
# What does it, and what only says what it would do.
ACTS = {
    "copied": (_copy, "copy", "dry_run"),
    "copied_back": (_copy_back, "copy_back", "dry_run"),
    "restored": (_restore, "restore", "dry_run"),
    "absent": (_database, "drop", "drop"),
}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the module and returns what it printed, but for its arguments."""

    def call(state: str, check: bool = False, **params: Any) -> dict[str, Any]:
        given = {"state": state, "target": TARGET, **NEEDS[state], **params}
        given["_ansible_check_mode"] = check
        told = support.run_module(
            database.main,
            {name: value for name, value in given.items() if value is not None},
            capsys,
        )
        del told["invocation"]
        return told

    return call


class Acts:
    """Stands in for what acts on databases; ``asked`` has the words of each call."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.differences: list[str] = []
        self.action = ""

    def copy(self, *words: Any) -> _copy.Result:
        self.asked.append(("copy", *map(str, words[:2]), words[2]))
        came = [_readers.Carried(name, False, "it has none", 3, True) for name in words[4]]
        seconds = {"load": 0.5, "verify": 0.25}
        return _copy.Result(
            self.action or "replace", self.differences, {"hash": "s"}, {"hash": "t"}, 77, seconds,
            tuple(came),
        )  # fmt: skip

    def copy_back(self, *words: Any) -> _copy_back.Result:
        self.asked.append(("copy_back", *map(str, words[:2]), words[2]))
        return _copy_back.Result(
            self.action or "copy_back", self.differences, {"hash": "s"}, {"hash": "t"},
            [] if self.action else TABLES, 77, {"copy": 0.75},
        )  # fmt: skip

    def restore(self, *words: Any) -> _restore.Result:
        self.asked.append(("restore", *map(str, words[:2])))
        return _restore.Result(
            "create", MANIFEST, self.differences, {"hash": "s"}, {"hash": "t"}, {"load": 0.75}
        )

    def drop(self, endpoint: Any, expect: Any, check: bool) -> bool:
        self.asked.append(("drop", str(endpoint), expect, check))
        return self.action != "none"


@pytest.fixture
def acts(monkeypatch: pytest.MonkeyPatch) -> Acts:
    """No database is touched: whoever is asked is on record."""
    fake = Acts()
    for module, name in ((_copy, "copy"), (_copy_back, "copy_back"), (_restore, "restore")):
        monkeypatch.setattr(module, name, getattr(fake, name))
    monkeypatch.setattr(_database, "drop", fake.drop)
    monkeypatch.setattr(_copy, "dry_run", lambda *words: "create")
    monkeypatch.setattr(_copy_back, "dry_run", lambda *words: ("copy_back", TABLES))
    monkeypatch.setattr(_restore, "dry_run", lambda *words: ("replace", MANIFEST))
    return fake


OLD = "database old (container legacy-postgres)"
NEW = "database litellm (container litellm-postgres)"
BOTH = {
    "changed": True,
    "equal": True,
    "differences": [],
    "source": {"hash": "s"},
    "target": {"hash": "t"},
    "seconds": 0.75,
}


@pytest.mark.parametrize(
    "state, params, asked, result",
    [
        (
            "copied",
            {"replace": "ours"},
            ("copy", NEW, OLD, "ours"),
            {
                **BOTH,
                "action": "replace",
                "bytes": 77,
                "phases": {"load": 0.5, "verify": 0.25},
                "readers": [],
            },
        ),
        (
            "copied_back",
            {"expect": "abc"},
            ("copy_back", NEW, OLD, "abc"),
            {
                **BOTH,
                "action": "copy_back",
                "bytes": 77,
                "phases": {"copy": 0.75},
                "tables": TABLES,
            },
        ),
        (
            "restored",
            {},
            ("restore", "/backups/b", OLD),
            {**BOTH, **MANIFEST, "action": "create", "phases": {"load": 0.75}},
        ),
        (
            "absent",
            {"expect": "abc"},
            ("drop", OLD, "abc", False),
            {"changed": True, "action": "drop"},
        ),
    ],
)
def test_state_is_reached(
    run: Run,
    acts: Acts,
    state: str,
    params: dict[str, Any],
    asked: tuple[Any, ...],
    result: dict[str, Any],
) -> None:
    assert run(state, **params) == result
    assert acts.asked == [asked]


@pytest.mark.parametrize("state", ["copied", "copied_back", "absent"])
def test_nothing_done_is_no_change(run: Run, acts: Acts, state: str) -> None:
    acts.action = "none"
    result = run(state)
    assert (result["changed"], result["action"]) == (False, "none")


def test_roles_that_come_along_are_told_and_are_a_change(
    run: Run, acts: Acts, monkeypatch: pytest.MonkeyPatch
) -> None:
    acts.action = "none"
    result = run("copied", readers=["grafana"], server={"folder": "/data"})
    assert result["changed"]
    assert result["readers"] == [
        {"name": "grafana", "password": False, "why": "it has none", "rights": 3}
    ]
    assert run("copied_back", readers=["grafana"])["msg"] == "readers is for state copied only"
    monkeypatch.setattr(_copy, "dry_run", lambda *words: "none")
    asked: list[Any] = []
    monkeypatch.setattr(_readers, "check", lambda *words: asked.append(words[2]))
    for lacks in (True, False):
        monkeypatch.setattr(_readers, "lacking", lambda *_words, lacks=lacks: lacks)
        assert run("copied", check=True, readers=["grafana"])["changed"] == lacks
    assert asked == [["grafana"]] * 2


@pytest.mark.parametrize(
    "state, result",
    [
        ("copied", {"action": "create"}),
        ("copied_back", {"action": "copy_back", "tables": TABLES}),
        ("restored", {"action": "replace", **MANIFEST}),
        ("absent", {"action": "drop"}),
    ],
)
def test_check_mode_acts_on_nothing(
    run: Run, acts: Acts, state: str, result: dict[str, Any]
) -> None:
    assert run(state, check=True) == {"changed": True, **result}
    assert acts.asked == ([("drop", OLD, None, True)] if state == "absent" else [])


@pytest.mark.parametrize("state", ["copied", "copied_back", "restored"])
def test_difference_is_a_failure_without_a_change(run: Run, acts: Acts, state: str) -> None:
    acts.differences = ["table t has 2 rows in the source, 1 in the target"]
    result = run(state)
    assert (result["failed"], result["changed"], result["equal"]) == (True, False, False)
    assert result["differences"] == acts.differences
    assert result["msg"].endswith(
        "was %s from, and is as it was before: %s" % (state.replace("_", " "), acts.differences[0])
    )


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("state", list(NEEDS))
@pytest.mark.parametrize("error", [_session.PostgresError, _backup.BackupError])
def test_refusal_is_a_failure(
    run: Run,
    acts: Acts,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    check: bool,
    error: type[Exception],
) -> None:
    def refuse(*_words: Any) -> None:
        raise error("the schemas differ")

    module, act, look = ACTS[state]
    monkeypatch.setattr(module, look if check else act, refuse)
    result = run(state, check)
    assert (result["failed"], result["msg"]) == (True, "the schemas differ")


@pytest.mark.parametrize(
    "state, params, words",
    [
        (
            "copied",
            {"source": None},
            "state is copied but all of the following are missing: source",
        ),
        ("copied_back", {"source": None}, "but all of the following are missing: source"),
        ("restored", {"path": None}, "but all of the following are missing: path"),
        ("copied", {"expect": "abc"}, "expect is for state copied_back and absent only"),
        ("restored", {"expect": "abc"}, "expect is for state copied_back and absent only"),
        ("copied", {"source": {"container": "c"}}, "required by 'container'"),
        ("absent", {"target": {"container": "c"}}, "required by 'container'"),
        (
            "copied_back",
            {"source": {"env_file": "/nowhere"}},
            "/nowhere cannot be read: No such file or directory",
        ),
    ],
)
def test_argument_that_a_state_needs_or_refuses(
    run: Run, acts: Acts, state: str, params: dict[str, Any], words: str
) -> None:
    assert words in run(state, **params)["msg"]
    assert acts.asked == []
