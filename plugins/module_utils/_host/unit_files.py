# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unit files of ours in the system manager's folder, as one set: installed, paused or removed.

A set is all units whose names match some patterns. What matches and is not wanted any more goes.
What the units read may belong to their set too: a file is then named by its path.
Each function changes only what differs, so that a run which was killed can be run again.
"""

from __future__ import annotations

import fnmatch
import os
import re
import time
from typing import Collection, Iterable, Mapping, NamedTuple, Sequence

from . import paths as _paths
from .files import read, sync_folder, write_atomically
from .process import run
from .systemd import Manager, SystemdError, parse_show

FOLDER = "/etc/systemd/system"
MODE = 0o644
# Of one call of systemctl: a unit may start or stop many containers.
TIMEOUT = 600.0
BUSY = ("active", "activating", "deactivating", "reloading")
# They start services, so they stop first.
TRIGGERS = (".timer", ".socket", ".path")


class Result(NamedTuple):
    """What was done or, in check mode, would be (``litellm-ops-backup.timer: started``), and the
    files' texts before and after, by name; the text of one that is not there is empty."""

    done: list[str]
    before: dict[str, str]
    after: dict[str, str]


class _State(NamedTuple):
    active: str
    enabled: bool
    outdated: bool  # its file has changed since systemd read it


