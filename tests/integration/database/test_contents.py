"""LiteLLM's part of a database is taken, there and back, and what is somebody else's stays, on real
servers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Optional

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    contents as _contents,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import copy as _copy
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    copy_back as _copy_back,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import database as _database
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    fingerprint as _fingerprint,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
    Session,
    query,
)
from ansible_collections.llmops.litellm.plugins.module_utils._restore import database as _restore

from . import conftest
from .conftest import Native
from .litellm import LITELLM, OTHERS

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=timezone.utc)
SINCE = """INSERT INTO "LiteLLM_MCPServerTable" VALUES ('mcp');
INSERT INTO "LiteLLM_SpendLogs" (request_id) VALUES ('since');
INSERT INTO "LiteLLM_Numbered" DEFAULT VALUES;
UPDATE "LiteLLM_TeamTable" SET spend = 2"""
# Everything that is not LiteLLM's, and whose it is.
REST = """SELECT c.oid::regclass::text, c.relkind::text, c.relowner::regrole::text
FROM pg_class c WHERE c.oid >= 16384 AND c.relname !~ '^(LiteLLM_|_prisma|pg_toast|Monthly)'
UNION ALL SELECT p.oid::regprocedure::text, prokind::text, proowner::regrole::text
FROM pg_proc p WHERE oid >= 16384
UNION ALL SELECT tgname, tgenabled::text, tgrelid::regclass::text
FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT polname, 'p', polrelid::regclass::text FROM pg_policy
UNION ALL SELECT conname, contype::text, conrelid::regclass::text
FROM pg_constraint WHERE oid >= 16384
UNION ALL SELECT 'large objects', count(*)::text, '' FROM pg_largeobject_metadata
ORDER BY 1, 2, 3"""


@pytest.fixture(scope="module")
def box() -> Iterator[Endpoint]:
    """A server behind the face of a container."""
    yield from conftest.contained("postgres")


def litellm(native: Native, sql: str = "") -> Endpoint:
    """A database of LiteLLM's, with what somebody else has made in it."""
    place = native.new(LITELLM)
    with Session(native.endpoint.on(place.database)) as session:
        session.execute(sql)
    return place


def rest(native: Native, place: Endpoint) -> list[list[Optional[str]]]:
    return query(native.endpoint.on(place.database), REST)


@pytest.mark.parametrize("case", OTHERS)
def test_litellms_own_goes_there_and_back_and_the_rest_stays(
    native: Native, box: Endpoint, case: str
) -> None:
    sql, behind = OTHERS[case]
    place = litellm(native, sql)
    with Session(place) as session:
        found = _contents.read(session)
    assert found is not None and found.besides == behind
    before = rest(native, place)

    done = _copy.copy(place, box, "ours", NOW)
    assert done.differences == []
    assert done.source["hash"] == done.target["hash"] == _fingerprint.fingerprint(box)["hash"]
    assert query(box, 'SELECT count(*) FROM "LiteLLM_SpendLogs"') == [["50"]]
    with Session(box) as session:
        taken = _contents.read(session)
    assert taken is not None and taken.besides == []

    with Session(box) as session:
        session.execute(SINCE)
    done_back = _copy_back.copy_back(box, place, done.source["hash"])
    assert done_back.differences == []
    assert [item["name"] for item in done_back.tables] == [
        "LiteLLM_Config",
        "LiteLLM_MCPServerTable",
        "LiteLLM_Numbered",
        "LiteLLM_SpendLogs",
        "LiteLLM_TeamTable",
    ]
    assert query(place, 'SELECT count(*) FROM ONLY "LiteLLM_SpendLogs"') == [["51"]]
    assert rest(native, place) == before


@pytest.mark.parametrize("form", ["file", "folder"])
def test_backup_has_litellms_own_and_restores(
    native: Native, box: Endpoint, tmp_path: Path, form: str
) -> None:
    place = litellm(native, "; ".join(sql for sql, _behind in OTHERS.values()))
    order = _backup.Order(place, str(tmp_path), "legacy")
    if form == "folder":
        order = order._replace(how=order.how._replace(jobs=2, parallel_from=1))
    path = str(_backup.backup(order, NOW)["path"])
    assert _backup.verify(path) == []
    assert _restore.restore(path, box, NOW).differences == []
    with Session(box) as session:
        found = _contents.read(session)
    assert found is not None and found.besides == []


