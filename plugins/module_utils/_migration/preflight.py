# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a host before a migration and judges it: everything is found and every problem reported in one go.

Nothing is changed. The result holds no secret: what has to be judged with a secret is judged here, on the host.
"""
from __future__ import annotations

import json
import os
import re
import socket
from datetime import datetime, timezone
from typing import Any, Iterable, NamedTuple, Optional

from .._config import container_view as _config_view
from .._config import envfile as _envfile
from .._config import environment as _environment
from .._config import environment_files as _environment_files
from .._config import environment_text as _environment_text
from .._deployment import journal as _journal
from .._deployment import legacy as _legacy
from .._host import docker as _engine
from .._host import git as _ignore
from .._host import images as _images
from .._host import process as _host
from .._host import systemd as _systemd
from .._litellm import salt_key as _salt
from .._postgres import native_server as _native_server
from .._postgres import session as _postgres
from .._redis import redis as _redis
from . import requirements as _preflight
from .requirements import Problem

PROXYD = "/usr/lib/systemd/systemd-socket-proxyd"
CONTAINERS = ("proxy", "postgres", "redis")
VOLUMES = ("postgres", "redis")
# A copy is about as large as its source; a compressed backup is smaller, but nobody knows by how much beforehand.
RESERVE = 1 << 30
ORPHANED = "run it under systemd first, so that it can be stopped and brought back"
# `postgres` is there for maintenance; one that somebody uses is not empty.
_NEIGHBOURS = """SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate AND datname NOT IN (current_database(), 'postgres') ORDER BY 1"""
# What the roles write into the project folder; the first two hold secrets.
SECRET_FILES = (".env", "redis.conf")
CONFIG = "config.compose.yaml"
OWN_FILES = (*SECRET_FILES, "compose.yaml", "compose.stage.yaml", CONFIG)
OWN_MARK = "# Written by llmops.litellm"
# With it LiteLLM takes no configuration from a file.
BUCKET = "LITELLM_CONFIG_BUCKET_NAME"


class Survey(NamedTuple):
    """What was found: ``facts`` (JSON, no secrets), the problems that stop a migration, the warnings that do not."""

    facts: dict
    problems: list[Problem]
    warnings: list[Problem]


def survey(settings: dict, now: Optional[datetime] = None) -> Survey:
    """Look at everything.

    :param settings: the parameters of the module ``preflight_info``.
    """
    problems: list[Problem] = []
    warnings: list[Problem] = []
    facts: dict[str, Any] = {}
    problems += _lock(settings, now or datetime.now(timezone.utc))
    engine = facts["engine"] = _engine.describe()
    problems += _preflight.check_engine(engine)
    try:
        legacy = _legacy.discover(settings["legacy_unit"], settings["legacy_account"])
        facts["legacy"] = legacy.facts
    except _legacy.LegacyError as error:
        legacy = None
        problems.append(Problem("legacy_unit", error.problem, error.remedy))
    found = _host.listeners()
    problems += _preflight.check_overrides(settings["overrides"])
    if legacy is not None:
        problems += _deployment(legacy, settings, facts, warnings)
        problems += _database(legacy, facts, found)
        problems += _redis_of(legacy, settings, facts, found)
        problems += _neighbours(settings, facts)
        problems += _models(legacy, facts, found, warnings)
        problems += _environment_of(legacy, settings, facts, warnings)
    problems += _ports(settings, facts, found)
    if engine["server"]:
        problems += _images_of(settings, facts, engine, warnings)
        problems += _names(settings, facts)
    problems += _space(settings, facts, engine)
    return Survey(facts, problems, warnings)


def _lock(settings: dict, now: datetime) -> list[Problem]:
    try:
        journal = _journal.load(settings["state_dir"])
    except _journal.JournalError as error:
        return [Problem("journal", str(error), "see docs/operations.md")]
    refused = _journal.refusal(journal, settings["run"], now, settings["patience"])
    if refused:
        return [Problem("lock", refused, "wait until it has ended; a run that was killed is taken over by itself")]
    volume = "%s_postgres" % settings["project_name"]
    if journal is not None and "not_kept" in journal["facts"] and _engine.volume_labels(volume) is not None:
        return [Problem("volume %s" % volume, "may hold rows of the failed migration %s that are nowhere else (%s)" % (
            journal["id"], journal["facts"]["not_kept"]), "look at them, then remove it (docker volume rm %s) and run again" % volume)]
    return []


def _deployment(legacy: _legacy.Deployment, settings: dict, facts: dict, warnings: list[Problem]) -> list[Problem]:
    """The legacy deployment itself: its files, its keys, its release."""
    problems, told = [], legacy.facts
    folder = facts["project_dir"] = os.path.normpath(settings["project_dir"])
    configured = []
    if told["config"] is None:
        problems.append(Problem("config.yaml", "the legacy unit names no --config", "a proxy without a configuration file is not supported"))
    elif not os.path.isfile(told["config"]):
        problems.append(Problem(told["config"], "does not exist any more", "restore the file that the proxy was started with"))
    else:
        problems += [Problem("%s:%d" % (item.path, item.line), item.message, "") for item in _config_view.problems(legacy.configuration)]
        problems += [Problem(part.path, "sets LITELLM_SALT_KEY itself, so nobody can tell which key is in use",
                             "move it into the environment of the unit, restart the proxy, and run again")
                     for part in legacy.configuration.parts if re.search(r"^\s+[\"']?LITELLM_SALT_KEY[\"']?\s*:", part.text, re.M)]
        if any(re.search(r"^\s+master_key\s*:", text, re.M) for text in legacy.configuration.texts):
            configured.append("LITELLM_MASTER_KEY")
    if BUCKET in legacy.environment:
        problems.append(Problem(BUCKET, "is set, so the proxy reads its configuration from an object store, which is not rewritten for a container",
                                "put it into the file that --config names, take the variable out of the environment, and restart the proxy"))
    problems += _preflight.check_keys(legacy.environment, configured, settings["accept_weak"])
    for entry in told["environment_files"]:
        problems += _environment_file(entry["path"], entry["path"] in told["optional_files"], warnings)
    problems += _folder(folder, told["folder"], warnings, _config_view.names(legacy.configuration, CONFIG).values())
    problems += _preflight.check_traces(told["litellm_version"], told["litellm_traces"])
    warnings += _preflight.warn(told["litellm_version"], [], told["litellm_traces"])
    return problems


def _environment_file(path: str, optional: bool, warnings: list[Problem]) -> list[Problem]:
    """An EnvironmentFile= of the unit: there, readable, and read by systemd as its author meant it."""
    if not os.path.isfile(path):
        return [] if optional else [Problem(path, "is missing; the unit could not start again", "restore the file")]
    text = _host.read(path)
    try:
        line = _envfile.unclosed_quote(text)
    except _envfile.EnvError as error:
        return [Problem("%s:%d" % (path, error.line), error.message, "mend that line; the running proxy still has what it read at its start")]
    if line is not None:
        return [Problem("%s:%d" % (path, line), "has a quote that never ends, so systemd takes the rest of the file for a value",
                        "end it; the running proxy still has what it read at its start")]
    for item in _envfile.dropped(text):
        warnings.append(Problem("%s:%d" % (path, item.line), "%s never reached the proxy: %s" % (item.name or "the line", item.reason),
                                "if it is wanted: env_file_adopt: [%s]" % item.name if item.name else "mend it if it is wanted"))
    return []


def _folder(folder: str, legacy: str, warnings: list[Problem], views: Iterable[str] = ()) -> list[Problem]:
    """The project folder: what is ours to write there is ours, and git does not track what will hold secrets."""
    problems = []
    if os.path.realpath(folder) == os.path.realpath(legacy):
        # LiteLLM's database client reads a .env where it runs, and fails where it may not read it.
        problems.append(Problem("litellm_project_dir", "%s is the folder that the legacy proxy runs in; with the new .env in it, it could "
                                "not start again" % folder, "choose a folder of its own, such as /opt/litellm"))
    if not os.path.isdir(os.path.dirname(folder)):
        return [Problem("litellm_project_dir", "%s does not exist" % os.path.dirname(folder), "create it, or choose another folder")]
    place = folder if os.path.isdir(folder) else os.path.dirname(folder)
    if any(os.stat(path).st_uid != 0 for path in _ignore.upwards(place)):
        warnings.append(Problem(folder, "is below a folder that belongs to another account, which can exchange what root starts at boot",
                                "choose a folder below ones of root's alone, such as /opt/litellm"))
    try:
        tracked = _ignore.tracked(folder, SECRET_FILES) if _ignore.in_work_tree(folder) else []
        for name in tracked:
            problems.append(Problem("%s/%s" % (folder, name), "is tracked by git, so its secrets would be in every clone",
                                    "git rm --cached %s && git commit, rotate what it ever held, and run again" % name))
    except _ignore.IgnoreError as error:
        problems.append(Problem(folder, str(error), ""))
    for name in (*OWN_FILES, *views):
        path = os.path.join(folder, name)
        if os.path.lexists(path) and not (os.path.isfile(path) and _is_ours(_host.read(path))):
            problems.append(Problem(path, "was not written by this collection and is not replaced",
                                    "move it away, or set litellm_project_dir to a folder of its own"))
    return problems


def _is_ours(text: str) -> bool:
    return text.startswith(OWN_MARK) or _environment_text.is_ours(text)


def _environment_of(legacy: _legacy.Deployment, settings: dict, facts: dict, warnings: list[Problem]) -> list[Problem]:
    """What the role env_file would refuse or warn of, decided by the same code."""
    files = [_environment_files.LegacyFile(entry["path"], "systemd", _host.read(entry["path"]))
             for entry in legacy.facts["environment_files"] if os.path.isfile(entry["path"])]
    planned = _environment.plan(legacy.environment, files, _environment.Settings(
        own_ports=[legacy.facts["port"]], native_ports=native_ports(facts), master_key_in_config=True,
        overrides=settings["overrides"], adopt=settings["adopt"], on_host=os.path.exists))
    warnings += [Problem("environment", text, "") for text in planned.warnings]
    return [Problem("environment", text, "") for text in planned.problems]


def native_ports(facts: dict) -> list[int]:
    """The ports of the legacy database and Redis, which no container reaches."""
    return [facts[name]["port"] for name in ("database", "redis") if facts.get(name)]


def _database(legacy: _legacy.Deployment, facts: dict, found: list[_host.Listener]) -> list[Problem]:
    """The native PostgreSQL that the process really uses."""
    url = legacy.environment.get("DATABASE_URL")
    if not url:
        return [Problem("DATABASE_URL", "the running proxy has none",
                        "only deployments whose database is named by DATABASE_URL in the environment are supported")]
    try:
        endpoint = _postgres.from_url(url)
    except _postgres.PostgresError as error:
        return [Problem("DATABASE_URL", str(error), "mend it in the legacy environment")]
    service = _legacy.service_behind(endpoint.port, found)
    told = facts["database"] = {"host": endpoint.host, "port": endpoint.port, "name": endpoint.database, "user": endpoint.user,
                                "unit": service and service["unit"], "process": service and service["process"],
                                "server": _native_server.seen(service["pid"]) if service else None}
    if service is None or endpoint.host not in ("127.0.0.1", "localhost", "::1"):
        return [Problem("DATABASE_URL", "points to %s:%d, where no PostgreSQL of this host listens" % (endpoint.host, endpoint.port),
                        "an external database is not moved by this release")]
    problems = []
    if service["unit"] is None:
        problems.append(Problem("port %d" % endpoint.port, "PostgreSQL (%s) belongs to no systemd unit" % service["process"], ORPHANED))
    try:
        told["server_version"], told["major"] = _postgres.server_version(endpoint)
        told["bytes"] = _postgres.database_size(endpoint)
        told["max_connections"] = int(_postgres.query(endpoint, "SHOW max_connections")[0][0] or 0)
        rows = _postgres.query(endpoint, 'SELECT litellm_params::text FROM "LiteLLM_ProxyModelTable" ORDER BY model_id')
    except _postgres.PostgresError as error:
        return [*problems, Problem("DATABASE_URL", str(error), "the migration needs the database that the proxy uses")]
    told["stored_models"] = len(rows)
    told["neighbours"] = [str(row[0]) for row in _postgres.query(endpoint, _NEIGHBOURS)]
    told["migrations"] = _migrations(endpoint)
    key = legacy.environment.get("LITELLM_SALT_KEY", legacy.environment.get("LITELLM_MASTER_KEY", ""))
    values = [value for row in rows for value in json.loads(row[0] or "{}").values() if isinstance(value, str)]
    outcomes = [_salt.decrypts(value, key) for value in values]
    told["salt_key_proved"] = True in outcomes
    outcome = None if not outcomes or set(outcomes) == {None} else False not in outcomes
    return problems + _preflight.check_salt(outcome, len(rows))


def _neighbours(settings: dict, facts: dict) -> list[Problem]:
    """Who else needs what is stopped."""
    services = [facts[name]["unit"] for name in ("database", "redis") if facts.get(name) and facts[name]["unit"]]
    return _preflight.check_neighbours(_systemd.dependants(facts["legacy"]["units"] + services),
                                       (facts.get("database") or {}).get("neighbours", []), settings["accept_down"])


def _migrations(endpoint: Any) -> Optional[list[str]]:
    """The schema migrations that the database has, ``None`` for one made by ``prisma db push``, which keeps no ledger."""
    if not _postgres.query(endpoint, "SELECT 1 FROM pg_tables WHERE schemaname = 'public' AND tablename = '_prisma_migrations'"):
        return None
    rows = _postgres.query(endpoint, "SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL ORDER BY 1")
    return [row[0] or "" for row in rows]


def _redis_of(legacy: _legacy.Deployment, settings: dict, facts: dict, found: list[_host.Listener]) -> list[Problem]:
    """The native Redis: where the environment or, where that says nothing, the configuration has it."""
    environment = legacy.environment
    texts = legacy.configuration.texts
    port = _legacy.redis_port(environment, texts)
    if port is None:
        facts["redis"] = None
        return []
    if not port:
        return [Problem("REDIS_PORT", "is not a number", "mend it in the legacy environment")]
    service = _legacy.service_behind(port, found)
    version = _host.run(["redis-server", "--version"])
    major = re.search(r"v=(\d+)", version.out)
    native = _redis.Native("127.0.0.1", port, environment.get("REDIS_USERNAME", ""), environment.get("REDIS_PASSWORD", ""))
    # With this setting spend waits in Redis until it is written to the database.
    holds_spend = any(re.search(r"^\s+use_redis_transaction_buffer\s*:\s*[\"']?true", text, re.M | re.I) for text in texts)
    facts["redis"] = {"port": port, "unit": service and service["unit"], "process": service and service["process"],
                      "major": int(major.group(1)) if major else None, "data": None, "holds_spend": holds_spend}
    if service is not None and service["unit"] is None:
        return [Problem("port %d" % port, "Redis (%s) belongs to no systemd unit" % service["process"], ORPHANED)]
    if settings["carry_redis"]:
        try:
            native.ask("PING")
            facts["redis"]["data"] = _redis.data_of(native)
        except _redis.RedisError as error:
            return [Problem("port %d" % port, str(error), "give the proxy its password as REDIS_PASSWORD, or start empty with litellm_carry_redis: false")]
    elif holds_spend:
        return [Problem("litellm_carry_redis", "is false, and the proxy keeps spend in Redis that is not in the database yet (use_redis_transaction_buffer)",
                        "carry Redis over, or lose that spend by switching the buffer off first")]
    return []


def _models(legacy: _legacy.Deployment, facts: dict, found: list[_host.Listener], warnings: list[Problem]) -> list[Problem]:
    """Model servers on this host: found in the configuration, the environment and (by the staged proxy, later) the database."""
    own = {facts["legacy"]["port"], (facts.get("database") or {}).get("port"), (facts.get("redis") or {}).get("port")}
    ports = _legacy.model_ports(legacy.environment, legacy.configuration.texts)
    problems = []
    facts["model_hosts"] = []
    for port in sorted(port for port in ports if port not in own):
        service = _legacy.service_behind(port, found)
        loopback = service is None or service["address"].startswith("127.") or service["address"] == "::1"
        facts["model_hosts"].append({"port": port, "loopback": loopback, "answers": _answers(port),
                                     "process": service and service["process"], "unit": service and service["unit"]})
    warnings += _preflight.warn(None, ["127.0.0.1:%d" % item["port"] for item in facts["model_hosts"] if not item["answers"]], [])
    if any(item["loopback"] for item in facts["model_hosts"]):
        if not os.path.exists(PROXYD):
            problems.append(Problem("systemd-socket-proxyd", "is not installed", "install it; it belongs to systemd"))
        if not os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
            warnings.append(Problem("cgroup v1", "systemd cannot filter the bridges' peers on this host, so other containers of this host can reach them too",
                                    "boot with the unified cgroup hierarchy"))
    return problems


def _answers(port: int) -> bool:
    """Whether something accepts connections on a loopback port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=3):
            return True
    except OSError:
        return False


