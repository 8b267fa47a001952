# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Preflight checks of PostgreSQL, Redis and model servers."""

from __future__ import annotations

import os
import re
import socket
from typing import Any, Iterable, Mapping, Optional, Sequence
from urllib.parse import unquote

from .._config import configured as _configured
from .._config import database_settings as _database_settings
from .._config import environment_rules as _rules
from .._config import needs as _needs
from .._config import redis_settings as _redis_settings
from .._config import stores as _stores
from .._deployment import legacy as _legacy
from .._deployment import places as _places
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
DIRECT, REPLICA = "DIRECT_URL", "DATABASE_URL_READ_REPLICA"
_URLS = (_database_settings.URL, DIRECT)
_BRING = "; its client programs can be an image's: docker pull what litellm_images.postgres names"
# Passwords that a cloud makes for a quarter of an hour: of AWS, and of Azure and Google.
_TOKEN = re.compile(r"X-Amz-(?:Signature|Expires|Credential)=|:eyJ[\w-]{20,}\.[\w-]+\.|:ya29\.")
_POOLED = re.compile(r"[?&]pgbouncer=true", re.I)
_STORED_MODELS = "SELECT litellm_params::text FROM %s ORDER BY model_id"


def endpoint(database: Mapping[str, Any], environment: Mapping[str, str]) -> _session.Endpoint:
    """The database of the running proxy, by its fact and the environment.

    :raises PostgresError: the URL can't be read, or nothing here can ask it.
    """
    return _session.from_url(
        environment.get(str(database.get("variable") or _database_settings.URL), ""),
        environment.get(_endpoint.ACCOUNT, ""),
        str(database.get("image") or ""),
    )


def servers(legacy: _legacy.Running, facts: Facts) -> list[str]:
    """Host and port of the stores that are elsewhere: the container is asked whether it reaches
    them."""
    away = _places.elsewhere(facts)
    found = [_places.address(facts["database"] or {})] if "database" in away else []
    found += [item.address for item in legacy.stores.redis if "redis" in away]
    return list(dict.fromkeys(found))


def check_database(
    legacy: _legacy.Running, listeners: list[_listeners.Listener], image: str = ""
) -> Findings:
    """Check the PostgreSQL that the running process uses: of this host, or elsewhere.

    :param image: of PostgreSQL, whose client programs ask one that is elsewhere.
    Facts: ``database``, as far as the URL could be read and the server answered; ``None`` for a
    proxy without one.
    """
    found, named = Findings(), legacy.stores.database
    if named is None:
        found.facts["database"] = None
        found.warn(
            "DATABASE_URL",
            "the running proxy has none, and nothing else names a database: there are no keys, no "
            "budgets and no spend, and no backups are made",
            "if that is not what you have, look at the proxy's configuration and environment",
        )
        return found
    subject = named.origin.replace(" of the environment", "")
    if named.fault:
        found.refuse(subject, named.fault, "name the database by a URL, and restart the proxy")
        return found
    try:
        parts = _endpoint.parse_url(named.url)
    except _session.PostgresError as error:
        found.refuse(subject, str(error), "mend it there, and restart the proxy")
        return found
    database: dict[str, Any] = {
        "where": _stores.where(legacy.stores)["database"],
        "host": parts["host"],
        "port": parts["port"],
        "name": parts["database"],
        "user": parts["user"],
        "origin": named.origin,
        "variables": sorted(
            name for name, what in _stores.variables(legacy.stores).items() if what == "database"
        ),
        "unit": None,
        "process": None,
        "server": None,
    }
    away = database["where"] == _rules.ELSEWHERE and not _servers.is_here(parts["host"])
    service = None if away else _legacy.service_behind(parts["port"], listeners, parts["host"])
    instead = _programs.instead(_programs.DATABASE, service)
    if instead:
        found.refuse(subject, *instead)
        return found  # of what it is before, nothing is known
    found.facts["database"] = database
    if away:
        database["rehearse_without"] = _unset(named)
        found.problems += _away(database, subject, legacy.effective, image)
    else:
        found.problems += _native(database, subject, service)
    if all(problem.subject != subject for problem in found.problems):
        found.problems += _look(database, subject, legacy.effective)
    return found


