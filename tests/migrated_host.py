"""A journal of a migrated host with all that its report tells, and the same rolled back."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import steps as _steps

STEPS = tuple(_steps.of(_steps.PREPARE, _steps.CUTOVER, _steps.SERVE))
UNIT = {
    "name": "litellm.service",
    "scope": "user",
    "account": "litellm",
    "enabled": "enabled",
    "active": "active",
    "path": "",
}
SERVER = {
    "name": "postgresql@15-main.service",
    "scope": "system",
    "account": "",
    "enabled": "enabled",
    "active": "active",
    "path": "",
}
FOUND = {
    "project_dir": "/home/litellm/llm@team",
    "legacy": {
        "litellm_version": "1.102.4",
        "unit": UNIT,
        "folder": "/home/litellm/llm@team",
        "port": 4000,
        "units": [
            {
                **UNIT,
                "name": "litellm-healthcheck.timer",
                "enabled": "disabled",
                "active": "inactive",
            },
            UNIT,
        ],
    },
    "database": {
        "server_version": "15.18",
        "port": 5434,
        "name": "llm_gateway",
        "bytes": 90701159,
        "salt_key_proved": True,
        "unit": SERVER,
    },
    "redis": None,
    "model_hosts": [{"port": 8082, "unit": None, "process": None, "answers": False}],
}
PRINT = {"server_major": 15, "hash": "a" * 64, "rows_total": 20299, "tables": [{}] * 78}
KEYS = {"count": 1, "listed": [{"hash": "0123456789ab", "blocked": False, "max_budget": 25.0}]}
SNAPSHOT = {
    "keys": KEYS,
    "teams": [],
    "users": {"count": 4},
    "bogus": 401,
    "client_keys": [
        {"name": "ci", "models": 200, "chat": 200},
        {"name": "leaver", "models": 401, "chat": 401},
    ],
    "exercised": [{"model": "embed", "mode": "embedding", "seconds": 0.03, "ok": True}],
}
FACTS: dict[str, Any] = {
    "environment": {
        "comparison": [
            {"name": "A", "status": "kept", "origin": "x:1", "reason": ""},
            {"name": "B", "status": "added", "origin": "new", "reason": "a|b"},
        ]
    },
    "stage": {
        "rewritten": [
            {"line": 36, "old": "http://localhost:8082", "new": "http://host.docker.internal:8082"}
        ],
        "bridges": [8082],
    },
    "backup": {"path": "/var/backups/llmops-litellm/x", "name": "before-x"},
    "cutover": {
        "source": PRINT,
        "target": {**PRINT, "server_major": 17},
        "equal": True,
        "bytes": 1 << 20,
        "seconds": 6.3,
        "redis": {
            "db0": {"source": {"keys": 3, "expires": 0}, "target": {"keys": 3, "expires": 0}}
        },
    },
    "serve": {
        "models": [
            {
                "name": "embed-stored",
                "old": "http://127.0.0.1:8082/v1",
                "new": "http://host.docker.internal:8082/v1",
            }
        ]
    },
    "verify": {
        "after": copy.deepcopy(SNAPSHOT),
        "containers": {
            "litellm-proxy": {"ports": {"4000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "4000"}]}}
        },
    },
}


def journal(state: str = "migrated", until: str = "hand_over") -> dict[str, Any]:
    """A journal whose steps each took ten seconds, cut off after one of them."""
    steps = []
    for number, name in enumerate(STEPS[: STEPS.index(until) + 1]):
        steps.append(
            {
                "name": name,
                "state": "done",
                "begun": f"2026-11-23T15:{number:02}:00.000000+00:00",
                "ended": f"2026-11-23T15:{number:02}:10.000000+00:00",
                "facts": FACTS.get(name, {}),
            }
        )
    return copy.deepcopy(
        {
            "id": "x",
            "state": state,
            "phase": until,
            "created": "2026-11-23T15:00:00+00:00",
            "ended": None,
            "facts": {"found": FOUND, "snapshot_before": SNAPSHOT, "warnings": ["mind the gap"]},
            "steps": steps,
        }
    )


BACK = ("stop_new", "copy_back", "start_legacy", "verify_legacy", "remove_new")


def rolled_back(**carried: Any) -> dict[str, Any]:
    """A journal of a host that was migrated and came back; each step of the way took ten
    seconds.
    """
    made = journal("rolled back")
    facts = {
        "copy_back": {
            "data": "carry",
            "equal": True,
            "source": {**PRINT, "server_major": 17},
            "target": PRINT,
            "bytes": 1 << 20,
            "seconds": 2.0,
            "tables": [{"name": "LiteLLM_SpendLogs", "before": 3, "after": 5}],
            **carried,
        },
        "start_legacy": {
            "models": [
                {
                    "name": "embed-stored",
                    "old": "http://host.docker.internal:8082/v1",
                    "new": "http://127.0.0.1:8082/v1",
                }
            ]
        },
        "verify_legacy": {"after": copy.deepcopy(SNAPSHOT), "accepted": []},
    }
    for number, name in enumerate(BACK):
        made["steps"].append(
            {
                "name": name,
                "state": "done",
                "begun": f"2026-11-23T16:{number:02}:00.000000+00:00",
                "ended": f"2026-11-23T16:{number:02}:10.000000+00:00",
                "facts": facts.get(name, {}),
            }
        )
    made.update(phase="remove_new")
    made["facts"].update(snapshot_after=copy.deepcopy(SNAPSHOT), failure=None)
    return made


ENDED = "2026-11-23T14:00:00.000000+00:00"
HELD = {
    "hash": "h1",
    "schema_hash": "s",
    "tables": [{"schema": "public", "name": "a", "rows": 1, "hash": "x"}],
    "sequences": [],
    "rows_total": 1,
}
NATIVE = {"argv": ["postgres"], "program": "/p/postgres", "account": "postgres", "folder": "/data"}


def entry(name: str, state: str = "done", **facts: Any) -> dict[str, Any]:
    return {
        "name": name,
        "state": state,
        "begun": ENDED,
        "ended": ENDED if state == "done" else None,
        "facts": facts,
    }


def finalized(*more: dict[str, Any], state: str = "migrated", **facts: Any) -> dict[str, Any]:
    """A migrated host's, with more steps."""
    steps = [
        entry("backup", path="/b/before"),
        entry("cutover", equal=True, source=HELD),
        entry("serve"),
        entry("hand_over"),
        *more,
    ]
    unit = {
        "name": "litellm.service",
        "account": "",
        "scope": "system",
        "enabled": "enabled",
        "active": "active",
        "path": "/nosuch/litellm.service",
    }
    found = {
        "project_dir": "/opt/litellm",
        "redis": {
            "port": 6379,
            "unit": {**unit, "name": "redis-server.service"},
            "data": {"folder": "/var/lib/redis"},
        },
        "legacy": {
            "port": 4000,
            "unit": unit,
            "units": [unit],
            "files": [],
            "config": "/l/my config.yaml",
            "included": ["/l/models.yaml"],
            "environment_files": [{"path": "/l/env"}],
            "python": "/l/venv/bin/python",
            "litellm_version": "1.102.4",
        },
        "database": {
            "port": 5434,
            "name": "llm",
            "server": NATIVE,
            "unit": {**unit, "name": "postgresql@15-main.service"},
        },
    }
    return {
        "format": 1,
        "id": "20261123t140000z-12ab",
        "state": state,
        "phase": steps[-1]["name"],
        "owner": {"controller": "desk", "run": "7:1"},
        "created": ENDED,
        "updated": ENDED,
        "ended": ENDED,
        "steps": steps,
        "facts": {"found": found, **facts},
    }


def backup(folder: Path, **changes: Any) -> str:
    """A sound backup."""
    folder.mkdir(parents=True)
    (folder / _backup.MANIFEST).write_text(
        json.dumps({"format": 1, "pinned": True, "fingerprint": {"hash": "h1"}, **changes})
    )
    (folder / _backup.SUMS).write_text(_backup.sums(str(folder)))
    return str(folder)
