# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the parts of a host's deployment are, whichever serves: from the journal, from the Compose
project and, on a host that was never migrated, from the running process. What can't be found is
said and hides nothing else.
"""

from __future__ import annotations

import os
import re
from typing import Any, NamedTuple, Optional, Sequence, TypedDict, Union
from urllib.parse import unquote, urlsplit

from .._config import environment_rules as _rules
from .._config import includes as _includes
from .._config import redis_settings as _redis_settings
from .._config import stores as _stores
from .._config import yaml_values as _yaml_values
from .._config.environment_rules import ELSEWHERE, NOWHERE
from .._host import listeners as _listeners
from .._host.problem import OperatorError
from .._litellm import client as _client
from .._postgres import endpoint as _endpoint
from .._postgres import session as _session
from .._redis import redis as _redis
from . import addresses as _addresses
from . import compose_project as _compose_project
from . import journal as _journal
from . import legacy as _legacy
from . import legacy_reader as _legacy_reader
from . import needed_copies as _needed_copies
from . import places as _places
from . import record as _record
from . import steps as _steps
from .legacy_reader import Reader

HERE = "127.0.0.1"
PORT = 4000  # where LiteLLM listens where nothing says more
ADDRESS = "proxy address"  # what is lacking of a project that does not say it


class Given(TypedDict, total=False):
    """What the settings say of a deployment, which comes before what is found: of each part only
    what is given is there. ``database`` as the modules' argument of that name, ``units`` of
    ``{name, account}``, ``models`` of ``{name, address, unit, account}``."""

    url: str
    key_file: str
    config: str
    containers: tuple[str, ...]
    database: dict[str, Optional[str]]
    units: list[dict[str, str]]
    models: list[dict[str, str]]


class Where(NamedTuple):
    """Where to look for a host's deployments: ``deployments`` has, by kind, what differs from what
    is found; ``gateway_name`` is the host's name inside the containers, ``legacy_account`` empty
    for a unit of the system manager."""

    state_dir: str = "/var/lib/llmops-litellm"
    project_name: str = "litellm"
    project_dir: str = "/opt/litellm"
    gateway_name: str = "host.docker.internal"
    legacy_unit: str = "litellm.service"
    legacy_account: str = ""
    deployments: dict[str, Given] = {}


class ModelHost(NamedTuple):
    """A model server: the address that the proxy uses, and its unit on this host (``None`` where it
    is not known)."""

    name: str
    address: str
    unit: Optional[dict[str, str]] = None


class Deployed(NamedTuple):
    """A deployment of this host. ``key`` or the env file ``key_file`` has the master key; ``key``
    and ``environment`` are secret.

    ``containers`` (the legacy deployment has none) and ``units`` (records, as
    :mod:`_host.systemd` makes them) are what runs it; ``published``: containers and the ports that
    they must have on the host; ``exposed``: addresses at which others may reach the proxy;
    ``proxy``: the proxy's container, from which model servers are
    asked; ``config``: path of the configuration that the proxy reads, and ``reader`` who reads it
    (``None``: who could have chosen it); ``redis``: ``None`` where the proxy uses none, or one that
    is elsewhere; ``places``: where both are; ``copies``: of files that LiteLLM needs;
    ``lacking``: (part, why it could not be found)."""

    kind: str
    url: str
    key_file: str = ""
    key: str = ""
    environment: dict[str, str] = {}
    database: Optional[_session.Endpoint] = None
    redis: Union[_redis.Container, _redis.Native, None] = None
    containers: tuple[str, ...] = ()
    published: tuple[tuple[str, int], ...] = ()
    exposed: tuple[str, ...] = ()
    units: tuple[dict[str, str], ...] = ()
    proxy: str = ""
    models: tuple[ModelHost, ...] = ()
    config: str = ""
    reader: Optional[Reader] = None
    places: _places.Places = _places.Places()
    copies: _needed_copies.Copies = _needed_copies.Copies()
    lacking: tuple[tuple[str, str], ...] = ()

    def master_key(self) -> str:
        """The proxy's master key.

        :raises ProxyError: it can't be read.
        """
        return self.key or _client.key_from_file(self.key_file)


def journal_of(folder: str) -> tuple[Optional[_journal.Journal], str]:
    """The journal, and why it can't be understood."""
    try:
        return _journal.load(folder), ""
    except (_journal.JournalError, OSError) as error:
        return None, str(error)


