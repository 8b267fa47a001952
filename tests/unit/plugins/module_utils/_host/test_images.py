"""What an image is: there, to be had by the engine, or neither. The engine decides, registries only
tell more.
"""

from __future__ import annotations

import json
from typing import Any, Optional

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    engine_socket as _engine_socket,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import images as _images
from ansible_collections.llmops.litellm.plugins.module_utils._host import registry as _registry
from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    registry_login as _registry_login,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host.engine_socket import Answer
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result
from ansible_collections.llmops.litellm.plugins.module_utils._host.registry import Told
from ansible_collections.llmops.litellm.plugins.module_utils._host.registry_login import Login

DIGEST = "sha256:" + "a" * 64
ENGINE = {"platform": "linux/amd64", "socket": "/docker.sock"}
TOLD = Told(("linux/amd64",), {"PG_MAJOR": "17"}, {"version": "1.0.0"}, ("/data",), 123)


class Asked:
    """The engine and a registry that answer so; what they were asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.here: Optional[dict[str, Any]] = None
        self.engine, self.told = Answer(200, DIGEST, ("linux/amd64", "linux/arm64")), TOLD
        self.login: Any = Login("robot", "hunter2")
        self.seen: list[Any] = []
        self.unknown = _engine_socket.distribution
        monkeypatch.setattr(_images, "run", self.run)
        monkeypatch.setattr(_engine_socket, "distribution", self.distribution)
        monkeypatch.setattr(_registry, "describe", self.describe)
        monkeypatch.setattr(_registry_login, "login", self.find)

    def run(self, argv: list[str]) -> Result:
        self.seen.append(" ".join(argv))
        return Result(0, json.dumps([self.here]), "") if self.here else Result(1, "", "")

    def distribution(self, reference: str, login: Any, registry: str, path: str) -> Answer:
        self.seen.append((reference, login, registry, path))
        return self.engine if path else self.unknown(reference, login, registry, path)

    def describe(self, parts: Any, platform: str, access: Any, login: Any) -> Told:
        self.seen.append((parts.path, parts.digest, access))
        return self.told

    def find(self, registry: str) -> Any:
        return support.answered(self.login)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(monkeypatch)


@pytest.mark.parametrize("name", ["registry.test:5000/x:1", "x:1@" + DIGEST, DIGEST])
def test_present_image_is_not_asked_for_elsewhere(asked: Asked, name: str) -> None:
    asked.here = {"Os": "linux", "Architecture": "arm64", "Config": {"Env": None, "Labels": None}}
    assert _images.look(name, ENGINE) == _images.Image(name, True, ("linux/arm64",), {}, {}, 0, "")
    assert asked.seen == ["docker image inspect " + name]


def test_present_image_tells_its_volumes(asked: Asked) -> None:
    asked.here = {"Os": "linux", "Architecture": "arm64", "Config": {"Volumes": {"/data": {}}}}
    assert _images.look("x:1", ENGINE).volumes == ("/data",)


@pytest.mark.parametrize(
    ("name", "registry", "path", "digest"),
    [
        ("postgres:17", "docker.io", "library/postgres", DIGEST),
        ("docker.io/library/postgres:17", "docker.io", "library/postgres", DIGEST),
        ("postgres:17@sha256:" + "b" * 64, "docker.io", "library/postgres", "sha256:" + "b" * 64),
        ("ghcr.io/berriai/litellm:main", "ghcr.io", "berriai/litellm", DIGEST),
    ],
)
def test_missing_image_is_asked_for_by_the_name_that_was_given(
    asked: Asked, name: str, registry: str, path: str, digest: str
) -> None:
    """A tag that has moved on since does not matter to a digest."""
    assert _images.look(name, ENGINE) == _images.Image(
        name,
        False,
        ("linux/amd64", "linux/arm64"),
        {"PG_MAJOR": "17"},
        {"version": "1.0.0"},
        123,
        "",
        digest,
        "",
        ("/data",),
    )
    assert asked.seen[1] == (name, asked.login, registry, "/docker.sock")
    assert asked.seen[2][0] == path
    assert not [each for each in asked.seen if "manifest" in str(each)]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_the_engine_refuses_is_refused(asked: Asked, status: int) -> None:
    asked.engine = Answer(status, said="manifest unknown")
    found = _images.look("redis:8", ENGINE)
    assert found.error == "the engine can't get it (manifest unknown)"
    assert len(asked.seen) == 2


@pytest.mark.parametrize(
    ("name", "engine", "login", "answer", "told", "note"),
    [
        (
            "redis:8",
            {**ENGINE, "mirrors": ["https://mirror.test/"]},
            None,
            Answer(404, said="unknown"),
            TOLD,
            "the engine can't say whether it can get it (unknown)",
        ),
        (
            "ghcr.io/x:8",
            ENGINE,
            _registry_login.LoginUnknown("no helper"),
            Answer(401, said="denied"),
            Told(error="the registry answered 401 Unauthorized"),
            "the engine can't say whether it can get it (denied); no helper;"
            " the registry answered 401 Unauthorized",
        ),
        (
            "ghcr.io/x:8",
            ENGINE,
            None,
            Answer(500, said="no such host"),
            Told(error="the registry cannot be asked (no)"),
            "the engine can't say whether it can get it (no such host);"
            " the registry cannot be asked (no)",
        ),
        (
            "ghcr.io/x:8",
            {**ENGINE, "socket": ""},
            None,
            Answer(200),
            TOLD,
            "the engine can't say whether it can get it (its socket is not known)",
        ),
        (
            "ghcr.io/x:8",
            ENGINE,
            None,
            Answer(200, DIGEST, ("linux/amd64",)),
            Told(error="the registry cannot be asked (proxy)"),
            "the registry cannot be asked (proxy)",
        ),
    ],
    ids=["a mirror may have it", "a login nobody knows", "no network", "no socket", "a proxy"],
)
def test_what_nobody_can_say_is_a_note_and_no_refusal(
    asked: Asked, name: str, engine: Any, login: Any, answer: Answer, told: Told, note: str
) -> None:
    asked.login, asked.engine, asked.told = login, answer, told
    found = _images.look(name, engine)
    assert (found.error, found.note) == ("", note)


def test_mirror_of_the_default_registry_says_nothing_of_others(asked: Asked) -> None:
    asked.engine = Answer(404, said="unknown")
    mirrored = {**ENGINE, "mirrors": ["https://mirror.test/"]}
    assert _images.look("ghcr.io/x:8", mirrored).error == "the engine can't get it (unknown)"


def test_engine_says_how_registries_are_reached(asked: Asked) -> None:
    way = {"insecure": ["a:5000"], "mirrors": ["https://m/"], "proxies": {"https": "http://p"}}
    _images.look("redis:8", {**ENGINE, **way})
    assert asked.seen[2][2] == _registry.Access(**way)


def test_id_that_is_not_here_is_refused(asked: Asked) -> None:
    found = _images.look(DIGEST, ENGINE)
    assert found.error == "is not on this host, and an id can't be pulled"
    assert len(asked.seen) == 1


def test_what_is_no_reference_raises(asked: Asked) -> None:
    with pytest.raises(ValueError, match="is not an image reference"):
        _images.look("NO", ENGINE)
    assert asked.seen == []


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
        (image(DIGEST), None),
    ],
    ids=["label", "tag", "digest alone", "label before tag", "id"],
)
def test_release_is_what_the_image_says(found: _images.Image, release: Optional[str]) -> None:
    assert _images.version(found) == release


@pytest.mark.parametrize(
    ("found", "major"),
    [
        (image("x:1", environment={"PG_MAJOR": "17"}), 17),
        (image("postgres:16-alpine"), 16),
        (image("postgres:latest"), None),
        (image(DIGEST), None),
    ],
    ids=["variable", "tag", "neither", "id"],
)
def test_major_is_what_the_image_says(found: _images.Image, major: Optional[int]) -> None:
    assert _images.major(found, "PG_MAJOR") == major
