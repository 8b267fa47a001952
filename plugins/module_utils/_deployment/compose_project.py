# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Compose project of this collection as Compose itself understands it, and its proxy stopped and
started.

Nobody else reads ``compose.yaml``: however a port is written, Compose knows what it means, and an
override file counts where Compose reads one. What Compose prints holds secrets, so none of its
words are shown.
"""

from __future__ import annotations

import json
import os
import shlex
from typing import Any, NamedTuple, Optional, Sequence

from .._host import docker as _docker
from .._host.problem import OperatorError
from .._host.process import Result, run
from .._postgres.session import Endpoint
from . import addresses as _addresses
from . import proxy_command as _proxy_command

# The services, and what their containers are called after the project.
CONTAINERS = {"litellm": "proxy", "postgres": "postgres", "redis": "redis"}
SERVICES = tuple(CONTAINERS)
VOLUMES = ("postgres", "redis")
# The ports inside the containers; the proxy's is only what LiteLLM takes where nothing says more.
INSIDE = {"litellm": 4000, "postgres": 5432, "redis": 6379}
STOP = 90  # seconds in which the proxy drains and writes its last spend
HUNG = 10  # seconds for one that does not serve, and so has nothing to write
CONFIG = 20.0  # seconds for reading a project; it takes about 0.2
# Every address of the host, and how such a port is reached from the host itself.
EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}


class DeploymentError(OperatorError):
    """A deployment is not what it should be, or a part of it does not do what it should."""


class Published(NamedTuple):
    """A port of a service on the host: ``host`` is an address (empty: every one), ``port`` is
    ``None`` where Docker chooses it, ``target`` the container's."""

    host: str
    port: Optional[int]
    target: int
    protocol: str


class Project(NamedTuple):
    """A project. ``images`` and ``containers``: by service, of those that it has: a database or a
    Redis on another host has none; ``volumes``: names; ``url``: where the proxy is reached, empty
    where that can't be known, and then ``unreachable`` says why; ``database``: as its container's
    clients see it, ``None`` where it has none; ``ports``: all that the project takes of the host;
    ``published``: containers and the port at which each one's server must be on the host."""

    name: str
    folder: str
    images: dict[str, str]
    containers: dict[str, str]
    volumes: list[str]
    url: str
    database: Optional[Endpoint]
    redis_user: str
    ports: tuple[int, ...] = ()
    published: tuple[tuple[str, int], ...] = ()
    unreachable: str = ""

    def proxy_url(self) -> str:
        """Where the proxy is reached.

        :raises DeploymentError: nobody can know.
        """
        if not self.url:
            raise DeploymentError(self.unreachable)
        return self.url


def container_names(project: str) -> dict[str, str]:
    """What the containers of a project are called, by service."""
    return {service: "%s-%s" % (project, part) for service, part in CONTAINERS.items()}


def transition_names(project: str) -> list[str]:
    """What the containers are called that serve while clients are moved."""
    return ["%s-transition-%s" % (project, part) for part in ("proxy", "pooler")]


def volume_names(project: str) -> dict[str, str]:
    """What the volumes of a project are called, by the server whose data they hold."""
    return {part: "%s_%s" % (project, part) for part in VOLUMES}


def compose(
    folder: str, words: Sequence[str], engine: Sequence[str] = ("docker",), timeout: float = 60
) -> Result:
    """Run Compose on the project in a folder, with the files that it finds there by itself, as the
    unit that starts the project at boot has it."""
    return run([*engine, "compose", "--project-directory", folder, *words], timeout=timeout)


def must(result: Result, what: str) -> Result:
    """:raises DeploymentError: it failed."""
    if result.rc:
        lines = [line for line in (result.err or result.out).splitlines() if line.strip()]
        raise DeploymentError(
            "%s: %s" % (what, lines[-1].strip() if lines else "exit code %d" % result.rc)
        )
    return result


def read(folder: str, engine: Sequence[str] = ("docker",)) -> Project:
    """The project in a folder. It needs no engine that runs, only its client with Compose.

    :raises DeploymentError: there is none, or it is not of this collection's making.
    """
    path = os.path.join(folder, "compose.yaml")
    if not os.path.exists(path):  # Compose would look for one in the folders above
        raise DeploymentError("%s is not there" % path)
    result = compose(folder, ["config", "--format", "json"], engine, CONFIG)
    if result.rc:
        raise DeploymentError("%s cannot be read: %s" % (path, _reason(folder, result)))
    try:
        return _project(folder, json.loads(result.out), tuple(engine))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise DeploymentError(
            "%s does not describe its services as this collection does" % path
        ) from None


def _reason(folder: str, result: Result) -> str:
    """Why Compose has not read a project. Its own words may quote a line of ``.env``."""
    if result.rc == 127:
        return "there is no docker here"
    if result.rc == 124:
        return "docker compose did not answer within %g seconds" % CONFIG
    if "is not a docker command" in result.err or "unknown flag" in result.err:
        return "docker has no Compose here"
    if not os.path.exists(os.path.join(folder, ".env")):
        return "docker compose needs %s, which is not there" % os.path.join(folder, ".env")
    return (
        "docker compose fails with exit code %d; to see why, run"
        " docker compose --project-directory %s config --quiet" % (result.rc, shlex.quote(folder))
    )


