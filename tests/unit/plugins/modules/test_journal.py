"""The modules journal and journal_info: what a playbook gives and gets, and two runs that open in
the same instant.
"""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Callable

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import steps as _steps
from ansible_collections.llmops.litellm.plugins.modules import journal, journal_info

Run = Callable[..., dict[str, Any]]
HERE = {"controller": "desk", "run": "7:100", "alive": ["1:1", "7:100"]}
OTHER = {"controller": "elsewhere", "run": "9:9", "alive": ["9:9"]}
# A run in a process of its own, which opens when its standard input closes; so several begin in the
# same instant.
OPENER = """
import sys
from datetime import datetime, timezone
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.modules import journal
run = {"controller": sys.argv[2], "run": "1:1", "alive": ["1:1"]}
print("ready", flush=True)
sys.stdin.read()
try:
    wanted = {"folder": sys.argv[1], "operation": "open", "remember": {}, "run": run}
    print(journal.change({**wanted, "patience": 7200}, datetime.now(timezone.utc))["id"])
except _journal.JournalError as error:
    print(error)
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder that does not exist yet."""
    return tmp_path / "state"


@pytest.fixture
def call(state: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one of the two modules."""

    def run(which: ModuleType, check: bool = False, **params: Any) -> dict[str, Any]:
        return support.run_module(
            which.main, {"folder": str(state), "_ansible_check_mode": check, **params}, capsys
        )

    return run


def test_journal_is_told_as_it_is_written(state: Path, call: Run) -> None:
    assert call(journal_info) == {
        "changed": False,
        "state": "none",
        "phase": "",
        "busy": "",
        "steps_early": list(_steps.of(_steps.PREPARE)),
        "steps_late": ["cutover", "serve", "verify", "hand_over"],
        "steps_on": [],
        "steps_back": [],
        "refused_since": None,
        "rows_stay": False,
        "copying_back": False,
        "legacy_hash": "",
        "backup_path": "",
        "half_staged": False,
        "restoring": "",
        "deploying": "",
        "deployment": {},
        "images": {},
        "journal": {},
        "invocation": call(journal_info)["invocation"],
    }
    opened = call(journal, operation="open", run=HERE, remember={"found": {"port": 4000}})
    assert opened["changed"]
    call(journal, operation="begin", name="stage")
    told = call(journal_info)
    assert (told["state"], told["phase"], told["busy"]) == ("running", "stage", "")
    assert told["journal"]["facts"] == {"found": {"port": 4000}}
    assert told["journal"]["steps"][0]["state"] == "begun"
    call(journal, operation="failed", name="stage", facts={"reason": "x"})
    closed = call(journal, operation="close", state="untouched", remember={"failure": "x"})
    assert (
        call(journal_info)["journal"]
        == closed["journal"]
        == json.loads((state / "journal.json").read_text())
    )
    assert (closed["journal"]["state"], closed["journal"]["steps"][0]["state"]) == (
        "untouched",
        "failed",
    )
    assert closed["journal"]["facts"] == {"found": {"port": 4000}, "failure": "x"}


def test_busy_names_the_other_run(call: Run) -> None:
    call(journal, operation="open", run=OTHER)
    assert call(journal_info, run=HERE)["busy"].startswith(
        "run 9:9 of controller elsewhere is at work"
    )
    assert call(journal_info, run=HERE, patience=0)["busy"] == ""
    assert call(journal_info, run=OTHER)["busy"] == ""
    assert call(journal_info)["busy"] == ""


def test_refused_run_fails_and_leaves_the_journal(state: Path, call: Run) -> None:
    call(journal, operation="open", run=OTHER)
    before = (state / "journal.json").read_bytes()
    for operation in ("open", "resume", "reopen"):
        refused = call(journal, operation=operation, run=HERE)
        assert refused["failed"]
        assert refused["msg"].startswith("Refused: run 9:9 of controller elsewhere")
    assert (state / "journal.json").read_bytes() == before


def test_restore_that_has_not_ended_is_told_and_keeps_every_run_out(state: Path, call: Run) -> None:
    call(journal, operation="open", run=HERE)
    call(journal, operation="close", state="migrated")
    before = (state / "journal.json").read_bytes()
    told = {
        "id": "x",
        "backup": "/b/x",
        "name": "x",
        "database": "d",
        "fresh": "f",
        "kept": "k",
        "point": "",
        "begun": "t",
        "updated": "t",
        "format": 1,
    }
    (state / "restore.json").write_text(json.dumps({**told, "stage": "swapping"}))
    words = "a restore of x has not ended (it was killed, or failed, in its stage swapping)"
    assert call(journal_info)["restoring"].startswith(words)
    for operation in ("open", "reopen"):
        assert call(journal, operation=operation, run=HERE)["msg"].startswith("Refused: " + words)
    (state / "restore.json").write_text("{")
    assert "restore.json cannot be read" in call(journal_info)["msg"]
    assert "restore.json cannot be read" in call(journal, operation="reopen", run=HERE)["msg"]
    assert (state / "journal.json").read_bytes() == before
    (state / "restore.json").write_text(json.dumps({**told, "stage": "finished"}))
    assert call(journal_info)["restoring"] == ""
    assert call(journal, operation="reopen", run=HERE)["changed"]


@pytest.mark.parametrize(
    ("params", "missing"),
    [
        ({"operation": "open"}, "run"),
        ({"operation": "resume"}, "run"),
        ({"operation": "reopen"}, "run"),
        ({"operation": "begin"}, "name"),
        ({"operation": "done"}, "name"),
        ({"operation": "close"}, "state"),
    ],
    ids=lambda value: value if isinstance(value, str) else value["operation"],
)
def test_each_operation_wants_what_it_needs(
    state: Path, call: Run, params: dict[str, Any], missing: str
) -> None:
    failed = call(journal, **params)
    assert failed["failed"]
    assert failed["msg"].endswith("following are missing: %s" % missing)
    assert not state.exists()


def test_migrated_host_is_taken_up_again_to_go_back(call: Run) -> None:
    opened = call(journal, operation="open", run=HERE)["journal"]
    call(journal, operation="close", state="migrated")
    assert call(journal, operation="resume", run=HERE)["msg"].endswith(
        "tells of no run that was killed."
    )
    turned = call(journal, operation="reopen", run=HERE)["journal"]
    assert (turned["id"], turned["state"], turned["owner"]["run"]) == (
        opened["id"],
        "running",
        "7:100",
    )
    call(journal, operation="close", state="rolled back")
    assert call(journal, operation="reopen", run=HERE)["msg"].endswith(
        "tells of no run that was killed, and of no migrated host."
    )


def test_a_missing_state_folder_is_an_error_not_a_crash(call: Run) -> None:
    assert "No such file" in call(journal, operation="begin", name="stage")["msg"]


def test_check_mode_writes_nothing(state: Path, call: Run) -> None:
    told = call(journal, check=True, operation="open", run=HERE)
    assert (told["changed"], told["state"], told["journal"]) == (True, "none", {})
    assert not state.exists()
    opened = call(journal, operation="open", run=HERE)["journal"]
    assert call(journal, check=True, operation="close", state="migrated")["journal"] == opened
    assert call(journal_info)["journal"] == opened


@pytest.mark.parametrize("which", [journal, journal_info], ids=["journal", "journal_info"])
def test_unreadable_journal_fails_by_name(state: Path, call: Run, which: ModuleType) -> None:
    state.mkdir()
    (state / "journal.json").write_text("{")
    failed = call(which, **({"operation": "open", "run": HERE} if which is journal else {}))
    assert failed["failed"]
    assert str(state / "journal.json") in failed["msg"]


def test_every_ended_journal_is_kept(state: Path, call: Run) -> None:
    closed = []
    for outcome in ("rolled back", "untouched", "migrated"):
        call(journal, operation="open", run=HERE)
        closed.append(call(journal, operation="close", state=outcome)["journal"])
    last = call(journal, operation="open", run=HERE)["journal"]
    kept = {path.name: json.loads(path.read_text()) for path in state.glob("journal*.json")}
    assert kept == {
        "journal.json": last,
        **{"journal-%s.json" % entry["id"]: entry for entry in closed},
    }


def test_killed_run_that_is_not_resumed_is_kept_too(state: Path, call: Run) -> None:
    killed = call(journal, operation="open", run={**HERE, "run": "6:99"})["journal"]
    assert call(journal, operation="open", run=HERE)["journal"]["owner"]["run"] == "7:100"
    assert json.loads((state / ("journal-%s.json" % killed["id"])).read_text()) == killed


@pytest.mark.parametrize("room", [0, 1], ids=["for nothing", "for the copy alone"])
def test_full_disk_never_costs_the_journal_that_ended(
    state: Path, call: Run, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """Without its journal a migrated host would look as if no migration had ever begun."""
    call(journal, operation="open", run=HERE)
    closed = call(journal, operation="close", state="migrated")["journal"]
    write, written = _journal.write_atomically, []

    def full(path: str, text: str) -> None:
        written.append(path)
        if len(written) > room:
            raise OSError(28, "No space left on device")
        write(path, text)

    with monkeypatch.context() as patched:
        patched.setattr(_journal, "write_atomically", full)
        assert "No space left" in call(journal, operation="open", run=HERE)["msg"]
    assert call(journal_info)["journal"] == closed
    assert call(journal, operation="open", run=HERE)["journal"]["id"] != closed["id"]
    assert json.loads((state / ("journal-%s.json" % closed["id"])).read_text()) == closed


def test_journal_that_went_on_is_kept_as_it_ended(state: Path, call: Run) -> None:
    """An opening that broke off has left a copy; what happened to the journal since must be in the
    copy that counts.
    """
    killed = call(journal, operation="open", run={**HERE, "run": "6:99"})["journal"]
    (state / ("journal-%s.json" % killed["id"])).write_text(json.dumps(killed))
    call(journal, operation="resume", run=HERE)
    closed = call(journal, operation="close", state="rolled back")["journal"]
    call(journal, operation="open", run=HERE)
    assert json.loads((state / ("journal-%s.json" % killed["id"])).read_text()) == closed


def test_of_runs_that_open_in_one_instant_one_gets_the_host(state: Path) -> None:
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER, str(state), "desk%d" % number],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for run in runs:
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
    for run in runs:
        assert run.stdin is not None
        run.stdin.close()
        run.stdin = None
    said = [run.communicate(timeout=60)[0].strip() for run in runs]
    held = _journal.load(str(state))
    assert held is not None
    assert said.count(held["id"]) == 1
    assert sum("is at work on this host" in text for text in said) == 3
    assert said.index(held["id"]) == int(held["owner"]["controller"][4:])
    assert sorted(path.name for path in state.iterdir()) == ["journal.json", "lock"]


@pytest.mark.parametrize("operation", ["open", "resume", "remember"])
def test_lock_is_held_from_the_reading_to_the_writing(
    state: Path, call: Run, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    call(journal, operation="open", run={**HERE, "run": "6:99"})
    held: list[str] = []

    def watched(name: str) -> Callable[..., Any]:
        act = getattr(_journal, name)

        def watch(*words: Any) -> Any:
            with (
                open(state / "lock", "w", encoding="ascii") as lock,
                pytest.raises(BlockingIOError),
            ):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held.append(name)
            return act(*words)

        return watch

    for name in ("load", "save"):
        monkeypatch.setattr(_journal, name, watched(name))
    assert call(journal, operation=operation, **({} if operation == "remember" else {"run": HERE}))[
        "changed"
    ]
    assert held == ["load", "save"]
    with open(state / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


RUN = {"controller": "desk", "run": "7:100", "alive": []}


def test_journal_and_its_reader_agree(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    folder = str(tmp_path / "state")
    assert run(journal_info, folder=folder)["state"] == "none"
    assert run(journal, check=True, folder=folder, operation="open", run=RUN)["changed"]
    assert not (tmp_path / "state").exists()
    run(journal, folder=folder, operation="open", run={**RUN, "controller": "elsewhere"})
    run_now = run(journal_info, folder=folder, run=RUN)
    assert (run_now["state"], run_now["phase"]) == ("running", "preflight")
    assert "controller elsewhere is at work" in run_now["busy"]
    assert run(journal_info, folder=folder)["busy"] == ""
    assert "is at work" in run(journal, folder=folder, operation="open", run=RUN)["msg"]
    (tmp_path / "state/journal.json").write_text("{")
    assert "cannot be read" in run(journal_info, folder=folder)["msg"]


def test_state_folder_of_another_account_is_refused(tmp_path: Path, run: Run) -> None:
    theirs = support.foreign(tmp_path / "theirs")
    told = run(journal, folder=str(theirs / "state"), operation="open", run=HERE)
    assert told["failed"] and "theirs belongs to account nobody" in told["msg"]
    assert list(theirs.iterdir()) == []
