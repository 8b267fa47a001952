# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The systemd service that a process belongs to, in the manager that has it.

A control group's path is a claim: below its user manager, and below a service that was given its
own part of the tree, an account makes groups of any name. So the outermost service of a path
counts, in the manager at whose place it lies, and that manager must have the unit at that very
path.
"""

from __future__ import annotations

import os
import pwd
import re
from typing import NamedTuple, Optional

from .account import Account
from .files import read
from .listeners import Listener
from .systemd import Manager, SystemdError, Unit, show

# Where a manager that is process 1 is itself; units are beside it.
_OWN_GROUP = re.compile(r"/(init\.scope|system\.slice|system)$")
_USER_MANAGER = re.compile(r"user@(\d+)\.service")


class Claim(NamedTuple):
    """What a control group's path says: a service, the account number of the user manager that has
    it (``None``: the system's), and its own control group."""

    name: str
    uid: Optional[int]
    path: str


class Found(NamedTuple):
    """The unit of a process, or ``None``; ``reason`` then says in words what was seen instead, as a
    sentence goes on after the process."""

    unit: Optional[Unit]
    reason: str

    @property
    def label(self) -> str:
        """The unit as people call it: with its account, if that is not the system; empty where
        there is none."""
        if self.unit is None:
            return ""
        account = self.unit.manager.account
        return "%s of account %s" % (self.unit.name, account) if account else self.unit.name


def group_of(cgroup: str) -> str:
    """The control group in the hierarchy that systemd keeps, of ``/proc/PID/cgroup``: the one of
    its own with version 1, else the only one; empty where there is none."""
    rows = [line.split(":", 2) for line in cgroup.splitlines() if line.count(":") >= 2]
    for controllers in ("name=systemd", ""):
        for _number, found, path in rows:
            if found == controllers:
                return path
    return ""


def parse(group: str, first: str) -> Optional[Claim]:
    """The service that a control group says it belongs to, ``None`` for none of this systemd's.

    :param first: the control group of process 1: in a container, ours have its path before theirs.
    """
    root = _OWN_GROUP.sub("", first).rstrip("/")
    if not group.startswith(root + "/"):
        return None
    name, path = _outermost(root, group)
    manager = _USER_MANAGER.fullmatch(name)
    if manager is None:
        return Claim(name, None, path) if name else None
    name, path = _outermost(path, group)
    return Claim(name, int(manager[1]), path) if name else None


def _outermost(root: str, group: str) -> tuple[str, str]:
    """The first service below a place in the tree, and its group; empty where something that is
    neither a slice nor a service comes first: a session, a container."""
    path = root
    for word in group[len(root) :].strip("/").split("/"):
        path += "/" + word
        name = word[1:] if word.startswith("_") else word  # what a controller's file is called too
        if name.endswith(".service"):
            return name, path
        if not name.endswith(".slice"):
            break
    return "", ""


def of(pid: int, proc: str = "/proc") -> Found:
    """The service of a process."""
    try:
        group = group_of(read(os.path.join(proc, str(pid), "cgroup")))
        claim = parse(group, group_of(read(os.path.join(proc, "1", "cgroup"))))
    except OSError:
        return Found(None, "has ended")
    if claim is None:
        return Found(
            None, "belongs to no systemd unit (it is in %s)" % (group or "no control group")
        )
    try:
        manager = Manager(None if claim.uid is None else pwd.getpwuid(claim.uid).pw_name)
        units = show(manager, [claim.name])
    except (KeyError, SystemdError):
        return Found(None, "belongs to account number %s, which is not known" % claim.uid)
    if not units or _group(units[0]) != claim.path or units[0].name != claim.name:
        whose = "the manager of account %s" % manager.account if manager.account else "the system"
        return Found(None, "is in %s, where %s has no such unit" % (group, whose))
    return Found(units[0], "")


def behind(listener: Listener, proc: str = "/proc") -> Found:
    """The service that has a listener: its process runs, and made the socket or got it, as the
    accounts that the service itself runs as.

    A program that runs others' jobs (cron) has them in its own unit, and a socket can be handed to
    any program that takes one: neither is that unit's.
    """
    if listener.pid is None:
        return Found(None, "cannot be seen from here")
    found = of(listener.pid, proc)
    if found.unit is None:
        return found
    try:
        own = _accounts(found.unit, proc)
        runs = Account.of_process(listener.pid, proc).uid
    except OSError:
        return Found(None, "has ended")
    for uid in (runs, listener.uid):
        if uid not in own:
            return Found(
                None,
                "is in %s, which runs as %s; the %s %s"
                % (
                    found.label,
                    " or ".join(map(_name, sorted(own))) or "an account that is not known",
                    "process runs as" if uid == runs else "socket belongs to",
                    _name(uid),
                ),
            )
    return found


def _group(unit: Unit) -> str:
    return unit.properties.get("ControlGroup", "")


def _accounts(unit: Unit, proc: str) -> set[int]:
    """The account numbers that a unit runs as.

    :raises OSError: its main process has just ended.
    """
    if unit.manager.account is not None:
        return {pwd.getpwnam(unit.manager.account).pw_uid}
    own = set()
    if unit.pid is not None:
        own.add(Account.of_process(unit.pid, proc).uid)
    user = unit.properties.get("User", "")
    if user or unit.pid is None:
        own |= _number(user or "root")
    return own


def _number(account: str) -> set[int]:
    if account.isdigit():
        return {int(account)}
    try:
        return {pwd.getpwnam(account).pw_uid}
    except KeyError:
        return set()


def _name(uid: int) -> str:
    try:
        return "account " + pwd.getpwuid(uid).pw_name if uid else "root"
    except KeyError:
        return "account number %d" % uid
