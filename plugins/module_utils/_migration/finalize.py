# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a legacy deployment: whether its host may be without it, and what is kept of it.

Nothing is changed here, except that the native server is started in private to be read and stopped
again.
"""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta
from typing import Any, Iterable, NamedTuple, Optional, Sequence

from .._backup import backup as _backup
from .._config.environment_rules import ELSEWHERE, HERE, NOWHERE
from .._deployment import journal as _journal
from .._deployment import legacy as _legacy
from .._deployment import legacy_reader as _legacy_reader
from .._deployment import places as _places
from .._deployment import position as _position
from .._deployment import steps as _steps
from .._deployment import unit_removal as _unit_removal
from .._host import files as _files
from .._host import reader as _reader
from .._host.problem import Problem
from .._litellm import readiness as _readiness
from .._postgres import fingerprint as _fingerprint
from .._postgres import native_server as _native_server
from .._postgres import session as _session
from . import neighbours as _neighbours
from . import next_command as _next_command
from . import status as _status

STEPS = _steps.of(_steps.FINALIZE)
LAST_BACKUP, REMOVE_UNITS = STEPS[:2]
SHOWN = 12  # names in one message
AGAIN = "restore its folder from where backups are kept"
_STRANGER = (
    "was stopped with the legacy deployment for its name, and is not of it: its files stay",
    "enable and start it again if it is wanted",
)
WITHOUT = Problem(
    "database",
    "the deployment has none, and the last backup, which is to hold its files, is a database's",
    "leave its files: the unit is disabled, and nothing of the legacy deployment runs",
)
STAYS = Problem(
    "finalize_drop_database",
    "would drop the database that the proxy uses: it was not moved",
    "leave it false",
)
FINALIZED, REFUSED, READY = "finalized", "refused", "ready"


class Look(NamedTuple):
    """What was found (JSON, no secrets), what stands against the end, what should be known."""

    facts: dict[str, Any]
    problems: list[Problem]
    warnings: list[Problem]


def position(journal: Optional[_journal.Journal]) -> tuple[str, str]:
    """Whether a host with this journal can be finalized: ``ready``, ``finalized`` (nothing is left
    to do) or ``refused``, and why."""
    if journal is None:
        return (
            REFUSED,
            "no migration was ever begun here, so there is nothing to finalize:"
            " migrate.yml migrates the host",
        )
    state, phase = journal["state"], journal["phase"]
    if state == _journal.FINALIZED:
        return FINALIZED, "finalized since %s" % journal.get("ended")
    if state == _journal.MIGRATED:
        return READY, ""
    if state == _journal.RUNNING:
        if phase in STEPS or _next_command.only_taken(journal):
            return READY, ""
        return (
            REFUSED,
            "a run was killed in its step %s: migrate.yml or rollback.yml brings it to an end first"
            % phase,
        )
    return (
        REFUSED,
        "the host is %s and runs its legacy deployment: migrate.yml migrates it,"
        " and only then it can be finalized" % state,
    )


def not_before(journal: _journal.Journal, days: float) -> Optional[datetime]:
    """From when the host may be finalized: so many days after its migration ended. ``None`` where
    the journal does not say when."""
    try:
        return datetime.fromisoformat(journal["ended"]) + timedelta(days=days)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _system_unit(server: dict[str, Any]) -> str:
    """The name of a server's unit, empty where it is a user's: the system may have another one of
    that name."""
    unit = server.get("unit") or {}
    return "" if unit.get("account") else str(unit.get("name", ""))


def dump_name(journal: _journal.Journal) -> str:
    """The name of the last backup of the legacy deployment."""
    return "legacy-final-%s" % journal["id"]


def steps_left(journal: _journal.Journal, drop: bool) -> list[str]:
    """The steps that are still to be taken, in their order. A last backup of an earlier state of
    the database is none."""
    entries = {name: _journal.step(journal, name) for name in STEPS}
    done = {name for name, entry in entries.items() if entry and entry["state"] == _journal.DONE}
    held = _journal.facts_of(journal, LAST_BACKUP).get("hash")
    if LAST_BACKUP in done and _is_moved(journal) and held != _position.legacy_hash(journal):
        done = set()
    return [name for name in (STEPS if drop else STEPS[:2]) if name not in done]


def _is_moved(journal: _journal.Journal) -> bool:
    """Whether the database was moved, so that the legacy one is left behind."""
    return _places.of(_journal.found_in(journal)).database == HERE


def check_journal(journal: _journal.Journal, days: float, now: datetime) -> list[Problem]:
    """What of the journal stands against the end. A run that was killed in one of its steps was
    allowed to begin."""
    found = []
    earliest = not_before(journal, days)
    if earliest is None:
        found.append(
            Problem(
                "journal",
                "does not say when the migration ended",
                "it was edited, or written by another release",
            )
        )
    elif now < earliest and not (
        journal["state"] == _journal.RUNNING and journal["phase"] in STEPS
    ):
        found.append(
            Problem(
                "finalize_observation_days",
                "the host is migrated since %s and is watched for %g days"
                % (journal["ended"], days),
                "run finalize.yml from %s on, or set another number of days"
                % earliest.strftime("%Y-%m-%d %H:%M UTC"),
            )
        )
    cutover = _journal.facts_of(journal, "cutover")
    moved = _is_moved(journal)
    if moved and (cutover.get("equal") is not True or not _position.legacy_hash(journal)):
        found.append(
            Problem(
                "journal",
                "has no proof that the copy at the cutover was equal",
                "rollback.yml and migrate.yml make one",
            )
        )
    if not (journal["facts"].get("found") or {}).get("legacy"):
        found.append(
            Problem(
                "journal",
                "does not say what the legacy deployment was",
                "it was edited, or written by another release",
            )
        )
    elif moved and not (journal["facts"]["found"].get("database") or {}).get("server"):
        found.append(
            Problem(
                "journal",
                "does not say how the native PostgreSQL is started,"
                " so its database can't be looked at",
                "it was written by another release; rollback.yml and migrate.yml record it",
            )
        )
    return found


def check_backup(facts: dict[str, Any]) -> list[Problem]:
    """What is wrong with the backup from before the migration, by the facts of its step."""
    if not facts.get("path"):
        return [
            Problem(
                "backup",
                "from before the migration is not named in the journal",
                "rollback.yml and migrate.yml make one",
            )
        ]
    wrong = _backup.verify(facts["path"])
    if not wrong:
        try:
            wrong = [] if _backup.manifest(facts["path"]).get("pinned") else ["it is not pinned"]
        except _backup.BackupError as error:
            wrong = [str(error)]
    return (
        [Problem("backup", "from before the migration is not sound: %s" % "; ".join(wrong), AGAIN)]
        if wrong
        else []
    )


def check_proxy(proxy: dict[str, Any], wanted: str = _readiness.CONNECTED) -> list[Problem]:
    """Whether the compose deployment serves with its database, by what :mod:`_migration.status`
    told of it.

    :param wanted: what its database has to be.
    """
    if proxy["kind"] != "compose":
        return [
            Problem(
                "port %d" % proxy["port"],
                "is not the compose deployment's: %s" % proxy["name"],
                "bring it up: systemctl start the compose unit",
            )
        ]
    if not proxy["ready"] or proxy["database"] != wanted:
        return [
            Problem(
                "compose deployment",
                "is not ready with its database: %s"
                % ("; ".join(proxy["reasons"]) or "database %s" % proxy["database"]),
                "mend it, or go back with rollback.yml while that is possible",
            )
        ]
    return []


def check_units(units: Iterable[dict[str, Any]]) -> list[Problem]:
    """Legacy units that run, as :func:`_migration.status.unit_state` tells them."""
    return [
        Problem(
            "unit %s" % unit["name"],
            "of the legacy deployment is %s, so somebody has started it" % unit["active"],
            "see who needs it (systemctl status, ss -tp); this goes on when it does not run",
        )
        for unit in units
        if unit["active"] in ("active", "activating", "reloading")
    ]


def check_others(left: Sequence[str]) -> list[Problem]:
    """What was in the legacy database beside LiteLLM's own, and went into no backup."""
    if not left:
        return []
    more = " and %d more" % (len(left) - SHOWN) if len(left) > SHOWN else ""
    return [
        Problem(
            "finalize_drop_database",
            "would drop what is not LiteLLM's: %s%s" % (", ".join(left[:SHOWN]), more),
            "leave it false: LiteLLM's tables in that database are small beside what is lost",
        )
    ]


