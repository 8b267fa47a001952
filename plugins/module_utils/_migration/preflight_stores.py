# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Preflight checks of PostgreSQL, Redis and model servers, and of who else uses them."""

from __future__ import annotations

import json
import os
import re
import socket
from typing import Any, Optional

from .._deployment import legacy as _legacy
from .._host import listeners as _listeners
from .._host import process as _process
from .._host import systemd as _systemd
from .._host.problem import Problem
from .._litellm import salt_key as _salt_key
from .._postgres import native_server as _native_server
from .._postgres import session as _session
from .._redis import redis as _redis
from . import requirements as _requirements

PROXYD = "/usr/lib/systemd/systemd-socket-proxyd"
ORPHANED = "run it under systemd first, so that it can be stopped and brought back"
# `postgres` is there for maintenance; one that somebody uses is not empty.
_NEIGHBOURS = """SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate AND datname NOT IN (current_database(), 'postgres') ORDER BY 1"""


def _database(
    legacy: _legacy.Running, facts: dict, found: list[_listeners.Listener]
) -> list[Problem]:
    """The native PostgreSQL that the process really uses."""
    url = legacy.environment.get("DATABASE_URL")
    if not url:
        return [
            Problem(
                "DATABASE_URL",
                "the running proxy has none",
                "only deployments whose database is named by DATABASE_URL in the environment are supported",
            )
        ]
    try:
        endpoint = _session.from_url(url)
    except _session.PostgresError as error:
        return [Problem("DATABASE_URL", str(error), "mend it in the legacy environment")]
    service = _legacy.service_behind(endpoint.port, found)
    told = facts["database"] = {
        "host": endpoint.host,
        "port": endpoint.port,
        "name": endpoint.database,
        "user": endpoint.user,
        "unit": service and service["unit"],
        "process": service and service["process"],
        "server": _native_server.seen(service["pid"]) if service else None,
    }
    if service is None or endpoint.host not in ("127.0.0.1", "localhost", "::1"):
        return [
            Problem(
                "DATABASE_URL",
                "points to %s:%d, where no PostgreSQL of this host listens"
                % (endpoint.host, endpoint.port),
                "an external database is not moved by this release",
            )
        ]
    problems = []
    if service["unit"] is None:
        problems.append(
            Problem(
                "port %d" % endpoint.port,
                "PostgreSQL (%s) belongs to no systemd unit" % service["process"],
                ORPHANED,
            )
        )
    try:
        told["server_version"], told["major"] = _session.server_version(endpoint)
        told["bytes"] = _session.database_size(endpoint)
        told["max_connections"] = int(_session.query(endpoint, "SHOW max_connections")[0][0] or 0)
        rows = _session.query(
            endpoint, 'SELECT litellm_params::text FROM "LiteLLM_ProxyModelTable" ORDER BY model_id'
        )
    except _session.PostgresError as error:
        return [
            *problems,
            Problem(
                "DATABASE_URL", str(error), "the migration needs the database that the proxy uses"
            ),
        ]
    told["stored_models"] = len(rows)
    told["neighbours"] = [str(row[0]) for row in _session.query(endpoint, _NEIGHBOURS)]
    told["migrations"] = _migrations(endpoint)
    key = legacy.environment.get(
        "LITELLM_SALT_KEY", legacy.environment.get("LITELLM_MASTER_KEY", "")
    )
    values = [
        value
        for row in rows
        for value in json.loads(row[0] or "{}").values()
        if isinstance(value, str)
    ]
    outcomes = [_salt_key.decrypts(value, key) for value in values]
    told["salt_key_proved"] = True in outcomes
    outcome = None if not outcomes or set(outcomes) == {None} else False not in outcomes
    return problems + _requirements.check_salt(outcome, len(rows))


def _neighbours(settings: dict, facts: dict) -> list[Problem]:
    """Who else needs what is stopped."""
    services = [
        facts[name]["unit"]
        for name in ("database", "redis")
        if facts.get(name) and facts[name]["unit"]
    ]
    return _requirements.check_neighbours(
        _systemd.dependants(facts["legacy"]["units"] + services),
        (facts.get("database") or {}).get("neighbours", []),
        settings["accept_down"],
    )


