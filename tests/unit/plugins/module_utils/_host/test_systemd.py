"""Units: what systemctl shows, and how a unit is retired and brought back. The managers here are
fakes; the real ones are in the scenarios.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from unit.support import Clock, reachable

from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result

# systemctl show of systemd 257, shortened
SHOWN = """Id=litellm.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled
FragmentPath=/home/litellm/.config/systemd/user/litellm.service
MainPID=271
EnvironmentFiles=/home/litellm/llm@team/env.litellm (ignore_errors=no)
EnvironmentFiles=/home/litellm/llm@team/secrets.env (ignore_errors=yes)
ExecStart={ path=/v/bin/litellm ; argv[]=/v/bin/litellm --config /home/litellm/llm@team/config.yaml --port 4000 ; ignore_errors=no ; pid=0 }

Id=nosuch.service
LoadState=not-found
ActiveState=inactive
"""  # noqa: E501


class Fake:
    """A manager with one unit, as much of systemd as retiring and restoring need, its files in a
    folder of this test.

    ``pulled_in``: another unit or a generator wants it; ``elsewhere``: its file is in no folder of
    systemd, so that the link to it goes when it is disabled (as systemd 257 does).
    """

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        folder: Path,
        enabled: str = "enabled",
        active: str = "active",
        pulled_in: bool = False,
        elsewhere: str = "",
    ) -> None:
        self.enabled, self.active, self.masked, self.pulled_in, self.elsewhere = (
            enabled,
            active,
            False,
            pulled_in,
            elsewhere,
        )
        self.there = True
        self.bad = ""  # why its file can't be loaded, once the manager has read it again
        self.reloaded, self.path = False, ""
        self.words: list[str] = []
        self.lines: list[str] = []
        self.limits: dict[str, float] = {}  # seconds that each may take
        self.refuse = ""
        self.kill_mode = "control-group"
        self.at_stop = ""  # the drop-in for one stop, as the unit was stopped with
        self.folder = folder / "units"
        self.folder.mkdir()
        monkeypatch.setattr(_systemd.Manager, "folder", str(self.folder))
        self.drop_in = folder / "runtime" / "a.service.d" / "50-llmops-litellm-stop.conf"
        monkeypatch.setattr(_systemd.Manager, "runtime", str(folder / "runtime"))
        monkeypatch.setattr(
            _systemd.Manager, "systemctl", lambda _manager, *words, **how: self.asked(*words, **how)
        )

    def asked(self, *words: str, timeout: float = _systemd.LONGEST) -> Result:
        self.limits[words[0]] = timeout
        self.lines.append(" ".join(words))
        return self.systemctl(*words)

    def systemctl(self, *words: str) -> Result:
        if words[0] == "show":
            state = (
                "masked"
                if self.masked
                else "enabled-runtime"
                if self.pulled_in and self.enabled == "disabled"
                else self.enabled
            )
            told = {
                "Id": "a.service",
                "LoadState": "masked"
                if self.masked
                else "not-found"
                if not self.there
                else "bad-setting"
                if self.is_bad
                else "loaded",
                "LoadError": 'org.freedesktop.systemd1.BadUnitSetting "%s"' % self.bad
                if self.is_bad
                else "",
                "ActiveState": self.active,
                "UnitFileState": state,
                "WantedBy": "b.service" if self.pulled_in and not self.masked else "",
                "RequiredBy": "",
                "FragmentPath": self.path
                or (str(self.folder / "a.service") if self.elsewhere else ""),
                "KillMode": self.kill_mode,
                "MainPID": "271" if self.active == "active" else "0",
            }
            return Result(
                0,
                "".join(
                    "%s=%s\n" % (name, told[name]) for name in words[2].split(",") if name in told
                ),
                "",
            )
        self.words.append(words[0])
        self.reloaded |= words[0] in ("daemon-reload", "disable", "enable")
        if words[0] == "start" and self.is_bad:
            return Result(1, "", "Unit a.service has a bad unit file setting.")
        if words[0] == "stop" and self.drop_in.exists():
            self.at_stop = self.drop_in.read_text()
        if words[0] == self.refuse:
            return Result(1, "", "Access denied")
        if words[0] == "mask" and (self.folder / "a.service").is_file():
            return Result(
                1, "", "Failed to mask unit: File '%s' already exists" % (self.folder / "a.service")
            )
        if words[0] == "link" and words[-1] != self.elsewhere:
            return Result(1, "", "Failed to link unit: No such file")
        if words[0] == "disable" and self.elsewhere:
            self.there = False
            (self.folder / "a.service").unlink()
        changes = {
            "stop": {"active": "inactive"},
            "start": {"active": "inactive" if self.block.exists() else "active"},
            "disable": {"enabled": "disabled"},
            "enable": {"enabled": "enabled"},
            "mask": {"masked": True},
            "unmask": {"masked": False},
            "link": {"enabled": "linked", "there": True},
        }
        for name, value in changes.get(words[0], {}).items():
            setattr(self, name, value)
        return Result(0, "", "")

    @property
    def is_bad(self) -> bool:
        return bool(self.bad) and self.reloaded

    @property
    def block(self) -> Path:
        return self.folder / "a.service.d" / "zz-llmops-litellm-retired.conf"

    @property
    def state(self) -> tuple[Any, ...]:
        return self.enabled, self.active, self.masked


def record(enabled: str = "enabled", active: str = "active", path: str = "") -> dict[str, str]:
    """What the journal knows of the unit."""
    return {
        "name": "a.service",
        "scope": "system",
        "account": "",
        "enabled": enabled,
        "active": active,
        "path": path,
    }


def test_show_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        _systemd.Manager, "systemctl", lambda *_words, **_named: Result(0, SHOWN, "")
    )
    units = _systemd.show(_systemd.Manager("nobody"), ["litellm.service", "nosuch.service"])
    assert [unit.name for unit in units] == ["litellm.service"]
    assert units[0].pid == 271
    assert units[0].record() == {
        "name": "litellm.service",
        "scope": "user",
        "account": "nobody",
        "enabled": "enabled",
        "active": "active",
        "path": "/home/litellm/.config/systemd/user/litellm.service",
        "hash": "",
    }
    assert _systemd.parse_environment_files(units[0].properties["EnvironmentFiles"]) == [
        ("/home/litellm/llm@team/env.litellm", False),
        ("/home/litellm/llm@team/secrets.env", True),
    ]
    assert _systemd.parse_exec(units[0].properties["ExecStart"])[1:] == [
        "--config",
        "/home/litellm/llm@team/config.yaml",
        "--port",
        "4000",
    ]


def test_templates_are_no_units(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = (
        "postgresql.service enabled enabled\npostgresql@.service static "
        "-\npostgresql@15-main.service enabled-runtime -\n"
    )
    monkeypatch.setattr(
        _systemd.Manager, "systemctl", lambda *_words, **_named: Result(0, listed, "")
    )
    assert _systemd.list_unit_files(_systemd.Manager(None), "postgresql*") == [
        "postgresql.service",
        "postgresql@15-main.service",
    ]


def test_user_manager_is_asked_as_its_account(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def run(argv: list[str], **named: Any) -> Result:
        seen.update(named, argv=argv)
        return Result(0, "", "")

    monkeypatch.setattr(_systemd, "run", run)
    _systemd.Manager("nobody").systemctl("stop", "--", "a.service")
    assert seen["argv"] == ["systemctl", "--user", "stop", "--", "a.service"]
    assert seen["env"]["XDG_RUNTIME_DIR"] == "/run/user/65534"
    assert seen["account"].uid == 65534
    _systemd.Manager(None).systemctl("stop", "--", "a.service")
    assert seen["argv"] == ["systemctl", "stop", "--", "a.service"]


@pytest.mark.parametrize(
    ("enabled", "active", "pulled_in", "done", "state"),
    [
        ("enabled", "active", False, ["stopped", "disabled"], ("disabled", "inactive", False)),
        ("disabled", "inactive", False, [], ("disabled", "inactive", False)),
        ("disabled", "active", False, ["stopped"], ("disabled", "inactive", False)),
        ("static", "inactive", False, [], ("static", "inactive", False)),
        (
            "enabled",
            "active",
            True,
            ["stopped", "disabled", "masked"],
            ("disabled", "inactive", True),
        ),
        ("static", "activating", True, ["stopped", "masked"], ("static", "inactive", True)),
    ],
    ids=[
        "service",
        "off on purpose",
        "started by hand",
        "static",
        "wanted by a generator",
        "wanted by another unit",
    ],
)
def test_retired_units_stay_down_and_come_back(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    enabled: str,
    active: str,
    pulled_in: bool,
    done: list[str],
    state: tuple[Any, ...],
) -> None:
    fake = Fake(monkeypatch, tmp_path, enabled, active, pulled_in)
    assert _systemd.retire(record(enabled, active)) == done
    assert fake.state == state
    assert _systemd.retire(record(enabled, active)) == []
    _systemd.restore(record(enabled, "active" if active == "activating" else active))
    assert fake.state == (enabled, "active" if active == "activating" else active, False)
    assert _systemd.restore(record(enabled, fake.active)) == []


@pytest.mark.parametrize("enabled", ["enabled", "linked"])
def test_unit_of_a_file_elsewhere_is_still_there_and_comes_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, enabled: str
) -> None:
    file = tmp_path / "repository.service"
    file.write_text("[Service]\n")
    fake = Fake(monkeypatch, tmp_path, enabled, elsewhere=str(file))
    (fake.folder / "a.service").symlink_to(file)
    recorded = _systemd.show(_systemd.Manager(None), ["a.service"])[0].record()
    assert recorded["path"] == str(file)
    assert _systemd.retire(recorded) == (
        ["stopped", "disabled"] if enabled == "enabled" else ["stopped"]
    )
    assert (fake.there, fake.state) == (True, ("linked", "inactive", False))
    assert _systemd.retire(recorded) == []
    assert _systemd.restore(recorded) == (
        ["enabled", "started"] if enabled == "enabled" else ["started"]
    )
    assert fake.state == (enabled, "active", False)


def test_unit_that_lost_its_link_is_linked_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A run was killed after it had disabled the unit and before it linked it."""
    file = tmp_path / "repository.service"
    file.write_text("[Service]\n")
    fake = Fake(monkeypatch, tmp_path, "disabled", "inactive", elsewhere=str(file))
    fake.there = False
    recorded = record(path=str(file))
    assert _systemd.retire(recorded) == []
    assert _systemd.restore(recorded, check=True) == ["linked"]
    assert fake.words == []
    assert _systemd.restore(recorded) == ["linked", "enabled", "started"]
    assert fake.state == ("enabled", "active", False)
    assert _systemd.restore(recorded) == []


