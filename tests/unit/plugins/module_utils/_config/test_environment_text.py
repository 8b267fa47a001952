"""The file .env: written for both of its readers, and shown without its values."""

from __future__ import annotations

import subprocess
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._config import envfile as _envfile
from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    environment as _environment,
)
from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    environment_text as _environment_text,
)
from ansible_collections.llmops.litellm.plugins.module_utils._config.environment_files import (
    LegacyFile,
)
from ansible_collections.llmops.litellm.tests import env_cases

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


def test_the_text_is_what_both_readers_take_it_for() -> None:
    values = plan(
        {**PROCESS, **env_cases.nasty_values(3, 50)}, native_ports=[], own_ports=[]
    ).values
    text = _environment_text.env_text(values)
    assert _environment_text.is_ours(text)
    for dialect in ("compose", "systemd"):
        assert _envfile.loads(text, dialect) == values


def test_a_reader_that_disagrees_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_envfile, "_encode", lambda value: value)
    with pytest.raises(ValueError, match="compose would read other values than were meant: A$"):
        _environment_text.env_text({"A": "a #hunter2", "B": "x"})


@pytest.mark.parametrize(
    "text, ours",
    [("", True), ("\n", True), ("A=1\n", False), ("# mine\n" + _environment_text.HEADER, False)],
)
def test_whose_file_it_is(text: str, ours: bool) -> None:
    assert _environment_text.is_ours(text) == ours


def test_a_diff_shows_names_only() -> None:
    before, after = _environment_text.shown(
        "A=hunter2\nB=hunter2\nC=1\n", "A=hunter2\nB=hunter3\nD=1\n"
    )
    assert before == "A=(secret)\nB=(secret, the old value)\nC=(secret)\n"
    assert after == "A=(secret)\nB=(secret, the new value)\nD=(secret)\n"


# What Redis reads between double quotes.
PASSWORDS = {
    "abc-_9": "abc-_9",
    'a"b\\c': "a\\x22b\\x5cc",
    "a b\n": "a\\x20b\\x0a",
    "é": "\\xc3\\xa9",
    "#'$`%d": "#'$`%d",
}


@pytest.mark.parametrize("password", PASSWORDS)
def test_redis_passwords_are_escaped(password: str) -> None:
    text = _environment_text.redis_text(password)
    assert 'requirepass "%s"\n' % PASSWORDS[password] in text


@pytest.mark.parametrize("password", PASSWORDS)
def test_shell_of_a_container_reads_the_password_of_redis(tmp_path: Path, password: str) -> None:
    (tmp_path / "redis.conf").write_text(_environment_text.redis_text(password))
    told = subprocess.run(
        ["sh", "-c", """printf "$(sed -n 's/^#auth //p' redis.conf)" """],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    ).stdout
    assert told.decode() == password
