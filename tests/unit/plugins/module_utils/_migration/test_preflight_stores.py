"""What preflight finds wrong with the databases, Redis and model servers."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any, Callable, Optional

import pytest
from legacy_host import CONFIG, SECRET, URL, deployment, read, settings, texts

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import legacy as _legacy
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    process_unit as _process_unit,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import servers as _servers
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._host.listeners import Listener
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import Problem
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    preflight_stores as _preflight_stores,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration.preflight_findings import (
    Findings,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import endpoint as _endpoint
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session
from ansible_collections.llmops.litellm.plugins.module_utils._redis import (
    native_data as _native_data,
)
from ansible_collections.llmops.litellm.plugins.module_utils._redis import redis as _redis

Look = Callable[..., Findings]


@pytest.fixture
def look(servers: list[Listener], pings: list[_redis.Native], tmp_path: Path) -> Look:
    """What is said of a proxy's Redis, on a host with these servers and with these settings."""

    def said(
        legacy: _legacy.Running, listeners: Optional[list[Listener]] = None, **given: Any
    ) -> Findings:
        there = servers if listeners is None else listeners
        return _preflight_stores.check_redis(legacy, settings(tmp_path, **given), there)

    return said


def test_unit_that_could_not_come_back_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        _systemd,
        "obstacle",
        lambda record, check: Problem("unit " + record["name"], "is bad", "") if check else None,
    )
    store = {"unit": {"name": "redis.service"}}
    facts: Any = {"legacy": {"units": [{"name": "litellm.service"}]}, "redis": store}
    assert [str(problem) for problem in _preflight_stores.check_units(facts)] == [
        "unit litellm.service: is bad",
        "unit redis.service: is bad",
    ]


def test_database_is_told_without_its_password(
    servers: list[Listener], database: dict[str, Any]
) -> None:
    found = _preflight_stores.check_database(
        deployment({"DATABASE_URL": URL, "LITELLM_SALT_KEY": "salt"}), servers
    )
    assert found.problems == []
    assert found.facts["database"].pop("unit")["name"] == "postgresql@15-main.service"
    assert found.facts["database"] == {
        "where": "here",
        "rootcert": "",
        "host": "127.0.0.1",
        "port": 5434,
        "name": "llm_gateway",
        "user": "gateway",
        "origin": "DATABASE_URL of the environment",
        "variables": [],
        "process": "postgres (process 15)",
        "server": {"argv": ["postgres", "-D", "x"], "process": 15},
        "server_version": "15.18",
        "major": 15,
        "bytes": 1000,
        "max_connections": 100,
        "stored_models": 1,
        "migrations": ["a", "b"],
        "salt_key_proved": True,
    }
    assert SECRET not in json.dumps(found.facts)
    assert database["keys"] == {"salt"}


def test_client_programs_older_than_the_server_are_refused(
    servers: list[Listener], database: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_session, "client_version", lambda _endpoint, _program: 14)
    found = _preflight_stores.check_database(deployment({"DATABASE_URL": URL}), servers)
    assert texts(found.problems) == (
        "pg_dump: is of PostgreSQL 14 and can't read a server of 15 -> install the client programs"
        " of PostgreSQL 15 (postgresql-client-15)"
    )


def test_tables_are_looked_for_in_the_schema_of_the_url(
    servers: list[Listener], database: dict[str, Any]
) -> None:
    url = URL + "?schema=proxy"
    _preflight_stores.check_database(deployment({"DATABASE_URL": url}), servers)
    asked = " ".join(database["asked"])
    assert '"proxy"."LiteLLM_ProxyModelTable"' in asked
    assert "schemaname = 'proxy'" in asked and '"proxy"."_prisma_migrations"' in asked


def test_without_a_salt_key_the_master_key_is_tried(
    servers: list[Listener], database: dict[str, Any]
) -> None:
    _preflight_stores.check_database(deployment({"DATABASE_URL": URL}), servers)
    assert database["keys"] == {"sk-" + SECRET}


