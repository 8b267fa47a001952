"""The database to which the pooler leads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from unit.support import Database

from ansible_collections.llmops.litellm.plugins.module_utils._pooler import target as _target
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.target import (
    PoolerError,
    Target,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.programs import PostgresError

URL = "postgresql://gate%20way:hunter2%3F@localhost:5434/data%20base?schema=x"
FILE = f"DATABASE_URL='{URL}'\nSOCKET=postgresql://a:hunter2@/x?host=/run/postgresql\n" + (
    "REQUIRED=postgresql://a:hunter2@h/x?sslmode=require\nOPEN=postgresql://a@h/x\n"
    "VERIFIED=postgresql://a:hunter2@h/x?sslmode=verify-full\nNAMELESS=postgresql://h/x\nNONE=\n"
)


@pytest.fixture
def named(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "legacy.env"
    path.write_text(FILE)
    return {"env_file": str(path), "variable": "DATABASE_URL", "host": None, "port": None}


def test_what_the_url_says(named: dict[str, Any]) -> None:
    found = _target.from_params(named)
    assert found == Target("localhost", 5434, "data base", "gate way", "hunter2?", "prefer")
    assert str(found) == "database data base (localhost:5434)"
    assert "hunter2" not in repr(found)
    assert _target.from_params({**named, "variable": "REQUIRED"}).sslmode == "require"
    assert _target.from_params({**named, "variable": "OPEN"}).password == ""


def test_where_the_host_reaches_it_comes_first(named: dict[str, Any]) -> None:
    found = _target.from_params({**named, "host": "127.0.0.1", "port": 5432})
    assert (found.host, found.port, found.database) == ("127.0.0.1", 5432, "data base")
    found = _target.from_params({**named, "variable": "SOCKET", "host": "::1"})
    assert (found.host, found.port) == ("::1", 5432)


@pytest.mark.parametrize(
    ("variable", "error", "words"),
    [
        ("SOCKET", PoolerError, "Unix socket"),
        ("VERIFIED", PoolerError, "verifies its server's certificate (verify-full)"),
        ("NAMELESS", PoolerError, "names no user"),
        ("NONE", PostgresError, "does not set NONE"),
        ("ELSE", PostgresError, "does not set ELSE"),
    ],
)
def test_what_a_pooler_cannot_do(
    named: dict[str, Any], variable: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as raised:
        _target.from_params({**named, "variable": variable})
    assert words in str(raised.value) and "hunter2" not in str(raised.value)


def test_the_host_asks_the_same_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_target, "find_bindir", lambda host, port: f"/{host}/{port}")
    found = Target("h", 1, "d", "u", "hunter2", "require").endpoint()
    assert (found.database, found.user, found.host, found.port) == ("d", "u", "h", 1)
    assert (found.password, found.sslmode, found.bindir) == ("hunter2", "require", "/h/1")
    assert Target("h", 1, "d", "u").endpoint().password is None


def test_a_server_is_known_by_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database({"pg_postmaster_start_time": [["1764528512.123456", "16384"]]})
    monkeypatch.setattr(_session, "Session", database)
    found = _target.identity(_session.Endpoint("d"), 5)
    assert found == ("1764528512.123456", "16384")
    assert "current_database()" in database.done[0]