def test_what_a_table_of_litellms_needs_comes_along(native: Native, box: Endpoint) -> None:
    place = litellm(
        native,
        "CREATE SCHEMA tools; CREATE EXTENSION pg_trgm SCHEMA tools; CREATE TABLE tools.other ();"
        "GRANT USAGE ON SCHEMA tools TO public;"
        # one is called by a needed one, which the server records nowhere
        'CREATE FUNCTION tools."low-er"(text) RETURNS text IMMUTABLE LANGUAGE sql AS'
        " 'SELECT lower($1)';"
        "CREATE FUNCTION tools.trim_it(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';"
        "CREATE FUNCTION tools.slug(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS"
        """ 'BEGIN RETURN tools.TRIM_IT(tools."low-er"($1)); END';"""
        'CREATE INDEX i ON "LiteLLM_SpendLogs" USING gin (model tools.gin_trgm_ops);'
        'CREATE INDEX j ON "LiteLLM_SpendLogs" (tools.slug(model))',
    )
    assert _copy.copy(place, box, "ours", NOW).differences == []
    with Session(box) as session:
        found = _contents.read(session)
    assert found is not None
    assert found.scope.extensions == ("pg_trgm",)
    assert found.besides == []


def test_schema_of_its_own_is_taken_without_public(native: Native, box: Endpoint) -> None:
    place = native.new("CREATE SCHEMA proxy; SET search_path TO proxy;" + LITELLM)
    place = replace(place, schema="proxy")  # as its URL would say
    # one that was made again is no more somebody's than the server's own
    native.run(place, "DROP SCHEMA public; CREATE SCHEMA public")
    with Session(place) as session:
        alone = _contents.read(session)
    assert alone is not None and alone.behind == []
    native.run(place, "CREATE TABLE public.orders (a int)")
    with Session(place) as session:
        beside = _contents.read(session)
    assert beside is not None and beside.behind == ["table orders"]
    done = _copy.copy(place, box, "ours", NOW)
    assert done.differences == []
    with Session(box) as session:
        found = _contents.read(session)
    assert found is not None and found.scope.schema == "proxy" and found.behind == []
    assert query(box, 'SELECT count(*) FROM "LiteLLM_SpendLogs"') == [["50"]]


def test_partitions_of_its_spend_log_are_litellms(native: Native, box: Endpoint) -> None:
    place = native.new(LITELLM)
    native.run(
        place,
        'DROP TABLE "LiteLLM_SpendLogs" CASCADE; CREATE TABLE "LiteLLM_SpendLogs" (request_id text,'
        ' "startTime" timestamp(3)) PARTITION BY RANGE ("startTime");'
        'CREATE INDEX ON "LiteLLM_SpendLogs" ("startTime");'
        "CREATE TABLE old_rows PARTITION OF \"LiteLLM_SpendLogs\" FOR VALUES FROM ('2026-01-01') TO"
        " ('2027-01-01'); INSERT INTO \"LiteLLM_SpendLogs\" VALUES ('a', '2026-11-29')",
    )
    native.run(place, "CREATE TABLE orders (a int)")
    done = _copy.copy(place, box, "ours", NOW)
    assert done.differences == []
    assert query(box, "SELECT count(*) FROM old_rows") == [["1"]]


def test_database_of_litellms_alone_is_taken_as_a_whole(native: Native) -> None:
    with Session(native.new(LITELLM)) as session:
        assert _contents.scope(session) is None


def test_hash_of_an_earlier_release_is_recognized(native: Native) -> None:
    place = litellm(native, "CREATE TABLE orders (a int); GRANT SELECT ON orders TO PUBLIC")
    with Session(place, _fingerprint.SETTINGS) as session:
        whole = _fingerprint.take(session)["hash"]
        scope, part = _fingerprint.recognize(session)
        assert scope is not None and part["hash"] != whole
        assert _fingerprint.recognize(session, part["hash"]) == (scope, part)
        assert _fingerprint.recognize(session, whole)[0] is None
        assert _fingerprint.recognize(session, "another") == (scope, part)


def test_database_with_tables_of_others_is_not_dropped(native: Native) -> None:
    place = litellm(native, "CREATE TABLE orders (a int); GRANT SELECT ON orders TO PUBLIC")
    held = _fingerprint.fingerprint(place)["hash"]
    with pytest.raises(PostgresError, match="not LiteLLM's: table orders"):
        _database.drop(place, held)
    assert place.database in native.databases()
