# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Preflight: where clients come from is kept, or a change of it is said before."""

from __future__ import annotations

import re
from typing import Iterable, Optional, Sequence

from .._deployment import addresses as _addresses
from .._deployment import legacy as _legacy
from .._hold import hold as _hold
from .._host import connections as _connections
from .._host import files as _files
from .._host import listeners as _listeners
from .._host import process as _process
from .._host import systemd as _systemd
from .._model_server import bridge_proof as _bridge_proof
from .preflight_findings import Findings

VARIABLE = "litellm_publish"
UFW = "/etc/ufw/ufw.conf"
WEB = (80, 443)
# Programs that forward to others, by their processes' names.
FORWARDERS = re.compile(r"(?:nginx|caddy|traefik|haproxy|apache2|httpd|envoy)\b")
_BYPASS = (
    "Docker's published ports are not held by what ufw or firewalld deny: limit them in the chain"
    " DOCKER-USER"
)


def check_address(
    legacy: _legacy.Running, settings: dict, listeners: Sequence[_listeners.Listener]
) -> Findings:
    """Find the addresses at which the proxy serves, who is connected there, and what stands in
    front.

    Facts: ``address``: ``legacy`` and ``publish`` (addresses), ``listen`` (the one of a proxy in
    the host's network), ``legacy_url`` and ``url`` (for the host itself), ``proofs`` (URLs at which
    the new one must answer), ``tls``.
    """
    facts, found = legacy.facts, Findings()
    port, pid = facts["port"], facts["pid"]
    before = _addresses.of_legacy(listeners, pid, port, facts.get("host") or "0.0.0.0")
    in_host, chosen = settings["network"] == "host", bool(settings["publish"])
    where = VARIABLE if chosen else "--host"
    wanted = settings["publish"] or before
    odd = [address for address in wanted if not _listeners.is_here(address)]
    if odd:
        found.refuse(
            where,
            "%s is no address of this host" % ", ".join(odd),
            "name addresses that it has, such as 127.0.0.1 or 0.0.0.0, in %s" % VARIABLE,
        )
        return found
    if in_host and not chosen and all(map(_addresses.is_loopback, wanted)):
        wanted = [_addresses.reached(wanted).strip("[]")]  # who asks localhost tries both
    listen = _addresses.listened(wanted)
    if in_host and listen not in _addresses.EVERY and len(wanted) > 1:
        found.refuse(
            where,
            "names %s, and a proxy in the host's network listens at one address"
            % ", ".join(wanted),
            "name one of them, or 0.0.0.0, in %s" % VARIABLE,
        )
    connected = _connections.connections(_listening(listeners, port, pid), listeners)
    tls = _addresses.has_tls(facts.get("options", []), legacy.effective)
    publish = [listen] if in_host else _addresses.published(wanted)
    proofs = outer(publish)
    urls = urls_of([before, publish, *([address] for address in proofs)], port, tls)
    found.facts["address"] = {
        "legacy": before,
        "publish": publish,
        "listen": listen,
        "tls": tls,
        "legacy_url": urls[0],
        "url": urls[1],
        "proofs": urls[2:],
    }
    if settings["max_hold"] > 0:
        _say_refused(found, port, before, tls)
    _say_change(found, port, before, wanted, connected, chosen)
    if proofs or any(address in _addresses.EVERY for address in publish):
        say_exposed(found, settings, port, publish)
    _say_forwarders(found, port, connected, listeners)
    return found


def _say_refused(found: Findings, port: int, before: Sequence[str], tls: bool) -> None:
    """Who will be refused while nobody serves, since this host can't have them wait."""
    rules, kept = _hold.obstacles(port, before)
    if rules:
        found.warn(
            "clients",
            "are refused while nobody serves, instead of waiting: %s" % rules,
            "install or allow it, or announce the time",
        )
    elif kept or tls:
        found.warn(
            "clients",
            "that keep their connections may get an error in the moment of the change: %s"
            % (kept or "LiteLLM encrypts them itself"),
            "",
        )


def urls_of(served: Iterable[Sequence[str]], port: int, tls: bool) -> list[str]:
    """Where this host reaches each of these sets of addresses."""
    scheme = "https" if tls else "http"
    return [_addresses.url(scheme, _addresses.reached(each), port) for each in served]


