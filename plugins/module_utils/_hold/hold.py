# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients wait while nobody serves, instead of being refused.

A unit of its own holds them (:mod:`_hold.program`): it outlives the run that has started it, lets
go at its limit, and is gone after a reboot, as its rules are.
"""

from __future__ import annotations

import os
from typing import Any, Callable, NamedTuple, Optional, Sequence

from .._host import listeners as _listeners
from .._host import process as _process
from . import kept as _kept
from . import program as _program
from . import redirect as _redirect
from . import unit as _unit
from .program import CARRYING, HOLDING
from .unit import HoldError

TABLE = "llmops_litellm_hold_%d"
PROGRAM = _unit.Program(
    _program.__name__.rpartition(".")[2],
    "llmops-litellm-hold-%d.service",
    (
        # it reads other accounts' descriptors, takes them over, and changes the packet filter
        "CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_SYS_PTRACE CAP_NET_ADMIN",
        # a run of ours beside it must not take the processor from those who wait
        "CPUWeight=1000",
    ),
)


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
    connections were ``held``, how many ``kept`` ones were taken along and ``carried`` on, the
    ``seconds`` for which they waited, and whether the accounts that start a server are ``spared``.
    """

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
    return [Standing(name, **told) for name, told in PROGRAM.standing().items()]


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
    number = PROGRAM.next_number()
    table = TABLE % number
    # whatever ends it, its rules must not lead to nobody; adding what is there changes nothing
    remove = "add table inet %s; delete table inet %s" % (table, table)
    more = ['ExecStopPost=-%s "%s"' % (_process.program("nft"), remove)]
    words = _arguments(wanted, table)
    try:
        unit = PROGRAM.start(number, words, "Clients of port %d wait" % wanted.port, more)
    except HoldError as error:
        raise HoldError("clients can't be held: %s" % error) from None
    there = held()
    if there is None:
        raise HoldError("clients can't be held: %s has ended" % unit)
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


def spare(there: Standing) -> Standing:
    """Let the accounts that start a server find its port free.

    :raises HoldError: it does not.
    """
    if there.spared:
        return there
    _unit.signal(there.unit, "USR2")
    return _wait(there.unit, lambda told: bool(told["spared"]))


def end(there: Standing) -> None:
    """Let go: those who wait are refused.

    :raises HoldError: they still wait.
    """
    _unit.stop(there.unit)


def let_through() -> Optional[Standing]:
    """Let those who wait through to the proxy that serves now.

    :returns: how it ended; ``None`` where nobody was held.
    :raises HoldError: they still wait.
    """
    there = held()
    if there is None:
        return None
    _unit.signal(there.unit, "USR1")
    return _wait(there.unit, lambda told: told["state"] == CARRYING)


def _wait(unit: str, wanted: Callable[[dict[str, Any]], bool]) -> Standing:
    return Standing(unit, **PROGRAM.wait(unit, wanted))
