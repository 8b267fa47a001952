# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Preflight checks of the legacy deployment: unit, folder, configuration, environment."""

from __future__ import annotations

import os
from typing import Iterable, Mapping, Optional

from .._config import container_view as _container_view
from .._config import envfile as _envfile
from .._config import environment as _environment
from .._config import environment_files as _environment_files
from .._config import environment_text as _environment_text
from .._config import stores as _stores
from .._deployment import legacy as _legacy
from .._deployment import places as _places
from .._deployment.legacy_reader import Reader
from .._host import files as _files
from .._host import git as _git
from .._host import paths as _paths
from .._host.problem import OperatorError, Problem
from . import requirements as _requirements
from .preflight_findings import Facts, Findings

# What the roles write into the project folder; the first two hold secrets.
SECRET_FILES = (".env", "redis.conf")
# Copies of what the proxy needs besides, keys among them, by git's patterns.
SECRET_PATTERNS = (*SECRET_FILES, "needed.*")
CONFIG = "config.compose.yaml"
OWN_FILES = (*SECRET_FILES, "compose.yaml", "compose.stage.yaml", CONFIG)
OWN_MARK = "# Written by llmops.litellm"
# With it LiteLLM takes no configuration from a file.
BUCKET = "LITELLM_CONFIG_BUCKET_NAME"


def check_legacy(legacy: _legacy.Running, settings: dict) -> Findings:
    """Check the legacy deployment's files, keys and release, and the project folder.

    Facts: ``project_dir``.
    """
    folder, facts = os.path.normpath(settings["project_dir"]), legacy.facts
    found = Findings({"project_dir": folder}, _check_config(legacy))
    if BUCKET in legacy.environment:
        found.refuse(
            BUCKET,
            "is set, so the proxy reads its configuration from an object store, which is not "
            "rewritten for a container",
            "put it into the file that --config names, take the variable out of the environment, "
            "and restart the proxy",
        )
    found.problems += _requirements.check_keys(
        legacy.effective, _configured_keys(legacy), settings["accept_weak"]
    )
    found.problems += legacy.problems
    found.warnings += legacy.warnings
    for entry in facts["environment_files"]:
        optional = entry["path"] in facts["optional_files"]
        found.add(
            check_environment_file(entry["path"], optional, legacy.reader, legacy.environment)
        )
    views = _container_view.names(legacy.configuration, CONFIG).values()
    found.add(check_project_folder(folder, facts["folder"], views))
    release, traces = facts["litellm_version"], facts["litellm_traces"]
    found.problems += _requirements.check_traces(release, traces)
    found.warnings += _requirements.warn(release, [], traces)
    return found


def _configured_keys(legacy: _legacy.Running) -> list[str]:
    """The keys that the configuration may have and that can't be known, by their variables'
    names."""
    hidden = legacy.unread or _stores.hides_key(legacy.environment, legacy.configuration)
    return [_stores.MASTER_KEY] if hidden else []


def _check_config(legacy: _legacy.Running) -> list[Problem]:
    """Whether config.yaml and its includes can be rendered for a container."""
    config = legacy.facts["config"]
    if config is None:
        return [
            Problem(
                "config.yaml",
                "process %d was started without --config and CONFIG_FILE_PATH"
                % legacy.facts["pid"],
                "a proxy without a configuration file is not supported: give it one, which may have"
                " no more than general_settings, and restart the unit",
            )
        ]
    if legacy.unread:
        return [
            Problem(
                config,
                legacy.unread,
                "restore the file that the proxy was started with, readable for its account",
            )
        ]
    return [
        Problem("%s:%d" % (item.path, item.line), item.message, "")
        for item in _container_view.problems(legacy.configuration, _stores.where(legacy.stores))
    ]


