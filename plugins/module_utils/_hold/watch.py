# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients notice of a run, as one of them sees it (:mod:`_hold.observer`)."""

from __future__ import annotations

from typing import Any, Optional

from . import observer as _observer
from . import unit as _unit

PROGRAM = _unit.Program(
    _observer.__name__.rpartition(".")[2],
    "llmops-litellm-watch-%d.service",
    # it is root, whose code it reads, without any of root's rights
    ("CapabilityBoundingSet=",),
)
LIMIT = 3600.0  # seconds after which one that everybody has forgotten ends


def begin(url: str, patience: float) -> str:
    """Ask a proxy from now on, in the place of whoever asks already; the unit's name.

    :param patience: seconds for an answer.
    :raises HoldError: it does not, and why.
    """
    for unit in PROGRAM.units():
        _unit.stop(unit)
    words = ["--url=" + url, "--patience=%g" % patience, "--limit=%g" % LIMIT]
    return PROGRAM.start(PROGRAM.next_number(), words, "How clients of %s are served" % url)


def turn() -> Optional[str]:
    """What was seen so far is what it is like when nothing happens; the unit, ``None`` where nobody
    asks."""
    unit = next(iter(PROGRAM.standing()), None)
    if unit is not None:
        _unit.signal(unit, "USR1")
    return unit


def end() -> Optional[dict[str, Any]]:
    """Ask no more. What was seen ``before`` and ``since``, each with ``asked``, ``failed`` and the
    ``longest`` in seconds; ``None`` where nobody has asked.

    :raises HoldError: it does not end.
    """
    unit = next(iter(PROGRAM.standing()), None)
    if unit is None:
        return None
    _unit.signal(unit, "USR2")
    try:
        told = PROGRAM.wait(unit, lambda told: told["state"] == _observer.DONE)
    finally:
        _unit.stop(unit)
    return {name: told[name] for name in ("before", "since")}
