"""Who uses a server besides. The statements are tried on real servers in tests/integration."""

from __future__ import annotations

from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import others as _others
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.endpoint import Endpoint
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.programs import PostgresError


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a server answers, by the catalog that is asked; the databases that are connected to."""
    told: dict[str, Any] = {"asked": [], "holds": []}

    def query(endpoint: Endpoint, statement: str) -> list[list[Any]]:
        told["asked"].append(endpoint.database)
        if "pg_largeobject" in statement:
            return [[what] for what in support.answered(told["holds"])]
        names = ("pg_stat_activity", "pg_replication_slots", "pg_roles", "pg_database")
        return list(told.get(next(name for name in names if name in statement), []))

    monkeypatch.setattr(_others, "query", query)
    return told


def test_everything_beside_a_database_is_known(server: dict[str, Any]) -> None:
    server.update(
        pg_stat_activity=[["12", "reports", "app", "metabase", None]],
        pg_database=[["reports", "app"]],
        pg_roles=[["grafana"]],
        pg_replication_slots=[["standby"]],
        holds=["public.a", "public.b", "public.c", "public.d"],
    )
    assert _others.look(Endpoint("llm", "gateway", host="127.0.0.1")) == (
        [(12, "reports", "app", "metabase", "")],
        [("reports", "app", ""), ("postgres", "", "holds public.a, public.b, public.c and more")],
        ["grafana"],
        ["standby"],
    )
    assert server["asked"] == ["llm", "llm", "postgres", "llm", "llm"]


@pytest.mark.parametrize(
    ("holds", "databases"),
    [
        ([], []),
        (["public.t"], [("postgres", "", "holds public.t")]),
        (
            PostgresError("no pg_hba.conf entry"),
            [("postgres", "", "can't be looked into (no pg_hba.conf entry)")],
        ),
    ],
    ids=["empty", "used", "closed"],
)
def test_database_postgres_is_somebodys_unless_it_is_empty(
    server: dict[str, Any], holds: Any, databases: Any
) -> None:
    server["holds"] = holds
    assert _others.look(Endpoint("llm", "gateway", host="127.0.0.1")).databases == databases


def test_database_postgres_that_is_litellms_is_no_other(server: dict[str, Any]) -> None:
    server["holds"] = ["public.LiteLLM_SpendLogs"]
    assert _others.look(Endpoint("postgres", "gateway", host="127.0.0.1")).databases == []
