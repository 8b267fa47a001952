"""The module needed_files: what it copies, shows and refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._host import paths as _paths
from ansible_collections.llmops.litellm.plugins.modules import needed_files


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Any]]:
    """Runs the module and returns what it printed."""
    monkeypatch.setattr(_paths, "require", lambda *_words: None)

    def call(check: bool = False, **params: Any) -> dict[str, Any]:
        words = {**params, "_ansible_check_mode": check}
        return support.run_module(needed_files.main, words, capsys)

    return call


def test_module_says_the_truth(tmp_path: Path, run: Callable[..., dict[str, Any]]) -> None:
    (tmp_path / "key").write_text("hunter2")
    (tmp_path / "project").mkdir()
    name = "needed.001-key"
    file = {"source": str(tmp_path / "key"), "target": "/srv/key", "name": name}
    words = {"files": [file], "folder": str(tmp_path / "project"), "group": 65532}
    told = run(check=True, **words)
    assert (told["changed"], told["written"]) == (True, [name])
    assert list((tmp_path / "project").iterdir()) == []
    assert told["diff"]["after"] == "%s: a copy of %s, at /srv/key in the container\n" % (
        name,
        tmp_path / "key",
    )
    assert "hunter2" not in str(told)
    assert [run(**words)["changed"] for _time in range(2)] == [True, False]
    told = run(files=[], folder=words["folder"])
    assert (told["removed"], told["diff"]["before"]) == ([name], name + "\n")


@pytest.mark.parametrize(
    ("source", "name", "said"),
    [
        ("/nosuch/key", "needed.001-key", "/nosuch/key, which the proxy needs: root can't read it"),
        ("/etc/hostname", "../.env", "is no name of a copy"),
        ("/etc/hostname", "compose.yaml", "is no name of a copy"),
    ],
)
def test_what_is_refused(
    tmp_path: Path, run: Callable[..., dict[str, Any]], source: str, name: str, said: str
) -> None:
    file = {"source": source, "target": "/x", "name": name}
    failed = run(files=[file], folder=str(tmp_path))
    assert failed["failed"] and said in failed["msg"]
    assert list(tmp_path.iterdir()) == []


def test_folder_of_another_account_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "open"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    words = {"files": [], "folder": str(folder), "_ansible_check_mode": False}
    failed = support.run_module(needed_files.main, words, capsys)
    assert failed["failed"] and "keeps the proxy's keys there" in failed["msg"]
