"""The Redis of a configuration: where it is, by whatever setting, and where it will be."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._config import addresses as _addresses
from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    addresses_redis as _addresses_redis,
)
from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    yaml_values as _yaml_values,
)

HOST = "host.docker.internal"


def rewrite(text: str, **options: Any) -> str:
    """The rewritten text, which a second run leaves as it is."""
    made = _addresses.rewrite(text, HOST, **options)[0]
    assert _addresses.rewrite(made, HOST, **options) == (made, [])
    return made


CACHE = "litellm_settings:\n  cache_params:\n"
REDIS = {
    "host and port": (
        CACHE + '    type: redis\n    host: localhost  # x\n    port: "6380"\n    db: 2\n',
        CACHE + '    type: redis\n    host: redis  # x\n    port: "6379"\n    db: 2\n',
        6380,
    ),
    "password": (
        CACHE
        + "    host: '127.0.0.1'\n    password: 'hunter''2'\n    username: cache\n    ssl: True\n",
        CACHE
        + (
            "    host: 'redis'\n    password: 'os.environ/REDIS_PASSWORD'\n    username: "
            "default\n    ssl: false\n"
        ),
        6379,
    ),
    "empty password": (
        CACHE + "    host: localhost\n    password: ''\n",
        CACHE + "    host: redis\n    password: 'os.environ/REDIS_PASSWORD'\n",
        6379,
    ),
    "password by another name": (
        CACHE + "    host: localhost\n    password: os.environ/CACHE_PASSWORD\n",
        CACHE + "    host: redis\n    password: os.environ/REDIS_PASSWORD\n",
        6379,
    ),
    "host by reference": (
        CACHE + "    host: os.environ/REDIS_HOST\n    port: 6380\n    password: x\n",
        CACHE
        + (
            "    host: os.environ/REDIS_HOST\n    port: 6379\n    password: "
            "os.environ/REDIS_PASSWORD\n"
        ),
        6380,
    ),
    "all by reference": (
        CACHE
        + (
            "    host: os.environ/REDIS_HOST\n    port: os.environ/REDIS_PORT\n    "
            "password: os.environ/REDIS_PASSWORD\n"
        ),
        None,
        6379,
    ),
    "url by reference": (CACHE + "    url: os.environ/REDIS_URL\n", None, 6379),
    "url": (
        CACHE
        + '    namespace: x\n    url: "rediss://:hunter2@localhost:6380/3"  # x\n    ttl: 1\n',
        CACHE + "    namespace: x\n    host: redis\n    port: 6379\n    db: 3  # x\n    ttl: 1\n",
        6380,
    ),
    "url in flow": (
        "litellm_settings: {cache_params: {redis_url: redis://127.0.0.1, ttl: 1}}\n",
        "litellm_settings: {cache_params: {host: redis, port: 6379, ttl: 1}}\n",
        6379,
    ),
    "url beside host and port": (
        CACHE + "    url: redis://localhost/0\n    host: localhost\n    port: 1\n",
        CACHE + "    url: null\n    host: redis\n    port: 6379\n",
        6379,
    ),
    "router": (
        (
            "router_settings:\n  redis_host: 127.0.0.1\n  redis_port: 6380\n  "
            "redis_password: p\n  num_retries: 2\n"
        ),
        (
            "router_settings:\n  redis_host: redis\n  redis_port: 6379\n  redis_password: "
            "os.environ/REDIS_PASSWORD\n  num_retries: 2\n"
        ),
        6380,
    ),
    "router's url": (
        "router_settings:\n    redis_url: redis://localhost:6380/1\n",
        "router_settings:\n    redis_host: redis\n    redis_port: 6379\n    redis_db: 1\n",
        6380,
    ),
    "coordination": (
        "general_settings:\n  coordination_redis: {host: localhost, port: 1}\n",
        "general_settings:\n  coordination_redis: {host: redis, port: 6379}\n",
        1,
    ),
    "anchored": (
        "x: &r {host: localhost, port: 6380}\n"
        + CACHE
        + "    <<: *r\n    ttl: 1\nrouter_settings: {num_retries: 1}\n",
        "x: &r {host: redis, port: 6379}\n"
        + CACHE
        + "    <<: *r\n    ttl: 1\nrouter_settings: {num_retries: 1}\n",
        6380,
    ),
    "alias of an alias": (
        (
            "y: &s\n  port: 6380\nx: &r\n  <<: [*s]\n  host: localhost\nlitellm_settings:\n  "
            "cache_params: *r\n"
        ),
        (
            "y: &s\n  port: 6379\nx: &r\n  <<: [*s]\n  host: redis\nlitellm_settings:\n  "
            "cache_params: *r\n"
        ),
        6380,
    ),
    "variables": (
        (
            "environment_variables:\n  REDIS_HOST: localhost\n  REDIS_PORT: '6380'\n  "
            "REDIS_PASSWORD: hunter2\n"
        ),
        "environment_variables:\n  REDIS_HOST: os.environ/REDIS_HOST\n  REDIS_PORT: "
        "'os.environ/REDIS_PORT'\n"
        "  REDIS_PASSWORD: os.environ/REDIS_PASSWORD\n",
        6380,
    ),
    "variable with a url": (
        "environment_variables: {REDIS_URL: 'redis://:hunter2@localhost'}\n",
        "environment_variables: {REDIS_URL: 'os.environ/REDIS_URL'}\n",
        6379,
    ),
    "elsewhere": (
        CACHE + "    host: cache.example.com\n    port: 1\n    password: x\n",
        None,
        None,
    ),
    "url elsewhere": (
        CACHE + "    url: redis://:x@cache.example.com\n    host: localhost\n",
        None,
        None,
    ),
    "another variable": (CACHE + "    host: os.environ/CACHE_HOST\n    password: x\n", None, None),
    "not redis": (CACHE + "    type: local\n    port: 1\n", None, None),
    "not ours": (
        "other_settings:\n  redis_port: 1\n  cache_params: {host: h, port: 2}\n",
        None,
        None,
    ),
}


@pytest.mark.parametrize("name", REDIS)
def test_redis(name: str) -> None:
    old, new, port = REDIS[name]
    assert rewrite(old) == (new or old)
    assert [item.port for item in _addresses.find(old) if item.kind == "redis"] == (
        [] if port is None else [port]
    )
    assert _addresses.problems(old) == []


def test_redis_of_another_name() -> None:
    assert (
        rewrite(
            CACHE + "    host: localhost\n    port: 6379\n", redis_host="cache", redis_port=7000
        )
        == CACHE + "    host: cache\n    port: 7000\n"
    )


@pytest.mark.parametrize(
    "old, new",
    [
        (
            'general_settings:\n  database_url: "postgresql://g:p@127.0.0.1:5434/x"  # x\n',
            'general_settings:\n  database_url: "os.environ/DATABASE_URL"  # x\n',
        ),
        (
            (
                "environment_variables: {DATABASE_URL: postgresql://localhost:5434/x, "
                "DIRECT_URL: postgresql://localhost:5434/x}\n"
            ),
            (
                "environment_variables: {DATABASE_URL: os.environ/DATABASE_URL, DIRECT_URL: "
                "os.environ/DIRECT_URL}\n"
            ),
        ),
    ],
)
def test_a_database_url_becomes_the_environments(old: str, new: str) -> None:
    assert {(item.kind, item.port) for item in _addresses.find(old)} == {("database", 5434)}
    assert rewrite(old) == new
    assert _addresses.problems(old) == []


def test_another_reference() -> None:
    made = rewrite(
        "general_settings: {database_url: postgres://localhost/x}\n", database_url="os.environ/D"
    )
    assert made == "general_settings: {database_url: os.environ/D}\n"


def found(text: str) -> list[tuple[str, int, str]]:
    """What each place that describes the host's own Redis names: its prefix, port and address."""
    places = _addresses_redis.places(text, _yaml_values.scan(text))
    looks = [(place, _addresses_redis.address_of(text, place)) for place in places]
    return [(place.prefix, item.port, item.old) for place, item in looks]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (CACHE + "    host: localhost\n    port: 6380\n", [("", 6380, "localhost:6380")]),
        (CACHE + "    url: redis://:hunter2@localhost/1\n", [("", 6379, "redis://localhost")]),
        (CACHE + "    password: hunter2\n", [("", 6379, "REDIS_HOST:6379")]),
        (CACHE + "    host: redis.example.org\n", []),
        (CACHE + "    type: s3\n    host: localhost\n", []),
        (CACHE + "    ttl: 60\n", []),
        ("router_settings:\n  redis_host: 127.0.0.1\n", [("redis_", 6379, "127.0.0.1:6379")]),
        (
            "environment_variables:\n  REDIS_HOST: '::1'\n  REDIS_PORT: '6381'\n",
            [("REDIS_", 6381, "::1:6381")],
        ),
    ],
)
def test_places_that_describe_the_hosts_own(text: str, wanted: Any) -> None:
    assert found(text) == wanted


