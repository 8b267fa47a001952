# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of the system's manager and of the user managers that are running, looked at and brought to a state.

A user manager is spoken to as its own account with its own runtime folder: that needs neither a login session nor
``machinectl``, and works the same over SSH, in a container and from a timer.
"""
from __future__ import annotations

import os
import pwd
import re
import shlex
from typing import NamedTuple, Optional

from ._host import Result, run

SHOWN = ("Id", "LoadState", "ActiveState", "SubState", "UnitFileState", "FragmentPath", "DropInPaths", "MainPID",
         "WorkingDirectory", "EnvironmentFiles", "Environment", "User", "ExecStart")


class SystemdError(Exception):
    """A manager refused; the message names the unit and says what it answered."""


class Manager(NamedTuple):
    """A running systemd: ``account`` is ``None`` for the system's, else the name of the user manager's account."""

    account: Optional[str]

    @property
    def scope(self) -> str:
        """``system`` or ``user``, as systemctl calls it."""
        return "system" if self.account is None else "user"

    def systemctl(self, *words: str, timeout: float = 180) -> Result:
        """Run systemctl against this manager."""
        if self.account is None:
            return run(["systemctl", *words], timeout=timeout)
        entry = pwd.getpwnam(self.account)
        runtime = "/run/user/%d" % entry.pw_uid
        return run(["systemctl", "--user", *words], timeout=timeout, account=(entry.pw_uid, entry.pw_gid),
                   env={"XDG_RUNTIME_DIR": runtime, "DBUS_SESSION_BUS_ADDRESS": "unix:path=%s/bus" % runtime,
                        "HOME": entry.pw_dir, "USER": entry.pw_name})


class Unit(NamedTuple):
    """A unit as its manager sees it. ``enabled`` is systemd's UnitFileState, ``active`` its ActiveState."""

    name: str
    manager: Manager
    enabled: str
    active: str
    properties: dict[str, str]

    @property
    def pid(self) -> Optional[int]:
        """The main process, ``None`` where none runs."""
        pid = int(self.properties.get("MainPID") or 0)
        return pid or None

    def record(self) -> dict[str, str]:
        """What has to be known to bring the unit back exactly."""
        return {"name": self.name, "scope": self.manager.scope, "account": self.manager.account or "",
                "enabled": self.enabled, "active": self.active, "path": self.properties.get("FragmentPath", "")}


def managers(account: str = "", runtime: str = "/run/user") -> list[Manager]:
    """The system's manager and every user manager that runs, or the one of ``account`` alone beside the system's."""
    found = [Manager(None)]
    for name in sorted(os.listdir(runtime)) if os.path.isdir(runtime) else []:
        if not os.path.exists(os.path.join(runtime, name, "systemd", "private")):
            continue
        try:
            entry = pwd.getpwuid(int(name))
        except (KeyError, ValueError):
            continue
        if account in ("", entry.pw_name):
            found.append(Manager(entry.pw_name))
    return found


def parse_show(text: str) -> list[dict[str, str]]:
    """``systemctl show`` of one or several units; a property that is printed twice (EnvironmentFiles) is joined by newlines."""
    blocks = []
    for block in re.split(r"\n\n+", text.strip()):
        properties: dict[str, str] = {}
        for line in block.splitlines():
            name, equals, value = line.partition("=")
            if equals:
                properties[name] = properties[name] + "\n" + value if name in properties else value
        if properties:
            blocks.append(properties)
    return blocks


def show(manager: Manager, names: list[str]) -> list[Unit]:
    """The named units that this manager has, in the order asked."""
    if not names:
        return []
    answer = manager.systemctl("show", "--property", ",".join(SHOWN), "--", *names)
    found = []
    for properties in parse_show(answer.out):
        if properties.get("LoadState") in ("loaded", "masked"):
            found.append(Unit(properties["Id"], manager, properties.get("UnitFileState", ""),
                              properties.get("ActiveState", ""), properties))
    return found


