# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How backups and drills went last, for whoever watches: ``backup.json`` (0600) in the state
folder, and metrics.

``{kind: {time (UTC), ok, name, seconds, bytes, problem, note, last_success: {time, name, seconds,
bytes} or null}}`` for the kinds in :data:`KINDS`. ``ok`` is null where there was neither a success
nor a failure, and ``note`` says why: a drill of an encrypted backup on a host without the key.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from typing import Any, Optional

from .._host.files import publish, reading, write_atomically

KINDS = ("backup", "copy", "verify", "prune", "drill")
FIELDS = ("name", "seconds", "bytes")


def path_of(folder: str) -> str:
    """The file in a state folder."""
    return os.path.join(folder, "backup.json")


def load(folder: str) -> dict[str, Any]:
    """What is remembered; nothing where there is nothing that can be understood."""
    try:
        with reading(path_of(folder)) as handle:
            result = json.load(handle)
    except (OSError, ValueError, RecursionError):
        return {}
    return (
        {kind: result[kind] for kind in KINDS if isinstance(result.get(kind), dict)}
        if isinstance(result, dict)
        else {}
    )


def record(
    folder: str,
    kind: str,
    now: datetime,
    problem: Optional[str] = None,
    metrics: str = "",
    note: str = "",
    **facts: Any,
) -> dict[str, Any]:
    """Remember how something went.

    :param problem: why it failed; ``None`` where it did not.
    :param note: why it neither went well nor failed; counts where there is no problem.
    :param metrics: file for node_exporter's textfile collector; empty for none.
    :param facts: any of ``name``, ``seconds`` and ``bytes``.
    """
    result = load(folder)
    time = now.astimezone(timezone.utc).isoformat(timespec="seconds")
    entry = {"time": time, **{field: facts.get(field) for field in FIELDS}}
    well = False if problem is not None else None if note else True
    result[kind] = {
        **entry,
        "ok": well,
        "problem": problem,
        "note": None if problem else note or None,
        "last_success": entry if well else result.get(kind, {}).get("last_success"),
    }
    write_atomically(path_of(folder), json.dumps(result, indent=1, sort_keys=True) + "\n")
    if metrics:
        publish(metrics, render(result))
    return result


_METRICS = (
    ("last_run_timestamp_seconds", "When it ran last.", lambda entry: _seconds(entry.get("time"))),
    (
        "last_run_ok",
        "Whether its last run went well. None where it could do neither.",
        lambda entry: None if entry.get("ok") is None else int(entry["ok"]),
    ),
    (
        "last_run_sealed",
        "Whether its last run could not be tried here: the backup is encrypted, and the "
        "key is elsewhere.",
        lambda entry: int(entry.get("ok") is None),
    ),
    (
        "last_success_timestamp_seconds",
        "When it went well last.",
        lambda entry: _seconds((entry.get("last_success") or {}).get("time")),
    ),
    (
        "duration_seconds",
        "How long its last run that went well took.",
        lambda entry: (entry.get("last_success") or {}).get("seconds"),
    ),
    (
        "size_bytes",
        "Bytes of its last run that went well.",
        lambda entry: (entry.get("last_success") or {}).get("bytes"),
    ),
)


def _seconds(time: Optional[str]) -> Optional[int]:
    try:
        return int(datetime.fromisoformat(time or "").timestamp())
    except ValueError:
        return None


def render(result: dict[str, Any]) -> str:
    """The same as metrics, for node_exporter's textfile collector."""
    lines: list[str] = []
    for name, words, value in _METRICS:
        values: list[tuple[str, float]] = []
        for kind in KINDS:
            number = value(result[kind]) if kind in result else None
            if isinstance(number, (int, float)):
                values.append((kind, number))
        if values:
            lines += [
                "# HELP litellm_ops_%s %s" % (name, words),
                "# TYPE litellm_ops_%s gauge" % name,
            ]
            lines += [
                'litellm_ops_%s{what="%s"} %.12g' % (name, kind, number) for kind, number in values
            ]
    return "".join(line + "\n" for line in lines)