def test_unit_that_cannot_be_masked_is_blocked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its own file is where the mask would be, and another unit wants it."""
    fake = Fake(monkeypatch, tmp_path, pulled_in=True)
    (fake.folder / "a.service").write_text("[Service]\n")
    assert _systemd.retire(record()) == ["stopped", "disabled", "blocked"]
    assert fake.block.read_text().splitlines()[1:] == ["[Unit]", "ConditionPathExists=!/"]
    assert fake.words[-1] == "daemon-reload"
    assert _systemd.retire(record()) == []
    words = list(fake.words)
    assert _systemd.restore(record(), check=True) == ["unblocked", "enabled", "started"]
    assert fake.block.exists()
    assert fake.words == words
    assert _systemd.restore(record()) == ["unblocked", "enabled", "started"]
    assert fake.state == ("enabled", "active", False)
    assert sorted(path.name for path in fake.folder.iterdir()) == ["a.service"]
    assert _systemd.restore(record()) == []


@pytest.mark.parametrize(
    ("first", "kill_mode", "told"),
    [
        (271, "control-group", "KillMode=mixed"),
        (None, "control-group", ""),
        (271, "process", ""),
    ],
)
def test_only_the_main_process_is_told_where_it_needs_its_children(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first: Any, kill_mode: str, told: str
) -> None:
    fake = Fake(monkeypatch, tmp_path)
    fake.kill_mode = kill_mode
    asked = []

    def which(unit: _systemd.Unit) -> Any:
        asked.append(unit.pid)
        return first

    assert _systemd.retire(record(), first=which) == ["stopped", "disabled"]
    assert asked == [271]
    assert told in fake.at_stop
    assert bool(fake.at_stop) is bool(told)
    assert not fake.drop_in.parent.exists()


@pytest.mark.parametrize("kill_mode", ["control-group", "process", "mixed"])
def test_process_below_a_wrapper_is_told_first_and_not_started_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kill_mode: str
) -> None:
    """A shell that is told to stop ends before LiteLLM does, which then is killed."""
    fake = Fake(monkeypatch, tmp_path)
    fake.kill_mode = kill_mode
    told = []

    def end(pid: int, sure: Callable[[], bool], seconds: float) -> bool:
        told.append((pid, sure(), fake.drop_in.read_text(), fake.at_stop))
        return True

    monkeypatch.setattr(_systemd, "end", end)
    assert _systemd.retire(record(), first=lambda unit: 300) == ["stopped", "disabled"]
    ((pid, sure, drop_in, stopped),) = told
    assert (pid, sure, stopped) == (300, True, "")
    assert "KillMode=mixed\nRestart=no\n" in drop_in
    assert fake.at_stop == drop_in
    assert not fake.drop_in.parent.exists()


@pytest.mark.parametrize("kill_mode", ["control-group", "process", "mixed"])
@pytest.mark.parametrize("first", [271, 300], ids=["main process", "below a wrapper"])
def test_what_is_told_first_may_take_its_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kill_mode: str, first: int
) -> None:
    """Its unit's own limit would end it."""
    fake = Fake(monkeypatch, tmp_path)
    fake.kill_mode = kill_mode
    waited: list[float] = []

    def end(pid: int, sure: Callable[[], bool], seconds: float) -> bool:
        waited.append(seconds)
        return True

    monkeypatch.setattr(_systemd, "end", end)
    done = _systemd.retire(record(), first=lambda unit: first, patience=600)
    assert done == ["stopped", "disabled"]
    # who has chosen whom a stop ends may have others in the unit that go on
    assert ("KillMode=mixed\n" in fake.at_stop) is (first == 300 or kill_mode == "control-group")
    assert ("Restart=no\n" in fake.at_stop) is (first == 300)
    assert fake.at_stop.endswith("\nTimeoutStopSec=600\n")
    assert waited == [600] * (first == 300)
    assert fake.limits["stop"] > 600
    assert not fake.drop_in.parent.exists()


