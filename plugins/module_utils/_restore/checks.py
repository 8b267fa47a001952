# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a restore would be refused, and what it would lose. Nothing is changed here."""

from __future__ import annotations

import glob
import os
import re
from typing import Any, Callable, Iterable, NamedTuple, Optional, Sequence

from .._backup import backup as _backup
from .._deployment import journal as _journal
from .._deployment import python_environment as _python_environment
from .._deployment import record as _record
from .._deployment.service import Deployment
from .._host import docker as _docker
from .._host import reader as _reader
from .._host.account import Account, AccountError
from .._host.files import device_of, free_bytes
from .._host.problem import OperatorError, numbers
from .._host.process import run
from .._postgres import copy_back as _copy_back
from .._postgres import others as _others
from .._postgres import readers as _readers
from .._postgres.contents import besides
from .._postgres.endpoint import read_env
from .._postgres.fingerprint import fingerprint
from .._postgres.programs import postmaster
from .._postgres.role import administering, administrator
from .._postgres.session import (
    Endpoint,
    PostgresError,
    database_size,
    literal,
    query,
    server_version,
)
from . import contents as _contents
from . import database as _database
from . import load as _load
from . import swap as _swap

SHOWN = 12  # names in one message

# A database that is loaded is about as large as it was; its WAL comes on top, up to what a
# checkpoint takes away again.
WAL = 2 << 30
POWER = "decides what the database holds"
# As releases name them; what else is in a ledger was made on the spot.
_MIGRATION = re.compile(r"\d{14}_")


class Findings(NamedTuple):
    """The result of :func:`inspect`.

    ``problems``: why the restore is refused; ``notes``: what the operator should know; ``loses``:
    in words what is not in the backup; ``manifest``: empty if it can't be trusted; ``exists``:
    whether there is a database now.
    """

    problems: list[str]
    notes: list[str]
    loses: list[str]
    manifest: _backup.Manifest
    exists: bool


def inspect(
    deployment: Deployment,
    path: str,
    points: str,
    state_dir: str,
    identity: str,
    compare: bool,
    signers: Sequence[str] = (),
    archive: str = "",
) -> Findings:
    """Check a backup and the deployment that it is to be restored into.

    :param points: folder where the restore point goes, empty for none. ``compare``: also read the
        live database. ``signers``: public keys, one of which must have signed the backup;
        ``archive``: the host's own folder of backups, for which nobody needs to vouch.
    """
    problems = _backup.verify(path, signers)
    if problems:
        return Findings(
            ["the backup is not sound: %s" % "; ".join(problems)], [], [], _backup.Manifest(), False
        )
    notes: list[str] = []
    loses: list[str] = []

    def gather(check: Callable[[], Iterable[str]], found: list[str]) -> None:
        try:
            found += check()
        except (_backup.BackupError, PostgresError, _journal.JournalError) as error:
            problems.append(str(error))

    try:
        manifest = _backup.manifest(path)
    except _backup.BackupError as error:
        return Findings([str(error)], [], [], _backup.Manifest(), False)
    if signers or os.path.realpath(os.path.dirname(path)) != os.path.realpath(archive):
        gather(lambda: [_contents.vouched(path, signers, POWER)], notes)
    target = deployment.database
    gather(lambda: check_journal(state_dir), problems)
    gather(lambda: check_salt(manifest, deployment, notes), problems)
    gather(lambda: check_server(manifest, target), problems)
    exists, reason = _database_exists(target)
    if not reason:
        gather(lambda: check_clients(target) if exists else [], problems)
        gather(lambda: check_schema(manifest, path, identity, deployment, notes), problems)
        gather(lambda: check_space(manifest, target, points if exists else "", notes), problems)
        if exists:
            gather(lambda: check_others(target), problems)
        if compare and exists:
            gather(lambda: losses(manifest["fingerprint"], fingerprint(target)), loses)
    elif reason not in problems:
        problems.append(reason)
    if not exists:
        notes.append("there is no database %s now, so none is kept" % target.database)
    if deployment.images and "redis" not in deployment.images:
        notes.append(
            "the Redis is on another host and is not emptied: what it has counted belongs to the"
            " database as it is now, until it expires"
        )
    if manifest.get("source") != deployment.kind:
        notes.append(
            "the backup was made of the %s deployment: models that are stored in its database may "
            "have addresses that the %s one does not reach"
            % (manifest.get("source"), deployment.kind)
        )
    return Findings(problems, notes, loses, manifest, exists)


