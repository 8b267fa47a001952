# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands against a restore, and what it would lose. Nothing is changed here."""

from __future__ import annotations

import glob
import os
import re
from typing import Any, Callable, Iterable, NamedTuple, Optional

from .._backup import backup as _backup
from .._deployment import journal as _journal
from .._deployment import legacy as _legacy
from .._deployment.service import Deployment
from .._host import docker as _docker
from .._host.files import device_of, free_bytes
from .._host.problem import numbers
from .._host.process import run
from .._postgres import copy_back as _copy_back
from .._postgres.database import MAINTENANCE
from .._postgres.endpoint import _postmaster, read_env
from .._postgres.fingerprint import fingerprint
from .._postgres.session import (
    Endpoint,
    PostgresError,
    Session,
    database_size,
    literal,
    query,
    server_version,
)
from . import database as _database
from . import load as _load
from . import swap as _swap

# A database that is loaded is about as large as it was; its WAL comes on top, up to what a checkpoint takes away again.
WAL = 2 << 30
# As releases name them; what else is in a ledger was made on the spot.
_MIGRATION = re.compile(r"\d{14}_")


class Look(NamedTuple):
    """What was found. ``problems``: why it is refused; ``notes``: what one should know; ``loses``: in words what is not in the backup;
    ``manifest`` empty where it can't be trusted; ``exists``: whether there is a database now."""

    problems: list[str]
    notes: list[str]
    loses: list[str]
    manifest: _backup.Manifest
    exists: bool


def look(
    deployment: Deployment, path: str, points: str, state_dir: str, identity: str, compare: bool
) -> Look:
    """Look at a backup and at the deployment that it shall be restored into.

    :param points: folder where the restore point goes, empty for none. ``compare``: also read the live database.
    """
    problems = _backup.verify(path)
    if problems:
        return Look(
            ["the backup is not sound: %s" % "; ".join(problems)], [], [], _backup.Manifest(), False
        )
    notes: list[str] = []
    loses: list[str] = []
    exists = False

    def gather(part: Callable[[], Iterable[str]], found: list[str]) -> None:
        try:
            found += part()
        except (_backup.BackupError, PostgresError, _journal.JournalError) as error:
            problems.append(str(error))

    try:
        told = _backup.manifest(path)
    except _backup.BackupError as error:
        return Look([str(error)], [], [], _backup.Manifest(), False)
    target = deployment.database
    gather(lambda: check_journal(state_dir), problems)
    gather(lambda: check_salt(told, deployment, notes), problems)
    gather(lambda: check_server(told, target), problems)
    answers = True
    try:
        exists = bool(
            query(
                target.on(MAINTENANCE),
                "SELECT 1 FROM pg_database WHERE datname = %s" % literal(target.database),
            )
        )
        _swap.check_rights(target)
    except PostgresError as error:
        answers = False
        if str(error) not in problems:
            problems.append(str(error))
    if answers:
        gather(lambda: check_schema(told, path, identity, deployment, notes), problems)
        gather(lambda: check_space(told, target, points if exists else "", notes), problems)
        if compare and exists:
            gather(lambda: losses(told["fingerprint"], fingerprint(target)), loses)
    if not exists:
        notes.append("there is no database %s now, so none is kept" % target.database)
    if told.get("source") != deployment.kind:
        notes.append(
            "the backup was made of the %s deployment: models that are stored in its database may have addresses that the %s one does not reach"
            % (told.get("source"), deployment.kind)
        )
    return Look(problems, notes, loses, told, exists)


def check_journal(state_dir: str) -> list[str]:
    """Whether a migration or a way back is under way."""
    journal = _journal.load(state_dir)
    if journal is None or journal["state"] != _journal.RUNNING:
        return []
    return [
        "a migration is under way on this host, or was killed (%s, phase %s): end it by migrate.yml or rollback.yml first"
        % (_journal.path_of(state_dir), journal["phase"])
    ]


def check_salt(told: _backup.Manifest, deployment: Deployment, notes: list[str]) -> list[str]:
    """Whether the deployment's salt key opens what the backup's database holds."""
    held = told.get("salt_key_fingerprint")
    if held is None:
        notes.append(
            "the backup's manifest has no fingerprint of a salt key, so nobody can tell whether the deployment's fits"
        )
        return []
    key = _backup.salt_key(read_env(deployment.salt_key_file))
    if key is not None and _backup.salt_key_fingerprint(key) == held:
        return []
    return [
        "%s has %s: what is encrypted in the backup's database could not be read. Set the LITELLM_SALT_KEY that was in use when it was made"
        " (with the compose kind it is in the backup's file env)"
        % (
            deployment.salt_key_file,
            "no salt key" if key is None else "another salt key than the backup was made with",
        )
    ]


def check_server(told: _backup.Manifest, target: Endpoint) -> list[str]:
    """Whether the server and its programs take the dump."""
    _database.check(told, target)
    version, major = server_version(target.on(MAINTENANCE))
    dumped = numbers(str(told["database"].get("server_version", "")))
    if dumped and dumped[0] > major:
        return [
            "%s is PostgreSQL %s, the backup is of %s: a dump does not load into an older server"
            % (target, version, told["database"]["server_version"])
        ]
    return []