def test_database_without_a_ledger_has_no_migrations(
    servers: list[Listener], database: dict[str, Any]
) -> None:
    database["ledger"] = None
    found = _preflight_stores.check_database(deployment({"DATABASE_URL": URL}), servers)
    assert found.facts["database"]["migrations"] is None


@pytest.mark.parametrize(
    ("outcomes", "proved", "refused"),
    [
        ((True, None), True, False),
        ((None, None), False, False),
        ((False, None), False, True),
        ((True, False), True, True),
    ],
    ids=["proved", "unknown format", "wrong", "wrong for one"],
)
def test_salt_key_is_proved_by_what_it_opens(
    servers: list[Listener], database: dict[str, Any], outcomes: Any, proved: bool, refused: bool
) -> None:
    database["outcomes"] = dict(zip(("gAAA", "bBBB"), outcomes))
    found = _preflight_stores.check_database(deployment({"DATABASE_URL": URL}), servers)
    assert found.facts["database"]["salt_key_proved"] == proved
    assert [item.subject for item in found.problems] == ["LITELLM_SALT_KEY"] * refused


@pytest.mark.parametrize("stored", ["null", "[1]", '"text"', "{}", '{"a": 1}'])
def test_stored_model_without_parameters_proves_nothing(stored: str) -> None:
    assert _preflight_stores._try_salt_key({"LITELLM_SALT_KEY": SECRET}, [stored]) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://x:%s@127.0.0.1/y" % SECRET, "mend it there, and restart the proxy"),
        (
            URL.replace("5434", "5555"),
            "points to 127.0.0.1:5555, where no PostgreSQL of this host listens",
        ),
    ],
    ids=["another program", "nobody listens"],
)
def test_database_that_cannot_be_moved_is_refused(
    servers: list[Listener], database: dict[str, Any], url: str, said: str
) -> None:
    found = texts(
        _preflight_stores.check_database(deployment({"DATABASE_URL": url}), servers).problems
    )
    assert said in found
    assert SECRET not in found


