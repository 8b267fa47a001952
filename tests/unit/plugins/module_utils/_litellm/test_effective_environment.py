"""The environment that LiteLLM works with, in the order in which it comes together."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._config import includes as _includes
from ansible_collections.llmops.litellm.plugins.module_utils._host import reader as _reader
from ansible_collections.llmops.litellm.plugins.module_utils._litellm import (
    effective_environment as _effective_environment,
)

Dotenv = _effective_environment.Dotenv


def tree(*texts: str) -> _includes.Tree:
    """A configuration of these files."""
    return _includes.Tree(tuple(_includes.Part("/c/%d" % n, text) for n, text in enumerate(texts)))


def test_file_sets_only_what_is_not_set() -> None:
    found = _effective_environment.effective(
        {"A": "process", "E": ""},
        [Dotenv("/one", "A=file\nB=one\nE=file\n"), Dotenv("/two", "B=two\nC=${B}\n")],
    )
    assert found.started == {"A": "process", "B": "one", "C": "one", "E": ""}
    assert found.carried == found.started
    assert found.origins == {"B": "/one", "C": "/two"}


def test_what_the_configuration_sets_comes_from_there() -> None:
    config = tree(
        "environment_variables:\n  B: replaced as a whole\n",
        "environment_variables:\n"
        "  A: os.environ/P\n  N: os.environ/NOSUCH\n  T: true\n  Q: 'true'\n  I: 6379\n"
        '  Z: ~\n  D: "a\\tb"\n  PATH: /evil\n  no_proxy: x\n  L: {deeper: 1}\n',
    )
    found = _effective_environment.effective({"A": "process", "P": "p"}, (), config)
    assert found.started == found.carried == {"A": "process", "P": "p"}
    assert found.origins == dict.fromkeys("ANTQIZDL", "environment_variables")


def test_file_of_the_database_client_comes_too_late_for_some() -> None:
    late = "OPENAI_API_KEY=sk\nLITELLM_MASTER_KEY=sk\nREDIS_HOST=h\nLITELLM_SALT_KEY=s\nC=late\n"
    config = tree("environment_variables: {C: config}\n")
    found = _effective_environment.effective({}, [Dotenv("/w/.env", late, late=True)], config)
    assert found.started == {}
    # what the configuration sets is in the configuration still
    assert found.carried == {"OPENAI_API_KEY": "sk", "LITELLM_SALT_KEY": "s", "C": "late"}
    assert found.origins == {
        "OPENAI_API_KEY": "/w/.env",
        "LITELLM_SALT_KEY": "/w/.env",
        "C": "environment_variables",
    }


@pytest.mark.parametrize(
    ("environment", "anonymous", "database", "found"),
    [
        ({}, False, False, ["app/.env"]),
        ({"LITELLM_MODE": "DEV"}, False, True, ["app/.env", "work/.env", "work/prisma/.env"]),
        ({}, True, False, ["work/.env", "app/.env"]),
        ({}, True, True, ["work/.env", "app/.env", "work/prisma/.env"]),
        ({"LITELLM_MODE": "PRODUCTION"}, True, False, []),
        ({"LITELLM_MODE": ""}, True, False, []),
        ({"LITELLM_MODE": "PRODUCTION"}, False, True, ["work/.env", "work/prisma/.env"]),
        ({"PYTHON_DOTENV_DISABLED": "True"}, True, True, []),
        ({"PYTHON_DOTENV_DISABLED": "0"}, False, False, ["app/.env"]),
    ],
)
def test_files_are_found_where_litellm_finds_them(
    tmp_path: Path, environment: dict[str, str], anonymous: bool, database: bool, found: list[str]
) -> None:
    package = tmp_path / "app/venv/lib/python3.11/site-packages/litellm"
    package.mkdir(parents=True)
    (tmp_path / "work/prisma").mkdir(parents=True)
    (package / ".env").mkdir()  # a folder is none
    for name in ("app/.env", "work/.env", "work/prisma/.env", ".env"):
        (tmp_path / name).write_text("")
    got = _effective_environment.find(
        environment,
        str(package),
        str(tmp_path / "work"),
        anonymous,
        database,
        _reader.ours(),
    )
    assert [os.path.relpath(path, tmp_path) for path, _late in got] == found
    late = {os.path.relpath(path, tmp_path) for path, is_late in got if is_late}
    assert late == {name for name in found if database and name.startswith("work")} - (
        {"work/.env"} if anonymous else set()
    )


def test_a_package_that_is_not_known_is_not_searched() -> None:
    assert _effective_environment.searches({}, "", "/w", False) == []
    assert _effective_environment.searches({}, "", "/w", True) == [["/w/.env", "/.env"]]


def test_litellms_second_search_begins_beside_its_command() -> None:
    searched = _effective_environment.searches({}, "/s/litellm", "/w", False)
    assert searched == [
        ["/s/litellm/.env", "/s/.env", "/.env"],
        ["/s/litellm/proxy/.env", "/s/litellm/.env", "/s/.env", "/.env"],
    ]
