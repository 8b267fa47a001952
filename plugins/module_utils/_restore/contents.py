# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a backup that decide what a new host runs: read once, named, and compared with what
this collection writes.

Whoever made the backup may be somebody else than the operator thinks. What is compared here is what
is written to the project's folder afterwards: nothing is read a second time from a place that
others may write to meanwhile.
"""

from __future__ import annotations

import hashlib
import os
import re
from typing import Mapping, NamedTuple, Optional, Sequence

from .._backup import backup as _backup
from .._backup import signature as _signature
from .._config import environment_text as _environment_text
from .._deployment import compose_file as _compose_file
from .._host import files as _files
from . import load as _load

# Names in a backup that are others in the project's folder.
PLACED = {"env": ".env"}
LARGEST = 64 << 20  # bytes; all but the dump are texts
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,149}")
COMPOSE, ENV, REDIS = "compose.yaml", "env", "redis.conf"
ROOT = "root's Docker runs what it says"
_RUNS = (
    (re.compile(r"compose\.yaml"), ROOT),
    (_compose_file.FOUND, ROOT + ": Compose reads it beside or instead of compose.yaml"),
    (re.compile("env"), "Compose fills in its values, and LiteLLM has them in its container"),
    (re.compile(r"redis\.conf"), "Redis runs by it, in its container"),
    (
        re.compile(r"config\.compose.*\.yaml"),
        "LiteLLM runs by it, in its container, hooks included",
    ),
    (
        re.compile(r"needed\.[0-9]{3}-.*"),
        "LiteLLM reads it in its container, where modules in Python run",
    ),
    (re.compile(r"schema\.prisma"), "LiteLLM's schema, for the command's own checks"),
)
_ELSE = "nothing runs by it unless a file above names it"


class File(NamedTuple):
    """A file that goes into the project's folder, as ``target``. ``runs``: what becomes of it, in
    words. ``differs``: what of it this collection would not have written; ``None`` where nobody can
    tell. ``decides``: a difference may give rights over the host."""

    name: str
    target: str
    data: bytes
    runs: str
    differs: Optional[list[str]] = None
    decides: bool = False

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def accepted(self, digests: Sequence[str]) -> bool:
        """Whether it may be used: it is ours, harmless, or the operator named its checksum."""
        return not (self.decides and self.differs) or self.sha256 in digests


def read(
    folder: str,
    manifest: _backup.Manifest,
    digests: Mapping[str, str],
    identity: str,
    expected: _compose_file.Expected,
) -> list[File]:
    """The files of a backup without its dump, decrypted, in the order of their names.

    :param digests: their SHA-256 by name, as they are stored.
    :raises BackupError: one is not what was written, can't be decrypted, or has a name that this
        collection gives to none.
    """
    dumps = {manifest["database"].get("dump"), _backup.DUMP}
    found: dict[str, bytes] = {}
    for stored in sorted(str(entry["name"]) for entry in manifest["files"]):
        name = _load.plain(stored)
        if "/" in stored or name in dumps:
            continue
        if not _NAME.fullmatch(name) or name in found or stored not in digests:
            raise _backup.BackupError(
                "%s names a file %r, as this collection does not" % (_backup.MANIFEST, stored)
            )
        key = identity if stored.endswith(_load.ENCRYPTED) else ""
        found[name] = _read(os.path.join(folder, stored), digests[stored], key)
    return [_compared(name, data, found, expected) for name, data in found.items()]


def _read(path: str, digest: str, identity: str) -> bytes:
    try:
        with _files.reading(path) as handle:
            data = handle.read(LARGEST + 1)
    except OSError as error:
        raise _backup.BackupError("%s cannot be read: %s" % (path, error.strerror)) from None
    if len(data) > LARGEST:
        raise _backup.BackupError("%s is larger than %s" % (path, _files.size(LARGEST)))
    if hashlib.sha256(data).hexdigest() != digest:
        raise _backup.BackupError("%s: its checksum does not match" % path)
    return _decrypted(path, data, identity) if identity else data


def _decrypted(path: str, data: bytes, identity: str) -> bytes:
    """What is in the very bytes whose checksum was compared."""
    handle = os.memfd_create(os.path.basename(path))
    place = "/proc/%d/fd/%d" % (os.getpid(), handle)
    try:
        with os.fdopen(os.dup(handle), "wb") as out:
            out.write(data)
        with _load.opened(place, identity) as plain:
            return plain.read(LARGEST)
    except _backup.BackupError as error:
        raise _backup.BackupError(str(error).replace(place, path)) from None
    finally:
        os.close(handle)


def _compared(
    name: str, data: bytes, found: Mapping[str, bytes], expected: _compose_file.Expected
) -> File:
    runs = next((words for pattern, words in _RUNS if pattern.fullmatch(name)), _ELSE)
    made = File(name, PLACED.get(name, name), data, runs)
    text = data.decode("utf-8", "surrogateescape")
    if name == COMPOSE:
        return made._replace(differs=_compose_file.differences(text, expected), decides=True)
    if _compose_file.FOUND.fullmatch(name):
        return made._replace(differs=["this collection writes no such file"], decides=True)
    if name == ENV:
        steering = ["%s steers Compose itself" % each for each in _compose_file.steering(text)]
        return made._replace(differs=steering, decides=True)
    if name == REDIS:
        return made._replace(differs=_redis(text))
    return made


def _redis(text: str) -> list[str]:
    """Directives, without their values, that a configuration of Redis has and ours has not, or with
    another value."""
    ours = set(_environment_text.redis_text("").splitlines())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    other = [ascii(line.split()[0][:40])[1:-1] for line in lines if line not in ours]
    return list(dict.fromkeys(word for word in other if word != "requirepass"))


def vouched(path: str, signers: Sequence[str], power: str) -> str:
    """Who says that a backup is what was made, in words.

    :param signers: public keys, one of which has signed it. ``power``: what whoever can write to
        its folder does if there are none.
    :raises BackupError: see :func:`_backup.signature.sums`.
    """
    key = _signature.signer(path, _signature.sums(path, signers))
    if signers:
        return "it is signed by the key %s, one that it must be signed by" % key
    return (
        "NOT VERIFIED against any key (restore_signed_by, --signed-by; it is %s): whoever can write"
        " to %s %s"
        % ("signed by the key " + key if key else "not signed", os.path.dirname(path), power)
    )


def lines(files: Sequence[File]) -> list[str]:
    """The files for an operator, what is decisive first."""
    order = sorted(files, key=lambda file: (not file.decides, file.runs == _ELSE, file.name))
    return ["%s: %s; %s" % (file.target, file.runs, _verdict(file)) for file in order]


def _verdict(file: File) -> str:
    if file.differs is None:
        return "not compared (SHA-256 %s)" % file.sha256
    if not file.differs:
        return "as this collection writes it"
    return "DIFFERS from what this collection writes: %s (SHA-256 %s)" % (
        shortened(file.differs),
        file.sha256,
    )


def shortened(words: Sequence[str], most: int = 8) -> str:
    """The first of some words, and how many there are more."""
    more = len(words) - most
    return "; ".join(words[:most]) + ("; and %d more" % more if more > 0 else "")
