"""Roles that read LiteLLM's tables, carried into a container and brought along by a restore, on
real servers.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import contents as _contents
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import copy as _copy
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import readers as _readers
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import role as _role
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
    Session,
    query,
)
from ansible_collections.llmops.litellm.plugins.module_utils._restore import checks as _checks
from ansible_collections.llmops.litellm.plugins.module_utils._restore import database as _restore
from ansible_collections.llmops.litellm.plugins.module_utils._restore import swap as _swap

from . import conftest
from .conftest import Native
from .litellm import LITELLM

NOW = datetime(2026, 11, 30, 8, 0, tzinfo=timezone.utc)
NAME, PASSWORD = 'Graf"ana ü', "p@ss'w\\ord$ ü"
ROLE = '"Graf""ana ü"'
GIVEN = """GRANT SELECT ON "LiteLLM_SpendLogs", "MonthlyGlobalSpend" TO %(role)s;
GRANT INSERT ON "LiteLLM_SpendLogs" TO %(role)s;
GRANT SELECT (team_id) ON "LiteLLM_TeamTable" TO %(role)s;
GRANT SELECT ON "LiteLLM_CronJob" TO reporting; GRANT SELECT ON "LiteLLM_Config" TO PUBLIC;
GRANT SELECT ON SEQUENCE "LiteLLM_Numbered_id_seq" TO %(role)s;
CREATE TABLE orders (id int); GRANT SELECT ON orders TO %(role)s;
ALTER TABLE "LiteLLM_MCPServerTable" ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON "LiteLLM_MCPServerTable" TO %(role)s;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO %(role)s"""
RIGHTS = [
    ("SCHEMA", "public", "", ""),
    ("SEQUENCE", "public", "LiteLLM_Numbered_id_seq", ""),
    ("TABLE", "public", "LiteLLM_Config", ""),
    ("TABLE", "public", "LiteLLM_CronJob", ""),
    ("TABLE", "public", "LiteLLM_SpendLogs", ""),
    ("TABLE", "public", "LiteLLM_TeamTable", "team_id"),
    ("TABLE", "public", "MonthlyGlobalSpend", ""),
    ("TABLES", "public", "", ""),
]
# Everything of the source server that a copy must leave as it is.
SOURCE = """SELECT rolname, rolpassword, rolvaliduntil::text, '' FROM pg_authid
UNION ALL SELECT relname, relacl::text, '', '' FROM pg_class WHERE relacl IS NOT NULL
UNION ALL SELECT roleid::text, member::text, '', '' FROM pg_auth_members ORDER BY 1, 2"""


@pytest.fixture
def box() -> Iterator[Endpoint]:
    """A server behind the face of a container."""
    yield from conftest.contained("postgres")


@pytest.fixture
def place(native: Native) -> Iterator[Endpoint]:
    """A database of LiteLLM's that somebody else's role reads."""
    found = native.new(LITELLM)
    with Session(native.endpoint) as session:
        session.execute(
            "CREATE ROLE reporting; CREATE ROLE %s LOGIN CREATEDB CONNECTION LIMIT 7 VALID UNTIL"
            " '2099-01-01 00:00:00+00' PASSWORD '%s'; GRANT reporting, pg_monitor TO %s"
            % (ROLE, _role.scram(PASSWORD), ROLE)
        )
    native.run(found, GIVEN % {"role": ROLE})
    yield found
    native.clean()
    with Session(native.endpoint) as session:
        session.execute("DROP ROLE %s; DROP ROLE reporting" % ROLE)


def server(native: Native) -> dict[str, Any]:
    """How it was seen running."""
    return {
        "argv": ["postgres"],
        "program": native.endpoint.bindir + "/postgres",
        "account": "postgres",
        "folder": native.folder + "/data",
    }


def given(place: Endpoint) -> list[tuple[str, ...]]:
    return [right[1:] for right in _readers.held(place) if right.role == NAME]


def stored(place: Endpoint) -> list[list[Any]]:
    statement = """SELECT rolpassword, rolcanlogin, rolsuper OR rolcreatedb OR rolcreaterole
      OR rolreplication OR rolbypassrls, rolconnlimit, rolvaliduntil = '2099-01-01 00:00:00+00',
      (SELECT count(*) FROM pg_auth_members WHERE member = pg_authid.oid)
      FROM pg_authid WHERE rolname = '%s'"""
    return query(_role.administrator(place), statement % NAME)


def test_role_reads_in_the_container_what_it_reads_here_and_is_nothing_more(
    native: Native, box: Endpoint, place: Endpoint
) -> None:
    log = Path(str(query(_role.administrator(box), "SHOW data_directory")[0][0])).parent / "log"
    with Session(_role.administrator(box)) as session:
        for name, value in (("log_statement", "all"), ("log_min_duration_statement", "0")):
            session.execute("ALTER SYSTEM SET %s = '%s'" % (name, value))
        session.query("SELECT pg_reload_conf()")
    before = query(native.endpoint.on(place.database), SOURCE)

    done = _copy.copy(place, box, "ours", NOW, [NAME], server(native))
    assert done.differences == []
    assert done.readers == (_readers.Carried(NAME, True, "", len(RIGHTS), True),)
    assert given(box) == RIGHTS
    ((password, *attributes),) = stored(box)
    assert _role.matches(PASSWORD, password)
    assert attributes == ["t", "f", "7", "t", "0"]
    assert "CREATE DATABASE" in log.read_text()
    assert password not in log.read_text()
    assert query(native.endpoint.on(place.database), SOURCE) == before

    again = _copy.copy(place, box, "ours", NOW, [NAME], server(native))
    assert (again.action, again.readers[0].changed) == ("none", False)
    with Session(replace(box, user=NAME)) as session:
        assert session.query('SELECT count(*) FROM "LiteLLM_SpendLogs"') == [["50"]]
        assert session.query('SELECT team_id FROM "LiteLLM_TeamTable"') == [["team"]]
    for statement in (
        'SELECT spend FROM "LiteLLM_TeamTable"',
        'SELECT FROM "LiteLLM_VerificationToken"',
        'SELECT FROM "LiteLLM_MCPServerTable"',
        "DELETE FROM \"LiteLLM_SpendLogs\" WHERE request_id = 'r1'",
        "INSERT INTO \"LiteLLM_SpendLogs\" (request_id) VALUES ('x')",
        "CREATE TABLE mine (a int)",
        "CREATE DATABASE mine",
    ):
        with pytest.raises(PostgresError), Session(replace(box, user=NAME)) as session:
            session.execute(statement)
    native.run(box, "CREATE TABLE later (a int)")  # as a newer LiteLLM does
    assert query(replace(box, user=NAME), "SELECT count(*) FROM later") == [["0"]]


def test_what_changes_there_is_followed_and_who_is_not_named_is_shut_out(
    native: Native, box: Endpoint, place: Endpoint
) -> None:
    _copy.copy(place, box, "ours", NOW, [NAME], server(native))
    native.run(place, 'REVOKE SELECT ON "LiteLLM_SpendLogs" FROM %s' % ROLE)
    with Session(native.endpoint) as session:
        session.execute("ALTER ROLE %s PASSWORD '%s'" % (ROLE, _role.scram("another")))
    done = _copy.copy(place, box, "ours", NOW, [NAME], server(native))
    assert (done.action, done.readers[0].changed) == ("none", True)
    assert ("TABLE", "public", "LiteLLM_SpendLogs", "") not in given(box)
    assert _role.matches("another", str(stored(box)[0][0]))
    with Session(_role.administrator(box)) as session:
        session.execute("GRANT pg_read_all_data TO %s" % ROLE)
    assert _copy.copy(place, box, "ours", NOW, [NAME], server(native)).readers[0].changed
    assert stored(box)[0][-1] == "0"

    assert _copy.copy(place, box, "ours", NOW).readers == ()
    assert stored(box)[0][:2] == [None, "f"]


@pytest.mark.parametrize(
    ("password", "known", "why"),
    [
        ("NULL", True, "it has none"),
        ("'md5%s'" % ("a" * 32), True, "it is not stored by SCRAM"),
        ("NULL", False, "it can't be read"),
    ],
)
def test_password_that_is_not_carried_is_said(
    native: Native, box: Endpoint, place: Endpoint, password: str, known: bool, why: str
) -> None:
    with Session(native.endpoint) as session:
        session.execute("ALTER ROLE %s PASSWORD %s" % (ROLE, password))
    done = _copy.copy(place, box, "ours", NOW, [NAME], server(native) if known else None)
    assert not done.readers[0].password and why in done.readers[0].why
    assert stored(box)[0][:2] == [None, "t"]
    if not known:
        with Session(_role.administrator(box)) as session:
            session.execute("ALTER ROLE %s PASSWORD '%s'" % (ROLE, _role.scram("mine")))
        again = _copy.copy(place, box, "ours", NOW, [NAME])
        assert again.readers == (_readers.Carried(NAME, True, "", len(RIGHTS), False),)


def test_role_that_is_not_there_is_refused_with_all_others(
    native: Native, box: Endpoint, place: Endpoint
) -> None:
    with pytest.raises(PostgresError) as failed:
        _copy.copy(place, box, "ours", NOW, ["nobody", "reporting", "postgres"], server(native))
    for said in ("no role nobody", "reporting can't log in", "postgres is a role of the container"):
        assert said in str(failed.value)
    with pytest.raises(PostgresError, match="only made in a container"):
        _copy.copy(place, native.at(native.name()), "ours", NOW, [NAME])


def test_what_preflight_sees(native: Native, place: Endpoint) -> None:
    native.run(native.endpoint.on(place.database), "REVOKE SELECT ON orders FROM %s" % ROLE)
    with Session(place) as session:
        there = _contents.read(session)
        assert there is not None
        # Config, CronJob, MCPServerTable, SpendLogs, TeamTable, MonthlyGlobalSpend
        assert _readers.reading(session, there.scope) == {NAME: 6}
        assert _readers.members(session, "reporting") == [NAME]
        assert _readers.writing(session, there.scope, [NAME]) == {NAME: ["INSERT"]}
        assert _readers.hidden(session, there.scope, [NAME]) == {NAME: ["LiteLLM_MCPServerTable"]}
        known = _readers.roles(session, [NAME, "nobody", "reporting"])
        assert sorted(known) == [NAME, "reporting"] and not known["reporting"].login


def test_restore_brings_rights_along_and_waits_for_no_reader(
    native: Native, box: Endpoint, place: Endpoint, tmp_path: Path
) -> None:
    _copy.copy(place, box, "ours", NOW, [NAME], server(native))
    path = str(_backup.backup(_backup.Order(box, str(tmp_path), "compose"), NOW)["path"])
    fresh = _swap.fresh_name(box.database)
    done = _restore.restore(path, box.on(fresh), NOW, readers=_readers.held(box))
    assert done.differences == []
    assert given(box.on(fresh)) == RIGHTS

    left = threading.Event()

    def read() -> None:
        """A pool, which comes again whenever it is sent away."""
        while not left.is_set():
            try:
                query(replace(box, user=NAME), "SELECT pg_sleep(0.2)")
            except PostgresError:
                pass

    pool = threading.Thread(target=read)
    pool.start()
    try:
        assert _checks.check_clients(box) == []
        _swap.wait_alone(box, 5)
        assert _swap.swap(box, fresh, "kept", NOW)
        _swap.wait_alone(box, 5)
        _swap.unswap(box, fresh, "kept", NOW)
    finally:
        left.set()
        pool.join()
    assert given(box) == RIGHTS


def test_new_host_gets_the_roles_of_a_backup_without_their_passwords(
    native: Native, box: Endpoint, place: Endpoint, tmp_path: Path
) -> None:
    _copy.copy(place, box, "ours", NOW, [NAME], server(native))
    manifest = _backup.backup(_backup.Order(box, str(tmp_path), "compose"), NOW)["manifest"]
    rights = _readers.parse(manifest["readers"])
    assert "SCRAM" not in str(manifest)
    for new in conftest.contained("postgres"):
        _role.secure(new, "x")
        for _twice in range(2):
            assert _readers.make_bare(new, {NAME, "postgres", "litellm"}) == [NAME]
        path = str(tmp_path / str(manifest["name"]))
        assert _restore.restore(path, new, NOW, readers=rights).differences == []
        assert given(new) == RIGHTS
        assert query(
            _role.administrator(new),
            "SELECT rolpassword, rolcanlogin FROM pg_authid WHERE rolname = '%s'" % NAME,
        ) == [[None, "t"]]