def _ports(settings: dict, facts: dict, found: list[_host.Listener]) -> list[Problem]:
    """Each port that will be taken over belongs to the legacy deployment; the one for staging is free."""
    wanted = []
    legacy = facts.get("legacy")

    def add(name: str, number: int, expected: str, ours: Any) -> None:
        listener = _host.holder(found, number)
        wanted.append(_preflight.Port(name, number, expected, listener.command if listener else "", bool(listener and ours(listener))))

    if legacy:
        add("proxy", legacy["port"], legacy["unit"]["name"], lambda item: item.pid and legacy["pid"] in _host.ancestors(item.pid))
    for name, program in (("database", "postgres"), ("redis", "redis-server")):
        told = facts.get(name)
        add(name, told["port"] if told else settings[name + "_port"], "the legacy %s" % program, lambda item, told=told, program=program:
            told is not None and os.path.basename(((_host.command_line(item.pid) if item.pid else []) or [""])[0].split(" ")[0]) == program)
    serving = [port.number for port in wanted]
    add(_preflight.STAGING, settings["stage_port"], "nobody", lambda item: "docker-proxy" in item.command)
    return _preflight.check_ports(wanted) + _preflight.check_stage_port(settings["stage_port"], serving)


def _images_of(settings: dict, facts: dict, engine: dict, warnings: list[Problem]) -> list[Problem]:
    """The three images: there, for this platform, new enough, and not of a bad release."""
    problems = []
    legacy = (facts.get("legacy") or {}).get("litellm_version")
    facts["images"] = {}
    for service in ("litellm", "postgres", "redis"):
        variable = "litellm_images.%s" % service
        reference = settings["images"].get(service) or ""
        try:
            image = _images.look(reference, engine["platform"], engine["insecure"])
        except ValueError as error:
            problems.append(Problem(variable, str(error), "give the image, best by digest"))
            continue
        problems += _preflight.check_image(variable, image, engine["platform"])
        facts["images"][service] = {"reference": reference, "present": image.present, "bytes": image.size}
        if service == "litellm":
            problems += _preflight.check_release(variable, _images.version(image), legacy)
        elif service == "postgres":
            problems += _preflight.check_majors(variable, "PostgreSQL", image, "PG_MAJOR", (facts.get("database") or {}).get("major"))
        elif settings["carry_redis"]:
            problems += _preflight.check_majors(variable, "Redis", image, "REDIS_VERSION", (facts.get("redis") or {}).get("major"))
    return problems


