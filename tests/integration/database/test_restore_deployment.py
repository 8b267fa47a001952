"""Deployments restored beside what is in service: real servers and backups, a proxy that is a
file.
"""

from __future__ import annotations

import json
import os
import signal
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    service as _service,
)
from ansible_collections.llmops.litellm.plugins.module_utils._litellm import (
    spend_flush as _spend_flush,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.database import inspect
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
    Session,
    query,
)
from ansible_collections.llmops.litellm.plugins.module_utils._restore import (
    checks as _checks,
)
from ansible_collections.llmops.litellm.plugins.module_utils._restore import database as _database
from ansible_collections.llmops.litellm.plugins.module_utils._restore import load as _load
from ansible_collections.llmops.litellm.plugins.module_utils._restore import (
    restore as _restore,
)
from ansible_collections.llmops.litellm.plugins.module_utils._restore import state as _state
from ansible_collections.llmops.litellm.plugins.module_utils._restore import swap as _swap
from ansible_collections.llmops.litellm.plugins.module_utils._restore.state import (
    RefusedError,
    RestoreError,
)

from .conftest import Server
from .content import NASTY

NOW = datetime(2026, 11, 23, 12, 5, 1, tzinfo=timezone.utc)
SMALL = (
    "CREATE TABLE state (word text); INSERT INTO state VALUES ('then'); CREATE TABLE "
    '"Spend" AS SELECT n FROM generate_series(1, 20) n;'
)
LATER = "UPDATE state SET word = 'now'; INSERT INTO \"Spend\" SELECT n FROM generate_series(1, 5) n"
LEDGER = """CREATE TABLE _prisma_migrations (id text, finished_at timestamptz, migration_name text,
  rolled_back_at timestamptz);
INSERT INTO _prisma_migrations VALUES ('a', now(), '20250101000000_first', NULL), ('b', now(),
  '20260101000000_second', NULL),
  ('c', NULL, '20270101000000_begun', NULL)"""
KEY = "LITELLM_SALT_KEY=sk-salt\n"
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"


class Keys:
    """What a Redis holds, as a file, and where that is put aside."""

    def __init__(self, folder: Path) -> None:
        self.held, self.kept = folder / "keys", folder / "aside"
        self.held.write_text("counters")

    def clear(self) -> bool:
        if not self.kept.exists():
            self.kept.write_text(self.held.read_text())
        self.held.write_text("")
        return True

    def put_back(self, patience: float) -> None:
        if self.kept.exists():
            self.held.write_text(self.kept.read_text())
            self.forget()

    def forget(self) -> None:
        self.kept.unlink(missing_ok=True)


class Proxy:
    """A proxy whose running is a file, and which serves a database whose word it likes."""

    def __init__(self, database: Endpoint, folder: Path) -> None:
        self.database, self.folder = database, folder
        self.redis = Keys(folder)
        self.running, self.dislikes, self.log = (
            folder / "running",
            folder / "dislikes",
            folder / "log",
        )
        self.running.touch()
        self.tick: Callable[[], None] = lambda: None

    def calls(self) -> list[str]:
        return self.log.read_text().split() if self.log.exists() else []

    def did(self, word: str) -> None:
        with self.log.open("a") as log:
            log.write(word + "\n")
        self.tick()

    def stop(self) -> None:
        self.tick()
        self.running.unlink(missing_ok=True)
        self.did("stop")

    def end(self) -> None:
        self.stop()

    def start(self) -> None:
        self.tick()
        self.running.touch()
        self.did("start")

    def word(self) -> str:
        return str(query(self.database, "SELECT word FROM state")[0][0])

    def serves(self) -> bool:
        return self.running.exists() and not (
            self.dislikes.exists() and self.dislikes.read_text() == self.word()
        )

    def verify(self) -> None:
        self.did("verify")
        if not self.serves():
            raise RestoreError("the proxy is not proved ready")


