# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the model servers of this host say that they serve, asked from where the proxy is: in its
container, or on the host."""

from __future__ import annotations

import json
from typing import Any, Iterable, NamedTuple, Optional
from urllib.parse import urlsplit

from .._config.environment_rules import is_loopback
from .._host import process as _process

MOST = 500  # models of one server
# One line of JSON: for each base address [status, names] or the name of what went wrong.
_INSIDE = """import json, sys, threading, urllib.error, urllib.request
told = {}
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
def ask(base):
    try:
        with opener.open(base + "/v1/models", timeout=float(sys.argv[1])) as answer:
            listed = json.loads(answer.read(4000000))
            rows = listed.get("data") if isinstance(listed, dict) else None
            known = isinstance(rows, list)
            names = [str(row.get("id")) for row in rows if isinstance(row, dict)] if known else None
            told[base] = [answer.status, names]
    except urllib.error.HTTPError as error:
        told[base] = [error.code, None]
    except urllib.error.URLError as error:
        told[base] = type(error.reason).__name__
    except ValueError:
        told[base] = [200, None]
    except Exception as error:
        told[base] = type(error).__name__
threads = [threading.Thread(target=ask, args=(base,), daemon=True) for base in sys.argv[2:]]
[thread.start() for thread in threads]
[thread.join(float(sys.argv[1]) + 1) for thread in threads]
print(json.dumps(told))"""


class Server(NamedTuple):
    """A model server: whether it answered, the ``names`` that it lists (``None``: it keeps them for
    itself), and why it did not answer."""

    answers: bool
    names: Optional[list[str]] = None
    problem: str = ""


def base_of(address: str, local_hosts: Iterable[str] = (), own_ports: Iterable[int] = ()) -> str:
    """Scheme, host and port of an address that is on this host, empty for any other; the proxy
    itself is none of its model servers."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return ""
    if (
        parts.scheme not in ("http", "https")
        or not (is_loopback(host) or host in set(local_hosts))
        or port in set(own_ports)
    ):
        return ""
    return "%s://%s:%d" % (parts.scheme, "[%s]" % host if ":" in host else host, port)


def ask(
    bases: Iterable[str], container: str = "", limit: float = 10.0
) -> tuple[dict[str, Server], str]:
    """What each server lists.

    :param container: the proxy's; empty for the host itself.
    :returns: the servers by base address, and why none could be asked.
    """
    wanted = sorted(set(bases))
    if not wanted:
        return {}, ""
    answer = _process.run(
        [
            *(["docker", "exec", container] if container else []),
            "python3",
            "-c",
            _INSIDE,
            "%g" % (limit / 2),
            *wanted,
        ],
        timeout=limit,
    )
    try:
        result = json.loads(answer.out)
    except ValueError:
        return {}, (answer.err.strip().splitlines() or ["no answer"])[-1][:200]
    return {
        base: server(result.get(base) if isinstance(result, dict) else None) for base in wanted
    }, ""


def server(result: Any) -> Server:
    """One server, from what it answered."""
    if isinstance(result, list) and len(result) == 2:
        names = result[1]
        return Server(
            True, sorted({str(name) for name in names})[:MOST] if isinstance(names, list) else None
        )
    return Server(
        False, None, result if isinstance(result, str) and result.isidentifier() else "no answer"
    )
