"""Images: references, what the engine and what a registry tells of them. The registry here is a
real HTTP server on loopback.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Optional

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import images as _images
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result

DIGEST = "sha256:" + "a" * 64
CONFIG = {
    "os": "linux",
    "architecture": "amd64",
    "config": {
        "Env": ["PG_MAJOR=17", "PATH=/bin"],
        "Labels": {"org.opencontainers.image.version": "v1.102.4"},
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
        elif path == "/token":
            body = {"token": self.token} if self.grant is None else self.grant
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
                'Bearer realm="http://%s/token",service="x",scope="repository:team/litellm:pull"'
                % self.headers["Host"],
            )
        if status == 307:
            self.send_header(
                "Location",
                "http://localhost:%d/signed/%s"
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


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("redis", ("", "redis", "", "")),
        ("postgres:17", ("", "postgres", "17", "")),
        ("litellm/litellm:1.102.4@" + DIGEST, ("", "litellm/litellm", "1.102.4", DIGEST)),
        (
            "registry.test:5000/team/redis@" + DIGEST,
            ("registry.test:5000", "team/redis", "", DIGEST),
        ),
        ("localhost/x", ("localhost", "x", "", "")),
    ],
)
def test_references_are_taken_apart(text: str, parts: tuple[str, ...]) -> None:
    assert _images.parse_reference(text) == parts


@pytest.mark.parametrize(
    "text", ["", "Redis", "redis@sha256:abc", "redis:17:18", "redis latest", "http://x/redis"]
)
def test_what_is_no_reference_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is not an image reference"):
        _images.parse_reference(text)


@pytest.mark.parametrize("manifest", [MANIFEST, INDEX], ids=["one platform", "index"])
@pytest.mark.parametrize("token", [None, "t0ken"], ids=["open", "with a token"])
def test_registry_tells_what_an_image_is(
    registry: str, manifest: Any, token: Optional[str]
) -> None:
    serve(manifest)
    Registry.token = token
    image = _images.remote(registry + "/team/litellm:1.102.4", "linux/amd64", True)
    assert image == _images.Image(
        registry + "/team/litellm:1.102.4",
        False,
        ("linux/amd64",),
        {"PG_MAJOR": "17", "PATH": "/bin"},
        {"org.opencontainers.image.version": "v1.102.4"},
        123,
        "",
    )


def test_image_for_other_platforms_lists_them(registry: str) -> None:
    serve(INDEX)
    image = _images.remote(registry + "/team/litellm:1.102.4", "linux/s390x", True)
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
    assert _images.remote(registry + "/team/litellm:1.102.4", "linux/amd64", True).error.startswith(
        said
    )


def test_registry_that_is_not_there_is_an_error() -> None:
    assert (
        "cannot be asked"
        in _images.remote("127.0.0.1:9/team/litellm:1", "linux/amd64", True, timeout=2).error
    )


def test_present_image_is_not_asked_for_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    told = [{"Os": "linux", "Architecture": "arm64", "Config": {"Env": None, "Labels": None}}]
    monkeypatch.setattr(_images, "run", lambda argv: Result(0, json.dumps(told), ""))
    assert _images.look("registry.test:5000/x:1", "linux/amd64", []) == _images.Image(
        "registry.test:5000/x:1", True, ("linux/arm64",), {}, {}, 0, ""
    )


def image(reference: str, labels: Any = None, environment: Any = None) -> _images.Image:
    """An image of which only this is known."""
    return _images.Image(reference, False, (), environment or {}, labels or {}, 0, "")


@pytest.mark.parametrize(
    ("found", "release"),
    [
        (image("x:latest", {"org.opencontainers.image.version": "v1.102.4"}), "1.102.4"),
        (image("x:main-v1.82.8-stable"), "1.82.8"),
        (image("x@" + DIGEST), None),
        (image("x:1.0.0", {"version": "2.0.0"}), "2.0.0"),
    ],
    ids=["label", "tag", "digest alone", "label before tag"],
)
def test_release_is_what_the_image_says(found: _images.Image, release: Optional[str]) -> None:
    assert _images.version(found) == release


@pytest.mark.parametrize(
    ("found", "major"),
    [
        (image("x:1", environment={"PG_MAJOR": "17"}), 17),
        (image("postgres:16-alpine"), 16),
        (image("postgres:latest"), None),
    ],
    ids=["variable", "tag", "neither"],
)
def test_major_is_what_the_image_says(found: _images.Image, major: Optional[int]) -> None:
    assert _images.major(found, "PG_MAJOR") == major


def test_token_stays_with_the_registry(registry: str) -> None:
    """As ghcr.io and others do it: the blob is at an address of another host that is signed, and
    that wants no other credential.
    """
    serve(INDEX)
    Registry.token, Registry.elsewhere = "t0ken", True
    assert _images.remote(registry + "/team/litellm:1.102.4", "linux/amd64", True).error == ""
    assert "/signed/sha256:conf" in Registry.asked


def test_other_name_of_the_token_is_taken(registry: str) -> None:
    serve(MANIFEST)
    Registry.token, Registry.grant = "t0ken", {"access_token": "t0ken"}
    assert _images.remote(registry + "/team/litellm:1.102.4", "linux/amd64", True).error == ""


@pytest.mark.parametrize(
    "grant", [{"token": "other"}, {}, b"<html>", []], ids=["wrong", "none", "not JSON", "a list"]
)
def test_token_that_does_not_help_is_an_error(registry: str, grant: Any) -> None:
    serve(MANIFEST)
    Registry.token, Registry.grant = "t0ken", grant
    assert (
        "the registry "
        in _images.remote(registry + "/team/litellm:1.102.4", "linux/amd64", True).error
    )
    assert Registry.asked.count("/token") == 1


def test_server_that_is_no_registry_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            with server.accept()[0] as connection:
                connection.sendall(b"SSH-2.0-OpenSSH_10.0\r\n")
                connection.recv(4096)

        thread = threading.Thread(target=greet)
        thread.start()
        error = _images.remote(
            "127.0.0.1:%d/team/litellm:1" % server.getsockname()[1], "linux/amd64", True
        ).error
        thread.join()
    assert error == "the registry cannot be asked (SSH-2.0-OpenSSH_10.0)"


def test_digest_counts_before_the_tag(registry: str) -> None:
    serve(None)
    assert (
        _images.remote("%s/team/litellm:gone@%s" % (registry, DIGEST), "linux/amd64", True).error
        == ""
    )


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
    image = _images.remote(registry + "/team/litellm:1.102.4", "linux/amd64", True)
    assert image.error or image.platforms == ("?/?",)


@pytest.mark.parametrize(
    ("rc", "platforms", "error"),
    [(0, ("linux/amd64",), ""), (1, (), "the registry does not have it (manifest unknown)")],
)
def test_default_registry_is_asked_through_the_engine(
    monkeypatch: pytest.MonkeyPatch, rc: int, platforms: tuple[str, ...], error: str
) -> None:
    monkeypatch.setattr(
        _images,
        "run",
        lambda argv: Result(rc if argv[1] == "manifest" else 1, "", "warning\nmanifest unknown\n"),
    )
    assert _images.look("redis:8", "linux/amd64", []) == _images.Image(
        "redis:8", False, platforms, {}, {}, 0, error
    )


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

    monkeypatch.setattr(_images, "run", lambda argv: Result(1, "", "No such image"))
    monkeypatch.setattr(_images._Registry, "_get", get)
    assert (
        _images.look("registry.test:5000/x:1", "linux/amd64", insecure).error
        == "the registry cannot be asked (no)"
    )
    assert seen == [scheme + "://registry.test:5000/v2/x/"]
