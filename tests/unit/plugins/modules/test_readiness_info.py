"""The module readiness_info, against a small HTTP server."""

from __future__ import annotations

import time
from typing import Any, Callable

import fake_proxy
import pytest

from ansible_collections.llmops.litellm.plugins.modules import (
    readiness_info,
)

Run = Callable[..., dict[str, Any]]


def test_readiness_with_a_key_from_a_file(ask: Run, env: str) -> None:
    result = ask(readiness_info, api_key_file=env, require=["database", "cache"])
    assert {
        name: result[name]
        for name in (
            "ready",
            "database",
            "cache",
            "version",
            "generation",
            "reasons",
            "attempts",
            "changed",
        )
    } == {
        "ready": True,
        "database": "connected",
        "cache": "connected",
        "version": "1.102.4",
        "generation": "1.100",
        "reasons": [],
        "attempts": 1,
        "changed": False,
    }


def test_readiness_with_a_key(ask: Run) -> None:
    assert ask(readiness_info, api_key=fake_proxy.MASTER)["version"] == "1.102.4"


def test_readiness_without_a_key_asks_nothing_that_needs_one(
    ask: Run, proxy: fake_proxy.FakeProxy
) -> None:
    result = ask(readiness_info, require=["database"])
    assert (result["ready"], result["cache"]) == (True, "unknown")
    assert [target for _method, target, _payload in proxy.seen] == ["/health/readiness"]


def test_readiness_fails_after_the_last_attempt_with_the_reasons(
    ask: Run, proxy: fake_proxy.FakeProxy, env: str
) -> None:
    proxy.replies["/health/readiness"] = (503, {"status": "healthy", "db": "disconnected"})
    result = ask(readiness_info, api_key_file=env, retries=2, delay=0.01, require=["database"])
    assert result["failed"] and result["attempts"] == 3 and not result["ready"]
    assert (
        result["reasons"][0] == "database is required and disconnected"
        and "asked 3 times" in result["msg"]
    )
    assert (
        len([target for _method, target, _payload in proxy.seen if target == "/health/readiness"])
        == 3
    )


def test_readiness_that_comes_is_seen_at_the_next_attempt(
    ask: Run, proxy: fake_proxy.FakeProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.replies["/health/readiness"] = (503, {"status": "healthy", "db": "disconnected"})
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            proxy.replies.clear()

    monkeypatch.setattr(time, "sleep", wait)
    result = ask(readiness_info, retries=500, delay=0.02)
    assert result["ready"] and result["attempts"] == 4 and waits == [0.02] * 3


@pytest.mark.parametrize(
    ("require", "path", "reply", "words"),
    [
        (
            ["cache"],
            "/cache/ping",
            (
                503,
                {
                    "error": {
                        "message": '{"message": "Cache not initialized. litellm.cache is None"}'
                    }
                },
            ),
            "cache is required and not configured",
        ),
        (
            ["database"],
            "/health/readiness",
            (200, {"status": "healthy", "db": "Not connected"}),
            "database is required and",
        ),
    ],
)
def test_what_is_required_must_be_connected(
    ask: Run,
    proxy: fake_proxy.FakeProxy,
    env: str,
    require: list[str],
    path: str,
    reply: tuple[int, Any],
    words: str,
) -> None:
    proxy.replies[path] = reply
    assert words in ask(readiness_info, api_key_file=env, require=require)["msg"]


def test_an_old_release_is_proved_by_reading_the_database(
    ask: Run, proxy: fake_proxy.FakeProxy, env: str
) -> None:
    body = {
        "status": "connected",
        "db": "connected",
        "cache": "redis",
        "litellm_version": "1.80.0",
        "last_updated": "2026-01-01T00:00:00",
    }
    proxy.replies.update(
        {
            "/health/readiness": (200, body),
            "/health/readiness/details": (404, {"detail": "Not Found"}),
            "/key/list": (200, {"keys": []}),
        }
    )
    assert ask(readiness_info, api_key_file=env, require=["database"])["database"] == "connected"
    proxy.replies["/key/list"] = (500, {})
    assert ask(readiness_info, api_key_file=env)["database"] == "unknown"


@pytest.mark.parametrize("require", [[], ["database"]])
@pytest.mark.parametrize(
    ("message", "database", "reason"),
    [
        ("", "unknown", "a request that reads it failed"),
        (
            "Authentication Error, Can't reach database server at `127.0.0.1:5432`",
            "disconnected",
            "cannot reach its database",
        ),
        (
            "Authentication Error, All connection attempts failed",
            "disconnected",
            "cannot reach its database",
        ),
    ],
)
def test_a_database_that_died_a_moment_ago_is_found_out(
    ask: Run,
    proxy: fake_proxy.FakeProxy,
    env: str,
    require: list[str],
    message: str,
    database: str,
    reason: str,
) -> None:
    proxy.replies["/key/list"] = (500, {"error": {"message": message}})
    result = ask(readiness_info, api_key_file=env, require=require)
    assert (result["failed"], result["database"], result["ready"]) == (True, database, False)
    assert reason in result["msg"]
    proxy.replies["/key/list"] = (403, {})
    assert ask(readiness_info, api_key_file=env, require=require)["ready"]


def test_a_wrong_key_is_said(ask: Run, env: str) -> None:
    result = ask(readiness_info, api_key_file=env, api_key_variable="WRONG", require=["cache"])
    assert result["failed"] and "the key is not accepted" in result["msg"]


def test_no_key_in_the_file(ask: Run, env: str) -> None:
    result = ask(readiness_info, api_key_file=env, api_key_variable="NONE")
    assert result["failed"] and "has no NONE" in result["msg"]
    assert (
        "not of the form"
        in ask(readiness_info, api_key_file=env, url="http://user:hunter2@x")["msg"]
    )