def offered(deployment: Deployment) -> tuple[Optional[list[str]], str]:
    """Names of the schema migrations that the deployment's LiteLLM brings (``None``: it does not say), and its version.

    :raises ValueError: it can't be asked.
    """
    if deployment.kind == "compose":
        image = deployment.images.get("litellm", "")
        if not image:
            raise ValueError("nobody knows the image of the proxy")
        told = _docker.identity(image, "", python=True)
        return told["migrations"], str(told["litellm_version"])
    if not deployment.python:
        raise ValueError("nobody knows the Python of the proxy")
    sites = glob.glob(
        os.path.join(
            os.path.dirname(os.path.dirname(deployment.python)), "lib", "python3*", "site-packages"
        )
    )
    folders = [
        path
        for site in sites
        for path in glob.glob(os.path.join(site, "litellm_proxy_extras", "migrations", "*", ""))
    ]
    names = sorted({os.path.basename(path.rstrip("/")) for path in folders})
    return names or None, str(_legacy.installed(deployment.python)["version"] or "")


def newer(applied: Optional[list[str]], brought: Optional[list[str]], then: str, now: str) -> str:
    """Why a backup's schema is newer than a LiteLLM knows, empty where it is not.

    :param applied: migrations that the dumped database had; ``brought``: those that LiteLLM brings; ``then`` and ``now``: versions, empty where not known.
    """
    if applied is not None and brought is not None:
        unknown = [name for name in applied if _MIGRATION.match(name) and name not in set(brought)]
        if not unknown:
            return ""
        return (
            "the backup's database has %d schema migrations that LiteLLM %s does not know (the first is %s)"
            % (len(unknown), now, unknown[0])
        )
    if then and now and numbers(then) > numbers(now):
        return "the backup was made with LiteLLM %s, the deployment has %s" % (then, now)
    return ""


def check_schema(
    told: _backup.Manifest, path: str, identity: str, deployment: Deployment, notes: list[str]
) -> list[str]:
    """Whether the deployment's LiteLLM knows the schema of the backup's database."""
    applied = _load.migrations(_load.find(path, told, identity), deployment.database)
    try:
        brought, version = offered(deployment)
    except ValueError as error:
        notes.append(
            "whether LiteLLM knows the backup's schema is seen only when it runs: %s" % error
        )
        return []
    reason = newer(
        applied, brought, str((told.get("facts") or {}).get("litellm_version") or ""), version
    )
    return (
        [
            reason
            + ": an older LiteLLM must not work on a newer schema. Deploy that release first, or take an older backup"
        ]
        if reason
        else []
    )


def needed(told: _backup.Manifest) -> int:
    """Bytes that the restored database may need on the server's disk."""
    size = int(told["database"]["bytes"])
    return int(size * 1.1) + min(size, WAL)


def data_room(target: Endpoint) -> Optional[tuple[int, Optional[int]]]:
    """Bytes that are free where the server has its data, and the device where that is one of this host's; ``None`` where it does not tell."""
    if not target.container:
        pid = _postmaster(target.host, target.port, "/proc")
        folder = os.path.realpath("/proc/%d/cwd" % pid) if pid else ""
        return (free_bytes(folder), device_of(folder)) if folder and os.path.isdir(folder) else None
    try:
        with Session(target.on(MAINTENANCE)) as session:
            folder = str(session.query("SELECT current_setting('data_directory')")[0][0])
    except PostgresError:
        return None
    answer = run([*target.engine, "exec", target.container, "df", "-Pk", folder])
    words = answer.out.splitlines()[-1].split() if answer.rc == 0 and answer.out.strip() else []
    return (int(words[3]) * 1024, None) if len(words) > 4 and words[3].isdigit() else None


def check_space(
    told: _backup.Manifest, target: Endpoint, points: str, notes: list[str]
) -> list[str]:
    """Whether there is room for a second database, and for the restore point (``points``: its folder, empty for none)."""
    room, size = data_room(target), needed(told)
    if room is None:
        notes.append(
            "how much is free where %s has its data could not be seen; the restore needs %.1f GiB there"
            % (target, size / 2**30)
        )
        return []
    free, device = room
    if points and device is not None and device == device_of(points):
        size += database_size(target) + _backup.SPARE
    if free >= size:
        return []
    return [
        "%.1f MiB are free where %s has its data, the restore needs %.1f MiB beside what is there"
        % (free / 2**20, target, size / 2**20)
    ]


def losses(held: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What a database holds and a backup does not, in words, table by table.

    :param held: the backup's fingerprint; ``now``: the database's.
    """
    before, after = ({str(item["name"]) for item in side["tables"]} for side in (held, now))
    found = []
    for item in _copy_back.delta(held, now):
        name, old, new = item["name"], item["before"], item["after"]
        if name not in before:
            found.append("%s: %d rows, and the table itself, are not in the backup" % (name, new))
        elif name not in after:
            found.append("%s: is only in the backup, with %d rows" % (name, old))
        elif new > old:
            found.append(
                "%s: %d rows now, %d in the backup: %d or more are newer and will be lost"
                % (name, new, old, new - old)
            )
        elif new < old:
            found.append(
                "%s: %d rows now, %d in the backup: those that were removed or changed since come back as they were"
                % (name, new, old)
            )
        else:
            found.append(
                "%s: %d rows on both sides, and not the same: changes since the backup will be lost"
                % (name, new)
            )
    if held["schema_hash"] != now["schema_hash"]:
        found.append("the schemas differ: the backup's comes back")
    return found
