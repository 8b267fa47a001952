# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Preflight checks of PostgreSQL, Redis and model servers."""

from __future__ import annotations

import json
import os
import re
import socket
from typing import Any, Optional, Sequence

from .._config import environment_rules as _rules
from .._config import redis_settings as _redis_settings
from .._config import stores as _stores
from .._deployment import legacy as _legacy
from .._host import listeners as _listeners
from .._host import process as _process
from .._host import servers as _servers
from .._host import systemd as _systemd
from .._host.problem import Problem
from .._litellm import salt_key as _salt_key
from .._postgres import endpoint as _endpoint
from .._postgres import native_server as _native_server
from .._postgres import session as _session
from .._redis import formats as _formats
from .._redis import native_data as _native_data
from .._redis import redis as _redis
from . import preflight_programs as _programs
from . import requirements as _requirements
from .preflight_findings import Facts, Findings

BY_PORT = (
    "let its settings name one server of this host, without TLS, by host and port (REDIS_HOST: "
    "127.0.0.1), and restart the proxy"
)
PORTLESS = (
    "let it listen at 127.0.0.1 as well, which changes nothing for who uses the socket (bind and"
    " port in its configuration; from Redis 7 on CONFIG SET does it while it runs), and run again"
)
SILENT = "start its server, or mend the setting and restart the proxy"
PROXYD = "/usr/lib/systemd/systemd-socket-proxyd"
ORPHANED = (
    "run it first as a systemd unit of its own, which runs as its account (User=), so that it can "
    "be stopped and brought back"
)
_STORED_MODELS = "SELECT litellm_params::text FROM %s ORDER BY model_id"


def check_database(legacy: _legacy.Running, listeners: list[_listeners.Listener]) -> Findings:
    """Check the native PostgreSQL that the running process uses.

    Facts: ``database``, as far as the URL could be read and the server answered.
    """
    found, named = Findings(), legacy.stores.database
    if named is None:
        found.refuse(
            "DATABASE_URL",
            "the running proxy has none, and nothing else names a database",
            "a proxy without a database is not moved by this release",
        )
        return found
    subject = named.origin.replace(" of the environment", "")
    if named.fault:
        found.refuse(subject, named.fault, "name the database by a URL, and restart the proxy")
        return found
    try:
        account = legacy.effective.get(_endpoint.ACCOUNT, "")
        endpoint = _session.from_url(named.url, account)
    except _session.PostgresError as error:
        found.refuse(subject, str(error), "mend it there, and restart the proxy")
        return found
    service = _legacy.service_behind(endpoint.port, listeners, endpoint.host)
    instead = _programs.instead(_programs.DATABASE, service)
    if instead:
        found.refuse(subject, *instead)
        return found  # of what it is before, nothing is known
    database: dict[str, Any] = {
        "host": endpoint.host,
        "port": endpoint.port,
        "name": endpoint.database,
        "user": endpoint.user,
        "origin": named.origin,
        "unit": service and service["unit"],
        "process": service and service["process"],
        "server": _native_server.seen(service["pid"]) if service else None,
    }
    found.facts["database"] = database
    elsewhere = _elsewhere(endpoint.host, endpoint.port, service)
    if service is None or elsewhere:
        found.refuse(subject, *elsewhere)
        return found
    if service["unit"] is None:
        found.refuse(
            "port %d" % endpoint.port,
            "PostgreSQL (%s) %s" % (service["process"], service["seen"]),
            ORPHANED,
        )
    try:
        database["server_version"], database["major"] = _session.server_version(endpoint)
        dump = _session.client_version(endpoint, "pg_dump")
        database["bytes"] = _session.database_size(endpoint)
        connections = _session.query(endpoint, "SHOW max_connections")[0][0]
        database["max_connections"] = int(connections or 0)
        stored = _session.identifier(endpoint.schema or "public", "LiteLLM_ProxyModelTable")
        models = [row[0] or "{}" for row in _session.query(endpoint, _STORED_MODELS % stored)]
    except _session.PostgresError as error:
        remedy = "the migration needs the database that the proxy uses"
        found.refuse(subject, str(error), remedy)
        return found
    if dump < database["major"]:
        found.refuse(
            "pg_dump",
            "is of PostgreSQL %d and can't read a server of %d" % (dump, database["major"]),
            "install the client programs of PostgreSQL %d (postgresql-client-%d)"
            % (database["major"], database["major"]),
        )
    database["stored_models"] = len(models)
    database["migrations"] = _migrations(endpoint)
    tried = _try_salt_key(legacy.effective, models)
    database["salt_key_proved"] = True in tried
    outcome = None if not tried or set(tried) == {None} else False not in tried
    found.problems += _requirements.check_salt(outcome, len(models))
    return found


