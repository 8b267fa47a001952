# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker Engine of a host, as its own client tells it. Containers' environments are never read:
they hold secrets."""

from __future__ import annotations

import calendar
import json
import re
import time
from typing import Any, Iterable, Mapping, Optional, Sequence, Union

from . import engine_kind as _engine_kind
from . import engine_socket as _engine_socket
from . import image_reference as _image_reference
from . import registry as _registry
from . import registry_login as _registry_login
from .account import NOBODY, PRIVATE_GROUP
from .listeners import parse_listeners
from .problem import Problem, numbers
from .process import Result, run

# An image's name, by tag or digest, or its id. What begins with a hyphen Docker's client would take
# for an option, and the next word for the image.
REFERENCE = r"[A-Za-z0-9][A-Za-z0-9._/:@-]*"
OWN_LABEL = "llmops.litellm"
FOLDER_LABEL = "com.docker.compose.project.working_dir"

# What is shown of a container, as a Go template of `docker container inspect`: everything but its
# environment.
_CONTAINER = (
    '{"name":{{json .Name}},"image":{{json .Config.Image}},"user":{{json '
    '.Config.User}},"labels":{{json .Config.Labels}},'
    '"state":{{json .State.Status}},"started":{{json .State.StartedAt}},'
    '"health":{{if .State.Health}}{{json .State.Health.Status}}{{else}}null{{end}},'
    '"restart_policy":{{json .HostConfig.RestartPolicy.Name}},"cap_drop":{{json '
    ".HostConfig.CapDrop}},"
    '"security_opt":{{json .HostConfig.SecurityOpt}},"log":{{json .HostConfig.LogConfig}},'
    '"ports":{{json .NetworkSettings.Ports}},"mounts":{{json .Mounts}},'
    '"network":{{json .HostConfig.NetworkMode}}}'
)

# Asked of a container in the host's network: the lines of /proc/net/tcp and tcp6 whose sockets its
# own processes hold.
_LISTENING = """import glob, os
held = set()
for path in glob.glob("/proc/[0-9]*/fd/*"):
    try: held.add(os.readlink(path))
    except OSError: pass
print()
for table in ("tcp", "tcp6"):
    if os.path.exists("/proc/net/" + table):
        for line in open("/proc/net/" + table).read().splitlines()[1:]:
            if "socket:[%s]" % line.split()[9] in held: print(line)"""

# Asked of an image's own Python, without starting any of LiteLLM.
_RELEASE = """import importlib.metadata, importlib.util, json, os
found = importlib.util.find_spec("litellm_proxy_extras")
folder = os.path.join(os.path.dirname(found.origin), "migrations") if found and found.origin else ""
there = os.path.isdir(folder)
names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir()) if there else None
print(json.dumps([importlib.metadata.version("litellm"), names]))"""


def _json(answer: str) -> Any:
    try:
        return json.loads(answer)
    except ValueError:
        return None


def describe() -> dict:
    """The engine and its Compose: ``client`` (found), ``server``, ``compose``, ``compose_v1``
    (versions, empty where there is none), ``error``, ``platform`` (``linux/amd64``), ``root`` (data
    folder), ``images_root`` (where images take room), ``insecure`` (registries without TLS),
    ``mirrors``, ``proxies``; ``kind`` and ``remapped`` as in :mod:`_host.engine_kind`; ``address``
    and ``socket`` (where it is reached, empty where that is not known)."""
    result = run(["docker", "version", "--format", "{{json .Server}}"])
    server = _object(result.out)
    asked = run(["docker", "info", "--format", "{{json .}}"])
    info = _object(asked.out)
    compose = run(["docker", "compose", "version", "--short"])
    alone = run(["docker-compose", "version", "--short"])
    indexes = (info.get("RegistryConfig") or {}).get("IndexConfigs") or {}
    address = _engine_socket.address() if result.rc != 127 else ""
    return {
        "client": result.rc != 127,
        "server": server.get("Version", ""),
        "error": result.err.strip().splitlines()[-1] if result.err.strip() else "",
        "compose": compose.out.strip() if compose.rc == 0 else "",
        "compose_v1": alone.out.strip() if alone.rc == 0 else "",
        "platform": "%s/%s" % (server.get("Os", "linux"), server.get("Arch", "unknown")),
        "root": info.get("DockerRootDir") or "/var/lib/docker",
        "images_root": _engine_kind.images_root(info),
        "insecure": [name for name, index in indexes.items() if not index.get("Secure", True)],
        "mirrors": _engine_kind.mirrors(info),
        "proxies": _engine_kind.proxies(info),
        "kind": _engine_kind.kind(server, info, result.err + asked.err, address),
        "remapped": any(_engine_kind.remapped(info)),
        "address": address,
        "socket": _engine_socket.path_of(address),
    }


def _object(answer: str) -> dict:
    told = _json(answer)
    return told if isinstance(told, dict) else {}


def version(timeout: float = 60) -> Result:
    """The engine's version on standard output, or why it does not answer."""
    return run(["docker", "version", "--format", "{{.Server.Version}}"], timeout=timeout)


