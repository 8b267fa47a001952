"""Model servers as one set on a host. systemd is a fake here; the real one is in the scenarios."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_systemd import Systemd

from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    installation as _installation,
)

FAILED = "litellm-model-failed@.service"


class Host:
    """A host with units, records and caches in a folder, and what systemd says of units."""

    def __init__(self, folder: Path) -> None:
        self.places = _installation.Places(*(str(folder / name) for name in ("u", "r/m", "s")))
        self.units, self.records, self.state = map(Path, self.places)
        for path in (self.units, self.state):
            path.mkdir()
        self.systemd = Systemd(self.units)
        self.verdict = Result(0, "", "")
        self.verified: list[str] = []

    def analyze(self, argv: list[str], env: dict[str, str], timeout: float) -> Result:
        assert argv[:2] == ["systemd-analyze", "verify"] and timeout
        folder = env["SYSTEMD_UNIT_PATH"]
        assert folder.endswith(":")
        paths = [Path(word) for word in argv[3:]]
        assert {path.parent for path in paths} == {Path(folder[:-1])}
        assert (Path(folder[:-1]) / FAILED).is_file()
        self.verified = [path.name for path in paths]
        return self.verdict._replace(err=self.verdict.err.replace("FOLDER", folder[:-1]))

    def install(self, *servers: _installation.Planned, check: bool = False) -> list[str]:
        self.systemd.calls.clear()
        shared = {FAILED: "[Service]\n"}
        return _installation.install(servers, "litellm", shared, check, self.places).done


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    found = Host(tmp_path)

    def systemctl(_manager: Any, *words: str, timeout: float = 0) -> Result:
        if words == ("daemon-reload",):
            found.systemd.reload()
            return Result(0, "", "")
        return found.systemd.systemctl(*words, timeout=timeout)

    monkeypatch.setattr(_systemd.Manager, "systemctl", systemctl)
    monkeypatch.setattr(_installation, "run", found.analyze)
    return found


def unit(name: str, kind: str = "service") -> str:
    return f"litellm-model-{name}.{kind}"


def planned(name: str, **change: Any) -> _installation.Planned:
    values = {
        "record": "{}",
        "units": {unit(name): "[Service]\n"},
        "entry": unit(name),
        "timeout": 150,
        **change,
    }
    return _installation.Planned(name, **values)


def on_demand(name: str) -> _installation.Planned:
    texts = {unit(name): "[Service]\n#", unit(name, "socket"): "[Socket]\n"}
    return planned(
        name,
        units={**texts, f"litellm-model-{name}-door.service": "[Service]\n"},
        entry=unit(name, "socket"),
    )


def fails_on(path: Path) -> Any:
    """As the removal of folders, which is killed at this one."""
    real = _installation._files.remove_tree

    def remove(folder: str) -> None:
        if folder == str(path):
            raise KeyboardInterrupt
        real(folder)

    return remove


def test_servers_are_installed_and_started_one_after_the_other(host: Host) -> None:
    servers = planned("a"), on_demand("b"), planned("c", entry="")
    foreseen = host.install(*servers, check=True)
    assert host.systemd.calls == [] and not host.records.exists() and host.verified == []
    assert host.install(*servers) == foreseen
    assert host.systemd.calls == [
        "daemon-reload",
        f"enable {unit('a')} {unit('b', 'socket')}",
        f"start {unit('a')}",
        f"start {unit('b', 'socket')}",
    ]
    assert sorted(host.verified) == sorted(n for server in servers for n in server.units)
    assert _installation.recorded(str(host.records)) == ["a", "b", "c"]
    assert (host.units / FAILED).is_file()
    assert host.install(*servers) == [] and host.systemd.calls == []


@pytest.mark.parametrize("change", [{"record": "{1}"}, {"units": {unit("b"): "[Service]\nNice=1"}}])
def test_one_that_changes_stops_before_any_starts(host: Host, change: dict[str, Any]) -> None:
    host.install(planned("a"), planned("b"))
    host.systemd.active.pop(unit("a"))
    host.install(planned("a"), planned("b", **change))
    assert host.systemd.calls == [
        f"stop {unit('b')}",
        "daemon-reload",
        f"start {unit('a')}",
        f"start {unit('b')}",
    ]


def test_server_changes_how_it_starts(host: Host) -> None:
    host.install(planned("a"))
    host.install(on_demand("a"))
    assert host.systemd.enabled == {unit("a", "socket")} == set(host.systemd.active)
    host.systemd.active["litellm-model-a-door.service"] = "active"
    host.install(planned("a"))
    assert host.systemd.enabled == {unit("a")} == set(host.systemd.active)
    assert sorted(path.name for path in host.units.iterdir()) == [unit("a"), FAILED]
    host.install(planned("a", units={unit("a"): "[Service]\n#"}, entry=""))
    assert host.systemd.enabled == set() == set(host.systemd.active)


def test_what_is_not_given_goes_with_all_that_it_had(host: Host) -> None:
    theirs = host.units / unit("theirs")  # whoever wrote it: there is no record of it
    theirs.write_text("[Service]\n")
    host.install(planned("a"), planned("b"))
    cache = host.state / "litellm-model/b"
    (cache / "deep").mkdir(parents=True)
    host.systemd.active[unit("b")] = "failed"
    foreseen = host.install(planned("a"), check=True)
    assert cache.exists() and _installation.recorded(str(host.records)) == ["a", "b"]
    assert host.install(planned("a")) == foreseen
    assert f"{cache}: removed" in foreseen
    assert f"reset-failed {unit('b')}" in host.systemd.calls
    assert not cache.exists() and _installation.recorded(str(host.records)) == ["a"]
    host.install()
    assert list(host.units.iterdir()) == [theirs]
    assert not host.records.exists() and not cache.parent.exists()
    assert host.install() == []


def test_run_that_is_killed_before_a_cache_is_gone_is_ended_by_the_next(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.install(planned("a"), planned("b"))
    cache = host.state / "litellm-model/b"
    cache.mkdir(parents=True)
    with monkeypatch.context() as patch:
        patch.setattr(_installation._files, "remove_tree", fails_on(cache))
        with pytest.raises(KeyboardInterrupt):
            host.install(planned("a"))
    assert cache.exists()
    host.install(planned("a"))
    assert not cache.exists() and _installation.recorded(str(host.records)) == ["a"]


def test_drop_in_of_an_earlier_release_goes(host: Host) -> None:
    for name, others in (("a", []), ("b", ["mine.conf"])):
        folder = host.units / f"{unit(name)}.d"
        folder.mkdir()
        for file in ("50-declaration.conf", *others):
            (folder / file).write_text("[Service]\nNice=1\n")
    host.install(planned("a"), planned("b"))
    assert not (host.units / f"{unit('a')}.d").exists()
    assert [path.name for path in (host.units / f"{unit('b')}.d").iterdir()] == ["mine.conf"]


@pytest.mark.parametrize(
    ("verdict", "wanted"),
    [
        (
            Result(0, "", f"FOLDER/{unit('a')}:2: Failed to parse nice level, ignoring: much"),
            [f"- {unit('a')}: settings: Nice=much: Failed to parse nice level, ignoring: much"],
        ),
        (
            Result(1, "", f"{unit('a')}: Command /x is not executable\n{unit('a')}: no\n"),
            [f"- {unit('a')}: Command /x is not executable", f"- {unit('a')}: no"],
        ),
    ],
)
def test_unit_that_systemd_does_not_accept_changes_nothing(
    host: Host, verdict: Result, wanted: list[str]
) -> None:
    host.verdict = verdict
    text = "[Service]\nNice=much\n"
    with pytest.raises(_installation.UnitError) as found:
        host.install(planned("a", units={unit("a"): text}, settings=["Nice=much"]))
    assert str(found.value).splitlines()[1:] == wanted
    assert list(host.units.iterdir()) == [] and host.systemd.calls == []


def test_warning_about_a_line_of_ours_is_none(host: Host) -> None:
    """An older systemd may not know every directive of the template."""
    host.verdict = Result(0, "", f"FOLDER/{unit('a')}:1: Unknown key name, ignoring")
    host.install(planned("a", settings=["Nice=much"]))
    assert host.systemd.active == {unit("a"): "active"}
