# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients wait while nobody serves, or are led to another port where somebody does, instead of
being refused.

A unit of its own does it (:mod:`_hold.program`): it outlives the run that has started it, lets go
at its limit or once nobody serves at the other port, and is gone after a reboot, as its rules are.
"""

from __future__ import annotations

import os
import re
from typing import Any, Callable, NamedTuple, Optional, Sequence

from .._host import files as _files
from .._host import listeners as _listeners
from .._host import process as _process
from . import container as _container
from . import kept as _kept
from . import program as _program
from . import redirect as _redirect
from . import unit as _unit
from .program import CARRYING, HOLDING, LEADING
from .unit import HoldError

TABLE = "llmops_litellm_hold_%d"
PROGRAM = _unit.Program(
    _program.__name__.rpartition(".")[2],
    "llmops-litellm-hold-%d.service",
    (
        # it reads other accounts' descriptors, takes them over, changes the packet filter, and
        # stops the init of a container
        "CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_SYS_PTRACE CAP_NET_ADMIN CAP_KILL",
        # a run of ours beside it must not take the processor from those who wait
        "CPUWeight=1000",
    ),
)


# The folder of a unit's own, which is removed with it, and the file in it that says where to lead.
FOLDER, WISH = "llmops-litellm-hold-%d", "to"


class Wanted(NamedTuple):
    """What is held: new connections to ``port`` at these ``addresses`` for at most ``limit``
    seconds, and, if ``kept``, the connections that the server there has accepted. ``accounts``
    are the numbers of those that start a server on this port in the end. With a port ``to``, new
    connections are led there instead. ``url`` is where the server answers that is to stop: if it
    never does, it is let be. With a ``container`` the server is in there; its connections are kept
    only while clients are led, as its network can't stay until nobody needs it otherwise."""

    port: int
    addresses: Sequence[str]
    limit: float
    kept: bool
    accounts: Sequence[int] = ()
    to: int = 0
    url: str = ""
    container: str = ""


class Standing(NamedTuple):
    """How a hold stands: the ``unit`` and what its process says: ``state``, how many new
    connections were ``held``, how many ``kept`` ones were taken along and ``carried`` on, the
    ``seconds`` for which they waited, whether the accounts that start a server are ``spared``, and
    the port ``to`` which they are led, or were, as long as its servers' connections matter.
    """

    unit: str
    state: str
    held: int
    kept: int
    carried: int
    seconds: float
    spared: bool
    to: int = 0


def obstacles(port: int, addresses: Sequence[str]) -> tuple[str, str]:
    """Why new connections can't be held on this host, and why kept ones can't be taken along; each
    empty where they can. Nothing is changed."""
    leads = [_redirect.Lead(address, port, port) for address in _every(addresses)]
    return _redirect.obstacle(leads), _kept.obstacle()


def standing() -> list[Standing]:
    """The holds of this host that have not ended."""
    return [Standing(name, **told) for name, told in PROGRAM.standing().items()]


def held() -> Optional[Standing]:
    """The hold in which clients wait or are led now."""
    return next((each for each in standing() if each.state in (HOLDING, LEADING)), None)


def begin(wanted: Wanted) -> Standing:
    """Hold or lead clients from now on. Where they are held or led already the same unit goes on.

    :raises HoldError: they are not, and why; what there was stays.
    """
    there = held()
    if there and (there.state, there.to if wanted.to else 0) == (_state(wanted), wanted.to):
        return there
    if wanted.to:
        _may_lead(wanted.to, there)
    return _change(there, wanted) if there else _start(wanted)


def _state(wanted: Wanted) -> str:
    return LEADING if wanted.to else HOLDING


def _may_lead(to: int, there: Optional[Standing]) -> None:
    """:raises HoldError: nobody serves there, or the servers of another port would be forgotten."""
    if there and there.to not in (0, to):
        raise HoldError("clients can't be led to port %d: port %d has some" % (to, there.to))
    if not any(item.port == to for item in _listeners.listeners()):
        raise HoldError("clients can't be led to port %d: nobody serves there" % to)
    for each in standing():
        if each.state == CARRYING and each.to == to:  # of two that take along, one would lose
            _unit.signal(each.unit, "USR1")
            _wait(each.unit, _follows_nobody)