def _elsewhere(host: str, port: int, service: Optional[_legacy.Server]) -> tuple[str, ...]:
    """Why a PostgreSQL is not moved, and what to do; empty for one of this host."""
    if _endpoint.is_socket(host):
        place = os.path.join(host or "/var/run/postgresql", ".s.PGSQL.%d" % port)
        return () if service else ("names the socket %s, where nobody answers" % place, SILENT)
    if host.lower() in ("127.0.0.1", "localhost", "::1"):
        return () if service else _silent(_programs.DATABASE, host, port)
    if _servers.is_here(host):
        return (
            "points to %s:%d, which is this host itself" % (host, port),
            "name it as 127.0.0.1, where alone the container is reached afterwards, and restart "
            "the proxy",
        )
    return (
        "points to %s:%d, where no PostgreSQL of this host listens" % (host, port),
        "an external database is not moved by this release",
    )


def _silent(kind: str, host: str, port: int) -> tuple[str, str]:
    """What is said of a port of the loopback address where no process listens: where something
    answers all the same, the engine forwards it to a container."""
    where = "points to %s:%d, where no %s of this host listens" % (host, port, kind)
    if not _answers(port):
        return where, SILENT
    return (
        where + ", and something answers: a container's published port does so",
        _programs.REMEDY % kind,
    )


def _try_salt_key(environment: dict[str, str], models: Sequence[str]) -> list[Optional[bool]]:
    """Whether the key in use decrypts each value of the stored models (JSON objects)."""
    key = environment.get("LITELLM_SALT_KEY", environment.get("LITELLM_MASTER_KEY", ""))
    return [
        _salt_key.decrypts(value, key)
        for model in models
        for value in json.loads(model).values()
        if isinstance(value, str)
    ]


def check_units(facts: Facts) -> list[Problem]:
    """Units that could not be brought back once they were stopped."""
    stores = [store for store in (facts.get("database"), facts.get("redis")) if store]
    units = facts["legacy"]["units"] + [store["unit"] for store in stores if store["unit"]]
    obstacles = [_systemd.obstacle(unit, check=True) for unit in units]
    return [obstacle for obstacle in obstacles if obstacle]


def _migrations(endpoint: Any) -> Optional[list[str]]:
    """The schema migrations that the database has, ``None`` for one made by ``prisma db push``,
    which keeps no ledger.
    """
    schema = endpoint.schema or "public"
    if not _session.query(
        endpoint,
        "SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = '_prisma_migrations'"
        % _session.literal(schema),
    ):
        return None
    rows = _session.query(
        endpoint,
        "SELECT migration_name FROM %s WHERE finished_at IS NOT NULL ORDER BY 1"
        % _session.identifier(schema, "_prisma_migrations"),
    )
    return [row[0] or "" for row in rows]


def check_redis(
    legacy: _legacy.Running, settings: dict, listeners: list[_listeners.Listener]
) -> Findings:
    """Check the native Redis, by LiteLLM's own order of settings.

    Facts: ``redis``, ``None`` if the proxy uses none.
    """
    found, stores = Findings(), legacy.stores
    used = _redis_settings.distinct(list(stores.redis))
    found.problems = _redis_faults(used)
    if found.problems:
        return found
    if not used:
        found.facts["redis"] = None
        return found
    named = used[0]
    try:
        host, port = _redis_place(named, listeners)
    except _Unplaced as error:
        found.refuse(named.origin, str(error), error.remedy)
        return found
    if not _rules.is_loopback(host):
        return _external(named, found)
    service = _legacy.service_behind(port, listeners, host)
    if service is None and named.use == _redis_settings.FALLBACK:
        found.facts["redis"] = None
        found.warn(
            named.origin,
            "names a Redis at %s, where nobody listens; LiteLLM goes without one" % named.address,
            "take it out of the environment, or start that server and restart the proxy",
        )
        return found
    instead = _programs.instead(_programs.REDIS, service)
    if instead or service is None:
        found.refuse(named.origin, *(instead or _silent(_programs.REDIS, host, port)))
        return found
    # With this setting spend waits in Redis until it is written to the database.
    holds_spend = any(
        re.search(r"^\s+use_redis_transaction_buffer\s*:\s*[\"']?true", text, re.M | re.I)
        for text in legacy.configuration.texts
    )
    redis: dict[str, Any] = {
        "host": host,
        "port": port,
        "origin": named.origin,
        "variables": sorted(_stores.variables(stores)),
        "unit": service["unit"],
        "process": service["process"],
        "major": None,
        "release": None,
        "data": None,
        "holds_spend": holds_spend,
    }
    found.facts["redis"] = redis
    if service["unit"] is None:
        found.refuse(
            "port %d" % port,
            "Redis (%s) %s" % (service["process"], service["seen"]),
            ORPHANED,
        )
    elif settings["carry_redis"]:
        native = _redis.Native(host, port, named.user, named.password)
        try:
            # of the server that runs, which need not be the program's that is installed
            release = _formats.release(native.ask("INFO", "server"))
            redis["release"] = release and str(release)
            redis["major"] = release and release.number[0]
            redis["data"] = _native_data.data_of(native)
        except _redis.RedisError as error:
            found.refuse(
                "port %d" % port,
                "%s (%s)" % (error, named.origin),
                "give it a login that works and may read all keys, and restart the proxy, or start "
                "empty with litellm_carry_redis: false",
            )
        if redis["data"] and redis["data"]["refused"]:
            found.warn(
                "port %d" % port,
                redis["data"]["refused"],
                "its keys are copied as to a replica, and a rollback does not copy them back;"
                " mend its dir and dbfilename if it is to",
            )
    elif holds_spend:
        found.refuse(
            "litellm_carry_redis",
            "is false, and the proxy keeps spend in Redis that is not in the database yet "
            "(use_redis_transaction_buffer)",
            "set it to true, or lose that spend by switching the buffer off first",
        )
    return found


