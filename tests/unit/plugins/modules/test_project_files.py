"""The module that puts rendered files in the place of a project's: what it says and foresees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.modules import project_files


@pytest.fixture
def params(tmp_path: Path) -> dict[str, Any]:
    """A rendered ``.env`` for a project that has another, and a file that nobody names."""
    source, project = tmp_path / "candidate", tmp_path / "project"
    for folder, text in ((source, "A=hunter2\n"), (project, "A=hunter2-old\n")):
        folder.mkdir()
        (folder / ".env").write_text(text)
    (project / "needed.001-gone.pem").write_text("hunter2\n")
    return {"src": str(source), "folder": str(project)}


def test_what_is_foreseen_is_done_once(
    params: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    project = Path(params["folder"])
    for check in (True, False):
        told = support.run_module(project_files.main, params, capsys, check)
        assert (told["changed"], told["written"], told["removed"]) == (
            True,
            [".env"],
            ["needed.001-gone.pem"],
        )
        assert str(project / "compose.yaml") in told["patterns"]
        assert (project / "needed.001-gone.pem").exists() == check
        assert (project / ".env").read_text() == ("A=hunter2-old\n" if check else "A=hunter2\n")
    told = support.run_module(project_files.main, params, capsys)
    assert (told["changed"], told["written"], told["removed"]) == (False, [], [])


def test_a_folder_that_others_can_write_to_is_refused(
    params: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    Path(params["src"]).chmod(0o777)
    told = support.run_module(project_files.main, params, capsys)
    assert told["failed"] and params["src"] in told["msg"]
    assert (Path(params["folder"]) / ".env").read_text() == "A=hunter2-old\n"


def test_a_folder_that_is_not_there(
    params: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    told = support.run_module(project_files.main, {**params, "folder": "/nowhere/at/all"}, capsys)
    assert told["failed"] and "/nowhere" in told["msg"]