def _names(settings: dict, facts: dict) -> list[Problem]:
    """Volumes, containers and the subnet: free, or ours from an earlier run that this host's journal knows."""
    project = settings["project_name"]
    known = os.path.exists(_journal.path_of(settings["state_dir"]))
    volumes = {}
    for name in ("%s_%s" % (project, part) for part in VOLUMES):
        labels = _engine.volume_labels(name)
        if labels is not None:
            volumes[name] = known and _engine.OWN_LABEL in labels
    containers = {}
    for name in ("%s-%s" % (project, part) for part in CONTAINERS):
        told = _engine.container(name)
        if told is not None:
            containers[name] = known and told["labels"].get(_engine.FOLDER_LABEL) == facts.get("project_dir")
    own = {network for _subnet, network in _engine.subnets() if network == "network " + project}
    taken = [(subnet, name) for subnet, name in _engine.subnets() if name not in own]
    if not own:
        taken += [(subnet, name) for subnet, name, _device in _engine.routes()]
    return _preflight.check_names(volumes, containers) + _preflight.check_subnet("litellm_subnet", settings["subnet"], taken)


def _space(settings: dict, facts: dict, engine: dict) -> list[Problem]:
    """Room for the images, the copy and the backup, with numbers."""
    size = (facts.get("database") or {}).get("bytes", 0)
    # A layer takes about three times its compressed size once it is unpacked.
    images = sum(image["bytes"] for image in facts.get("images", {}).values() if not image["present"]) * 4
    needs = []
    for path, needed in ((engine["root"], images + size + RESERVE), (settings["backup_dir"], size)):
        needs.append((path, _host.device_of(path), needed, _host.free_bytes(path)))
    facts["space"] = [{"path": path, "needed": needed, "free": free} for path, _device, needed, free in needs]
    return _preflight.check_disk(needs)
