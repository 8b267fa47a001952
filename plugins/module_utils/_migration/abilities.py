# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What models can do through one proxy and through another: the probe's questions (`_probe`), beside the requests by which `_exercise` compares them.

A row is ``{model, capability, state, why, seconds}``, with the states of `_probe`.
"""
from __future__ import annotations

from typing import Any, Iterable

from .._health import capabilities as _capabilities
from .._health import probe as _probe
from .._health import sample_request as _exercise
from .._litellm.client import Client

# A model does not always do what it can: so often it is asked for what it could before.
TRIES = 3
WORDS = {_probe.YES: "yes", _probe.NO: "no", _probe.BROKEN: "failed"}


def observe(client: Client, models: Iterable[tuple[str, str]], earlier: Iterable[dict[str, Any]] = ()) -> list[dict[str, Any]]:
    """One row for each capability of each of the ``models`` (name and mode), but for those that an exercise of the mode shows anyway.

    :param earlier: rows of another proxy, or of this one before.
    """
    before = {(row["model"], row["capability"]): row["state"] for row in earlier}
    rows = []
    for name, mode in models:
        for capability in _capabilities.BY_MODE.get(mode, ()):
            if capability.name in _exercise.kinds_of(mode):
                continue
            for _try in range(TRIES):
                told = _probe.ask(client, _probe.Task(name, capability))
                if not _lost(before.get((name, capability.name)), told["state"]):
                    break
            rows.append({field: told[field] for field in ("model", "capability", "state", "why", "seconds")})
    return rows


def differences(old: Iterable[dict[str, Any]], new: Iterable[dict[str, Any]]) -> list[str]:
    """What models could do and can't any more, in plain words. What they can do in addition is none."""
    there = {(row["model"], row["capability"]): row for row in new}
    found = []
    for row in old:
        name, later = "model %s, %s" % (row["model"], row["capability"]), there.get((row["model"], row["capability"]))
        if later is None:
            found.append("%s: it was not asked again" % name)
        elif _lost(row["state"], later["state"]):
            found.append("%s: %s became %s%s" % (name, WORDS[row["state"]], WORDS[later["state"]], " (%s)" % later["why"] if later["why"] else ""))
    return found


def _lost(old: Any, new: str) -> bool:
    """A failure is more than a missing capability: the gateway's own, as often as not."""
    return old is not None and new != old and (old == _probe.YES or new == _probe.BROKEN)
