"""Throwaway PostgreSQL servers: one of Debian's own per test session, and one per image that the
environment names.

Clusters are made by Debian's binaries, owned by an unprivileged account, on a free port, and
removed with their folder. LITELLM_TEST_POSTGRES_IMAGES holds images with the official PostgreSQL
image's face (as DOCKER_HOST's engine knows them): every test that crosses servers then also runs
from Debian's server into each of them.
"""

from __future__ import annotations

import glob
import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Callable, Iterator
from urllib.parse import quote

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._postgres import role as _role
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    Session,
    identifier,
    literal,
    query,
    server_version,
)

# Characters that break URLs, shells and connection strings
PASSWORD = "p@ss:w/o#r$d'\"%?& \\ü"
ENGINE = (
    ("docker", "--host", os.environ["DOCKER_HOST"]) if "DOCKER_HOST" in os.environ else ("docker",)
)
IMAGES = os.environ.get("LITELLM_TEST_POSTGRES_IMAGES", "").split()


class Server:
    """A server and the makers of its databases. ``endpoint`` is a superuser's; ``role`` makes its
    databases.
    """

    def __init__(self, endpoint: Endpoint, role: str) -> None:
        self.endpoint, self.role = endpoint, role
        self.made: list[str] = []

    def name(self) -> str:
        """A name that no database has yet."""
        self.made.append("Data base %s" % secrets.token_hex(4))
        return self.made[-1]

    def at(self, database: str) -> Endpoint:
        """A database as the role that owns it sees it."""
        raise NotImplementedError

    def new(self, sql: str = "", encoding: str = "UTF8") -> Endpoint:
        """A database with content."""
        name = self.name()
        locale = "" if encoding == "UTF8" else " LC_COLLATE 'C' LC_CTYPE 'C'"
        with Session(self.endpoint) as session:
            session.execute(
                "CREATE DATABASE %s OWNER %s TEMPLATE template0 ENCODING '%s'%s"
                % (identifier(name), identifier(self.role), encoding, locale)
            )
        self.run(self.at(name), sql)
        return self.at(name)

    @staticmethod
    def run(endpoint: Endpoint, sql: str) -> None:
        """Run a script."""
        with Session(endpoint) as session:
            session.execute(sql)

    def databases(self) -> list[str]:
        """Every database's name."""
        return [
            str(row[0])
            for row in query(self.endpoint, "SELECT datname FROM pg_database ORDER BY 1")
        ]

    def clean(self) -> None:
        """Drop what a test made."""
        with Session(self.endpoint) as session:
            for name in self.made:
                for database in (name, name + "__copying"):
                    session.execute(
                        "DROP DATABASE IF EXISTS %s WITH (FORCE)" % identifier(database)
                    )
        self.made.clear()


class Native(Server):
    """A cluster of Debian's binaries."""

    def __init__(self, endpoint: Endpoint, role: str) -> None:
        super().__init__(endpoint, role)
        self.folder = endpoint.host

    def url(self, database: str) -> str:
        """What a DATABASE_URL would say, with parameters of Prisma's."""
        return "postgresql://%s:%s@127.0.0.1:%d/%s?connection_limit=5&schema=public" % (
            quote(self.role, safe=""),
            quote(PASSWORD, safe=""),
            self.endpoint.port,
            quote(database, safe=""),
        )

    def at(self, database: str) -> Endpoint:
        return Endpoint.from_url(self.url(database))


class Contained(Server):
    """A container of an image, with LiteLLM's role in it."""

    def at(self, database: str) -> Endpoint:
        return replace(self.endpoint.on(database), user=self.role)


ROOM = 4 << 30  # bytes


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _debian() -> str:
    folders = sorted(
        glob.glob("/usr/lib/postgresql/*/bin/initdb"),
        key=lambda path: int(re.findall(r"\d+", path)[0]),
    )
    if not folders:
        pytest.exit(
            "these tests need Debian's PostgreSQL server: apt-get install postgresql", returncode=2
        )
    return os.path.dirname(folders[-1])


def _memory() -> str:
    """Where clusters are, in memory if it has room: a database is hundreds of files, and hundreds
    of databases are made and dropped.
    """
    shared = "/dev/shm"
    return shared if os.path.isdir(shared) and shutil.disk_usage(shared).free > ROOM else "/tmp"


@contextmanager
def started(superuser: str = "postgres", *settings: str) -> Iterator[Endpoint]:
    """A running cluster whose hosts log in by password; the maintenance database as its
    superuser.

    :param settings: more of the server's own.
    """
    binaries, folder, port = (
        _debian(),
        tempfile.mkdtemp(prefix="llmops-pg-", dir=_memory()),
        free_port(),
    )
    account = (
        {"user": pwd.getpwnam("postgres").pw_uid, "group": pwd.getpwnam("postgres").pw_gid}
        if os.geteuid() == 0
        else {}
    )
    if account:
        os.chown(folder, account["user"], account["group"])
    data = os.path.join(folder, "data")

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [os.path.join(binaries, program), *arguments],
            check=True,
            cwd="/",
            stdout=subprocess.DEVNULL,
            **account,
        )

    try:
        run(
            "initdb",
            "--pgdata",
            data,
            "--username=" + superuser,
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--auth-local=trust",
            "--auth-host=scram-sha-256",
            "--no-sync",
        )
        run(
            "pg_ctl",
            "--pgdata",
            data,
            "--wait",
            "--log",
            os.path.join(folder, "log"),
            "--options",
            "-p %d -c listen_addresses=127.0.0.1 -c unix_socket_directories=%s"
            " -c fsync=off -c full_page_writes=off%s"
            % (port, folder, "".join(" -c " + setting for setting in settings)),
            "start",
        )
        yield Endpoint("postgres", superuser, host=folder, port=port, bindir=binaries)
    finally:
        if os.path.exists(os.path.join(data, "postmaster.pid")):
            run("pg_ctl", "--pgdata", data, "--wait", "--mode=immediate", "stop")
        shutil.rmtree(folder)


