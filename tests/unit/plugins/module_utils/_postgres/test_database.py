"""A database is dropped only where that loses nothing."""

from __future__ import annotations

from typing import Any, Optional

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import contents as _contents
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import database as _database
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    fingerprint as _fingerprint,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.database import (
    Held,
    Occupancy,
    growing,
    parse_mark,
    refusals,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
)

PLACE = Endpoint(database="llm", user="gateway", host="/run/x")


class Server:
    """A server with one database."""

    def __init__(self) -> None:
        self.found = Occupancy(True, None, ["table a"], [])
        self.roles = ["gateway", "postgres"]
        self.hash, self.besides = "h", list[str]()
        self.done: list[tuple[str, str, Any]] = []

    def session(self, endpoint: Endpoint, settings: Any = None) -> Any:
        server = self

        class Session:
            def __enter__(self) -> Any:
                return self

            def __exit__(self, *_error: object) -> None:
                pass

            def query(self, statement: str) -> Any:
                assert "'llm'" in statement
                return [[role] for role in server.roles]

            def execute(self, statement: str) -> None:
                server.done.append((endpoint.user, statement, settings))

        return Session()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    fake = Server()
    monkeypatch.setattr(_database, "Session", fake.session)
    monkeypatch.setattr(_database, "administering", fake.session)
    monkeypatch.setattr(_database, "inspect", lambda endpoint, session: fake.found)
    monkeypatch.setattr(_database, "look", lambda endpoint, expect: Held(fake.hash, fake.besides))
    return fake


TARGET = Endpoint("litellm", "litellm", container="litellm-postgres")
OURS = {"made_by": "llmops.litellm"}


def test_database_that_the_backup_has_is_dropped(server: Server) -> None:
    assert _database.drop(PLACE, "h", check=True)
    assert server.done == []
    assert _database.drop(PLACE, "h")
    assert server.done == [
        ("gateway", 'DROP DATABASE "llm"', {"default_transaction_read_only": "off"})
    ]


def test_role_that_may_not_gives_way_to_one_that_may(server: Server) -> None:
    server.roles = ["postgres"]
    _database.drop(PLACE, "h")
    assert server.done[0][0] == "postgres"


def test_database_that_is_not_there_is_no_failure(server: Server) -> None:
    server.found = Occupancy(False, None, [], [])
    assert not _database.drop(PLACE, "h")


@pytest.mark.parametrize(
    ("found", "expect", "said"),
    [
        (
            Occupancy(True, {"made_by": "llmops.litellm"}, [], ["1 of psql as gateway"]),
            None,
            "while clients are connected: 1 of psql",
        ),
        (
            Occupancy(True, {"made_by": "llmops.litellm"}, [], []),
            "other",
            "does not hold what the backup has",
        ),
        (Occupancy(True, None, [], []), None, "this collection did not make it"),
    ],
    ids=["in use", "changed", "foreign"],
)
def test_anything_else_is_left_alone(
    server: Server, found: Occupancy, expect: Any, said: str
) -> None:
    server.found = found
    with pytest.raises(PostgresError, match=said):
        _database.drop(PLACE, expect)
    assert server.done == []


def test_database_with_what_is_somebody_elses_is_left_alone(server: Server) -> None:
    server.besides = ["schema app", "table app.orders"]
    with pytest.raises(PostgresError, match="is not LiteLLM's: schema app, table app.orders"):
        _database.drop(PLACE, "h")
    assert server.done == []


def test_database_of_ours_is_dropped(server: Server) -> None:
    server.found = Occupancy(True, {"made_by": "llmops.litellm"}, ["table a"], [])
    assert _database.drop(PLACE, None)
    assert len(server.done) == 1


@pytest.mark.parametrize(
    "comment, ours",
    [
        (None, False),
        ("", False),
        ("a note", False),
        ("[]", False),
        ("{}", False),
        ('{"made_by": "somebody"}', False),
        ('{"made_by": "llmops.litellm"}', True),
    ],
)
def test_marks(comment: Optional[str], ours: bool) -> None:
    assert (parse_mark(comment) is not None) == ours


@pytest.mark.parametrize(
    "found, words",
    [
        (Occupancy(False, None, [], []), []),
        (Occupancy(True, None, [], []), []),
        (Occupancy(True, OURS, ["table a"], []), []),
        (Occupancy(True, None, ["table a"], []), ["did not put there: table a"]),
        (Occupancy(True, None, ["table %d" % n for n in range(7)], []), ["table 4 and 2 more"]),
        (
            Occupancy(True, OURS, ["table a"], ["1 of psql as me"]),
            ["while clients are connected: 1 of psql as me"],
        ),
        (Occupancy(True, None, ["table a"], ["1 of psql as me"]), ["did not put there", "clients"]),
    ],
)
def test_refusals(found: Occupancy, words: list[str]) -> None:
    reasons = refusals(TARGET, found)
    assert len(reasons) == len(words) and all(
        word in reason for word, reason in zip(words, reasons)
    )


def test_the_working_name_fits_and_differs() -> None:
    assert growing("litellm") == "litellm__copying"
    assert len(growing("ü" * 31 + "x").encode()) <= 63
    assert growing("x" * 63) != "x" * 63


@pytest.mark.parametrize(
    ("behind", "expect", "found"),
    [
        (["table shop"], "part", Held("part", ["table shop"])),
        (["table shop"], "whole", Held("whole", [])),  # release 0.1.0 backed all of it up
        (["table shop"], "other", Held("part", ["table shop"])),
        ([], "whole", Held("whole", [])),
    ],
)
def test_what_it_holds_is_read_once(
    monkeypatch: pytest.MonkeyPatch, behind: list[str], expect: str, found: Held
) -> None:
    scope = _contents.Scope("public", ("public",), {}, {}, (), ())
    read: list[str] = []

    def contents(session: Any, schema: str) -> _contents.Contents:
        read.append(schema)
        return _contents.Contents(scope, behind, [])

    monkeypatch.setattr(_database, "Session", support.Database())
    monkeypatch.setattr(_fingerprint, "begin", lambda session: None)
    monkeypatch.setattr(
        _fingerprint, "take", lambda session, part=None: {"hash": "part" if part else "whole"}
    )
    monkeypatch.setattr(_contents, "read", contents)
    assert _database.look(PLACE, expect) == found
    assert read == [""]
