# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a proxy reaches the pooler: an account that only the pooler knows, and the variables with
which the proxy logs in."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from typing import Mapping, Optional, Sequence

from .._config import envfile as _envfile
from .._config.environment import database_url
from .._host.listeners import LOOPBACK
from .._postgres import endpoint as _endpoint
from .._postgres import session as _session
from .._postgres.programs import PostgresError, find_bindir
from .target import PoolerError, Target

# What a name in pgbouncer.ini needs no quotes for. It is seen by nobody but the proxy, so a
# database of another name is given one that is plain; the console's is taken.
_PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,63}")
_CONSOLE = "pgbouncer"
_OTHERWISE = "litellm"


@dataclass(frozen=True)
class Client:
    """The account, the name that the database has for it, and the port of 127.0.0.1."""

    user: str
    database: str
    port: int
    password: str = field(repr=False)

    def endpoint(self) -> _session.Endpoint:
        """The pooler as the host's own client programs reach it."""
        return _session.Endpoint(
            self.database,
            self.user,
            host=LOOPBACK,
            port=self.port,
            password=self.password,
            sslmode="disable",
            bindir=find_bindir(LOOPBACK, self.port),
        )


def of(target: Target, port: int, there: Optional[Client]) -> Client:
    """The client of a pooler that leads there; the password of one that is there already stays."""
    usable = _PLAIN.fullmatch(target.database) and target.database != _CONSOLE
    return Client(
        target.user,
        target.database if usable else _OTHERWISE,
        port,
        there.password if there else secrets.token_urlsafe(32),
    )


def text(client: Client, urls: Mapping[str, str]) -> str:
    """The proxy's env file, with these variables.

    :param urls: what they are without a pooler, by name: their parameters stay.
    """
    return _envfile.dumps(
        {
            name: database_url(
                client.user, client.password, LOOPBACK, client.port, client.database, old
            )
            for name, old in urls.items()
        }
    )


def parse(content: str) -> Client:
    """The client of such a file.

    :raises PostgresError, EnvError: it is none.
    """
    urls = list(_envfile.loads(content, "compose").values())
    found = _endpoint.parse_url(urls[0] if urls else "")
    return Client(found["user"], found["database"], found["port"], found["password"] or "")


def urls(path: str, variable: str, names: Sequence[str]) -> dict[str, str]:
    """The URLs of variables in an env file of the host.

    :param variable: the one of the pooler's own target.
    :raises PostgresError: one is missing or none. :raises PoolerError: they name several
        databases, of which the pooler would make one.
    """
    values = _endpoint.read_env(path)
    missing = [name for name in (variable, *names) if not values.get(name)]
    if missing:
        raise PostgresError("%s does not set %s" % (path, ", ".join(missing)))
    places = {_place(values[name]) for name in (variable, *names)}
    if len(places) > 1:
        raise PoolerError(
            "%s of %s are not all of one database and user, and the pooler has one"
            % (", ".join(dict.fromkeys((variable, *names))), path)
        )
    return {name: values[name] for name in names}


def _place(url: str) -> tuple[str, ...]:
    found = _endpoint.parse_url(url)
    return tuple(str(found[name]) for name in ("host", "port", "database", "user"))
