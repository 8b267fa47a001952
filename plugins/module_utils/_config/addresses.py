# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rewrite the host's own addresses in LiteLLM's config.yaml and in single values for a container.

Inside a container 127.0.0.1 is the container itself. Servers that stay on the host are reached by a
name for the host; Redis and PostgreSQL become services. What is shown of a URL is scheme, host and
port, never more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional
from urllib.parse import parse_qsl, unquote, urlsplit

from . import addresses_redis as _addresses_redis
from . import yaml_values as _yaml_values
from .addresses_redis import ENVIRONMENT
from .environment_rules import ELSEWHERE, is_loopback
from .includes import INCLUDE
from .loopback import (
    BARE_ADDRESS,
    KINDS,
    REFERENCE,
    URL,
    Edit,
    Found,
    line_of,
    moved,
    port_of,
    shown,
    urls,
)
from .yaml_values import Value

# A literal there wins over the environment's DATABASE_URL.
DATABASE = (
    ("general_settings", "database_url"),
    (*ENVIRONMENT, "DATABASE_URL"),
    (*ENVIRONMENT, "DIRECT_URL"),
)


class Rewritten(NamedTuple):
    """A rewritten address, safe to show: its line in the old text, and scheme, host and port."""

    line: int
    old: str
    new: str


class Rejected(NamedTuple):
    """What cannot be rewritten, in which file (empty: the text has none) and line, and what to
    do."""

    path: str
    line: int
    message: str


def is_database_here(url: str) -> bool:
    """Whether a database's URL is one of this host: by the loopback address or a Unix socket. A
    host in its query comes before the one in its address."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return False
    if KINDS.get(parts.scheme.lower()) != "database":
        return False
    address = unquote(parts.netloc.rpartition("@")[2])
    named = dict(parse_qsl(parts.query)).get("host", "")
    if named or address.startswith("/") or not address:
        return not named or named.startswith("/") or is_loopback(named)
    return bool(URL.match(url.strip()))


def find_value(value: str) -> list[Found]:
    """The loopback URLs in one value, such as an environment variable's."""
    return urls(value, 0, len(value))


def find(text: str) -> list[Found]:
    """The loopback addresses in a config.yaml, in its order; comments are ignored.

    A Redis that the environment names in part (``host: os.environ/REDIS_HOST``) is included.
    """
    config = _Config(text)
    databases = [
        Found(
            line_of(text, value.start),
            port_of(match),
            "database",
            shown(match),
            value.start,
            value.end,
        )
        for value in config.databases
        for match in [URL.match(config.of(value))]
        if match
    ]
    return sorted(
        [
            *config.urls,
            *(_addresses_redis.address_of(text, place) for place in config.redis),
            *databases,
        ]
    )


def unreachable(
    text: str, own_ports: Sequence[int] = (4000,), ports: Optional[Sequence[int]] = None
) -> list[Found]:
    """Addresses that :func:`rewrite` leaves alone and that a container cannot reach.

    Ports without a bridge, Redis and database URLs in unknown places, addresses without a scheme
    (port 0 where they have none).
    """
    config = _Config(text)
    left = [item for item in config.urls if item.kind != "model" or not _bridged(item, ports)]
    return sorted(item for item in [*left, *config.bare] if item.port not in own_ports)


def problems(
    text: str, path: str = "", where: Optional[Mapping[str, str]] = None
) -> list[Rejected]:
    """Why a config.yaml cannot be rewritten as a whole.

    :param where: where the stores are (see :func:`_config.stores.where`).
    """
    config = _Config(text)
    found = [
        (offset, "a quote or a bracket is opened and never closed") for offset in config.scan.faults
    ]
    found += [config.scan.excess] if config.scan.excess else []
    found += [
        (
            offset,
            "%s: names several Redis servers of this host, and the deployment has one. Name "
            "one by host and port" % name,
        )
        for offset, name in _addresses_redis.clusters(text, config.scan)
    ]
    found += [
        (
            value.start,
            "%s: is not a database of this host, and wins over DATABASE_URL. Write "
            "%sDATABASE_URL, and put the address into the environment"
            % (".".join(value.path), REFERENCE),
        )
        for value in config.databases
        if (where or {}).get("database") != ELSEWHERE and not is_database_here(config.of(value))
    ]
    return [Rejected(path, line_of(text, offset), message) for offset, message in sorted(found)]


