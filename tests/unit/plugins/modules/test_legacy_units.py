"""The modules of status.yml and finalize.yml: what they return, refuse, and never do in check mode."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    unit_removal as _unit_removal,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._migration import finalize as _finalize
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    report_text as _report_text,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration import status as _status
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    status_text as _status_text,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    native_server as _native_server,
)
from ansible_collections.llmops.litellm.plugins.modules import (
    finalize_info,
    finalize_report,
    legacy_removal,
    native_server,
    status_info,
)

Run = Callable[..., dict[str, Any]]
SERVER = {"argv": ["postgres"], "program": "/p/postgres", "account": "postgres", "folder": "/data"}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a module and returns what it printed."""

    def call(module: Any, check: bool = False, **params: Any) -> dict[str, Any]:
        with patch_module_args({**params, "_ansible_check_mode": check}), pytest.raises(SystemExit):
            module.main()
        return json.loads(capsys.readouterr().out)

    return call


def fails(error: Exception) -> Callable[..., Any]:
    def call(*_words: Any, **_named: Any) -> Any:
        raise error

    return call


def test_status_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_status, "look", lambda settings: {"host": settings["project_name"]})
    monkeypatch.setattr(_status_text, "screen", lambda status: ["screen"])
    told = run(status_info, check=True, state_dir="/s", backup_dir="/b")
    assert (told["changed"], told["status"], told["screen"]) == (
        False,
        {"host": "litellm"},
        ["screen"],
    )


def test_server_is_started_and_stopped(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(_native_server, "start", lambda *words: done.append("start"))
    monkeypatch.setattr(_native_server, "stop", lambda where: bool(done))
    started = run(native_server, state="started", server=SERVER, env_file="/e")
    assert (started["changed"], started["env_file"], done) == (
        True,
        "/run/litellm-legacy-look.env",
        ["start"],
    )
    assert run(native_server, state="stopped")["changed"]
    done.clear()
    assert not run(native_server, state="stopped")["changed"]
    assert run(native_server, check=True, state="started", server=SERVER, env_file="/e")["changed"]
    assert done == []
    assert run(native_server, state="started")["failed"]
    monkeypatch.setattr(
        _native_server, "stop", fails(_native_server.NativeServerError("does not stop"))
    )
    assert run(native_server, state="stopped")["msg"] == "does not stop"


def test_host_is_judged_only_where_it_is_migrated(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = run(finalize_info, state_dir=str(tmp_path), backup_dir="/b")
    assert (told["standing"], told["problems"], told["facts"]) == ("refused", [], {})
    monkeypatch.setattr(
        _journal, "load", lambda folder: {"state": "migrated", "phase": "hand_over"}
    )
    seen: list[dict[str, Any]] = []

    def look(settings: dict[str, Any], journal: Any, now: Any) -> Any:
        seen.append(settings)
        return _finalize.Look({"a": 1}, [_finalize.Problem("x", "is wrong", "mend it")], [])

    monkeypatch.setattr(_finalize, "look", look)
    told = run(finalize_info, check=True, state_dir=str(tmp_path), backup_dir="/b")
    assert (told["changed"], told["problems"], told["facts"], seen[0]["check"]) == (
        False,
        ["x: is wrong -> mend it"],
        {"a": 1},
        True,
    )
    monkeypatch.setattr(_journal, "load", fails(_journal.JournalError("broken")))
    assert run(finalize_info, state_dir=str(tmp_path), backup_dir="/b")["msg"] == "broken"


def test_report_is_written_once(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "there was no migration" in run(finalize_report, folder=str(tmp_path))["msg"]
    monkeypatch.setattr(_journal, "load", lambda folder: {})
    monkeypatch.setattr(_report_text, "report", lambda journal: ["# A", "", "b", ""])
    assert run(finalize_report, check=True, folder=str(tmp_path))["changed"]
    assert list(tmp_path.iterdir()) == []
    assert run(finalize_report, folder=str(tmp_path))["changed"]
    assert (tmp_path / "finalized.md").read_text() == "# A\n\nb\n"
    assert not run(finalize_report, folder=str(tmp_path))["changed"]
    monkeypatch.setattr(_journal, "load", fails(_journal.JournalError("broken")))
    assert run(finalize_report, folder=str(tmp_path))["msg"] == "broken"


UNITS = [{"name": "litellm.service", "path": "/u/litellm.service"}]


def test_units_go_only_with_a_sound_backup(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    planned = _unit_removal.Plan(
        [_unit_removal.Removal("/u/litellm.service", "")], [{"path": "/p", "reason": "r"}], []
    )
    hashes: list[Any] = []
    monkeypatch.setattr(_unit_removal, "plan", lambda units, known: hashes.append(known) or planned)
    monkeypatch.setattr(
        _unit_removal, "remove", lambda plan, units, check: [item.path for item in plan.removals]
    )
    told = run(legacy_removal, check=True, units=UNITS, backup=str(tmp_path / "nosuch"))
    assert (told["removed"], told["stays"], told["diff"]["before"], hashes) == (
        ["/u/litellm.service"],
        planned.stays,
        "/u/litellm.service\n",
        [None],
    )
    assert "Nothing was removed" in run(legacy_removal, units=UNITS, backup=str(tmp_path))["msg"]
    (tmp_path / _backup.MANIFEST).write_text(json.dumps({"format": 1, "files": [{"sha256": "h"}]}))
    (tmp_path / _backup.SUMS).write_text(_backup.sums(str(tmp_path)))
    assert run(legacy_removal, units=UNITS, backup=str(tmp_path))["changed"]
    assert hashes[1:] == [{"h"}]
    planned.problems.append(_finalize.Problem("/u/x", "was changed", ""))
    assert (
        run(legacy_removal, units=UNITS, backup=str(tmp_path))["msg"]
        == "Nothing was removed. /u/x: was changed"
    )


@pytest.mark.parametrize(
    "error", [_systemd.SystemdError("no"), OSError(13, "Permission denied", "/u")]
)
def test_unit_that_cannot_go_is_said(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
) -> None:
    monkeypatch.setattr(_unit_removal, "plan", fails(error))
    assert run(legacy_removal, check=True, units=UNITS, backup=str(tmp_path / "nosuch"))["msg"] in (
        "no",
        "/u: Permission denied",
    )
