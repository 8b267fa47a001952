# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of a native Redis into the data volume of one in a container, by Redis' own snapshot file.

Passwords go by ``REDISCLI_AUTH``; the container's is taken from its own environment, inside it.
"""
from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from typing import Callable, NamedTuple

from ._host import Result, run

Keyspace = dict[str, dict[str, int]]
_INSIDE = 'REDISCLI_AUTH="$REDIS_PASSWORD" exec redis-cli "$@"'


class RedisError(Exception):
    """Redis, its client or the engine refused; the message says who and what it answered."""


class Native(NamedTuple):
    """A Redis on the host; ``user`` and ``password`` are empty where it asks for none."""

    host: str
    port: int
    user: str
    password: str

    def ask(self, *words: str, timeout: float = 600) -> str:
        """Run redis-cli against it.

        :raises RedisError: it is not there, or says no.
        """
        login = ["--user", self.user] if self.user else []
        answer = run(["redis-cli", "-h", self.host, "-p", str(self.port), *login, "--no-auth-warning", *words],
                     env={"REDISCLI_AUTH": self.password} if self.password else None, timeout=timeout)
        if answer.rc == 127:
            raise RedisError("redis-cli is not installed on this host (Debian: redis-tools); it is needed to read the native Redis.")
        return _answer("the native Redis on port %d" % self.port, answer)


class Container(NamedTuple):
    """A Redis in a container whose environment has its password as ``REDIS_PASSWORD`` and whose data are in ``/data``."""

    name: str

    def ask(self, *words: str) -> str:
        """Run the container's own redis-cli in it.

        :raises RedisError: the container does not run, or Redis says no.
        """
        return _answer("Redis in container %s" % self.name, run(["docker", "exec", self.name, "sh", "-c", _INSIDE, "redis-cli", *words]))

    def docker(self, *words: str) -> str:
        """Run the engine's client.

        :raises RedisError: it fails.
        """
        answer = run(["docker", *words], timeout=300)
        if answer.rc != 0:
            raise RedisError("docker %s: %s" % (words[0], answer.err.strip()))
        return answer.out

    def owner(self) -> tuple[int, int]:
        """The user and group that the data folder belongs to."""
        uid, gid = self.docker("exec", self.name, "stat", "-c", "%u %g", "/data").split()
        return int(uid), int(gid)

    def load(self, snapshot: str, deadline: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with this snapshot in place of what was there. A running Redis would write its own over it at its end.

        :param deadline: seconds until it must have loaded it.
        """
        owner = self.owner()
        self.docker("stop", self.name)
        os.chown(snapshot, *owner)
        self.docker("cp", "--archive", "--quiet", snapshot, "%s:/data/dump.rdb" % self.name)
        self.docker("start", self.name)
        limit = clock() + deadline
        while True:
            try:
                if self.ask("PING").strip() == "PONG":
                    return
                said = "no PONG"
            except RedisError as error:
                said = str(error)
            if clock() > limit:
                raise RedisError("%s has not loaded the keys within %g seconds: %s" % (self.name, deadline, said))
            time.sleep(0.1)


def _answer(who: str, answer: Result) -> str:
    # redis-cli reports errors of the server on standard output and ends well.
    refused = re.match(r"(?:\(error\) )?(NOAUTH|WRONGPASS|LOADING|ERR|NOPERM|MISCONF)\b.*", answer.out)
    if answer.rc != 0 or refused:
        raise RedisError("%s: %s" % (who, (answer.err or answer.out).strip()))
    return answer.out


def parse_keyspace(text: str) -> Keyspace:
    """``INFO keyspace``: keys, and how many of them expire, by logical database."""
    return {match[1]: {"keys": int(match[2]), "expires": int(match[3])}
            for match in re.finditer(r"^(db\d+):keys=(\d+),expires=(\d+)", text, re.M)}


def differences(before: Keyspace, after: Keyspace, target: Keyspace) -> list[str]:
    """Why the target does not hold what the source held, in words: keys that never expire are all there, of the others not more.

    :param before: the source when the snapshot began; ``after``: when the target had loaded it. Keys may have expired between.
    """
    found = []
    nothing = {"keys": 0, "expires": 0}
    for name in sorted({*before, *after, *target}):
        old, late, new = (side.get(name, nothing) for side in (before, after, target))
        kept = {side["keys"] - side["expires"] for side in (old, late)}
        if new["keys"] - new["expires"] not in kept:
            found.append("%s: %d keys that never expire in the source, %d in the target" % (name, old["keys"] - old["expires"], new["keys"] - new["expires"]))
        if new["expires"] > old["expires"]:
            found.append("%s: %d keys that expire in the source, %d in the target" % (name, old["expires"], new["expires"]))
    return found


def carry(source: Native, target: Container, folder: str, timeout: float) -> dict:
    """Take a snapshot of the source, start the target with it and compare both.

    :param folder: where the snapshot is kept for the while, on a file system with room for it.
    :returns: ``databases`` (name to ``source`` and ``target``), ``bytes``, ``differences``.
    :raises RedisError: one of them refuses; the source is only read.
    """
    place = tempfile.mkdtemp(prefix=".redis-", dir=folder)
    try:
        snapshot = os.path.join(place, "dump.rdb")
        before = parse_keyspace(source.ask("INFO", "keyspace"))
        source.ask("--rdb", snapshot, timeout=timeout)
        size = os.path.getsize(snapshot)
        target.load(snapshot, timeout)
    finally:
        shutil.rmtree(place)
    after, new = parse_keyspace(source.ask("INFO", "keyspace")), parse_keyspace(target.ask("INFO", "keyspace"))
    nothing = {"keys": 0, "expires": 0}
    return {"databases": {name: {"source": before.get(name, nothing), "target": new.get(name, nothing)} for name in sorted({*before, *new})},
            "bytes": size, "differences": differences(before, after, new)}