def check_contents(held: dict[str, Any], journal: _journal.Journal) -> list[Problem]:
    """Whether the legacy database holds what it held at the cutover."""
    if held["hash"] == _position.legacy_hash(journal):
        return []
    source = _journal.facts_of(journal, "cutover").get("source")
    known = source if source and source.get("hash") == _position.legacy_hash(journal) else None
    differences = (
        _fingerprint.compare(known, held, ("database of the cutover", "legacy database"))
        if known
        else []
    )
    return [
        Problem(
            "legacy database",
            "is not what it was at the cutover, somebody wrote to it since: %s"
            % ("; ".join(differences[:5]) or "its contents have another hash"),
            "find out who, and whether those rows are wanted;"
            " none of them is in the compose deployment",
        )
    ]


def check_dump(path: str, expect: str) -> list[Problem]:
    """A backup that has the last one's name already: of a run that was killed, or of an earlier
    state of the database."""
    try:
        held = _backup.manifest(path).get("fingerprint", {}).get("hash")
    except _backup.BackupError as error:
        return [Problem("last backup", str(error), "move the folder away")]
    return (
        []
        if held == expect
        else [
            Problem(
                "last backup", "%s is there and holds something else" % path, "move the folder away"
            )
        ]
    )


def check_room(folder: str, needed: int, free: int) -> list[Problem]:
    """Whether the last backup has room."""
    if free >= needed:
        return []
    return [
        Problem(
            folder,
            "has %.1f MiB free, the last backup may need %.1f MiB" % (free / 2**20, needed / 2**20),
            "free some space there",
        )
    ]


