"""The unit that holds: how it is started, asked, told and ended, by a systemd that is none."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._hold import container as _container
from ansible_collections.llmops.litellm.plugins.module_utils._hold import hold as _hold
from ansible_collections.llmops.litellm.plugins.module_utils._hold import kept as _kept
from ansible_collections.llmops.litellm.plugins.module_utils._hold import unit as _unit
from ansible_collections.llmops.litellm.plugins.module_utils._hold.hold import HoldError, Wanted
from ansible_collections.llmops.litellm.plugins.module_utils._host import listeners as _listeners
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._host.listeners import Listener
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result

ONE = "llmops-litellm-hold-1.service"


class Host:
    """Units of this kind by their status, and what is done to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.units: dict[str, dict[str, Any]] = {}
        self.seen: list[list[str]] = []
        self.files: dict[str, str] = {}
        self.starts, self.answers, self.journal = True, True, ""
        self.refuses = ""  # a verb of systemctl
        self.nft = Result(0, "", "")

    def add(self, name: str = ONE, **status: Any) -> None:
        """A unit that holds."""
        told = {"state": "holding", "held": 0, "kept": 2, "carried": 0, "seconds": 0.0}
        self.units[name] = {**told, "spared": False, **status}

    def run(self, argv: list[str], *_words: Any, **_more: Any) -> Result:
        """In place of every program."""
        self.seen.append(argv)
        if argv[0] == "systemd-run":
            for path in self.folder.rglob("*.py"):
                self.files[str(path.relative_to(self.folder))] = path.read_text()
            if self.starts:
                name = next(word for word in argv if word.startswith("--unit="))[7:]
                to = int(next(word for word in argv if word.startswith("--to="))[5:])
                self.add(name, **({"state": "leading", "to": to} if to else {}))
            return Result(0 if self.starts else 1, "", "Job failed.\n")
        if argv[0] == "journalctl":
            return Result(0, self.journal, "")
        if argv[0] == "nft":
            return self.nft
        verb, name = argv[1], argv[-1]
        if verb == self.refuses:
            return Result(1, "", "no such job\n")
        if verb == "list-units":
            return Result(0, "".join(f"{unit} loaded active\n" for unit in self.units), "")
        if verb == "show":
            told = self.units[name]
            return Result(0, json.dumps(told) + "\n" if told else "\n", "")
        if verb == "kill" and self.answers:
            self.units[name].update(self.change(name, argv[3].partition("=")[2]))
        if verb == "stop":
            del self.units[name]
        return Result(0, "", "")

    def change(self, name: str, signal: str) -> dict[str, Any]:
        """What a unit says after a signal."""
        if signal == "USR2":
            return {"spared": True}
        if signal == "USR1":
            return {"to": 0} if self.units[name]["state"] == "carrying" else {"state": "carrying"}
        to = int((self.folder / name.replace(".service", "") / "to").read_text())
        return {"state": "leading", "to": to} if to else {"state": "holding"}

    def called(self, word: str) -> list[list[str]]:
        """What was run with this word."""
        return [argv for argv in self.seen if word in argv]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Host:
    made = Host(tmp_path)
    served = [Listener("127.0.0.1", port, 9, "x") for port in (14000, 14001)]
    monkeypatch.setattr(_listeners, "listeners", lambda: served)
    monkeypatch.setattr(_process, "run", made.run)
    monkeypatch.setattr(_systemd, "run", made.run)
    monkeypatch.setattr(_process, "program", lambda name: "/sbin/" + name)
    monkeypatch.setattr(_unit, "RUN", str(tmp_path))
    monkeypatch.setattr(_unit, "PATIENCE", 0.1)
    monkeypatch.setattr(_kept, "servers", lambda _port: [11, 12])
    return made


WANTED = Wanted(4000, ["127.0.0.1", "::"], 90, True, (7, 8), url="http://x:4000")
LED = WANTED._replace(to=14000)


