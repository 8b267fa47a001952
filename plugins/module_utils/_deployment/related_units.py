# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units that belong to a proxy, by what they do and never by a name that looks alike.

Taken along are its jobs (backups, checks): services that end by themselves or that something
triggers, and that run in the proxy's folder, from it, or with its files; whatever starts or stops
its unit; another unit that waits for its port. Their timers go with them. A service that runs by
itself is somebody's, even one that has the proxy's keys and asks it: it stays. So does what runs in
a folder that such a service has too, where that service has nothing else of the proxy's.
"""

from __future__ import annotations

import os
import re
from typing import Callable, Iterable, NamedTuple, Optional

from .._host import process as _process
from .._host import reader as _reader
from .._host.account import Account
from .._host.problem import OperatorError
from .._host.systemd import (
    RUNS,
    Manager,
    Unit,
    list_unit_files,
    list_units,
    managers,
    parse_environment_files,
    show,
    unloadable,
)

_SOCKET = ".socket"
_TRIGGERS = (".timer", ".path", _SOCKET)
_KINDS = ("*.service", "*.timer", "*.path", "*.socket")
# What a package brings is nobody's script; what it is told to do stands in the unit.
_PACKAGES = ("/usr/", "/bin/", "/sbin/", "/lib/")
_INTERPRETERS = re.compile(r"(ba|da|z|k)?sh|python[0-9.]*|perl|node|env")
_SCRIPT = 1 << 16  # bytes of a script that are read
# Folders that many have things in: that a unit names one says nothing.
_COMMON = {"/", "/var/lib", "/usr/local", "/usr/bin", "/usr/local/bin", "/usr/share", "/tmp"}
_EVERYBODYS = {"/etc/environment", "/etc/default/locale"}
_CONTROLS = r"\bsystemctl\b[^\n;|&]*\b(?:re)?(?:start|stop|kill|reload|enable|load)\b[^\n;|&]*?"
_EDGE = r"(?<![\w./-])%s(?=[\s\"'`;,:)\]}|&<>]|$%s)"
_AT_ONCE = 50  # units that one question is about


class Marks(NamedTuple):
    """By what a unit belongs to a proxy: its unit's name, its port, its account (empty for root),
    its own folders, files that only it has, and folders at or below its own that are another
    application's."""

    unit: str
    port: Optional[int]
    account: str
    folders: frozenset[str]
    files: frozenset[str]
    others: frozenset[str] = frozenset()


def marks(
    unit: str,
    port: Optional[int],
    account: str,
    folders: Iterable[Optional[str]],
    files: Iterable[Optional[str]],
) -> Marks:
    """The marks of a proxy; a folder of the system's, or an account's home, is none."""
    home = _home(account)
    own = {os.path.realpath(path) for path in folders if path}
    return Marks(
        unit,
        port,
        "" if account == "root" else account,
        frozenset(path for path in own if path not in {*_COMMON, home} and path.count("/") > 1),
        frozenset({path for path in files if path} - _EVERYBODYS),
    )


def _home(account: str) -> str:
    try:
        return Account.named(account).home
    except OperatorError:
        return ""


def commands(unit: Unit) -> list[str]:
    """All command lines of a service, as systemd shows them."""
    said = unit.properties.get("ExecStart", "")
    return re.findall(r"argv\[\]=(.*?) ; ignore_errors=", said, re.S)


def belongs(unit: Unit, text: str, own: Marks, triggered: bool = False) -> bool:
    """Whether a service is the proxy's.

    :param text: its commands and what the script says that it runs.
    :param triggered: whether a timer or a path starts it.
    """
    return controls(text, own.unit) or (_is_job(unit, triggered) and _uses(unit, text, own))


def _is_job(unit: Unit, triggered: bool) -> bool:
    return triggered or unit.properties.get("Type") == "oneshot"


def controls(text: str, name: str) -> bool:
    """Whether a text has systemd start or stop a unit."""
    stem = re.escape(re.sub(r"\.service$", "", name))
    named = r"(?<![\w@.-])%s(?:\.service)?(?![\w@-]|\.\w)" % stem
    return bool(re.search(_CONTROLS + named, text))


def _uses(unit: Unit, text: str, own: Marks) -> bool:
    """Whether a job runs with what is the proxy's: of another account's only what it is started
    with counts, as an administrator's jobs may name anything."""
    programs = [line.split()[0] for line in commands(unit) if line.split()]
    if _has_files(unit, own) or any(_inside(path, own) for path in [_folder(unit), *programs]):
        return True
    return bool(own.account) and unit_account(unit) == own.account and _names(text, own)


def _names(text: str, own: Marks) -> bool:
    """Whether a text names the proxy's port, a place in its folders, or a file of its own."""
    places = [found for path in own.folders for found in _places(text, path)]
    return _knows(text, own) or any(_inside(place, own) for place in places)


def _knows(text: str, own: Marks) -> bool:
    """Whether a text names the proxy's port, or a file of its own."""
    port = own.port and re.search(r":%d(?!\d)" % own.port, text)
    files = (re.search(_EDGE % (re.escape(path), ""), text) for path in own.files)
    return bool(port) or any(files)


def _places(text: str, folder: str) -> list[str]:
    """What a text names of a folder: itself, or paths below it."""
    below = _EDGE % (r"(%s(?:/[^\s\"'`;,:)\]}|&<>]*)?)" % re.escape(folder), "")
    return [path.rstrip("/") for path in re.findall(below, text)]