class Host:
    """A deployment with a backup of an earlier time."""

    def __init__(self, server: Server, folder: Path, content: str = SMALL) -> None:
        folder.mkdir(parents=True)
        self.server, self.folder = server, folder
        self.database = server.new(content)
        (folder / "env").write_text(KEY)
        point = _backup.Order(self.database, str(folder / "backups"), "compose", salt_key="sk-salt")
        self.path = str(_backup.backup(point, NOW)["path"])
        server.run(self.database, LATER)
        self.proxy = Proxy(self.database, folder)
        self.told: list[str] = []
        deployment = _service.Deployment(
            "compose", self.database, salt_key_file=str(folder / "env")
        )
        self.order = _restore.Order(
            deployment, self.path, point.folder, str(folder / "state"), point, timeout=2
        )

    def restore(self, **changes: Any) -> dict[str, Any]:
        return _restore.restore(self.order._replace(**changes), NOW, self.told.append)

    def words(self) -> dict[str, str]:
        """What each of the deployment's databases says, by the end of its name."""
        names = [
            name for name in self.server.databases() if name.startswith(self.database.database)
        ]
        return {
            name[len(self.database.database) :]: str(
                query(self.database.on(name), "SELECT word FROM state")[0][0]
            )
            for name in names
        }

    def stage(self) -> str:
        """In which a restore is; empty before its first."""
        path = self.folder / "state/restore.json"
        return str(json.loads(path.read_text())["stage"]) if path.exists() else ""


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., Host]]:
    """Makes deployments, and removes what restores have made of their databases."""
    hosts: list[Host] = []
    monkeypatch.setattr(_swap, "CLIENTS_TIMEOUT", 1.0)
    monkeypatch.setattr(_spend_flush, "ABSENT", 0.0)  # the proxies here have no connection
    monkeypatch.setattr(
        _checks,
        "offered",
        lambda deployment: (["20250101000000_first", "20260101000000_second"], "1.102.4"),
    )
    monkeypatch.setattr(
        _service,
        "of",
        lambda deployment, *_more: next(
            host.proxy for host in hosts if host.database == deployment.database
        ),
    )

    def new(server: Server, content: str = SMALL) -> Host:
        hosts.append(Host(server, tmp_path / str(len(hosts)), content))
        return hosts[-1]

    yield new
    for host in hosts:
        with Session(host.server.endpoint) as session:
            for name in host.server.databases():
                if name.startswith(host.database.database):
                    session.execute('DROP DATABASE IF EXISTS "%s" WITH (FORCE)' % name)


def test_backup_takes_the_place_of_what_is_in_service(
    target: Server, make: Callable[..., Host]
) -> None:
    host = make(target, NASTY + SMALL)
    with Session(target.endpoint) as session:
        session.execute("COMMENT ON DATABASE \"%s\" IS 'whose it is'" % host.database.database)
    foreseen = _restore.dry_run(host.order)
    loses = [
        "Spend: 25 rows now, 20 in the backup: 5 or more are newer and will be lost",
        "state: 1 rows on both sides, and not the same: changes since the backup will be lost",
    ]
    assert (foreseen["problems"], foreseen["loses"], foreseen["interrupted"]) == ([], loses, "")
    assert host.proxy.calls() == []
    assert host.words() == {"": "now"}
    done = host.restore()
    assert host.proxy.calls() == ["stop", "start", "verify"]
    assert host.words() == {"": "then", "_before_20261123t120501z": "now"}
    assert (done["loses"], done["kept"], done["resumed"]) == (
        loses,
        host.database.database + "_before_20261123t120501z",
        False,
    )
    assert loses[0] in host.told[: host.told.index("the proxy is stopped")]
    assert _backup.verify(done["point"]) == []
    assert _backup.manifest(done["point"])["pinned"]
    assert _backup.manifest(done["point"])["rows"]["Spend"] == 25
    assert query(
        host.database.on("postgres"),
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '%s'"
        % host.database.database,
    ) == [["whose it is"]]
    assert (host.proxy.redis.held.read_text(), host.proxy.redis.kept.exists()) == ("", False)
    assert any("dropdb" in note and done["kept"] in note for note in done["notes"])


def test_next_restore_lets_go_of_what_the_last_one_kept(
    native: Server, make: Callable[..., Host]
) -> None:
    host, other = make(native), make(native)
    host.restore()
    other.restore(point=None)
    native.run(host.database, "UPDATE state SET word = 'newer'")
    later = datetime(2026, 11, 24, tzinfo=timezone.utc)
    done = _restore.restore(host.order._replace(point=None), later, host.told.append)
    assert host.words() == {"": "then", "_before_20261124t000000z": "newer"}
    assert done["point"] == ""
    assert done["notes"][0].endswith(
        "_before_20261123t120501z, which an earlier restore had kept, is gone"
    )
    assert other.words() == {"": "then", "_before_20261123t120501z": "now"}


def test_database_that_is_gone_is_restored(native: Server, make: Callable[..., Host]) -> None:
    host = make(native)
    with Session(native.endpoint) as session:
        session.execute('DROP DATABASE "%s"' % host.database.database)
    done = host.restore()
    assert (host.words(), done["kept"], done["point"], done["loses"]) == ({"": "then"}, "", "", [])


