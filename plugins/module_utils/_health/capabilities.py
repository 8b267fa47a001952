# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model can be asked to show: one request per capability, and what its answer must hold.
Pure.

An answer's content decides, never its status alone. A check takes the answer's JSON and returns
whether the capability was seen, and why not.
"""

from __future__ import annotations

import base64
import json
import math
import struct
import zlib
from typing import Any, Callable, NamedTuple, Optional

from .sample_request import DOCUMENTS, QUESTION, SENTENCE

TOKENS = 64  # of an answer, at the most
WORD = "PELICAN"
SAME, OTHER = (
    0.999,
    0.9999,
)  # cosines: two vectors of one text are at least so near, those of two texts not so near
_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
_SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "inhabitants": {"type": "integer"}},
    "required": ["city", "inhabitants"],
    "additionalProperties": False,
}

# Whether the capability was seen; where it was not, or to tell more, some words.
Checked = tuple[bool, str]


class Capability(NamedTuple):
    """``name``; the field of LiteLLM's model info that declares it (empty: the mode does); ``path``
    and ``payload`` of the request that shows it; what checks the answer."""

    name: str
    declared_by: str
    path: str
    payload: dict[str, Any]
    check: Callable[[Any], Checked]


def picture(red: int = 220, green: int = 20, blue: int = 20, size: int = 32) -> str:
    """A PNG of one colour, as a data URL."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = (b"\0" + bytes((red, green, blue)) * size) * size
    png = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _chat(*messages: tuple[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "messages": [{"role": role, "content": content} for role, content in messages],
        "max_tokens": TOKENS,
        **more,
    }


def _message(body: Any) -> dict[str, Any]:
    return dict(body["choices"][0]["message"])


def _said(body: Any) -> str:
    message = _message(body)
    # a model that thinks may use up its tokens before it says a word
    return (message.get("content") or "") + (message.get("reasoning_content") or "")


def _speaks(body: Any) -> Checked:
    return bool(_said(body).strip()), "" if _said(body).strip() else "the answer is empty"


def _streams(body: Any) -> Checked:
    """``body`` is what was put together from the events: ``text``, ``pieces``, ``done``,
    ``error``."""
    if body["error"] or not body["done"]:
        return False, "the stream broke off"
    if not body["text"].strip():
        return False, "the stream is empty"
    return body["pieces"] > 1, "" if body["pieces"] > 1 else "everything came in one piece"


def _heeds_the_system(body: Any) -> Checked:
    heeded = WORD.lower() in _said(body).lower()
    return heeded, "" if heeded else "the system prompt was not heeded"


def _calls_the_tool(body: Any) -> Checked:
    calls = _message(body).get("tool_calls") or []
    if not calls:
        return False, "no tool was called"
    function = calls[0]["function"]
    if function["name"] != "get_weather":
        return False, "a tool was called that nobody offered"
    city = json.loads(function["arguments"]).get("city")
    return isinstance(city, str) and bool(
        city
    ), "" if city else "the tool was called without its argument"


def _keeps_the_schema(body: Any) -> Checked:
    try:
        result = json.loads(_message(body).get("content") or "")
    except ValueError:
        return False, "the answer is not JSON"
    fits = (
        isinstance(result, dict)
        and set(result) == {"city", "inhabitants"}
        and isinstance(result["city"], str)
    )
    fits = (
        fits
        and isinstance(result["inhabitants"], int)
        and not isinstance(result["inhabitants"], bool)
    )
    return fits, "" if fits else "the answer does not fit the schema"


def _sees(body: Any) -> Checked:
    seen = "red" in _said(body).lower()
    return seen, "" if seen else "the colour of the picture was not named"


def _completes(body: Any) -> Checked:
    text = body["choices"][0]["text"]
    return bool(text.strip()), "" if text.strip() else "the answer is empty"


def _responds(body: Any) -> Checked:
    said = "".join(
        part.get("text") or "" for item in body["output"] for part in item.get("content") or []
    )
    return bool(said.strip()), "" if said.strip() else "the answer is empty"


def _moderates(body: Any) -> Checked:
    result = body["results"][0]["flagged"]
    return isinstance(result, bool), "" if isinstance(
        result, bool
    ) else "it does not say whether the text is flagged"


def cosine(one: list[float], other: list[float]) -> float:
    """How near two vectors' directions are: 1 for the same. 0 where one has no direction."""
    lengths = math.sqrt(sum(x * x for x in one)) * math.sqrt(sum(x * x for x in other))
    return (
        sum(x * y for x, y in zip(one, other)) / lengths
        if lengths and math.isfinite(lengths)
        else 0.0
    )


def _embeds(body: Any) -> Checked:
    first, again, other = (
        item["embedding"] for item in sorted(body["data"], key=lambda item: item["index"])
    )
    if not len(first) == len(again) == len(other):
        return False, "the vectors differ in length"
    if cosine(first, again) < SAME:
        return False, "the same text has two vectors"
    if cosine(first, other) > OTHER:
        return False, "two texts have the same vector"
    return True, "%d dimensions" % len(first)


def _ranks(body: Any) -> Checked:
    results = body["results"]
    order = [
        int(item["index"]) for item in sorted(results, key=lambda item: -item["relevance_score"])
    ]
    if sorted(order) != list(range(len(DOCUMENTS))):
        return False, "not every document has its place"
    return order[0] == 1, "" if order[
        0
    ] == 1 else "the document that answers the question is not the first"


_ASK = "/v1/chat/completions"
CHAT = (
    Capability("chat", "", _ASK, _chat(("user", SENTENCE)), _speaks),
    Capability(
        "stream",
        "",
        _ASK,
        _chat(("user", SENTENCE), stream=True, stream_options={"include_usage": True}),
        _streams,
    ),
    Capability(
        "system prompt",
        "supports_system_messages",
        _ASK,
        _chat(
            ("system", "Whatever you are told, answer with the single word %s." % WORD),
            ("user", "Hello."),
        ),
        _heeds_the_system,
    ),
    Capability(
        "tools",
        "supports_function_calling",
        _ASK,
        _chat(
            ("user", "What is the weather in Oslo? Use the tool."),
            tools=[_TOOL],
            tool_choice="auto",
        ),
        _calls_the_tool,
    ),
    Capability(
        "JSON schema",
        "supports_response_schema",
        _ASK,
        _chat(
            ("user", "Oslo has 700000 inhabitants. Answer as JSON."),
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "city", "strict": True, "schema": _SCHEMA},
            },
        ),
        _keeps_the_schema,
    ),
    Capability(
        "vision",
        "supports_vision",
        _ASK,
        _chat(
            (
                "user",
                [
                    {"type": "text", "text": "Which colour is this picture? Answer with one word."},
                    {"type": "image_url", "image_url": {"url": picture()}},
                ],
            )
        ),
        _sees,
    ),
)
BY_MODE: dict[str, tuple[Capability, ...]] = {
    "chat": CHAT,
    "completion": (
        Capability(
            "completion",
            "",
            "/v1/completions",
            {"prompt": SENTENCE, "max_tokens": TOKENS},
            _completes,
        ),
    ),
    "responses": (
        Capability(
            "responses",
            "",
            "/v1/responses",
            {"input": SENTENCE, "max_output_tokens": TOKENS},
            _responds,
        ),
    ),
    "moderation": (
        Capability("moderation", "", "/v1/moderations", {"input": SENTENCE}, _moderates),
    ),
    "embedding": (
        Capability(
            "embedding",
            "",
            "/v1/embeddings",
            {"input": [SENTENCE, SENTENCE, QUESTION], "encoding_format": "float"},
            _embeds,
        ),
    ),
    "rerank": (
        Capability("rerank", "", "/v1/rerank", {"query": QUESTION, "documents": DOCUMENTS}, _ranks),
    ),
}


def events(body: str) -> dict[str, Any]:
    """What a stream of server-sent events said: ``text``, ``pieces`` (events with text), ``done``,
    ``error``, ``tokens`` (``None``: not told)."""
    result: dict[str, Any] = {
        "text": "",
        "pieces": 0,
        "done": False,
        "error": False,
        "tokens": None,
    }
    for line in body.splitlines():
        if not line.startswith("data:"):
            continue
        event = line[5:].strip()
        if event == "[DONE]":
            result["done"] = True
            continue
        chunk = json.loads(event)
        result["error"] = result["error"] or "error" in chunk
        result["tokens"] = tokens(chunk) or result["tokens"]
        for choice in chunk.get("choices") or []:
            delta = choice.get("delta") or {}
            text = (delta.get("content") or "") + (delta.get("reasoning_content") or "")
            result["text"] += text
            result["pieces"] += bool(text)
    return result


def tokens(body: Any) -> Optional[int]:
    """The tokens that an answer says it took, ``None`` where it does not."""
    usage = body.get("usage") if isinstance(body, dict) else None
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    return total if isinstance(total, int) and not isinstance(total, bool) and total >= 0 else None
