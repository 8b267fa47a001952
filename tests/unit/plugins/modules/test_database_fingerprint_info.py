"""The module database_fingerprint_info: whom it asks, what it returns and refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    fingerprint as _fingerprint,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import PostgresError
from ansible_collections.llmops.litellm.plugins.modules import database_fingerprint_info

Run = Callable[..., dict[str, Any]]
ENDPOINT = {"container": "litellm-postgres", "database": "litellm", "user": "litellm"}


@pytest.mark.parametrize("check", [False, True])
def test_fingerprint_is_that_of_the_snapshot(
    run: Run, monkeypatch: pytest.MonkeyPatch, check: bool
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(
        _fingerprint, "fingerprint", lambda *words: asked.append(words) or {"hash": "h"}
    )
    told = run(database_fingerprint_info, check, endpoint=ENDPOINT, snapshot="0003-1")
    assert told["fingerprint"] == {"hash": "h"}
    assert told["changed"] is False
    ((endpoint, snapshot),) = asked
    assert str(endpoint) == "database litellm (container litellm-postgres)"
    assert snapshot == "0003-1"


def test_database_that_cannot_be_read_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_fingerprint, "fingerprint", support.fails(PostgresError("refused")))
    told = run(database_fingerprint_info, endpoint=ENDPOINT)
    assert told["failed"]
    assert told["msg"] == "refused"


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ({}, "one of the following is required: env_file, container"),
        ({"env_file": "/e", **ENDPOINT}, "mutually exclusive"),
        ({"container": "c"}, "required by 'container'"),
        ({"env_file": "/nosuch/env"}, "/nosuch/env cannot be read"),
    ],
)
def test_endpoint_is_one_of_two_kinds(run: Run, endpoint: dict[str, str], said: str) -> None:
    assert said in run(database_fingerprint_info, endpoint=endpoint)["msg"]
