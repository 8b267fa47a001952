"""The command: words that are wrong, and settings that it reads without a word."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from small_archive import Run
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._ops import cli as _cli
from ansible_collections.llmops.litellm.plugins.module_utils._ops.answer import Answer


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


def test_answer_is_so_many_lines_whatever_is_in_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["  two  columns", support.HOSTILE]
    monkeypatch.setattr(_cli, "listing", lambda *_words: Answer(0, lines, {"x": support.HOSTILE}))
    shown = run("list")[1].split("\n")
    support.assert_on_lines(shown[:-1], 2)
    assert shown[0] == "  two  columns"
    told = run("list", "--json")[1]
    assert told.replace("\n", "").isprintable() and json.loads(told)["x"] == support.HOSTILE


def test_wrong_words_are_usage(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["restart"], ["backup", "--source", "elsewhere"]):
        with pytest.raises(SystemExit) as ended:
            _cli.main(words)
        assert ended.value.code == 2
    assert os.linesep in capsys.readouterr().err
