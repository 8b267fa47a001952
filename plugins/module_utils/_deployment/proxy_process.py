# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy among the processes of its unit: the one that is LiteLLM and listens, or whose workers
do. The unit's main process may be a wrapper: a script, ``conda run``, ``uv run``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional

from .._host import display as _display
from .._host import listeners as _listeners
from .._host import process as _process
from .._host import process_unit as _process_unit
from .._host.files import read
from .._host.problem import OperatorError
from .._host.systemd import RUNS, Unit
from . import proxy_command as _proxy_command
from .python_environment import PYTHON

_ACCEPTS = "00010000"  # of a unix socket that listens, in /proc/net/unix
# Where engines have their containers among the control groups.
_CONTAINER = re.compile(r"\b(docker|libpod|cri-containerd|crio|lxc)[-/.]|/kubepods|machine\.slice")
_SHOWN = 5  # processes in a message


class LegacyError(OperatorError):
    """The legacy deployment can't be known from what is there: ``problem`` in words, ``remedy``
    what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__("%s %s" % (problem, remedy))
        self.problem, self.remedy = problem, remedy


class Process(NamedTuple):
    """A process of a unit; ``inodes``: its sockets."""

    pid: int
    parent: int
    argv: list[str]
    inodes: frozenset[int]


class Address(NamedTuple):
    """Where a process listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return ("[%s]:%d" if ":" in self.host else "%s:%d") % self


class Proxy(NamedTuple):
    """LiteLLM's process. ``addresses``: where it and the processes below it listen. ``below``:
    these, by process id. ``wrapped``: it is not its unit's main process."""

    pid: int
    argv: list[str]
    program: _proxy_command.Program
    addresses: tuple[Address, ...]
    below: tuple[int, ...] = ()
    wrapped: bool = False


def processes(unit: Unit, proc: str = "/proc") -> dict[int, Process]:
    """The processes of a unit's control group; where its manager names none, its main process and
    those below it."""
    group = unit.properties.get("ControlGroup", "")
    everybody = [int(name) for name in os.listdir(proc) if name.isdigit()]
    if group:
        own = [pid for pid in everybody if _is_in(group, pid, proc)]
    else:
        parents = {pid: _parent(pid, proc) for pid in everybody}
        own = [pid for pid in everybody if unit.pid in (pid, *_above(pid, parents))]
    looked = (_look(pid, proc) for pid in own)
    return {process.pid: process for process in looked if process}


def _is_in(group: str, pid: int, proc: str) -> bool:
    try:
        own = _process_unit.group_of(read(os.path.join(proc, str(pid), "cgroup")))
    except OSError:
        return False
    return own == group or own.startswith(group + "/")


def _parent(pid: int, proc: str) -> int:
    """The parent of a process that runs; 0 where it has ended."""
    try:
        status = read(os.path.join(proc, str(pid), "status"))
    except OSError:
        return 0
    parent = re.search(r"^PPid:\s+(\d+)$", status, re.M)
    ended = re.search(r"^State:\s+[ZX]", status, re.M)
    return int(parent[1]) if parent and not ended else 0


def _look(pid: int, proc: str) -> Optional[Process]:
    """A process that runs; ``None`` where it has ended."""
    folder = os.path.join(proc, str(pid))
    try:
        handles = os.listdir(os.path.join(folder, "fd"))
    except OSError:
        return None
    parent = _parent(pid, proc)
    if not parent:
        return None
    inodes = set()
    for handle in handles:
        try:
            target = os.readlink(os.path.join(folder, "fd", handle))
        except OSError:
            continue  # closed while we looked
        if target.startswith("socket:["):
            inodes.add(int(target[8:-1]))
    argv = _process.command_line(pid, proc)
    return Process(pid, parent, argv, frozenset(inodes))


def _above(pid: int, parents: Mapping[int, int]) -> list[int]:
    """The parents of a process, the nearest one first."""
    found: list[int] = []
    parent = parents.get(pid, 0)
    while parent and parent not in found:
        found.append(parent)
        parent = parents.get(parent, 0)
    return found


