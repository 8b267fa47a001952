"""The module that waits for a proxy's write: what it passes on and says. The wait itself is tested
against a real server.
"""

from __future__ import annotations

from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    connections as _connections,
)
from ansible_collections.llmops.litellm.plugins.module_utils._litellm import (
    spend_flush as _spend_flush,
)
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import container as _container
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.target import PoolerError
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session
from ansible_collections.llmops.litellm.plugins.modules import spend_flush


def run(capsys: pytest.CaptureFixture[str], **params: Any) -> dict[str, Any]:
    return support.run_module(spend_flush.main, params, capsys)


def test_what_was_seen_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(
        _spend_flush,
        "wait",
        lambda *words: asked.append(words) or _spend_flush.Flush(True, "", 3.5),
    )
    source = {"container": "litellm-postgres", "database": "litellm", "user": "litellm"}
    told = run(capsys, source=source, limit=9)
    assert (told["seen"], told["reason"], told["seconds"], told["changed"]) == (
        True,
        "",
        3.5,
        False,
    )
    assert (asked[0][0].container, asked[0][1]) == ("litellm-postgres", 9.0)


def test_database_that_cannot_be_asked_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_params: Any) -> Any:
        raise _session.PostgresError("no DATABASE_URL")

    monkeypatch.setattr(_session.Endpoint, "from_params", refuse)
    told = run(capsys, source={"env_file": "/none"})
    assert (told["seen"], told["reason"]) == (False, "no DATABASE_URL")


def test_pooler_says_from_where_its_proxy_writes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    running = _container.Running("pooler", "x", 7)
    row = _connections.Row(("127.0.0.1", 41), ("127.0.0.1", 5434), 9)
    monkeypatch.setattr(_container, "find", lambda name: running)
    monkeypatch.setattr(_container, "processes", lambda found: [7])
    monkeypatch.setattr(_container, "to_servers", lambda found, pids, port: [row])
    asked: list[Any] = []
    monkeypatch.setattr(
        _spend_flush,
        "wait",
        lambda *words: asked.append(words) or _spend_flush.Flush(True, "", 3.5),
    )
    source = {"container": "litellm-postgres", "database": "litellm", "user": "litellm"}
    assert run(capsys, source=source, pooler="pooler")["seen"]
    assert asked[0][2]() == "client_port IN (0, 41)"


def test_address_says_from_where_its_proxy_writes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(
        _spend_flush,
        "wait",
        lambda *words: asked.append(words) or _spend_flush.Flush(True, "", 3.5),
    )
    source = {"container": "litellm-postgres", "database": "litellm", "user": "litellm"}
    assert run(capsys, source=source, address="172.30.40.5")["seen"]
    assert asked[0][2]() == "client_addr = '172.30.40.5'"
    assert run(capsys, source=source)["seen"]
    assert asked[1][2] is None  # every session is the proxy's
    both = run(capsys, source=source, address="172.30.40.5", pooler="pooler")
    assert both["failed"] and "mutually exclusive" in both["msg"]
    assert len(asked) == 2


def test_pooler_that_does_not_run_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(name: str) -> Any:
        raise PoolerError("container %s does not run" % name)

    monkeypatch.setattr(_container, "find", refuse)
    source = {"container": "litellm-postgres", "database": "litellm", "user": "litellm"}
    assert run(capsys, source=source, pooler="p")["reason"] == "container p does not run"
