"""Units: what systemctl shows, and how a unit is retired and brought back. The managers here are fakes; the real ones are in the scenarios."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils import _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._host import Result

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
"""


class Fake:
    """A manager with one unit, as much of systemd as retiring and restoring need. ``pulled_in``: a generator wants it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, enabled: str = "enabled", active: str = "active", pulled_in: bool = False) -> None:
        self.enabled, self.active, self.masked, self.pulled_in = enabled, active, False, pulled_in
        self.words: list[str] = []
        self.refuse = ""
        monkeypatch.setattr(_systemd.Manager, "systemctl", lambda _manager, *words, **_named: self.systemctl(*words))

    def systemctl(self, *words: str) -> Result:
        if words[0] == "show":
            wanted = "postgresql.service" if self.pulled_in and not self.masked else ""
            state = "masked" if self.masked else "enabled-runtime" if self.pulled_in and self.enabled == "disabled" else self.enabled
            told = {"Id": "a.service", "LoadState": "masked" if self.masked else "loaded", "ActiveState": self.active, "UnitFileState": state,
                    "WantedBy": wanted, "RequiredBy": ""}
            return Result(0, "".join("%s=%s\n" % (name, told[name]) for name in words[2].split(",") if name in told), "")
        self.words.append(words[0])
        if words[0] == self.refuse:
            return Result(1, "", "Access denied")
        changes = {"stop": {"active": "inactive"}, "start": {"active": "active"}, "disable": {"enabled": "disabled"},
                   "enable": {"enabled": "enabled"}, "mask": {"masked": True}, "unmask": {"masked": False}}
        for name, value in changes.get(words[0], {}).items():
            setattr(self, name, value)
        return Result(0, "", "")

    @property
    def state(self) -> tuple[Any, ...]:
        return self.enabled, self.active, self.masked


def record(enabled: str = "enabled", active: str = "active") -> dict[str, str]:
    """What the journal knows of the unit."""
    return {"name": "a.service", "scope": "system", "account": "", "enabled": enabled, "active": active, "path": ""}


def test_show_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_systemd.Manager, "systemctl", lambda *_words, **_named: Result(0, SHOWN, ""))
    units = _systemd.show(_systemd.Manager("litellm"), ["litellm.service", "nosuch.service"])
    assert [unit.name for unit in units] == ["litellm.service"]
    assert units[0].pid == 271
    assert units[0].record() == {"name": "litellm.service", "scope": "user", "account": "litellm", "enabled": "enabled", "active": "active",
                                 "path": "/home/litellm/.config/systemd/user/litellm.service"}
    assert _systemd.parse_environment_files(units[0].properties["EnvironmentFiles"]) == [
        ("/home/litellm/llm@team/env.litellm", False), ("/home/litellm/llm@team/secrets.env", True)]
    assert _systemd.parse_exec(units[0].properties["ExecStart"])[1:] == ["--config", "/home/litellm/llm@team/config.yaml", "--port", "4000"]


def test_templates_are_no_units(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = "postgresql.service enabled enabled\npostgresql@.service static -\npostgresql@15-main.service enabled-runtime -\n"
    monkeypatch.setattr(_systemd.Manager, "systemctl", lambda *_words, **_named: Result(0, listed, ""))
    assert _systemd.list_unit_files(_systemd.Manager(None), "postgresql*") == ["postgresql.service", "postgresql@15-main.service"]


def test_user_manager_is_asked_as_its_account(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def run(argv: list[str], **named: Any) -> Result:
        seen.update(named, argv=argv)
        return Result(0, "", "")

    monkeypatch.setattr(_systemd, "run", run)
    _systemd.Manager("nobody").systemctl("stop", "--", "a.service")
    assert seen["argv"] == ["systemctl", "--user", "stop", "--", "a.service"]
    assert seen["env"]["XDG_RUNTIME_DIR"] == "/run/user/65534"
    assert seen["account"] == (65534, 65534)
    _systemd.Manager(None).systemctl("stop", "--", "a.service")
    assert seen["argv"] == ["systemctl", "stop", "--", "a.service"]


@pytest.mark.parametrize(
    ("enabled", "active", "pulled_in", "done", "state"),
    [
        ("enabled", "active", False, ["stopped", "disabled"], ("disabled", "inactive", False)),
        ("disabled", "inactive", False, [], ("disabled", "inactive", False)),
        ("disabled", "active", False, ["stopped"], ("disabled", "inactive", False)),
        ("static", "inactive", False, [], ("static", "inactive", False)),
        ("enabled", "active", True, ["stopped", "disabled", "masked"], ("disabled", "inactive", True)),
        ("static", "activating", True, ["stopped", "masked"], ("static", "inactive", True)),
    ],
    ids=["service", "off on purpose", "started by hand", "static", "wanted by a generator", "wanted by another unit"],
)
def test_retired_units_stay_down_and_come_back(monkeypatch: pytest.MonkeyPatch, enabled: str, active: str, pulled_in: bool, done: list[str],
                                               state: tuple[Any, ...]) -> None:
    fake = Fake(monkeypatch, enabled, active, pulled_in)
    assert _systemd.retire(record(enabled, active)) == done
    assert fake.state == state
    assert _systemd.retire(record(enabled, active)) == []
    _systemd.restore(record(enabled, "active" if active == "activating" else active))
    assert fake.state == (enabled, "active" if active == "activating" else active, False)
    assert _systemd.restore(record(enabled, fake.active)) == []


@pytest.mark.parametrize("act", [_systemd.retire, _systemd.restore], ids=["retire", "restore"])
def test_check_changes_nothing(monkeypatch: pytest.MonkeyPatch, act: Any) -> None:
    fake = Fake(monkeypatch, "enabled" if act is _systemd.retire else "disabled", "active" if act is _systemd.retire else "inactive")
    assert len(act(record(), check=True)) == 2
    assert fake.words == []


def test_what_started_since_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(monkeypatch, "disabled", "active")
    assert _systemd.restore(record("disabled", "inactive")) == ["stopped"]
    assert fake.active == "inactive"


@pytest.mark.parametrize("refused", ["stop", "disable"])
def test_refusals_name_the_unit_and_the_answer(monkeypatch: pytest.MonkeyPatch, refused: str) -> None:
    fake = Fake(monkeypatch)
    fake.refuse = refused
    with pytest.raises(_systemd.SystemdError, match=rf"systemctl {refused} a\.service \(system manager\): Access denied"):
        _systemd.retire(record())


def test_unit_whose_file_is_gone_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_systemd.Manager, "systemctl", lambda *_words, **_named: Result(0, "Id=a.service\nLoadState=not-found\n", ""))
    with pytest.raises(_systemd.SystemdError, match="its unit file is gone"):
        _systemd.restore(record())
    assert _systemd.retire(record()) == []


def test_managers_are_the_systems_and_those_that_run(tmp_path: Path) -> None:
    for name in ("0", "65534", "4000000000", "not-a-number"):
        (tmp_path / name / "systemd").mkdir(parents=True)
        (tmp_path / name / "systemd" / "private").write_text("")
    (tmp_path / "1").mkdir()  # a folder is left, its manager is gone
    assert [manager.account for manager in _systemd.managers("", str(tmp_path))] == [None, "root", "nobody"]
    assert [manager.account for manager in _systemd.managers("nobody", str(tmp_path))] == [None, "nobody"]
    assert [manager.account for manager in _systemd.managers("", os.path.join(str(tmp_path), "nosuch"))] == [None]


@pytest.mark.parametrize(
    ("value", "argv"),
    [
        ("{ path=/v/x ; argv[]=/v/x --a 'b c' ; ignore_errors=no ; pid=0 }", ["/v/x", "--a", "b c"]),
        ("{ path=/v/x ; argv[]=/v/x ; ignore_errors=no }\n{ path=/v/y ; argv[]=/v/y ; ignore_errors=no }", ["/v/x"]),
        ("", []),
    ],
    ids=["quoted", "two commands", "none"],
)
def test_command_of_a_unit_is_its_first(value: str, argv: list[str]) -> None:
    assert _systemd.parse_exec(value) == argv


@pytest.mark.parametrize("text", ["", "\n\n", "no properties here"])
def test_show_of_nothing_is_nothing(text: str) -> None:
    assert _systemd.parse_show(text) == []
