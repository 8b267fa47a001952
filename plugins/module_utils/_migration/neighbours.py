# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who else uses what a run takes down, and what the operator has accepted of that.

A *neighbour* is whoever uses a server or a unit of the legacy deployment and is not the proxy: each
is found by something that can be seen on the host, and has a name that is the same the next time.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Collection, Iterable, NamedTuple, Optional

from .._deployment import compose_project as _compose_project
from .._deployment import legacy as _legacy
from .._deployment import unit_processes as _unit_processes
from .._host import clients as _clients
from .._host import connections as _connections
from .._host import docker as _docker
from .._host import listeners as _listeners
from .._host import unit_relations as _unit_relations
from .._host.problem import OperatorError, Problem
from .._host.systemd import Unit
from .._postgres import endpoint as _endpoint
from .._postgres import others as _others
from .._postgres import session as _session
from .._redis import clients as _redis_clients
from .._redis import redis as _redis

CUTOVER, ROLLBACK = "at the cutover", "by the rollback"
# This collection's own, whatever starts it.
_COMMAND = "/usr/local/sbin/litellm-ops"
# How what is published on every address is reached from the host itself.
_ANY = {"0.0.0.0": _listeners.LOOPBACK, "": _listeners.LOOPBACK, "::": "::1"}
# Kinds whose names could be accepted without the kind before there were others.
_BARE = ("unit ", "database ")
_PLAIN = re.compile(r"[A-Za-z0-9_@./\\-]+( [A-Za-z0-9_@./\\-]+)*")


_SAID = {
    _unit_relations.NEEDS: "needs %s and goes down with it %s",
    _unit_relations.WANTS: "wants %s (Wants=), which is stopped %s",
    _unit_relations.AFTER: "is started after %s (After=), which is stopped %s",
}
_THROUGH = "%s %s, whose %s is stopped %s"
# What is in a database and is no use of it by itself, or is named on its own.
_NOBODYS = ("extension ", "trigger ", "rule ", "policy ", "child ")
_SHOWN = 5  # names in one message
_LOOSER = "let it do without that unit"
_LOOK = "who else uses its server has to be known: let the proxy's role read the system catalogs"


class Use(NamedTuple):
    """A use by somebody else: ``name`` is what the operator accepts, ``seen`` says by what it was
    found, as a sentence goes on after the name, ``remedy`` what else there is to do."""

    name: str
    seen: str
    remedy: str = "give it a server of its own"


class Server(NamedTuple):
    """A server that is stopped: ``what`` it is in words, its process, and the record of its
    unit."""

    what: str
    pid: int
    unit: dict[str, str]


class _Client(NamedTuple):
    """What a server says of one of its clients: in words; whether it is this collection at work;
    whether it has LiteLLM's role and database, which counts where nothing else tells who it is; and
    whether it reads LiteLLM's tables with a role that is carried, and is served again where it was
    by the loopback address."""

    words: str
    ours: bool = False
    same: bool = False
    carried: bool = False


def of_units(
    records: Iterable[dict[str, str]],
    verbs: Iterable[str],
    own: Iterable[dict[str, str]] = (),
    when: str = CUTOVER,
) -> list[Use]:
    """Uses of units by others, see :func:`_host.unit_relations.relations`."""
    uses = []
    for found in _unit_relations.relations(records, verbs, own):
        if found.through:
            seen = _THROUGH % (found.verb, found.through, found.needed, when)
        else:
            seen = _SAID[found.verb] % (found.needed, when)
        uses.append(Use("unit %s" % _label(found.unit), seen, _LOOSER))
    return uses


def of_removed(records: Iterable[dict[str, str]]) -> list[Use]:
    """Uses of units whose files are removed: those that need them could not start any more."""
    return [
        Use(
            "unit %s" % _label(found.unit),
            "needs %s, whose files are removed: it could not start any more" % found.needed,
            _LOOSER,
        )
        for found in _unit_relations.relations(records, [_unit_relations.NEEDS])
    ]


