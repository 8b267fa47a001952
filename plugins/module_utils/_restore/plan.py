# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan a restore: make its order from the host's settings, the journal and the project's files.

The face of this package: :func:`order`.
"""

from __future__ import annotations

import os
from datetime import datetime
from typing import Union

from .._backup import archive as _archive
from .._backup import settings as _settings
from .._backup.backup import BackupError
from .._deployment import compose_project as _compose_project
from .._deployment import journal as _journal
from .._deployment.compose_file import UNKNOWN, Expected
from .._deployment.service import Deployment
from .._host import files as _files
from .._postgres import session as _session
from . import rebuild as _rebuild
from . import restore as _restore
from .state import RestoreError

AnyOrder = Union[_restore.Order, _rebuild.Order]


def backup_path(folder: str, name: str, now: datetime) -> str:
    """The folder of a backup by name or ``latest``.

    :raises BackupError: there is none, or it is not one that can be restored.
    """
    entry = _archive.find(folder, name, now)
    if entry.layout != "folder":
        raise BackupError(
            "%s was not made by this collection: its contents can't be proved, so it is not "
            "restored" % entry.path
        )
    if entry.problem:
        raise BackupError(entry.problem)
    return entry.path


def deployment(settings: _settings.Settings, kind: str = "") -> Deployment:
    """The deployment that the settings mean.

    :raises RestoreError, SettingsError, PostgresError: it can't be known.
    """
    chosen = settings.deployment(kind)
    database = _session.Endpoint.from_params(chosen.database)
    if chosen.kind == "compose":
        project = _compose_project.read(settings.project_dir, database.engine)
        return Deployment(
            "compose",
            database,
            settings.project_dir,
            project.name,
            chosen.salt_key_file or os.path.join(settings.project_dir, ".env"),
            project.proxy_url(),
            project.images,
        )
    found = _journal.found_in(_journal.load(settings.state_dir)).get("legacy")
    if not found:
        raise RestoreError(
            "%s does not name the legacy proxy's unit, so it can't be stopped"
            % _journal.path_of(settings.state_dir)
        )
    return Deployment(
        "legacy",
        database,
        "",
        "",
        chosen.salt_key_file,
        "http://127.0.0.1:%d" % found["port"],
        {},
        found["unit"]["name"],
        found["unit"]["account"],
        found.get("python") or "",
    )


def order(
    settings: _settings.Settings,
    now: datetime,
    name: str = "latest",
    kind: str = "",
    folder: str = "",
    identity: str = "",
    point: bool = True,
    timeout: float = _restore.START_TIMEOUT,
    signers: tuple[str, ...] = (),
    accepted: tuple[str, ...] = (),
    expected: Expected = UNKNOWN,
) -> AnyOrder:
    """What to do with a backup: restore it into the deployment, or, where there is none (any more),
    build that anew.

    :param folder: archive to take the backup from; empty for the settings' own, where the restore
        point goes in any case.
    :param signers: public keys, one of which must have signed the backup. ``accepted`` and
        ``expected``: see :class:`_restore.rebuild.Order`.
    """
    path = backup_path(folder or settings.backup_dir, name, now)
    host = _rebuild.Order(
        path,
        settings.project_dir,
        settings.state_dir,
        identity,
        timeout=timeout,
        signers=signers,
        accepted=accepted,
        expected=expected,
    )
    if (
        kind != "legacy"
        and "compose" in settings.deployments
        and (_rebuild.is_empty_host(settings.project_dir) or _rebuild.resumes(host))
    ):
        return host
    ordered = settings.order(kind, pinned=True) if point else None
    _files.make_folder(settings.backup_dir, 0o700)
    return _restore.Order(
        deployment(settings, kind),
        path,
        settings.backup_dir,
        settings.state_dir,
        ordered,
        identity,
        timeout=timeout,
        signers=signers,
    )
