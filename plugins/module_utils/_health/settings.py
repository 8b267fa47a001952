# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of ``litellm-ops health``, ``probe`` and ``inventory``:
``/etc/llmops-litellm/health.json``, root's, without any secret.

``{"format": 1, "state_dir", "project": {"name", "folder"}, "gateway_name", "backup_settings",
"deployments": {"compose" and/or "legacy": {"url", "key_file", "database", "containers", "units":
[{"name", "account"}], "models": [{"name", "address", "unit", "account"}], "config"}}, "health":
{…}, "probe": {…}}``. Of a deployment only what differs from what the journal and the project's
folder tell has to be there; ``health`` and ``probe`` have the fields of :class:`Watch` and
:class:`~_health.probe.Options`. A host without the file is looked at with the defaults.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from .._deployment.locate import Given, Where
from .._host import settings_file as _settings_file
from .._host.settings_file import KINDS, Reader
from .host_checks import Limits
from .probe import SCOPES, Options
from .watch import Thresholds

PATH = "/etc/llmops-litellm/health.json"
BACKUP = "/etc/llmops-litellm/ops.json"

# What a limit of the health check may be; any other is a number from 0 on.
_RANGES = {"seconds": (0.1, 50.0), "disk_degraded": (0.0, 1.0), "disk_failed": (0.0, 1.0)}


class Settings(NamedTuple):
    """Everything. ``deployments``: by kind, what differs from what is found; ``metrics``: file for
    node_exporter's textfile collector, empty for none; ``folders``: those whose disks are looked
    at."""

    state_dir: str = "/var/lib/llmops-litellm"
    project_name: str = "litellm"
    project_dir: str = "/opt/litellm"
    gateway_name: str = "host.docker.internal"
    backup_settings: str = BACKUP
    legacy_unit: str = "litellm.service"
    legacy_account: str = ""
    deployments: dict[str, Given] = {}
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
    return _settings_file.load(path, owner, "health", _settings)


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
    """The host's settings; on a host without them, the arguments of a module (see :data:`OPTIONS`).

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


def _settings(top: Reader) -> Settings:
    usual = Settings()
    project, named, health, probe = (
        top.inner("project"),
        top.inner("deployments", {}),
        top.inner("health", {}),
        top.inner("probe", {}),
    )
    deployments = {kind: _deployment(named.inner(kind, {})) for kind in KINDS if named.has(kind)}
    named.known.update(KINDS)
    limits = Limits(
        **{
            name: health.number(name, default, *_RANGES.get(name, ()))
            for name, default in Limits._field_defaults.items()
        }
    )
    if limits.disk_degraded > limits.disk_failed:
        health.wrong("disk_degraded", "must not be more than disk_failed")
    thresholds = Thresholds(
        health.count("alarm_after", 3, 1),
        health.count("all_clear_after", 2, 1),
        health.count("history", 10080, 1),
    )
    options = Options(
        probe.get("scope", str, "local", lambda value: value in SCOPES, " or ".join(SCOPES)),
        probe.texts("names"),
        probe.count("models", 0),
        probe.count("requests", 200),
        probe.count("tokens", 20000),
    )
    legacy = top.inner("legacy", {})
    settings = Settings(
        top.path("state_dir"),
        project.get("name", str, None, bool, "a name"),
        project.path("folder"),
        top.get("gateway_name", str, usual.gateway_name),
        top.path("backup_settings", usual.backup_settings),
        legacy.get("unit", str, usual.legacy_unit),
        legacy.get("account", str, ""),
        deployments,
        health.texts("folders", usual.folders),
        limits,
        thresholds,
        health.path("metrics", ""),
        options,
        probe.number("seconds", usual.probe_seconds, 1),
        probe.texts("local_hosts"),
    )
    for reader in (top, project, named, health, probe, legacy):
        reader.end()
    return settings


def _deployment(reader: Reader) -> Given:
    """What differs of a deployment; only what is given is in it."""
    found = Given()
    if reader.has("url"):
        found["url"] = reader.get("url", str)
    if reader.has("key_file"):
        found["key_file"] = reader.get("key_file", str)
    if reader.has("config"):
        found["config"] = reader.get("config", str)
    if reader.has("containers"):
        found["containers"] = reader.texts("containers")
    if reader.has("database"):
        found["database"] = reader.inner("database").database()
    if reader.has("units"):
        found["units"] = _entries(reader, "units", ("name", "account"))
    if reader.has("models"):
        found["models"] = _entries(reader, "models", ("name", "address", "unit", "account"))
    reader.end()
    return found


def _entries(reader: Reader, name: str, fields: tuple[str, ...]) -> list[dict[str, str]]:
    """A list of objects of these fields, of which a name and an address must be there."""
    found = []
    for inner in reader.objects(name):
        found.append(
            {
                field: inner.get(field, str, None if field in ("name", "address") else "")
                for field in fields
            }
        )
        inner.end()
    return found
