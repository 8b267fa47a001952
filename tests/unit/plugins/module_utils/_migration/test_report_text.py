"""Reports in words, for a screen and for a file."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._migration import report as _report
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    report_text as _report_text,
)

STEPS = (
    "record",
    "images",
    "environment",
    "stage",
    "rehearse",
    "backup",
    "cutover",
    "serve",
    "verify",
    "hand_over",
)
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
            "facts": {"found": FOUND, "before": SNAPSHOT, "warnings": ["mind the gap"]},
            "steps": steps,
        }
    )


BACK = ("leave", "carry", "return", "check", "clear")


def rolled_back(**carried: Any) -> dict[str, Any]:
    """A journal of a host that was migrated and came back; each step of the way took ten seconds."""
    made = journal("rolled back")
    facts = {
        "carry": {
            "data": "carry",
            "equal": True,
            "source": {**PRINT, "server_major": 17},
            "target": PRINT,
            "bytes": 1 << 20,
            "seconds": 2.0,
            "tables": [{"name": "LiteLLM_SpendLogs", "before": 3, "after": 5}],
            **carried,
        },
        "return": {
            "models": [
                {
                    "name": "embed-stored",
                    "old": "http://host.docker.internal:8082/v1",
                    "new": "http://127.0.0.1:8082/v1",
                }
            ]
        },
        "check": {"after": copy.deepcopy(SNAPSHOT), "accepted": []},
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
    made.update(phase="clear")
    made["facts"].update(before_back=copy.deepcopy(SNAPSHOT), failure=None)
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


@pytest.mark.parametrize("state", ["migrated", "rolled back", "untouched", "finalized", "running"])
@pytest.mark.parametrize("until", STEPS)
def test_every_journal_has_a_report(state: str, until: str) -> None:
    made = journal(state, until)
    made["steps"][-1].update(state="begun", ended=None)
    report = _report.build(made, "/var/lib/llmops-litellm")
    assert report["outcome"] in _report_text.markdown(report)
    assert _report_text.summary(report)[0] == report["outcome"]
    assert "(not ended)" in "\n".join(_report_text.summary(report))
    made["steps"][-1].update(state="failed", ended=made["steps"][-1]["begun"])
    assert "(failed)" in _report_text.markdown(_report.build(made, "/var/lib/llmops-litellm"))


def test_journal_without_anything_found_has_a_report() -> None:
    report = _report.build(
        {
            "id": "x",
            "state": "untouched",
            "phase": "preflight",
            "created": "2026-11-23T15:00:00+00:00",
            "facts": {},
            "steps": [],
        },
        "/state",
    )
    assert "was not touched" in _report_text.markdown(report)


def test_migrated_host_can_be_undone_by_what_is_said() -> None:
    text = _report_text.markdown(_report.build(journal(), "/state"))
    assert "## How to undo it" in text
    assert "rollback.yml brings the legacy deployment back" in text
    assert "-e rollback_data=backup restores before-x instead" in text
    assert "disabled on purpose, and known as such: litellm-healthcheck.timer" in text
    assert "a\\|b" in text  # a cell of the table


def test_timers_of_the_hand_over_are_told() -> None:
    made = journal()
    assert "litellm-ops" not in _report_text.markdown(
        _report.build(made, "/var/lib/llmops-litellm")
    )
    made["steps"][-1]["facts"] = {
        "backups": {"on_calendar": "daily", "folder": "/b", "drill_on_calendar": "weekly"},
        "health": {"on_calendar": "minutely", "probe_on_calendar": "noon"},
    }
    told = _report_text.markdown(_report.build(made, "/var/lib/llmops-litellm"))
    assert (
        "backups by litellm-ops: daily, into /b; the newest is restored and compared: weekly"
        in told
    )
    assert "looked at by litellm-ops: minutely; models are asked what they can do: noon" in told


def test_kept_rows_are_named() -> None:
    made = journal("rolled back", "serve")
    made["facts"].update(kept_database="litellm_x", failure="it was frozen")
    text = _report_text.markdown(_report.build(made, "/state"))
    assert "litellm_x" in text
    assert "Reason: it was frozen" in text


def test_rollback_tells_what_came_home() -> None:
    report = _report.build(rolled_back(), "/state")
    text = _report_text.markdown(report)
    assert (
        report["outcome"]
        == "The host is rolled back: the legacy deployment serves again, as it was."
    )
    assert report["refused_seconds"] == 130.0  # from the begin of leave to the end of return
    assert all(proof["ok"] for proof in report["proofs"])
    assert "rows came home, with equal fingerprints" in text
    assert "PostgreSQL 17 to 15" in text
    assert "LiteLLM_SpendLogs 3 to 5" in text
    assert "keys that worked before work now" in text
    assert (
        "model embed-stored in the database: http://host.docker.internal:8082/v1 is http://127.0.0.1:8082/v1"
        in text
    )
    assert "migrate.yml goes forward again" in text
    assert "published on loopback" not in text  # that was the migration's


def test_rollback_to_the_backup_is_not_called_complete() -> None:
    made = rolled_back(data="backup")
    made["facts"]["kept_database"] = "litellm_x"
    text = _report_text.markdown(_report.build(made, "/state"))
    assert "legacy database is as in the backup" in text
    assert "in database litellm_x" in text


def test_rollback_that_differs_says_so() -> None:
    made = rolled_back(equal=False)
    assert not _report.build(made, "/state")["proofs"][0]["ok"]
    made["steps"][-2]["facts"]["accepted"] = ["key ci: spend 2 became 1"]
    assert (
        "✘ differences that the operator took as they are: key ci: spend 2 became 1"
        in _report_text.markdown(_report.build(made, "/state"))
    )


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (1, "Nobody serves now"),
        (3, "Look at the legacy proxy: systemctl --user --machine=litellm@ status litellm.service"),
    ],
)
def test_host_between_the_states_is_told_exactly(steps: int, said: str) -> None:
    made = rolled_back()
    made.update(state="running", steps=made["steps"][: len(STEPS) + steps], phase=BACK[steps - 1])
    made["facts"]["stuck"] = "engine gone"
    report = _report.build(made, "/state")
    assert said in " ".join(report["stuck"])
    assert said in _report_text.markdown(report)
    assert report["outcome"] == "The run has not ended."


def test_report_says_what_went_what_stays_and_that_there_is_no_way_back() -> None:
    told = finalized(
        entry("last_dump", path="/b/legacy-final", rows=20025, tables=77, hash="abcdef0123456789"),
        entry(
            "retire",
            removed=["/u/litellm.service.d/own.conf"],
            stays=[{"path": "/repo/x.service", "reason": "elsewhere"}],
        ),
        entry("drop", dropped=["llm"]),
        state="finalized",
    )
    text = "\n".join(_report_text.retirement(told))
    for words in (
        "no way back from here except to restore a backup",
        "`/b/legacy-final`, pinned: 20,025 rows in 77 tables, content hash abcdef012345",
        "- /nosuch/litellm.service",
        "- /u/litellm.service.d/own.conf",
        "- database llm",
        "- /repo/x.service (elsewhere)",
        "- /l/my config.yaml: configuration",
        "- /l/models.yaml: configuration",
        "- /l/venv: Python environment",
        "/data: data folder of the native PostgreSQL, without the database llm",
        "- /var/lib/redis: data folder",
        "- rm '/l/my config.yaml'",
        "- rm -r /l/venv",
    ):
        assert words in text
    told = finalized(entry("last_dump", path="/b/legacy-final"), entry("retire"))
    told["facts"]["found"].update(redis=None, database={"name": "llm"})
    told["facts"]["found"]["legacy"]["python"] = None
    text = "\n".join(_report_text.retirement(told))
    assert "Redis" not in text
    assert "Python" not in text
