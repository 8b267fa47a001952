"""The rules about variables agree with one another."""

from __future__ import annotations

from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    environment_rules as _environment_rules,
)


def test_rules_are_consistent() -> None:
    for name in (*_environment_rules.DEFAULTS, *_environment_rules.ORDER):
        assert _environment_rules.why_dropped(name) is None
