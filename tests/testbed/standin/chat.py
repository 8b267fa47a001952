# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A STAND-IN for a chat provider: it speaks OpenAI's HTTP interface and thinks nothing.

    GET  /v1/models                the models it claims to have
    POST /v1/chat/completions      an answer made from the question, whole or streamed
    GET  /healthz                  no key needed

The answer to a question is always `stand-in <model> heard <n> messages; last: <text>`, so that a
test can check that its own words went all the way there and back. Every request but /healthz needs
`Authorization: Bearer KEY`. The key is read from a file (`--key-file`) or from the variable
STANDIN_API_KEY, never from the command line. Two model names misbehave on purpose: `stand-in-slow`
takes 50 ms per streamed word, `stand-in-error` answers 500.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Iterator

MODELS = ("stand-in-chat", "stand-in-slow", "stand-in-error")
SLOW_WORD_SECONDS = 0.05
CREATED = 1767225600  # a fixed moment: answers must not depend on the clock
LARGEST_BODY = 16 * 1024 * 1024


class BadRequest(Exception):
    """The client's request cannot be answered; the text says why."""


def text_of(content: Any) -> str:
    """The words of a message's content, which is a string or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return " ".join(
            part.get("text", "")
            for part in content
            if isinstance(part, dict) and part.get("type") == "text"
        )
    return ""


def tokens(text: str) -> int:
    """A deterministic count: one for each word, at least one."""
    return max(1, len(text.split()))


def answer(request: dict[str, Any]) -> str:
    """The stand-in's words for a request. Raises BadRequest when it holds no messages."""
    messages = request.get("messages")
    if (
        not isinstance(messages, list)
        or not messages
        or not all(isinstance(item, dict) for item in messages)
    ):
        raise BadRequest("'messages' must be a non-empty list of objects")
    return (
        f"stand-in {request.get('model')} heard {len(messages)} messages; last: "
        f"{text_of(messages[-1].get('content'))}"
    )


def usage(request: dict[str, Any], words: str) -> dict[str, int]:
    """OpenAI's usage object."""
    asked = sum(tokens(text_of(item.get("content"))) for item in request["messages"])
    given = tokens(words)
    return {"prompt_tokens": asked, "completion_tokens": given, "total_tokens": asked + given}


def identity(request: dict[str, Any]) -> str:
    """An id that is the same for the same request."""
    return (
        "chatcmpl-" + hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:24]
    )


def completion(request: dict[str, Any]) -> dict[str, Any]:
    """A whole `chat.completion`."""
    words = answer(request)
    return {
        "id": identity(request),
        "object": "chat.completion",
        "created": CREATED,
        "model": request.get("model"),
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": words},
                "finish_reason": "stop",
            }
        ],
        "usage": usage(request, words),
    }


def chunks(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The `chat.completion.chunk` objects of a streamed answer; usage last, when asked for."""
    words = answer(request)
    base = {
        "id": identity(request),
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": request.get("model"),
    }

    def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        return {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    yield chunk({"role": "assistant", "content": ""})
    for index, word in enumerate(words.split(" ")):
        yield chunk({"content": word if index == 0 else f" {word}"})
    yield chunk({}, "stop")
    if (request.get("stream_options") or {}).get("include_usage"):
        yield {**base, "choices": [], "usage": usage(request, words)}


class Handler(BaseHTTPRequestHandler):
    """One connection. The server gives the key."""

    server_version = "chat-stand-in/1"
    protocol_version = "HTTP/1.1"
    server: StandIn

    def reply(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def refuse(self, status: int, message: str, kind: str) -> None:
        self.reply(
            status, {"error": {"message": message, "type": kind, "param": None, "code": None}}
        )

    def allowed(self) -> bool:
        # http.server reads header bytes as latin-1
        given = self.headers.get("Authorization", "").encode("latin-1")
        return hmac.compare_digest(given, b"Bearer " + self.server.key.encode())

    def read_request(self) -> dict[str, Any]:
        """The body, read to its end: what is left over would be taken for the next request."""
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 < length <= LARGEST_BODY:
            self.close_connection = True
            raise BadRequest("a JSON body is needed")
        raw = self.rfile.read(length)
        try:
            request = json.loads(raw)
        except ValueError as error:
            raise BadRequest(f"the body is not JSON: {error}") from error
        if not isinstance(request, dict):
            raise BadRequest("the body must be an object")
        return request

    def stream(self, request: dict[str, Any]) -> None:
        parts = list(chunks(request))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for part in parts:
            self.wfile.write(b"data: " + json.dumps(part, ensure_ascii=False).encode() + b"\n\n")
            self.wfile.flush()
            if request.get("model") == "stand-in-slow":
                time.sleep(SLOW_WORD_SECONDS)  # the behaviour that this model is for
        self.wfile.write(b"data: [DONE]\n\n")

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self.reply(200, {"status": "ok", "stand_in": True})
        elif not self.allowed():
            self.refuse(401, "Incorrect API key provided.", "invalid_request_error")
        elif self.path == "/v1/models":
            data = [
                {"id": name, "object": "model", "created": CREATED, "owned_by": "stand-in"}
                for name in MODELS
            ]
            self.reply(200, {"object": "list", "data": data})
        else:
            self.refuse(404, f"Unknown path {self.path}", "invalid_request_error")

    def do_POST(self) -> None:
        try:
            request = self.read_request()
            if not self.allowed():
                self.refuse(401, "Incorrect API key provided.", "invalid_request_error")
            elif self.path != "/v1/chat/completions":
                self.refuse(404, f"Unknown path {self.path}", "invalid_request_error")
            elif request.get("model") == "stand-in-error":
                self.refuse(500, "This model fails on purpose.", "server_error")
            elif request.get("stream"):
                self.stream(request)
            else:
                self.reply(200, completion(request))
        except BadRequest as error:
            self.refuse(400, str(error), "invalid_request_error")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        # Requests may hold a user's words: only the line, the status and nothing of the body.
        print(f"{self.client_address[0]} {format % args}", file=sys.stderr, flush=True)


class StandIn(ThreadingHTTPServer):
    """The server. `port` 0 takes a free one; see `server_port`."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, key: str) -> None:
        if not key:
            raise ValueError("the stand-in needs a key")
        super().__init__((host, port), Handler)
        self.key = key


def read_key(path: str | None) -> str:
    """The key from a file, else from STANDIN_API_KEY. Raises SystemExit when there is none."""
    key = (
        Path(path).read_text(encoding="utf-8").strip()
        if path
        else os.environ.get("STANDIN_API_KEY", "")
    )
    if not key:
        raise SystemExit("no key: give --key-file or set STANDIN_API_KEY")
    return key


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--key-file")
    arguments = parser.parse_args()
    with StandIn(arguments.host, arguments.port, read_key(arguments.key_file)) as server:
        print(
            f"chat stand-in on {arguments.host}:{server.server_port}", file=sys.stderr, flush=True
        )
        server.serve_forever()


if __name__ == "__main__":
    main()
