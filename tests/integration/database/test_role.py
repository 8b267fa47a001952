"""LiteLLM's role in a container, on real servers: as it is made now, and of 0.1.0's making.

The container is a cluster of Debian's; its engine, a script, runs the programs on its socket.
"""

from __future__ import annotations

import secrets
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Iterator

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import copy as _copy
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import database as _database
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import role as _role
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.fingerprint import (
    compare,
    fingerprint,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
    Session,
    query,
)
from ansible_collections.llmops.litellm.plugins.module_utils._restore import database as _restore
from ansible_collections.llmops.litellm.plugins.module_utils._restore import swap as _swap

from .conftest import Native, contained
from .content import NASTY

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=timezone.utc)
NAMES = "SELECT datname FROM pg_database WHERE NOT datistemplate"
PASSWORD = "p@ss'w\\ord$ ü"
PLAIN = """SELECT rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls
FROM pg_roles WHERE rolname = 'litellm'"""
# Whatever still belongs to a superuser in a database that is LiteLLM's.
STRANGE = """SELECT 'relation ' || relname FROM pg_class WHERE relowner = 10 AND oid >= 16384
UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE proowner = 10 AND oid >= 16384
UNION ALL SELECT 'type ' || typname FROM pg_type WHERE typowner = 10 AND oid >= 16384
UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspowner = 10 AND oid >= 16384
UNION ALL SELECT 'database ' || datname FROM pg_database
  WHERE datname = current_database() AND datdba = 10"""
MORE = """CREATE SCHEMA other; CREATE TABLE other.t (id serial PRIMARY KEY, v text);
CREATE VIEW other.v AS SELECT * FROM other.t; CREATE DOMAIN other.d AS int CHECK (VALUE > 0);
CREATE TYPE other.c AS (a int, b text); CREATE TYPE other.e AS ENUM ('a');
CREATE FUNCTION other.f(i int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE PROCEDURE other.p() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE other.s(int) (SFUNC = int4pl, STYPE = int);
CREATE OPERATOR other.@@@ (FUNCTION = other.f, RIGHTARG = int);
CREATE STATISTICS other.st ON id, v FROM other.t; CREATE SEQUENCE other.q;
CREATE MATERIALIZED VIEW other.m AS SELECT 1 AS a; INSERT INTO other.t (v) VALUES ('x')"""


@pytest.fixture
def old() -> Iterator[Endpoint]:
    """A server of 0.1.0's making, with a database that LiteLLM's role owns."""
    for endpoint in contained("litellm"):
        with Session(endpoint.on("postgres")) as session:
            session.execute("ALTER ROLE litellm PASSWORD '%s'" % PASSWORD.replace("'", "''"))
            session.execute("ALTER ROLE litellm SET statement_timeout = '7min'")
            session.execute("CREATE DATABASE litellm")
        with Session(endpoint) as session:
            session.execute(NASTY)
            session.execute(MORE)
        yield endpoint


def plain(place: Endpoint) -> bool:
    return query(place.on("postgres"), PLAIN) == [["t", *["f"] * 5]]


def stored(place: Endpoint) -> dict[str, object]:
    """Passwords as the server has them."""
    rows = query(_role.administrator(place), "SELECT rolname, rolpassword FROM pg_authid")
    return {str(name): value for name, value in rows if not str(name).startswith("pg_")}


def test_role_is_made_and_made_once(container: Endpoint) -> None:
    assert _role.secure(container, PASSWORD, check=True)
    assert _role.secure(container, PASSWORD)
    assert plain(container)
    assert not _role.secure(container, PASSWORD)
    assert not _role.secure(container)
    found = stored(container)
    assert _role.matches(PASSWORD, str(found.pop("litellm")))
    assert found == {"postgres": None}
    assert _role.secure(container, "another")
    assert not _role.matches(PASSWORD, str(stored(container)["litellm"]))


def test_server_of_0_1_0_is_the_same_but_for_who_owns_it(old: Endpoint) -> None:
    before, password = fingerprint(old), stored(old)["litellm"]
    assert _role.secure(old)
    assert compare(before, fingerprint(old)) == []
    assert plain(old)
    assert query(old, STRANGE) == []
    assert stored(old) == {"litellm": password, "postgres": None}
    assert query(old, "SHOW statement_timeout") == [["7min"]]
    assert not _role.secure(old)
    with Session(old) as session:
        session.execute("DROP TABLE other.t CASCADE; CREATE TABLE more (id int)")


def test_role_may_not_become_the_superuser(old: Endpoint) -> None:
    _role.secure(old)
    for statement in (
        "SET ROLE postgres",
        "ALTER ROLE litellm SUPERUSER",
        "CREATE DATABASE other",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f()",
    ):
        with pytest.raises(PostgresError), Session(old) as session:
            session.execute(statement)


