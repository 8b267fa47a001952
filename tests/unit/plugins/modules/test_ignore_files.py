"""The module ignore_files, with a real git."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Callable

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._host import git as _git
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.modules import ignore_files

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    project = tmp_path / "llm@team"
    project.mkdir()
    return project


def git(folder: Path, *arguments: str) -> str:
    command = [
        "git",
        "-C",
        str(folder),
        "-c",
        "user.name=x",
        "-c",
        "user.email=x@example.com",
        "-c",
        "init.defaultBranch=main",
        *arguments,
    ]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(check: bool = False, docker: list[str] | None = None) -> dict[str, Any]:
        params = {
            "path": str(folder),
            "git": [".env", "redis.conf"],
            "docker": docker or [".git", ".env"],
            "_ansible_check_mode": check,
        }
        return support.run_module(ignore_files.main, params, capsys)

    return call


def test_outside_of_git_only_the_build_context_is_cared_for(folder: Path, run: Run) -> None:
    assert run()["files"] == [str(folder / ".dockerignore")]
    assert (folder / ".dockerignore").read_text() == "%s\n.git\n.env\n%s\n" % (
        _git.BEGIN,
        _git.END,
    )
    assert not run()["changed"]


def test_in_a_work_tree_git_ignores_the_secrets(folder: Path, run: Run) -> None:
    git(folder, "init")
    (folder / ".gitignore").write_text("*.log\n!.env")
    (folder / ".env").write_text("x")
    assert str(folder / ".gitignore") in run()["files"]
    assert (folder / ".gitignore").read_text().startswith("*.log\n!.env\n# BEGIN")
    assert ".env" not in git(folder, "status", "--porcelain", "--untracked-files=all").replace(
        ".dockerignore", ""
    )
    assert not run()["changed"]


def test_a_folder_inside_a_work_tree(folder: Path, run: Run) -> None:
    git(folder.parent, "init")
    run()
    assert git(folder, "check-ignore", ".env", "redis.conf") == ".env\nredis.conf\n"
    assert not run()["changed"]


def test_what_is_ignored_already_needs_no_block(folder: Path, run: Run) -> None:
    git(folder, "init")
    (folder / ".gitignore").write_text(".env\n/redis.conf\n")
    assert run()["files"] == [str(folder / ".dockerignore")]


def test_a_tracked_secret_is_refused_with_the_remedy(folder: Path, run: Run) -> None:
    git(folder, "init")
    (folder / ".env").write_text("x")
    git(folder, "add", ".env")
    git(folder, "commit", "-m", "oops")
    for result in (run(check=True), run()):
        assert result["failed"]
        assert "git rm --cached .env" in result["msg"]
        assert "rotate" in result["msg"]
    assert not (folder / ".dockerignore").exists()


def test_check_mode(folder: Path, run: Run) -> None:
    git(folder, "init")
    assert run(check=True)["changed"]
    assert sorted(path.name for path in folder.iterdir()) == [".git"]


def test_a_changed_list_replaces_the_block_and_nothing_else(folder: Path, run: Run) -> None:
    (folder / ".dockerignore").write_text("mine\n")
    (folder / ".dockerignore").chmod(0o640)
    run()
    with (folder / ".dockerignore").open("a") as stream:
        stream.write("mine too\n")
    assert run(docker=["a"])["changed"]
    assert (folder / ".dockerignore").read_text() == "mine\nmine too\n%s\na\n%s\n" % (
        _git.BEGIN,
        _git.END,
    )
    assert (folder / ".dockerignore").stat().st_mode & 0o777 == 0o640


def test_a_symbolic_link_is_not_followed(folder: Path, run: Run) -> None:
    (folder.parent / "elsewhere").write_text("x")
    (folder / ".dockerignore").symlink_to(folder.parent / "elsewhere")
    assert "symbolic link" in run()["msg"]
    assert (folder.parent / "elsewhere").read_text() == "x"


def test_a_repository_that_git_cannot_read_is_not_passed_over(folder: Path, run: Run) -> None:
    (folder / ".git").mkdir()
    assert "git cannot say what it tracks" in run()["msg"]


def test_a_repository_without_git_on_the_host(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        _process, "run", lambda *_a, **_k: _process.Result(127, "", "git: not found")
    )
    assert run()["changed"]
    (folder / ".git").mkdir()
    assert "git is not installed" in run()["msg"]


def test_a_missing_folder(folder: Path, run: Run) -> None:
    folder.rmdir()
    assert "No such file" in run()["msg"]
