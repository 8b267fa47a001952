# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Preflight: which way the cutover goes.

*Live*: a transitional proxy serves while the old one drains, the database moves and the new one
starts. *Stop*: nobody serves meanwhile, and clients wait.
"""

from __future__ import annotations

import os
import re
from typing import Iterator, Mapping, Optional
from urllib.parse import parse_qsl, urlsplit

from .._config import environment_rules as _rules
from .._deployment import addresses as _addresses
from .._deployment import legacy as _legacy
from .._hold import hold as _hold
from .._host import files as _files
from .._host import packet_filter as _packet_filter
from .._host import process as _process
from .._host.problem import Problem
from .preflight_findings import Facts, Findings

VARIABLE = "litellm_cutover"
WAYS = AUTO, LIVE, STOP = "auto", "live", "stop"
POOLER = "pgbouncer"
# Of what the legacy proxy takes now: one that has just started takes less than one that serves for
# long, and the host needs some for itself.
_MEMORY = 1.25
_LOOPBACK = re.compile(r"127\.\d+\.\d+\.\d+\Z|localhost\Z|::1\Z")


def check_cutover(legacy: _legacy.Running, settings: Mapping, facts: Facts) -> Findings:
    """Choose the way. Facts: ``cutover``: the ``way``, and the ``reasons`` against going live."""
    chosen, found = settings["cutover"], Findings()
    reasons = [] if chosen == STOP else list(_against(legacy, settings, facts))
    if chosen == LIVE:
        found.problems += reasons
    found.warnings += reasons if chosen == AUTO else []
    way = STOP if reasons or chosen == STOP else LIVE
    found.facts["cutover"] = {
        "way": way,
        "reasons": ["%s %s" % (item.subject, item.problem) for item in reasons],
    }
    return found


def _against(legacy: _legacy.Running, settings: Mapping, facts: Facts) -> Iterator[Problem]:
    """What stands against a live cutover, and what would change it."""
    if not settings["images"].get(POOLER):
        yield _problem(
            "litellm_images.%s" % POOLER,
            "is not given, so clients wait while the database moves",
            "name an image of PgBouncer 1.21 or newer, and none of them waits",
        )
    if (facts.get("places") or {}).get("database") != _rules.HERE:
        yield _problem("database", "is not moved: clients wait while one proxy follows the other")
    else:
        yield from _against_database(legacy)
    if (facts.get("redis") or {}).get("holds_spend"):
        yield _problem(
            "use_redis_transaction_buffer",
            "keeps spend in Redis, which two proxies would both write",
            "switch it off and restart the proxy",
        )
    yield from _against_address(facts.get("address") or {}, facts)
    yield from _against_memory(facts)


def _problem(subject: str, problem: str, remedy: str = "") -> Problem:
    """One that the operator may also choose to live with."""
    choice = "%s: %s takes the way on which clients wait" % (VARIABLE, STOP)
    return Problem(subject, problem, "; ".join(filter(None, (remedy, choice))))


def _against_database(legacy: _legacy.Running) -> Iterator[Problem]:
    database = legacy.stores.database
    if database is None or database.fault:
        return
    try:
        parts = urlsplit(database.url)
        named = dict(parse_qsl(parts.query))
        simple = _LOOPBACK.match(parts.hostname or "") and "host" not in named
    except ValueError:
        return  # said elsewhere
    if not (simple and parts.username and parts.password):
        yield _problem(
            database.origin,
            "does not name the database by a loopback address, with a role and its password",
        )
    if named.get("sslmode") in ("verify-ca", "verify-full") or "sslidentity" in named:
        yield _problem(database.origin, "asks for a certificate, which the pooler has not")


def _against_address(address: Mapping, facts: Facts) -> Iterator[Problem]:
    served = list(address.get("legacy") or [])
    if not served:
        return
    port = facts["legacy"]["port"]
    rules, kept = _hold.obstacles(port, served)
    for said in filter(None, (rules, kept)):
        yield _problem("clients", "can't be led to another proxy: %s" % said)
    if address.get("tls"):
        yield _problem("clients", "have connections that LiteLLM itself encrypts")
    if len(served) > 1 and not any(each in _addresses.EVERY for each in served):
        yield _problem("--host", "names %s, and another proxy listens at one" % ", ".join(served))
    outside = not all(map(_addresses.is_loopback, served))
    if outside and _packet_filter.refuses_some():
        yield _problem(
            "packet filter",
            "refuses some of what arrives, maybe also at the port of another proxy",
        )


def _against_memory(facts: Facts) -> Iterator[Problem]:
    free, taken = available(), resident(facts["legacy"]["pid"])
    if free is not None and free < taken * _MEMORY:
        yield _problem(
            "memory",
            "%s are free, and another proxy takes about %s"
            % (_files.size(free), _files.size(int(taken * _MEMORY))),
            "free some",
        )


def available(path: str = "/proc/meminfo") -> Optional[int]:
    """Bytes that new programs may take without swapping; ``None`` where the kernel does not say."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB", _files.read(path), re.MULTILINE)
    return int(found.group(1)) * 1024 if found else None


def resident(pid: int, proc: str = "/proc") -> int:
    """Bytes of memory that a process and those that it has started take."""
    return sum(
        _resident(os.path.join(proc, name))
        for name in os.listdir(proc)
        if name.isdigit() and pid in _process.ancestors(int(name), proc)
    )


def _resident(folder: str) -> int:
    try:
        found = re.search(
            r"^VmRSS:\s+(\d+) kB", _files.read(os.path.join(folder, "status")), re.MULTILINE
        )
    except OSError:
        return 0  # it has ended
    return int(found.group(1)) * 1024 if found else 0
