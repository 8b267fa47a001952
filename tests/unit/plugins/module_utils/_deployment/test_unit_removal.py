"""Unit files that go: only those that the backup has, none of a package, none elsewhere."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from unit.support import reachable

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import legacy as _legacy
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    unit_removal as _unit_removal,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import reader as _reader
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._host.account import Account
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result
from ansible_collections.llmops.litellm.plugins.module_utils._host.systemd import (
    BLOCK,
    Manager,
    Unit,
)


@pytest.fixture
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An account's folder of units; what is run there is run here."""
    folder = tmp_path / "home/.config/systemd/user"
    folder.mkdir(parents=True)
    monkeypatch.setattr(Manager, "folder", str(folder))
    monkeypatch.setattr(_unit_removal, "owner", lambda manager: _reader.ours())
    monkeypatch.setattr(
        Manager,
        "run",
        lambda _self, argv, **_named: Result(
            subprocess.run(argv, check=False, capture_output=True).returncode, "", "no"
        ),
    )
    return folder


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the managers were told; the account's runs, another one does not."""
    words: list[str] = []

    def systemctl(manager: Manager, *said: str, **_named: Any) -> Result:
        words.append("%s %s" % (manager.account, said[0]))
        return Result(0, "", "")

    monkeypatch.setattr(Manager, "systemctl", systemctl)
    monkeypatch.setattr(_unit_removal, "managers", lambda: [Manager(None), Manager("litellm")])
    monkeypatch.setattr(_unit_removal, "show", lambda manager, names: [])
    return words


def record(path: Any, name: str = "litellm.service", account: str = "litellm") -> dict[str, Any]:
    return {"name": name, "account": account, "path": str(path)}