def test_place_that_is_merged_in_is_the_one_that_counts() -> None:
    text = "x: &r\n  host: localhost\nlitellm_settings:\n  cache_params:\n    <<: *r\n    ttl: 1\n"
    assert found(text) == [("", 6379, "localhost:6379")]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (CACHE + "    startup_nodes: [{host: localhost, port: 7001}]\n", ["startup_nodes"]),
        (CACHE + "    startup_nodes: [{host: r1.example.org, port: 7001}]\n", []),
        (
            "environment_variables:\n  REDIS_SENTINEL_NODES: '[[\"127.0.0.1\", 26379]]'\n",
            ["REDIS_SENTINEL_NODES"],
        ),
        ("other:\n  startup_nodes: [{host: localhost}]\n", []),
    ],
)
def test_several_servers_of_the_host_are_found(text: str, names: list[str]) -> None:
    assert [
        name for _offset, name in _addresses_redis.clusters(text, _yaml_values.scan(text))
    ] == names


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "    host: os.environ/MY_HOST\n    port: 6390\n    password: x\n",
            "    host: os.environ/MY_HOST\n    port: 6379\n"
            "    password: os.environ/REDIS_PASSWORD\n",
        ),
        (
            "    url: os.environ/MY_URL\n    username: bob\n",
            "    url: os.environ/MY_URL\n    username: default\n",
        ),
        ("    url: unix:///run/redis.sock?db=3\n", "    host: redis\n    port: 6379\n    db: 3\n"),
    ],
    ids=["host", "URL", "socket"],
)
def test_redis_by_a_name_of_the_operators_is_the_containers(old: str, new: str) -> None:
    assert rewrite(CACHE + old, redis_variables=["MY_HOST", "MY_URL"]) == CACHE + new


def test_redis_by_a_name_that_is_not_known_is_left_alone() -> None:
    text = CACHE + "    host: os.environ/MY_HOST\n    port: 6390\n    password: x\n"
    assert rewrite(text) == text
