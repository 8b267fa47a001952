"""Servers that settings name, and those that the proxy is connected to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from legacy_host import SECRET, URL, deployment, texts

from ansible_collections.llmops.litellm.plugins.module_utils._host import servers as _servers
from ansible_collections.llmops.litellm.plugins.module_utils._host.servers import Connection
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    preflight_connections as _connections,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration.preflight_connections import (  # noqa: E501
    DATABASE,
    REDIS,
    Named,
)

RIGHT = Connection("127.0.0.1", 6390, "", 16, "redis-check-rdb", "redis-server (process 16)")
OTHER = Connection("127.0.0.1", 6379, "", 17, "valkey-server", "valkey-server (process 17)")
AWAY = Connection("192.0.2.7", 6390)
POSTGRES = Connection("127.0.0.1", 5434, "", 15, "postgres", "postgres (process 15)")
SIX = POSTGRES._replace(address="::1")
POOL = Connection("127.0.0.1", 6432, "", 18, "pgbouncer", "pgbouncer (process 18)")
AT_SOCKET = Connection("", 0, "/var/run/pg/.s.PGSQL.5432", 15, "postgres", "postgres")
MODEL = Connection("127.0.0.1", 8082, "", 20, "llama-server", "llama-server (process 20)")
HERE = Named("REDIS_URL", "localhost", 6390)


@pytest.mark.parametrize(
    ("kind", "named", "found", "strangers", "connected"),
    [
        (REDIS, [HERE], [RIGHT, MODEL], [], True),
        (REDIS, [HERE], [MODEL], [], False),
        (REDIS, [HERE], [OTHER, MODEL], [OTHER], False),
        (REDIS, [HERE], [RIGHT, OTHER], [OTHER], True),
        (REDIS, [], [OTHER], [OTHER], False),
        (REDIS, [], [MODEL, POSTGRES], [], False),
        (REDIS, [Named("x", "192.0.2.7", 6390)], [AWAY], [], True),
        (DATABASE, [Named("x", "localhost", 5434)], [POSTGRES, RIGHT], [], True),
        (DATABASE, [Named("x", "localhost", 5434)], [SIX], [], True),
        (DATABASE, [Named("x", "127.0.0.1", 5434)], [SIX], [SIX], False),
        (DATABASE, [Named("x", "127.0.0.1", 5434)], [POOL], [POOL], False),
        (DATABASE, [Named("x", "", 5432, "/run/pg/.s.PGSQL.5432")], [AT_SOCKET], [], True),
        (DATABASE, [Named("x", "localhost", 5432)], [AT_SOCKET], [AT_SOCKET], False),
    ],
    ids=[
        "the one that is named",
        "none is open",
        "another one",
        "another one as well",
        "none is named",
        "other servers are none of its kind",
        "on another host",
        "PostgreSQL",
        "a name may be the other address",
        "an address is no other",
        "PostgreSQL through a pool",
        "socket",
        "socket, and a port is named",
    ],
)
def test_connections_are_compared_with_settings(
    kind: str, named: Any, found: Any, strangers: Any, connected: bool
) -> None:
    assert _connections.compare(kind, named, found) == (strangers, connected)


def test_socket_has_one_place_in_every_spelling(tmp_path: Path) -> None:
    """PostgreSQL's own folder by a link, and with a slash too many."""
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    seen = AT_SOCKET._replace(path=str(tmp_path / "folder/.s.PGSQL.5432"))
    for folder in ("link", "folder/", "link/../folder"):
        named = Named("x", "", 5432, "%s/%s/.s.PGSQL.5432" % (tmp_path, folder))
        assert _connections.compare(DATABASE, [named], [seen]) == ([], True)


