# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of ``litellm-ops`` on a host: ``/etc/llmops-litellm/ops.json``, root's, without any
secret.

``{"format": 1, "state_dir": path, "project": {"name", "folder"}, "deployments": {"compose" and/or
"legacy": {"database": {"container", "database", "user"} or {"env_file", "variable"?, "database"?},
"files": [{"src", "name"?, "optional"?, "account"?}], "salt_key_file", "facts": {}}}, "backup":
{"folder", "keep_last", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly", "timezone",
"compression", "jobs", "parallel_from" (MiB), "encrypt_to": [public key], "signing_key": path,
"copy": {"tool": "restic" or "rclone", "to", "environment_file", "prune"?}, "metrics"}}``.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple, Optional

from .._config import includes as _includes
from .._deployment import journal as _journal
from .._deployment import record as _record
from .._host import reader as _reader
from .._host import settings_file as _settings_file
from .._host.problem import OperatorError
from .._host.settings_file import KINDS, Reader, SettingsError
from .._postgres import endpoint as _endpoint
from .._postgres import session as _session
from . import backup as _backup
from . import encryption as _encryption
from . import offsite as _offsite
from . import retention as _retention

PATH = "/etc/llmops-litellm/ops.json"
# Measured: docs/measurements.md
JOBS, PARALLEL_FROM = 2, 10240  # MiB
RULES = ("keep_last", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly")


class Source(NamedTuple):
    """What is backed up. ``database`` as the modules' argument of that name; ``files``: paths by
    their names in a backup; ``optional``: those of the names whose files need not be there;
    ``readers``: who reads them (see :func:`_host.reader.of`)."""

    kind: str
    database: dict[str, Optional[str]]
    files: dict[str, str]
    optional: frozenset[str]
    salt_key_file: str
    facts: dict[str, Any]
    readers: dict[str, str] = {}

    def order(
        self, folder: str, name: Optional[str], pinned: bool, how: _backup.How
    ) -> _backup.Order:
        """A backup of it, with what its configs include.

        :raises BackupError, PostgresError, OSError: the salt key can't be read, or the database's
            address, or a config.
        """
        key = (
            _backup.salt_key(_endpoint.read_env(self.salt_key_file)) if self.salt_key_file else None
        )
        files, absent = dict(self.files), []
        for target in self.optional:
            try:
                with _reader.opened(self.readers.get(target, ""), files[target]):
                    pass
            except FileNotFoundError:
                del files[target]
            except (OSError, OperatorError) as error:
                why = error.strerror if isinstance(error, OSError) else error
                absent.append("%s: %s" % (files.pop(target), why))
        found = _includes.with_included(files, self.readers)
        return _backup.Order(
            _session.Endpoint.from_params(self.database),
            folder,
            self.kind,
            name,
            pinned,
            found.files,
            self.facts,
            key,
            how,
            (*absent, *found.absent),
            found.readers,
        )


class Settings(NamedTuple):
    """Everything. ``how``: backups are made. ``metrics``: file for node_exporter's textfile
    collector, empty for none. ``copy``: where each backup is copied to, ``None`` for nowhere."""

    state_dir: str
    project_name: str
    project_dir: str
    deployments: dict[str, Source]
    backup_dir: str
    policy: _retention.Policy
    how: _backup.How
    metrics: str
    copy: Optional[_offsite.Copy] = None

    def deployment(self, kind: str = "") -> Source:
        """The one of this kind; without a kind, the only one there is, or of both the one that
        serves.

        Which one serves is :func:`_deployment.record.serving`'s answer, as health has it. A
        journal that can't be read has none: a backup of the wrong deployment would pass for one of
        the right.

        :raises SettingsError: there is none. :raises JournalError: nobody knows which of both
            serves.
        """
        if not kind and len(self.deployments) == 1:
            kind = next(iter(self.deployments))
        elif not kind:
            kind = _record.serving(
                _journal.load(self.state_dir), _record.load(self.state_dir), self.project_dir
            )
        if kind not in self.deployments:
            raise SettingsError("deployments.%s: there is none in the settings" % kind)
        return self.deployments[kind]

    def order(
        self, kind: str = "", name: Optional[str] = None, pinned: bool = False
    ) -> _backup.Order:
        """A backup of a deployment (see :meth:`deployment`), made as the settings say."""
        return self.deployment(kind).order(self.backup_dir, name, pinned, self.how)


def load(path: str = PATH, owner: int = 0) -> Settings:
    """Read the settings.

    :param owner: the account that the file must belong to: what it says is done with root's rights.
    :raises SettingsError: with every reason at once.
    """
    return _settings_file.load(path, owner, "backup", _settings)


def _settings(top: Reader) -> Settings:
    project, backup, named = top.inner("project"), top.inner("backup"), top.inner("deployments")
    deployments = {kind: _deployment(kind, named.inner(kind)) for kind in KINDS if named.has(kind)}
    if not deployments:
        named.wrong_whole("must have compose, legacy or both")
    last, daily, weekly, monthly, yearly = (
        backup.get(rule, int, default, lambda value: value >= 0, "a number from 0 on")
        for rule, default in zip(RULES, _retention.Policy()[:5])
    )
    policy = _retention.Policy(
        last, daily, weekly, monthly, yearly, backup.get("timezone", str, "")
    )
    try:
        _retention.check(policy)
    except ValueError as error:
        backup.problems.append("backup: %s" % error)
    settings = Settings(
        top.path("state_dir"),
        project.get("name", str, None, bool, "a name"),
        project.path("folder"),
        deployments,
        backup.path("folder"),
        policy,
        _how(backup),
        backup.path("metrics", ""),
        _copy(backup),
    )
    for reader in (top, project, backup, named):
        reader.end()
    return settings


def _how(reader: Reader) -> _backup.How:
    """How backups are made."""
    keys = reader.get("encrypt_to", list, [])
    for number, key in enumerate(keys):
        why = _encryption.refusal(key) if isinstance(key, str) else "must be a text"
        if why:
            reader.wrong("encrypt_to[%d]" % number, why)
    return _backup.How(
        reader.get("compression", int, 6, lambda value: 0 <= value <= 9, "a number from 0 to 9"),
        reader.get("jobs", int, JOBS, lambda value: value >= 1, "a number from 1 on"),
        reader.get(
            "parallel_from",
            int,
            PARALLEL_FROM,
            lambda value: value >= 0,
            "a number from 0 on, in MiB",
        )
        << 20,
        tuple(keys),
        reader.path("signing_key", ""),
    )


def _copy(reader: Reader) -> Optional[_offsite.Copy]:
    """Where backups are copied to."""
    if not reader.get("copy", dict, {}):
        return None
    inner = reader.inner("copy")
    tool = inner.get(
        "tool", str, None, lambda value: value in _offsite.TOOLS, " or ".join(_offsite.TOOLS)
    )
    made = _offsite.Copy(
        tool,
        inner.get("to", str, ""),
        inner.path("environment_file"),
        inner.get("prune", bool, False, form="true or false"),
    )
    why = _offsite.refusal(made) if tool else ""
    if why:
        inner.wrong("to", why)
    inner.end()
    return made


def _deployment(kind: str, reader: Reader) -> Source:
    database = reader.inner("database").database()
    files: dict[str, str] = {}
    readers: dict[str, str] = {}
    optional: set[str] = set()
    for inner in reader.objects("files"):
        source = inner.path("src")
        name = inner.get("name", str, os.path.basename(source))
        if name and name in files:
            inner.wrong("name", "%s stands twice" % name)
        files[name] = source
        readers[name] = inner.get("account", str, "")
        if inner.get("optional", bool, False, form="true or false"):
            optional.add(name)
        inner.end()
    made = Source(
        kind,
        database,
        files,
        frozenset(optional),
        reader.path("salt_key_file", ""),
        reader.get("facts", dict, {}),
        readers,
    )
    reader.end()
    return made
