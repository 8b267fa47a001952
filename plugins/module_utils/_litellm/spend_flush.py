# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until a LiteLLM proxy has just flushed its spend, which is when it can be stopped.

Every 10 to 15 seconds a job takes the cost of requests out of memory and writes it. A proxy that is
stopped within such a write disconnects from its database and loses the batch, which is not in the
queue that it flushes at shutdown (read in 1.102.4, and seen: 23 rows). What comes after the write
waits in the queue, so a stop in the next seconds loses nothing. The job is seen by what it writes:
only it changes the daily tables.
"""

from __future__ import annotations

import time
from typing import Callable, Iterable, NamedTuple, Optional

from .._postgres.session import Endpoint, PostgresError, Session, literal

# The job runs every 10 s (``proxy_batch_write_at``) and up to 5 more, by chance; a little for its
# own work.
LIMIT = 18.0
# Its statements follow one another by milliseconds.
SETTLED = 0.3
# How long others' writes may hide that it has settled.
CROWDED = 3.0
# A proxy that is gone, or never was there, has no connection.
ABSENT = 1.0
PAUSE = 0.03
# What that job alone changes, whatever a release's columns are: by an index, so that a large table
# costs nothing. Releases without the daily tables write the single rows only.
DAILY = """SELECT count(*), sum(xmin::text::bigint) FROM "LiteLLM_DailyUserSpend"
WHERE date >= to_char(now() - interval '2 days', 'YYYY-MM-DD')"""
LOGS = """SELECT count(*), NULL FROM "LiteLLM_SpendLogs"
WHERE "startTime" >= (now() AT TIME ZONE 'UTC') - interval '1 hour'"""
# Who is connected, and whether one of them is within a write, or was a moment ago.
SESSIONS = (
    """SELECT count(*), coalesce(bool_or(query ~* '^\\s*(insert|update|delete|begin|commit|with)\\M'
AND (state <> 'idle' OR state_change > clock_timestamp() - interval '%g s')), false)
FROM pg_stat_activity
WHERE usename = current_user AND datname = current_database() AND pid <> pg_backend_pid()"""
    % SETTLED
)


# Of one proxy of several: the condition, in SQL, of its sessions.
Sessions = Callable[[], str]


class Flush(NamedTuple):
    """``seen``: the proxy has just written its spend; ``reason``: why that could not be seen;
    ``seconds``: how long the wait took.
    """

    seen: bool
    reason: str
    seconds: float


def wait(endpoint: Endpoint, limit: float = LIMIT, only: Optional[Sessions] = None) -> Flush:
    """Wait until the proxy that works with a database has written its spend.

    :param endpoint: with the proxy's own role, which alone may see what its other sessions do.
    :param limit: seconds.
    :param only: of one proxy, where another one writes to the database as well.
    """
    begun = time.monotonic()
    try:
        with Session(endpoint) as session:
            reason = _watch(session, begun, limit, only)
    except PostgresError as error:
        reason = str(error)
    return Flush(not reason, reason, round(time.monotonic() - begun, 3))


def _watch(session: Session, begun: float, limit: float, only: Optional[Sessions]) -> str:
    daily = (
        session.query("SELECT to_regclass('\"LiteLLM_DailyUserSpend\"') IS NOT NULL")[0][0] == "t"
    )
    query = DAILY if daily else LOGS
    before = session.query(query)
    changed: Optional[float] = None
    while True:
        connected, busy = session.query(SESSIONS + (" AND " + only() if only else ""))[0]
        now = time.monotonic()
        found = before if changed else session.query(query)
        if found != before and (only is None or busy == "t"):
            changed = now
        elif changed is not None and (busy == "f" or now - changed > CROWDED):
            return ""
        if connected == "0" and only is None and now - begun > ABSENT:
            return "no proxy is connected to its database"
        if now - begun > limit:
            return "the proxy wrote no spend for %g s" % limit
        before = found
        time.sleep(PAUSE)


def from_ports(ports: Iterable[int]) -> str:
    """The condition of sessions that come from these ports."""
    return "client_port IN (%s)" % ", ".join(["0", *map(str, sorted(ports))])


def at(address: str) -> str:
    """The condition of sessions that come from this address."""
    return "client_addr = %s" % literal(address)
