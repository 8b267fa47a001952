# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The GPUs of a host as ``nvidia-smi`` reports them, and whether declared servers fit on them.

The checks are pure.
"""

from __future__ import annotations

import csv
import glob
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional

from .._host import process as _process
from .declaration import MANUAL, Server, human

QUERY = "index,uuid,name,memory.total,memory.free"
USERS = "pid,gpu_uuid,used_gpu_memory"
MIB = 1 << 20


class Gpu(NamedTuple):
    """A GPU: sizes in bytes; ``users``: bytes by the process that has them."""

    number: int
    uuid: str
    name: str
    total: int
    free: int
    users: dict[int, int]

    @property
    def shown(self) -> str:
        """Its name in messages."""
        return "GPU %d (%s)" % (self.number, self.name)


class Gpus(NamedTuple):
    """The host's GPUs; ``reason``: why there are none."""

    found: list[Gpu]
    reason: str


def parse(text: str, users: str = "") -> list[Gpu]:
    """Parse ``nvidia-smi``'s output in CSV without header and units."""
    used: dict[str, dict[int, int]] = {}
    for row in _rows(users, 3):
        if row[0].isdigit():
            used.setdefault(row[1], {})[int(row[0])] = _bytes(row[2])
    return [
        Gpu(int(row[0]), row[1], row[2], _bytes(row[3]), _bytes(row[4]), used.get(row[1], {}))
        for row in _rows(text, 5)
        if row[0].isdigit()
    ]


def _rows(text: str, width: int) -> list[list[str]]:
    return [
        row for row in csv.reader(text.splitlines(), skipinitialspace=True) if len(row) == width
    ]


def _bytes(text: str) -> int:
    """Mebibytes as bytes; ``[N/A]`` and the like, as integrated GPUs report, count as 0."""
    return int(text) * MIB if text.strip().isdigit() else 0


def inspect() -> Gpus:
    """The GPUs of this host."""
    answer = _process.run(
        ["nvidia-smi", "--query-gpu=" + QUERY, "--format=csv,noheader,nounits"], timeout=30
    )
    if answer.rc == 127:
        return Gpus([], "this host has no nvidia-smi")
    if answer.rc != 0:
        return Gpus(
            [],
            "nvidia-smi: %s"
            % (
                (answer.err or answer.out).strip().splitlines() or ["it failed with %d" % answer.rc]
            )[-1],
        )
    users = _process.run(
        ["nvidia-smi", "--query-compute-apps=" + USERS, "--format=csv,noheader,nounits"], timeout=30
    )
    found = parse(answer.out, users.out)
    return Gpus(found, "" if found else "nvidia-smi names no GPU")


def devices() -> list[str]:
    """The device files of this host's GPUs."""
    return sorted(
        path
        for path in glob.glob("/dev/nvidia*") + glob.glob("/dev/nvidia-caps/*")
        if path != "/dev/nvidia-caps"
    )


def gpu_of(word: str, found: Sequence[Gpu]) -> Optional[Gpu]:
    """The GPU of an index or a UUID, which may be shortened as for ``CUDA_VISIBLE_DEVICES``."""
    matches = [
        gpu
        for gpu in found
        if (
            str(gpu.number) == word if word.isdigit() else gpu.uuid.lower().startswith(word.lower())
        )
    ]
    return matches[0] if len(matches) == 1 else None


def missing(servers: Sequence[Server], gpus: Gpus) -> list[str]:
    """Declared GPUs that the host does not have."""
    problems = []
    for server in servers:
        for word in server.gpus:
            if gpu_of(word, gpus.found) is None:
                there = gpus.reason or "this host has %s" % ", ".join(
                    "%d (%s)" % (gpu.number, gpu.uuid) for gpu in gpus.found
                )
                problems.append(
                    "%s: GPU %s is declared and not there: %s" % (server.name, word, there)
                )
    return problems


def overcommitted(servers: Sequence[Server], gpus: Gpus) -> list[str]:
    """GPUs with less memory than the sum that is declared for them.

    Servers that are started by hand don't count.
    """
    problems = []
    for gpu in gpus.found:
        users = [
            server
            for server in servers
            if server.boot != MANUAL
            and any(gpu_of(word, gpus.found) == gpu for word in server.gpus)
        ]
        total = sum(server.vram for server in users)
        if gpu.total and total > gpu.total:
            problems.append(
                "%s has %s, and %s are declared for it: %s"
                % (
                    gpu.shown,
                    human(gpu.total),
                    human(total),
                    ", ".join(
                        "%s %s" % (server.name, human(server.vram))
                        for server in users
                        if server.vram
                    ),
                )
            )
    return problems


def full(server: Server, gpus: Gpus, units: Mapping[int, str], own: str) -> list[str]:
    """GPUs with less free memory than the server is declared to need.

    What it uses itself counts as free.

    :param units: the systemd units of processes that use a GPU.
    :param own: the server's own unit.
    """
    problems = []
    for gpu in (found for word in server.gpus for found in [gpu_of(word, gpus.found)] if found):
        free = gpu.free + sum(used for pid, used in gpu.users.items() if units.get(pid) == own)
        if server.vram > free:
            others = sorted(
                ((used, pid) for pid, used in gpu.users.items() if units.get(pid) != own),
                reverse=True,
            )[:3]
            holders = ", ".join(
                "%s by %s" % (human(used), units.get(pid) or "process %d" % pid)
                for used, pid in others
            )
            problems.append(
                "%s: needs %s on %s, of which %s are free%s"
                % (
                    server.name,
                    human(server.vram),
                    gpu.shown,
                    human(free),
                    " (held: %s)" % holders if holders else "",
                )
            )
    return problems
