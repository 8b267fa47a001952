# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loopback URLs: find them in text, and show them without userinfo, path and query."""

from __future__ import annotations

import bisect
import functools
import re
from typing import NamedTuple, Optional

from .environment_rules import LOOPBACK_HOST

# What stands before a URL's host: a password may hold an apostrophe, which encoders leave alone,
# and the last @ ends it.
LOGIN = r"(?:[^\s/?#\"]*@)?"
URL = re.compile(
    r"(?P<head>\b(?P<scheme>[a-z][a-z0-9+.-]{0,31})://%s)(?P<host>%s)(?::(?P<port>[0-9]{1,5}))?(?![\w.:-])"
    % (LOGIN, LOOPBACK_HOST),
    re.I,
)
BARE_ADDRESS = re.compile(r"(?:%s)(?::([0-9]{1,5}))?\Z" % LOOPBACK_HOST, re.I)
REDIS_PORT = 6379
PORTS = {
    "http": 80,
    "https": 443,
    "ws": 80,
    "wss": 443,
    "redis": REDIS_PORT,
    "rediss": REDIS_PORT,
    "valkey": REDIS_PORT,
    "valkeys": REDIS_PORT,
    "postgres": 5432,
    "postgresql": 5432,
}
KINDS = {
    "redis": "redis",
    "rediss": "redis",
    "valkey": "redis",
    "valkeys": "redis",
    "postgres": "database",
    "postgresql": "database",
}
REFERENCE = "os.environ/"


class Found(NamedTuple):
    """An address of the host itself.

    ``line`` from 1. ``kind``: ``model`` (any server that stays on the host), ``redis`` or
    ``database``. ``old`` for showing, without userinfo, path and query. ``start`` and ``end``:
    offsets of what it was read from.
    """

    line: int
    port: int
    kind: str
    old: str
    start: int
    end: int


class Edit(NamedTuple):
    """A replacement of ``text[start:end]``, and what of it can be shown: what was there and what
    comes.
    """

    start: int
    end: int
    text: str
    shown: tuple[str, str]


def port_of(match: re.Match[str]) -> int:
    """The port of a match of :data:`URL`; 0 where it has none and its scheme has no default."""
    return int(match["port"] or PORTS.get(match["scheme"].lower(), 0))


def moved(match: re.Match[str], name: str) -> str:
    """A match of :data:`URL` with another host, the rest as it was."""
    return match["head"] + name + (":" + match["port"] if match["port"] else "")


def shown(match: re.Match[str], host: Optional[str] = None) -> str:
    """A match of :data:`URL` without userinfo."""
    return "%s://%s%s" % (
        match["scheme"],
        host or match["host"],
        ":" + match["port"] if match["port"] else "",
    )


def line_of(text: str, offset: int) -> int:
    """The number of the line, from 1, that an offset is in."""
    return bisect.bisect_left(_line_ends(text), offset) + 1


@functools.lru_cache(maxsize=2)
def _line_ends(text: str) -> list[int]:
    return [match.start() for match in re.finditer("\n", text)]


def urls(text: str, start: int, end: int) -> list[Found]:
    """The loopback URLs in a part of a text, except those without a port (``file://localhost/x``)."""
    matches = [match for match in URL.finditer(text, start, end) if port_of(match)]
    return [
        Found(
            line_of(text, match.start()),
            port_of(match),
            KINDS.get(match["scheme"].lower(), "model"),
            shown(match),
            *match.span(),
        )
        for match in matches
    ]
