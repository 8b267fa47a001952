"""The module bridge_proof."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    bridge_proof as _bridge_proof,
)
from ansible_collections.llmops.litellm.plugins.modules import (
    bridge_proof,
)

Run = Callable[..., dict[str, Any]]


def test_a_proof_that_fails_says_everything(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    asked = _bridge_proof.Answers(
        {1: "answers", 2: "answers"}, {1: "silent", 2: "answers"}, {1: "answers", 2: "silent"}, {}
    )
    monkeypatch.setattr(_bridge_proof, "collect", lambda *_words: asked)
    told = run(bridge_proof, ports=[2, 1, 1], gateway="172.30.40.1", container="litellm-proxy")
    assert told["failed"]
    assert (len(told["problems"]), told["proved"]) == (2, [2])
