# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of :mod:`_model_server.firewall_rules` brought to a host and away again.

A record says which are ours; nothing else is ever removed.
"""

from __future__ import annotations

import json
import os
from typing import Any, Optional

from .._host import files as _files
from .._host import process as _process
from .._host.problem import OperatorError
from . import firewall_rules as _firewall_rules
from .firewall_rules import FIREWALLD, IPTABLES, NFTABLES, PERMANENT, UFW, Found, Rule, Wanted

RECORD = "firewall.json"
FORMAT = 1
# Docker's, in firewalld
DOCKER_ZONE = "docker"


class FirewallError(OperatorError):
    """A firewall's program refused, or the record can't be read."""


def inspect(wanted: Optional[Wanted] = None) -> Found:
    """The state of this host's firewalls; a missing program counts as an empty answer.

    :param wanted: the packets whose firewalld zone is wanted; ``None`` for no zone.
    """
    running = _output(["firewall-cmd", "--state"])
    answer = _process.run(["nft", "-j", "list", "ruleset"])
    try:
        ruleset = json.loads(answer.out).get("nftables", []) if answer.rc == 0 else []
    except ValueError:
        ruleset = []
    zone = _zone(wanted) if running and wanted else ""
    return Found(
        _output(["ufw", "status"]),
        running,
        zone,
        _output(["firewall-cmd", "--permanent", "--zone=" + zone, "--get-target"]) if zone else "",
        ruleset,
    )


def _zone(wanted: Wanted) -> str:
    """The zone that firewalld picks: by source, else by interface, else the default.

    A network that does not exist yet will be in the zone that Docker has for its networks, if any.
    """
    answer = _process.run(["ip", "-json", "-4", "address", "show", "to", wanted.gateway + "/32"])
    links = (
        [link["ifname"] for link in json.loads(answer.out or "[]") if link]
        if answer.rc == 0
        else []
    )
    zone = _output(["firewall-cmd", "--get-zone-of-source=" + wanted.subnet])
    for link in links:
        zone = zone or _output(["firewall-cmd", "--get-zone-of-interface=" + link])
    if not links and not zone and DOCKER_ZONE in _output(["firewall-cmd", "--get-zones"]).split():
        zone = DOCKER_ZONE
    return zone or _output(["firewall-cmd", "--get-default-zone"])


def _output(argv: list[str]) -> str:
    answer = _process.run(argv)
    return answer.out.strip() if answer.rc == 0 else ""


def load(folder: str) -> list[Rule]:
    """The rules that are ours.

    :raises FirewallError: the record can't be read.
    """
    path = os.path.join(folder, RECORD)
    if not os.path.exists(path):
        return []
    try:
        record = json.loads(_files.read(path))
        if record["format"] != FORMAT:
            raise ValueError("of another release")
        return [Rule.of(item) for item in record["rules"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FirewallError(
            '%s cannot be read (%s); move it away, and look for rules marked "%s" in the firewall'
            % (path, error, _firewall_rules.MARK)
        ) from None


def _save(folder: str, rules: list[Rule]) -> None:
    path = os.path.join(folder, RECORD)
    if rules:
        _files.make_folder(folder, 0o700)
        _files.write_atomically(
            path,
            json.dumps({"format": FORMAT, "rules": [rule.record() for rule in rules]}, indent=1)
            + "\n",
        )
    elif os.path.exists(path):
        os.unlink(path)
        _files.sync_folder(folder)


def apply(wanted: Wanted, folder: str, check: bool = False) -> dict[str, Any]:
    """Allow the containers, and remove what an earlier run allowed and this one does not.

    :returns: ``changed``, ``firewall``, ``added`` and ``removed`` (commands).
    :raises FirewallError: a rule could not be made. Those that were made are in the record.
    """
    found, ours = inspect(wanted), load(folder)
    kind = _firewall_rules.kind_of(found)
    rules = _firewall_rules.rules(kind, found, wanted)
    gone = [rule for rule in ours if rule not in rules]
    missing = [rule for rule in rules if not _exists(found, rule)]
    report = {
        "changed": bool(gone or missing or ours != rules),
        "firewall": kind,
        "added": [" ".join(rule.add) for rule in missing],
        "removed": [" ".join(rule.add) for rule in gone],
    }
    if check or not report["changed"]:
        return report
    # the record first: a rule that nobody remembers would stay for good
    _save(folder, [*ours, *(rule for rule in rules if rule not in ours)])
    for rule in gone:
        _remove(found, rule)
    for rule in missing:
        _run(rule.add)
    _save(folder, rules)
    return report


def reapply(folder: str) -> list[str]:
    """Add rules that the firewall has lost by a reboot or a restart; returns the commands."""
    found = inspect()
    missing = [
        rule
        for rule in load(folder)
        if not _exists(found, rule)
        and (rule.kind != NFTABLES or _firewall_rules.has_chain(found.nft, rule))
    ]
    for rule in missing:
        _run(rule.add)
    return [" ".join(rule.add) for rule in missing]


def remove(folder: str, check: bool = False) -> dict[str, Any]:
    """Remove our rules."""
    ours = load(folder)
    if ours and not check:
        found = inspect()
        for rule in ours:
            _remove(found, rule)
        _save(folder, [])
    return {
        "changed": bool(ours),
        "firewall": ours[0].kind if ours else _firewall_rules.NONE,
        "added": [],
        "removed": [" ".join(rule.add) for rule in ours],
    }


def volatile(folder: str) -> bool:
    """Whether a restart of the firewall loses some of the rules."""
    return any(rule.kind in (NFTABLES, IPTABLES) for rule in load(folder))


def _exists(found: Found, rule: Rule) -> bool:
    if rule.kind == FIREWALLD and not found.firewalld:
        return PERMANENT in rule.ask and _process.run(_offline(rule.ask)).rc == 0
    if rule.ask:
        return _process.run(list(rule.ask)).rc == 0
    return _firewall_rules.present(
        found, rule, _output(["ufw", "show", "added"]) if rule.kind == UFW else ""
    )


def _remove(found: Found, rule: Rule) -> None:
    if not _exists(found, rule):
        return
    if rule.kind == FIREWALLD and not found.firewalld:
        commands = [tuple(_offline(rule.remove))]
    elif rule.remove:
        commands = [rule.remove]
    else:
        commands = [
            ("nft", "delete", "rule", *rule.place, "handle", str(number))
            for number in _firewall_rules.handles(found.nft, rule)
        ]
    for command in commands:
        _run(command)


def _offline(argv: tuple[str, ...]) -> list[str]:
    """The command for a permanent rule while firewalld does not run."""
    return ["firewall-offline-cmd", *(word for word in argv[1:] if word != PERMANENT)]


def _run(argv: tuple[str, ...]) -> None:
    answer = _process.run(list(argv))
    if answer.rc != 0:
        raise FirewallError(
            "%s: %s"
            % (" ".join(argv), (answer.err or answer.out).strip() or "failed with %d" % answer.rc)
        )