def _listening(listeners: Iterable[_listeners.Listener], port: int, pid: int) -> int:
    """The process that has the port: the proxy itself, or one that it has started."""
    for item in listeners:
        if item.port == port and item.pid and pid in _process.ancestors(item.pid):
            return item.pid
    return pid


def outer(publish: Sequence[str]) -> list[str]:
    """The addresses at which others reach the host; of every one those that it has."""
    found = [
        address
        for address in publish
        if address not in _addresses.EVERY and not _addresses.is_loopback(address)
    ]
    if "0.0.0.0" in publish:
        listed = _process.run(["ip", "-json", "-4", "address"]).out
        found += _bridge_proof.outer_addresses(listed)
    return list(dict.fromkeys(found))


def _say_change(
    found: Findings,
    port: int,
    before: Sequence[str],
    wanted: Sequence[str],
    connected: Sequence[_connections.Connection],
    chosen: bool,
) -> None:
    """A change of address, with the clients that it cuts off.

    :param chosen: whether the operator wants it.
    """
    if set(wanted) == set(before):
        return
    elsewhere = sorted(
        {item.address for item in connected if item.address and _is_outer(item.address)}
    )
    cut = elsewhere if all(_addresses.is_loopback(address) for address in wanted) else []
    found.warn(
        VARIABLE,
        "the legacy proxy listens at %s, the new one will at %s (port %d)"
        % (", ".join(before), ", ".join(wanted), port)
        + ("; connected now, and refused then: %s" % ", ".join(cut) if cut else ""),
        "leave the variable out to keep the address"
        if chosen
        else "a proxy in the host's network listens at one address; clients that ask localhost try"
        " both",
    )


def _is_outer(address: str) -> bool:
    try:
        return not _addresses.is_loopback(address)
    except ValueError:
        return False


def say_exposed(found: Findings, settings: dict, port: int, publish: Sequence[str]) -> None:
    """A proxy that others reach is published for others, past the host's firewall."""
    shown = ", ".join(publish)
    guard = _guard() if settings["network"] != "host" else ""
    if guard and not settings["publish"]:
        found.refuse(
            "port %d (proxy)" % port,
            "the legacy proxy listens at %s behind %s, which does not hold what Docker publishes:"
            " whoever %s keeps away now would reach the new one" % (shown, guard, guard),
            "set %s: 127.0.0.1 if only this host needs it, or %s: %s to publish it all the same,"
            " with rules in the chain DOCKER-USER"
            % (VARIABLE, VARIABLE, publish[0] if len(publish) == 1 else "[%s]" % shown),
        )
        return
    found.warn(
        "port %d (proxy)" % port,
        "is PUBLISHED BEYOND THIS HOST, at %s, %s"
        % (
            shown,
            "as %s says" % VARIABLE if settings["publish"] else "where the legacy proxy listens",
        ),
        "%s. For this host alone: %s: 127.0.0.1" % (_BYPASS, VARIABLE)
        if settings["network"] != "host"
        else "for this host alone: %s: 127.0.0.1" % VARIABLE,
    )


def _guard() -> str:
    """The firewall that is on; empty where none of those that people have is."""
    try:
        if re.search(r"^\s*ENABLED\s*=\s*[\"']?yes", _files.read(UFW), re.M | re.I):
            return "ufw"
    except OSError:
        pass
    units = _systemd.show(_systemd.Manager(None), ["firewalld.service"])
    return "firewalld" if any(unit.active == "active" for unit in units) else ""


def _say_forwarders(
    found: Findings,
    port: int,
    connected: Sequence[_connections.Connection],
    listeners: Sequence[_listeners.Listener],
) -> None:
    """A reverse proxy in front, by its connections or as it listens where browsers ask."""
    seen: dict[str, str] = {}
    for item in connected:
        name = _forwarder(item.client)
        if name:
            seen[name] = "is connected to port %d and forwards to it" % port
    for listener in listeners:
        name = _forwarder(listener.pid) if listener.port in WEB else ""
        if name:
            seen.setdefault(
                name, "listens at port %d, and may forward to port %d" % (listener.port, port)
            )
    for name, words in sorted(seen.items()):
        found.warn(
            "reverse proxy %s" % name,
            words,
            "nothing has to be done where it asks this host by an address that stays; in a"
            " container of its own it needs one that containers reach",
        )


def _forwarder(pid: Optional[int]) -> str:
    name = _process.describe(pid) if pid else ""
    return name if FORWARDERS.match(name) else ""