def refused_by(host: Host, match: str, **changes: Any) -> None:
    with pytest.raises(RefusedError, match=match):
        host.restore(**changes)


def refused(host: Host, match: str, **changes: Any) -> None:
    """Nothing is touched, and nothing left."""
    before = host.words()
    archive = sorted(os.listdir(host.order.folder))
    refused_by(host, match, **changes)
    assert (host.words(), host.proxy.calls(), sorted(os.listdir(host.order.folder))) == (
        before,
        [],
        archive,
    )


def test_refusals_touch_nothing(
    native: Server, make: Callable[..., Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = make(native, SMALL + LEDGER)
    (host.folder / "env").write_text("LITELLM_SALT_KEY=sk-other\n")
    monkeypatch.setattr(_checks, "offered", lambda deployment: (["20250101000000_first"], "1.80.0"))
    monkeypatch.setattr(_checks, "data_space", lambda target: (1000, None))
    state = host.folder / "state"
    state.mkdir()
    _journal.save(str(state), _journal.create("x", {}, NOW), NOW)
    found = _restore.dry_run(host.order)["problems"]
    assert [
        any(word in problem for problem in found)
        for word in ("another salt key", "a migration is under way")
    ] == [True, True]
    refused(host, "a migration is under way")
    (state / "journal.json").unlink()
    refused(host, "another salt key")
    (host.folder / "env").write_text(KEY)
    found = _restore.dry_run(host.order)["problems"]
    assert (
        "1 schema migrations that LiteLLM 1.80.0 does not know (the first is 20260101000000_second)"
        in found[0]
    )
    assert "0.0 MiB are free" in found[1]
    refused(host, "does not know .*; .* are free")
    monkeypatch.undo()
    with open(host.path + "/database.dump", "r+b") as dump:
        dump.seek(-300, os.SEEK_END)
        (byte,) = dump.read(1)
        dump.seek(-1, os.SEEK_CUR)
        dump.write(bytes([byte ^ 255]))  # another one, whatever stands there
    monkeypatch.setattr(_service, "of", lambda *_all: host.proxy)
    refused(host, "database.dump: its checksum does not match")


def test_restore_point_that_has_no_room_is_said_before(
    native: Server, make: Callable[..., Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = make(native)
    monkeypatch.setattr(_backup, "free_bytes", lambda path: 1000)
    refused(host, "the restore point can't be made: .* has 0.0 MiB free")


def test_role_that_may_not_rename_is_refused(native: Server, make: Callable[..., Host]) -> None:
    host = make(native)
    with Session(native.endpoint) as session:
        session.execute('ALTER ROLE "%s" NOCREATEDB' % native.role.replace('"', '""'))
    try:
        refused(host, "be allowed to create databases")
    finally:
        with Session(native.endpoint) as session:
            session.execute('ALTER ROLE "%s" CREATEDB' % native.role.replace('"', '""'))


def test_second_restore_at_once_is_refused(native: Server, make: Callable[..., Host]) -> None:
    host = make(native)
    with _state.alone(host.order.state_dir):
        refused(host, "another restore is under way")


def test_what_was_there_comes_back_where_the_proxy_does_not_serve(
    target: Server, make: Callable[..., Host]
) -> None:
    host = make(target)
    host.proxy.dislikes.write_text("then")
    with pytest.raises(
        RestoreError, match="is not proved ready. The deployment is back as it was, and serves"
    ):
        host.restore()
    assert host.words() == {"": "now", "_restored": "then"}
    assert (host.proxy.serves(), host.stage()) == (True, "back")
    assert (host.proxy.redis.held.read_text(), host.proxy.redis.kept.exists()) == (
        "counters",
        False,
    )
    assert host.proxy.calls() == ["stop", "start", "verify", "stop", "start", "verify"]
    # the next one takes what waited for one of its own
    host.proxy.dislikes.unlink()
    host.restore(point=None)
    assert host.words() == {"": "then", "_before_20261123t120501z-2": "now"}


def test_somebody_who_stays_connected_is_named_and_what_was_there_serves(
    native: Server, make: Callable[..., Host]
) -> None:
    host = make(native)
    process = host.database.start(
        "psql", "--no-psqlrc", "--command=SET application_name = 'grafana'; SELECT pg_sleep(60)"
    )
    try:
        while (
            not inspect(host.database).clients or "grafana" not in inspect(host.database).clients[0]
        ):
            pass
        with pytest.raises(
            RestoreError,
            match="still in use by others than the proxy: 1 of grafana as .* back as it was",
        ):
            host.restore(point=None)
    finally:
        process.kill()
        process.wait()
    assert host.words() == {"": "now"}
    assert host.proxy.serves()


def test_way_back_that_fails_is_taken_by_the_next_run(
    native: Server, make: Callable[..., Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = make(native)
    with monkeypatch.context() as patch:
        patch.setattr(host.proxy, "serves", lambda: False)
        with pytest.raises(
            RestoreError,
            match=(
                "the way back failed too.*The next run of the same command tries it "
                "again. What was in service before is"
            ),
        ):
            host.restore(point=None)
    assert (host.stage(), _restore.dry_run(host.order)["interrupted"]) == (
        "stuck",
        "stuck",
    )
    host.restore(point=None)
    assert host.words() == {"": "then", "_before_20261123t120501z": "now"}
    assert any("the deployment is back as it was" in line for line in host.told)


def killed(host: Host, monkeypatch: pytest.MonkeyPatch, at: int = 0) -> bool:
    """A restore that is killed by the kernel at its so-manieth chance; whether it came to that. The
    stage of each chance is a line of ``stages`` in the host's folder."""
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    count = 0

    def tick() -> None:
        nonlocal count
        count += 1
        with (host.folder / "stages").open("a", encoding="utf-8") as handle:
            handle.write(host.stage() + "\n")
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(module: Any, name: str) -> None:
        real = getattr(module, name)

        def wrapped(*words: Any, **more: Any) -> Any:
            tick()
            return real(*words, **more)

        monkeypatch.setattr(module, name, wrapped)

    for module, name in (
        (_state, "save"),
        (_swap, "swap"),
        (_swap, "unswap"),
        (_swap, "discard"),
        (host.proxy.redis, "clear"),
        (host.proxy.redis, "forget"),
        (_load, "load"),
        (_backup, "backup"),
    ):
        around(module, name)
    host.proxy.tick = tick
    try:
        host.restore()
    except RestoreError:
        pass
    tick()
    os._exit(0)


def die(host: Host, place: Any = None, name: str = "verify") -> None:
    """A restore that is killed: with the restored database in place, before it has seen the
    proxy serve, or where something else is called.
    """
    child = os.fork()
    if not child:
        setattr(place or host.proxy, name, lambda *_all: os.kill(os.getpid(), signal.SIGKILL))
        try:
            host.restore(point=None)
        finally:
            os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_what_was_written_after_a_kill_stays(native: Server, make: Callable[..., Host]) -> None:
    host = make(native)
    die(host)
    native.run(host.database, "UPDATE state SET word = 'since'")
    assert _restore.dry_run(host.order)["interrupted"] == "verifying"
    done = host.restore(point=None)
    assert (done["resumed"], host.words()) == (
        True,
        {"": "since", "_before_20261123t120501z": "now"},
    )
    assert done["loses"][0].startswith("Spend: 25 rows now, 20 in the backup")
    # and of another backup's restore, which then begins
    die(host)
    native.run(host.database, "UPDATE state SET word = 'since then'")
    other = str(_backup.backup(host.order.point, NOW)["path"]) if host.order.point else ""
    done = _restore.restore(host.order._replace(path=other, point=None), NOW, host.told.append)
    assert (done["resumed"], sorted(host.words().values())) == (False, ["since then", "since then"])


def test_counters_of_a_proxy_that_a_reboot_has_started_stay(
    native: Server, make: Callable[..., Host]
) -> None:
    host = make(native)
    die(host, _swap, "swap")
    assert (host.stage(), host.proxy.redis.held.read_text()) == ("swapping", "")
    host.proxy.running.touch()
    host.proxy.redis.held.write_text("newer")
    (host.folder / "env").write_text("LITELLM_SALT_KEY=sk-other\n")
    refused_by(host, "another salt key")
    assert (host.words(), host.stage()) == ({"": "now"}, "back")
    assert (host.proxy.redis.held.read_text(), host.proxy.redis.kept.exists()) == ("newer", False)


def test_what_a_kill_left_beside_the_deployment_makes_room(
    native: Server, make: Callable[..., Host]
) -> None:
    host = make(native)
    die(host, _backup, "locked")
    assert (host.stage(), host.words()) == ("loading", {"": "now", "_restored": "then"})
    (host.folder / "env").write_text("LITELLM_SALT_KEY=sk-other\n")
    refused_by(host, "another salt key")
    assert host.words() == {"": "now"}


def test_half_swap_is_none(
    target: Server, make: Callable[..., Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = make(target)
    fresh, kept = (host.database.database + end for end in ("_restored", "_kept"))
    _database.restore(host.path, host.database.on(fresh), NOW)

    def fail(*_all: Any, **_more: Any) -> None:
        raise PostgresError("between the names")

    for change, before, after in (
        (
            lambda: _swap.swap(host.database, fresh, kept, NOW),
            {"": "now", "_restored": "then"},
            {"": "then", "_kept": "now"},
        ),
        (
            lambda: _swap.unswap(host.database, fresh, kept, NOW),
            {"": "then", "_kept": "now"},
            {"": "now", "_restored": "then"},
        ),
    ):
        assert _swap.swapped(host.database, fresh) == ("_kept" in before)
        with monkeypatch.context() as patch:
            patch.setattr(_swap, "mark", fail)
            with pytest.raises(PostgresError, match="between the names"):
                change()
        assert host.words() == before
        change()
        assert host.words() == after


def test_no_backup_is_made_while_the_databases_change_names(
    native: Server, make: Callable[..., Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = make(native)
    swap = _swap.swap
    seen = []

    def look(*words: Any) -> bool:
        monkeypatch.setattr(_backup, "PATIENCE", 0.0)
        with (
            pytest.raises(_backup.BackupError, match="another backup .* is under way"),
            _backup.locked(host.order.folder),
        ):
            pass
        seen.append(True)
        return swap(*words)

    monkeypatch.setattr(_swap, "swap", look)
    host.restore(point=None)
    assert seen == [True]
    with _backup.locked(host.order.folder):
        pass


def test_way_back_that_failed_is_not_taken_where_somebody_has_mended_it(
    native: Server, make: Callable[..., Host]
) -> None:
    host = make(native)
    die(host)
    state = _state.load(host.order.state_dir)
    assert state is not None
    _state.save(host.order.state_dir, state, _state.STUCK)
    assert host.restore(point=None)["resumed"]
    assert host.words() == {"": "then", "_before_20261123t120501z": "now"}


def test_restore_of_another_database_that_was_killed_comes_first(
    native: Server, make: Callable[..., Host]
) -> None:
    host, other = make(native), make(native)
    die(host)
    before = other.words()
    with pytest.raises(
        RefusedError,
        match="a restore of database .* was killed in its stage verifying; end that first",
    ):
        other.restore(state_dir=host.order.state_dir)
    assert other.words() == before


@pytest.mark.parametrize("sick", [False, True], ids=["on the way there", "on the way back"])
def test_kill_at_any_point_is_mended_by_the_next_run(
    native: Server, make: Callable[..., Host], monkeypatch: pytest.MonkeyPatch, sick: bool
) -> None:
    """Where every test has to be over soon, at the last chance of each stage."""
    whole = make(native)
    if sick:
        whole.proxy.dislikes.write_text("then")
    assert not killed(whole, monkeypatch)
    stages = (whole.folder / "stages").read_text().splitlines()
    last = [at for at in range(len(stages)) if stages[at : at + 2] != [stages[at]] * 2]
    for at in range(len(stages)) if THOROUGH else last:
        host = make(native)
        if sick:
            host.proxy.dislikes.write_text("then")
        assert killed(host, monkeypatch, at + 1)
        stage = host.stage()
        assert stage == stages[at]
        # both contents are there, whole, whatever moment it was
        words = (
            {end: word for end, word in host.words().items() if not end.endswith("__copying")}
            if host.database.database + "_restored__copying" not in native.databases()
            else {"": str(query(host.database, "SELECT word FROM state")[0][0])}
        )
        assert "now" in words.values(), at
        if sick:
            with pytest.raises(RestoreError, match="back as it was"):
                host.restore(point=None)
            assert {end: word for end, word in host.words().items() if end != "_restored"} == {
                "": "now"
            }, at
        else:
            done = host.restore(point=None)
            ends = sorted(host.words().items())
            # one that had said that it is finished is another restore: what it keeps is what it
            # found
            assert [end for end, _word in ends] == [
                "",
                done["kept"][len(host.database.database) :],
            ], at
            assert [word for _end, word in ends] == [
                "then",
                "then" if stage == "finished" else "now",
            ], at
        assert host.proxy.serves(), at
        assert (host.proxy.redis.held.read_text(), host.proxy.redis.kept.exists()) == (
            "counters" if sick else "",
            False,
        ), at
        assert not [
            name
            for name in os.listdir(host.order.folder)
            if not name.startswith(("2", "before", ".incomplete"))
        ]
    assert len(stages) > 12
    assert set(stages) >= (
        {"loading", "stopping", "clearing", "swapping", "starting", "verifying", "back"}
        if sick
        else {
            "",
            "loading",
            "stopping",
            "clearing",
            "swapping",
            "starting",
            "verifying",
            "done",
            "finished",
        }
    )
