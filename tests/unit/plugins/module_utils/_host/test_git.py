"""A marked block in somebody else's ignore file, and what real git says of a folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from unit.support import reachable

from ansible_collections.llmops.litellm.plugins.module_utils._host import git as _git
from ansible_collections.llmops.litellm.plugins.module_utils._host.account import Account
from ansible_collections.llmops.litellm.plugins.module_utils._host.paths import UntrustedPath
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result

NAMES = [".env", "config.compose.yaml"]
BLOCK = "# BEGIN llmops.litellm: kept by Ansible\n/.env\n# END llmops.litellm\n"


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A work tree of git."""
    git(tmp_path, "init", "--quiet")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", BLOCK),
        ("*.log\n", "*.log\n" + BLOCK),
        ("*.log", "*.log\n" + BLOCK),
        (BLOCK, BLOCK),
        (BLOCK + "!/.env\n", "!/.env\n" + BLOCK),
        ("a\r\n" + BLOCK.replace("\n", "\r\n") + "b\n", "a\r\nb\n" + BLOCK),
    ],
    ids=["empty", "others", "no newline", "ours", "not last", "carriage returns"],
)
def test_block_comes_last_and_once(text: str, wanted: str) -> None:
    assert _git.with_block(text, ["/.env"]) == wanted
    assert _git.has_block(wanted)


def test_block_is_known_by_its_whole_line() -> None:
    assert not _git.has_block("x # BEGIN llmops.litellm: kept by Ansible")


def test_folders_above_end_at_the_root() -> None:
    assert list(_git.upwards("/a/b")) == ["/a/b", "/a", "/"]


def test_folder_outside_of_git_needs_no_ignore_file(tmp_path: Path) -> None:
    assert not _git.in_work_tree(str(tmp_path))
    assert _git.gitignore(str(tmp_path), NAMES) is None


def test_folder_in_a_work_tree_gets_one_until_git_leaves_the_files_alone(tree: Path) -> None:
    (tree / "llm").mkdir()
    file = _git.gitignore(str(tree / "llm"), NAMES)
    assert file is not None
    assert file.changed
    _git.write(file)
    assert _git.not_ignored(str(tree / "llm"), NAMES) == []
    again = _git.gitignore(str(tree / "llm"), NAMES)
    assert again is not None
    assert not again.changed


def test_files_that_git_ignores_already_need_none(tree: Path) -> None:
    (tree / ".gitignore").write_text(".env\n*.yaml\n")
    assert _git.gitignore(str(tree), NAMES) is None


def test_folder_that_is_not_there_yet_is_asked_about(tree: Path) -> None:
    assert _git.in_work_tree(str(tree / "new/llm"))
    assert _git.not_ignored(str(tree / "new/llm"), NAMES) == NAMES


def test_tracked_secret_is_refused_with_what_to_do(tree: Path) -> None:
    (tree / ".env").write_text("A=1\n")
    git(tree, "add", ".env")
    assert _git.tracked(str(tree), NAMES) == [".env"]
    with pytest.raises(_git.IgnoreError, match=r"git rm --cached \.env .* rotate it"):
        _git.gitignore(str(tree), NAMES)


def test_repository_that_git_cannot_read_is_refused(tree: Path) -> None:
    (tree / ".git/HEAD").write_text("nonsense")
    with pytest.raises(_git.IgnoreError, match="git cannot say what it tracks"):
        _git.in_work_tree(str(tree))


def test_missing_git_is_refused_only_within_a_repository(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_git._process, "run", lambda *_words, **_more: Result(127, "", ""))
    with pytest.raises(_git.IgnoreError, match="git is not installed"):
        _git.in_work_tree(str(tree))
    (tree / ".git").rename(tree / "other")
    assert not _git.in_work_tree(str(tree))


def test_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").symlink_to("/etc/hostname")
    with pytest.raises(_git.IgnoreError, match="is a symbolic link"):
        _git.dockerignore(str(tmp_path), ["*"])


