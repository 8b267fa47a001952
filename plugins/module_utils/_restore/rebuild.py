# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A compose deployment on a host that has none, from the folder of a backup alone.

The project's folder appears whole or not at all. Nothing that is there is used or replaced: neither a folder, nor a container, nor a volume.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from datetime import datetime
from typing import Any, Callable, NamedTuple, Optional

from .._backup import backup as _backup
from .._config import includes as _includes
from .._deployment import compose_project as _compose_project
from .._deployment import service as _service
from .._deployment.compose_project import DeploymentError
from .._deployment.service import Deployment
from .._host import docker as _docker
from .._host import listeners as _listeners
from .._host.docker import check_engine
from .._host.files import sync_folder, write_atomically
from .._host.process import run
from .._postgres.session import PostgresError
from . import checks as _checks
from . import database as _database
from . import load as _restore_load
from . import state as _state
from .state import RefusedError, RestoreError

# Names in a backup that are others in the project's folder.
PLACED = {"env": ".env"}
NEEDED = ("env", "compose.yaml", "config.compose.yaml", "redis.conf")
# Who may read which file; what is not here is for root and LiteLLM's group, as its configuration.
MODES = {".env": 0o600, "compose.yaml": 0o644, "redis.conf": 0o400, "schema.prisma": 0o644}
SERVERS, DATABASE, PROXY, DONE = "servers", "database", "proxy", "done"
PULL = 3600.0  # seconds for an image
_FAILURES = (DeploymentError, PostgresError, _backup.BackupError, OSError, ValueError)


class Order(NamedTuple):
    """What to build. ``path``: the backup; ``folder``: of the project, which must not be there or be empty; ``identity``: file with an age key."""

    path: str
    folder: str
    state_dir: str
    identity: str = ""
    jobs: int = _database.JOBS
    patience: float = 240.0
    engine: tuple[str, ...] = ("docker",)


