# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy keys from a native Redis to one in a container, and back, by Redis' snapshot file.

Key counts are by logical database (:data:`_redis.redis.Keyspace`).
"""

from __future__ import annotations

import os
import re
import time
from typing import Any, Optional

from .._host import files as _files
from .._host import paths as _paths
from .._host import systemd as _systemd
from . import formats as _formats
from . import native_data as _native_data
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
    own = _own_folder(folder)
    try:
        snapshot = os.path.join(own, "dump.rdb")
        before = parse_keyspace(source.ask("INFO", "keyspace"))
        _native_data.snapshot(source, snapshot, timeout)
        size = os.path.getsize(snapshot)
        target.load(snapshot, timeout)
    finally:
        _files.remove_tree(own)
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


def copy_back(
    source: Container,
    native: Native,
    unit: dict[str, str],
    data: dict[str, Any],
    folder: str,
    timeout: float,
) -> str:
    """Start the native server with the container's keys.

    Where it can't load them, it starts with what it had.

    :param unit: record of the native server's unit; ``data``: as :func:`.native_data.data_of` found
        it; ``folder``: where the keys are meanwhile.
    :returns: why the keys were not copied; empty where they were.
    :raises RedisError, SystemdError, OSError: the container can't be read, or the unit neither
        stopped nor started.
    """
    place = _native_data.place_of(data, unit)
    own = _own_folder(folder)
    try:
        snapshot = os.path.join(own, "dump.rdb")
        _systemd.retire(unit)
        before = parse_keyspace(source.ask("INFO", "keyspace"))
        source.save(snapshot)
        return _exchange(native, unit, place, snapshot, before, timeout)
    finally:
        _files.remove_tree(own)


def _exchange(
    native: Native,
    unit: dict[str, str],
    place: _native_data.Place,
    snapshot: str,
    wanted: Keyspace,
    timeout: float,
) -> str:
    """Start a stopped native server with a snapshot, or else with what it had; why, if so."""
    put = False
    try:
        place.put(snapshot, timeout)
        put = True
        _systemd.restore(unit)
        lost = differences(wanted, wanted, native.wait(timeout))
    except (RedisError, _systemd.SystemdError, OSError) as error:
        lost = [_said(error, place.folder)]
    if lost:
        _systemd.retire(unit)
        try:
            place.take_back(put)
        except OSError as error:
            lost.append(_said(error, place.folder))
        _systemd.restore(unit)
    else:
        place.forget()
    return "; ".join(lost)


def _said(error: Exception, folder: str) -> str:
    if isinstance(error, OSError):
        return "%s: %s" % (os.path.join(folder, error.filename or ""), error.strerror)
    return str(error)


def _own_folder(above: str) -> str:
    """A new folder that nobody but root has anything to do with."""
    own = _files.temporary_folder(".redis-", above)
    try:
        _paths.require(own, "keeps the keys of Redis there")
    except _paths.UntrustedPath:
        _files.remove_tree(own)
        raise
    return own


def hindrance(
    source: Container,
    data: Optional[dict[str, Any]],
    unit: dict[str, str],
    native_major: Optional[int],
    native: Optional[_formats.Release] = None,
) -> str:
    """Why keys of a container can't be copied back by a snapshot; empty where they can.

    :param data: as :func:`.native_data.data_of` found it; ``unit``: record of the native server's
        unit; ``native_major``: its major version, ``None`` where it is not known; ``native``: its
        product and release, where that is known (journals of earlier releases have the major
        alone).
    """
    if data is None:
        return "it is unknown where the native Redis keeps its keys"
    try:
        _native_data.place_of(data, unit)
    except _native_data.Refused as error:
        return str(error)
    if data["append_only"]:
        return "the native Redis keeps an append-only file, and would not load a snapshot"
    if native is not None:
        return _unread(source.release(), native)
    major = source.major()
    if native_major is None or major > native_major:
        return "the container has Redis %d, whose snapshots the native Redis %s need not know" % (
            major,
            native_major or "(of an unknown version)",
        )
    return ""


def _unread(source: Optional[_formats.Release], native: _formats.Release) -> str:
    if _formats.carried(source, native):
        return ""
    if source is None or source.writes is None:
        return "it is unknown what format the container's snapshots have"
    return "the container has %s, whose snapshots (format %d) the native %s does not read" % (
        source,
        source.writes,
        native,
    )
