"""Where clients come from: kept, or a change of it said before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from legacy_host import deployment, settings, texts

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    journal_shape as _journal_shape,
)
from ansible_collections.llmops.litellm.plugins.module_utils._hold import hold as _hold
from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    connections as _connections,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import listeners as _listeners
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._host.connections import Connection
from ansible_collections.llmops.litellm.plugins.module_utils._host.listeners import Listener
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result
from ansible_collections.llmops.litellm.plugins.module_utils._host.systemd import Manager, Unit
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    preflight_address as _preflight_address,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration.preflight_findings import (
    Findings,
)

LINK = {"ifname": "eth0", "addr_info": [{"family": "inet", "local": "10.0.0.5"}]}


class Host:
    """A host whose proxy (process 271) listens somewhere; who is connected, and what guards it."""

    def __init__(self) -> None:
        self.address = "127.0.0.1"
        self.here = {"127.0.0.1", "0.0.0.0", "10.0.0.5", "::"}
        self.connected: list[Connection] = []
        self.others: list[Listener] = []
        self.ufw = "ENABLED=no\n"
        self.firewalld = "inactive"
        self.names = {7: "nginx (process 7)", 8: "curl (process 8)"}

    def check(self, tmp_path: Path, options: Any = (), **given: Any) -> Findings:
        (tmp_path / "ufw.conf").write_text(self.ufw)
        legacy = deployment({}, host=self.address, options=list(options))
        listeners = [Listener(self.address, 4000, 271, "litellm"), *self.others]
        return _preflight_address.check_address(legacy, settings(tmp_path, **given), listeners)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Host:
    made = Host()
    monkeypatch.setattr(_preflight_address, "UFW", str(tmp_path / "ufw.conf"))
    monkeypatch.setattr(_listeners, "is_here", lambda address: address in made.here)
    monkeypatch.setattr(_process, "ancestors", lambda pid, proc="": [pid])
    monkeypatch.setattr(_process, "describe", lambda pid, proc="": made.names.get(pid, "?"))
    monkeypatch.setattr(_process, "run", lambda *_words: Result(0, json.dumps([LINK]), ""))
    monkeypatch.setattr(_connections, "connections", lambda *_words: made.connected)
    monkeypatch.setattr(_hold, "obstacles", lambda _port, _addresses: ("", ""))
    monkeypatch.setattr(
        _systemd,
        "show",
        lambda manager, names: [Unit(names[0], Manager(None), "enabled", made.firewalld, {})],
    )
    return made


def test_loopback_stays_loopback_without_a_word(host: Host, tmp_path: Path) -> None:
    found = host.check(tmp_path)
    assert (found.problems, found.warnings) == ([], [])
    assert found.facts["address"] == {
        "legacy": ["127.0.0.1"],
        "publish": ["127.0.0.1"],
        "listen": "127.0.0.1",
        "tls": False,
        "legacy_url": "http://127.0.0.1:4000",
        "url": "http://127.0.0.1:4000",
        "proofs": [],
    }
    assert _journal_shape.odd_facts({"found": {"address": found.facts["address"]}}) == []


KEPT: list[tuple[str, dict[str, Any], list[str], list[str]]] = [
    ("0.0.0.0", {}, ["0.0.0.0"], ["http://10.0.0.5:4000"]),
    ("::", {}, ["0.0.0.0", "::"], ["http://10.0.0.5:4000"]),
    ("10.0.0.5", {}, ["127.0.0.1", "10.0.0.5"], ["http://10.0.0.5:4000"]),
    ("10.0.0.5", {"network": "host"}, ["10.0.0.5"], ["http://10.0.0.5:4000"]),
    ("0.0.0.0", {"publish": ["127.0.0.1"]}, ["127.0.0.1"], []),
    ("127.0.0.1", {"publish": ["10.0.0.5"]}, ["127.0.0.1", "10.0.0.5"], ["http://10.0.0.5:4000"]),
]


@pytest.mark.parametrize(("address", "given", "publish", "proofs"), KEPT)
def test_the_address_is_kept_and_proved(
    host: Host,
    tmp_path: Path,
    address: str,
    given: dict[str, Any],
    publish: list[str],
    proofs: list[str],
) -> None:
    host.address = address
    found = host.check(tmp_path, **given)
    assert found.problems == []
    assert found.facts["address"]["publish"] == publish
    assert found.facts["address"]["proofs"] == proofs
    assert ("PUBLISHED BEYOND THIS HOST" in texts(found.warnings)) is bool(proofs)
    assert ("DOCKER-USER" in texts(found.warnings)) is (bool(proofs) and "network" not in given)
    changed = "publish" in given
    assert ("the legacy proxy listens at %s, the new one" % address in texts(found.warnings)) is (
        changed
    )


def test_localhost_is_one_address_in_the_hosts_network(host: Host, tmp_path: Path) -> None:
    """``--host localhost`` listens at both loopback addresses."""
    host.here.add("::1")
    host.others = [Listener("::1", 4000, 271, "litellm")]
    found = host.check(tmp_path, network="host")
    assert found.problems == []
    address = found.facts["address"]
    assert (address["listen"], address["publish"]) == ("127.0.0.1", ["127.0.0.1"])
    assert "listens at 127.0.0.1, ::1, the new one will at 127.0.0.1" in texts(found.warnings)
    assert "leave the variable out" not in texts(found.warnings)
    assert host.check(tmp_path).facts["address"]["publish"] == ["127.0.0.1", "::1"]


def test_addresses_of_the_legacy_proxy_are_none_of_a_variable(host: Host, tmp_path: Path) -> None:
    host.here.add("10.0.0.6")
    host.address, host.others = "10.0.0.5", [Listener("10.0.0.6", 4000, 271, "litellm")]
    (problem,) = host.check(tmp_path, network="host").problems
    assert str(problem) == (
        "--host: names 10.0.0.5, 10.0.0.6, and a proxy in the host's network listens at one address"
        " -> name one of them, or 0.0.0.0, in litellm_publish"
    )


def test_clients_that_a_change_cuts_off_are_named(host: Host, tmp_path: Path) -> None:
    host.address = "0.0.0.0"
    host.connected = [
        Connection("10.0.0.9", 555, None, 271),
        Connection("127.0.0.1", 556, 8, 271),
    ]
    said = texts(host.check(tmp_path, publish=["127.0.0.1"]).warnings)
    assert "connected now, and refused then: 10.0.0.9" in said
    assert "connected now" not in texts(host.check(tmp_path).warnings)


GUARDS: list[tuple[str, str, dict[str, Any], str]] = [
    ("ENABLED=yes\n", "inactive", {}, "behind ufw"),
    ("ENABLED=no\n", "active", {}, "behind firewalld"),
    ("ENABLED=yes\n", "inactive", {"publish": ["0.0.0.0"]}, ""),
    ("ENABLED=yes\n", "inactive", {"network": "host"}, ""),
    ("# ENABLED=yes\n", "inactive", {}, ""),
]


@pytest.mark.parametrize(("ufw", "firewalld", "given", "refused"), GUARDS)
def test_a_firewall_that_docker_passes_by(
    host: Host, tmp_path: Path, ufw: str, firewalld: str, given: dict[str, Any], refused: str
) -> None:
    host.address, host.ufw, host.firewalld = "0.0.0.0", ufw, firewalld
    found = host.check(tmp_path, **given)
    if refused:
        assert refused in texts(found.problems)
        assert "litellm_publish: 0.0.0.0" in texts(found.problems)
    else:
        assert found.problems == []
    host.address = "127.0.0.1"
    assert host.check(tmp_path).problems == []


def test_without_ufw_there_is_none(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_preflight_address, "UFW", str(tmp_path / "nosuch"))
    host.address = "0.0.0.0"
    assert host.check(tmp_path).problems == []


@pytest.mark.parametrize("publish", [["10.9.9.9"], ["gateway"], ["0.0.0.0", "10.9.9.9"]])
def test_an_address_that_is_none_of_this_host_is_refused(
    host: Host, tmp_path: Path, publish: list[str]
) -> None:
    found = host.check(tmp_path, publish=publish)
    assert "litellm_publish: %s is no address" % publish[-1] in texts(found.problems)


def test_two_addresses_are_too_many_in_the_hosts_network(host: Host, tmp_path: Path) -> None:
    given = {"publish": ["127.0.0.1", "10.0.0.5"], "network": "host"}
    assert "listens at one address" in texts(host.check(tmp_path, **given).problems)
    assert host.check(tmp_path, publish=given["publish"]).problems == []


def test_https_is_asked_by_https(host: Host, tmp_path: Path) -> None:
    words = ["--ssl_certfile_path", "c", "--ssl_keyfile_path", "k"]
    found = host.check(tmp_path, options=words).facts["address"]
    assert (found["tls"], found["legacy_url"]) == (True, "https://127.0.0.1:4000")


def test_a_reverse_proxy_in_front_is_named(host: Host, tmp_path: Path) -> None:
    host.connected = [Connection("127.0.0.1", 555, 7, 271), Connection("127.0.0.1", 5, 8, 271)]
    assert "reverse proxy nginx (process 7): is connected to port 4000" in texts(
        host.check(tmp_path).warnings
    )
    host.connected = []
    assert host.check(tmp_path).warnings == []
    host.others = [Listener("0.0.0.0", 443, 7, "nginx"), Listener("0.0.0.0", 80, 8, "curl")]
    assert "reverse proxy nginx (process 7): listens at port 443" in texts(
        host.check(tmp_path).warnings
    )


TLS = ["--ssl_certfile_path", "c", "--ssl_keyfile_path", "k"]
NO_RULES, NOT_KEPT = ("nft is not installed", "no pidfd_getfd"), ("", "no pidfd_getfd")
REFUSED = (
    "clients: are refused while nobody serves, instead of waiting: nft is not installed"
    " -> install or allow it, or announce the time"
)
BREAKS = "clients: that keep their connections may get an error in the moment of the change: "


@pytest.mark.parametrize(
    ("obstacles", "options", "given", "said"),
    [
        (NO_RULES, [], {"max_hold": 1}, [REFUSED]),
        (NO_RULES, [], {"max_hold": 0}, []),  # they are meant to be
        (NOT_KEPT, [], {}, [BREAKS + "no pidfd_getfd"]),
        (NOT_KEPT, TLS, {}, [BREAKS + "no pidfd_getfd"]),
        (("", ""), TLS, {}, [BREAKS + "LiteLLM encrypts them itself"]),
        (("", ""), [], {}, []),
    ],
)
def test_who_will_be_refused_is_said_before(
    host: Host,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    obstacles: tuple[str, str],
    options: list[str],
    given: dict[str, Any],
    said: list[str],
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(_hold, "obstacles", lambda *words: asked.append(words) or obstacles)
    warnings = host.check(tmp_path, options, **given).warnings
    assert [str(each) for each in warnings if each.subject == "clients"] == said
    assert asked == ([(4000, ["127.0.0.1"])] if given.get("max_hold") != 0 else [])
