"""What the engine says that it can get. The engine here is a real HTTP server at a socket; its
answers are as Docker's API has them.
"""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    engine_socket as _engine_socket,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host.engine_socket import Answer
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result
from ansible_collections.llmops.litellm.plugins.module_utils._host.registry_login import Login

DIGEST = "sha256:" + "a" * 64
INDEX = {
    "Descriptor": {
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "digest": DIGEST,
        "size": 856,
    },
    "Platforms": [
        {"architecture": "amd64", "os": "linux"},
        {"architecture": "unknown", "os": "unknown"},
        {"architecture": "arm64", "os": "linux", "variant": "v8"},
    ],
}


class Engine(BaseHTTPRequestHandler):
    """Answers ``status`` and ``body``; remembers what it was asked."""

    status, body = 200, json.dumps(INDEX)
    asked: list[tuple[str, Any]] = []

    def do_GET(self) -> None:
        type(self).asked.append((self.path, self.headers.get("X-Registry-Auth")))
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.body.encode())

    def log_message(self, *_words: Any) -> None:
        pass

    def address_string(self) -> str:
        return "nobody"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[str]:
    Engine.status, Engine.body, Engine.asked = 200, json.dumps(INDEX), []
    path = str(tmp_path / "docker.sock")
    with socketserver.UnixStreamServer(path, Engine) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield path
        server.shutdown()


def test_engine_is_asked_by_the_name_as_given_with_the_login(engine: str) -> None:
    login = Login("robot", "hunter2")
    name = "registry.test:5000/team/x:1@" + DIGEST
    found = _engine_socket.distribution(name, login, "registry.test:5000", engine)
    assert found == Answer(200, DIGEST, ("linux/amd64", "linux/arm64"))
    assert Engine.asked == [("/distribution/%s/json" % name, login.header("registry.test:5000"))]
    _engine_socket.distribution("x:1", None, "docker.io", engine)
    assert Engine.asked[1] == ("/distribution/x:1/json", None)


@pytest.mark.parametrize(
    ("status", "body", "answer"),
    [
        (
            404,
            '{"message": "manifest unknown:\\n manifest unknown"}',
            Answer(404, said="manifest unknown: manifest unknown"),
        ),
        (403, '{"message": "denied"}', Answer(403, said="denied")),
        (500, '{"message": "no such host"}', Answer(500, said="no such host")),
        (200, "[]", Answer(0, said="its answer is not understood")),
        (200, "{}", Answer(200)),
    ],
)
def test_what_the_engine_refuses_is_said(
    engine: str, status: int, body: str, answer: Answer
) -> None:
    Engine.status, Engine.body = status, body
    assert _engine_socket.distribution("x:1", None, "docker.io", engine) == answer


@pytest.mark.parametrize("body", ["", "<html>"])
def test_answer_of_another_shape_is_none(engine: str, body: str) -> None:
    Engine.body = body
    assert _engine_socket.distribution("x:1", None, "docker.io", engine).status == 0


def test_engine_that_is_not_there_is_said(tmp_path: Path) -> None:
    found = _engine_socket.distribution("x:1", None, "docker.io", str(tmp_path / "nosuch"))
    assert found.status == 0
    assert "No such file" in found.said


@pytest.mark.parametrize(
    ("answer", "address", "path"),
    [
        (
            Result(0, "unix:///var/run/docker.sock\n", ""),
            "unix:///var/run/docker.sock",
            "/var/run/docker.sock",
        ),
        (Result(0, "tcp://10.0.0.9:2376\n", ""), "tcp://10.0.0.9:2376", ""),
        (Result(1, "", "unknown command"), "", ""),
    ],
)
def test_address_is_the_one_of_roots_client(
    monkeypatch: pytest.MonkeyPatch, answer: Result, address: str, path: str
) -> None:
    monkeypatch.setattr(_engine_socket, "run", lambda argv: answer)
    assert _engine_socket.address() == address
    assert _engine_socket.path_of(address) == path
