# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a backup's folder: their names, checksums and manifest, and what is wrong with them.

A name is the path below the folder, with ``/`` for what lies in a dump that is a folder itself.
Nothing but plain files belongs there.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from typing import IO, Any, Iterator, Mapping, Optional, TypedDict, cast

from .._host import files as _files
from .._host.problem import OperatorError

FORMAT = 1
MANIFEST, SUMS = "manifest.json", "SHA256SUMS"
SIGNATURE = SUMS + ".sig"
# The dump: one file in pg_dump's custom format, or a folder of files.
DUMP, DUMP_FOLDER = "database.dump", "database.dir"
FOLDER, SEALED = ".dir", ".age"
LARGEST = 64 << 20  # bytes of a manifest, which has some hundred for each table


class Database(TypedDict, total=False):
    """What a manifest says of the database: ``bytes`` on its server's disk; ``dump``: the name of
    the file or folder that holds it."""

    name: str
    bytes: int
    server_version: str
    client_major: int
    dump: str


# ``from``: the path on the host; only of what was copied.
File = TypedDict("File", {"name": str, "bytes": int, "sha256": str, "from": str}, total=False)


class Manifest(TypedDict, total=False):
    """``manifest.json`` of a backup, which holds no secret. It is read from a disk, so of what this
    release writes a part may be missing; an empty one can't be trusted.

    ``source``: the deployment's kind. ``facts``: versions and images. ``absent``: what could not
    be found, in words. ``fingerprint``: see :func:`_postgres.fingerprint.fingerprint`; ``rows``:
    their number by table. ``readers``: what roles beside LiteLLM's own were granted to read in a
    container, see :class:`_postgres.readers.Right`."""

    format: int
    name: str
    created: str
    host: str
    source: str
    pinned: bool
    facts: dict[str, Any]
    absent: list[str]
    encrypted: bool
    recipients: list[str]
    salt_key_fingerprint: Optional[str]
    database: Database
    fingerprint: dict[str, Any]
    sequences_after: Any
    rows: dict[str, int]
    rows_total: int
    readers: list[list[str]]
    files: list[File]


class BackupError(OperatorError):
    """A backup could not be made or is not sound; the message names the file or folder and holds no
    secret."""


def sha256(path: str) -> str:
    """A file's SHA-256, read from the disk where the kernel lets go of what it has cached."""
    digest = hashlib.sha256()
    with _files.reading(path) as handle:
        os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        for chunk in iter(lambda: handle.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def place(source: IO[bytes], path: str) -> str:
    """A new file (0600), on disk, with what there is to read; the SHA-256 of that."""
    digest = hashlib.sha256()
    with _files.creating(path) as out:
        for chunk in iter(lambda: source.read(1 << 20), b""):
            digest.update(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest()


def _walk(folder: str, above: str = "") -> Iterator[tuple[str, bool]]:
    with os.scandir(folder) as listing:
        found = list(listing)
    for item in found:
        if item.is_dir(follow_symlinks=False):
            inner = list(_walk(item.path, "%s%s/" % (above, item.name)))
            yield from inner or [("%s%s/" % (above, item.name), False)]
        else:
            yield above + item.name, stat.S_ISREG(item.stat(follow_symlinks=False).st_mode)


def names(folder: str) -> tuple[list[str], list[str]]:
    """What is in a folder, in order: its files, and what is none (links, pipes, empty folders with
    a slash at the end), which nobody should read."""
    found = sorted(_walk(folder))
    return [name for name, plain in found if plain], [name for name, plain in found if not plain]


def size(folder: str) -> int:
    """Bytes of all files of a folder."""
    return sum(os.lstat(os.path.join(folder, name)).st_size for name in names(folder)[0])


def listed(digests: Mapping[str, str]) -> str:
    """The text of SHA256SUMS for checksums by file names."""
    return "".join("%s  %s\n" % (digest, name) for name, digest in sorted(digests.items()))


def sums(folder: str) -> str:
    """The text of SHA256SUMS for what is in a folder now; its signature can't be in it."""
    covered = [name for name in names(folder)[0] if name not in (SUMS, SIGNATURE)]
    return listed({name: sha256(os.path.join(folder, name)) for name in covered})


def verify(folder: str, text: str) -> list[str]:
    """Everything that is wrong with a backup's files, in words; empty where every byte is what was
    written.

    :param text: of its SHA256SUMS, as it was read once: what was signed is what counts here.
    """
    try:
        strange = names(folder)[1]
        now = sums(folder)
    except OSError as error:
        return ["%s cannot be read: %s" % (error.filename, error.strerror)]
    written, present = parsed(text), parsed(now)
    problems = ["%s: is missing" % name for name in written if name not in present]
    problems += [
        "%s: its checksum does not match" % name
        for name, digest in written.items()
        if name in present and present[name] != digest
    ]
    problems += [
        "%s: was not there when the backup was made" % name
        for name in [*present, *strange]
        if name not in written
    ]
    if not problems and text != now:
        problems.append("%s: is not what was written" % SUMS)
    if MANIFEST not in written:
        problems.append("%s: is missing from %s" % (MANIFEST, SUMS))
    return [os.path.join(folder, problem) for problem in problems]


def parsed(text: str) -> dict[str, str]:
    """The lines of SHA256SUMS: the checksum by a file's name."""
    return {line[66:]: line[:64] for line in text.splitlines()}


def manifest(folder: str, digest: str = "") -> Manifest:
    """A backup's manifest.

    :param digest: its SHA-256, where somebody vouches for it.
    :raises BackupError: there is none, it is another than was vouched for, or it is of a format
        that this release does not know.
    """
    path = os.path.join(folder, MANIFEST)
    try:
        with _files.reading(path) as handle:
            data = handle.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise ValueError("it is larger than %s" % _files.size(LARGEST))
        if digest and hashlib.sha256(data).hexdigest() != digest:
            raise ValueError("its checksum does not match")
        found = json.loads(data)
    except (OSError, ValueError, RecursionError) as error:
        raise BackupError("%s cannot be read: %s" % (path, error)) from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise BackupError("%s is not of format %d" % (path, FORMAT))
    return cast(Manifest, found)
