# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unit files of the legacy deployment are removed once a backup has them. Files of packages, and
sources elsewhere, stay."""

from __future__ import annotations

import os
from typing import Any, Collection, Iterable, NamedTuple, Optional

from .._host.problem import Problem
from .._host.systemd import BLOCK, Manager, SystemdError, managers, show
from .legacy import file_hash

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


def drop_ins(record: dict[str, Any]) -> list[str]:
    """The drop-ins that the unit's owner wrote; not ours."""
    try:
        folder = os.path.join(Manager(record["account"] or None).folder, record["name"] + ".d")
    except SystemdError:
        return []
    return (
        [
            os.path.join(folder, name)
            for name in sorted(os.listdir(folder))
            if name.endswith(".conf") and name != BLOCK
        ]
        if os.path.isdir(folder)
        else []
    )


def links(record: dict[str, Any], folder: str) -> list[str]:
    """Links to a unit's file in a folder of units and those beside it that systemd fills when it
    enables one. A mask is none."""
    inner = (
        [
            os.path.join(folder, name)
            for name in sorted(os.listdir(folder))
            if name.endswith(WANTED_BY)
        ]
        if os.path.isdir(folder)
        else []
    )
    found = []
    for place in [folder, *inner]:
        for name in sorted(os.listdir(place)) if os.path.isdir(place) else []:
            path = os.path.join(place, name)
            if os.path.islink(path) and record["path"] and os.path.realpath(path) == record["path"]:
                found.append(path)
    return found


def plan(records: Iterable[dict[str, Any]], hashes: Optional[Collection[str]]) -> Plan:
    """What of these units goes.

    :param hashes: SHA-256 of what the last backup has; ``None`` where it is still to be made.
    """
    made = Plan([], [], [])
    for record in records:
        try:
            manager = Manager(record["account"] or None)
            own = folders(manager)
        except SystemdError as error:
            made.problems.append(
                Problem("unit %s" % record["name"], str(error), "remove its files by hand")
            )
            continue
        path = record["path"]
        if path.startswith(PACKAGES):
            made.stays.append({"path": path, "reason": PACKAGED})
            continue
        files = drop_ins(record)
        if os.path.dirname(path) in own and os.path.isfile(path):
            files.append(path)
        elif path and os.path.dirname(path) not in own and os.path.exists(path):
            made.stays.append({"path": path, "reason": ELSEWHERE})
        made.removals.extend(Removal(link, manager.account or "") for link in links(record, own[0]))
        for file in files:
            if hashes is None or file_hash(file) in hashes:
                made.removals.append(Removal(file, manager.account or ""))
            else:
                made.problems.append(
                    Problem(
                        file,
                        "was changed since the last backup was made, which has not got it "
                        "as it is now",
                        "put back what it was, or move it away",
                    )
                )
        folder = os.path.join(own[0], record["name"] + ".d")
        if os.path.isdir(folder):
            block = os.path.join(folder, BLOCK)
            made.removals.extend(
                [Removal(block, manager.account or "")] if os.path.lexists(block) else []
            )
            made.removals.append(Removal(folder, manager.account or "", folder=True))
    return made


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
    return [item.path for item in planned.removals if not os.path.lexists(item.path)]


def _any(planned: Plan, account: str) -> bool:
    return any(item.account == account for item in planned.removals)


def _remembered(manager: Manager, records: Iterable[dict[str, Any]]) -> bool:
    """Whether the manager still knows a unit whose file is gone: a run was killed before it could
    tell."""
    names = [
        record["name"]
        for record in records
        if (record["account"] or None) == manager.account
        and record["path"]
        and not os.path.exists(record["path"])
    ]
    return any(unit.properties.get("LoadState") == "loaded" for unit in show(manager, names))
