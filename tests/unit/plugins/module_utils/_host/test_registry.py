"""What a registry tells of an image. The registry here is a real HTTP server on loopback."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Optional

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import registry as _registry
from ansible_collections.llmops.litellm.plugins.module_utils._host.image_reference import (
    parse_reference,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host.registry_login import Login

DIGEST = "sha256:" + "a" * 64
CONFIG = {
    "os": "linux",
    "architecture": "amd64",
    "config": {
        "Env": ["PG_MAJOR=17", "PATH=/bin"],
        "Labels": {"org.opencontainers.image.version": "v1.102.4"},
        "Volumes": {"/data": {}},
    },
}
MANIFEST = {"config": {"digest": "sha256:conf"}, "layers": [{"size": 100}, {"size": 23}]}
INDEX = {
    "manifests": [
        {"platform": {"os": "linux", "architecture": "amd64"}, "digest": DIGEST},
        {"platform": {"os": "linux", "architecture": "arm64"}, "digest": "sha256:other"},
    ]
}


class Registry(BaseHTTPRequestHandler):
    """Answers from ``pages`` by path; with ``token`` set it wants one, and gives it (or ``grant``)
    at /token; with ``elsewhere`` it sends
    to another host for blobs."""

    pages: dict[str, Any] = {}
    token: Optional[str] = None
    asked: list[str] = []
    grant: Any = None
    elsewhere = False
    # a vendor's own domain: all that is asked there is answered at another port
    sends_to = ""
    basic = ""
    logins: list[tuple[str, Any]] = []

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        status, body = 200, self.pages.get(path)
        type(self).asked.append(path)
        if path.startswith("/signed/"):
            status, body = (
                (400, {})
                if "Authorization" in self.headers
                else (200, self.pages["/v2/team/litellm/blobs/" + path[len("/signed/") :]])
            )
        elif self.sends_to:
            status, body = 307, {}
        elif path == "/token":
            type(self).logins.append((path, self.headers.get("Authorization")))
            body = {"token": self.token} if self.grant is None else self.grant
        elif self.basic and self.headers.get("Authorization") != self.basic:
            status, body = 401, {}
        elif self.token and self.headers.get("Authorization") != "Bearer " + self.token:
            status, body = 401, {}
        elif body is None:
            status, body = 404, {}
        elif self.elsewhere and "/blobs/" in path:
            status = 307
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        if status == 401:
            self.send_header(
                "WWW-Authenticate",
                'Basic realm="x"'
                if self.basic
                else 'Bearer realm="http://%s/token",service="x",scope="repository:team/litellm:pull"'
                % self.headers["Host"],
            )
        if status == 307:
            self.send_header(
                "Location",
                "http://%s%s" % (self.sends_to, self.path)
                if self.sends_to
                else "http://localhost:%d/signed/%s"
                % (self.server.server_address[1], path.rpartition("/")[2]),
            )
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_words: Any) -> None:
        pass


@pytest.fixture
def registry() -> Iterator[str]:
    """The address of an empty registry."""
    Registry.pages, Registry.token, Registry.asked, Registry.grant, Registry.elsewhere = (
        {},
        None,
        [],
        None,
        False,
    )
    Registry.sends_to, Registry.basic, Registry.logins = "", "", []
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield "127.0.0.1:%d" % server.server_port
        server.shutdown()


def serve(
    manifest: Any, config: Optional[dict[str, Any]] = None, reference: str = "1.102.4"
) -> None:
    """The registry's content: one image."""
    Registry.pages = {
        "/v2/team/litellm/manifests/" + reference: manifest,
        "/v2/team/litellm/manifests/" + DIGEST: MANIFEST,
        "/v2/team/litellm/blobs/sha256:conf": CONFIG if config is None else config,
    }


def ask(
    reference: str,
    platform: str = "linux/amd64",
    login: Optional[Login] = None,
    **access: Any,
) -> _registry.Told:
    """Ask a registry that has no TLS."""
    parts = parse_reference(reference)
    way = _registry.Access(insecure=[parts.registry], **access)
    return _registry.describe(parts, platform, way, login)


