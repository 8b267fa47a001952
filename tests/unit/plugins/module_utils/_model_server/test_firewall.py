"""Rules of whichever firewall decides come, change and go."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    firewall as _firewall,
)
from ansible_collections.llmops.litellm.plugins.module_utils._model_server.firewall_rules import (
    Found,
    Wanted,
)

WANTED = Wanted("172.30.40.0/24", "172.30.40.1", (8079, 8082))


def chain(
    policy: str, table: str = "guard", name: str = "in", family: str = "inet", hook: str = "input"
) -> dict[str, Any]:
    return {
        "chain": {
            "family": family,
            "table": table,
            "name": name,
            "hook": hook,
            "type": "filter",
            "prio": 0,
            "policy": policy,
            "handle": 1,
        }
    }


class Host:
    """iptables, as far as its rules go."""

    def __init__(self) -> None:
        self.rules: list[str] = []
        self.refuses = False

    def run(self, argv: list[str], **_more: Any) -> _process.Result:
        text = " ".join(argv[3:])
        if argv[0] != "iptables":
            return _process.Result(127, "", "")
        if argv[2] == "-C":
            return _process.Result(0 if text in self.rules else 1, "", "")
        if self.refuses:
            return _process.Result(4, "", "locked")
        if argv[2] == "-I":
            self.rules.insert(0, text)
        else:
            self.rules.remove(text)
        return _process.Result(0, "", "")


@pytest.fixture(name="host")
def _host_fixture(monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host()
    monkeypatch.setattr(_process, "run", host.run)
    monkeypatch.setattr(
        _firewall, "inspect", lambda *_wanted: Found(nft=[chain("drop", "filter", "INPUT", "ip")])
    )
    return host


@pytest.mark.parametrize(
    ("answers", "zone"),
    [
        ({}, "public"),
        ({"--get-zones": "docker public"}, "docker"),
        ({"--get-zones": "docker public", "ip": '[{}, {"ifname": "br-1"}]'}, "public"),
        ({"--get-zone-of-interface=br-1": "inner", "ip": '[{"ifname": "br-1"}]'}, "inner"),
        (
            {
                "--get-zone-of-source=172.30.40.0/24": "ours",
                "--get-zone-of-interface=br-1": "inner",
                "ip": '[{"ifname": "br-1"}]',
            },
            "ours",
        ),
    ],
)
def test_firewalld_is_asked_for_the_zone_of_the_projects_packets(
    monkeypatch: pytest.MonkeyPatch, answers: dict[str, str], zone: str
) -> None:
    told = {
        "--state": "running",
        "--get-default-zone": "public",
        "--get-target": "default",
        **answers,
    }

    def run(argv: list[str], **_more: Any) -> _process.Result:
        if argv[0] not in ("firewall-cmd", "ip"):
            return _process.Result(127, "", "")
        out = told.get("ip" if argv[0] == "ip" else argv[-1], "")
        return _process.Result(0 if out else 1, out + "\n", "")

    monkeypatch.setattr(_process, "run", run)
    assert _firewall.inspect(WANTED)[1:4] == ("running", zone, "default")
    assert _firewall.inspect().zone == ""


def test_what_firewalld_keeps_goes_while_it_does_not_run_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    state: dict[str, Any] = {"running": True, "kept": set(), "now": set()}

    def run(argv: list[str], **_more: Any) -> _process.Result:
        if argv[0] == "firewall-offline-cmd":
            assert not state["running"] and "--permanent" not in argv
        elif argv[0] != "firewall-cmd" or not state["running"]:
            return _process.Result(252 if argv[0] == "firewall-cmd" else 127, "", "")
        word, _equals, text = argv[-1].partition("=")
        rules = state[
            "kept" if argv[0] == "firewall-offline-cmd" or "--permanent" in argv else "now"
        ]
        if word == "--query-rich-rule":
            return _process.Result(0 if text in rules else 1, "", "")
        if word == "--add-rich-rule":
            rules.add(text)
        elif word == "--remove-rich-rule":
            rules.remove(text)
        return _process.Result(
            0,
            {"--state": "running", "--get-default-zone": "public", "--get-target": "default"}.get(
                word, ""
            ),
            "",
        )

    monkeypatch.setattr(_process, "run", run)
    assert _firewall.apply(WANTED, str(tmp_path))["firewall"] == "firewalld"
    assert (len(state["kept"]), len(state["now"])) == (2, 2)
    assert not _firewall.apply(WANTED, str(tmp_path))["changed"]
    state.update(running=False, now=set())
    assert _firewall.apply(WANTED, str(tmp_path))["firewall"] == "none"
    assert state["kept"] == set()
    assert _firewall.load(str(tmp_path)) == []


def test_rules_come_once_change_and_go(host: Host, tmp_path: Any) -> None:
    folder = str(tmp_path / "state")
    foreign = "INPUT -p tcp --dport 22 -j ACCEPT"
    host.rules.append(foreign)
    assert _firewall.apply(WANTED, folder, check=True)["changed"]
    assert host.rules == [foreign]
    assert _firewall.apply(WANTED, folder)["changed"]
    assert len(host.rules) == 3
    assert not _firewall.apply(WANTED, folder)["changed"]
    assert _firewall.volatile(folder)
    told = _firewall.apply(WANTED._replace(ports=(8082,)), folder)
    assert len(told["removed"]) == 1
    assert len(host.rules) == 2
    host.rules.remove(next(line for line in host.rules if "8082" in line))
    assert len(_firewall.reapply(folder)) == 1
    assert _firewall.reapply(folder) == []
    assert _firewall.remove(folder, check=True)["changed"]
    assert _firewall.remove(folder)["changed"]
    assert host.rules == [foreign]
    assert not _firewall.remove(folder)["changed"]
    assert _firewall.load(folder) == []


def test_a_rule_that_could_not_be_made_is_in_the_record_and_made_next_time(
    host: Host, tmp_path: Any
) -> None:
    host.refuses = True
    with pytest.raises(_firewall.FirewallError, match="locked"):
        _firewall.apply(WANTED, str(tmp_path))
    assert len(_firewall.load(str(tmp_path))) == 2
    host.refuses = False
    assert _firewall.apply(WANTED, str(tmp_path))["changed"]
    assert len(host.rules) == 2


def test_a_record_that_cannot_be_read_is_named(host: Host, tmp_path: Any) -> None:
    (tmp_path / "firewall.json").write_text("{", encoding="utf-8")
    with pytest.raises(_firewall.FirewallError, match=r"firewall\.json cannot be read"):
        _firewall.apply(WANTED, str(tmp_path))
    assert host.rules == []
