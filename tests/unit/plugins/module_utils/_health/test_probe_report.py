"""What a probe has found: kept whatever happens, compared with the run before, and told as text, Markdown and a page that hide nothing."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._health import probe as _probe
from ansible_collections.llmops.litellm.plugins.module_utils._health import (
    probe_report as _probe_report,
)
from ansible_collections.llmops.litellm.plugins.module_utils._health.probe import Model, Options
from ansible_collections.llmops.litellm.plugins.module_utils._litellm.client import (
    Client,
    ProxyError,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
NASTY = "<script>alert(1)</script>|\n# x"
DECLARED = {
    "supports_function_calling": True,
    "supports_vision": False,
    "supports_system_messages": None,
    "supports_response_schema": None,
}
FOUND = [
    Model(NASTY, "chat", True, DECLARED),
    Model("embed", "embedding", True, {}, 384),
    Model("paid", "chat", False, {}),
]


def result(
    model: str,
    capability: str,
    state: str = "yes",
    why: str = "",
    took: float = 1.0,
    first: Any = None,
    tokens: Any = 5,
) -> dict[str, Any]:
    return {
        "model": model,
        "capability": capability,
        "state": state,
        "why": why,
        "seconds": took,
        "first": first,
        "tokens": tokens,
    }


RESULTS = [
    result(NASTY, "chat"),
    result(NASTY, "stream", first=0.25),
    result(NASTY, "tools", "no", "no tool was called"),
    result(NASTY, "vision", "yes"),
    result(NASTY, "system prompt", "failed", "HTTP 500", tokens=None),
    result(NASTY, "JSON schema", "skipped", _probe.BUDGET, 0.0, tokens=None),
    result("embed", "embedding", why="768 dimensions"),
]


def make(results: Any = None, earlier: Any = None) -> dict[str, Any]:
    """A report without a proxy."""
    rows = _probe.matrix(FOUND, RESULTS if results is None else results, earlier)
    out = _probe.left_out(FOUND, Options())
    told: dict[str, Any] = {
        "format": 1,
        "time": NOW.isoformat(),
        "before": None,
        "kind": "compose",
        "url": "http://127.0.0.1:4000",
        "options": {},
        "seconds": 7.0,
        "requests": 6,
        "tokens": 25,
        "rows": rows,
        "differences": _probe_report.differences(rows),
        "drift": _probe_report.drifts(rows),
        "models": [
            {
                "name": model.name,
                "mode": model.mode,
                "local": model.local,
                "left_out": out.get(model.name),
            }
            for model in FOUND
        ],
    }
    return {**told, "outcome": _probe_report.outcome(told)}


def test_what_differs_from_the_declaration_and_from_before_is_said() -> None:
    memory = {
        (NASTY, "chat"): {"shown": "no", "seconds": 1.0},
        (NASTY, "stream"): {"shown": "yes", "seconds": 0.2},
        (NASTY, "JSON schema"): {"shown": "yes", "seconds": 1.0},
        ("embed", "embedding"): {"shown": "yes (384 dimensions)", "seconds": 0.9},
    }
    told = make([*RESULTS[:1], result(NASTY, "stream", took=3.0), *RESULTS[2:]], memory)
    assert [line.partition(", ")[2] for line in told["differences"]] == [
        "tools: declared, not seen (no tool was called)",
        "vision: seen, not declared",
        "system prompt: no usable answer (HTTP 500)",
        "embedding: declared with 384 dimensions (768 dimensions)",
    ]
    assert [line.partition(", ")[2] for line in told["drift"]] == [
        "chat: no became yes",
        "embedding: yes (384 dimensions) became yes (768 dimensions)",
        "stream: 0.2 s became 3.0 s",
    ]


@pytest.mark.parametrize(
    ("results", "word"),
    [
        ([RESULTS[0]], "healthy"),
        (RESULTS[:3], "degraded"),
        (RESULTS, "unknown"),
        ([RESULTS[4]], "failed"),
        ([], "healthy"),
        ([RESULTS[4], result(NASTY, "chat", "skipped", _probe.SILENT)], "failed"),
    ],
)
def test_outcome_in_one_word(results: Any, word: str) -> None:
    assert make(results)["outcome"] == word


def test_screen_and_markdown_tell_everything() -> None:
    report = make(earlier={(NASTY, "chat"): {"shown": "no", "seconds": 1.0}})
    lines = _probe_report.screen(report)
    assert (
        lines[-1]
        == "2 of 3 models asked, 6 requests, 25 tokens, 7.0 s: 4 seen, 1 not seen, 1 failed, 1 not asked"
    )
    assert (
        "not asked  paid: not on this host, so it may cost money" in lines and "was no" in lines[0]
    )
    assert "\033[" not in "".join(lines) and "\033[32m" in "".join(
        _probe_report.screen(report, True)
    )
    text = _probe_report.markdown(report, ["orphaned: a|b"])
    assert (
        "- orphaned: a\\|b" in text
        and "# x\n" not in text
        and "<script>alert(1)</script>\\| # x" in text
    )
    assert [line.count(" | ") for line in text.splitlines() if line.startswith("| <script>")] == [
        5
    ] * 6


FIELDS = st.sampled_from(
    [
        "model_name",
        "litellm_params",
        "model_info",
        "mode",
        "api_base",
        "supports_vision",
        "output_vector_size",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=9,
)


@pytest.mark.parametrize("body", ["[]", "{}", '{"data": 1}'])
def test_list_of_models_that_is_none_is_said(body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Client, "json", lambda *words: json.loads(body))
    with pytest.raises(ProxyError, match="GET /model/info"):
        _probe_report.listed(Client("http://127.0.0.1:4000"))
