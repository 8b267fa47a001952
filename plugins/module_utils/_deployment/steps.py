# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a migration, of the way back and of the end: the one table that playbooks, journal,
report and tests read.

A step's group says what a run that was killed in it has touched, so a step that is added to this
table can't be taken for one of another group. ``playbooks/tasks/step.yml`` takes each of them: what
it does is ``playbooks/tasks/steps/NAME.yml``, what the journal remembers of it is ``NAME`` in
``playbooks/vars/steps.yml``.
"""

from __future__ import annotations

from typing import NamedTuple

# In PREPARE the legacy deployment is not stopped, in CUTOVER nothing is written to the new database
# yet, in SERVE the new proxy writes. In PAUSE it still serves, and nothing but timers is stopped.
# In STOP the legacy proxy has written nothing since the cutover, from REVERT on it may. FINALIZE
# removes what is legacy.
GROUPS = PREPARE, CUTOVER, SERVE, PAUSE, STOP, REVERT, FINALIZE = (
    "prepare",
    "cutover",
    "serve",
    "pause",
    "stop",
    "revert",
    "finalize",
)
# States of a journal, and so of its host.
STATES = RUNNING, MIGRATED, ROLLED_BACK, UNTOUCHED, FINALIZED = (
    "running",
    "migrated",
    "rolled back",
    "untouched",
    "finalized",
)
# The two deployments of a host.
COMPOSE, LEGACY = "compose", "legacy"
# The journal's phase until the first step begins.
PREFLIGHT = "preflight"


class Step(NamedTuple):
    """A step: its name in the journal, its group, what it does, what undoes it (empty: nothing has
    to), and the state of the host when it is done (empty: the run goes on).
    """

    name: str
    group: str
    meaning: str
    undo: str = ""
    ends: str = ""


STEPS = (
    Step("record", PREPARE, "prior state of units, files and environment recorded"),
    Step("images", PREPARE, "images pulled, by digest"),
    Step("environment", PREPARE, "environment of the new deployment"),
    Step("stage", PREPARE, "new servers and bridges, beside the legacy deployment", "remove_new"),
    Step("rehearse", PREPARE, "new proxy tried on a copy of the live database", "remove_new"),
    Step("backup", PREPARE, "verified backup of the legacy deployment"),
    Step("transition", PREPARE, "transitional proxy, beside the legacy one", "remove_new"),
    Step("snapshot", PREPARE, "what clients of the legacy proxy see, to compare with"),
    Step("cutover", CUTOVER, "legacy stopped, last rows copied and proved", "start_legacy"),
    Step("serve", SERVE, "new deployment started at the legacy addresses", "stop_new"),
    Step("verify", SERVE, "old against new, as clients see it"),
    Step("hand_over", SERVE, "start at boot, backups and health by timer", "remove_new", MIGRATED),
    Step("pause_timers", PAUSE, "backups and health checks paused; the new proxy still serves"),
    Step("transition_back", PAUSE, "transitional proxy, beside the new one"),
    Step("stop_new", STOP, "new proxy stopped, its servers off the legacy addresses", "serve"),
    Step("copy_back", STOP, "rows written since the cutover copied back and proved"),
    Step("start_legacy", REVERT, "legacy deployment started, units as recorded"),
    Step("verify_legacy", REVERT, "new against old, as clients see it"),
    Step(
        "remove_new",
        REVERT,
        "containers, network, timers, units and bridges removed; volumes stay",
        ends=ROLLED_BACK,
    ),
    Step("last_backup", FINALIZE, "last backup of the legacy deployment"),
    Step("remove_units", FINALIZE, "legacy units removed"),
    Step("drop_databases", FINALIZE, "databases dropped"),
)
BY_NAME = {entry.name: entry for entry in STEPS}
MEANINGS = {entry.name: entry.meaning for entry in STEPS}
# As they were called in journals of format 1, which release 0.1.0 wrote.
FORMER = {
    "leave": "stop_new",
    "carry": "copy_back",
    "return": "start_legacy",
    "check": "verify_legacy",
    "clear": "remove_new",
    "last_dump": "last_backup",
    "retire": "remove_units",
    "drop": "drop_databases",
}


def of(*groups: str) -> tuple[str, ...]:
    """The names of the steps of these groups, in their order."""
    return tuple(entry.name for entry in STEPS if entry.group in groups)


def group_of(phase: str) -> str:
    """The group of a journal's phase, which :func:`journal.load` has found to be one.

    :raises KeyError: there is no such step.
    """
    return PREPARE if phase == PREFLIGHT else BY_NAME[phase].group


# Before the cutover: nothing of the legacy deployment is touched.
EARLY = (PREFLIGHT, *of(PREPARE))
