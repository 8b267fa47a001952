"""The database of a proxy, by LiteLLM's own order of settings."""

from __future__ import annotations

from typing import Optional

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    database_settings as _database_settings,
)
from ansible_collections.llmops.litellm.plugins.module_utils._config.configured import Configured
from ansible_collections.llmops.litellm.plugins.module_utils._config.includes import Part, Tree

A, B, C = ("postgresql://u:p@127.0.0.1/%s" % name for name in "abc")
PARTS = {"DATABASE_HOST": "h:5433", "DATABASE_USERNAME": "u", "DATABASE_NAME": "n"}


def find(config: str, environment: dict[str, str]) -> Optional[_database_settings.Database]:
    tree = Tree((Part("/c.yaml", config),) if config else ())
    return _database_settings.find(Configured(tree, environment), environment)


@pytest.mark.parametrize(
    ("config", "environment", "url", "origin"),
    [
        ("", {"DATABASE_URL": A, **PARTS}, A, "DATABASE_URL of the environment"),
        (
            "general_settings: {database_url: '%s'}" % B,
            {"DATABASE_URL": A},
            B,
            "general_settings.database_url of /c.yaml",
        ),
        (
            "general_settings: {database_url: os.environ/MY_URL}",
            {"MY_URL": B, "DATABASE_URL": A},
            B,
            "general_settings.database_url of /c.yaml, which is MY_URL of the environment",
        ),
        (
            "general_settings: {database_url: os.environ/NO_SUCH}",
            {"DATABASE_URL": A},
            A,
            "DATABASE_URL of the environment",
        ),
        (
            "environment_variables: {DATABASE_URL: '%s'}\n"
            "general_settings: {database_url: '%s'}" % (C, B),
            {"DATABASE_URL": A},
            C,
            "environment_variables.DATABASE_URL of /c.yaml",
        ),
        (
            "",
            {**PARTS, "DATABASE_PASSWORD": "p@ss/"},
            "postgresql://u:p%40ss%2F@h:5433/n",
            "DATABASE_HOST, DATABASE_USERNAME and DATABASE_NAME of the environment",
        ),
        (
            "",
            {**PARTS, "DATABASE_SCHEMA": "llm", "DATABASE_PORT": "1"},
            "postgresql://u@h:5433/n?schema=llm",
            "DATABASE_HOST, DATABASE_USERNAME and DATABASE_NAME of the environment",
        ),
        (
            "",
            {**PARTS, "DATABASE_SSLROOTCERT": "/ca"},
            "postgresql://u@h:5433/n?sslrootcert=%2Fca&sslmode=verify-full",
            "DATABASE_HOST, DATABASE_USERNAME and DATABASE_NAME of the environment",
        ),
    ],
)
def test_database_is_found_as_litellm_finds_it(
    config: str, environment: dict[str, str], url: str, origin: str
) -> None:
    found = find(config, environment)
    assert found is not None
    assert (found.url, found.origin, found.fault) == (url, origin, "")


@pytest.mark.parametrize(
    ("config", "environment"),
    [
        ("", {}),
        ("", {"DATABASE_URL": "", **PARTS}),
        ("", {"DATABASE_HOST": "h", "DATABASE_USER": "u", "DATABASE_NAME": "n"}),
        ("general_settings:\n", {}),
    ],
    ids=["nothing", "empty", "a name that LiteLLM's command does not read", "empty block"],
)
def test_proxy_may_have_no_database(config: str, environment: dict[str, str]) -> None:
    assert find(config, environment) is None


@pytest.mark.parametrize(
    ("config", "environment", "origin", "fault"),
    [
        (
            "",
            {"IAM_TOKEN_DB_AUTH": "1", "DATABASE_URL": A},
            "IAM_TOKEN_DB_AUTH of the environment",
            "logs in to PostgreSQL with tokens of a cloud, which expire",
        ),
        (
            "general_settings: {key_management_system: x, database_url: os.environ/HIDDEN}",
            {},
            "general_settings.database_url of /c.yaml",
            "is HIDDEN of a secret manager, which is not asked here",
        ),
    ],
)
def test_database_that_cannot_be_known_is_named(
    config: str, environment: dict[str, str], origin: str, fault: str
) -> None:
    found = find(config, environment)
    assert found is not None
    assert (found.url, found.origin, found.fault) == ("", origin, fault)


def test_tokens_that_are_off_are_none() -> None:
    found = find("", {"AZURE_POSTGRESQL_AUTH": "False", "DATABASE_URL": A})
    assert found is not None
    assert found.url == A
