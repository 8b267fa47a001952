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
from .._redis.redis import Container
from .._restore.state import RestoreError

SERVICES = ("litellm", "postgres", "redis")
STOP = 90  # seconds in which the proxy drains and writes its last spend


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


def compose(folder: str, words: Sequence[str], engine: Sequence[str] = ("docker",), timeout: float = 60) -> Result:
    """Run Compose on the project in a folder."""
    return run([*engine, "compose", "--project-directory", folder, "--file", os.path.join(folder, "compose.yaml"), *words], timeout=timeout)


def must(answer: Result, what: str) -> Result:
    """:raises RestoreError: it failed."""
    if answer.rc:
        lines = [line for line in (answer.err or answer.out).splitlines() if line.strip()]
        raise RestoreError("%s: %s" % (what, lines[-1].strip() if lines else "exit code %d" % answer.rc))
    return answer


def read(folder: str, engine: Sequence[str] = ("docker",)) -> Project:
    """The project in a folder, as Compose itself understands it.

    :raises RestoreError: there is none, or it is not of this collection's making.
    """
    path = os.path.join(folder, "compose.yaml")
    answer = must(compose(folder, ["config", "--format", "json"], engine), "%s is not a project that Compose understands" % path)
    try:
        told = json.loads(answer.out)
        services = {name: told["services"][name] for name in SERVICES}
        host, port = _address(services["litellm"])
        inside = services["postgres"]["environment"]
        name = str(told["name"])
        containers = {service: str(item.get("container_name") or "%s-%s-1" % (name, service)) for service, item in services.items()}
        return Project(
            name, folder, {service: str(item["image"]) for service, item in services.items()}, containers,
            sorted(str(item["name"]) for item in told.get("volumes", {}).values()),
            "http://%s:%d" % (host, port),
            Endpoint(str(inside["POSTGRES_DB"]), str(inside["POSTGRES_USER"]), containers["postgres"], engine=tuple(engine)),
            str(services["redis"].get("user") or ""),
            tuple(sorted({port, *(int(item["published"]) for service in services.values() for item in service.get("ports", []))})))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        # What Compose prints holds secrets, so nothing of it is shown.
        raise RestoreError("%s does not describe litellm, postgres and redis as this collection does" % path) from None


def _address(proxy: dict[str, Any]) -> tuple[str, int]:
    """Where the proxy is reached: published, or in the host's own network."""
    if proxy.get("network_mode") == "host":
        words = [str(word) for word in proxy["command"]]
        return words[words.index("--host") + 1], int(words[words.index("--port") + 1])
    published = proxy["ports"][0]
    return published.get("host_ip") or "127.0.0.1", int(published["published"])


def stop_proxy(folder: str, engine: Sequence[str]) -> None:
    """Stop the proxy alone, with time to write its last spend.

    :raises RestoreError: it does not stop.
    """
    must(compose(folder, ["stop", "--timeout", str(STOP), "litellm"], engine, STOP + 60), "the proxy does not stop")


def start_proxy(folder: str, engine: Sequence[str], patience: float) -> None:
    """Start the proxy alone and wait until its container is healthy.

    :raises RestoreError: it does not become healthy.
    """
    words = ["up", "--detach", "--wait", "--wait-timeout", "%d" % patience, "--no-deps", "--no-build", "--pull", "never", "litellm"]
    must(compose(folder, words, engine, patience + 60), "the proxy does not start")


class RedisAside(NamedTuple):
    """What the project's Redis holds, put aside while the proxy stands still: counters and cached keys of another database.

    LiteLLM counts spend up in Redis and refreshes such a counter at each request, so that one that is too high would stay. What waits there to
    be written would be added to the restored database. Kept as a snapshot until the restore has gone well.
    """

    container: Container
    snapshot: str

    def clear(self) -> bool:
        """Keep what it holds, and empty it; whether there is such a Redis.

        :raises RedisError: it refuses.
        """
        if self.container.state() != "running":
            return False
        if not os.path.exists(self.snapshot):
            growing = self.snapshot + ".growing"
            if os.path.exists(growing):
                os.unlink(growing)
            self.container.save(growing)
            os.rename(growing, self.snapshot)
        self.container.ask("FLUSHALL")
        return True

    def put_back(self, patience: float) -> None:
        """Let it hold again what it held.

        :raises RedisError: it can't load that.
        """
        if os.path.exists(self.snapshot):
            before = self.snapshot + ".before"
            if os.path.exists(before):
                os.unlink(before)
            if self.container.state() != "running":  # as a run leaves it that is killed here
                self.container.start(patience)
            self.container.load(self.snapshot, patience)
            self.forget()

    def forget(self) -> None:
        """What was kept is not needed any more."""
        for path in (self.snapshot, self.snapshot + ".before", self.snapshot + ".growing"):
            if os.path.exists(path):
                os.unlink(path)


def aside(project_name: str, state_dir: str, engine: Sequence[str]) -> RedisAside:
    """The Redis of a project, and where its snapshot is kept."""
    return RedisAside(Container("%s-redis" % project_name, tuple(engine)), os.path.join(state_dir, "restore-redis.rdb"))
