"""Who reads the legacy deployment's files, now and from a journal."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from unit.support import reachable

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    legacy_reader as _legacy_reader,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._host.account import (
    Account,
    AccountError,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host.systemd import Manager, Unit

NOBODY = Account.numbered(65534)


def facts(account: str = "", **more: Any) -> dict[str, Any]:
    unit = {"name": "litellm.service", "account": account, "path": "/etc/systemd/system/x"}
    return {"unit": unit, "units": [unit], "environment_files": [], **more}


@pytest.fixture
def units(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The properties of the system's unit; none of it without any."""
    properties: dict[str, str] = {}

    def show(manager: Manager, names: list[str]) -> list[Unit]:
        return [Unit(names[0], manager, "", "", properties)] if properties else []

    monkeypatch.setattr(_systemd, "show", show)
    return properties


def test_the_system_reads_what_only_root_can_change(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.env", tmp_path / "theirs/theirs.env"
    theirs.parent.mkdir()
    for path in (ours, theirs):
        reachable(path).write_text("A=1\n")
        path.chmod(0o600)
    for path in (ours, theirs, theirs.parent):
        os.chown(path, 65534, 65534)
    files = [{"path": str(ours)}, {"path": str(theirs)}]
    reader = _legacy_reader.recorded(facts(reader="nobody", environment_files=files))
    assert [reader.of(str(path)).uid for path in (ours, theirs)] == [0, 65534]
    assert (reader.text(str(ours)), reader.text(str(theirs))) == ("A=1\n", "A=1\n")
    # of a user's manager's, nothing is read as root
    os.chown(ours, 0, 0)
    reader = _legacy_reader.recorded(facts("nobody", reader="nobody", environment_files=files))
    assert reader.of(str(ours)) == NOBODY
    assert reader.digest(str(ours)) is None and len(reader.digest(str(theirs)) or "") == 64
    with pytest.raises(PermissionError) as caught:
        reader.text(str(ours))
    assert reader.refusal(str(ours), caught.value) == (
        "account nobody can't read it: Permission denied"
    )
    assert reader.exists(str(ours)) and not reader.is_file(str(tmp_path))


def test_a_journal_of_an_earlier_release_does_not_say_who(
    tmp_path: Path, units: dict[str, str]
) -> None:
    config = reachable(tmp_path / "config.yaml")
    config.touch()
    told = facts(config=str(config))
    assert _legacy_reader.recorded(facts("nobody", config=str(config))).account == NOBODY
    units["User"] = "nobody"
    assert _legacy_reader.recorded(told).account == NOBODY
    units["User"] = ""
    assert _legacy_reader.recorded(told).account.is_root
    units.clear()
    assert _legacy_reader.recorded(told).account.is_root
    os.chown(config, 65534, 65534)
    assert _legacy_reader.recorded(told).account == NOBODY


def test_a_journal_of_release_0_1_0_is_understood(
    units: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = json.loads((Path(__file__).parent / "journal-0.1.0.json").read_text())
    legacy = journal["facts"]["found"]["legacy"]
    named = NOBODY._replace(name=legacy["unit"]["account"])
    monkeypatch.setattr(Account, "named", lambda name: named)
    assert _legacy_reader.recorded(legacy).account == named
    assert _legacy_reader.system_paths(legacy) == frozenset()
    assert {entry["src"] for entry in _legacy_reader.files(legacy)} == {
        entry["src"] for entry in legacy["files"]
    }


def test_files_of_a_backup_come_with_who_reads_them(tmp_path: Path) -> None:
    unit = str(tmp_path / "x.service")
    told = facts(reader="nobody", files=[{"src": unit}, {"src": "/a", "account": "root"}])
    told["units"][0]["path"] = unit
    assert _legacy_reader.files(told) == [
        {"src": unit, "account": "root"},
        {"src": "/a", "account": "root"},
    ]
    told["files"] = [{"src": "/a"}]
    assert _legacy_reader.files(told) == [{"src": "/a", "account": "nobody"}]


def test_an_account_that_is_gone_is_an_error() -> None:
    with pytest.raises(AccountError, match="there is no account llmops-nosuch"):
        _legacy_reader.recorded(facts(reader="llmops-nosuch"))