def test_servers_that_systemd_does_not_know_are_refused(
    servers: list[Listener],
    database: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(
        _process_unit,
        "behind",
        lambda _listener: _process_unit.Found(None, "is in cron.service, which runs as root"),
    )
    monkeypatch.setattr(
        _process, "run", lambda argv: Result(0, "Redis server v=7.0.15 sha=00000000:0", "")
    )
    legacy = deployment({"DATABASE_URL": URL, **HERE})
    found = _preflight_stores.check_database(legacy, servers).problems
    found += _preflight_stores.check_redis(legacy, settings(tmp_path), servers).problems
    assert [item.subject for item in found] == ["port 5434", "port 6379"]
    assert all(
        "is in cron.service, which runs as root" in item.problem
        and item.remedy == _preflight_stores.ORPHANED
        for item in found
    )


def test_database_that_does_not_answer_is_refused(
    servers: list[Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(endpoint: Any) -> Any:
        raise _session.PostgresError("password authentication failed")

    monkeypatch.setattr(_session, "server_version", refuse)
    assert "DATABASE_URL: password authentication failed" in texts(
        _preflight_stores.check_database(deployment({"DATABASE_URL": URL}), servers).problems
    )


CACHE = (
    "litellm_settings:\n  cache: true\n  cache_params: {type: redis, host: localhost, port: 6380}\n"
)
HERE = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": "6379"}


@pytest.mark.parametrize(
    ("environment", "config", "port"),
    [
        ({}, CONFIG, None),
        ({"REDIS_PORT": "6379"}, CONFIG, None),
        ({"REDIS_HOST": "localhost"}, CONFIG, 6379),
        (HERE, CACHE, 6380),
        ({}, CACHE, 6380),
        ({"REDIS_URL": "redis://127.0.0.1:6381/0"}, "", 6381),
        ({"REDIS_URL": "redis://u:12345@127.0.0.1:6381"}, "", 6381),
        ({"REDIS_URL": "redis://127.0.0.1:6381?db=0"}, "", 6381),
        ({"REDIS_URL": "redis://127.0.0.1"}, "", 6379),
        (
            {"REDIS_URL": "redis://127.0.0.1:6381", **HERE},
            CACHE.replace("host: localhost, port: 6380", "url: os.environ/REDIS_URL"),
            6381,
        ),
        (
            {"CACHE_URL": "redis://127.0.0.1:6381", **HERE},
            "router_settings: {redis_url: os.environ/CACHE_URL}\n"
            + CACHE.replace("host: localhost, port: 6380", "url: os.environ/CACHE_URL"),
            6381,
        ),
    ],
    ids=[
        "none",
        "a port alone",
        "no port",
        "configuration first",
        "configuration",
        "URL",
        "URL with a password of digits",
        "URL with a query",
        "URL without a port",
        "another application's on the usual port",
        "URL by another name",
    ],
)
def test_redis_is_found_where_the_proxy_finds_it(
    look: Look,
    servers: list[Listener],
    pings: list[_redis.Native],
    environment: Any,
    config: str,
    port: Any,
) -> None:
    there = Listener("127.0.0.1", port or 1, 16, "redis-server (process 16)")
    found = look(deployment(environment, config), [there, *servers])
    assert (found.problems, found.warnings) == ([], [])
    redis = found.facts["redis"]
    assert (redis and redis["port"]) == port
    assert {item.port for item in pings} == ({port} if port else set())
    assert redis is None or (redis["major"], redis["release"]) == (7, "Redis 7.0")


def test_redis_is_asked_with_the_proxys_password(look: Look, pings: list[_redis.Native]) -> None:
    legacy = deployment({**HERE, "REDIS_PASSWORD": "wrong"})
    found = look(legacy)
    shown = texts(found.problems)
    assert shown.startswith("port 6379: native Redis on port 6379: WRONGPASS (REDIS_HOST of the ")
    assert "wrong" not in shown + json.dumps(found.facts)
    legacy = deployment({**HERE, "REDIS_PASSWORD": SECRET, "REDIS_USERNAME": "u"})
    found = look(legacy)
    assert pings[-1] == _redis.Native("127.0.0.1", 6379, "u", SECRET)
    assert found.problems == []
    assert SECRET not in json.dumps(found.facts)


def test_redis_that_names_a_folder_of_others_is_a_warning(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its keys cross another way; that they won't come back is said before."""
    data = {"folder": "", "file": "", "append_only": False, "account": "", "refused": "says /etc"}
    legacy = deployment(HERE)
    honest = look(legacy)
    monkeypatch.setattr(_native_data, "data_of", lambda _native: data)
    found = look(legacy)
    assert (honest.warnings, found.problems) == ([], [])
    assert texts(found.warnings).startswith("port 6379: says /etc -> its keys are copied as to a ")
    assert found.facts["redis"]["data"] == data


def test_port_that_is_none_is_not_repeated(look: Look) -> None:
    found = texts(look(deployment({**HERE, "REDIS_PORT": "redis://:%s@h" % SECRET}), []).problems)
    assert found.startswith("REDIS_HOST of the environment: REDIS_PORT of the environment, port: ")
    assert SECRET not in found


BUFFER = "general_settings:\n  use_redis_transaction_buffer: %s\n"


@pytest.mark.parametrize(
    ("config", "holds"),
    [
        (BUFFER % "true", True),
        (BUFFER % "True", True),
        (BUFFER % '"true"', True),
        (BUFFER % "yes", True),
        ("general_settings: {use_redis_transaction_buffer: true}\n", True),
        ("general_settings:\n  'use_redis_transaction_buffer': true\n", True),
        (BUFFER % "os.environ/BUFFERED", True),
        (BUFFER % "false", False),
        (BUFFER % "os.environ/NOSUCH", False),
        ("litellm_settings:\n  use_redis_transaction_buffer: true\n", False),
        ("# general_settings:\n  # use_redis_transaction_buffer: true\n", False),
    ],
)
def test_spend_that_only_redis_has_is_not_left_behind(
    look: Look, pings: list[_redis.Native], config: str, holds: bool
) -> None:
    legacy = deployment({**HERE, "BUFFERED": "true"}, config)
    found = texts(look(legacy, carry_redis=False).problems)
    assert ("litellm_carry_redis: is false" in found) == holds
    assert pings == []


def test_model_servers_are_told_and_silent_ones_warned_of(
    servers: list[Listener], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "proxyd").write_text("")
    monkeypatch.setattr(_preflight_stores, "PROXYD", str(tmp_path / "proxyd"))
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_server(("127.0.0.1", 0)) as gone,
    ):
        port, silent = server.getsockname()[1], gone.getsockname()[1]
        gone.close()
        config = CONFIG.replace("8082", str(port)) + "# http://127.0.0.1:9999\n"
        legacy = deployment(
            {
                "RERANK_BASE": "http://localhost:%d/v1" % silent,
                "SELF": "http://127.0.0.1:4000",
                "DATABASE_URL": URL,
            },
            config,
        )
        found = _preflight_stores.check_model_servers(
            legacy,
            {"legacy": legacy.facts, "database": {"port": 5434}, "redis": None},
            [*servers, Listener("0.0.0.0", port, None, "llama-server")],
        )
    assert found.problems == []
    assert {
        entry["port"]: (entry["answers"], entry["loopback"]) for entry in found.facts["model_hosts"]
    } == {port: (True, False), silent: (False, True)}
    assert "model server 127.0.0.1:%d: does not answer now" % silent in texts(found.warnings)
    assert "127.0.0.1:%d" % port not in texts(found.warnings)


@pytest.mark.parametrize(
    ("address", "needed"), [("127.0.0.1", True), ("::1", True), ("0.0.0.0", False)]
)
def test_bridges_need_their_program(
    servers: list[Listener],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    address: str,
    needed: bool,
) -> None:
    monkeypatch.setattr(_preflight_stores, "PROXYD", str(tmp_path / "nosuch"))
    monkeypatch.setattr(_preflight_stores, "_answers", lambda port: True)
    problems = _preflight_stores.check_model_servers(
        deployment(),
        {"legacy": deployment().facts},
        [Listener(address, 8082, None, "llama-server")],
    ).problems
    assert texts(problems).startswith("systemd-socket-proxyd: is not installed") == needed


def test_servers_and_redis_of_an_included_file_are_found(
    servers: list[Listener], pings: list[_redis.Native], including: Path, tmp_path: Path
) -> None:
    (tmp_path / "models.yaml").write_text(CONFIG + "  use_redis_transaction_buffer: true\n" + CACHE)
    found = _preflight_stores.check_model_servers(
        read(including), {"legacy": {"port": 4000}}, servers
    )
    assert found.problems == []
    assert [item["port"] for item in found.facts["model_hosts"]] == [8082]
    there = Listener("127.0.0.1", 6380, 16, "redis-server (process 16)")
    found = _preflight_stores.check_redis(read(including), settings(tmp_path), [there, *servers])
    assert found.problems == []
    redis: Any = found.facts["redis"]
    assert redis["port"] == 6380
    assert redis["holds_spend"]


SOCKET = "postgresql://gateway@localhost/llm_gateway?host=/run/pg"


@pytest.mark.parametrize(
    ("environment", "config"),
    [
        ({"DATABASE_URL": SOCKET}, CONFIG),
        ({"DATABASE_URL": SOCKET.replace("localhost", "")}, CONFIG),
        ({"DATABASE_URL": "postgres://gateway@%2Frun%2Fpg/llm_gateway"}, CONFIG),
        ({"MY_DB": SOCKET}, "general_settings: {database_url: os.environ/MY_DB}"),
        (
            {
                "DATABASE_HOST": "%2Frun%2Fpg",
                "DATABASE_USERNAME": "gateway",
                "DATABASE_NAME": "llm_gateway",
            },
            CONFIG,
        ),
    ],
    ids=["host in the query", "no host", "percent-encoded", "configuration", "parts"],
)
def test_database_at_a_socket_is_found_by_it(
    servers: list[Listener],
    database: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    environment: Any,
    config: str,
) -> None:
    at = Listener("/run/pg", 5432, 15, "postgres (process 15)")
    monkeypatch.setattr(_legacy, "listener_at", lambda port, found, host: at)
    found = _preflight_stores.check_database(deployment(environment, config), servers)
    assert found.problems == []
    told = found.facts["database"]
    assert (told["host"], told["port"], told["name"]) == ("/run/pg", 5432, "llm_gateway")
    assert told["unit"]["name"] == "postgresql@15-main.service"


@pytest.mark.parametrize(
    ("url", "here", "said"),
    [
        (
            SOCKET.replace("/run/pg", "/nosuch"),
            False,
            "DATABASE_URL: names the socket /nosuch/.s.PGSQL.5432, where nobody answers",
        ),
        (
            URL.replace("127.0.0.1", "gateway.lan"),
            True,
            "DATABASE_URL: points to gateway.lan:5434, which is this host itself -> name it as "
            "127.0.0.1",
        ),
        (
            URL.replace("127.0.0.1:5434", "a:1,b:2"),
            False,
            "DATABASE_URL: the database URL names several servers",
        ),
    ],
    ids=["socket of nobody", "this host by another name", "several"],
)
def test_database_is_refused_for_what_was_seen(
    servers: list[Listener],
    database: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    here: bool,
    said: str,
) -> None:
    monkeypatch.setattr(_servers, "is_here", lambda host: here)
    found = texts(
        _preflight_stores.check_database(deployment({"DATABASE_URL": url}), servers).problems
    )
    assert found.startswith(said)


ROUTER = "router_settings: {redis_host: 127.0.0.1, redis_port: 6390}\n"


@pytest.mark.parametrize(
    ("environment", "config", "said"),
    [
        (
            {},
            CACHE + ROUTER,
            "Redis: the proxy uses more than one: localhost:6380 for the cache "
            "(litellm_settings.cache_params.host of /nosuch/config.yaml); 127.0.0.1:6390 for the "
            "router (router_settings.redis_host of /nosuch/config.yaml) -> let its settings",
        ),
        (
            {"REDIS_CLUSTER_NODES": "[]"},
            CACHE,
            "REDIS_CLUSTER_NODES of the environment: names a Redis Cluster -> ",
        ),
        (
            {"REDIS_HOST": "h", "REDIS_SENTINEL_NODES": "[]"},
            CONFIG,
            "REDIS_SENTINEL_NODES of the environment: names a Redis by its Sentinels -> ",
        ),
        (
            {"REDIS_URL": "rediss://127.0.0.1:6379"},
            CONFIG,
            "REDIS_URL of the environment: reaches Redis at 127.0.0.1:6379 by TLS -> ",
        ),
        (
            {"REDIS_URL": "unix:///nosuch/redis.sock"},
            CONFIG,
            "REDIS_URL of the environment: names the socket /nosuch/redis.sock, where nobody",
        ),
        (
            {"REDIS_HOST": "gateway.lan"},
            CONFIG,
            "REDIS_HOST of the environment, with Redis' own port since none is given: names "
            "gateway.lan:6379, which is this host itself -> name it as 127.0.0.1",
        ),
    ],
    ids=["several", "cluster", "sentinel", "TLS", "socket", "this host by another name"],
)
def test_redis_that_is_not_moved_is_named(
    look: Look,
    pings: list[_redis.Native],
    monkeypatch: pytest.MonkeyPatch,
    environment: Any,
    config: str,
    said: str,
) -> None:
    monkeypatch.setattr(_servers, "is_here", lambda host: True)
    found = look(deployment(environment, config))
    assert texts(found.problems).startswith(said)
    assert len(found.problems) == 1
    assert "redis" not in found.facts
    assert pings == []


def test_redis_at_a_socket_is_the_one_of_its_port(
    look: Look, servers: list[Listener], pings: list[_redis.Native], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_servers, "peer", lambda path: 16)
    legacy = deployment({"REDIS_URL": "unix://:%s@/run/redis.sock?db=2" % SECRET})
    found = look(legacy)
    assert found.problems == []
    assert pings[0] == _redis.Native("127.0.0.1", 6379, "", SECRET)
    monkeypatch.setattr(_servers, "peer", lambda path: 15)
    monkeypatch.setattr(_process, "describe", lambda pid: "redis-server (process %d)" % pid)
    others = [item for item in servers if item.port != 5434]
    said = texts(look(legacy, others).problems)
    assert "/run/redis.sock of redis-server (process 15), which listens on no port of" in said
    assert said.endswith(_preflight_stores.PORTLESS)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("answers", [True, False])
@pytest.mark.parametrize("kind", ["PostgreSQL", "Redis"])
def test_port_that_no_process_has_is_told_by_whether_it_answers(
    servers: list[Listener],
    database: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    answers: bool,
    host: str,
) -> None:
    """Without its userland proxy an engine publishes a container's port by rules alone."""
    monkeypatch.setattr(
        _preflight_stores, "_answers", lambda port, there="127.0.0.1": answers and there == host
    )
    if kind == "Redis":
        legacy = deployment({}, CACHE.replace("localhost", "'%s'" % host))
        found = _preflight_stores.check_redis(legacy, settings(tmp_path), servers)
    else:
        url = URL.replace("127.0.0.1", "[%s]" % host if ":" in host else host)
        found = _preflight_stores.check_database(deployment({"DATABASE_URL": url}), servers[1:])
    (problem,) = found.problems
    assert ("a container's published port does so" in problem.problem) is answers
    assert (problem.remedy == _preflight_stores.SILENT) is not answers
    assert kind in problem.problem


@pytest.mark.parametrize("program", ["pgbouncer", "docker-proxy"])
def test_what_is_before_a_store_is_no_store(
    servers: list[Listener],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    program: str,
) -> None:
    """Its unit (docker.service!) is not the store's, and nothing is concluded of it."""
    monkeypatch.setattr(
        _process, "command_line", lambda pid, proc="/proc": ["/usr/bin/%s" % program]
    )
    legacy = deployment({"DATABASE_URL": URL, **HERE})
    for kind, found in (
        ("PostgreSQL", _preflight_stores.check_database(legacy, servers)),
        ("Redis", _preflight_stores.check_redis(legacy, settings(tmp_path), servers)),
    ):
        (problem,) = found.problems
        assert "which is no %s of this host's own" % kind in problem.problem
        assert ("for a container" in problem.problem) is (program == "docker-proxy")
        assert "stays as it is" in problem.remedy
        assert not {"database", "redis"} & set(found.facts)


@pytest.mark.parametrize("host", ["LOCALHOST", "Localhost"])
def test_name_of_this_host_has_no_case(
    servers: list[Listener], database: dict[str, Any], host: str
) -> None:
    legacy = deployment({"DATABASE_URL": URL.replace("127.0.0.1", host)})
    assert _preflight_stores.check_database(legacy, servers).problems == []


def test_host_that_is_no_name_answers_nothing() -> None:
    assert not _preflight_stores._answers(1, "no..name")


def test_redis_that_is_only_named_is_said(
    look: Look, pings: list[_redis.Native], monkeypatch: pytest.MonkeyPatch
) -> None:
    legacy = deployment({"REDIS_HOST": "127.0.0.1", "REDIS_PORT": "6390"})
    monkeypatch.setattr(_preflight_stores, "_answers", lambda port, host: True)
    said = texts(look(legacy).problems)
    assert "a container's published port does so" in said
    monkeypatch.setattr(_preflight_stores, "_answers", lambda port, host: False)
    found = look(legacy)
    assert (found.problems, found.facts["redis"], pings) == ([], None, [])
    assert texts(found.warnings).startswith(
        "REDIS_HOST of the environment: names a Redis at 127.0.0.1:6390, where nobody listens;"
        " LiteLLM goes without one"
    )


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No name is this host's. Images that are here, and the client programs of this host, which
    are none."""
    there = ["pg:17"]

    def run(argv: list[str]) -> Result:
        return Result(0 if argv[-1] in there else 1, "", "")

    def find_bindir(host: str, port: int) -> str:
        raise _session.PostgresError("psql was not found")

    monkeypatch.setattr(_servers, "is_here", lambda host: False)
    monkeypatch.setattr(_process, "run", run)
    monkeypatch.setattr(_endpoint, "find_bindir", find_bindir)
    monkeypatch.setattr(_preflight_stores, "_answers", lambda port, host: host != "gone")
    return there


AWAY = URL.replace("127.0.0.1", "db.example.com")


def test_database_elsewhere_stays_there(
    servers: list[Listener], database: dict[str, Any], away: list[str]
) -> None:
    legacy = deployment({"DATABASE_URL": AWAY, "LITELLM_SALT_KEY": "salt"})
    found = _preflight_stores.check_database(legacy, servers, "pg:17")
    assert (found.problems, found.warnings) == ([], [])
    told = found.facts["database"]
    assert told is not None
    assert (told["where"], told["host"], told["port"]) == ("elsewhere", "db.example.com", 5434)
    assert (told["unit"], told["server"], told["image"]) == (None, None, "pg:17")
    assert (told["variable"], told["major"]) == ("DATABASE_URL", 15)
    assert told["salt_key_proved"] and told["migrations"] == ["a", "b"]
    assert SECRET not in json.dumps(found.facts)
    assert _preflight_stores.servers(legacy, found.facts) == ["db.example.com:5434"]


def test_database_elsewhere_needs_client_programs(
    servers: list[Listener], database: dict[str, Any], away: list[str]
) -> None:
    away.clear()
    found = _preflight_stores.check_database(deployment({"DATABASE_URL": AWAY}), servers, "pg:17")
    assert texts(found.problems) == (
        "DATABASE_URL: psql was not found -> the migration needs the database that the proxy uses;"
        " its client programs can be an image's: docker pull what litellm_images.postgres names"
    )


def test_image_older_than_the_server_elsewhere_is_refused(
    servers: list[Listener],
    database: dict[str, Any],
    away: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_session, "client_version", lambda _endpoint, _program: 14)
    found = _preflight_stores.check_database(deployment({"DATABASE_URL": AWAY}), servers, "pg:17")
    assert texts(found.problems) == (
        "litellm_images.postgres: is of PostgreSQL 14 and can't read a server of 15 -> take an"
        " image of PostgreSQL 15 or newer: its client programs are used"
    )


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (
            {
                "DATABASE_URL": AWAY.replace(
                    SECRET, "db%2F%3FX-Amz-Credential%3Dx%26X-Amz-Expires%3D900"
                )
            },
            "DATABASE_URL: has a password that is a token, which expires -> give LiteLLM's role",
        ),
        (
            {
                "DATABASE_URL": AWAY.replace(
                    SECRET, "eyJhbGciOiJSUzI1NiIsInR5cCI.eyJzdWIiOiJ4In0.c2ln"
                )
            },
            "DATABASE_URL: has a password that is a token",
        ),
        (
            {"DATABASE_URL": AWAY + "?pgbouncer=true"},
            "DATABASE_URL: goes through PgBouncer (pgbouncer=true): a backup by that way",
        ),
        (
            {"DATABASE_URL": AWAY, "IAM_TOKEN_DB_AUTH": "true"},
            "IAM_TOKEN_DB_AUTH: logs in to PostgreSQL with tokens of a cloud, which expire",
        ),
    ],
    ids=["AWS", "Azure", "pooled", "by LiteLLM itself"],
)
def test_database_elsewhere_is_refused_for_what_was_seen(
    servers: list[Listener],
    database: dict[str, Any],
    away: list[str],
    environment: dict[str, str],
    said: str,
) -> None:
    found = _preflight_stores.check_database(deployment(environment), servers, "pg:17")
    assert texts(found.problems).startswith(said)
    assert database["asked"] == []


def test_server_behind_a_pooler_is_asked_itself(
    servers: list[Listener], database: dict[str, Any], away: list[str]
) -> None:
    pooled = AWAY.replace("db.", "pool.") + "?pgbouncer=true"
    legacy = deployment({"DATABASE_URL": pooled, "DIRECT_URL": AWAY})
    found = _preflight_stores.check_database(legacy, servers, "pg:17")
    told = found.facts["database"]
    assert found.problems == [] and told is not None
    assert told["variable"] == "DIRECT_URL"
    assert _preflight_stores.endpoint(told, legacy.effective).host == "db.example.com"
    # what the container has to reach is what LiteLLM names
    assert _preflight_stores.servers(legacy, found.facts) == ["pool.example.com:5434"]


@pytest.mark.parametrize("environment", [{}, {"DATABASE_URL": ""}], ids=["none", "empty"])
def test_proxy_without_a_database_has_none(
    servers: list[Listener], environment: dict[str, str]
) -> None:
    found = _preflight_stores.check_database(deployment(environment), servers)
    assert (found.problems, found.facts["database"]) == ([], None)
    assert "no keys, no budgets and no spend, and no backups" in texts(found.warnings)


@pytest.mark.parametrize(("host", "silent"), [("cache.example.com", False), ("gone", True)])
def test_redis_elsewhere_stays_there(
    look: Look,
    servers: list[Listener],
    pings: list[_redis.Native],
    away: list[str],
    host: str,
    silent: bool,
) -> None:
    legacy = deployment({}, CACHE.replace("localhost", host))
    found = look(legacy)
    assert (found.problems, pings) == ([], [])
    assert found.facts["redis"] == {
        "where": "elsewhere",
        "host": host,
        "port": 6380,
        "origin": "litellm_settings.cache_params.host of /nosuch/config.yaml",
        "unit": None,
    }
    assert bool(found.warnings) == silent
    assert _preflight_stores.servers(legacy, found.facts) == ["%s:6380" % host]


@pytest.mark.parametrize(
    ("environment", "config", "reached"),
    [
        ({"REDIS_URL": "rediss://cache.example.com"}, CONFIG, ["cache.example.com:6379"]),
        (
            {},
            CACHE.replace("localhost", "a.example.com")
            + ROUTER.replace("127.0.0.1", "b.example.com"),
            ["a.example.com:6380", "b.example.com:6390"],
        ),
    ],
    ids=["TLS", "several"],
)
def test_redis_elsewhere_may_be_what_none_of_this_host_may(
    look: Look,
    servers: list[Listener],
    pings: list[_redis.Native],
    away: list[str],
    environment: Any,
    config: str,
    reached: list[str],
) -> None:
    legacy = deployment(environment, config)
    found = look(legacy)
    assert (found.problems, pings) == ([], [])
    assert _preflight_stores.servers(legacy, found.facts) == reached


@pytest.mark.parametrize(("url", "refused"), [(URL, True), (AWAY, False)])
def test_spend_in_a_redis_elsewhere_is_not_written_into_a_copy(
    look: Look, away: list[str], url: str, refused: bool
) -> None:
    config = CACHE.replace("localhost", "cache.example.com")
    config += "general_settings:\n  use_redis_transaction_buffer: true\n"
    legacy = deployment({"DATABASE_URL": url}, config)
    found = look(legacy)
    assert [item.subject for item in found.problems] == ["use_redis_transaction_buffer"] * refused
