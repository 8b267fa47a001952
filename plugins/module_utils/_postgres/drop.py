# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database is dropped: one that holds exactly what a backup has, or one that carries our mark. Any other is left alone."""
from __future__ import annotations

from dataclasses import replace
from typing import Optional

from . import fingerprint as _fingerprint
from .database import MAINTENANCE, Occupancy, inspect
from .session import Endpoint, PostgresError, Session, identifier, literal

# The private server begins every transaction read only.
WRITES = {"default_transaction_read_only": "off"}
# Its owner may drop it; where he cannot log in, a superuser can.
_ROLES = """SELECT rolname FROM pg_roles JOIN pg_database ON datname = %s
WHERE rolcanlogin AND (oid_of_owner OR rolsuper) ORDER BY oid_of_owner DESC, rolname""".replace("oid_of_owner", "(pg_roles.oid = datdba)")


def refusal(endpoint: Endpoint, found: Occupancy, held: Optional[str], expect: Optional[str]) -> Optional[str]:
    """Why a database must not be dropped, ``None`` where it may.

    :param held: its content hash, where ``expect`` is given: the hash of what is kept elsewhere.
    """
    if found.clients:
        return "%s is not dropped while clients are connected: %s" % (endpoint, ", ".join(found.clients))
    if expect:
        return None if held == expect else "%s is not dropped: it does not hold what the backup has" % endpoint
    return None if found.mark else "%s is not dropped: this collection did not make it" % endpoint


def drop(endpoint: Endpoint, expect: Optional[str], check: bool = False) -> bool:
    """Drop a database where that loses nothing.

    :param expect: the content hash of its backup; without it only a database with our mark is dropped.
    :returns: whether it was there.
    :raises PostgresError: it must not be dropped, or could not be.
    """
    with Session(endpoint.on(MAINTENANCE)) as session:
        found = inspect(endpoint, session)
        if not found.exists:
            return False
        roles = [str(row[0]) for row in session.query(_ROLES % literal(endpoint.database))]
    reason = refusal(endpoint, found, _fingerprint.fingerprint(endpoint)["hash"] if expect else None, expect)
    if reason:
        raise PostgresError(reason)
    # Only where nobody asks for a password can another role be taken.
    role = endpoint.user if endpoint.user in roles or not roles else roles[0]
    if not check:
        with Session(replace(endpoint.on(MAINTENANCE), user=role), WRITES) as session:
            session.execute("DROP DATABASE %s" % identifier(endpoint.database))
    return True
