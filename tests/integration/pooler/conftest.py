"""A PgBouncer in a container, two servers behind it, and clients that write through it."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from integration.database.conftest import free_port, started

from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import limit as _limit
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import pooler as _pooler
from ansible_collections.llmops.litellm.plugins.module_utils._pooler import target as _target
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.folder import Folder, Owner
from ansible_collections.llmops.litellm.plugins.module_utils._pooler.target import Target
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
    Session,
    identifier,
    literal,
    query,
)

IMAGES = os.environ.get("LITELLM_TEST_PGBOUNCER_IMAGES", "").split()
ACCOUNT = Owner(999, 999)  # of the image
# Without one there is no pooler.
collect_ignore = [] if IMAGES else ["test_pooler.py"]
PATIENCE = 15.0  # seconds until a test that waits for nothing fails
TABLE = "CREATE TABLE rows (client integer, number integer, PRIMARY KEY (client, number))"


class Server:
    """A server of its own, with a role and a database whose names and password are awkward."""

    def __init__(self, admin: Endpoint, folder: Path, word: str) -> None:
        self.admin = admin
        self.database = f"data base '{word}"
        role, password = f'gate"way {word}', f"p@ss:w/o#r$d'\"%?& \\ü;{word}"
        with Session(admin) as session:
            session.execute(f"CREATE ROLE {identifier(role)} LOGIN PASSWORD {literal(password)}")
            session.execute(f"CREATE DATABASE {identifier(self.database)} OWNER {identifier(role)}")
        words = tuple(quote(text, safe="") for text in (role, password, self.database))
        self.env_file = folder / f"{word}.env"
        url = "postgresql://%s:%s@elsewhere.invalid:1/%s?connection_limit=5" % words
        self.env_file.write_text(f"DATABASE_URL='{url}'\n")
        self.execute("SET ROLE %s; %s" % (identifier(role), TABLE))

    @property
    def params(self) -> dict[str, Any]:
        """The server as a module's argument names it."""
        words = {"host": "127.0.0.1", "port": self.admin.port, "variable": "DATABASE_URL"}
        return {"env_file": str(self.env_file), **words}

    @property
    def target(self) -> Target:
        return _target.from_params(self.params)

    def execute(self, sql: str) -> None:
        """Run statements as a superuser, past the pooler."""
        with Session(self.admin.on(self.database)) as session:
            session.execute(sql)

    def query(self, sql: str) -> list[list[str | None]]:
        """Ask as a superuser, past the pooler."""
        return query(self.admin.on(self.database), sql)

    def rows(self) -> set[tuple[str | None, ...]]:
        """All rows that are there."""
        return {tuple(row) for row in self.query("SELECT client, number FROM rows")}

    def transactions(self) -> int:
        """How many backends others have in the database."""
        found = self.query(
            "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            " AND datname = current_database() AND backend_type = 'client backend'"
        )
        return int(found[0][0] or 0)


