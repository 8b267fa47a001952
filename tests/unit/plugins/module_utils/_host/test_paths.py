"""Whether only root can have chosen what lies at a path."""

from __future__ import annotations

import grp
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import paths as _paths

SOMEBODY = 65534


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """``folder/file``, both root's."""
    (tmp_path / "folder").mkdir(mode=0o755)
    (tmp_path / "folder" / "file").write_text("text")
    return tmp_path


def test_what_root_has_in_its_own_folders_is_roots(place: Path) -> None:
    assert _paths.weakness(str(place / "folder/file")) == ""
    assert _paths.weakness("/bin/sh") == ""
    _paths.require(str(place / "folder/file"), "reads it")


def test_one_account_beside_root_has_chosen(place: Path) -> None:
    path = str(place / "folder/file")
    assert _paths.chooser(path) == os.geteuid()
    os.chown(place / "folder", SOMEBODY, 4242)
    assert _paths.chooser(path) == SOMEBODY
    assert _paths.chooser(path + "-new") == SOMEBODY
    os.chown(place / "folder/file", SOMEBODY, 4242)
    assert _paths.chooser(path) == SOMEBODY
    os.chown(place / "folder/file", 4242, 4242)
    with pytest.raises(_paths.UntrustedPath, match="nobody and .* belongs to account number 4242"):
        _paths.chooser(path)
    os.chown(place / "folder/file", 0, 0)
    (place / "folder/file").chmod(0o666)
    with pytest.raises(_paths.UntrustedPath, match="every account can write to"):
        _paths.chooser(path)


def test_a_group_that_only_the_owner_is_in_is_the_owners(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Debian and Ubuntu make accounts, with a umask of 002."""
    os.chown(place / "folder", SOMEBODY, 4242)
    (place / "folder").chmod(0o775)
    crew = ["nobody"]
    monkeypatch.setattr(
        grp, "getgrgid", lambda gid: grp.struct_group(("crew", "x", gid, list(crew)))
    )
    assert _paths.chooser(str(place / "folder/file")) == SOMEBODY
    crew.append("daemon")
    with pytest.raises(_paths.UntrustedPath, match="group crew can write to"):
        _paths.chooser(str(place / "folder/file"))


def test_what_is_not_there_yet_depends_on_its_folder(place: Path) -> None:
    assert _paths.weakness(str(place / "folder/new/deep")) == ""
    os.chown(place / "folder", SOMEBODY, 0)
    assert _paths.weakness(str(place / "folder/new/deep")) == (
        f"{place}/folder belongs to account nobody"
    )


@pytest.mark.parametrize("part", ["folder", "folder/file"])
def test_another_owner_is_named(place: Path, part: str) -> None:
    os.chown(place / part, 4242, 0)
    assert _paths.weakness(str(place / "folder/file")) == (
        f"{place}/{part} belongs to account number 4242"
    )


@pytest.mark.parametrize("part", ["folder", "folder/file"])
def test_what_everybody_can_write_is_nobodys(place: Path, part: str) -> None:
    (place / part).chmod(0o777)
    assert (
        _paths.weakness(str(place / "folder/file")) == f"every account can write to {place}/{part}"
    )


def test_a_sticky_folder_keeps_what_root_has_and_offers_the_rest(place: Path) -> None:
    (place / "folder").chmod(0o1777)
    assert _paths.weakness(str(place / "folder/file")) == ""
    assert (
        _paths.weakness(str(place / "folder/new")) == f"every account can make {place}/folder/new"
    )
    os.chown(place / "folder/file", SOMEBODY, 0)
    assert "belongs to account nobody" in _paths.weakness(str(place / "folder/file"))


def test_a_group_counts_if_somebody_is_in_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "folder").chmod(0o775)
    os.chown(place / "folder", 0, 4242)
    assert _paths.weakness(str(place / "folder/file")) == ""

    def members(*names: str) -> Any:
        return lambda gid: grp.struct_group(("crew", "x", gid, list(names)))

    monkeypatch.setattr(grp, "getgrgid", members("root", "nosuch"))
    assert _paths.weakness(str(place / "folder/file")) == ""
    monkeypatch.setattr(grp, "getgrgid", members("nobody"))
    assert _paths.weakness(str(place / "folder/file")) == f"group crew can write to {place}/folder"


def test_a_primary_group_counts(place: Path) -> None:
    (place / "folder").chmod(0o775)
    os.chown(place / "folder", 0, SOMEBODY)  # nogroup, which is nobody's own
    assert _paths.weakness(str(place / "folder/file")) == (
        f"group nogroup can write to {place}/folder"
    )


def test_links_are_followed_to_what_they_mean(place: Path) -> None:
    (place / "theirs").mkdir()
    (place / "theirs/file").write_text("text")
    os.chown(place / "theirs", SOMEBODY, 0)
    (place / "link").symlink_to("theirs/../theirs/./file")
    assert _paths.weakness(str(place / "link")) == f"{place}/theirs belongs to account nobody"
    (place / "whole").symlink_to(place / "folder")
    assert _paths.weakness(str(place / "whole/file")) == ""
    os.chown(place / "whole", SOMEBODY, 0, follow_symlinks=False)
    assert _paths.weakness(str(place / "whole/file")) == f"{place}/whole belongs to account nobody"


def test_links_in_a_circle_are_an_error(place: Path) -> None:
    (place / "a").symlink_to("b")
    (place / "b").symlink_to("a")
    with pytest.raises(OSError, match="too many levels"):
        _paths.weakness(str(place / "a"))


def test_a_refusal_says_who_and_what_to_do(place: Path) -> None:
    os.chown(place / "folder", SOMEBODY, 0)
    with pytest.raises(_paths.UntrustedPath) as caught:
        _paths.require(str(place / "folder/file"), "would run it")
    assert str(caught.value) == (
        f"{place}/folder/file: {place}/folder belongs to account nobody, and root would run it."
        " Let only root write there (chown root: and chmod go-w), or name another place."
    )
