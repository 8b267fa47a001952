# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back, looked at before it is taken: what each choice would keep and lose, and what stands
against it.

Nothing is changed. Rows are counted in the compose deployment's database while it serves.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple, Optional

from .._backup import backup as _backup
from .._deployment import journal as _journal
from .._deployment import legacy_reader as _legacy_reader
from .._deployment import places as _places
from .._deployment import position as _position
from .._deployment import python_environment as _python_environment
from .._host import display as _display
from .._host import files as _files
from .._host import systemd as _systemd
from .._host.problem import OperatorError, Problem
from .._postgres import copy_back as _copy_back
from .._postgres import fingerprint as _fingerprint
from .._postgres import session as _session

CARRY, BACKUP, NONE = "carry", "backup", "none"
CHOICES = (CARRY, BACKUP, NONE)
SPARE = 256 << 20
NOT_MOVED = (
    "No database was moved: the legacy proxy goes on with all that was written since, whatever"
    " rollback_data says."
)
KEYS_STAY = (
    " The keys of Redis, and spend that waits there for the database, come back with"
    " rollback_data=carry alone."
)
# What an operator thinks of first. Both columns are in every release that this collection moves.
_SINCE = """SELECT
  (SELECT count(*) FROM "LiteLLM_VerificationToken" WHERE created_at >= TIMESTAMP %(time)s),
  count(*), coalesce(sum(spend), 0)
  FROM "LiteLLM_SpendLogs" WHERE "startTime" >= TIMESTAMP %(time)s"""


class Look(NamedTuple):
    """What was found (JSON, no secrets), what stands against the way back, what should be known."""

    facts: dict[str, Any]
    problems: list[Problem]
    warnings: list[Problem]


def inspect(journal: _journal.Journal, database: Optional[_session.Endpoint], choice: str) -> Look:
    """Look at a host that shall come back.

    :param journal: of a migration that began.
    :param database: the compose deployment's, ``None`` where none was moved: there is nothing to
        copy back then, whatever the choice.
    :param choice: one of :data:`CHOICES`.
    :returns: facts: ``carries`` (whether there may be rows that the legacy database does not have),
        ``since`` (``keys``, ``requests``, ``spend`` since the cutover; ``None`` where they can't be
        counted), ``tables`` (:func:`_postgres.copy_back.delta`), ``summary`` (that in words),
        ``choices`` (name to words).
    """
    found = journal["facts"].get("found", {})
    facts: dict[str, Any] = {
        "carries": database is not None and _position.copies_back(journal),
        "since": None,
        "tables": [],
        "summary": "",
        "choices": {},
    }
    problems = _legacy_problems(found.get("legacy", {}))
    problems += _unit_problems(found)
    warnings = _changed_files(found.get("legacy", {}))
    if database is None and _position.copies_back(journal):
        redis = _places.here(found, "redis")
        facts["summary"] = NOT_MOVED + (KEYS_STAY if redis and choice != CARRY else "")
    if database is None or not facts["carries"]:
        return Look(facts, problems, warnings)
    cutover, backup = (_journal.step(journal, name) for name in ("cutover", "backup"))
    left, kept = (_journal.facts_of(journal, name) for name in ("cutover", "backup"))
    unread = ""
    held: Optional[dict[str, Any]] = None
    try:
        held = _fingerprint.fingerprint(database)
        facts["since"] = _since(database, cutover["ended"] or cutover["begun"]) if cutover else None
    except _session.PostgresError as error:
        unread = str(error)
    if held and left.get("target"):
        facts["tables"] = _copy_back.delta(left["target"], held)
    problems += check(choice, unread, held, left if left.get("source") else _left(journal), kept)
    if held and choice != NONE:
        problems += _room(found, database)
    facts["summary"] = summary(facts, unread)
    facts["choices"] = choices(
        kept, backup["ended"] if backup else None, cutover["begun"] if cutover else None
    )
    return Look(facts, problems, warnings)


def _since(database: _session.Endpoint, time: str) -> dict[str, Any]:
    """What was created since a time of the journal."""
    stamp = _session.literal(time.split("+")[0].replace("T", " "))
    row = _session.query(database, _SINCE % {"time": stamp})[0]
    return {"keys": int(row[0] or 0), "requests": int(row[1] or 0), "spend": float(row[2] or 0)}


def _left(journal: _journal.Journal) -> dict[str, Any]:
    """What the legacy database was left with, of a cutover that was killed right after clients were
    led to the new one, and looked at afterwards; nothing where it was not."""
    facts = journal["facts"]
    known, schema = facts.get("legacy_hash"), facts.get("legacy_schema")
    if not (known and schema and facts.get("switched")):
        return {}
    return {"source": {"hash": known}, "target": {"schema_hash": schema}}


