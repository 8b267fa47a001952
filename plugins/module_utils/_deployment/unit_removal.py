# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unit files of the legacy deployment are removed once a backup has them. Files of packages, and
sources elsewhere, stay."""

from __future__ import annotations

import hashlib
import os
from typing import Any, Collection, Iterable, NamedTuple, Optional

from .._host import reader as _reader
from .._host.account import Account, AccountError
from .._host.problem import Problem
from .._host.systemd import BLOCK, Manager, SystemdError, managers, show

PACKAGES = ("/usr/lib/", "/lib/", "/usr/share/")
WANTED_BY = (".wants", ".requires", ".upholds")
PACKAGED = "belongs to a package; stopped, and kept from starting"
ELSEWHERE = "lies outside of systemd's folders; only the link to it is removed"


class Removal(NamedTuple):
    """A path that goes, and whose account removes it (empty: root). ``folder``: only where nothing
    else is in it."""

    path: str
    account: str
    folder: bool = False


class Plan(NamedTuple):
    """What goes, in this order; what stays (``{path, reason}``); why nothing may go."""

    removals: list[Removal]
    stays: list[dict[str, str]]
    problems: list[Problem]


def folders(manager: Manager) -> tuple[str, ...]:
    """Where this manager's owner, and no package, puts units."""
    if manager.account is None:
        return (manager.folder, "/usr/local/lib/systemd/system")
    return (
        manager.folder,
        os.path.join(
            manager.folder.removesuffix(".config/systemd/user"), ".local/share/systemd/user"
        ),
    )


def owner(manager: Manager) -> Account:
    """Whose a manager's folders are.

    :raises AccountError: it is gone.
    """
    return Account.named(manager.account) if manager.account else _reader.ours()


def drop_ins(record: dict[str, Any]) -> list[str]:
    """The drop-ins that the unit's owner wrote; not ours."""
    manager = Manager(record["account"] or None)
    try:
        folder = os.path.join(manager.folder, record["name"] + ".d")
        return list(owner(manager).ask(lambda: _drop_ins(folder), folder))
    except (SystemdError, AccountError):
        return []


def _drop_ins(folder: str) -> list[str]:
    return [
        os.path.join(folder, name)
        for name in _names(folder)
        if name.endswith(".conf") and name != BLOCK
    ]


def _names(folder: str) -> list[str]:
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def links(record: dict[str, Any], folder: str) -> list[str]:
    """Links to a unit's file in a folder of units and those beside it that systemd fills when it
    enables one. A mask is none."""
    inner = [os.path.join(folder, name) for name in _names(folder) if name.endswith(WANTED_BY)]
    found = []
    for place in [folder, *inner]:
        for path in [os.path.join(place, name) for name in _names(place)]:
            if os.path.islink(path) and record["path"] and os.path.realpath(path) == record["path"]:
                found.append(path)
    return found


class _Look(NamedTuple):
    """What a unit's owner sees of it: ``files`` that are read when the unit is loaded, with their
    SHA-256 (``None``: can't be read); whether its file, its folder of drop-ins and our own drop-in
    are there."""

    links: list[str]
    files: dict[str, Optional[str]]
    there: bool
    folder: bool
    block: bool


def _look(record: dict[str, Any], own: tuple[str, ...], account: Account) -> _Look:
    path, folder = record["path"], os.path.join(own[0], record["name"] + ".d")

    def see() -> list[Any]:
        files = _drop_ins(folder)
        if os.path.dirname(path) in own and os.path.isfile(path):
            files.append(path)
        block = os.path.lexists(os.path.join(folder, BLOCK))
        return [links(record, own[0]), files, os.path.exists(path), os.path.isdir(folder), block]

    found, files, *there = account.ask(see, folder)
    return _Look(found, {file: _digest(file, account) for file in files}, *there)


def _digest(path: str, account: Account) -> Optional[str]:
    try:
        return hashlib.sha256(account.read(path)).hexdigest()
    except OSError:
        return None


def plan(records: Iterable[dict[str, Any]], hashes: Optional[Collection[str]]) -> Plan:
    """What of these units goes.

    :param hashes: SHA-256 of what the last backup has; ``None`` where it is still to be made.
    """
    made = Plan([], [], [])
    for record in records:
        path = record["path"]
        try:
            manager = Manager(record["account"] or None)
            own, account = folders(manager), owner(manager)
            if path.startswith(PACKAGES):
                made.stays.append({"path": path, "reason": PACKAGED})
                continue
            seen = _look(record, own, account)
        except (SystemdError, AccountError, OSError) as error:
            made.problems.append(
                Problem("unit %s" % record["name"], str(error), "remove its files by hand")
            )
            continue
        if path and os.path.dirname(path) not in own and seen.there:
            made.stays.append({"path": path, "reason": ELSEWHERE})
        _add(made, record, own[0], seen, hashes)
    return made


def _add(
    made: Plan,
    record: dict[str, Any],
    own: str,
    seen: _Look,
    hashes: Optional[Collection[str]],
) -> None:
    """Add to a plan what goes of a unit."""
    account, folder = record["account"] or "", os.path.join(own, record["name"] + ".d")
    made.removals.extend(Removal(link, account) for link in seen.links)
    for file, digest in seen.files.items():
        if hashes is None or digest in hashes:
            made.removals.append(Removal(file, account))
        else:
            made.problems.append(
                Problem(
                    file,
                    "was changed since the last backup was made, which has not got it as it is now",
                    "put back what it was, or move it away",
                )
            )
    if seen.block:
        made.removals.append(Removal(os.path.join(folder, BLOCK), account))
    if seen.folder:
        made.removals.append(Removal(folder, account, folder=True))


def remove(planned: Plan, records: Iterable[dict[str, Any]], check: bool = False) -> list[str]:
    """Take away what a plan names, and have every manager know it; a folder only when it is empty
    by then.

    :returns: the paths that went or, with ``check``, would.
    :raises SystemdError: something did not go.
    """
    if check:
        return [item.path for item in planned.removals]
    for item in planned.removals:
        # As its owner: root must not remove where an account could have put a link.
        answer = Manager(item.account or None).run(
            ["rmdir", "--ignore-fail-on-non-empty", "--", item.path]
            if item.folder
            else ["rm", "-f", "--", item.path]
        )
        if answer.rc != 0:
            raise SystemdError("%s was not removed: %s" % (item.path, answer.err.strip()))
    awake = managers()
    for account in sorted({str(record["account"] or "") for record in records}):
        manager = Manager(account or None)
        if manager in awake and (_any(planned, account) or _remembered(manager, records)):
            answer = manager.systemctl("daemon-reload")
            if answer.rc != 0:
                raise SystemdError(
                    "systemctl daemon-reload (%s manager): %s"
                    % (account or "system", answer.err.strip())
                )
            manager.systemctl("reset-failed")
    return [item.path for item in planned.removals if not _there(item)]


def _there(item: Removal) -> bool:
    account = owner(Manager(item.account or None))
    return bool(account.ask(lambda: os.path.lexists(item.path), item.path))


def _any(planned: Plan, account: str) -> bool:
    return any(item.account == account for item in planned.removals)


def _remembered(manager: Manager, records: Iterable[dict[str, Any]]) -> bool:
    """Whether the manager still knows a unit whose file is gone: a run was killed before it could
    tell."""
    account = owner(manager)
    names = [
        record["name"]
        for record in records
        if (record["account"] or None) == manager.account
        and record["path"]
        and not account.exists(record["path"])
    ]
    return any(unit.properties.get("LoadState") == "loaded" for unit in show(manager, names))
