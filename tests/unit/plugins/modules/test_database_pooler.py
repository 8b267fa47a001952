"""The module database_pooler."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from unit.support import fails

from ansible_collections.llmops.litellm.plugins.module_utils._pooler import client as _client
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import pooler as _pooler
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.folder import Folder
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.pooler import Outcome
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.target import (
    PoolerError,
    Target,
)
from ansible_collections.llmops.litellm.plugins.modules import database_pooler

Run = Callable[..., dict[str, Any]]
NEW = Target("127.0.0.1", 5434, "d", "u", "hunter2", "prefer")
OURS = {"uid": os.geteuid(), "gid": os.getegid()}


@pytest.fixture
def env(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "legacy.env"
    path.write_text("DATABASE_URL=postgresql://u:hunter2@db:5432/d\nB=postgres://u@db/d?schema=x\n")
    return {"env_file": str(path), "host": "127.0.0.1", "port": 5434}


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a pooler was told; each time something changed."""
    made: list[Any] = []
    for name in ("pause", "settle", "serve"):

        def note(*words: Any, name: str = name) -> Outcome:
            made.append((name, *words))
            return Outcome(True, 1.23456)

        monkeypatch.setattr(_pooler, name, note)
    return made


def test_files_of_a_pooler(run: Run, tmp_path: Path, env: dict[str, Any]) -> None:
    folder = Folder(str(tmp_path / "pooler"))
    words = {"state": "present", "folder": folder.path, "target": env, **OURS}
    assert run(database_pooler, check=True, **words)["changed"] is True
    assert not os.path.exists(folder.path)
    made = run(database_pooler, **words, variables=["DATABASE_URL", "B"], port=7000, pool_size=9)
    assert (made["changed"], made["seconds"]) == (True, 0)
    text = Path(folder.ini).read_text()
    assert "host='127.0.0.1' port=5434 dbname='d' user='u' password='hunter2'" in text
    assert "listen_port = 7000\n" in text and "default_pool_size = 9\n" in text
    client = folder.known_client()
    assert (client.user, client.port) == ("u", 7000)
    assert [line.partition("=")[0] for line in Path(folder.env).read_text().splitlines()] == [
        "DATABASE_URL",
        "B",
    ]
    again = run(database_pooler, **words, variables=["DATABASE_URL", "B"], port=7000, pool_size=9)
    assert again["changed"] is False
    assert client.password not in str(made) + str(again)


def test_a_pause(run: Run, done: list[Any]) -> None:
    words = {"state": "paused", "folder": "/run/x", "container": "c"}
    found = run(database_pooler, **words, limit=30, patience=0.35)
    assert (found["changed"], found["seconds"]) == (True, 1.235)
    run(database_pooler, **words)
    assert done == [("pause", Folder("/run/x"), "c", *given) for given in ((30, 0.35), (120, 2.0))]


def test_a_pause_that_stays(run: Run, done: list[Any]) -> None:
    assert run(database_pooler, state="settled", folder="/run/x", container="c")["changed"] is True
    assert done == [("settle", Folder("/run/x"), "c")]


def test_another_database(run: Run, done: list[Any], env: dict[str, Any]) -> None:
    words = {"state": "serving", "folder": "/run/x", "container": "c", "target": env}
    assert run(database_pooler, **words)["seconds"] == 1.235
    assert done == [("serve", Folder("/run/x"), "c", NEW)]


@pytest.mark.parametrize("changes", [True, False])
def test_check_mode_lets_nobody_wait(
    run: Run,
    done: list[Any],
    env: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    changes: bool,
) -> None:
    monkeypatch.setattr(_pooler, "paused", lambda *_words: not changes)
    monkeypatch.setattr(_pooler, "is_settled", lambda *_words: not changes)
    monkeypatch.setattr(_pooler, "would_serve", lambda *_words: Outcome(changes, 2))
    for state in ("paused", "settled", "serving"):
        words = {"state": state, "folder": "/run/x", "container": "c", "target": env}
        assert run(database_pooler, check=True, **words)["changed"] is changes
    assert done == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PoolerError("1 transactions are open"), "1 transactions are open"),
        (OSError(28, "No space left on device", "/run/x"), "/run/x: No space left on device"),
    ],
)
def test_a_failure_is_told(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    monkeypatch.setattr(_pooler, "pause", fails(error))
    found = run(database_pooler, state="paused", folder="/run/x", container="c")
    assert (found["failed"], found["msg"]) == (True, words)


def test_several_databases_are_refused(
    run: Run, tmp_path: Path, env: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_client, "urls", fails(PoolerError("several")))
    words = {"state": "present", "folder": str(tmp_path / "x"), "target": env, **OURS}
    assert run(database_pooler, **words)["msg"] == "several"


@pytest.mark.parametrize(
    ("state", "missing"),
    [
        ("present", "target, uid, gid"),
        ("paused", "container"),
        ("settled", "container"),
        ("serving", "container, target"),
    ],
)
def test_what_a_state_needs(run: Run, state: str, missing: str) -> None:
    found = run(database_pooler, state=state, folder="/run/x")
    assert found["failed"] and found["msg"].endswith(missing)
