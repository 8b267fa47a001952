# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which format of snapshots (RDB) a release of Redis or Valkey writes, and which ones it reads.

The numbers are those of ``RDB_VERSION`` in the servers' own ``src/rdb.h`` at each release. A server
reads what was written by its own and all earlier formats; Valkey took over at 11 and reads none of
those between that and its own first one, 80, which Redis goes on with.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Mapping, Optional

REDIS, VALKEY = "Redis", "Valkey"
# The first release that writes each format.
_WRITTEN: Mapping[str, tuple[tuple[tuple[int, int], int], ...]] = {
    REDIS: (
        ((2, 6), 6),
        ((3, 2), 7),
        ((4, 0), 8),
        ((5, 0), 9),
        ((7, 0), 10),
        ((7, 2), 11),
        ((7, 4), 12),
        ((8, 6), 13),
    ),
    VALKEY: (((7, 2), 11), ((9, 0), 80), ((9, 2), 81)),
}
_COMMON = 11  # the last format of both
_OWN = 80  # Valkey's first one


@dataclass(frozen=True)
class Release:
    """A server's product and release: ``Release("Redis", (7, 4))``."""

    product: str
    number: tuple[int, int]

    def __str__(self) -> str:
        return "%s %d.%d" % (self.product, self.number[0], self.number[1])

    @property
    def writes(self) -> Optional[int]:
        """The format of its snapshots, ``None`` for a release that is newer or older than any that
        is known here."""
        known = _WRITTEN[self.product]
        found = [written for since, written in known if since <= self.number]
        return found[-1] if found and self.number <= known[-1][0] else None

    def reads(self, written: Optional[int]) -> Optional[bool]:
        """Whether it reads a format, ``None`` where that is not known."""
        own = self.writes
        if written is None:
            return None
        if self.product == VALKEY and _COMMON < written < _OWN:
            return False
        # all releases that are not known here are newer ones, as those of years ago are
        least = own if own is not None else _WRITTEN[self.product][-1][1]
        if written <= least:
            return True
        return False if own is not None else None


def release(text: str) -> Optional[Release]:
    """What a server says of itself: ``redis-server --version``, ``INFO server``, or a release as
    its :class:`str` has it; ``None`` where it says nothing of the kind."""
    patterns = (
        (VALKEY, r"valkey_version:(\d+)\.(\d+)"),
        (VALKEY, r"Valkey server v=(\d+)\.(\d+)"),
        (REDIS, r"Redis server v=(\d+)\.(\d+)"),
        (REDIS, r"redis_version:(\d+)\.(\d+)"),
        (VALKEY, r"Valkey (\d+)\.(\d+)\Z"),
        (REDIS, r"Redis (\d+)\.(\d+)\Z"),
    )
    for product, pattern in patterns:
        match = re.search(pattern, text)
        if match:
            return Release(product, (int(match[1]), int(match[2])))
    return None


def of_image(environment: Mapping[str, str], name: str, tag: str) -> Optional[Release]:
    """The release that an image declares (``REDIS_VERSION``, ``VALKEY_VERSION``), or else that its
    tag says; ``None`` where neither tells at least two numbers.

    :param name: of its repository.
    """
    declared = (
        (VALKEY, environment.get("VALKEY_VERSION", "")),
        (REDIS, environment.get("REDIS_VERSION", "")),
        (VALKEY if "valkey" in name else REDIS, tag),
    )
    for product, text in declared:
        match = re.match(r"v?(\d+)\.(\d+)", text)
        if match:
            return Release(product, (int(match[1]), int(match[2])))
    return None


def carried(source: Optional[Release], target: Optional[Release]) -> Optional[bool]:
    """Whether what a server has goes to another one by a snapshot, ``None`` where that is not
    known."""
    if source is None or target is None:
        return None
    return True if source == target else target.reads(source.writes)
