# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One folder of an archive: whether it is a backup, of what time, and whether it is sound.

Ours is a folder that our manifest calls by its name, that is named by time and has a manifest, or
whose ``SHA256SUMS`` speaks of a manifest. So a backup whose manifest is damaged is still ours, and
other programs' ``manifest.json`` are not. Symbolic links count as nothing.
"""

from __future__ import annotations

import json
import os
import re
import stat
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any, NamedTuple, Optional, Sequence

from .._host import files as _files
from . import backup as _backup

# As this collection names backups by time.
_OWN = re.compile(r"([0-9]{8}T[0-9]{6})Z(-[0-9]+)?\Z")
# As many scripts of operators name theirs, and what they call the time in their manifests.
_OLD = re.compile(r"(?:daily|weekly|monthly)-([0-9]{8}-[0-9]{6})\Z")
_OLD_TIMES = ("created", "created_at", "timestamp", "time", "date")
_SUM = re.compile(r"([0-9a-f]{64}) [ *](?:\./)?(.+)")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_YEARS = range(1970, 9999)


class Entry(NamedTuple):
    """A backup. ``layout``: ``folder`` (ours) or ``old``. ``problem``: why it can't be used, as far
    as its manifest tells (empty: nothing known; its time may then be 1970). ``copy_of``: the name
    in its manifest, where that is another backup's."""

    name: str
    path: str
    time: datetime
    layout: str
    pinned: bool
    problem: str = ""
    copy_of: str = ""


def read(name: str, path: str, pinned: bool, there: Optional[tzinfo]) -> Optional[Entry]:
    """A folder as a backup, ``None`` where it is none of ours.

    :param pinned: a mark beside it says so. ``there``: the time zone that names of the older layout
        are in; ``None``: the host's own.
    """
    manifest = os.path.join(path, _backup.MANIFEST)
    old = _OLD.match(name)
    if old:
        time = _old_time(manifest, old[1], there) if _is_file(manifest) else None
        return Entry(name, path, time, "old", pinned) if time else None
    result = _backup.Manifest()
    problem = "%s is missing" % manifest
    if _is_file(manifest):
        try:
            result, problem = _backup.manifest(path), ""
        except _backup.BackupError as error:
            problem = str(error)
    named = result.get("name")
    if not (
        named == name
        or (_OWN.match(name) and _is_file(manifest))
        or _backup.MANIFEST in _sums(path)
    ):
        return None
    time = _aware(result.get("created"))
    if not problem and not time:
        problem = "%s has no time" % manifest
    return Entry(
        name,
        path,
        time or named_time(name) or EPOCH,
        "folder",
        pinned or result.get("pinned") is True,
        problem,
        named if isinstance(named, str) and named != name else "",
    )


def named_time(name: str) -> Optional[datetime]:
    """The time that a backup of this collection is named by."""
    own = _OWN.match(name)
    try:
        return (
            datetime.strptime(own[1], "%Y%m%dT%H%M%S").replace(tzinfo=timezone.utc) if own else None
        )
    except ValueError:
        return None


def verify(entry: Entry, signers: Sequence[str] = ()) -> str:
    """What is wrong with a backup, every byte of it read; empty where nothing is.

    :param signers: public keys, one of which must have signed it.
    """
    if entry.problem:
        return entry.problem
    if entry.layout == "folder":
        return "; ".join(_backup.verify(entry.path, signers))
    if signers:
        return "%s was not made by this collection, and is not signed" % entry.path
    return _old_problem(entry.path)


def verify_manifest(entry: Entry) -> str:
    """What is wrong with a backup's manifest alone, which says of what time it is and whether it is
    pinned; empty where it is what was written."""
    if entry.problem or entry.layout == "old":
        return entry.problem
    path = os.path.join(entry.path, _backup.MANIFEST)
    try:
        now = _backup.sha256(path)
    except OSError as error:
        return "%s cannot be read: %s" % (path, error.strerror)
    return (
        ""
        if _sums(entry.path).get(_backup.MANIFEST) == now
        else "%s: its checksum does not match" % path
    )


def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def _sums(folder: str) -> dict[str, str]:
    """Checksums by file names, as SHA256SUMS has them, ours or sha256sum's; nothing where it cannot
    be read."""
    path = os.path.join(folder, _backup.SUMS)
    if not _is_file(path):
        return {}
    try:
        with _files.reading(path) as handle:
            found = [_SUM.match(line.decode("utf-8", "surrogateescape")) for line in handle]
    except OSError:
        return {}
    return {line[2]: line[1] for line in found if line}


def _aware(value: Any) -> Optional[datetime]:
    """A moment in UTC: from ISO 8601 with a zone; ``None`` for anything else, and for years in
    which nobody made backups."""
    try:
        time = datetime.fromisoformat(re.sub(r"Z\Z", "+00:00", value))
        if time.tzinfo is None:
            return None
        time = time.astimezone(timezone.utc)
    except (TypeError, ValueError, OverflowError):
        return None
    return time if time.year in _YEARS else None


def _old_time(path: str, stamp: str, there: Optional[tzinfo]) -> Optional[datetime]:
    """The time of a backup of the older layout: its manifest's (seconds since 1970, or with a
    zone), else its name's."""
    try:
        with _files.reading(path) as handle:
            result = json.load(handle)
    except (OSError, ValueError, RecursionError):
        result = None
    for field in _OLD_TIMES if isinstance(result, dict) else ():
        value = result.get(field)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1e11:
            return EPOCH + timedelta(seconds=value)
        time = _aware(value)
        if time:
            return time
    try:
        local = datetime.strptime(stamp, "%Y%m%d-%H%M%S")
        return (
            (local.replace(tzinfo=there) if there else local).astimezone(timezone.utc)
            if local.year in _YEARS
            else None
        )
    except (ValueError, OverflowError):
        return None


def _old_problem(folder: str) -> str:
    """What is wrong with a backup of the older layout: checksums that don't match; where it has
    none, the least that can be said."""
    path = os.path.join(folder, _backup.SUMS)
    try:
        if os.path.lexists(path):
            return _old_sums(folder, path)
        with os.scandir(folder) as listing:
            holds = any(
                item.is_file(follow_symlinks=False) and item.stat(follow_symlinks=False).st_size
                for item in listing
                if item.name != _backup.MANIFEST
            )
    except OSError as error:
        return "%s cannot be read: %s" % (error.filename or folder, error.strerror)
    return "" if holds else "%s holds nothing" % folder


def _old_sums(folder: str, path: str) -> str:
    found = _sums(folder)
    if not found:
        return "%s holds no checksums" % path
    problems = []
    for name, digest in found.items():
        file = os.path.join(folder, name)
        if not os.path.realpath(file).startswith(os.path.realpath(folder) + os.sep) or not _is_file(
            file
        ):
            problems.append("%s: is no file of this backup" % file)
        elif _backup.sha256(file) != digest:
            problems.append("%s: its checksum does not match" % file)
    return "; ".join(problems)
