# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof of the bridges: containers of the project reach the model servers, nobody else does. The judgement is pure.

Asked from three places: the proxy's own container, another network of the same host, and the host itself at its outer addresses.
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

# What an address did: spoke HTTP; took the connection and ended it; refused; let it wait; could not be asked.
ANSWERS, CLOSES, REFUSES, SILENT, UNKNOWN = "answers", "closes", "refuses", "silent", "unknown"
ASLEEP = "asleep"
# Asked where only Python is: one line of JSON, a word for each address.
ASK = """import json, socket, sys
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
with ThreadPoolExecutor(32) as pool: print(json.dumps(dict(zip(sys.argv[2:], pool.map(ask, sys.argv[2:])))))"""


class Asked(NamedTuple):
    """What was asked, by port. ``server``: on the host itself. ``inside``: from the proxy's container. ``other``: from another network of this host.
    ``outer``: at the host's outer addresses, by address."""

    server: Mapping[int, str]
    inside: Mapping[int, str]
    other: Mapping[int, str]
    outer: Mapping[str, Mapping[int, str]]


class Verdict(NamedTuple):
    """``problems`` stop a run; ``notes`` say what could not be proved, and why."""

    proved: list[int]
    problems: list[str]
    notes: list[str]


def judge(ports: Iterable[int], asked: Asked) -> Verdict:
    """What the answers prove."""
    proved, problems, notes = [], [], []
    for port in ports:
        there, within = asked.server.get(port, UNKNOWN), asked.inside.get(port, UNKNOWN)
        faults = []
        if there == ASLEEP:
            notes.append("port %d: its server starts on demand and is not woken for a proof" % port)
        elif within == UNKNOWN:
            faults.append("it could not be asked from the proxy's container")
        elif within in (REFUSES, SILENT):
            faults.append("the proxy's container does not reach the bridge (%s)" % within)
        elif there == ANSWERS and within != ANSWERS:
            faults.append(
                "its server answers on the host, and not to the proxy's container (%s)" % within
            )
        elif there != ANSWERS:
            notes.append(
                "port %d: its server does not answer on the host either (%s); the bridge itself takes connections"
                % (port, there)
            )
        other = asked.other.get(port, UNKNOWN)
        if other not in (REFUSES, SILENT):
            faults.append(
                "another network of this host reaches it (%s)" % other
                if other != UNKNOWN
                else "it could not be asked from another network"
            )
        for address, words in sorted(asked.outer.items()):
            if words.get(port, UNKNOWN) not in (REFUSES, SILENT):
                faults.append(
                    "%s:%d takes connections from everywhere (%s)"
                    % (address, port, words.get(port, UNKNOWN))
                )
        problems += ["port %d: %s" % (port, fault) for fault in faults]
        if not faults and there == ANSWERS:
            proved.append(port)
    return Verdict(proved, problems, notes)


def outer_addresses(text: str, own: Iterable[str] = ()) -> list[str]:
    """The host's addresses at which others may come, from ``ip -json -4 address``: not those of loopback, of Docker's networks and of bridges.

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
    """Ports at which systemd itself listens: the first connection would start what is behind."""
    listeners = list(found)
    return {
        port
        for port in ports
        for listener in [_listeners.holder(listeners, port)]
        if listener is not None and listener.pid == 1
    }


def ask(addresses: Iterable[tuple[str, int]], seconds: float) -> dict[tuple[str, int], str]:
    """Ask from the host itself."""

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

    wanted = list(addresses)
    with ThreadPoolExecutor(32) as pool:
        return dict(zip(wanted, pool.map(one, wanted)))


def look(
    ports: list[int], name: str, gateway: str, container: str, network: str, seconds: float
) -> Asked:
    """Ask from everywhere.

    :param name: by which containers of the project know this host.
    :param container: the proxy's, which has Python; a throwaway container of the same image asks from another network.
    :param network: that other network.
    """
    asleep = sleeping(ports, _listeners.listeners())
    awake = [port for port in ports if port not in asleep]
    told = ask([("127.0.0.1", port) for port in awake], seconds)
    server = {port: ASLEEP if port in asleep else told["127.0.0.1", port] for port in ports}
    within = inside(container, {port: "%s:%d" % (name, port) for port in awake}, seconds)
    proxy = _docker.container(container)
    other = (
        _within(
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
    for (address, port), word in ask(
        [(address, port) for address in addresses for port in ports], seconds
    ).items():
        outer.setdefault(address, {})[port] = word
    return Asked(server, within, other, outer)


def inside(container: str, addresses: dict[int, str], seconds: float) -> dict[int, str]:
    """Ask from a container, as its processes would: a word for each port."""
    return _within(["docker", "exec", container, "python3"], addresses, seconds)


def _within(argv: list[str], addresses: dict[int, str], seconds: float) -> dict[int, str]:
    if not addresses:
        return {}
    answer = _process.run(
        [*argv, "-c", ASK, "%g" % seconds, *addresses.values()], timeout=seconds * 2 + 60
    )
    try:
        told: dict[str, Any] = json.loads(answer.out)
    except ValueError:
        return dict.fromkeys(addresses, UNKNOWN)
    return {port: told.get(address, UNKNOWN) for port, address in addresses.items()}
