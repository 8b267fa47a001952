# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore test (``litellm-ops drill``): a backup restored into a throwaway container.

The container has no network and no port, and is removed afterwards with its data; what a killed
test left is removed by the next one.
"""

from __future__ import annotations

import os
import secrets
import time
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Iterator, Sequence

from .._backup import backup as _backup
from .._host import docker as _docker
from .._host import files as _files
from .._host import loaded_images as _loaded_images
from .._host import process as _process
from .._postgres.role import SUPERUSERS
from .._postgres.session import Endpoint
from . import database as _database
from . import load as _load

LABEL = "llmops.litellm.drill"
# Owns what is restored, and is no superuser: whatever a dump calls, it calls as that.
USER = "drill"
START_TIMEOUT = 180.0  # seconds for PostgreSQL to make a new data folder
# A restored database is about as large as it was; while it is loaded, its WAL comes on top.
SHARE = 1.5
# Memory limit: the host serves meanwhile.
MEMORY = "2g"
# No other process reaches it, so it needs no password; and its data need not survive a power cut.
_RUN = (
    *("--detach", "--label", LABEL, "--network", "none", "--cap-drop", "ALL"),
    *("--user", "postgres", "--security-opt", "no-new-privileges:true"),
    *("--memory", MEMORY, "--shm-size", "256m", "--pull", "never"),
    *("--env", "POSTGRES_USER=" + SUPERUSERS[0], "--env", "POSTGRES_HOST_AUTH_METHOD=trust"),
)
_SERVER = ("postgres", "-c", "fsync=off", "-c", "full_page_writes=off")


def drill(
    folder: str, image: str, now: datetime, engine: Sequence[str] = ("docker",), identity: str = ""
) -> dict[str, Any]:
    """Restore a backup, compare it with its manifest, and throw the copy away.

    :param folder: the backup. ``image``: of PostgreSQL, present on this host. ``identity``: file
        with the age key that opens an encrypted backup.
    :returns: ``rows``, ``tables``, ``differences`` (in words; none: proved) and ``seconds``.
    :raises EncryptedError: it is encrypted, and there is no identity: a host that can't read its
        own backups can't test them. That is no fault of the backup.
    :raises BackupError, PostgresError: it cannot be restored, or there is no room to try.
    """
    begun = time.monotonic()
    sweep(engine)
    manifest = _backup.manifest(folder)
    _load.find(folder, manifest, identity)
    check_space(
        manifest,
        _process.run([*engine, "info", "--format", "{{.DockerRootDir}}"]).out.strip()
        or "/var/lib/docker",
    )
    with server(image, engine) as name:
        done = _database.restore(
            folder, Endpoint("drill", USER, name, engine=tuple(engine)), now, identity
        )
    reached = done.found
    return {
        "rows": reached["rows_total"],
        "tables": len(reached["tables"]),
        "differences": done.differences,
        "seconds": round(time.monotonic() - begun, 3),
    }


def check_space(manifest: _backup.Manifest, root: str) -> None:
    """:raises BackupError: the engine's data folder has too little room."""
    needed, free = int(manifest["database"]["bytes"] * SHARE), _files.free_bytes(root)
    if free < needed:
        raise _backup.BackupError(
            "%s has %.1f GiB free, the drill may need %.1f GiB"
            % (root, free / 2**30, needed / 2**30)
        )


def sweep(engine: Sequence[str]) -> None:
    """Remove the containers of killed restore tests, with their data."""
    left = _process.run(
        [*engine, "ps", "--all", "--quiet", "--filter", "label=" + LABEL]
    ).out.split()
    if left:
        _process.run([*engine, "rm", "--force", "--volumes", *left])


@contextmanager
def server(image: str, engine: Sequence[str]) -> Iterator[str]:
    """A PostgreSQL in a container of its own; its name.

    :raises BackupError: it does not start.
    """
    name = "llmops-litellm-drill-%s" % secrets.token_hex(4)
    started = _process.run([*engine, "run", "--name", name, *_RUN, image, *_SERVER], timeout=120)
    try:
        if started.rc:
            raise _backup.BackupError(
                "a container for the drill does not start: %s" % _last(started.err)
            )
        deadline = time.monotonic() + START_TIMEOUT
        # By TCP: while the image makes its data folder, its server answers on the socket only.
        while _process.run(
            [*engine, "exec", name, "pg_isready", "--quiet", "--host", "127.0.0.1"]
        ).rc:
            state = _process.run([*engine, "inspect", "--format", "{{.State.Status}}", name])
            if state.out.strip() != "running" or time.monotonic() > deadline:
                log = _process.run([*engine, "logs", "--tail", "20", name]).err
                raise _backup.BackupError("the drill's PostgreSQL does not start: %s" % _last(log))
            time.sleep(0.2)
        yield name
    finally:
        _process.run([*engine, "rm", "--force", "--volumes", name])


def _last(text: str) -> str:
    """The last line of a program's output, without the advice of the engine's client."""
    lines = [
        line
        for line in text.splitlines()
        if line.strip() and not line.startswith(("Run 'docker", "See 'docker"))
    ]
    return (lines or ["it said nothing"])[-1]


def image_of(manifest: _backup.Manifest, fallback: str = "") -> str:
    """The image of PostgreSQL that belongs to a backup, by the reference by which this host has it.

    :param fallback: for a backup that names none.

    :raises BackupError: neither the backup nor ``fallback`` names one.
    """
    images = (manifest.get("facts") or {}).get("images")
    image = (images.get("postgres") if isinstance(images, dict) else None) or fallback
    if not isinstance(image, str) or not _docker.is_reference(image):
        raise _backup.BackupError(
            "%s names no image of PostgreSQL, and the settings have none"
            % os.path.join(str(manifest.get("name")), _backup.MANIFEST)
        )
    known = _loaded_images.recorded(manifest.get("facts"), "postgres", image)
    return _loaded_images.here(known) or image
