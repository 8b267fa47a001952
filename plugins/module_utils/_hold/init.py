# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container whose network outlives its server, as long as connections of the server's clients go
on in it.

Network and forwarders of a container end with its first process, its init, and that ends with the
server. So the init is stopped (SIGSTOP). What it is told meanwhile waits for it in the kernel, and
is told its children here, as it would itself; when they have ended, and the last connection has, it
goes on and ends as ever. Whoever stops the container needs to know nothing of it.
"""

from __future__ import annotations

import os
import re
import select
import signal
from typing import Iterator, Optional

from .._host import files as _files
from .._host import listeners as _listeners

# States of a socket whose other end has all that was written.
_DELIVERED = ("05", "06", "07")  # FIN_WAIT2, TIME_WAIT, CLOSE
# What an init gets that is not for its children.
_OWN = (
    signal.SIGCHLD,
    signal.SIGCONT,
    signal.SIGSTOP,
    signal.SIGTSTP,
    signal.SIGTTIN,
    signal.SIGTTOU,
)


class Init:
    """The init of a container, stopped as long as the container is needed.

    :raises ProcessLookupError: it has ended.
    """

    def __init__(self, init: int, port: int) -> None:
        self.port = port
        self._init = init
        self._process = os.pidfd_open(init)
        self._told: set[tuple[int, int]] = set()  # which child which signal

    def stop(self) -> None:
        """Have its network stay.

        :raises OSError: it does not.
        """
        signal.pidfd_send_signal(self._process, signal.SIGSTOP)

    def go_on(self) -> None:
        """Leave it to its init again."""
        try:
            signal.pidfd_send_signal(self._process, signal.SIGCONT)
        except OSError:
            pass  # it was killed
        os.close(self._process)

    def is_over(self) -> bool:
        """Hand on what its init was told; whether that has ended all that the init has started, and
        the last connection is over."""
        left = None if self._has_ended() else children(self._init)
        if left is None:
            return True  # it was killed
        told = _pending(self._init)
        for child in left:
            for number in told:
                if (child, number) not in self._told:
                    self._told.add((child, number))
                    _tell(child, number)
        return bool(told) and not left and not self._connected()

    def _has_ended(self) -> bool:
        ends = select.poll()
        ends.register(self._process, select.POLLIN)
        return bool(ends.poll(0))

    def _connected(self) -> bool:
        """Whether somebody listens at the port, or what was written may not have arrived."""
        rows = _listeners.of_port(self.port, self._init)
        return any(row[3] not in _DELIVERED for row in rows)


def children(pid: int) -> Optional[list[int]]:
    """The children of a process that run; ``None`` where it can't be known."""
    found: list[int] = []
    try:
        for task in os.listdir("/proc/%d/task" % pid):
            text = _files.read("/proc/%d/task/%s/children" % (pid, task))
            found += [int(word) for word in text.split() if _runs(int(word))]
    except OSError:
        return None
    return found


def _tell(pid: int, number: int) -> None:
    """Send a signal to a child of a process that is stopped: nobody else gets its number."""
    try:
        os.kill(pid, number)
    except OSError:
        pass  # who may not be told is killed in the end, with the container


def _runs(pid: int) -> bool:
    """Whether a process has not ended."""
    try:
        status = _files.read("/proc/%d/status" % pid)
    except OSError:
        return False
    return not re.search(r"^State:\s+[XZ]", status, re.M)


def _pending(pid: int) -> list[int]:
    """The signals that wait for a process and would end others."""
    try:
        status = _files.read("/proc/%d/status" % pid)
    except OSError:
        return []
    masks = re.findall(r"^(?:Sig|Shd)Pnd:\s+([0-9a-f]+)$", status, re.M)
    return sorted({number for mask in masks for number in _bits(int(mask, 16))} - set(_OWN))


def _bits(mask: int) -> Iterator[int]:
    return (number for number in range(1, mask.bit_length() + 1) if mask >> (number - 1) & 1)