def _project(folder: str, found: dict[str, Any], engine: tuple[str, ...]) -> Project:
    name = str(found["name"])
    listed = found["services"]
    services = {name: listed[name] for name in SERVICES if name == "litellm" or name in listed}
    containers = {
        service: str(item.get("container_name") or "%s-%s-1" % (name, service))
        for service, item in services.items()
    }
    ports = {service: _published(item) for service, item in services.items()}
    # Of the proxy, whose environment is .env; the server's own superuser is another than its role.
    inside = services["litellm"]["environment"]
    address, problem = _address(services["litellm"], ports["litellm"])
    servers = {name: _reached(ports[name], INSIDE[name]) for name in services if name != "litellm"}
    published = {
        **({"litellm": address[1]} if address else {}),
        **{service: at[1] for service, at in servers.items() if at},
    }
    every = {
        entry.port
        for item in found["services"].values()
        for entry in _published(item)
        if entry.port is not None
    }
    return Project(
        name,
        folder,
        {service: str(item["image"]) for service, item in services.items()},
        containers,
        sorted(str(item["name"]) for item in (found.get("volumes") or {}).values()),
        "%s://%s:%d" % (_scheme(services["litellm"]), *address) if address else "",
        Endpoint(
            str(inside["POSTGRES_DB"]),
            str(inside["POSTGRES_USER"]),
            containers["postgres"],
            engine=engine,
        )
        if "postgres" in services
        else None,
        str((services.get("redis") or {}).get("user") or ""),
        tuple(sorted(every | ({address[1]} if address else set()))),
        tuple((containers[service], port) for service, port in published.items()),
        problem,
    )


def command_of(service: dict[str, Any]) -> _proxy_command.Command:
    """What a service's command says, as LiteLLM reads it."""
    words = service.get("command") or []
    return _proxy_command.parse_words(
        shlex.split(words) if isinstance(words, str) else [str(word) for word in words]
    )


def _scheme(service: dict[str, Any]) -> str:
    """Whether LiteLLM serves HTTPS."""
    options = command_of(service)["options"]
    found = _addresses.has_tls(options, service.get("environment") or {})
    return "https" if found else "http"


def _published(service: dict[str, Any]) -> tuple[Published, ...]:
    """The ports that a service publishes. Of a range Docker takes one that is free."""
    found = []
    for entry in service.get("ports") or []:
        text = str(entry.get("published") or "")
        found.append(
            Published(
                str(entry.get("host_ip") or ""),
                int(text) if text.isdigit() and text != "0" else None,
                int(entry["target"]),
                str(entry.get("protocol") or "tcp"),
            )
        )
    return tuple(found)


def _reached(ports: Sequence[Published], target: int) -> Optional[tuple[str, int]]:
    """Where a port of a container is reached from the host: on the loopback address where it can
    be; ``None`` where it is not published, or nobody knows at which port."""
    found = [
        (EVERYWHERE.get(entry.host) or _bracketed(entry.host), entry.port)
        for entry in ports
        if entry.target == target and entry.protocol == "tcp" and entry.port is not None
    ]
    loopback = [at for at in found if at[0].startswith("127.") or at[0] == "[::1]"]
    return next(iter(loopback or found), None)


def _bracketed(host: str) -> str:
    return "[%s]" % host if ":" in host else host


def _address(
    service: dict[str, Any], ports: Sequence[Published]
) -> tuple[Optional[tuple[str, int]], str]:
    """Where the proxy is reached, published or in the host's own network; or why nobody knows."""
    environment = service.get("environment") or {}
    command = command_of(service)
    port = int(command["port"] or environment.get("PORT") or INSIDE["litellm"])
    if service.get("network_mode") == "host":
        host = str(command["host"] or environment.get("HOST") or "")
        return (EVERYWHERE.get(host) or _bracketed(host), port), ""
    at = _reached(ports, port)
    problem = "the proxy's port %d is published at no port that compose.yaml fixes" % port
    return at, "" if at else problem


def proxy_started(folder: str, engine: Sequence[str]) -> float:
    """When the proxy was started last, in seconds since 1970; 0 where it has no container.

    :raises DeploymentError: Compose can't tell.
    """
    asked = compose(folder, ["ps", "--all", "--quiet", "litellm"], engine)
    name = must(asked, "the proxy's container is not known").out.strip()
    return _docker.started(name) if name else 0.0


def stop_proxy(folder: str, engine: Sequence[str], patience: int = STOP) -> None:
    """Stop the proxy alone.

    :param patience: seconds after which it is killed.
    :raises DeploymentError: it does not stop.
    """
    must(
        compose(folder, ["stop", "--timeout", str(patience), "litellm"], engine, patience + 60),
        "the proxy does not stop",
    )


def start_proxy(folder: str, engine: Sequence[str], timeout: float) -> None:
    """Start the proxy alone and wait until its container is healthy.

    :raises DeploymentError: it does not become healthy.
    """
    words = [
        "up",
        "--detach",
        "--wait",
        "--wait-timeout",
        "%d" % timeout,
        "--no-deps",
        "--no-build",
        "--pull",
        "never",
        "litellm",
    ]
    must(compose(folder, words, engine, timeout + 60), "the proxy does not start")