def _migrations(endpoint: Any) -> Optional[list[str]]:
    """The schema migrations that the database has, ``None`` for one made by ``prisma db push``, which keeps no ledger."""
    if not _session.query(
        endpoint,
        "SELECT 1 FROM pg_tables WHERE schemaname = 'public' AND tablename = '_prisma_migrations'",
    ):
        return None
    rows = _session.query(
        endpoint,
        "SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL ORDER BY 1",
    )
    return [row[0] or "" for row in rows]


def _redis_of(
    legacy: _legacy.Running, settings: dict, facts: dict, found: list[_listeners.Listener]
) -> list[Problem]:
    """The native Redis: where the environment or, where that says nothing, the configuration has it."""
    environment = legacy.environment
    texts = legacy.configuration.texts
    port = _legacy.redis_port(environment, texts)
    if port is None:
        facts["redis"] = None
        return []
    if not port:
        return [Problem("REDIS_PORT", "is not a number", "mend it in the legacy environment")]
    service = _legacy.service_behind(port, found)
    version = _process.run(["redis-server", "--version"])
    major = re.search(r"v=(\d+)", version.out)
    native = _redis.Native(
        "127.0.0.1",
        port,
        environment.get("REDIS_USERNAME", ""),
        environment.get("REDIS_PASSWORD", ""),
    )
    # With this setting spend waits in Redis until it is written to the database.
    holds_spend = any(
        re.search(r"^\s+use_redis_transaction_buffer\s*:\s*[\"']?true", text, re.M | re.I)
        for text in texts
    )
    facts["redis"] = {
        "port": port,
        "unit": service and service["unit"],
        "process": service and service["process"],
        "major": int(major.group(1)) if major else None,
        "data": None,
        "holds_spend": holds_spend,
    }
    if service is not None and service["unit"] is None:
        return [
            Problem(
                "port %d" % port,
                "Redis (%s) belongs to no systemd unit" % service["process"],
                ORPHANED,
            )
        ]
    if settings["carry_redis"]:
        try:
            native.ask("PING")
            facts["redis"]["data"] = _redis.data_of(native)
        except _redis.RedisError as error:
            return [
                Problem(
                    "port %d" % port,
                    str(error),
                    "give the proxy its password as REDIS_PASSWORD, or start empty with litellm_carry_redis: false",
                )
            ]
    elif holds_spend:
        return [
            Problem(
                "litellm_carry_redis",
                "is false, and the proxy keeps spend in Redis that is not in the database yet (use_redis_transaction_buffer)",
                "carry Redis over, or lose that spend by switching the buffer off first",
            )
        ]
    return []


def _models(
    legacy: _legacy.Running,
    facts: dict,
    found: list[_listeners.Listener],
    warnings: list[Problem],
) -> list[Problem]:
    """Model servers on this host: found in the configuration, the environment and (by the staged proxy, later) the database."""
    own = {
        facts["legacy"]["port"],
        (facts.get("database") or {}).get("port"),
        (facts.get("redis") or {}).get("port"),
    }
    ports = _legacy.model_ports(legacy.environment, legacy.configuration.texts)
    problems = []
    facts["model_hosts"] = []
    for port in sorted(port for port in ports if port not in own):
        service = _legacy.service_behind(port, found)
        loopback = (
            service is None or service["address"].startswith("127.") or service["address"] == "::1"
        )
        facts["model_hosts"].append(
            {
                "port": port,
                "loopback": loopback,
                "answers": _answers(port),
                "process": service and service["process"],
                "unit": service and service["unit"],
            }
        )
    warnings += _requirements.warn(
        None,
        ["127.0.0.1:%d" % item["port"] for item in facts["model_hosts"] if not item["answers"]],
        [],
    )
    if any(item["loopback"] for item in facts["model_hosts"]):
        if not os.path.exists(PROXYD):
            problems.append(
                Problem(
                    "systemd-socket-proxyd", "is not installed", "install it; it belongs to systemd"
                )
            )
        if not os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
            warnings.append(
                Problem(
                    "cgroup v1",
                    "systemd cannot filter the bridges' peers on this host, so other containers of this host can reach them too",
                    "boot with the unified cgroup hierarchy",
                )
            )
    return problems


def _answers(port: int) -> bool:
    """Whether something accepts connections on a loopback port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=3):
            return True
    except OSError:
        return False
