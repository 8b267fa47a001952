"""The HTML page of a probe."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from probe_results import JSON, NASTY, make, result

from ansible_collections.llmops.litellm.plugins.module_utils._health import probe as _probe
from ansible_collections.llmops.litellm.plugins.module_utils._health import (
    probe_page as _probe_page,
)
from ansible_collections.llmops.litellm.plugins.module_utils._health import (
    probe_report as _probe_report,
)
from ansible_collections.llmops.litellm.plugins.module_utils._health.probe import Options


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
        " ".join(NASTY.split()),
        "declared, not seen",
        "was no",
        "768 dimensions",
        "first words 0.25 s",
        "fallback: chat falls back to nowhere",
        "not on this host",
    ):
        assert words in seen
    assert re.findall(
        (
            r'<td class="no differs"><b>– no</b><small>declared, not seen</small><small>no '
            r"tool was called</small>"
        ),
        text,
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