def test_what_is_told_first_has_its_units_own_time_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = Fake(monkeypatch, tmp_path)
    waited: list[float] = []

    def end(pid: int, sure: Callable[[], bool], seconds: float) -> bool:
        waited.append(seconds)
        return True

    monkeypatch.setattr(_systemd, "end", end)
    _systemd.retire(record(), first=lambda unit: 300)
    assert waited == [_systemd.STOP_SECONDS]
    assert fake.at_stop == _systemd.STOP_TEXT + _systemd.STOP_WRAPPED
    assert fake.limits["stop"] == _systemd.LONGEST


def test_nobody_who_is_told_first_needs_no_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = Fake(monkeypatch, tmp_path)
    assert _systemd.retire(record(), patience=600) == ["stopped", "disabled"]
    assert fake.at_stop == ""


@pytest.mark.parametrize(
    ("later", "done"),
    [
        (300, ["stopped", "killed", "disabled"]),  # it hangs
        (301, ["stopped", "killed", "disabled"]),  # its wrapper has started another one
        (None, ["stopped", "disabled"]),  # it ended by itself before it was told
    ],
)
def test_process_that_does_not_end_in_time_is_said_to_be_killed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, later: Any, done: list[str]
) -> None:
    Fake(monkeypatch, tmp_path)
    there = iter([300, later])
    monkeypatch.setattr(_systemd, "end", lambda pid, sure, seconds: False)
    assert _systemd.retire(record(), first=lambda unit: next(there)) == done


