# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a host's model servers: unit, intended state, GPU, model, reachability, last answer.

Nothing is changed but the record of last answers, and no server on demand is started.
"""

from __future__ import annotations

import json
import os
import re
import time
from datetime import datetime, timezone
from typing import Any, NamedTuple, Optional

from .._deployment import journal as _journal
from .._deployment import record as _record
from .._host import display as _display
from .._host import files as _files
from .._host import listeners as _listeners
from .._host import process as _process
from .._host import process_unit as _process_unit
from .._host import systemd as _systemd
from .._litellm import client as _client
from . import adoption as _adoption
from . import bridge_proof as _bridge_proof
from . import declaration as _declaration
from . import gpu as _gpu
from . import unit as _model_server_unit
from .declaration import ALWAYS, MANUAL, human

UNITS = "/etc/systemd/system"
SEEN = "model_answers.json"
WIDTH = 100


class Scope(NamedTuple):
    """What to inspect.

    ``container`` is the proxy's (empty: it is not asked); ``ports`` are further ones that are known
    to have model servers; ``seconds``: the timeout of each request; ``models``: the folder of the
    declarations.
    """

    project: str
    state_dir: str
    container: str
    gateway_name: str
    ports: tuple[int, ...] = ()
    seconds: float = 5.0
    models: str = _declaration.FOLDER


def known(scope: Scope) -> tuple[list[dict[str, Any]], list[str]]:
    """The servers on record: managed, adopted, and those known by a port only; and what can't be
    read.
    """
    rows, problems = _managed(scope)
    try:
        adopted = _adoption.load(scope.state_dir)
    except _adoption.AdoptionError as error:
        adopted = {}
        problems.append(str(error))
    for entry in adopted.values():
        row = _unmanaged(entry["name"].rsplit(".", 1)[0], entry["port"])
        row["unit"], row["account"] = entry["name"], entry["account"]
        row["recorded"] = {key: entry[key] for key in ("enabled", "active")}
        rows.append(row)
    on_record = {row["port"] for row in rows}
    ports = {*scope.ports, *bridged(scope.project), *migrated(scope.state_dir)}
    rows += [_unmanaged("port %d" % port, port) for port in sorted(ports - on_record)]
    return rows, problems


def _managed(scope: Scope) -> tuple[list[dict[str, Any]], list[str]]:
    """The declared servers of this host, and the declarations that can't be read."""
    rows, problems = [], []
    for name in sorted(os.listdir(scope.models)) if os.path.isdir(scope.models) else []:
        if not name.endswith(".json"):
            continue
        try:
            installed = _declaration.load(name[: -len(".json")], scope.models, os.geteuid())
        except _declaration.DeclarationError as error:
            problems.append(str(error))
            continue
        server = installed.server
        rows.append(
            {
                "name": server.name,
                "managed": True,
                "unit": installed.unit,
                "account": "",
                "port": server.port,
                "model": server.model or server.alias,
                "gpus": list(server.gpus),
                "declared_vram": server.vram,
                "entry": _model_server_unit.entry(server, scope.project),
                "boot": server.boot,
            }
        )
    return rows, problems


def _unmanaged(name: str, port: Optional[int]) -> dict[str, Any]:
    return {
        "name": name,
        "managed": False,
        "unit": None,
        "account": "",
        "port": port,
        "model": "",
        "gpus": [],
        "declared_vram": 0,
    }


def model_of(argv: list[str]) -> str:
    """The model of a server's command line, empty where it names none in a way that is known."""
    for position, word in enumerate(argv[:-1]):
        if word in ("-m", "--model", "--model-path", "--hf-repo", "-hf", "serve", "--model-id"):
            return argv[position + 1]
    return next(
        (word.split("=", 1)[1] for word in argv if word.startswith(("--model=", "--model-path="))),
        "",
    )


