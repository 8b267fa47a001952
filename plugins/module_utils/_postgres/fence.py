# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep LiteLLM's role from writing to a database in a container that is not, or no longer, the one
that counts: whoever has its password and comes to the server's address fails at once, instead of
writing rows that nobody finds later.

Sessions that are opened from then on may only read, unless they ask for more by name, as ours do.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

from .role import administering
from .session import Endpoint, Session, identifier, literal

_SETTING = "default_transaction_read_only"
_FENCED = """SELECT 1 FROM pg_db_role_setting WHERE setdatabase = 0
  AND setrole = (SELECT oid FROM pg_roles WHERE rolname = %s) AND %s = ANY (setconfig)"""
# Ours are on the container's own socket.
_END = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE usename = %s AND client_addr IS NOT NULL AND backend_type = 'client backend'"""


def writer(target: Endpoint) -> Endpoint:
    """The same database for those who write to it although it is fenced."""
    return replace(target, settings=(*target.settings, _SETTING + "=off"))


class Fence:
    """The fence around the role of an endpoint in a container; its session is open from the
    beginning, so that each change takes no longer than its statement. A context manager."""

    def __init__(self, target: Endpoint) -> None:
        """:raises PostgresError: the server does not answer."""
        self._role = target.user
        self._stack = ExitStack()
        self._session: Session = self._stack.enter_context(administering(target))

    def __enter__(self) -> Fence:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    @property
    def is_up(self) -> bool:
        """Whether the role may only read."""
        asked = _FENCED % (literal(self._role), literal(_SETTING + "=on"))
        return bool(self._session.query(asked))

    def put_up(self) -> None:
        """The role may only read, and who is connected over the network is no longer."""
        self._session.execute("ALTER ROLE %s SET %s = on" % (identifier(self._role), _SETTING))
        self._session.query(_END % literal(self._role))

    def take_down(self) -> None:
        """It may write."""
        self._session.execute("ALTER ROLE %s RESET %s" % (identifier(self._role), _SETTING))
