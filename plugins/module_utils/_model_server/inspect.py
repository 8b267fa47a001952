# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model servers of a host as they are now: unit, whether its state is the intended one, GPU, model, who reaches it, when it answered last.

Nothing is changed but the record of last answers, and no server that starts on demand is woken.
"""

from __future__ import annotations

import json
import os
import re
import time
from datetime import datetime, timezone
from typing import Any, NamedTuple, Optional

from .._deployment import journal as _journal
from .._host import files as _files
from .._host import listeners as _listeners
from .._host import process as _process
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


class Place(NamedTuple):
    """Where to look. ``container`` is the proxy's (empty: none is asked); ``ports`` are further ones that are known to have model servers."""

    project: str
    state_dir: str
    container: str
    gateway_name: str
    ports: tuple[int, ...] = ()
    seconds: float = 5.0
    models: str = _declaration.FOLDER


def known(place: Place) -> tuple[list[dict[str, Any]], list[str]]:
    """What is recorded of servers, managed and adopted, and what can't be read."""
    rows, problems = [], []
    for name in sorted(os.listdir(place.models)) if os.path.isdir(place.models) else []:
        if not name.endswith(".json"):
            continue
        try:
            installed = _declaration.load(name[: -len(".json")], place.models, os.geteuid())
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
                "entry": _model_server_unit.entry(server, place.project),
                "boot": server.boot,
            }
        )
    try:
        adopted = _adoption.load(place.state_dir)
    except _adoption.AdoptionError as error:
        adopted = {}
        problems.append(str(error))
    for entry in adopted.values():
        rows.append(
            {
                "name": entry["name"].rsplit(".", 1)[0],
                "managed": False,
                "unit": entry["name"],
                "account": entry["account"],
                "port": entry["port"],
                "model": "",
                "gpus": [],
                "declared_vram": 0,
                "recorded": {key: entry[key] for key in ("enabled", "active")},
            }
        )
    taken = {row["port"] for row in rows}
    rows += [
        {
            "name": "port %d" % port,
            "managed": False,
            "unit": None,
            "account": "",
            "port": port,
            "model": "",
            "gpus": [],
            "declared_vram": 0,
        }
        for port in sorted({*place.ports, *bridged(place.project), *migrated(place.state_dir)})
        if port not in taken
    ]
    return rows, problems


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
    """Whether a server's state is the intended one (``None``: nobody has said), and what is intended."""
    if row["managed"]:
        if row["boot"] == MANUAL:
            return unit is not None and unit.active != "failed", "started by hand"
        words = "runs always" if row["boot"] == ALWAYS else "starts on demand"
        return bool(
            entry
            and entry.enabled == "enabled"
            and entry.active == "active"
            and not (unit and unit.active == "failed")
        ), words
    recorded = row.get("recorded")
    if recorded is None:
        return None, ""
    words = "%s, %s as it was found" % (recorded["enabled"] or "not enabled", recorded["active"])
    return bool(
        unit and (unit.enabled, unit.active) == (recorded["enabled"], recorded["active"])
    ), words


def look(place: Place, now: datetime, remember: bool = False) -> dict[str, Any]:
    """Everything about the model servers of this host.

    :param remember: write down when each answered.
    """
    rows, problems = known(place)
    listeners, gpus, seen = _listeners.listeners(), _gpu.look(), load_seen(place.state_dir)
    ports = [row["port"] for row in rows if row["port"]]
    asleep = _bridge_proof.sleeping(ports, listeners) if ports else set()
    awake = [port for port in ports if port not in asleep]
    reach = (
        _bridge_proof.inside(
            place.container,
            {port: "%s:%d" % (place.gateway_name, port) for port in awake},
            place.seconds,
        )
        if place.container
        else {}
    )
    hosts = []
    for row in rows:
        unit = _unit(row["unit"], row["account"]) if row["unit"] else None
        entry = _unit(row["entry"], "") if row.get("entry") else None
        listener = _listeners.holder(listeners, row["port"]) if row["port"] else None
        pid = unit.pid if unit else listener.pid if listener and listener.pid != 1 else None
        if row["unit"] is None and pid:
            unit = _serving(pid)
            if unit:
                row.update(
                    name=unit.name.rsplit(".", 1)[0],
                    unit=unit.name,
                    account=unit.manager.account or "",
                )
        right, words = intended(row, unit, entry)
        seconds = (
            None
            if row["port"] is None or row["port"] in asleep
            else answer_seconds(row["port"], place.seconds)
        )
        key = str(row["port"] or row["name"])
        if seconds is not None:
            seen[key] = now.astimezone(timezone.utc).isoformat(timespec="seconds")
        used = {
            gpu.number: sum(
                size for user, size in gpu.users.items() if pid and pid in _process.ancestors(user)
            )
            for gpu in gpus.found
        }
        hosts.append(
            {
                "name": row["name"],
                "managed": row["managed"],
                "unit": row["unit"],
                "account": row["account"],
                "port": row["port"],
                "enabled": (entry or unit).enabled if (entry or unit) else None,  # type: ignore[union-attr]
                "active": unit.active if unit else None,
                "asleep": row["port"] in asleep,
                "intended": words,
                "as_intended": right,
                "model": row["model"] or (model_of(_process.command_line(pid)) if pid else ""),
                "gpus": row["gpus"] or [str(number) for number, size in used.items() if size],
                "declared_vram": row["declared_vram"],
                "vram": sum(used.values()),
                "answers": seconds is not None,
                "seconds": seconds,
                "last_answer": seen.get(key),
                "reachable": answered(reach.get(row["port"])),
            }
        )
    if remember:
        save_seen(place.state_dir, seen)
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


