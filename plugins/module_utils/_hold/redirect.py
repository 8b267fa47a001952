# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rule of the host's packet filter that leads new connections from one port to another.

It is a table of nftables of its own, made and removed as a whole, that no other rule refers to and
a reboot forgets. Connections that exist already stay where they are, and so do those that
:mod:`_host.marked` makes.
"""

from __future__ import annotations

import ipaddress
from typing import Iterable, NamedTuple, Optional, Sequence

from .._host import process as _process
from .._host.marked import MARK
from .._host.problem import OperatorError

# Before Docker's own rules (-100), which lead to containers.
PRIORITY = -110
# Only what opens a connection: one that the kernel did not follow before must not be torn apart.
_OPENS = "tcp flags & (syn | ack) == syn"
# The kernel follows connections, and translates those that were led elsewhere, as long as a rule of
# anybody's asks for it: this one stays after those that lead.
_FOLLOWS = "ct state established accept"


class RedirectError(OperatorError):
    """The packet filter refused."""


class Lead(NamedTuple):
    """Who asks ``address`` (one of this host's, or every one: ``0.0.0.0``, ``::``) at ``port`` is
    led to port ``to`` of the same address."""

    address: str
    port: int
    to: int


def table(name: str, leads: Iterable[Lead], spared: Sequence[int] = ()) -> str:
    """What nft reads to put these rules in the place of those that the table has, at once. Without
    any to lead, what was led before still arrives.

    :param spared: numbers of accounts whose own connections stay as they are.
    """
    rules = [_FOLLOWS, "meta mark %#x accept" % MARK]
    local = ["meta skuid %d accept" % account for account in spared]
    rules += [_rule(lead) for lead in leads]
    chains = "".join(
        "  chain %s {\n    type nat hook %s priority %d; policy accept;\n%s  }\n"
        % (hook, hook, PRIORITY, "".join("    %s\n" % rule for rule in chain))
        for hook, chain in (("output", local + rules), ("prerouting", rules))
    )
    return "table inet %s {\n}\ndelete table inet %s\ntable inet %s {\n%s}\n" % (
        name,
        name,
        name,
        chains,
    )


def _rule(lead: Lead) -> str:
    number = ipaddress.ip_address(lead.address)
    kind = "ip" if number.version == 4 else "ip6"
    opens = "tcp dport %d %s" % (lead.port, _OPENS)
    if number.is_unspecified:
        return "meta nfproto ipv%d fib daddr type local %s redirect to :%d" % (
            number.version,
            opens,
            lead.to,
        )
    target = lead.address if number.version == 4 else "[%s]" % lead.address
    return "%s daddr %s %s dnat %s to %s:%d" % (kind, lead.address, opens, kind, target, lead.to)


def put(name: str, leads: Iterable[Lead], spared: Sequence[int] = ()) -> None:
    """Put the rules in place.

    :raises RedirectError: they are as they were.
    """
    _nft(["-f", "-"], table(name, leads, spared))


def obstacle(leads: Iterable[Lead]) -> str:
    """Why this host can't have such rules; empty where it can. Nothing is changed."""
    try:
        _nft(["--check", "-f", "-"], table("llmops_litellm_try", leads, [0]))
    except RedirectError as error:
        return str(error)
    return ""


def there(name: str) -> bool:
    """Whether the table is there: somebody may have flushed the packet filter."""
    return _process.run(["nft", "list", "table", "inet", name]).rc == 0


def remove(name: str) -> None:
    """Remove the table; one that is not there is fine.

    :raises RedirectError: it is still there.
    """
    _nft(["-f", "-"], "table inet %s {\n}\ndelete table inet %s\n" % (name, name))


def _nft(words: list[str], text: Optional[str] = None) -> None:
    answer = _process.run(["nft", *words], stdin=text)
    if answer.rc == 127:
        raise RedirectError("nft is not installed (package nftables)")
    if answer.rc:
        said = (answer.err or answer.out).strip().splitlines()
        raise RedirectError("nft refused: %s" % (said[0] if said else "exit code %d" % answer.rc))
