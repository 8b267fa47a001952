# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pooler's folder on the host: root's alone, but for what the container mounts of it."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple, Optional

from .._config.envfile import EnvError
from .._host import files as _files
from .._postgres.programs import PostgresError
from . import client as _client
from . import settings as _settings
from .client import Client
from .target import PoolerError, Target

# What the container mounts. A mount of the file itself would go on with the one that it was.
MOUNTED = "pgbouncer"
ENV = "proxy.env"
# Nobody but who may read them has to be able to: they have passwords.
_MODES = {ENV: 0o600}
_MOUNTED_MODE, _FILE_MODE, _OURS = 0o750, 0o400, 0o700


class Owner(NamedTuple):
    """As whom PgBouncer runs, in the host's numbers."""

    uid: int
    gid: int


class Folder(NamedTuple):
    """Where it is. ``mounted`` is for the container, ``env`` for its client."""

    path: str

    @property
    def mounted(self) -> str:
        """The folder that the container mounts."""
        return os.path.join(self.path, MOUNTED)

    @property
    def ini(self) -> str:
        """PgBouncer's settings."""
        return os.path.join(self.mounted, _settings.INI)

    @property
    def users(self) -> str:
        """PgBouncer's accounts."""
        return os.path.join(self.mounted, _settings.USERS)

    @property
    def env(self) -> str:
        """The env file of the proxy."""
        return os.path.join(self.path, ENV)

    def client(self) -> Optional[Client]:
        """Who reaches the pooler; ``None`` where the folder has none.

        :raises PoolerError: the file is none of ours.
        """
        try:
            with _files.reading(self.env) as handle:
                return _client.parse(handle.read().decode())
        except FileNotFoundError:
            return None
        except (EnvError, PostgresError, UnicodeDecodeError):
            raise PoolerError("%s is not one of ours: remove it" % self.env) from None

    def known_client(self) -> Client:
        """The same, where there has to be one.

        :raises PoolerError: there is none.
        """
        found = self.client()
        if found is None:
            raise PoolerError("there is no pooler in %s" % self.path)
        return found

    def leads_to(self, target: Target) -> bool:
        """Whether the settings are those for a database."""
        there = _read(self.ini)
        return there is not None and self._lead(target)[0] == there

    def lead(self, target: Target) -> bool:
        """Write the settings for a database; whether they were others. The pooler goes on with
        those that it has read."""
        text, owner = self._lead(target)
        return _put(self.ini, text, _FILE_MODE, owner)

    def _lead(self, target: Target) -> tuple[str, Owner]:
        there = _read(self.ini)
        if there is None:
            raise PoolerError("there is no pooler in %s" % self.path)
        about = os.lstat(self.ini)
        text = _settings.ini(self.known_client(), target, _settings.pool_size(there))
        return text, Owner(about.st_uid, about.st_gid)

    def write(self, wanted: dict[str, str], owner: Owner, check: bool) -> bool:
        """Have these files, by their paths; whether they were others.

        :param check: nothing is written.
        """
        owners = {self.env: Owner(os.geteuid(), os.getegid())}
        plan = [
            (path, text, _MODES.get(os.path.basename(path), _FILE_MODE), owners.get(path, owner))
            for path, text in wanted.items()
        ]
        if check:
            return any(not _is_there(*item) for item in plan)
        _files.make_folder(self.path, _OURS)
        _files.make_folder(self.mounted, _MOUNTED_MODE)
        # root's: what the account could put in its own folder would be in root's way
        _files.give(self.mounted, os.geteuid(), owner.gid)
        changed = [_put(*item) for item in plan]
        return any(changed)


def _read(path: str) -> Optional[str]:
    try:
        with _files.reading(path) as handle:
            return handle.read().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None


def _is_there(path: str, text: str, mode: int, owner: Owner) -> bool:
    if _read(path) != text:
        return False
    about = os.lstat(path)
    return (stat.S_IMODE(about.st_mode), about.st_uid, about.st_gid) == (mode, *owner)


def _put(path: str, text: str, mode: int, owner: Owner) -> bool:
    if _is_there(path, text, mode, owner):
        return False
    _files.write_atomically(path, text, mode, owner)
    return True
