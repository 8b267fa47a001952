# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container in which PgBouncer runs, from outside: its process, the signals that it takes, and
its connections as the kernel has them. Nobody logs in to its console, so it has no account."""

from __future__ import annotations

import json
import os
import signal as _signal
import socket
import struct
from typing import NamedTuple

from .._host import connections as _connections
from .._host import files as _files
from .._host import process as _process
from .._host.listeners import LOOPBACK
from .target import PoolerError

# What PgBouncer does at a signal; each does nothing where it is so already.
PAUSE, RESUME, RELOAD = "USR1", "USR2", "HUP"
_STATE = (
    '{"id":{{json .Id}},"status":{{json .State.Status}},"started":{{json .State.StartedAt}},'
    '"pid":{{json .State.Pid}}}'
)
# PostgreSQL's SSLRequest. PgBouncer answers it itself, paused or not.
_QUESTION = struct.pack("!II", 8, 80877103)
_ANSWERS = (b"N", b"S")
_PATIENCE = 5.0


class Running(NamedTuple):
    """A container that runs; ``identity`` is another one once it was started anew."""

    name: str
    identity: str
    pid: int


# Containers that were found, with the start of their process: to ask the engine takes time, and
# clients wait.
_FOUND: dict[str, tuple[Running, str]] = {}


def find(name: str, proc: str = "/proc") -> Running:
    """The running container of a name.

    :raises PoolerError: it does not run.
    """
    known, start = _FOUND.get(name, (None, ""))
    if known is not None and start and _start(known.pid, proc) == start:
        return known
    answer = _process.run(["docker", "container", "inspect", "--format", _STATE, "--", name])
    if answer.rc:
        raise PoolerError("container %s: %s" % (name, answer.err.strip() or "does not run"))
    found = json.loads(answer.out)
    if found["status"] != "running":
        raise PoolerError("container %s does not run: it is %s" % (name, found["status"]))
    pid = int(found["pid"])
    made = Running(name, "%s %s" % (found["id"], found["started"]), pid)
    _FOUND[name] = made, _start(pid, proc)
    return made


def _start(pid: int, proc: str) -> str:
    """When a process was started, as the kernel has it; empty where it is none any more."""
    try:
        told = _files.read(os.path.join(proc, str(pid), "stat"))
    except OSError:
        return ""
    words = told[told.rindex(")") + 2 :].split()
    return words[19] if words[0] != "Z" else ""


def signal(name: str, word: str) -> None:
    """Send PgBouncer a signal.

    :raises PoolerError: it gets none.
    """
    number = getattr(_signal, "SIG" + word)
    try:
        os.kill(find(name).pid, number)
    except ProcessLookupError:
        raise PoolerError("container %s gets no signal: it has ended" % name) from None


def await_turn(port: int) -> None:
    """Wait until PgBouncer has done what it was told by a signal before.

    It does one thing after the other: in the turn in which it takes the first of two questions it
    sees the signal as well, and the second is a later turn's.

    :raises PoolerError: it does not answer.
    """
    for _turn in range(2):
        try:
            with socket.create_connection((LOOPBACK, port), _PATIENCE) as asking:
                asking.sendall(_QUESTION)
                answer = asking.recv(1)
        except OSError as error:
            raise PoolerError("no pooler answers at port %d: %s" % (port, error)) from None
        if answer not in _ANSWERS:
            raise PoolerError("what answers at port %d is no pooler" % port)


def processes(running: Running, proc: str = "/proc") -> list[int]:
    """The processes of a container, as this host numbers them."""
    return [
        int(name)
        for name in os.listdir(proc)
        if name.isdigit() and running.pid in _process.ancestors(int(name), proc)
    ]


def to_servers(
    running: Running, pids: list[int], port: int, proc: str = "/proc"
) -> list[_connections.Row]:
    """The connections that PgBouncer has to servers: those that are not its clients'.

    :param pids: its processes. :param port: at which its clients ask.
    """
    inodes = {inode for pid in pids for inode in _sockets(pid, proc)}
    # the tables of its own network, which is the host's or not
    table = _connections.established(os.path.join(proc, str(running.pid)))
    return [row for row in table if row.inode in inodes and row.here[1] != port]


def _sockets(pid: int, proc: str) -> list[int]:
    folder = os.path.join(proc, str(pid), "fd")
    found = []
    for name in os.listdir(folder):
        try:
            target = os.readlink(os.path.join(folder, name))
        except OSError:
            continue  # closed while we looked
        if target.startswith("socket:["):
            found.append(int(target[8:-1]))
    return found
