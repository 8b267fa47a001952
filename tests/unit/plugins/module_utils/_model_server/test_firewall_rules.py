"""Which firewall decides, and which rules let containers through it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    firewall_rules as _firewall_rules,
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


def rule(*expr: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "rule": {
            "family": "inet",
            "table": "guard",
            "chain": "in",
            "handle": 7,
            "expr": list(expr),
            **more,
        }
    }


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (Found(), "none"),
        (Found(ufw="Status: inactive\n"), "none"),
        (Found(ufw="Status: active\n"), "ufw"),
        (Found(firewalld="running\n"), "firewalld"),
        (Found(nft=[chain("accept")]), "none"),
        (Found(nft=[chain("drop")]), "nftables"),
        (Found(nft=[chain("drop", hook="forward")]), "none"),
        (Found(nft=[chain("accept"), rule({"counter": None}, {"drop": None})]), "nftables"),
        (Found(nft=[chain("accept"), rule({"match": {}}, {"drop": None})]), "none"),
        (Found(nft=[chain("drop", "filter", "INPUT", "ip")]), "iptables"),
    ],
)
def test_the_firewall_that_decides(found: Found, kind: str) -> None:
    assert _firewall_rules.kind_of(found) == kind


def test_rules_name_the_subnet_the_gateway_and_the_ports() -> None:
    for kind, found, count in (
        ("ufw", Found(), 2),
        ("firewalld", Found(zone="public", target="default"), 4),
        ("nftables", Found(nft=[chain("drop")]), 1),
        ("iptables", Found(nft=[chain("drop", "filter", "INPUT", "ip")]), 2),
        ("none", Found(), 0),
    ):
        made = _firewall_rules.rules(kind, found, WANTED)
        assert len(made) == count
        text = " ".join(word for item in made for word in item.add)
        assert not made or all(
            word in text for word in ("172.30.40.0/24", "172.30.40.1", "8079", "8082")
        )
        assert [_firewall_rules.Rule.of(item.record()) for item in made] == made
        assert _firewall_rules.rules(kind, found, WANTED._replace(ports=())) == []
    assert _firewall_rules.rules("firewalld", Found(zone="docker", target="ACCEPT"), WANTED) == []


def test_own_rules_are_found_by_their_mark() -> None:
    (made,) = _firewall_rules.rules("nftables", Found(nft=[chain("drop")]), WANTED)
    ours = rule({"accept": None}, comment=made.add[-1].strip('"'))
    assert not _firewall_rules.present(Found(nft=[chain("drop"), rule({"accept": None})]), made)
    assert _firewall_rules.present(Found(nft=[chain("drop"), ours]), made)
    assert _firewall_rules.handles([ours], made) == [7]
    (first, _second) = _firewall_rules.rules("ufw", Found(), WANTED)
    assert not _firewall_rules.present(Found(), first, "ufw allow 22/tcp\n")
    assert _firewall_rules.present(
        Found(),
        first,
        "ufw allow from 172.30.40.0/24 to 172.30.40.1 port 8079 proto tcp comment 'x'\n",
    )
