"""True readiness, against a server that answers what a test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    declaration as _declaration,
)
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    ready as _ready,
)

GOOD = {
    "/v1/chat/completions": {"choices": [{"message": {"content": ""}}]},
    "/v1/embeddings": {"data": [{"embedding": [0.1, 0]}]},
    "/v1/rerank": {"results": [{"relevance_score": 0.2}, {"relevance_score": -1}]},
}


class Backend(ThreadingHTTPServer):
    """Answers by path: a status and a body."""

    answers: dict[str, tuple[int, Any]]
    asked: list[tuple[str, Any, str]]


class Handler(BaseHTTPRequestHandler):
    """Answers, and remembers who asked what."""

    server: Backend

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append(
            (self.path, json.loads(body) if body else None, self.headers.get("Authorization") or "")
        )
        status, told = self.server.answers.get(self.path, (404, {}))
        text = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_words: Any) -> None:
        """Quiet."""


@pytest.fixture(name="backend")
def _backend() -> Iterator[Backend]:
    backend = Backend(("127.0.0.1", 0), Handler)
    backend.answers = {"/health": (200, {}), **{path: (200, body) for path, body in GOOD.items()}}
    backend.asked = []
    threading.Thread(target=backend.serve_forever, args=(0.01,), daemon=True).start()
    yield backend
    backend.shutdown()
    backend.server_close()


def server(backend: Backend, **change: Any) -> _declaration.Server:
    told = {
        "name": "one",
        "server": "llama_cpp",
        "model": "/srv/one.gguf",
        "port": backend.server_address[1],
        **change,
    }
    found, problems = _declaration.read([told])
    assert problems == []
    return found[0]


@pytest.mark.parametrize("task", ["chat", "embedding", "rerank"])
def test_one_real_request_proves_it(backend: Backend, task: str) -> None:
    result = _ready.wait(
        server(backend, task=task, server="rerank" if task == "rerank" else "llama_cpp"),
        5,
        {"LLAMA_API_KEY": "k"},
    )
    assert (result.ready, result.reason) == (True, "")
    assert [entry[0] for entry in backend.asked] == ["/health", _ready.REQUESTS[task][0]]
    assert backend.asked[1][1]["model"] == "one"
    assert backend.asked[1][2] == "Bearer k"


@pytest.mark.parametrize(
    ("path", "answer", "reason"),
    [
        ("/health", (503, {}), "/health: HTTP 503"),
        ("/v1/chat/completions", (503, {}), "/v1/chat/completions: HTTP 503"),
        ("/v1/chat/completions", (200, {"choices": []}), "not the form of a completion"),
        ("/v1/embeddings", (200, {"data": [{"embedding": [None]}]}), "not the form of a vector"),
        (
            "/v1/embeddings",
            (200, {"data": [{"embedding": [float("nan")]}]}),
            "not the form of a vector",
        ),
        ("/v1/rerank", (200, {"results": [{"relevance_score": 1}]}), "not the form of a ranking"),
    ],
)
def test_a_200_alone_proves_nothing(
    backend: Backend, path: str, answer: tuple[int, Any], reason: str
) -> None:
    backend.answers[path] = answer
    task = {"/v1/embeddings": "embedding", "/v1/rerank": "rerank"}.get(path, "chat")
    result = _ready.wait(
        server(backend, task=task, server="rerank" if task == "rerank" else "llama_cpp"),
        0.2,
        {},
        sleep=lambda _seconds: None,
    )
    assert not result.ready
    assert reason in result.reason
    assert "not ready after" in result.reason


def test_the_warm_up_must_be_answered_too(backend: Backend) -> None:
    warm = server(backend, warm_up={"path": "/warm", "body": {"n": 1}})
    assert "/warm: HTTP 404" in _ready.wait(warm, 0.1, {}, sleep=lambda _seconds: None).reason
    backend.answers["/warm"] = (200, {})
    assert _ready.wait(warm, 5, {}).ready
    assert backend.asked[-1][:2] == ("/warm", {"n": 1})


def test_it_is_ready_as_soon_as_it_answers(backend: Backend) -> None:
    backend.answers["/health"] = (503, {})
    pauses: list[float] = []

    def rest(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            backend.answers["/health"] = (200, {})

    assert _ready.wait(server(backend), 60, {}, sleep=rest).ready
    assert len(pauses) == 3


def test_nobody_is_waited_for_who_has_ended(backend: Backend) -> None:
    backend.answers["/health"] = (503, {})
    result = _ready.wait(server(backend), 60, {}, alive=lambda: False)
    assert result.reason == "it has ended (/health: HTTP 503)"