def matching(patterns: Iterable[str], folder: str = FOLDER) -> list[str]:
    """The names of the units that are installed and match, sorted."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    patterns = list(patterns)
    return sorted(
        name
        for name in names
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
        and not os.path.isdir(os.path.join(folder, name))
    )


def install(
    files: Mapping[str, str],
    patterns: Sequence[str],
    enabled: Sequence[str] = (),
    started: Sequence[str] = (),
    together: Sequence[Collection[str]] = (),
    obsolete: Sequence[str] = (),
    in_turn: float = 0,
    check: bool = False,
    folder: str = FOLDER,
) -> Result:
    """Put these units in place, the others that match away, and start what is to run.

    :param files: texts by unit name, or by the path of a file that they read.
    :param enabled: units that start at boot, and now. Others of the set don't start at boot.
    :param started: units that start now only.
    :param together: units and their files that belong together, such as a socket and its service:
        before one of a group changes, those that run are stopped. What is in no group goes on as it
        is.
    :param obsolete: paths of files that go, beside the units that are not wanted any more.
    :param in_turn: seconds that each start may take, one after the other; 0 starts all at once.
    :raises UntrustedPath: somebody else could write to a file's folder.
    :raises SystemdError: a calendar expression is not valid (nothing was changed then), or systemd
        could not start a unit.
    """
    for place in dict.fromkeys([folder, *(os.path.dirname(name) for name in files if "/" in name)]):
        _paths.require(place, "writes units to it")
    for name, text in files.items():
        _check_calendars(name, text)
    away = [name for name in matching(patterns, folder) if name not in files]
    away += [path for path in obsolete if os.path.lexists(path)]
    before = {name: _text(folder, name) for name in [*files, *away]}
    states = _states([*files, *away])
    changed = [name for name in files if not _is_as(folder, name, files[name])]
    outdated = {name for name in files if name in states and states[name].outdated}
    touched = outdated.union(changed, away)
    done = _stop(_active([name for name in away if name in states], states), check)
    stopping = [name for group in together if touched.intersection(group) for name in group]
    done += _stop(_active([name for name in stopping if name not in away], states), check)
    failed = [name for name in away if name in states and states[name].active == "failed"]
    resting = [name for name in files if name not in enabled]
    done += _disable([name for name in [*away, *resting] if name in states], states, check)
    done += ["%s: %s" % (name, "changed" if before[name] else "created") for name in changed]
    done += ["%s: removed" % name for name in away]
    if not check:
        if failed:
            _systemctl("reset-failed", "--", *failed)
        for name in changed:
            write_atomically(os.path.join(folder, name), files[name], MODE)
        _unlink(folder, away)
        if changed or away or outdated:
            _systemctl("daemon-reload")
    # what was stopped above is asked again
    states = states if check else _states([*enabled, *started])
    missing = [name for name in enabled if name not in states or not states[name].enabled]
    idle = [
        name
        for name in [*enabled, *started]
        if name not in states or states[name].active not in ("active", "activating")
    ]
    if not check and missing:
        _systemctl("enable", "--", *missing)
    for names in [[name] for name in idle] if in_turn else [idle]:
        if not check and names:
            _systemctl("start", "--", *names, timeout=in_turn or TIMEOUT)
    done += ["%s: enabled" % name for name in missing] + ["%s: started" % name for name in idle]
    after = {name: files.get(name, "") for name in before}
    return Result(done, before, after)


def diff(result: Result) -> list[dict[str, str]]:
    """The texts that differ, as Ansible shows them."""
    return [
        {
            "before": result.before[name],
            "after": result.after[name],
            "before_header": name,
            "after_header": name,
        }
        for name in sorted(result.before)
        if result.before[name] != result.after[name]
    ]


def by_name(files: Iterable[str]) -> list[list[str]]:
    """The units of each name together: ``x.socket`` and ``x.service``."""
    groups: dict[str, list[str]] = {}
    for name in files:
        groups.setdefault(name.rpartition(".")[0], []).append(name)
    return list(groups.values())


def pause(
    patterns: Sequence[str], wait: float = 0, check: bool = False, folder: str = FOLDER
) -> Result:
    """Stop the units until they are started again or the host is.

    :param wait: seconds that a service which is under way may take to end by itself; 0 stops it.
    :raises SystemdError: a service is still running after that time.
    """
    names = matching(patterns, folder)
    states = _states(names)
    triggers = [name for name in names if name.endswith(TRIGGERS)]
    services = [name for name in names if name not in triggers]
    done = _stop(_active(triggers, states), check)
    if not wait:
        # a trigger may have started one since
        states = states if check else _states(services)
        return Result(done + _stop(_active(services, states), check), {}, {})
    limit = time.monotonic() + wait
    while not check and (running := _active(services, _states(services))):
        if time.monotonic() > limit:
            raise SystemdError("%s: still running after %d s" % (", ".join(running), wait))
        time.sleep(0.5)
    return Result(done, {}, {})


def remove(
    patterns: Sequence[str], wait: float = 0, check: bool = False, folder: str = FOLDER
) -> Result:
    """Stop the units, as :func:`pause` does, disable them and remove their files."""
    done = pause(patterns, wait, check, folder=folder).done
    names = matching(patterns, folder)
    before = {name: _text(folder, name) for name in names}
    states = _states(names)
    done += _disable(names, states, check)
    failed = [name for name in names if name in states and states[name].active == "failed"]
    if not check and names:
        if failed:
            _systemctl("reset-failed", "--", *failed)
        _unlink(folder, names)
        _systemctl("daemon-reload")
    done += ["%s: removed" % name for name in names]
    return Result(done, before, dict.fromkeys(names, ""))


def _systemctl(*words: str, timeout: float = TIMEOUT) -> None:
    answer = Manager(None).systemctl(*words, timeout=timeout)
    if answer.rc != 0:
        raise SystemdError(
            "systemctl %s: %s" % (" ".join(words), (answer.err or answer.out).strip())
        )


def _states(names: Iterable[str]) -> dict[str, _State]:
    """Of the units that systemd knows; a template is none, nor is a file that has a path."""
    units = [name for name in names if "@." not in name and "/" not in name]
    if not units:
        return {}
    fields = "Id,LoadState,ActiveState,UnitFileState,NeedDaemonReload"
    answer = Manager(None).systemctl("show", "--property", fields, "--", *units)
    if answer.rc != 0:
        raise SystemdError("systemctl show: %s" % (answer.err or answer.out).strip())
    return {
        block["Id"]: _State(
            block["ActiveState"],
            block["UnitFileState"] == "enabled",
            block["NeedDaemonReload"] == "yes",
        )
        for block in parse_show(answer.out)
        if block["LoadState"] != "not-found" or block["ActiveState"] != "inactive"
    }


def _active(names: Iterable[str], states: Mapping[str, _State]) -> list[str]:
    """Those that run, triggers first."""
    running = [name for name in names if name in states and states[name].active in BUSY]
    return sorted(running, key=lambda name: (not name.endswith(TRIGGERS), name))


def _stop(names: Sequence[str], check: bool) -> list[str]:
    triggers = [name for name in names if name.endswith(TRIGGERS)]
    for group in (triggers, [name for name in names if name not in triggers]):
        if group and not check:
            _systemctl("stop", "--", *group)
    return ["%s: stopped" % name for name in names]


def _disable(names: Iterable[str], states: Mapping[str, _State], check: bool) -> list[str]:
    enabled = [name for name in names if name in states and states[name].enabled]
    if enabled and not check:
        _systemctl("disable", "--", *enabled)
    return ["%s: disabled" % name for name in enabled]


def _unlink(folder: str, names: Sequence[str]) -> None:
    for name in names:
        os.unlink(os.path.join(folder, name))
    for place in {os.path.dirname(os.path.join(folder, name)) for name in names}:
        sync_folder(place)


def _text(folder: str, name: str) -> str:
    path = os.path.join(folder, name)
    return read(path) if os.path.isfile(path) else ""


def _is_as(folder: str, name: str, text: str) -> bool:
    """Whether the unit's file is there with this text, ours and readable for everybody."""
    path = os.path.join(folder, name)
    if os.path.islink(path) or not os.path.isfile(path):
        return False
    about = os.stat(path)
    ours = (about.st_uid, about.st_mode & 0o7777) == (os.geteuid(), MODE)
    return ours and read(path) == text


def _check_calendars(name: str, text: str) -> None:
    """Ask systemd about each OnCalendar= before anything changes; it ignores what it can't read."""
    for value in re.findall(r"^OnCalendar=(.+)$", text, re.MULTILINE):
        answer = run(["systemd-analyze", "calendar", value.replace("%%", "%")])
        if answer.rc != 0:
            raise SystemdError(
                "%s: OnCalendar=%s: %s" % (name, value, (answer.err or answer.out).strip())
            )
