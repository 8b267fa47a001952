"""A native server that leaves its address and comes back, in which order, and what becomes of it
where something fails. systemd, PostgreSQL and the pooler are one fake."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.support import Clock, answered

from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._host.systemd import (
    Manager,
    SystemdError,
    Unit,
)
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import native_aside as _aside
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import pooler as _pooler
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.folder import Folder
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.pooler import Outcome
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.target import (
    PoolerError,
    Target,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import endpoint as _endpoint
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import follow as _follow
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    native_server as _native_server,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.native_server import (
    NativeServerError,
    Prepared,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.programs import PostgresError
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import Endpoint

OWN = Target("localhost", 5434, "llm", "gateway", "hunter2")
THERE = Target("127.0.0.2", 5434, "llm", "gateway", "hunter2")
SERVER = {"argv": ["postgres"], "program": "/p/postgres", "account": "postgres", "folder": "/data"}
RECORD = {
    "name": "postgresql@15-main.service",
    "scope": "system",
    "account": "",
    "enabled": "enabled",
    "active": "active",
    "path": "/lib/systemd/system/postgresql@.service",
    "hash": "",
}
FOLDER = Folder("/run/pooler")
# What aside() and back() do, in their order.
ASIDE = ["prepare", "checkpoint own", "prepare_stop", "pause", "stop", "launch", "lead there"]
BACK = ["restore", "forget private", "checkpoint private", "pause"]
RETURN = ["stop aside", "start", "await own", "lead own", "await_start"]


class Host:
    """A host whose own unit runs the server. ``done`` is what was done; ``fails`` what each does
    instead, where it is there: an error, or as many of them as there are, one at a time."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.fails: dict[str, Any] = {}
        self.clock = Clock()
        self.asides, self.own, self.pid, self.holder = "", "active", 7, 7
        self.drop_in = self.at_stop = ""
        self.left = False  # of a server that was prepared
        self.waiting = False
        self.private: Any = None

    def do(self, what: str) -> None:
        self.done.append(what)
        told = self.fails.get(what)
        if isinstance(told, list):
            told = told.pop(0) if told else None
        answered(told)

    def show(self, manager: Manager, names: list[str]) -> list[Unit]:
        assert (manager.account, names) == (None, ["litellm-legacy-aside.service"])
        return [Unit(names[0], manager, "transient", self.asides, {})] if self.asides else []

    def look(self, manager: Manager, names: list[str]) -> list[Unit]:
        assert (manager.account, names) == (None, [RECORD["name"]])
        return [Unit(names[0], manager, "enabled", self.own, {"MainPID": str(self.pid)})]

    def prepare(self, server: Any, env_file: str, where: Any, **named: Any) -> Prepared:
        assert (server, where.unit) == (SERVER, "litellm-legacy-aside.service")
        assert named == {
            "conflicts": RECORD["name"],
            "serving_": _native_server.Serving("127.0.0.2", "llm", "gateway"),
        }
        self.do("prepare")
        self.left = True
        return Prepared(where, ["systemd-run"], "postgresql://gateway@/llm")

    def launch(self, prepared: Prepared, timeout: float, pause: float) -> Any:
        assert (prepared.argv, timeout, pause) == (["systemd-run"], 60, _native_server.QUICK)
        assert self.own == "inactive"
        self.do("launch")
        self.asides = "active"

    def stop(self, where: Any) -> bool:
        assert where == _aside.place()
        self.do("stop aside")
        there, self.asides, self.left = self.left, "", False
        return there

    def prepare_stop(self, unit: Unit, settings: str) -> None:
        self.do("prepare_stop")
        self.drop_in = settings

    def stop_prepared(self, unit: Unit) -> None:
        assert unit.name == RECORD["name"] and self.drop_in
        self.at_stop = self.drop_in
        self.do("stop")
        self.own = "inactive"

    def forget_stop(self, manager: Manager, name: str) -> None:
        assert (manager.account, name) == (None, RECORD["name"])
        self.drop_in = ""

    def restore(self, record: dict[str, str]) -> None:
        # enabled and unmasked, but neither started nor stopped
        assert record == {**RECORD, "active": ""}
        self.do("restore")

    def start_beside(self, manager: Manager, name: str) -> None:
        assert (manager.account, name, self.asides) == (None, RECORD["name"], "")
        self.do("start")
        self.own = "active"

    def await_start(self, manager: Manager, name: str, seconds: float) -> None:
        assert (manager.account, name, seconds) == (None, RECORD["name"], 60)
        self.do("await_start")

    def pause(self, folder: Folder, container: str, limit: float, patience: float) -> Outcome:
        assert (folder, container, limit, patience) == (FOLDER, "pooler", 30, 0.5)
        self.do("pause")
        self.waiting = True
        return Outcome(True)

    def serve(self, folder: Folder, container: str, target: Target) -> Outcome:
        assert (folder, container) == (FOLDER, "pooler")
        self.do("lead %s" % {OWN: "own", THERE: "there"}[target])
        assert self.asides if target == THERE else self.own == "active"
        self.waiting = False
        return Outcome(True, 0.4)

    def identity(self, endpoint: Any, seconds: float) -> Any:
        assert (endpoint.host, endpoint.password, seconds) == (OWN.host, "hunter2", 60)
        self.do("await own")
        return ("1", "1")

    def session(self, endpoint: Endpoint, **named: Any) -> Host:
        assert named == {"seconds": 60}
        self.private = endpoint
        return self

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def execute(self, statement: str) -> None:
        self.do("%s %s" % (statement.lower(), self.private))