def made(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_file_drop_ins_and_links_go_and_the_manager_knows(units: Path, told: list[str]) -> None:
    file = made(units / "litellm.service")
    own = made(units / "litellm.service.d/own.conf", "y")
    made(units / "litellm.service.d" / BLOCK)
    (units / "default.target.wants").mkdir()
    (units / "default.target.wants/litellm.service").symlink_to(file)
    records = [record(file)]
    hashes = {_legacy.file_hash(str(path)) for path in (file, own)}
    planned = _unit_removal.plan(records, hashes)
    assert (planned.stays, planned.problems) == ([], [])
    assert _unit_removal.remove(planned, records, check=True) == [
        item.path for item in planned.removals
    ]
    assert file.exists()
    removed = _unit_removal.remove(planned, records)
    assert len(removed) == 5
    assert [path for path in units.rglob("*") if not path.is_dir()] == []
    assert not (units / "litellm.service.d").exists()
    assert told == ["litellm daemon-reload", "litellm reset-failed"]
    again = _unit_removal.plan(records, hashes)
    assert again.removals == []
    assert _unit_removal.remove(again, records) == []
    assert len(told) == 2


def test_folder_with_something_else_in_it_stays(units: Path, told: list[str]) -> None:
    made(units / "litellm.service.d/notes.txt")
    records = [record(units / "litellm.service")]
    assert _unit_removal.remove(_unit_removal.plan(records, set()), records) == []
    assert (units / "litellm.service.d/notes.txt").exists()


def test_file_that_the_backup_has_otherwise_stops_everything(units: Path) -> None:
    file = made(units / "litellm.service")
    planned = _unit_removal.plan([record(file)], {"another"})
    assert planned.removals == []
    assert "was changed since the last backup" in str(planned.problems[0])
    assert _unit_removal.plan([record(file)], None).problems == []


def test_link_to_a_source_elsewhere_goes_and_the_source_stays(
    units: Path, tmp_path: Path, told: list[str]
) -> None:
    source = made(tmp_path / "repository/litellm.service")
    (units / "litellm.service").symlink_to(source)
    planned = _unit_removal.plan([record(source)], set())
    assert planned.stays == [{"path": str(source), "reason": _unit_removal.ELSEWHERE}]
    assert _unit_removal.remove(planned, [record(source)]) == [str(units / "litellm.service")]
    assert source.exists()


def test_package_keeps_its_files_and_is_kept_down(units: Path) -> None:
    made(units / "redis-server.service.d" / BLOCK)
    planned = _unit_removal.plan(
        [record("/usr/lib/systemd/system/redis-server.service", "redis-server.service")], set()
    )
    assert planned.removals == []
    assert planned.stays == [
        {"path": "/usr/lib/systemd/system/redis-server.service", "reason": _unit_removal.PACKAGED}
    ]


def test_units_of_an_account_are_seen_with_its_eyes(
    units: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What only root can read is neither hashed nor removed, whatever names it."""
    reachable(units)
    monkeypatch.setattr(_unit_removal, "owner", lambda manager: Account.numbered(65534))
    secret = made(tmp_path / "secret", "root's own")
    secret.chmod(0o600)
    drop_in = units / "litellm.service.d/own.conf"
    drop_in.parent.mkdir()
    drop_in.symlink_to(secret)
    hidden = made(tmp_path / "closed/litellm.service")
    hidden.parent.chmod(0o700)
    planned = _unit_removal.plan([record(hidden)], {_legacy.file_hash(str(secret))})
    assert [item.subject for item in planned.problems] == [str(drop_in)]
    assert (planned.stays, [item.path for item in planned.removals]) == ([], [str(drop_in.parent)])
    assert _unit_removal.drop_ins(record(hidden)) == [str(drop_in)]


def test_mask_is_no_link_to_a_unit(units: Path) -> None:
    (units / "litellm.service").symlink_to("/dev/null")
    assert _unit_removal.plan([record("")], set()).removals == []
    assert _unit_removal.links(record(""), str(units)) == []


def test_account_that_is_gone_is_a_problem() -> None:
    gone = record("/home/x/litellm.service", account="no such account")
    assert "there is no account" in str(_unit_removal.plan([gone], set()).problems[0])
    assert _unit_removal.drop_ins(gone) == []


def test_file_that_does_not_go_is_said(
    units: Path, monkeypatch: pytest.MonkeyPatch, told: list[str]
) -> None:
    file = made(units / "litellm.service")
    monkeypatch.setattr(
        Manager, "run", lambda _self, argv, **_named: Result(1, "", "Permission denied")
    )
    with pytest.raises(_systemd.SystemdError, match="was not removed: Permission denied"):
        _unit_removal.remove(_unit_removal.plan([record(file)], None), [record(file)])
    assert told == []


def test_manager_that_still_knows_a_removed_unit_is_told(
    units: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        _unit_removal,
        "show",
        lambda manager, names: [
            Unit(name, manager, "", "inactive", {"LoadState": "loaded"}) for name in names
        ],
    )
    records = [record(units / "litellm.service"), record(os.devnull, "other.service", "")]
    assert _unit_removal.remove(_unit_removal.Plan([], [], []), records) == []
    assert told == ["litellm daemon-reload", "litellm reset-failed"]


def test_manager_that_refuses_is_said(
    units: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = made(units / "litellm.service")
    monkeypatch.setattr(
        Manager, "systemctl", lambda _self, *words, **_named: Result(1, "", "Access denied")
    )
    with pytest.raises(_systemd.SystemdError, match="daemon-reload"):
        _unit_removal.remove(_unit_removal.plan([record(file)], None), [record(file)])


def test_folders_are_those_of_the_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _unit_removal.folders(Manager(None)) == (
        "/etc/systemd/system",
        "/usr/local/lib/systemd/system",
    )
    monkeypatch.setattr(Manager, "folder", "/home/l/.config/systemd/user")
    assert _unit_removal.folders(Manager("l")) == (
        "/home/l/.config/systemd/user",
        "/home/l/.local/share/systemd/user",
    )
