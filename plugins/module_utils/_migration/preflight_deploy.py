# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Preflight of ``deploy.yml``: what a host has, what the inventory wishes, and every reason against
it at once. Nothing is changed, and the result holds no secret.
"""

from __future__ import annotations

import os
import re
from datetime import datetime, timezone
from typing import Any, Mapping, NamedTuple, Optional, Sequence

from .._config import container_view as _container_view
from .._config import includes as _includes
from .._config import needs as _needs
from .._config import needs_files as _needs_files
from .._config import stores as _stores
from .._config.environment_rules import ELSEWHERE, HERE
from .._deployment import addresses as _addresses
from .._deployment import compose_file as _compose_file
from .._deployment import compose_project as _compose_project
from .._deployment import facts as _facts
from .._deployment import journal as _journal
from .._deployment import legacy as _legacy
from .._deployment import places as _places
from .._deployment import proxy_command as _proxy_command
from .._deployment import record as _record
from .._host import docker as _docker
from .._host import files as _files
from .._host import listeners as _listeners
from .._host import packages as _packages
from .._host import paths as _paths
from .._host import process as _process
from .._host import reader as _reader
from .._host.problem import OperatorError, Problem
from .._postgres import endpoint as _endpoint
from .._restore import state as _restore_state
from . import preflight_address as _address
from . import preflight_needs as _preflight_needs
from . import preflight_source as _source
from . import preflight_stores as _preflight_stores
from . import preflight_target as _target
from . import requirements as _requirements
from .preflight_findings import Findings

# What a new deployment decides itself: its stores are its own.
_DECIDED = re.compile(r"DATABASE_URL|DIRECT_URL|DATABASE_URL_READ_REPLICA|REDIS_(HOST|PORT|URL)")
INSTALL = "litellm_install_docker"
_VIEW = "config.compose.yaml"
# Containers in the host's network that serve while another proxy takes the place of one.
_BESIDE = ("transition-proxy", "transition-pooler")


class Host(NamedTuple):
    """What was found of a host: see :class:`_deployment.facts.Known`; ``packages``: those that
    bring Docker's engine and Compose, where they are to be installed."""

    known: _facts.Known
    findings: Findings
    packages: tuple[str, ...] = ()


class _Own(NamedTuple):
    """Ports of the host that are the project's containers', and their first processes."""

    ports: set[int]
    pids: set[int]


class _Wanted(NamedTuple):
    """The deployment as it is to be: the environment that the operator gives, or the one that it
    has, and its configuration. Both are secret."""

    environment: dict[str, str]
    tree: _includes.Tree
    unread: str = ""


def preflight(settings: dict, now: Optional[datetime] = None) -> Host:
    """Run every check.

    :param settings: the parameters of the module ``deployment_facts_info``.
    """
    found = Findings()
    known = _known(settings, found, now or datetime.now(timezone.utc))
    engine, packages = _engine(settings, found)
    folder = os.path.normpath(settings["project_dir"])
    wishes = _wishes(settings)
    facts = _facts.wished(known.found or _facts.bare(folder), wishes)
    found.facts.update(facts)  # type: ignore[typeddict-item]
    found.facts["engine"] = engine
    found.problems += check_wishes(settings, facts)
    found.problems += _requirements.check_overrides(settings["overrides"])
    found.problems += _requirements.check_downtime(settings["max_downtime"])
    found.problems += _requirements.check_hold(settings["max_hold"])
    found.problems += _target.check_folders(settings)
    found.add(_source.check_project_folder(folder, ""))
    wanted = _wanted(settings, known, facts)
    listeners = _listeners.listeners()
    found.problems += _check_config(settings, known, facts, wanted)
    if known.origin == _facts.NEW:
        found.problems += _check_new(settings, known, folder)
        _place_stores(found, wanted)
    found.add(_check_address(settings, found.facts, wishes, wanted))
    if not wanted.unread:
        found.add(_check_needs(settings, found.facts, wanted))
        found.add(
            _preflight_stores.check_model_ports(
                _model_ports(settings, known, wanted), found.facts, listeners
            )
        )
    found.problems += check_ports(settings, found.facts, _own(settings), listeners)
    if engine["server"] and not packages:
        found.add(_target.check_images(_of_images(settings), _of_any_release(found.facts), engine))
        mine = known.origin != _facts.NEW or known.begun
        found.problems += _target.check_names(settings, found.facts, mine)
    found.add(_target.check_space(settings, found.facts, engine))
    return Host(known, found, packages)


