# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a migration, of the way back and of the end: the one table that playbooks, journal,
report and tests read.

A step's group says what a run that was killed in it has touched, so a step that is added to this
table can't be taken for one of another group. The playbooks run ``playbooks/tasks/steps/NAME.yml``
for each.
"""

from __future__ import annotations

import os
from typing import NamedTuple, Optional

from .journal import FINALIZED, MIGRATED, RUNNING, step

# In PREPARE the legacy deployment is not stopped, in CUTOVER nothing is written to the new database
# yet, in SERVE the new proxy writes. In LEAVE the legacy proxy has written nothing since the
# cutover, from RETURN on it may. FINALIZE removes what is legacy.
PREPARE, CUTOVER, SERVE, LEAVE, RETURN, FINALIZE = (
    "prepare",
    "cutover",
    "serve",
    "leave",
    "return",
    "finalize",
)
# The two deployments of a host.
COMPOSE, LEGACY = "compose", "legacy"
# The journal's phase until the first step begins.
PREFLIGHT = "preflight"


class Step(NamedTuple):
    """A step: its name in the journal, its group, what it does, and what undoes it (empty: nothing
    has to)."""

    name: str
    group: str
    meaning: str
    undo: str = ""


STEPS = (
    Step("record", PREPARE, "prior state of units, files and environment recorded"),
    Step("images", PREPARE, "images pulled, by digest"),
    Step("environment", PREPARE, "environment of the new deployment"),
    Step("stage", PREPARE, "new servers and bridges, beside the legacy deployment", "clear"),
    Step("rehearse", PREPARE, "new proxy tried on a copy of the live database", "clear"),
    Step("backup", PREPARE, "verified backup of the legacy deployment"),
    Step("cutover", CUTOVER, "legacy stopped, last rows copied and proved", "return"),
    Step("serve", SERVE, "new deployment started at the legacy addresses", "leave"),
    Step("verify", SERVE, "old against new, as clients see it"),
    Step("hand_over", SERVE, "start at boot, backups and health by timer", "clear"),
    Step("leave", LEAVE, "new proxy stopped, its servers off the legacy addresses", "serve"),
    Step("carry", LEAVE, "rows written since the cutover brought home and proved"),
    Step("return", RETURN, "legacy deployment started, units as recorded"),
    Step("check", RETURN, "new against old, as clients see it"),
    Step("clear", RETURN, "containers, network, timers, units and bridges gone; volumes stay"),
    Step("last_dump", FINALIZE, "last backup of the legacy deployment"),
    Step("retire", FINALIZE, "legacy units removed"),
    Step("drop", FINALIZE, "databases dropped"),
)
MEANINGS = {entry.name: entry.meaning for entry in STEPS}


def of(*groups: str) -> tuple[str, ...]:
    """The names of the steps of these groups, in their order."""
    return tuple(entry.name for entry in STEPS if entry.group in groups)


def group_of(phase: str) -> str:
    """The group of a journal's phase.

    :raises KeyError: no release of this collection has such a step.
    """
    return PREPARE if phase == PREFLIGHT else {entry.name: entry.group for entry in STEPS}[phase]


def steps_on(journal: dict) -> Optional[list[str]]:
    """The steps by which ``migrate.yml`` ends a run that was killed.

    :returns: nothing where all of it begins again, since nothing was touched yet; ``None`` where
        the legacy deployment comes back first, since the new one never served, or the legacy one
        may have written since.
    """
    group, serving = group_of(journal["phase"]), of(SERVE)
    if group == PREPARE:
        return []
    if group == RETURN or step(journal, serving[0]) is None:
        return None
    return list(serving[serving.index(journal["phase"]) :] if group == SERVE else serving)


def steps_back(journal: dict) -> list[str]:
    """The steps by which a host comes back from where its journal says that it is; none where the
    legacy deployment was never stopped."""
    if journal["state"] == RUNNING and group_of(journal["phase"]) == PREPARE:
        return []
    carries = step(journal, of(SERVE)[0]) is not None and step(journal, of(RETURN)[0]) is None
    return list(of(LEAVE, RETURN) if carries else of(RETURN))


def serving(journal: Optional[dict], project_dir: str) -> str:
    """The kind that serves, as the journal says. Without one: the compose deployment where its
    folder is (a host that was restored), else the legacy one."""
    if journal is None:
        return COMPOSE if os.path.exists(os.path.join(project_dir, "compose.yaml")) else LEGACY
    if journal["state"] == RUNNING:
        served, left = (step(journal, name) is not None for name in (of(SERVE)[0], of(RETURN)[0]))
        return COMPOSE if served and not left else LEGACY
    return COMPOSE if journal["state"] in (MIGRATED, FINALIZED) else LEGACY
