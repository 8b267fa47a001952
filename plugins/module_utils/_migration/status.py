# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a host stands: its journal, both deployments, who answers, the last backup, and what the
next command would do.

Nothing is changed, nothing that is missing or broken ends the look, and nothing that is returned is
a secret.
"""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import Any, Callable, Optional
from urllib.parse import urlsplit

from .._backup import backup as _backup
from .._deployment import addresses as _addresses
from .._deployment import compose_project as _compose_project
from .._deployment import journal as _journal
from .._deployment import legacy as _legacy
from .._deployment import record as _record
from .._deployment import steps as _steps
from .._host import docker as _docker
from .._host import listeners as _listeners
from .._host import paths as _paths
from .._host import process as _process
from .._host import systemd as _systemd
from .._host.problem import OperatorError
from .._litellm import client as _client
from .._litellm import readiness as _readiness
from .._restore import state as _state
from .next_command import NONE, UNREADABLE, WORDS, _unknown, next_commands, next_of_deployed

PORT = 4000


def position_in_words(
    journal: Optional[_journal.Journal], run: Optional[dict], now: datetime, patience: float
) -> dict[str, Any]:
    """The journal in words: ``state``, ``phase``, ``since``, ``working`` (``yes``, ``no``,
    ``unknown``), ``words``, ``id``, ``problem``."""
    result: dict[str, Any] = {
        "state": NONE,
        "phase": "",
        "since": None,
        "working": "no",
        "words": WORDS[NONE],
        "id": None,
        "problem": None,
        "kept_database": None,
    }
    if journal is None:
        return result
    state, phase = str(journal.get("state")), str(journal.get("phase", ""))
    result.update(
        state=state,
        phase=phase,
        id=journal.get("id"),
        since=journal.get("ended"),
        words=WORDS.get(state, state),
        kept_database=(journal.get("facts") or {}).get("kept_database"),
    )
    if state == _journal.RUNNING:
        entry = _journal.step(journal, phase)
        result["since"] = entry["begun"] if entry else journal.get("updated")
        result["working"] = (
            "unknown"
            if run is None
            else "yes"
            if _journal.refusal(journal, run, now, patience)
            else "no"
        )
        result["words"] = {
            "yes": "a run is at work in its step %s",
            "no": "a run was killed in its step %s",
            "unknown": "a run is at work or was killed in its step %s",
        }[result["working"]] % phase
        if result["working"] == "no" and entry and entry["state"] == "failed":
            result["words"] = "a run ended in its step %s, which failed" % phase
        if _steps.MEANINGS.get(phase):
            result["words"] += " (%s)" % _steps.MEANINGS[phase]
    return result


def key_of(paths: list[str]) -> Optional[str]:
    """The first master key that these env files have."""
    for path in paths:
        try:
            return _client.key_from_file(path)
        except _client.ProxyError:
            continue
    return None


def who_answers(
    listener: Optional[_listeners.Listener],
    units: list[dict[str, Any]],
    containers: dict[str, Optional[dict]],
) -> dict[str, Any]:
    """Who has a port: ``kind`` (``nobody``, ``legacy``, ``compose``, ``other``) and ``name``."""
    if listener is None:
        return {"kind": "nobody", "name": "nobody"}
    for unit in units:
        if unit["holds_port"]:
            return {"kind": "legacy", "name": unit["name"]}
    for name, container in containers.items():
        published = [
            int(host["HostPort"])
            for hosts in ((container or {}).get("ports") or {}).values()
            for host in hosts or []
        ]
        if listener.port in published:
            return {"kind": "compose", "name": "container %s" % name}
    return {"kind": "other", "name": listener.command}


def unit_state(
    record: dict[str, Any],
    port: Optional[int],
    found: list[_listeners.Listener],
    host: str = _listeners.LOOPBACK,
) -> dict[str, Any]:
    """A recorded unit and what it is now; ``None`` for what it has not. ``holds_port``: whether its
    process has the port of the address that clients use."""
    manager = _systemd.Manager(record.get("account") or None)
    units = _systemd.show(manager, [record["name"]])
    listener = _listeners.holder(found, port, host) if port else None
    pid = units[0].pid if units else None
    holds = bool(pid and listener and listener.pid and pid in _process.ancestors(listener.pid))
    return {
        "name": record["name"],
        "account": record.get("account") or "",
        "recorded_enabled": record.get("enabled"),
        "recorded_active": record.get("active"),
        "enabled": units[0].enabled if units else None,
        "active": units[0].active if units else None,
        "port": port,
        "holds_port": holds,
    }


def last_backup(folder: str) -> dict[str, Any]:
    """The newest backup with a readable manifest, and how many folders have none. Nothing is
    hashed.

    :raises UntrustedPath: another account could have put them there.
    """
    _paths.require(folder, "reads backups there")
    best: Optional[dict[str, Any]] = None
    unreadable = 0
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        path = os.path.join(folder, name)
        if name.startswith(".") or not os.path.isdir(path):
            continue
        try:
            manifest = _backup.manifest(path)
            entry = {
                "name": str(manifest["name"]),
                "path": path,
                "created": datetime.fromisoformat(manifest["created"]).isoformat(),
                "kind": str(manifest["source"]),
                "rows": int(manifest["rows_total"]),
                "pinned": bool(manifest["pinned"]),
            }
        except (_backup.BackupError, KeyError, TypeError, ValueError):
            unreadable += 1
            continue
        if best is None or entry["created"] >= best["created"]:
            best = entry
    return {"last": best, "unreadable": unreadable}


def inspect(settings: dict[str, Any], now: Optional[datetime] = None) -> dict[str, Any]:
    """Everything about a host.

    :param settings: the parameters of the module ``status_info``.
    """
    now = now or datetime.now(timezone.utc)
    journal, problem = _journal_of(settings["state_dir"])
    status: dict[str, Any] = {
        "host": os.uname().nodename,
        "time": now.isoformat(timespec="seconds"),
    }
    status["journal"] = _guarded(
        lambda: position_in_words(journal, settings["run"], now, settings["patience"]),
        position_in_words(None, None, now, 0),
    )
    problem = problem or status["journal"].pop("error", None)
    if problem:
        status["journal"].update(state=UNREADABLE, words=WORDS[UNREADABLE], problem=problem)
    listeners = _guarded(_listeners.listeners, [])
    record, damage = _record_of(settings["state_dir"])
    made = _record.made(journal, record)
    found = _record.remembered(journal, record).get("found") or {}
    if record is not None or damage:
        status["journal"].update(_deployed_in_words(record, made, damage, status["journal"]))
    legacy = _guarded(
        lambda: (
            {"port": found["legacy"]["port"], "error": "none"}
            if made
            else _recorded(found, listeners)
            if found.get("legacy")
            else _discovered(settings, listeners)
        ),
        {},
    )
    status["legacy"] = {"port": PORT, "units": [], "servers": [], "error": None, **legacy}
    key = status["legacy"].pop("key", None)
    tls = status["legacy"].pop("tls", False) or bool((found.get("address") or {}).get("tls"))
    folder = found.get("project_dir") or settings["project_dir"]
    status["compose"] = {
        "engine": {},
        "containers": {},
        "volumes": [],
        "unit": None,
        "error": None,
        **_guarded(lambda: _compose(settings["project_name"], folder), {}),
    }
    own = status["compose"].pop("port", None)
    serving = _guarded(lambda: _record.serving(journal, record, folder), _steps.LEGACY)
    port = own if own and serving == _steps.COMPOSE else status["legacy"]["port"]
    status["proxy"] = {
        "port": port,
        "kind": "nobody",
        "name": "nobody",
        "ready": False,
        "database": "unknown",
        "cache": "unknown",
        "version": None,
        "reasons": [],
        "error": None,
        **_guarded(
            lambda: _proxy(
                status,
                tls,
                port,
                listeners,
                folder,
                settings["state_dir"],
                key,
                settings["timeout"],
            ),
            {},
        ),
    }
    status["backup"] = {
        "last": None,
        "unreadable": 0,
        "error": None,
        **_guarded(lambda: last_backup(settings["backup_dir"]), {}),
    }
    status["restore"] = _restoring(settings["state_dir"])
    status["next"] = (
        _unknown("the journal cannot be read")
        if problem
        else _unknown(status["restore"])
        if status["restore"]
        else next_of_deployed()
        if made
        else _guarded(lambda: next_commands(journal), _unknown("the journal cannot be understood"))
    )
    return status


def _guarded(part: Callable[[], Any], otherwise: Any) -> Any:
    """A part of the look, or what it is without it: whatever is broken on a host is no reason not
    to tell the rest."""
    try:
        return part()
    except Exception as error:
        # what an exception says of its own may quote anything; ours are plain words
        ours = isinstance(error, OperatorError)
        message = (
            str(error)
            if ours
            else (error.strerror or "failed")
            if isinstance(error, OSError)
            else "could not be looked at (%s)" % type(error).__name__
        )
        return {**otherwise, "error": message} if isinstance(otherwise, dict) else otherwise


def _journal_of(folder: str) -> tuple[Optional[_journal.Journal], Optional[str]]:
    try:
        return _journal.load(folder), None
    except (_journal.JournalError, OSError) as error:
        return None, str(error)


def _record_of(folder: str) -> tuple[Optional[_record.Record], Optional[str]]:
    try:
        return _record.load(folder), None
    except (_journal.JournalError, OSError) as error:
        return None, str(error)


def _deployed_in_words(
    record: Optional[_record.Record],
    made: _record.Facts,
    problem: Optional[str],
    told: dict[str, Any],
) -> dict[str, Any]:
    """What the record of ``deploy.yml`` changes of the journal in words."""
    if problem or record is None:
        return {"state": UNREADABLE, "words": WORDS[UNREADABLE], "problem": problem}
    if record["state"] == _record.RUNNING:
        words = "a run of deploy.yml is at work, or was killed: deploy.yml ends it"
    elif made:
        words = WORDS[_record.DEPLOYED]
        if record["state"] == _record.FAILED:
            words += "; its last run failed"
    elif told["state"] == NONE and record["state"] == _record.FAILED:
        words = "deploy.yml has failed, and has taken away again what did not serve"
    else:
        return {}
    state = record["state"] if made or told["state"] == NONE else told["state"]
    since = record["ended"] or record["begun"]
    return {"state": state, "since": since, "words": words}


def _restoring(folder: str) -> Optional[str]:
    """A restore that has not ended, in words."""
    try:
        return _state.unfinished(folder) or None
    except (_state.RestoreError, OSError) as error:
        return str(error)


def _recorded(found: dict[str, Any], listeners: list[_listeners.Listener]) -> dict[str, Any]:
    """The legacy deployment as the journal has it, and what has become of it."""
    legacy = found["legacy"]
    main = legacy["unit"]["name"]
    servers = [found[name] for name in ("database", "redis") if (found.get(name) or {}).get("unit")]
    return {
        "port": legacy["port"],
        "units": [
            unit_state(unit, legacy["port"] if unit["name"] == main else None, listeners)
            for unit in legacy["units"]
        ],
        "servers": [
            unit_state(
                server["unit"],
                server["port"],
                listeners,
                server.get("host") or _listeners.LOOPBACK,
            )
            for server in servers
        ],
    }


def _discovered(settings: dict[str, Any], listeners: list[_listeners.Listener]) -> dict[str, Any]:
    """The legacy deployment of a host that has no record of it."""
    unit = _legacy.find_unit(settings["legacy_unit"], settings["legacy_account"])
    told: dict[str, Any] = {"port": PORT, "key": None, "tls": False, "error": None}
    units: Optional[list[tuple[str, str]]] = None  # names and accounts
    if unit.active in _systemd.RUNS:
        try:
            deployment = _legacy.discover(settings["legacy_unit"], settings["legacy_account"])
            facts, environment = deployment.facts, deployment.effective
            # by its configuration too, which alone may have the key
            told.update(port=facts["port"], key=environment.get(_client.MASTER_KEY))
            told["tls"] = _addresses.has_tls(facts["options"], environment)
            units = [(each["name"], each["account"]) for each in facts["units"]]
        except _legacy.LegacyError as error:
            told["error"] = error.problem
    else:
        told["error"] = "%s is %s" % (unit.name, unit.active)
    if units is None:
        related = _legacy.related_units(unit)
        units = [(each.name, each.manager.account or "") for each in related]
    told["units"] = [
        unit_state(
            {"name": name, "account": account},
            told["port"] if name == unit.name else None,
            listeners,
        )
        for name, account in units
    ]
    return told


def _compose(project: str, folder: str) -> dict[str, Any]:
    """The compose deployment as the engine and systemd have it; ``port``: where its proxy is."""
    engine = _docker.describe()
    containers = list(_compose_project.container_names(project).values())
    volumes = list(_compose_project.volume_names(project).values())
    port, problem = None, None
    if os.path.exists(os.path.join(folder, "compose.yaml")):
        try:
            read = _compose_project.read(folder)
            containers, volumes = list(read.containers.values()), read.volumes
            port = urlsplit(read.proxy_url()).port
        except _compose_project.DeploymentError as error:
            problem = str(error)
    result: dict[str, Any] = {
        "engine": {"version": engine["server"], "compose": engine["compose"]},
        "containers": {},
        "volumes": [],
        "port": port,
        "error": problem,
    }
    if not engine["server"]:
        result["error"] = (
            "there is no docker here"
            if not engine["client"]
            else "the engine does not answer (%s)" % (engine["error"] or "no reason given")
        )
    else:
        for name in containers:
            found = _docker.container(name)
            result["containers"][name] = found and {
                key: found[key] for key in ("state", "health", "image", "ports", "started")
            }
        result["volumes"] = [name for name in volumes if _docker.volume_labels(name) is not None]
    units = _systemd.show(_systemd.Manager(None), ["%s-compose.service" % project])
    result["unit"] = (
        {"name": units[0].name, "enabled": units[0].enabled, "active": units[0].active}
        if units
        else None
    )
    return result


def _proxy(
    status: dict[str, Any],
    tls: bool,
    port: int,
    listeners: list[_listeners.Listener],
    folder: str,
    state_dir: str,
    key: Optional[str],
    timeout: float,
) -> dict[str, Any]:
    """Who answers at the proxy's port, and whether it is ready."""
    listener = _listeners.anywhere(listeners, port)
    who = who_answers(
        listener,
        status["legacy"]["units"],
        status["compose"]["containers"],
    )
    if who["kind"] == "nobody":
        return who
    files = [os.path.join(folder, ".env"), os.path.join(state_dir, "legacy.env")]
    key = key or key_of(files if who["kind"] == "compose" else files[::-1])
    if who["kind"] == "other":
        key = None  # nobody knows who that is
    url = _url(listener, port, tls)
    return {**who, **_readiness.ask(_client.Client(url, None, timeout), key)._asdict()}


def _url(listener: Optional[_listeners.Listener], port: int, tls: bool) -> str:
    """Where this host reaches who listens there."""
    host = _addresses.reached([listener.address if listener else _listeners.LOOPBACK])
    return _addresses.url("https" if tls else "http", host, port)


# The screen
