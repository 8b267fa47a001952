"""Carrying Redis' keys: what check mode tells, and containers that do not run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.llmops.litellm.plugins.module_utils._redis import redis as _redis
from ansible_collections.llmops.litellm.plugins.module_utils._redis import transfer as _transfer
from ansible_collections.llmops.litellm.plugins.modules import redis_copy

NATIVE = "db0:keys=12,expires=11\r\ndb3:keys=1,expires=0\r\n"
Run = Callable[..., dict[str, Any]]


class Engine:
    """A container in some state, and what was done with it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, state: str, held: str = "") -> None:
        self.done: list[str] = []
        monkeypatch.setattr(_redis.Container, "state", lambda _self: state)
        monkeypatch.setattr(
            _redis.Container,
            "start",
            lambda _self, deadline: self.done.append("start within %g" % deadline),
        )
        monkeypatch.setattr(
            _redis.Container, "ask", lambda _self, *words: self.done.append("ask") or held
        )
        monkeypatch.setattr(
            _redis.Native,
            "ask",
            lambda native, *words: self.done.append("native %s" % native.password) or NATIVE,
        )
        monkeypatch.setattr(
            _transfer,
            "carry",
            lambda *_given: (
                self.done.append("carry")
                or {"databases": {}, "keys": 13, "bytes": 5, "seconds": 0.5, "differences": []}
            ),
        )


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the module and returns what it printed."""

    def call(check: bool = False, **params: Any) -> dict[str, Any]:
        with (
            patch_module_args(
                {"container": "litellm-redis", "timeout": 7, **params, "_ansible_check_mode": check}
            ),
            pytest.raises(SystemExit),
        ):
            redis_copy.main()
        shown = capsys.readouterr().out
        assert "hunter2" not in shown
        return json.loads(shown)

    return call


def test_result_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Engine(monkeypatch, "running")
    result = run()
    assert {name: result[name] for name in result if name != "invocation"} == {
        "changed": True,
        "databases": {},
        "keys": 13,
        "bytes": 5,
        "seconds": 0.5,
    }


@pytest.mark.parametrize("state", ["created", "exited"])
def test_container_that_does_not_run_is_started(
    run: Run, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    engine = Engine(monkeypatch, state)
    assert run()["changed"]
    assert engine.done == ["start within 7", "ask", "carry"]


def test_container_that_does_not_run_may_hold_keys(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(monkeypatch, "exited", held="db0:keys=2,expires=0\r\n")
    assert "holds keys already (db0: 2)" in run()["msg"]
    assert "carry" not in engine.done


def test_container_that_does_not_exist_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(monkeypatch, "")
    assert run()["msg"] == "there is no container litellm-redis."
    assert engine.done == []


@pytest.mark.parametrize(("state", "asked"), [("running", ["ask"]), ("exited", []), ("", [])])
def test_check_mode_only_looks(
    run: Run, monkeypatch: pytest.MonkeyPatch, state: str, asked: list[str]
) -> None:
    engine = Engine(monkeypatch, state)
    result = run(check=True)
    assert result["changed"]
    assert result["databases"] == {
        "db0": {"source": {"keys": 12, "expires": 11}},
        "db3": {"source": {"keys": 1, "expires": 0}},
    }
    assert result["keys"] == 13
    assert engine.done == [*asked, "native "]


def test_check_mode_refuses_what_a_run_would_refuse(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Engine(monkeypatch, "running", held="db0:keys=2,expires=0\r\n")
    assert "holds keys already (db0: 2)" in run(check=True)["msg"]


def test_variable_names_the_password(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    engine = Engine(monkeypatch, "")
    (tmp_path / "env").write_text("REDIS_PASSWORD=wrong\nCACHE_PW=right\n")
    run(check=True, env_file=str(tmp_path / "env"), variable="CACHE_PW")
    assert engine.done == ["native right"]


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "No such file"), ("REDIS_PASSWORD='hunter2\n", "env, line 1")],
    ids=["no file", "a quote that never ends"],
)
def test_env_file_that_cannot_be_read_is_said(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: Any, said: str
) -> None:
    engine = Engine(monkeypatch, "running")
    if text is not None:
        (tmp_path / "env").write_text(text)
    assert said in run(env_file=str(tmp_path / "env"))["msg"]
    assert engine.done == []
