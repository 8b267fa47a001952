"""The command: words that are wrong, and settings that it reads without a word."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Callable

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._ops import backup as _ops_backup
from ansible_collections.llmops.litellm.plugins.module_utils._ops import cli as _cli

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
SECRET = "hunter2-4f9c0b7ad2e15386"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A folder of backups, and settings beside it."""
    (tmp_path / "env").write_text("LITELLM_SALT_KEY=%s\n" % SECRET)
    database = {"container": "litellm-postgres", "database": "litellm", "user": "litellm"}
    (tmp_path / "ops.json").write_text(
        json.dumps(
            {
                "format": 1,
                "state_dir": str(tmp_path),
                "project": {"name": "litellm", "folder": "/opt/litellm"},
                "deployments": {
                    "compose": {
                        "database": database,
                        "salt_key_file": str(tmp_path / "env"),
                        "facts": {"images": {"postgres": "postgres@sha256:cd"}},
                    }
                },
                "backup": {
                    "folder": str(tmp_path / "backups"),
                    "keep_daily": 2,
                    "keep_weekly": 0,
                    "keep_monthly": 0,
                    "timezone": "UTC",
                },
            }
        )
    )
    (tmp_path / "ops.json").chmod(0o600)
    return tmp_path / "backups"


@pytest.fixture
def run(archive: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command; its exit code and what it printed."""
    monkeypatch.setattr(_ops_backup, "now", lambda: NOW)

    def call(*words: str) -> tuple[int, str, str]:
        code = _cli.main([words[0], "--settings", str(archive.parent / "ops.json"), *words[1:]])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def test_settings_that_are_wrong_are_usage(archive: Path, run: Run) -> None:
    (archive.parent / "ops.json").write_text("{}")
    code, _out, err = run("backup")
    assert code == 2
    assert "state_dir is missing" in err and "backup.folder is missing" in err
    code, out, _err = run("status", "--json")
    assert code == 2 and json.loads(out)["ok"] is False


@pytest.mark.parametrize(
    "command", ["backup", "prune", "verify", "drill", "restore", "list", "status", "copy", "check"]
)
def test_settings_of_the_host_are_read_without_a_word(command: str) -> None:
    told = _cli.parser().parse_args([command])
    assert (told.settings, told.needs_settings) == ("/etc/llmops-litellm/ops.json", True)


def test_wrong_words_are_usage(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["restart"], ["backup", "--source", "elsewhere"]):
        with pytest.raises(SystemExit) as ended:
            _cli.main(words)
        assert ended.value.code == 2
    assert os.linesep in capsys.readouterr().err
