"""The filter from_env, as a template calls it."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.llmops.litellm.plugins.filter import from_env

READ = from_env.FilterModule().filters()["from_env"]


def test_compose_is_the_default_and_takes_an_environment() -> None:
    assert READ("A=$X # c\n") == {"A": ""}
    assert READ("A=$X\n", environment={"X": "1"}) == {"A": "1"}


def test_a_broken_file_names_reader_and_place_but_no_value() -> None:
    with pytest.raises(
        AnsibleFilterError,
        match="as compose reads it: line 2, column 3: a quote that is never closed",
    ) as caught:
        READ("A=1\nB='hunter2\n", "compose")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "text, dialect", [("A=1", "dotenv"), (None, "compose"), ({"A": "1"}, "compose")]
)
def test_wrong_input_of_from_env(text: object, dialect: str) -> None:
    with pytest.raises(AnsibleFilterError, match="from_env: "):
        READ(text, dialect)
