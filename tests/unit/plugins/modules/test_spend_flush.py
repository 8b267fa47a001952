"""The module that waits for a proxy's write: what it passes on and says. The wait itself is tested
against a real server.
"""

from __future__ import annotations

from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._litellm import (
    spend_flush as _spend_flush,
)
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
