# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server in a container, as this host sees its processes."""

from __future__ import annotations

from typing import NamedTuple, Optional

from .._host import docker as _docker
from . import init as _init
from . import kept as _kept


class Place(NamedTuple):
    """Where a server is in a container: the number of the container's ``init`` on this host, the
    ``port`` in its network, and the numbers of the ``servers``' processes."""

    init: int
    port: int
    servers: list[int]


def find(name: str, port: int) -> Optional[Place]:
    """The server in a container that is published at a port of this host; ``None`` where there is
    none, or where it is the container's first process itself, which can't be stopped."""
    found, numbers = _docker.container(name), _docker.pids([name])
    inside = _inside((found or {}).get("ports") or {}, port)
    if not numbers or not inside:
        return None
    servers = _kept.servers(inside, within=numbers[0])
    usable = servers and numbers[0] not in servers and _init.children(numbers[0]) is not None
    return Place(numbers[0], inside, servers) if usable else None


def _inside(ports: dict[str, Optional[list[dict[str, str]]]], port: int) -> int:
    """The container's port that is published at one of this host; 0: none."""
    for target, places in ports.items():
        number, _slash, protocol = target.partition("/")
        if protocol == "tcp" and any(each["HostPort"] == str(port) for each in places or []):
            return int(number)
    return 0
