"""What is decided of LiteLLM's role, and its password as a server stores it.

tests/integration/database/test_role.py makes and converts it on real servers.
"""

from __future__ import annotations

from typing import Any, Iterator

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import role as _role
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
)

TARGET = Endpoint("litellm", "litellm", "litellm-postgres", settings=("work_mem=1MB",))
NATIVE = Endpoint("litellm", "owner", host="127.0.0.1")
STORED = _role.scram("hunter2")


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    _role._superuser.cache_clear()
    yield
    _role._superuser.cache_clear()


@pytest.mark.parametrize(
    ("roles", "asked", "superuser"),
    [
        ({"postgres": "postgres"}, ["postgres"], "postgres"),
        ({"litellm": "litellm"}, ["postgres", "litellm"], "litellm"),
        ({"postgres": "boss", "litellm": "boss"}, ["postgres"], "boss"),
        (
            {"llmops_superuser": "llmops_superuser"},
            ["postgres", "litellm", "llmops_superuser"],
            "llmops_superuser",
        ),
    ],
)
def test_superuser_is_who_the_server_says(
    monkeypatch: pytest.MonkeyPatch, roles: dict[str, str], asked: list[str], superuser: str
) -> None:
    seen: list[Endpoint] = []

    def query(endpoint: Endpoint, _statement: str) -> Any:
        seen.append(endpoint)
        if endpoint.user not in roles:
            raise PostgresError("no such role")
        return [[roles[endpoint.user]]]

    monkeypatch.setattr(_role, "query", query)
    for _twice in range(2):
        assert _role.administrator(TARGET).user == superuser
    assert [endpoint.user for endpoint in seen] == asked
    assert {endpoint.database for endpoint in seen} == {"postgres"}
    assert _role.administrator(TARGET).settings == TARGET.settings


def test_server_that_does_not_answer_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_role, "query", support.fails(PostgresError("is down")))
    with pytest.raises(PostgresError, match="is down"):
        _role.administrator(TARGET)


def test_native_server_is_administered_by_its_own_role(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_role, "query", support.fails(PostgresError("asked")))
    assert _role.administrator(NATIVE) == NATIVE.on("postgres")
    assert not _role.secure(NATIVE, "hunter2")


@pytest.mark.parametrize(
    ("role", "left", "password", "told"),
    [
        ([["9", "t", STORED]], [], "hunter2", False),
        ([["9", "t", STORED]], [], None, False),
        ([["9", "t", STORED]], [], "another", True),
        ([["9", "t", STORED]], [["member"]], None, True),
        ([["9", "t", STORED]], [["temporary"]], None, True),
        ([["9", "t", STORED]], [["password"]], None, True),
        ([["9", "f", STORED]], [], None, True),
        ([["10", "f", STORED]], [], None, True),
        ([], [], None, True),
    ],
)
def test_check_mode_says_whether_it_would_be_changed(
    monkeypatch: pytest.MonkeyPatch, role: Any, left: Any, password: Any, told: bool
) -> None:
    server = support.Database({"rolpassword FROM pg_authid": role, "'member'": left})
    server.endpoint = TARGET.on("postgres")  # type: ignore[attr-defined]
    monkeypatch.setattr(_role, "administering", server)
    assert _role.secure(TARGET, password, check=True) is told
    assert [words for words in server.done if not words.startswith("SELECT")] == []


def test_password_is_known_again_and_no_other() -> None:
    for password in ("hunter2", "", "p@ss'w\\ord$ ü"):
        stored = _role.scram(password)
        assert stored != _role.scram(password)
        assert _role.matches(password, stored)
        assert not _role.matches(password + "x", stored)
    for stored in (None, "", "md5abc", "SCRAM-SHA-256$x"):
        assert not _role.matches("hunter2", stored)


def test_password_that_a_server_has_stored() -> None:
    """By PostgreSQL 15.18: ALTER ROLE … PASSWORD 'hunter2'."""
    stored = (
        "SCRAM-SHA-256$4096:TufWeOpSs8KbsojS1ickxw==$3qeVA785TbuEoBD58c6ZjyfKcnPugtj0tcTkAwBDMkA="
        ":kL9eOHrM8/imuuTXznenHOX0qd70EDOsbtv4ZEzCat4="
    )
    assert _role.matches("hunter2", stored)
    assert not _role.matches("hunter3", stored)


@pytest.mark.parametrize("there", [True, False])
def test_database_is_made_where_there_is_none(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    server = support.Database({"SELECT 1 FROM pg_database": [["1"]] if there else []})
    made: list[Any] = []
    monkeypatch.setattr(_role, "administering", server)
    monkeypatch.setattr(_role, "create", lambda _admin, target: made.append(target))
    assert _role.provide(TARGET, check=True) is not there
    assert made == []
    assert _role.provide(TARGET) is not there
    assert made == ([] if there else [TARGET])