def check_clients(target: Endpoint) -> list[str]:
    """Who else is connected to the database that is to be replaced: a restore could not end, and
    would have stopped the proxy by then. Roles that were carried only read, and are disconnected.
    """
    there = [item for item in _others.sessions(target) if item.database == target.database]
    known = {target.user, *(_readers.made(target) if there else [])} if target.user else set()
    strangers = {
        "role %s" % item.role + (" (%s)" % item.application if item.application else "")
        for item in there
        if known and item.role not in known
    }
    told = "%s is still in use by others than the proxy: %s. Restore when they are done."
    return [told % (target, ", ".join(sorted(strangers)))] if strangers else []


def _database_exists(target: Endpoint) -> tuple[bool, str]:
    """Whether there is a database now; and why it can't be replaced, empty if it can."""
    exists = False
    try:
        exists = bool(
            query(
                administrator(target),
                "SELECT 1 FROM pg_database WHERE datname = %s" % literal(target.database),
            )
        )
        _swap.check_rights(target)
    except PostgresError as error:
        return exists, str(error)
    return exists, ""


def check_others(target: Endpoint) -> list[str]:
    """Refuse where the name would be taken from what is not LiteLLM's, with all that is in it."""
    others = besides(target)
    if not others:
        return []
    more = " and %d more" % (len(others) - SHOWN) if len(others) > SHOWN else ""
    return [
        "%s holds what is not LiteLLM's and is in no backup: %s%s. A restored database would take"
        " its name. Restore under another name, and copy LiteLLM's rows from there (module"
        " llmops.litellm.database: state restored, then copied_back)"
        % (target, ", ".join(others[:SHOWN]), more)
    ]


def check_journal(state_dir: str) -> list[str]:
    """Refuse while a migration, a rollback or a deploy is in progress."""
    deploying = _record.unfinished(state_dir)
    journal = _journal.load(state_dir)
    if journal is None or journal["state"] != _journal.RUNNING:
        return [deploying] if deploying else []
    return [
        "a migration is under way on this host, or was killed (%s, phase %s): end it by "
        "migrate.yml or rollback.yml first" % (_journal.path_of(state_dir), journal["phase"])
    ]


def check_salt(manifest: _backup.Manifest, deployment: Deployment, notes: list[str]) -> list[str]:
    """Refuse if the deployment's salt key does not decrypt the backup's database."""
    expected = manifest.get("salt_key_fingerprint")
    if expected is None:
        notes.append(
            "the backup's manifest has no fingerprint of a salt key, so it is unknown whether "
            "the deployment's fits"
        )
        return []
    key = _backup.salt_key(read_env(deployment.salt_key_file))
    if key is not None and _backup.salt_key_fingerprint(key) == expected:
        return []
    return [
        "%s has %s: what is encrypted in the backup's database could not be read. Set the "
        "LITELLM_SALT_KEY that was in use when it was made (with the compose kind it is in "
        "the backup's file env)"
        % (
            deployment.salt_key_file,
            "no salt key" if key is None else "another salt key than the backup was made with",
        )
    ]


def check_server(manifest: _backup.Manifest, target: Endpoint) -> list[str]:
    """Refuse if the server or its programs can't load the dump."""
    _database.check(manifest, target)
    version, major = server_version(administrator(target))
    dumped = numbers(str(manifest["database"].get("server_version", "")))
    if dumped and dumped[0] > major:
        return [
            "%s is PostgreSQL %s, the backup is of %s: a dump does not load into an older server"
            % (target, version, manifest["database"]["server_version"])
        ]
    return []


def offered(deployment: Deployment) -> tuple[Optional[list[str]], str]:
    """Names of the schema migrations that the deployment's LiteLLM brings (``None``: it does not
    say), and its version.

    :raises ValueError: it can't be asked.
    """
    if deployment.kind == "compose":
        image = deployment.images.get("litellm", "")
        if not image:
            raise ValueError("the proxy's image is unknown")
        identity = _docker.identity(image, "", python=True)
        return identity["migrations"], str(identity["litellm_version"])
    if not deployment.python:
        raise ValueError("the proxy's Python is unknown")
    python = deployment.python
    try:
        account = _reader.of("", python)
        found = _python_environment.installed(python, account)
        pattern = os.path.join(found["site"] or "", "litellm_proxy_extras/migrations/*/")
        folders = account.ask(lambda: glob.glob(pattern), python) if found["site"] else []
        version = str(found["version"] or "")
    except (OperatorError, OSError) as error:
        raise ValueError("%s can't be looked at: %s" % (python, error)) from None
    names = sorted({os.path.basename(path.rstrip("/")) for path in folders})
    return names or None, version


