"""What preflight says of a database that holds more than LiteLLM's own."""

from __future__ import annotations

from typing import Any

import pytest
from legacy_host import SECRET, URL, deployment, texts

from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    preflight_contents as _preflight_contents,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    preflight_stores as _preflight_stores,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration.preflight_findings import (
    Findings,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.contents import (
    Attached,
    Contents,
    Scope,
)

ENDPOINT = _session.Endpoint("gateway", "gateway", host="db.example.com", image="pg:17")
SCOPE = Scope("public", ("public",), {}, {}, (), ("pg_trgm",))


def attached(kind: str, name: str = "audit", counts: bool = True, **more: Any) -> Attached:
    table = more.get("table", "LiteLLM_SpendLogs")
    owner, schema = more.get("owner", ""), more.get("schema", "public")
    return Attached(kind, table, name, counts, owner, more.get("superuser", False), schema)


def check(database: dict[str, Any], *accepted: str, facts: Any = None, url: str = URL) -> Findings:
    known: Any = {"database": {"major": 15}} if facts is None else facts
    return _preflight_contents.check_contents(deployment({"DATABASE_URL": url}), known, accepted)


def holding(database: dict[str, Any], *items: Attached, behind: Any = ()) -> dict[str, Any]:
    database["contents"] = Contents(SCOPE, list(behind), list(items))
    return database


def test_database_of_litellms_alone_has_nothing_to_say(database: dict[str, Any]) -> None:
    facts: Any = {"database": {"major": 15}}
    found = check(database, facts=facts)
    assert found.problems == [] and found.warnings == []
    assert facts["database"] == {
        "major": 15,
        "schema": "public",
        "extensions": [],
        "left_behind": [],
    }


BEHIND = ["extension pg_stat_statements", "schema app", "table app.orders", "3 large objects"]


def test_what_stays_is_named_and_is_no_obstacle(database: dict[str, Any]) -> None:
    facts: Any = {"database": {"major": 15}}
    found = check(holding(database, behind=BEHIND), facts=facts)
    assert found.problems == []
    assert texts(found.warnings) == (
        "database llm_gateway: holds what is not LiteLLM's: extension pg_stat_statements, schema"
        " app, table app.orders, 3 large objects -> it stays there as it is; LiteLLM's tables alone"
        " are copied, and copied back. Whoever reads them there sees them as they were at the"
        " cutover"
    )
    assert facts["database"]["left_behind"] == BEHIND
    assert facts["database"]["extensions"] == ["pg_trgm"]


def test_of_many_names_the_first_are_shown(database: dict[str, Any]) -> None:
    found = check(holding(database, behind=["table t%02d" % n for n in range(20)]))
    assert "table t11 and 8 more" in texts(found.warnings)


@pytest.mark.parametrize(
    ("item", "name"),
    [
        (attached("trigger"), "trigger LiteLLM_SpendLogs.audit"),
        (attached("rule", "note"), "rule LiteLLM_SpendLogs.note"),
        (attached("child", "", table="archive"), "table archive"),
        (attached("foreign key", "fk", table="extra"), "foreign key extra.fk"),
    ],
)
def test_what_would_be_without_effect_is_refused_until_it_is_accepted(
    database: dict[str, Any], item: Attached, name: str
) -> None:
    found = check(holding(database, item))
    assert [problem.subject for problem in found.problems] == [name]
    assert f"accept it with preflight_accept_down: [{name}]" in found.problems[0].remedy
    assert "drop" not in texts(found.problems).lower()
    assert check(database, name).problems == []


def test_trigger_that_is_disabled_acts_on_nothing(database: dict[str, Any]) -> None:
    found = check(holding(database, attached("trigger", counts=False)))
    assert found.problems == []
    assert "trigger LiteLLM_SpendLogs.audit" in texts(found.warnings)


@pytest.mark.parametrize(
    ("item", "said", "remedy"),
    [
        (
            attached("owner", "", False, owner="dba"),
            "has tables of role dba (LiteLLM_SpendLogs; LiteLLM's own), which role gateway can't"
            " write rows back to: a rollback would refuse",
            'GRANT "dba" TO "gateway" as a superuser',
        ),
        (
            attached("owner", "", False, owner="postgres", superuser=True),
            "has tables of role postgres",
            'ALTER TABLE "public"."LiteLLM_SpendLogs" OWNER TO "gateway", as a superuser',
        ),
        (
            attached(
                "foreign key", "fk", False, table="extra", owner="postgres", superuser=True
            )._replace(schema="Shop"),
            "has tables of role postgres (extra; they refer to LiteLLM's)",
            'ALTER TABLE "Shop"."extra" OWNER TO "gateway", as a superuser',
        ),
        (
            attached("foreign key", "fk", False, table="extra", owner="shop"),
            "has tables of role shop (extra; they refer to LiteLLM's)",
            'GRANT "shop" TO "gateway"',
        ),
        (
            attached("row security", ""),
            "hides rows of LiteLLM_SpendLogs from role gateway by row security",
            'ALTER ROLE "gateway" BYPASSRLS as a superuser',
        ),
        (
            attached("needs", "table shop", table="constraint c on table LiteLLM_TeamTable"),
            "constraint c on table LiteLLM_TeamTable needs table shop, which is not LiteLLM's",
            "let LiteLLM's table do without it",
        ),
    ],
)
def test_what_stands_in_the_way_back_is_refused_before(
    database: dict[str, Any], item: Attached, said: str, remedy: str
) -> None:
    found = check(holding(database, item)).problems
    assert len(found) == 1
    assert said in found[0].problem and remedy in found[0].remedy
    assert "drop" not in str(found[0]).lower()


def test_tables_of_one_role_are_one_problem(database: dict[str, Any]) -> None:
    items = [attached("owner", "", False, owner="dba", table=name) for name in ("a", "b")]
    (found,) = check(holding(database, *items)).problems
    assert "(a, b; LiteLLM's own)" in found.problem


@pytest.mark.parametrize(("bypasses", "counts"), [(True, True), (False, False)])
def test_row_security_that_hides_nothing_is_no_obstacle(
    database: dict[str, Any], bypasses: bool, counts: bool
) -> None:
    database["bypasses"] = bypasses
    assert check(holding(database, attached("row security", "", counts))).problems == []


def test_roles_that_read_and_tablespaces_are_told(database: dict[str, Any]) -> None:
    found = check(
        holding(
            database,
            attached("reader", "grafana", table="DELETE, SELECT"),
            attached("reader", "team", table="SELECT", counts=False),
            attached("reader", "importer", table="INSERT"),
            attached("tablespace", "fast"),
        )
    )
    assert found.problems == []
    assert "use LiteLLM's tables: team (SELECT), importer (INSERT) ->" in texts(found.warnings)
    assert "tables of LiteLLM's in tablespace fast" in texts(found.warnings)


def test_what_only_a_superuser_can_make_is_refused_where_litellm_needs_it(
    database: dict[str, Any],
) -> None:
    database["beyond"] = ["function raw"]
    found = check(database)
    assert "has function raw, which LiteLLM's tables need" in texts(found.problems)


def test_pg_dump_that_can_not_take_one_extension_alone_is_refused(
    database: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_session, "client_version", lambda _endpoint, _program: 13)
    found = check(holding(database, behind=BEHIND)).problems
    assert "pg_dump: pg_dump of PostgreSQL 13 can't take extension pg_trgm" in texts(found)
    assert check(holding(database)).problems == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (URL, "has no tables of LiteLLM's -> "),
        (URL + "?schema=proxy", "has no tables of LiteLLM's in schema proxy"),
    ],
)
def test_database_without_litellms_tables_is_refused(
    database: dict[str, Any], url: str, said: str
) -> None:
    database["contents"] = None
    assert said in texts(check(database, url=url).problems)


