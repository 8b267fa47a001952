"""The command by which Docker finds out whether the proxy's container is healthy."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import jinja2
import pytest
import yaml

VARIABLES = Path(__file__).resolve().parents[2] / "roles/compose/vars/main.yml"


def verdict(port: int, tls: bool = False) -> int:
    """The command's exit code at a proxy on this port."""
    kind, _python, options, text = yaml.safe_load(VARIABLES.read_text())["__compose_health"]
    assert kind == "CMD"
    script = jinja2.Template(text).render(compose_tls=tls)
    script = script.replace("PORT", str(port)).replace("HOST", "127.0.0.1")
    argv = [sys.executable, options, script]
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

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        assert (verdict(server.getsockname()[1]) == 0) == healthy
        thread.join(60)


def test_proxy_that_speaks_tls_is_asked_by_it(tmp_path: Path) -> None:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    words = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=gateway.lan -keyout".split()
    subprocess.run([*words, str(key), "-out", str(cert)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    answer = b'HTTP/1.1 200 OK\r\n\r\n{"db": "connected"}'
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for _time in range(2):
                client, _address = server.accept()
                with contextlib.suppress(OSError), context.wrap_socket(client, True) as spoken:
                    spoken.recv(4096)
                    spoken.sendall(answer)
                    spoken.unwrap()

        threading.Thread(target=serve, daemon=True).start()
        assert [verdict(server.getsockname()[1], tls) == 0 for tls in (False, True)] == [
            False,
            True,
        ]


def test_proxy_that_is_not_there_is_not_healthy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert verdict(port) != 0
