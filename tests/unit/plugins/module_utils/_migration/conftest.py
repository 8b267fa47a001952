"""What the tests of preflight find on a host."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import pytest
from any_host import FORWARD, NOW, SECRET, THEN, journal
from legacy_host import CONFIG, STORED
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker
from ansible_collections.llmops.litellm.plugins.module_utils._host import listeners as _listeners
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    process_unit as _process_unit,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import servers as _servers
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._host.listeners import Listener
from ansible_collections.llmops.litellm.plugins.module_utils._host.systemd import Unit
from ansible_collections.llmops.litellm.plugins.module_utils._litellm import readiness as _readiness
from ansible_collections.llmops.litellm.plugins.module_utils._litellm import salt_key as _salt_key
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    contents as _contents,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    extensions as _extensions,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    native_server as _native_server,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session
from ansible_collections.llmops.litellm.plugins.module_utils._redis import (
    native_data as _native_data,
)
from ansible_collections.llmops.litellm.plugins.module_utils._redis import redis as _redis

# A database that is LiteLLM's alone.
ALONE = _contents.Contents(
    _contents.Scope("public", ("public",), {}, {}, (), ()), behind=[], attached=[]
)


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> list[Listener]:
    """Native servers that systemd knows: PostgreSQL, Redis and the proxy; their programs and
    parents.
    """
    units = {15: "postgresql@15-main.service", 16: "redis-server.service", 271: "litellm.service"}
    programs = {
        15: ["/usr/lib/postgresql/15/bin/postgres", "-D", "x"],
        16: ["/usr/bin/redis-server 127.0.0.1:6379"],
        271: ["/v/bin/python", "/v/bin/litellm"],
    }
    monkeypatch.setattr(
        _process_unit,
        "behind",
        lambda listener: (
            _process_unit.Found(
                Unit(units[listener.pid], _systemd.Manager(None), "enabled", "active", {}), ""
            )
            if listener.pid in units
            else _process_unit.Found(None, "belongs to no systemd unit")
        ),
    )
    monkeypatch.setattr(_systemd, "obstacle", lambda record, check: None)
    monkeypatch.setattr(_servers, "of", lambda pids: [])
    monkeypatch.setattr(_process, "command_line", lambda pid, proc="/proc": programs.get(pid, []))
    monkeypatch.setattr(
        _process, "ancestors", lambda pid, proc="": [pid, 271] if pid == 272 else [pid]
    )
    return [
        Listener("127.0.0.1", 5434, 15, "postgres (process 15)"),
        Listener("127.0.0.1", 6379, 16, "redis-server (process 16)"),
        Listener("127.0.0.1", 4000, 272, "python3 litellm (process 272)"),
    ]


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A PostgreSQL that answers; ``rows`` are stored models, ``ledger`` its migrations,
    ``outcomes`` what the salt key does with a value.
    """
    told: dict[str, Any] = {
        "rows": [[STORED]],
        "ledger": ["a", "b"],
        "outcomes": {"gAAA": True, "bBBB": None},
        "keys": set(),
        "contents": ALONE,
        "beyond": [],
        "bypasses": False,
        "asked": [],
    }

    def query(endpoint: Any, statement: str) -> list[list[Any]]:
        told["asked"].append(statement)
        if "max_connections" in statement:
            return [["100"]]
        if "pg_tables" in statement:
            return [["1"]] if told["ledger"] is not None else []
        return (
            [[name] for name in told["ledger"]] if "migration_name" in statement else told["rows"]
        )

    def decrypts(value: str, key: str) -> Any:
        told["keys"].add(key)
        return told["outcomes"][value]

    monkeypatch.setattr(_session, "query", query)
    monkeypatch.setattr(_session, "Session", support.Database())
    monkeypatch.setattr(_contents, "read", lambda _session, _schema: told["contents"])
    monkeypatch.setattr(_contents, "bypasses", lambda _session: told["bypasses"])
    monkeypatch.setattr(_extensions, "beyond", lambda _session, _scope: told["beyond"])
    monkeypatch.setattr(_session, "server_version", lambda endpoint: ("15.18", 15))
    monkeypatch.setattr(_session, "database_size", lambda endpoint: 1000)
    monkeypatch.setattr(_session, "client_version", lambda endpoint, program: 15)
    monkeypatch.setattr(_salt_key, "decrypts", decrypts)
    monkeypatch.setattr(
        _native_server, "seen", lambda pid: {"argv": ["postgres", "-D", "x"], "process": pid}
    )
    return told


@pytest.fixture
def pings(monkeypatch: pytest.MonkeyPatch) -> list[_redis.Native]:
    """Every native Redis that was asked; those with a password of ``wrong`` refuse."""
    asked: list[_redis.Native] = []

    def ask(self: _redis.Native, *words: str) -> str:
        asked.append(self)
        if self.password == "wrong":
            raise _redis.RedisError("native Redis on port %d: WRONGPASS" % self.port)
        return "redis_version:7.0.15\n" if words[0] == "INFO" else "PONG"

    monkeypatch.setattr(_redis.Native, "ask", ask)
    monkeypatch.setattr(
        _native_data,
        "data_of",
        lambda native: {
            "folder": "/var/lib/redis",
            "file": "dump.rdb",
            "append_only": False,
            "account": "redis",
            "refused": "",
        },
    )
    return asked


@pytest.fixture
def including(tmp_path: Path) -> Path:
    """A configuration whose models are in a file beside it."""
    (tmp_path / "models.yaml").write_text(CONFIG)
    (tmp_path / "config.yaml").write_text("include: [models.yaml]\n")
    return tmp_path / "config.yaml"


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
    urls: list[str] = []

    def readiness(public: Any, key: Optional[str]) -> Any:
        asked.append(key)
        urls.append(public.url)
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
    return {
        "settings": settings,
        "engine": engine,
        "asked": asked,
        "urls": urls,
        "container": container,
    }
