# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the parts of a host's deployment are, whichever serves: told by the journal, the project's folder and, on a host that was never migrated,
the running process. What can't be found is said and hides nothing else.
"""

from __future__ import annotations

import os
import re
from typing import Any, NamedTuple, Optional, Sequence
from urllib.parse import unquote, urlsplit

from .._config import includes as _includes
from .._config import loopback as _loopback
from .._config import yaml_values as _yaml_values
from .._host import files as _files
from .._host import listeners as _listeners
from .._litellm import client as _client
from .._postgres import endpoint as _endpoint
from .._postgres import session as _session
from .._redis import redis as _redis
from . import journal as _journal
from . import legacy as _legacy
from . import steps as _steps

CONTAINERS = ("proxy", "postgres", "redis")
HERE = "127.0.0.1"
# The ports of the containers; on the host they may be others.
INSIDE = {"proxy": 4000, "postgres": 5432, "redis": 6379}
MASTER_KEY = ("general_settings", "master_key")


class Where(NamedTuple):
    """Where to look for a host's deployments: ``deployments`` has, by kind, what differs from what is found; ``gateway_name`` is the
    host's name inside the containers, ``legacy_account`` empty for a unit of the system manager."""

    state_dir: str = "/var/lib/llmops-litellm"
    project_name: str = "litellm"
    project_dir: str = "/opt/litellm"
    gateway_name: str = "host.docker.internal"
    legacy_unit: str = "litellm.service"
    legacy_account: str = ""
    deployments: dict[str, dict[str, Any]] = {}


class ModelHost(NamedTuple):
    """A model server: the address that the proxy uses, and its unit on this host (``None`` where it is not known)."""

    name: str
    address: str
    unit: Optional[dict[str, str]] = None


class Deployed(NamedTuple):
    """A deployment of this host. ``key`` and ``environment`` are secret; ``config`` is the path of the configuration that its proxy reads;
    ``lacking``: (part, why it could not be found)."""

    kind: str
    url: str
    key_file: str = ""
    key: str = ""
    environment: dict[str, str] = {}
    database: Optional[_session.Endpoint] = None
    redis: Any = None
    containers: tuple[str, ...] = ()
    published: tuple[tuple[str, int], ...] = ()
    units: tuple[dict[str, str], ...] = ()
    proxy: str = ""
    models: tuple[ModelHost, ...] = ()
    config: str = ""
    lacking: tuple[tuple[str, str], ...] = ()

    def master_key(self) -> str:
        """The proxy's master key.

        :raises ProxyError: it can't be read.
        """
        return self.key or _client.key_from_file(self.key_file)


def journal_of(folder: str) -> tuple[Optional[dict], str]:
    """The journal, and why it can't be understood."""
    try:
        return _journal.load(folder), ""
    except (_journal.JournalError, OSError) as error:
        return None, str(error)


def find(where: Where, kind: str = "") -> Deployed:
    """The deployment of this kind; without a kind, the one that serves. What the settings say comes first."""
    journal, problem = journal_of(where.state_dir)
    kind = kind or _steps.serving(journal, where.project_dir)
    found = ((journal or {}).get("facts") or {}).get("found") or {}
    lacking = [("journal", problem)] if problem else []
    if kind == _steps.COMPOSE:
        told = _compose(where, found, lacking)
    elif found.get("legacy"):
        told = _recorded(where, found, lacking)
    else:
        told = _running(where, lacking)
    return _differently(told, where.deployments.get(kind, {}), lacking)._replace(
        lacking=tuple(lacking)
    )


def _read(path: str) -> str:
    try:
        return _files.read(path)
    except OSError:
        return ""


def _configuration(path: str) -> _includes.Tree:
    try:
        return _includes.follow(path)
    except OSError:
        return _includes.Tree()


