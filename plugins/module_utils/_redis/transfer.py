# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy keys from a native Redis to one in a container, and back, by Redis' snapshot file.

Key counts are by logical database (:data:`_redis.redis.Keyspace`).
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from typing import Optional

from .._host import systemd as _systemd
from .._host.files import sync_folder
from .redis import NOTHING, Container, Keyspace, Native, RedisError, parse_keyspace


def differences(before: Keyspace, after: Keyspace, target: Keyspace) -> list[str]:
    """Why the target does not hold what the source held, in words.

    Keys that never expire must all be there, and of the others no more than in the source.

    :param before: the source when the snapshot was started; ``after``: when the target had loaded
        it. The snapshot lies between the two: they differ only if somebody writes to the source.
    """
    found = []
    for name in sorted({*before, *after, *target}):
        old, late, new = (side.get(name, NOTHING) for side in (before, after, target))
        least, most = sorted(side["keys"] - side["expires"] for side in (old, late))
        if not least <= new["keys"] - new["expires"] <= most:
            found.append(
                "%s: %d keys that never expire in the source, %d in the target"
                % (name, old["keys"] - old["expires"], new["keys"] - new["expires"])
            )
        if new["expires"] > max(old["expires"], late["expires"]):
            found.append(
                "%s: %d keys that expire in the source, %d in the target"
                % (name, old["expires"], new["expires"])
            )
    return found


def copy(source: Native, target: Container, folder: str, timeout: float) -> dict:
    """Take a snapshot of the source, start the running target with it and compare both.

    :param folder: where the snapshot is kept meanwhile, on a file system with room for it.
    :returns: ``databases`` (name to ``source`` and ``target``), ``keys`` (in the target),
        ``bytes``, ``seconds``, ``differences``.
    :raises RedisError: one of them refuses; the source keeps what it has, and the target holds what
        it held.
    """
    if re.search(r"^aof_enabled:1", target.ask("INFO", "persistence"), re.M):
        raise RedisError(
            "Redis in container %s keeps an append-only file, so it would not load a snapshot:"
            " set appendonly no" % target.name
        )
    began = time.monotonic()
    place = tempfile.mkdtemp(prefix=".redis-", dir=folder)
    try:
        snapshot = os.path.join(place, "dump.rdb")
        before = parse_keyspace(source.ask("INFO", "keyspace"))
        source.snapshot(snapshot, timeout)
        size = os.path.getsize(snapshot)
        target.load(snapshot, timeout)
    finally:
        shutil.rmtree(place)
    after, new = (
        parse_keyspace(source.ask("INFO", "keyspace")),
        parse_keyspace(target.ask("INFO", "keyspace")),
    )
    return {
        "databases": {
            name: {"source": before.get(name, NOTHING), "target": new.get(name, NOTHING)}
            for name in sorted({*before, *new})
        },
        "keys": sum(counts["keys"] for counts in new.values()),
        "bytes": size,
        "seconds": round(time.monotonic() - began, 3),
        "differences": differences(before, after, new),
    }


def copy_back(source: Container, native: Native, unit: dict, data: dict, timeout: float) -> str:
    """Start the native server with the container's keys.

    Where it can't load them, it starts with what it had.

    :param unit: record of the native server's unit; ``data``: as :func:`data_of` found it.
    :returns: why the keys were not copied; empty where they were.
    :raises RedisError, SystemdError, OSError: the container can't be read, or the unit neither
        stopped nor started.
    """
    _systemd.retire(unit)
    before = parse_keyspace(source.ask("INFO", "keyspace"))
    earlier = place(source, data)
    try:
        _systemd.restore(unit)
        now = native.wait(timeout)
        lost = differences(before, before, now)
    except (RedisError, _systemd.SystemdError) as error:
        lost = [str(error)]
    if lost:
        _systemd.retire(unit)
        put_back(data, earlier)
        _systemd.restore(unit)
    else:
        forget(earlier)
    return "; ".join(lost)


def hindrance(source: Container, data: Optional[dict], native_major: Optional[int]) -> str:
    """Why keys of a container can't be copied back by a snapshot; empty where they can.

    :param data: as :func:`data_of` found it; ``native_major``: of the native server, ``None`` where
        it is not known.
    """
    if data is None or not os.path.isdir(data["folder"]):
        return "it is unknown where the native Redis keeps its keys"
    if data["append_only"]:
        return "the native Redis keeps an append-only file, and would not load a snapshot"
    major = source.major()
    if native_major is None or major > native_major:
        return "the container has Redis %d, whose snapshots the native Redis %s need not know" % (
            major,
            native_major or "(of an unknown version)",
        )
    return ""


def place(source: Container, data: dict) -> str:
    """Put the container's keys where the stopped native Redis will load them at its start.

    :returns: the path where its own snapshot is kept, empty if it had none.
    """
    path = os.path.join(data["folder"], data["file"])
    temporary, earlier = (
        os.path.join(data["folder"], ".llmops-litellm-%s" % name) for name in ("copied", "earlier")
    )
    source.save(temporary)
    owner = os.stat(path if os.path.exists(path) else data["folder"])
    os.chmod(temporary, 0o660)
    os.chown(temporary, owner.st_uid, owner.st_gid)
    handle = os.open(temporary, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    # A run that was killed here has kept it already.
    if os.path.exists(path) and not os.path.exists(earlier):
        os.replace(path, earlier)
    os.replace(temporary, path)
    sync_folder(data["folder"])
    return earlier if os.path.exists(earlier) else ""


def put_back(data: dict, earlier: str) -> None:
    """Give a stopped native Redis its own snapshot back."""
    path = os.path.join(data["folder"], data["file"])
    if earlier:
        os.replace(earlier, path)
    else:
        os.unlink(path)
    sync_folder(data["folder"])


def forget(earlier: str) -> None:
    """Remove the snapshot that :func:`place` has kept."""
    if earlier:
        os.unlink(earlier)
        sync_folder(os.path.dirname(earlier))
