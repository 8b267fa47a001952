"""The pooler's folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from unit.support import foreign

from ansible_collections.llmops.litellm.plugins.module_utils._host.paths import UntrustedPath
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import settings as _settings
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.client import Client, text
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.folder import Folder, Owner
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.target import (
    PoolerError,
    Target,
)

ROOT = os.geteuid() == 0
OWNER = Owner(4711, 4712) if ROOT else Owner(os.geteuid(), os.getegid())
CLIENT = Client("u", "litellm", 6432, "hunter2")
OLD, NEW = Target("h", 1, "d", "u", "a"), Target("g", 2, "e", "v", "b")
URLS = {"DATABASE_URL": "postgresql://u:a@h:1/d?schema=x"}


def files(folder: Folder) -> dict[str, str]:
    return {
        folder.ini: _settings.ini(CLIENT, OLD, 7),
        folder.users: _settings.users(CLIENT),
        folder.env: text(CLIENT, URLS),
    }


@pytest.fixture
def empty(tmp_path: Path) -> Folder:
    return Folder(str(tmp_path / "run" / "pooler"))


@pytest.fixture
def folder(empty: Folder) -> Folder:
    assert empty.write(files(empty), OWNER, False) is True
    return empty


def about(path: str) -> tuple[int, int, int]:
    found = os.lstat(path)
    return stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid


def test_who_may_read_what(folder: Folder) -> None:
    us = os.geteuid()
    assert about(folder.path)[:2] == (0o700, us)
    assert about(folder.mounted) == (0o750, us, OWNER.gid)
    assert about(folder.ini) == (0o400, *OWNER)
    assert about(folder.users) == (0o400, *OWNER)
    assert about(folder.env) == (0o600, us, os.getegid())
    assert sorted(os.listdir(folder.mounted)) == ["pgbouncer.ini", "users.txt"]


def test_written_again_it_stays(folder: Folder) -> None:
    before = os.stat(folder.ini).st_ino
    assert folder.write(files(folder), OWNER, True) is False
    assert folder.write(files(folder), OWNER, False) is False
    assert os.stat(folder.ini).st_ino == before


def test_in_check_mode_nothing_is_written(empty: Folder) -> None:
    assert empty.write(files(empty), OWNER, True) is True
    assert not os.path.exists(empty.path)


@pytest.mark.parametrize("name", ["ini", "users", "env"])
def test_what_is_not_as_it_should_be_is_mended(folder: Folder, name: str) -> None:
    path = getattr(folder, name)
    os.chmod(path, 0o644)
    assert folder.write(files(folder), OWNER, True) is True
    assert folder.write(files(folder), OWNER, False) is True
    assert about(path)[0] in (0o400, 0o600)
    os.unlink(path)
    assert folder.write(files(folder), OWNER, False) is True


def test_a_link_is_not_followed(folder: Folder, tmp_path: Path) -> None:
    os.unlink(folder.env)
    os.symlink(tmp_path / "else", folder.env)
    with pytest.raises(OSError):
        folder.client()
    with pytest.raises(OSError):
        folder.write(files(folder), OWNER, False)


def test_another_accounts_folder_is_refused(tmp_path: Path) -> None:
    theirs = Folder(str(foreign(tmp_path / "theirs")))
    with pytest.raises(UntrustedPath):
        theirs.write(files(theirs), OWNER, False)


def test_the_client_is_the_one_of_the_env_file(empty: Folder, folder: Folder) -> None:
    assert folder.client() == folder.known_client() == CLIENT


def test_without_files_there_is_no_pooler(empty: Folder) -> None:
    assert empty.client() is None
    assert empty.leads_to(OLD) is False
    for question in (empty.known_client, lambda: empty.lead(OLD)):
        with pytest.raises(PoolerError, match="there is no pooler in"):
            question()


@pytest.mark.parametrize("content", [b"", b"X='", b"X=hunter2\n", b"\xff"])
def test_a_strange_env_file_is_told(folder: Folder, content: bytes) -> None:
    Path(folder.env).write_bytes(content)
    with pytest.raises(PoolerError, match="is not one of ours: remove it") as raised:
        folder.client()
    assert "hunter2" not in str(raised.value)


def test_it_leads_elsewhere_and_stays_itself(folder: Folder) -> None:
    assert (folder.leads_to(OLD), folder.leads_to(NEW)) == (True, False)
    assert folder.lead(NEW) is True
    assert Path(folder.ini).read_text() == _settings.ini(CLIENT, NEW, 7)
    assert about(folder.ini) == (0o400, *OWNER)
    assert folder.lead(NEW) is False
    assert (folder.leads_to(OLD), folder.leads_to(NEW)) == (False, True)
