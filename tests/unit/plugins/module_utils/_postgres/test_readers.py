"""Roles that read LiteLLM's tables: what is decided of them, and what a server is told.

tests/integration/database/test_readers.py carries them between real servers.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._host.account import Account
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    native_server as _native_server,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import readers as _readers
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import role as _role
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
)

SOURCE = Endpoint("llm", "gateway", host="127.0.0.1", bindir="/usr/lib/postgresql/15/bin")
TARGET = Endpoint("litellm", "litellm", "litellm-postgres", settings=("work_mem=1MB",))
STORED = _role.scram("hunter2")
SPEND = _readers.Right("grafana", "TABLE", "public", "LiteLLM_SpendLogs")
USAGE = _readers.Right("grafana", "SCHEMA", "public")
FUTURE = _readers.Right("grafana", "TABLES", "public")
THERE = [
    ["SCHEMA", "public", "", ""],
    ["TABLE", "public", "LiteLLM_SpendLogs", ""],
    ["TABLE", "public", "LiteLLM_TeamTable", "team_id"],
    ["SEQUENCE", "public", "n_seq", ""],
]
ROW = ["grafana", "t", "f", "infinity", "-1", "f"]


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> support.Database:
    """Both servers, with one role that reads."""
    database = support.Database(
        {
            "coalesce(rolvaliduntil::text, 'infinity'),\n  rolconnlimit, rolsuper OR": [ROW],
            "pg_authid', 'SELECT'": [["t"]],
            "SELECT rolname, rolpassword": [["grafana", STORED]],
            "SELECT 'SCHEMA', nspname": THERE,
        }
    )
    monkeypatch.setattr(_readers, "Session", database)
    monkeypatch.setattr(_readers, "administering", database)
    monkeypatch.setattr(_readers, "administrator", lambda target: target.on("postgres"))
    monkeypatch.setattr(_readers, "query", lambda endpoint, text: database(endpoint).query(text))
    return database


def told(database: support.Database) -> list[str]:
    words = ("CREATE", "ALTER", "GRANT", "REVOKE", "COMMENT")
    return [statement for statement in database.done if statement.startswith(words)]


MADE = (
    'CREATE ROLE "grafana" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS'
    " CONNECTION LIMIT -1 VALID UNTIL 'infinity' PASSWORD '%s'" % STORED
)


def test_new_role_gets_the_stored_password_and_is_marked(database: support.Database) -> None:
    (made,) = _readers.carry(SOURCE, TARGET, ["grafana"])
    assert made == _readers.Carried("grafana", True, "", 0, True)
    assert told(database)[0] == MADE
    assert told(database)[1].startswith('COMMENT ON ROLE "grafana" IS ')
    assert len(told(database)) == 2


@pytest.mark.parametrize(
    ("now", "statements"),
    [
        (["grafana", "t", STORED, "infinity", "-1", "t"], 0),
        (["grafana", "f", STORED, "infinity", "-1", "t"], 1),
        (["grafana", "t", "SCRAM-other", "infinity", "-1", "t"], 1),
        (["grafana", "t", STORED, "2027-01-01 00:00:00+00", "-1", "t"], 1),
        (["grafana", "t", STORED, "infinity", "5", "t"], 1),
        (["grafana", "t", STORED, "infinity", "-1", None], 1),
    ],
)
def test_role_that_is_there_is_made_what_it_should_be(
    database: support.Database, now: list[Any], statements: int
) -> None:
    database.answers["rolbypassrls), rolpassword"] = [now]
    _readers.carry(SOURCE, TARGET, ["grafana"])
    changes = [text for text in told(database) if "NOLOGIN" not in text]
    assert len(changes) == statements
    assert not any(text.startswith("CREATE") for text in changes)


def test_membership_is_taken_and_who_is_not_named_is_shut_out(database: support.Database) -> None:
    database.answers["pg_auth_members a"] = [["grafana", "pg_read_all_data"]]
    database.answers["WHERE rolcanlogin\n"] = [["grafana"], ["former"]]
    assert _readers.carry(SOURCE, TARGET, ["grafana"])[0].changed
    assert told(database)[-2:] == [
        'REVOKE "pg_read_all_data" FROM "grafana"',
        'ALTER ROLE "former" NOLOGIN PASSWORD NULL',
    ]


def test_password_can_be_seen_in_no_servers_log(
    database: support.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def session(endpoint: Endpoint, settings: Any) -> Any:
        asked.append((endpoint.database, settings))
        return database(endpoint)

    monkeypatch.setattr(_readers, "Session", session)
    _readers.carry(SOURCE, TARGET, ["grafana"])
    (settings,) = [settings for name, settings in asked if name == "postgres"]
    assert settings["log_statement"] == "none"
    assert settings["log_min_error_statement"] == "panic"
    assert settings["log_min_duration_statement"] == "-1"


@pytest.mark.parametrize(
    ("rows", "names", "said"),
    [
        ([], ["grafana"], "no role grafana"),
        ([["bi", "f", "f", "infinity", "-1", "f"]], ["bi"], "role bi can't log in"),
        (
            [["litellm", *ROW[1:]], ["postgres", *ROW[1:]]],
            ["litellm", "postgres"],
            "litellm is a role of the container's own; postgres is",
        ),
    ],
)
def test_role_that_can_not_be_had_is_refused_before_any_is_made(
    database: support.Database, rows: Any, names: list[str], said: str
) -> None:
    database.answers = {"rolsuper OR rolbypassrls FROM": rows}
    with pytest.raises(PostgresError, match=said):
        _readers.carry(SOURCE, TARGET, names)
    assert told(database) == []


def test_only_a_container_gets_roles(database: support.Database) -> None:
    with pytest.raises(PostgresError, match="only made in a container"):
        _readers.carry(SOURCE, SOURCE, ["grafana"])
    assert _readers.carry(SOURCE, SOURCE, []) == []
    assert database.done == []


@pytest.mark.parametrize(
    ("stored", "why"),
    [
        (STORED, ""),
        (None, "it has none"),
        ("md5" + "a" * 32, "it is not stored by SCRAM"),
        (STORED + "'; DROP ROLE x", "it is not stored by SCRAM"),
        ("SCRAM-SHA-256$4096:c2FsdA==$a2V5:a2V5\n", "it is not stored by SCRAM"),
    ],
)
def test_only_what_scram_stores_is_carried(
    database: support.Database, stored: Any, why: str
) -> None:
    database.answers["SELECT rolname, rolpassword"] = [["grafana", stored]]
    known = _readers.passwords(SOURCE, None, ["grafana"])["grafana"]
    assert known.why.startswith(why) and known.seen
    assert known.stored == (None if why else stored)


def test_password_that_nobody_may_read_is_unknown_and_what_is_there_stays(
    database: support.Database,
) -> None:
    database.answers["pg_authid', 'SELECT'"] = [["f"]]
    known = _readers.passwords(SOURCE, None, ["grafana"])["grafana"]
    assert known == _readers.Known(None, "it can't be read (nobody saw how its server runs)", False)
    (made,) = _readers.carry(SOURCE, TARGET, ["grafana"])
    assert not made.password and "can't be read" in made.why
    assert "PASSWORD" not in told(database)[0]


def test_what_a_run_would_do_is_known_before(database: support.Database) -> None:
    assert not _readers.lacking(SOURCE, TARGET, [])
    assert _readers.lacking(SOURCE, TARGET, ["grafana"])
    database.answers["SELECT rolname FROM pg_catalog.pg_roles\nWHERE pg"] = [["grafana"]]
    assert not _readers.lacking(SOURCE, TARGET, ["grafana"])
    database.answers["SELECT o.rolname, g.kind"] = [list(SPEND)]
    assert _readers.lacking(SOURCE, TARGET, ["grafana"])
    assert told(database) == []


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A server of our own account's that runs in a folder."""
    account = Account.numbered(os.geteuid())
    monkeypatch.setattr(_native_server, "owner", lambda _server: account)
    monkeypatch.setattr(_native_server, "holder", lambda _server, _account: 7)
    lock = tmp_path / "postmaster.pid"
    lock.write_text("7\n%s\n1\n5434\n/run/pg\n127.0.0.1\n" % tmp_path)
    return {"folder": str(tmp_path), "account": account.name}


