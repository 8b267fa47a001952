"""The module native_server: a private server is started and stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from unit.support import fails

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    native_server as _native_server,
)
from ansible_collections.llmops.litellm.plugins.modules import (
    native_server,
)

Run = Callable[..., dict[str, Any]]


SERVER = {"argv": ["postgres"], "program": "/p/postgres", "account": "postgres", "folder": "/data"}


def test_server_is_started_and_stopped(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(_native_server, "start", lambda *words: done.append("start"))
    monkeypatch.setattr(_native_server, "stop", lambda where: bool(done))
    started = run(native_server, state="started", server=SERVER, env_file="/e")
    assert (started["changed"], started["env_file"], done) == (
        True,
        "/run/litellm-legacy-look.env",
        ["start"],
    )
    assert run(native_server, state="stopped")["changed"]
    done.clear()
    assert not run(native_server, state="stopped")["changed"]
    assert run(native_server, check=True, state="started", server=SERVER, env_file="/e")["changed"]
    assert done == []
    assert run(native_server, state="started")["failed"]
    monkeypatch.setattr(
        _native_server, "stop", fails(_native_server.NativeServerError("does not stop"))
    )
    assert run(native_server, state="stopped")["msg"] == "does not stop"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """With what each server was started."""
    done: list[tuple[Any, ...]] = []
    monkeypatch.setattr(_native_server, "start", lambda *words: done.append(words))
    return done


def test_one_that_has_an_address_serves_the_urls_role(
    run: Run, started: list[tuple[Any, ...]], tmp_path: Path
) -> None:
    env_file = tmp_path / "legacy.env"
    env_file.write_text("DATABASE_URL=postgresql://gateway:hunter2@127.0.0.1:5434/llm\n")
    words = {"state": "started", "server": SERVER, "env_file": str(env_file), "name": "aside"}
    told = run(native_server, **words, address="127.0.0.2", unit="own.service")
    assert (told["changed"], told["env_file"]) == (True, "/run/aside.env")
    run(native_server, **words, writable=True, timeout=7)
    where = _native_server.place("aside")
    serving = _native_server.Serving("127.0.0.2", "llm", "gateway")
    assert started == [
        (SERVER, str(env_file), where, False, "own.service", 300, serving),
        (SERVER, str(env_file), where, True, "", 7, None),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("DATABASE_URL=postgresql://a%22:hunter2@h/d\n", "that no rule of pg_hba.conf can have"),
        ("A=1\n", "does not set DATABASE_URL"),
    ],
)
def test_url_that_cannot_be_served_is_told(
    run: Run, started: list[tuple[Any, ...]], tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "env").write_text(text)
    words = {"state": "started", "server": SERVER, "env_file": str(tmp_path / "env")}
    told = run(native_server, **words, address="127.0.0.2")
    assert told["failed"] and said in told["msg"]
    assert started == []
