# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of backups: what is in it, and what of it may go.

Times come from manifests, else from names, never from the file system. Only what this collection
has made is ever removed: a folder that is removed is first renamed to ``.removing-NAME``, so that
nothing half removed looks like a backup. ``NAME.pinned`` beside a backup pins it.
"""

from __future__ import annotations

import difflib
import os
import re
from contextlib import nullcontext
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any, NamedTuple, Optional

from .._host import files as _files
from .._host import paths as _paths
from .._host.files import sync_folder
from . import backup as _backup
from . import entry as _entry
from . import retention as _retention
from .entry import Entry, verify
from .retention import Backup, Decision, Policy

__all__ = ["Archive", "Entry", "Incomplete", "find", "newest", "pin", "prune", "scan", "verify"]

PURPOSE = "restores and removes what lies there"
REMOVING, PINNED = ".removing-", ".pinned"
# What is written before a backup is whole.
_GROWING = re.compile(r"%s(?P<name>.+)-[a-z0-9_]{8}\Z" % re.escape(_backup.INCOMPLETE))
ABANDONED = timedelta(days=1)
# A clock may be a little ahead of another one.
AHEAD = timedelta(hours=1)


class Incomplete(NamedTuple):
    """What a backup or a removal that was interrupted has left. ``removable``: nobody can still be
    at work on it."""

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
        if (
            item.name.endswith(PINNED)
            and item.name[: -len(PINNED)] in names
            and item.is_file(follow_symlinks=False)
        ):
            continue
        shown = item.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        if not item.is_dir(follow_symlinks=False) or shown != item.name:
            foreign.append(shown)
        elif item.name.startswith(REMOVING):
            incomplete.append(Incomplete(item.name, item.path, True))
        elif _GROWING.match(item.name):
            incomplete.append(Incomplete(item.name, item.path, now - _begun(item, now) > ABANDONED))
        else:
            entry = _entry.read(item.name, item.path, item.name + PINNED in names, there)
            if entry is None:
                foreign.append(item.name)
            else:
                entries.append(entry)
    return Archive(sorted(entries, key=lambda entry: (entry.time, entry.name)), foreign, incomplete)


def _begun(item: Any, now: datetime) -> datetime:
    """When a backup that is not whole was begun: by its name, else by the file system, which here
    decides over nothing that anybody has."""
    growing = _GROWING.match(item.name)
    try:
        return (_entry.named_time(growing["name"]) if growing else None) or datetime.fromtimestamp(
            item.stat(follow_symlinks=False).st_mtime, timezone.utc
        )
    except FileNotFoundError:
        # it became whole while we looked
        return now


def newest(folder: str, now: datetime) -> Optional[Entry]:
    """The newest backup of this collection that nothing is known against and that is not of the
    future."""
    return max(
        (entry for entry in _usable(folder, now) if entry.time <= now + AHEAD),
        key=lambda entry: (entry.time, not entry.copy_of, entry.name),
        default=None,
    )


def _usable(folder: str, now: datetime) -> list[Entry]:
    return [
        entry
        for entry in scan(folder, now).entries
        if entry.layout == "folder" and not entry.problem
    ]


def find(folder: str, name: str, now: datetime) -> Entry:
    """One backup by name, or by ``latest`` the :func:`newest`.

    :raises BackupError: there is none; the message names those that come near.
    :raises UntrustedPath: another account can put backups there.
    """
    _paths.require(folder, PURPOSE)
    if name == "latest":
        found = newest(folder, now)
        if found:
            return found
        future = [entry.name for entry in _usable(folder, now)]
        raise _backup.BackupError(
            "%s holds no backup%s"
            % (
                folder,
                " but of the future (is the clock right?): %s; name one of them instead of latest"
                % ", ".join(future[-3:])
                if future
                else "",
            )
        )
    entries = scan(folder, now).entries
    for entry in entries:
        if entry.name == name:
            return entry
    names = [entry.name for entry in entries]
    near = difflib.get_close_matches(name, names, 3, 0.5) or names[-3:]
    raise _backup.BackupError(
        "%s holds no backup %s%s"
        % (folder, name, "; there are %s" % ", ".join(near) if near else ", nor any other")
    )


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
        _files.creating(path).close()
    else:
        os.unlink(path)
    sync_folder(folder)
    return True


def prune(folder: str, policy: Policy, now: datetime, check: bool = False) -> dict[str, Any]:
    """Remove what the policy does not keep, and what interruptions have left.

    What fills no bucket and stays: pinned backups, copies under other names, and those from the
    future. When something is to go, everything that the policy keeps is read and verified first;
    what is broken stays, is put aside, and the policy is asked again, so that it can't push out a
    good one. Of what goes the manifest is verified, since it says whether it is pinned and how old
    it is.

    :param check: only say so.
    :returns: ``{changed, kept: [{name, time, reasons}], removed: [the same], foreign: [name],
        incomplete: [name], cleared: [name] (those of ``incomplete`` that went), broken: [{name,
        time, problem}]}``.
    :raises ValueError: the policy is no good.
    :raises BackupError: another backup or removal is under way for too long, or something could not
        be removed.
    :raises UntrustedPath: another account can put backups there.
    """
    _retention.check(policy)
    _paths.require(folder, PURPOSE)
    if not os.path.isdir(folder):
        if os.path.lexists(folder):
            raise _backup.BackupError("%s is not a folder" % folder)
        return {
            "changed": False,
            "kept": [],
            "removed": [],
            "foreign": [],
            "incomplete": [],
            "cleared": [],
            "broken": [],
        }
    with nullcontext() if check else _backup.locked(folder):
        archive = scan(folder, now, _retention.zone(policy))
        entries = {entry.name: entry for entry in archive.entries}
        broken = {name: entry.problem for name, entry in entries.items() if entry.problem}
        apart = [
            Decision(entry.name, entry.time, [reason])
            for entry in archive.entries
            for reason in [_apart(entry, now)]
            if reason
        ]
        candidates = {
            name: entry
            for name, entry in entries.items()
            if name not in {decision.name for decision in apart}
        }
        decided = _decide(candidates, broken, policy)
        cleared = [left for left in archive.incomplete if left.removable]
        if not check:
            _remove(
                folder,
                [left.path for left in cleared],
                [decision.name for decision in decided.removed],
            )
        return {
            "changed": bool(decided.removed or cleared),
            "kept": [
                _as_dict(decision)
                for decision in sorted(
                    decided.kept + apart, key=lambda item: (item.time, item.name), reverse=True
                )
            ],
            "removed": [_as_dict(decision) for decision in decided.removed],
            "foreign": archive.foreign,
            "incomplete": [left.name for left in archive.incomplete],
            "cleared": [left.name for left in cleared],
            "broken": [
                {"name": name, "time": _time(entries[name].time), "problem": problem}
                for name, problem in sorted(broken.items())
            ],
        }


def _apart(entry: Entry, now: datetime) -> str:
    """Why a backup stays whatever the policy says, and serves no rule; empty where the policy
    decides."""
    if entry.pinned:
        return "pinned"
    if entry.copy_of:
        return "somebody's copy of %s" % entry.copy_of
    return "from the future" if entry.time > now + AHEAD and not entry.problem else ""


def _decide(
    candidates: dict[str, Entry], broken: dict[str, str], policy: Policy
) -> _retention.Plan:
    """The policy's decision over what is sound; what turns out not to be is added to ``broken``."""
    sound: set[str] = set()
    while True:
        decided = _retention.plan(
            [
                Backup(entry.name, entry.time)
                for entry in candidates.values()
                if entry.name not in broken
            ],
            policy,
        )
        if not decided.removed:
            return decided
        problems = {
            decision.name: verify(candidates[decision.name])
            for decision in decided.kept
            if decision.name not in sound
        }
        sound.update(name for name, problem in problems.items() if not problem)
        if not any(problems.values()):
            problems = {
                decision.name: _entry.verify_manifest(candidates[decision.name])
                for decision in decided.removed
            }
        found = {name: problem for name, problem in problems.items() if problem}
        if not found:
            return _with_a_proved_one(decided, candidates, broken)
        broken.update(found)