def test_conversion_that_is_killed_anywhere_is_finished_by_the_next(
    old: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every run gets one statement further than the last; LiteLLM's role reads and writes after
    each.
    """
    before, execute = fingerprint(old), Session.execute
    runs, done = 0, 0

    def limited(session: Session, statement: str) -> None:
        nonlocal done
        if done == runs:
            raise KeyboardInterrupt
        done += 1
        execute(session, statement)

    while True:
        monkeypatch.setattr(Session, "execute", limited)
        try:
            _role.secure(old)
        except KeyboardInterrupt:
            runs, done = runs + 1, 0
            _role._superuser.cache_clear()
        else:
            break
        finally:
            monkeypatch.setattr(Session, "execute", execute)
        with Session(old) as session:
            session.execute("BEGIN")
            session.execute("UPDATE other.t SET v = 'y'")
            session.execute("ALTER TABLE other.t ADD COLUMN more int")
            session.execute("ROLLBACK")
    assert runs > 10
    assert plain(old)
    assert query(old, STRANGE) == []
    assert compare(before, fingerprint(old)) == []
    assert set(stored(old)) == {"litellm", "postgres"}


def test_clients_that_hold_a_table_are_waited_for(
    old: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(_role._LOCKS, "lock_timeout", "50ms")
    with Session(old) as client:
        client.execute("BEGIN")
        client.execute("UPDATE other.t SET v = 'y'")
        with pytest.raises(PostgresError, match="lock timeout"):
            _role.secure(old)
    assert _role.secure(old)
    assert query(old, STRANGE) == []


def test_event_trigger_is_never_run_as_the_superuser(old: Endpoint) -> None:
    with Session(old) as session:
        session.execute(
            "CREATE TABLE fired (); CREATE FUNCTION fire() RETURNS event_trigger LANGUAGE plpgsql"
            " AS 'BEGIN CREATE TABLE IF NOT EXISTS caught (); END';"
            " CREATE EVENT TRIGGER fire ON ddl_command_end EXECUTE FUNCTION fire();"
        )
    try:
        _role.secure(old)
    except PostgresError as error:
        assert "event trigger fire would run as the server's superuser" in str(error)
    else:
        assert query(old, "SELECT to_regclass('caught')") == [[None]]


def test_name_of_the_superuser_that_is_taken(old: Endpoint) -> None:
    with Session(old.on("postgres")) as session:
        session.execute("CREATE ROLE postgres")
    _role.secure(old)
    assert plain(old)
    assert _role.administrator(old).user == "llmops_superuser"


def test_database_is_the_roles_own(container: Endpoint) -> None:
    _role.secure(container, PASSWORD)
    with Session(_role.administrator(container), _role.SETTINGS) as session:
        _role.create(session, container)
    assert query(container, STRANGE) == []
    with Session(container) as session:
        session.execute("COMMENT ON SCHEMA public IS 'mine'; CREATE TABLE t ()")


ATTACK = """CREATE TABLE t (id int); INSERT INTO t VALUES (1);
CREATE FUNCTION strike() RETURNS void LANGUAGE plpgsql AS $f$ BEGIN
  IF current_user NOT LIKE 'gate%%' THEN COPY (SELECT 1) TO PROGRAM 'touch %s'; END IF; END $f$;
CREATE FUNCTION cheap(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
  $f$ BEGIN PERFORM public.strike(); RETURN i; END $f$;
CREATE INDEX evil ON t (cheap(id))"""


@pytest.mark.parametrize("way", ["copy", "restore"])
def test_function_of_an_index_does_not_run_as_a_superuser(
    native: Native, container: Endpoint, tmp_path: Path, way: str
) -> None:
    """At its home the function is harmless; wherever it could do harm, it does."""
    canary = Path(tempfile.gettempdir()) / ("llmops-canary-%s" % secrets.token_hex(8))
    source = native.new(ATTACK % canary)
    with pytest.raises(PostgresError, match="permission denied|must be superuser"):
        if way == "copy":
            _copy.copy(source, container, "unchanged", NOW)
        else:
            backup = _backup.backup(_backup.Order(source, str(tmp_path), "legacy"), NOW)
            _restore.restore(str(backup["path"]), container, NOW)
    assert not canary.exists()
    assert {row[0] for row in query(_role.administrator(container), NAMES)} == {"postgres"}


def test_server_of_0_1_0_is_secured_before_anything_is_loaded(
    native: Native, old: Endpoint
) -> None:
    done = _copy.copy(native.new(NASTY), old.on("copied"), "unchanged", NOW)
    assert (done.action, done.differences) == ("create", [])
    assert plain(old)
    assert query(old.on("copied"), STRANGE) == []


def test_copy_belongs_to_the_role_and_can_be_backed_up_and_restored(
    native: Native, container: Endpoint, tmp_path: Path
) -> None:
    _role.secure(container, PASSWORD)
    assert _copy.copy(native.new(NASTY), container, "unchanged", NOW).differences == []
    assert query(container, STRANGE) == []
    path = str(_backup.backup(_backup.Order(container, str(tmp_path), "compose"), NOW)["path"])
    fresh = container.on(_swap.fresh_name(container.database))
    assert _restore.restore(path, fresh, NOW).differences == []
    _swap.check_rights(container)
    _swap.swap(container, fresh.database, "kept", NOW)
    assert query(container, STRANGE) == []
    assert _swap.discard(container) == ["kept"]
    assert _database.drop(container, None)


def test_server_that_is_no_container_is_left_alone() -> None:
    place = Endpoint("a", "b", host="/nowhere")
    assert not _role.secure(place)
    assert _role.administrator(place) == place.on("postgres")