def test_account_of_the_server_is_asked_on_its_socket(
    database: support.Database, server: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Endpoint] = []

    def query(endpoint: Endpoint, _text: str) -> Any:
        asked.append(endpoint)
        return [["grafana", STORED]] if len(asked) > 1 else [["f"]]

    monkeypatch.setattr(_readers, "query", query)
    assert _readers.passwords(SOURCE, server, ["grafana"])["grafana"].stored == STORED
    place = asked[1]
    assert (place.database, place.host, place.port) == ("postgres", "/run/pg", 5434)
    assert (place.user, place.bindir) == (server["account"], SOURCE.bindir)
    assert place.account and place.password is None


@pytest.mark.parametrize(
    ("lines", "why"),
    [("7\nx\n1\n5434\n\n", "no Unix socket"), ("7\nx\n1\nodd\n/run\n", "no Unix socket")],
)
def test_server_without_a_socket_is_not_asked(
    database: support.Database, server: dict[str, Any], lines: str, why: str
) -> None:
    Path(server["folder"], "postmaster.pid").write_text(lines)
    database.answers["pg_authid', 'SELECT'"] = [["f"]]
    assert why in _readers.passwords(SOURCE, server, ["grafana"])["grafana"].why


def test_server_that_has_gone_is_not_asked(
    database: support.Database, server: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_native_server, "holder", lambda _server, _account: None)
    database.answers["pg_authid', 'SELECT'"] = [["f"]]
    assert "does not run in" in _readers.passwords(SOURCE, server, ["grafana"])["grafana"].why