@pytest.mark.parametrize("manifest", [MANIFEST, INDEX], ids=["one platform", "index"])
@pytest.mark.parametrize("token", [None, "t0ken"], ids=["open", "with a token"])
def test_registry_tells_what_an_image_is(
    registry: str, manifest: Any, token: Optional[str]
) -> None:
    serve(manifest)
    Registry.token = token
    assert ask(registry + "/team/litellm:1.102.4") == _registry.Told(
        ("linux/amd64", "linux/arm64") if manifest == INDEX else ("linux/amd64",),
        {"PG_MAJOR": "17", "PATH": "/bin"},
        {"org.opencontainers.image.version": "v1.102.4"},
        ("/data",),
        123,
        "",
    )


def test_image_for_other_platforms_lists_them(registry: str) -> None:
    serve(INDEX)
    image = ask(registry + "/team/litellm:1.102.4", "linux/s390x", True)
    assert (image.platforms, image.error) == (("linux/amd64", "linux/arm64"), "")


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (None, "the registry answered 404"),
        (b"<html>", "the registry cannot be asked"),
        ({}, "the registry cannot be asked"),
    ],
    ids=["missing", "not JSON", "no manifest"],
)
def test_what_a_registry_does_not_tell_is_an_error(registry: str, manifest: Any, said: str) -> None:
    serve(manifest)
    assert ask(registry + "/team/litellm:1.102.4").error.startswith(said)


def test_registry_that_is_not_there_is_an_error() -> None:
    assert "cannot be asked" in ask("127.0.0.1:9/team/litellm:1").error


def test_token_stays_with_the_registry(registry: str) -> None:
    """As ghcr.io and others do it: the blob is at an address of another host that is signed, and
    that wants no other credential.
    """
    serve(INDEX)
    Registry.token, Registry.elsewhere = "t0ken", True
    assert ask(registry + "/team/litellm:1.102.4").error == ""
    assert "/signed/sha256:conf" in Registry.asked


def test_other_name_of_the_token_is_taken(registry: str) -> None:
    serve(MANIFEST)
    Registry.token, Registry.grant = "t0ken", {"access_token": "t0ken"}
    assert ask(registry + "/team/litellm:1.102.4").error == ""


@pytest.mark.parametrize(
    "grant", [{"token": "other"}, {}, b"<html>", []], ids=["wrong", "none", "not JSON", "a list"]
)
def test_token_that_does_not_help_is_an_error(registry: str, grant: Any) -> None:
    serve(MANIFEST)
    Registry.token, Registry.grant = "t0ken", grant
    assert "the registry " in ask(registry + "/team/litellm:1.102.4").error
    assert Registry.asked.count("/token") == 1


def test_server_that_is_no_registry_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            with server.accept()[0] as connection:
                connection.sendall(b"SSH-2.0-OpenSSH_10.0\r\n")
                connection.recv(4096)

        thread = threading.Thread(target=greet)
        thread.start()
        error = ask(
            "127.0.0.1:%d/team/litellm:1" % server.getsockname()[1], "linux/amd64", True
        ).error
        thread.join()
    assert error == "the registry cannot be asked (SSH-2.0-OpenSSH_10.0)"


def test_digest_counts_before_the_tag(registry: str) -> None:
    serve(None)
    assert ask("%s/team/litellm:gone@%s" % (registry, DIGEST)).error == ""


@pytest.mark.parametrize(
    ("manifest", "config"),
    [
        ([], CONFIG),
        ("x", CONFIG),
        (7, CONFIG),
        (MANIFEST, []),
        (MANIFEST, {"config": None}),
        ({"manifests": [{}]}, CONFIG),
        ({"config": None}, CONFIG),
        ({"manifests": None}, CONFIG),
        ({**MANIFEST, "layers": [7]}, CONFIG),
    ],
    ids=[
        "list",
        "text",
        "number",
        "list for a configuration",
        "empty configuration",
        "index of nothing",
        "no configuration",
        "no index",
        "strange layers",
    ],
)
def test_strange_answers_never_raise(registry: str, manifest: Any, config: Any) -> None:
    serve(manifest, config)
    image = ask(registry + "/team/litellm:1.102.4")
    assert image.error or image.platforms == ("?/?",)


@pytest.fixture
def vendor(registry: str) -> Iterator[str]:
    """A vendor's own domain that sends everything to the registry."""

    class Vendor(Registry):
        sends_to = registry

    with ThreadingHTTPServer(("127.0.0.1", 0), Vendor) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield "127.0.0.1:%d" % server.server_port
        server.shutdown()


