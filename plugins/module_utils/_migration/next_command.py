# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What migrate.yml, rollback.yml and finalize.yml would do next on a host, in words."""

from __future__ import annotations

from typing import Optional

from .._deployment import journal as _journal
from .._deployment import position as _position
from .._deployment import record as _record
from .._deployment import steps as _steps

NONE, UNREADABLE = "none", "unreadable"
WORDS = {
    NONE: "no migration was ever begun",
    UNREADABLE: "the journal cannot be read",
    _journal.UNTOUCHED: "the legacy deployment serves; the last migration touched nothing of it",
    _journal.ROLLED_BACK: "the legacy deployment serves again, as it was",
    _journal.MIGRATED: "LiteLLM, PostgreSQL and Redis run in Docker Compose",
    _journal.FINALIZED: "Docker Compose serves, the legacy deployment is retired for good",
    _record.DEPLOYED: "deploy.yml has made it: LiteLLM, PostgreSQL and Redis run in Docker Compose",
}
_NOTHING = "changes nothing: "
_REFUSES = "refuses: "
_FINALIZES = (
    "after the observation period: last backup, legacy units removed, no way back; ends finalized"
)
_TAKES_UP = "takes up images, volumes and files that are there, and migrates"
_NOT_MIGRATED = _REFUSES + "only a migrated host can be finalized"


def next_commands(journal: Optional[_journal.Journal]) -> dict[str, str]:
    """What each playbook would do on a host with this journal (``None``: without one), in words, by
    its file name."""
    if journal is None:
        return {
            "migrate.yml": "looks at everything, then migrates,"
            " or says why not before anything is touched",
            "rollback.yml": _NOTHING + WORDS[NONE],
            "finalize.yml": _NOT_MIGRATED,
        }
    state = journal.get("state")
    if state == _journal.RUNNING:
        return _next_killed(journal)
    return {
        _journal.UNTOUCHED: {
            "migrate.yml": "begins again, " + _TAKES_UP,
            "rollback.yml": _NOTHING + "the host runs its legacy deployment",
            "finalize.yml": _NOT_MIGRATED,
        },
        _journal.ROLLED_BACK: {
            "migrate.yml": "goes forward again, " + _TAKES_UP,
            "rollback.yml": _NOTHING + "the host runs its legacy deployment",
            "finalize.yml": _NOT_MIGRATED,
        },
        _journal.MIGRATED: {
            "migrate.yml": _NOTHING
            + "the host is migrated; looks whether the compose deployment serves",
            "rollback.yml": "copies rows written since the cutover back, and ends rolled back",
            "finalize.yml": _FINALIZES,
        },
        _journal.FINALIZED: {
            "migrate.yml": _NOTHING
            + "the host is finalized; looks whether the compose deployment serves",
            "rollback.yml": _REFUSES + "there is no way back but to restore the last backup",
            "finalize.yml": _NOTHING + "the host is finalized",
        },
    }.get(str(state), _unknown("the journal's state is not one that this release knows"))


def next_of_deployed() -> dict[str, str]:
    """The same on a host whose deployment ``deploy.yml`` has made."""
    return {
        "deploy.yml": "makes it what the inventory says, while clients are served",
        "migrate.yml": _REFUSES + "there is no legacy deployment to be moved",
        "rollback.yml": _NOTHING + "nothing was migrated",
        "finalize.yml": _NOT_MIGRATED,
    }


def only_taken(journal: _journal.Journal) -> bool:
    """Whether a run took a migrated host and was killed before its first step, so that all is as
    the migration left it."""
    entry = _journal.step(journal, _steps.of(_steps.SERVE)[-1])
    return (
        journal["phase"] == _steps.of(_steps.SERVE)[-1]
        and entry is not None
        and entry["state"] == "done"
        and "ended" in journal
    )


def _unknown(why: str) -> dict[str, str]:
    return dict.fromkeys(("migrate.yml", "rollback.yml", "finalize.yml"), _REFUSES + why)


def _next_killed(journal: _journal.Journal) -> dict[str, str]:
    """What the playbooks do after a run that was killed, as the journal's own rules say."""
    phase = journal["phase"]
    on, back = _position.steps_on(journal), _position.steps_back(journal)
    finalize = _REFUSES + "migrate.yml or rollback.yml has to end the run that was killed"
    forward = "goes on, and ends migrated"
    if on is None:
        forward = "brings the legacy deployment back first, and ends rolled back"
    elif not on:
        forward = "begins again, takes up what is there, and migrates"
    backward = "ends untouched: nothing of the legacy deployment was touched"
    if back:
        backward = (
            "copies rows written since the cutover back, and ends rolled back"
            if _position.copies_back(journal)
            else "goes on, and ends rolled back"
            if phase in _steps.of(_steps.REVERT)
            else "brings the legacy deployment back, and ends rolled back"
        )
    if only_taken(journal):
        finalize = _FINALIZES
    if phase in _steps.of(_steps.FINALIZE):
        finalize = "goes on, and ends finalized"
        forward = "keeps the compose deployment serving, and ends migrated"
        if phase != _steps.of(_steps.FINALIZE)[0]:
            backward = _REFUSES + "of the legacy deployment not everything is there any more"
    return {"migrate.yml": forward, "rollback.yml": backward, "finalize.yml": finalize}
