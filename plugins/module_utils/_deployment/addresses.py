# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses at which the proxy serves: those of the legacy one, and the compose deployment's,
which are the same unless the operator says another."""

from __future__ import annotations

import ipaddress
from typing import Iterable, Mapping, Sequence

from .._host.listeners import LOOPBACK, Listener
from .._host.process import ancestors

EVERY = {"0.0.0.0": LOOPBACK, "::": "::1"}
_TLS = ("--ssl_certfile_path", "--ssl_keyfile_path")
_TLS_VARIABLES = ("SSL_CERTFILE_PATH", "SSL_KEYFILE_PATH")


def is_loopback(address: str) -> bool:
    """Whether only this host reaches an address."""
    return ipaddress.ip_address(address).is_loopback


def of_legacy(listeners: Iterable[Listener], pid: int, port: int, host: str) -> list[str]:
    """The addresses at which the legacy proxy listens, by its listeners; where none can be seen, by
    its ``--host``.

    :param pid: the process that was found for it, which may be above or below that one.
    """
    mine = set(ancestors(pid))
    found = {
        item.address[len("::ffff:") :] if item.address.startswith("::ffff:") else item.address
        for item in listeners
        if item.port == port and item.pid and (item.pid in mine or pid in ancestors(item.pid))
    }
    return sorted(found) or [{"localhost": LOOPBACK}.get(host, host)]


def published(addresses: Sequence[str]) -> list[str]:
    """The addresses at which Docker publishes the proxy's port, for it to be reached at these.

    An IPv6 socket on every address takes IPv4 as well. The host's own checks ask the loopback
    address.
    """
    found = list(dict.fromkeys(addresses))
    if "::" in found or "0.0.0.0" in found:
        return ["0.0.0.0"] + ["::"] * ("::" in found)
    return found if LOOPBACK in found else [LOOPBACK, *found]


def listened(addresses: Sequence[str]) -> str:
    """The one address at which a proxy in the host's own network listens for these."""
    every = [address for address in ("::", "0.0.0.0") if address in addresses]
    return [*every, *addresses][0]


def reached(addresses: Sequence[str]) -> str:
    """The host of a URL at which the host itself reaches these addresses."""
    inner = [EVERY.get(address, address) for address in addresses]
    best = next((address for address in inner if address == LOOPBACK), inner[0])
    return "[%s]" % best if ":" in best else best


def has_tls(options: Iterable[str], environment: Mapping[str, str]) -> bool:
    """Whether LiteLLM serves HTTPS: it needs both, certificate and key."""
    words = set(options)
    return all(
        option in words or bool(environment.get(variable))
        for option, variable in zip(_TLS, _TLS_VARIABLES)
    )


def url(scheme: str, host: str, port: int) -> str:
    """An address as a URL."""
    return "%s://%s:%d" % (scheme, host, port)
