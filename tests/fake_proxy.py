"""A small HTTP server that answers as LiteLLM 1.102.4 does, from a state that a test may change."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

MASTER = "sk-master-0123456789abcdef"
PASSWORD = "hunter2"


def model(
    name: str, api_base: str | None, mode: str | None = "chat", stored: bool = False, **params: Any
) -> dict[str, Any]:
    """A row of /model/info; one that is stored has its name for its id."""
    info = {
        "id": name if stored else f"hash of {api_base}",
        "db_model": stored,
        "mode": mode,
        "max_tokens": None,
        "litellm_provider": "openai",
    }
    return {
        "model_name": name,
        "litellm_params": {
            "model": "openai/" + name,
            "api_base": api_base,
            "use_in_pass_through": False,
            **params,
        },
        "model_info": info,
    }


def key(alias: str, token: str, **more: Any) -> dict[str, Any]:
    """A row of /key/list."""
    return {
        "token": token * 8,
        "key_name": "sk-...abcd",
        "key_alias": alias,
        "spend": 0.12,
        "max_budget": 25.0,
        "budget_reset_at": None,
        "expires": None,
        "team_id": None,
        "user_id": "amelie",
        "blocked": None,
        "models": [],
        "metadata": {},
        "last_active": "2026",
        **more,
    }


class FakeProxy:
    """The state. ``replies`` overrides a path with (status, body); ``seen`` are requests as
    (method, path, payload).
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.seen: list[tuple[str, str, Any]] = []
        self.replies: dict[str, tuple[int, Any]] = {}
        self.lag = 0  # how many times /model/info still shows what it showed before a change
        self.models = [
            model("chat", "http://127.0.0.1:8081/v1"),
            model("paid", None, input_cost_per_token=1e-06),
            model("mixed", "http://127.0.0.1:8081/v1", mode="rerank"),
            model("mixed", "https://api.example.com", mode="rerank"),
            model("embed", "http://localhost:8082/v1", mode="embedding"),
            model("rank", "http://host.docker.internal:8079/v1/rerank", mode="rerank"),
            model("stored", "http://127.0.0.1:8082/v1", mode="embedding", stored=True),
            model("loop", "http://127.0.0.1:4000/v1", mode="completion", stored=True),
        ]
        self.shown = copy.deepcopy(self.models)
        self.keys = [
            key("ci-runner", "0123456789abcdef"),
            key("leaver", "fedcba9876543210", blocked=True),
            key("batch", "00112233445566ff", max_budget=None),
        ]
        self.teams = [
            {
                "team_id": "team",
                "team_alias": "Research",
                "blocked": False,
                "spend": 3.5,
                "max_budget": 500.0,
                "budget_reset_at": None,
                "models": [],
            }
        ]
        self.users = 4
        self.accepted = {"sk-good": 200, "sk-blocked": 401, "sk-spent": 429}
        self.vector = [0.5, -0.25, 0.125] * 8
        self.scores = [0.2, 0.9, 0.1]
        self.said = ["The ", "answer"]
        self.calls: list[
            bool
        ] = []  # whether a tool is called, answer by answer; never when it is empty

    def answer(self, method: str, target: str, bearer: str, payload: Any) -> tuple[int, Any]:
        """Status and body (a string is sent as it is) for a request."""
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        self.seen.append((method, target, payload))
        if path in self.replies:
            return self.replies[path]
        if path == "/health/readiness":
            return 200, {"status": "healthy", "db": "connected"}
        if bearer != MASTER:
            status = self.accepted.get(bearer, 401)
            return status, {"data": []} if status == 200 else {
                "error": {"message": "Received API Key = %s" % bearer}
            }
        if path == "/health/readiness/details":
            return 200, {
                "status": "healthy",
                "db": "connected",
                "cache": "redis",
                "litellm_version": "1.102.4",
            }
        if path == "/cache/ping":
            return 200, {
                "status": "healthy",
                "ping_response": True,
                "set_cache_response": "success",
            }
        if path == "/model/info":
            if self.lag:
                self.lag -= 1
            else:
                self.shown = copy.deepcopy(self.models)
            return 200, {"data": self.shown}
        if path == "/key/list":
            size, page = (
                2,
                int(query.get("page", ["1"])[0]),
            )  # smaller pages than asked for, as a server may make them
            rows = sorted(self.keys, key=lambda row: row["token"])
            return 200, {
                "keys": rows[(page - 1) * size : page * size],
                "total_count": len(rows),
                "total_pages": -(-len(rows) // size),
                "current_page": page,
            }
        if path == "/team/list":
            return 200, self.teams
        if path == "/user/list":
            return 200, {"users": [], "total": self.users}
        if method == "PATCH":
            name = path.split("/")[2]
            for row in self.models:
                if row["model_info"]["id"] == name and row["model_info"]["db_model"]:
                    row["litellm_params"].update(payload["litellm_params"])
                    return 200, {}
            return 404, {"error": {"message": f"Model {name} not found on proxy."}}
        return self.inference(path, payload)

    def inference(self, path: str, payload: Any) -> tuple[int, Any]:
        """What a model says."""
        if payload["model"] not in {row["model_name"] for row in self.models}:
            return 400, {
                "error": {
                    "message": "litellm.BadRequestError: no such model, key sk-provider-secret",
                    "type": "None",
                }
            }
        if path.endswith("/embeddings"):
            return 200, {"data": [{"embedding": self.vector}]}
        if path.endswith("/rerank"):
            return 200, {
                "results": [
                    {"index": index, "relevance_score": score}
                    for index, score in enumerate(self.scores)
                ]
            }
        if path.endswith("/chat/completions") and payload.get("stream"):
            events = [{"choices": [{"delta": {"content": piece}}]} for piece in self.said] + [
                {"choices": []}
            ]
            return 200, "".join(
                f"data: {json.dumps(event)}\n\n" for event in events
            ) + "data: [DONE]\n\n"
        if path.endswith("/chat/completions"):
            message: dict[str, Any] = {"content": "".join(self.said)}
            if payload.get("tools") and self.calls and self.calls.pop(0):
                call = {"name": "get_weather", "arguments": json.dumps({"city": "Oslo"})}
                message["tool_calls"] = [{"id": "1", "type": "function", "function": call}]
            return 200, {"choices": [{"message": message}]}
        return 200, {"choices": [{"text": "".join(self.said)}]}


@contextmanager
def serve() -> Iterator[FakeProxy]:
    """A fake proxy on a free port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            payload = json.loads(self.rfile.read(length)) if length else None
            bearer = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            status, body = proxy.answer(self.command, self.path, bearer, payload)
            data = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", proxy.url + "/health/readiness/details")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = handle_any

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy = FakeProxy(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
