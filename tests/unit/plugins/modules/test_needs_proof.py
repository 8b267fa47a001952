"""The module needs_proof: it fails with everything that is missing."""

from __future__ import annotations

from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    needs_proof as _needs_proof,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment.compose_project import (
    DeploymentError,
)
from ansible_collections.llmops.litellm.plugins.modules import needs_proof

WORDS = {"folder": "/opt/litellm", "files": ["/srv/key"], "hosts": ["gone"]}


def run(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return support.run_module(needs_proof.main, dict(WORDS), capsys)


@pytest.mark.parametrize(
    ("lost", "failed", "said"),
    [
        ({}, False, ""),
        ({"hosts": {"gone.invalid": ""}}, False, "known to nobody here"),
        ({"files": {"/srv/key": "Permission denied"}}, True, "/srv/key: LiteLLM can't read it"),
    ],
)
def test_module_says_the_truth(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    lost: Any,
    failed: bool,
    said: str,
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(_needs_proof, "ask", lambda *words: asked.append(words) or lost)
    told = run(capsys)
    assert bool(told.get("failed")) is failed
    assert said in str(told.get("msg") or told.get("notes"))
    assert asked == [
        (
            "/opt/litellm",
            ["compose.yaml"],
            {
                "files": ["/srv/key"],
                "modules": [],
                "programs": [],
                "hosts": ["gone"],
                "servers": [],
            },
        )
    ]


def test_container_that_cannot_be_asked_fails_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_needs_proof, "ask", support.fails(DeploymentError("no engine")))
    assert run(capsys)["msg"] == "no engine"