def record_of(folder: str) -> tuple[Optional[_record.Record], str]:
    """The record of ``deploy.yml``, and why it can't be understood."""
    try:
        return _record.load(folder), ""
    except (_journal.JournalError, OSError) as error:
        return None, str(error)


def find(where: Where, kind: str = "") -> Deployed:
    """The deployment of this kind; without a kind, the one that serves. What the settings say comes
    first."""
    journal, problem = journal_of(where.state_dir)
    record, damage = record_of(where.state_dir)
    kind = kind or _record.serving(journal, record, where.project_dir)
    found = _journal.found_in(journal)
    lacking = [("journal", problem)] if problem else []
    lacking += [("record of deploy.yml", damage)] if damage else []
    if kind == _steps.COMPOSE:
        deployed = _compose(where, _record.remembered(journal, record), lacking)
    elif found.get("legacy"):
        deployed = _recorded(where, journal, lacking)
    else:
        deployed = _running(where, lacking)
    given = where.deployments.get(kind, Given())
    return _with_given(deployed, given, lacking)._replace(lacking=tuple(lacking))


def _configuration(path: str, reader: Optional[Reader] = None) -> _includes.Tree:
    try:
        return _includes.follow(path, reader and reader.account)
    except (OperatorError, OSError):
        return _includes.Tree()


def _compose(where: Where, facts: dict[str, Any], lacking: list[tuple[str, str]]) -> Deployed:
    found = facts.get("found") or {}
    folder = found.get("project_dir") or where.project_dir
    path = os.path.join(folder, ".env")
    environment = _environment(path, lacking)
    project, problem = _project(folder)
    if project is None:
        lacking.append(("compose project", problem))
    planned = _compose_project.container_names(where.project_name)
    names = (
        project.containers
        if project
        else {service: planned[service] for service in _places.services(found)}
    )
    url = project.url if project else ""
    if not url:
        url = (found.get("address") or {}).get("url") or _url(
            HERE, (found.get("legacy") or {}).get("port") or PORT
        )
        why = project.unreachable if project else "the project does not say it"
        lacking.append((ADDRESS, "%s; it is asked at %s" % (why, url)))
    config = os.path.join(folder, "config.compose.yaml")
    ports = _gateway_ports(_configuration(config).texts, where.gateway_name)
    database = None
    if "postgres" not in names:
        database = _elsewhere(facts, path, lacking)
    try:
        # As the proxy logs in: by network and password. The container's own socket would let
        # anybody in.
        database = database or (
            _session.Endpoint(
                **_endpoint.parse_url(environment.get("DATABASE_URL", "")),
                container=names["postgres"],
            )
            if "postgres" in names
            else None
        )
    except _session.PostgresError as error:
        if environment:
            lacking.append(("postgresql", "%s: %s" % (path, error)))
    return Deployed(
        _steps.COMPOSE,
        url,
        path,
        environment=environment,
        database=database,
        redis=_redis.Container(names["redis"]) if "redis" in names else None,
        places=_places.of(found),
        copies=_needed_copies.of(facts),
        containers=tuple(names.values()),
        published=project.published if project else (),
        exposed=tuple((found.get("address") or {}).get("publish", ())),
        proxy=names["litellm"],
        models=_models(found.get("model_hosts") or [], ports, where.gateway_name),
        config=config,
    )


