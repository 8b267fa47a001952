"""A file of settings: who may have written it, and every key that is wrong by its whole name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    settings_file as _settings_file,
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
