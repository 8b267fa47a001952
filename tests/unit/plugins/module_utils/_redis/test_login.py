"""The login of a native Redis in a container: what Redis says of its users, and is told."""

from __future__ import annotations

import hashlib
from typing import Any, Optional

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._redis import login as _login
from ansible_collections.llmops.litellm.plugins.module_utils._redis.login import Login
from ansible_collections.llmops.litellm.plugins.module_utils._redis.redis import (
    Container,
    RedisError,
)


def digest(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()


OWN, OTHER = "#" + digest("own"), "#" + digest("hunter2")
# ACL LIST of Redis 8.0.2 and of 6.0, which has neither channels nor a word on payloads
NEW, OLD = "sanitize-payload ~* &* +@all", "~* +@all"
ALONE = "user default on %s %s" % (OWN, NEW)
BOTH = "user default on %s %s %s" % (OTHER, OWN, NEW)
OPEN = "user default on nopass %s" % NEW
GATEWAY = "user gateway on %s %s" % (OTHER, NEW)


class Redis:
    """What a container's Redis answers, and what it was told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *users: str, state: str = "running"):
        self.users, self.told = users, list[str]()
        self.answer, self.own = "OK\n", digest("own")
        monkeypatch.setattr(Container, "ask", self.ask)
        monkeypatch.setattr(Container, "state", lambda _container: state)
        monkeypatch.setattr(Container, "password_hash", lambda _container: self.own)

    def ask(self, *words: str, stdin: Optional[str] = None) -> str:
        if stdin is None:
            assert words == ("ACL", "LIST")
            return "".join(user + "\n" for user in self.users)
        assert not words
        self.told.append(read(stdin))
        return self.answer


def read(line: str) -> str:
    """A line as redis-cli reads it, which every byte of is written as a number."""
    words = [word.strip('"').replace("\\x", "") for word in line.rstrip("\n").split(" ")]
    return " ".join(bytes.fromhex(word).decode("utf-8", "surrogateescape") for word in words)


C = Container("litellm-redis")


@pytest.mark.parametrize(
    ("login", "users", "told"),
    [
        (
            Login("", "hunter2"),
            [ALONE],
            ["ACL SETUSER default resetpass %s" % " ".join(sorted([OWN, OTHER]))],
        ),
        (
            Login("default", "hunter2"),
            [OPEN],
            ["ACL SETUSER default resetpass %s" % " ".join(sorted([OWN, OTHER]))],
        ),
        (Login("", "hunter2"), [BOTH], []),
        (Login("", "own"), [ALONE], []),
        (Login("", ""), [BOTH], ["ACL SETUSER default resetpass nopass"]),
        (Login("", ""), [OPEN], []),
        (
            Login("gateway", "hunter2"),
            [ALONE],
            ["ACL SETUSER gateway reset on %s %s" % (NEW, OTHER)],
        ),
        (
            Login("gateway", "hunter2"),
            ["user default on %s %s" % (OWN, OLD)],
            ["ACL SETUSER gateway reset on %s %s" % (OLD, OTHER)],
        ),
        (
            Login("gateway", "hunter2"),
            [BOTH, "user gateway off %s %s" % (OTHER, NEW)],
            [
                "ACL SETUSER default resetpass %s" % OWN,
                "ACL SETUSER gateway reset on %s %s" % (NEW, OTHER),
            ],
        ),
        (Login("gateway", "hunter2"), [GATEWAY, ALONE], []),
        (Login("gateway", ""), [ALONE], ["ACL SETUSER gateway reset on %s nopass" % NEW]),
    ],
)
def test_a_login_beside_its_own(
    monkeypatch: pytest.MonkeyPatch, login: Login, users: list[str], told: list[str]
) -> None:
    redis = Redis(monkeypatch, *users)
    assert _login.take(C, login, check=True) is bool(told)
    assert redis.told == []
    assert _login.take(C, login) is bool(told)
    assert redis.told == told


@pytest.mark.parametrize(
    ("login", "users", "told"),
    [
        (Login("", "hunter2"), [BOTH], ["ACL SETUSER default resetpass %s" % OWN]),
        (Login("default", ""), [OPEN], ["ACL SETUSER default resetpass %s" % OWN]),
        (Login("", "hunter2"), [GATEWAY, ALONE], []),
        (Login("gateway", "hunter2"), [GATEWAY, ALONE], ["ACL DELUSER gateway"]),
        (Login("gateway", "hunter2"), [ALONE], []),
    ],
)
def test_its_own_login_alone(
    monkeypatch: pytest.MonkeyPatch, login: Login, users: list[str], told: list[str]
) -> None:
    redis = Redis(monkeypatch, *users)
    redis.answer = "1\n" if "DELUSER" in str(told) else "OK\n"
    assert _login.forget(C, login, check=True) is bool(told)
    assert redis.told == []
    assert _login.forget(C, login) is bool(told)
    assert redis.told == told


@pytest.mark.parametrize(("state", "told"), [("", 0), ("exited", 0), ("paused", 1)])
def test_redis_that_does_not_run_has_forgotten(
    monkeypatch: pytest.MonkeyPatch, state: str, told: int
) -> None:
    redis = Redis(monkeypatch, BOTH, state=state)
    assert _login.forget(C, Login("", "hunter2")) is bool(told)
    assert len(redis.told) == told


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"answer": "ERR no\n"}, "Redis in container litellm-redis: ERR no"),
        ({"answer": "Invalid argument(s)\n"}, "Invalid argument"),
        ({"answer": ""}, "Redis in container litellm-redis: no answer"),
        ({"users": ["what"]}, "does not tell its users"),
        ({"own": digest("")}, "has no password of its own"),
    ],
)
def test_what_went_wrong_is_an_error(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], said: str
) -> None:
    redis = Redis(monkeypatch, ALONE)
    vars(redis).update(change)
    with pytest.raises(RedisError) as caught:
        _login.take(C, Login("", "hunter2"))
    assert said in str(caught.value)


def test_users_are_read() -> None:
    assert _login.parse_users("user a\u00a0\u2028b on nopass ~*\r\nuser default off -@all\n\n") == {
        "a\u00a0\u2028b": ["on", "nopass", "~*"],
        "default": ["off", "-@all"],
    }


def test_redis_cli_gets_every_byte_as_it_is() -> None:
    assert _login.quoted("a\"'\\\nü") == r'"\x61\x22\x27\x5c\x0a\xc3\xbc"'
    assert Login("", "\udcff").secret == "#" + hashlib.sha256(b"\xff").hexdigest()
