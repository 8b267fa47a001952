# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a journal says that a host is: which deployment serves, and which steps lead on and
back."""

from __future__ import annotations

import os
from typing import Any, Optional

from .._config.environment_rules import HERE
from . import places as _places
from . import steps as _steps
from .journal import DONE, Journal, StepEntry, facts_of, found_in, half_staged, step

# Facts of a switch while clients were served, which may come before the step does that writes.
_SWITCHES = {_steps.SERVE: "switched", _steps.REVERT: "switched_back"}
# In the place of a hash: nobody has looked yet at the database that clients were led away from, and
# it was not what they were led to. No hash is the same, so nothing is copied over it.
UNPROVED, UNEQUAL = "unproved", "unequal"


def _begun(journal: Journal, group: str) -> bool:
    """Whether the first step of a group was ever begun, or what it begins with was done before."""
    return step(journal, _steps.of(group)[0]) is not None or bool(
        journal["facts"].get(_SWITCHES.get(group, ""))
    )


def steps_on(journal: Journal) -> Optional[list[str]]:
    """The steps by which ``migrate.yml`` ends a run that was killed.

    :returns: nothing where all of it begins again, since nothing was touched yet; ``None`` where
        the legacy deployment comes back first, since the new one never served, or the legacy one
        may have written since.
    """
    group, serving = _steps.group_of(journal["phase"]), _steps.of(_steps.SERVE)
    if group == _steps.PREPARE:
        return []
    if _begun(journal, _steps.REVERT) or not _begun(journal, _steps.SERVE):
        return None
    if group == _steps.SERVE:
        return list(serving[serving.index(journal["phase"]) :])
    since = _since_it_served(journal)
    if group == _steps.PAUSE and not any(
        entry["name"] in _steps.of(_steps.STOP) for entry in since
    ):
        # It serves. What was not proved yet is; timers that rest run again in any case.
        done = {entry["name"] for entry in since if entry["state"] == DONE}
        open_ = [number for number, name in enumerate(serving) if name not in done]
        return list(serving[open_[0] if open_ else -1 :])
    return list(serving)


def _since_it_served(journal: Journal) -> list[StepEntry]:
    """The steps of a journal from the one on by which the new proxy served last; all of them where
    there is none, as after a switch that was killed."""
    names = [entry["name"] for entry in journal["steps"]]
    first = _steps.of(_steps.SERVE)[0]
    start = len(names) - 1 - names[::-1].index(first) if first in names else 0
    return journal["steps"][start:]


def steps_back(journal: Journal) -> list[str]:
    """The steps by which a host comes back from where its journal says that it is; none where the
    legacy deployment was never stopped."""
    if journal["state"] == _steps.RUNNING and _steps.group_of(journal["phase"]) == _steps.PREPARE:
        return []
    if copies_back(journal):
        # Timers that rest run again after a reboot, so they are paused whatever was done already.
        return list(_steps.of(_steps.PAUSE, _steps.STOP, _steps.REVERT))
    return list(_steps.of(_steps.REVERT))


def copies_back(journal: Journal) -> bool:
    """Whether the way back has rows to copy: the new proxy has served, and the legacy one not
    since."""
    return _begun(journal, _steps.SERVE) and not _begun(journal, _steps.REVERT)


def refused_since(journal: Journal) -> Optional[str]:
    """The time since which clients are refused on a host whose run goes on or was killed; ``None``
    while they are served."""
    if journal["state"] != _steps.RUNNING:
        return None
    stops = [_steps.of(group)[0] for group in (_steps.CUTOVER, _steps.STOP)]
    starts = [_steps.of(group)[0] for group in (_steps.SERVE, _steps.REVERT)]
    since = None
    for entry in journal["steps"]:
        if entry["name"] in stops:
            since = since or entry["begun"]
        elif entry["name"] in starts and entry["state"] == DONE:
            since = None
    return since


def rows_stay(journal: Journal) -> bool:
    """Whether the new proxy has served, and what it wrote was not proved to be in the legacy
    database. Where no database was moved, it is the same one."""
    if _places.of(found_in(journal)).database != HERE:
        return False
    since = _since_it_served(journal)
    return _begun(journal, _steps.SERVE) and not any(
        entry["name"] == _steps.of(_steps.STOP)[-1]
        and "equal" in entry["facts"]
        and entry["facts"].get("data") == "carry"
        for entry in since
    )


def legacy_hash(journal: Journal) -> str:
    """The content hash of the legacy database when it was left last: at the cutover, or when a way
    back that was killed gave way to the new deployment. Empty where nothing proves it, and
    :data:`UNPROVED` where it should have been, and the run was killed before."""
    copied = facts_of(journal, _steps.of(_steps.CUTOVER)[-1]).get("source") or {}
    known = journal["facts"].get("legacy_hash") or copied.get("hash")
    return str(known or (UNPROVED if journal["facts"].get("switched") else ""))


def comparable(journal: Journal) -> Optional[dict[str, Any]]:
    """The snapshot with which a proxy that serves now is compared: the last one that clients saw of
    the rows that it has. ``None`` where there is none.

    What the new proxy showed before a way back is of no use to a legacy one without its rows.
    """
    facts = journal["facts"]
    legacy = _steps.group_of(journal["phase"]) == _steps.REVERT
    after = None if legacy and rows_stay(journal) else facts.get("snapshot_after")
    return after or facts.get("snapshot_before")


def serving(journal: Optional[Journal], project_dir: str) -> str:
    """The kind that serves, as the journal says. Without one: the compose deployment where its
    folder is (a host that was restored), else the legacy one."""
    if journal is None:
        here = os.path.exists(os.path.join(project_dir, "compose.yaml"))
        return _steps.COMPOSE if here else _steps.LEGACY
    if journal["state"] == _steps.RUNNING:
        return _steps.COMPOSE if copies_back(journal) else _steps.LEGACY
    moved = journal["state"] in (_steps.MIGRATED, _steps.FINALIZED)
    return _steps.COMPOSE if moved else _steps.LEGACY


def describe(journal: Optional[Journal], folder: str) -> dict[str, Any]:
    """What playbooks ask of the journal in a state folder, as the modules ``journal`` and
    ``journal_info`` return it."""
    told: dict[str, Any] = {
        "state": "none",
        "phase": "",
        "steps_early": list(_steps.of(_steps.PREPARE)),
        "steps_late": list(_steps.of(_steps.CUTOVER, _steps.SERVE)),
        "steps_on": [],
        "steps_back": [],
        "refused_since": None,
        "rows_stay": False,
        "copying_back": False,
        "legacy_hash": "",
        "backup_path": "",
        "half_staged": False,
        "journal": journal or {},
    }
    if journal is not None:
        told.update(
            state=journal["state"],
            phase=journal["phase"],
            steps_on=steps_on(journal),
            steps_back=steps_back(journal),
            refused_since=refused_since(journal),
            rows_stay=rows_stay(journal),
            copying_back=journal["phase"] == _steps.of(_steps.STOP)[-1]
            and not _begun(journal, _steps.REVERT),
            legacy_hash=legacy_hash(journal),
            backup_path=str(facts_of(journal, "backup").get("path") or ""),
            half_staged=half_staged(folder, journal),
        )
    return told
