"""What clients of a pooler notice while their database moves: that it takes longer."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._config import envfile as _envfile
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import container as _container
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import limit as _limit
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import pause as _pause
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import pooler as _pooler
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.target import PoolerError
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
    Session,
    query,
)
from ansible_collections.llmops.litellm.plugins.modules import database_pooler

from .conftest import ACCOUNT, PATIENCE, Site

WAITS = 1.5  # seconds of a pause in which nothing may be written


def stands_still(site: Site) -> set[tuple[str | None, ...]]:
    """The rows of the old server, which nobody reaches for some time."""
    before = site.old.rows()
    time.sleep(WAITS)
    assert (site.old.rows(), site.old.transactions()) == (before, 0)
    return before


def test_no_statement_fails_and_every_row_is_there(site: Site) -> None:
    with site.clients() as clients:
        assert site.pause().changed
        assert stands_still(site) == clients.rows()
        site.copy()
        assert site.settle().changed
        done = site.serve(site.new)
        clients.go_on()
        assert WAITS < done.seconds < PATIENCE
        assert not site.serve(site.new).changed
        # and the way back
        site.pause()
        site.old.execute("TRUNCATE rows")
        site.old.execute(
            "INSERT INTO rows VALUES %s" % ", ".join("(%s, %s)" % row for row in site.new.rows())
        )
        site.settle()
        site.serve(site.old)
        clients.go_on()
    assert clients.failed == []
    assert clients.slowest > WAITS
    assert site.old.rows() == clients.rows()
    assert len(clients.rows()) > len(site.new.rows())


def test_by_the_module(site: Site, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    hidden = (site.folder.known_client().password, "p@ss", "p%40ss")
    here = {"folder": site.folder.path, "container": site.container}
    written = {"state": "present", "port": site.port, "pool_size": 5, **ACCOUNT._asdict()}

    def run(**words: object) -> bool:
        params = {**here, **words}
        told = support.run_module(database_pooler.main, params, capsys, secrets=hidden)
        return bool(told["changed"])

    assert run(target=site.old.params, **written) is False
    with site.clients() as clients:
        assert [run(state="paused", limit=60) for _each in range(2)] == [True, False]
        site.copy()
        assert [run(state="settled") for _each in range(2)] == [True, False]
        assert [run(state="serving", target=site.new.params) for _each in range(2)] == [True, False]
        clients.go_on()
    assert clients.failed == []
    assert clients.rows() == site.new.rows()


def test_what_the_proxy_reads_is_what_it_needs(site: Site) -> None:
    with open(site.folder.env, encoding="utf-8") as handle:
        values = _envfile.loads(handle.read(), "compose")
    assert values["DATABASE_URL"].endswith(f"@127.0.0.1:{site.port}/litellm?connection_limit=5")
    endpoint = Endpoint.from_url(values["DATABASE_URL"])
    found = query(endpoint, "SELECT current_database(), current_user")
    assert found == [[site.old.database, 'gate"way old']]


def test_nobody_else_gets_in(site: Site) -> None:
    ours = site.folder.known_client().endpoint()
    for endpoint in (
        Endpoint(**{**vars(ours), "password": "p"}),
        Endpoint(**{**vars(ours), "user": "postgres"}),
        ours.on("pgbouncer"),
        ours.on("postgres"),
    ):
        with pytest.raises(PostgresError):
            query(endpoint, "SELECT 1")


def test_without_a_pause_they_are_led_elsewhere_as_well(site: Site) -> None:
    with site.clients() as clients:
        assert site.serve(site.new).changed
        clients.go_on()
        before = len(site.old.rows())
        clients.go_on()
        assert len(site.old.rows()) == before
    assert clients.failed == []
    assert site.old.rows() | site.new.rows() == clients.rows()


def test_a_pause_is_seen_where_nobody_is_connected(site: Site) -> None:
    """No connection is no proof: one that was told to pause, and is not, has none either."""
    site.pause()
    with pytest.raises(PostgresError, match="no answer"):
        query(site.folder.known_client().endpoint(), "SELECT 1", 1)
    assert site.settle().changed


def test_a_signal_that_is_not_yet_taken_is_waited_for(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    # nobody is connected from now on, and the pooler has no time
    site.pause()
    _container.signal(site.container, _container.RESUME)
    _pause.clear(site.folder.path)
    pid, arm = _container.find(site.container).pid, _limit.arm

    def busy(*words: Any) -> None:
        arm(*words)
        os.kill(pid, signal.SIGSTOP)
        threading.Timer(WAITS, os.kill, (pid, signal.SIGCONT)).start()

    monkeypatch.setattr(_limit, "arm", busy)
    assert WAITS * 0.9 < site.pause().seconds < PATIENCE
    site.settle()


def test_a_long_transaction_is_told_and_clients_go_on(site: Site) -> None:
    endpoint = site.folder.known_client().endpoint()
    with site.clients() as clients, Session(endpoint) as session:
        session.execute("BEGIN; INSERT INTO rows VALUES (9, 1)")
        with pytest.raises(PoolerError) as raised:
            site.pause(patience=0.5)
        clients.go_on()
        assert str(raised.value).startswith("1 transactions are open for longer than 0.5 seconds")
        port = str(raised.value).split("client_port ")[1].split()[0]
        found = site.old.query(f"SELECT state FROM pg_stat_activity WHERE client_port = {port}")
        assert found == [["idle in transaction"]]
        assert _pause.find(site.folder.path) is None
        with pytest.raises(PoolerError, match="is not paused"):
            site.settle()
        session.execute("COMMIT")
        assert site.pause().changed
        site.serve(site.old)
    assert clients.failed == []


def test_clients_go_on_at_the_limit_and_the_copy_is_told_to_be_old(site: Site) -> None:
    with site.clients() as clients:
        site.pause(limit=2)
        clients.go_on()
        with pytest.raises(PoolerError, match=r"ended at its limit after 2\.\d s: clients went on"):
            site.settle()
        # it may be tried once more
        assert site.pause().changed
        site.settle()
        site.serve(site.old)
        clients.go_on()
    assert clients.failed == []


@pytest.mark.parametrize("stops", [True, False], ids=["stopped", "under way"])
def test_a_pause_that_is_kept_has_no_limit(
    site: Site, monkeypatch: pytest.MonkeyPatch, stops: bool
) -> None:
    with site.clients() as clients:
        site.pause(limit=1)
        with monkeypatch.context() as patch:
            if not stops:
                patch.setattr(_limit, "disarm", lambda: None)
            site.settle()
        time.sleep(WAITS)
        stands_still(site)
        site.serve(site.old)
    assert clients.failed == []


def killed(site: Site, module: ModuleType, name: str) -> None:
    """A run that pauses, and is killed where it calls this function."""
    child = os.fork()
    if not child:
        try:
            setattr(module, name, lambda *_words: os.kill(os.getpid(), signal.SIGKILL))
            site.pause(limit=2)
        finally:
            os._exit(3)
    _pid, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


@pytest.mark.parametrize(("module", "name"), [(_pooler, "_await_quiet"), (_pause, "complete")])
def test_of_a_run_that_was_killed_clients_go_on(site: Site, module: ModuleType, name: str) -> None:
    with site.clients() as clients:
        killed(site, module, name)
        began = time.monotonic()
        clients.go_on()
        assert time.monotonic() - began > 0.5
        with pytest.raises(PoolerError):
            site.settle()
        assert site.pause().changed
        site.settle()
        site.serve(site.old)
        clients.go_on()
    assert clients.failed == []


def test_a_container_that_was_started_anew_is_not_paused(site: Site) -> None:
    site.pause()
    site.docker("restart", site.container)
    with pytest.raises(PoolerError, match="was started anew since the pause began"):
        site.settle()


def test_one_that_is_paused_by_its_container_goes_on_by_it(site: Site) -> None:
    with site.clients() as clients:
        site.pause()
        _container.signal(site.container, _container.RESUME)
        clients.go_on()
        with pytest.raises(PoolerError, match="somebody else has ended the pause"):
            site.settle()
        site.serve(site.old)
    assert clients.failed == []


def test_a_server_that_is_not_there_changes_nothing(site: Site) -> None:
    target = site.new.target
    with site.clients() as clients:
        wrong = type(target)(**{**vars(target), "password": "wrong"})
        with pytest.raises(PostgresError, match="authentication failed"):
            _pooler.serve(site.folder, site.container, wrong)
        clients.go_on()
    assert clients.failed == []
    assert site.new.rows() == set()


def test_no_password_is_logged(site: Site) -> None:
    site.pause()
    site.serve(site.new)
    logged = site.docker("logs", site.container)
    assert "got SIGUSR1, pausing all activity" in logged
    assert site.folder.known_client().password not in logged and "p@ss" not in logged


def test_it_ends_at_once_and_as_nobody(site: Site) -> None:
    running = _container.find(site.container)
    about = os.stat(f"/proc/{running.pid}")
    assert (about.st_uid, about.st_gid) == ACCOUNT
    with Session(site.folder.known_client().endpoint()):
        began = time.monotonic()
        site.docker("stop", "--time", "10", site.container)
        assert time.monotonic() - began < 5
