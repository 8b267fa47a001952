"""The client: any server, any key, no exception, no secret."""

from __future__ import annotations

import http.server
import socket
import ssl
import subprocess
import threading
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fake_proxy
import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import marked as _marked
from ansible_collections.llmops.litellm.plugins.module_utils._litellm import client as _client
from ansible_collections.llmops.litellm.plugins.module_utils._litellm.client import (
    Client,
    ProxyError,
)


@pytest.fixture
def proxy() -> Iterator[fake_proxy.FakeProxy]:
    with fake_proxy.serve() as running:
        yield running


def raw_server(text: bytes, pause: float = 0) -> tuple[str, threading.Thread]:
    """A server that sends these bytes to one connection, one by one with a pause in between if
    there is one.
    """
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with listener, listener.accept()[0] as connection:
            connection.recv(65536)
            try:
                for piece in [text[i : i + 1] for i in range(len(text))] if pause else [text]:
                    connection.sendall(piece)
                    threading.Event().wait(pause)
            except OSError:
                return  # the client has had enough

    thread = threading.Thread(target=run)
    thread.start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}", thread


@pytest.fixture
def own_certificate(tmp_path: Path) -> Iterator[int]:
    """The port of a server that speaks TLS on every address, with a certificate of its own."""
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    words = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=gateway.lan -keyout".split()
    subprocess.run([*words, str(key), "-out", str(cert)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            """Nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("host", "wanted"),
    [("127.0.0.1", 204), ("localhost", None)],  # a name may be anybody's
)
def test_certificate_counts_but_for_an_address_of_this_host(
    own_certificate: int, host: str, wanted: Any
) -> None:
    answer = Client("https://%s:%d" % (host, own_certificate)).get("/")
    assert answer.status == wanted
    if wanted is None:
        assert "certificate" in answer.body


def test_an_error_is_an_answer_and_a_redirect_is_not_followed(proxy: fake_proxy.FakeProxy) -> None:
    client = Client(proxy.url, fake_proxy.MASTER)
    assert client.get("/health/readiness").status == 200
    proxy.replies["/health/readiness"] = (503, {"db": "disconnected"})
    assert client.get("/health/readiness") == (503, '{"db": "disconnected"}')
    proxy.replies["/health/readiness"] = (307, "elsewhere")
    assert client.get("/health/readiness") == (307, "elsewhere")
    assert [target for _method, target, _payload in proxy.seen] == ["/health/readiness"] * 3


def test_proxy_settings_of_the_environment_do_not_count(
    proxy: fake_proxy.FakeProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert Client(proxy.url).get("/health/readiness").status == 200


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", "the connection broke, or it does not speak HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "the connection broke, or it does not speak HTTP"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
            "the connection broke, or it does not speak HTTP",
        ),
    ],
    ids=["hangs up", "ssh", "half an answer"],
)
def test_what_is_no_answer(sent: bytes, reason: str) -> None:
    url, thread = raw_server(sent)
    answer = Client(url, timeout=2).get("/x")
    thread.join()
    assert answer == (None, reason)


def test_a_server_that_never_ends_is_left_in_time() -> None:
    url, thread = raw_server(
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100, pause=0.02
    )
    assert Client(url, timeout=1).get("/x") == (None, "it took too long")
    thread.join()


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert Client(f"http://127.0.0.1:{port}").get("/x") == (None, "connection refused")


def test_an_answer_may_be_too_large(
    proxy: fake_proxy.FakeProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_client, "LARGEST", 10)
    proxy.replies["/x"] = (200, "x" * 11)
    assert Client(proxy.url).get("/x") == (None, "it cannot be read")


@pytest.mark.parametrize(
    "key", ["sk-secret\nX: y", "sk-secret-ключ", "sk-secret\x00", "sk-secret\x7f\udcff"]
)
def test_a_key_that_is_no_header_is_not_quoted(proxy: fake_proxy.FakeProxy, key: str) -> None:
    answer = Client(proxy.url, key).get("/x")
    assert (
        answer == (None, "the key has characters that no HTTP header can hold") and proxy.seen == []
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:4000",
        "ftp://x",
        "http://",
        "http://user:hunter2@x",
        "http://x:port",
        "http://[::1",
        "file:///etc/passwd",
    ],
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(ProxyError) as caught:
        Client(url)
    assert "hunter2" not in str(caught.value)


def test_the_port_is_known() -> None:
    assert [Client(url).port for url in ("http://x:14000/base/", "http://x", "https://[::1]")] == [
        14000,
        80,
        443,
    ]
    assert Client("http://x:14000/base/").url == "http://x:14000/base"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (urllib.error.URLError(socket.timeout("timed out")), "it took too long"),
        (
            urllib.error.URLError(ssl.SSLCertVerificationError(1, "self-signed")),
            "its TLS certificate is not trusted",
        ),
        (urllib.error.URLError(ssl.SSLError(1, "wrong version number")), "TLS failed"),
        (
            urllib.error.URLError(socket.gaierror(-2, "Name or service not known")),
            "its name is not known",
        ),
        (ConnectionResetError(), "the connection broke, or it does not speak HTTP"),
        (OSError(113, "No route to host"), "No route to host"),
        (ValueError("Invalid header value b'sk-secret'"), "it cannot be read"),
    ],
)
def test_reasons(error: Exception, reason: str) -> None:
    assert _client.reason_of(error) == reason


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ((401, {"error": "sk-secret"}), "GET /x: HTTP 401: the key is not"),
        ((500, "sk-secret"), "GET /x: HTTP 500"),
        ((200, "sk-secret"), "GET /x: the answer is not JSON"),
    ],
)
def test_json_or_an_error_without_what_was_answered(
    proxy: fake_proxy.FakeProxy, reply: tuple[int, object], words: str
) -> None:
    proxy.replies["/x"] = reply
    with pytest.raises(ProxyError) as caught:
        Client(proxy.url, fake_proxy.MASTER).json("GET", "/x?secret=sk-secret")
    assert words in str(caught.value) and "sk-secret" not in str(caught.value)


def test_key_from_an_env_file_as_compose_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "key.env"
    path.write_text("LITELLM_MASTER_KEY='sk-$5 \"x\"'\nEMPTY=\n", encoding="utf-8")
    assert _client.key_from_file(str(path)) == 'sk-$5 "x"'
    for variable in ("EMPTY", "OTHER"):
        with pytest.raises(ProxyError, match="has no " + variable):
            _client.key_from_file(str(path), variable)
    path.write_text("A='sk-secret\n", encoding="utf-8")
    with pytest.raises(ProxyError) as caught:
        _client.key_from_file(str(path))
    assert "line 1" in str(caught.value) and "sk-secret" not in str(caught.value)
    with pytest.raises(ProxyError, match="No such file"):
        _client.key_from_file(str(tmp_path / "none"))


def test_what_is_asked_is_let_through_where_clients_are_held(
    own_certificate: int, proxy: fake_proxy.FakeProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both by HTTP and by TLS."""
    marked: list[socket.socket] = []
    monkeypatch.setattr(_marked, "mark", marked.append)
    assert Client(proxy.url).get("/health/readiness").status == 200
    assert len(marked) == 1
    assert Client("https://127.0.0.1:%d" % own_certificate).get("/").status == 204
    assert len(marked) == 2
