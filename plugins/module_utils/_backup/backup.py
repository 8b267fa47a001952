# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups: folders that appear whole or not at all.

A backup is a folder (0700) of files (0600): the dump (``database.dump``, pg_dump's custom format,
or for a large database the folder ``database.dir``), copies of what the deployment needs,
``manifest.json`` and ``SHA256SUMS`` (of every other file; ``sha256sum -c`` reads it). Where it is
encrypted, all but these two end in ``.age``; where it is signed, there is ``SHA256SUMS.sig``.
It grows under ``.incomplete-…`` and is renamed when it is on disk and was read back. What the
manifest holds: :class:`_backup.folder.Manifest`; times are UTC in ISO 8601, sizes bytes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
from contextlib import contextmanager
from datetime import datetime, timezone
from time import monotonic, sleep
from typing import Any, Iterator, Mapping, NamedTuple, Optional, Sequence, TypedDict

from .._host import reader as _reader
from .._host.account import AccountError
from .._host.files import creating, free_bytes, make_folder, move, remove_tree, sync_folder
from .._host.files import open_folder as _open_folder
from .._host.files import temporary_folder as _temporary_folder
from .._host.paths import UntrustedPath
from .._postgres import readers as _readers
from .._postgres.role import contained
from .._postgres.session import Endpoint, client_version, database_size
from . import dump as _dump
from . import encryption as _encryption
from . import folder as _folder
from . import signature as _signature
from .dump import How
from .folder import (
    DUMP,
    DUMP_FOLDER,
    FOLDER,
    FORMAT,
    MANIFEST,
    SEALED,
    SIGNATURE,
    SUMS,
    BackupError,
    File,
    Manifest,
    listed,
    manifest,
    names,
    place,
    sha256,
    size,
    sums,
)

__all__ = [
    "DUMP",
    "FORMAT",
    "INCOMPLETE",
    "MANIFEST",
    "SUMS",
    "BackupError",
    "How",
    "Made",
    "Manifest",
    "Order",
    "backup",
    "check_keys",
    "check_names",
    "foresee",
    "locked",
    "manifest",
    "name_of",
    "salt_key",
    "salt_key_fingerprint",
    "sha256",
    "size",
    "sums",
    "verify",
]

INCOMPLETE = ".incomplete-"
# For the manifest, the sums and the file system's own needs.
SPARE = 16 << 20
PATIENCE = 900.0  # seconds
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_TAKEN = (DUMP, DUMP_FOLDER, MANIFEST, SUMS, SIGNATURE)


class Order(NamedTuple):
    """What to back up. ``kind`` is ``legacy`` or ``compose``; ``files`` maps names in the backup to
    paths, and ``readers`` these names to who reads them (see :func:`_host.reader.of`); ``facts`` is
    kept as it is (versions, image digests; no secrets); ``absent``: what could not be found, in
    words."""

    source: Endpoint
    folder: str
    kind: str
    name: Optional[str] = None
    pinned: bool = False
    files: Mapping[str, str] = {}
    facts: Mapping[str, Any] = {}
    salt_key: Optional[str] = None
    how: How = How()
    absent: tuple[str, ...] = ()
    readers: Mapping[str, str] = {}


class Made(TypedDict):
    """A backup that was made, or was there by that name; ``bytes`` of all its files."""

    changed: bool
    name: str
    path: str
    manifest: Manifest
    bytes: int
    seconds: float


def salt_key(environment: Mapping[str, str]) -> Optional[str]:
    """The key that LiteLLM encrypts with: the salt key even where it is empty, and only where it is
    unset the master key."""
    return environment.get("LITELLM_SALT_KEY", environment.get("LITELLM_MASTER_KEY"))


def salt_key_fingerprint(key: str) -> str:
    """32 hexadecimal digits that are equal for equal keys; slow to compute, so that a weak key is
    not found from it in passing."""
    return hashlib.pbkdf2_hmac(
        "sha256", key.encode("utf-8", "surrogateescape"), b"llmops.litellm salt key", 200_000
    ).hex()[:32]


