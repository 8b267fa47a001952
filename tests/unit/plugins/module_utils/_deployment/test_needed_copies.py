"""Copies whose originals go on changing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    needs_copies as _needs_copies,
)
from ansible_collections.llmops.litellm.plugins.module_utils._config.needs_files import Copy
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    needed_copies as _needed_copies,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError

NAME = "needed.001-cert.pem"


@pytest.fixture
def copies(tmp_path: Path) -> _needed_copies.Copies:
    """A certificate, copied a minute after it was made."""
    (tmp_path / "project").mkdir()
    (tmp_path / "cert.pem").write_bytes(b"\xff old")
    file = Copy(str(tmp_path / "cert.pem"), "/srv/cert.pem", NAME)
    made = _needed_copies.Copies(str(tmp_path / "project"), "root", 0, (file,))
    _needs_copies.put(made.files, made.folder, "root", 0)
    later(made)
    return made


def later(made: _needed_copies.Copies) -> None:
    """The copy is newer than its original, whatever the clock's grain."""
    path = os.path.join(made.folder, NAME)
    at = os.stat(made.files[0].source).st_ctime_ns + 60 * 10**9
    os.utime(path, ns=(at, at))


def renewed(made: _needed_copies.Copies, text: str) -> None:
    """The original is another, after the copy was written."""
    Path(made.files[0].source).write_text(text)
    at = os.stat(made.files[0].source).st_ctime_ns - 10**9
    os.utime(os.path.join(made.folder, NAME), ns=(at, at))


def test_original_that_changes_is_told_and_copied_anew(copies: _needed_copies.Copies) -> None:
    assert _needed_copies.outdated(copies) == []
    renewed(copies, "new")
    assert _needed_copies.outdated(copies) == list(copies.files)
    former = _needed_copies.renew(copies, copies.files)
    assert former == {NAME: "\udcff old"}
    path = Path(copies.folder, NAME)
    assert (path.read_text(), oct(path.stat().st_mode & 0o7777)) == ("new", "0o640")
    later(copies)
    assert _needed_copies.outdated(copies) == []
    _needs_copies.write(copies.folder, former, copies.gid)
    assert path.read_bytes() == b"\xff old"


def test_original_that_was_only_touched_is_none(copies: _needed_copies.Copies) -> None:
    renewed(copies, "new")
    _needed_copies.renew(copies, copies.files)
    renewed(copies, "new")
    assert _needed_copies.outdated(copies) == []


def test_copy_is_unread_where_the_proxy_was_started_before_it(
    copies: _needed_copies.Copies,
) -> None:
    at = os.stat(os.path.join(copies.folder, NAME)).st_mtime
    assert _needed_copies.unread(copies, at - 1) == list(copies.files)
    assert _needed_copies.unread(copies, at + 1) == []
    assert _needed_copies.unread(copies, 0) == []


def test_copy_that_was_edited_itself_is_meant(copies: _needed_copies.Copies) -> None:
    Path(copies.folder, NAME).write_text("edited")
    later(copies)
    assert _needed_copies.outdated(copies) == []


def test_copy_that_is_gone_is_made_anew(copies: _needed_copies.Copies) -> None:
    Path(copies.folder, NAME).unlink()
    assert _needed_copies.outdated(copies) == list(copies.files)
    assert _needed_copies.renew(copies, copies.files) == {}
    assert Path(copies.folder, NAME).read_bytes() == b"\xff old"


@pytest.mark.parametrize("account", ["root", "nosuchaccount"])
def test_original_that_is_gone_or_nobodys_leaves_the_copy(
    copies: _needed_copies.Copies, account: str
) -> None:
    renewed(copies, "new")
    made = copies._replace(account=account)
    if account == "root":
        Path(copies.files[0].source).unlink()
        with pytest.raises(OperatorError, match="cert.pem, which the proxy needs"):
            _needed_copies.renew(made, made.files)
    assert _needed_copies.outdated(made) == []
    assert Path(copies.folder, NAME).read_bytes() == b"\xff old"


@pytest.mark.parametrize(
    "facts", [{}, {"found": {"needs": None, "legacy": None}, "images": None}, {"found": {}}]
)
def test_journals_without_copies_have_none(facts: dict[str, Any]) -> None:
    assert _needed_copies.of(facts) == _needed_copies.Copies()


def test_copies_are_those_of_the_journal() -> None:
    files = [
        {"source": "/a", "target": "/b", "name": NAME},
        {"source": "/c", "target": "/d", "name": NAME, "account": "root"},
    ]
    found = {"project_dir": "/p", "legacy": {"reader": "llm"}, "needs": {"files": files}}
    facts = {"found": found, "images": {"litellm": {"gid": 65532}}}
    assert _needed_copies.of(facts) == _needed_copies.Copies(
        "/p", "llm", 65532, (Copy("/a", "/b", NAME), Copy("/c", "/d", NAME, "root"))
    )