def _project(folder: str) -> tuple[Optional[_compose_project.Project], str]:
    """The Compose project, and why it can't be understood."""
    try:
        return _compose_project.read(folder), ""
    except (_compose_project.DeploymentError, OSError) as error:
        return None, str(error)


def _environment(path: str, lacking: list[tuple[str, str]]) -> dict[str, str]:
    try:
        return _endpoint.read_env(path)
    except _session.PostgresError as error:
        lacking.append(("postgresql", str(error)))
        return {}


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
    """Model servers of this host, with the units that are known, at the address at which the proxy
    asks them."""
    units = {int(item["port"]): item.get("unit") for item in known}
    found = []
    for port in sorted({*units, *ports}):
        unit = units.get(port)
        found.append(
            ModelHost(unit["name"] if unit else "port %d" % port, "%s:%d" % (host, port), unit)
        )
    return tuple(found)


def _elsewhere(
    facts: dict[str, Any], path: str, lacking: list[tuple[str, str]]
) -> Optional[_session.Endpoint]:
    """A database on another host; ``None`` where there is none, or nothing says how to ask it."""
    if _places.of(facts.get("found") or {}).database != ELSEWHERE:
        return None
    try:
        return _session.Endpoint.from_params(_places.database(facts, path))
    except _session.PostgresError as error:
        lacking.append(("postgresql", str(error)))
        return None


def _recorded(
    where: Where, journal: Optional[_journal.Journal], lacking: list[tuple[str, str]]
) -> Deployed:
    """The legacy deployment that the journal has on record, stopped or not."""
    found = _journal.found_in(journal)
    legacy, path = found["legacy"], os.path.join(where.state_dir, "legacy.env")
    environment = _environment(path, lacking)
    config = legacy.get("config") or ""
    services = [
        legacy["unit"],
        *((found.get(name) or {}).get("unit") for name in ("database", "redis")),
    ]
    redis = _places.here(found, "redis")
    reader: Optional[Reader] = None
    try:
        reader = _legacy_reader.recorded(legacy)
    except (OperatorError, OSError) as error:
        lacking.append(("configuration", str(error)))
    deployed = Deployed(
        _steps.LEGACY,
        (found.get("address") or {}).get("legacy_url") or _url(HERE, legacy["port"]),
        path,
        _client_key(environment, _configuration(config, reader) if reader else _includes.Tree()),
        environment,
        _database(environment, lacking)
        if _places.here(found, "database")
        else _elsewhere(dict(journal["facts"]) if journal else {}, path, lacking),
        _native_redis(environment, redis.get("port"), redis.get("host") or HERE),
        units=tuple(unit for unit in services if unit),
        models=_models(found.get("model_hosts") or [], set(), HERE),
        config=config,
        reader=reader,
        places=_places.of(found),
    )
    # A unit that was down when it was inspected is not what serves.
    return deployed._replace(units=tuple({**unit, "active": "active"} for unit in deployed.units))


def _running(where: Where, lacking: list[tuple[str, str]]) -> Deployed:
    """The legacy deployment of a host that has no record of it, as it runs."""
    try:
        legacy = _legacy.discover(where.legacy_unit, where.legacy_account, alone=True)
    except (_legacy.LegacyError, OSError) as error:
        lacking.append(("legacy unit", str(error)))
        return Deployed(_steps.LEGACY, _url(HERE, PORT))
    environment, facts = legacy.effective, legacy.facts
    listeners = _listeners.listeners()
    places = _places.Places(**_stores.where(legacy.stores))
    database = _database(environment, lacking) if places.database != NOWHERE else None
    texts = legacy.configuration.texts
    redis = _redis_of(legacy)
    port = redis.port if redis else None

    def unit_behind(number: Optional[int], host: str = HERE) -> Optional[dict[str, str]]:
        server = _legacy.service_behind(number, listeners, host) if number else None
        return server["unit"] if server else None

    stores = (database.port if database else None, port)
    behind = (
        unit_behind(stores[0], database.host if database else HERE),
        unit_behind(port, redis.host if redis else HERE),
    )
    units = [facts["unit"], *(unit for unit in behind if unit)]
    known = [
        {"port": number, "unit": unit_behind(number)}
        for number in sorted(_legacy.model_ports(environment, texts) - {facts["port"], *stores})
    ]
    return Deployed(
        _steps.LEGACY,
        _running_url(legacy, listeners),
        "",
        _client_key(environment, legacy.configuration),
        environment,
        database,
        redis,
        units=tuple({**unit, "active": "active"} for unit in units),
        models=_models(known, set(), HERE),
        config=facts["config"] or "",
        reader=legacy.reader,
        places=places,
    )