def pids(names: Iterable[str]) -> list[int]:
    """The first process of each of these containers that runs, as this host numbers it."""
    answer = run(["docker", "container", "inspect", "--format", "{{.State.Pid}}", *names])
    return [int(word) for word in answer.out.split() if word.isdigit() and word != "0"]


def container(name: str) -> Optional[dict]:
    """One container without its environment: name, image, user, labels, state, health, policies,
    ports and mounts."""
    answer = run(["docker", "container", "inspect", "--format", _CONTAINER, name])
    return _container(answer.out) if answer.rc == 0 else None


def _container(line: str) -> Optional[dict]:
    """One container. In the host's network it publishes nothing: what its processes listen on is as
    good as published."""
    result = _json(line)
    if result and result.pop("network", "") == "host" and result["state"] == "running":
        result["ports"] = {}
        for row in parse_listeners(
            run(
                ["docker", "exec", result["name"].lstrip("/"), "python3", "-c", _LISTENING],
                timeout=5,
            ).out
        ):
            result["ports"].setdefault("%d/tcp" % row.port, []).append(
                {"HostIp": row.address, "HostPort": str(row.port)}
            )
    return result


def started(container: str) -> float:
    """When a container was started last, in seconds since 1970; 0 where there is none."""
    answer = run(["docker", "container", "inspect", "--format", "{{.State.StartedAt}}", container])
    found = re.match(r"(\d{4}-\d\d-\d\dT[\d:]{8})(\.\d+)?Z", answer.out)
    if answer.rc or not found or found.group(1) < "1970":  # the year 1: it never was
        return 0.0
    at = calendar.timegm(time.strptime(found.group(1), "%Y-%m-%dT%H:%M:%S"))
    return at + float(found.group(2) or 0)


def containers(names: Iterable[str], timeout: float = 60) -> Union[dict[str, Optional[dict]], str]:
    """Several containers in one question, as :func:`container` tells them, by name; or why the
    engine gives no answer."""
    wanted = list(names)
    answer = run(
        ["docker", "container", "inspect", "--format", _CONTAINER, *wanted], timeout=timeout
    )
    result = {
        item["name"].lstrip("/"): item
        for item in (_container(line) for line in answer.out.splitlines())
        if item
    }
    refused = [line for line in answer.err.strip().splitlines() if "No such container" not in line]
    if answer.rc and refused:
        return refused[-1]
    return {name: result.get(name) for name in wanted}


def faults(
    containers: dict[str, Optional[dict]], exposed: Optional[Mapping[str, Sequence[str]]] = None
) -> list[str]:
    """What is wrong with containers, by name as :func:`container` tells them: gone, not healthy, or
    reachable from elsewhere.

    :param exposed: addresses at which one is to be reached from elsewhere, by its name.
    """
    outside = exposed or {}
    found = []
    for name, result in containers.items():
        if result is None:
            found.append("container %s does not exist" % name)
            continue
        if result["state"] != "running" or result["health"] not in (None, "healthy"):
            found.append(
                "container %s is %s%s"
                % (name, result["state"], ", %s" % result["health"] if result["health"] else "")
            )
        for port, hosts in sorted((result["ports"] or {}).items()):
            found += [
                "container %s publishes %s on %s:%s, not %s alone"
                % (
                    name,
                    port,
                    host["HostIp"],
                    host["HostPort"],
                    "at %s" % ", ".join(outside[name])
                    if outside.get(name)
                    else "on the loopback address",
                )
                for host in hosts or []
                if not host["HostIp"].startswith("127.")
                and host["HostIp"] not in ("::1", *outside.get(name, ()))
            ]
    return found


def volume_labels(name: str) -> Optional[dict]:
    """The labels of a volume, ``None`` where there is no such volume."""
    answer = run(["docker", "volume", "inspect", "--format", "{{json .Labels}}", name])
    return (_json(answer.out) or {}) if answer.rc == 0 else None


