"""A restore into a deployment, on a host of dictionaries: whatever fails or is killed, wherever.

tests/integration/database/test_restore_deployment.py does the same with a real server.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Iterator

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._deployment.compose_project import (
    DeploymentError,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
)
from ansible_collections.llmops.litellm.plugins.module_utils._restore import checks as _checks
from ansible_collections.llmops.litellm.plugins.module_utils._restore import restore as _restore
from ansible_collections.llmops.litellm.plugins.module_utils._restore import state as _state
from ansible_collections.llmops.litellm.plugins.module_utils._restore import swap as _swap
from ansible_collections.llmops.litellm.plugins.module_utils._restore.state import (
    RefusedError,
    RestoreError,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
TARGET = Endpoint("litellm", "litellm", "litellm-postgres")
FRESH = "litellm_restored"
KEPT = "litellm_before_20261124t120000z"
MANIFEST = {"fingerprint": {}, "rows_total": 7, "created": "c", "source": "s"}


class Killed(BaseException):
    """The process has ended here: nothing that comes after has happened."""


class Host:
    """Databases by name, a proxy that serves or not, and what Redis holds."""

    def __init__(self, folder: Path) -> None:
        self.databases = {"litellm": "old"}
        self.serves, self.redis, self.aside = True, "counters", ""
        self.look = _checks.Findings([], ["a note"], ["table x: 3 rows"], dict(MANIFEST), True)
        self.done: list[str] = []
        self.fails: dict[str, list[Exception]] = {}
        self.kill_at, self.dead = 0, False
        self.lines: list[str] = []
        self.readers: Any = None
        (folder / "archive").mkdir()
        self.order = _restore.Order(
            SimpleNamespace(database=TARGET),  # type: ignore[arg-type]
            "/b/x",
            str(folder / "archive"),
            str(folder / "state"),
            SimpleNamespace(folder="/b", _replace=lambda **_named: None),  # type: ignore[arg-type]
        )

    def act(self, name: str) -> None:
        """Something is about to be done."""
        self.done.append(name)
        if self.dead or len(self.done) == self.kill_at:
            self.dead = True
            raise Killed(name)
        if self.fails.get(name):
            raise self.fails[name].pop(0)

    def run(self) -> dict[str, Any]:
        """A process that restores."""
        self.dead = False
        return _restore.restore(self.order, NOW, self.lines.append)

    @property
    def stage(self) -> str:
        state = _state.load(self.order.state_dir)
        assert state is not None
        return str(state["stage"])

    # what the restore asks for

    def stop(self) -> None:
        self.act("stop")
        self.serves = False

    def end(self) -> None:
        self.act("end")
        self.serves = False

    def start(self) -> None:
        self.act("start")
        self.serves = True

    def verify(self) -> None:
        self.act("verify")
        assert self.serves

    def clear(self) -> bool:
        self.act("clear redis")
        self.aside, self.redis = self.redis, ""
        return True

    def put_back(self, _patience: float) -> None:
        self.act("put redis back")
        if self.aside:
            self.redis, self.aside = self.aside, ""

    def forget(self) -> None:
        self.act("forget redis")
        self.aside = ""

    def load(self, *words: Any) -> Any:
        self.act("load")
        self.readers = words[-1:]
        self.databases[FRESH] = "backup"
        return SimpleNamespace(differences=[], found={"rows_total": 7})

    def swap(self, _target: Any, fresh: str, kept: str, _now: Any) -> None:
        self.act("swap")
        self.databases[kept] = self.databases["litellm"]
        self.databases["litellm"] = self.databases.pop(fresh)

    def unswap(self, _target: Any, fresh: str, kept: str, _now: Any) -> None:
        self.act("unswap")
        self.databases[fresh] = self.databases["litellm"]
        self.databases["litellm"] = self.databases.pop(kept)

    def drop_fresh(self, _target: Any, fresh: str) -> None:
        self.act("drop fresh")
        self.databases.pop(fresh, None)

    def discard(self, _target: Any, spare: str) -> list[str]:
        self.act("discard")
        gone = [name for name in self.databases if "_before_" in name and name != spare]
        for name in gone:
            del self.databases[name]
        return gone


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host(tmp_path)
    redis = SimpleNamespace(clear=host.clear, put_back=host.put_back, forget=host.forget)
    service = SimpleNamespace(
        redis=redis,
        stop=host.stop,
        end=host.end,
        start=host.start,
        verify=host.verify,
        serves=lambda: host.serves,
    )
    save = _state.save

    def announce(folder: str, state: dict[str, Any], stage: str, *now: Any) -> dict[str, Any]:
        host.act("stage " + stage)
        return save(folder, state, stage, *now)

    def point(*_words: Any) -> dict[str, str]:
        host.act("restore point")
        return {"path": "/b/before-restore-x"}

    @contextmanager
    def locked(_folder: str) -> Iterator[None]:
        host.act("lock the archive")
        yield

    for module, name, fake in (
        (_state, "save", announce),
        (_checks, "inspect", lambda *_words: host.look),
        (_checks, "check_journal", lambda _folder: []),
        (_checks, "losses", lambda *_words: ["table x: 3 rows"]),
        (_restore._service, "of", lambda *_words: service),
        (_restore._backup, "backup", point),
        (_restore._backup, "locked", locked),
        (_restore._backup, "check_space", lambda _point: None),
        (_restore._backup, "manifest", lambda _path: dict(MANIFEST)),
        (_restore._database, "restore", host.load),
        (_restore._readers, "held", lambda target: ["rights in %s" % target.database]),
        (_restore._spend_flush, "wait", lambda _target: host.act("flush")),
        (_restore, "fingerprint", lambda _target: {}),
        (_swap, "names", lambda _target: set(host.databases)),
        (_swap, "wait_alone", lambda _target: host.act("wait alone")),
        (_swap, "swap", host.swap),
        (_swap, "unswap", host.unswap),
        (_swap, "drop_fresh", host.drop_fresh),
        (_swap, "discard", host.discard),
        (
            _swap,
            "swapped",
            lambda _target, fresh: fresh not in host.databases and "litellm" in host.databases,
        ),
    ):
        monkeypatch.setattr(module, name, fake)
    return host


STEPS = [
    "stage loading",
    "restore point",
    "load",
    "lock the archive",
    "flush",
    "stage stopping",
    "stop",
    "wait alone",
    "stage clearing",
    "clear redis",
    "stage swapping",
    "swap",
    "stage starting",
    "start",
    "stage verifying",
    "verify",
    "stage done",
    "forget redis",
    "discard",
    "stage finished",
]


def test_restored_database_takes_the_place_of_the_one_in_service(host: Host) -> None:
    result = host.run()
    assert host.done == STEPS
    assert host.databases == {"litellm": "backup", KEPT: "old"}
    assert host.serves
    assert host.stage == _state.FINISHED
    assert result["kept"] == KEPT
    assert result["point"] == "/b/before-restore-x"
    assert result["loses"] == ["table x: 3 rows"]
    assert not result["resumed"]


def test_what_will_be_lost_is_said_before_anything_is_done(host: Host) -> None:
    host.run()
    assert host.lines[:3] == [
        "a note",
        "what the backup does not have will be lost:",
        "table x: 3 rows",
    ]


def test_what_an_operator_types_to_remove_the_kept_database_is_in_the_notes(host: Host) -> None:
    note = host.run()["notes"][-1]
    assert note.endswith(f"docker exec litellm-postgres dropdb --username=litellm {KEPT}")


def test_reasons_against_it_come_at_once_and_nothing_is_touched(host: Host) -> None:
    host.look = host.look._replace(problems=["too full", "a migration runs"])
    with pytest.raises(RefusedError, match="nothing was touched: too full; a migration runs"):
        host.run()
    assert host.done == []


def test_dry_run_touches_nothing(host: Host) -> None:
    told = _restore.dry_run(host.order)
    assert told["loses"] == ["table x: 3 rows"]
    assert told["interrupted"] == ""
    assert host.done == []


@pytest.mark.parametrize("step", STEPS[1:4])
def test_failure_before_the_stop_leaves_the_deployment_untouched(host: Host, step: str) -> None:
    host.fails[step] = [PostgresError("no")]
    with pytest.raises(RestoreError, match="the deployment was not touched: no"):
        host.run()
    assert host.databases == {"litellm": "old"}
    assert "stop" not in host.done
    assert host.stage == _state.BACK


def test_who_reads_now_reads_the_restored_database(host: Host) -> None:
    host.run()
    assert host.readers == (["rights in litellm"],)


def test_without_a_database_the_backup_says_who_reads(host: Host) -> None:
    right = ["grafana", "TABLE", "public", "x", ""]
    told: Any = {**MANIFEST, "readers": [right]}
    host.look = _checks.Findings([], [], [], told, False)
    host.run()
    assert [list(item) for item in host.readers[0]] == [right]


def test_database_that_differs_is_removed(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    done = SimpleNamespace(differences=["table x"], found={"rows_total": 7})
    monkeypatch.setattr(_restore._database, "restore", lambda *_words: host.load() and done)
    with pytest.raises(RestoreError, match="is not what was backed up, and was removed: table x"):
        host.run()
    assert host.databases == {"litellm": "old"}


@pytest.mark.parametrize(
    "step", ["flush", "stop", "wait alone", "clear redis", "swap", "start", "verify"]
)
def test_failure_after_the_stop_brings_back_what_was_there(host: Host, step: str) -> None:
    host.fails[step] = [DeploymentError("no")]
    with pytest.raises(RestoreError, match="was not restored: no. .* back as it was, and serves"):
        host.run()
    assert host.databases["litellm"] == "old"
    assert host.redis == "counters"
    assert host.serves
    assert host.stage == _state.BACK
    # clients may have written to one that was in service
    assert (FRESH in host.databases) == (step in ("start", "verify"))


def test_way_back_that_fails_too_says_where_the_rows_are_and_is_tried_again(host: Host) -> None:
    host.fails["verify"] = [DeploymentError("no"), DeploymentError("nor back")]
    with pytest.raises(RestoreError, match=rf"no. And the way back failed too: nor back.*{KEPT}"):
        host.run()
    assert host.stage == _state.STUCK
    host.run()
    assert host.databases["litellm"] == "backup"
    assert "old" in host.databases.values()


@pytest.mark.parametrize("number", range(1, len(STEPS) + 1))
def test_run_that_was_killed_is_brought_to_an_end_by_the_next(host: Host, number: int) -> None:
    host.kill_at = number
    with pytest.raises(Killed):
        host.run()
    assert host.done[number - 1] == STEPS[number - 1]
    assert "old" in host.databases.values()
    host.run()
    assert host.databases["litellm"] == "backup"
    assert host.serves
    assert host.stage == _state.FINISHED
    # whatever was in service before is there until the next restore
    assert "old" in host.databases.values()
    assert FRESH not in host.databases


@pytest.mark.parametrize(
    "number", [STEPS.index("stage starting") + 1, STEPS.index("stage done") + 1]
)
def test_run_that_was_killed_after_the_swap_is_not_done_twice(host: Host, number: int) -> None:
    host.kill_at = number
    with pytest.raises(Killed):
        host.run()
    assert host.run()["resumed"]
    assert host.done.count("load") == 1


def test_restore_of_another_database_has_to_be_ended_first(host: Host) -> None:
    host.kill_at = STEPS.index("swap") + 1
    with pytest.raises(Killed):
        host.run()
    host.order.deployment.database = Endpoint("other", "litellm", "litellm-postgres")
    with pytest.raises(RefusedError, match="a restore of database litellm was killed in its stage"):
        host.run()


def test_names_of_an_earlier_restore_are_not_taken_twice(host: Host) -> None:
    host.databases[KEPT] = "older"
    Path(host.order.folder, "before-restore-20261124T120000Z-2").mkdir()
    assert host.run()["kept"] == KEPT + "-3"