def rewrite(
    text: str,
    gateway_name: str,
    own_ports: Sequence[int] = (4000,),
    ports: Optional[Sequence[int]] = None,
    redis_host: str = "redis",
    redis_port: int = 6379,
    redis_variables: Sequence[str] = (),
    database_url: str = "os.environ/DATABASE_URL",
    where: Optional[Mapping[str, str]] = None,
    more: Sequence[Edit] = (),
) -> tuple[str, list[Rewritten]]:
    """A config.yaml for a container; all other bytes, comments and order stay.

    :param gateway_name: the host, as containers know it.
    :param own_ports: the proxy's own ports, which are the same afterwards; URLs with them stay.
    :param ports: the ports that containers reach at ``gateway_name``; ``None``: all.
    :param redis_variables: names of variables that say where the host's Redis is.
    :param database_url: what ``general_settings.database_url`` becomes if it holds a loopback URL.
    :param where: where the stores are (see :func:`_config.stores.where`); what names one that is
        elsewhere stays as it is.
    :param more: other replacements, of names below ``include:``.
    """
    config = _Config(text, redis_variables)
    edits = [*more, *_database_edits(config, database_url)]
    for place in config.redis if (where or {}).get("redis") != ELSEWHERE else ():
        edits += _addresses_redis.edits(text, place, redis_host, redis_port)
    for item in config.urls:
        match = URL.match(text, item.start, item.end)
        if match and item.kind == "model" and item.port not in own_ports and _bridged(item, ports):
            new = moved(match, gateway_name)
            edits.append(Edit(item.start, item.end, new, (item.old, shown(match, gateway_name))))
    # Two places can share a value by an anchor.
    edits = sorted(set(edits))
    pieces, at = [], 0
    for edit in edits:
        pieces += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join(pieces) + text[at:], [
        Rewritten(line_of(text, edit.start), *edit.shown) for edit in edits
    ]


def _database_edits(config: _Config, database_url: str) -> list[Edit]:
    edits = []
    for value in config.databases:
        old = config.of(value)
        if is_database_here(old):
            match = URL.match(old)
            new = REFERENCE + value.path[-1] if value.path[:-1] == ENVIRONMENT else database_url
            said = shown(match) if match else "(a Unix socket)"
            edits.append(Edit(value.start, value.end, new, (said, new)))
    return edits


def _bridged(item: Found, ports: Optional[Sequence[int]]) -> bool:
    return ports is None or item.port in ports


class _Config:
    """A config.yaml's values by kind: Redis settings, database URLs, other loopback addresses."""

    def __init__(self, text: str, redis_variables: Sequence[str] = ()) -> None:
        self.text = text
        self.scan = _yaml_values.scan(text)
        self.redis = _addresses_redis.places(text, self.scan, redis_variables)
        self.databases = [
            value
            for value in self.scan.values
            if value.path in DATABASE and not self.of(value).startswith(REFERENCE)
        ]
        taken = {value for place in self.redis for value in place.fields.values()} | set(
            self.databases
        )
        others = [
            value for value in self.scan.values if value not in taken and value.path[:1] != INCLUDE
        ]
        self.urls = [item for value in others for item in urls(text, value.start, value.end)]
        self.bare = [
            Found(
                line_of(text, value.start),
                int(match[1] or 0),
                "model",
                self.of(value),
                value.start,
                value.end,
            )
            for value in others
            for match in [BARE_ADDRESS.match(self.of(value))]
            if match
        ]

    def of(self, value: Value) -> str:
        """What is written there, without quotes."""
        return self.text[value.start : value.end]
