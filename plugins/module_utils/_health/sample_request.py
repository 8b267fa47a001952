# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One real request per mode of a model, and what of its answer can be compared with another
proxy's.

The proxy's response cache and its fallbacks to other models are kept out: an answer is the named
model's own, given now.
"""

from __future__ import annotations

import json
import math
import re
import time
from typing import Any, Callable

from .._litellm.client import Answer, Client

OWN = {"cache": {"no-cache": True, "no-store": True}, "disable_fallbacks": True}
SENTENCE = "The gateway moves house and keeps its address."
DOCUMENTS = [
    "Bread is baked from flour and water.",
    "The gateway keeps its address when it moves.",
    "Ships anchor in the harbour.",
]
QUESTION = "What happens to the address of the gateway?"
SKETCH = 16  # numbers that stand for a vector
# How far two of them may be apart: servers on a GPU repeat themselves only nearly.
NEAR = 0.02

# What was compared: whether it is well, and what it was.
Checked = tuple[bool, dict[str, Any]]


def kinds_of(mode: str) -> list[str]:
    """The requests by which a model of a mode is exercised; empty where none is known."""
    return {
        "chat": ["chat", "stream"],
        "embedding": ["embedding"],
        "rerank": ["rerank"],
        "completion": ["completion"],
    }.get(mode, [])


def exercise(client: Client, model: str, mode: str) -> list[dict[str, Any]]:
    """One request of each kind that the mode has.

    :return: ``{model, mode (kind of request), status (``None``: no answer), ok, detail, seconds}``
    each.
    """
    return [_one(client, model, kind) for kind in kinds_of(mode)] or [
        {
            "model": model,
            "mode": mode,
            "status": None,
            "ok": False,
            "detail": {"reason": "no request is known for this mode"},
            "seconds": 0.0,
        }
    ]


def _one(client: Client, model: str, kind: str) -> dict[str, Any]:
    path, payload, check = _REQUESTS[kind]
    started = time.monotonic()
    answer = client.request("POST", path, {"model": model, **payload, **OWN})
    seconds = round(time.monotonic() - started, 3)
    ok, detail = False, {"reason": reason_of(answer)}
    if answer.status == 200:
        try:
            ok, detail = check(answer.body)
        except (
            ValueError,
            TypeError,
            KeyError,
            IndexError,
            AttributeError,
            RecursionError,
            OverflowError,
        ):
            ok, detail = False, {"reason": "the answer has not the form that it should have"}
    return {
        "model": model,
        "mode": kind,
        "status": answer.status,
        "ok": ok,
        "detail": detail,
        "seconds": seconds,
    }


def reason_of(answer: Answer) -> str:
    """Why a request failed: LiteLLM's name for it and no more, since its messages quote keys and
    addresses."""
    if answer.status is None:
        return str(answer.body)
    found = re.search(
        r"litellm\.([A-Za-z]{3,40}(?:Error|Exceeded|Timeout))|\"type\" ?: ?\"([a-z_]{3,40})\"",
        str(answer.body),
    )
    name = (found[1] or found[2]) if found else ""
    unreachable = re.search(
        r"Connection error|Cannot connect|Connection refused|timed out", str(answer.body)
    )
    return " ".join(
        filter(
            None, ["HTTP %d" % answer.status, name, "(%s)" % unreachable[0] if unreachable else ""]
        )
    )


def chat(**more: Any) -> dict[str, Any]:
    """The smallest chat request, but for the model."""
    return {"messages": [{"role": "user", "content": SENTENCE}], "max_tokens": 16, **more}


def _check_chat(body: str) -> Checked:
    message = json.loads(body)["choices"][0]["message"]
    # a model that thinks may use up the few tokens before it says a word
    said = (message.get("content") or "") + (message.get("reasoning_content") or "")
    return bool(said or message.get("tool_calls")), {"characters": len(said)}


def _check_completion(body: str) -> Checked:
    text = json.loads(body)["choices"][0]["text"]
    return bool(text), {"characters": len(text)}


def _check_stream(body: str) -> Checked:
    events = [line[5:].strip() for line in body.splitlines() if line.startswith("data:")]
    done, said, pieces = "[DONE]" in events, 0, 0
    for event in events:
        if event != "[DONE]":
            chunk = json.loads(event)
            if "error" in chunk:
                return False, {"reason": "the stream broke off with an error"}
            for choice in chunk.get("choices", []):
                text = (choice["delta"].get("content") or "") + (
                    choice["delta"].get("reasoning_content") or ""
                )
                said, pieces = said + len(text), pieces + bool(text)
    return done and said > 0, {"characters": said, "pieces": pieces, "done": done}


def sketch(vector: list[float]) -> list[float]:
    """A vector of any length and scale as few numbers: sums of every sixteenth component of its
    unit vector."""
    norm = math.sqrt(sum(value * value for value in vector))
    if not norm or not math.isfinite(norm):
        raise ValueError("not a direction")
    return [round(sum(vector[start::SKETCH]) / norm, 4) for start in range(SKETCH)]


def _check_embedding(body: str) -> Checked:
    vector = json.loads(body)["data"][0]["embedding"]
    return True, {"dimension": len(vector), "sketch": sketch(vector)}


def _check_rerank(body: str) -> Checked:
    results = json.loads(body)["results"]
    order = [
        int(item["index"]) for item in sorted(results, key=lambda item: -item["relevance_score"])
    ]
    return sorted(order) == list(range(len(DOCUMENTS))), {"order": order}


_REQUESTS: dict[str, tuple[str, dict[str, Any], Callable[[str], Checked]]] = {
    "chat": ("/v1/chat/completions", chat(), _check_chat),
    "stream": ("/v1/chat/completions", chat(stream=True), _check_stream),
    "completion": ("/v1/completions", {"prompt": SENTENCE, "max_tokens": 16}, _check_completion),
    "embedding": (
        "/v1/embeddings",
        {"input": SENTENCE, "encoding_format": "float"},
        _check_embedding,
    ),
    "rerank": ("/v1/rerank", {"query": QUESTION, "documents": DOCUMENTS}, _check_rerank),
}


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What differs between two results for the same model and kind of request, in plain words. What
    a model says is not compared."""
    name = "model %s, %s" % (old["model"], old["mode"])
    if (old["ok"], old["status"]) != (new["ok"], new["status"]):
        return ["%s: %s became %s" % (name, _words(old), _words(new))]
    before, after = old["detail"], new["detail"]
    if before.get("dimension") != after.get("dimension"):
        return [
            "%s: %s dimensions became %s" % (name, before.get("dimension"), after.get("dimension"))
        ]
    apart = max(
        (abs(a - b) for a, b in zip(before.get("sketch", []), after.get("sketch", []))), default=0
    )
    if apart > NEAR:
        return ["%s: the vector for the same text is another one" % name]
    if before.get("order") != after.get("order"):
        return ["%s: the order %s became %s" % (name, before.get("order"), after.get("order"))]
    return []


def _words(result: dict[str, Any]) -> str:
    reason = result["detail"].get("reason")
    return (
        "an answer"
        if result["ok"]
        else "a failure (%s)"
        % (reason or "HTTP %s with an empty or incomplete answer" % result["status"])
    )
