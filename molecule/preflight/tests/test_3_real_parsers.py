"""Our parsers and our encoder against the real Docker Compose, systemd and bash of the host."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from play import bring

from ansible_collections.llmops.litellm.plugins.module_utils._config import envfile as _envfile
from ansible_collections.llmops.litellm.tests import env_cases

SEED, COUNT = 20261123, 150
# What we refuse for a shell, bash runs: there is nothing to compare.
JUDGED = [
    (number, dialect)
    for number, case in enumerate(env_cases.CASES)
    for dialect in _envfile.DIALECTS
    if dialect != "shell" or case.shell is not None
]
SCRIPT = "cd /root/real_parsers && python3 -B real_parsers.py"


@pytest.fixture(scope="module")
def real(host: Any) -> dict[str, list[Any]]:
    """What the real programs read from the table's files and from random ones."""
    bring(host, "files/real_parsers.py", "../../tests/env_cases.py", folder="/root/real_parsers")
    found = json.loads(host.check_output(f"{SCRIPT} {SEED} {COUNT}"))
    found["files"] = [base64.b64decode(text) for text in found["files"]]
    assert len(found["files"]) == len(env_cases.CASES) + COUNT
    return found


@pytest.mark.parametrize(
    "number, dialect",
    JUDGED,
    ids=[f"{env_cases.CASES[number].id}, {dialect}" for number, dialect in JUDGED],
)
def test_the_table_says_what_the_real_program_does(
    real: dict[str, list[Any]], number: int, dialect: str
) -> None:
    assert real[dialect][number] == getattr(env_cases.CASES[number], dialect)


@pytest.mark.parametrize("dialect", _envfile.DIALECTS)
def test_random_files_are_read_as_the_real_program_does(
    real: dict[str, list[Any]], dialect: str
) -> None:
    different, judged = [], 0
    for text, wanted in zip(real["files"], real[dialect]):
        try:
            found = _envfile.loads(text, dialect)
        except _envfile.EnvError:
            if dialect == "shell":
                continue
            found = None
        judged += 1
        if found != wanted:
            different.append((text, found, wanted))
    assert different == []
    assert judged > len(env_cases.CASES) / 3


def test_what_we_write_is_read_alike_by_all(host: Any) -> None:
    values = env_cases.nasty_values(SEED, 400)
    for_bash = {
        name: value
        for name, value in values.items()
        if not ("`" in value and ("'" in value or value.endswith("\\")))
    }
    assert 300 < len(for_bash) < len(values)
    for mapping, readers in (
        (values, ("compose", "systemd", "interpolation")),
        (for_bash, ("shell",)),
    ):
        text = base64.b64encode(_envfile.dumps(mapping).encode()).decode()
        host.check_output("umask 077; echo %s | base64 --decode > /run/written.env", text)
        found = json.loads(host.check_output(f"{SCRIPT} --file /run/written.env"))
        for reader in readers:
            assert found[reader] == [mapping], reader
