"""A host in any state of its migration: its journal, cut off anywhere."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import steps as _steps

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=timezone.utc)

THEN = "2026-11-23T14:59:00.000000+00:00"
SECRET = "sk-hunter2-4f9c0b7ad2e15386"
FORWARD = tuple(_steps.of(_steps.PREPARE, _steps.CUTOVER, _steps.SERVE))
RECORD = {
    "name": "litellm.service",
    "account": "litellm",
    "enabled": "enabled",
    "active": "active",
    "path": "/u/litellm.service",
}
FOUND = {
    "project_dir": "/nosuch/litellm",
    "legacy": {"port": 4000, "unit": RECORD, "units": [RECORD]},
    "database": {
        "port": 5434,
        "unit": {**RECORD, "name": "postgresql@15-main.service", "account": ""},
    },
    "redis": None,
}


def journal(*steps: str, state: str = "running", **facts: Any) -> dict[str, Any]:
    """A journal whose steps are done but the last."""
    entries = [
        {"name": name, "state": "done", "begun": THEN, "ended": THEN, "facts": {}} for name in steps
    ]
    if entries and state == "running":
        entries[-1]["state"] = "begun"
    return {
        "format": 1,
        "id": "20261123t140000z-12ab",
        "state": state,
        "phase": steps[-1] if steps else "preflight",
        "created": THEN,
        "updated": THEN,
        "ended": THEN,
        "owner": {"controller": "desk", "run": "7:100"},
        "steps": entries,
        "facts": {"found": FOUND, **facts},
    }


def upto(name: str) -> tuple[str, ...]:
    return FORWARD[: FORWARD.index(name) + 1]


def fits(lines: list[str]) -> bool:
    return len(lines) <= 40 and max(map(len, lines)) <= 100