def _redis_of(legacy: _legacy.Running) -> Optional[_redis.Native]:
    """The Redis of this host that the proxy uses, if it is one that is known by its port."""
    for named in _redis_settings.distinct(list(legacy.stores.redis)):
        if not named.fault and not named.path and _rules.is_loopback(named.host):
            return _redis.Native(named.host, named.port, named.user, named.password)
    return None


def _url(host: str, port: int) -> str:
    return _addresses.url("http", host, port)


def _running_url(legacy: _legacy.Running, listeners: list[_listeners.Listener]) -> str:
    """Where this host reaches a legacy proxy that runs."""
    facts = legacy.facts
    found = _addresses.of_legacy(listeners, facts["pid"], facts["port"], HERE)
    tls = _addresses.has_tls(facts.get("options", ()), legacy.effective)
    return _addresses.url("https" if tls else "http", _addresses.reached(found), facts["port"])


def _client_key(environment: dict[str, str], configuration: _includes.Tree) -> str:
    """The master key: the configuration's, or the environment's."""
    return _stores.effective(environment, configuration).get(_stores.MASTER_KEY, "")


def _database(
    environment: dict[str, str], lacking: list[tuple[str, str]]
) -> Optional[_session.Endpoint]:
    if not environment:
        return None
    try:
        account = environment.get(_endpoint.ACCOUNT, "")
        return _session.from_url(environment.get("DATABASE_URL", ""), account)
    except _session.PostgresError as error:
        lacking.append(("postgresql", str(error)))
        return None


def _native_redis(
    environment: dict[str, str], port: Optional[int], host: str
) -> Optional[_redis.Native]:
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
    return _redis.Native(host, port, user, password)


def _with_given(deployed: Deployed, given: Given, lacking: list[tuple[str, str]]) -> Deployed:
    """A deployment with what the settings say of it."""
    deployed = deployed._replace(
        url=given.get("url", deployed.url),
        key_file=given.get("key_file", deployed.key_file),
        config=given.get("config", deployed.config),
        reader=None if "config" in given else deployed.reader,
    )
    if "url" in given:
        lacking[:] = [item for item in lacking if item[0] not in ("legacy unit", ADDRESS)]
    if "key_file" in given:
        deployed = deployed._replace(key="")
    if "containers" in given:
        names = given["containers"]
        deployed = deployed._replace(
            containers=names,
            published=tuple(item for item in deployed.published if item[0] in names),
            redis=None
            if isinstance(deployed.redis, _redis.Container) and deployed.redis.name not in names
            else deployed.redis,
        )
    if "database" in given:
        try:
            deployed = deployed._replace(database=_session.Endpoint.from_params(given["database"]))
            lacking[:] = [item for item in lacking if item[0] != "postgresql"]
        except _session.PostgresError as error:
            lacking.append(("postgresql", str(error)))
    if "units" in given:
        deployed = deployed._replace(
            units=tuple({**unit, "active": "active"} for unit in given["units"])
        )
    if "models" in given:
        deployed = deployed._replace(
            models=tuple(
                ModelHost(
                    item["name"],
                    item["address"],
                    {"name": item["unit"], "account": item["account"]} if item["unit"] else None,
                )
                for item in given["models"]
            )
        )
    return deployed
