"""How a proxy reaches the pooler."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._config import envfile as _envfile
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import client as _client
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.client import Client
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.target import (
    PoolerError,
    Target,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.programs import PostgresError

THERE = Client("u", "x", 6432, "kept hunter2")


@pytest.mark.parametrize(
    ("database", "name"),
    [
        ("litellm_db-1.x", "litellm_db-1.x"),
        ("data base", "litellm"),
        ('"', "litellm"),
        ("ü", "litellm"),
        ("pgbouncer", "litellm"),
        ("x" * 64, "litellm"),
    ],
)
def test_the_database_has_a_name_that_needs_no_quotes(database: str, name: str) -> None:
    made = _client.of(Target("h", 1, database, 'us"er', "hunter2"), 6433, None)
    assert (made.user, made.database, made.port) == ('us"er', name, 6433)


def test_the_password_is_made_once() -> None:
    target = Target("h", 1, "d", "u", "hunter2")
    made, other = (_client.of(target, 6432, None) for _each in range(2))
    assert made.password != other.password != "hunter2"
    assert len(made.password) > 30
    assert made.password not in repr(made)
    assert _client.of(target, 6432, made) == made


def test_what_the_proxy_has_is_what_is_read_again() -> None:
    client = Client('us"er @', "litellm", 6433, "p@ss hunter2'")
    urls = {
        "DATABASE_URL": "postgresql://a:b@h:1/d?connection_limit=10&sslmode=require&schema=x",
        "DIRECT_URL": "postgresql://a:b@h:1/d",
    }
    text = _client.text(client, urls)
    assert _client.parse(text) == client
    values = _envfile.loads(text, "compose")
    assert list(values) == ["DATABASE_URL", "DIRECT_URL"]
    address, _mark, parameters = values["DATABASE_URL"].partition("?")
    assert parameters == "connection_limit=10&schema=x"
    assert address == values["DIRECT_URL"]
    assert address.endswith("@127.0.0.1:6433/litellm")


def test_an_empty_file_is_none_of_a_client() -> None:
    with pytest.raises(PostgresError):
        _client.parse("# nothing\n")


def test_the_host_asks_as_the_proxy_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_client, "find_bindir", lambda host, port: f"/{host}/{port}")
    found = THERE.endpoint()
    assert (found.database, found.user, found.password) == ("x", "u", "kept hunter2")
    assert (found.host, found.port, found.sslmode) == ("127.0.0.1", 6432, "disable")
    assert found.bindir == "/127.0.0.1/6432"


FILE = (
    "A=postgresql://u:hunter2@h:1/d?x=1\nB=postgres://u:other@h:1/d\nEMPTY=\n"
    "HOST=postgresql://u:hunter2@g:1/d\nUSER=postgresql://v:hunter2@h:1/d\n"
    "NAME=postgresql://u:hunter2@h:1/e\nPORT=postgresql://u:hunter2@h/d\n"
)


@pytest.fixture
def path(tmp_path: Path) -> str:
    made = tmp_path / "legacy.env"
    made.write_text(FILE)
    return str(made)


def test_urls_of_one_database(path: str) -> None:
    assert _client.urls(path, "A", ["B"]) == {"B": "postgres://u:other@h:1/d"}
    assert list(_client.urls(path, "A", ["B", "A"])) == ["B", "A"]


@pytest.mark.parametrize("name", ["HOST", "USER", "NAME", "PORT"])
def test_urls_of_several_are_not_made_one(path: str, name: str) -> None:
    with pytest.raises(PoolerError) as raised:
        _client.urls(path, "A", ["A", name])
    assert f"A, {name} of {path} are not all of one database" in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("names", [["EMPTY"], ["A", "GONE"]])
def test_a_variable_that_is_not_there_is_named(path: str, names: list[str]) -> None:
    with pytest.raises(PostgresError, match=names[-1]):
        _client.urls(path, "A", names)
