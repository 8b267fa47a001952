# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of backups: what is in it, and what of it may go.

Times come from manifests, else from names, never from the file system. Only what this collection has made is ever removed: a folder that is
removed is first renamed to ``.removing-NAME``, so that nothing half removed looks like a backup. ``NAME.pinned`` beside a backup pins it.
"""
from __future__ import annotations

import difflib
import json
import os
import re
import shutil
from contextlib import nullcontext
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any, NamedTuple, Optional

from . import _backup, _retention
from ._host import sync_folder
from ._retention import Backup, Decision, Policy

REMOVING, PINNED = ".removing-", ".pinned"
# As this collection names backups by time, and what it writes before they are whole.
_OWN = re.compile(r"(\d{8}T\d{6})Z(-\d+)?\Z")
_GROWING = re.compile(r"%s(?P<name>.+)-[a-z0-9_]{8}\Z" % re.escape(_backup.INCOMPLETE))
# As many scripts of operators name theirs.
_OLD = re.compile(r"(?:daily|weekly|monthly)-(\d{8}-\d{6})\Z")
_OLD_TIMES = ("created", "created_at", "timestamp", "time", "date")
ABANDONED = timedelta(days=1)
# A clock may be a little ahead of another one.
AHEAD = timedelta(hours=1)


class Entry(NamedTuple):
    """A backup. ``layout``: ``folder`` (ours) or ``old``; ``problem``: why it can't be used, as far as its manifest tells (empty: nothing known)."""

    name: str
    path: str
    time: datetime
    layout: str
    pinned: bool
    problem: str = ""


class Incomplete(NamedTuple):
    """What a backup or a removal that was interrupted has left. ``removable``: nobody can still be at work on it."""

    name: str
    path: str
    removable: bool


class Archive(NamedTuple):
    """Backups oldest first; names of what is not ours; what is left of interruptions."""

    entries: list[Entry]
    foreign: list[str]
    incomplete: list[Incomplete]


def scan(folder: str, now: datetime, there: Optional[tzinfo] = None) -> Archive:
    """What is in a folder; nothing where there is none.

    :param there: the time zone that names of the older layout are in. ``None``: the host's own.
    """
    entries, foreign, incomplete = [], [], []
    try:
        with os.scandir(folder) as listing:
            found = sorted(listing, key=lambda item: item.name)
    except FileNotFoundError:
        found = []
    names = {item.name for item in found}
    for item in found:
        if item.name.endswith(PINNED) and item.name[:-len(PINNED)] in names and item.is_file(follow_symlinks=False):
            continue
        if not item.is_dir(follow_symlinks=False):
            foreign.append(item.name)
        elif item.name.startswith(REMOVING):
            incomplete.append(Incomplete(item.name, item.path, True))
        elif _GROWING.match(item.name):
            incomplete.append(Incomplete(item.name, item.path, now - _begun(item) > ABANDONED))
        else:
            entry = _entry(item.name, item.path, item.name + PINNED in names, there)
            if entry is None:
                foreign.append(item.name)
            else:
                entries.append(entry)
    return Archive(sorted(entries, key=lambda entry: (entry.time, entry.name)), foreign, incomplete)


def _begun(item: Any) -> datetime:
    """When a backup that is not whole was begun: by its name, else by the file system, which here decides over nothing that anybody has."""
    growing = _GROWING.match(item.name)
    return (_named(growing["name"]) if growing else None) or datetime.fromtimestamp(item.stat(follow_symlinks=False).st_mtime, timezone.utc)


def _named(name: str) -> Optional[datetime]:
    own = _OWN.match(name)
    try:
        return datetime.strptime(own[1], "%Y%m%dT%H%M%S").replace(tzinfo=timezone.utc) if own else None
    except ValueError:
        return None


def _entry(name: str, path: str, pinned: bool, there: Optional[tzinfo]) -> Optional[Entry]:
    """A folder as a backup, ``None`` where it is none of ours."""
    if not os.path.isfile(os.path.join(path, _backup.MANIFEST)):
        return None
    old = _OLD.match(name)
    if old:
        time = _old_time(path, old[1], there)
        return Entry(name, path, time, "old", pinned) if time else None
    try:
        told = _backup.manifest(path)
        time = datetime.fromisoformat(told["created"])
        if time.tzinfo is None:
            raise ValueError
    except _backup.BackupError as error:
        time, problem = _named(name), str(error)
    except (KeyError, TypeError, ValueError):
        time, problem = _named(name), "%s has no time" % os.path.join(path, _backup.MANIFEST)
    else:
        return Entry(name, path, time, "folder", pinned or told.get("pinned") is True)
    return Entry(name, path, time, "folder", pinned, problem) if time else None


def _old_time(path: str, stamp: str, there: Optional[tzinfo]) -> Optional[datetime]:
    """The time of a backup of the older layout: its manifest's, where that has one with a zone, else its name's."""
    try:
        with open(os.path.join(path, _backup.MANIFEST), encoding="utf-8") as handle:
            told = json.load(handle)
    except (OSError, ValueError):
        told = None
    for field in _OLD_TIMES if isinstance(told, dict) else ():
        try:
            time = datetime.fromisoformat(re.sub(r"Z\Z", "+00:00", told[field]))
        except (KeyError, TypeError, ValueError):
            continue
        if time.tzinfo is not None:
            return time
    try:
        local = datetime.strptime(stamp, "%Y%m%d-%H%M%S")
    except ValueError:
        return None
    return local.replace(tzinfo=there) if there else local.astimezone()


