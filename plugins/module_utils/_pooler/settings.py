# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of PgBouncer's own files: ``pgbouncer.ini`` and ``users.txt``.

PgBouncer logs a line of its settings that it does not understand, with the password in it. So what
it could misunderstand is refused here.
"""

from __future__ import annotations

import re

from .._host.listeners import LOOPBACK
from .client import Client
from .target import PoolerError, Target

INSIDE = "/etc/pgbouncer"  # where the container has them
INI, USERS = "pgbouncer.ini", "users.txt"
# Seconds for which a client waits: longer than any pause.
WAITS = 3600
# PgBouncer's own limits, in bytes.
_LONGEST = {"user": 127, "password": 2047, "database": 63}
_SETTINGS = """[pgbouncer]
listen_addr = %(address)s
listen_port = %(port)d
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %(users)s
pool_mode = transaction
default_pool_size = %(pool_size)d
max_client_conn = 500
max_prepared_statements = 200
ignore_startup_parameters = extra_float_digits,options,search_path
query_wait_timeout = %(waits)d
client_login_timeout = %(waits)d
server_login_retry = 0.2
server_connect_timeout = 5
client_tls_sslmode = disable
server_tls_sslmode = %(sslmode)s
log_connections = 0
log_disconnections = 0
log_stats = 0
"""


def ini(client: Client, target: Target, pool_size: int) -> str:
    """``pgbouncer.ini`` for a pooler that leads a client to a database.

    :raises PoolerError: PgBouncer can't express it.
    """
    for name, longest in _LONGEST.items():
        _check(name, getattr(target, name), longest)
    _check("host", target.host, 255)
    words = {
        "host": quoted(target.host),
        "port": str(target.port),
        "dbname": quoted(target.database),
        "user": quoted(target.user),
    }
    if target.password:  # PgBouncer takes no empty value
        words["password"] = quoted(target.password)
    entry = " ".join("%s=%s" % item for item in words.items())
    return "[databases]\n%s = %s\n\n%s" % (
        client.database,
        entry,
        _SETTINGS
        % {
            "address": LOOPBACK,
            "port": client.port,
            "users": "%s/%s" % (INSIDE, USERS),
            "pool_size": pool_size,
            "waits": WAITS,
            "sslmode": target.sslmode,
        },
    )


def users(client: Client) -> str:
    """``users.txt``, with the one account of the client.

    :raises PoolerError: PgBouncer can't express it.
    """
    _check("user", client.user, _LONGEST["user"])
    fields = (client.user, client.password)
    return " ".join('"%s"' % field.replace('"', '""') for field in fields) + "\n"


def quoted(value: str) -> str:
    """A value of an entry of ``[databases]``."""
    return "'%s'" % value.replace("'", "''")


def pool_size(text: str) -> int:
    """How many connections a ``pgbouncer.ini`` of ours allows to the database.

    :raises PoolerError: it is none of ours.
    """
    found = re.search(r"^default_pool_size = ([0-9]+)$", text, re.M)
    if not found:
        raise PoolerError("%s is not one of ours" % INI)
    return int(found.group(1))


def _check(name: str, value: str, longest: int) -> None:
    if re.search(r"[\x00-\x1f\x7f]", value):
        raise PoolerError(
            "the database's %s has a control character, which PgBouncer can't express" % name
        )
    if len(value.encode("utf-8", "surrogateescape")) > longest:
        raise PoolerError("the database's %s is longer than PgBouncer takes" % name)
