# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment stands on: its model servers, its certificate, its disks, and how old its
backups are. Each check gives its state and why."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
from datetime import datetime, timezone
from typing import Any, Iterator, NamedTuple, Optional
from urllib.parse import urlsplit

from .._deployment import needed_copies as _needed_copies
from .._deployment.locate import ModelHost
from .._deployment.needed_copies import Copies
from .._host import files as _files
from .._host import listeners as _listeners
from .._host import process as _process
from .._host import systemd as _systemd
from .._host import tls as _tls
from .._litellm import client as _client

# Tags of a certificate's DER: its version, and a time with two digits of the year.
_VERSION, _SHORT_TIME = 0xA0, 0x17
OK, DEGRADED, FAILED, UNKNOWN = "ok", "degraded", "failed", "unknown"
Said = tuple[str, str]
_SHOWN = 2  # paths in a line
# Asked in the proxy's own container, which alone sees what the proxy sees: one line of JSON, an
# HTTP status or a reason per address.
_INSIDE = """import http.client, json, sys, threading
told = {}
def ask(address):
    host, port = address.rsplit(":", 1)
    try:
        connection = http.client.HTTPConnection(host, int(port), timeout=float(sys.argv[1]))
        connection.request("GET", "/health")
        told[address] = connection.getresponse().status
    except Exception as error:
        # who speaks, but not HTTP (TLS, say), is there
        gone = isinstance(error, http.client.RemoteDisconnected)
        spoken = isinstance(error, http.client.BadStatusLine) and not gone
        told[address] = 0 if spoken else type(error).__name__
threads = [threading.Thread(target=ask, args=(address,)) for address in sys.argv[2:]]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(json.dumps(told))"""
REASONS = {
    "ConnectionRefusedError": "refuses connections",
    "timeout": "does not answer in time",
    "TimeoutError": "does not answer in time",
    "gaierror": "its name is not known",
    "RemoteDisconnected": "ends connections without an answer",
    "ConnectionResetError": "ends connections without an answer",
}


class Limits(NamedTuple):
    """From when on something is not well: seconds for one answer, shares of a full disk, hours
    since the last backup and drill, days that a certificate must still be valid."""

    seconds: float = 5.0
    disk_degraded: float = 0.9
    disk_failed: float = 0.98
    backup_hours: float = 26.0
    drill_hours: float = 8 * 24.0
    certificate_days: float = 14.0


def model_hosts(models: tuple[ModelHost, ...], proxy: str, limit: float) -> Said:
    """Every model server answers where the proxy looks for it, unless it was stopped on purpose."""
    addresses = [model.address for model in models]
    argv = ["docker", "exec", proxy] if proxy else []
    answer = _process.run(
        [*argv, "python3", "-c", _INSIDE, "%g" % (limit / 2), *addresses], timeout=limit
    )
    try:
        result = json.loads(answer.out)
    except ValueError:
        return UNKNOWN, "could not be asked: %s" % (
            answer.err.strip().splitlines() or ["no answer"]
        )[-1][:200]
    wrong, resting = [], []
    for model in models:
        if isinstance(result.get(model.address), int):
            continue
        state = _state(model.unit)
        if state == "inactive":
            resting.append(model.name)
        else:
            wrong.append(
                "%s (%s) %s%s"
                % (
                    model.name,
                    model.address,
                    REASONS.get(result.get(model.address), "cannot be reached"),
                    ", its unit is %s" % state if state else "",
                )
            )
    detail = ["%d of %d answer" % (len(models) - len(wrong) - len(resting), len(models))]
    detail += ["stopped on purpose: %s" % ", ".join(resting)] if resting else []
    return (DEGRADED if wrong else OK), "; ".join(wrong or detail)


def _state(unit: Optional[dict[str, str]]) -> str:
    """A unit's state, empty where no unit is known."""
    if unit is None:
        return ""
    try:
        return state_of(unit)
    except (OSError, subprocess.SubprocessError, _systemd.SystemdError):
        return ""