def subnets() -> list[tuple[str, str]]:
    """The IPv4 subnets of the engine's networks as (subnet, network's name)."""
    names = run(["docker", "network", "ls", "--format", "{{.Name}}"]).out.split()
    if not names:
        return []
    result = _json(run(["docker", "network", "inspect", *names]).out) or []
    return [
        (config["Subnet"], "network " + network["Name"])
        for network in result
        for config in (network.get("IPAM") or {}).get("Config") or []
        if "." in config.get("Subnet", "")
    ]


def members(network: str = "") -> dict[str, str]:
    """The running containers of a network, or of all, by their address in it."""
    names = run(["docker", "network", "ls", "--format", "{{.Name}}"]).out.split()
    wanted = [name for name in names if network in ("", name)]
    if not wanted:
        return {}
    result = _json(run(["docker", "network", "inspect", *wanted]).out) or []
    return {
        member[key].partition("/")[0]: member["Name"]
        for about in result
        for member in (about.get("Containers") or {}).values()
        for key in ("IPv4Address", "IPv6Address")
        if member.get(key)
    }


MAIN = "main"
# Of a route that comes before its subnet: none of these sends packets anywhere.
_NOT_TAKEN = ("local", "broadcast", "multicast", "anycast", "throw", "nat")
_DROPS = ("blackhole", "unreachable", "prohibit")
# No private range is wider: what is wider stands for the whole Internet, as VPNs halve it.
WIDEST = 8


def routes() -> list[tuple[str, str, str]]:
    """The host's IPv4 routes of all tables, beside default ones, as (subnet, ``route by DEVICE``,
    table)."""
    told = run(["ip", "-4", "route", "show", "table", "all"])
    return parse_routes(told.out if told.rc == 0 else run(["ip", "-4", "route", "show"]).out)


def parse_routes(text: str) -> list[tuple[str, str, str]]:
    """What ``ip route show table all`` says, see :func:`routes`.

    What drops packets counts where a table is asked before the main one; in the main one, a
    container network is more exact.
    """
    found = []
    # next hops of a route with several are in lines of their own
    for line in text.replace("\n\t", " ").splitlines():
        words = line.split()
        kind = words.pop(0) if words and words[0] in (*_NOT_TAKEN, *_DROPS, "unicast") else ""
        table = words[words.index("table") + 1] if "table" in words[:-1] else MAIN
        if not words or not words[0][0].isdigit() or kind in _NOT_TAKEN or table == "local":
            continue
        drops = kind in _DROPS
        if (drops and table == MAIN) or _is_default(words[0]):
            continue
        way = kind if drops else "route by %s" % _device(words)
        found.append((words[0], way if table == MAIN else "%s in table %s" % (way, table), table))
    return found


def _is_default(subnet: str) -> bool:
    return "/" in subnet and int(subnet.partition("/")[2]) < WIDEST


def _device(words: list[str]) -> str:
    return words[words.index("dev") + 1] if "dev" in words[:-1] else "no device"


def is_reference(image: str) -> bool:
    """Whether a text can stand where Docker's client expects an image."""
    return bool(re.fullmatch(REFERENCE, image))


def identity(image: str, user: str, python: bool = False) -> dict:
    """Who a service of an image runs as, and the image by digest.

    :param user: the user to ask for (``postgres``), or empty for the image's own; of several words
        the first that the image has.
    :returns: ``reference`` (by digest; the id where no registry ever had it, and then ``local`` is
        true), ``name`` (as given), ``id``, ``user``, ``uid``, ``gid`` (the container's as the host
        has them; of one in the group of nobody, that of its files, and ``group``, which the
        container has to have besides), ``volumes`` (folders that the image declares),
        ``environment`` (of these :data:`TOLD`) and, with ``python``, ``litellm_version``,
        ``migrations`` (names of the schema migrations it brings, ``None`` where it brings none)
        and ``entrypoint`` (its words).
    :raises ValueError: the image is not present or cannot say.
    """
    if not is_reference(image):
        raise ValueError("%r is no name of an image" % image)
    result = run(["docker", "image", "inspect", "--format", "{{json .}}", image])
    if result.rc != 0:
        raise ValueError("image %s is not present: %s" % (image, result.err.strip()))
    data = json.loads(result.out)
    config = data.get("Config") or {}
    reference = _recorded(image, data.get("RepoDigests") or [])
    name, numbers = _user(image, user)
    found: dict[str, Any] = {
        "reference": reference or data["Id"],
        "name": image,
        "id": data["Id"],
        "local": not reference,
        "user": name,
        "volumes": sorted(config.get("Volumes") or {}),
        "environment": {
            key: value for key, value in _registry.pairs(config.get("Env")).items() if key in TOLD
        },
        **numbers,
    }
    if python:
        answer = run([*_ONCE, "python3", image, "-c", _RELEASE])
        if answer.rc != 0:
            raise ValueError(
                "image %s holds no LiteLLM that python3 can find: %s"
                % (image, answer.err.strip()[-300:])
            )
        found["litellm_version"], found["migrations"] = json.loads(answer.out)
        found["entrypoint"] = list(config.get("Entrypoint") or [])
    return found


