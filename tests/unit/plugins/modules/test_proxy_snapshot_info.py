"""The module proxy_snapshot_info, against a small HTTP server."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable

import fake_proxy
import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.modules import (
    proxy_snapshot_info,
)

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=timezone.utc)
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


def test_snapshot_to_compare_with_comes_from_the_journal(
    ask: Run, proxy: fake_proxy.FakeProxy, env: str, tmp_path: Path
) -> None:
    state = str(tmp_path / "state")
    common: dict[str, Any] = {"key_file": env, "state_dir": state}
    assert "has no snapshot to compare with" in ask(proxy_snapshot_info, **common)["msg"]
    first = ask(proxy_snapshot_info, key_file=env, exercise=["embed"])["snapshot"]
    (tmp_path / "state").mkdir()
    opened = _journal.create("x", {"controller": "desk", "run": "1:1"}, NOW)
    opened["facts"]["snapshot_before"] = first
    _journal.save(state, opened, NOW)
    again = ask(proxy_snapshot_info, **common)
    assert again["differences"] == []
    assert {item["model"] for item in again["snapshot"]["exercised"]} == {"embed"}
    opened["facts"]["snapshot_before"] = {**first, "users": {"count": 1000}}
    _journal.save(state, opened, NOW)
    assert ask(proxy_snapshot_info, **common)["differences"] == ["users: 1000 became 4"]
    (tmp_path / "state/journal.json").write_text("{")
    assert "journal.json cannot be read" in ask(proxy_snapshot_info, **common)["msg"]


def test_difference_fails_where_none_may_be(ask: Run, env: str) -> None:
    first = ask(proxy_snapshot_info, key_file=env, exercise=["embed"])["snapshot"]
    common: dict[str, Any] = {"key_file": env, "must_match": True}
    assert "failed" not in ask(proxy_snapshot_info, compare=first, **common)
    failed = ask(proxy_snapshot_info, compare={**first, "users": {"count": 1000}}, **common)
    assert failed["failed"]
    assert "differs from what clients saw before: users: 1000 became 4" in failed["msg"]
    assert failed["table"][0] in failed["msg"]


def test_rows_that_clients_may_have_changed_are_no_difference(ask: Run, env: str) -> None:
    first = ask(proxy_snapshot_info, key_file=env, exercise=["embed"])["snapshot"]
    common: dict[str, Any] = {"key_file": env, "compare": {**first, "users": {"count": 1000}}}
    assert ask(proxy_snapshot_info, **common)["differences"] == ["users: 1000 became 4"]
    assert ask(proxy_snapshot_info, served=True, **common)["differences"] == []
    common["compare"] = {**first, "models": [*first["models"], first["models"][0]]}
    assert len(ask(proxy_snapshot_info, served=True, **common)["differences"]) == 1


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
