# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a deployment is well: every part asked at once, each with its own time limit.

Nothing is changed, nothing costs money (LiteLLM's own ``/health`` is never called), and nothing that is said holds a secret.
"""
from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import ssl
import threading
import time
from datetime import datetime, timezone
from typing import Any, Callable, NamedTuple, Optional
from urllib.parse import urlsplit

from . import _asked, _client, _engine, _host, _postgres, _readiness, _redis, _systemd

OK, DEGRADED, FAILED, UNKNOWN = "ok", "degraded", "failed", "unknown"
HEALTHY = "healthy"
# The exit code of each outcome: could not tell is neither well nor ill.
CODES = {HEALTHY: 0, DEGRADED: 1, FAILED: 2, UNKNOWN: 3}
# Asked in the proxy's own container, which alone sees what the proxy sees: one line of JSON, an HTTP status or a reason per address.
_INSIDE = """import http.client, json, sys, threading
told = {}
def ask(address):
    host, port = address.rsplit(":", 1)
    try:
        connection = http.client.HTTPConnection(host, int(port), timeout=float(sys.argv[1]))
        connection.request("GET", "/health")
        told[address] = connection.getresponse().status
    except Exception as error:
        told[address] = type(error).__name__
threads = [threading.Thread(target=ask, args=(address,)) for address in sys.argv[2:]]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(json.dumps(told))"""
_REASONS = {"ConnectionRefusedError": "refuses connections", "timeout": "does not answer in time", "TimeoutError": "does not answer in time",
            "gaierror": "its name is not known", "RemoteDisconnected": "ends connections without an answer",
            "ConnectionResetError": "ends connections without an answer"}


class ModelHost(NamedTuple):
    """A model server: the address that the proxy uses, and its unit on this host (``None`` where it is not known)."""

    name: str
    address: str
    unit: Optional[dict[str, str]] = None


class Limits(NamedTuple):
    """From when on something is not well: seconds for one answer, shares of a full disk, hours since the last backup and drill, days that
    a certificate must still be valid."""

    seconds: float = 5.0
    disk_degraded: float = 0.9
    disk_failed: float = 0.98
    backup_hours: float = 26.0
    drill_hours: float = 8 * 24.0
    certificate_days: float = 14.0


class Target(NamedTuple):
    """A deployment to look at.

    ``containers`` (the legacy deployment has none) and ``units`` (records, as :mod:`_systemd` makes them) are what runs it; ``key_file`` is an env
    file with the master key; ``folders`` are those whose disks must not fill up; ``outcomes`` is the file in which backups tell how they went.
    """

    kind: str
    url: str
    key_file: str
    database: _postgres.Endpoint
    redis: Any = None  # _redis.Container, _redis.Native, or None where the proxy uses none
    containers: tuple[str, ...] = ()
    units: tuple[dict[str, str], ...] = ()
    proxy: str = ""  # container of the proxy, from which model hosts are asked
    models: tuple[ModelHost, ...] = ()
    folders: tuple[str, ...] = ()
    outcomes: str = ""
    limits: Limits = Limits()


class Check(NamedTuple):
    """One part: its ``state`` is ok, degraded, failed or unknown; ``detail`` in plain words; ``seconds`` that the answer took."""

    name: str
    state: str
    detail: str
    seconds: float


Said = tuple[str, str]


def outcome(checks: list[Check]) -> str:
    """All checks in one word; what could not be told counts where nothing is worse than degraded."""
    states = {check.state for check in checks}
    for state in (FAILED, UNKNOWN, DEGRADED):
        if state in states:
            return state
    return HEALTHY


def look(target: Target, now: Optional[datetime] = None) -> list[Check]:
    """Ask everything at once. Never raises, and takes hardly longer than the longest limit."""
    time_is = now or datetime.now(timezone.utc)
    asked = checks(target, time_is)
    done: dict[str, Check] = {}

    def ask(name: str, check: Callable[[], Said]) -> None:
        begun = time.monotonic()
        try:
            state, detail = check()
        except Exception as error:  # a check that breaks is no proof of anything, and must not hide the others
            state, detail = UNKNOWN, "could not be looked at: %s" % type(error).__name__
        done[name] = Check(name, state, detail, round(time.monotonic() - begun, 3))

    threads = [threading.Thread(target=ask, args=item, daemon=True) for item in asked.items()]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + target.limits.seconds + 1
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = Check("", FAILED, "gave no answer within %g seconds" % target.limits.seconds, target.limits.seconds)
    return [done.get(name, late._replace(name=name)) for name in asked]


def checks(target: Target, now: datetime) -> dict[str, Callable[[], Said]]:
    """What there is to look at, by name, in the order in which it is shown."""
    found: dict[str, Callable[[], Said]] = {}
    if target.containers:
        found["containers"] = lambda: containers(target.containers, target.limits.seconds)
    if target.units:
        found["units"] = lambda: units(target.units)
    found["postgresql"] = lambda: postgresql(target.database, target.limits.seconds)
    if target.redis is not None:
        found["redis"] = lambda: redis(target.redis, target.limits.seconds)
    found["liveness"] = lambda: liveness(target.url, target.limits.seconds)
    found["readiness"] = lambda: readiness(target.url, target.key_file, target.limits.seconds)
    found["bogus key"] = lambda: bogus_key(target.url, target.limits.seconds)
    if target.models:
        found["model hosts"] = lambda: model_hosts(target.models, target.proxy, target.limits.seconds)
    if target.url.startswith("https:"):
        found["certificate"] = lambda: certificate(target.url, now, target.limits)
    if target.folders:
        found["disk"] = lambda: disk(target.folders, target.limits)
    if target.outcomes:
        found["backup"] = lambda: age(target.outcomes, "backup", now, target.limits.backup_hours)
        found["drill"] = lambda: age(target.outcomes, "drill", now, target.limits.drill_hours)
    return found


def containers(names: tuple[str, ...], limit: float) -> Said:
    """Every container exists, runs, is healthy, and publishes on the loopback address only."""
    told = _engine.containers(names, limit)
    if isinstance(told, str):
        return FAILED, "the engine does not answer: %s" % told
    faults = _engine.faults(told)
    return (FAILED, "; ".join(faults)) if faults else (OK, "%d run, healthy" % len(names))


def units(records: tuple[dict[str, str], ...]) -> Said:
    """Every unit is as it was recorded."""
    wrong = []
    for record in records:
        found = _systemd.show(_systemd.Manager(record["account"] or None), [record["name"]])
        active = found[0].active if found else "gone"
        if active != record["active"]:
            wrong.append("%s is %s" % (record["name"], active))
    return (FAILED, "; ".join(wrong)) if wrong else (OK, "%d as recorded" % len(records))


def postgresql(database: _postgres.Endpoint, limit: float) -> Said:
    """The server answers a query in the proxy's database."""
    try:
        told = _postgres.answers(database, limit)
    except _postgres.PostgresError as error:
        return FAILED, str(error)
    return OK, "answers (%s)" % told


def redis(server: Any, limit: float) -> Said:
    """Redis lets us in and answers. LiteLLM serves without it, with limits and caches of its own in each process."""
    try:
        told = server.ask("PING", timeout=limit).strip()
    except _redis.RedisError as error:
        return DEGRADED, str(error)
    return (OK, "answers") if told == "PONG" else (DEGRADED, "answers something else than PONG")


def liveness(url: str, limit: float) -> Said:
    """The proxy's process answers, which says nothing of its database."""
    answer = _client.Client(url, None, limit).get("/health/liveliness")
    if answer.status == 200:
        return OK, "answers"
    return FAILED, "no answer: %s" % answer.body if answer.status is None else "HTTP %d" % answer.status


def readiness(url: str, key_file: str, limit: float) -> Said:
    """The proxy is ready, and its database and cache are proved to work."""
    try:
        key = _client.key_from_file(key_file) if key_file else None
    except _client.ProxyError as error:
        return UNKNOWN, str(error)
    verdict = _asked.readiness(_client.Client(url, None, limit), key)
    detail = "; ".join(verdict.reasons) or "LiteLLM %s, database %s, cache %s" % (verdict.version or "of an unknown release", verdict.database, verdict.cache)
    if verdict.database == _readiness.UNKNOWN and verdict.version is not None:
        return UNKNOWN, detail
    if not verdict.ready or verdict.database != _readiness.CONNECTED:  # a deployment of ours has a database, whatever its proxy knows of
        return FAILED, detail
    return (DEGRADED if verdict.cache == _readiness.DISCONNECTED else OK), detail


def bogus_key(url: str, limit: float) -> Said:
    """A key that nobody has is refused: an open proxy is the worst failure of all."""
    answer = _client.Client(url, "sk-nobody-has-%s" % secrets.token_hex(12), limit).get("/key/info")
    if answer.status == 200:
        return FAILED, "the proxy is open: a key that does not exist was let in"
    if answer.status in (401, 403):
        return OK, "refused"
    return UNKNOWN, "no answer: %s" % answer.body if answer.status is None else "neither let in nor refused: HTTP %d" % answer.status


def model_hosts(models: tuple[ModelHost, ...], proxy: str, limit: float) -> Said:
    """Every model server answers where the proxy looks for it, unless it was stopped on purpose."""
    addresses = [model.address for model in models]
    argv = ["docker", "exec", proxy] if proxy else []
    answer = _host.run([*argv, "python3", "-c", _INSIDE, "%g" % (limit / 2), *addresses], timeout=limit)
    try:
        told = json.loads(answer.out)
    except ValueError:
        return UNKNOWN, "could not be asked: %s" % (answer.err.strip().splitlines() or ["no answer"])[-1][:200]
    wrong, resting = [], []
    for model in models:
        if isinstance(told.get(model.address), int):
            continue
        state = _state(model.unit)
        if state == "inactive":
            resting.append(model.name)
        else:
            wrong.append("%s (%s) %s%s" % (model.name, model.address, _REASONS.get(told.get(model.address), "cannot be reached"),
                                           ", its unit is %s" % state if state else ""))
    detail = ["%d of %d answer" % (len(models) - len(wrong) - len(resting), len(models))]
    detail += ["stopped on purpose: %s" % ", ".join(resting)] if resting else []
    return (DEGRADED if wrong else OK), "; ".join(wrong or detail)


def _state(unit: Optional[dict[str, str]]) -> str:
    """A unit's state, empty where no unit is known."""
    if unit is None:
        return ""
    found = _systemd.show(_systemd.Manager(unit["account"] or None), [unit["name"]])
    return found[0].active if found else "gone"


def certificate(url: str, now: datetime, limits: Limits) -> Said:
    """The certificate at the proxy's address is trusted and stays valid for a while."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        with socket.create_connection((host, parts.port or 443), limits.seconds) as plain:
            with ssl.create_default_context().wrap_socket(plain, server_hostname=host) as secured:
                told = secured.getpeercert() or {}
    except (OSError, ValueError) as error:
        return FAILED, _client.reason_of(error)
    days = (ssl.cert_time_to_seconds(str(told["notAfter"])) - now.timestamp()) / 86400
    return (DEGRADED if days < limits.certificate_days else OK), "valid for %d more days" % days


def disk(folders: tuple[str, ...], limits: Limits) -> Said:
    """The disks that the deployment writes to have room left."""
    worst, said, seen = OK, [], set()
    for folder in folders:
        while not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        device = os.stat(folder).st_dev
        if device in seen:
            continue
        seen.add(device)
        usage = shutil.disk_usage(folder)
        share = 1 - usage.free / usage.total
        said.append("%s is %d %% full, %.1f GiB free" % (folder, share * 100, usage.free / 2**30))
        if share >= limits.disk_degraded:
            worst = FAILED if share >= limits.disk_failed or worst == FAILED else DEGRADED
    return worst, "; ".join(said)


def age(path: str, what: str, now: datetime, hours: float) -> Said:
    """The last success of a backup or drill is not too old."""
    try:
        with open(path, encoding="utf-8") as handle:
            told = json.load(handle).get(what) or {}
        last = datetime.fromisoformat((told.get("last_success") or {})["time"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return DEGRADED, "none has succeeded yet"
    passed = (now - last).total_seconds() / 3600
    if passed > hours:
        return DEGRADED, "the last one that succeeded is %.0f hours old, more than %.0f" % (passed, hours)
    if told.get("ok") is False:
        return DEGRADED, "the last one failed: %s" % told.get("problem")
    return OK, "%.1f hours old" % max(0.0, passed)
