# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``litellm-ops refresh``: files that LiteLLM needs are copied anew where their originals have
changed, and LiteLLM is restarted, as it reads them at its start only.
"""

from __future__ import annotations

import sys
from typing import Any, Callable, Optional

from .._backup import settings as _settings
from .._config import needs_copies as _needs_copies
from .._deployment import compose_project as _compose_project
from .._deployment import journal as _journal
from .._deployment import needed_copies as _needed_copies
from .._deployment import record as _record
from .._deployment.compose_project import DeploymentError
from .._deployment.needed_copies import Copies
from .._host import display as _display
from .._host import paths as _paths
from .._restore import state as _state
from .._restore.state import RefusedError
from .answer import DONE, Answer

WAIT = 300  # seconds for LiteLLM's start
_ENGINE = ("docker",)


def add(command: Callable[[str, Callable[[Any, Any], Answer], str], Any]) -> None:
    """Add the command to the command line.

    :param command: adds one: name, what it does, in words.
    """
    made = command(
        "refresh",
        refresh,
        "copy files that LiteLLM needs anew where their originals have changed, and restart it",
    )
    made.add_argument("--dry-run", action="store_true", help="only say what has changed")
    made.add_argument(
        "--wait",
        type=int,
        default=WAIT,
        metavar="SECONDS",
        help="that the proxy may take to start (%(default)s)",
    )


def refresh(settings: _settings.Settings, options: Any) -> Answer:
    """Copy what has changed, and restart the proxy where something has.

    :raises RefusedError: the compose deployment does not serve. :raises OperatorError: an original
        can't be read, or the proxy does not start; then it has its former copies again, where this
        run has them.
    """
    journal, record = _journal.load(settings.state_dir), _record.load(settings.state_dir)
    reason = _refusal(settings.state_dir, journal, record)
    if reason:
        raise RefusedError(reason)
    copies = _needed_copies.of(_record.remembered(journal, record))
    changed = _needed_copies.outdated(copies)
    sources = [copy.source for copy in changed]
    lines = ["%s has changed since it was copied" % source for source in sources]
    unread = _unread(copies) if copies.files else []
    lines += ["%s was copied after LiteLLM's start" % source for source in unread]
    result = {
        "changed": sources,
        "renewed": bool(sources) and not options.dry_run,
        "restarted": bool(sources or unread) and not options.dry_run,
    }
    if not (changed or unread):
        return Answer(DONE, ["no original of %d copies has changed" % len(copies.files)], result)
    if options.dry_run:
        return Answer(DONE, lines, result)
    if not changed:
        _restart(copies, options.wait)
        return Answer(DONE, [*lines, "LiteLLM runs with it"], result)
    _paths.require(copies.folder, "keeps the proxy's keys there")
    former = _needed_copies.renew(copies, changed)
    try:
        _restart(copies, options.wait)
    except DeploymentError as error:
        sys.stderr.write(_display.line("%s; its former copies come back" % error) + "\n")
        _needs_copies.write(copies.folder, former, copies.gid)
        _restart(copies, options.wait)
        raise DeploymentError(
            "%s. It serves with its former copies again: look at %s" % (error, ", ".join(sources))
        ) from None
    return Answer(DONE, [*lines, "copied anew, and LiteLLM runs with it"], result)


def _refusal(
    folder: str, journal: Optional[_journal.Journal], record: Optional[_record.Record]
) -> str:
    """Why nothing is copied; empty where it can be."""
    made = bool(_record.made(journal, record))
    if journal is None and not made:
        return "no migration and no deployment is on record in %s" % folder
    unfinished = _state.unfinished(folder) or _record.unfinished(folder)
    if unfinished:
        return unfinished
    if made or journal is None:
        return ""
    if journal["state"] not in (_journal.MIGRATED, _journal.FINALIZED):
        return "the migration is %s: the compose deployment alone has copies" % journal["state"]
    return ""


def _unread(copies: Copies) -> list[str]:
    """The originals of copies that LiteLLM has not read: a run was killed before the restart."""
    started = _compose_project.proxy_started(copies.folder, _ENGINE)
    return [copy.source for copy in _needed_copies.unread(copies, started)]


def _restart(copies: Copies, wait: float) -> None:
    """A container sees a file that was replaced once it is started anew."""
    _compose_project.stop_proxy(copies.folder, _ENGINE)
    _compose_project.start_proxy(copies.folder, _ENGINE, wait)