def _change(there: Standing, wanted: Wanted) -> Standing:
    number = int(re.sub(r"\D", "", there.unit))
    _files.write_atomically(_wish(number), str(wanted.to))
    _unit.signal(there.unit, "HUP")
    return _wait(there.unit, lambda told: told["state"] == _state(wanted))


def _wish(number: int) -> str:
    return os.path.join(_unit.RUN, FOLDER % number, WISH)


def _start(wanted: Wanted) -> Standing:
    number = PROGRAM.next_number()
    table = TABLE % number
    # whatever ends it, its rules must not lead to nobody; adding what is there changes nothing
    remove = "add table inet %s; delete table inet %s" % (table, table)
    more = ['ExecStopPost=-%s "%s"' % (_process.program("nft"), remove)]
    more.append("RuntimeDirectory=" + FOLDER % number)
    inside = _inside(wanted)
    if inside:
        goes_on = '%s -c "kill -CONT %d"' % (_process.program("sh"), inside.init)
        more.append("ExecStopPost=-" + goes_on)
    words = [*_arguments(wanted, table, inside), "--wish=" + _wish(number)]
    what = "held" if not wanted.to else "led to port %d" % wanted.to
    try:
        unit = PROGRAM.start(number, words, "Clients of port %d are %s" % (wanted.port, what), more)
    except HoldError as error:
        raise HoldError("clients can't be %s: %s" % (what, error)) from None
    there = held()
    if there is None:
        raise HoldError("clients can't be %s: %s has ended" % (what, unit))
    return there


def _inside(wanted: Wanted) -> Optional[_container.Place]:
    """The server in a container whose connections are taken along."""
    if not (wanted.kept and wanted.container and wanted.to):
        return None
    return _container.find(wanted.container, wanted.port)


def _arguments(wanted: Wanted, table: str, inside: Optional[_container.Place]) -> list[str]:
    words = ["--table=" + table, "--port=%d" % wanted.port, "--limit=%g" % wanted.limit]
    words += ["--address=" + address for address in _every(wanted.addresses)]
    pids = inside.servers if inside else []
    if wanted.kept and not wanted.container:
        pids = _kept.servers(wanted.port)
    words += ["--process=%d" % pid for pid in pids]
    if inside:
        words += ["--init=%d" % inside.init, "--inside=%d" % inside.port]
    words += ["--account=%d" % account for account in wanted.accounts]
    return words + ["--to=%d" % wanted.to, "--url=" + wanted.url]


def _every(addresses: Sequence[str]) -> list[str]:
    """The addresses, one by one: a server on every one of IPv6 has those of IPv4 as well."""
    return list(dict.fromkeys([*addresses, *(["0.0.0.0"] if "::" in addresses else [])]))


def spare(there: Standing) -> Standing:
    """Let the accounts that start a server find its port free.

    :raises HoldError: it does not.
    """
    if there.spared:
        return there
    _unit.signal(there.unit, "USR2")
    return _wait(there.unit, lambda told: bool(told["spared"]))


def end(there: Standing) -> None:
    """Let go: those who wait are refused, and nobody is led any more.

    :raises HoldError: they still wait, or are led.
    """
    _unit.stop(there.unit)


def let_through(kept: bool = True) -> Optional[Standing]:
    """Let those who wait or are led through to the proxy that serves at their port now.

    :param kept: whether the connections are taken along that the servers have accepted to whom they
        were led; these may end then.
    :returns: how it ended; ``None`` where nobody was held or led.
    :raises HoldError: they still are.
    """
    there = held()
    if there is None:
        return None
    _unit.signal(there.unit, "USR1")
    ended = _wait(there.unit, lambda told: told["state"] == CARRYING)
    if ended.to and not kept:
        _unit.signal(there.unit, "USR1")
        ended = _wait(there.unit, _follows_nobody)
    return ended


def _follows_nobody(told: dict[str, Any]) -> bool:
    return not told.get("to")


def _wait(unit: str, wanted: Callable[[dict[str, Any]], bool]) -> Standing:
    return Standing(unit, **PROGRAM.wait(unit, wanted))
