# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names for whoever is connected to a server, the same ones whenever somebody looks: the unit, the
container, the program or the address, and never a process id or a port."""

from __future__ import annotations

import ipaddress
import os
import re
from typing import Collection, NamedTuple, Optional

from . import process as _process
from . import process_unit as _process_unit
from .account import Account
from .connections import Connection
from .docker import container, members
from .files import read

# Where the kernel does not tell who is at the other end.
BY_SOCKET = "client by a Unix socket"
_CONTAINER = re.compile(r"(?:docker-|/docker/|libpod-)([0-9a-f]{64})")


class Who(NamedTuple):
    """``name``: such as ``unit collector.service``, ``container n8n``, ``process psql`` or ``client
    10.0.0.5``. ``seen``: process and account in words, empty for a client from elsewhere."""

    name: str
    seen: str


class Own(NamedTuple):
    """Who is none of the others: processes with all that they have started, units as (account,
    name), and a command with all that it has started."""

    pids: Collection[int]
    units: Collection[tuple[str, str]]
    command: str = ""


def who(connection: Connection, own: Own, proc: str = "/proc") -> Optional[Who]:
    """A client by its name; ``None`` for one of our own, or one that has just gone."""
    pid = connection.client
    if pid is None:
        return _from(connection.address)
    above = _process.ancestors(pid, proc)
    if os.getpid() in above or any(each in above for each in own.pids):
        return None
    if own.command and any(own.command in _process.command_line(each, proc) for each in above):
        return None
    try:
        account = Account.of_process(pid, proc).name
        group = read(os.path.join(proc, str(pid), "cgroup"))
    except OSError:
        return None
    seen = "%s of account %s" % (_process.describe(pid, proc), account)
    found = _process_unit.of(pid, proc)
    unit = found.unit
    if unit is not None:
        if (unit.manager.account or "", unit.name) in own.units:
            return None
        return Who("unit %s" % found.label, seen)
    held = _CONTAINER.search(group)
    about = container(held[1]) if held else None
    if about:
        return Who("container %s" % about["name"].lstrip("/"), seen)
    return Who("process %s" % re.sub(r" \(process \d+\)$", "", _process.describe(pid, proc)), seen)


def _from(address: str) -> Optional[Who]:
    """A client whose process can't be seen: in a container, or on another host. One of this host
    has closed its end."""
    if not address:
        return Who(BY_SOCKET, "")
    try:
        loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        return None
    if loopback:
        return None
    name = members().get(address)
    return Who("container %s" % name if name else "client %s" % address, "")