def find(unit: Unit, proc: str = "/proc") -> Proxy:
    """The proxy of a unit.

    :raises LegacyError: the unit does not run, none of its processes is LiteLLM or listens, or more
        than one is a proxy.
    """
    if unit.active not in RUNS:
        raise LegacyError(
            "%s is %s; its environment can only be read while it runs." % (unit.name, unit.active),
            "Start it: %s" % _systemctl(unit, "start"),
        )
    there = processes(unit, proc)
    parents = {pid: one.parent for pid, one in there.items()}
    programs = {
        pid: program
        for pid, one in sorted(there.items())
        if (program := _proxy_command.program(one.argv))
    }
    proxies = [
        _proxy(unit, pid, program, there, proc)
        for pid, program in programs.items()
        if not any(above in programs for above in _above(pid, parents))
    ]
    listening = [proxy for proxy in proxies if proxy.addresses]
    if len(listening) == 1:
        return listening[0]
    raise _several(unit, listening) if listening else _none(unit, proxies, there, proc)


def _proxy(
    unit: Unit,
    pid: int,
    program: _proxy_command.Program,
    there: Mapping[int, Process],
    proc: str,
) -> Proxy:
    parents = {other: one.parent for other, one in there.items()}
    below = tuple(sorted(other for other in there if pid in _above(other, parents)))
    rows = _rows(pid, proc)
    # the database's client, a process of its own below it, listens too
    workers = [each for each in below if _is_python(there[each])]
    found = _held(rows, there[pid].inodes) or _held(
        rows, frozenset().union(*(there[each].inodes for each in workers))
    )
    return Proxy(pid, there[pid].argv, program, found, below, pid != unit.pid)


def _is_python(process: Process) -> bool:
    name = os.path.basename(process.argv[0]) if process.argv else ""
    return bool(PYTHON.match(name)) or _proxy_command.is_proxy(process.argv)


def _held(rows: Sequence[_listeners.Socket], inodes: frozenset[int]) -> tuple[Address, ...]:
    at = (Address(row.address, row.port) for row in rows if row.inode in inodes)
    return tuple(dict.fromkeys(at))


def _rows(pid: int, proc: str) -> list[_listeners.Socket]:
    """The TCP listeners of a process' network."""
    rows: list[_listeners.Socket] = []
    for table in ("tcp", "tcp6"):
        try:
            rows += _listeners.parse_listeners(read(os.path.join(proc, str(pid), "net", table)))
        except OSError:
            continue  # no IPv6, or it has ended
    return rows


def _several(unit: Unit, found: Sequence[Proxy]) -> LegacyError:
    return LegacyError(
        "%s runs more than one proxy: %s."
        % (
            unit.name,
            "; ".join(
                "process %d listens at %s" % (each.pid, _list(each.addresses)) for each in found
            ),
        ),
        "Give each a unit of its own, and set legacy_unit to the one that is to be migrated.",
    )


def _none(
    unit: Unit, found: Sequence[Proxy], there: Mapping[int, Process], proc: str
) -> LegacyError:
    """Why no process of a unit is the proxy."""
    if not there:
        return LegacyError(
            "%s is %s, and no process of it is left." % (unit.name, unit.active),
            "Look why: %s" % _systemctl(unit, "status"),
        )
    for proxy in found:
        sockets = _unix(proxy, there, proc)
        if sockets:
            return LegacyError(
                "Process %d of %s is LiteLLM and listens at the unix socket %s, and at no port."
                % (proxy.pid, unit.name, _display.plain(sockets[0])),
                "Containers are published at addresses only: let it listen at 127.0.0.1 and a port,"
                " name that in the server before it, restart the unit, and run again.",
            )
        return LegacyError(
            "Process %d of %s is LiteLLM and does not listen at any port." % (proxy.pid, unit.name),
            "Wait until it answers its clients, and run again. If it never does: %s"
            % _journal(unit),
        )
    return _stranger(unit, there, proc)


