# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Preflight: inspect a host before a migration and report every problem at once.

The face of this package: :func:`preflight`. Nothing is changed. The result holds no secret: what
has to be checked with a secret is checked here, on the host.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Optional

from .._deployment import compose_project as _compose_project
from .._deployment import journal as _journal
from .._deployment import legacy as _legacy
from .._deployment import places as _places
from .._host import docker as _docker
from .._host import listeners as _listeners
from .._host.problem import Problem
from . import neighbours as _neighbours
from . import preflight_address as _address
from . import preflight_connections as _connections
from . import preflight_contents as _contents
from . import preflight_cutover as _cutover
from . import preflight_needs as _needs
from . import preflight_readers as _readers
from . import preflight_source as _source
from . import preflight_stores as _stores
from . import preflight_target as _target
from . import requirements as _requirements
from .preflight_findings import Findings


def preflight(settings: dict, now: Optional[datetime] = None) -> Findings:
    """Run every check. A check is given the facts of those before it that it needs.

    :param settings: the parameters of the module ``preflight_info``.
    """
    found = Findings(problems=check_lock(settings, now or datetime.now(timezone.utc)))
    engine = _docker.describe()
    found.facts["engine"] = engine
    found.problems += _docker.check_engine(engine)
    found.problems += _docker.check_network(engine, settings["network"])
    try:
        legacy = _legacy.discover(settings["legacy_unit"], settings["legacy_account"])
        found.facts["legacy"] = legacy.facts
    except _legacy.LegacyError as error:
        legacy = None
        found.refuse("legacy_unit", error.problem, error.remedy)
    listeners = _listeners.listeners()
    found.problems += _requirements.check_overrides(settings["overrides"])
    found.problems += _requirements.check_downtime(settings["max_downtime"])
    found.problems += _requirements.check_hold(settings["max_hold"])
    found.problems += _target.check_folders(settings)
    if legacy is not None:
        found.add(_source.check_legacy(legacy, settings))
        found.add(_address.check_address(legacy, settings, listeners))
        found.add(
            _stores.check_database(legacy, listeners, settings["images"].get("postgres") or "")
        )
        found.add(_contents.check_contents(legacy, found.facts, settings["accept_down"]))
        found.add(_readers.check_readers(legacy, found.facts, settings))
        found.add(_stores.check_redis(legacy, settings, listeners))
        found.add(_connections.check_stores(legacy))
        found.problems += _stores.check_units(found.facts)
        found.problems += _neighbours.of_legacy(
            dict(found.facts), legacy.effective, settings["accept_down"]
        )
        found.add(_stores.check_model_servers(legacy, found.facts, listeners))
        planned = _source.plan_environment(legacy, settings, found.facts)
        found.add(_source.check_environment(planned))
        found.add(_needs.check_needs(legacy, settings, found.facts, planned.values))
    found.problems += _target.check_ports(settings, found.facts, listeners)
    if engine["server"]:
        found.add(_target.check_images(settings, found.facts, engine))
        found.problems += _target.check_names(settings, found.facts)
    found.add(_target.check_space(settings, found.facts, engine))
    places = _places.of(found.facts)
    found.facts["places"] = {"database": places.database, "redis": places.redis}
    if legacy is not None:
        found.add(_cutover.check_cutover(legacy, settings, found.facts))
    return found


def check_lock(settings: dict, now: datetime) -> list[Problem]:
    """Refuse while another run holds the journal, or while a volume may hold rows that a failed
    migration left nowhere else.
    """
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
                "check them, then remove it (docker volume rm %s) and run again" % volume,
            )
        ]
    return []
