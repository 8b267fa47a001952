# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Compose project of this collection as its own files tell it, and what a restore does with its proxy and Redis."""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple, Sequence

from .._host.process import Result, run
from .._postgres.session import Endpoint

SERVICES = ("litellm", "postgres", "redis")
STOP = 90  # seconds in which the proxy drains and writes its last spend


class DeploymentError(Exception):
    """A deployment is not what it should be, or its parts do not do what they are told; the message says which."""


class Project(NamedTuple):
    """``images`` and ``containers`` by service; ``url`` of the proxy; ``volumes``: names; the database as its container's clients see it; ``ports`` of the
    host that are published."""

    name: str
    folder: str
    images: dict[str, str]
    containers: dict[str, str]
    volumes: list[str]
    url: str
    database: Endpoint
    redis_user: str
    ports: tuple[int, ...] = ()


def compose(
    folder: str, words: Sequence[str], engine: Sequence[str] = ("docker",), timeout: float = 60
) -> Result:
    """Run Compose on the project in a folder."""
    return run(
        [
            *engine,
            "compose",
            "--project-directory",
            folder,
            "--file",
            os.path.join(folder, "compose.yaml"),
            *words,
        ],
        timeout=timeout,
    )


def must(answer: Result, what: str) -> Result:
    """:raises DeploymentError: it failed."""
    if answer.rc:
        lines = [line for line in (answer.err or answer.out).splitlines() if line.strip()]
        raise DeploymentError(
            "%s: %s" % (what, lines[-1].strip() if lines else "exit code %d" % answer.rc)
        )
    return answer


def read(folder: str, engine: Sequence[str] = ("docker",)) -> Project:
    """The project in a folder, as Compose itself understands it.

    :raises DeploymentError: there is none, or it is not of this collection's making.
    """
    path = os.path.join(folder, "compose.yaml")
    answer = must(
        compose(folder, ["config", "--format", "json"], engine),
        "%s is not a project that Compose understands" % path,
    )
    try:
        told = json.loads(answer.out)
        services = {name: told["services"][name] for name in SERVICES}
        host, port = _address(services["litellm"])
        inside = services["postgres"]["environment"]
        name = str(told["name"])
        containers = {
            service: str(item.get("container_name") or "%s-%s-1" % (name, service))
            for service, item in services.items()
        }
        return Project(
            name,
            folder,
            {service: str(item["image"]) for service, item in services.items()},
            containers,
            sorted(str(item["name"]) for item in told.get("volumes", {}).values()),
            "http://%s:%d" % (host, port),
            Endpoint(
                str(inside["POSTGRES_DB"]),
                str(inside["POSTGRES_USER"]),
                containers["postgres"],
                engine=tuple(engine),
            ),
            str(services["redis"].get("user") or ""),
            tuple(
                sorted(
                    {
                        port,
                        *(
                            int(item["published"])
                            for service in services.values()
                            for item in service.get("ports", [])
                        ),
                    }
                )
            ),
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        # What Compose prints holds secrets, so nothing of it is shown.
        raise DeploymentError(
            "%s does not describe litellm, postgres and redis as this collection does" % path
        ) from None


def _address(proxy: dict[str, Any]) -> tuple[str, int]:
    """Where the proxy is reached: published, or in the host's own network."""
    if proxy.get("network_mode") == "host":
        words = [str(word) for word in proxy["command"]]
        return words[words.index("--host") + 1], int(words[words.index("--port") + 1])
    published = proxy["ports"][0]
    return published.get("host_ip") or "127.0.0.1", int(published["published"])


def stop_proxy(folder: str, engine: Sequence[str]) -> None:
    """Stop the proxy alone, with time to write its last spend.

    :raises DeploymentError: it does not stop.
    """
    must(
        compose(folder, ["stop", "--timeout", str(STOP), "litellm"], engine, STOP + 60),
        "the proxy does not stop",
    )


def start_proxy(folder: str, engine: Sequence[str], patience: float) -> None:
    """Start the proxy alone and wait until its container is healthy.

    :raises DeploymentError: it does not become healthy.
    """
    words = [
        "up",
        "--detach",
        "--wait",
        "--wait-timeout",
        "%d" % patience,
        "--no-deps",
        "--no-build",
        "--pull",
        "never",
        "litellm",
    ]
    must(compose(folder, words, engine, patience + 60), "the proxy does not start")