def test_drop_in_of_one_stop_goes_also_when_it_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = Fake(monkeypatch, tmp_path)
    fake.refuse = "stop"
    with pytest.raises(_systemd.SystemdError, match="systemctl stop"):
        _systemd.retire(record(), first=lambda unit: unit.pid)
    assert fake.at_stop
    assert not fake.drop_in.parent.exists()


def unit_of() -> _systemd.Unit:
    return _systemd.show(_systemd.Manager(None), ["a.service"])[0]


def test_stop_that_was_prepared_goes_by_its_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = Fake(monkeypatch, tmp_path)
    unit = unit_of()
    _systemd.prepare_stop(unit, "KillSignal=SIGINT\n")
    assert (fake.words, fake.active) == (["daemon-reload"], "active")
    _systemd.stop_prepared(unit)
    # nothing of it takes time in the meantime
    assert (fake.words, fake.active) == (["daemon-reload", "stop"], "inactive")
    assert fake.at_stop == _systemd.STOP_TEXT + "KillSignal=SIGINT\n"
    assert fake.drop_in.exists()
    assert _systemd.forget_stop(unit.manager, unit.name)
    assert not fake.drop_in.parent.exists()
    assert fake.words[-1] == "daemon-reload"


def test_stop_that_was_prepared_and_fails_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = Fake(monkeypatch, tmp_path)
    fake.refuse = "stop"
    with pytest.raises(_systemd.SystemdError, match="systemctl stop a.service .*Access denied"):
        _systemd.stop_prepared(unit_of())


