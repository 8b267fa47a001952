"""Who reads a file for us, and by which word that is kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from unit.support import reachable

from ansible_collections.llmops.litellm.plugins.module_utils._host import reader as _reader
from ansible_collections.llmops.litellm.plugins.module_utils._host.account import (
    Account,
    AccountError,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host.paths import UntrustedPath

NOBODY = Account.numbered(65534)


@pytest.mark.parametrize(
    ("account", "word"),
    [
        (Account.named("root"), "root"),
        (NOBODY, "nobody"),
        (NOBODY._replace(groups=(65534,)), "nobody"),
        (NOBODY._replace(groups=(4, 65534)), "65534:65534:4,65534"),
        (NOBODY._replace(gid=4), "65534:4:65534"),
        (Account.numbered(4242), "4242:4242:"),
        (Account("gone", 61500, 61500, (), "/"), "61500:61500:"),
    ],
)
def test_an_account_is_kept_in_a_word(account: Account, word: str) -> None:
    assert _reader.word(account) == word
    found = _reader.recall(word)
    assert (found.uid, found.gid) == (account.uid, account.gid)
    assert {found.gid, *found.groups} == {account.gid, *account.groups}


def test_a_name_of_systemds_is_gone_with_its_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    dynamic = Account("litellm", 61500, 61500, (61500,), "/")
    monkeypatch.setattr(Account, "named", lambda name: dynamic)
    assert _reader.word(dynamic) == "61500:61500:61500"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder of nobody's, with a file ``config`` and a link to one of root's."""
    place = reachable(tmp_path / "home")
    place.mkdir(mode=0o755)
    (tmp_path / "secret").write_text("root's own")
    (tmp_path / "secret").chmod(0o600)
    (place / "config").write_text("a: 1\n")
    (place / "link").symlink_to(tmp_path / "secret")
    for path in (place, place / "config"):
        os.chown(path, 65534, 65534)
    return place


def test_the_named_account_reads(home: Path) -> None:
    assert _reader.of("nobody", str(home / "config")) == NOBODY
    assert _reader.of("nobody", str(home.parent / "secret")) == NOBODY
    with pytest.raises(AccountError, match="there is no account llmops-nosuch"):
        _reader.of("llmops-nosuch", str(home))


@pytest.mark.parametrize("word", ["", "root"])
def test_without_one_it_is_who_could_have_chosen(home: Path, word: str) -> None:
    assert _reader.of(word, str(home / "config")).uid == 65534
    assert _reader.of(word, str(home / "link")).uid == 65534
    assert _reader.of(word, str(home.parent / "secret")).is_root
    home.chmod(0o777)
    with pytest.raises(UntrustedPath, match="every account can write to .*so nobody knows whose"):
        _reader.of(word, str(home / "config"))


def test_without_roots_rights_it_is_ourselves(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    assert _reader.of("root", str(home / "config")).uid == 65534


@pytest.mark.parametrize("word", ["", "root"])
def test_what_only_root_can_have_named_is_read_by_root(home: Path, word: str) -> None:
    """A container's own file in a closed folder, say: its account could not get there."""
    closed = home.parent / "closed"
    closed.mkdir(mode=0o700)
    (closed / "redis.conf").write_text("port 6379")
    os.chown(closed / "redis.conf", 65534, 65534)
    assert _reader.settled(str(closed / "redis.conf"))
    assert _reader.opened(word, str(closed / "redis.conf")).read() == b"port 6379"
    assert _reader.size(word, str(closed / "redis.conf")) == 9
    assert not _reader.settled(str(home / "config"))
    (closed / "link").symlink_to(home / "config")
    assert not _reader.settled(str(closed / "link"))
    with pytest.raises(PermissionError, match="account nobody can't read it"):
        _reader.opened("nobody", str(closed / "redis.conf"))


def test_what_it_cannot_read_is_said_with_its_name(home: Path) -> None:
    with _reader.opened("", str(home / "config")) as handle:
        assert handle.read() == b"a: 1\n"
    with _reader.opened("", str(home.parent / "secret")) as handle:
        assert handle.read() == b"root's own"
    assert _reader.size("", str(home / "config")) == 5
    with pytest.raises(PermissionError, match="account nobody can't read it: Permission denied"):
        _reader.opened("", str(home / "link"))
    os.mkfifo(home.parent / "fifo")
    with pytest.raises(OSError, match="root can't read it: not a regular file"):
        _reader.opened("", str(home.parent / "fifo"))
    home.parent.chmod(0o700)
    with pytest.raises(PermissionError, match="account nobody can't read it"):
        _reader.size("nobody", str(home / "link"))
