"""What a native Redis says of its own files is believed of its own account's folder only."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from unit.support import reachable

from ansible_collections.llmops.litellm.plugins.module_utils._host import listeners as _listeners
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._host.account import Account
from ansible_collections.llmops.litellm.plugins.module_utils._redis import (
    native_data as _native_data,
)
from ansible_collections.llmops.litellm.plugins.module_utils._redis import redis as _redis

NATIVE = _redis.Native("127.0.0.1", 6379, "", "")
UNIT = {"name": "redis-server.service", "account": ""}
# redis-cli INFO persistence of Redis 8.0.2, before and after
IDLE = "# Persistence\r\nloading:0\r\nrdb_bgsave_in_progress:0\r\nrdb_last_bgsave_status:ok\r\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder of nobody's with a snapshot that only nobody can read."""
    folder = reachable(tmp_path / "redis")
    folder.mkdir(mode=0o700)
    (folder / "dump.rdb").write_bytes(b"REDIS")
    (folder / "dump.rdb").chmod(0o600)
    for path in (folder, folder / "dump.rdb"):
        os.chown(path, 65534, 65534)
    return folder


class Server:
    """A Redis that says anything of itself, and whose process is somebody."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path | str, account: int) -> None:
        self.settings = {"dir": str(folder), "dbfilename": "dump.rdb", "appendonly": "no"}
        self.said: list[tuple[str, ...]] = []
        self.listens: Any = _listeners.Listener("127.0.0.1", 6379, os.getpid(), "redis-server")
        monkeypatch.setattr(_redis.Native, "ask", lambda _self, *words, **_named: self.ask(*words))
        monkeypatch.setattr(_listeners, "listeners", lambda: [self.listens] if self.listens else [])
        monkeypatch.setattr(
            _native_data.Account, "of_process", lambda _pid: Account.numbered(account)
        )

    def ask(self, *words: str) -> str:
        self.said.append(words)
        if words[0] == "--rdb":
            Path(words[1]).write_bytes(b"REPLICA")
        if words[:2] == ("CONFIG", "GET"):
            return "%s\n%s\n" % (words[2], self.settings[words[2]])
        return IDLE if words[0] == "INFO" else "OK"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, home: Path) -> Server:
    """An honest one that runs as nobody."""
    return Server(monkeypatch, home, 65534)


def test_folder_of_its_own_account_is_believed(server: Server, home: Path) -> None:
    assert _native_data.data_of(NATIVE) == {
        "folder": str(home),
        "file": "dump.rdb",
        "append_only": False,
        "account": "nobody",
        "refused": "",
    }


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("dir", "/etc", "/etc belongs to root"),
        ("dir", "var/lib/redis", "that is no path"),
        ("dir", "/nosuch", "account nobody finds: No such file or directory"),
        ("dir", "/etc/passwd", "account nobody finds: not a folder"),
        ("dir", "/root/x", "account nobody finds: "),
        ("dbfilename", "../ld.so.preload", "that is no file's name"),
        ("dbfilename", "..", "that is no file's name"),
        ("dbfilename", "", "that is no file's name"),
    ],
)
def test_other_places_are_refused_with_what_was_said_and_expected(
    server: Server, home: Path, name: str, value: str, said: str
) -> None:
    server.settings[name] = value
    data = _native_data.data_of(NATIVE)
    assert data is not None
    assert (data["folder"], data["file"], data["account"]) == ("", "", "")
    refused = str(data["refused"])
    assert "runs as account nobody" in refused
    assert "in %(dir)s as " % server.settings in refused
    assert "expected is a plain name in a folder of that account's" in refused
    assert said in refused
    with pytest.raises(_native_data.Refused, match="expected is"):
        _native_data.place_of(data, UNIT)


def test_folder_below_one_that_others_can_write_to_is_refused(server: Server, home: Path) -> None:
    home.parent.chmod(0o777)
    data = _native_data.data_of(NATIVE)
    assert data is not None
    assert "every account can write to %s" % home.parent in data["refused"]


@pytest.mark.parametrize("unseen", ["nobody listens", "its process is hidden", "has ended"])
def test_process_that_cannot_be_seen_is_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch, unseen: str
) -> None:
    if unseen == "nobody listens":
        server.listens = None
    elif unseen == "has ended":
        monkeypatch.setattr(os, "readlink", lambda _path: open("/proc/0/exe"))
    else:
        server.listens = server.listens._replace(pid=None)
    data = _native_data.data_of(NATIVE)
    assert data is not None
    assert "can't be " in data["refused"] and data["folder"] == ""


@pytest.mark.parametrize(("program", "believed"), [("redis-check-rdb", True), ("socat", False)])
def test_what_root_forwards_to_is_not_roots(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str, believed: bool
) -> None:
    Server(monkeypatch, tmp_path, 0)
    monkeypatch.setattr(os, "readlink", lambda _path: "/usr/bin/" + program)
    data = _native_data.data_of(NATIVE)
    assert data is not None
    assert data["refused"] == ("" if believed else "redis-server runs as root and is no Redis")
    assert data["account"] == ("root" if believed else "")


def test_server_that_does_not_say_is_not_asked_further(
    monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    server.settings["dir"] = ""
    assert _native_data.data_of(NATIVE) is None

    def denied(_self: Any, *_words: str) -> str:
        raise _redis.RedisError("NOPERM")

    monkeypatch.setattr(_redis.Native, "ask", denied)
    assert _native_data.data_of(NATIVE) is None


def test_answer_of_more_lines_is_no_setting(server: Server) -> None:
    server.settings["dbfilename"] = "dump.rdb\nmore"
    data = _native_data.data_of(NATIVE)
    assert data is not None
    assert "as nothing; expected" in data["refused"]


def test_snapshot_is_read_as_the_account(server: Server, tmp_path: Path) -> None:
    _native_data.snapshot(NATIVE, str(tmp_path / "copy"), 5)
    assert (tmp_path / "copy").read_bytes() == b"REDIS"
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
    assert ("BGSAVE",) in server.said


@pytest.mark.parametrize("way", ["elsewhere", "link", "fifo", "failed save"])
def test_snapshot_comes_as_to_a_replica_where_the_file_is_not_believed(
    server: Server, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("root's")
    secret.chmod(0o600)
    (home / "dump.rdb").unlink()
    if way == "elsewhere":
        server.settings.update(dir=str(tmp_path), dbfilename="secret")
    elif way == "link":
        (home / "dump.rdb").symlink_to(secret)
    elif way == "fifo":
        os.mkfifo(home / "dump.rdb", 0o666)
    else:
        monkeypatch.setitem(globals(), "IDLE", IDLE.replace("status:ok", "status:err"))
    _native_data.snapshot(NATIVE, str(tmp_path / "copy"), 5)
    assert (tmp_path / "copy").read_bytes() == b"REPLICA"


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets the system's manager know the unit with these properties."""

    def know(**properties: str) -> None:
        unit = _systemd.Unit(UNIT["name"], _systemd.Manager(None), "", "", properties)
        monkeypatch.setattr(_systemd, "show", lambda _manager, _names: [unit] if properties else [])

    return know