def name_of(now: datetime, taken: Any = ()) -> str:
    """A backup's name; names sort by time."""
    name = now.astimezone(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    return next(
        candidate
        for candidate in [name] + ["%s-%d" % (name, number) for number in range(2, 100)]
        if candidate not in taken
    )


def space(order: Order) -> dict[str, int]:
    """``needed`` (the database's size on disk, which no compressed dump reaches, and the files) and
    ``free``, in bytes."""
    try:
        files = sum(
            _reader.size(order.readers.get(name, ""), path) for name, path in order.files.items()
        )
    except OSError as error:
        raise BackupError("%s cannot be backed up: %s" % (error.filename, error.strerror)) from None
    except (AccountError, UntrustedPath) as error:
        raise BackupError("it cannot be backed up: %s" % error) from None
    return {"needed": database_size(order.source) + files + SPARE, "free": free_bytes(order.folder)}


def check_names(order: Order) -> None:
    """:raises BackupError: the backup's name or a file's is no good."""
    for name in [*order.files, *([order.name] if order.name is not None else [])]:
        if not _NAME.fullmatch(name) or name in _TAKEN or name.endswith(SEALED):
            raise BackupError(
                "%r is no name for a backup or a file in it (letters, digits, dot, hyphen, "
                "underscore; not %s, nor with %s at the end)" % (name, ", ".join(_TAKEN), SEALED)
            )


def check_keys(how: How) -> None:
    """:raises BackupError: backups can't be encrypted, or signed, as they are to be."""
    _encryption.check(how.recipients)
    if how.signing_key:
        _signature.check(how.signing_key)


def verify(folder: str, signers: Sequence[str] = ()) -> list[str]:
    """Everything that is wrong with a backup, in words; empty where every byte is what was written,
    and signed by whoever has to have signed it.

    :param signers: public keys, one of which must have. Where none has, nothing but the checksums
        and the signature is read.
    """
    try:
        return _folder.verify(folder, _signature.sums(folder, signers))
    except BackupError as error:
        return [str(error)]


def check_space(order: Order) -> dict[str, int]:
    """:func:`space`, where it suffices.

    :raises BackupError: too little is free, or a file is missing.
    """
    found = space(order)
    if found["free"] < found["needed"]:
        raise BackupError(
            "%s has %.1f MiB free, the backup may need %.1f MiB"
            % (order.folder, found["free"] / 2**20, found["needed"] / 2**20)
        )
    return found


def foresee(order: Order, now: datetime) -> dict[str, Any]:
    """What :func:`backup` would do now: ``changed``, ``name``, ``path``, and in bytes
    ``needed_bytes`` and ``free_bytes``."""
    check_names(order)
    taken = os.listdir(order.folder) if os.path.isdir(order.folder) else []
    name = order.name or name_of(now, taken)
    result = {"changed": name not in taken, "name": name, "path": os.path.join(order.folder, name)}
    if name in taken:
        _existing(order.folder, name, monotonic())
        return result
    check_keys(order.how)
    found = check_space(order)
    return {**result, "needed_bytes": found["needed"], "free_bytes": found["free"]}


@contextmanager
def locked(folder: str) -> Iterator[None]:
    """One backup at a time into a folder; the second one waits, for instance for what a run that
    was killed left at work."""
    handle = _open_folder(folder)
    deadline = monotonic() + PATIENCE
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if monotonic() > deadline:
                    raise BackupError(
                        "another backup into %s is under way, for more than %g s"
                        % (folder, PATIENCE)
                    ) from None
            sleep(0.5)
        yield
    finally:
        os.close(handle)


def _write(path: str, data: bytes) -> None:
    with creating(path) as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())


def _copy(
    source: str, folder: str, name: str, recipients: tuple[str, ...], reader: str
) -> dict[str, str]:
    """A file's copy; the SHA-256 of what was written, by its name."""
    with _reader.opened(reader, source) as read:
        if not recipients:
            return {name: place(read, os.path.join(folder, name))}
        with _encryption.sealed(os.path.join(folder, name + SEALED), recipients) as out:
            shutil.copyfileobj(read, out, 1 << 18)
    return {name + SEALED: out.digest}


def _file(folder: str, name: str, digest: str, origin: str) -> File:
    """What the manifest says of a file; ``origin``: the path that it is a copy of, if it is one."""
    made: File = {
        "name": name,
        "bytes": os.stat(os.path.join(folder, name)).st_size,
        "sha256": digest,
    }
    if origin:
        made["from"] = origin
    return made