def answered(word: Optional[str]) -> Optional[bool]:
    """Whether a container was answered; ``None`` where it could not be asked."""
    return None if word in (None, _bridge_proof.UNKNOWN) else word == _bridge_proof.ANSWERS


def bridged(project: str, folder: str = UNITS) -> list[int]:
    """Ports that have a bridge, such as those of a migration."""
    pattern = re.compile(re.escape(project) + r"-bridge-(\d+)\.socket")
    return sorted(
        int(match[1])
        for name in (os.listdir(folder) if os.path.isdir(folder) else [])
        for match in [pattern.fullmatch(name)]
        if match
    )


def migrated(folder: str) -> list[int]:
    """Ports at which a migration has found model servers. A journal that can't be read is told elsewhere."""
    try:
        journal = _journal.load(folder) or {}
        return [int(host["port"]) for host in journal["facts"]["found"]["model_hosts"]]
    except (_journal.JournalError, OSError, KeyError, TypeError, ValueError):
        return []


def _unit(name: str, account: str) -> Optional[_systemd.Unit]:
    found = _systemd.show(_systemd.Manager(account or None), [name])
    return found[0] if found else None


def _serving(pid: int) -> Optional[_systemd.Unit]:
    """The unit that a process belongs to, of whichever manager started it."""
    name, parents = _process.unit_of(pid), _process.ancestors(pid)
    found = (
        [unit for manager in _systemd.managers() for unit in _systemd.show(manager, [name])]
        if name
        else []
    )
    return next((unit for unit in found if unit.pid in parents), None)


def answer_seconds(port: int, limit: float) -> Optional[float]:
    """Seconds that an HTTP answer took, whatever it said; ``None`` without one."""
    begun = time.monotonic()
    answer = _client.Client("http://127.0.0.1:%d" % port, None, limit).get("/health")
    return round(time.monotonic() - begun, 3) if answer.status is not None else None


def load_seen(folder: str) -> dict[str, str]:
    """When each server answered last, by its port. A record that can't be read is no news."""
    try:
        told = json.loads(_files.read(os.path.join(folder, SEEN)))
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in told.items()} if isinstance(told, dict) else {}


def save_seen(folder: str, seen: dict[str, str]) -> None:
    """Write it down, where the deployment has a state folder."""
    if os.path.isdir(folder):
        _files.write_atomically(
            os.path.join(folder, SEEN), json.dumps(seen, indent=1, sort_keys=True) + "\n"
        )


def screen(told: dict[str, Any]) -> list[str]:
    """The same for a terminal, two lines for each server."""
    if not told["hosts"] and not told["problems"]:
        return ["model servers  none on this host is known"]
    lines = ["model servers%s" % ("" if told["gpus"] else "  (%s)" % told["gpu_note"])]
    for host in told["hosts"]:
        state = (
            "asleep"
            if host["asleep"] and host["active"] != "active"
            else host["active"] or "no unit"
        )
        mark = {
            True: "as intended",
            False: "NOT as intended (%s)" % host["intended"],
            None: "not recorded",
        }[host["as_intended"]]
        answers = (
            "answers in %.2f s" % host["seconds"]
            if host["answers"]
            else "answered last %s" % host["last_answer"]
            if host["last_answer"]
            else "no answer"
        )
        inside = (
            {True: ", also to containers", False: ", NOT to containers", None: ""}[
                host["reachable"]
            ]
            if host["answers"]
            else ""
        )
        name = (
            host["name"]
            if host["name"] == "port %s" % host["port"]
            else "%s %s" % (host["name"], host["port"] or "")
        )
        lines.append("  %s: %s, %s" % (name, state, mark))
        gpu = (
            "GPU %s %s, " % (",".join(host["gpus"]), human(host["vram"] or host["declared_vram"]))
            if host["gpus"]
            else ""
        )
        lines.append(
            "    %s%s%s%s"
            % (
                gpu,
                answers,
                inside,
                ", %s" % os.path.basename(host["model"].rstrip("/")) if host["model"] else "",
            )
        )
    return [line[:WIDTH] for line in lines + ["  %s" % problem for problem in told["problems"]]]
