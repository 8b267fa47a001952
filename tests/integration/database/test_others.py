"""Who uses a server beside LiteLLM's role, on a real server of its own: as the server says it to
that role, and as the kernel says it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    connections as _connections,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import listeners as _listeners
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import others as _others
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    Session,
    from_url,
)

from .conftest import started


@pytest.fixture(scope="module")
def server() -> Iterator[Endpoint]:
    """The superuser's endpoint of a server with LiteLLM's role and database."""
    with started() as admin:
        with Session(admin) as session:
            session.execute("CREATE ROLE gateway LOGIN PASSWORD 'x'")
            session.execute("CREATE DATABASE llm OWNER gateway")
        yield admin


@pytest.fixture
def litellm(server: Endpoint) -> Endpoint:
    """LiteLLM's database as its own role sees it."""
    return from_url("postgresql://gateway:x@127.0.0.1:%d/llm" % server.port)


def test_server_that_is_litellms_alone_has_no_others(server: Endpoint, litellm: Endpoint) -> None:
    found = _others.look(litellm)
    assert (found.databases, found.roles, found.slots) == ([], [], [])
    assert {item.database for item in found.sessions} <= {""}


def test_everybody_else_is_seen_by_litellms_role(server: Endpoint, litellm: Endpoint) -> None:
    with Session(server) as session:
        for statement in (
            "CREATE ROLE app LOGIN PASSWORD 'x'",
            "CREATE ROLE grafana LOGIN",
            "CREATE ROLE past LOGIN VALID UNTIL '2020-01-01'",
            "CREATE ROLE dba LOGIN SUPERUSER",
            "CREATE ROLE team",
            "CREATE DATABASE reports OWNER app",
            "CREATE TABLE orders (id int)",
        ):
            session.execute(statement)
        session.query("SELECT pg_create_physical_replication_slot('standby')")
    place = from_url("postgresql://app:x@127.0.0.1:%d/reports" % server.port)
    listening = _listeners.listeners()
    holder = _listeners.holder(listening, server.port)
    assert holder is not None and holder.pid is not None
    with Session(place) as theirs, Session(server.on("llm")) as local:
        pids = [int(each.query("SELECT pg_backend_pid()")[0][0] or 0) for each in (theirs, local)]
        found = _others.look(litellm)
        connected = {item.server: item for item in _connections.connections(holder.pid, listening)}
        assert connected[pids[0]].address == "127.0.0.1"
        assert connected[pids[1]].address == ""
        assert None not in {connected[pid].client for pid in pids}
    sessions = {item.pid: (item.database, item.role) for item in found.sessions}
    assert [sessions[pid] for pid in pids] == [("reports", "app"), ("llm", "postgres")]
    assert found.databases == [("reports", "app", ""), ("postgres", "", "holds public.orders")]
    assert (found.roles, found.slots) == (["app", "grafana"], ["standby"])


def test_database_postgres_that_is_closed_to_litellm_is_said(
    server: Endpoint, litellm: Endpoint
) -> None:
    with Session(server) as session:
        session.execute("REVOKE CONNECT ON DATABASE postgres FROM PUBLIC")
        found = [item for item in _others.look(litellm).databases if item.name == "postgres"]
        session.execute("GRANT CONNECT ON DATABASE postgres TO PUBLIC")
    assert "can't be looked into (" in found[0].seen
    assert "permission denied for database" in found[0].seen


def test_database_postgres_with_what_administrators_have_is_nobodys(
    server: Endpoint, litellm: Endpoint
) -> None:
    with Session(server) as session:
        session.execute("DROP TABLE IF EXISTS orders")
        session.execute("CREATE EXTENSION pg_stat_statements")
        assert "postgres" not in [item.name for item in _others.look(litellm).databases]
        session.execute("CREATE EXTENSION pg_trgm")
        found = [item for item in _others.look(litellm).databases if item.name == "postgres"]
    assert found[0].seen == "holds extension pg_trgm"