def _fill(order: Order, folder: str, name: str, now: datetime) -> None:
    """Everything of a backup, on disk and read back."""
    occupied = database_size(order.source)
    dumped = _dump.dump(order.source, folder, order.how, occupied)
    digests = dict(dumped.digests)
    origins: dict[str, str] = {}
    for target, path in order.files.items():
        copied = _copy(path, folder, target, order.how.recipients, order.readers.get(target, ""))
        digests.update(copied)
        origins.update(dict.fromkeys(copied, path))
    # What pg_dump has written itself is read here for the first time.
    digests.update(
        {
            entry: sha256(os.path.join(folder, entry))
            for entry in names(folder)[0]
            if entry not in digests
        }
    )
    held = dumped.fingerprint
    made: Manifest = {
        "format": FORMAT,
        "name": name,
        "created": now.astimezone(timezone.utc).isoformat(timespec="seconds"),
        "host": os.uname().nodename,
        "source": order.kind,
        "pinned": order.pinned,
        "facts": dict(order.facts),
        "absent": list(order.absent),
        "encrypted": bool(order.how.recipients),
        "recipients": [_encryption.shown(recipient) for recipient in order.how.recipients],
        "salt_key_fingerprint": None
        if order.salt_key is None
        else salt_key_fingerprint(order.salt_key),
        "database": {
            "name": order.source.database,
            "bytes": occupied,
            "server_version": held["server_version"],
            "client_major": client_version(order.source, "pg_dump"),
            "dump": dumped.name,
        },
        "fingerprint": held,
        "sequences_after": dumped.sequences_after,
        "rows": {table["name"]: table["rows"] for table in held["tables"]},
        "rows_total": held["rows_total"],
        "readers": [list(right) for right in _readers.held(order.source)]
        if contained(order.source)
        else [],
        "files": [
            _file(folder, entry, digest, origins.get(entry, ""))
            for entry, digest in sorted(digests.items())
        ],
    }
    text = (json.dumps(made, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode(
        "utf-8", "surrogateescape"
    )
    digests[MANIFEST] = hashlib.sha256(text).hexdigest()
    _write(os.path.join(folder, MANIFEST), text)
    _write(os.path.join(folder, SUMS), listed(digests).encode())
    if order.how.signing_key:
        signature = _signature.sign(listed(digests), order.how.signing_key)
        _write(os.path.join(folder, SIGNATURE), signature.encode())
    if dumped.name.endswith(FOLDER):
        sync_folder(os.path.join(folder, dumped.name))
    sync_folder(folder)
    problems = verify(folder)
    if problems:
        raise BackupError(
            "the backup did not read back as it was written: %s" % "; ".join(problems)
        )


def backup(order: Order, now: datetime) -> Made:
    """Make a backup, or find the one of that name.

    :returns: ``changed``, ``name``, ``path``, ``manifest``, ``seconds``, ``bytes`` (of all its
        files).
    :raises BackupError, PostgresError: it was not made; nothing that looks like a backup is left.
    :raises UntrustedPath: another account can write to the folder.
    """
    begun = monotonic()
    check_names(order)
    check_keys(order.how)
    make_folder(order.folder, 0o700)
    with locked(order.folder):
        if order.name is not None and os.path.lexists(os.path.join(order.folder, order.name)):
            return _existing(order.folder, order.name, begun)
        check_space(order)
        name = order.name or name_of(now, os.listdir(order.folder))
        growing = _temporary_folder("%s%s-" % (INCOMPLETE, name), order.folder)
        try:
            _fill(order, growing, name, now)
            move(growing, os.path.join(order.folder, name))
        except OSError as error:
            remove_tree(growing)
            raise BackupError(
                "the backup was not made: %s: %s" % (error.filename or order.folder, error.strerror)
            ) from None
        except BaseException:
            remove_tree(growing)
            raise
        return _existing(order.folder, name, begun, made=True)


def _existing(folder: str, name: str, begun: float, made: bool = False) -> Made:
    """A backup that is there: one that was just made is proved already."""
    path = os.path.join(folder, name)
    problems = [] if made else verify(path)
    if problems:
        raise BackupError("%s is there but not sound: %s" % (path, "; ".join(problems)))
    return {
        "changed": made,
        "name": name,
        "path": path,
        "manifest": manifest(path),
        "bytes": size(path),
        "seconds": round(monotonic() - begun, 3),
    }