def state_of(unit: dict[str, str]) -> str:
    """A unit's state as its manager has it."""
    found = _systemd.show(_systemd.Manager(unit["account"] or None), [unit["name"]])
    return found[0].active if found else "gone"


def certificate(url: str, now: datetime, limits: Limits) -> Said:
    """The certificate at the proxy's address stays valid for a while and is trusted. At an address
    of this host, for which no certificate is made, only the former can be asked for."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_here = _listeners.is_here(host)
    context = _tls.unverified() if is_here else ssl.create_default_context()
    try:
        with socket.create_connection((host, parts.port or 443), limits.seconds) as plain:
            with context.wrap_socket(plain, server_hostname=host) as secured:
                ends = expiry(secured.getpeercert(binary_form=True) or b"")
    except (OSError, ValueError) as error:
        return FAILED, _client.reason_of(error)
    days = (ends - now).total_seconds() / 86400
    if days < 0:
        return FAILED, "ran out on %s" % ends.date()
    return (DEGRADED if days < limits.certificate_days else OK), "valid for %d more days" % days


def expiry(certificate: bytes) -> datetime:
    """The end of a certificate's validity, in DER; ssl tells it of those that it trusts only.

    :raises ValueError: it is none.
    """
    try:
        signed = list(_elements(list(_elements(certificate))[0][1]))[0][1]
        fields = [content for tag, content in _elements(signed) if tag != _VERSION]
        tag, text = list(_elements(fields[3]))[1]
    except IndexError:
        raise ValueError("no certificate") from None
    form = "%y%m%d%H%M%SZ" if tag == _SHORT_TIME else "%Y%m%d%H%M%SZ"
    return datetime.strptime(text.decode("ascii"), form).replace(tzinfo=timezone.utc)


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements of a sequence in DER: tag and content."""
    position = 0
    while position < len(data):
        tag, length = data[position], data[position + 1]
        position += 2
        if length & 0x80:  # the number of bytes that the length takes
            end = position + (length & 0x7F)
            length, position = int.from_bytes(data[position:end], "big"), end
        yield tag, data[position : position + length]
        position += length


def copies(kept: Copies) -> Said:
    """LiteLLM's copies of files are what their originals are now."""
    changed = [copy.source for copy in _needed_copies.outdated(kept)]
    if not changed:
        return OK, "no original of %d has changed" % len(kept.files)
    more = ["%d more" % (len(changed) - _SHOWN)] if len(changed) > _SHOWN else []
    return DEGRADED, "litellm-ops refresh copies anew what has changed since, and restarts: %s" % (
        ", ".join([*changed[:_SHOWN], *more])
    )


def disk(folders: tuple[str, ...], limits: Limits) -> Said:
    """The disks that the deployment writes to have room left."""
    worst, said, seen = OK, [], set()
    for folder in folders:
        while not os.path.isdir(folder) and folder != os.path.dirname(folder):
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


def age(
    path: str, what: str, now: datetime, hours: float, since: Optional[datetime] = None
) -> Said:
    """The last success of a backup or drill is not too old; where they were set up ``since`` then,
    the first may still be to come."""
    result: dict[str, Any] = {}
    try:
        with _files.reading(path) as handle:
            result = json.load(handle).get(what) or {}
        last = datetime.fromisoformat((result.get("last_success") or {})["time"])
        passed = (now - last).total_seconds() / 3600
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        new = since is not None and -1 < (now - since).total_seconds() / 3600 < hours
        return (
            (OK, "the first is still to come")
            if new and not result
            else (DEGRADED, "none has succeeded yet")
        )
    if passed > hours:
        return DEGRADED, "the last one that succeeded is %.0f hours old, more than %.0f" % (
            passed,
            hours,
        )
    if result.get("ok") is False:
        return DEGRADED, "the last one failed: %s" % result.get("problem")
    return OK, "%.1f hours old" % max(0.0, passed)
