"""Proxies and findings that several tests look at."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@pytest.fixture
def proxy() -> Iterator[Any]:
    """A server whose answers a test chooses: by path, a status; everything else is 404. ``keys``
    are those that it was sent.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.keys.append(self.headers.get("Authorization", ""))
            server.hold.wait()
            self.send_response(server.answers.get(self.path, 404))
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_words: Any) -> None:
            pass

    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.answers, server.keys, server.hold = {}, [], threading.Event()
    server.hold.set()
    server.url = "http://127.0.0.1:%d" % server.server_port
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.hold.set()
    server.shutdown()
    server.server_close()
