# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Preflight checks of the legacy deployment: unit, folder, configuration, environment."""

from __future__ import annotations

import os
import re
from typing import Iterable

from .._config import container_view as _container_view
from .._config import envfile as _envfile
from .._config import environment as _environment
from .._config import environment_files as _environment_files
from .._config import environment_text as _environment_text
from .._deployment import legacy as _legacy
from .._host import files as _files
from .._host import git as _git
from .._host.problem import Problem
from . import requirements as _requirements

# What the roles write into the project folder; the first two hold secrets.
SECRET_FILES = (".env", "redis.conf")
CONFIG = "config.compose.yaml"
OWN_FILES = (*SECRET_FILES, "compose.yaml", "compose.stage.yaml", CONFIG)
OWN_MARK = "# Written by llmops.litellm"
# With it LiteLLM takes no configuration from a file.
BUCKET = "LITELLM_CONFIG_BUCKET_NAME"


def _deployment(
    legacy: _legacy.Running, settings: dict, facts: dict, warnings: list[Problem]
) -> list[Problem]:
    """The legacy deployment itself: its files, its keys, its release."""
    problems, told = [], legacy.facts
    folder = facts["project_dir"] = os.path.normpath(settings["project_dir"])
    configured = []
    if told["config"] is None:
        problems.append(
            Problem(
                "config.yaml",
                "the legacy unit names no --config",
                "a proxy without a configuration file is not supported",
            )
        )
    elif not os.path.isfile(told["config"]):
        problems.append(
            Problem(
                told["config"],
                "does not exist any more",
                "restore the file that the proxy was started with",
            )
        )
    else:
        problems += [
            Problem("%s:%d" % (item.path, item.line), item.message, "")
            for item in _container_view.problems(legacy.configuration)
        ]
        problems += [
            Problem(
                part.path,
                "sets LITELLM_SALT_KEY itself, so nobody can tell which key is in use",
                "move it into the environment of the unit, restart the proxy, and run again",
            )
            for part in legacy.configuration.parts
            if re.search(r"^\s+[\"']?LITELLM_SALT_KEY[\"']?\s*:", part.text, re.M)
        ]
        if any(re.search(r"^\s+master_key\s*:", text, re.M) for text in legacy.configuration.texts):
            configured.append("LITELLM_MASTER_KEY")
    if BUCKET in legacy.environment:
        problems.append(
            Problem(
                BUCKET,
                "is set, so the proxy reads its configuration from an object store, which is not rewritten for a container",
                "put it into the file that --config names, take the variable out of the environment, and restart the proxy",
            )
        )
    problems += _requirements.check_keys(legacy.environment, configured, settings["accept_weak"])
    for entry in told["environment_files"]:
        problems += _environment_file(
            entry["path"], entry["path"] in told["optional_files"], warnings
        )
    problems += _folder(
        folder,
        told["folder"],
        warnings,
        _container_view.names(legacy.configuration, CONFIG).values(),
    )
    problems += _requirements.check_traces(told["litellm_version"], told["litellm_traces"])
    warnings += _requirements.warn(told["litellm_version"], [], told["litellm_traces"])
    return problems


def _environment_file(path: str, optional: bool, warnings: list[Problem]) -> list[Problem]:
    """An EnvironmentFile= of the unit: there, readable, and read by systemd as its author meant it."""
    if not os.path.isfile(path):
        return (
            []
            if optional
            else [Problem(path, "is missing; the unit could not start again", "restore the file")]
        )
    text = _files.read(path)
    try:
        line = _envfile.unclosed_quote(text)
    except _envfile.EnvError as error:
        return [
            Problem(
                "%s:%d" % (path, error.line),
                error.message,
                "mend that line; the running proxy still has what it read at its start",
            )
        ]
    if line is not None:
        return [
            Problem(
                "%s:%d" % (path, line),
                "has a quote that never ends, so systemd takes the rest of the file for a value",
                "end it; the running proxy still has what it read at its start",
            )
        ]
    for item in _envfile.dropped(text):
        warnings.append(
            Problem(
                "%s:%d" % (path, item.line),
                "%s never reached the proxy: %s" % (item.name or "the line", item.reason),
                "if it is wanted: env_file_adopt: [%s]" % item.name
                if item.name
                else "mend it if it is wanted",
            )
        )
    return []


def _folder(
    folder: str, legacy: str, warnings: list[Problem], views: Iterable[str] = ()
) -> list[Problem]:
    """The project folder: what is ours to write there is ours, and git does not track what will hold secrets."""
    problems = []
    if os.path.realpath(folder) == os.path.realpath(legacy):
        # LiteLLM's database client reads a .env where it runs, and fails where it may not read it.
        problems.append(
            Problem(
                "litellm_project_dir",
                "%s is the folder that the legacy proxy runs in; with the new .env in it, it could "
                "not start again" % folder,
                "choose a folder of its own, such as /opt/litellm",
            )
        )
    if not os.path.isdir(os.path.dirname(folder)):
        return [
            Problem(
                "litellm_project_dir",
                "%s does not exist" % os.path.dirname(folder),
                "create it, or choose another folder",
            )
        ]
    place = folder if os.path.isdir(folder) else os.path.dirname(folder)
    if any(os.stat(path).st_uid != 0 for path in _git.upwards(place)):
        warnings.append(
            Problem(
                folder,
                "is below a folder that belongs to another account, which can exchange what root starts at boot",
                "choose a folder below ones of root's alone, such as /opt/litellm",
            )
        )
    try:
        tracked = _git.tracked(folder, SECRET_FILES) if _git.in_work_tree(folder) else []
        for name in tracked:
            problems.append(
                Problem(
                    "%s/%s" % (folder, name),
                    "is tracked by git, so its secrets would be in every clone",
                    "git rm --cached %s && git commit, rotate what it ever held, and run again"
                    % name,
                )
            )
    except _git.IgnoreError as error:
        problems.append(Problem(folder, str(error), ""))
    for name in (*OWN_FILES, *views):
        path = os.path.join(folder, name)
        if os.path.lexists(path) and not (os.path.isfile(path) and _is_ours(_files.read(path))):
            problems.append(
                Problem(
                    path,
                    "was not written by this collection and is not replaced",
                    "move it away, or set litellm_project_dir to a folder of its own",
                )
            )
    return problems


def _is_ours(text: str) -> bool:
    return text.startswith(OWN_MARK) or _environment_text.is_ours(text)


def _environment_of(
    legacy: _legacy.Running, settings: dict, facts: dict, warnings: list[Problem]
) -> list[Problem]:
    """What the role env_file would refuse or warn of, decided by the same code."""
    files = [
        _environment_files.LegacyFile(entry["path"], "systemd", _files.read(entry["path"]))
        for entry in legacy.facts["environment_files"]
        if os.path.isfile(entry["path"])
    ]
    planned = _environment.plan(
        legacy.environment,
        files,
        _environment.Settings(
            own_ports=[legacy.facts["port"]],
            native_ports=native_ports(facts),
            master_key_in_config=True,
            overrides=settings["overrides"],
            adopt=settings["adopt"],
            on_host=os.path.exists,
        ),
    )
    warnings += [Problem("environment", text, "") for text in planned.warnings]
    return [Problem("environment", text, "") for text in planned.problems]


def native_ports(facts: dict) -> list[int]:
    """The ports of the legacy database and Redis, which no container reaches."""
    return [facts[name]["port"] for name in ("database", "redis") if facts.get(name)]
