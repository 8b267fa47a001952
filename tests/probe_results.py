"""Findings of a probe, plain, damaged and nasty."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._health import probe as _probe
from ansible_collections.llmops.litellm.plugins.module_utils._health import (
    probe_report as _probe_report,
)
from ansible_collections.llmops.litellm.plugins.module_utils._health.probe import Model, Options

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
NASTY = "<script>alert(1)</script>|\n# x"
ABOUT = {"url": "http://127.0.0.1:4000", "scope": "local"}
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
