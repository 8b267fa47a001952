"""Sets of unit files. The manager here is a fake; the real one is in the scenarios."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from fake_systemd import FILES, PATTERNS, Systemd
from unit.support import reachable

from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._host import unit_files as _unit_files
from ansible_collections.llmops.litellm.plugins.module_utils._host.paths import UntrustedPath
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result

BRIDGES = {"b-1.socket": "[Socket]\nListenStream=1\n", "b-1.service": "[Service]\n"}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    folder = tmp_path / "system"
    folder.mkdir()
    fake = Systemd(folder)

    def systemctl(_manager: Any, *words: str, timeout: float = 0) -> Result:
        if words == ("daemon-reload",):
            fake.reload()
            return Result(0, "", "")
        return fake.systemctl(*words, timeout=timeout)

    monkeypatch.setattr(_systemd.Manager, "systemctl", systemctl)
    monkeypatch.setattr(_unit_files, "run", lambda argv: Result(0, "", ""))
    return fake


def install(host: Systemd, files: dict[str, str], **options: Any) -> list[str]:
    given: dict[str, Any] = {
        "patterns": PATTERNS,
        "enabled": ["x-tidy.timer"],
        "folder": str(host.folder),
        **options,
    }
    return _unit_files.install(files, **given).done


def test_units_are_written_then_enabled_and_started(host: Systemd) -> None:
    planned = install(host, FILES, check=True)
    assert host.calls == [] and list(host.folder.iterdir()) == []
    assert install(host, FILES) == planned
    assert planned == [
        "x-tidy.service: created",
        "x-tidy.timer: created",
        "x-tidy.timer: enabled",
        "x-tidy.timer: started",
    ]
    assert host.calls == ["daemon-reload", "enable x-tidy.timer", "start x-tidy.timer"]
    assert {path.name: path.read_text() for path in host.folder.iterdir()} == FILES
    assert {path.stat().st_mode & 0o7777 for path in host.folder.iterdir()} == {0o644}


def test_second_run_changes_nothing(host: Systemd) -> None:
    install(host, FILES)
    host.calls.clear()
    assert install(host, FILES) == [] and host.calls == []


def test_only_what_differs_is_mended(host: Systemd) -> None:
    install(host, FILES)
    host.calls.clear()
    (host.folder / "x-tidy.service").chmod(0o600)
    host.active.clear()
    assert install(host, FILES) == ["x-tidy.service: changed", "x-tidy.timer: started"]
    assert host.calls == ["daemon-reload", "start x-tidy.timer"]


def test_mask_gives_way_to_the_unit(host: Systemd) -> None:
    (host.folder / "x-tidy.timer").symlink_to(os.devnull)
    install(host, FILES)
    assert (host.folder / "x-tidy.timer").read_text() == FILES["x-tidy.timer"]
    assert not (host.folder / "x-tidy.timer").is_symlink()


def test_what_is_not_wanted_any_more_goes(host: Systemd) -> None:
    hook = {"x-failed@.service": "[Service]\nExecStart=/bin/tell %i\n"}
    (host.folder / "x-other.timer").write_text("mine")
    install(host, {**FILES, **hook, "x-tidy.path": "[Path]\n"}, started=["x-tidy.path"])
    host.enabled.add("x-tidy.path")
    host.calls.clear()
    assert install(host, FILES) == [
        "x-tidy.path: stopped",
        "x-tidy.path: disabled",
        "x-failed@.service: removed",
        "x-tidy.path: removed",
    ]
    assert host.calls == ["stop x-tidy.path", "disable x-tidy.path", "daemon-reload"]
    assert sorted(path.name for path in host.folder.iterdir()) == ["x-other.timer", *sorted(FILES)]


def test_run_that_was_killed_before_the_reload_is_ended(host: Systemd) -> None:
    install(host, FILES)
    host.calls.clear()
    text = "[Service]\nExecStart=/bin/false\n"
    (host.folder / "x-tidy.service").write_text(text)
    assert install(host, {**FILES, "x-tidy.service": text}) == []
    assert host.calls == ["daemon-reload"]


@pytest.mark.parametrize("changed", ["b-1.socket", "b-1.service"])
def test_socket_and_service_stop_before_one_of_them_changes(host: Systemd, changed: str) -> None:
    options: dict[str, Any] = {
        "patterns": ["b-*"],
        "enabled": ["b-1.socket"],
        "started": ["b-1.service"],
        "together": _unit_files.by_name(BRIDGES),
    }
    install(host, BRIDGES, **options)
    host.calls.clear()
    assert install(host, {**BRIDGES, changed: "[Unit]\n"}, **options) == [
        "b-1.socket: stopped",
        "b-1.service: stopped",
        f"{changed}: changed",
        "b-1.socket: started",
        "b-1.service: started",
    ]
    assert host.calls == [
        "stop b-1.socket",
        "stop b-1.service",
        "daemon-reload",
        "start b-1.socket b-1.service",
    ]


def test_file_that_a_unit_reads_belongs_to_its_set(host: Systemd, tmp_path: Path) -> None:
    """A group rests before its file changes; another group is left alone, and what goes is
    removed."""
    record, other = str(tmp_path / "one.json"), str(tmp_path / "old.conf")
    files = {"b-1.service": "[Service]\n", "b-2.service": "[Service]\n", record: "{}"}
    options: dict[str, Any] = {
        "patterns": ["b-*"],
        "enabled": ["b-1.service", "b-2.service"],
        "together": [["b-1.service", record, other], ["b-2.service"]],
        "obsolete": [other],
        "in_turn": 5,
    }
    install(host, files, **options)
    assert host.calls[-2:] == ["start b-1.service", "start b-2.service"]
    assert Path(record).read_text() == "{}" and Path(record).stat().st_mode & 0o777 == 0o644
    for change in ({record: "{1}"}, {}):
        Path(other).write_text("of an earlier release")
        host.calls.clear()
        wanted = [f"{record}: changed"] if change else []
        assert install(host, {**files, record: "{1}"}, **options) == [
            "b-1.service: stopped",
            *wanted,
            f"{other}: removed",
            "b-1.service: started",
        ]
        assert host.calls == ["stop b-1.service", "daemon-reload", "start b-1.service"]
    assert install(host, {**files, record: "{1}"}, **options) == []


def test_unit_that_rests_does_not_start_at_boot(host: Systemd) -> None:
    install(host, FILES)
    host.calls.clear()
    assert install(host, FILES, enabled=[]) == ["x-tidy.timer: disabled"]
    assert host.calls == ["disable x-tidy.timer"]
    assert host.active == {"x-tidy.timer": "active"}


def test_failed_unit_that_goes_is_forgotten(host: Systemd) -> None:
    install(host, FILES)
    host.active["x-tidy.service"] = "failed"
    host.calls.clear()
    install(host, {"x-tidy.timer": FILES["x-tidy.timer"]})
    assert host.calls == ["reset-failed x-tidy.service", "daemon-reload"]


def test_texts_that_differ_are_shown() -> None:
    seen = _unit_files.Result([], {"a": "1", "b": "1"}, {"a": "1", "b": ""})
    assert _unit_files.diff(seen) == [
        {"before": "1", "after": "", "before_header": "b", "after_header": "b"}
    ]


def test_time_that_systemd_does_not_understand_changes_nothing(
    host: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refuse(argv: list[str]) -> Result:
        asked.append(argv[-1])
        return Result(1, "", "Failed to parse calendar specification")

    monkeypatch.setattr(_unit_files, "run", refuse)
    with pytest.raises(_systemd.SystemdError, match=r"x-tidy.timer: OnCalendar=never%%: Failed"):
        install(host, {**FILES, "x-tidy.timer": "[Timer]\nOnCalendar=never%%\n"}, check=True)
    assert asked == ["never%"]
    assert list(host.folder.iterdir()) == [] and host.calls == []


def test_unit_that_does_not_start_is_a_failure(host: Systemd) -> None:
    with pytest.raises(_systemd.SystemdError, match=r"^systemctl start -- nosuch.timer: Unit nos"):
        install(host, FILES, enabled=["nosuch.timer"])


def test_pause_stops_the_timer_and_waits_for_what_is_under_way(
    host: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(_unit_files.time, "sleep", slept.append)
    install(host, FILES)
    host.active["x-tidy.service"] = "activating"
    host.ends_after = 3
    host.calls.clear()
    done = _unit_files.pause(PATTERNS, 60, folder=str(host.folder)).done
    assert done == ["x-tidy.timer: stopped"]
    assert host.calls == ["stop x-tidy.timer"]
    assert host.active == {} and host.enabled == {"x-tidy.timer"}
    assert slept == [0.5]


def test_pause_fails_where_it_does_not_end(host: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_unit_files.time, "sleep", lambda seconds: None)
    install(host, FILES)
    host.active["x-tidy.service"] = "activating"
    with pytest.raises(_systemd.SystemdError, match=r"^x-tidy.service: still running after 0 s"):
        _unit_files.pause(PATTERNS, 0.01, folder=str(host.folder))


def test_pause_without_a_wait_stops_the_service_too(host: Systemd) -> None:
    install(host, FILES)
    host.active["x-tidy.service"] = "activating"
    assert _unit_files.pause(PATTERNS, check=True, folder=str(host.folder)).done == [
        "x-tidy.timer: stopped",
        "x-tidy.service: stopped",
    ]
    assert host.active["x-tidy.timer"] == "active"
    host.calls.clear()
    _unit_files.pause(PATTERNS, folder=str(host.folder))
    assert host.calls == ["stop x-tidy.timer", "stop x-tidy.service"]


def test_removal_leaves_nothing_of_the_set(host: Systemd) -> None:
    install(host, {**FILES, "x-failed@.service": "[Service]\n"})
    (host.folder / "x-other.timer").write_text("mine")
    host.active["x-tidy.service"] = "failed"
    host.calls.clear()
    planned = _unit_files.remove(PATTERNS, check=True, folder=str(host.folder)).done
    assert host.calls == []
    assert _unit_files.remove(PATTERNS, folder=str(host.folder)).done == planned
    assert host.calls == [
        "stop x-tidy.timer",
        "disable x-tidy.timer",
        "reset-failed x-tidy.service",
        "daemon-reload",
    ]
    assert [path.name for path in host.folder.iterdir()] == ["x-other.timer"]
    host.calls.clear()
    assert _unit_files.remove(PATTERNS, folder=str(host.folder)).done == []
    assert host.calls == []


def test_units_go_only_where_nobody_but_root_writes(host: Systemd) -> None:
    """What lies there is run as root by the system's manager."""
    reachable(host.folder)
    os.chown(host.folder, 65534, 65534)
    with pytest.raises(UntrustedPath, match="belongs to account nobody, and root writes units"):
        install(host, FILES)
    assert list(host.folder.iterdir()) == []
