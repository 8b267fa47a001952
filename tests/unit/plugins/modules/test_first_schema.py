"""The module that has LiteLLM's image make its tables: what it passes on, and says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    first_schema as _first_schema,
)
from ansible_collections.llmops.litellm.plugins.modules import first_schema

ENV = "POSTGRES_USER=litellm\nPOSTGRES_PASSWORD='hunter2'\nPOSTGRES_DB=gateway\n"


def run(
    capsys: pytest.CaptureFixture[str], path: Path, text: str = ENV, check: bool = False
) -> dict[str, Any]:
    (path / ".env").write_text(text)
    return support.run_module(first_schema.main, {"folder": str(path)}, capsys, check)


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("missing", ["", "it has no tables of LiteLLM's"])
def test_tables_are_made_where_they_are_missing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    missing: str,
    check: bool,
) -> None:
    made: list[Any] = []
    monkeypatch.setattr(_first_schema, "missing", lambda target: missing)
    monkeypatch.setattr(_first_schema, "make", lambda *words: made.append(words))
    told = run(capsys, tmp_path, check=check)
    assert (told["changed"], told["missing"]) == (bool(missing), missing)
    assert len(made) == bool(missing and not check)
    for folder, project, target, password, host in made:
        assert (folder, project, password, host) == (
            str(tmp_path),
            "litellm",
            "hunter2",
            "postgres",
        )
        assert (target.database, target.user, target.container) == (
            "gateway",
            "litellm",
            "litellm-postgres",
        )


def test_what_the_environment_does_not_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = run(capsys, tmp_path, "POSTGRES_USER=litellm\nPOSTGRES_DB=d\n")
    assert (told["failed"], told["msg"]) == (
        True,
        "%s/.env does not set POSTGRES_PASSWORD" % tmp_path,
    )