@pytest.fixture
def moving(tmp_path: Path) -> _aside.Moving:
    path = tmp_path / "legacy.env"
    path.write_text("DATABASE_URL=postgresql://gateway:hunter2@localhost:5434/llm\n")
    return _aside.Moving(FOLDER, "pooler", SERVER, RECORD, str(path), 30, 0.5, 60)


def made(patch: pytest.MonkeyPatch) -> Host:
    """The fake, in the place of all."""
    host = Host()
    for name in ("show", "look", "prepare_stop", "stop_prepared", "forget_stop", "restore"):
        patch.setattr(_systemd, name, getattr(host, name))
    for name in ("start_beside", "await_start"):
        patch.setattr(_systemd, name, getattr(host, name))
    for name in ("prepare", "launch", "stop"):
        patch.setattr(_native_server, name, getattr(host, name))
    patch.setattr(_native_server, "owner", lambda server: "postgres")
    patch.setattr(_native_server, "holder", lambda server, account: host.holder)
    patch.setattr(_native_server, "as_its_account", lambda endpoint, server: "own")
    patch.setattr(_native_server, "administrator", lambda endpoint: "private")
    patch.setattr(_aside, "_private", lambda: "socket")
    patch.setattr(_follow, "forget", lambda admin: host.do("forget %s" % admin))
    patch.setattr(_pooler, "pause", host.pause)
    patch.setattr(_pooler, "serve", host.serve)
    patch.setattr(_aside, "Session", host.session)
    patch.setattr(_aside, "identity", host.identity)
    patch.setattr(_aside, "time", host.clock)
    return host


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    return made(monkeypatch)


@pytest.fixture
def away(host: Host, moving: _aside.Moving) -> Host:
    """The server is aside."""
    _aside.aside(moving, OWN)
    host.done.clear()
    return host


def test_it_leaves_its_address(host: Host, moving: _aside.Moving) -> None:
    done = _aside.aside(moving, OWN)
    assert done == Outcome(True, 0.4)
    # what takes its time is done before anybody waits
    assert host.done == ASIDE
    assert (host.asides, host.own, host.waiting, host.drop_in) == ("active", "inactive", False, "")
    assert _aside.is_aside()


def test_it_is_stopped_as_its_own_programs_stop_it(host: Host, moving: _aside.Moving) -> None:
    _aside.aside(moving, OWN)
    assert host.at_stop.splitlines() == ["KillMode=mixed", "KillSignal=SIGINT", "ExecStop="]


def test_one_that_is_aside_already_is_only_led_to(away: Host, moving: _aside.Moving) -> None:
    _aside.aside(moving, OWN)
    assert away.done == ["lead there"]


@pytest.mark.parametrize(
    ("state", "told"),
    [("", False), ("failed", False), ("inactive", False), ("active", True), ("activating", True)],
)
def test_whether_it_is_aside_is_its_units_state(host: Host, state: str, told: bool) -> None:
    host.asides = state
    assert _aside.is_aside() is told