def test_a_unit_holds_what_is_wanted(host: Host) -> None:
    there = _hold.begin(WANTED)
    assert (there.unit, there.state, there.kept) == (ONE, "holding", 2)
    (argv,) = host.called("--unit=" + ONE)
    assert argv[argv.index("--") + 5 :] == [
        "--table=llmops_litellm_hold_1",
        "--port=4000",
        "--limit=90",
        "--address=127.0.0.1",
        "--address=::",
        "--address=0.0.0.0",
        "--process=11",
        "--process=12",
        "--account=7",
        "--account=8",
        "--to=0",
        "--url=http://x:4000",
        f"--wish={host.folder}/llmops-litellm-hold-1/to",
    ]
    assert "--property=RuntimeDirectory=llmops-litellm-hold-1" in argv
    assert "--description=Clients of port 4000 are held" in argv
    assert "--property=Type=notify" in argv
    stop = "add table inet llmops_litellm_hold_1; delete table inet llmops_litellm_hold_1"
    assert f'--property=ExecStopPost=-/sbin/nft "{stop}"' in argv
    assert list(host.folder.iterdir()) == []  # its code was there when it began
    assert any(name.endswith("/llmops_litellm/_hold/relay.py") for name in host.files)


def test_kept_connections_and_accounts_may_be_nobodys(host: Host) -> None:
    _hold.begin(WANTED._replace(kept=False, accounts=()))
    words = " ".join(host.called("--unit=" + ONE)[0])
    assert "--process" not in words and "--account" not in words
    assert "--limit=90" in words