def test_database_that_did_not_answer_is_not_asked(database: dict[str, Any]) -> None:
    database["contents"] = None
    assert check(database, facts={}).problems == []
    assert check(database, facts={"database": {"port": 5434}}).problems == []


def test_catalogs_that_cannot_be_read_are_refused(
    database: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_words: object) -> None:
        raise _session.PostgresError("permission denied for pg_trigger")

    monkeypatch.setattr(_preflight_contents._contents, "read", fail)
    found = check(database)
    assert "permission denied for pg_trigger -> let the proxy's role read" in texts(found.problems)
    assert SECRET not in texts(found.problems)


def test_tables_that_the_role_may_not_read_are_refused() -> None:
    there = Contents(SCOPE, [], [])
    (problem,) = _preflight_contents.unread(
        there, "database x", "gateway", True, ["LiteLLM_SpendLogs", "LiteLLM_TeamTable"]
    )
    assert str(problem) == (
        "database x: does not let role gateway read LiteLLM_SpendLogs, LiteLLM_TeamTable: no backup"
        ' of it would be whole -> GRANT SELECT ON "public"."LiteLLM_SpendLogs",'
        ' "public"."LiteLLM_TeamTable" TO "gateway" as their owner'
    )
    assert _preflight_contents.unread(there, "database x", "gateway", True) == []


def test_of_a_database_elsewhere_only_what_can_be_read_counts(
    database: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_preflight_stores, "endpoint", lambda database, environment: ENDPOINT)
    holding(database, attached("trigger"), attached("owner", owner="boss"), behind=BEHIND)
    facts: Any = {"database": {"major": 15, "where": "elsewhere"}}
    found = check(database, facts=facts)
    assert (found.problems, found.warnings) == ([], [])
    assert facts["database"]["schema"] == "public"
    database["contents"] = None
    assert "has no tables of LiteLLM's" in texts(check(database, facts=facts).problems)