# Of an image's own environment; the rest is nobody's business.
TOLD = ("PGDATA", "PG_MAJOR", "PG_VERSION", "REDIS_VERSION", "VALKEY_VERSION")
_ONCE = ["docker", "run", "--rm", "--network", "none", "--cap-drop", "ALL", "--entrypoint"]


def _recorded(image: str, digests: list[str]) -> str:
    try:
        several = len(_image_reference.of_repository(image, digests)) > 1
        preferred = _current(image) if several else ""
        return _image_reference.recorded(image, digests, preferred)
    except ValueError as error:
        raise ValueError("image %s: %s" % (image, error)) from None


def _current(image: str) -> str:
    """The digest that an image's tag has now, empty where nobody says: one that was replaced since
    need not stay in its registry for ever."""
    parts = _image_reference.parse_reference(image)
    login, _unsure = _registry_login.known(parts.host)
    path = _engine_socket.path_of(_engine_socket.address())
    return _engine_socket.distribution(image, login, parts.host, path).digest


def _user(image: str, user: str) -> tuple[str, dict[str, int]]:
    """The first of some users that an image has, and its numbers on this host.

    :raises ValueError: it has none of them.
    """
    said = ""
    for name in user.split() or [""]:
        asked = run([*_ONCE, "id", image, *([name] if name else [])])
        numbers = dict(word.split("=", 1) for word in asked.out.split() if "=" in word)
        if asked.rc == 0 and "uid" in numbers:
            first = dict(zip(("uid", "gid"), remapped()))
            inside = {key: int(numbers[key].split("(")[0]) for key in first}
            shared = {"group": PRIVATE_GROUP} if inside["gid"] == NOBODY else {}
            inside["gid"] = shared.get("group", inside["gid"])
            return name, {**{key: inside[key] + first[key] for key in first}, **shared}
        said = said or asked.err.strip()
    raise ValueError(
        "image %s cannot say who %s is: %s" % (image, user.split(" ")[0] or "its user", said)
    )


def remapped() -> tuple[int, int]:
    """Which account and group of the host root of containers is: 0, unless the engine remaps
    them."""
    options = run(["docker", "info", "--format", "{{json .}}"])
    return _engine_kind.remapped(_object(options.out))


LEAST_ENGINE = (20, 10)
# The first release that knows both !reset and !override, which staging needs to keep off the legacy
# ports.
LEAST_COMPOSE = (2, 24, 4)


def check_network(engine: dict, network: str) -> list[Problem]:
    """The host's network is not for containers whose accounts are remapped."""
    if network != "host" or not engine.get("remapped"):
        return []
    return [
        Problem(
            "litellm_network",
            "is host, and the engine remaps accounts (userns-remap), with which it refuses that",
            "leave it at bridge",
        )
    ]


def check_engine(engine: dict) -> list[Problem]:
    """Docker and Compose. ``engine``: ``client`` (found), ``server`` (version or empty), ``error``,
    ``compose`` (version or empty), ``compose_v1`` (version of a stand-alone docker-compose, or
    empty), ``kind`` where it is known."""
    if not engine["client"]:
        return [_engine_kind.absent()]
    other = _engine_kind.check_kind(engine)
    if other:
        return [other]  # what else it lacks is answered by installing the right one
    found = []
    if not engine["server"]:
        found.append(_engine_kind.silent(engine["error"]))
    elif numbers(engine["server"]) < LEAST_ENGINE:
        found.append(
            Problem(
                "Docker",
                "engine %s is too old" % engine["server"],
                "at least %d.%d is needed" % LEAST_ENGINE,
            )
        )
    if not engine["compose"]:
        first = numbers(engine["compose_v1"])
        seen = "`docker compose` is missing"
        if first and first < (2,):
            seen = (
                "only Compose v1 (%s) is installed; it is not maintained any more"
                % engine["compose_v1"]
            )
        found.append(
            Problem(
                "Docker Compose",
                seen,
                "install Compose v2 (docker-compose-plugin, or Debian's docker-compose)",
            )
        )
    elif numbers(engine["compose"]) < LEAST_COMPOSE:
        found.append(
            Problem(
                "Docker Compose",
                "version %s is too old" % engine["compose"],
                "at least %d.%d.%d is needed" % LEAST_COMPOSE,
            )
        )
    return found