def _native(
    database: dict[str, Any], subject: str, service: Optional[_legacy.Server]
) -> list[Problem]:
    """What stands against moving a server of this host. More facts of it.

    :param service: who answers there.
    """
    host, port = database["host"], database["port"]
    elsewhere = _elsewhere(host, port, service)
    if service is None or elsewhere:
        return [Problem(subject, *elsewhere)]
    database["unit"], database["process"] = service["unit"], service["process"]
    database["server"] = _native_server.seen(service["pid"])
    if service["unit"]:
        return []
    return [
        Problem(
            "port %d" % port,
            "PostgreSQL (%s) %s" % (service["process"], service["seen"]),
            ORPHANED,
        )
    ]


def _away(
    database: dict[str, Any], subject: str, environment: Mapping[str, str], image: str
) -> list[Problem]:
    """What stands against a server on another host. More facts of it: ``variable`` that names it
    for the client programs, and the ``image`` that has them."""
    direct = environment.get(DIRECT, "")
    database["variable"] = DIRECT if _is_elsewhere(direct) else _database_settings.URL
    url = environment.get(database["variable"], "")
    if any(_TOKEN.search(unquote(environment.get(name, ""))) for name in _URLS):
        remedy = "give LiteLLM's role a password of its own, and restart the proxy"
        return [Problem(subject, "has a password that is a token, which expires", remedy)]
    if _POOLED.search(url):
        return [
            Problem(
                subject,
                "goes through PgBouncer (pgbouncer=true): a backup by that way would change the"
                " settings of connections that others get",
                "name the server itself in DIRECT_URL, as Prisma takes it, and restart the proxy",
            )
        ]
    if image and _process.run(["docker", "image", "inspect", image]).rc == 0:
        database["image"] = image
    return []


def _unset(named: _database_settings.Database) -> list[str]:
    """Variables without which the proxy has no database; none where its configuration has it
    written out."""
    in_environment = named.variable or named.origin.endswith("of the environment")
    names = [_database_settings.URL, DIRECT, REPLICA, named.variable]
    return list(dict.fromkeys(filter(None, names))) if in_environment else []


def _is_elsewhere(url: str) -> bool:
    named = _stores.Stores(_database_settings.Database(url, ""), ())
    return bool(url) and _stores.where(named)["database"] == _rules.ELSEWHERE


def _look(database: dict[str, Any], subject: str, environment: dict[str, str]) -> list[Problem]:
    """Ask the server itself. More facts of it."""
    away, image = database["where"] == _rules.ELSEWHERE, database.get("image")
    try:
        where = endpoint(database, environment)
        database["rootcert"] = where.rootcert
        database["server_version"], database["major"] = _session.server_version(where)
        dump = _session.client_version(where, "pg_dump")
        database["bytes"] = _session.database_size(where)
        connections = _session.query(where, "SHOW max_connections")[0][0]
        database["max_connections"] = int(connections or 0)
        stored = _session.identifier(where.schema or "public", "LiteLLM_ProxyModelTable")
        models = [row[0] or "{}" for row in _session.query(where, _STORED_MODELS % stored)]
        database["migrations"] = _migrations(where)
    except _session.PostgresError as error:
        remedy = "the migration needs the database that the proxy uses"
        return [Problem(subject, str(error), remedy + (_BRING if away and not image else ""))]
    found = []
    if dump < database["major"]:
        program = "litellm_images.postgres" if image else "pg_dump"
        remedy = (
            "take an image of PostgreSQL %d or newer: its client programs are used"
            % database["major"]
            if image
            else "install the client programs of PostgreSQL %d (postgresql-client-%d)"
            % (database["major"], database["major"])
            + (_BRING if away else "")
        )
        found.append(
            Problem(
                program,
                "is of PostgreSQL %d and can't read a server of %d" % (dump, database["major"]),
                remedy,
            )
        )
    database["stored_models"] = len(models)
    tried = _try_salt_key(environment, models)
    database["salt_key_proved"] = True in tried
    outcome = None if not tried or set(tried) == {None} else False not in tried
    return found + _requirements.check_salt(outcome, len(models))


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
    return _silent(_programs.DATABASE, host, port)


