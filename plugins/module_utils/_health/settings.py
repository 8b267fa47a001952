# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of ``litellm-ops health``, ``probe`` and ``inventory``: ``/etc/llmops-litellm/health.json``, root's, without any secret.

``{"format": 1, "state_dir", "project": {"name", "folder"}, "gateway_name", "backup_settings", "deployments": {"compose" and/or "legacy": {"url", "key_file",
"database", "containers", "units": [{"name", "account"}], "models": [{"name", "address", "unit", "account"}], "config"}}, "health": {…}, "probe": {…}}``. Of a
deployment only what differs from what the journal and the project's folder tell has to be there; ``health`` and ``probe`` have the fields of
:class:`Watch` and :class:`~_health.probe.Options`. A host without the file is looked at with the defaults.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple, Optional

from .._deployment.locate import Where
from .._host.settings_file import FORMAT, KINDS, SettingsError, _Reader, read
from .host_checks import Limits
from .probe import SCOPES, Options
from .watch import Thresholds

PATH = "/etc/llmops-litellm/health.json"
BACKUP = "/etc/llmops-litellm/ops.json"
_DATABASE = ("container", "env_file", "variable", "database", "user")


class Settings(NamedTuple):
    """Everything. ``deployments``: by kind, what differs from what is found; ``metrics``: file for node_exporter's textfile collector, empty for
    none; ``folders``: those whose disks are looked at."""

    state_dir: str = "/var/lib/llmops-litellm"
    project_name: str = "litellm"
    project_dir: str = "/opt/litellm"
    gateway_name: str = "host.docker.internal"
    backup_settings: str = BACKUP
    legacy_unit: str = "litellm.service"
    legacy_account: str = ""
    deployments: dict[str, dict[str, Any]] = {}
    folders: tuple[str, ...] = ("/var/lib/docker", "/var/backups/llmops-litellm")
    limits: Limits = Limits()
    thresholds: Thresholds = Thresholds()
    metrics: str = ""
    probe: Options = Options()
    probe_seconds: float = 120.0
    local_hosts: tuple[str, ...] = ()

    @property
    def where(self) -> Where:
        """Where the host's deployments are looked for."""
        return Where(
            self.state_dir,
            self.project_name,
            self.project_dir,
            self.gateway_name,
            self.legacy_unit,
            self.legacy_account,
            self.deployments,
        )


def load(path: str = PATH, owner: int = 0) -> Settings:
    """Read the settings; the defaults where :data:`PATH` itself is not there.

    :raises SettingsError: with every reason at once.
    """
    if path == PATH and not os.path.lexists(path):
        return Settings()
    told = read(path, owner, "health")
    problems: list[str] = []
    settings = _settings(_Reader(told, "", problems)) if isinstance(told, dict) else None
    if settings is None:
        problems.append("it holds no object")
    if problems:
        raise SettingsError("\n".join("%s: %s" % (path, problem) for problem in problems))
    return settings  # type: ignore[return-value]


# The argument specification that the modules share.
OPTIONS: dict[str, Any] = {
    "settings": {"type": "path", "default": PATH},
    "kind": {"type": "str", "choices": list(KINDS)},
    "state_dir": {"type": "path", "default": "/var/lib/llmops-litellm"},
    "project_name": {"type": "str", "default": "litellm"},
    "project_dir": {"type": "path", "default": "/opt/litellm"},
    "legacy_unit": {"type": "str", "default": "litellm.service"},
    "legacy_account": {"type": "str", "default": ""},
}


def from_params(params: dict[str, Any], owner: int) -> Settings:
    """The host's settings; on a host without them, what a module was told (see :data:`OPTIONS`).

    :raises SettingsError: the host has settings that can't be used.
    """
    if os.path.lexists(params["settings"]):
        return load(params["settings"], owner)
    return Settings(
        params["state_dir"],
        params["project_name"],
        params["project_dir"],
        legacy_unit=params["legacy_unit"],
        legacy_account=params["legacy_account"],
    )


def _inner(reader: _Reader, name: str) -> _Reader:
    """An object that need not be there."""
    return _Reader(reader.get(name, dict, {}), "%s%s." % (reader.prefix, name), reader.problems)