def test_written_file_keeps_its_owner_and_mode(tmp_path: Path) -> None:
    path = tmp_path / ".dockerignore"
    path.write_text("a\n")
    path.chmod(0o640)
    os.chown(path, 4242, 4243)
    _git.write(_git.dockerignore(str(tmp_path), ["*"]))
    about = path.stat()
    assert about.st_mode & 0o777 == 0o640
    assert (about.st_uid, about.st_gid) == (4242, 4243)
    assert path.read_text().startswith("a\n# BEGIN")


def test_file_in_an_accounts_folder_is_read_and_written_by_it(tmp_path: Path) -> None:
    folder = reachable(tmp_path / "team")
    folder.mkdir()
    os.chown(folder, 4242, 4243)
    _git.write(_git.dockerignore(str(folder), ["*"]))
    about = (folder / ".dockerignore").stat()
    assert (about.st_uid, about.st_gid) == (4242, 4242)
    assert about.st_mode & 0o777 == 0o644
    (folder / ".dockerignore").chmod(0o640)
    _git.write(_git.dockerignore(str(folder), ["a"]))
    about = (folder / ".dockerignore").stat()
    assert (about.st_uid, about.st_mode & 0o777) == (4242, 0o640)
    secret = tmp_path / "secret"
    secret.write_text("root's own")
    secret.chmod(0o600)
    (folder / ".dockerignore").unlink()
    (folder / ".dockerignore").hardlink_to(secret)
    with pytest.raises(PermissionError):
        _git.dockerignore(str(folder), ["*"])


def test_folder_of_several_accounts_is_nobodys_to_write(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(UntrustedPath, match="every account can write to"):
        _git.dockerignore(str(tmp_path), ["*"])


@pytest.mark.parametrize("name", [".git", ".git/config", ".git/HEAD", ".git/index"])
def test_root_runs_git_only_where_its_settings_are_roots(
    tree: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """An account's settings may name programs, and git runs them."""
    (tree / "a").touch()
    git(tree, "add", "a")
    seen: list[tuple[int, list[str]]] = []

    def run(argv: list[str], account: Account, **_more: object) -> Result:
        seen.append((account.uid, argv[:5]))
        return Result(0, "true", "")

    monkeypatch.setattr(_git._process, "run", run)
    assert _git.in_work_tree(str(tree))
    os.chown(tree / name, 65534, 65534)
    assert _git.in_work_tree(str(tree))
    safe = ["git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"]
    assert seen == [(0, safe), (65534, safe)]


def test_work_tree_whose_settings_are_elsewhere(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tree, "-c", "user.name=x", "-c", "user.email=x@x", "commit", "--allow-empty", "-qm", "x")
    git(tree, "worktree", "add", "-q", str(tree / "other"))
    assert _git.in_work_tree(str(tree / "other"))
    uids: list[int] = []

    def run(_argv: list[str], account: Account, **_more: object) -> Result:
        uids.append(account.uid)
        return Result(0, "true", "")

    monkeypatch.setattr(_git._process, "run", run)
    _git.in_work_tree(str(tree / "other"))
    os.chown(tree / ".git/config", 65534, 65534)
    _git.in_work_tree(str(tree / "other"))
    assert uids == [0, 65534]


@pytest.mark.parametrize(
    ("user", "owner", "account"),
    [(0, 4242, 4242), (0, 0, 0), (1000, 4242, 1000)],
    ids=["root for another", "root for itself", "not root"],
)
def test_git_runs_as_the_repositorys_owner_where_that_is_possible(
    tree: Path, monkeypatch: pytest.MonkeyPatch, user: int, owner: int, account: int | None
) -> None:
    accounts: list[int | None] = []

    def run(_argv: list[str], account: Account | None = None, **_more: object) -> Result:
        accounts.append(account.uid if account else None)
        return Result(0, "true", "")

    os.chown(tree, owner, owner and owner + 1)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(_git._process, "run", run)
    assert _git.in_work_tree(str(tree))
    assert accounts == [account]
