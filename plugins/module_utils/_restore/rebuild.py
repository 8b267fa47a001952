# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rebuild a compose deployment on an empty host from a backup's folder alone.

The project's folder appears whole or not at all. Nothing that exists is used or replaced: no
folder, container or volume.
"""

from __future__ import annotations

import io
import json
import os
import time
from contextlib import suppress
from datetime import datetime
from typing import Any, Callable, NamedTuple, Optional, Sequence

from .._backup import backup as _backup
from .._backup import folder as _folder
from .._backup import signature as _signature
from .._config import includes as _includes
from .._deployment import compose_file as _compose_file
from .._deployment import compose_project as _compose_project
from .._deployment import service as _service
from .._deployment.compose_file import UNKNOWN, Expected
from .._deployment.compose_project import DeploymentError
from .._deployment.service import Deployment
from .._host import docker as _docker
from .._host import files as _files
from .._host import listeners as _listeners
from .._host import loaded_images as _loaded_images
from .._host import paths as _paths
from .._host.docker import check_engine
from .._host.files import sync_folder, write_atomically
from .._host.process import run
from .._postgres import readers as _readers
from .._postgres import role as _role
from .._postgres.endpoint import read_env
from .._postgres.session import PostgresError
from . import checks as _checks
from . import contents as _contents
from . import database as _database
from . import load as _restore_load
from . import state as _state
from .state import RefusedError, RestoreError

NEEDED = ("env", "compose.yaml", "config.compose.yaml", "redis.conf")
# Modes of the files; others are for root and LiteLLM's group, as its configuration.
MODES = {".env": 0o600, "compose.yaml": 0o644, "redis.conf": 0o400, "schema.prisma": 0o644}
SERVERS, DATABASE, PROXY, DONE = "servers", "database", "proxy", "done"
PULL = 3600.0  # seconds for an image
_FAILURES = (
    DeploymentError,
    RestoreError,
    PostgresError,
    _backup.BackupError,
    OSError,
    ValueError,
)


class Order(NamedTuple):
    """What to build.

    ``path``: the backup; ``folder``: of the project, which must not be there or be empty;
    ``identity``: file with an age key; ``signers``: public keys, one of which must have signed it;
    ``accepted``: SHA-256 of files that differ from what this collection writes and are used all the
    same; ``expected``: what the inventory says of the compose file.
    """

    path: str
    folder: str
    state_dir: str
    identity: str = ""
    jobs: int = _database.JOBS
    timeout: float = 240.0
    engine: tuple[str, ...] = ("docker",)
    signers: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    expected: Expected = UNKNOWN


class Examined(NamedTuple):
    """A backup: why it is refused, its manifest (empty if it can't be trusted), and what of it goes
    into the project's folder."""

    problems: list[str]
    manifest: _backup.Manifest = _backup.Manifest()
    files: Sequence[_contents.File] = ()


def _load(order: Order) -> Optional[dict[str, Any]]:
    """The stage that an earlier run with this backup and folder reached, ``None`` without one."""
    try:
        with _files.reading(_state.rebuild_path(order.state_dir)) as handle:
            record = json.load(handle)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise RestoreError(
            "%s cannot be read: %s" % (_state.rebuild_path(order.state_dir), error)
        ) from None
    return (
        record
        if isinstance(record, dict)
        and (record.get("path"), record.get("folder")) == (order.path, order.folder)
        else None
    )


def _save(order: Order, stage: str) -> None:
    write_atomically(
        _state.rebuild_path(order.state_dir),
        json.dumps({"path": order.path, "folder": order.folder, "stage": stage}, sort_keys=True)
        + "\n",
    )


def is_empty_host(folder: str) -> bool:
    """Whether there is no project in a folder."""
    return not os.path.isdir(folder) or not os.listdir(folder)


def resumes(order: Order) -> bool:
    """Whether an earlier run with this backup and folder has to be finished."""
    record = _load(order)
    return record is not None and record.get("stage") != DONE


def dry_run(order: Order) -> dict[str, Any]:
    """What :func:`rebuild` would do now: ``name``, ``created``, ``rows_total``, ``problems`` (why
    it would be refused), ``notes``, ``loses`` (empty: there is nothing to lose), ``files`` (as
    :func:`_described` has them).
    """
    problems, manifest, files = examine(order)
    return {
        "name": os.path.basename(order.path),
        "path": order.path,
        "created": manifest.get("created"),
        "source": manifest.get("source"),
        "rows_total": manifest.get("rows_total"),
        "problems": problems,
        "loses": [],
        "interrupted": "",
        "notes": [
            "there is no deployment in %s: it is made anew from the backup" % order.folder,
            *([_vouched(order)] if manifest else []),
            *_named(files),
        ],
        "files": _described(files),
    }


def _vouched(order: Order) -> str:
    power = "decides what root runs on this host"
    return _contents.vouched(order.path, order.signers, power)


def _named(files: Sequence[_contents.File]) -> list[str]:
    if not files:
        return []
    return [
        "what is taken from the backup, and what becomes of it:",
        *_contents.lines(files),
        *("image of %s: %s" % item for item in sorted(_images(files).items())),
    ]


def _images(files: Sequence[_contents.File]) -> dict[str, str]:
    """Images by service, as far as the compose file can be read."""
    compose = next((file.data for file in files if file.name == _contents.COMPOSE), b"")
    return _compose_file.images(compose.decode("utf-8", "replace"))


def _described(files: Sequence[_contents.File]) -> list[dict[str, Any]]:
    """``name``, ``sha256``, ``runs`` (what becomes of it, in words) and ``differs`` (what of it
    this collection would not have written; ``None``: not compared) of each."""
    return [
        {"name": file.target, "sha256": file.sha256, "runs": file.runs, "differs": file.differs}
        for file in files
    ]


def _read(order: Order) -> Examined:
    """The backup itself, every byte of it compared with its checksums."""
    try:
        text = _signature.sums(order.path, order.signers)
        problems = _folder.verify(order.path, text)
        if problems:
            return Examined(["the backup is not sound: %s" % "; ".join(problems)])
        digests = _folder.parsed(text)
        manifest = _backup.manifest(order.path, digests[_backup.MANIFEST])
        _restore_load.find(order.path, manifest, order.identity)
        files = _contents.read(order.path, manifest, digests, order.identity, order.expected)
    except _backup.BackupError as error:
        return Examined([str(error)])
    except (KeyError, TypeError, AttributeError, ValueError):
        words = "%s is not as this collection writes it"
        return Examined([words % os.path.join(order.path, _backup.MANIFEST)])
    return Examined([], manifest, files)


def _unaccepted(order: Order, files: Sequence[_contents.File]) -> list[str]:
    """Files that decide what root runs, are not what this collection writes, and nobody accepts:
    neither a signature nor the operator."""
    if order.signers:
        return []
    return [
        "%s differs from what this collection writes, and root would run what it says: %s. Read it"
        " in %s; to use it all the same, accept its SHA-256 (restore_accept_files, --accept): %s"
        % (file.target, _contents.shortened(file.differs or []), order.path, file.sha256)
        for file in files
        if not file.accepted(order.accepted)
    ]


def _unavailable(
    order: Order, manifest: _backup.Manifest, files: Sequence[_contents.File]
) -> list[str]:
    """Images that no registry has and this host neither."""
    known = [
        _loaded_images.recorded(manifest.get("facts"), service, image)
        for service, image in sorted(_images(files).items())
    ]
    found = [_loaded_images.missing(image, order.engine) for image in known]
    return [problem for problem in found if problem]


def _without_database(files: Sequence[_contents.File]) -> list[str]:
    """Why a deployment whose database is on another host is not built anew."""
    if "postgres" in (_images(files) or {"postgres": ""}):
        return []
    return [
        "its database is on another host, where it still is or has backups of its own: a new host"
        " for it is no restore. Write its files from the backup by hand (compose.yaml, env as .env,"
        " config.compose.yaml), start it with docker compose up, and run your playbooks; then"
        " restore.yml restores a backup into that database"
    ]


def _lost_mounts(files: Sequence[_contents.File]) -> list[str]:
    """What of the host the proxy's container gets, is in no backup, and is not here."""
    compose = next((file.data for file in files if file.name == _contents.COMPOSE), b"")
    return [
        "the proxy's container gets %s, which this host does not have and no backup holds: bring it"
        " (litellm_mounts named it)" % path
        for path in _compose_file.mounted(compose.decode("utf-8", "replace"))
        if not os.path.lexists(path)
    ]


def _untrusted(order: Order) -> list[str]:
    """Why root can't keep the deployment and its secrets where it is to be."""
    return [
        "%s: %s, and root would run what lies there; let only root write there (chown root:, chmod"
        " go-w), or name another folder" % (path, weakness)
        for path in (order.folder, order.state_dir)
        for weakness in [_paths.weakness(path)]
        if weakness
    ]


def examine(order: Order) -> Examined:
    """Look at the backup and the host."""
    problems, manifest, files = _read(order)
    if problems:
        return Examined(problems)
    names = {_restore_load.plain(entry["name"]) for entry in manifest["files"]}
    # of a Redis on another host there is nothing
    there = _images(files)
    needed = [name for name in NEEDED if name != "redis.conf" or "redis" in there or not there]
    missing = [name for name in needed if name not in names]
    if missing:
        problems.append(
            "%s has no %s: a host is built anew from a backup of the compose deployment "
            "(this one is of the %s deployment)"
            % (order.path, ", ".join(missing), manifest.get("source"))
        )
    problems += _untrusted(order)
    problems += _unavailable(order, manifest, files)
    problems += [
        str(problem) for problem in check_engine(_docker.describe())
    ] + _checks.check_journal(order.state_dir)
    if not resumes(order) and not is_empty_host(order.folder):
        problems.append(
            "%s is there and not empty: to restore into the deployment that it holds, it "
            "needs its settings (/etc/llmops-litellm/ops.json); to build another one, name "
            "another folder" % order.folder
        )
    problems += _without_database(files)
    problems += _lost_mounts(files)
    if not resumes(order):  # the folder that is there was made from what was accepted then
        problems += _unaccepted(order, files)
    return Examined(problems, manifest, files)


def rebuild(order: Order, now: datetime, log: Callable[[str], None]) -> dict[str, Any]:
    """Build the deployment. A run that failed or was killed is resumed by the next.

    :returns: ``name``, ``path``, ``rows_total``, ``url``, ``folder``, ``notes``, ``seconds``.
    :raises RefusedError: nothing was touched. :raises RestoreError: it failed; the message says
        what is left.
    """
    begun = time.monotonic()
    with _state.alone(order.state_dir):
        problems, manifest, files = examine(order)
        if problems:
            raise RefusedError(
                "%s is not restored, and nothing was touched: %s"
                % (order.path, "; ".join(problems))
            )
        earlier = _load(order)
        # One that was killed before the folder had its name has made nothing.
        stage = (
            str(earlier["stage"])
            if earlier is not None and earlier["stage"] != DONE and not is_empty_host(order.folder)
            else ""
        )
        if not stage:
            create_folder(order, files, log, manifest)
        try:
            project = _compose_project.read(order.folder, order.engine)
            notes = _start(order, project, manifest, stage, now, log)
        except _FAILURES as error:
            raise RestoreError(
                "the deployment in %s does not serve yet: %s. What was made stays; the same "
                "command goes on from there" % (order.folder, error)
            ) from error
        _save(order, DONE)
    log("the deployment serves at %s" % project.url)
    notes += [
        _vouched(order),
        *_named(files),
        "Redis begins empty: cached answers and counters are not in a backup",
        "the unit that starts it at boot, the timers and the bridges to model servers on "
        "this host are made by their roles: run your playbook",
    ]
    return {
        "name": os.path.basename(order.path),
        "path": order.path,
        "rows_total": manifest["rows_total"],
        "url": project.url,
        "folder": order.folder,
        "notes": notes,
        "files": _described(files),
        "seconds": round(time.monotonic() - begun, 3),
    }


def create_folder(
    order: Order,
    files: Sequence[_contents.File],
    log: Callable[[str], None],
    manifest: _backup.Manifest,
) -> None:
    """Create the project's folder from the backup, and pull its images.

    :raises RefusedError: a container, volume or port of the project is in use. :raises
        RestoreError: it could not be made; nothing is left of it.
    """
    parent = os.path.dirname(order.folder.rstrip("/"))
    _files.make_folder(parent, 0o755)
    prefix = ".%s-restoring-" % os.path.basename(order.folder.rstrip("/"))
    for name in os.listdir(parent):
        if name.startswith(prefix):
            _files.remove_tree(
                os.path.join(parent, name)
            )  # of a run that was killed; it has secrets
    partial = _files.temporary_folder(prefix, parent)
    try:
        _write_files(files, partial)
        project = _compose_project.read(partial, order.engine)
        project.proxy_url()
        in_use = _in_use(project, order.engine)
        if in_use:
            raise RefusedError("nothing was touched: %s" % "; ".join(in_use))
        for service, image in project.images.items():
            known = _loaded_images.recorded(manifest.get("facts"), service, image)
            _get(known, partial, order.engine, log)
        project = _compose_project.read(partial, order.engine)
        _set_owners(partial, project)
        sync_folder(partial)
        # Saved before the folder exists: a run that finds the folder then resumes.
        _save(order, SERVERS)
        if os.path.isdir(order.folder):
            os.rmdir(order.folder)
        _files.move(partial, order.folder)
    except BaseException as error:
        with suppress(OSError):
            _files.remove_tree(partial)
        if os.path.exists(_state.rebuild_path(order.state_dir)) and is_empty_host(order.folder):
            os.unlink(_state.rebuild_path(order.state_dir))
        if isinstance(error, (_backup.BackupError, ValueError, OSError)):
            raise RestoreError(
                "%s could not be made, and nothing is left of it: %s" % (order.folder, error)
            ) from error
        raise


def _write_files(files: Sequence[_contents.File], folder: str) -> None:
    """Write what was examined.

    :raises RefusedError: a file that the configuration includes is missing.
    """
    for file in files:
        _folder.place(io.BytesIO(file.data), os.path.join(folder, file.target))
    missing = _includes.find(os.path.join(folder, "config.compose.yaml"))[1]
    if missing:
        raise RefusedError(
            "nothing was touched: the proxy's configuration includes %s, which the backup does "
            "not have" % ", ".join(os.path.basename(path) for path in missing)
        )


def _set_owners(folder: str, project: _compose_project.Project) -> None:
    """Give the files to the accounts of their containers."""
    redis = {"uid": 0, "gid": 0}
    if "redis" in project.images:
        redis = _docker.identity(project.images["redis"], project.redis_user)
    proxy = _docker.identity(project.images["litellm"], "")
    owners = {
        ".env": (0, 0),
        "compose.yaml": (0, 0),
        "schema.prisma": (0, 0),
        "redis.conf": (redis["uid"], redis["gid"]),
    }
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if os.geteuid() == 0:
            _files.give(path, *owners.get(name, (0, proxy["gid"])))
        _files.set_mode(path, MODES.get(name, 0o640))
    _files.set_mode(folder, 0o755)


def _in_use(project: _compose_project.Project, engine: tuple[str, ...]) -> list[str]:
    """Existing containers and volumes with the project's names, and processes on its ports."""
    listeners = _listeners.listeners()
    held = [(port, _listeners.holder(listeners, port)) for port in project.ports]
    found = [
        "port %d is held by %s, which stays as it is: take another host" % (port, listener.command)
        for port, listener in held
        if listener
    ]
    for kind, names in (
        ("container", sorted(project.containers.values())),
        ("volume", project.volumes),
    ):
        for name in names:
            if run([*engine, kind, "inspect", "--format", "{{.Name}}", name]).rc == 0:
                found.append(
                    "%s %s exists, is not of this restore, and stays as it is: take another host"
                    % (kind, name)
                )
    return found


def _get(
    image: _loaded_images.Recorded, folder: str, engine: tuple[str, ...], log: Callable[[str], None]
) -> None:
    """Pull an image unless it is here. One that was brought with ``docker load`` is known by its
    id alone, and then the compose file has that."""
    there = _loaded_images.here(image, engine)
    if there and there != image.reference:
        log("image %s is here by its id, which the compose file has from now on" % image)
        _name(os.path.join(folder, "compose.yaml"), image.reference, there)
    if there:
        return
    log("image %s is pulled" % image.reference)
    _compose_project.must(
        run([*engine, "pull", "--quiet", image.reference], timeout=PULL),
        "image %s cannot be pulled, and was not brought with docker load%s"
        % (image, _loaded_images.instead(image, engine)),
    )


def _name(path: str, old: str, new: str) -> None:
    """Name an image by another reference in a compose file.

    :raises DeploymentError: it is written there as this collection doesn't.
    """
    text = _files.read(path)
    line = "image: %s\n"
    if line % json.dumps(old) not in text:
        raise DeploymentError("%s does not name %s as this collection does" % (path, old))
    write_atomically(path, text.replace(line % json.dumps(old), line % json.dumps(new)))


def _start(
    order: Order,
    project: _compose_project.Project,
    manifest: _backup.Manifest,
    stage: str,
    now: datetime,
    log: Callable[[str], None],
) -> list[str]:
    """Start the servers, restore the database, start the proxy, from the stage reached on.

    :returns: notes for the operator.
    """
    notes: list[str] = []
    if project.database is None:
        raise RestoreError("the project has no database of its own")
    deployment = Deployment(
        "compose",
        project.database,
        order.folder,
        project.name,
        os.path.join(order.folder, ".env"),
        project.proxy_url(),
        project.images,
    )
    if stage == SERVERS:
        # A server that was killed while it made its data folder never starts again, and nothing was
        # in it yet.
        _compose_project.must(
            _compose_project.compose(order.folder, ["down", "--volumes"], order.engine, 300),
            "what an earlier run left can't be removed",
        )
    if stage in ("", SERVERS):
        log("its servers start")
        _start_servers(order, project)
        _save(order, DATABASE)
    if stage != PROXY:
        _restore_database(order, deployment, manifest, now, log, notes)
        _save(order, PROXY)
    log("the proxy starts")
    service = _service.of(deployment, order.state_dir, order.timeout)
    service.start()
    service.verify()
    return notes


def _start_servers(order: Order, project: _compose_project.Project) -> None:
    words = ["up", "--detach", "--wait", "--wait-timeout", "%d" % order.timeout]
    words += ["--no-build", "--pull", "never"]
    words += [service for service in project.images if service != "litellm"]
    _compose_project.must(
        _compose_project.compose(order.folder, words, order.engine, order.timeout + 60),
        "its servers do not start",
    )


def _restore_database(
    order: Order,
    deployment: Deployment,
    manifest: _backup.Manifest,
    now: datetime,
    log: Callable[[str], None],
    notes: list[str],
) -> None:
    """:raises RestoreError: the backup does not fit, or the restored database differs from it."""
    reasons = _checks.check_salt(manifest, deployment, notes)
    reasons += _checks.check_server(manifest, deployment.database)
    reasons += _checks.check_schema(manifest, order.path, order.identity, deployment, notes)
    reasons += _checks.check_space(manifest, deployment.database, "", notes)
    if reasons:
        raise RestoreError("; ".join(reasons))
    _role.secure(
        deployment.database, read_env(deployment.salt_key_file).get("POSTGRES_PASSWORD") or None
    )
    rights = _readers.parse(manifest.get("readers"))
    names = _readers.make_bare(deployment.database, {right.role for right in rights})
    if names:
        notes.append(
            "roles that read LiteLLM's tables are made without their passwords, which no backup"
            " has: %s. Give each one: docker exec -it %s psql --username=postgres, then"
            " \\password NAME" % (", ".join(names), deployment.database.container)
        )
    log("the database is restored")
    done = _database.restore(
        order.path, deployment.database, now, order.identity, order.jobs, manifest, rights
    )
    if done.differences:
        raise RestoreError(
            "the restored database is not what was backed up, and was removed: %s"
            % "; ".join(done.differences)
        )
    log("it is proved to hold what was backed up: %d rows" % done.found["rows_total"])
