"""A file of settings: who may have written it, and every key that is wrong by its whole name."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    settings_file as _settings_file,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host.settings_file import Reader
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.endpoint import (
    ENDPOINT_OPTIONS,
)


def written(folder: Path, text: str | bytes, mode: int = 0o600) -> str:
    path = folder / "ops.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return str(path)


def read(path: str) -> Any:
    return _settings_file.read(path, os.geteuid(), "backup")


def test_json_of_its_owner_is_read(tmp_path: Path) -> None:
    assert read(written(tmp_path, '{"format": 1, "a": [1]}')) == {"format": 1, "a": [1]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON: Expecting"),
        (b"\xff\xfe", "is not JSON: it is no text"),
        ("[" * 100_000, "is not JSON: it is nested too deeply"),
    ],
    ids=["half", "no text", "too deep"],
)
def test_what_is_no_json_is_said(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(_settings_file.SettingsError, match=said):
        read(written(tmp_path, text))


def test_missing_file_names_the_role_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(
        _settings_file.SettingsError,
        match=r"No such file.*: the role llmops\.litellm\.backup writes it",
    ):
        read(str(tmp_path / "none"))


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_file_that_others_can_write_is_not_believed(tmp_path: Path, mode: int) -> None:
    with pytest.raises(_settings_file.SettingsError, match="be writable for nobody else"):
        read(written(tmp_path, "{}", mode))


@pytest.mark.parametrize(("owner", "said"), [(0, "root"), (1234567, "account 1234567")])
def test_file_of_another_is_not_believed(tmp_path: Path, owner: int, said: str) -> None:
    path = written(tmp_path, "{}")
    os.chown(path, 4242, -1)
    with pytest.raises(_settings_file.SettingsError, match=f"must belong to {said} and"):
        _settings_file.read(path, owner, "backup")


def reader(**values: Any) -> Reader:
    return Reader(values, "top.", [])


def test_values_are_taken_and_defaults_where_there_are_none() -> None:
    top = reader(
        text="a", whole=3, share=0.5, file="/a", list=["x", "y"], inner={"a": 1}, objects=[{}, {}]
    )
    assert top.get("text", str) == "a"
    assert top.count("whole", 1) == 3
    assert top.number("share", 0.9, 0, 1) == 0.5
    assert top.path("file") == "/a"
    assert top.texts("list") == ("x", "y")
    assert top.inner("inner").get("a", int) == 1
    assert [inner.prefix for inner in top.objects("objects")] == [
        "top.objects[0].",
        "top.objects[1].",
    ]
    assert top.count("gone", 7) == 7
    assert top.number("gone", 7.5) == 7.5
    assert top.texts("gone", ("z",)) == ("z",)
    assert top.path("gone", "") == ""
    assert top.inner("gone", {}).values == {}
    assert list(top.objects("gone")) == []
    assert top.has("text") and not top.has("gone")
    top.end()
    assert top.problems == []


@pytest.mark.parametrize(
    ("method", "value", "problem"),
    [
        (lambda top: top.get("x", str), 5, "must be a text"),
        (lambda top: top.get("x", int), True, "must be a whole number"),
        (lambda top: top.get("x", dict), [], "must be an object"),
        (lambda top: top.get("x", list), {}, "must be a list"),
        (lambda top: top.get("x", str), None, "is missing"),
        (lambda top: top.path("x"), "var", "must be an absolute path"),
        (lambda top: top.count("x", 1, 1), 0, "must be a whole number from 1 on"),
        (lambda top: top.number("x", 1, 0, 1), 1.5, "must be a number from 0 to 1"),
        (lambda top: top.number("x", 1, 2), True, "must be a number from 2 on"),
        (lambda top: top.number("x", 1), "1", "must be a number from 0 on"),
        (lambda top: top.texts("x"), ["a", ""], "must be a list of texts"),
        (lambda top: top.inner("x"), 1, "must be an object"),
        (lambda top: list(top.objects("x")), {}, "must be a list"),
    ],
)
def test_value_that_is_no_good_is_named(method: Any, value: Any, problem: str) -> None:
    top = reader(x=value)
    method(top)
    assert top.problems == ["top.x " + problem]


def test_key_that_nobody_asks_for_is_refused() -> None:
    top = reader(known=1, strange=2)
    top.get("known", int)
    top.end()
    assert top.problems == ["top.strange is not known"]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, "top must have either container or env_file"),
        ({"container": "a", "env_file": "/b"}, "top must have either container or env_file"),
        ({"container": "a", "user": "u"}, "top needs database and user beside container"),
        ({"env_file": "/b", "host": "h"}, "top.host is not known"),
    ],
)
def test_database_is_in_a_container_or_where_an_env_file_says(
    values: dict[str, str], problem: str
) -> None:
    top = reader(**values)
    top.database()
    assert top.problems == [problem]


def test_database_has_the_fields_of_the_modules_argument() -> None:
    top = reader(env_file="/b")
    assert top.database() == {**dict.fromkeys(ENDPOINT_OPTIONS), "env_file": "/b"}
    assert top.problems == []


def load(folder: Path, text: str) -> Any:
    path = written(folder, text)
    return _settings_file.load(path, os.geteuid(), "backup", lambda top: top.get("a", int))


def test_file_is_read_and_built(tmp_path: Path) -> None:
    assert load(tmp_path, json.dumps({"format": 1, "a": 5})) == 5


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[]", "it holds no object"),
        ('{"format": 2, "a": "b"}', "format must be 1; .*\n.*ops.json: a must be a whole number"),
    ],
)
def test_file_that_is_no_good_is_refused_with_every_reason(
    tmp_path: Path, text: str, why: str
) -> None:
    with pytest.raises(_settings_file.SettingsError, match="ops.json.*" + why):
        load(tmp_path, text)
