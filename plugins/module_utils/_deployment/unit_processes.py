# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs in the proxy's unit and is no part of the proxy: what a start script starts beside it,
or all other programs of a supervisor. It goes down with the unit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from .._host import process as _process
from .._host.systemd import Manager, show
from . import proxy_process as _proxy_process
from .proxy_process import Process

# They have a connection of their own, and serve the script that started them, or a worker of the
# proxy's that is gone (its database's client).
_HELPERS = re.compile(
    r"(logger|systemd-cat|ssh-agent|gpg-agent|dbus-\w+|\(?sd-pam\)?|(prisma-)?query-engine\S*) "
)


class Beside(NamedTuple):
    """A program that runs beside the proxy: its name without a process id, and what was seen."""

    name: str
    seen: str


def beside(record: Mapping[str, str], pid: int, proc: str = "/proc") -> list[Beside]:
    """What runs in a unit beside the proxy.

    :param record: of the proxy's unit. :param pid: the proxy.
    """
    units = show(Manager(record.get("account") or None), [record["name"]])
    return strangers(_proxy_process.processes(units[0], proc), pid, proc) if units else []


def strangers(there: Mapping[int, Process], pid: int, proc: str = "/proc") -> list[Beside]:
    """The processes among those of a unit that neither started the proxy nor were started by it and
    have a socket of their own; a pipe for its log has none. Of a family, the first one."""
    parents = {each: process.parent for each, process in there.items()}
    above = {each: _above(each, parents) for each in there}
    own = {pid, *above.get(pid, ())}
    # what a unit's manager gives to each of its processes, or one hands down, is no use of its own
    given = frozenset().union(*(there[each].inodes for each in own if each in there))
    found: list[tuple[int, str]] = []
    for each, process in sorted(there.items()):
        words = _process.describe(each, proc)
        if each in own or pid in above[each] or _HELPERS.match(words):
            continue
        if process.inodes - given and not any(known in above[each] for known, _words in found):
            found.append((each, words))
    return [Beside(re.sub(r" \(process \d+\)$", "", words), words) for _pid, words in found]


def _above(pid: int, parents: Mapping[int, int]) -> list[int]:
    """The parents of a process in the same unit, the nearest one first."""
    found: list[int] = []
    parent = parents.get(pid, 0)
    while parent in parents and parent not in found:
        found.append(parent)
        parent = parents[parent]
    return found
