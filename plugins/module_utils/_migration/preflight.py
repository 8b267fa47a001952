# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a host before a migration and judges it: everything is found and every problem reported in one go.

Nothing is changed. The result holds no secret: what has to be judged with a secret is judged here, on the host.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, NamedTuple, Optional

from .._deployment import compose_project as _compose_project
from .._deployment import journal as _journal
from .._deployment import legacy as _legacy
from .._host import docker as _docker
from .._host import listeners as _listeners
from .._host.problem import Problem
from . import requirements as _requirements
from .preflight_source import _deployment, _environment_of
from .preflight_stores import _database, _models, _neighbours, _redis_of
from .preflight_target import _images_of, _names, _ports, _space


class Survey(NamedTuple):
    """What was found: ``facts`` (JSON, no secrets), the problems that stop a migration, the warnings that do not."""

    facts: dict
    problems: list[Problem]
    warnings: list[Problem]


def survey(settings: dict, now: Optional[datetime] = None) -> Survey:
    """Look at everything.

    :param settings: the parameters of the module ``preflight_info``.
    """
    problems: list[Problem] = []
    warnings: list[Problem] = []
    facts: dict[str, Any] = {}
    problems += _lock(settings, now or datetime.now(timezone.utc))
    engine = facts["engine"] = _docker.describe()
    problems += _docker.check_engine(engine)
    try:
        legacy = _legacy.discover(settings["legacy_unit"], settings["legacy_account"])
        facts["legacy"] = legacy.facts
    except _legacy.LegacyError as error:
        legacy = None
        problems.append(Problem("legacy_unit", error.problem, error.remedy))
    found = _listeners.listeners()
    problems += _requirements.check_overrides(settings["overrides"])
    if legacy is not None:
        problems += _deployment(legacy, settings, facts, warnings)
        problems += _database(legacy, facts, found)
        problems += _redis_of(legacy, settings, facts, found)
        problems += _neighbours(settings, facts)
        problems += _models(legacy, facts, found, warnings)
        problems += _environment_of(legacy, settings, facts, warnings)
    problems += _ports(settings, facts, found)
    if engine["server"]:
        problems += _images_of(settings, facts, engine, warnings)
        problems += _names(settings, facts)
    problems += _space(settings, facts, engine)
    return Survey(facts, problems, warnings)


def _lock(settings: dict, now: datetime) -> list[Problem]:
    try:
        journal = _journal.load(settings["state_dir"])
    except _journal.JournalError as error:
        return [Problem("journal", str(error), "see docs/operations.md")]
    refused = _journal.refusal(journal, settings["run"], now, settings["patience"])
    if refused:
        return [
            Problem(
                "lock",
                refused,
                "wait until it has ended; a run that was killed is taken over by itself",
            )
        ]
    volume = _compose_project.volume_names(settings["project_name"])["postgres"]
    if (
        journal is not None
        and "not_kept" in journal["facts"]
        and _docker.volume_labels(volume) is not None
    ):
        return [
            Problem(
                "volume %s" % volume,
                "may hold rows of the failed migration %s that are nowhere else (%s)"
                % (journal["id"], journal["facts"]["not_kept"]),
                "look at them, then remove it (docker volume rm %s) and run again" % volume,
            )
        ]
    return []