def contained(superuser: str) -> Iterator[Endpoint]:
    """A cluster behind the face of a container."""
    _role._superuser.cache_clear()
    folder = tempfile.mkdtemp(prefix="llmops-engine-", dir="/tmp")
    try:
        with started(superuser) as server:
            yield Endpoint("litellm", "litellm", "pg", engine=(engine(Path(folder), server),))
    finally:
        shutil.rmtree(folder)


def engine(folder: Path, server: Endpoint) -> str:
    """An engine whose only container is the cluster."""
    path = folder / "engine"
    path.write_text(
        """#!/bin/bash
shift 2
while [ "$1" = --env ]; do case "$2" in *=*) export "${2?}" ;; esac; shift 2; done
shift
export PGHOST=%s PGPORT=%d PATH=%s:$PATH PGDATA=%s
exec "$@"
"""
        % (server.host, server.port, server.bindir, folder)
    )
    path.chmod(0o755)
    return str(path)


@pytest.fixture(params=["0.1.0", "new"])
def container(request: pytest.FixtureRequest) -> Iterator[Endpoint]:
    """A server whose bootstrap superuser is LiteLLM's role, or its own."""
    yield from contained("litellm" if request.param == "0.1.0" else "postgres")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Native]:
    """A running cluster with a role that makes databases."""
    role = 'gate"way ü'
    with started("postgres", "wal_level=logical") as admin:
        with Session(admin) as session:
            session.execute(
                "CREATE ROLE %s LOGIN CREATEDB PASSWORD %s" % (identifier(role), literal(PASSWORD))
            )
        yield Native(admin, role)


@pytest.fixture(scope="session")
def containers() -> Iterator[Callable[[str], Contained]]:
    """Starts a container per image, once."""
    running: dict[str, Contained] = {}

    def start(image: str) -> Contained:
        if image not in running:
            name = "llmops-test-pg-%s" % secrets.token_hex(4)
            subprocess.run(
                [
                    "docker",
                    "run",
                    "--detach",
                    "--name",
                    name,
                    "--env",
                    "POSTGRES_USER=postgres",
                    "--env",
                    "POSTGRES_PASSWORD=x",
                    "--network",
                    "none",
                    "--tmpfs",
                    "/var/lib/postgresql/data",
                    image,
                    "postgres",
                    "-c",
                    "fsync=off",
                    "-c",
                    "full_page_writes=off",
                    "-c",
                    "wal_level=logical",
                ],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            running[image] = Contained(
                Endpoint("postgres", "postgres", container=name, engine=ENGINE), "litellm"
            )
            _wait(name)
            _role.secure(running[image].at("postgres"))
        return running[image]

    yield start
    for server in running.values():
        subprocess.run(
            ["docker", "rm", "--force", "--volumes", server.endpoint.container],
            check=True,
            stdout=subprocess.DEVNULL,
        )


def _wait(container: str) -> None:
    """Until the server that stays (not the one of initialisation, which listens on no address)
    answers.
    """
    script = "until pg_isready --quiet --host 127.0.0.1 --username postgres; do sleep 0.2; done"
    subprocess.run(["docker", "exec", container, "timeout", "60", "bash", "-c", script], check=True)


@pytest.fixture
def native(cluster: Native) -> Iterator[Native]:
    """The cluster, cleaned after the test."""
    yield cluster
    cluster.clean()


@pytest.fixture(params=["debian", *IMAGES])
def target(
    request: pytest.FixtureRequest, native: Native, containers: Callable[[str], Contained]
) -> Iterator[Server]:
    """Where to: the same cluster, and every image."""
    server = native if request.param == "debian" else containers(request.param)
    yield server
    server.clean()


@pytest.fixture
def pair(native: Native, target: Server) -> tuple[Server, Server]:
    """From the older of the two servers to the newer, natively to a container or the other way."""
    return (
        (target, native)
        if server_version(target.endpoint)[1] < server_version(native.endpoint)[1]
        else (native, target)
    )


@pytest.fixture
def broken(native: Native) -> Iterator[Callable[[str, str], Endpoint]]:
    """Makes an endpoint one of whose client programs is a script of the test's; ``{real}`` in it is
    the program itself.
    """
    folders = []

    def make(program: str, script: str) -> Endpoint:
        folder = tempfile.mkdtemp(prefix="llmops-bin-")
        os.chmod(folder, 0o755)  # psql does not run as root
        folders.append(folder)
        real = native.endpoint.bindir
        for name in ("psql", "pg_dump", "pg_restore"):
            os.symlink(os.path.join(real, name), os.path.join(folder, name))
        path = os.path.join(folder, program)
        os.unlink(path)
        with open(path, "w", encoding="utf-8") as handle:
            handle.write(
                (
                    '#!/bin/bash\nset -o pipefail\ncase "$*" in *--version*) exec {real} '
                    "--version ;; esac\n"
                ).replace("{real}", os.path.join(real, program))
                + script.replace("{real}", os.path.join(real, program))
            )
        os.chmod(path, 0o755)
        return replace(native.endpoint, bindir=folder)

    yield make
    for folder in folders:
        shutil.rmtree(folder)