def _silent(kind: str, host: str, port: int) -> tuple[str, str]:
    """What is said of a port of a loopback address where no process listens: where something
    answers all the same, the engine forwards it to a container."""
    where = "points to %s:%d, where no %s of this host listens" % (host, port, kind)
    if not _answers(port, host):
        return where, SILENT
    return (
        where + ", and something answers: a container's published port does so",
        _programs.REMEDY % kind,
    )


def _try_salt_key(environment: dict[str, str], models: Sequence[str]) -> list[Optional[bool]]:
    """Whether the key in use decrypts each value of the stored models (JSON)."""
    key = environment.get("LITELLM_SALT_KEY", environment.get("LITELLM_MASTER_KEY", ""))
    return [
        _salt_key.decrypts(value, key)
        for model in models
        for value in _needs.parameters(model).values()
        if isinstance(value, str)
    ]


def check_units(facts: Facts) -> list[Problem]:
    """Units that could not be brought back once they were stopped."""
    stores = [store for name in _places.STORES if (store := _places.here(facts, name))]
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
    """Check the Redis, by LiteLLM's own order of settings: of this host, or elsewhere.

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
        return _external(named, found, legacy)
    service = _legacy.service_behind(port, listeners, host)
    fallback = named.use == _redis_settings.FALLBACK
    if service is None and fallback and not _answers(port, host):
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
    redis: dict[str, Any] = {
        "where": _rules.HERE,
        "host": host,
        "port": port,
        "origin": named.origin,
        "variables": sorted(_stores.variables(stores)),
        "unit": service["unit"],
        "process": service["process"],
        "major": None,
        "release": None,
        "data": None,
        "holds_spend": _holds_spend(legacy),
        "login": bool(named.user or named.password),
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
    elif redis["holds_spend"]:
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


def _holds_spend(legacy: _legacy.Running) -> bool:
    """Whether spend waits in Redis until it is written to the database."""
    configured = _configured.Configured(legacy.configuration, legacy.environment)
    buffer = configured.one("general_settings", "use_redis_transaction_buffer")
    return buffer is not None and buffer.text.strip().lower() == "true"


def _external(named: _redis_settings.Redis, found: Findings, legacy: _legacy.Running) -> Findings:
    """What is said of a Redis that the proxy reaches by another address than the loopback's."""
    if _servers.is_here(named.host):
        found.refuse(
            named.origin,
            "names %s, which is this host itself" % named.address,
            "name it as 127.0.0.1, and restart the proxy",
        )
        return found
    found.facts["redis"] = {
        "where": _rules.ELSEWHERE,
        "host": named.host,
        "port": named.port,
        "origin": named.origin,
        "unit": None,
    }
    if _holds_spend(legacy) and _stores.where(legacy.stores)["database"] == _rules.HERE:
        found.refuse(
            "use_redis_transaction_buffer",
            "keeps spend in a Redis that stays where it is, and the database is moved: the new "
            "proxy's rehearsal would write that spend into the copy",
            "switch it off, restart the proxy, and switch it on again after the migration",
        )
    if not _answers(named.port, named.host):
        found.warn(
            named.origin,
            "names a Redis on another host, %s, which takes no connection now" % named.address,
            "LiteLLM goes without one meanwhile; see whether it runs, and who may reach it",
        )
    return found


def check_model_servers(
    legacy: _legacy.Running, facts: Facts, listeners: list[_listeners.Listener]
) -> Findings:
    """Check the model servers of this host that the configuration and the environment name.

    Those of the database are found later, by the staged proxy. Facts: ``model_hosts``.
    """
    ports = _legacy.model_ports(legacy.environment, legacy.configuration.texts)
    return check_model_ports(ports, facts, listeners)


def check_model_ports(
    ports: Iterable[int], facts: Facts, listeners: list[_listeners.Listener]
) -> Findings:
    """Check the model servers of this host by their ports, of which the deployment's own are none.
    Facts: ``model_hosts``."""
    own = {
        facts["legacy"]["port"],
        *(store["port"] for name in _places.STORES if (store := _places.here(facts, name))),
    }
    found = Findings()
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


def _answers(port: int, host: str = _listeners.LOOPBACK) -> bool:
    """Whether something accepts connections on a port."""
    try:
        with socket.create_connection((host, port), timeout=3):
            return True
    except (OSError, UnicodeError):  # the latter of what is no host's name
        return False
