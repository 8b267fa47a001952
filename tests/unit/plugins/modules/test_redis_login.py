"""The module redis_login."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from unit.support import fails

from ansible_collections.llmops.litellm.plugins.module_utils._redis import login as _login
from ansible_collections.llmops.litellm.plugins.module_utils._redis.login import Login
from ansible_collections.llmops.litellm.plugins.module_utils._redis.redis import (
    Container,
    RedisError,
)
from ansible_collections.llmops.litellm.plugins.modules import redis_login

Run = Callable[..., dict[str, Any]]
C = Container("litellm-redis")


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was asked for; the first thing changes something."""
    made: list[Any] = []
    for name in ("take", "forget"):

        def note(*words: Any, name: str = name) -> bool:
            made.append((name, *words))
            return len(made) == 1

        monkeypatch.setattr(_login, name, note)
    return made


@pytest.fixture
def env(tmp_path: Path) -> str:
    path = tmp_path / "legacy.env"
    path.write_text("REDIS_PASSWORD=hunter2\nREDIS_USERNAME=gateway\nOTHER=hunter2b\n")
    return str(path)


def test_state_check_mode_and_login_are_passed_on(run: Run, done: list[Any], env: str) -> None:
    words = {"container": C.name, "env_file": env}
    told = run(redis_login, **words)
    assert {name: told[name] for name in told if name != "invocation"} == {"changed": True}
    assert run(redis_login, check=True, state="present", **words)["changed"] is False
    run(redis_login, check=True, state="absent", variable="OTHER", **words)
    run(redis_login, state="absent", container=C.name)
    assert done == [
        ("take", C, Login("gateway", "hunter2"), False),
        ("take", C, Login("gateway", "hunter2"), True),
        ("forget", C, Login("gateway", "hunter2b"), True),
        ("forget", C, Login("", ""), False),
    ]


def test_file_without_a_login_is_for_a_redis_that_asks_for_none(
    run: Run, done: list[Any], tmp_path: Path
) -> None:
    (tmp_path / "env").write_text("A=1\n")
    run(redis_login, container=C.name, env_file=str(tmp_path / "env"))
    assert done == [("take", C, Login("", ""), False)]


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "No such file"), ("REDIS_PASSWORD='hunter2\n", "env, line 1")],
    ids=["no file", "a quote that never ends"],
)
def test_file_that_cannot_be_read_is_reported(
    run: Run, done: list[Any], tmp_path: Path, text: Any, said: str
) -> None:
    if text is not None:
        (tmp_path / "env").write_text(text)
    assert said in run(redis_login, container=C.name, env_file=str(tmp_path / "env"))["msg"]
    assert done == []


def test_file_that_others_can_write_is_refused(run: Run, done: list[Any], env: str) -> None:
    Path(env).chmod(0o666)
    found = run(redis_login, container=C.name, env_file=env)
    assert found["failed"] and env in found["msg"]
    assert done == []


def test_a_failure_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_login, "take", fails(RedisError("it does not run")))
    found = run(redis_login, container=C.name)
    assert (found["failed"], found["msg"]) == (True, "it does not run")
