"""Throwaway Redis servers: a native one of Debian's per test, and a container of each image that
the environment names.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
from pathlib import Path
from typing import Callable, Iterator

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._config.environment_text import (
    redis_text,
)
from ansible_collections.llmops.litellm.plugins.module_utils._redis.redis import Container, Native

# Characters that break command lines, shells and Redis' own configuration
PASSWORD = "p@ss:w/o#r$d'\"%?& \\ü"
IMAGES = os.environ.get("LITELLM_TEST_REDIS_IMAGES", "").split()
ENGINE = (
    ("docker", "--host", os.environ["DOCKER_HOST"]) if "DOCKER_HOST" in os.environ else ("docker",)
)
# The server by its other name: the package redis-server would start one for the whole machine.
SERVER = "/usr/bin/redis-check-rdb"
# Where nothing can be carried to
collect_ignore = [] if IMAGES else ["test_login.py", "test_restore.py", "test_transfer.py"]


def quoted(password: str) -> str:
    """A password as Redis' configuration takes it."""
    return '"%s"' % "".join("\\x%02x" % byte for byte in password.encode())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Native]]:
    """Starts a native Redis with a password and further settings; it answers when this returns."""
    if not os.path.exists(SERVER):
        pytest.exit("these tests need Debian's Redis: apt-get install redis-tools", returncode=2)
    running: list[subprocess.Popen[str]] = []

    def start(*settings: str) -> Native:
        folder = tmp_path / ("native %d" % len(running))
        folder.mkdir()
        port = free_port()
        lines = [
            "bind 127.0.0.1",
            "port %d" % port,
            'dir "%s"' % folder,
            "repl-diskless-sync-delay 0",
            "requirepass " + quoted(PASSWORD),
            *settings,
        ]
        process = subprocess.Popen(
            ["redis-server", "-"],
            executable=SERVER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        assert process.stdin and process.stdout
        process.stdin.write("\n".join(lines) + "\n")
        process.stdin.close()
        said = []
        for line in process.stdout:
            said.append(line)
            if "Ready to accept connections" in line:
                return Native("127.0.0.1", port, "", PASSWORD)
        raise AssertionError("".join(said))

    yield start
    for process in running:
        process.terminate()
        process.wait(30)
        assert process.stdout
        process.stdout.close()


@pytest.fixture
def native(serve: Callable[..., Native]) -> Native:
    """A native Redis as Debian configures it."""
    return serve()


@pytest.fixture(params=IMAGES)
def contain(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Container]]:
    """Makes a container as the compose file does, with further lines of configuration; it does not
    run yet.
    """
    made: list[Container] = []

    def make(more: str = "") -> Container:
        container = Container("llmops-test-redis-%s" % secrets.token_hex(4), ENGINE)
        configuration = tmp_path / ("%s.conf" % container.name)
        configuration.write_text(redis_text(PASSWORD) + more, encoding="utf-8")
        configuration.chmod(0o444)
        made.append(container)
        subprocess.run(
            [
                *ENGINE,
                "create",
                "--name",
                container.name,
                "--user",
                "redis",
                "--cap-drop",
                "ALL",
                "--security-opt",
                "no-new-privileges",
                "--restart",
                "unless-stopped",
                "--network",
                "none",
                "--volume",
                "%s:/etc/redis.conf:ro" % configuration,
                request.param,
                "redis-server",
                "/etc/redis.conf",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return container

    yield make
    for container in made:
        subprocess.run(
            [*ENGINE, "rm", "--force", "--volumes", container.name],
            check=True,
            stdout=subprocess.DEVNULL,
        )


@pytest.fixture
def target(contain: Callable[..., Container]) -> Container:
    """A container that runs."""
    container = contain()
    container.start(30)
    return container
