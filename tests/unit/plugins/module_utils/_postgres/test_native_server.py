"""The native server in private: what it is started with, and that nothing of it is left. systemd
and PostgreSQL are fakes; real ones are in the
scenario finalize."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.support import Clock, Database, reachable

from ansible_collections.llmops.litellm.plugins.module_utils._host.account import Account
from ansible_collections.llmops.litellm.plugins.module_utils._host.paths import UntrustedPath
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result
from ansible_collections.llmops.litellm.plugins.module_utils._host.systemd import Manager, Unit
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import endpoint as _endpoint
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    native_server as _native_server,
)

ME = pwd.getpwuid(os.getuid()).pw_name
SECRET = "hunter2/4f9c"
OWN = [
    "/usr/lib/postgresql/15/bin/postgres",
    "-D",
    "/data",
    "-c",
    "config_file=/etc/$x.conf",
    "-p",
    "5434",
]


NOBODY = Account.numbered(65534)


@pytest.fixture
def server(tmp_path: Path) -> dict[str, Any]:
    """A server whose program and data folder are there."""
    data = reachable(tmp_path / "data")
    data.mkdir()
    os.chown(data, NOBODY.uid, NOBODY.gid)
    return {"argv": OWN, "program": "/bin/true", "account": NOBODY.name, "folder": str(data)}


@pytest.fixture
def process(tmp_path: Path) -> Iterator[int]:
    """A process in a folder of its own."""
    with subprocess.Popen(["cat", "-"], cwd=tmp_path, stdin=subprocess.PIPE) as child:
        while _native_server.command_line(child.pid)[:1] != ["cat"]:
            os.sched_yield()
        yield child.pid
        child.terminate()


def test_running_server_is_seen_as_it_was_started(process: int, tmp_path: Path) -> None:
    seen = _native_server.seen(process)
    assert seen is not None
    assert (seen["argv"], seen["account"], seen["folder"]) == (["cat", "-"], ME, str(tmp_path))
    assert seen["program"] == os.readlink(f"/proc/{process}/exe")


def test_server_that_cannot_be_seen_is_not_guessed(tmp_path: Path) -> None:
    assert _native_server.seen(None) is None
    assert _native_server.seen(1, str(tmp_path)) is None


def proc(
    tmp_path: Path,
    pid: int,
    cwd: str,
    program: str = "/usr/bin/postgres",
    argv: str = "postgres\0-D\0/data\0",
) -> str:
    """A process in a /proc of this test."""
    folder = tmp_path / "proc" / str(pid)
    folder.mkdir(parents=True)
    (folder / "cmdline").write_text(argv)
    (folder / "exe").symlink_to(program)
    (folder / "cwd").symlink_to(cwd)
    return str(tmp_path / "proc")


def test_program_that_was_upgraded_under_it_has_its_path_still(tmp_path: Path) -> None:
    seen = _native_server.seen(7, proc(tmp_path, 7, "/data", "/usr/bin/postgres (deleted)"))
    assert seen == {
        "argv": ["postgres", "-D", "/data"],
        "program": "/usr/bin/postgres",
        "account": ME,
        "folder": "/data",
    }
    assert _native_server.seen(8, proc(tmp_path, 8, "/data", argv="")) is None


@given(st.lists(st.text(min_size=1), max_size=6), st.integers(1, 65535), st.booleans())
def test_what_is_private_comes_last_and_so_counts(
    argv: list[str], port: int, writable: bool
) -> None:
    server = {
        "argv": ["postgres", *argv],
        "program": "/p/postgres",
        "account": ME,
        "folder": "/data",
    }
    words = _native_server.command(server, port, "/run/x", writable)
    assert words[: 1 + len(argv)] == ["/p/postgres", *argv]
    rest = words[1 + len(argv) :]
    assert rest[:4] == ["-p", str(port), "-k", "/run/x"]
    assert rest[4::2] == ["-c"] * len(rest[5::2])
    assert set(rest[5::2]) == {
        "listen_addresses=",
        "hba_file=/run/x/pg_hba.conf",
        *_native_server.QUIET,
        *_native_server.READING,
        *([] if writable else ["default_transaction_read_only=on"]),
    }


SERVING = _native_server.Serving("127.0.0.2", "llm", "gateway")


@given(st.lists(st.text(min_size=1), max_size=6), st.booleans())
def test_one_that_serves_is_followed_and_written_to(argv: list[str], writable: bool) -> None:
    server = {
        "argv": ["postgres", *argv],
        "program": "/p/postgres",
        "account": ME,
        "folder": "/data",
    }
    words = _native_server.command(server, 5434, "/run/x", writable, SERVING)
    rest = words[1 + len(argv) :]
    assert rest[:4] == ["-p", "5434", "-k", "/run/x"]
    # its own work goes on, and its certificate is there for clients that want one
    assert set(rest[5::2]) == {
        "listen_addresses=127.0.0.2",
        "hba_file=/run/x/pg_hba.conf",
        *("max_logical_replication_workers=0", "external_pid_file="),
        *("wal_level=logical", "max_replication_slots=20", "max_slot_wal_keep_size=2GB"),
    }
    assert not set(_native_server.QUIET) & set(_native_server.READING)


@pytest.mark.parametrize(("serving", "limited"), [(None, True), (SERVING, False)])
def test_only_one_that_nobody_uses_ends_by_itself(serving: Any, limited: bool) -> None:
    server = {"argv": OWN, "program": OWN[0], "account": "postgres", "folder": "/data"}
    words = _native_server.unit_command(server, 5434, _native_server.place(), serving_=serving)
    assert any(word.startswith("--property=RuntimeMaxSec=") for word in words) is limited
    assert {"--property=NoNewPrivileges=yes", "--property=UMask=0077"} <= set(words)


def test_role_and_database_of_the_url_are_served() -> None:
    url = "postgresql://gate%40way:hunter2@localhost:5434/llm%20x?connection_limit=3"
    assert _native_server.serving(url, "127.0.0.2") == ("127.0.0.2", "llm x", "gate@way")


@pytest.mark.parametrize("name", ['a"b', "a\nb", "a\x1fb", "a\tb", "/^.*$"])
@pytest.mark.parametrize("url", ["postgresql://%s:hunter2@h/d", "postgresql://u:hunter2@h/%s"])
def test_name_that_no_rule_can_have_is_refused(url: str, name: str) -> None:
    with pytest.raises(_native_server.NativeServerError, match="no rule of pg_hba.conf") as raised:
        _native_server.serving(url % quote(name, safe=""), "127.0.0.2")
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("url", ["postgresql://:hunter2@h/d", "postgresql://h/d"])
def test_role_that_is_not_named_is_refused(url: str) -> None:
    with pytest.raises(_native_server.NativeServerError, match="no rule of pg_hba.conf"):
        _native_server.serving(url, "127.0.0.2")


def test_without_anybody_to_serve_only_the_socket_has_a_rule() -> None:
    text = _native_server.rules()
    assert [line.split() for line in text.splitlines()[1:]] == [["local", "all", "all", "trust"]]


NAMES = st.text(st.characters(codec="utf-8"), min_size=1)


@given(NAMES, NAMES)
def test_rule_is_for_one_role_in_one_database(database: str, role: str) -> None:
    url = "postgresql://%s:x@h/%s" % (quote(role, safe=""), quote(database, safe=""))
    try:
        serving = _native_server.serving(url, "127.0.0.2")
    except _native_server.NativeServerError:
        unfit = [ord(letter) < 32 or letter == '"' for letter in database + role]
        assert any(unfit) or "/" in (database[0], role[0])
        return
    head, line, end = (
        _native_server.rules(serving)
        .removeprefix(_native_server.RULES)
        .partition('host "%s" "%s" 127.0.0.0/8 md5\n' % (database, role))
    )
    assert (head, end) == ("", "") and line.count("\n") == 1 and line.count('"') == 4


def test_unit_gives_way_to_the_servers_own() -> None:
    server = {"argv": OWN, "program": OWN[0], "account": "postgres", "folder": "/data"}
    words = _native_server.unit_command(
        server, 5434, _native_server.place(), conflicts="postgresql@15-main.service"
    )
    assert {
        "--property=Conflicts=postgresql@15-main.service",
        "--property=Before=postgresql@15-main.service",
        "--property=User=postgres",
        "--property=KillSignal=SIGINT",
        "--property=NoNewPrivileges=yes",
        "--property=CapabilityBoundingSet=",
        "--property=UMask=0077",
        "--property=OOMScoreAdjust=-900",
        "--setenv=PGDATA=/data",
        "--collect",
        "--unit=litellm-legacy-look.service",
    } <= set(words)
    # systemd would look for a variable
    assert "config_file=/etc/$$x.conf" in words
    assert "Conflicts" not in " ".join(
        _native_server.unit_command(server, 5434, _native_server.place())
    )


def test_program_that_is_not_roots_gets_nothing_that_its_account_has_not(tmp_path: Path) -> None:
    program = tmp_path / "postgres"
    program.touch()
    os.chown(program, NOBODY.uid, NOBODY.gid)
    server = {"argv": OWN, "program": str(program), "account": NOBODY.name, "folder": "/data"}
    words = " ".join(_native_server.unit_command(server, 5434, _native_server.place()))
    assert "OOMScoreAdjust" not in words and "--property=User=nobody" in words


def test_url_is_the_same_database_without_the_password() -> None:
    url = _native_server.private_url(
        "postgresql://gate%40way:hunter2%2F4f9c@127.0.0.1:5434/llm%20x?connection_limit=3",
        "postgres",
        "/run/look",
    )
    assert "hunter2" not in url
    told = _endpoint.parse_url(url)
    assert (told["user"], told["password"], told["host"], told["port"], told["database"]) == (
        "gate@way",
        None,
        "/run/look",
        5434,
        "llm x",
    )
    named = _native_server.private_url("postgresql://h/d?schema=pro%20xy", "postgres", "/run/look")
    assert _endpoint.schema_of(named) == "pro xy"
    assert (
        _endpoint.parse_url(
            _native_server.private_url("postgresql://h/d", "postgres", "/run/look")
        )["user"]
        == "postgres"
    )


def test_only_a_living_server_holds_its_folder(server: dict[str, Any], tmp_path: Path) -> None:
    data = Path(server["folder"])

    def holder(proc: str = "/proc") -> int | None:
        return _native_server.holder(server, NOBODY, proc)

    def lock(text: str) -> None:
        (data / "postmaster.pid").write_text(text)
        (data / "postmaster.pid").chmod(0o644)

    assert holder() is None
    lock("7\n/data\n")
    place = proc(tmp_path, 7, str(data))
    assert holder(place) is None  # another account's
    os.chown(tmp_path / "proc" / "7", NOBODY.uid, NOBODY.gid)
    assert holder(place) == 7
    lock("8\n")  # the number is another program's by now
    assert holder(proc(tmp_path, 8, "/")) is None
    for text in ("9\n", "x\n", "", "-1\n"):
        lock(text)
        assert holder(place) is None


@pytest.mark.parametrize("kind", ["fifo", "large", "link"])
def test_lock_file_that_is_none_is_neither_waited_for_nor_believed(
    server: dict[str, Any], tmp_path: Path, kind: str
) -> None:
    path = Path(server["folder"], "postmaster.pid")
    if kind == "fifo":
        os.mkfifo(path, 0o666)
    elif kind == "large":
        path.write_text("7" * (_native_server.LOCK_FILE + 1))
        path.chmod(0o644)
    else:
        (tmp_path / "secret").write_text("7\n")
        (tmp_path / "secret").chmod(0o600)
        path.symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="regular file|larger|denied"):
        _native_server.holder(server, NOBODY)


class Systemd:
    """As much of systemd as a transient unit needs."""

    def __init__(self) -> None:
        self.active = ""
        self.commands: list[list[str]] = []
        self.starts, self.stops, self.dies, self.answers_after = True, True, False, 1

    def show(self, manager: Manager, names: list[str]) -> list[Unit]:
        return [Unit(names[0], manager, "transient", self.active, {})] if self.active else []

    def systemctl(self, *words: str, **_named: Any) -> Result:
        if words[0] == "stop" and not self.stops:
            return Result(1, "", "Job timed out")
        if words[0] == "stop":
            self.active = ""
        return Result(0, "", "")

    def run(self, argv: list[str], **_named: Any) -> Result:
        self.commands.append(argv)
        if argv[0] == "journalctl":
            return Result(0, "LOG:  starting\nFATAL:  could not open file\n", "")
        if not self.starts:
            return Result(1, "", "Failed to start transient service unit")
        self.active = "failed" if self.dies else "active"
        return Result(0, "", "")

    def query(self, endpoint: Any, statement: str) -> Any:
        self.answers_after -= 1
        if self.answers_after >= 0:
            raise _endpoint.PostgresError("the database system is starting up")
        return [["1"]]


@pytest.fixture
def systemd(monkeypatch: pytest.MonkeyPatch) -> Systemd:
    """A fake in the place of the real one."""
    fake = Systemd()
    monkeypatch.setattr(_native_server, "show", fake.show)
    monkeypatch.setattr(_native_server, "run", fake.run)
    monkeypatch.setattr(_native_server, "query", fake.query)
    monkeypatch.setattr(_native_server, "PAUSE", 0)
    monkeypatch.setattr(_endpoint, "find_bindir", lambda host, port: "/usr/bin")
    monkeypatch.setattr(
        Manager, "systemctl", lambda _self, *words, **named: fake.systemctl(*words, **named)
    )
    return fake


@pytest.fixture
def env_file(tmp_path: Path) -> str:
    """What the legacy process had."""
    path = tmp_path / "legacy.env"
    path.write_text("DATABASE_URL=postgresql://gateway:hunter2%2F4f9c@127.0.0.1:5434/llm_gateway\n")
    return str(path)


def test_server_runs_for_as_long_as_the_block_lasts(
    systemd: Systemd, server: dict[str, Any], env_file: str, tmp_path: Path
) -> None:
    where = _native_server.place("look", str(tmp_path))
    with _native_server.running(server, env_file, where, "own.service") as endpoint:
        assert (endpoint.user, endpoint.database, endpoint.host, endpoint.password) == (
            "gateway",
            "llm_gateway",
            where.folder,
            None,
        )
        assert systemd.active == "active"
        assert (os.stat(where.folder).st_mode & 0o777, os.stat(where.env_file).st_mode & 0o777) == (
            0o700,
            0o600,
        )
        assert os.listdir(where.folder) == ["pg_hba.conf"]
        for path in (where.folder, os.path.join(where.folder, "pg_hba.conf")):
            about = os.stat(path)
            assert (about.st_uid, about.st_gid) == (NOBODY.uid, NOBODY.gid)
        assert os.stat(where.env_file).st_uid == 0
        told = (
            " ".join(word for command in systemd.commands for word in command)
            + Path(where.env_file).read_text()
        )
        assert "hunter2" not in told
    assert (systemd.active, os.path.exists(where.folder), os.path.exists(where.env_file)) == (
        "",
        False,
        False,
    )


def test_one_that_serves_lets_in_its_clients_and_nobody_else(
    systemd: Systemd, server: dict[str, Any], env_file: str, tmp_path: Path
) -> None:
    where = _native_server.place("aside", str(tmp_path))
    serving = _native_server.serving(_native_server.url_in(env_file), "127.0.0.2")
    _native_server.start(server, env_file, where, conflicts="own.service", serving_=serving)
    text = Path(where.folder, "pg_hba.conf").read_text()
    assert text == _native_server.RULES + 'host "llm_gateway" "gateway" 127.0.0.0/8 md5\n'
    (words,) = systemd.commands
    assert {"listen_addresses=127.0.0.2", "--property=Conflicts=own.service"} <= set(words)
    assert "default_transaction_read_only=on" not in words
    # its own clients' URL is on the private socket all the same
    assert "127.0.0.2" not in Path(where.env_file).read_text()


def test_what_takes_time_is_done_before_it_is_launched(
    systemd: Systemd, server: dict[str, Any], env_file: str, tmp_path: Path
) -> None:
    where = _native_server.place("aside", str(tmp_path))
    Path(where.folder).mkdir()
    Path(where.folder, "old").touch()
    prepared = _native_server.prepare(server, env_file, where, conflicts="own.service")
    assert systemd.commands == []
    assert os.listdir(where.folder) == ["pg_hba.conf"]
    assert os.path.exists(where.env_file) and "hunter2" not in str(prepared)
    endpoint = _native_server.launch(prepared, 5)
    assert systemd.commands == [prepared.argv]
    assert (endpoint.host, endpoint.database) == (where.folder, "llm_gateway")


@pytest.mark.parametrize("pause", [_native_server.PAUSE, _native_server.QUICK])
def test_it_is_looked_at_as_often_as_was_asked(
    systemd: Systemd,
    server: dict[str, Any],
    env_file: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pause: float,
) -> None:
    clock = Clock()
    monkeypatch.setattr(_native_server, "time", clock)
    systemd.answers_after = 7
    where = _native_server.place("aside", str(tmp_path))
    _native_server.launch(_native_server.prepare(server, env_file, where), 60, pause)
    assert clock.time == pytest.approx(100 + 7 * pause)


def test_superuser_of_a_private_server_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database({"rolsuper AND rolcanlogin": [["post gres"]]})
    monkeypatch.setattr(
        _native_server, "query", lambda endpoint, text: database(endpoint).query(text)
    )
    private = _endpoint.Endpoint("llm", "gateway", host="/run/x", settings=("work_mem=1MB",))
    found = _native_server.administrator(private)
    assert (found.user, found.database, found.host, found.settings) == (
        "post gres",
        "llm",
        "/run/x",
        (),
    )
    database.answers.clear()
    with pytest.raises(_endpoint.PostgresError, match="no superuser may log in"):
        _native_server.administrator(private)


def test_what_a_killed_run_left_is_stopped_first(
    systemd: Systemd, server: dict[str, Any], env_file: str, tmp_path: Path
) -> None:
    where = _native_server.place("look", str(tmp_path))
    _native_server.start(server, env_file, where)
    _native_server.start(server, env_file, where, writable=True)
    assert _native_server.stop(where)
    assert not _native_server.stop(where)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"starts": False}, "could not be started in private: Failed to start"),
        ({"dies": True}, "ended while it was started in private: FATAL: +could not open file"),
        ({"answers_after": 9}, "does not answer on its private socket"),
    ],
)
def test_server_that_does_not_start_leaves_nothing(
    systemd: Systemd,
    server: dict[str, Any],
    env_file: str,
    tmp_path: Path,
    change: dict[str, Any],
    said: str,
) -> None:
    where = _native_server.place("look", str(tmp_path))
    vars(systemd).update(change)
    with pytest.raises(_native_server.NativeServerError, match=said):
        _native_server.start(server, env_file, where, timeout=0)
    assert (systemd.active, os.path.exists(where.folder), os.path.exists(where.env_file)) == (
        "",
        False,
        False,
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"program": "/nosuch/postgres"}, "/nosuch/postgres is gone"),
        ({"account": "no such account"}, "there is no account no such account"),
        ({"account": "root"}, "was seen running as root"),
        ({"program": "/etc/passwd"}, "/etc/passwd is gone"),
        ({"account": "daemon"}, "is not a folder of account daemon"),
        ({"folder": "/nosuch"}, "/nosuch is not a folder of account nobody"),
        ({"folder": "/etc"}, "/etc is not a folder of account nobody"),
    ],
)
def test_server_that_cannot_be_started_is_said(
    systemd: Systemd,
    server: dict[str, Any],
    env_file: str,
    tmp_path: Path,
    change: dict[str, Any],
    said: str,
) -> None:
    with pytest.raises(_native_server.NativeServerError, match=said):
        _native_server.start(
            {**server, **change}, env_file, _native_server.place("look", str(tmp_path))
        )
    assert systemd.commands == []


def test_program_of_a_third_account_is_not_run(
    systemd: Systemd, server: dict[str, Any], env_file: str, tmp_path: Path
) -> None:
    program = tmp_path / "postgres"
    shutil.copy("/bin/true", program)
    where = _native_server.place("look", str(tmp_path))
    os.chown(program, NOBODY.uid, NOBODY.gid)
    _native_server.start({**server, "program": str(program)}, env_file, where)
    assert len(systemd.commands) == 1
    os.chown(program, 1, 1)
    with pytest.raises(_native_server.NativeServerError, match="belongs to neither root nor"):
        _native_server.start({**server, "program": str(program)}, env_file, where)
    assert len(systemd.commands) == 1


def test_what_the_account_put_into_its_folder_is_removed_and_not_followed(
    systemd: Systemd, server: dict[str, Any], env_file: str, tmp_path: Path
) -> None:
    where = _native_server.place("look", str(tmp_path))
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    _native_server.start(server, env_file, where)
    os.symlink(tmp_path / "kept", os.path.join(where.folder, "link"))
    os.mkdir(os.path.join(where.folder, "closed"), 0)
    assert _native_server.stop(where)
    assert not os.path.exists(where.folder) and (tmp_path / "kept" / "file").exists()
    assert shutil.rmtree.avoids_symlink_attacks


def test_folder_is_made_only_where_root_alone_can_write(
    systemd: Systemd, server: dict[str, Any], env_file: str, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    os.chown(tmp_path / "run", NOBODY.uid, NOBODY.gid)
    with pytest.raises(UntrustedPath, match="belongs to account nobody"):
        _native_server.start(server, env_file, _native_server.place("look", str(tmp_path / "run")))
    assert systemd.commands == []


def test_server_that_runs_already_is_not_started_twice(
    systemd: Systemd,
    server: dict[str, Any],
    env_file: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_native_server, "holder", lambda server, account: 7)
    with pytest.raises(_native_server.NativeServerError, match="runs already"):
        _native_server.start(server, env_file, _native_server.place("look", str(tmp_path)))
    assert systemd.commands == []


def test_environment_without_a_database_is_said(
    systemd: Systemd, server: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "empty.env").write_text("A=1\n")
    with pytest.raises(_native_server.NativeServerError, match="does not set DATABASE_URL"):
        _native_server.start(
            server, str(tmp_path / "empty.env"), _native_server.place("look", str(tmp_path))
        )


def test_server_that_does_not_stop_keeps_its_folder(
    systemd: Systemd, server: dict[str, Any], env_file: str, tmp_path: Path
) -> None:
    where = _native_server.place("look", str(tmp_path))
    _native_server.start(server, env_file, where)
    systemd.stops = False
    with pytest.raises(_native_server.NativeServerError, match="does not stop: Job timed out"):
        _native_server.stop(where)
    assert os.path.exists(where.folder)
