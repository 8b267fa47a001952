# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which firewall of a host is active, and the rules that let containers through to their bridges.

Pure: answers in, rules out. A host without an active firewall needs no rules. An accept in a table
of our own would not help: another table's drop still drops. So the rules go where the drop is, each
with a mark by which it is found again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

NONE, UFW, FIREWALLD, NFTABLES, IPTABLES = "none", "ufw", "firewalld", "nftables", "iptables"
MARK = "llmops.litellm bridge"
# firewalld's word for what it keeps
PERMANENT = "--permanent"


class Found(NamedTuple):
    """The output of the firewalls' programs.

    ``zone``: firewalld's zone of the project's packets; ``target``: that zone's default action.
    """

    ufw: str = ""
    firewalld: str = ""
    zone: str = ""
    target: str = ""
    nft: Sequence[dict[str, Any]] = ()


class Wanted(NamedTuple):
    """What to allow: from the containers' subnet, to the bridges' address, at these ports."""

    subnet: str
    gateway: str
    ports: tuple[int, ...]


class Rule(NamedTuple):
    """One rule.

    ``add`` and ``remove`` are commands; ``ask`` is one that succeeds if the rule exists, empty if
    :func:`present` reads that from the ruleset. ``place``: nftables' family, table and chain.
    """

    kind: str
    add: tuple[str, ...]
    remove: tuple[str, ...]
    ask: tuple[str, ...]
    place: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """The rule as JSON, for the record on the host."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in self._asdict().items()
        }

    @classmethod
    def of(cls, record: dict[str, Any]) -> Rule:
        """The reverse of :meth:`record`."""
        return cls(
            record["kind"], *(tuple(record[key]) for key in ("add", "remove", "ask", "place"))
        )


def kind_of(found: Found) -> str:
    """The firewall that decides."""
    if re.search(r"^Status: active\b", found.ufw, re.M):
        return UFW
    if found.firewalld.strip() == "running":
        return FIREWALLD
    places = dropping(found.nft)
    if not places:
        return NONE
    return IPTABLES if all(_is_iptables(place) for place in places) else NFTABLES


def dropping(ruleset: Sequence[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """The nftables chains (family, table, name) that drop IPv4 packets to this host by default."""
    rules: dict[tuple[str, str, str], list[list[dict[str, Any]]]] = {}
    bases = {}
    for item in ruleset:
        chain, rule = item.get("chain"), item.get("rule")
        if (
            chain
            and chain.get("hook") == "input"
            and chain.get("type", "filter") == "filter"
            and chain["family"] in ("ip", "inet")
        ):
            bases[chain["family"], chain["table"], chain["name"]] = chain.get("policy", "accept")
        if rule:
            rules.setdefault((rule["family"], rule["table"], rule["chain"]), []).append(
                rule.get("expr", [])
            )
    return sorted(
        place
        for place, policy in bases.items()
        if policy == "drop" or any(_drops_all(steps) for steps in rules.get(place, []))
    )


def _drops_all(steps: Sequence[dict[str, Any]]) -> bool:
    """Whether a rule drops or rejects every packet: it has no match."""
    kinds = [next(iter(step)) for step in steps]
    return bool(kinds) and kinds[-1] in ("drop", "reject") and set(kinds[:-1]) <= {"counter", "log"}


def _is_iptables(place: tuple[str, str, str]) -> bool:
    """Whether it is iptables' own chain in nftables, whose rules only iptables may change."""
    return place[0] == "ip" and place[1] == "filter" and place[2] == "INPUT"


def rules(kind: str, found: Found, wanted: Wanted) -> list[Rule]:
    """The rules that are needed."""
    if not wanted.ports:
        return []
    if kind == UFW:
        return [_ufw(wanted, port) for port in wanted.ports]
    if kind == FIREWALLD:
        # Docker puts its networks into a zone of its own, which usually accepts everything.
        return (
            []
            if found.target == "ACCEPT"
            else [rule for port in wanted.ports for rule in _firewalld(wanted, port, found.zone)]
        )
    if kind in (NFTABLES, IPTABLES):
        made = []
        for place in dropping(found.nft):
            made += (
                [_iptables(wanted, port) for port in wanted.ports]
                if _is_iptables(place)
                else [_nft(wanted, place)]
            )
        return made
    return []


def _ufw(wanted: Wanted, port: int) -> Rule:
    words = (
        "allow",
        "from",
        wanted.subnet,
        "to",
        wanted.gateway,
        "port",
        str(port),
        "proto",
        "tcp",
    )
    return Rule(UFW, ("ufw", *words, "comment", MARK), ("ufw", "delete", *words), ())


def _firewalld(wanted: Wanted, port: int, zone: str) -> list[Rule]:
    """A permanent rule and a runtime rule.

    A reload, which applies the permanent ones, would remove the runtime rules of others.
    """
    text = (
        'rule family="ipv4" source address="%s" destination address="%s" port port="%d" '
        'protocol="tcp" accept' % (wanted.subnet, wanted.gateway, port)
    )
    bases = [("firewall-cmd", PERMANENT, "--zone=" + zone), ("firewall-cmd", "--zone=" + zone)]
    return [
        Rule(
            FIREWALLD,
            (*base, "--add-rich-rule=" + text),
            (*base, "--remove-rich-rule=" + text),
            (*base, "--query-rich-rule=" + text),
        )
        for base in bases
    ]


def _iptables(wanted: Wanted, port: int) -> Rule:
    words = (
        "INPUT",
        "-s",
        wanted.subnet,
        "-d",
        wanted.gateway + "/32",
        "-p",
        "tcp",
        "-m",
        "tcp",
        "--dport",
        str(port),
        "-m",
        "comment",
        "--comment",
        MARK,
        "-j",
        "ACCEPT",
    )
    return Rule(
        IPTABLES,
        ("iptables", "-w", "-I", *words),
        ("iptables", "-w", "-D", *words),
        ("iptables", "-w", "-C", *words),
    )


def _nft(wanted: Wanted, place: tuple[str, str, str]) -> Rule:
    ports = "{ %s }" % ", ".join(str(port) for port in wanted.ports)
    words = (
        "ip",
        "saddr",
        wanted.subnet,
        "ip",
        "daddr",
        wanted.gateway,
        "tcp",
        "dport",
        ports,
        "accept",
        "comment",
        '"%s %s"' % (MARK, ports.strip("{ }")),
    )
    return Rule(NFTABLES, ("nft", "insert", "rule", *place, *words), (), (), place)


def handles(ruleset: Sequence[dict[str, Any]], rule: Rule) -> list[int]:
    """The nftables handles of a rule of ours."""
    comment = rule.add[-1].strip('"')
    return [
        item["rule"]["handle"]
        for item in ruleset
        if "rule" in item
        and item["rule"].get("comment") == comment
        and (item["rule"]["family"], item["rule"]["table"], item["rule"]["chain"]) == rule.place
    ]


def has_chain(ruleset: Sequence[dict[str, Any]], rule: Rule) -> bool:
    """Whether nftables still has the chain of a rule."""
    return any(
        (item["chain"]["family"], item["chain"]["table"], item["chain"]["name"]) == rule.place
        for item in ruleset
        if "chain" in item
    )


def present(found: Found, rule: Rule, added: str = "") -> bool:
    """Whether a rule without ``ask`` is there.

    :param added: what ``ufw show added`` says.
    """
    if rule.kind == UFW:
        return any(
            line.startswith(" ".join(rule.add[: rule.add.index("comment")]))
            for line in added.splitlines()
        )
    return bool(handles(found.nft, rule))
