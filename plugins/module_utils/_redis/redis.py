# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talk to Redis: a native server (:class:`Native`) or one in a container (:class:`Container`).

The face of this package. Keys travel between the two as Redis' own snapshot file. Passwords are
passed by ``REDISCLI_AUTH``; the container's is read from its own environment, inside it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from typing import IO, Callable, NamedTuple, Optional, cast

from .._host import files as _files
from .._host.problem import OperatorError
from .._host.process import Result, run, start
from . import formats as _formats

Keyspace = dict[str, dict[str, int]]
NOTHING = {"keys": 0, "expires": 0}
# Release 0.1.0 had the password in the container's environment, where everybody who may ask the
# engine reads it.
_PASSWORD = '"${REDIS_PASSWORD-$(printf "$(sed -n \'s/^#auth //p\' /etc/redis.conf)")}"'
_INSIDE = 'REDISCLI_AUTH=%s exec redis-cli "$@"' % _PASSWORD
_HASHED = "printf %%s %s | sha256sum" % _PASSWORD
_CHUNK = 1 << 20
# The clients of the host, either of which speaks to both, and where they take a password from.
CLIENTS = ("redis-cli", "valkey-cli")
AUTH = ("REDISCLI_AUTH", "VALKEYCLI_AUTH")


class RedisError(OperatorError):
    """Redis, its client or the container engine failed; the message says which, and its answer."""


class Denied(RedisError):
    """Redis runs and refuses the login: waiting would not help."""


class Native(NamedTuple):
    """A Redis on the host; ``user`` and ``password`` are empty if it needs none."""

    host: str
    port: int
    user: str
    password: str

    def ask(self, *words: str, timeout: float = 600) -> str:
        """Run redis-cli against it.

        :raises RedisError: it is not there, or says no.
        """
        login = ["--user", self.user] if self.user else []
        place = ["-h", self.host, "-p", str(self.port)]
        password = dict.fromkeys(AUTH, self.password) if self.password else None
        for client in CLIENTS:
            answer = run(
                [client, *place, *login, "--no-auth-warning", *words],
                env=password,
                timeout=timeout,
            )
            if answer.rc != 127:
                break
        else:
            raise RedisError(
                "neither redis-cli nor valkey-cli is installed on this host (Debian: redis-tools, "
                "valkey-tools); one is needed to read the native server."
            )
        return _answer("the native Redis on port %d" % self.port, answer)

    def wait(self, timeout: float, clock: Callable[[], float] = time.monotonic) -> Keyspace:
        """Wait until it has loaded its keys; how many there are.

        :raises RedisError: it needs longer.
        """
        limit = clock() + timeout
        while True:
            try:
                return parse_keyspace(self.ask("INFO", "keyspace"))
            except RedisError:
                if clock() > limit:
                    raise
            time.sleep(0.1)