def verify(entry: Entry) -> str:
    """What is wrong with a backup, every byte of it read; empty where nothing is."""
    if entry.problem:
        return entry.problem
    if entry.layout == "old" and not os.path.exists(os.path.join(entry.path, _backup.SUMS)):
        # without checksums, the least that can be said
        files = [os.path.join(entry.path, name) for name in os.listdir(entry.path) if name != _backup.MANIFEST]
        return "" if any(os.path.isfile(path) and os.path.getsize(path) for path in files) else "%s holds nothing" % entry.path
    return "; ".join(_backup.verify(entry.path))


def find(folder: str, name: str, now: datetime) -> Entry:
    """One backup by name, or the newest that is not of the future by ``latest``.

    :raises BackupError: there is none; the message names those that come near.
    """
    entries = scan(folder, now).entries
    if name == "latest":
        usable = [entry for entry in entries if not entry.problem and entry.layout == "folder" and entry.time <= now + AHEAD]
        if not usable:
            raise _backup.BackupError("%s holds no backup" % folder)
        return usable[-1]
    for entry in entries:
        if entry.name == name:
            return entry
    names = [entry.name for entry in entries]
    near = difflib.get_close_matches(name, names, 3, 0.5) or names[-3:]
    raise _backup.BackupError("%s holds no backup %s%s" % (folder, name, "; there are %s" % ", ".join(near) if near else ", nor any other"))


def pin(folder: str, name: str, pinned: bool, now: datetime) -> bool:
    """Pin a backup, or release it; whether that changed anything.

    :raises BackupError: there is no such backup, or its manifest pins it for good.
    """
    entry = find(folder, name, now)
    path = os.path.join(folder, entry.name + PINNED)
    marked = os.path.lexists(path)
    if not pinned and entry.pinned and not marked:
        raise _backup.BackupError("%s was pinned when it was made, and stays so" % entry.path)
    if marked == pinned or (pinned and entry.pinned):
        return False
    if pinned:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    else:
        os.unlink(path)
    sync_folder(folder)
    return True


def prune(folder: str, policy: Policy, now: datetime, check: bool = False) -> dict[str, Any]:
    """Remove what the policy does not keep, and what interruptions have left.

    What fills no bucket and stays: pinned backups, broken ones, and those from the future. When something is to go, everything that the policy
    keeps is read and verified first; what is broken is put aside and the policy asked again, so that it can't push out a good one.

    :param check: only say so.
    :returns: ``{changed, kept: [{name, time, reasons}], removed: [the same], foreign: [name], incomplete: [name], broken: [{name, time, problem}]}``.
    :raises ValueError: the policy is no good.
    :raises BackupError: another backup or removal is under way for too long.
    """
    _retention.check(policy)
    if not os.path.isdir(folder):
        return {"changed": False, "kept": [], "removed": [], "foreign": [], "incomplete": [], "broken": []}
    with nullcontext() if check else _backup.locked(folder):
        archive = scan(folder, now, _retention.zone(policy))
        set_apart = [Decision(entry.name, entry.time, ["pinned" if entry.pinned else "from the future"])
                     for entry in archive.entries if entry.pinned or entry.time > now + AHEAD]
        apart = {decision.name for decision in set_apart}
        candidates = {entry.name: entry for entry in archive.entries if entry.name not in apart}
        broken = {name: entry.problem for name, entry in candidates.items() if entry.problem}
        decided = _decide(candidates, broken, policy)
        if not check:
            # what an interruption has left first: it may have the name that is needed
            for path in [left.path for left in archive.incomplete if left.removable] + [candidates[decision.name].path for decision in decided.removed]:
                _remove(folder, path)
        return {
            "changed": bool(decided.removed) or any(left.removable for left in archive.incomplete),
            "kept": [_told(decision) for decision in sorted(decided.kept + set_apart, key=lambda item: (item.time, item.name), reverse=True)],
            "removed": [_told(decision) for decision in decided.removed],
            "foreign": archive.foreign, "incomplete": [left.name for left in archive.incomplete],
            "broken": [{"name": name, "time": _time(candidates[name].time), "problem": problem} for name, problem in sorted(broken.items())],
        }


def _decide(candidates: dict[str, Entry], broken: dict[str, str], policy: Policy) -> _retention.Plan:
    """The policy's decision over what is sound; what turns out not to be is added to ``broken``."""
    sound: set[str] = set()
    while True:
        decided = _retention.plan([Backup(entry.name, entry.time) for entry in candidates.values() if entry.name not in broken], policy)
        unknown = [decision.name for decision in decided.kept if decision.name not in sound] if decided.removed else []
        if not unknown:
            return decided
        for name in unknown:
            problem = verify(candidates[name])
            if problem:
                broken[name] = problem
            else:
                sound.add(name)


def _time(time: datetime) -> str:
    return time.astimezone(timezone.utc).isoformat(timespec="seconds")


def _told(decision: Decision) -> dict[str, Any]:
    return {"name": decision.name, "time": _time(decision.time), "reasons": decision.reasons}


def _remove(folder: str, path: str) -> None:
    """Remove a folder so that no moment shows half of it as a backup."""
    name = os.path.basename(path)
    gone = path if name.startswith((REMOVING, _backup.INCOMPLETE)) else os.path.join(folder, REMOVING + name)
    if gone != path:
        os.rename(path, gone)
        sync_folder(folder)
    shutil.rmtree(gone)