def _compose(where: Where, found: dict[str, Any], lacking: list[tuple[str, str]]) -> Deployed:
    folder = found.get("project_dir") or where.project_dir
    path = os.path.join(folder, ".env")
    environment = _environment(path, lacking)
    names = {part: "%s-%s" % (where.project_name, part) for part in CONTAINERS}
    # The project's own file is newer than what a migration has found.
    text = _read(os.path.join(folder, "compose.yaml"))
    ports = {
        part: _port(text, inside) or (found.get(known) or {}).get("port")
        for (part, inside), known in zip(INSIDE.items(), ("legacy", "database", "redis"))
    }
    config = os.path.join(folder, "config.compose.yaml")
    asked = _gateway_ports(_configuration(config).texts, where.gateway_name)
    database = None
    try:
        # As the proxy logs in: by network and password. The container's own socket would let anybody in.
        database = _session.Endpoint(
            **_endpoint.parse_url(environment.get("DATABASE_URL", "")), container=names["postgres"]
        )
    except _session.PostgresError as error:
        if environment:
            lacking.append(("postgresql", "%s: %s" % (path, error)))
    return Deployed(
        _steps.COMPOSE,
        "http://127.0.0.1:%d" % (ports["proxy"] or 4000),
        path,
        environment=environment,
        database=database,
        redis=_redis.Container(names["redis"]),
        containers=tuple(names.values()),
        published=tuple((names[part], int(port)) for part, port in ports.items() if port),
        proxy=names["proxy"],
        models=_models(found.get("model_hosts") or [], asked, where.gateway_name),
        config=config,
    )


def _environment(path: str, lacking: list[tuple[str, str]]) -> dict[str, str]:
    try:
        return _endpoint.read_env(path)
    except _session.PostgresError as error:
        lacking.append(("postgresql", str(error)))
        return {}


def _port(compose: str, inside: int) -> Optional[int]:
    """The port of the host that a compose.yaml of ours gives to a port of a container."""
    match = re.search(r'^\s+ports: \["(?:[^"]*:)?(\d+):%d"\]$' % inside, compose, re.M)
    if (
        match is None
        and inside == INSIDE["proxy"]
        and re.search(r"^\s+network_mode: host$", compose, re.M)
    ):
        match = re.search(r'^\s+command: \[.*"--port", "(\d+)"', compose, re.M)
    return int(match[1]) if match else None


def _gateway_ports(configs: Sequence[str], name: str) -> set[int]:
    """The ports at which a container's configuration names the host."""
    values = [
        config[value.start : value.end]
        for config in configs
        for value in _yaml_values.scan(config).values
    ]
    return {
        int(port)
        for value in values
        for port in re.findall(r"https?://%s:(\d{1,5})(?![\w.:-])" % re.escape(name), value)
    }


def _models(known: list[dict[str, Any]], ports: set[int], host: str) -> tuple[ModelHost, ...]:
    """Model servers of this host, with the units that are known, at the address at which the proxy asks them."""
    units = {int(item["port"]): item.get("unit") for item in known}
    found = []
    for port in sorted({*units, *ports}):
        unit = units.get(port)
        found.append(
            ModelHost(unit["name"] if unit else "port %d" % port, "%s:%d" % (host, port), unit)
        )
    return tuple(found)


def _recorded(where: Where, found: dict[str, Any], lacking: list[tuple[str, str]]) -> Deployed:
    """The legacy deployment that the journal has on record, stopped or not."""
    legacy, path = found["legacy"], os.path.join(where.state_dir, "legacy.env")
    environment = _environment(path, lacking)
    config = legacy.get("config") or ""
    services = [
        legacy["unit"],
        *((found.get(name) or {}).get("unit") for name in ("database", "redis")),
    ]
    redis = found.get("redis") or {}
    told = Deployed(
        _steps.LEGACY,
        "http://127.0.0.1:%d" % legacy["port"],
        path,
        _client_key(environment, _configuration(config)),
        environment,
        _database(environment, lacking),
        _native_redis(environment, redis.get("port")),
        units=tuple(unit for unit in services if unit),
        models=_models(found.get("model_hosts") or [], set(), HERE),
        config=config,
    )
    # A unit that was down when it was looked at is not what serves.
    return told._replace(units=tuple({**unit, "active": "active"} for unit in told.units))


