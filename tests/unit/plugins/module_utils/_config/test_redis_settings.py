"""The Redis of a proxy, by LiteLLM's own order of settings."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    redis_settings as _redis_settings,
)
from ansible_collections.llmops.litellm.plugins.module_utils._config.configured import Configured
from ansible_collections.llmops.litellm.plugins.module_utils._config.includes import Part, Tree

CACHE = "litellm_settings:\n  cache: true\n  cache_params: {type: redis, %s}\n"
ROUTER = "router_settings: {%s}\n"
OTHER = {"REDIS_URL": "redis://:url@127.0.0.1:6390/2"}
PARTS = {"REDIS_HOST": "localhost", "REDIS_PORT": "6391", "REDIS_PASSWORD": "parts"}


def find(config: str, environment: dict[str, str]) -> list[_redis_settings.Redis]:
    tree = Tree((Part("/c.yaml", config),) if config else ())
    return _redis_settings.find(Configured(tree, environment), environment)


@pytest.mark.parametrize(
    ("config", "environment", "expected"),
    [
        pytest.param("", {}, [], id="none"),
        pytest.param("", {"REDIS_PORT": "6379"}, [], id="a port alone names nobody"),
        pytest.param("", OTHER, [("127.0.0.1:6390", "url", 2)], id="URL of the environment"),
        pytest.param("", PARTS, [("localhost:6391", "parts", 0)], id="parts of the environment"),
        pytest.param("", {"REDIS_HOST": "h"}, [("h:6379", "", 0)], id="no port"),
        pytest.param("", {**PARTS, **OTHER}, [("127.0.0.1:6390", "url", 2)], id="URL comes first"),
        pytest.param(
            CACHE % "url: os.environ/REDIS_URL",
            {**PARTS, **OTHER},
            [("127.0.0.1:6390", "url", 2)],
            id="URL by reference",
        ),
        pytest.param(
            CACHE % "url: os.environ/CACHE_URL",
            {**PARTS, "CACHE_URL": "redis://:own@[::1]:6392"},
            [("[::1]:6392", "own", 0)],
            id="URL by another name",
        ),
        pytest.param(
            CACHE % "url: os.environ/NO_SUCH",
            {**PARTS, **OTHER},
            [("localhost:6391", "parts", 0)],
            id="URL that is nothing is not the environment's",
        ),
        pytest.param(
            CACHE % "host: cache, password: os.environ/PW",
            {**OTHER, "PW": "pw"},
            [("cache:6379", "pw", 0)],
            id="host of its own is not the environment's URL",
        ),
        pytest.param(
            CACHE % "host: os.environ/NO_SUCH",
            PARTS,
            [("localhost:6391", "parts", 0)],
            id="host that is nothing is the environment's",
        ),
        pytest.param(CACHE % "ttl: 60", OTHER, [("127.0.0.1:6390", "url", 2)], id="cache, no host"),
        pytest.param(
            CACHE % "url: redis://h", PARTS, [("h:6379", "", 0)], id="URL has no other's password"
        ),
        pytest.param(
            "litellm_settings: {cache: true}",
            PARTS,
            [("localhost:6391", "parts", 0)],
            id="cache without settings",
        ),
        pytest.param(
            "litellm_settings: {cache: true, cache_params: {host: h, port: 1}}",
            PARTS,
            [("localhost:6391", "parts", 0)],
            id="cache without a type is none in Redis",
        ),
        pytest.param(
            (CACHE % "host: h").replace("cache: true", "cache: false"), {}, [], id="cache is off"
        ),
        pytest.param(
            (CACHE % "host: h").replace("cache: true", "cache: os.environ/ON"),
            {"ON": "True"},
            [("h:6379", "", 0)],
            id="cache is on by reference",
        ),
        pytest.param(
            (CACHE % "host: h").replace("redis", "s3"),
            PARTS,
            [("localhost:6391", "parts", 0)],
            id="another cache",
        ),
        pytest.param(ROUTER % "redis_host: h", {}, [], id="router without a port has none"),
        pytest.param(
            ROUTER % "redis_host: os.environ/RH, redis_port: os.environ/RP, redis_password: x",
            {"RH": "127.0.0.1", "RP": "6395"},
            [("127.0.0.1:6395", "x", 0)],
            id="router by references",
        ),
        pytest.param(
            ROUTER % "redis_url: os.environ/REDIS_URL",
            OTHER,
            [("127.0.0.1:6390", "url", 2), ("127.0.0.1:6390", "url", 2)],
            id="router and the environment",
        ),
        pytest.param(
            CACHE % "host: a, port: 1" + ROUTER % "redis_host: b, redis_port: 2",
            PARTS,
            [("a:1", "parts", 0), ("b:2", "parts", 0)],
            id="cache and router differ",
        ),
        pytest.param(
            "general_settings: {coordination_redis: {url: redis://c:3}}\n" + CACHE % "host: a",
            PARTS,
            [("c:3", "", 0), ("a:6391", "parts", 0)],
            id="coordination, with the environment's port for the cache",
        ),
        pytest.param(
            "litellm_settings: {cache: true, cache_params: {type: redis-semantic, redis_url: "
            "'redis://:s@s:4'}}",
            {},
            [("s:4", "s", 0)],
            id="semantic",
        ),
        pytest.param(
            "litellm_settings: {cache: true, cache_params: {type: valkey-semantic}}",
            {"VALKEY_HOST": "v", "VALKEY_PORT": "5", "VALKEY_PASSWORD": "x"},
            [("v:5", "x", 0)],
            id="Valkey's own variables",
        ),
        pytest.param(
            CACHE % "url: 'redis://a%3Ab:p%40ss@h%2Fost:6379?db=7'",
            {},
            [("h/ost:6379", "p@ss", 7)],
            id="percent-encoded, number in the query",
        ),
        pytest.param(
            CACHE % "url: unix://u:p@/run/redis.sock?db=3",
            {},
            [("/run/redis.sock", "p", 3)],
            id="socket",
        ),
    ],
)
def test_redis_is_found_as_litellm_finds_it(
    config: str, environment: dict[str, str], expected: list[Any]
) -> None:
    found = find(config, environment)
    assert [(item.address, item.password, item.database) for item in found] == expected
    assert all(item.fault == "" for item in found)


@pytest.mark.parametrize(
    ("config", "environment", "user"),
    [
        (CACHE % "url: redis://bob:x@h", {"REDIS_USERNAME": "eve"}, "bob"),
        (CACHE % "url: redis://:x@h", {"REDIS_USERNAME": "eve"}, "eve"),
        (CACHE % "host: h, username: ann, password: x", {"REDIS_USERNAME": "eve"}, "ann"),
        (CACHE % "host: h", {"REDIS_USERNAME": "eve"}, "eve"),
    ],
    ids=["URL", "URL without", "settings", "environment"],
)
def test_user_of_an_access_list_is_found(
    config: str, environment: dict[str, str], user: str
) -> None:
    assert find(config, environment)[0].user == user


@pytest.mark.parametrize(
    ("config", "environment", "tls"),
    [
        (CACHE % "url: rediss://h", {}, True),
        (CACHE % "url: redis://h", {"REDIS_SSL": "true"}, False),
        (CACHE % "host: h, ssl: true", {}, True),
        ("", {"REDIS_HOST": "h", "REDIS_SSL": "True"}, True),
        ("", {"REDIS_HOST": "h", "REDIS_SSL": "false"}, False),
    ],
)
def test_tls_is_found(config: str, environment: dict[str, str], tls: bool) -> None:
    assert find(config, environment)[0].tls is tls


@pytest.mark.parametrize(
    ("config", "environment", "origin", "fault"),
    [
        (
            CACHE % "redis_startup_nodes: [{host: a}]",
            OTHER,
            "litellm_settings.cache_params.redis_startup_nodes of /c.yaml",
            "names a Redis Cluster",
        ),
        (
            "",
            {"REDIS_CLUSTER_NODES": "[]", **PARTS},
            "REDIS_CLUSTER_NODES of the environment",
            "names a Redis Cluster",
        ),
        (
            CACHE % "sentinel_nodes: [[a, 1]], service_name: x",
            OTHER,
            "litellm_settings.cache_params.sentinel_nodes of /c.yaml",
            "names a Redis by its Sentinels",
        ),
        (
            "",
            {"REDIS_HOST": "h", "REDIS_AZURE_AD_TOKEN": "true"},
            "REDIS_AZURE_AD_TOKEN of the environment",
            "logs in to Redis with tokens of a cloud, which expire",
        ),
        (
            "",
            {"REDIS_HOST": "h", "REDIS_UNIX_SOCKET_PATH": "/s"},
            "REDIS_UNIX_SOCKET_PATH of the environment",
            "names a Unix socket where only half of LiteLLM's clients take one",
        ),
        (
            CACHE % "url: valkey://h",
            {},
            "litellm_settings.cache_params.url of /c.yaml",
            "is a URL of another kind than redis://, rediss:// or unix://",
        ),
        (
            CACHE % "url: 'redis://h:x'",
            {},
            "litellm_settings.cache_params.url of /c.yaml",
            "is no URL that Redis' client can read",
        ),
        (
            "general_settings: {key_management_system: aws_secret_manager}\n"
            + CACHE % "host: os.environ/HIDDEN",
            {},
            "litellm_settings.cache_params.host of /c.yaml",
            "is HIDDEN of a secret manager, which is not asked here",
        ),
    ],
    ids=[
        "cluster",
        "cluster of the environment",
        "sentinel",
        "tokens",
        "socket",
        "scheme",
        "URL",
        "manager",
    ],
)
def test_what_is_no_single_server_is_named(
    config: str, environment: dict[str, str], origin: str, fault: str
) -> None:
    (found, *_rest) = find(config, environment)
    assert (found.origin, found.fault) == (origin, fault)


def test_port_that_is_no_number_is_named() -> None:
    (found,) = find("", {"REDIS_HOST": "h", "REDIS_PORT": "many"})
    assert found.fault == "REDIS_PORT of the environment, port: is no number"


def test_url_comes_before_sentinels() -> None:
    (found,) = find("", {**OTHER, "REDIS_SENTINEL_NODES": "[]"})
    assert found.fault == ""


@pytest.mark.parametrize(
    ("config", "environment", "origin"),
    [
        (
            "",
            {"REDIS_HOST": "h"},
            "REDIS_HOST of the environment, with Redis' own port since none is given",
        ),
        (
            CACHE % "url: os.environ/CACHE_URL",
            {"CACHE_URL": "redis://h"},
            "litellm_settings.cache_params.url of /c.yaml, which is CACHE_URL of the environment",
        ),
        (CACHE % "ttl: 1", OTHER, "REDIS_URL of the environment"),
    ],
)
def test_origin_says_where_to_look(config: str, environment: dict[str, str], origin: str) -> None:
    assert find(config, environment)[0].origin == origin


def test_variables_that_litellm_does_not_read_by_itself_are_named() -> None:
    (found,) = find(
        CACHE % "host: os.environ/RH, port: os.environ/REDIS_PORT, password: os.environ/PW",
        {"RH": "h", "REDIS_PORT": "1", "PW": "x"},
    )
    assert found.variables == (("PW", "password"), ("RH", "host"))


def test_one_server_in_two_spellings_is_one() -> None:
    found = find(
        CACHE % "host: localhost, port: 6390" + ROUTER % "redis_url: 'redis://:pw@127.0.0.1:6390'",
        {},
    )
    assert [item.password for item in _redis_settings.distinct(found)] == ["pw"]
    others = find(CACHE % "host: localhost" + ROUTER % "redis_url: redis://localhost:1", {})
    assert len(_redis_settings.distinct(others)) == 2