EXEC = "{ path=%s ; argv[]=%s --supervised ; ignore_errors=no ; pid=0 }"


@pytest.mark.parametrize(
    ("account", "properties", "expected"),
    [
        ("nobody", {"User": "root"}, "nobody"),
        ("", {"User": "nobody"}, "nobody"),
        ("", {"User": "65534"}, "nobody"),
        ("", {"User": "there-only-while-it-runs"}, "nobody"),
        ("", {}, "nobody"),
    ],
    ids=["user manager", "system's", "by number", "dynamic", "no unit"],
)
def test_account_of_an_older_journal_is_found(
    manager: Callable[..., None], home: Path, account: str, properties: Any, expected: str
) -> None:
    manager(**properties)
    data = {"folder": str(home), "file": "dump.rdb", "append_only": False}
    place = _native_data.place_of(data, {**UNIT, "account": account})
    assert place.account.name == expected
    assert place.path == str(home / "dump.rdb")


@pytest.mark.parametrize(
    ("program", "folder", "said"),
    [
        ("/usr/bin/redis-server", "/var/lib", ""),
        ("/usr/sbin/ufw", "/etc", "it is unknown as which account"),
        ("", "/etc", "it is unknown as which account"),
        ("", "/nosuch", "/nosuch: No such file"),
        ("", "OTHERS", "it is unknown as which account"),
    ],
)
def test_root_is_no_guess(
    manager: Callable[..., None], home: Path, program: str, folder: str, said: str
) -> None:
    """A journal of 0.1.0 has what the server said, unchecked."""
    manager(**({"ExecStart": EXEC % (program, program)} if program else {}))
    if folder == "OTHERS":
        home.parent.chmod(0o777)
        folder = str(home)
    data = {"folder": folder, "file": "dump.rdb", "append_only": False}
    if not said:
        assert _native_data.place_of(data, UNIT).account.name == "root"
        return
    with pytest.raises(_native_data.Refused, match=said):
        _native_data.place_of(data, UNIT)


def test_recorded_account_that_has_gone_is_named(home: Path) -> None:
    data = {"folder": str(home), "file": "x", "account": "redis-that-was", "refused": ""}
    with pytest.raises(_native_data.Refused, match="no account redis-that-was"):
        _native_data.place_of(data, UNIT)


@pytest.fixture
def place(home: Path) -> _native_data.Place:
    """The place of the stopped server."""
    return _native_data.Place(Account.numbered(65534), str(home), "dump.rdb")


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_snapshot_is_exchanged_and_taken_back(
    place: _native_data.Place, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "new").write_bytes(b"NEW")
    for _again in range(2):  # the second time after a run that was killed
        place.put(str(tmp_path / "new"), 5)
        assert (home / "dump.rdb").read_bytes() == b"NEW"
        about = (home / "dump.rdb").stat()
        assert (about.st_uid, about.st_mode & 0o777) == (65534, 0o600)
        assert (home / ".llmops-litellm-earlier").read_bytes() == b"REDIS"
    place.take_back(True)
    assert (home / "dump.rdb").read_bytes() == b"REDIS"
    assert names(home) == ["dump.rdb"]
    place.put(str(tmp_path / "new"), 5)
    place.forget()
    assert names(home) == ["dump.rdb"]
    assert (home / "dump.rdb").read_bytes() == b"NEW"


@pytest.mark.parametrize("loaded", [True, False])
def test_server_without_a_snapshot_has_none_again(
    place: _native_data.Place, home: Path, tmp_path: Path, loaded: bool
) -> None:
    (home / "dump.rdb").unlink()
    (tmp_path / "new").write_bytes(b"NEW")
    if loaded:
        place.put(str(tmp_path / "new"), 5)
    else:
        (home / ".llmops-litellm-copied").write_bytes(b"HALF")
    place.take_back(loaded)
    assert names(home) == []


def test_own_snapshot_stays_where_nothing_was_put(place: _native_data.Place, home: Path) -> None:
    place.take_back(False)
    assert names(home) == ["dump.rdb"]


def test_save_that_never_ends_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "IDLE", IDLE.replace("progress:0", "progress:1"))
    monkeypatch.setattr(_native_data.time, "sleep", lambda _seconds: None)
    times = iter([0.0, 1.0, 2.0, 6.0])
    assert not _native_data._save(NATIVE, 5, lambda: next(times))
    assert ("BGSAVE",) not in server.said
