# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients wait while nobody serves, instead of being refused.

A unit of its own holds them (:mod:`_hold.program`): it outlives the run that has started it, lets
go at its limit, and is gone after a reboot, as its rules are.
"""

from __future__ import annotations

import os
import re
import time
from typing import Callable, NamedTuple, Optional, Sequence

from .._host import files as _files
from .._host import listeners as _listeners
from .._host import process as _process
from .._host import sources as _sources
from .._host import systemd as _systemd
from .._host.problem import OperatorError
from . import kept as _kept
from . import program as _program
from . import redirect as _redirect
from .program import CARRYING, HOLDING

UNIT = "llmops-litellm-hold-%d.service"
TABLE = "llmops_litellm_hold_%d"
_UNITS = UNIT.replace("%d", "*")
# What its code is in for the moment in which it starts.
_RUN = "/run"
_CODE = """import sys
sys.path.insert(0, "%s")
from %s._hold.program import main
sys.exit(main())"""
# It reads other accounts' descriptors, takes them over, and changes the packet filter; no more.
_RIGHTS = "CAP_DAC_READ_SEARCH CAP_SYS_PTRACE CAP_NET_ADMIN"
_PROPERTIES = (
    "Type=notify",
    "CapabilityBoundingSet=" + _RIGHTS,
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "LimitNOFILE=65536",
    "TimeoutStopSec=10",
    # a run of ours beside it must not take the processor from those who wait
    "CPUWeight=1000",
)
_MANAGER = _systemd.Manager(None)
PATIENCE = 10.0  # seconds for an answer to a signal
_SIGNALLED = 0.02


class HoldError(OperatorError):
    """Clients are not held, or not let through."""


class Wanted(NamedTuple):
    """What is held: new connections to ``port`` at these ``addresses`` for at most ``limit``
    seconds, and, if ``kept``, the connections that the server there has accepted. ``accounts``
    are the numbers of those that start a server on this port in the end."""

    port: int
    addresses: Sequence[str]
    limit: float
    kept: bool
    accounts: Sequence[int] = ()


class Standing(NamedTuple):
    """How a hold stands: the ``unit`` and what its process says: ``state``, how many new
    connections were ``held``, how many ``kept`` ones were taken along and ``carried`` on, and the
    ``seconds`` for which they waited."""

    unit: str
    state: str
    held: int
    kept: int
    carried: int
    seconds: float
    spared: bool


def obstacles(port: int, addresses: Sequence[str]) -> tuple[str, str]:
    """Why new connections can't be held on this host, and why kept ones can't be taken along; each
    empty where they can. Nothing is changed."""
    leads = [_redirect.Lead(address, port, port) for address in _every(addresses)]
    return _redirect.obstacle(leads), _kept.obstacle()


def standing() -> list[Standing]:
    """The holds of this host that have not ended."""
    found = []
    for name in _systemd.list_units(_MANAGER, _UNITS):
        answer = _MANAGER.systemctl("show", "--property=StatusText", "--value", "--", name)
        told = _program.status_of(answer.out.strip())
        if told:
            found.append(Standing(name, **told))
    return found


def held() -> Optional[Standing]:
    """The hold in which clients wait now."""
    return next((each for each in standing() if each.state == HOLDING), None)


def begin(wanted: Wanted) -> Standing:
    """Hold clients from now on; where they are held already it stays as it is.

    :raises HoldError: they are not held, and why.
    """
    there = held()
    if there:
        return there
    number = 1 + max(
        (int(re.sub(r"\D", "", name)) for name in _systemd.list_units(_MANAGER, _UNITS)), default=0
    )
    unit, table = UNIT % number, TABLE % number
    folder = _files.temporary_folder("llmops-litellm-hold-", _RUN)
    try:
        _write(folder)
        argv = ["systemd-run", "--quiet", "--collect", "--unit=" + unit]
        argv += ["--property=" + each for each in _PROPERTIES]
        argv += ["--description=Clients of port %d wait" % wanted.port]
        # whatever ends it, its rules must not lead to nobody; adding what is there changes nothing
        remove = "add table inet %s; delete table inet %s" % (table, table)
        argv += ['--property=ExecStopPost=-%s "%s"' % (_process.program("nft"), remove)]
        argv += ["--", _sources.PYTHON, "-IB", "-c", _CODE % (folder, _sources.PACKAGE)]
        answer = _process.run([*argv, *_arguments(wanted, table)], timeout=PATIENCE * 3)
    finally:
        _files.remove_tree(folder)  # it has read what it needs
    if answer.rc:
        raise HoldError("clients can't be held: %s" % (_said(unit) or answer.err.strip()))
    there = held()
    if there is None:
        raise HoldError("clients can't be held: %s" % (_said(unit) or "%s has ended" % unit))
    return there


def _arguments(wanted: Wanted, table: str) -> list[str]:
    words = ["--table=" + table, "--port=%d" % wanted.port, "--limit=%g" % wanted.limit]
    words += ["--address=" + address for address in _every(wanted.addresses)]
    words += ["--process=%d" % pid for pid in (servers(wanted.port) if wanted.kept else ())]
    return words + ["--account=%d" % account for account in wanted.accounts]


def _every(addresses: Sequence[str]) -> list[str]:
    """The addresses, one by one: a server on every one of IPv6 has those of IPv4 as well."""
    return list(dict.fromkeys([*addresses, *(["0.0.0.0"] if "::" in addresses else [])]))


def servers(port: int, proc: str = "/proc") -> list[int]:
    """The processes that serve at a port: who listens there, and what they have started."""
    listen = {
        item.pid
        for item in _listeners.listeners(proc)
        if item.port == port and item.pid is not None
    }
    return [
        int(name)
        for name in os.listdir(proc)
        if name.isdigit() and listen.intersection(_process.ancestors(int(name), proc))
    ]


def _write(folder: str) -> None:
    for path, text in _sources.loaded(("_hold", "_host")).items():
        place = os.path.join(folder, _sources.PACKAGE, path)
        _files.make_folder(os.path.join(folder, _sources.PACKAGE), 0o700)
        _files.make_folder(os.path.dirname(place), 0o700)
        _files.write_atomically(place, text.decode())


def _said(unit: str) -> str:
    """The last words of a unit."""
    answer = _process.run(["journalctl", "--unit=" + unit, "--output=cat", "--lines=20", "--quiet"])
    lines = [line for line in answer.out.strip().splitlines() if not line.startswith(unit)]
    return lines[-1] if lines else ""


def spare(there: Standing) -> Standing:
    """Let the accounts that start a server find its port free.

    :raises HoldError: it does not.
    """
    if there.spared:
        return there
    _signal(there.unit, "USR2")
    return _wait(there.unit, lambda now: now.spared)


def end(there: Standing) -> None:
    """Let go: those who wait are refused.

    :raises HoldError: they still wait.
    """
    answer = _MANAGER.systemctl("stop", "--", there.unit)
    if answer.rc:
        raise HoldError("%s does not end: %s" % (there.unit, answer.err.strip()))


def let_through() -> Optional[Standing]:
    """Let those who wait through to the proxy that serves now.

    :returns: how it ended; ``None`` where nobody was held.
    :raises HoldError: they still wait.
    """
    there = held()
    if there is None:
        return None
    _signal(there.unit, "USR1")
    return _wait(there.unit, lambda now: now.state == CARRYING)


def _signal(unit: str, name: str) -> None:
    answer = _MANAGER.systemctl("kill", "--kill-who=main", "--signal=" + name, "--", unit)
    if answer.rc:
        raise HoldError("%s gets no signal: %s" % (unit, answer.err.strip()))


def _wait(unit: str, wanted: Callable[[Standing], bool]) -> Standing:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        for now in standing():
            if now.unit == unit and wanted(now):
                return now
        time.sleep(_SIGNALLED)
    raise HoldError("%s does not answer; systemctl stop %s ends it" % (unit, unit))
