"""Root's logins for registries, as `docker login` writes them or a helper keeps them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Optional

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    registry_login as _registry_login,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result
from ansible_collections.llmops.litellm.plugins.module_utils._host.registry_login import Login

AUTH = base64.b64encode(b"robot:hunter2").decode()
HUB = "https://index.docker.io/v1/"


@pytest.mark.parametrize(
    ("registry", "held", "login"),
    [
        ("registry.test:5000", {"auths": {"registry.test:5000": {"auth": AUTH}}}, "robot"),
        (
            "registry.test:5000",
            {"auths": {"https://registry.test:5000/v1/": {"auth": AUTH}}},
            "robot",
        ),
        ("registry.test", {"auths": {"http://registry.test": {"auth": AUTH}}}, "robot"),
        ("registry.test", {"auths": {"https://registry.test:5000": {"auth": AUTH}}}, None),
        ("docker.io", {"auths": {HUB: {"auth": AUTH}}}, "robot"),
        ("docker.io", {"auths": {"https://docker.io/v1/": {"auth": AUTH}}}, None),
        ("ghcr.io", {"auths": {HUB: {"auth": AUTH}}}, None),
        ("ghcr.io", {"auths": {"ghcr.io": {}}}, None),
        ("ghcr.io", {}, None),
        ("ghcr.io", {"auths": {"ghcr.io": {"identitytoken": "hunter2"}}}, ""),
    ],
    ids=[
        "a registry",
        "of an earlier client",
        "the same, without a path",
        "of another port",
        "the default one",
        "the default one's address is one",
        "another's",
        "kept elsewhere",
        "none",
        "a token",
    ],
)
def test_login_is_found(
    tmp_path: Path, registry: str, held: dict[str, Any], login: Optional[str]
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(held))
    found = _registry_login.login(registry, str(tmp_path / "config.json"))
    assert found == (None if login is None else Login(login, "hunter2"))


def test_without_a_configuration_there_is_none(tmp_path: Path) -> None:
    assert _registry_login.login("ghcr.io", str(tmp_path / "nosuch")) is None


@pytest.mark.parametrize("text", ["{", "[]", '{"auths": {"ghcr.io": {"auth": "%%%"}}}'])
def test_configuration_that_is_none_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(_registry_login.LoginUnknown):
        _registry_login.login("ghcr.io", str(tmp_path / "config.json"))


@pytest.mark.parametrize(
    ("held", "answer", "login"),
    [
        (
            {"credsStore": "pass"},
            Result(0, '{"Username": "robot", "Secret": "hunter2"}', ""),
            Login("robot", "hunter2"),
        ),
        (
            {"credHelpers": {"ghcr.io": "pass"}},
            Result(0, '{"Username": "<token>", "Secret": "hunter2"}', ""),
            Login("", "hunter2"),
        ),
        (
            {"credsStore": "pass"},
            Result(1, "credentials not found in native keychain\n", ""),
            None,
        ),
    ],
    ids=["of all", "of this one, a token", "knows nothing"],
)
def test_helper_is_asked(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    held: dict[str, Any],
    answer: Result,
    login: Optional[Login],
) -> None:
    asked = []

    def run(argv: list[str], stdin: str, timeout: float) -> Result:
        asked.append((argv, stdin))
        return answer

    monkeypatch.setattr(_registry_login._process, "run", run)
    (tmp_path / "config.json").write_text(json.dumps(held))
    assert _registry_login.login("ghcr.io", str(tmp_path / "config.json")) == login
    assert asked == [(["docker-credential-pass", "get"], "ghcr.io")]


def test_helper_for_the_hub_is_known_by_its_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answer = Result(0, '{"Username": "robot", "Secret": "hunter2"}', "")
    monkeypatch.setattr(_registry_login._process, "run", lambda *_words, **_more: answer)
    held = {"credHelpers": {"https://index.docker.io/v1/": "pass"}}
    (tmp_path / "config.json").write_text(json.dumps(held))
    assert _registry_login.login("docker.io", str(tmp_path / "config.json")) == (
        Login("robot", "hunter2")
    )


@pytest.mark.parametrize(
    ("helper", "answer"),
    [("pass", Result(127, "", "not found")), ("../../x", Result(0, "{}", ""))],
    ids=["is not there", "is no name"],
)
def test_helper_that_tells_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, helper: str, answer: Result
) -> None:
    monkeypatch.setattr(_registry_login._process, "run", lambda *_words, **_more: answer)
    (tmp_path / "config.json").write_text(json.dumps({"credsStore": helper}))
    with pytest.raises(_registry_login.LoginUnknown, match="docker-credential-"):
        _registry_login.login("ghcr.io", str(tmp_path / "config.json"))


def test_login_is_sent_as_the_client_sends_it() -> None:
    def sent(login: Login, registry: str) -> Any:
        return json.loads(base64.urlsafe_b64decode(login.header(registry)))

    assert sent(Login("robot", "hunter2"), "docker.io") == {
        "username": "robot",
        "password": "hunter2",
        "serveraddress": HUB,
    }
    assert sent(Login("", "hunter2"), "ghcr.io") == {
        "identitytoken": "hunter2",
        "serveraddress": "ghcr.io",
    }
    assert Login("robot", "hunter2").basic() == "Basic " + AUTH