def _running(where: Where, lacking: list[tuple[str, str]]) -> Deployed:
    """The legacy deployment of a host that has no record of it, as it runs."""
    try:
        legacy = _legacy.discover(where.legacy_unit, where.legacy_account)
    except (_legacy.LegacyError, OSError) as error:
        lacking.append(("legacy unit", str(error)))
        return Deployed(_steps.LEGACY, "http://127.0.0.1:4000")
    environment, facts = legacy.environment, legacy.facts
    listeners = _listeners.listeners()
    database = _database(environment, lacking)
    texts = legacy.configuration.texts
    port = _legacy.redis_port(environment, texts)
    services = [
        _legacy.service_behind(number, listeners)
        for number in (database.port if database else None, port)
        if number
    ]
    taken = {facts["port"], port, database.port if database else None}
    known = [
        {"port": number, "unit": (_legacy.service_behind(number, listeners) or {}).get("unit")}
        for number in sorted(_legacy.model_ports(environment, texts) - taken)
    ]
    return Deployed(
        _steps.LEGACY,
        "http://127.0.0.1:%d" % facts["port"],
        "",
        _client_key(environment, legacy.configuration),
        environment,
        database,
        _native_redis(environment, port),
        units=tuple(
            {**unit, "active": "active"}
            for unit in [
                facts["unit"],
                *(service["unit"] for service in services if service and service["unit"]),
            ]
        ),
        models=_models(known, set(), HERE),
        config=facts["config"] or "",
    )


def _client_key(environment: dict[str, str], configuration: _includes.Tree) -> str:
    """The master key: the environment's, or the one that the configuration has in plain text."""
    config = configuration.having(MASTER_KEY[0])
    written = next(
        (
            config[value.start : value.end]
            for value in _yaml_values.scan(config).values
            if value.path == MASTER_KEY
        ),
        "",
    )
    if written.startswith(_loopback.REFERENCE):
        written = environment.get(written[len(_loopback.REFERENCE) :], "")
    return written or environment.get(_client.MASTER_KEY, "")


def _database(
    environment: dict[str, str], lacking: list[tuple[str, str]]
) -> Optional[_session.Endpoint]:
    if not environment:
        return None
    try:
        return _session.from_url(environment.get("DATABASE_URL", ""))
    except _session.PostgresError as error:
        lacking.append(("postgresql", str(error)))
        return None


def _native_redis(environment: dict[str, str], port: Optional[int]) -> Optional[_redis.Native]:
    if not port:
        return None
    user, password = environment.get("REDIS_USERNAME", ""), environment.get("REDIS_PASSWORD", "")
    try:
        parts = urlsplit(environment.get("REDIS_URL", ""))
        user, password = (
            user or unquote(parts.username or ""),
            password or unquote(parts.password or ""),
        )
    except ValueError:
        pass  # not an address: what the other variables say has to do
    return _redis.Native("127.0.0.1", port, user, password)


def _differently(told: Deployed, given: dict[str, Any], lacking: list[tuple[str, str]]) -> Deployed:
    """A deployment with what the settings say of it."""
    simple = {name: given[name] for name in ("url", "key_file", "config") if name in given}
    told = told._replace(**simple)
    if "url" in given:
        lacking[:] = [item for item in lacking if item[0] != "legacy unit"]
    if "key_file" in given:
        told = told._replace(key="")
    if "containers" in given:
        names = given["containers"]
        told = told._replace(
            containers=names,
            published=tuple(item for item in told.published if item[0] in names),
            redis=told.redis
            if not isinstance(told.redis, _redis.Container) or told.redis.name in names
            else None,
        )
    if "database" in given:
        try:
            told = told._replace(database=_session.Endpoint.from_params(given["database"]))
            lacking[:] = [item for item in lacking if item[0] != "postgresql"]
        except _session.PostgresError as error:
            lacking.append(("postgresql", str(error)))
    if "units" in given:
        told = told._replace(units=tuple({**unit, "active": "active"} for unit in given["units"]))
    if "models" in given:
        told = told._replace(
            models=tuple(
                ModelHost(
                    item["name"],
                    item["address"],
                    {"name": item["unit"], "account": item["account"]} if item["unit"] else None,
                )
                for item in given["models"]
            )
        )
    return told