def _label(unit: Unit) -> str:
    account = unit.manager.account
    return "%s of account %s" % (unit.name, account) if account else unit.name


def of_processes(
    record: dict[str, str], found: Iterable[_unit_processes.Beside], when: str = CUTOVER
) -> list[Use]:
    """What runs in the proxy's unit beside it."""
    words: dict[str, list[str]] = {}
    for each in found:
        words.setdefault(each.name, []).append(each.seen)
    return [
        Use(
            "process %s of %s" % (name, record["name"]),
            "runs in the proxy's unit beside it (%s), and ends when that is stopped %s"
            % (", ".join(seen[:_SHOWN]), when),
            "give it a unit of its own",
        )
        for name, seen in sorted(words.items())
    ]


def of_listeners(
    server: Server, found: Iterable[_listeners.Listener], when: str = CUTOVER
) -> list[Use]:
    """Addresses of a server at which clients from elsewhere reach it."""
    return [
        Use(
            "address %s:%d" % (item.address, item.port),
            "of %s is reached from elsewhere, and is not listened on any more once that is stopped"
            " %s" % (server.what, when),
        )
        for item in found
        if item.pid == server.pid and not _is_loopback(item.address)
    ]


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(_connections.plain(address)).is_loopback
    except ValueError:
        return False


def of_clients(
    server: Server,
    connected: Iterable[_connections.Connection],
    told: dict[Any, _Client],
    own: _clients.Own,
    when: str = CUTOVER,
) -> list[Use]:
    """Uses of a server by those who are connected.

    :param told: what the server says of its clients, by the server's process or, where one serves
        all of them, by address and port.
    """
    groups: dict[str, list[str]] = {}
    known: dict[Any, Optional[_clients.Who]] = {}
    for each in connected:
        # a pool has many connections
        place = each.client or each.address
        if place not in known:
            known[place] = _clients.who(each, own)
        client = told.get(each.server) or told.get((each.address, each.port)) or _Client("")
        served = client.carried and each.address.startswith("127.")
        who = None if client.ours or served else known[place]
        if who is not None and not (client.same and who.name == _clients.BY_SOCKET):
            words = [word for word in (client.words, who.seen) if word]
            groups.setdefault(who.name, []).append(", ".join(words))
    return [
        Use(
            name,
            "has %d connection%s to %s%s, which is stopped %s"
            % (
                len(seen),
                "" if len(seen) == 1 else "s",
                server.what,
                " (%s)" % "; ".join(list(dict.fromkeys(filter(None, seen)))[:3])
                if any(seen)
                else "",
                when,
            ),
        )
        for name, seen in sorted(groups.items())
    ]


def of_databases(
    found: _others.Others, user: str, when: str = CUTOVER, carried: Iterable[str] = ()
) -> list[Use]:
    """What a PostgreSQL server has beside LiteLLM's database and role. A role that has a database
    or a session of its own is named by that.

    :param carried: roles that will be in the container as well.
    """
    uses = [
        Use(
            "database %s" % item.name,
            "%sis on the native PostgreSQL that is stopped %s, and is not moved"
            % (item.seen + "; it " if item.seen else "", when),
        )
        for item in found.databases
    ]
    known = {item.owner for item in found.databases} | {item.role for item in found.sessions}
    uses += [
        Use(
            "role %s" % name,
            "can log in to the native PostgreSQL that is stopped %s, and is not moved" % when,
        )
        for name in found.roles
        if name not in known | {user, *carried}
    ]
    uses += [
        Use(
            "replication slot %s" % name,
            "of the native PostgreSQL that is stopped %s keeps changes for somebody else" % when,
        )
        for name in found.slots
    ]
    return uses


def of_contents(store: dict[str, Any], when: str = CUTOVER) -> list[Use]:
    """What others keep in LiteLLM's own database, by preflight's facts of it."""
    kept = [item for item in store.get("left_behind") or [] if not item.startswith(_NOBODYS)]
    if not kept or not store.get("unit"):
        return []
    more = " and %d more" % (len(kept) - _SHOWN) if len(kept) > _SHOWN else ""
    return [
        Use(
            "contents of database %s" % store["name"],
            "that are not LiteLLM's (%s%s) stay on the native PostgreSQL that is stopped %s"
            % (", ".join(kept[:_SHOWN]), more, when),
        )
    ]


