"""What is asked of which model, within which budget, and what differs from what LiteLLM declares.
The proxy here is a server of the test's own.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._health import (
    capabilities as _capabilities,
)
from ansible_collections.llmops.litellm.plugins.module_utils._health import probe as _probe
from ansible_collections.llmops.litellm.plugins.module_utils._health.probe import Model, Options
from ansible_collections.llmops.litellm.plugins.module_utils._litellm.client import Client


def entry(name: str, base: str = "", mode: str = "chat", **info: Any) -> dict[str, Any]:
    """A row of /model/info."""
    return {
        "model_name": name,
        "litellm_params": {"model": "openai/x", **({"api_base": base} if base else {})},
        "model_info": {"mode": mode, **info},
    }


LISTED = [
    entry("paid", supports_vision=True),
    entry("here", "http://127.0.0.1:8081/v1", supports_function_calling=False),
    entry("any/*"),
    entry("mixed", "http://localhost:1", supports_vision=True),
    entry("mixed", "https://api.example.com", supports_vision=False),
    entry("embed", "http://host.docker.internal:8082", "embedding"),
    entry("voice", "http://127.0.0.1:1", "audio_speech"),
]


def test_local_models_come_first_and_names_once() -> None:
    found = _probe.models(LISTED, ["host.docker.internal"])
    assert [(model.name, model.local) for model in found] == [
        ("embed", True),
        ("here", True),
        ("voice", True),
        ("any/*", False),
        ("mixed", False),
        ("paid", False),
    ]
    declared = {model.name: model.declared for model in found}
    assert (
        declared["here"]["supports_function_calling"],
        declared["paid"]["supports_vision"],
        declared["mixed"]["supports_vision"],
    ) == (False, True, None)


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        (Options(), ["embed", "here"]),
        (Options("all"), ["embed", "here", "mixed", "paid"]),
        (Options("all", ("p*", "embed")), ["embed", "paid"]),
        (Options("local", ("paid",)), []),
        (Options("all", models=1), ["embed"]),
    ],
)
def test_nothing_that_costs_is_asked_unasked(options: Options, asked: list[str]) -> None:
    tasks = _probe.plan(_probe.models(LISTED, ["host.docker.internal"]), options)
    assert list(dict.fromkeys(task.model for task in tasks)) == asked


@pytest.fixture
def proxy() -> Iterator[Any]:
    """A proxy whose models speak, call tools where ``able``, and take 5 tokens an answer."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.asked.append(request)
            if server.status != 200:
                self.reply(b"{}", server.status)
            elif request.get("stream"):
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for text in ("", "He", "llo"):
                    self.chunk(
                        b"data: "
                        + json.dumps({"choices": [{"delta": {"content": text}}]}).encode()
                        + b"\n\n"
                    )
                    time.sleep(server.pause)
                self.chunk(
                    b'data: {"choices": [], "usage": {"total_tokens": 5}}\n\ndata: [DONE]\n\n'
                )
                self.chunk(b"")
            else:
                message: dict[str, Any] = {"content": "Hello"}
                if "tools" in request and server.able:
                    message = {
                        "content": None,
                        "tool_calls": [
                            {"function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}}
                        ],
                    }
                self.reply(
                    json.dumps(
                        {"choices": [{"message": message}], "usage": {"total_tokens": 5}}
                    ).encode()
                )

        def chunk(self, data: bytes) -> None:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()

        def reply(self, body: bytes, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: Any) -> None:
            pass

    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.able, server.status, server.pause = [], True, 200, 0.0
    server.client = Client("http://127.0.0.1:%d" % server.server_port, "sk-x", 20)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


HERE = [
    Model(
        "here",
        "chat",
        True,
        {
            "supports_function_calling": True,
            "supports_vision": False,
            "supports_system_messages": None,
            "supports_response_schema": None,
        },
    )
]


def run(
    proxy: Any, options: Options, done: Any = (), tell: Any = None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All results, and those that were kept on the way."""
    kept: list[dict[str, Any]] = []
    return _probe.run(
        proxy.client,
        _probe.plan(HERE, options),
        options,
        list(done),
        kept.append,
        tell or (lambda line: None),
    ), kept


def test_every_capability_is_asked_once_and_told(proxy: Any) -> None:
    lines: list[str] = []
    results, kept = run(proxy, Options(), tell=lines.append)
    assert {result["capability"]: result["state"] for result in results} == {
        "chat": "yes",
        "stream": "yes",
        "system prompt": "no",
        "tools": "yes",
        "JSON schema": "no",
        "vision": "no",
    }
    assert kept == results
    assert len(proxy.asked) == 6
    assert all(
        request["model"] == "here" and request["cache"] == {"no-cache": True, "no-store": True}
        for request in proxy.asked
    )
    assert lines[0] == "1 of 6  here, chat: yes"
    assert lines[2] == "3 of 6  here, system prompt: no (the system prompt was not heeded)"
    assert sum(result["tokens"] for result in results) == 30


def test_time_to_the_first_words_is_not_that_of_the_whole_stream(proxy: Any) -> None:
    proxy.pause = 0.05  # a stream takes its time: both are measured by the same clock
    result = next(item for item in run(proxy, Options())[0] if item["capability"] == "stream")
    assert 0.04 < result["first"] < result["seconds"] - 0.08


@pytest.mark.parametrize(
    ("options", "asked"),
    [(Options(requests=2), 2), (Options(tokens=11), 3), (Options(requests=0, tokens=0), 6)],
)
def test_budget_ends_the_asking_and_says_what_was_left_out(
    proxy: Any, options: Options, asked: int
) -> None:
    results, kept = run(proxy, options)
    assert (len(proxy.asked), len(kept), len(results)) == (asked, asked, 6)
    assert [result["state"] for result in results[asked:]] == ["skipped"] * (6 - asked)


def test_interrupted_run_goes_on_where_it_was(proxy: Any) -> None:
    whole, _kept = run(proxy, Options())
    proxy.asked.clear()
    results, kept = run(proxy, Options(), whole[:4])
    assert len(proxy.asked) == len(kept) == 2
    assert [result["capability"] for result in results] == [
        result["capability"] for result in whole
    ]
    proxy.asked.clear()
    assert len(run(proxy, Options(requests=5), whole[:4])[1]) == 1  # what was asked before counts


def test_failures_are_told_apart_from_lacks(proxy: Any) -> None:
    chat = [_probe.Task("here", capability) for capability in _capabilities.CHAT]
    for status, states in (
        (500, ["failed"] * 6),
        (400, ["failed", "failed", "no", "no", "no", "no"]),
    ):
        proxy.status = status
        assert [_probe.ask(proxy.client, task)["state"] for task in chat] == states


def test_model_that_says_nothing_is_asked_nothing_more(proxy: Any) -> None:
    proxy.status = 500
    results, kept = run(proxy, Options())
    assert [(result["state"], result["why"]) for result in results[1:]] == [
        ("skipped", "it gave no usable answer before")
    ] * 5
    assert (len(proxy.asked), len(kept)) == (1, 1)
    assert run(proxy, Options(), kept)[1] == []  # nor by the run that goes on


def test_declared_against_observed(proxy: Any) -> None:
    before, _kept = run(proxy, Options())
    proxy.able = False
    memory = {
        (row["model"], row["capability"]): {"shown": _probe.shown(row), "seconds": 9.0}
        for row in before
    }
    rows = {row["capability"]: row for row in _probe.matrix(HERE, run(proxy, Options())[0], memory)}
    assert rows["tools"]["before"] == 9.0
    assert (
        rows["tools"]["declared"],
        rows["tools"]["state"],
        rows["tools"]["differs"],
        rows["tools"]["drift"],
    ) == (True, "no", "declared, not seen", "yes")
    assert (rows["vision"]["declared"], rows["vision"]["differs"], rows["vision"]["drift"]) == (
        False,
        "",
        None,
    )
    assert (rows["system prompt"]["declared"], rows["system prompt"]["differs"]) == (None, "")
    assert (rows["chat"]["declared"], rows["chat"]["differs"]) == (True, "")
    seen = _probe.matrix([HERE[0]._replace(declared={"supports_function_calling": False})], before)
    assert (
        next(row for row in seen if row["capability"] == "tools")["differs"] == "seen, not declared"
    )
    skipped = _probe.matrix(HERE, run(proxy, Options(requests=1))[0], memory)
    assert [row["drift"] for row in skipped] == [None] * 6
