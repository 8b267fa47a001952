# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups: folders that appear whole or not at all.

A backup is a folder (0700) of files (0600): ``database.dump`` (pg_dump's custom format), copies of what the deployment needs,
``manifest.json`` and ``SHA256SUMS`` (of every other file; ``sha256sum -c`` reads it). It grows under ``.incomplete-…`` and is
renamed when it is on disk and was read back. The manifest: ``{format, name, created, host, source, pinned, salt_key_fingerprint,
facts, database: {name, bytes, server_version, client_major, dump}, fingerprint, sequences_after, rows: {table: count}, rows_total,
files: [{name, bytes, sha256}]}``; times are UTC in ISO 8601, sizes bytes.
"""
from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from datetime import datetime, timezone
from time import monotonic, sleep
from typing import Any, Iterator, Mapping, NamedTuple, Optional

from . import _fingerprint
from ._host import free_bytes, sync_folder
from ._postgres import Endpoint, Session, client_version, database_size

FORMAT = 1
DUMP, MANIFEST, SUMS = "database.dump", "manifest.json", "SHA256SUMS"
INCOMPLETE = ".incomplete-"
# For the manifest, the sums and the file system's own needs.
SPARE = 16 << 20
PATIENCE = 900.0  # seconds
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class BackupError(Exception):
    """A backup could not be made or is not sound; the message names the file or folder and holds no secret."""


class Order(NamedTuple):
    """What to back up. ``kind`` is ``legacy`` or ``compose``; ``files`` maps names in the backup to paths; ``facts`` is kept as
    it is (versions, image digests; no secrets); ``compression`` is pg_dump's level, 0 to 9."""

    source: Endpoint
    folder: str
    kind: str
    name: Optional[str] = None
    pinned: bool = False
    files: Mapping[str, str] = {}
    facts: Mapping[str, Any] = {}
    salt_key: Optional[str] = None
    compression: int = 6


def salt_key(environment: Mapping[str, str]) -> Optional[str]:
    """The key that LiteLLM encrypts with: the salt key even where it is empty, and only where it is unset the master key."""
    return environment.get("LITELLM_SALT_KEY", environment.get("LITELLM_MASTER_KEY"))


def salt_key_fingerprint(key: str) -> str:
    """32 hexadecimal digits that are equal for equal keys; slow to compute, so that a weak key is not found from it in passing."""
    return hashlib.pbkdf2_hmac("sha256", key.encode("utf-8", "surrogateescape"), b"llmops.litellm salt key", 200_000).hex()[:32]


def name_of(now: datetime, taken: Any = ()) -> str:
    """A backup's name; names sort by time."""
    name = now.astimezone(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    return next(candidate for candidate in [name] + ["%s-%d" % (name, number) for number in range(2, 100)] if candidate not in taken)


def sha256(path: str) -> str:
    """A file's SHA-256, read from the disk where the kernel lets go of what it has cached."""
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as handle:
        os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        for chunk in iter(lambda: handle.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def sums(folder: str) -> str:
    """The text of SHA256SUMS for what is in a folder now."""
    names = sorted(name for name in os.listdir(folder) if name != SUMS)
    return "".join("%s  %s\n" % (sha256(os.path.join(folder, name)), name) for name in names)


def verify(folder: str) -> list[str]:
    """Everything that is wrong with a backup's files, in words; empty where every byte is what was written."""
    try:
        with open(os.path.join(folder, SUMS), "rb") as handle:
            text = handle.read().decode("ascii", "replace")
        now = sums(folder)
    except OSError as error:
        return ["%s cannot be read: %s" % (error.filename, error.strerror)]
    written, present = _parsed(text), _parsed(now)
    problems = ["%s: is missing" % name for name in written if name not in present]
    problems += ["%s: its checksum does not match" % name for name, digest in written.items() if name in present and present[name] != digest]
    problems += ["%s: was not there when the backup was made" % name for name in present if name not in written]
    if not problems and text != now:
        problems.append("%s: is not what was written" % SUMS)
    if MANIFEST not in written:
        problems.append("%s: is missing from %s" % (MANIFEST, SUMS))
    return [os.path.join(folder, problem) for problem in problems]


def _parsed(text: str) -> dict[str, str]:
    """The lines of SHA256SUMS: the checksum by a file's name."""
    return {line[66:]: line[:66] for line in text.splitlines()}


def manifest(folder: str) -> dict[str, Any]:
    """A backup's manifest.

    :raises BackupError: there is none, or it is of a format that this release does not know.
    """
    path = os.path.join(folder, MANIFEST)
    try:
        with open(path, encoding="utf-8") as handle:
            found = json.load(handle)
    except (OSError, ValueError) as error:
        raise BackupError("%s cannot be read: %s" % (path, error)) from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise BackupError("%s is not of format %d" % (path, FORMAT))
    return found


def check_dump(source: Endpoint, path: str) -> None:
    """Read a whole dump with the endpoint's pg_restore, to nowhere.

    :raises PostgresError: it cannot be read to its end.
    """
    with open(path, "rb") as dump:
        process = source.start("pg_restore", "--file=" + os.devnull, connect=False, stdin=dump, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        errors = process.communicate()[1]
    if process.returncode:
        raise source.explain("pg_restore", process.returncode, errors.decode("utf-8", "replace"))


def space(order: Order) -> dict[str, int]:
    """``needed`` (the database's size on disk, which no compressed dump reaches, and the files) and ``free``, in bytes."""
    try:
        files = sum(os.stat(path).st_size for path in order.files.values())
    except OSError as error:
        raise BackupError("%s cannot be backed up: %s" % (error.filename, error.strerror)) from None
    return {"needed": database_size(order.source) + files + SPARE, "free": free_bytes(order.folder)}


def check_names(order: Order) -> None:
    """:raises BackupError: the backup's name or a file's is no good."""
    for name in [*order.files, *([order.name] if order.name is not None else [])]:
        if not _NAME.fullmatch(name) or name in (DUMP, MANIFEST, SUMS):
            raise BackupError("%r is no name for a backup or a file in it (letters, digits, dot, hyphen, underscore; %s, %s and %s are taken)"
                              % (name, DUMP, MANIFEST, SUMS))


def check_space(order: Order) -> dict[str, int]:
    """:func:`space`, where it suffices.

    :raises BackupError: too little is free, or a file is missing.
    """
    found = space(order)
    if found["free"] < found["needed"]:
        raise BackupError("%s has %.1f MiB free, the backup may need %.1f MiB" % (order.folder, found["free"] / 2**20, found["needed"] / 2**20))
    return found


def foresee(order: Order, now: datetime) -> dict[str, Any]:
    """What :func:`backup` would do now: ``changed``, ``name``, ``path``, and in bytes ``needed_bytes`` and ``free_bytes``."""
    check_names(order)
    taken = os.listdir(order.folder) if os.path.isdir(order.folder) else []
    name = order.name or name_of(now, taken)
    told = {"changed": name not in taken, "name": name, "path": os.path.join(order.folder, name)}
    if name in taken:
        _existing(order.folder, name)
        return told
    found = check_space(order)
    return {**told, "needed_bytes": found["needed"], "free_bytes": found["free"]}


@contextmanager
def locked(folder: str) -> Iterator[None]:
    """One backup at a time into a folder; the second one waits, for instance for what a run that was killed left at work."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    deadline = monotonic() + PATIENCE
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if monotonic() > deadline:
                    raise BackupError("another backup into %s is under way, for more than %g s" % (folder, PATIENCE)) from None
            sleep(0.5)
        yield
    finally:
        os.close(handle)


def _dump(order: Order, path: str) -> dict[str, Any]:
    """Dump the database straight into a file, and take its fingerprint in the same snapshot."""
    with Session(order.source, _fingerprint.SETTINGS) as session, open(path, "xb", opener=_private) as out:
        _fingerprint.begin(session)
        snapshot = str(session.query("SELECT pg_export_snapshot()")[0][0])
        before = _fingerprint.sequences(session)
        process = order.source.start("pg_dump", "--format=custom", "--compress=%d" % order.compression, "--no-owner", "--no-acl",
                                     "--lock-wait-timeout=60000", "--snapshot=" + snapshot,
                                     stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE)
        try:
            held = _fingerprint.take(session)
            errors = process.communicate()[1]
        except BaseException:
            process.kill()
            process.communicate()
            raise
        if process.returncode:
            raise order.source.explain("pg_dump", process.returncode, errors.decode("utf-8", "replace"))
        os.fsync(out.fileno())
        # Sequences are outside of snapshots: the dump has a value between these two
        after = _fingerprint.sequences(session)
    held["sequences"] = before
    held["hash"] = _fingerprint.digest(held)
    return {"fingerprint": held, "sequences_after": after}


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _write(path: str, data: bytes) -> None:
    with open(path, "xb", opener=_private) as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())


def _copy(source: str, path: str) -> None:
    with open(source, "rb") as read, open(path, "xb", opener=_private) as handle:
        shutil.copyfileobj(read, handle, 1 << 20)
        handle.flush()
        os.fsync(handle.fileno())


def _fill(order: Order, folder: str, name: str, now: datetime) -> dict[str, Any]:
    """Everything of a backup, on disk and read back."""
    dumped = _dump(order, os.path.join(folder, DUMP))
    held = dumped["fingerprint"]
    for target, path in order.files.items():
        _copy(path, os.path.join(folder, target))
    made = {
        "format": FORMAT, "name": name, "created": now.astimezone(timezone.utc).isoformat(timespec="seconds"), "host": os.uname().nodename,
        "source": order.kind, "pinned": order.pinned, "facts": dict(order.facts),
        "salt_key_fingerprint": None if order.salt_key is None else salt_key_fingerprint(order.salt_key),
        "database": {"name": order.source.database, "bytes": database_size(order.source), "server_version": held["server_version"],
                     "client_major": client_version(order.source, "pg_dump"), "dump": DUMP},
        **dumped, "rows": {table["name"]: table["rows"] for table in held["tables"]}, "rows_total": held["rows_total"],
        "files": [{"name": entry, "bytes": os.stat(os.path.join(folder, entry)).st_size, "sha256": sha256(os.path.join(folder, entry))}
                  for entry in sorted(os.listdir(folder))],
    }
    _write(os.path.join(folder, MANIFEST), (json.dumps(made, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8", "surrogateescape"))
    _write(os.path.join(folder, SUMS), sums(folder).encode())
    sync_folder(folder)
    check_dump(order.source, os.path.join(folder, DUMP))
    problems = verify(folder)
    if problems:
        raise BackupError("the backup did not read back as it was written: %s" % "; ".join(problems))
    return made


def backup(order: Order, now: datetime) -> dict[str, Any]:
    """Make a backup, or find the one of that name.

    :returns: ``changed``, ``name``, ``path``, ``manifest``, ``seconds``, ``bytes`` (of all its files).
    :raises BackupError, PostgresError: it was not made; nothing that looks like a backup is left.
    """
    begun = monotonic()
    check_names(order)
    os.makedirs(order.folder, mode=0o700, exist_ok=True)
    with locked(order.folder):
        if order.name is not None and os.path.lexists(os.path.join(order.folder, order.name)):
            return {"changed": False, **_existing(order.folder, order.name), "seconds": round(monotonic() - begun, 3)}
        check_space(order)
        name = order.name or name_of(now, os.listdir(order.folder))
        growing = tempfile.mkdtemp(prefix="%s%s-" % (INCOMPLETE, name), dir=order.folder)
        try:
            _fill(order, growing, name, now)
            os.rename(growing, os.path.join(order.folder, name))
        except OSError as error:
            shutil.rmtree(growing)
            raise BackupError("the backup was not made: %s: %s" % (error.filename or order.folder, error.strerror)) from None
        except BaseException:
            shutil.rmtree(growing)
            raise
        sync_folder(order.folder)
        return {"changed": True, **_existing(order.folder, name, proved=True), "seconds": round(monotonic() - begun, 3)}


def _existing(folder: str, name: str, proved: bool = False) -> dict[str, Any]:
    path = os.path.join(folder, name)
    problems = [] if proved else verify(path)
    if problems:
        raise BackupError("%s is there but not sound: %s" % (path, "; ".join(problems)))
    return {"name": name, "path": path, "manifest": manifest(path),
            "bytes": sum(os.stat(os.path.join(path, entry)).st_size for entry in os.listdir(path))}
