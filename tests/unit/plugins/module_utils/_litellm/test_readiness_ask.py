"""What a proxy is asked, and with which key."""

from __future__ import annotations

import json
from typing import Optional

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._litellm import client as _client
from ansible_collections.llmops.litellm.plugins.module_utils._litellm import readiness as _readiness
from ansible_collections.llmops.litellm.plugins.module_utils._litellm.client import Answer

KEY = "sk-hunter2-4f9c0b7ad2e15386"
PUBLIC, DETAILS, CACHE, READ = (
    "/health/readiness",
    "/health/readiness/details",
    "/cache/ping",
    "/key/list?size=1",
)


@pytest.mark.parametrize(
    ("status", "database", "key", "asked"),
    [
        (200, "connected", None, [PUBLIC]),
        (404, "connected", KEY, [PUBLIC]),
        (200, "connected", KEY, [PUBLIC, DETAILS, CACHE, READ]),
        (200, "Not connected", KEY, [PUBLIC, DETAILS, CACHE]),
        (200, None, KEY, [PUBLIC, DETAILS, CACHE, READ]),
        (503, "disconnected", KEY, [PUBLIC, DETAILS, CACHE]),
    ],
)
def test_no_more_is_asked_than_proves_it(
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    database: Optional[str],
    key: Optional[str],
    asked: list[str],
) -> None:
    seen: list[tuple[str, Optional[str]]] = []
    body = {
        "status": "healthy",
        "litellm_version": "1.102.4",
        **({"db": database} if database else {}),
    }

    def get(client: _client.Client, path: str) -> Answer:
        seen.append((path, client._key))
        return Answer(status, json.dumps(body))

    monkeypatch.setattr(_client.Client, "get", get)
    _readiness.ask(_client.Client("http://127.0.0.1:4000"), key)
    assert [path for path, _key in seen] == asked
    assert [sent for _path, sent in seen] == [None] + [key] * (len(asked) - 1)
