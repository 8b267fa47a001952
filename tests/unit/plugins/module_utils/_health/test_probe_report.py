"""What a probe has found: kept whatever happens, compared with the run before, and told as text,
Markdown and a page that hide nothing.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from markdown_it import MarkdownIt
from probe_results import NASTY, RESULTS, make, result
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._health import probe as _probe
from ansible_collections.llmops.litellm.plugins.module_utils._health import (
    probe_report as _probe_report,
)
from ansible_collections.llmops.litellm.plugins.module_utils._litellm.client import (
    Client,
    ProxyError,
)


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
    assert lines[-1] == (
        "2 of 3 models asked, 6 requests, 25 tokens, 7.0 s: 4 seen, 1 not seen, 1 "
        "failed, 1 not asked"
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
        and "\\<script>alert(1)\\</script>\\| # x" in text
    )
    assert [line.count(" | ") for line in text.splitlines() if line.startswith("| \\<script>")] == [
        5
    ] * 6


@pytest.mark.parametrize("body", ["[]", "{}", '{"data": 1}'])
def test_list_of_models_that_is_none_is_said(body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Client, "json", lambda *words: json.loads(body))
    with pytest.raises(ProxyError, match="GET /model/info"):
        _probe_report.listed(Client("http://127.0.0.1:4000"))


def test_model_of_any_name_forges_nothing() -> None:
    honest = make()
    report = json.loads(
        json.dumps(honest)
        .replace(json.dumps(NASTY)[1:-1], json.dumps(support.HOSTILE)[1:-1])
        .replace("HTTP 500", json.dumps(support.HOSTILE)[1:-1])
    )
    support.assert_on_lines(_probe_report.screen(report), len(_probe_report.screen(honest)))
    finding = "orphaned: " + support.HOSTILE
    lines = _probe_report.markdown(report, [finding])[:-1].split("\n")
    expected = _probe_report.markdown(honest, ["orphaned: x"])[:-1].split("\n")
    support.assert_on_lines(lines, len(expected))
    shown = MarkdownIt().enable("table").render("\n".join(lines))
    assert not re.search("<(a|img|em|code)[ >]", shown)