def _has_files(unit: Unit, own: Marks) -> bool:
    return bool({path for path, _optional in _environment_files(unit)} & own.files)


def _folder(unit: Unit) -> str:
    return unit.properties.get("WorkingDirectory", "").lstrip("-!")


def _inside(path: str, own: Marks) -> bool:
    """Whether a path is in the proxy's folders, and in none that is another application's."""
    return any(_below(path, folder) for folder in own.folders) and not any(
        _below(path, folder) for folder in own.others
    )


def _below(path: str, folder: str) -> bool:
    return bool(path) and (path == folder or path.startswith(folder + "/"))


def _environment_files(unit: Unit) -> list[tuple[str, bool]]:
    return parse_environment_files(unit.properties.get("EnvironmentFiles", ""))


def unit_account(unit: Unit) -> str:
    """As whom a unit runs; empty for root."""
    name = unit.manager.account or unit.properties.get("User", "")
    if name.isdigit():
        name = Account.numbered(int(name)).name
    return "" if name == "root" else name


def script(unit: Unit) -> str:
    """What a service's own script says, read as who can have chosen it; empty for a program, and
    for what can't be read."""
    found = []
    for line in commands(unit):
        words = line.split()
        path = next(
            (
                word
                for word in words
                if word.startswith("/") and not _INTERPRETERS.fullmatch(os.path.basename(word))
            ),
            "",
        )
        if path and not path.startswith(_PACKAGES):
            try:
                found.append(_reader.of(unit.manager.account or "", path).read(path, _SCRIPT))
            except (OSError, OperatorError):
                continue
    return "\n".join(
        text.decode("utf-8", "replace") for text in found if not text.startswith(b"\x7fELF")
    )


def related(
    unit: Unit, own: Marks, proxy: Callable[[Unit], Optional[Marks]] = lambda unit: None
) -> list[Unit]:
    """The units that belong to a proxy, what triggers them first, its own unit last.

    :param own: see :func:`marks`.
    :param proxy: the marks of a unit that is a proxy of its own, else ``None``.
    """
    there = [each for manager in _managers(unit, own) for each in _units(manager)]
    there = [each for each in there if (each.name, each.manager) != (unit.name, unit.manager)]
    services = [each for each in there if each.name.endswith(".service")]
    others = {(each.manager, each.name): proxy(each) for each in services}
    own = _without(own, [found for found in others.values() if found])
    timed = set().union(*(_triggers(each) for each in there if not each.name.endswith(_SOCKET)))
    texts = {
        (each.manager, each.name): "\n".join([*commands(each), _running(each), script(each)])
        for each in services
    }
    own = own._replace(
        others=frozenset(
            _folder(each)
            for each in services
            if each.active in RUNS
            and not others[each.manager, each.name]
            and not _is_job(each, (each.manager, each.name) in timed)
            and not _has_files(each, own)
            and not _knows(texts[each.manager, each.name], own)
            and any(_below(_folder(each), folder) for folder in own.folders)
        )
    )
    taken = []
    for each in services:
        other = others[each.manager, each.name]
        text = texts[each.manager, each.name]
        triggered = (each.manager, each.name) in timed
        if _in_the_way(each, other, own) if other else belongs(each, text, own, triggered):
            taken.append(each)
    started = {(each.manager, each.name) for each in [*taken, unit]}
    triggers = [each for each in there if _triggers(each) & started]
    return [*_sorted(triggers), *_sorted(taken), unit]


def _without(own: Marks, others: list[Marks]) -> Marks:
    """The marks that no other proxy has: what two of them have says nothing."""
    return own._replace(
        folders=own.folders.difference(*(each.folders for each in others)),
        files=own.files.difference(*(each.files for each in others)),
    )


def _in_the_way(unit: Unit, other: Marks, own: Marks) -> bool:
    """Whether another proxy waits for the very port of ours. One that runs has got another."""
    return unit.active not in RUNS and other.port is not None and other.port == own.port


def _sorted(units: list[Unit]) -> list[Unit]:
    return sorted(units, key=lambda unit: (unit.manager.account is None, unit.name))


def _triggers(unit: Unit) -> set[tuple[Manager, str]]:
    """What a timer, a path or a socket starts. Of one whose file is gone, what it did by its
    name."""
    if not unit.name.endswith(_TRIGGERS):
        return set()
    names = unit.properties.get("Triggers", "").split() or [
        unit.name.rpartition(".")[0] + ".service"
    ]
    return {(unit.manager, name) for name in names}


def _running(unit: Unit) -> str:
    """The command line of a service whose file can't say it any more."""
    return " ".join(_process.command_line(unit.pid)) if unit.fault and unit.pid else ""


def _managers(unit: Unit, own: Marks) -> list[Manager]:
    """The manager of a unit and, where they are others, its account's and the system's."""
    awake = managers(own.account) if own.account else [Manager(None)]
    return list(dict.fromkeys([unit.manager, *awake]))


def _units(manager: Manager) -> list[Unit]:
    """All services of a manager, and what triggers services. What runs has to be known, whatever
    has become of its file."""
    names = sorted({*list_unit_files(manager, *_KINDS), *list_units(manager, *_KINDS)})
    found: dict[str, Unit] = {}
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        broken = [each for each in unloadable(manager, some) if each.active in RUNS]
        for unit in [*show(manager, some), *broken]:
            found[unit.name] = unit
    return list(found.values())