def _with_a_proved_one(
    decided: _retention.Plan, candidates: dict[str, Entry], broken: dict[str, str]
) -> _retention.Plan:
    """The same, where a backup that a restore takes is kept. Otherwise the newest sound one stays
    too: those of the older layout, which may be newer (where an operator's script still runs),
    can't take the place of the last that is proved."""
    if any(candidates[decision.name].layout == "folder" for decision in decided.kept):
        return decided
    kept, removed = list(decided.kept), list(decided.removed)
    for decision in decided.removed:
        if candidates[decision.name].layout == "folder":
            removed.remove(decision)
            problem = verify(candidates[decision.name])
            if not problem:
                kept.append(decision._replace(reasons=["newest that can be restored"]))
                break
            broken[decision.name] = problem
    return _retention.Plan(kept, removed)


def _time(time: datetime) -> str:
    return time.astimezone(timezone.utc).isoformat(timespec="seconds")


def _as_dict(decision: Decision) -> dict[str, Any]:
    return {"name": decision.name, "time": _time(decision.time), "reasons": decision.reasons}


def _remove(folder: str, left: list[str], names: list[str]) -> None:
    """Remove backups, and what interruptions have left, so that no moment shows half of one as a
    backup: the new names are on disk first.

    :raises BackupError: something could not be removed; everything else was.
    """
    taken = set(os.listdir(folder))
    gone = list(left)
    for name in names:
        aside = REMOVING + name
        while aside in taken:
            aside += "-"
        _files.move(os.path.join(folder, name), os.path.join(folder, aside))
        gone.append(os.path.join(folder, aside))
    problems = []
    for path in gone:
        try:
            _files.remove_tree(path)
        except OSError as error:
            problems.append("%s cannot be removed: %s" % (error.filename or path, error.strerror))
    if problems:
        raise _backup.BackupError("; ".join(problems))