class Container(NamedTuple):
    """A Redis in a container that has its password in ``/etc/redis.conf``, as the role
    ``env_file`` writes it (or as ``REDIS_PASSWORD``), and its data in ``/data``.

    ``engine`` is the container engine's command.
    """

    name: str
    engine: tuple[str, ...] = ("docker",)

    def ask(self, *words: str, stdin: Optional[str] = None, timeout: float = 60) -> str:
        """Run the container's own redis-cli in it.

        :param stdin: without words, a command that no list of processes may show, as redis-cli's
            own parser takes it.
        :raises RedisError: the container does not run, or Redis says no.
        """
        fed = [] if stdin is None else ["-i"]
        command = [*self.engine, "exec", *fed, self.name, "sh", "-c", _INSIDE, "redis-cli", *words]
        answer = run(command, stdin=stdin, timeout=timeout)
        return _answer("Redis in container %s" % self.name, answer)

    def password_hash(self) -> str:
        """SHA-256 of the container's own password, which does not leave it.

        :raises RedisError: the container does not run.
        """
        return self.docker("exec", self.name, "sh", "-c", _HASHED).split(" ")[0]

    def docker(self, *words: str) -> str:
        """Run the engine's client.

        :raises RedisError: it fails.
        """
        answer = run([*self.engine, *words], timeout=300)
        if answer.rc != 0:
            raise RedisError("docker %s: %s" % (words[0], answer.err.strip()))
        return answer.out

    def state(self) -> str:
        """What the engine says of it (``running``, ``created``, ``exited``), empty where there is
        no such container.
        """
        answer = run(
            [*self.engine, "container", "inspect", "--format", "{{.State.Status}}", self.name]
        )
        if answer.rc != 0 and "no such container" not in answer.err.lower():
            raise RedisError("docker inspect: %s" % answer.err.strip())
        return answer.out.strip() if answer.rc == 0 else ""

    def start(self, timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Start it where it does not run, and wait until it has loaded its keys.

        :param timeout: seconds that this may take.
        :raises RedisError: it ended instead, with the reason that its log gives; or it needs
            longer.
        """
        self.docker("start", self.name)
        limit, restarts = clock() + timeout, self._restarts()
        while True:
            try:
                if self.ask("PING").strip() == "PONG":
                    return
                reason = "no PONG"
            except Denied:
                raise
            except RedisError as error:
                reason = str(error)
            state = self.state()
            if state != "running" or self._restarts() > restarts:
                raise RedisError(
                    "Redis in container %s does not run (%s): %s"
                    % (self.name, state, self._reason() or reason)
                )
            if clock() > limit:
                raise RedisError(
                    "%s has not loaded the keys within %g seconds: %s"
                    % (self.name, timeout, reason)
                )
            time.sleep(0.1)

    def _restarts(self) -> int:
        return int(self.docker("container", "inspect", "--format", "{{.RestartCount}}", self.name))

    def _reason(self) -> str:
        logs = run([*self.engine, "logs", "--tail", "40", self.name])
        return reason(logs.out + logs.err)

    def put(self, path: str, owner: tuple[int, int]) -> None:
        """Make a file the one that the stopped container will load.

        On the host it stays the caller's alone.

        :param owner: user and group that it has in the container.
        :raises RedisError: the engine does not take it.
        """

        def as_redis(item: tarfile.TarInfo) -> tarfile.TarInfo:
            item.uid, item.gid = owner
            item.uname = item.gname = ""
            item.mode = 0o600
            return item

        def send(client: subprocess.Popen[bytes]) -> None:
            with tarfile.open(fileobj=client.stdin, mode="w|") as archive:
                archive.add(path, "dump.rdb", filter=as_redis)

        # Not --archive: the engine would look up the container's user by name among those of the
        # host.
        self._stream(["cp", "-", self.name + ":/data"], send)

    def fetch(self, path: str) -> None:
        """Copy its snapshot to a new file on the host, which is the caller's alone.

        As a stream: a link that lies in the snapshot's place is none on the host.

        :raises RedisError: the engine has none, or it is no regular file.
        """

        def receive(client: subprocess.Popen[bytes]) -> None:
            stream = cast(IO[bytes], client.stdout)
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                item = archive.next()
                source = archive.extractfile(item) if item and item.isreg() else None
                if source is None:
                    raise RedisError("/data/dump.rdb of container %s is no file" % self.name)
                with _files.creating(path) as target:
                    shutil.copyfileobj(source, target, _CHUNK)
            while stream.read(_CHUNK):
                pass  # an engine that can't write the end of its archive would call it a failure

        self._stream(["cp", self.name + ":/data/dump.rdb", "-"], receive)

    def _stream(self, words: list[str], pump: Callable[[subprocess.Popen[bytes]], None]) -> None:
        """Run the engine's client while something feeds or drinks it.

        :raises RedisError: it fails; that says more than what the other side of it saw.
        """
        unread = ""
        with tempfile.TemporaryFile() as errors:
            try:
                with start(
                    [*self.engine, *words],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                ) as client:
                    pump(client)
            except (BrokenPipeError, tarfile.TarError) as error:
                unread = str(error)  # it ended early: its exit code and standard error say why
            errors.seek(0)
            said = errors.read().decode("utf-8", "replace").strip()
        if client.returncode or unread:
            raise RedisError("docker %s: %s" % (words[0], said or unread))

    def major(self) -> int:
        """The server's major version."""
        found = re.search(r"^redis_version:(\d{1,9})", self.ask("INFO", "server"), re.M)
        return int(found[1]) if found else 0

    def release(self) -> Optional[_formats.Release]:
        """The server's product and release, ``None`` where it does not tell."""
        return _formats.release(self.ask("INFO", "server"))

    def save(self, path: str) -> None:
        """Write all of its keys to a new file on the host.

        :raises RedisError: it does not run, or cannot.
        """
        self.ask("SAVE")
        self.fetch(path)

    def load(self, snapshot: str, timeout: float) -> None:
        """Start with this snapshot in place of what was there; where it can't be loaded, with what
        was there.

        :param snapshot: a file in a folder that has room for what the container holds, too.
        :param timeout: seconds until it must have loaded it.
        :raises RedisError: it was not loaded.
        """
        uid, gid = self.docker("exec", self.name, "stat", "-c", "%u %g", "/data").split()
        owner, before = (int(uid), int(gid)), snapshot + ".before"
        # Running, it would write its own over the snapshot at its end. Stopped, it has saved what
        # it held.
        self.docker("stop", self.name)
        try:
            self.fetch(before)
            self.put(snapshot, owner)
            self.start(timeout)
        except (RedisError, OSError) as error:
            self._put_back(before, owner, timeout, error)
            raise

    def _put_back(
        self, before: str, owner: tuple[int, int], timeout: float, failure: Exception
    ) -> None:
        # A container that can't load its file would not start in the next run either.
        try:
            if os.path.exists(before):
                self.docker("stop", self.name)
                self.put(before, owner)
            self.start(timeout)
        except (RedisError, OSError) as error:
            raise RedisError(
                "%s. And it does not start with what it held before: %s" % (failure, error)
            ) from None


def _answer(who: str, answer: Result) -> str:
    # redis-cli reports errors of the server on standard output and ends well.
    refused = re.match(
        r"(?:\(error\) )?(NOAUTH|WRONGPASS|LOADING|ERR|NOPERM|MISCONF)\b.*", answer.out
    )
    if answer.rc != 0 or refused:
        kind = Denied if refused and refused[1] in ("NOAUTH", "WRONGPASS", "NOPERM") else RedisError
        raise kind("%s: %s" % (who, (answer.err or answer.out).strip()))
    return answer.out


def reason(log: str) -> str:
    """Why a Redis ended, from its log: the first warning of its last start that is not about the
    host's memory settings.

    Only lines of its log are used: an error about its configuration would show the password.
    """
    start = max(log.rfind("%s is starting" % name) for name in (_formats.REDIS, _formats.VALKEY))
    warnings = re.findall(r"^\d+:M .{10,40} # (.*)$", log[max(start, 0) :], re.M)
    return next((line.strip()[:300] for line in warnings if not line.startswith("WARNING")), "")


def parse_keyspace(text: str) -> Keyspace:
    """``INFO keyspace``: keys, and how many of them expire, by logical database."""
    return {
        match[1]: {"keys": int(match[2]), "expires": int(match[3])}
        for match in re.finditer(
            r"^(db\d{1,9}):keys=(\d{1,18}),expires=(\d{1,18})(?!\d)", text, re.M
        )
    }
