# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rewrite the addresses of models that LiteLLM keeps in its database.

They are encrypted, so they are read and changed through LiteLLM's own API, which leaves the rest of
a model as it is.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional
from urllib.parse import quote, urlsplit

from .._config import loopback as _loopback
from .client import Client, ProxyError

ADDRESSES = ("api_base", "base_url")
LOOPBACK = "127.0.0.1"


class Change(NamedTuple):
    """A model's address before and after.

    ``field``: the setting that holds it. The URLs may have a password in them.
    """

    id: str
    name: str
    field: str
    old: str
    new: str

    def shown(self) -> dict[str, str]:
        """The change without secrets."""
        return {
            "id": self.id,
            "name": self.name,
            "field": self.field,
            "old": without_secrets(self.old),
            "new": without_secrets(self.new),
        }


def without_secrets(url: str) -> str:
    """A URL without user, password, query and fragment."""
    return re.sub(r"(?<=://)[^/?#]*@", "", re.sub(r"[?#].*", "", url, flags=re.S))


def to_container(
    url: str, gateway_name: str, own_ports: Sequence[int], ports: Optional[Sequence[int]]
) -> str:
    """A URL as a container has to write it; unchanged if it is not on this host, is the proxy's own
    or has a port without a bridge.
    """
    match = _loopback.URL.match(url)
    if not match or not match["scheme"].lower().startswith("http"):
        return url
    port = _loopback.port_of(match)
    if port in own_ports or (ports is not None and port not in ports):
        return url
    return _loopback.moved(match, gateway_name) + url[match.end() :]


def to_loopback(url: str, gateway_name: str, host: str = LOOPBACK) -> str:
    """The reverse of :func:`to_container`; unchanged if it is not the gateway's URL."""
    return re.sub(
        r"\A(https?://(?:[^\s/@?#]*@)?)%s(?=[:/?#]|\Z)" % re.escape(gateway_name),
        lambda found: found[1] + host,
        url,
        flags=re.I,
    )


def stored(client: Client) -> list[dict[str, Any]]:
    """The database's models as ``/model/info`` returns them, without their keys.

    :raises ProxyError: the proxy does not answer, or not to this key.
    """
    body = client.json("GET", "/model/info")
    rows = body.get("data") if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise ProxyError("GET /model/info: unexpected answer, without a list of models")
    return [
        row
        for row in rows
        if isinstance(row, dict) and (row.get("model_info") or {}).get("db_model") is True
    ]


def plan(
    rows: Sequence[Mapping[str, Any]],
    state: str,
    gateway_name: str,
    own_ports: Sequence[int] = (4000,),
    ports: Optional[Sequence[int]] = None,
    earlier: Sequence[Mapping[str, str]] = (),
) -> list[Change]:
    """The addresses that have to be rewritten.

    :param state: ``container`` or ``loopback``.
    :param earlier: what was rewritten for the container, which has each model's original host.
    """
    hosts = {
        (item["id"], item.get("field", ADDRESSES[0])): _host_of(item["old"]) for item in earlier
    }
    found = []
    for row in rows:
        model, params = str(row["model_info"]["id"]), row.get("litellm_params") or {}
        for field in ADDRESSES:
            old = params.get(field)
            if not isinstance(old, str):
                continue
            if state == "container":
                new = to_container(old, gateway_name, own_ports, ports)
            else:
                new = to_loopback(old, gateway_name, hosts.get((model, field)) or LOOPBACK)
            if new != old:
                found.append(Change(model, str(row.get("model_name")), field, old, new))
    return found


def _host_of(url: str) -> str:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return "[%s]" % host if ":" in host else host


def apply(client: Client, changes: Sequence[Change], timeout: float = 60) -> None:
    """Rewrite the addresses, and wait until every worker of the proxy shows the new ones.

    :param timeout: seconds to wait.
    :raises ProxyError: LiteLLM refused, or still shows an old address. Earlier rewrites stay.
    """
    for change in changes:
        client.json(
            "PATCH",
            "/model/%s/update" % quote(change.id, safe=""),
            {"litellm_params": {change.field: change.new}},
        )
    deadline = time.monotonic() + timeout
    while True:
        current = {
            str(row["model_info"]["id"]): row.get("litellm_params") or {} for row in stored(client)
        }
        stale = [
            change
            for change in changes
            if current.get(change.id, {}).get(change.field) != change.new
        ]
        if not stale:
            return
        if time.monotonic() > deadline:
            raise ProxyError(
                "the proxy still shows the old address of %s"
                % ", ".join(change.name for change in stale)
            )
        time.sleep(0.5)
