"""Queries that wait while the database moves: with a PgBouncer that only exists in memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from unit.support import answered

from ansible_collections.llmops.litellm.plugins.module_utils._host.connections import Row
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import client as _client
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import container as _container
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import limit as _limit
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import pause as _pause
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import pooler as _pooler
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.container import Running
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.folder import Folder, Owner
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.target import (
    PoolerError,
    Target,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.programs import PostgresError

OLD, NEW = Target("old", 1, "d", "u", "hunter2"), Target("new", 2, "e", "v", "hunter2")
WANTED = _pooler.Wanted(
    6432, Owner(os.geteuid(), os.getegid()), 7, {"DATABASE_URL": "postgresql://u:hunter2@old:1/d"}
)


class PgBouncer:
    """As much of it, of its container, of the servers behind it and of a timer as is needed.

    ``done`` is what it was told; ``open`` how many more looks see a transaction.
    """

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.identity = "abc 1"
        self.paused = False
        self.leads_to = "old"
        self.open = 0
        self.done: list[str] = []
        self.armed = False
        self.fails: dict[str, Exception] = {}
        self.servers: dict[str, Any] = {"old": ("1", "1"), "new": ("2", "1")}
        self.asked: list[str] = []
        self.looked: list[bool] = []  # for its processes, and whether it was paused then

    def find(self, name: str) -> Running:
        assert name == "pooler"
        return Running(name, self.identity, 77)

    def signal(self, _name: str, word: str) -> None:
        self.done.append(word)
        answered(self.fails.get(word))
        if word == _container.RELOAD:
            self.leads_to = "new" if self.folder.leads_to(NEW) else "old"
        else:
            self.paused = word == _container.PAUSE

    def await_turn(self, port: int) -> None:
        assert port == WANTED.port
        self.done.append("turn")

    def processes(self, _running: Running) -> list[int]:
        self.looked.append(self.paused)
        return [77]

    def to_servers(self, _running: Running, pids: list[int], port: int) -> list[Row]:
        assert (pids, port) == ([77], WANTED.port)
        self.open -= self.paused and self.open > 0
        there = self.open or not self.paused
        return [Row(("127.0.0.1", 40000), ("127.0.0.1", 5434), 1)] if there else []

    def arm(self, seconds: float, command: list[str]) -> None:
        self.done.append("arm %g" % seconds)
        answered(self.fails.get("arm"))
        self.armed = True
        assert command == ["resume", self.place(_pause.LIMITED), self.place(_pause.OVER), "pooler"]

    def disarm(self) -> None:
        self.done.append("disarm")
        self.armed = False

    def place(self, name: str) -> str:
        return os.path.join(self.folder.path, name)

    def expire(self) -> None:
        """What the timer does."""
        os.rename(self.place(_pause.LIMITED), self.place(_pause.OVER))
        self.paused = False

    def identity_of(self, endpoint: Any, _seconds: float) -> Any:
        self.asked.append(endpoint)
        return answered(self.servers[self.leads_to if endpoint == "client" else endpoint])

    def told(self) -> list[str]:
        """What was done since the last time."""
        done, self.done = self.done, []
        return done


@pytest.fixture
def bouncer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PgBouncer:
    folder = Folder(str(tmp_path / "pooler"))
    assert _pooler.present(folder, OLD, WANTED, False).changed
    made = PgBouncer(folder)
    for name in ("find", "signal", "await_turn", "processes", "to_servers"):
        monkeypatch.setattr(_container, name, getattr(made, name))
    monkeypatch.setattr(_limit, "arm", made.arm)
    monkeypatch.setattr(_limit, "disarm", made.disarm)
    monkeypatch.setattr(_limit, "command", lambda *words: ["resume", *words])
    monkeypatch.setattr(_pooler, "identity", made.identity_of)
    monkeypatch.setattr(_pooler, "_VERIFIES", 0.2)
    monkeypatch.setattr(Target, "endpoint", lambda target: target.host)
    monkeypatch.setattr(_client.Client, "endpoint", lambda _client: "client")
    return made


def pause(bouncer: PgBouncer, patience: float = 0.05) -> _pooler.Outcome:
    return _pooler.pause(bouncer.folder, "pooler", 90, patience)


def test_files_are_written_once(bouncer: PgBouncer) -> None:
    folder = bouncer.folder
    before = Path(folder.env).read_text()
    assert not _pooler.present(folder, OLD, WANTED, False).changed
    other = WANTED._replace(pool_size=8)
    assert _pooler.present(folder, OLD, other, True).changed
    assert not _pooler.present(folder, OLD, WANTED, True).changed
    assert _pooler.present(folder, OLD, other, False).changed
    assert Path(folder.env).read_text() == before


def test_a_pause_is_limited_before_it_begins(bouncer: PgBouncer) -> None:
    bouncer.open = 3
    assert pause(bouncer, 5).changed
    assert bouncer.told() == ["turn", "disarm", "arm 90", "USR1", "turn"]
    assert (bouncer.paused, bouncer.open, bouncer.armed) == (True, 0, True)
    assert _pooler.paused(bouncer.folder, "pooler")


def test_its_processes_are_known_before_anybody_waits(bouncer: PgBouncer) -> None:
    bouncer.open = 3
    pause(bouncer, 5)
    assert bouncer.looked == [False]


def test_a_pause_is_begun_once(bouncer: PgBouncer) -> None:
    pause(bouncer)
    bouncer.told()
    again = pause(bouncer)
    assert (again.changed, bouncer.told()) == (False, [])
    assert 0 < again.seconds < 60
    _pooler.settle(bouncer.folder, "pooler")
    assert not pause(bouncer).changed


def test_clients_go_on_where_a_transaction_is_open_for_longer(bouncer: PgBouncer) -> None:
    bouncer.open = 1000
    with pytest.raises(PoolerError) as raised:
        pause(bouncer)
    assert str(raised.value) == (
        "1 transactions are open for longer than 0.05 seconds, so clients go on:"
        " client_port 40000 of 127.0.0.1:5434"
    )
    assert (bouncer.paused, bouncer.armed) == (False, False)
    assert bouncer.told()[-2:] == ["USR2", "disarm"]
    assert _pause.find(bouncer.folder.path) is None


@pytest.mark.parametrize("what", ["arm", "USR1"])
def test_a_pause_that_fails_is_none(bouncer: PgBouncer, what: str) -> None:
    bouncer.fails[what] = PoolerError("no")
    with pytest.raises(PoolerError, match="no"):
        pause(bouncer)
    assert (bouncer.paused, bouncer.armed) == (False, False)
    assert _pause.find(bouncer.folder.path) is None


def test_a_limit_that_runs_out_meanwhile_is_told(
    bouncer: PgBouncer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_pooler, "_await_quiet", lambda *_words: bouncer.expire())
    with pytest.raises(PoolerError, match="ended at its limit of 90 s before it was whole"):
        pause(bouncer)
    assert _pause.find(bouncer.folder.path) is None


@pytest.mark.parametrize("limit", [0, 3600])
def test_a_limit_that_clients_do_not_wait_for_is_refused(bouncer: PgBouncer, limit: int) -> None:
    with pytest.raises(PoolerError, match="clients wait for 3600 at most"):
        _pooler.pause(bouncer.folder, "pooler", limit, 1)
    assert bouncer.told() == []


def test_a_pause_is_kept(bouncer: PgBouncer) -> None:
    pause(bouncer)
    assert not _pooler.is_settled(bouncer.folder)
    done = _pooler.settle(bouncer.folder, "pooler")
    assert (done.changed, bouncer.paused, bouncer.armed) == (True, True, False)
    assert _pooler.is_settled(bouncer.folder)
    assert not _pooler.settle(bouncer.folder, "pooler").changed


def expired(bouncer: PgBouncer) -> None:
    bouncer.expire()


def restarted(bouncer: PgBouncer) -> None:
    bouncer.identity, bouncer.paused = "abc 2", False


def resumed(bouncer: PgBouncer) -> None:
    bouncer.paused = False


BROKEN = [
    (expired, "the pause ended at its limit after 0.0 s: clients went on, and rows that they have"),
    (
        restarted,
        "container pooler was started anew since the pause began: clients went on, and row",
    ),
    (resumed, "somebody else has ended the pause: the pooler is connected to a database (client_p"),
]


@pytest.mark.parametrize(("breaks", "words"), BROKEN)
def test_a_pause_that_was_broken_is_not_kept(bouncer: PgBouncer, breaks: Any, words: str) -> None:
    pause(bouncer)
    breaks(bouncer)
    with pytest.raises(PoolerError) as raised:
        _pooler.settle(bouncer.folder, "pooler")
    assert str(raised.value).startswith(words)
    assert "since are not in a copy" in str(raised.value)
    # and the next one begins anew
    assert pause(bouncer).changed
    _pooler.settle(bouncer.folder, "pooler")


def test_without_a_pause_none_is_kept(bouncer: PgBouncer) -> None:
    with pytest.raises(PoolerError, match="the pooler is not paused"):
        _pooler.settle(bouncer.folder, "pooler")


def test_a_run_that_was_killed_before_the_pause_was_whole(bouncer: PgBouncer) -> None:
    _pause.begin(bouncer.folder.path, bouncer.identity, 1)
    with pytest.raises(PoolerError, match="broken off before it was whole"):
        _pooler.settle(bouncer.folder, "pooler")
    _pause.begin(bouncer.folder.path, bouncer.identity, 1)
    assert not _pooler.paused(bouncer.folder, "pooler")
    assert pause(bouncer).changed


def test_clients_are_led_to_the_new_database(bouncer: PgBouncer) -> None:
    pause(bouncer)
    _pooler.settle(bouncer.folder, "pooler")
    bouncer.told()
    assert _pooler.would_serve(bouncer.folder, NEW).changed
    done = _pooler.serve(bouncer.folder, "pooler", NEW)
    assert (done.changed, bouncer.leads_to, bouncer.paused) == (True, "new", False)
    assert 0 < done.seconds < 60
    assert bouncer.told() == ["HUP", "turn", "USR2", "disarm"]
    assert _pause.find(bouncer.folder.path) is None
    again = _pooler.serve(bouncer.folder, "pooler", NEW)
    assert (again.changed, again.seconds, bouncer.told()) == (False, 0, [])
    assert not _pooler.would_serve(bouncer.folder, NEW).changed


def test_a_database_whose_identity_is_known_is_not_asked(bouncer: PgBouncer) -> None:
    pause(bouncer)
    assert _pooler.serve(bouncer.folder, "pooler", NEW, ("2", "1")).changed
    assert (bouncer.leads_to, bouncer.paused) == ("new", False)
    assert set(bouncer.asked) == {"client"}


def test_clients_must_come_to_the_one_that_is_known(bouncer: PgBouncer) -> None:
    with pytest.raises(PoolerError, match=r"does not lead to database e \(new:2\): see its log"):
        _pooler.serve(bouncer.folder, "pooler", NEW, ("3", "1"))


def test_who_waits_goes_on_where_it_was(bouncer: PgBouncer) -> None:
    pause(bouncer)
    bouncer.told()
    _pooler.go_on(bouncer.folder, "pooler")
    assert bouncer.told() == ["USR2", "disarm"]
    assert (bouncer.paused, bouncer.leads_to) == (False, "old")
    assert _pause.find(bouncer.folder.path) is None


def test_who_cannot_be_told_to_go_on_does_at_the_limit(bouncer: PgBouncer) -> None:
    pause(bouncer)
    bouncer.fails["USR2"] = PoolerError("it has ended")
    with pytest.raises(PoolerError, match="it has ended"):
        _pooler.go_on(bouncer.folder, "pooler")
    assert bouncer.armed and _pause.find(bouncer.folder.path) is not None


def test_without_a_pause_they_are_led_there_as_well(bouncer: PgBouncer) -> None:
    assert _pooler.serve(bouncer.folder, "pooler", NEW).changed
    assert bouncer.leads_to == "new"


def test_a_pause_ends_where_nothing_moves(bouncer: PgBouncer) -> None:
    pause(bouncer)
    assert _pooler.would_serve(bouncer.folder, OLD).changed
    assert _pooler.serve(bouncer.folder, "pooler", OLD).changed
    assert (bouncer.leads_to, bouncer.paused) == ("old", False)


def test_a_run_killed_after_the_file_was_written_is_finished(bouncer: PgBouncer) -> None:
    bouncer.folder.lead(NEW)
    assert bouncer.leads_to == "old"
    assert _pooler.serve(bouncer.folder, "pooler", NEW).changed
    assert bouncer.leads_to == "new"


def test_what_a_restart_would_read_counts_as_well(bouncer: PgBouncer) -> None:
    _pooler.serve(bouncer.folder, "pooler", NEW)
    bouncer.folder.lead(OLD)
    assert bouncer.leads_to == "new"
    assert _pooler.serve(bouncer.folder, "pooler", NEW).changed
    assert bouncer.folder.leads_to(NEW)


def test_a_database_that_does_not_answer_changes_nothing(bouncer: PgBouncer) -> None:
    pause(bouncer)
    bouncer.told()
    bouncer.servers["new"] = PostgresError("refused")
    with pytest.raises(PostgresError, match="refused"):
        _pooler.serve(bouncer.folder, "pooler", NEW)
    assert (bouncer.told(), bouncer.paused) == ([], True)
    assert bouncer.folder.leads_to(OLD)


@pytest.mark.parametrize("word", ["old", "none"])
def test_clients_that_come_elsewhere_are_an_error(
    bouncer: PgBouncer, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    bouncer.servers["none"] = PostgresError("refused")
    monkeypatch.setattr(_container, "signal", lambda *_words: setattr(bouncer, "leads_to", word))
    with pytest.raises(PoolerError, match=r"does not lead to database e \(new:2\): see its log"):
        _pooler.serve(bouncer.folder, "pooler", NEW)
