"""The command by which Docker finds out whether the proxy's container is healthy."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

VARIABLES = Path(__file__).resolve().parents[2] / "roles/compose/vars/main.yml"


def verdict(port: int) -> int:
    """The command's exit code at a proxy on this port."""
    kind, _python, options, script = yaml.safe_load(VARIABLES.read_text())["__compose_health"]
    assert kind == "CMD"
    argv = [sys.executable, options, script.replace("PORT", str(port))]
    return subprocess.run(argv, capture_output=True, timeout=60, check=False).returncode


@pytest.mark.parametrize(
    ("status", "body", "healthy"),
    [
        ("200 OK", '{"status": "healthy", "db": "connected"}', True),
        ("200 OK", '{"status": "healthy", "db": "Not connected"}', False),
        ("200 OK", '{"status": "healthy", "db": null}', False),
        ("200 OK", '{"status": "healthy"}', True),  # a proxy without a database
        ("200 OK", "starting", False),
        ("503 Service Unavailable", '{"db": "connected"}', False),
    ],
)
def test_proxy_is_healthy_with_its_database_only(status: str, body: str, healthy: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            client, _address = server.accept()
            with client:
                assert client.recv(4096).startswith(b"GET /health/readiness HTTP/1.0\r\n")
                told = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
                client.sendall(told.encode())

        thread = threading.Thread(target=serve)
        thread.start()
        assert (verdict(server.getsockname()[1]) == 0) == healthy
        thread.join()


def test_proxy_that_is_not_there_is_not_healthy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert verdict(port) != 0
