"""What belongs to an account is seen and written with that account's own rights."""

from __future__ import annotations

import ctypes
import errno
import io
import os
import pwd
import signal
import time
from pathlib import Path

import pytest
from unit.support import reachable

from ansible_collections.llmops.litellm.plugins.module_utils._host import account as _account

NOBODY = _account.Account.numbered(65534)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder of nobody's that it can reach, with a file ``config``."""
    place = reachable(tmp_path / "home")
    place.mkdir(mode=0o755)
    (place / "config").write_bytes(b"a: 1\r\n\xff")
    for path in (place, place / "config"):
        os.chown(path, 65534, 65534)
    return place


def test_files_are_read_as_they_are(home: Path) -> None:
    assert NOBODY.read(str(home / "config")) == b"a: 1\r\n\xff"
    assert NOBODY.text(str(home / "config")) == "a: 1\r\n\udcff"
    assert NOBODY.is_file(str(home / "config"))
    assert NOBODY.exists(str(home)) and not NOBODY.exists(str(home / "nosuch"))


@pytest.mark.parametrize("way", ["itself", "link", "hard link"])
def test_what_only_root_can_read_stays_closed(home: Path, way: str) -> None:
    secret, name = home.parent / "secret", home / "named"
    secret.write_text("root's own")
    secret.chmod(0o600)
    if way == "link":
        name.symlink_to(secret)
    elif way == "hard link":
        name.hardlink_to(secret)
    path = str(secret if way == "itself" else name)
    with pytest.raises(PermissionError) as caught:
        NOBODY.read(path)
    assert caught.value.filename == path
    assert _account.Account.named("root").read(path) == b"root's own"


def test_folder_that_only_a_running_unit_gets_into_is_said(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    """As systemd makes it for a unit with DynamicUser= and StateDirectory=."""
    above, private = str(home.parent), home.parent / "private"
    monkeypatch.setattr(_account, "_KEPT", (above,))
    private.mkdir(mode=0o700)
    home.rename(private / "litellm")
    (home.parent / "litellm").symlink_to("private/litellm")
    (home.parent / "own").symlink_to("elsewhere")
    private_said = "(it is in the folder of a unit with DynamicUser=, where nothing but that unit"
    for name in ("litellm/config", "private/litellm/config"):
        with pytest.raises(PermissionError) as caught:
            NOBODY.read("%s/%s" % (above, name))
        assert private_said in NOBODY.cannot(caught.value)
    for name in ("own/config", "litellm2", "nosuch/x"):
        error = PermissionError(errno.EACCES, "Permission denied", "%s/%s" % (above, name))
        assert NOBODY.cannot(error) == "account nobody can't read it: Permission denied"
    gone = FileNotFoundError(errno.ENOENT, "No such file", "%s/litellm/x" % above)
    assert private_said not in NOBODY.cannot(gone)


@pytest.mark.parametrize("kind", ["fifo", "folder", "device"])
def test_only_regular_files_are_read_and_nothing_is_waited_for(home: Path, kind: str) -> None:
    path = home / "odd"
    if kind == "fifo":
        os.mkfifo(path, 0o666)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    began = time.monotonic()
    with pytest.raises(OSError, match="not a regular file") as caught:
        NOBODY.read(str(path))
    assert caught.value.errno == errno.EINVAL
    assert time.monotonic() - began < 2


def test_size_is_limited(home: Path) -> None:
    os.truncate(home / "config", 20 << 30)
    with pytest.raises(OSError, match="larger than 1000 bytes") as caught:
        NOBODY.read(str(home / "config"), limit=1000)
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(home / "config"))


def test_time_is_limited(home: Path) -> None:
    with pytest.raises(OSError, match="account nobody needs longer than 0.2 s"):
        NOBODY.ask(lambda: signal.pause() or 1, str(home), seconds=0.2)


def test_a_killed_child_is_no_empty_file(home: Path) -> None:
    with pytest.raises(OSError, match="the reading process was killed") as caught:
        NOBODY.ask(lambda: os.kill(os.getpid(), signal.SIGKILL), str(home))
    assert caught.value.filename == str(home)


def test_the_child_has_nothing_of_its_parents() -> None:
    read, write = os.pipe()
    os.set_inheritable(read, True)

    def look() -> list[object]:
        lines = Path("/proc/self/status").read_text().splitlines()
        fields = dict(line.split(":\t", 1) for line in lines)
        standard = sorted({os.readlink(f"/proc/self/fd/{n}") for n in range(3)})
        return [
            os.getresuid(),
            os.getresgid(),
            os.getgroups(),
            standard,
            os.path.exists(f"/proc/self/fd/{read}"),
            fields["NoNewPrivs"],
            fields["CapEff"],
        ]

    try:
        found = NOBODY.ask(look, "/")
    finally:
        os.close(read)
        os.close(write)
    assert found[:2] == [[65534] * 3] * 2
    assert found[2] in ([], [65534])
    # descriptors of a process that can't be traced are closed to itself, too
    assert found[3:] == [["/dev/null"], False, "1", "0" * 16]