def _wishes(settings: Mapping[str, Any]) -> _facts.Wishes:
    return _facts.Wishes(
        {store: settings["%s_port" % store] for store in _facts.PORTS},
        settings["publish"],
        settings["options"],
        settings["config"] is not None,
        settings["network"],
    )


def _known(settings: dict, found: Findings, now: datetime) -> _facts.Known:
    """What the host remembers; and whether something else is at work on it, or was killed."""
    folder, run = settings["state_dir"], settings["run"]
    try:
        journal, record = _journal.load(folder), _record.load(folder)
        restoring = _restore_state.unfinished(folder)
    except OperatorError as error:
        found.refuse("litellm_state_dir", str(error), "see docs/operations.md")
        return _facts.Known(_facts.NEW, {})
    if journal is not None and journal["state"] == _journal.RUNNING:
        found.refuse(
            "migration",
            "a migration or a rollback of this host is under way, or was killed (phase %s)"
            % journal["phase"],
            "wait until it has ended; of one that was killed, migrate.yml or rollback.yml ends it",
        )
    busy = _record.refusal(record, run, now, settings["patience"])
    if busy:
        found.refuse(
            "lock", busy, "wait until it has ended; a run that was killed is taken over by itself"
        )
    if restoring:
        found.refuse("restore", restoring, "restore.yml ends it")
    return _facts.known(journal, record, _restored(settings))