def check_environment_file(
    path: str, optional: bool, reader: Reader, environment: Optional[Mapping[str, str]] = None
) -> Findings:
    """Check an EnvironmentFile= of the unit: it exists, is readable, and systemd drops no line
    whose variable the proxy does not have from elsewhere.

    :param environment: what the proxy has.
    """
    found = Findings()
    try:
        text = reader.text(path)
    except FileNotFoundError:
        if not optional:
            found.refuse(path, "is missing; the unit could not start again", "restore the file")
        return found
    except OSError as error:
        found.refuse(
            path,
            reader.refusal(path, error),
            "let that account read it, or move it into a folder of root's, such as /etc/litellm,"
            " and name it there in the unit",
        )
        return found
    try:
        line = _envfile.unclosed_quote(text)
    except _envfile.EnvError as error:
        found.refuse(
            "%s:%d" % (path, error.line),
            error.message,
            "mend that line; the running proxy still has what it read at its start",
        )
        return found
    if line is not None:
        found.refuse(
            "%s:%d" % (path, line),
            "has a quote that never ends, so systemd takes the rest of the file for a value",
            "end it; the running proxy still has what it read at its start",
        )
        return found
    for item in _envfile.dropped(text):
        if item.name in (environment or {}):
            continue
        remedy = "if it is wanted: env_file_adopt: [%s]" % item.name
        found.warn(
            "%s:%d" % (path, item.line),
            "%s never reached the proxy: %s" % (item.name or "the line", item.reason),
            remedy if item.name else "mend it if it is wanted",
        )
    return found


def check_project_folder(folder: str, legacy: str, views: Iterable[str] = ()) -> Findings:
    """Check the project folder: its files are ours, and git does not track what holds secrets.

    :param legacy: the folder that the legacy proxy runs in, empty where there is none.
    :param views: names of the rendered copies of included files.
    """
    found = Findings()
    if legacy and os.path.realpath(folder) == os.path.realpath(legacy):
        # LiteLLM's database client reads a .env where it runs, and fails where it may not read it.
        found.refuse(
            "litellm_project_dir",
            "%s is the folder that the legacy proxy runs in; with the new .env in it, it could "
            "not start again" % folder,
            "choose a folder of its own, such as /opt/litellm",
        )
    parent = os.path.dirname(folder)
    if not os.path.isdir(parent):
        problem = Problem(
            "litellm_project_dir",
            "%s does not exist" % parent,
            "create it, or choose another folder",
        )
        return Findings(problems=[problem])
    found.problems += _check_tracked(folder)
    if _paths.weakness(folder):
        return found  # said by check_folders; what lies there is not root's to read
    for name in (*OWN_FILES, *views):
        path = os.path.join(folder, name)
        if os.path.lexists(path) and not (os.path.isfile(path) and is_ours(_files.read(path))):
            found.refuse(
                path,
                "was not written by this collection and is not replaced",
                "move it away, or set litellm_project_dir to a folder of its own",
            )
    return found


def _check_tracked(folder: str) -> list[Problem]:
    """Refuse a project folder whose secret files git tracks."""
    try:
        tracked = _git.tracked(folder, SECRET_PATTERNS) if _git.in_work_tree(folder) else []
    except OperatorError as error:
        return [Problem(folder, str(error), "")]
    return [
        Problem(
            "%s/%s" % (folder, name),
            "is tracked by git, so its secrets would be in every clone",
            "git rm --cached %s && git commit, rotate what it ever held, and run again" % name,
        )
        for name in tracked
    ]


def is_ours(text: str) -> bool:
    """Whether a file of the project folder was written by this collection."""
    return text.startswith(OWN_MARK) or _environment_text.is_ours(text)


def plan_environment(
    legacy: _legacy.Running, settings: dict, facts: Facts
) -> _environment.EnvironmentPlan:
    """Plan the new ``.env`` with the code of the role env_file. Its values are secret."""
    files = []
    named = [{"dialect": "systemd", **entry} for entry in legacy.facts["environment_files"]]
    for entry in named + legacy.facts["dotenv_files"]:
        try:
            text = legacy.reader.text(entry["path"])
        except OSError:
            continue  # check_environment_file has said so
        files.append(_environment_files.LegacyFile(entry["path"], entry["dialect"], text))
    return _environment.plan(
        legacy.effective,
        files,
        _environment.Settings(
            own_ports=[legacy.facts["port"]],
            native_ports=native_ports(facts),
            master_key_in_config=bool(_configured_keys(legacy)),
            stores=_stores.variables(legacy.stores),
            redis_is_here=_stores.is_redis_here(legacy.stores),
            where=_stores.where(legacy.stores),
            overrides=settings["overrides"],
            adopt=settings["adopt"],
        ),
    )


def check_environment(planned: _environment.EnvironmentPlan) -> Findings:
    """The problems and warnings of the new ``.env``."""
    return Findings(
        problems=[Problem("environment", text, "") for text in planned.problems],
        warnings=[Problem("environment", text, "") for text in planned.warnings],
    )


def native_ports(facts: Facts) -> list[int]:
    """The ports of the legacy database and Redis, which no container reaches."""
    stores = (_places.here(facts, store) for store in _places.STORES)
    return [store["port"] for store in stores if store]