def postgres_clients(
    sessions: Iterable[_others.Session], user: str, database: str, carried: Collection[str] = ()
) -> dict[Any, _Client]:
    """What PostgreSQL says of its clients, by the process of each session.

    :param user: LiteLLM's role, ``database``: its database.
    :param carried: roles that will be in the container as well.
    """
    return {
        item.pid: _Client(
            ", ".join(
                word
                for word in (
                    "role %s" % item.role,
                    "database %s" % item.database if item.database else "a replica",
                    item.application and "application %s" % item.application,
                )
                if word
            ),
            item.role == user and item.application == _endpoint.APPLICATION,
            (item.role, item.database) == (user, database),
            item.role in carried and item.database == database,
        )
        for item in sessions
    }


def redis_clients(told: Iterable[_redis_clients.Client]) -> dict[Any, _Client]:
    """What Redis says of its clients, by address and port."""
    found: dict[Any, _Client] = {}
    for item in told:
        address, _colon, port = item.place.rpartition(":")
        words = [
            word
            for word in (
                item.user and item.user != "default" and "user %s" % item.user,
                item.name and "name %s" % item.name,
            )
            if word
        ]
        if port.isdigit():
            key = (_connections.plain(address.strip("[]")), int(port))
            found[key] = _Client(", ".join(words))
    return found


def merged(uses: Iterable[Use]) -> list[Use]:
    """Each name once, with all that was seen of it."""
    found: dict[str, list[Use]] = {}
    for use in uses:
        found.setdefault(use.name, []).append(use)
    return [
        Use(name, "; ".join(dict.fromkeys(use.seen for use in same)), same[0].remedy)
        for name, same in found.items()
    ]


def accepts(name: str, accepted: Iterable[str]) -> bool:
    """Whether the operator has accepted a use by this name. Units and databases may be named
    alone."""
    names = {name}
    for kind in _BARE:
        if name.startswith(kind):
            names |= {name[len(kind) :], name[len(kind) :].split(" of account ")[0]}
    return any(str(word).strip() in names for word in accepted)


def check(
    uses: Iterable[Use], accepted: Iterable[str], variable: str = "preflight_accept_down"
) -> list[Problem]:
    """What is used by others and not accepted, each with the name that accepts it.

    :param accepted: names of uses, see :func:`accepts`.
    """
    accepted = list(accepted)
    return [
        Problem(
            use.name,
            use.seen,
            "%s, or accept it with %s: [%s]" % (use.remedy, variable, _quoted(use.name)),
        )
        for use in merged(uses)
        if not accepts(use.name, accepted)
    ]


def _quoted(name: str) -> str:
    """A name as YAML has it in a list."""
    return name if _PLAIN.fullmatch(name) else "'%s'" % name.replace("'", "''")


def of_legacy(
    found: dict[str, Any],
    environment: dict[str, str],
    accepted: Iterable[str],
    when: str = CUTOVER,
    ours: Collection[int] = (),
) -> list[Problem]:
    """Everybody who uses what a migration takes down and is not accepted, and what can't be looked
    at.

    :param found: preflight's facts: ``legacy``, ``database``, ``redis``.
    :param environment: the proxy's, as it alone says which stores are used.
    :param ours: processes of our own, with all that they have started.
    """
    listening = _listeners.listeners()
    legacy = found["legacy"]
    database, redis = found.get("database") or {}, found.get("redis") or {}
    servers = [store["unit"] for store in (database, redis) if store.get("unit")]
    units = {(unit["account"], unit["name"]) for unit in [*legacy["units"], *servers]}
    own = _clients.Own([legacy["pid"], *ours], units, _COMMAND)
    uses = of_units(legacy["units"], [_unit_relations.NEEDS], servers, when)
    unit = legacy["unit"]
    uses += of_processes(unit, _unit_processes.beside(unit, legacy["pid"]), when)
    uses += of_units(servers, _SAID, legacy["units"], when)
    uses += _of_redis(redis, environment, listening, own, when)
    uses += of_contents(database, when)
    unseen = []
    try:
        uses += _of_postgres(database, environment, listening, own, when)
    except OperatorError as error:
        unseen = [Problem("database %s" % database["name"], str(error), _LOOK)]
    return unseen + check(uses, accepted)


