"""The filter to_env, as a template calls it: what from_env reads again, in all dialects."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.llmops.litellm.plugins.filter import from_env, to_env

READ = from_env.FilterModule().filters()["from_env"]
WRITE = to_env.FilterModule().filters()["to_env"]


def test_round_trip() -> None:
    values = {"A": "it's $5", "B": "", "C": "a\nb"}
    for dialect in ("compose", "systemd", "shell"):
        assert READ(WRITE(values), dialect) == values


@pytest.mark.parametrize("mapping", ["A=1", None, {"A": 1}, {"A B": "1"}, {1: "x"}])
def test_wrong_input_of_to_env(mapping: object) -> None:
    with pytest.raises(AnsibleFilterError, match="to_env: "):
        WRITE(mapping)
