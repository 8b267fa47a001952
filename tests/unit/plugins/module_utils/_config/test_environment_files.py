"""The env files of the legacy deployment, held against what its process has."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    environment as _environment,
)
from ansible_collections.llmops.litellm.plugins.module_utils._config.environment_files import (
    LegacyFile,
)

PROCESS = {
    "DATABASE_URL": "postgresql://gateway:p%40ss@127.0.0.1:5434/llm_gateway?connection_limit=10&pool_timeout=60",
    "LITELLM_MASTER_KEY": "sk-m$1",
    "LITELLM_SALT_KEY": "salt'\"\\",
    "OPENAI_API_KEY": "sk-o",
}


def plan(
    process: dict[str, str] | None = None, files: list[LegacyFile] | None = None, **settings: Any
) -> _environment.EnvironmentPlan:
    numbers = count(1)
    settings.setdefault("generate", lambda: "generated-%d" % next(numbers))
    return _environment.plan(
        PROCESS if process is None else process, files or [], _environment.Settings(**settings)
    )


def entry(found: _environment.EnvironmentPlan, name: str) -> _environment.Entry:
    return next(item for item in found.entries if item.name == name)


FILES = [
    LegacyFile("/p/env", "systemd", "A=1\nB=old\n# c\nB=2\nC=file\nD=unset\nMY-X=1\n"),
    LegacyFile("/p/secrets", "systemd", "A=3\nexport E='e f'\nexport G=$(id)\nBROKEN\n"),
]


def test_files_are_held_against_the_process() -> None:
    found = plan({**PROCESS, "A": "3", "B": "2", "C": "process"}, FILES)
    assert [(item.path, item.line, item.name) for item in found.findings] == [
        ("/p/env", 1, "A"),
        ("/p/env", 2, "B"),
        ("/p/env", 5, "C"),
        ("/p/env", 6, "D"),
        ("/p/env", 7, "MY-X"),
        ("/p/secrets", 2, "E"),
        ("/p/secrets", 3, "G"),
        ("/p/secrets", 4, ""),
    ]
    reasons = [item.reason for item in found.findings]
    assert reasons[0] == "overridden later, by /p/secrets:1"
    assert reasons[1] == "overridden later, by /p/env:4"
    assert "another value" in reasons[2]
    assert "does not have it" in reasons[3]
    assert [entry(found, name).origin for name in "ABC"] == [
        "/p/secrets:1",
        "/p/env:4",
        "legacy process",
    ]
    assert entry(found, "E")[1:3] == ("ignored", "/p/secrets:2")
    assert "env_file_adopt: [E]" in entry(found, "E").reason


def test_a_dropped_line_can_be_adopted() -> None:
    found = plan({**PROCESS, "A": "3"}, FILES, adopt=["E"])
    assert found.values["E"] == "e f"
    assert entry(found, "E")[1:3] == ("added", "/p/secrets:2")
    assert found.problems == []


@pytest.mark.parametrize("name", ["G", "MY-X", "NOWHERE", "D"])
def test_what_cannot_be_adopted(name: str) -> None:
    assert name in plan({**PROCESS, "A": "3"}, FILES, adopt=[name]).problems[0]


def test_what_the_process_has_need_not_be_adopted() -> None:
    found = plan({**PROCESS, "E": "real"}, FILES, adopt=["E"])
    assert found.values["E"] == "real"
    assert "has E already" in found.warnings[0]
    assert found.problems == []


def test_a_broken_file_is_named_with_its_line() -> None:
    found = plan(
        files=[
            LegacyFile("/p/env", "systemd", "A=1\nB=\udcff\n"),
            LegacyFile("/p/x", "shell", "A=$(id)\n"),
        ]
    )
    assert [(item.path, item.line) for item in found.findings] == [("/p/env", 2), ("/p/x", 1)]


def test_line_that_systemd_drops_and_litellm_loads_is_no_finding() -> None:
    """One .env that is the unit's EnvironmentFile and lies where LiteLLM looks."""
    text = "A=1\nexport E='e f'\nexport N=\"n\n"
    both = [LegacyFile("/p/.env", "systemd", text), LegacyFile("/p/.env", "dotenv", text)]
    found = plan({**PROCESS, "A": "1", "E": "e f"}, both)
    assert [item.name for item in found.findings] == ["N"]
    assert [entry(found, name).origin for name in "AE"] == ["/p/.env:1", "/p/.env:2"]
    alone = plan({**PROCESS, "A": "1", "E": "e f"}, both[:1])
    assert [item.name for item in alone.findings] == ["E", "N"]
