"""What an answer must hold for a capability to count as seen."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._health import (
    capabilities as _capabilities,
)
from ansible_collections.llmops.litellm.plugins.module_utils._health import probe as _probe
from ansible_collections.llmops.litellm.plugins.module_utils._litellm.client import Answer

ALL = {
    capability.name: capability
    for capabilities in _capabilities.BY_MODE.values()
    for capability in capabilities
}


def says(content: Any, **more: Any) -> dict[str, Any]:
    """A chat answer."""
    return {"choices": [{"message": {"content": content, **more}}], "usage": {"total_tokens": 9}}


def calls(name: str, arguments: str) -> dict[str, Any]:
    """A chat answer that calls a tool."""
    return says(None, tool_calls=[{"function": {"name": name, "arguments": arguments}}])


def vectors(*told: list[float]) -> dict[str, Any]:
    """An answer of an embedding model, in no order."""
    return {
        "data": [
            {"index": index, "embedding": vector}
            for index, vector in reversed(list(enumerate(told)))
        ]
    }


def ranks(*scores: float) -> dict[str, Any]:
    """An answer of a reranker."""
    return {
        "results": [
            {"index": index, "relevance_score": score} for index, score in enumerate(scores)
        ]
    }


@pytest.mark.parametrize(
    ("name", "body", "state", "why"),
    [
        ("chat", says("Hello."), "yes", ""),
        ("chat", says("  "), "no", "the answer is empty"),
        ("chat", says(None, reasoning_content="Hm."), "yes", ""),
        ("chat", {"choices": []}, "failed", "the answer has not the form that it should have"),
        ("chat", [], "failed", "the answer has not the form"),
        ("system prompt", says("Pelican!"), "yes", ""),
        ("system prompt", says("Hello, how are you?"), "no", "the system prompt was not heeded"),
        ("tools", calls("get_weather", '{"city": "Oslo"}'), "yes", ""),
        ("tools", says("It is sunny."), "no", "no tool was called"),
        ("tools", calls("format_disk", "{}"), "no", "a tool was called that nobody offered"),
        ("tools", calls("get_weather", "{}"), "no", "the tool was called without its argument"),
        ("tools", calls("get_weather", "Oslo"), "failed", "the answer has not the form"),
        ("JSON schema", says('{"city": "Oslo", "inhabitants": 700000}'), "yes", ""),
        ("JSON schema", says("Oslo has 700000."), "no", "the answer is not JSON"),
        ("JSON schema", says('{"city": "Oslo"}'), "no", "the answer does not fit the schema"),
        (
            "JSON schema",
            says('{"city": "Oslo", "inhabitants": true}'),
            "no",
            "the answer does not fit the schema",
        ),
        ("JSON schema", says("[1]"), "no", "the answer does not fit the schema"),
        ("vision", says("Red."), "yes", ""),
        ("vision", says("I can't see pictures."), "no", "the colour of the picture was not named"),
        ("completion", {"choices": [{"text": " and so on"}]}, "yes", ""),
        ("completion", {"choices": [{"text": ""}]}, "no", "the answer is empty"),
        ("embedding", vectors([1, 0, 0], [1, 0, 0], [0, 1, 0]), "yes", "3 dimensions"),
        (
            "embedding",
            vectors([1, 0, 0], [0, 0, 1], [0, 1, 0]),
            "no",
            "the same text has two vectors",
        ),
        (
            "embedding",
            vectors([1, 0, 0], [1, 0, 0], [1, 0, 0]),
            "no",
            "two texts have the same vector",
        ),
        ("embedding", vectors([0, 0], [0, 0], [0, 0]), "no", "the same text has two vectors"),
        ("embedding", vectors([1, 0], [1, 0, 0], [0, 1]), "no", "the vectors differ in length"),
        ("embedding", vectors([1, 0]), "failed", "the answer has not the form"),
        ("rerank", ranks(0.1, 0.9, 0.2), "yes", ""),
        (
            "rerank",
            ranks(0.9, 0.1, 0.2),
            "no",
            "the document that answers the question is not the first",
        ),
        ("rerank", ranks(0.1, 0.9), "no", "not every document has its place"),
    ],
)
def test_content_decides(name: str, body: Any, state: str, why: str) -> None:
    told = _probe.check(ALL[name], Answer(200, json.dumps(body)))
    assert told["state"] == state
    assert told["why"].startswith(why)
    assert bool(told["why"]) == bool(why)


def stream(*texts: str, end: str = "data: [DONE]\n") -> str:
    """A stream of events."""
    lines = ["data: " + json.dumps({"choices": [{"delta": {"content": text}}]}) for text in texts]
    return "\n\n".join(
        [": comment", *lines, 'data: {"choices": [], "usage": {"total_tokens": 7}}', end]
    )


@pytest.mark.parametrize(
    ("body", "state", "why"),
    [
        (stream("", "He", "llo"), "yes", ""),
        (stream("Hello"), "no", "everything came in one piece"),
        (stream("", ""), "no", "the stream is empty"),
        (stream("He", "llo", end=""), "no", "the stream broke off"),
        (
            stream("He", "llo", end='data: {"error": {}}\n\ndata: [DONE]'),
            "no",
            "the stream broke off",
        ),
        ("data: {", "failed", "the answer has not the form that it should have"),
        ("", "no", "the stream broke off"),
    ],
)
def test_stream_must_come_in_pieces_and_to_its_end(body: str, state: str, why: str) -> None:
    told = _probe.check(ALL["stream"], Answer(200, body))
    assert (told["state"], told["why"]) == (state, why)
    assert told["tokens"] == (7 if "usage" in body else None)


@pytest.mark.parametrize(
    ("name", "status", "state"),
    [
        ("vision", 400, "no"),
        ("tools", 422, "no"),
        ("vision", 500, "failed"),
        ("chat", 400, "failed"),
        ("embedding", 404, "failed"),
        ("vision", None, "failed"),
    ],
)
def test_refusal_is_an_answer_only_where_a_model_may_lack_it(
    name: str, status: Any, state: str
) -> None:
    told = _probe.check(
        ALL[name],
        Answer(
            status,
            '{"error": {"message": "sk-secret", "type": "invalid_request_error"}}'
            if status
            else "it took too long",
        ),
    )
    assert told["state"] == state
    assert "sk-secret" not in told["why"]


NAMES = st.sampled_from(
    (
        "choices",
        "message",
        "content",
        "data",
        "embedding",
        "index",
        "results",
        "usage",
        "total_tokens",
    )
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)


@given(
    st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner)
    ),
    st.sampled_from(sorted(ALL)),
)
def test_no_answer_makes_a_judge_raise_or_believe_nonsense(body: Any, name: str) -> None:
    told = _probe.check(ALL[name], Answer(200, json.dumps(body)))
    assert told["state"] in ("no", "failed", "yes")
    assert told["tokens"] is None or told["tokens"] >= 0
    if not isinstance(body, dict):
        assert told["state"] != "yes"


def test_picture_is_one_that_others_can_read() -> None:
    data = base64.b64decode(_capabilities.picture(size=8).partition("base64,")[2])
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (8, 8)
    begin = data.index(b"IDAT") + 4
    rows = zlib.decompress(data[begin:])
    assert rows == (b"\0" + bytes((220, 20, 20)) * 8) * 8
    for kind in (b"IHDR", b"IDAT", b"IEND"):
        at = data.index(kind)
        size = struct.unpack(">I", data[at - 4 : at])[0]
        assert struct.unpack(">I", data[at + 4 + size : at + 8 + size])[0] == zlib.crc32(
            data[at : at + 4 + size]
        )