def test_start_beside_waits_for_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = Fake(monkeypatch, tmp_path, active="failed")
    _systemd.start_beside(_systemd.Manager(None), "a.service")
    assert fake.lines == ["reset-failed -- a.service", "start --no-block -- a.service"]
    assert fake.active == "active"
    fake.refuse = "start"
    with pytest.raises(_systemd.SystemdError, match="systemctl start --no-block a.service"):
        _systemd.start_beside(_systemd.Manager(None), "a.service")


@pytest.mark.parametrize(
    ("states", "seconds", "words"),
    [
        (["active"], 0, ""),
        (["activating"] * 3 + ["active"], 5, ""),
        (["activating", "failed"], 5, "a.service is failed, and should be active"),
        (["inactive"], 5, "a.service is inactive, and should be active"),
        (["activating"] * 9, 0.5, "a.service is activating, and should be active"),
    ],
)
def test_start_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, states: list[str], seconds: float, words: str
) -> None:
    fake, clock = Fake(monkeypatch, tmp_path), Clock()
    monkeypatch.setattr(_systemd, "time", clock)
    left = list(states)

    def asked(*_words: str, **_how: Any) -> Result:
        fake.active = left.pop(0)
        return fake.systemctl("show", "--property", "Id,ActiveState")

    monkeypatch.setattr(_systemd.Manager, "systemctl", lambda _manager, *words, **how: asked())
    if words:
        with pytest.raises(_systemd.SystemdError) as raised:
            _systemd.await_start(_systemd.Manager(None), "a.service", seconds)
        assert str(raised.value) == words
    else:
        _systemd.await_start(_systemd.Manager(None), "a.service", seconds)
        assert left == []
    assert clock.time <= 100 + seconds + 2 * _systemd._LOOKS


def test_drop_in_that_a_killed_stop_has_left_goes_before_the_next_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = Fake(monkeypatch, tmp_path)
    assert _systemd.retire(record(), first=lambda unit: unit.pid) == ["stopped", "disabled"]
    fake.drop_in.parent.mkdir()
    fake.drop_in.write_text(_systemd.STOP_WRAPPED)
    assert _systemd.restore(record(), check=True)[0] == "cleaned"
    assert fake.drop_in.exists()
    assert _systemd.restore(record()) == ["cleaned", "enabled", "started"]
    assert not fake.drop_in.parent.exists()
    assert _systemd.restore(record()) == []


def test_runtime_folder_is_the_managers() -> None:
    assert _systemd.Manager(None).runtime == "/run/systemd/system"
    assert _systemd.Manager("nobody").runtime == "/run/user/65534/systemd/user"


def test_drop_ins_of_others_stay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = Fake(monkeypatch, tmp_path, pulled_in=True)
    (fake.folder / "a.service").write_text("[Service]\n")
    fake.block.parent.mkdir()
    (fake.block.parent / "override.conf").write_text("mine")
    _systemd.retire(record())
    assert _systemd.restore(record())[0] == "unblocked"
    assert [path.name for path in fake.block.parent.iterdir()] == ["override.conf"]


def test_block_that_cannot_be_written_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = Fake(monkeypatch, tmp_path, pulled_in=True)
    (fake.folder / "a.service").write_text("[Service]\n")
    fake.block.parent.write_text("no folder")
    with pytest.raises(
        _systemd.SystemdError, match=r"mkdir -p .*a\.service\.d \(system manager\): mkdir: "
    ):
        _systemd.retire(record())


