"""The module stored_models, against a small HTTP server."""

from __future__ import annotations

from typing import Any, Callable

import fake_proxy

from ansible_collections.llmops.litellm.plugins.modules import (
    stored_models,
)

Run = Callable[..., dict[str, Any]]


def test_stored_models_there_and_back(ask: Run, proxy: fake_proxy.FakeProxy, env: str) -> None:
    proxy.models[6]["litellm_params"]["api_base"] = "http://user:hunter2@localhost:8082/v1"
    before = [row["litellm_params"].copy() for row in proxy.models]
    planned = ask(stored_models, key_file=env, _ansible_check_mode=True, _ansible_diff=True)
    assert planned["changed"] and [row["litellm_params"] for row in proxy.models] == before
    done = ask(stored_models, key_file=env, own_ports=[4000])
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
    assert not ask(stored_models, key_file=env)["changed"]
    assert ask(stored_models, key_file=env, state="loopback", earlier=done["rewritten"])["changed"]
    assert [row["litellm_params"] for row in proxy.models] == before
    assert not ask(stored_models, key_file=env, state="loopback")["changed"]
    assert not ask(stored_models, key_file=env, ports=[8079])["changed"]


def test_stored_models_that_cannot_be_changed(
    ask: Run, proxy: fake_proxy.FakeProxy, env: str
) -> None:
    proxy.replies["/model/stored/update"] = (500, {})
    assert ask(stored_models, key_file=env)["msg"] == "PATCH /model/stored/update: HTTP 500"
    assert "earlier" in ask(stored_models, key_file=env, earlier=[{"id": "x"}])["msg"]


def test_no_key_in_the_file(ask: Run, env: str) -> None:
    result = ask(stored_models, key_file=env, key_variable="NONE")
    assert result["failed"] and "has no NONE" in result["msg"]
    assert "not of the form" in ask(stored_models, key_file=env, url="http://user:hunter2@x")["msg"]
