# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is connected to a native Redis, by its own word."""

from __future__ import annotations

import re
from typing import NamedTuple

from .redis import Native


class Client(NamedTuple):
    """A client: where it comes from (``address:port``, for a Unix socket its path and ``:0``), its
    own name, and as which user; empty where there is none."""

    place: str
    name: str
    user: str


def clients(native: Native) -> list[Client]:
    """Every client, the one that asks as well.

    :raises RedisError: Redis does not answer, or does not tell.
    """
    return parse_clients(native.ask("CLIENT", "LIST"))


def parse_clients(text: str) -> list[Client]:
    """What ``CLIENT LIST`` says."""
    found = []
    for line in text.splitlines():
        words = dict(re.findall(r"(?:^|\s)([a-z-]+)=(\S*)", line))
        if "addr" in words:
            found.append(Client(words["addr"], words.get("name", ""), words.get("user", "")))
    return found