def test_block_is_written_with_the_rights_of_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder that an account owns, root could be led to write anywhere."""
    accounts = []
    monkeypatch.setattr(
        _systemd,
        "run",
        lambda argv, **named: accounts.append((argv[0], named["account"].uid)) or Result(0, "", ""),
    )
    _systemd._block(_systemd.Unit("a.service", _systemd.Manager("nobody"), "", "", {}))
    assert accounts == [(name, 65534) for name in ("mkdir", "dd", "sync", "systemctl")]


def test_account_that_is_gone_is_an_error() -> None:
    with pytest.raises(_systemd.SystemdError, match="no account llmops-nosuch on this host"):
        _systemd.retire({**record(), "scope": "user", "account": "llmops-nosuch"})


def test_owners_folder_comes_before_all_others() -> None:
    assert _systemd.Manager(None).folder == "/etc/systemd/system"
    assert _systemd.Manager("root").folder == "/root/.config/systemd/user"


@pytest.mark.parametrize("act", [_systemd.retire, _systemd.restore], ids=["retire", "restore"])
def test_check_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, act: Any) -> None:
    fake = Fake(
        monkeypatch,
        tmp_path,
        "enabled" if act is _systemd.retire else "disabled",
        "active" if act is _systemd.retire else "inactive",
    )
    assert len(act(record(), check=True)) == 2
    assert fake.words == []


def test_what_started_since_is_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = Fake(monkeypatch, tmp_path, "disabled", "active")
    assert _systemd.restore(record("disabled", "inactive")) == ["stopped"]
    assert fake.active == "inactive"


@pytest.mark.parametrize("refused", ["stop", "disable"])
def test_refusals_name_the_unit_and_the_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, refused: str
) -> None:
    fake = Fake(monkeypatch, tmp_path)
    fake.refuse = refused
    with pytest.raises(
        _systemd.SystemdError,
        match=rf"systemctl {refused} a\.service \(system manager\): Access denied",
    ):
        _systemd.retire(record())


def test_unit_whose_file_is_gone_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        _systemd.Manager,
        "systemctl",
        lambda *_words, **_named: Result(0, "Id=a.service\nLoadState=not-found\n", ""),
    )
    with pytest.raises(_systemd.SystemdError, match="is not there any more"):
        _systemd.restore(record())
    assert _systemd.retire(record()) == []


def test_managers_are_the_systems_and_those_that_run(tmp_path: Path) -> None:
    for name in ("0", "65534", "4000000000", "not-a-number"):
        (tmp_path / name / "systemd").mkdir(parents=True)
        (tmp_path / name / "systemd" / "private").write_text("")
    (tmp_path / "1").mkdir()  # a folder is left, its manager is gone
    (tmp_path / "2" / "systemd").mkdir(parents=True)  # to what its account can't see
    (tmp_path / "closed").mkdir(mode=0o700)
    (tmp_path / "closed" / "x").write_text("")
    (tmp_path / "2" / "systemd" / "private").symlink_to(tmp_path / "closed" / "x")
    reachable(tmp_path / "x")

    def found(account: str = "", runtime: str = str(tmp_path)) -> list[Any]:
        return [manager.account for manager in _systemd.managers(account, runtime)]

    assert found() == [None, "root", "nobody"]
    assert found("nobody") == [None, "nobody"]
    assert found(runtime=os.path.join(str(tmp_path), "nosuch")) == [None]


def test_folder_that_an_account_makes_hang_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(_account: Any, _question: Any, place: str, **_named: Any) -> Any:
        raise OSError(110, "needs longer", place)

    monkeypatch.setattr(_systemd.Account, "ask", ask)
    manager = _systemd.Manager("nobody")
    unit = _systemd.Unit("a.service", manager, "", "", {"FragmentPath": "/u/a.service"})
    assert unit.path == "/u/a.service"
    assert not _systemd._sees(65534, "/run/user/65534/systemd/private")


# systemctl show of systemd 257.13; the unit's line was: -c "import time; time.sleep(9e9)" litellm
# --port ${LP} --note "a b" --q "Bob's" --e ""
EXEC = (
    "{ path=/usr/bin/python3 ; argv[]=/usr/bin/python3 -c import time; time.sleep(9e9) "
    "litellm --port ${LP} --note a b --q Bob's --e  ; "
    "ignore_errors=no ; start_time=[Mon 2026-11-23 17:31:42 UTC] ; stop_time=[n/a] ; "
    "pid=1151 ; code=(null) ; status=0/0 }"
)


@pytest.mark.parametrize(
    ("value", "argv"),
    [
        (
            EXEC,
            [
                "/usr/bin/python3",
                "-c",
                "import",
                "time;",
                "time.sleep(9e9)",
                "litellm",
                "--port",
                "${LP}",
                "--note",
                "a",
                "b",
                "--q",
                "Bob's",
                "--e",
            ],
        ),
        (
            (
                "{ path=/v/x ; argv[]=/v/x ; ignore_errors=no }\n{ path=/v/y ; argv[]=/v/y ; "
                "ignore_errors=no }"
            ),
            ["/v/x"],
        ),
        ("", []),
    ],
    ids=["no quotes, as systemd shows it", "two commands", "none"],
)
def test_command_of_a_unit_is_its_first(value: str, argv: list[str]) -> None:
    assert _systemd.parse_exec(value) == argv


@pytest.mark.parametrize("text", ["", "\n\n", "no properties here"])
def test_show_of_nothing_is_nothing(text: str) -> None:
    assert _systemd.parse_show(text) == []


def test_unit_that_reads_its_configuration_again_is_recorded_as_one_that_runs() -> None:
    told = [
        _systemd.Unit("a.service", _systemd.Manager(None), "enabled", active, {}).record()["active"]
        for active in ("reloading", "active", "failed")
    ]
    assert told == ["active", "active", "failed"]


@pytest.mark.parametrize("active", ["active", "inactive"])
def test_unit_that_becomes_bad_when_it_is_retired_is_retired(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, active: str
) -> None:
    fake = Fake(monkeypatch, tmp_path, active=active, pulled_in=True)
    fake.bad = "Unit a.service has a bad unit file setting."
    assert _systemd.retire(record()) == ["stopped"] * (active == "active") + ["disabled"]
    assert fake.state == ("disabled", "inactive", False)
    assert _systemd.retire(record()) == []


def test_unit_whose_file_is_gone_is_stopped_while_it_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = Fake(monkeypatch, tmp_path, enabled="")
    fake.there = False
    assert _systemd.retire(record()) == ["stopped"]
    assert fake.active == "inactive"


def test_unit_that_cannot_be_loaded_is_named_with_what_systemd_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """B4: the way back must not die of it."""
    fake = Fake(monkeypatch, tmp_path, "disabled", "inactive")
    fake.bad, fake.reloaded = "it says why", True
    said = (
        "unit a.service: can't be loaded by the system (bad-setting, it says why) -> put "
        "/u/a.service right, then systemctl daemon-reload"
    )
    for check in (False, True):
        with pytest.raises(_systemd.SystemdError) as told:
            _systemd.restore(record(path="/u/a.service"), check=check)
        assert str(told.value) == said
    assert fake.words == []
    fake.bad = ""
    assert _systemd.restore(record(path="/u/a.service")) == ["enabled", "started"]


def test_masked_unit_whose_own_file_is_bad_is_named_once_the_mask_is_gone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = Fake(monkeypatch, tmp_path, "disabled", "inactive")
    fake.masked, fake.bad, fake.reloaded = True, "it says why", True
    with pytest.raises(_systemd.SystemdError, match="it says why"):
        _systemd.restore(record())
    assert fake.words == ["unmask"]


def test_bad_unit_that_runs_as_recorded_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = Fake(monkeypatch, tmp_path)
    fake.bad, fake.reloaded = "it says why", True
    assert _systemd.restore(record()) == []
    assert fake.words == []


def test_what_could_not_come_back_is_known_before_anything_stops(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Disabling a unit makes its manager read all files again, so that is what is looked at."""
    fake = Fake(monkeypatch, tmp_path)
    file = tmp_path / "a.service"
    file.write_text("[Service]\n")
    recorded = record(path=str(file))
    assert _systemd.obstacle(recorded) is None
    fake.bad = "it says why"
    fake.reloaded = False
    assert _systemd.obstacle(recorded, check=True) is None
    assert fake.words == ["daemon-reload"]
    told = _systemd.obstacle(recorded)
    assert told is not None
    assert told[:2] == (
        "unit a.service",
        "can't be loaded by the system (bad-setting, it says why)",
    )
    file.unlink()
    told = _systemd.obstacle(recorded)
    assert told is not None
    assert told.problem == f"its file {file} is gone"
    fake.refuse = "daemon-reload"
    told = _systemd.obstacle(recorded)
    assert told is not None
    assert "Access denied" in told.problem
    assert fake.active == "active"