def test_registry_that_redirects_before_its_challenge_gets_the_token(
    registry: str, vendor: str
) -> None:
    serve(INDEX)
    Registry.token, Registry.elsewhere = "t0ken", True
    assert ask(vendor + "/team/litellm:1.102.4").error == ""
    assert Registry.asked.count("/token") == 1


def test_login_is_for_the_registry_that_was_named(registry: str, vendor: str) -> None:
    serve(INDEX)
    Registry.token = "t0ken"
    login = Login("robot", "hunter2")
    assert ask(registry + "/team/litellm:1.102.4", login=login).error == ""
    assert ask(vendor + "/team/litellm:1.102.4", login=login).error == ""
    assert ask(registry + "/team/litellm:1.102.4", login=Login("", "hunter2")).error == ""
    assert Registry.logins == [("/token", login.basic()), ("/token", None), ("/token", None)]


@pytest.mark.parametrize(
    ("login", "error"),
    [
        (Login("robot", "hunter2"), ""),
        (Login("robot", "other"), "the registry answered 401 Unauthorized"),
        (None, "the registry answered 401 Unauthorized"),
    ],
)
def test_registry_without_tokens_gets_the_login(
    registry: str, login: Optional[Login], error: str
) -> None:
    serve(INDEX)
    Registry.basic = Login("robot", "hunter2").basic()
    assert ask(registry + "/team/litellm:1.102.4", login=login).error == error


def test_mirror_of_the_default_registry_is_asked_first_and_without_the_login(
    registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Registry.pages = {
        "/v2/library/postgres/manifests/17": MANIFEST,
        "/v2/library/postgres/blobs/sha256:conf": CONFIG,
    }
    Registry.token = "t0ken"
    monkeypatch.setattr(_registry, "HUB_API", "http://127.0.0.1:9")
    found = ask(
        "docker.io/postgres:17", login=Login("robot", "x"), mirrors=["http://%s/" % registry]
    )
    assert (found.error, found.size) == ("", 123)
    assert Registry.logins == [("/token", None)]


def test_default_registry_is_asked_where_it_is(
    registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Registry.pages = {
        "/v2/library/postgres/manifests/17": MANIFEST,
        "/v2/library/postgres/blobs/sha256:conf": CONFIG,
    }
    assert _registry.HUB_API == "https://registry-1.docker.io"
    monkeypatch.setattr(_registry, "HUB_API", "http://" + registry)
    gone = ["http://127.0.0.1:9"]
    for name in ("postgres:17", "docker.io/library/postgres:17"):
        assert ask(name, mirrors=gone).error == ""


def test_engines_own_proxy_is_used_unless_it_goes_past(registry: str) -> None:
    serve(MANIFEST)
    dead = {"http": "http://127.0.0.1:9", "https": "http://127.0.0.1:9"}
    assert "cannot be asked" in ask(registry + "/team/litellm:1.102.4", proxies=dead).error
    past = {**dead, "no": "localhost,127.0.0.1"}
    assert ask(registry + "/team/litellm:1.102.4", proxies=past).error == ""


def test_certificates_that_the_engine_trusts_are_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "registry.test:5000"
    folder.mkdir()
    (folder / "ca.crt").write_text("no certificate")
    monkeypatch.setattr(_registry, "CERTIFICATES", str(tmp_path))
    way = _registry.Access()
    found = _registry.describe(parse_reference("registry.test:5000/x:1"), "linux/amd64", way)
    assert "cannot be asked" in found.error
    assert "x509" in found.error.lower() or "certificate" in found.error.lower()


@pytest.mark.parametrize(
    ("insecure", "scheme"),
    [(["registry.test:5000"], "http"), ([], "https"), (["registry.test"], "https")],
)
def test_registry_is_asked_without_tls_only_where_the_engine_would(
    monkeypatch: pytest.MonkeyPatch, insecure: list[str], scheme: str
) -> None:
    seen: list[str] = []

    def get(self: Any, path: str, accept: str) -> Any:
        seen.append(self.base)
        raise OSError("no")

    monkeypatch.setattr(_registry._Registry, "_get", get)
    parts = parse_reference("registry.test:5000/x:1")
    found = _registry.describe(parts, "linux/amd64", _registry.Access(insecure=insecure))
    assert found.error == "the registry cannot be asked (no)"
    assert seen == [scheme + "://registry.test:5000/v2/x/"]
