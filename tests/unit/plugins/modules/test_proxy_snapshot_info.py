"""The module proxy_snapshot_info, against a small HTTP server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import fake_proxy
import pytest

from ansible_collections.llmops.litellm.plugins.modules import (
    proxy_snapshot_info,
)

Run = Callable[..., dict[str, Any]]


def test_snapshot_and_its_comparison(
    ask: Run, proxy: fake_proxy.FakeProxy, env: str, tmp_path: Path
) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(
        json.dumps({"keys": [{"alias": "good", "key": "sk-good"}], "chat_model": "chat"}),
        encoding="utf-8",
    )
    first = ask(proxy_snapshot_info, key_file=env, keys_file=str(keys), exercise=["embed", "paid"])
    assert "differences" not in first and first["snapshot"]["client_keys"] == [
        {"name": "good", "models": 200, "chat": 200}
    ]
    again = ask(proxy_snapshot_info, key_file=env, keys_file=str(keys), compare=first["snapshot"])
    assert again["differences"] == [] and {
        item["model"] for item in again["snapshot"]["exercised"]
    } == {
        "embed",
        "paid",
    }
    proxy.accepted["sk-good"] = 401
    last = ask(
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
def test_what_is_no_snapshot(ask: Run, env: str, earlier: dict[str, Any]) -> None:
    assert (
        ask(proxy_snapshot_info, key_file=env, compare=earlier)["msg"]
        == "compare is not a snapshot of this module"
    )


def test_snapshot_of_nothing(ask: Run, env: str, tmp_path: Path) -> None:
    assert (
        "HTTP 401: the key is not"
        in ask(proxy_snapshot_info, key_file=env, key_variable="WRONG")["msg"]
    )
    assert (
        "No such file"
        in ask(proxy_snapshot_info, key_file=env, keys_file=str(tmp_path / "none"))["msg"]
    )
    (tmp_path / "empty").touch()
    assert (
        "no key is in it"
        in ask(proxy_snapshot_info, key_file=env, keys_file=str(tmp_path / "empty"))["msg"]
    )


def test_no_key_in_the_file(ask: Run, env: str) -> None:
    result = ask(proxy_snapshot_info, key_file=env, key_variable="NONE")
    assert result["failed"] and "has no NONE" in result["msg"]
    assert (
        "not of the form"
        in ask(proxy_snapshot_info, key_file=env, url="http://user:hunter2@x")["msg"]
    )
