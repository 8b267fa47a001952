"""One answer to which database, which Redis, which keys."""

from __future__ import annotations

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._config import stores as _stores
from ansible_collections.llmops.litellm.plugins.module_utils._config.includes import Part, Tree

CONFIG = """\
environment_variables:
  REDIS_HOST: 127.0.0.1
  REDIS_PORT: 6390
  DIRECT_URL: os.environ/NO_SUCH
  LITELLM_SALT_KEY: salt
  OPENAI_API_KEY: sk-other
general_settings:
  master_key: os.environ/MY_KEY
  database_url: os.environ/MY_DATABASE
litellm_settings:
  cache: true
  cache_params: {type: redis, password: os.environ/MY_PASSWORD, username: bob}
"""
ENVIRONMENT = {
    "MY_KEY": "sk-key",
    "MY_DATABASE": "postgresql://u@127.0.0.1/x",
    "MY_PASSWORD": "pw",
    "DATABASE_URL": "postgresql://u@127.0.0.1/old",
}
TREE = Tree((Part("/c.yaml", CONFIG),))


def test_both_stores_are_found_with_what_the_configuration_sets() -> None:
    found = _stores.find(ENVIRONMENT, TREE)
    assert found.database is not None
    assert found.database.url == ENVIRONMENT["MY_DATABASE"]
    assert [item.address for item in found.redis] == ["127.0.0.1:6390"]
    assert _stores.variables(found) == {"MY_DATABASE": "database", "MY_PASSWORD": "password"}


def test_effective_environment_says_all_by_itself_and_nothing_else_changes() -> None:
    made = _stores.effective(ENVIRONMENT, TREE)
    assert made == {
        **ENVIRONMENT,
        "DATABASE_URL": ENVIRONMENT["MY_DATABASE"],
        "DIRECT_URL": "None",
        "LITELLM_MASTER_KEY": "sk-key",
        "LITELLM_SALT_KEY": "salt",
        "REDIS_HOST": "127.0.0.1",
        "REDIS_PORT": "6390",
        "REDIS_USERNAME": "bob",
        "REDIS_PASSWORD": "pw",
    }
    assert _stores.effective(made, TREE) == made


def test_password_that_is_not_used_is_not_in_effect() -> None:
    environment = {"REDIS_URL": "redis://127.0.0.1", "REDIS_PASSWORD": "unused"}
    assert _stores.effective(environment, Tree()) == {"REDIS_URL": "redis://127.0.0.1"}


def test_environment_of_a_proxy_without_settings_is_as_it_was() -> None:
    environment = {"LITELLM_MASTER_KEY": "sk-x", "HOME": "/x"}
    assert _stores.effective(environment, Tree()) == environment


@pytest.mark.parametrize(
    ("cache", "environment", "here"),
    [
        ("{type: redis, host: 127.0.0.1}", {"REDIS_HOST": "cache.example.com"}, True),
        ("{type: redis, host: cache.example.com}", {"REDIS_HOST": "127.0.0.1"}, False),
        ("{type: redis, url: unix:///run/redis.sock}", {}, True),
        ("{type: redis, redis_startup_nodes: [{host: 127.0.0.1}]}", {}, False),
        ("{type: local}", {"REDIS_HOST": "cache.example.com"}, False),
        ("{type: local}", {}, False),
    ],
    ids=["settings first", "elsewhere", "socket", "cluster", "environment", "none"],
)
def test_redis_is_here_where_all_that_is_used_is(
    cache: str, environment: dict[str, str], here: bool
) -> None:
    tree = Tree((Part("/c.yaml", "litellm_settings: {cache: true, cache_params: %s}" % cache),))
    assert _stores.is_redis_here(_stores.find(environment, tree)) is here


LOCAL, REMOTE = "postgresql://u:p@127.0.0.1/x", "postgresql://u:p@db.example.com/x"


@pytest.mark.parametrize(
    ("environment", "config", "database", "redis"),
    [
        ({}, "", "nowhere", "nowhere"),
        ({"DATABASE_URL": LOCAL}, "", "here", "nowhere"),
        ({"DATABASE_URL": "postgresql:///x?host=/run/postgresql"}, "", "here", "nowhere"),
        ({"DATABASE_URL": REMOTE + "?sslmode=require"}, "", "elsewhere", "nowhere"),
        ({"DATABASE_URL": "postgresql://u@localhost/x?host=10.0.0.7"}, "", "elsewhere", "nowhere"),
        (
            {"DATABASE_URL": LOCAL},
            "general_settings: {database_url: '%s'}" % REMOTE,
            "elsewhere",
            "nowhere",
        ),
        (
            {"DATABASE_HOST": "db:5433", "DATABASE_USERNAME": "u", "DATABASE_NAME": "x"},
            "",
            "elsewhere",
            "nowhere",
        ),
        # what can't be known is refused, and said to be nowhere else
        ({"DATABASE_URL": "mysql://db/x"}, "", "here", "nowhere"),
        ({"DATABASE_URL": REMOTE, "IAM_TOKEN_DB_AUTH": "true"}, "", "here", "nowhere"),
        ({"REDIS_HOST": "cache.example.com"}, "", "nowhere", "elsewhere"),
        ({"REDIS_URL": "rediss://:p@cache.example.com:6380"}, "", "nowhere", "elsewhere"),
        ({"REDIS_HOST": "127.0.0.1"}, "", "nowhere", "here"),
        ({"REDIS_URL": "unix:///run/redis.sock"}, "", "nowhere", "here"),
        # one of several is this host's
        (
            {"REDIS_HOST": "c"},
            "router_settings: {redis_host: localhost, redis_port: 6379}",
            "nowhere",
            "here",
        ),
    ],
)
def test_where_a_store_is(
    environment: dict[str, str], config: str, database: str, redis: str
) -> None:
    found = _stores.find(environment, Tree((Part("/c.yaml", config),)))
    assert _stores.where(found) == {"database": database, "redis": redis}


def test_settings_of_a_redis_elsewhere_are_in_effect_as_they_are() -> None:
    environment = {
        "REDIS_URL": "rediss://cache.example.com",
        "REDIS_PASSWORD": "of another part",
        "REDIS_USERNAME": "x",
    }
    assert _stores.effective(environment, Tree()) == environment