def _number(
    reader: _Reader, name: str, default: float, least: float = 0.0, most: Optional[float] = None
) -> float:
    """A number, whole or not."""
    value = reader.told.get(name, default)
    reader.known.add(name)
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not least <= value <= (most or 1e9)
    ):
        reader.wrong(
            name, "must be a number from %g%s" % (least, " to %g" % most if most else " on")
        )
        return default
    return float(value)


def _count(reader: _Reader, name: str, default: int, least: int = 0) -> int:
    return int(
        reader.get(
            name, int, default, lambda value: value >= least, "a whole number from %d on" % least
        )
    )


def _texts(reader: _Reader, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    found = reader.get(
        name,
        list,
        list(default),
        lambda value: all(isinstance(item, str) and item for item in value),
        "a list of texts",
    )
    return tuple(found)


def _settings(top: _Reader) -> Settings:
    top.get(
        "format",
        int,
        None,
        lambda value: value == FORMAT,
        "%d; it was written by another release of this collection" % FORMAT,
    )
    usual = Settings()
    project, named, health, probe = (
        top.inner("project"),
        _inner(top, "deployments"),
        _inner(top, "health"),
        _inner(top, "probe"),
    )
    deployments = {kind: _deployment(_inner(named, kind)) for kind in KINDS if kind in named.told}
    named.known.update(KINDS)
    limits = Limits(
        _number(health, "seconds", 5.0, 0.1, 50),
        _number(health, "disk_degraded", 0.9, 0, 1),
        _number(health, "disk_failed", 0.98, 0, 1),
        _number(health, "backup_hours", 26),
        _number(health, "drill_hours", 8 * 24),
        _number(health, "certificate_days", 14),
    )
    if limits.disk_degraded > limits.disk_failed:
        health.wrong("disk_degraded", "must not be more than disk_failed")
    thresholds = Thresholds(
        _count(health, "alarm_after", 3, 1),
        _count(health, "all_clear_after", 2, 1),
        _count(health, "history", 10080, 1),
    )
    options = Options(
        probe.get("scope", str, "local", lambda value: value in SCOPES, " or ".join(SCOPES)),
        _texts(probe, "names"),
        _count(probe, "models", 0),
        _count(probe, "requests", 200),
        _count(probe, "tokens", 20000),
    )
    legacy = _inner(top, "legacy")
    settings = Settings(
        top.path("state_dir"),
        project.get("name", str, None, bool, "a name"),
        project.path("folder"),
        top.get("gateway_name", str, usual.gateway_name),
        top.path("backup_settings", usual.backup_settings),
        legacy.get("unit", str, usual.legacy_unit),
        legacy.get("account", str, ""),
        deployments,
        _texts(health, "folders", usual.folders),
        limits,
        thresholds,
        health.path("metrics", ""),
        options,
        _number(probe, "seconds", usual.probe_seconds, 1),
        _texts(probe, "local_hosts"),
    )
    for reader in (top, project, named, health, probe, legacy):
        reader.end()
    return settings


def _deployment(told: _Reader) -> dict[str, Any]:
    """What differs of a deployment; only what is given is in it."""
    found: dict[str, Any] = {}
    for name in ("url", "key_file", "config"):
        if name in told.told:
            found[name] = told.get(name, str)
    if "containers" in told.told:
        found["containers"] = _texts(told, "containers")
    if "database" in told.told:
        database = told.inner("database")
        found["database"] = {name: database.get(name, str, "") or None for name in _DATABASE}
        if bool(found["database"]["container"]) == bool(found["database"]["env_file"]):
            told.wrong("database", "must have either container or env_file")
        database.end()
    for name, fields in (
        ("units", ("name", "account")),
        ("models", ("name", "address", "unit", "account")),
    ):
        if name in told.told:
            found[name] = [
                _entry(told, name, number, entry, fields)
                for number, entry in enumerate(told.get(name, list))
            ]
    told.end()
    return found


def _entry(
    told: _Reader, name: str, number: int, entry: Any, fields: tuple[str, ...]
) -> dict[str, str]:
    inner = _Reader(
        entry if isinstance(entry, dict) else {},
        "%s%s[%d]." % (told.prefix, name, number),
        told.problems,
    )
    found = {
        field: inner.get(field, str, None if field in ("name", "address") else "")
        for field in fields
    }
    inner.end()
    return found
