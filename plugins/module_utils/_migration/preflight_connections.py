# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the servers that the proxy's settings name are those that it is connected to."""

from __future__ import annotations

import os
import re
from typing import Callable, NamedTuple, Optional, Sequence

from .._config import database_settings as _database_settings
from .._deployment import legacy as _legacy
from .._host import process as _process
from .._host import servers as _servers
from .._host.servers import Connection
from .._postgres import endpoint as _endpoint
from .._postgres.programs import SOCKET_FOLDERS, PostgresError
from .preflight_findings import Findings

DATABASE, REDIS = "PostgreSQL", "Redis"
# What runs at the other end, by the file names of programs.
_PROGRAMS = {
    DATABASE: re.compile(r"(edb-)?(postgres|postmaster)|pgbouncer|pgcat|odyssey"),
    REDIS: re.compile(r"(redis|valkey|keydb|redict)-.*|dragonfly.*"),
}


# A word of the command line of a proxy, of its workers, or of Prisma's engine.
_PART = re.compile(
    r"(^|/)(litellm|gunicorn|uvicorn|hypercorn|granian|pgbouncer)$|litellm[./]proxy"
    r"|multiprocessing\.|query[-_]engine"
)
_VAR_RUN = re.compile(r"^/var/run/")  # another name of /run


class Named(NamedTuple):
    """A server that settings name: ``origin``: which ones, in words; where it is; ``path``: of its
    Unix socket, else empty."""

    origin: str
    host: str
    port: int
    path: str = ""

    @property
    def place(self) -> str:
        """Where it is, in words."""
        return self.path or ("[%s]:%d" if ":" in self.host else "%s:%d") % (self.host, self.port)


class Seen(NamedTuple):
    """``strangers``: servers of a kind that the proxy is connected to and that no setting names;
    ``connected``: whether it is connected to one that a setting names."""

    strangers: list[Connection]
    connected: bool


def compare(
    kind: str,
    named: Sequence[Named],
    found: Sequence[Connection],
    addresses: Callable[[str], set[str]] = _servers.addresses,
) -> Seen:
    """Compare the servers that settings name with open connections.

    :param addresses: what a client may be connected to who was given a host's name.
    """
    meant = [(item, set() if item.path else addresses(item.host)) for item in named]

    def is_named(connection: Connection) -> bool:
        return any(
            _spelled(connection.path) == _spelled(item.path)
            if item.path
            else (connection.port == item.port and connection.address in places)
            for item, places in meant
        )

    return Seen(
        [
            connection
            for connection in found
            if _PROGRAMS[kind].fullmatch(connection.program) and not is_named(connection)
        ],
        any(map(is_named, found)),
    )


def _spelled(path: str) -> str:
    """A socket's path in one spelling: the kernel has it as its server wrote it."""
    return _VAR_RUN.sub("/run/", os.path.realpath(path)) if path else ""


def check(kind: str, named: Sequence[Named], found: Sequence[Connection]) -> Findings:
    """Refuse a proxy that is connected to another server than its settings name; say where it is
    connected to none."""
    seen, findings = compare(kind, named, found), Findings()
    said = ", and ".join("%s (%s)" % (item.place, item.origin) for item in named)
    if seen.strangers:
        findings.refuse(
            kind,
            "the proxy is connected to %s; its settings name %s"
            % ("; ".join(item.place for item in seen.strangers), said or "none"),
            "name the server that it shall use in its settings, restart the proxy, and run again",
        )
    elif named and not seen.connected:
        findings.warn(
            kind,
            "no connection of the proxy to %s is open at the moment, so that it is the one in use "
            "is known from its settings alone" % said,
            "ask the proxy something, and run the preflight again to see it",
        )
    return findings


def check_stores(legacy: _legacy.Running) -> Findings:
    """Compare both stores of a proxy that runs with what its processes are connected to."""
    findings, stores = Findings(), legacy.stores
    if legacy.unread:
        return findings  # what its settings say is not known, which is said elsewhere
    found = _servers.of(processes(legacy.facts["pid"]))
    named = _database(stores.database)
    if named or stores.database is None:
        findings.add(check(DATABASE, named, found))
    if not any(item.fault for item in stores.redis):
        redis = [Named(item.origin, item.host, item.port, item.path) for item in stores.redis]
        findings.add(check(REDIS, redis, found))
    return findings


def _database(database: Optional[_database_settings.Database]) -> list[Named]:
    """The database that settings name; none where that can't be known."""
    try:
        parts = _endpoint.parse_url(database.url if database else "")
    except PostgresError:
        return []
    host, port = parts["host"], parts["port"]
    if not _endpoint.is_socket(host):
        return [Named(database.origin if database else "", host, port)]
    path = "%s/.s.PGSQL.%d" % (host or SOCKET_FOLDERS[0], port)
    return [Named(database.origin if database else "", "", port, path)]


def processes(pid: int, proc: str = "/proc") -> list[int]:
    """The processes of a proxy: of what descends from its unit's, those that are LiteLLM, its
    workers, or what connects to its database for it. MCP servers that it has started have
    connections of their own."""
    return [pid] + [
        each
        for each in _servers.family(pid, proc)[1:]
        if any(map(_PART.search, _process.command_line(each, proc)))
    ]
