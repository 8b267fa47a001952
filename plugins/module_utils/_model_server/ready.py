# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Readiness of a model server: its health endpoint and one real request.

A 200 of the health endpoint alone proves nothing: some servers return it while weights load, or
with no slot free.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any, Callable, NamedTuple, Optional

from .._litellm import client as _client
from .._litellm.client import Client
from .declaration import CHAT, EMBEDDING, RERANKING, Request, Server

# Names under which servers take their key from the environment.
KEYS = ("LLAMA_API_KEY", "VLLM_API_KEY", "MODEL_API_KEY")
WORD = "ready"
REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    CHAT: (
        "/v1/chat/completions",
        {"messages": [{"role": "user", "content": WORD}], "max_tokens": 1, "temperature": 0},
    ),
    EMBEDDING: ("/v1/embeddings", {"input": WORD}),
    RERANKING: ("/v1/rerank", {"query": WORD, "documents": [WORD, "not " + WORD]}),
}


class Result(NamedTuple):
    """A server's answer: whether it is ready, why not, and the seconds that it took."""

    ready: bool
    reason: str
    seconds: float


def request_of(server: Server) -> Optional[Request]:
    """The real request of the server's task, ``None`` if only the operator's warm-up is one."""
    if server.task not in REQUESTS:
        return None
    path, body = REQUESTS[server.task]
    return Request(path, {"model": server.alias, **body})


def fault(task: str, answer: _client.Answer) -> str:
    """What is wrong with the answer to the real request; empty if it proves the server ready."""
    if answer.status is None:
        return answer.body
    if answer.status != 200:
        return "HTTP %d" % answer.status
    body = _client.parse(answer) or {}
    if task == CHAT:
        choices = body.get("choices")
        proved = (
            isinstance(choices, list)
            and bool(choices)
            and isinstance(choices[0], dict)
            and isinstance(choices[0].get("message"), dict)
        )
    elif task == EMBEDDING:
        data = body.get("data")
        vector = (
            data[0].get("embedding")
            if isinstance(data, list) and data and isinstance(data[0], dict)
            else None
        )
        proved = (
            isinstance(vector, list) and bool(vector) and all(_finite(value) for value in vector)
        )
    elif task == RERANKING:
        results = body.get("results")
        proved = (
            isinstance(results, list)
            and len(results) == len(REQUESTS[RERANKING][1]["documents"])
            and all(
                isinstance(row, dict) and _finite(row.get("relevance_score")) for row in results
            )
        )
    else:
        proved = True
    if proved:
        return ""
    form = {CHAT: "completion", EMBEDDING: "vector", RERANKING: "ranking"}[task]
    return "the answer has not the form of a %s" % form


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def check(server: Server, client: Client, warm: bool = True) -> Result:
    """Check a server once.

    :param warm: also send the operator's warm-up request.
    """
    if server.health:
        answer = client.get(server.health)
        if answer.status != 200:
            reason = answer.body if answer.status is None else "HTTP %d" % answer.status
            return Result(False, "%s: %s" % (server.health, reason), 0.0)
    begun = time.monotonic()
    requests = [(server.task, request_of(server)), ("", server.warm_up if warm else None)]
    for task, request in requests:
        if request is not None:
            why = fault(task, client.request("POST", request.path, request.body))
            if why:
                return Result(False, "%s: %s" % (request.path, why), 0.0)
    return Result(True, "", time.monotonic() - begun)


def wait(
    server: Server,
    seconds: float,
    environment: Mapping[str, str],
    alive: Callable[[], bool] = lambda: True,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Result:
    """Check until the server is ready, has ended, or the time is over.

    :param seconds: the timeout.
    :param environment: may have the server's key, which is never shown.
    :param alive: whether the server's process still runs.
    """
    key = next((environment[name] for name in KEYS if environment.get(name)), None)
    begun = clock()
    pause = 0.1
    while True:
        remaining = seconds - (clock() - begun)
        result = check(
            server, Client("http://127.0.0.1:%d" % server.listens, key, max(1.0, remaining))
        )
        if result.ready:
            return result
        if not alive():
            return Result(False, "it has ended (%s)" % result.reason, 0.0)
        if clock() - begun + pause > seconds:
            return Result(False, "not ready after %d seconds (%s)" % (seconds, result.reason), 0.0)
        sleep(pause)
        pause = min(2.0, pause * 1.5)
