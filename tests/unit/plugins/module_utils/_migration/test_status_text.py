"""The screen of the status: all of it on one screen, whatever there is."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker
from ansible_collections.llmops.litellm.plugins.module_utils._host import listeners as _listeners
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._host.listeners import Listener
from ansible_collections.llmops.litellm.plugins.module_utils._host.systemd import Unit
from ansible_collections.llmops.litellm.plugins.module_utils._litellm import readiness as _readiness
from ansible_collections.llmops.litellm.plugins.module_utils._migration import status as _status
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    status_text as _status_text,
)

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=timezone.utc)
THEN = "2026-11-23T14:59:00.000000+00:00"
SECRET = "sk-hunter2-4f9c0b7ad2e15386"
FORWARD = (
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


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """A migrated host and the settings to look at it."""
    engine: dict[str, Any] = {"server": "26.1", "compose": "2.26", "client": True, "error": ""}
    container = {
        "state": "running",
        "health": "healthy",
        "image": "registry.example:5000/litellm@sha256:" + "ab" * 32,
        "started": THEN,
        "ports": {"4000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "4000"}]},
        "labels": {},
    }
    asked: list[Optional[str]] = []

    def readiness(public: Any, key: Optional[str]) -> Any:
        asked.append(key)
        return _readiness.Verdict(
            True, "connected", "connected", "1.102.4", "1.100", ["a reason", "another", "a third"]
        )

    monkeypatch.setattr(_docker, "describe", lambda: engine)
    monkeypatch.setattr(
        _docker, "container", lambda name: container if name.endswith("proxy") else None
    )
    monkeypatch.setattr(
        _docker, "volume_labels", lambda name: {} if name == "litellm_postgres" else None
    )
    monkeypatch.setattr(
        _listeners,
        "listeners",
        lambda: [Listener("127.0.0.1", 4000, 9, "docker-proxy (process 9)")],
    )
    monkeypatch.setattr(
        _systemd,
        "show",
        lambda manager, names: [Unit(name, manager, "disabled", "inactive", {}) for name in names],
    )
    monkeypatch.setattr(_readiness, "ask", readiness)
    _journal.save(
        str(tmp_path), journal(*FORWARD, state="migrated", kept_database="litellm_x"), NOW
    )
    (tmp_path / "legacy.env").write_text("LITELLM_MASTER_KEY=%s\n" % SECRET)
    settings = {
        "state_dir": str(tmp_path),
        "backup_dir": str(tmp_path / "backups"),
        "project_name": "litellm",
        "project_dir": "/opt/litellm",
        "legacy_unit": "litellm.service",
        "legacy_account": "",
        "run": None,
        "patience": 7200,
        "timeout": 1,
    }
    return {"settings": settings, "engine": engine, "asked": asked, "container": container}


def fits(lines: list[str]) -> bool:
    return len(lines) <= 40 and max(map(len, lines)) <= 100


def test_screen_is_one_screen_whatever_there_is(host: dict[str, Any]) -> None:
    told = _status.look(host["settings"], NOW)
    told["legacy"]["units"] = [
        {**told["legacy"]["units"][0], "name": "litellm-%s.service" % ("x" * number)}
        for number in range(90)
    ]
    told["proxy"]["reasons"] = ["long " * 60] * 9
    told["journal"]["problem"], told["compose"]["error"] = "long " * 90, "word" * 90
    lines = _status_text.screen(told)
    assert fits(lines)
    assert any(line.startswith("  and ") for line in lines)
    assert any(line.startswith("  finalize.yml") for line in lines)


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: st.dictionaries(st.text(), inner) | st.lists(inner),
        max_leaves=5,
    ),
    st.text(),
)
def test_times_and_texts_never_break_the_screen(time: Any, text: str) -> None:
    assert _status_text._time(time if isinstance(time, str) else None)
    assert all(len(line) <= 100 for line in _status_text._wrapped("head ", text))