def intended(
    row: dict[str, Any], unit: Optional[_systemd.Unit], entry: Optional[_systemd.Unit]
) -> tuple[Optional[bool], str]:
    """Whether a server's state is the intended one (``None``: nothing is recorded), and which that
    is.
    """
    failed = unit is not None and unit.active == "failed"
    if row["managed"]:
        if row["boot"] == MANUAL:
            return unit is not None and not failed, "started by hand"
        words = "runs always" if row["boot"] == ALWAYS else "starts on demand"
        started = entry is not None and (entry.enabled, entry.active) == ("enabled", "active")
        return started and not failed, words
    recorded = row.get("recorded")
    if recorded is None:
        return None, ""
    words = "%s, %s as it was found" % (recorded["enabled"] or "not enabled", recorded["active"])
    return bool(
        unit and (unit.enabled, unit.active) == (recorded["enabled"], recorded["active"])
    ), words


def collect(scope: Scope, now: datetime, remember: bool = False) -> dict[str, Any]:
    """The state of every model server of this host.

    :param remember: record when each one answered.
    :returns: ``hosts`` (one dictionary a server), ``problems``, ``gpus``, ``gpu_note`` (why there
        are none). Sizes are bytes, times seconds.
    """
    rows, problems = known(scope)
    listeners, gpus, seen = _listeners.listeners(), _gpu.inspect(), load_seen(scope.state_dir)
    ports = [row["port"] for row in rows if row["port"]]
    asleep = _bridge_proof.sleeping(ports, listeners) if ports else set()
    reach = {}
    if scope.container:
        addresses = {
            port: "%s:%d" % (scope.gateway_name, port) for port in ports if port not in asleep
        }
        reach = _bridge_proof.probe_container(scope.container, addresses, scope.seconds)
    hosts = []
    for row in rows:
        port = row["port"]
        host = _host(row, listeners, gpus.found)
        seconds = None
        if port is not None and port not in asleep:
            seconds = answer_seconds(port, scope.seconds)
        key = str(port or host["name"])
        if seconds is not None:
            seen[key] = now.astimezone(timezone.utc).isoformat(timespec="seconds")
        host.update(
            asleep=port in asleep,
            answers=seconds is not None,
            seconds=seconds,
            last_answer=seen.get(key),
            reachable=answered(reach.get(port)),
        )
        hosts.append(host)
    if remember:
        save_seen(scope.state_dir, seen)
    return {
        "hosts": hosts,
        "problems": problems,
        "gpus": [
            {
                "index": gpu.number,
                "uuid": gpu.uuid,
                "name": gpu.name,
                "total": gpu.total,
                "free": gpu.free,
            }
            for gpu in gpus.found
        ],
        "gpu_note": gpus.reason,
    }


def _host(
    row: dict[str, Any], listeners: list[_listeners.Listener], gpus: list[_gpu.Gpu]
) -> dict[str, Any]:
    """A server's unit, state, model and GPUs."""
    unit = _unit(row["unit"], row["account"]) if row["unit"] else None
    entry = _unit(row["entry"], "") if row.get("entry") else None
    listener = _listening(listeners, row["port"])
    pid = unit.pid if unit else listener.pid if listener else None
    if row["unit"] is None and listener:
        unit = _serving(listener)
        if unit:
            name, account = unit.name.rsplit(".", 1)[0], unit.manager.account or ""
            row.update(name=name, unit=unit.name, account=account)
    as_intended, words = intended(row, unit, entry)
    started = entry or unit
    used = {
        gpu.number: sum(
            size for user, size in gpu.users.items() if pid and pid in _process.ancestors(user)
        )
        for gpu in gpus
    }
    return {
        "name": row["name"],
        "managed": row["managed"],
        "unit": row["unit"],
        "account": row["account"],
        "port": row["port"],
        "enabled": started.enabled if started else None,
        "active": unit.active if unit else None,
        "intended": words,
        "as_intended": as_intended,
        "model": row["model"] or (model_of(_process.command_line(pid)) if pid else ""),
        "gpus": row["gpus"] or [str(number) for number, size in used.items() if size],
        "declared_vram": row["declared_vram"],
        "vram": sum(used.values()),
    }


def _listening(
    listeners: list[_listeners.Listener], port: Optional[int]
) -> Optional[_listeners.Listener]:
    """Who listens on a port, ``None`` for systemd itself."""
    listener = _listeners.holder(listeners, port) if port else None
    return listener if listener and listener.pid != 1 else None