class Timer:
    """What systemd's timer is elsewhere: a process beside the one that pauses."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def arm(self, seconds: float, command: list[str]) -> None:
        words = ["sh", "-c", 'sleep "$0"; exec "$@"', f"{seconds:g}", *command]
        options: dict[str, Any] = {"start_new_session": True, "stderr": subprocess.DEVNULL}
        made = subprocess.Popen(words, env=_process.ENVIRONMENT, **options)
        self.place.write_text(str(made.pid))

    def disarm(self) -> None:
        if self.place.exists():
            try:
                os.killpg(int(self.place.read_text()), signal.SIGKILL)
            except ProcessLookupError:
                pass  # it has ended
            self.place.unlink()


class Clients:
    """Clients that write row after row, some on one connection and some on a new one each time."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.written: dict[int, int] = {}  # rows of each client that were acknowledged
        self.failed: list[str] = []
        self.slowest = 0.0
        self.over = False
        self.threads = [
            threading.Thread(target=self._write, args=(number, number % 2 == 0))
            for number in range(4)
        ]

    def _write(self, client: int, keeps: bool) -> None:
        try:
            while not self.over:
                with Session(self.endpoint) as session:
                    self._insert(session, client)
                    while keeps and not self.over:
                        self._insert(session, client)
        except PostgresError as error:
            self.failed.append(str(error))

    def _insert(self, session: Session, client: int) -> None:
        number = self.written.get(client, 0) + 1
        began = time.monotonic()
        session.execute(f"INSERT INTO rows VALUES ({client}, {number})")
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.written[client] = number
        time.sleep(0.005)

    def rows(self) -> set[tuple[str | None, ...]]:
        """All rows that were acknowledged."""
        return {
            (str(client), str(number))
            for client, last in self.written.items()
            for number in range(1, last + 1)
        }

    def go_on(self) -> None:
        """Wait until each of them has written again."""
        before, end = dict(self.written), time.monotonic() + PATIENCE
        while any(self.written.get(n, 0) <= before.get(n, 0) for n in range(len(self.threads))):
            assert time.monotonic() < end and not self.failed, self.failed
            time.sleep(0.01)

    def __enter__(self) -> Clients:
        for thread in self.threads:
            thread.start()
        self.go_on()
        return self

    def __exit__(self, *_error: object) -> None:
        self.over = True
        for thread in self.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()


class Site:
    """A pooler that leads to the old one of two servers, and its clients."""

    def __init__(self, stack: ExitStack, folder: Path, image: str) -> None:
        self.folder = Folder(str(folder / "pooler"))
        self.old, self.new = (
            Server(stack.enter_context(started()), folder, word) for word in ("old", "new")
        )
        self.container = "llmops-test-pooler-" + secrets.token_hex(4)
        self.port = free_port()
        urls = {"DATABASE_URL": "postgresql://u:p@h/d?connection_limit=5"}
        wanted = _pooler.Wanted(self.port, ACCOUNT, 5, urls)
        assert _pooler.present(self.folder, self.old.target, wanted, False).changed
        stack.callback(self.docker, "rm", "--force", self.container)
        self.docker(
            *("run", "--detach", "--name", self.container, "--network", "host", "--read-only"),
            *("--cap-drop", "ALL", "--security-opt", "no-new-privileges:true"),
            *("--volume", f"{self.folder.mounted}:/etc/pgbouncer:ro", image),
        )

    @staticmethod
    def docker(*words: str) -> str:
        """What the engine's client prints."""
        done = subprocess.run(["docker", *words], capture_output=True, text=True, check=True)
        return done.stdout + done.stderr

    def clients(self) -> Clients:
        return Clients(self.folder.known_client().endpoint())

    def pause(self, limit: float = 60, patience: float = 5) -> _pooler.Outcome:
        return _pooler.pause(self.folder, self.container, limit, patience)

    def settle(self) -> _pooler.Outcome:
        return _pooler.settle(self.folder, self.container)

    def serve(self, server: Server) -> _pooler.Outcome:
        return _pooler.serve(self.folder, self.container, server.target)

    def copy(self) -> None:
        """All rows of the old server into the new one."""
        values = ", ".join("(%s, %s)" % row for row in self.old.rows())
        self.new.execute(f"INSERT INTO rows VALUES {values}")


@pytest.fixture(params=IMAGES)
def site(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """A pooler that serves."""
    timer = Timer(tmp_path / "timer")
    monkeypatch.setitem(_process.ENVIRONMENT, "DOCKER_HOST", os.environ["DOCKER_HOST"])
    monkeypatch.setattr(_limit, "arm", timer.arm)
    monkeypatch.setattr(_limit, "disarm", timer.disarm)
    with ExitStack() as stack:
        stack.callback(timer.disarm)
        made = Site(stack, tmp_path, request.param)
        end = time.monotonic() + PATIENCE
        while True:
            try:
                made.serve(made.old)
                break
            except _pooler.PoolerError:
                assert time.monotonic() < end, made.docker("logs", made.container)
                time.sleep(0.1)
        yield made
