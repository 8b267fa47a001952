"""The unit that holds: how it is started, asked, told and ended, by a systemd that is none."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from unit.support import listening

from ansible_collections.llmops.litellm.plugins.module_utils._hold import hold as _hold
from ansible_collections.llmops.litellm.plugins.module_utils._hold import kept as _kept
from ansible_collections.llmops.litellm.plugins.module_utils._hold import unit as _unit
from ansible_collections.llmops.litellm.plugins.module_utils._hold.hold import HoldError, Wanted
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
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
                self.add(next(word for word in argv if word.startswith("--unit="))[7:])
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
            change = {"spared": True} if "--signal=USR2" in argv else {"state": "carrying"}
            self.units[name].update(change)
        if verb == "stop":
            del self.units[name]
        return Result(0, "", "")

    def called(self, word: str) -> list[list[str]]:
        """What was run with this word."""
        return [argv for argv in self.seen if word in argv]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Host:
    made = Host(tmp_path)
    monkeypatch.setattr(_process, "run", made.run)
    monkeypatch.setattr(_systemd, "run", made.run)
    monkeypatch.setattr(_process, "program", lambda name: "/sbin/" + name)
    monkeypatch.setattr(_unit, "RUN", str(tmp_path))
    monkeypatch.setattr(_unit, "PATIENCE", 0.1)
    monkeypatch.setattr(_hold, "servers", lambda _port: [11, 12])
    return made


WANTED = Wanted(4000, ["127.0.0.1", "::"], 90, True, (7, 8))


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
    ]
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


def test_servers_are_who_listens_and_their_children(tmp_path: Path) -> None:
    """Workers have what they accepted, whoever listens."""
    code = (
        "import os, socket, sys; d = socket.create_server(('127.0.0.1', 0)); r, w = os.pipe()\n"
        "child = os.fork()\n"
        "if not child: d.close(); os.close(w); os.read(r, 1); os._exit(0)\n"
        "print(child, d.getsockname()[1], flush=True); sys.stdin.read()\n"
    )
    with (
        listening([], {}, tmp_path) as other,
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server,
        socket.socket() as beside,
    ):
        assert server.stdout
        child, port = map(int, server.stdout.readline().split())
        beside.connect(("127.0.0.1", port))  # who only asks is none
        found = _hold.servers(port)
        server.communicate("")
        assert sorted(found) == sorted([server.pid, child])
        assert _hold.servers(other.port) == [other.pid]
        assert os.getpid() not in found
