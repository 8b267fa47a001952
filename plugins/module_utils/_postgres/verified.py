# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database that is loaded beside its name, verified, and then takes the name.

It grows under a name of its own (``NAME__copying``), so that a database of the target's name is
never half loaded. A comment on the database, its mark, says that it is ours, and what it held.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace as changed
from datetime import datetime, timezone
from time import monotonic
from typing import Any, NamedTuple

from . import contents as _contents
from .database import growing, inspect, refusals
from .endpoint import APPLICATION
from .fingerprint import compare, digest, fingerprint
from .role import administering, create, secure
from .session import Endpoint, PostgresError, Session, identifier, literal

# Of the loading sessions alone: faster index builds, and no wait for the disk at every one of
# ANALYZE's commits. The rename, which is a commit of another session, waits for all of it: a
# database that has the target's name is on disk.
LOAD_SETTINGS = ("maintenance_work_mem=256MB", "synchronous_commit=off")


class Expected(NamedTuple):
    """What a database must hold once it is loaded: the source's fingerprint, whose ``sequences``
    were read before the dump, and ``after``, its sequences as they were read after it.
    """

    fingerprint: dict[str, Any]
    after: list[dict[str, Any]]


class Verified(NamedTuple):
    """``differences`` in words (none: verified, and at the target's name), the fingerprint that was
    expected and the one found.
    """

    differences: list[str]
    expected: dict[str, Any]
    found: dict[str, Any]


class Phases:
    """Seconds of each phase of some work: called with a phase's name when it ends."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = monotonic()

    def __call__(self, name: str) -> None:
        now = monotonic()
        self.seconds[name] = round(now - self._last, 3)
        self._last = now


def load(
    admin: Session,
    target: Endpoint,
    now: datetime,
    fill: Callable[[Endpoint], Expected],
    phase: Phases,
    sides: tuple[str, str] = ("source", "target"),
) -> Verified:
    """Fill a fresh database, verify it, and give it the target's name. One that differs is removed.

    :param admin: a session of :func:`administering`, on the target's server.
    :param fill: loads the fresh database whose endpoint it is given, and returns what it must hold.
    :param phase: called with ``prepare``, ``load``, ``analyze``, ``verify`` and ``rename``.
    :param sides: what the differences call the two sides.
    :raises PostgresError: refused or failed; what was at the target's name is as it was.
    """
    secure(target)
    fresh = changed(target.on(growing(target.database)), settings=LOAD_SETTINGS)
    _create(admin, fresh)
    try:
        mark(admin, fresh.database, state="growing", time=_stamp(now))
        phase("prepare")
        wanted, after = fill(fresh)
        phase("load")
        with Session(fresh) as session:
            session.execute("ANALYZE")
            schema = _contents.home(session)
        if schema not in ("", "public"):
            # for whoever asks for LiteLLM's tables by their names alone
            admin.execute(
                "ALTER DATABASE %s SET search_path TO %s"
                % (identifier(fresh.database), identifier(schema))
            )
        phase("analyze")
        found = fingerprint(fresh)
        expected = {**wanted, "sequences": settle(wanted["sequences"], after, found["sequences"])}
        expected["hash"] = digest(expected)
        differences = compare(expected, found, sides)
        phase("verify")
        if not differences:
            mark_complete(admin, fresh.database, now, found)
            admin.execute("DROP DATABASE IF EXISTS %s" % identifier(target.database))
            admin.execute(
                "ALTER DATABASE %s RENAME TO %s"
                % (identifier(fresh.database), identifier(target.database))
            )
            phase("rename")
    except BaseException:
        _remove(fresh)
        raise
    if differences:
        _remove(fresh)
    return Verified(differences, expected, found)


def settle(
    before: list[dict[str, Any]], after: list[dict[str, Any]], reached: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The source's sequences as they may be compared: sequences ignore snapshots, so that a writer
    can move one while it is dumped.

    Where the copy's value lies between what the source had before and after, it is taken as the
    source's.
    """
    later, copied = (
        {(item["schema"], item["name"]): item for item in side} for side in (after, reached)
    )
    result = []
    for item in before:
        key = (item["schema"], item["name"])
        ahead, got = later.get(key, item), copied.get(key, item)
        steps = [(entry["last_value"], entry["is_called"]) for entry in (item, got, ahead)]
        result.append(
            got if steps == sorted(steps) or steps == sorted(steps, reverse=True) else item
        )
    return result


def mark(admin: Session, database: str, **words: object) -> None:
    """Write on a database that it is ours, and what it holds."""
    admin.execute(
        "COMMENT ON DATABASE %s IS %s"
        % (
            identifier(database),
            literal(json.dumps({"made_by": APPLICATION, "what": "copy", **words})),
        )
    )


def mark_complete(admin: Session, database: str, now: datetime, held: dict[str, Any]) -> None:
    """Write on a database that it is a whole copy of ours.

    :param held: its fingerprint.
    """
    words = {"hash": held["hash"], "rows_total": held["rows_total"]}
    mark(admin, database, state="complete", time=_stamp(now), **words)


def _stamp(now: datetime) -> str:
    return now.astimezone(timezone.utc).isoformat(timespec="seconds")


def _create(admin: Session, endpoint: Endpoint) -> None:
    """A fresh database of ours: UTF8, and of its own server's locale, never of the source's, which
    may not exist here.
    """
    leftover = inspect(endpoint, admin)
    if leftover.exists:
        reasons = refusals(endpoint, leftover)
        if reasons:
            raise PostgresError("; ".join(reasons))
        admin.execute("DROP DATABASE %s WITH (FORCE)" % identifier(endpoint.database))
    encoding = admin.query(
        "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'template0'"
    )[0][0]
    locale = "" if encoding == "UTF8" else " LC_COLLATE 'C' LC_CTYPE 'C'"
    create(admin, endpoint, " ENCODING 'UTF8'" + locale)


def _remove(fresh: Endpoint) -> None:
    """Remove what a failed load left.

    On a connection of its own: the failure may have been the other one's.
    """
    with administering(fresh) as admin:
        admin.execute("DROP DATABASE IF EXISTS %s WITH (FORCE)" % identifier(fresh.database))