def test_it_comes_back(away: Host, moving: _aside.Moving) -> None:
    done = _aside.back(moving, OWN)
    assert done == Outcome(True, 0.4)
    assert away.done == [*BACK, *RETURN]
    assert (away.asides, away.own, away.waiting) == ("", "active", False)


def test_what_a_killed_switch_has_left_is_no_condition(away: Host, moving: _aside.Moving) -> None:
    away.fails["forget private"] = PostgresError("no superuser may log in")
    assert _aside.back(moving, OWN).changed
    assert away.done == [*BACK, *RETURN]


def test_private_socket_is_the_one_that_was_prepared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    where = _native_server.place("aside", str(tmp_path))
    Path(where.env_file).write_text("DATABASE_URL=postgresql://gateway@/llm?host=/run/x&port=5434")
    monkeypatch.setattr(_aside, "place", lambda: where)
    monkeypatch.setattr(_endpoint, "find_bindir", lambda host, port: "/bin")
    found = _aside._private()
    assert (found.host, found.port, found.database) == ("/run/x", 5434, "llm")


def test_one_that_is_not_aside_stays_as_it_is(host: Host, moving: _aside.Moving) -> None:
    assert _aside.back(moving, OWN) == Outcome(False)
    assert host.done == ["stop aside"]


def test_what_is_left_of_one_that_never_was_goes(host: Host, moving: _aside.Moving) -> None:
    host.fails["pause"] = PoolerError("no")
    with pytest.raises(PoolerError):
        _aside.aside(moving, OWN)
    assert host.left
    assert _aside.back(moving, OWN) == Outcome(True)
    assert not host.left and host.done[-1] == "stop aside"


def test_server_of_an_account_is_not_moved(host: Host, moving: _aside.Moving) -> None:
    with pytest.raises(PoolerError) as raised:
        _aside.aside(moving._replace(unit={**RECORD, "account": "litellm"}), OWN)
    assert str(raised.value) == (
        "postgresql@15-main.service is a unit of account litellm, whose server is not moved while"
        " it has clients"
    )
    assert host.done == []


@pytest.mark.parametrize(("pid", "holder"), [(7, None), (8, 7), (0, 7), (0, None)])
def test_server_that_is_not_its_units_main_process_is_not_moved(
    host: Host, moving: _aside.Moving, pid: int, holder: Any
) -> None:
    host.pid, host.holder = pid, holder
    with pytest.raises(PoolerError) as raised:
        _aside.aside(moving, OWN)
    assert str(raised.value) == (
        "postgresql@15-main.service does not have PostgreSQL as its main process (%s, %s in /data)"
        % (pid or None, holder)
    )
    assert host.done == []


def test_url_that_cannot_be_served_stops_nothing(host: Host, moving: _aside.Moving) -> None:
    Path(moving.env_file).write_text("DATABASE_URL=postgresql://a%22b:hunter2@h/d\n")
    with pytest.raises(NativeServerError, match="no rule of pg_hba.conf"):
        _aside.aside(moving, OWN)
    assert host.done == []


FAILURE = NativeServerError("it does not start")


@pytest.mark.parametrize("what", ["prepare", "prepare_stop", "pause"])
def test_what_fails_before_it_stops_leaves_all_as_it_was(
    host: Host, moving: _aside.Moving, what: str
) -> None:
    host.fails[what] = PoolerError("no")
    with pytest.raises(PoolerError, match="^no$"):
        _aside.aside(moving, OWN)
    assert "stop" not in host.done and "lead own" not in host.done
    assert (host.asides, host.own, host.waiting, host.drop_in) == ("", "active", False, "")


@pytest.mark.parametrize("what", ["stop", "launch", "lead there"])
@pytest.mark.parametrize("error", [FAILURE, OSError("full"), RuntimeError("odd")])
def test_what_fails_later_brings_its_own_unit_back(
    host: Host, moving: _aside.Moving, what: str, error: Exception
) -> None:
    host.fails[what] = error
    with pytest.raises(type(error)) as raised:
        _aside.aside(moving, OWN)
    assert raised.value is error
    assert host.done == [*ASIDE[: ASIDE.index(what) + 1], *RETURN]
    assert (host.asides, host.own, host.waiting, host.drop_in) == ("", "active", False, "")


