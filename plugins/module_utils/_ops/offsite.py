# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``litellm-ops`` does beside making backups: copies off the host, and whether all that the
settings ask for can be had."""

from __future__ import annotations

from datetime import datetime

from .._backup import archive as _archive
from .._backup import backup as _backup
from .._backup import history as _history
from .._backup import offsite as _offsite
from .._backup import settings as _settings
from .._backup.folder import BackupError
from .._host import settings_file as _settings_file
from .answer import DONE, FAILED, Answer


def check(settings: _settings.Settings) -> list[str]:
    """Why what the settings ask for can't be had on this host, in words."""
    problems = []
    try:
        _backup.check_keys(settings.how)
    except BackupError as error:
        problems.append(str(error))
    try:
        if settings.copy:
            _offsite.check(settings.copy)
    except BackupError as error:
        problems.append(str(error))
    return problems


def copy(settings: _settings.Settings, entry: _archive.Entry, now: datetime) -> Answer:
    """Copy a sound backup off the host, and remember how that went. A failure takes nothing from
    the backup here.

    :raises SettingsError: the settings name no place.
    """
    if settings.copy is None:
        raise _settings_file.SettingsError(
            "backup.copy: the settings name no place to copy backups to"
        )
    try:
        pinned = [
            each.name for each in _archive.scan(settings.backup_dir, now).entries if each.pinned
        ]
        done = _offsite.copy(
            settings.copy, entry.path, entry.pinned, settings.state_dir, settings.policy, pinned
        )
    except (BackupError, OSError, ValueError) as error:
        _history.record(
            settings.state_dir, "copy", now, str(error), settings.metrics, name=entry.name
        )
        return Answer(
            FAILED,
            [
                "NOT COPIED  %s: %s" % (entry.name, error),
                "            the backup on this host is good",
            ],
            {"error": str(error)},
        )
    _history.record(
        settings.state_dir,
        "copy",
        now,
        None,
        settings.metrics,
        name=entry.name,
        seconds=done["seconds"],
        bytes=done["bytes"],
    )
    lines = ["%s is copied by %s, %.1f s" % (entry.name, settings.copy.tool, done["seconds"])]
    return Answer(DONE, lines + ["removed over there: %s" % name for name in done["removed"]], done)