def files_of(journal: _journal.Journal, state_dir: str) -> list[dict[str, str]]:
    """What goes into the last backup beside the database: every file of the legacy deployment that
    is still there, each by its real path once."""
    legacy = journal["facts"]["found"]["legacy"]
    taken = _legacy_reader.files(legacy)
    known = {os.path.realpath(entry["src"]) for entry in taken}
    wanted = {unit["path"]: unit["account"] for unit in legacy["units"] if unit["path"]}
    wanted.update(
        {path: unit["account"] for unit in legacy["units"] for path in _unit_removal.drop_ins(unit)}
    )
    wanted[os.path.join(state_dir, "legacy.env")] = ""
    for path, account in wanted.items():
        if os.path.realpath(path) not in known:
            known.add(os.path.realpath(path))
            taken.append(
                {
                    "src": path,
                    "account": account,
                    "name": _files.numbered_name(len(taken) + 1, path),
                }
            )
    return [
        entry for entry in taken if _reader.of(entry["account"], entry["src"]).is_file(entry["src"])
    ]


def kept_databases(folder: str) -> list[str]:
    """Databases in the volume with rows of a proxy that served and was left, as this host's
    journals name them."""
    names = []
    for name in sorted(os.listdir(folder) if os.path.isdir(folder) else []):
        if re.fullmatch(r"journal(-[^/]+)?\.json", name):
            try:
                journal = _journal.read(os.path.join(folder, name))
            except _journal.JournalError:
                continue  # an old journal that can't be read names nothing that could be dropped
            kept = journal["facts"].get("kept_database") if journal else None
            names += [kept] if kept else []
    return list(dict.fromkeys(names))


