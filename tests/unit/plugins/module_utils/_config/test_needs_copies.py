"""Copies of what the proxy needs: as the sources are, root's, and no others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._config import (
    needs_copies as _needs_copies,
)
from ansible_collections.llmops.litellm.plugins.module_utils._config.needs_files import Copy
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import OperatorError

NAME = "needed.001-key"


def put(folder: Path, *copies: Copy, check: bool = False) -> _needs_copies.Changes:
    return _needs_copies.put(copies, str(folder), "root", 65532, check)


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    (tmp_path / "key").write_bytes(b"\xff\r\n")
    return Copy(str(tmp_path / "key"), "/srv/key", NAME)


def test_copies_are_made_once_and_follow_their_sources(tmp_path: Path, copy: Copy) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    assert put(folder, copy, check=True) == ([NAME], [])
    assert list(folder.iterdir()) == []
    assert [put(folder, copy) for _time in range(2)] == [([NAME], []), ([], [])]
    assert (folder / NAME).read_bytes() == b"\xff\r\n"
    about = (folder / NAME).stat()
    assert (oct(about.st_mode & 0o7777), about.st_uid, about.st_gid) == ("0o640", 0, 65532)
    Path(copy.source).write_text("new")
    assert put(folder, copy) == ([NAME], [])
    assert (folder / NAME).read_text() == "new"


def test_others_of_ours_go_and_strangers_stay(tmp_path: Path, copy: Copy) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("needed.002-old", "needed.old", "notes"):
        (folder / name).write_text("")
    assert put(folder, copy).removed == ["needed.002-old"]
    assert sorted(os.listdir(folder)) == [NAME, "needed.old", "notes"]


def test_a_link_in_the_way_is_replaced_and_not_followed(tmp_path: Path, copy: Copy) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (tmp_path / "other").write_text("mine")
    (folder / NAME).symlink_to(tmp_path / "other")
    assert put(folder, copy).written == [NAME]
    assert not (folder / NAME).is_symlink()
    assert (tmp_path / "other").read_text() == "mine"


def test_a_source_that_is_gone_is_named_and_nothing_written(tmp_path: Path, copy: Copy) -> None:
    gone = Copy("/nosuch/key", "/nosuch/key", "needed.002-key")
    with pytest.raises(OperatorError, match="/nosuch/key, which the proxy needs"):
        put(tmp_path, copy, gone)
    assert not (tmp_path / NAME).exists()


def test_of_a_proxy_that_is_root_each_file_is_read_by_who_could_have_put_it(
    tmp_path: Path, copy: Copy
) -> None:
    """Root reads what only root can have put there, and follows nobody's link to it."""
    Path(copy.source).chmod(0o600)
    theirs = support.reachable(tmp_path / "theirs")
    theirs.mkdir(mode=0o755)
    (theirs / "key").symlink_to(copy.source)
    os.chown(theirs, 65534, 65534)
    trap = Copy(str(theirs / "key"), "/srv/theirs", "needed.002-theirs")
    for given in ((copy, trap), (trap, copy)):
        with pytest.raises(
            OperatorError, match="theirs/key, which the proxy needs: account nobody"
        ):
            put(tmp_path, *given)
    (theirs / "key").unlink()
    (theirs / "key").write_text("own")
    os.chown(theirs / "key", 65534, 65534)
    assert put(tmp_path, trap, copy).written == ["needed.002-theirs", NAME]


def test_without_a_folder_nothing_is_stale(tmp_path: Path) -> None:
    assert _needs_copies.stale(str(tmp_path / "nosuch"), []) == []