def _load(order: Order) -> Optional[dict[str, Any]]:
    """How far an earlier run with this backup and folder has come, ``None`` where there was none."""
    try:
        with open(_state.rebuild_path(order.state_dir), encoding="utf-8") as handle:
            told = json.load(handle)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RestoreError(
            "%s cannot be read: %s" % (_state.rebuild_path(order.state_dir), error)
        ) from None
    return (
        told
        if isinstance(told, dict)
        and (told.get("path"), told.get("folder")) == (order.path, order.folder)
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
    """Whether an earlier run with this backup and folder has to be ended."""
    told = _load(order)
    return told is not None and told.get("stage") != DONE


def foresee(order: Order) -> dict[str, Any]:
    """What stands against it, and what would be made: ``name``, ``created``, ``rows_total``, ``problems``, ``notes``, ``loses`` (nothing is there to lose)."""
    problems, told = examine(order)
    return {
        "name": os.path.basename(order.path),
        "path": order.path,
        "created": told.get("created"),
        "source": told.get("source"),
        "rows_total": told.get("rows_total"),
        "problems": problems,
        "loses": [],
        "interrupted": "",
        "notes": ["there is no deployment in %s: it is made anew from the backup" % order.folder],
    }


def examine(order: Order) -> tuple[list[str], _backup.Manifest]:
    """Why it is refused, and the backup's manifest (empty where it can't be trusted)."""
    problems = _backup.verify(order.path)
    if problems:
        return ["the backup is not sound: %s" % "; ".join(problems)], _backup.Manifest()
    try:
        told = _backup.manifest(order.path)
        _restore_load.find(order.path, told, order.identity)
    except _backup.BackupError as error:
        return [str(error)], _backup.Manifest()
    names = {_restore_load.plain(entry["name"]) for entry in told["files"]}
    missing = [name for name in NEEDED if name not in names]
    if missing:
        problems.append(
            "%s has no %s: a host is built anew from a backup of the compose deployment (this one is of the %s deployment)"
            % (order.path, ", ".join(missing), told.get("source"))
        )
    problems += [
        str(problem) for problem in check_engine(_docker.describe())
    ] + _checks.check_journal(order.state_dir)
    if not resumes(order) and not is_empty_host(order.folder):
        problems.append(
            "%s is there and not empty: to restore into the deployment that it holds, it needs its settings (/etc/llmops-litellm/ops.json);"
            " to build another one, name another folder" % order.folder
        )
    return problems, told


def rebuild(order: Order, now: datetime, tell: Callable[[str], None]) -> dict[str, Any]:
    """Build the deployment. A run that failed or was killed is gone on with by the next.

    :returns: ``name``, ``path``, ``rows_total``, ``url``, ``folder``, ``notes``, ``seconds``.
    :raises RefusedError: nothing was touched. :raises RestoreError: it failed; the message says what is left.
    """
    begun = time.monotonic()
    with _state.alone(order.state_dir):
        problems, told = examine(order)
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
            place(order, told, tell)
        try:
            project = _compose_project.read(order.folder, order.engine)
            notes = _raise(order, project, told, stage, now, tell)
        except _FAILURES as error:
            raise RestoreError(
                "the deployment in %s does not serve yet: %s. What was made stays; the same command goes on from there"
                % (order.folder, error)
            ) from error
        _save(order, DONE)
    tell("the deployment serves at %s" % project.url)
    notes += [
        "Redis begins empty: cached answers and counters are not in a backup",
        "the unit that starts it at boot, the timers and the bridges to model servers on this host are made by their roles: run your playbook",
    ]
    return {
        "name": os.path.basename(order.path),
        "path": order.path,
        "rows_total": told["rows_total"],
        "url": project.url,
        "folder": order.folder,
        "notes": notes,
        "seconds": round(time.monotonic() - begun, 3),
    }


def place(order: Order, told: _backup.Manifest, tell: Callable[[str], None]) -> None:
    """The project's folder, with its images present.

    :raises RefusedError: something of these names is there. :raises RestoreError: it could not be made; nothing is left of it.
    """
    above = os.path.dirname(order.folder.rstrip("/"))
    os.makedirs(above, mode=0o755, exist_ok=True)
    prefix = ".%s-restoring-" % os.path.basename(order.folder.rstrip("/"))
    for name in os.listdir(above):
        if name.startswith(prefix):
            shutil.rmtree(os.path.join(above, name))  # of a run that was killed; it has secrets
    growing = tempfile.mkdtemp(prefix=prefix, dir=above)
    try:
        dumps = {told["database"].get("dump"), _backup.DUMP}
        for entry in told["files"]:
            name = _restore_load.plain(entry["name"])
            if "/" not in name and name not in dumps:
                _copy(
                    os.path.join(order.path, entry["name"]),
                    order.identity,
                    os.path.join(growing, PLACED.get(name, name)),
                )
        missing = _includes.find(os.path.join(growing, "config.compose.yaml"))[1]
        if missing:
            raise RefusedError(
                "nothing was touched: the proxy's configuration includes %s, which the backup does not have"
                % ", ".join(os.path.basename(path) for path in missing)
            )
        project = _compose_project.read(growing, order.engine)
        project.proxy_url()
        taken = _taken(project, order.engine)
        if taken:
            raise RefusedError("nothing was touched: %s" % "; ".join(taken))
        for image in project.images.values():
            _pull(image, order.engine, tell)
        redis, proxy = (
            _docker.identity(project.images["redis"], project.redis_user),
            _docker.identity(project.images["litellm"], ""),
        )
        for name in os.listdir(growing):
            path = os.path.join(growing, name)
            owner = {
                ".env": (0, 0),
                "compose.yaml": (0, 0),
                "schema.prisma": (0, 0),
                "redis.conf": (redis["uid"], redis["gid"]),
            }.get(name, (0, proxy["gid"]))
            if os.geteuid() == 0:
                os.chown(path, *owner)
            os.chmod(path, MODES.get(name, 0o640))
        os.chmod(growing, 0o755)
        sync_folder(growing)
        # Before the folder is: whoever finds it goes on, and doesn't take it for somebody else's.
        _save(order, SERVERS)
        if os.path.isdir(order.folder):
            os.rmdir(order.folder)
        os.rename(growing, order.folder)
        sync_folder(above)
    except BaseException as error:
        shutil.rmtree(growing, ignore_errors=True)
        if os.path.exists(_state.rebuild_path(order.state_dir)) and is_empty_host(order.folder):
            os.unlink(_state.rebuild_path(order.state_dir))
        if isinstance(error, (_backup.BackupError, ValueError, OSError)):
            raise RestoreError(
                "%s could not be made, and nothing is left of it: %s" % (order.folder, error)
            ) from error
        raise


def _copy(source: str, identity: str, path: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with (
        os.fdopen(handle, "wb") as out,
        _restore_load.opened(
            source, identity if source.endswith(_restore_load.SEALED) else ""
        ) as read,
    ):
        shutil.copyfileobj(read, out, 1 << 20)
        out.flush()
        os.fsync(out.fileno())


def _taken(project: _compose_project.Project, engine: tuple[str, ...]) -> list[str]:
    """Containers and volumes of the project's names, which may hold somebody's data, and whoever listens on its ports."""
    listeners = _listeners.listeners()
    held = [(port, _listeners.holder(listeners, port)) for port in project.ports]
    found = [
        "port %d is held by %s: stop it, or take another host" % (port, listener.command)
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
                    "%s %s exists: look what it is, and remove it or take another host"
                    % (kind, name)
                )
    return found


def _pull(image: str, engine: tuple[str, ...], tell: Callable[[str], None]) -> None:
    if run([*engine, "image", "inspect", "--format", "{{.Id}}", image]).rc == 0:
        return
    tell("image %s is pulled" % image)
    _compose_project.must(
        run([*engine, "pull", "--quiet", image], timeout=PULL), "image %s cannot be pulled" % image
    )


def _raise(
    order: Order,
    project: _compose_project.Project,
    told: _backup.Manifest,
    stage: str,
    now: datetime,
    tell: Callable[[str], None],
) -> list[str]:
    """Servers, database, proxy; what is there already is not made again."""
    notes: list[str] = []
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
        # A server that was killed while it made its data folder never starts again, and nothing was in it yet.
        _compose_project.must(
            _compose_project.compose(order.folder, ["down", "--volumes"], order.engine, 300),
            "what an earlier run left does not go",
        )
    if stage in ("", SERVERS):
        tell("PostgreSQL and Redis start")
        words = [
            "up",
            "--detach",
            "--wait",
            "--wait-timeout",
            "%d" % order.patience,
            "--no-build",
            "--pull",
            "never",
            "postgres",
            "redis",
        ]
        _compose_project.must(
            _compose_project.compose(order.folder, words, order.engine, order.patience + 60),
            "PostgreSQL and Redis do not start",
        )
        _save(order, DATABASE)
    if stage != PROXY:
        reasons = _checks.check_salt(told, deployment, notes) + _checks.check_server(
            told, project.database
        )
        reasons += _checks.check_schema(told, order.path, order.identity, deployment, notes)
        reasons += _checks.check_space(told, project.database, "", notes)
        if reasons:
            raise RestoreError("; ".join(reasons))
        tell("the database is restored")
        done = _database.restore(
            order.path, project.database, now, order.identity, order.jobs, told
        )
        if done.differences:
            raise RestoreError(
                "the restored database is not what was backed up, and was removed: %s"
                % "; ".join(done.differences)
            )
        tell("it is proved to hold what was backed up: %d rows" % done.found["rows_total"])
        _save(order, PROXY)
    tell("the proxy starts")
    service = _service.of(deployment, order.state_dir, order.patience)
    service.start()
    service.verify()
    return notes
