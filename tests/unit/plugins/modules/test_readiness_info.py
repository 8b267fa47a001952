"""The modules readiness_info, proxy_snapshot_info and stored_models, against a small HTTP server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import fake_proxy
import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.llmops.litellm.plugins.modules import (
    proxy_snapshot_info,
    readiness_info,
    stored_models,
)

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def proxy() -> Iterator[fake_proxy.FakeProxy]:
    with fake_proxy.serve() as running:
        yield running


@pytest.fixture
def env(tmp_path: Path) -> str:
    path = tmp_path / "key.env"
    path.write_text(f"LITELLM_MASTER_KEY='{fake_proxy.MASTER}'\nWRONG=sk-bad\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def run(proxy: fake_proxy.FakeProxy, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(module: Any, **params: Any) -> dict[str, Any]:
        with patch_module_args({"url": proxy.url, **params}), pytest.raises(SystemExit):
            module.main()
        text = capsys.readouterr().out
        for secret in ("sk-master", "sk-bad", "sk-good", fake_proxy.PASSWORD):
            assert secret not in text.split('"invocation"')[0]
        return json.loads(text)

    return call


def test_readiness_with_a_key_from_a_file(run: Run, env: str) -> None:
    result = run(readiness_info, api_key_file=env, require=["database", "cache"])
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


def test_readiness_with_a_key(run: Run) -> None:
    assert run(readiness_info, api_key=fake_proxy.MASTER)["version"] == "1.102.4"


def test_readiness_without_a_key_asks_nothing_that_needs_one(
    run: Run, proxy: fake_proxy.FakeProxy
) -> None:
    result = run(readiness_info, require=["database"])
    assert (result["ready"], result["cache"]) == (True, "unknown")
    assert [target for _method, target, _payload in proxy.seen] == ["/health/readiness"]


def test_readiness_fails_after_the_last_attempt_with_the_reasons(
    run: Run, proxy: fake_proxy.FakeProxy, env: str
) -> None:
    proxy.replies["/health/readiness"] = (503, {"status": "healthy", "db": "disconnected"})
    result = run(readiness_info, api_key_file=env, retries=2, delay=0.01, require=["database"])
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
    run: Run, proxy: fake_proxy.FakeProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.replies["/health/readiness"] = (503, {"status": "healthy", "db": "disconnected"})
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            proxy.replies.clear()

    monkeypatch.setattr(time, "sleep", wait)
    result = run(readiness_info, retries=500, delay=0.02)
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
    run: Run,
    proxy: fake_proxy.FakeProxy,
    env: str,
    require: list[str],
    path: str,
    reply: tuple[int, Any],
    words: str,
) -> None:
    proxy.replies[path] = reply
    assert words in run(readiness_info, api_key_file=env, require=require)["msg"]


def test_an_old_release_is_proved_by_reading_the_database(
    run: Run, proxy: fake_proxy.FakeProxy, env: str
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
    assert run(readiness_info, api_key_file=env, require=["database"])["database"] == "connected"
    proxy.replies["/key/list"] = (500, {})
    assert run(readiness_info, api_key_file=env)["database"] == "unknown"


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
    run: Run,
    proxy: fake_proxy.FakeProxy,
    env: str,
    require: list[str],
    message: str,
    database: str,
    reason: str,
) -> None:
    proxy.replies["/key/list"] = (500, {"error": {"message": message}})
    result = run(readiness_info, api_key_file=env, require=require)
    assert (result["failed"], result["database"], result["ready"]) == (True, database, False)
    assert reason in result["msg"]
    proxy.replies["/key/list"] = (403, {})
    assert run(readiness_info, api_key_file=env, require=require)["ready"]


def test_a_wrong_key_is_said(run: Run, env: str) -> None:
    result = run(readiness_info, api_key_file=env, api_key_variable="WRONG", require=["cache"])
    assert result["failed"] and "the key is not accepted" in result["msg"]


@pytest.mark.parametrize("module", [readiness_info, proxy_snapshot_info, stored_models])
def test_no_key_in_the_file(run: Run, env: str, module: Any) -> None:
    prefix = "api_" if module is readiness_info else ""
    result = run(module, **{prefix + "key_file": env, prefix + "key_variable": "NONE"})
    assert result["failed"] and "has no NONE" in result["msg"]
    assert (
        "not of the form"
        in run(module, **{prefix + "key_file": env, "url": "http://user:hunter2@x"})["msg"]
    )


def test_snapshot_and_its_comparison(
    run: Run, proxy: fake_proxy.FakeProxy, env: str, tmp_path: Path
) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(
        json.dumps({"keys": [{"alias": "good", "key": "sk-good"}], "chat_model": "chat"}),
        encoding="utf-8",
    )
    first = run(proxy_snapshot_info, key_file=env, keys_file=str(keys), exercise=["embed", "paid"])
    assert "differences" not in first and first["snapshot"]["client_keys"] == [
        {"name": "good", "models": 200, "chat": 200}
    ]
    again = run(proxy_snapshot_info, key_file=env, keys_file=str(keys), compare=first["snapshot"])
    assert again["differences"] == [] and {
        item["model"] for item in again["snapshot"]["exercised"]
    } == {
        "embed",
        "paid",
    }
    proxy.accepted["sk-good"] = 401
    last = run(
        proxy_snapshot_info,
        key_file=env,
        keys_file=str(keys),
        compare=first["snapshot"],
        exercise=[],
    )
    assert "client key good, models: HTTP 200 became 401" in last["differences"]
    assert "model paid, chat: it was not asked again" in last["differences"]


@pytest.mark.parametrize(
    "earlier", [{}, {"exercised": []}, {"exercised": None}, {"exercised": [1]}]
)
def test_what_is_no_snapshot(run: Run, env: str, earlier: dict[str, Any]) -> None:
    assert (
        run(proxy_snapshot_info, key_file=env, compare=earlier)["msg"]
        == "compare is not a snapshot of this module"
    )


def test_snapshot_of_nothing(run: Run, env: str, tmp_path: Path) -> None:
    assert (
        "HTTP 401: the key is not"
        in run(proxy_snapshot_info, key_file=env, key_variable="WRONG")["msg"]
    )
    assert (
        "No such file"
        in run(proxy_snapshot_info, key_file=env, keys_file=str(tmp_path / "none"))["msg"]
    )
    (tmp_path / "empty").touch()
    assert (
        "no key is in it"
        in run(proxy_snapshot_info, key_file=env, keys_file=str(tmp_path / "empty"))["msg"]
    )


def test_stored_models_there_and_back(run: Run, proxy: fake_proxy.FakeProxy, env: str) -> None:
    proxy.models[6]["litellm_params"]["api_base"] = "http://user:hunter2@localhost:8082/v1"
    before = [row["litellm_params"].copy() for row in proxy.models]
    planned = run(stored_models, key_file=env, _ansible_check_mode=True, _ansible_diff=True)
    assert planned["changed"] and [row["litellm_params"] for row in proxy.models] == before
    done = run(stored_models, key_file=env, own_ports=[4000])
    assert (
        done["rewritten"]
        == planned["rewritten"]
        == [
            {
                "id": "stored",
                "name": "stored",
                "field": "api_base",
                "old": "http://localhost:8082/v1",
                "new": "http://host.docker.internal:8082/v1",
            }
        ]
    )
    assert planned["diff"]["before"] == "stored (stored) api_base: http://localhost:8082/v1\n"
    assert (
        proxy.models[6]["litellm_params"]["api_base"]
        == "http://user:hunter2@host.docker.internal:8082/v1"
    )
    assert not run(stored_models, key_file=env)["changed"]
    assert run(stored_models, key_file=env, state="loopback", earlier=done["rewritten"])["changed"]
    assert [row["litellm_params"] for row in proxy.models] == before
    assert not run(stored_models, key_file=env, state="loopback")["changed"]
    assert not run(stored_models, key_file=env, ports=[8079])["changed"]


def test_stored_models_that_cannot_be_changed(
    run: Run, proxy: fake_proxy.FakeProxy, env: str
) -> None:
    proxy.replies["/model/stored/update"] = (500, {})
    assert run(stored_models, key_file=env)["msg"] == "PATCH /model/stored/update: HTTP 500"
    assert "earlier" in run(stored_models, key_file=env, earlier=[{"id": "x"}])["msg"]
