"""Units that are adopted: found, recorded once, never written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from unit.support import reachable

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import legacy as _legacy
from ansible_collections.llmops.litellm.plugins.module_utils._host import listeners as _listeners
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    adoption as _adoption,
)


@pytest.fixture(name="unit")
def _unit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> _systemd.Unit:
    path = tmp_path / "llama.service"
    path.write_text("[Service]\n", encoding="utf-8")
    unit = _systemd.Unit(
        "llama.service",
        _systemd.Manager(None),
        "disabled",
        "inactive",
        {"FragmentPath": str(path), "MainPID": "0", "DropInPaths": ""},
    )
    monkeypatch.setattr(_systemd, "managers", lambda _account="": [_systemd.Manager(None)])
    monkeypatch.setattr(
        _systemd, "show", lambda _manager, names: [unit] if names == ["llama.service"] else []
    )
    monkeypatch.setattr(_listeners, "listeners", list)
    return unit


def test_one_that_is_stopped_on_purpose_is_recorded_so(unit: _systemd.Unit, tmp_path: Path) -> None:
    found, problems = _adoption.find(["llama"], "litellm-model-")
    assert problems == []
    assert (found[0]["enabled"], found[0]["active"], found[0]["port"]) == (
        "disabled",
        "inactive",
        None,
    )
    assert list(found[0]["hashes"]) == [unit.properties["FragmentPath"]]
    folder = str(tmp_path / "state")
    assert _adoption.adopt(found, folder, check=True)["changed"]
    assert _adoption.load(folder) == {}
    assert _adoption.adopt(found, folder)["changed"]
    assert _adoption.adopt(found, folder) == {"changed": False, "adopted": found, "differs": []}
    assert _adoption.load(folder) == {"llama.service": found[0]}
    assert _adoption.forget(folder)
    assert not _adoption.forget(folder)


def test_the_record_goes_on_saying_how_it_was_found(unit: _systemd.Unit, tmp_path: Path) -> None:
    found, _problems = _adoption.find(["llama.service"], "litellm-model-")
    _adoption.adopt(found, str(tmp_path))
    Path(unit.properties["FragmentPath"]).write_text("[Service]\nNice=1\n", encoding="utf-8")
    later, _problems = _adoption.find(["llama.service"], "litellm-model-")
    told = _adoption.adopt([{**later[0], "active": "active"}], str(tmp_path))
    assert told["differs"] == [
        "llama.service: was inactive, is active",
        "llama.service: its files are not the same any more",
    ]
    assert _adoption.load(str(tmp_path)) == {"llama.service": found[0]}


def test_files_of_an_account_are_read_as_that_account(
    unit: _systemd.Unit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    theirs, roots = reachable(tmp_path / "theirs.conf"), tmp_path / "roots.conf"
    for path in (theirs, roots):
        path.write_text("[Service]\n")
    roots.chmod(0o600)
    words = {"FragmentPath": str(theirs), "DropInPaths": "%s %s" % (roots, theirs)}
    monkeypatch.setattr(_systemd, "show", lambda *_words: [unit._replace(properties=words)])
    record = {"name": "x.service", "path": str(roots)}
    assert list(_adoption.hashes({**record, "account": "nobody"})) == [str(theirs)]
    assert sorted(_adoption.hashes({**record, "account": ""})) == [str(roots), str(theirs)]


def test_by_port(unit: _systemd.Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    behind: dict[int, Any] = {
        8082: {"unit": unit.record(), "process": "llama-server"},
        8079: {"unit": None, "process": "python3", "seen": "belongs to no unit"},
    }
    monkeypatch.setattr(_legacy, "service_behind", lambda port, _listeners: behind.get(port))
    found, problems = _adoption.find(["8082", "8079", "1"], "litellm-model-")
    assert [(entry["name"], entry["port"]) for entry in found] == [("llama.service", 8082)]
    assert problems == [
        "port 8079: python3 belongs to no unit; run it as a systemd unit of its own first",
        "port 1: nobody listens there, so its unit is not known; name the unit",
    ]


@pytest.mark.usefixtures("unit")
def test_what_cannot_be_adopted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert _adoption.find(["none"], "x")[1] == ["none.service: there is no such unit"]
    assert _adoption.find(["llama"], "llama")[1] == [
        "llama.service: is managed by this role already"
    ]
    monkeypatch.setattr(_systemd, "managers", lambda _account="": [_systemd.Manager(None)] * 2)
    assert "exists more than once" in _adoption.find(["llama"], "x")[1][0]
    (tmp_path / "model_hosts.json").write_text("{}", encoding="utf-8")
    with pytest.raises(_adoption.AdoptionError, match="cannot be read"):
        _adoption.load(str(tmp_path))
