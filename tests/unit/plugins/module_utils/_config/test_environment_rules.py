"""The rules about variables agree with one another."""

from __future__ import annotations

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    environment_rules as _environment_rules,
)


def test_rules_are_consistent() -> None:
    for name in (*_environment_rules.DEFAULTS, *_environment_rules.ORDER):
        assert _environment_rules.why_dropped(name) is None


@pytest.mark.parametrize(
    "name", ["SEPARATE_HEALTH_APP", "SEPARATE_HEALTH_PORT", "SUPERVISORD_STOPWAITSECS"]
)
def test_second_server_of_the_start_script_does_not_come_along(name: str) -> None:
    assert "start script" in str(_environment_rules.why_dropped(name))


def test_what_speaks_of_a_store_that_stays_is_kept() -> None:
    for name in ("REDIS_SSL", "REDIS_CLUSTER_NODES", "REDIS_USERNAME"):
        assert _environment_rules.why_dropped(name)
        assert _environment_rules.why_dropped(name, ["redis"]) is None
        assert _environment_rules.why_dropped(name, ["database"])
    assert _environment_rules.why_dropped("DATABASE_URL_READ_REPLICA", ["database"]) is None
    assert _environment_rules.why_dropped("DATABASE_HOST", ["database"])