def _restored(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a deployment that only its own files tell of; empty where there is none."""
    folder = os.path.normpath(settings["project_dir"])
    path = os.path.join(folder, "compose.yaml")
    if _paths.weakness(folder) or not os.path.isfile(path):
        return {}
    text = _files.read(path)
    if not _source.is_ours(text):
        return {}
    try:
        values, environment = _compose_file.read(text), _read_env(folder)
        tree = _includes.follow(os.path.join(folder, _VIEW))
        place = _stores.where(_stores.find(environment, tree))["database"]
        return _facts.restored(folder, values, place)
    except (ValueError, KeyError, TypeError, OSError, OperatorError):
        return {}  # check_names refuses what it has made


def _read_env(folder: str) -> dict[str, str]:
    try:
        return _endpoint.read_env(os.path.join(folder, ".env"))
    except OperatorError:
        return {}


def _engine(settings: Mapping[str, Any], found: Findings) -> tuple[dict, tuple[str, ...]]:
    """The engine, and the packages that bring it, where it is not there and they are wanted."""
    engine = _docker.describe()
    problems = _docker.check_engine(engine)
    missing = not (engine["client"] and engine["server"] and engine["compose"])
    found.problems += _docker.check_network(engine, settings["network"])
    if not (problems and missing):
        found.problems += problems
        return engine, ()
    if not settings["install_docker"]:
        found.problems += [
            item._replace(
                remedy="%s; or set %s: true, which installs the distribution's own packages"
                % (item.remedy, INSTALL)
            )
            for item in problems
        ]
        return engine, ()
    offered = _packages.docker()
    if offered.problem:
        found.refuse(INSTALL, offered.problem, offered.remedy)
        return engine, ()
    return engine, offered.names


def check_wishes(settings: Mapping[str, Any], facts: Mapping[str, Any]) -> list[Problem]:
    """The inventory's values that are none."""
    found = []
    ports = {
        _facts.VARIABLES["proxy"]: facts["legacy"]["port"],
        **{
            _facts.VARIABLES[store]: facts[store]["port"]
            for store in _places.STORES
            if _places.here(facts, store)
        },
        "litellm_stage_port": settings["stage_port"],
    }
    if "pgbouncer" in settings["images"]:
        ports["litellm_pooler_port"] = settings["pooler_port"]
    found += _requirements.check_chosen(ports, ())
    odd = [address for address in settings["publish"] if not _is_here(address)]
    if odd:
        found.append(
            Problem(
                _address.VARIABLE,
                "%s is no address of this host" % ", ".join(odd),
                "name addresses that it has, such as 127.0.0.1 or 0.0.0.0",
            )
        )
    for word, _values in _proxy_command.split(list(settings["options"] or [])):
        if word in _proxy_command.OWN_OPTIONS:
            found.append(
                Problem(
                    "litellm_options",
                    "names %s, which the compose deployment decides itself" % word,
                    "take it out: litellm_port, litellm_publish and litellm_config say it",
                )
            )
        elif not word.startswith("-"):
            found.append(
                Problem(
                    "litellm_options",
                    "begins with %r, which is no option" % word,
                    'write each option and each value as an entry of its own: [--num_workers, "4"]',
                )
            )
    return found


def _is_here(address: str) -> bool:
    try:
        return _listeners.is_here(address)
    except ValueError:
        return False


def _wanted(settings: Mapping[str, Any], known: _facts.Known, facts: Mapping[str, Any]) -> _Wanted:
    """The environment and the configuration of the deployment as it is to be."""
    given = {name: value for name, value in settings["overrides"].items() if value is not None}
    before = {} if known.origin == _facts.NEW else _read_env(facts["project_dir"])
    environment = {**before, **given}
    path = facts["legacy"]["config"]
    text = settings["config"]
    if text is None and known.origin == _facts.NEW:
        return _Wanted(environment, _includes.Tree())
    try:
        if text is not None:
            tree = _includes.follow(path, _reader.ours(), text)
        else:
            tree = _includes.follow(path, _reader.of(facts["legacy"].get("reader") or "", path))
    except (OperatorError, OSError) as error:
        return _Wanted(environment, _includes.Tree(), str(error))
    return _Wanted(environment, tree)


def _check_config(
    settings: Mapping[str, Any],
    known: _facts.Known,
    facts: Mapping[str, Any],
    wanted: _Wanted,
) -> list[Problem]:
    """LiteLLM's configuration can be read and rendered for a container, and its file is ours to
    write."""
    path, found = str(facts["legacy"]["config"]), []
    if wanted.unread:
        remedy = "give LiteLLM's configuration in litellm_config, or restore the file"
        return [Problem(path, wanted.unread, remedy)]
    if settings["config"] is not None and not settings["config"].strip():
        found.append(
            Problem(
                "litellm_config",
                "is empty",
                "give the text of a config.yaml, or leave the variable out",
            )
        )
    where = _stores.where(_stores.find(wanted.environment, wanted.tree))
    found += [
        Problem("%s:%d" % (_named(settings, path, item.path), item.line), item.message, "")
        for item in _container_view.problems(wanted.tree, where)
    ]
    writes = settings["config"] is not None or known.origin == _facts.NEW
    if writes and not _paths.weakness(facts["project_dir"]) and os.path.lexists(path):
        text = _files.read(path) if os.path.isfile(path) else ""
        if not (_source.is_ours(text) or known.origin in (_facts.DEPLOYED, _facts.RESTORED)):
            found.append(
                Problem(
                    path,
                    "was not written by this collection and is not replaced",
                    "move it away, or set litellm_project_dir to a folder of its own",
                )
            )
    return found


def _named(settings: Mapping[str, Any], path: str, part: str) -> str:
    return "litellm_config" if settings["config"] is not None and part == path else part


def _check_new(settings: Mapping[str, Any], known: _facts.Known, folder: str) -> list[Problem]:
    """Of a new deployment, what it decides itself; and that no database is there whose keys nobody
    knows."""
    found = [
        Problem(
            "env_file_overrides.%s" % name,
            "names a server, and a new deployment has its own PostgreSQL and Redis",
            "leave it out",
        )
        for name in sorted(settings["overrides"])
        if _DECIDED.fullmatch(name)
    ]
    volume = _compose_project.volume_names(settings["project_name"])["postgres"]
    env = os.path.join(folder, ".env")
    if known.begun and _docker.volume_labels(volume) is not None and not os.path.exists(env):
        found.append(
            Problem(
                "volume %s" % volume,
                "is there, and %s is not, which has the keys that it was made with" % env,
                "bring the file back, or restore a backup with restore.yml",
            )
        )
    return found


def _place_stores(found: Findings, wanted: _Wanted) -> None:
    """Where the configuration of a new deployment says that its stores are. What it names nowhere,
    it gets."""
    stores = _stores.find(wanted.environment, wanted.tree)
    where = _stores.where(stores)
    if where["database"] == ELSEWHERE:
        found.refuse(
            "litellm_config",
            "names a database on another host, and a new deployment has its own PostgreSQL",
            "leave database_url out of general_settings",
        )
    if where["redis"] == ELSEWHERE:
        first = stores.redis[0]
        found.facts["redis"] = {
            "where": ELSEWHERE,
            "host": first.host,
            "port": first.port,
            "origin": first.origin,
            "unit": None,
        }
    redis = ELSEWHERE if where["redis"] == ELSEWHERE else HERE
    found.facts["places"] = {"database": HERE, "redis": redis}


def _check_address(
    settings: dict, facts: Mapping[str, Any], wishes: _facts.Wishes, wanted: _Wanted
) -> Findings:
    """Where the proxy serves. Facts: ``address``."""
    found = Findings()
    if not all(map(_is_here, settings["publish"])):
        return found  # which check_wishes says
    publish = _facts.publish(facts, wishes)
    port = facts["legacy"]["port"]
    before = (facts.get("address") or {}).get("legacy") or publish
    proofs = _address.outer(publish)
    tls = _addresses.has_tls(facts["legacy"]["options"], wanted.environment)
    found.facts["address"] = _facts.address(port, publish, tls, proofs, before)
    if settings["publish"] and (proofs or any(each in _addresses.EVERY for each in publish)):
        _address.say_exposed(found, settings, port, publish)
    if settings["network"] == "host" and len(settings["publish"]) > 1:
        if _addresses.listened(settings["publish"]) not in _addresses.EVERY:
            found.refuse(
                _address.VARIABLE,
                "names %s, and a proxy in the host's network listens at one address"
                % ", ".join(settings["publish"]),
                "name one of them, or 0.0.0.0",
            )
    return found


def _check_needs(settings: dict, facts: Mapping[str, Any], wanted: _Wanted) -> Findings:
    """What LiteLLM needs besides. Facts: ``needs``: those that the host remembers, unless the
    inventory has the configuration, or there is nothing to remember."""
    remembered = facts.get("needs")
    if remembered and settings["config"] is None:
        return Findings({"needs": remembered})
    views = [
        (part.path, part.text)
        for part in wanted.tree.parts
        if not _container_view.problems(wanted.tree)
    ]
    elsewhere = [store for store in _places.STORES if store in _places.elsewhere(facts)]
    environment = {
        name: value for name, value in wanted.environment.items() if not _DECIDED.fullmatch(name)
    }
    named = [
        *(item for path, text in views for item in _needs.of_config(path, text)),
        *_needs.of_environment(environment, elsewhere),
        *_needs.of_options(facts["legacy"]["options"]),
    ]
    folder = facts["project_dir"]
    place = _needs_files.Place(facts["legacy"].get("folder") or folder, folder)
    found = _preflight_needs.check_named(named, place, _reader.ours(), settings)
    kept = remembered or {}
    found.facts["needs"]["servers"] = kept.get("servers") or []
    texts = [text for _path, text in views]
    configured = [name for text in texts for name in _needs.configured(text)]
    for item in _needs.missing(named, _planned(environment), configured):
        found.warn(
            _named(settings, str(facts["legacy"]["config"]), item.where),
            "refers to %s, which .env would not have" % item.name,
            "if it is used, give it: env_file_overrides: {%s: …}" % item.name,
        )
    return found


# What every .env of this collection has.
_GIVEN = (
    "LITELLM_MASTER_KEY LITELLM_SALT_KEY UI_USERNAME UI_PASSWORD POSTGRES_USER POSTGRES_PASSWORD"
    " POSTGRES_DB DATABASE_URL REDIS_HOST REDIS_PORT REDIS_PASSWORD"
).split()


def _planned(environment: Mapping[str, str]) -> dict[str, str]:
    return {**dict.fromkeys(_GIVEN, ""), **environment}


def _model_ports(settings: Mapping[str, Any], known: _facts.Known, wanted: _Wanted) -> set[int]:
    """The ports of this host's model servers: those that the configuration and the environment
    name, on loopback or as the container knows them, and those that the host remembers of a
    configuration that is not the inventory's."""
    ports = _legacy.model_ports(wanted.environment, wanted.tree.texts)
    name = re.escape(_container_view.Addresses().gateway_name)
    for text in (*wanted.environment.values(), *wanted.tree.texts):
        ports |= {int(port) for port in re.findall(r"//%s:(\d{1,5})(?![\w.:-])" % name, text)}
    if settings["config"] is None:
        ports |= {int(item["port"]) for item in known.found.get("model_hosts") or []}
    return ports


def _own(settings: Mapping[str, Any]) -> _Own:
    """What the project's containers have now, with those of a proxy that a run which was killed has
    left beside it."""
    project = settings["project_name"]
    names = list(_compose_project.container_names(project).values())
    told = _docker.containers(names)
    containers = told.values() if isinstance(told, dict) else ()
    ports = {
        int(place["HostPort"])
        for each in containers
        if each
        for places in (each.get("ports") or {}).values()
        for place in places or []
        if str(place.get("HostPort")).isdigit()
    }
    beside = ["%s-%s" % (project, part) for part in _BESIDE]
    return _Own(ports, set(_docker.pids([*names, *beside])))


def check_ports(
    settings: Mapping[str, Any],
    facts: Mapping[str, Any],
    own: _Own,
    listeners: Sequence[_listeners.Listener],
) -> list[Problem]:
    """Each port is free, or held by the project's own containers."""
    wanted = {"proxy": (facts["legacy"]["port"], "")}
    for store in _places.STORES:
        if _places.here(facts, store):
            wanted[store] = (facts[store]["port"], _facts.LOOPBACK)
    wanted[_requirements.STAGING] = (settings["stage_port"], _facts.LOOPBACK)
    if "pgbouncer" in settings["images"]:
        wanted[_requirements.POOLING] = (settings["pooler_port"], _facts.LOOPBACK)
    ports = []
    for name, (number, host) in wanted.items():
        listener = (
            _listeners.holder(listeners, number, host)
            if host
            else _listeners.anywhere(listeners, number)
        )
        if listener is None or number in own.ports or own.pids & set(_ancestors(listener)):
            continue
        if name == "proxy" and _is_native(listener):
            return [_native(number, listener)]
        ports.append(
            _requirements.Port(name, number, _requirements.NOBODY, _holder(listener), False)
        )
    return _requirements.check_ports(ports)


def _is_native(listener: _listeners.Listener) -> bool:
    """Whether a LiteLLM of the host itself has a port."""
    return any(_proxy_command.is_proxy(_process.command_line(pid)) for pid in _ancestors(listener))


def _ancestors(listener: _listeners.Listener) -> list[int]:
    return _process.ancestors(listener.pid) if listener.pid else []


def _native(number: int, listener: _listeners.Listener) -> Problem:
    return Problem(
        "port %d (proxy)" % number,
        "a LiteLLM of this host's own serves there (%s)" % listener.command,
        "move it with migrate.yml, which keeps its keys and rows; deploy.yml is for a host without"
        " one, and for one that was migrated",
    )


def _holder(listener: _listeners.Listener) -> str:
    """Who has a port; of a container's, that container."""
    if "docker-proxy" not in listener.command:
        return listener.command
    asked = _process.run(
        ["docker", "ps", "--filter", "publish=%d" % listener.port, "--format", "{{.Names}}"]
    )
    names = asked.out.split() if asked.rc == 0 else []
    return "container %s" % ", ".join(names) if names else listener.command


def _of_images(settings: Mapping[str, Any]) -> dict:
    """What the checks of images ask: nothing is copied into them."""
    return {**settings, "carry_redis": False, "cutover": "auto"}


def _of_any_release(facts: Mapping[str, Any]) -> Any:
    """The facts without a release: a deployment may get another one."""
    database = facts.get("database")
    return {
        **facts,
        "legacy": {**facts["legacy"], "litellm_version": None},
        "database": {**database, "extensions": []} if database else database,
    }
