# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a deployment is well: every part checked at once, each with its own time limit.

Nothing is changed, nothing costs money (LiteLLM's own ``/health`` is never called), and nothing
that is said holds a secret.
"""

from __future__ import annotations

import secrets
import threading
import time
from datetime import datetime, timezone
from typing import Callable, Mapping, NamedTuple, Optional, Sequence, Union

from .._config.environment_rules import NOWHERE
from .._deployment.locate import Deployed
from .._host import docker as _docker
from .._litellm import client as _client
from .._litellm import readiness as _readiness
from .._postgres import session as _session
from .._redis import redis as _redis
from . import host_checks as _host_checks
from .host_checks import DEGRADED, FAILED, OK, UNKNOWN, Limits, Said

HEALTHY = "healthy"
# The exit code of each outcome, as Nagios has them: unknown is neither well nor ill.
CODES = {HEALTHY: 0, DEGRADED: 1, FAILED: 2, UNKNOWN: 3}
# Asked with a key that nobody has. It needs no database; and unlike models and keys, LiteLLM (read
# in 1.102.4) logs no refusal of it into its spend log.
LOCKED = "/active/callbacks"
LONGEST = 300  # characters of what a check says


class Target(NamedTuple):
    """A deployment to check, and what of this host is checked with it: ``folders`` are those whose
    disks must not fill up; ``outcomes`` is the file in which backups say how they went (empty:
    nobody makes any), ``since`` when they were set up."""

    deployed: Deployed
    folders: tuple[str, ...] = ()
    outcomes: str = ""
    limits: Limits = Limits()
    since: Optional[datetime] = None


class Check(NamedTuple):
    """One part: its ``state`` is ok, degraded, failed or unknown; ``detail`` in plain words;
    ``seconds`` that the answer took."""

    name: str
    state: str
    detail: str
    seconds: float


def outcome(checks: list[Check]) -> str:
    """All checks in one word; what is unknown counts where nothing is worse than
    degraded."""
    states = {check.state for check in checks}
    for state in (FAILED, UNKNOWN, DEGRADED):
        if state in states:
            return state
    return HEALTHY


def run(target: Target, now: Optional[datetime] = None) -> list[Check]:
    """Make all checks at once. Never raises, and takes hardly longer than the longest limit."""
    asked = checks(target, now or datetime.now(timezone.utc))
    done: dict[str, Check] = {}

    def ask(name: str, check: Callable[[], Said]) -> None:
        begun = time.monotonic()
        try:
            state, detail = check()
        except Exception as error:
            # A check that breaks is no proof of anything, and must not hide the others.
            state, detail = UNKNOWN, "could not be checked: %s" % type(error).__name__
        done[name] = Check(
            name, state, " ".join(detail.split())[:LONGEST], round(time.monotonic() - begun, 3)
        )

    threads = [threading.Thread(target=ask, args=item, daemon=True) for item in asked.items()]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + target.limits.seconds + 1
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = Check(
        "",
        FAILED,
        "gave no answer within %g seconds" % target.limits.seconds,
        target.limits.seconds,
    )
    return [done.get(name, late._replace(name=name)) for name in asked]


def checks(target: Target, now: datetime) -> dict[str, Callable[[], Said]]:
    """What there is to check, by name, in the order in which it is shown."""
    found: dict[str, Callable[[], Said]] = {}
    deployed, limits, seconds = target.deployed, target.limits, target.limits.seconds
    url = deployed.url
    if deployed.containers:
        found["engine"] = lambda: engine(seconds)
        found["containers"] = lambda: containers(
            deployed.containers, seconds, deployed.published, {deployed.proxy: deployed.exposed}
        )
    if deployed.units:
        found["units"] = lambda: units(deployed.units)
    if deployed.database is not None:
        database = deployed.database
        found["postgresql"] = lambda: postgresql(database, seconds)
    if deployed.redis is not None:
        server = deployed.redis
        found["redis"] = lambda: redis(server, seconds)
    found["liveness"] = lambda: liveness(url, seconds)
    wanted = (
        _readiness.NOT_CONFIGURED if deployed.places.database == NOWHERE else _readiness.CONNECTED
    )
    found["readiness"] = lambda: readiness(url, deployed.key_file, seconds, deployed.key, wanted)
    # without a database LiteLLM can't look a key up, and says so
    refusals = (400, 401, 403) if deployed.places.database == NOWHERE else (401, 403)
    found["bogus key"] = lambda: bogus_key(url, seconds, refusals)
    if deployed.models:
        found["model hosts"] = lambda: _host_checks.model_hosts(
            deployed.models, deployed.proxy, seconds
        )
    if deployed.copies.files:
        found["copies"] = lambda: _host_checks.copies(deployed.copies)
    if url.startswith("https:"):
        found["certificate"] = lambda: _host_checks.certificate(url, now, limits)
    if target.folders:
        found["disk"] = lambda: _host_checks.disk(target.folders, limits)
    if target.outcomes and limits.backup_hours:
        found["backup"] = lambda: _host_checks.age(
            target.outcomes, "backup", now, limits.backup_hours, target.since
        )
    if target.outcomes and limits.drill_hours:
        found["drill"] = lambda: _host_checks.age(
            target.outcomes, "drill", now, limits.drill_hours, target.since
        )
    for name, why in deployed.lacking:
        found[name] = lambda why=why: (UNKNOWN, why)  # type: ignore[misc]
    return found


def engine(limit: float) -> Said:
    """The container engine answers."""
    found = _docker.version(limit)
    return (
        (OK, "answers (%s)" % found.out.strip())
        if found.rc == 0 and found.out.strip()
        else (
            FAILED,
            "does not answer: %s" % (found.err.strip().splitlines() or ["no reason given"])[-1],
        )
    )


def containers(
    names: tuple[str, ...],
    limit: float,
    published: tuple[tuple[str, int], ...] = (),
    exposed: Optional[Mapping[str, Sequence[str]]] = None,
) -> Said:
    """Every container exists, runs, is healthy, and is published where it should be: on the
    loopback address only, the proxy where the migration published it."""
    present = _docker.containers(names, limit)
    if isinstance(present, str):
        return UNKNOWN, "the engine does not answer: %s" % present
    faults = _docker.faults(present, exposed)
    for name, port in published:
        found = present.get(name)
        hosts = [
            host for listed in ((found or {}).get("ports") or {}).values() for host in listed or []
        ]
        if (
            found is not None
            and found["state"] == "running"
            and not any(host["HostPort"] == str(port) for host in hosts)
        ):
            faults.append("container %s is not published on port %d" % (name, port))
    return (FAILED, "; ".join(faults)) if faults else (OK, "%d run, healthy" % len(names))


def units(records: tuple[dict[str, str], ...]) -> Said:
    """Every unit is as it was recorded."""
    wrong = [
        "%s is %s" % (record["name"], state)
        for record in records
        for state in [_host_checks.state_of(record)]
        if state != record["active"]
    ]
    return (FAILED, "; ".join(wrong)) if wrong else (OK, "%d as recorded" % len(records))


def postgresql(database: _session.Endpoint, limit: float) -> Said:
    """The server answers a query in the proxy's database."""
    try:
        version = _session.answers(database, limit)
    except _session.PostgresError as error:
        return FAILED, str(error)
    return OK, "answers (%s)" % version


def redis(server: Union[_redis.Container, _redis.Native], limit: float) -> Said:
    """Redis lets us in and answers. LiteLLM serves without it, with limits and caches of its own in
    each process."""
    try:
        answer = server.ask("PING", timeout=limit).strip()
    except _redis.RedisError as error:
        return DEGRADED, str(error)
    return (OK, "answers") if answer == "PONG" else (DEGRADED, "answers something else than PONG")


def liveness(url: str, limit: float) -> Said:
    """The proxy's process answers, which says nothing of its database."""
    answer = _client.Client(url, None, limit).get("/health/liveliness")
    if answer.status == 200:
        return OK, "answers"
    return (
        FAILED,
        "no answer: %s" % answer.body if answer.status is None else "HTTP %d" % answer.status,
    )


def readiness(
    url: str,
    key_file: str,
    limit: float,
    key: Optional[str] = "",
    wanted: str = _readiness.CONNECTED,
) -> Said:
    """The proxy is ready, and its database and cache are proved to work.

    :param wanted: what its database has to be.
    """
    try:
        key = key or (_client.key_from_file(key_file) if key_file else None)
    except _client.ProxyError as error:
        return UNKNOWN, str(error)
    verdict = _readiness.ask(_client.Client(url, None, limit, time.monotonic() + limit), key)
    detail = "; ".join(verdict.reasons) or "LiteLLM %s, database %s, cache %s" % (
        verdict.version or "of an unknown release",
        verdict.database,
        verdict.cache,
    )
    if verdict.database == _readiness.UNKNOWN and verdict.version is not None:
        return UNKNOWN, detail
    if not verdict.ready or verdict.database != wanted:
        return FAILED, detail
    return (DEGRADED if verdict.cache == _readiness.DISCONNECTED else OK), detail


def bogus_key(url: str, limit: float, refusals: Sequence[int] = (401, 403)) -> Said:
    """A key that nobody has is refused: an open proxy is the worst failure of all.

    :param refusals: statuses that refuse.
    """
    answer = _client.Client(url, "sk-nobody-has-%s" % secrets.token_hex(12), limit).get(LOCKED)
    if answer.status == 200:
        return FAILED, "the proxy is open: a key that does not exist was let in"
    if answer.status in refusals:
        return OK, "refused"
    return (
        UNKNOWN,
        "no answer: %s" % answer.body
        if answer.status is None
        else "neither let in nor refused: HTTP %d" % answer.status,
    )