def test_unit_that_is_linked_again_is_no_obstacle(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = Fake(monkeypatch, tmp_path)
    fake.there = False
    (tmp_path / "a.service").write_text("[Service]\n")
    assert _systemd.obstacle(record(path=str(tmp_path / "a.service"))) is None
    assert _systemd.obstacle(record()) is not None


def test_file_that_is_another_since_the_record_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = Fake(monkeypatch, tmp_path)
    file, other = reachable(tmp_path / "a.service"), tmp_path / "other.service"
    for path in (file, other):
        path.write_text("[Service]\n")
    fake.path = str(file)
    recorded = _systemd.look(_systemd.Manager(None), ["a.service"])[0].record()
    assert len(recorded["hash"]) == 64
    assert _systemd.replaced(recorded) == ""
    file.write_text("[Service]\nUser=root\n")
    assert _systemd.replaced(recorded) == f"a.service: {file} was changed since it was recorded"
    assert _systemd.replaced({**recorded, "hash": ""}) == ""
    fake.path = str(other)
    assert _systemd.replaced(recorded) == (
        f"a.service is read from {other} now; it was recorded as {file}"
    )
    fake.masked = True
    assert _systemd.replaced(recorded) == ""


def test_file_that_an_account_could_change_has_no_hash_of_roots(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A link in an account's folder could lead to a file that the account can't read."""
    fake = Fake(monkeypatch, tmp_path)
    file = reachable(tmp_path / "a.service")
    file.write_text("[Service]\n")
    os.chown(file, 65534, 65534)
    fake.path = str(file)
    assert _systemd.look(_systemd.Manager(None), ["a.service"])[0].record()["hash"] == ""


def test_files_of_a_user_manager_are_looked_at_as_its_account(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    reachable(closed)
    (closed / "a.service").write_text("[Service]\n")
    (closed / "b.service").symlink_to(closed / "a.service")
    path, told = str(closed / "b.service"), {}
    for account in (None, "nobody"):
        manager = _systemd.Manager(account)
        unit = _systemd.Unit("b.service", manager, "", "", {"FragmentPath": path})
        told[account] = (unit.path, bool(unit.record()["hash"]), _systemd._is_file(manager, path))
    assert told == {
        None: (str(closed / "a.service"), True, True),
        "nobody": (path, False, False),
    }


def test_manager_that_does_not_answer_is_an_error_where_it_matters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        _systemd.Manager,
        "systemctl",
        lambda *_words, **_named: Result(1, "", "Failed to connect to bus: No such file"),
    )
    assert _systemd.show(_systemd.Manager(None), ["a.service"]) == []
    for manager, whose in (
        (_systemd.Manager(None), "the system does not say how a.service is"),
        (_systemd.Manager("nobody"), "the manager of account nobody does not say how a.service is"),
    ):
        with pytest.raises(_systemd.SystemdError, match=whose):
            _systemd.look(manager, ["a.service"])


@pytest.mark.parametrize(("active", "ends"), [("inactive", True), ("active", False)])
def test_whether_a_users_manager_runs_is_the_systems_word(
    monkeypatch: pytest.MonkeyPatch, active: str, ends: bool
) -> None:
    """The account can take its manager's socket away, and its proxy would go on."""

    def systemctl(manager: Any, *words: str, **_named: Any) -> Result:
        if manager.account is None:
            assert words[-1] == "user@65534.service"
            return Result(0, f"Id={words[-1]}\nActiveState={active}\n", "")
        return Result(1, "", "Failed to connect to bus: No such file")

    monkeypatch.setattr(_systemd.Manager, "systemctl", systemctl)
    own = {**record(), "scope": "user", "account": "nobody"}
    if ends:
        assert _systemd.retire(own) == []
    else:
        with pytest.raises(_systemd.SystemdError, match="the manager of account nobody does not"):
            _systemd.retire(own)


@pytest.mark.parametrize(
    ("told", "pid"), [("7", 7), ("0", None), ("", None), ("-1", None), ("a\nb", None)]
)
def test_main_process_is_a_number_whatever_a_manager_says(told: str, pid: Any) -> None:
    unit = _systemd.Unit("a.service", _systemd.Manager(None), "", "", {"MainPID": told})
    assert unit.pid == pid


def test_masked_unit_of_the_record_is_no_obstacle(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The file of one that is masked is /dev/null."""
    fake = Fake(monkeypatch, tmp_path, enabled="masked", active="inactive")
    fake.masked, fake.path = True, "/dev/null"
    recorded = _systemd.look(_systemd.Manager(None), ["a.service"])[0].record()
    assert _systemd.obstacle(recorded) is None
    assert _systemd.obstacle({**recorded, "enabled": "disabled"}) is not None


@pytest.mark.parametrize(
    ("state", "active", "enabled", "known"),
    [
        ("bad-setting", "inactive", "enabled", True),
        ("error", "active", "", True),
        ("not-found", "active", "", True),
        ("not-found", "inactive", "", False),
        ("loaded", "active", "enabled", False),
        ("masked", "inactive", "masked", False),
    ],
)
def test_units_that_are_there_and_cannot_be_loaded(
    monkeypatch: pytest.MonkeyPatch, state: str, active: str, enabled: str, known: bool
) -> None:
    told = "Id=a.service\nLoadState=%s\nActiveState=%s\nUnitFileState=%s\n"
    shown = Result(0, told % (state, active, enabled), "")
    monkeypatch.setattr(_systemd.Manager, "systemctl", lambda *_words, **_named: shown)
    assert bool(_systemd.unloadable(_systemd.Manager(None), ["a.service"])) is known
    monkeypatch.setattr(_systemd.Manager, "systemctl", lambda *_words, **_named: Result(1, "", ""))
    assert _systemd.unloadable(_systemd.Manager(None), ["a.service"]) == []