def _stranger(unit: Unit, there: Mapping[int, Process], proc: str) -> LegacyError:
    """What a unit runs that is not known as LiteLLM."""
    rows = {row.inode: Address(row.address, row.port) for row in _rows(min(there), proc)}
    told = []
    for pid, process in sorted(there.items()):
        at = [rows[inode] for inode in sorted(process.inodes) if inode in rows]
        name = _process.describe(pid, proc)
        told.append("%s, which listens at %s" % (name, _list(at)) if at else name)
    more = len(told) - _SHOWN
    words = "; ".join(told[:_SHOWN]) + ("; and %d more" % more if more > 0 else "")
    elsewhere = running(proc)
    if elsewhere:
        remedy = "LiteLLM runs in %s: set legacy_unit to that unit." % ", ".join(elsewhere)
    else:
        remedy = homeless(proc) or (
            "Let the unit start LiteLLM by its command litellm, or by uvicorn, gunicorn, hypercorn"
            " or granian with litellm.proxy.proxy_server:app, and run again."
        )
    return LegacyError(
        "%s runs %s. None of them is known as LiteLLM by its command line." % (unit.name, words),
        remedy,
    )


def _proxies(proc: str) -> list[int]:
    """All processes of this host that are LiteLLM."""
    pids = (int(name) for name in os.listdir(proc) if name.isdigit())
    return [
        pid for pid in sorted(pids) if _proxy_command.is_proxy(_process.command_line(pid, proc))
    ]


def running(proc: str = "/proc") -> list[str]:
    """The units that run LiteLLM, as people call them."""
    return sorted({_process_unit.of(pid, proc).label for pid in _proxies(proc)} - {""})


def homeless(proc: str = "/proc") -> str:
    """What there is to do about the LiteLLM that runs, where no unit does: in a terminal, by cron,
    in a container already; empty where none runs."""
    for pid in _proxies(proc):
        seen = "%s is LiteLLM and %s" % (
            _process.describe(pid, proc),
            _process_unit.of(pid, proc).reason or "of a unit",
        )
        if _CONTAINER.search(seen):
            return "%s: a proxy that is in a container already is not moved." % seen
        return "%s: let a systemd unit of its own start it, and set legacy_unit to that." % seen
    return ""


def _unix(proxy: Proxy, there: Mapping[int, Process], proc: str) -> list[str]:
    """The paths of unix sockets at which a proxy listens."""
    inodes = frozenset().union(*(there[each].inodes for each in (proxy.pid, *proxy.below)))
    try:
        lines = read(os.path.join(proc, str(proxy.pid), "net", "unix")).splitlines()
    except OSError:
        return []
    rows = [line.split(None, 7) for line in lines[1:]]
    return [
        row[7] for row in rows if len(row) == 8 and row[3] == _ACCEPTS and int(row[6]) in inodes
    ]


def address(proxy: Proxy, port: Optional[int], others: Sequence[int] = ()) -> Address:
    """Where clients reach a proxy: at the port that its command line names if it listens there,
    else where it listens.

    :param others: ports of it that are not for clients.
    :raises LegacyError: it listens at several ports, and nothing says which is for clients.
    """
    own = [each for each in proxy.addresses if each.port not in others] or proxy.addresses
    named = [each for each in own if each.port == port]
    ports = {each.port for each in named or own}
    if len(ports) > 1:
        raise LegacyError(
            "Process %d is LiteLLM and listens at %s; its command line names %s."
            % (proxy.pid, _list(own), "port %d" % port if port else "no port"),
            "Name the port that clients use on its command line (--port), restart the unit, and run"
            " again.",
        )
    order = {"127.0.0.1": 0, "0.0.0.0": 1, "::": 2}
    return min(named or own, key=lambda each: (order.get(each.host, 3), each.host))


def metrics_port(options: Sequence[str], started: Mapping[str, str]) -> Optional[int]:
    """The port at which LiteLLM serves metrics beside its clients."""
    named = started.get("PROMETHEUS_METRICS_PORT", "")
    for word, value in zip(options, options[1:]):
        named = value if word == "--prometheus_metrics_port" else named
    return int(named) if named.isdigit() else None


def _list(addresses: Sequence[Address]) -> str:
    return ", ".join(map(str, addresses))


def _systemctl(unit: Unit, verb: str) -> str:
    user = "--user --machine=%s@ " % unit.manager.account if unit.manager.account else ""
    return "systemctl %s%s %s" % (user, verb, unit.name)


def _journal(unit: Unit) -> str:
    kind = "_SYSTEMD_USER_UNIT" if unit.manager.account else "_SYSTEMD_UNIT"
    return "journalctl %s=%s" % (kind, unit.name)
