"""A container's Redis takes a native one's login beside its own, and forgets it: clients that stay,
new ones, and those that must go.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._config.envfile import dumps
from ansible_collections.llmops.litellm.plugins.module_utils._redis import redis as _redis
from ansible_collections.llmops.litellm.plugins.module_utils._redis.redis import Container
from ansible_collections.llmops.litellm.plugins.modules import redis_login

from .conftest import ENGINE, PASSWORD, quoted

OTHER = "other's \"\\ #$`%; ~* ß"
USER = 'gate"way\\ü'
Run = Callable[..., dict[str, Any]]


class Client:
    """A client that stays connected, in the container."""

    def __init__(self, container: Container, held: ExitStack) -> None:
        words = [*ENGINE, "exec", "-i", container.name, "redis-cli"]
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        held.enter_context(self.process)
        held.callback(self.process.kill)

    def ask(self, line: str) -> str:
        """The first line of an answer."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        # an error is followed by an empty line
        return next(said for said in map(str.strip, self.process.stdout) if said)


@pytest.fixture
def connect(target: Container) -> Iterator[Callable[..., Client]]:
    """Makes clients that have given this login."""
    with ExitStack() as held:

        def make(*login: str) -> Client:
            client = Client(target, held)
            if login:
                assert client.ask("AUTH " + " ".join(map(quoted, login))) == "OK"
            return client

        yield make


@pytest.fixture
def run(
    target: Container, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Runs the module on a container that runs."""
    monkeypatch.setattr(_redis, "Container", lambda name: Container(name, ENGINE))

    def call(check: bool = False, **params: Any) -> dict[str, Any]:
        words = {"container": target.name, **params}
        told = support.run_module(redis_login.main, words, capsys, check, (PASSWORD, OTHER))
        assert told.get("failed") or set(told) == {"changed", "invocation"}
        return told

    return call


def env_file(folder: Path, user: str = "", password: str = "") -> str:
    """What a legacy proxy knows of its Redis."""
    path = folder / "legacy.env"
    known = {"REDIS_USERNAME": user, "REDIS_PASSWORD": password}
    path.write_text(dumps({name: value for name, value in known.items() if value}))
    return str(path)


def lets_in(container: Container, *login: str) -> bool:
    """Whether a new client with this login may read."""
    with ExitStack() as held:
        client = Client(container, held)
        if login and client.ask("AUTH " + " ".join(map(quoted, login))) != "OK":
            return False
        return client.ask("PING") == "PONG"


def would_and_does(run: Run, **params: Any) -> None:
    """The module says in check mode that it would change something, does, and does so once."""
    for _time in range(2):  # nothing was done by asking
        assert run(check=True, **params)["changed"] is True
    assert run(**params)["changed"] is True
    assert run(check=True, **params)["changed"] is False
    assert run(**params)["changed"] is False


@pytest.mark.parametrize("name", ["", "default"])
def test_second_password(
    run: Run, connect: Callable[..., Client], target: Container, tmp_path: Path, name: str
) -> None:
    words = {"env_file": env_file(tmp_path, name, OTHER)}
    ours = connect(PASSWORD)
    before = ours.ask("CLIENT ID")
    assert not lets_in(target, OTHER)
    would_and_does(run, **words)
    theirs = connect(OTHER)
    held = theirs.ask("CLIENT ID")
    for login in ((PASSWORD,), ("default", PASSWORD), (OTHER,), ("default", OTHER)):
        assert lets_in(target, *login)
    assert not lets_in(target) and not lets_in(target, "wrong")
    would_and_does(run, state="absent", **words)
    assert lets_in(target, PASSWORD)
    assert not lets_in(target, OTHER) and not lets_in(target)
    # both are the same user, and go on
    assert (ours.ask("CLIENT ID"), theirs.ask("CLIENT ID")) == (before, held)


@pytest.mark.parametrize("file", [True, False])
def test_no_password(
    run: Run, connect: Callable[..., Client], target: Container, tmp_path: Path, file: bool
) -> None:
    words = {"env_file": env_file(tmp_path)} if file else {}
    ours = connect(PASSWORD)
    before = ours.ask("CLIENT ID")
    would_and_does(run, **words)
    assert lets_in(target) and lets_in(target, "default", PASSWORD)
    # What the documentation warns of; the container's own client does not mind.
    assert not lets_in(target, PASSWORD)
    assert target.ask("PING").strip() == "PONG"
    would_and_does(run, state="absent", **words)
    assert not lets_in(target) and not lets_in(target, "default", "wrong")
    assert lets_in(target, PASSWORD)
    assert ours.ask("CLIENT ID") == before


@pytest.mark.parametrize("password", [OTHER, ""])
def test_other_user(
    run: Run, connect: Callable[..., Client], target: Container, tmp_path: Path, password: str
) -> None:
    words = {"env_file": env_file(tmp_path, USER, password)}
    would_and_does(run, **words)
    ours, theirs = connect(PASSWORD), connect(USER, password)
    before = ours.ask("CLIENT ID")
    for line in ("SET a 1", "CONFIG SET maxmemory 0", "FLUSHALL"):
        assert theirs.ask(line) == "OK"
    assert theirs.ask("PUBLISH channel x") == "0"
    assert lets_in(target, USER, "wrong") is not bool(password)
    assert not lets_in(target, OTHER) and not lets_in(target)
    held = theirs.ask("CLIENT ID")
    clients = target.ask("CLIENT", "LIST")
    assert "id=%s " % held in clients
    would_and_does(run, state="absent", **words)
    assert not lets_in(target, USER, password)
    clients = target.ask("CLIENT", "LIST")
    assert "id=%s " % held not in clients
    assert ours.ask("CLIENT ID") == before


def test_another_login_takes_the_place_of_the_first(
    run: Run, target: Container, tmp_path: Path
) -> None:
    assert run()["changed"]
    assert run(env_file=env_file(tmp_path, "", "first"))["changed"]
    assert run(env_file=env_file(tmp_path, "", OTHER))["changed"]
    assert [lets_in(target, word) for word in (PASSWORD, "first", OTHER)] == [True, False, True]
    assert run(env_file=env_file(tmp_path, USER, "first"))["changed"]
    assert run(env_file=env_file(tmp_path, USER, OTHER))["changed"]
    assert [lets_in(target, USER, word) for word in ("first", OTHER)] == [False, True]
    assert not lets_in(target, OTHER) and lets_in(target, PASSWORD)


def test_container_that_starts_again_has_forgotten(
    run: Run, target: Container, tmp_path: Path
) -> None:
    words = {"env_file": env_file(tmp_path, USER, OTHER)}
    run()
    run(**words)
    target.docker("stop", target.name)
    assert run(state="absent", **words)["changed"] is False
    assert "is not running" in run(**words)["msg"]
    assert "is not running" in run(check=True, **words)["msg"]
    target.start(30)
    assert run(check=True, state="absent", **words)["changed"] is False
    assert not lets_in(target, USER, OTHER) and lets_in(target, PASSWORD)
    assert run(**words)["changed"] is True


def test_container_that_does_not_exist(run: Run) -> None:
    words = {"container": "llmops-test-redis-none"}
    assert run(state="absent", **words)["changed"] is False
    assert "llmops-test-redis-none" in run(**words)["msg"]


def test_user_that_redis_takes_no_name_of(run: Run, target: Container, tmp_path: Path) -> None:
    told = run(env_file=env_file(tmp_path, "two words", OTHER))
    assert "can't contain spaces" in told["msg"]
    assert not lets_in(target, "two words", OTHER)
