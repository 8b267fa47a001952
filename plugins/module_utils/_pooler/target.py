# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database to which the pooler leads, as a URL in an env file of the host has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping

from .._host.problem import OperatorError
from .._postgres import endpoint as _endpoint
from .._postgres import image_client as _image_client
from .._postgres import session as _session
from .._postgres.programs import PostgresError, find_bindir

# The server by its start, to the microsecond, and the database in it: every account may ask.
_IDENTITY = (
    "SELECT extract(epoch FROM pg_catalog.pg_postmaster_start_time()), oid"
    " FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()"
)

# The database as the file's DATABASE_URL has it.
DEFAULTS: dict[str, Any] = {"variable": "DATABASE_URL", "host": None, "port": None}


class PoolerError(OperatorError):
    """The pooler can't be written, paused or led elsewhere; plain words, and no secret."""


@dataclass(frozen=True)
class Target:
    """A database, and with what the pooler logs in there."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(default="", repr=False)
    sslmode: str = "prefer"

    def __str__(self) -> str:
        return "database %s (%s:%d)" % (self.database, self.host, self.port)

    def endpoint(self) -> _session.Endpoint:
        """The same database for the host's own client programs."""
        return _session.Endpoint(
            self.database,
            self.user,
            host=self.host,
            port=self.port,
            password=self.password or None,
            sslmode=self.sslmode,
            bindir=find_bindir(self.host, self.port),
        )


def from_params(params: Mapping[str, Any]) -> Target:
    """The target that a module's argument names.

    :raises PostgresError: its file can't be read, or has no such URL. :raises PoolerError: a
        container can't reach what it names.
    """
    path, variable = params["env_file"], params["variable"]
    values = _endpoint.read_env(path)
    if not values.get(variable):
        raise PostgresError("%s does not set %s" % (path, variable))
    url = _endpoint.parse_url(values[variable])
    where = "%s of %s" % (variable, path)
    return _checked(
        Target(
            params["host"] or url["host"],
            params["port"] or url["port"],
            url["database"],
            url["user"],
            url["password"] or "",
            url["sslmode"] or "prefer",
        ),
        where,
    )


def _checked(target: Target, where: str) -> Target:
    """:raises PoolerError: PgBouncer in a container can't do what the URL asks."""
    if _endpoint.is_socket(target.host):
        raise PoolerError(
            "%s leads to a Unix socket, which the pooler's container does not have: name the host"
            " and port at which the server listens (target.host, target.port)" % where
        )
    if target.sslmode in _image_client.VERIFYING:
        raise PoolerError(
            "%s verifies its server's certificate (%s), which the pooler does not"
            % (where, target.sslmode)
        )
    if not target.user:
        raise PoolerError("%s names no user" % where)
    return target


def identity(endpoint: _session.Endpoint, seconds: float) -> tuple[str, ...]:
    """Which server and database answers there, in a form that can only be compared.

    :raises PostgresError: nobody does, or not in time.
    """
    return tuple(str(value) for value in _session.query(endpoint, _IDENTITY, seconds)[0])