def newer(applied: Optional[list[str]], brought: Optional[list[str]], then: str, now: str) -> str:
    """Why a backup's schema is newer than a LiteLLM knows, empty where it is not.

    :param applied: migrations that the dumped database had; ``brought``: those that LiteLLM brings;
        ``then`` and ``now``: versions, empty where not known.
    """
    if applied is not None and brought is not None:
        unknown = [name for name in applied if _MIGRATION.match(name) and name not in set(brought)]
        if not unknown:
            return ""
        return (
            "the backup's database has %d schema migrations that LiteLLM %s does not know "
            "(the first is %s)" % (len(unknown), now, unknown[0])
        )
    if then and now and numbers(then) > numbers(now):
        return "the backup was made with LiteLLM %s, the deployment has %s" % (then, now)
    return ""


def check_schema(
    manifest: _backup.Manifest, path: str, identity: str, deployment: Deployment, notes: list[str]
) -> list[str]:
    """Refuse a backup whose schema is newer than the deployment's LiteLLM."""
    applied = _load.migrations(_load.find(path, manifest, identity), deployment.database)
    try:
        brought, version = offered(deployment)
    except ValueError as error:
        notes.append(
            "whether LiteLLM knows the backup's schema is seen only when it runs: %s" % error
        )
        return []
    reason = newer(
        applied, brought, str((manifest.get("facts") or {}).get("litellm_version") or ""), version
    )
    return (
        [
            reason
            + ": an older LiteLLM must not work on a newer schema. Deploy that release first, "
            "or take an older backup"
        ]
        if reason
        else []
    )


def required_bytes(manifest: _backup.Manifest) -> int:
    """Bytes that the restored database may need on the server's disk."""
    size = int(manifest["database"]["bytes"])
    return int(size * 1.1) + min(size, WAL)


def data_space(target: Endpoint) -> Optional[tuple[int, Optional[int]]]:
    """Bytes that are free where the server has its data, and the device where that is one of this
    host's; ``None`` where it does not tell.
    """
    if target.image:
        return None  # it is on another host
    if not target.container:
        pid = postmaster(target.host, target.port, "/proc")
        return _room(pid) if pid else None
    try:
        with administering(target) as session:
            folder = str(session.query("SELECT current_setting('data_directory')")[0][0])
    except PostgresError:
        return None
    answer = run([*target.engine, "exec", target.container, "df", "-Pk", folder])
    words = answer.out.splitlines()[-1].split() if answer.rc == 0 and answer.out.strip() else []
    return (int(words[3]) * 1024, None) if len(words) > 4 and words[3].isdigit() else None


def _room(pid: int) -> Optional[tuple[int, int]]:
    """What a server of this host sees of the folder that it works in: bytes that are free, and the
    device."""
    try:
        folder = os.readlink("/proc/%d/cwd" % pid)
        free, device = Account.of_process(pid).ask(
            lambda: [free_bytes(folder), device_of(folder)], folder
        )
    except (OSError, AccountError):
        return None
    return free, device


def check_space(
    manifest: _backup.Manifest, target: Endpoint, points: str, notes: list[str]
) -> list[str]:
    """Whether there is room for a second database, and for the restore point (``points``: its
    folder, empty for none).
    """
    room, size = data_space(target), required_bytes(manifest)
    if room is None:
        notes.append(
            "how much is free where %s has its data could not be seen; the restore needs "
            "%.1f GiB there" % (target, size / 2**30)
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


def losses(backup: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What a database holds and a backup does not, in words, table by table.

    :param backup: the backup's fingerprint; ``now``: the database's.
    """
    before, after = ({str(item["name"]) for item in side["tables"]} for side in (backup, now))
    found = []
    for item in _copy_back.delta(backup, now):
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
                "%s: %d rows now, %d in the backup: those that were removed or changed since "
                "come back as they were" % (name, new, old)
            )
        else:
            found.append(
                "%s: %d rows on both sides, and not the same: changes since the backup will be lost"
                % (name, new)
            )
    if backup["schema_hash"] != now["schema_hash"]:
        found.append("the schemas differ: the backup's comes back")
    return found