def inspect(settings: dict[str, Any], journal: _journal.Journal, now: datetime) -> Look:
    """Look at a host that shall be without its legacy deployment.

    :param settings: the parameters of the module ``migration_check``, and ``check``.
    :param journal: one that :func:`standing` finds ready.
    """
    found = journal["facts"].get("found") or {}
    database = found.get("database") or {}
    path = os.path.join(settings["backup_dir"], dump_name(journal))
    dropping = settings["drop_database"] or settings["remove_kept"]
    left = steps_left(journal, dropping)
    problems = check_journal(journal, settings["observation_days"], now)
    warnings: list[Problem] = []
    facts: dict[str, Any] = {
        "steps": left,
        "dump": dump_name(journal),
        "dump_path": path,
        "expect": _position.legacy_hash(journal),
        "source": {},
        "server": database.get("server"),
        "server_unit": _system_unit(database),
        "database": database.get("name", ""),
        "files": [],
        "units": (found.get("legacy") or {}).get("units", []),
        "kept": kept_databases(settings["state_dir"]),
        "litellm_version": (found.get("legacy") or {}).get("litellm_version"),
    }
    place = _places.of(found).database
    if place != NOWHERE:
        problems += check_backup(_journal.facts_of(journal, "backup"))
    status = _status.inspect(
        {
            **settings,
            "run": None,
            "patience": 0,
            "legacy_unit": "",
            "legacy_account": "",
            "project_dir": found.get("project_dir", ""),
        },
        now,
    )
    without = _readiness.NOT_CONFIGURED if place == NOWHERE else _readiness.CONNECTED
    problems += check_proxy(status["proxy"], without)
    if settings["drop_database"]:
        problems += check_others(database.get("left_behind") or []) if place == HERE else [STAYS]
    problems += check_units(status["legacy"]["units"] + status["legacy"]["servers"])
    if found.get("legacy"):
        facts["files"] = files_of(journal, settings["state_dir"])
        others = _legacy.strangers(found["legacy"])
        warnings += [Problem("unit %s" % unit["name"], *_STRANGER) for unit in others]
        facts["units"] = [unit for unit in facts["units"] if unit not in others]
        uses = _neighbours.of_removed(facts["units"]) if REMOVE_UNITS in left else []
        problems += _neighbours.check(uses, settings["accept_down"])
        problems += _unit_removal.plan(facts["units"], None).problems
    if place == ELSEWHERE:
        env_file = os.path.join(settings["state_dir"], "legacy.env")
        facts["source"] = _places.database(dict(journal["facts"]), env_file)
        return Look(facts, problems, warnings)
    problems += [WITHOUT] if place == NOWHERE else []
    problems += (
        check_dump(path, facts["expect"]) if LAST_BACKUP in left and os.path.exists(path) else []
    )
    if LAST_BACKUP not in left:
        problems += [Problem("last backup", text, AGAIN) for text in _backup.verify(path)]
    elif settings["check"]:
        warnings.append(
            Problem(
                "legacy database",
                "is not looked at in check mode, since its server would have to be started",
                "the run itself looks before it touches anything,"
                " and refuses where somebody has written to it",
            )
        )
    elif facts["server"] and facts["expect"]:
        problems += _contents(settings, journal, facts)
    return Look(facts, problems, warnings)


def _contents(
    settings: dict[str, Any], journal: _journal.Journal, facts: dict[str, Any]
) -> list[Problem]:
    """The legacy database, read from its own server, and room for its last backup."""
    where = _native_server.place()
    try:
        with _native_server.running(
            facts["server"],
            os.path.join(settings["state_dir"], "legacy.env"),
            where,
            facts["server_unit"],
        ) as endpoint:
            held = _fingerprint.fingerprint(endpoint)
            size = _session.database_size(endpoint)
    except (_native_server.NativeServerError, _session.PostgresError, OSError) as error:
        return [
            Problem(
                "legacy database",
                "can't be looked at: %s" % error,
                "mend it; while it can't be read, nobody knows what would be lost",
            )
        ]
    needed = size + sum(os.stat(entry["src"]).st_size for entry in facts["files"]) + _backup.SPARE
    return check_contents(held, journal) + check_room(
        settings["backup_dir"], needed, _files.free_bytes(settings["backup_dir"])
    )
