"""What preflight finds wrong with the databases, Redis and model servers."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from legacy_host import CONFIG, SECRET, UNIT, URL, deployment, read, settings, texts

from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._host.listeners import Listener
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import Problem
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    preflight_stores as _preflight_stores,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session
from ansible_collections.llmops.litellm.plugins.module_utils._redis import redis as _redis


def test_what_goes_down_with_the_servers_is_refused_or_accepted(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    servers: list[Listener],
    database: dict[str, Any],
) -> None:
    asked: list[str] = []

    def dependants(records: list[dict[str, str]]) -> dict[str, str]:
        asked.extend(record["name"] for record in records)
        return {"reporting.service": "postgresql@15-main.service"}

    monkeypatch.setattr(_systemd, "dependants", dependants)
    database["neighbours"] = ["reports"]
    facts: dict[str, Any] = {"legacy": {"units": [UNIT.record()]}, "redis": {"unit": None}}
    assert _preflight_stores._database(deployment({"DATABASE_URL": URL}), facts, servers) == []
    said = texts(_preflight_stores._neighbours(settings(tmp_path), facts))
    assert "unit reporting.service: needs postgresql@15-main.service and goes down with it" in said
    assert "database reports: is on the native PostgreSQL that is stopped at the cutover" in said
    assert asked == ["litellm.service", "postgresql@15-main.service"]
    assert (
        _preflight_stores._neighbours(
            settings(tmp_path, accept_down=["reports", "reporting.service"]), facts
        )
        == []
    )


def test_database_is_told_without_its_password(
    servers: list[Listener], database: dict[str, Any]
) -> None:
    facts: dict[str, Any] = {}
    assert (
        _preflight_stores._database(
            deployment({"DATABASE_URL": URL, "LITELLM_SALT_KEY": "salt"}), facts, servers
        )
        == []
    )
    told = facts["database"]
    assert (told["port"], told["name"], told["user"], told["major"], told["bytes"]) == (
        5434,
        "llm_gateway",
        "gateway",
        15,
        1000,
    )
    assert (
        told["stored_models"],
        told["migrations"],
        told["salt_key_proved"],
        told["max_connections"],
    ) == (1, ["a", "b"], True, 100)
    assert told["unit"]["name"] == "postgresql@15-main.service"
    assert told["server"] == {"argv": ["postgres", "-D", "x"], "process": 15}
    assert SECRET not in json.dumps(facts)
    assert database["keys"] == {"salt"}


def test_without_a_salt_key_the_master_key_is_tried(
    servers: list[Listener], database: dict[str, Any]
) -> None:
    _preflight_stores._database(deployment({"DATABASE_URL": URL}), {}, servers)
    assert database["keys"] == {"sk-" + SECRET}


def test_database_without_a_ledger_has_no_migrations(
    servers: list[Listener], database: dict[str, Any]
) -> None:
    database["ledger"] = None
    facts: dict[str, Any] = {}
    _preflight_stores._database(deployment({"DATABASE_URL": URL}), facts, servers)
    assert facts["database"]["migrations"] is None


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
    facts: dict[str, Any] = {}
    found = texts(_preflight_stores._database(deployment({"DATABASE_URL": URL}), facts, servers))
    assert facts["database"]["salt_key_proved"] == proved
    assert ("LITELLM_SALT_KEY: the key that the proxy runs with cannot decrypt" in found) == refused


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (None, "DATABASE_URL: the running proxy has none"),
        ("", "DATABASE_URL: the running proxy has none"),
        ("mysql://x:%s@127.0.0.1/y" % SECRET, "mend it in the legacy environment"),
        (
            URL.replace("5434", "5555"),
            "points to 127.0.0.1:5555, where no PostgreSQL of this host listens",
        ),
        (
            URL.replace("127.0.0.1", "db.example.com"),
            "points to db.example.com:5434, where no PostgreSQL of this host listens",
        ),
    ],
    ids=["none", "empty", "another program", "nobody listens", "another host"],
)
def test_database_that_cannot_be_moved_is_refused(
    servers: list[Listener], database: dict[str, Any], url: Any, said: str
) -> None:
    found = texts(
        _preflight_stores._database(
            deployment({} if url is None else {"DATABASE_URL": url}), {}, servers
        )
    )
    assert said in found
    assert SECRET not in found


def test_servers_that_systemd_does_not_know_are_refused(
    servers: list[Listener],
    database: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(_process, "unit_of", lambda pid: None)
    monkeypatch.setattr(
        _process, "run", lambda argv: Result(0, "Redis server v=7.0.15 sha=00000000:0", "")
    )
    legacy = deployment({"DATABASE_URL": URL, "REDIS_PORT": "6379"})
    found = _preflight_stores._database(legacy, {}, servers) + _preflight_stores._redis_of(
        legacy, settings(tmp_path), {}, servers
    )
    assert [item.subject for item in found] == ["port 5434", "port 6379"]
    assert all(
        "belongs to no systemd unit" in item.problem and item.remedy == _preflight_stores.ORPHANED
        for item in found
    )


def test_database_that_does_not_answer_is_refused(
    servers: list[Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(endpoint: Any) -> Any:
        raise _session.PostgresError("password authentication failed")

    monkeypatch.setattr(_session, "server_version", refuse)
    assert "DATABASE_URL: password authentication failed" in texts(
        _preflight_stores._database(deployment({"DATABASE_URL": URL}), {}, servers)
    )


CACHE = "litellm_settings:\n  cache_params: {type: redis, host: localhost, port: 6380}\n"


@pytest.mark.parametrize(
    ("environment", "config", "port"),
    [
        ({}, CONFIG, None),
        ({"REDIS_PORT": "6379"}, CACHE, 6379),
        ({}, CACHE, 6380),
        ({"REDIS_URL": "redis://127.0.0.1:6381/0"}, "", 6381),
        ({"REDIS_URL": "redis://u:12345@127.0.0.1:6381"}, "", 6381),
        ({"REDIS_URL": "redis://127.0.0.1:6381?db=0"}, "", 6381),
        ({"REDIS_URL": "redis://127.0.0.1"}, "", 6379),
    ],
    ids=[
        "none",
        "environment first",
        "configuration",
        "URL",
        "URL with a password of digits",
        "URL with a query",
        "URL without a port",
    ],
)
def test_redis_is_found_where_the_proxy_finds_it(
    servers: list[Listener],
    pings: list[_redis.Native],
    tmp_path: Path,
    environment: Any,
    config: str,
    port: Any,
) -> None:
    facts: dict[str, Any] = {}
    assert (
        _preflight_stores._redis_of(
            deployment(environment, config), settings(tmp_path), facts, servers
        )
        == []
    )
    assert (facts["redis"] and facts["redis"]["port"]) == port
    assert [item.port for item in pings] == ([] if port is None else [port])
    assert facts["redis"] is None or facts["redis"]["major"] == 7


def test_redis_is_asked_with_the_proxys_password(
    servers: list[Listener], pings: list[_redis.Native], tmp_path: Path
) -> None:
    facts: dict[str, Any] = {}
    found = _preflight_stores._redis_of(
        deployment({"REDIS_PORT": "6379", "REDIS_PASSWORD": "wrong"}),
        settings(tmp_path),
        facts,
        servers,
    )
    assert texts(found).startswith("port 6379: native Redis on port 6379: WRONGPASS -> ")
    assert "wrong" not in texts(found) + json.dumps(facts)
    _preflight_stores._redis_of(
        deployment({"REDIS_PORT": "6379", "REDIS_PASSWORD": SECRET, "REDIS_USERNAME": "u"}),
        settings(tmp_path),
        facts,
        servers,
    )
    assert pings[-1] == _redis.Native("127.0.0.1", 6379, "u", SECRET)
    assert SECRET not in json.dumps(facts)


def test_port_that_is_none_is_not_repeated(pings: list[_redis.Native], tmp_path: Path) -> None:
    found = texts(
        _preflight_stores._redis_of(
            deployment({"REDIS_PORT": "redis://:%s@h" % SECRET}), settings(tmp_path), {}, []
        )
    )
    assert found.startswith("REDIS_PORT: ")
    assert SECRET not in found


@pytest.mark.parametrize("value", ["true", "True", '"true"', "false"])
def test_spend_that_only_redis_has_is_not_left_behind(
    servers: list[Listener], pings: list[_redis.Native], tmp_path: Path, value: str
) -> None:
    legacy = deployment(
        {"REDIS_PORT": "6379"}, "general_settings:\n  use_redis_transaction_buffer: %s\n" % value
    )
    found = texts(
        _preflight_stores._redis_of(legacy, settings(tmp_path, carry_redis=False), {}, servers)
    )
    assert ("litellm_carry_redis: is false" in found) == (value != "false")
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
        facts = {"legacy": legacy.facts, "database": {"port": 5434}, "redis": None}
        warnings: list[Problem] = []
        problems = _preflight_stores._models(
            legacy, facts, [*servers, Listener("0.0.0.0", port, None, "llama-server")], warnings
        )
    assert problems == []
    assert {
        entry["port"]: (entry["answers"], entry["loopback"]) for entry in facts["model_hosts"]
    } == {port: (True, False), silent: (False, True)}
    assert "model server 127.0.0.1:%d: does not answer now" % silent in texts(warnings)
    assert "127.0.0.1:%d" % port not in texts(warnings)


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
    problems = _preflight_stores._models(
        deployment(),
        {"legacy": deployment().facts},
        [Listener(address, 8082, None, "llama-server")],
        [],
    )
    assert texts(problems).startswith("systemd-socket-proxyd: is not installed") == needed


def test_servers_and_redis_of_an_included_file_are_found(
    servers: list[Listener], pings: list[_redis.Native], including: Path, tmp_path: Path
) -> None:
    (tmp_path / "models.yaml").write_text(CONFIG + CACHE + "  use_redis_transaction_buffer: true\n")
    facts: dict[str, Any] = {"legacy": {"port": 4000}}
    assert _preflight_stores._models(read(including), facts, servers, []) == []
    assert [item["port"] for item in facts["model_hosts"]] == [8082]
    assert _preflight_stores._redis_of(read(including), settings(tmp_path), facts, servers) == []
    assert (facts["redis"]["port"], facts["redis"]["holds_spend"]) == (6380, True)
