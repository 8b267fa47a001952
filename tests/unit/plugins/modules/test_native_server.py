"""The module native_server: a private server is started and stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    native_server as _native_server,
)
from ansible_collections.llmops.litellm.plugins.modules import (
    native_server,
)

Run = Callable[..., dict[str, Any]]


SERVER = {"argv": ["postgres"], "program": "/p/postgres", "account": "postgres", "folder": "/data"}


def fails(error: Exception) -> Callable[..., Any]:
    def call(*_words: Any, **_named: Any) -> Any:
        raise error

    return call


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