@pytest.mark.parametrize("what", RETURN)
@pytest.mark.parametrize("error", [SystemdError("denied"), OSError("denied")])
def test_what_cannot_be_brought_back_is_told_with_the_reason(
    host: Host, moving: _aside.Moving, what: str, error: Exception
) -> None:
    host.fails["launch"] = FAILURE
    host.fails[what] = error
    with pytest.raises((PoolerError, PostgresError)) as raised:
        _aside.aside(moving, OWN)
    assert str(raised.value) == (
        "it does not start. And postgresql@15-main.service was not started again: denied"
    )
    assert host.drop_in == ""


def test_pause_is_tried_again(host: Host, moving: _aside.Moving) -> None:
    busy = PoolerError("1 transactions are open")
    host.fails["pause"] = [busy] * (_aside.TRIES - 1)
    _aside.aside(moving, OWN)
    assert host.done == [*ASIDE[:3], *["pause"] * 5, *ASIDE[4:]]
    assert host.clock.time == 100 + 4 * _aside.BETWEEN


@pytest.mark.parametrize("which", [_aside.aside, _aside.back])
def test_pause_that_never_comes_is_given_up(
    host: Host, moving: _aside.Moving, which: Callable[..., Outcome]
) -> None:
    host.asides = "active" if which == _aside.back else ""
    host.fails["pause"] = PoolerError("1 transactions are open")
    with pytest.raises(PoolerError, match="1 transactions are open"):
        which(moving, OWN)
    assert host.done[-5:] == ["pause"] * 5 and host.done.count("pause") == 5
    assert host.drop_in == ""


@pytest.mark.parametrize("error", [PostgresError("must be superuser"), OSError("gone")])
def test_what_only_a_superuser_may_is_no_condition(
    host: Host, moving: _aside.Moving, error: Exception
) -> None:
    host.fails["checkpoint own"] = host.fails["checkpoint private"] = error
    assert _aside.aside(moving, OWN).changed
    assert _aside.back(moving, OWN).changed
    assert (host.asides, host.own) == ("", "active")


def test_its_own_server_is_waited_for(away: Host, moving: _aside.Moving) -> None:
    away.fails["await own"] = [PostgresError("the database system is starting up")] * 3
    _aside.back(moving, OWN)
    waited = RETURN.index("await own")
    assert away.done == [*BACK, *RETURN[:waited], *["await own"] * 3, *RETURN[waited:]]
    assert away.clock.time == pytest.approx(100 + 3 * _native_server.QUICK)


def test_own_server_that_does_not_answer_in_time_is_told(away: Host, moving: _aside.Moving) -> None:
    away.fails["await own"] = PostgresError("refused")
    with pytest.raises(PostgresError, match="refused"):
        _aside.back(moving, OWN)
    assert 160 < away.clock.time < 161
    assert "lead own" not in away.done


def test_unit_that_cannot_be_enabled_lets_nobody_wait(away: Host, moving: _aside.Moving) -> None:
    away.fails["restore"] = SystemdError("unit is bad")
    with pytest.raises(SystemdError, match="unit is bad"):
        _aside.back(moving, OWN)
    assert (away.done, away.asides) == (["restore"], "active")


@given(
    failing=st.dictionaries(
        st.sampled_from([*ASIDE, *RETURN]), st.sampled_from([FAILURE, OSError("full")])
    )
)
def test_whatever_fails_one_server_runs_or_it_is_told_that_none_does(
    failing: dict[str, Exception], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "legacy.env"
    path.write_text("DATABASE_URL=postgresql://gateway:hunter2@localhost:5434/llm\n")
    moving = _aside.Moving(FOLDER, "pooler", SERVER, RECORD, str(path), 30, 0.5, 60)
    with pytest.MonkeyPatch.context() as patch:
        host = made(patch)
        host.fails.update(failing)
        said = ""
        try:
            _aside.aside(moving, OWN)
        except (NativeServerError, PoolerError, OSError) as error:
            said = str(error)
    assert host.drop_in == ""
    if not said:
        assert (host.asides, host.own, host.waiting) == ("active", "inactive", False)
    elif not re.search("was not started again", said):
        assert (host.asides, host.own, host.waiting) == ("", "active", False)