def list_unit_files(manager: Manager, *patterns: str) -> list[str]:
    """Names of the installed unit files that match, templates left out."""
    answer = manager.systemctl("list-unit-files", "--no-legend", "--no-pager", "--plain", "--", *patterns)
    names = [line.split()[0] for line in answer.out.splitlines() if line.split()]
    return [name for name in names if not re.search(r"@\.[a-z]+$", name)]


def parse_environment_files(value: str) -> list[tuple[str, bool]]:
    """The property EnvironmentFiles as (path, optional), in the order in which systemd reads them."""
    found = []
    for line in value.splitlines():
        match = re.match(r"(.*) \(ignore_errors=(yes|no)\)$", line)
        if match:
            found.append((match.group(1), match.group(2) == "yes"))
    return found


def parse_exec(value: str) -> list[str]:
    """The arguments of the property ExecStart (its first command)."""
    match = re.search(r"argv\[\]=(.*?) ; ignore_errors=", value, re.S)
    return shlex.split(match.group(1)) if match else []


def _must(manager: Manager, unit: str, *words: str) -> None:
    answer = manager.systemctl(*words, "--", unit)
    if answer.rc != 0:
        raise SystemdError("systemctl %s %s (%s manager): %s" % (
            " ".join(words), unit, manager.account or "system", (answer.err or answer.out).strip()))


def retire(record: dict[str, str], check: bool = False) -> list[str]:
    """Stop a unit and keep it from starting at the next boot, without deleting anything of it.

    :returns: what was done or, with ``check``, would be; empty when the unit was retired already.
    """
    manager = Manager(record["account"] or None)
    found = show(manager, [record["name"]])
    if not found:
        return []
    unit, done = found[0], []
    if unit.active in ("active", "activating", "reloading", "deactivating"):
        done.append("stopped")
        if not check:
            _must(manager, unit.name, "stop")
    if unit.enabled in ("enabled", "linked", "alias"):
        done.append("disabled")
        if not check:
            _must(manager, unit.name, "disable")
            unit = show(manager, [record["name"]])[0]
    # A generator or another unit may pull it in at boot; disabling alone does not keep it down. What only is to be disabled
    # cannot tell yet.
    if not (check and "disabled" in done) and unit.properties["LoadState"] != "masked" and (unit.enabled == "enabled-runtime" or _is_pulled_in(unit)):
        done.append("masked")
        if not check:
            _must(manager, unit.name, "mask")
    return done


def _is_pulled_in(unit: Unit) -> bool:
    answer = unit.manager.systemctl("show", "--property", "WantedBy,RequiredBy", "--", unit.name)
    return any(value.strip() for block in parse_show(answer.out) for value in block.values())


def restore(record: dict[str, str], check: bool = False) -> list[str]:
    """Bring a unit back to exactly the recorded enabled and active state.

    :returns: what was done or, with ``check``, would be; empty when nothing differed.
    """
    manager = Manager(record["account"] or None)
    found = show(manager, [record["name"]])
    if not found:
        raise SystemdError("%s is recorded in the journal, but its unit file is gone" % record["name"])
    unit, done = found[0], []
    if unit.properties["LoadState"] == "masked" and record["enabled"] != "masked":
        done.append("unmasked")
        if not check:
            _must(manager, unit.name, "unmask")
            unit = show(manager, [record["name"]])[0]
    if record["enabled"] == "enabled" and unit.enabled != "enabled":
        done.append("enabled")
        if not check:
            _must(manager, unit.name, "enable")
    if record["active"] == "active" and unit.active != "active":
        done.append("started")
        if not check:
            manager.systemctl("reset-failed", "--", unit.name)
            _must(manager, unit.name, "start")
    elif record["active"] == "inactive" and unit.active in ("active", "activating"):
        done.append("stopped")
        if not check:
            _must(manager, unit.name, "stop")
    return done
