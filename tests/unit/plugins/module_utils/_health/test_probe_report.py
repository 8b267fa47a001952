"""What a probe has found: kept whatever happens, compared with the run before, and told as text, Markdown and a page that hide nothing."""

from __future__ import annotations

import json
import os
import re
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._health import probe as _probe
from ansible_collections.llmops.litellm.plugins.module_utils._health import (
    probe_page as _probe_page,
)
from ansible_collections.llmops.litellm.plugins.module_utils._health import (
    probe_report as _probe_report,
)
from ansible_collections.llmops.litellm.plugins.module_utils._health import (
    probe_store as _probe_store,
)
from ansible_collections.llmops.litellm.plugins.module_utils._health.probe import Model, Options
from ansible_collections.llmops.litellm.plugins.module_utils._health.probe_store import Keeper
from ansible_collections.llmops.litellm.plugins.module_utils._litellm.client import (
    Client,
    ProxyError,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
ABOUT = {"url": "http://127.0.0.1:4000", "scope": "local"}
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


def test_interrupted_run_is_taken_up_to_the_last_whole_line(tmp_path: Path) -> None:
    keeper = Keeper(str(tmp_path), ABOUT, NOW)
    assert keeper.begin() == []
    for item in RESULTS[:2]:
        keeper.keep(item)
    with open(keeper.partial, "a", encoding="utf-8") as handle:
        handle.write('{"model": "embed", "capab')
    assert keeper.begin() == RESULTS[:2]
    with open(keeper.partial, "a", encoding="utf-8") as handle:
        handle.write('ility": 1}\n')
    assert os.stat(keeper.partial).st_mode & 0o777 == 0o600
    assert Keeper(str(tmp_path), ABOUT, NOW + timedelta(hours=1)).begin() == RESULTS[:2]
    paths = keeper.end({"format": 1}, {"md": "# x\n", "html": "<p>"})
    assert (
        sorted(os.listdir(tmp_path))
        == ["probe.html", "probe.json", "probe.md"]
        == sorted(map(os.path.basename, paths.values()))
    )
    assert {os.stat(path).st_mode & 0o777 for path in paths.values()} == {0o600}
    assert keeper.earlier() == {"format": 1}


@pytest.mark.parametrize(
    ("about", "later", "fresh"),
    [
        ({**ABOUT, "scope": "all"}, 0, False),
        (ABOUT, 25, False),
        (ABOUT, -1, False),
        (ABOUT, 0, True),
    ],
)
def test_other_run_an_old_one_or_an_unwanted_one_is_not_taken_up(
    tmp_path: Path, about: Any, later: float, fresh: bool
) -> None:
    keeper = Keeper(str(tmp_path), ABOUT, NOW)
    keeper.begin()
    keeper.keep(RESULTS[0])
    other = Keeper(str(tmp_path), about, NOW + timedelta(hours=later))
    assert other.begin(fresh) == []
    assert len(Path(other.partial).read_text().splitlines()) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(max_size=80)
    | st.lists(
        st.sampled_from(['{"about": 1}', '{"begun": "x"}', "[]", "null", '{"model": 1}', "{"]),
        max_size=4,
    ).map("\n".join)
)
def test_files_that_are_damaged_count_as_none(tmp_path: Path, text: str) -> None:
    keeper = Keeper(str(tmp_path), ABOUT, NOW)
    for name in ("probe.partial.jsonl", "probe.json"):
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert (keeper.begin(), keeper.earlier()) == ([], {})


def test_without_a_folder_nothing_is_kept(tmp_path: Path) -> None:
    keeper = Keeper(str(tmp_path / "nosuch"), ABOUT, NOW)
    assert keeper.begin() == [] and keeper.earlier() == {}
    keeper.keep(RESULTS[0])
    assert keeper.end({}, {}) == {} and list(tmp_path.iterdir()) == []


def test_memory_outlives_runs_that_asked_less() -> None:
    told = _probe_store.remembered({}, RESULTS, {NASTY, "embed"}, NOW)
    assert ("JSON schema" in [item["capability"] for item in told], len(told)) == (False, 6)
    memory = _probe_store.memory({"memory": [*told, "x", {"model": 1}]})
    assert memory[("embed", "embedding")]["shown"] == "yes (768 dimensions)"
    # a model that is gone is forgotten, one that was not asked is not
    again = _probe_store.remembered(memory, [result(NASTY, "chat", "no")], {NASTY}, NOW)
    assert [
        (item["capability"], item["shown"])
        for item in again
        if item["capability"] in ("chat", "tools")
    ] == [("chat", "no"), ("tools", "no")]
    assert {item["model"] for item in again} == {NASTY}


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


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_page_stands_alone_and_shows_what_was_found() -> None:
    text = _probe_page.page(
        make(earlier={(NASTY, "chat"): {"shown": "no", "seconds": 1.0}}),
        ["fallback: chat falls back to nowhere"],
    )
    page = Page(text)
    assert page.open == [] and not {"script", "link", "img", "iframe"} & {
        tag for tag, _attributes in page.tags
    }
    assert (
        not [attributes for _tag, attributes in page.tags if {"src", "href"} & set(attributes)]
        and "url(" not in text
    )
    assert any(
        "default-src 'none'" in attributes.get("content", "")
        for tag, attributes in page.tags
        if tag == "meta"
    )
    assert "prefers-color-scheme: dark" in text
    seen = " ".join(page.words)
    for words in (
        NASTY,
        "declared, not seen",
        "was no",
        "768 dimensions",
        "first words 0.25 s",
        "fallback: chat falls back to nowhere",
        "not on this host",
    ):
        assert words in seen
    assert re.findall(
        r'<td class="no differs"><b>– no</b><small>declared, not seen</small><small>no tool was called</small>',
        text,
    )


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


@given(
    st.lists(JSON, max_size=3),
    st.sampled_from(["yes", "no", "failed", "skipped"]),
    st.text(max_size=9),
)
def test_whatever_a_proxy_lists_is_a_page_whose_tags_close(
    told: list[Any], state: str, why: str
) -> None:
    found = _probe.models(
        [*told, {"model_name": "x", "litellm_params": {"api_base": "http://127.0.0.1:1"}}]
    )
    results = [
        result(task.model, task.capability.name, state, why)
        for task in _probe.plan(found, Options())
    ]
    rows = _probe.matrix(found, results)
    report = {
        **make([]),
        "rows": rows,
        "models": [
            {"name": model.name, "mode": model.mode, "local": model.local, "left_out": None}
            for model in found
        ],
    }
    assert Page(_probe_page.page(report, [why])).open == []
    assert _probe_report.markdown(report, [why]) and _probe_report.screen(report)


@pytest.mark.parametrize("body", ["[]", "{}", '{"data": 1}'])
def test_list_of_models_that_is_none_is_said(body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Client, "json", lambda *words: json.loads(body))
    with pytest.raises(ProxyError, match="GET /model/info"):
        _probe_report.listed(Client("http://127.0.0.1:4000"))
