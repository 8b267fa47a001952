"""Carrying rows home: arguments, check mode, and what the module returns."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    copy_back as _copy_back,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session
from ansible_collections.llmops.litellm.plugins.modules import database_carry

Run = Callable[..., dict[str, Any]]
SOURCE = {"container": "litellm-postgres", "database": "litellm", "user": "litellm"}
TARGET = {"container": "legacy-postgres", "database": "old", "user": "owner"}
TABLES = [{"name": "LiteLLM_SpendLogs", "before": 3, "after": 10}]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the module and returns what it printed."""

    def call(check: bool = False, **params: Any) -> dict[str, Any]:
        given = {"source": SOURCE, "target": TARGET, **params, "_ansible_check_mode": check}
        with (
            patch_module_args({name: value for name, value in given.items() if value is not None}),
            pytest.raises(SystemExit),
        ):
            database_carry.main()
        return json.loads(capsys.readouterr().out)

    return call


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A carry that says what it was asked for."""
    given: list[Any] = []

    def carry(*words: Any) -> _copy_back.Result:
        given.extend(words)
        return _copy_back.Result(
            "carry", [], {"hash": "h"}, {"hash": "h"}, TABLES, 77, {"look": 0.25, "carry": 0.5}
        )

    monkeypatch.setattr(_copy_back, "carry", carry)
    monkeypatch.setattr(
        _copy_back, "foresee", lambda *words: given.extend(["foresee", *words]) or ("carry", TABLES)
    )
    return given


def test_result_is_told(run: Run, asked: list[Any]) -> None:
    told = run(expect="abc")
    assert [str(asked[0]), str(asked[1]), asked[2]] == [
        "database litellm (container litellm-postgres)",
        "database old (container legacy-postgres)",
        "abc",
    ]
    assert {name: told[name] for name in told if name != "invocation"} == {
        "changed": True,
        "action": "carry",
        "equal": True,
        "differences": [],
        "source": {"hash": "h"},
        "target": {"hash": "h"},
        "tables": TABLES,
        "bytes": 77,
        "seconds": 0.75,
        "phases": {"look": 0.25, "carry": 0.5},
    }


def test_nothing_done_is_no_change(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        _copy_back,
        "carry",
        lambda *words: _copy_back.Result("none", [], {}, {}, [], 0, {"look": 0.25}),
    )
    told = run()
    assert (told["changed"], told["action"], told["equal"], told["tables"]) == (
        False,
        "none",
        True,
        [],
    )


def test_check_mode_only_looks(run: Run, asked: list[Any]) -> None:
    told = run(check=True)
    assert {name: told[name] for name in told if name != "invocation"} == {
        "changed": True,
        "action": "carry",
        "tables": TABLES,
    }
    assert asked[0] == "foresee" and asked[3] is None


def test_difference_is_a_failure_without_a_change(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        _copy_back,
        "carry",
        lambda *words: _copy_back.Result(
            "carry", ["table t has 2 rows in the source, 1 in the target"], {}, {}, [], 5, {}
        ),
    )
    told = run()
    assert (told["failed"], told["changed"], told["equal"]) == (True, False, False)
    assert (
        told["differences"] == ["table t has 2 rows in the source, 1 in the target"]
        and "were taken back: table t has 2" in told["msg"]
    )


@pytest.mark.parametrize("check", [False, True])
def test_refusal_is_a_failure(run: Run, monkeypatch: pytest.MonkeyPatch, check: bool) -> None:
    def refuse(*_words: Any) -> None:
        raise _session.PostgresError("the schemas differ")

    monkeypatch.setattr(_copy_back, "carry", refuse)
    monkeypatch.setattr(_copy_back, "foresee", refuse)
    told = run(check)
    assert (told["failed"], told["msg"]) == (True, "the schemas differ")


@pytest.mark.parametrize(
    "params, words",
    [
        ({"source": None}, "missing required arguments: source"),
        ({"target": None}, "missing required arguments: target"),
        ({"target": {}}, "one of the following is required: env_file, container"),
        ({"target": {**TARGET, "env_file": "/e"}}, "mutually exclusive"),
        ({"source": {"container": "c"}}, "required by 'container'"),
        (
            {"source": {"env_file": "/nowhere"}},
            "/nowhere cannot be read: No such file or directory",
        ),
        ({"replace": "ours"}, "Unsupported parameters"),
    ],
)
def test_wrong_arguments(run: Run, asked: list[Any], params: dict[str, Any], words: str) -> None:
    assert words in run(**params)["msg"]
    assert asked == []