def answered(word: Optional[str]) -> Optional[bool]:
    """Whether a container got an answer; ``None`` if it could not be probed."""
    return None if word in (None, _bridge_proof.UNKNOWN) else word == _bridge_proof.ANSWERS


def bridged(project: str, folder: str = UNITS) -> list[int]:
    """Ports that have a bridge unit."""
    pattern = re.compile(re.escape(project) + r"-bridge-(\d+)\.socket")
    return sorted(
        int(match[1])
        for name in (os.listdir(folder) if os.path.isdir(folder) else [])
        for match in [pattern.fullmatch(name)]
        if match
    )


def migrated(folder: str) -> list[int]:
    """Ports of the model servers that a migration, or ``deploy.yml``, has found.

    A journal that can't be read is reported elsewhere.
    """
    try:
        facts = _record.remembered(_journal.load(folder), _record.load(folder))
        return [int(host["port"]) for host in facts["found"]["model_hosts"]]
    except (_journal.JournalError, OSError, KeyError, TypeError, ValueError):
        return []


def _unit(name: str, account: str) -> Optional[_systemd.Unit]:
    found = _systemd.show(_systemd.Manager(account or None), [name])
    return found[0] if found else None


def _serving(listener: _listeners.Listener) -> Optional[_systemd.Unit]:
    """The unit that has a listener, of whichever manager started it."""
    unit = _process_unit.behind(listener).unit
    return unit if unit and unit.pid in _process.ancestors(listener.pid or 0) else None


def answer_seconds(port: int, limit: float) -> Optional[float]:
    """Seconds that any HTTP answer took; ``None`` without one."""
    begun = time.monotonic()
    answer = _client.Client("http://127.0.0.1:%d" % port, None, limit).get("/health")
    return round(time.monotonic() - begun, 3) if answer.status is not None else None


def load_seen(folder: str) -> dict[str, str]:
    """When each server answered last, by its port; empty if the record can't be read."""
    try:
        record = json.loads(_files.read(os.path.join(folder, SEEN)))
    except (OSError, ValueError):
        return {}
    if not isinstance(record, dict):
        return {}
    return {str(key): str(value) for key, value in record.items()}


def save_seen(folder: str, seen: dict[str, str]) -> None:
    """Write the record of last answers, if the deployment has a state folder."""
    if os.path.isdir(folder):
        _files.write_atomically(
            os.path.join(folder, SEEN), json.dumps(seen, indent=1, sort_keys=True) + "\n"
        )


def text_lines(report: dict[str, Any]) -> list[str]:
    """The result of :func:`collect` for a terminal, two lines for each server."""
    report = _display.each(report)
    if not report["hosts"] and not report["problems"]:
        return ["model servers  none on this host is known"]
    lines = ["model servers%s" % ("" if report["gpus"] else "  (%s)" % report["gpu_note"])]
    for host in report["hosts"]:
        lines += _host_lines(host)
    lines += ["  %s" % problem for problem in report["problems"]]
    return [line[:WIDTH] for line in lines]


def _host_lines(host: dict[str, Any]) -> list[str]:
    state = host["active"] or "no unit"
    if host["asleep"] and host["active"] != "active":
        state = "asleep"
    mark = {
        True: "as intended",
        False: "NOT as intended (%s)" % host["intended"],
        None: "not recorded",
    }[host["as_intended"]]
    name = host["name"]
    if name != "port %s" % host["port"]:
        name = "%s %s" % (name, host["port"] or "")
    if host["answers"]:
        details = ["answers in %.2f s" % host["seconds"]]
        if host["reachable"] is not None:
            details.append("also to containers" if host["reachable"] else "NOT to containers")
    elif host["last_answer"]:
        details = ["answered last %s" % host["last_answer"]]
    else:
        details = ["no answer"]
    if host["gpus"]:
        size = human(host["vram"] or host["declared_vram"])
        details.insert(0, "GPU %s %s" % (",".join(host["gpus"]), size))
    if host["model"]:
        details.append(os.path.basename(host["model"].rstrip("/")))
    return ["  %s: %s, %s" % (name, state, mark), "    " + ", ".join(details)]