def test_a_failure_of_the_child_is_the_parents_error() -> None:
    with pytest.raises(OSError, match="ZeroDivisionError"):
        NOBODY.ask(lambda: 1 // 0, "/")


def test_large_files_are_streamed(home: Path) -> None:
    (home / "config").write_bytes(b"x" * 3_000_001)
    out = io.BytesIO()
    NOBODY.copy(str(home / "config"), out, 20)
    assert out.getvalue() == b"x" * 3_000_001


def test_files_are_written_by_the_account(home: Path) -> None:
    source = home.parent / "source"
    source.write_bytes(b"new" * 1_000_000)
    source.chmod(0o600)
    old = os.umask(0o077)
    try:
        with open(source, "rb") as data:
            NOBODY.write(str(home / "config"), data, 0o664, 20)
    finally:
        os.umask(old)
    about = (home / "config").stat()
    assert (home / "config").read_bytes() == b"new" * 1_000_000
    assert (about.st_uid, about.st_gid, about.st_mode & 0o777) == (65534, 65534, 0o664)
    assert os.listdir(home) == ["config"]


def test_what_a_killed_run_was_writing_goes_with_the_next(home: Path) -> None:
    """The child ends with its parent, wherever it stands."""
    left = home / ".config.llmops-litellm"
    left.write_text("half")
    os.chown(left, 65534, 65534)
    with open(os.devnull, "rb") as nothing:
        NOBODY.write(str(home / "config"), nothing, 0o600, 20)
    assert os.listdir(home) == ["config"]


def test_the_child_ends_with_its_parent(home: Path) -> None:
    def signal_of_death() -> int:
        told = ctypes.c_int()
        ctypes.CDLL(None).prctl(2, ctypes.byref(told), 0, 0, 0)
        return told.value

    assert NOBODY.ask(signal_of_death, str(home)) == signal.SIGKILL


def test_a_planted_link_leads_nowhere(home: Path) -> None:
    target = home.parent / "target"
    target.write_text("root's own")
    (home / "config").unlink()
    (home / "config").symlink_to(target)
    with open(os.devnull, "rb") as nothing:
        NOBODY.write(str(home / "config"), nothing, 0o600, 20)
    assert target.read_text() == "root's own"
    assert not (home / "config").is_symlink()


def test_what_an_account_may_not_write_is_not_written(home: Path) -> None:
    with open(os.devnull, "rb") as nothing, pytest.raises(PermissionError):
        NOBODY.write(str(home.parent / "file"), nothing, 0o600, 20)
    with pytest.raises(PermissionError):
        NOBODY.remove(str(home))
    with pytest.raises(PermissionError):
        NOBODY.move(str(home / "config"), str(home.parent / "config"))


def test_files_are_moved_and_removed(home: Path) -> None:
    NOBODY.move(str(home / "config"), str(home / "other"))
    assert os.listdir(home) == ["other"]
    NOBODY.remove(str(home / "other"))
    NOBODY.remove(str(home / "other"))
    assert os.listdir(home) == []


def test_a_process_has_its_own_groups(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "status").write_text(
        "Name:\tx\nUid:\t61000\t61000\t61000\t61000\nGid:\t62000%s\nGroups:\t4 62000 \n"
        % ("\t62000" * 3)
    )
    found = _account.Account.of_process(7, str(tmp_path))
    assert found == _account.Account("61000", 61000, 62000, (4, 62000), "/")
    assert _account.Account.of_process(os.getpid()).uid == os.geteuid()


@pytest.mark.parametrize("ids", ["1000\t0\t0\t0", "0\t1000\t0\t1000"])
@pytest.mark.parametrize("kind", ["Uid", "Gid"])
def test_a_program_with_other_rights_is_no_word_for_an_account(
    tmp_path: Path, kind: str, ids: str
) -> None:
    fields = {"Uid": "1000\t1000\t1000\t1000", "Gid": "1\t1\t1\t1", kind: ids}
    (tmp_path / "7").mkdir()
    text = "".join("%s:\t%s\n" % item for item in fields.items())
    (tmp_path / "7" / "status").write_text(text)
    with pytest.raises(_account.AccountError, match="process 7 has the rights of more than one"):
        _account.Account.of_process(7, str(tmp_path))


def test_an_account_that_is_not_there_is_an_error() -> None:
    with pytest.raises(_account.AccountError, match="there is no account llmops-nosuch"):
        _account.Account.named("llmops-nosuch")
    assert _account.Account.numbered(61000).name == "61000"
    assert _account.Account.named("root").is_root


def test_stranger_is_nobody_who_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _account.Account.stranger()
    with pytest.raises(KeyError):
        pwd.getpwuid(found.uid)
    assert found.groups == () and not found.is_root
    real = pwd.getpwuid
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: real(0) if uid == found.uid else real(uid))
    assert _account.Account.stranger().uid == found.uid + 1
    monkeypatch.setattr(pwd, "getpwuid", lambda _uid: real(0))
    with pytest.raises(_account.AccountError, match="no account number from 65520 to 65533"):
        _account.Account.stranger()