def _redis_faults(used: Sequence[_redis_settings.Redis]) -> list[Problem]:
    """What of the Redis that the proxy uses is not moved."""
    found = [Problem(item.origin, item.fault, BY_PORT) for item in used if item.fault]
    found += [
        Problem(item.origin, "reaches Redis at %s by TLS" % item.address, BY_PORT)
        for item in used
        if item.tls and (item.path or _rules.is_loopback(item.host))
    ]
    here = [item for item in used if item.path or _rules.is_loopback(item.host)]
    if len(used) > 1 and here and not found:
        found.append(
            Problem(
                "Redis",
                "the proxy uses more than one: %s"
                % "; ".join("%s for %s (%s)" % (i.address, i.use, i.origin) for i in used),
                "let its settings name one of them, and restart the proxy",
            )
        )
    return found


class _Unplaced(_redis.RedisError):
    """A Redis that is not reached by a port, and what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.remedy = remedy


def _redis_place(
    named: _redis_settings.Redis, listeners: Sequence[_listeners.Listener]
) -> tuple[str, int]:
    """Host and port of a Redis; of one that is named by a Unix socket, where it listens as well.

    :raises _Unplaced: it listens nowhere else.
    """
    if not named.path:
        everywhere = named.host in ("0.0.0.0", "::")
        return _listeners.LOOPBACK if everywhere else named.host, named.port
    pid = _servers.peer(named.path)
    if pid is None:
        raise _Unplaced("names the socket %s, where nobody answers" % named.path, SILENT)
    for listener in listeners:
        if listener.pid == pid and _listeners.holder(listeners, listener.port) == listener:
            return _listeners.LOOPBACK, listener.port
    raise _Unplaced(
        "names the socket %s of %s, which listens on no port of 127.0.0.1"
        % (named.path, _process.describe(pid)),
        PORTLESS,
    )


def _external(named: _redis_settings.Redis, found: Findings) -> Findings:
    """What is said of a Redis that the proxy reaches by another address than the loopback's."""
    if _servers.is_here(named.host):
        found.refuse(
            named.origin,
            "names %s, which is this host itself" % named.address,
            "name it as 127.0.0.1, and restart the proxy",
        )
    else:
        found.facts["redis"] = None
        found.warn(
            named.origin,
            "names a Redis on another host, %s, which is not moved" % named.address,
            "let that host's firewall take connections from this host's containers",
        )
    return found


def check_model_servers(
    legacy: _legacy.Running, facts: Facts, listeners: list[_listeners.Listener]
) -> Findings:
    """Check the model servers of this host that the configuration and the environment name.

    Those of the database are found later, by the staged proxy. Facts: ``model_hosts``.
    """
    found = Findings()
    own = {
        facts["legacy"]["port"],
        *(store["port"] for store in (facts.get("database"), facts.get("redis")) if store),
    }
    ports = _legacy.model_ports(legacy.environment, legacy.configuration.texts)
    servers = [_model_server(port, listeners) for port in sorted(ports) if port not in own]
    found.facts["model_hosts"] = servers
    silent = ["127.0.0.1:%d" % server["port"] for server in servers if not server["answers"]]
    found.warnings += _requirements.warn(None, silent, [])
    if any(server["loopback"] for server in servers):
        if not os.path.exists(PROXYD):
            found.refuse(
                "systemd-socket-proxyd", "is not installed", "install it; it belongs to systemd"
            )
        if not os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
            found.warn(
                "cgroup v1",
                "systemd cannot filter the bridges' peers on this host, so other containers of "
                "this host can reach them too",
                "boot with the unified cgroup hierarchy",
            )
    return found


def _model_server(port: int, listeners: list[_listeners.Listener]) -> dict[str, Any]:
    service = _legacy.service_behind(port, listeners)
    address = service["address"] if service else "127.0.0.1"
    return {
        "port": port,
        "loopback": address.startswith("127.") or address == "::1",
        "answers": _answers(port),
        "process": service and service["process"],
        "unit": service and service["unit"],
    }


def _answers(port: int) -> bool:
    """Whether something accepts connections on a loopback port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=3):
            return True
    except OSError:
        return False