def test_the_code_that_is_left_for_it_runs(host: Host, tmp_path: Path) -> None:
    _hold.begin(WANTED)
    (argv,) = host.called("--unit=" + ONE)
    for name, text in host.files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    begin = argv.index("--") + 1
    words = [*argv[begin : begin + 4], "--help"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "--table" in done.stdout


def test_where_clients_are_held_nothing_is_begun(host: Host) -> None:
    host.add("llmops-litellm-hold-3.service")
    assert _hold.begin(WANTED).unit == "llmops-litellm-hold-3.service"
    assert host.called("systemd-run") == []


def test_a_new_one_begins_beside_one_that_still_carries(host: Host) -> None:
    host.add("llmops-litellm-hold-9.service", state="carrying")
    host.add("llmops-litellm-hold-10.service", state="over")
    assert _hold.held() is None
    assert _hold.begin(WANTED).unit == "llmops-litellm-hold-11.service"
    assert len(_hold.standing()) == 3


def test_a_unit_that_says_nothing_of_the_kind_is_none(host: Host) -> None:
    host.units[ONE] = {}
    assert _hold.standing() == []


def test_clients_are_led_from_the_beginning(host: Host) -> None:
    there = _hold.begin(LED)
    assert (there.unit, there.state, there.to) == (ONE, "leading", 14000)
    (argv,) = host.called("--unit=" + ONE)
    assert "--to=14000" in argv
    assert "--description=Clients of port 4000 are led to port 14000" in argv
    assert _hold.begin(LED) == there
    assert len(host.called("systemd-run")) == 1 and host.called("kill") == []


def test_a_container_of_the_server_stays_as_long_as_it_is_needed(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def find(*words: Any) -> Any:
        asked.append(words)
        return None if len(asked) > 1 else _container.Place(20, 4001, [21, 22])

    monkeypatch.setattr(_container, "find", find)
    inside = LED._replace(container="c")
    _hold.begin(inside)
    (argv,) = host.called("--unit=" + ONE)
    words = [word for word in argv if word.startswith(("--process", "--init", "--inside"))]
    assert words == ["--process=21", "--process=22", "--init=20", "--inside=4001"]
    assert '--property=ExecStopPost=-/sbin/sh -c "kill -CONT 20"' in argv
    assert asked == [("c", 4000)]
    for wanted in (inside, inside._replace(kept=False), WANTED._replace(container="c")):
        host.units.clear()
        host.seen.clear()
        _hold.begin(wanted)
        (argv,) = host.called("--unit=" + ONE)
        assert not [word for word in argv if word.startswith(("--process", "--in"))]
        assert not [word for word in argv if "kill" in word]
    assert len(asked) == 2  # of the others it makes no difference


def test_the_same_unit_leads_and_holds(host: Host) -> None:
    _hold.begin(WANTED)
    (host.folder / "llmops-litellm-hold-1").mkdir()  # systemd's, with the unit
    there = _hold.begin(LED)
    assert (there.unit, there.state, there.to) == (ONE, "leading", 14000)
    host.units[ONE]["to"] = 14000
    there = _hold.begin(WANTED)
    assert (there.unit, there.state, there.to) == (ONE, "holding", 14000)
    assert _hold.begin(WANTED) == there
    assert _hold.begin(LED).state == "leading"
    assert len(host.called("systemd-run")) == 1
    assert [argv[3] for argv in host.called("kill")] == ["--signal=HUP"] * 3
    host.answers = False
    with pytest.raises(HoldError, match=f"{ONE} does not answer"):
        _hold.begin(WANTED)


@pytest.mark.parametrize("state", ["leading", "holding"])
def test_who_was_led_to_one_port_is_not_led_to_another(host: Host, state: str) -> None:
    host.add(state=state, to=14000)
    with pytest.raises(HoldError) as error:
        _hold.begin(LED._replace(to=14001))
    assert str(error.value) == "clients can't be led to port 14001: port 14000 has some"
    assert host.called("kill") == []


@pytest.mark.parametrize("there", [True, False])
def test_nobody_is_led_where_nobody_serves(host: Host, there: bool) -> None:
    if there:
        host.add()
    with pytest.raises(HoldError) as error:
        _hold.begin(LED._replace(to=14002))
    assert str(error.value) == "clients can't be led to port 14002: nobody serves there"
    assert host.called("kill") + host.called("systemd-run") == []


def test_only_one_unit_takes_along_whom_it_has_led(host: Host) -> None:
    """Of two that have a connection, each would read a part of it."""
    host.add(state="carrying", to=14000)
    host.add("llmops-litellm-hold-2.service", state="carrying", to=14001)
    there = _hold.begin(LED)
    assert there.unit == "llmops-litellm-hold-3.service"
    assert [argv[-1] for argv in host.called("kill")] == [ONE]
    assert host.units[ONE]["to"] == 0


@pytest.mark.parametrize(
    ("journal", "reason"),
    [
        (f"nft refused: no\n{ONE}: Main process exited\n", "nft refused: no"),
        (f"{ONE}: Failed\n", "Job failed."),
    ],
)
def test_why_nobody_is_held_is_told(host: Host, journal: str, reason: str) -> None:
    host.starts, host.journal = False, journal
    with pytest.raises(HoldError) as error:
        _hold.begin(WANTED)
    assert str(error.value) == "clients can't be held: " + reason
    assert list(host.folder.iterdir()) == []


def test_one_that_has_ended_at_once_is_told(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "add", lambda _name: None)
    with pytest.raises(HoldError, match=f"clients can't be held: {ONE} has ended"):
        _hold.begin(WANTED)


def test_an_account_is_spared_once(host: Host) -> None:
    there = _hold.begin(WANTED)
    spared = _hold.spare(there)
    assert spared.spared and _hold.spare(spared) == spared
    assert host.called("--signal=USR2") == [
        ["systemctl", "kill", "--kill-who=main", "--signal=USR2", "--", ONE]
    ]


def test_those_who_wait_are_let_through_once(host: Host) -> None:
    assert _hold.let_through() is None
    host.add()
    ended = _hold.let_through()
    assert ended and ended.state == "carrying"
    assert len(host.called("--signal=USR1")) == 1
    assert _hold.let_through() is None


@pytest.mark.parametrize("kept", [True, False])
def test_those_who_were_led_are_taken_along_unless_they_can_not_be(host: Host, kept: bool) -> None:
    _hold.begin(LED)
    ended = _hold.let_through(kept)
    assert ended and (ended.state, ended.to) == ("carrying", 14000 if kept else 0)
    assert len(host.called("--signal=USR1")) == (1 if kept else 2)


def test_what_a_unit_of_before_says_is_understood(host: Host) -> None:
    host.add()
    (there,) = _hold.standing()
    assert there.to == 0 and "to" not in host.units[ONE]


def test_one_that_does_not_answer_is_named(host: Host) -> None:
    host.add()
    host.answers = False
    with pytest.raises(HoldError) as error:
        _hold.let_through()
    assert str(error.value) == f"{ONE} does not answer; systemctl stop {ONE} ends it"
    host.refuses = "kill"
    with pytest.raises(HoldError, match=f"{ONE} gets no signal: no such job"):
        _hold.let_through()


def test_letting_go_ends_the_unit(host: Host) -> None:
    there = _hold.begin(WANTED)
    host.refuses = "stop"
    with pytest.raises(HoldError, match=f"{ONE} does not end: no such job"):
        _hold.end(there)
    host.refuses = ""
    _hold.end(there)
    assert host.called("stop")[-1] == ["systemctl", "stop", "--", ONE]
    assert _hold.standing() == []


def test_obstacles_are_those_of_rules_and_of_kept_connections(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _hold.obstacles(4000, ["::"]) == ("", "")
    assert host.seen == [["nft", "--check", "-f", "-"]]
    host.nft = Result(127, "", "")
    monkeypatch.setattr(_kept, "obstacle", lambda: "no")
    assert _hold.obstacles(4000, ["::"]) == ("nft is not installed (package nftables)", "no")