def test_both_are_named_where_they_differ() -> None:
    found = _connections.check(REDIS, [HERE], [OTHER])
    assert texts(found.problems) == (
        "Redis: the proxy is connected to 127.0.0.1:6379, valkey-server (process 17); its settings "
        "name localhost:6390 (REDIS_URL) -> name the server that it shall use in its settings, "
        "restart the proxy, and run again"
    )
    assert found.warnings == []
    assert "name none" in texts(_connections.check(REDIS, [], [OTHER]).problems)


def test_no_connection_is_a_fact_and_no_problem() -> None:
    found = _connections.check(REDIS, [HERE], [])
    assert found.problems == []
    assert texts(found.warnings).startswith(
        "Redis: no connection of the proxy to localhost:6390 (REDIS_URL) is open at the moment"
    )
    found = _connections.check(REDIS, [], [])
    assert (found.problems, found.warnings) == ([], [])


@pytest.mark.parametrize(
    ("environment", "config", "found", "problems", "warnings"),
    [
        ({"DATABASE_URL": URL}, "", [POSTGRES], "", ""),
        ({"DATABASE_URL": URL}, "", [], "", "127.0.0.1:5434 (DATABASE_URL of the environment)"),
        ({"DATABASE_URL": URL}, "", [POOL], "6432, pgbouncer (process 18); its settings name", ""),
        ({"DATABASE_URL": "no URL %s" % SECRET}, "", [POOL], "", ""),
        ({}, "", [POOL], "settings name none", ""),
        (
            {"DATABASE_URL": "postgresql://u@/d?host=/run/pg"},
            "",
            [AT_SOCKET],
            "",
            "",
        ),
        (
            {"DATABASE_URL": URL, "REDIS_URL": "redis://:%s@localhost:6390" % SECRET},
            "",
            [POSTGRES, OTHER],
            "Redis: the proxy is connected to 127.0.0.1:6379",
            "",
        ),
        (
            {"DATABASE_URL": URL, "REDIS_CLUSTER_NODES": "[]"},
            "",
            [POSTGRES, OTHER],
            "",
            "",
        ),
    ],
    ids=[
        "as named",
        "not connected",
        "a pool",
        "what is no URL is said elsewhere",
        "none is named",
        "socket",
        "another Redis",
        "a cluster is said elsewhere",
    ],
)
def test_both_stores_are_compared(
    monkeypatch: pytest.MonkeyPatch,
    environment: Any,
    config: str,
    found: Any,
    problems: str,
    warnings: str,
) -> None:
    monkeypatch.setattr(_servers, "of", lambda pids: found)
    monkeypatch.setattr(_connections, "processes", lambda pid: [pid])
    seen = _connections.check_stores(deployment(environment, config))
    assert bool(seen.problems) == bool(problems)
    assert bool(seen.warnings) == bool(warnings)
    assert problems in texts(seen.problems)
    assert warnings in texts(seen.warnings)
    assert SECRET not in texts(seen.problems + seen.warnings)


def test_where_settings_are_not_known_nothing_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_servers, "of", lambda pids: [OTHER])
    seen = _connections.check_stores(deployment()._replace(unread="does not exist any more"))
    assert (seen.problems, seen.warnings) == ([], [])


def test_mcp_servers_of_the_proxy_are_not_the_proxy(tmp_path: Path) -> None:
    commands = {
        7: "/bin/sh\0start.sh",
        8: "/v/bin/python\0/v/bin/litellm\0--port\0004000",
        9: "/v/bin/python\0-c\0from multiprocessing.spawn import spawn_main",
        10: "/home/x/.cache/prisma-python/binaries/query-engine-debian\0-p\0001",
        11: "/v/bin/python\0-m\0mcp_server_postgres\0postgresql://elsewhere/x",
    }
    for pid, command in commands.items():
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "cmdline").write_text(command)
        parent = 1 if pid == 7 else 8 if pid > 8 else 7
        (tmp_path / str(pid) / "status").write_text("PPid:\t%d\n" % parent)
    assert _connections.processes(7, str(tmp_path)) == [7, 8, 9, 10]
