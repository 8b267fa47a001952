# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof of the bridges: containers of the project reach the model servers, others do not.

Ports are probed from the proxy's container, from another network of the same host, and from the
host itself at its outer addresses. :func:`check` is pure.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from .._host import docker as _docker
from .._host import listeners as _listeners
from .._host import process as _process

# What an address did: spoke HTTP; accepted the connection and closed it; refused; timed out; could
# not be probed.
ANSWERS, CLOSES, REFUSES, SILENT, UNKNOWN = "answers", "closes", "refuses", "silent", "unknown"
ASLEEP = "asleep"
# Runs where only Python is: prints one line of JSON, a word for each address.
PROBE = """import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def ask(address):
    host, port = address.rsplit(":", 1)
    try:
        connection = socket.create_connection((host, int(port)), timeout=float(sys.argv[1]))
    except socket.timeout: return "silent"
    except ConnectionRefusedError: return "refuses"
    except OSError as error: return "refuses" if error.errno in (101, 113) else "unknown"
    try:
        connection.settimeout(float(sys.argv[1]))
        connection.sendall(b"GET /health HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n")
        return "answers" if connection.recv(5) == b"HTTP/" else "closes"
    except socket.timeout: return "silent after it took the connection"
    except OSError: return "closes"
addresses = sys.argv[2:]
with ThreadPoolExecutor(32) as pool: answers = list(pool.map(ask, addresses))
print(json.dumps(dict(zip(addresses, answers))))"""


class Answers(NamedTuple):
    """The answers by port.

    ``server``: on the host itself. ``proxy``: from the proxy's container. ``other``: from another
    network of this host. ``outer``: at the host's outer addresses, by address.
    """

    server: Mapping[int, str]
    proxy: Mapping[int, str]
    other: Mapping[int, str]
    outer: Mapping[str, Mapping[int, str]]


class Verdict(NamedTuple):
    """``problems`` stop a run; ``notes`` say what could not be proved, and why."""

    proved: list[int]
    problems: list[str]
    notes: list[str]


def check(ports: Iterable[int], answers: Answers) -> Verdict:
    """Check what the answers prove."""
    proved, problems, notes = [], [], []
    for port in ports:
        local, proxy = answers.server.get(port, UNKNOWN), answers.proxy.get(port, UNKNOWN)
        faults = []
        if local == ASLEEP:
            notes.append("port %d: its server starts on demand and is not woken for a proof" % port)
        elif proxy == UNKNOWN:
            faults.append("it could not be asked from the proxy's container")
        elif proxy in (REFUSES, SILENT):
            faults.append("the proxy's container does not reach the bridge (%s)" % proxy)
        elif local == ANSWERS and proxy != ANSWERS:
            faults.append(
                "its server answers on the host, and not to the proxy's container (%s)" % proxy
            )
        elif local != ANSWERS:
            notes.append(
                "port %d: its server does not answer on the host either (%s); the bridge "
                "itself takes connections" % (port, local)
            )
        other = answers.other.get(port, UNKNOWN)
        if other == UNKNOWN:
            faults.append("it could not be asked from another network")
        elif other not in (REFUSES, SILENT):
            faults.append("another network of this host reaches it (%s)" % other)
        for address, words in sorted(answers.outer.items()):
            word = words.get(port, UNKNOWN)
            if word not in (REFUSES, SILENT):
                faults.append(
                    "%s:%d takes connections from everywhere (%s)" % (address, port, word)
                )
        problems += ["port %d: %s" % (port, fault) for fault in faults]
        if not faults and local == ANSWERS:
            proved.append(port)
    return Verdict(proved, problems, notes)


def outer_addresses(text: str, own: Iterable[str] = ()) -> list[str]:
    """The host's outer addresses, from ``ip -json -4 address``: without loopback, Docker's networks
    and virtual bridges.

    :param own: addresses to leave out.
    """
    try:
        links = json.loads(text)
    except ValueError:
        return []
    inner = re.compile(r"(lo|docker\d*|br-[0-9a-f]{12}|veth.*|virbr.*)$")
    return [
        item["local"]
        for link in links
        if isinstance(link, dict) and not inner.match(link.get("ifname", "lo"))
        for item in link.get("addr_info", [])
        if item.get("family") == "inet" and item["local"] not in set(own)
    ]


def sleeping(ports: Iterable[int], found: Iterable[_listeners.Listener]) -> set[int]:
    """Ports at which systemd itself listens: a connection would start the server."""
    listeners = list(found)
    return {
        port
        for port in ports
        for listener in [_listeners.holder(listeners, port)]
        if listener is not None and listener.pid == 1
    }


def probe(addresses: Iterable[tuple[str, int]], seconds: float) -> dict[tuple[str, int], str]:
    """Probe addresses from the host itself."""

    def one(address: tuple[str, int]) -> str:
        try:
            connection = socket.create_connection(address, timeout=seconds)
        except socket.timeout:
            return SILENT
        except OSError:
            return REFUSES
        with connection:
            try:
                connection.sendall(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n")
                return ANSWERS if connection.recv(5) == b"HTTP/" else CLOSES
            except OSError:
                return CLOSES

    targets = list(addresses)
    with ThreadPoolExecutor(32) as pool:
        return dict(zip(targets, pool.map(one, targets)))


def collect(
    ports: list[int], name: str, gateway: str, container: str, network: str, seconds: float
) -> Answers:
    """Probe the ports from everywhere.

    :param name: this host's name in the project's containers.
    :param container: the proxy's, which has Python; a throwaway container of the same image probes
        from another network.
    :param network: that other network.
    """
    asleep = sleeping(ports, _listeners.listeners())
    awake = [port for port in ports if port not in asleep]
    local = probe([("127.0.0.1", port) for port in awake], seconds)
    server = {port: ASLEEP if port in asleep else local["127.0.0.1", port] for port in ports}
    proxy_answers = probe_container(
        container, {port: "%s:%d" % (name, port) for port in awake}, seconds
    )
    proxy = _docker.container(container)
    other = (
        _probe_with(
            [
                "docker",
                "run",
                "--rm",
                "--pull",
                "never",
                "--network",
                network,
                "--cap-drop",
                "ALL",
                "--read-only",
                "--entrypoint",
                "python3",
                proxy["image"],
            ],
            {port: "%s:%d" % (gateway, port) for port in ports},
            seconds,
        )
        if proxy
        else dict.fromkeys(ports, UNKNOWN)
    )
    outer: dict[str, dict[int, str]] = {}
    addresses = outer_addresses(_process.run(["ip", "-json", "-4", "address"]).out, [gateway])
    for (address, port), word in probe(
        [(address, port) for address in addresses for port in ports], seconds
    ).items():
        outer.setdefault(address, {})[port] = word
    return Answers(server, proxy_answers, other, outer)


def probe_container(container: str, addresses: dict[int, str], seconds: float) -> dict[int, str]:
    """Probe addresses from within a container: a word for each port."""
    return _probe_with(["docker", "exec", container, "python3"], addresses, seconds)


def _probe_with(argv: list[str], addresses: dict[int, str], seconds: float) -> dict[int, str]:
    if not addresses:
        return {}
    answer = _process.run(
        [*argv, "-c", PROBE, "%g" % seconds, *addresses.values()], timeout=seconds * 2 + 60
    )
    try:
        answers: dict[str, Any] = json.loads(answer.out)
    except ValueError:
        return dict.fromkeys(addresses, UNKNOWN)
    return {port: answers.get(address, UNKNOWN) for port, address in addresses.items()}