KINDS = [
    (SPEND, 'SELECT ON TABLE "public"."LiteLLM_SpendLogs" TO "grafana"'),
    (USAGE, 'USAGE ON SCHEMA "public" TO "grafana"'),
    (
        SPEND._replace(name="LiteLLM_TeamTable", column="team_id"),
        'SELECT ("team_id") ON TABLE "public"."LiteLLM_TeamTable" TO "grafana"',
    ),
    (
        SPEND._replace(kind="SEQUENCE", name="n_seq"),
        'SELECT ON SEQUENCE "public"."n_seq" TO "grafana"',
    ),
]


@pytest.mark.parametrize(("right", "words"), KINDS)
def test_right_is_granted_by_its_name(
    database: support.Database, right: _readers.Right, words: str
) -> None:
    assert _readers.give(TARGET, [right])
    assert told(database) == ["GRANT " + words]


@pytest.mark.parametrize(
    ("right", "words"),
    [
        (FUTURE, ' IN SCHEMA "public" GRANT SELECT ON TABLES TO "grafana"'),
        (FUTURE._replace(schema=""), ' GRANT SELECT ON TABLES TO "grafana"'),
        (FUTURE._replace(kind="SEQUENCES", schema=""), ' GRANT SELECT ON SEQUENCES TO "grafana"'),
    ],
)
def test_right_to_what_is_made_later_is_granted(
    database: support.Database, right: _readers.Right, words: str
) -> None:
    assert _readers.give(TARGET, [right])
    assert told(database) == ["ALTER DEFAULT PRIVILEGES" + words]


def test_rights_are_those_and_no_others(database: support.Database) -> None:
    """What others than the named have is left; what is not there is left out."""
    other = ["bob", "TABLE", "public", "LiteLLM_SpendLogs", ""]
    old = ["grafana", "TABLE", "public", "LiteLLM_Config", ""]
    database.answers["SELECT o.rolname, g.kind"] = [other, old, list(USAGE)]
    gone = SPEND._replace(name="LiteLLM_Gone")
    strange = SPEND._replace(role="nobody")
    assert _readers.give(TARGET, [SPEND, USAGE, gone, strange], ["grafana"])
    assert told(database) == [
        'GRANT SELECT ON TABLE "public"."LiteLLM_SpendLogs" TO "grafana"',
        'REVOKE SELECT ON TABLE "public"."LiteLLM_Config" FROM "grafana"',
    ]
    database.done.clear()
    database.answers["SELECT o.rolname, g.kind"] = [other, list(SPEND), list(USAGE)]
    assert not _readers.give(TARGET, [SPEND, USAGE], ["grafana"])
    assert told(database) == []


def test_superuser_of_the_container_is_given_nothing(database: support.Database) -> None:
    database.answers = {"rolsuper OR rolbypassrls FROM": [["grafana", "t", "t", *ROW[3:]]]}
    assert not _readers.give(TARGET, [SPEND])


def test_nobody_may_make_tables_where_others_read(database: support.Database) -> None:
    database.answers["'public', oid, 'CREATE'"] = [["public"]]
    _readers.give(TARGET, [SPEND])
    assert told(database)[-1] == 'REVOKE CREATE ON SCHEMA "public" FROM PUBLIC'
    database.done.clear()
    _readers.give(SOURCE, [SPEND])  # a restored native one stays as it is
    assert not any("REVOKE" in text for text in told(database))


def test_without_rights_no_server_is_asked(database: support.Database) -> None:
    assert not _readers.give(TARGET, [])
    assert database.done == []


@pytest.mark.parametrize(
    "recorded",
    [None, {}, "x", [["grafana"]], [["a", "ROLE", "b", "c", "d"]], [[1, "TABLE", "", "", ""]]],
)
def test_manifest_that_is_none_of_ours_has_no_rights(recorded: object) -> None:
    assert _readers.parse(recorded) == []
    assert _readers.parse([list(SPEND)]) == [SPEND]


def test_new_host_gets_roles_without_passwords(database: support.Database) -> None:
    database.answers = {"shobj_description": [["grafana"], ["bi"]]}
    database.answers["rolsuper OR rolbypassrls FROM"] = [["bi", *ROW[1:]]]
    names = ["grafana", "bi", "postgres", "pg_monitor", "litellm"]
    assert _readers.make_bare(TARGET, names) == ["bi", "grafana"]
    assert [text for text in told(database) if text.startswith("CREATE")] == [
        'CREATE ROLE "grafana" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS'
    ]
    database.done.clear()
    assert _readers.make_bare(TARGET, ["postgres"]) == []
    assert database.done == []


def test_readers_are_disconnected_in_a_container_alone(database: support.Database) -> None:
    admin: Any = database(TARGET)
    _readers.disconnect(admin, SOURCE)
    assert database.done == [] and _readers.made(SOURCE) == []
    _readers.disconnect(admin, TARGET)
    assert "pg_terminate_backend" in database.done[0] and "'litellm'" in database.done[0]


def test_rights_are_counted_by_role() -> None:
    made = [_readers.Carried("grafana", True, "", 0, False)]
    rights = [SPEND, USAGE, SPEND._replace(role="bi")]
    assert _readers.counted(made, rights, False)[0].rights == 2
    assert _readers.counted(made, rights, True)[0].changed