def check(
    choice: str,
    unread: str,
    held: Optional[dict[str, Any]],
    left: dict[str, Any],
    backup: dict[str, Any],
) -> list[Problem]:
    """What stands against a choice.

    :param unread: why the compose deployment's database can't be read, empty where it can;
        ``held``: what it holds.
    :param left: facts of the step ``cutover``; ``backup``: facts of the step ``backup``.
    """
    others = (
        "-e rollback_data=backup (the backup from before the migration)"
        " or -e rollback_data=none (as at the cutover)"
    )
    if choice == NONE:
        return []
    found = []
    if unread:
        found.append(
            Problem(
                "database",
                "of the compose deployment can't be read (%s)" % unread,
                "start it, or give up its rows: %s" % others,
            )
        )
    if choice == CARRY:
        if not left.get("source"):
            found.append(
                Problem(
                    "journal",
                    "has no proof of the copy at the cutover,"
                    " so nobody can tell what the legacy database held",
                    "choose " + others,
                )
            )
        elif held and held["schema_hash"] != left["target"]["schema_hash"]:
            found.append(
                Problem(
                    "database",
                    "has another schema than at the cutover (a newer LiteLLM changed it?),"
                    " which the legacy release does not know",
                    "go back to the release of the cutover, or give up the rows since: " + others,
                )
            )
    if choice == BACKUP:
        wrong = _backup.verify(backup["path"]) if backup else ["there is none"]
        if wrong:
            found.append(
                Problem(
                    "backup",
                    "of the legacy deployment is not sound: %s" % "; ".join(wrong),
                    "choose -e rollback_data=carry or none",
                )
            )
    return found


def summary(facts: dict[str, Any], unread: str) -> str:
    """What was written since the cutover, in words."""
    if unread:
        return "What was written since the cutover can't be counted."
    since = facts["since"] or {"keys": 0, "requests": 0, "spend": 0.0}
    words = "Since the cutover %s, %s, %.6f of spend recorded. Rows: %s." % (
        count(since["keys"], "key created", "keys created"),
        count(since["requests"], "request logged", "requests logged"),
        since["spend"],
        ", ".join(
            "%s %s"
            % (
                item["name"],
                "%+d" % (item["after"] - item["before"])
                if item["after"] != item["before"]
                else "changed",
            )
            for item in facts["tables"]
        )
        or "as they were",
    )
    return _display.plain(words)


def choices(
    backup: dict[str, Any], backed_up: Optional[str], stopped: Optional[str]
) -> dict[str, str]:
    """What each choice keeps and loses, in words."""
    kept = "It stays in the compose deployment's volume, under another name."
    return {
        CARRY: "keeps all of it, loses nothing.",
        BACKUP: "keeps what the backup %s of %s holds,"
        " loses all of it and what was written between backup and cutover. %s"
        % (backup.get("name"), backed_up, kept),
        NONE: "keeps the legacy database as it was at the cutover (%s), loses all of it. %s"
        % (stopped, kept),
    }


def count(number: int, one: str, more: str) -> str:
    """A number with its noun."""
    return "%d %s" % (number, one if number == 1 else more)


def _legacy_problems(legacy: dict[str, Any]) -> list[Problem]:
    """What of the legacy deployment is not there any more."""
    if not legacy:
        return [
            Problem(
                "journal",
                "does not say what the legacy deployment was",
                "it was edited, or written by another release",
            )
        ]
    try:
        reader = _legacy_reader.recorded(legacy)
    except (OperatorError, OSError) as error:
        return [Problem("legacy account", str(error), "the legacy proxy can't start without it")]
    found = [
        Problem(path, "is gone", "restore it from the backup that the journal names")
        for path in legacy["hashes"]
        if not reader.is_file(path)
    ]
    python = legacy["python"]
    extra = [site] if (site := legacy.get("site")) else []
    version = (
        _python_environment.installed(python, reader.account, extra)["version"] if python else None
    )
    if python and not reader.exists(python):
        found.append(
            Problem(
                python,
                "is gone: the legacy proxy cannot start",
                "install LiteLLM %s there again" % legacy["litellm_version"],
            )
        )
    elif python and version != legacy["litellm_version"]:
        found.append(
            Problem(
                python,
                "has LiteLLM %s now, the legacy proxy ran %s"
                % (version, legacy["litellm_version"]),
                "install LiteLLM %s there again" % legacy["litellm_version"],
            )
        )
    return found


def _unit_problems(found: dict[str, Any]) -> list[Problem]:
    """Units that could not be brought back."""
    stores = [found.get(name) or {} for name in ("database", "redis")]
    units = [*found.get("legacy", {}).get("units", []), *(store.get("unit") for store in stores)]
    obstacles = [_systemd.obstacle(unit, check=True) for unit in units if unit]
    return [obstacle for obstacle in obstacles if obstacle]


def _changed_files(legacy: dict[str, Any]) -> list[Problem]:
    try:
        reader = _legacy_reader.recorded(legacy)
    except (KeyError, OperatorError, OSError):
        return []  # which stands against a rollback, and is said there
    return [
        Problem(
            path, "was changed since the migration", "the legacy proxy starts with it as it is now"
        )
        for path, digest in legacy.get("hashes", {}).items()
        if reader.digest(path) not in (None, digest)
    ]


def _room(found: dict[str, Any], database: _session.Endpoint) -> list[Problem]:
    """Free space where the native server keeps its data: every row that differs is written once
    more before the old one goes."""
    server = (found.get("database") or {}).get("server")
    if not server or not os.path.isdir(server["folder"]):
        return []
    needed, free = _session.database_size(database) + SPARE, _files.free_bytes(server["folder"])
    if free >= needed:
        return []
    return [
        Problem(
            server["folder"],
            "has %.1f GiB free, the rows may need %.1f GiB" % (free / 2**30, needed / 2**30),
            "free some space there",
        )
    ]