def of_compose(project: str, accepted: Iterable[str], when: str = ROLLBACK) -> list[Problem]:
    """Everybody who uses the containers, the network and the unit of a project and is not
    accepted."""
    ours = _compose_project.container_names(project)
    unit = "%s-compose.service" % project
    record = {"name": unit, "account": ""}
    uses = of_units([record], [_unit_relations.NEEDS], when=when)
    uses += [
        Use(
            "container %s" % name,
            "is in the network %s, which is removed %s" % (project, when),
            "take it out of that network",
        )
        for name in sorted(set(_docker.members(project).values()) - set(ours.values()))
    ]
    transition = _docker.pids(_compose_project.transition_names(project))
    own = _clients.Own(transition, {("", unit)}, _COMMAND)
    for service in ("postgres", "redis"):
        server = Server("container %s" % ours[service], 0, record)
        connected = _connections.connected_to(_published(_docker.container(ours[service])))
        uses += of_clients(server, connected, {}, own, when)
    return check(uses, accepted)


def _published(container: Optional[dict[str, Any]]) -> set[tuple[str, int]]:
    """Where a container is reached from this host."""
    ports = (container or {}).get("ports") or {}
    return {
        (_ANY.get(place["HostIp"], place["HostIp"]), int(place["HostPort"]))
        for places in ports.values()
        for place in places or []
    }


def _server(what: str, store: dict[str, Any], found: list[_listeners.Listener]) -> Optional[Server]:
    """A server that a migration stops; ``None`` where it does not, or nobody listens."""
    if not store.get("unit") or not store.get("port"):
        return None
    host = store.get("host") or _listeners.LOOPBACK
    listener = _legacy.listener_at(store["port"], found, host)
    if listener is None or listener.pid is None:
        return None
    return Server("%s on port %d" % (what, store["port"]), listener.pid, store["unit"])


def _of_postgres(
    store: dict[str, Any],
    environment: dict[str, str],
    found: list[_listeners.Listener],
    own: _clients.Own,
    when: str,
) -> list[Use]:
    server = _server("PostgreSQL", store, found)
    if server is None or "major" not in store:
        return []  # it is not stopped, or has not answered, which is said elsewhere
    connected = _connections.connections(server.pid, found)
    url, account = environment.get("DATABASE_URL", ""), environment.get(_endpoint.ACCOUNT, "")
    others = _others.look(_session.from_url(url, account))
    user, carried = str(store.get("user") or ""), store.get("readers") or []
    told = postgres_clients(others.sessions, user, store["name"], carried)
    return [
        *of_listeners(server, found, when),
        *of_databases(others, user, when, carried),
        *of_clients(server, connected, told, own, when),
    ]


def _of_redis(
    store: dict[str, Any],
    environment: dict[str, str],
    found: list[_listeners.Listener],
    own: _clients.Own,
    when: str,
) -> list[Use]:
    server = _server("Redis", store, found)
    if server is None:
        return []
    connected = _connections.connections(server.pid, found)
    native = _redis.Native(
        store.get("host") or _listeners.LOOPBACK,
        store["port"],
        environment.get("REDIS_USERNAME", ""),
        environment.get("REDIS_PASSWORD", ""),
    )
    try:
        told = redis_clients(_redis_clients.clients(native))
    except _redis.RedisError:
        told = {}  # the kernel has said who they are; this would only have said more of them
    return [*of_listeners(server, found, when), *of_clients(server, connected, told, own, when)]
