# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The legacy deployment: the LiteLLM proxy under systemd, and everything that has to be known to
leave it and to come back.

The truth about its environment is the running process, not the files: systemd drops lines that a
shell would read. :class:`Facts` holds no secret; secrets stay in :class:`Running`'s other fields.
"""

from __future__ import annotations

import glob
import hashlib
import os
from typing import Any, NamedTuple, Optional, Sequence, TypedDict

from .._config import addresses as _addresses
from .._config import includes as _includes
from .._config import stores as _stores
from .._host import files as _files
from .._host import listeners as _listeners
from .._host import process as _process
from .._host import process_unit as _process_unit
from .._host import reader as _reader
from .._host.account import Account, AccountError
from .._host.paths import UntrustedPath
from .._host.problem import Problem
from .._host.systemd import (
    Manager,
    Unit,
    list_unit_files,
    managers,
    parse_environment_files,
    show,
    unloadable,
)
from .._postgres import endpoint as _endpoint
from .._postgres import programs as _programs
from . import proxy_command as _proxy_command
from . import proxy_process as _proxy_process
from . import proxy_settings as _proxy_settings
from . import related_units as _related_units
from .legacy_reader import Reader, system_paths

# What LiteLLM takes where nothing names a port; taken, it listens at a random one.
PORT = 4000
LegacyError = _proxy_process.LegacyError


class Server(TypedDict):
    """Who answers on a port, the record of its unit, and what was seen where that is not known."""

    port: int
    address: str
    process: str
    pid: Optional[int]
    unit: Optional[dict[str, str]]
    seen: str


class Facts(TypedDict):
    """The legacy deployment as the journal keeps it, without any secret.

    ``unit`` and ``units`` (with those that belong to it, timers first): records of
    :meth:`_host.systemd.Unit.record`. ``folder``: in which it runs. ``config``: path of its
    configuration, ``included``: of what that includes. ``options``: see :class:`Command`.
    ``environment_files``: ``{path, account}``; ``optional_files`` of them need not be there.
    ``dotenv_files``: ``{path, dialect, late, account}`` of those that LiteLLM loads by itself, as
    :mod:`_litellm.effective_environment` has them. ``variables``: names. ``python``: the
    interpreter whose environment has LiteLLM, ``site`` the folder in which it is installed.
    ``hashes``: SHA-256 by path. ``files``: ``{src, name, account}`` as a backup takes them.
    ``reader``: the account that the proxy runs as, and each file's ``account``: in the word of
    :mod:`_host.reader`."""

    unit: dict[str, str]
    units: list[dict[str, str]]
    pid: int
    folder: str
    config: Optional[str]
    included: list[str]
    host: str
    port: int
    options: list[str]
    environment_files: list[dict[str, str]]
    optional_files: list[str]
    dotenv_files: list[dict[str, Any]]
    variables: list[str]
    python: Optional[str]
    site: Optional[str]
    litellm_version: Optional[str]
    litellm_traces: list[str]
    hashes: dict[str, str]
    files: list[dict[str, str]]
    reader: str


class Running(NamedTuple):
    """The running proxy: its unit, its process, what it was started with. ``facts`` can be shown to
    anybody; the environment and the configuration, with what it includes, hold secrets. ``reader``
    reads its files; ``unread``: why it can't read the configuration, empty where it can.

    ``environment``: what the process was started with and what LiteLLM loads by itself.
    ``problems``, ``warnings``: what was seen of the process that a migration can't take along as it
    is."""

    unit: Unit
    environment: dict[str, str]
    configuration: _includes.Tree
    facts: Facts
    reader: Reader = Reader(_reader.ours())
    unread: str = ""
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def stores(self) -> _stores.Stores:
        """The database and every Redis that it uses."""
        return _stores.find(self.environment, self.configuration)

    @property
    def effective(self) -> dict[str, str]:
        """Its environment, with what else says which stores it uses, and its keys."""
        made = _stores.effective(self.environment, self.configuration)
        return _endpoint.with_account(made, _reader.word(self.reader.account))


def find_unit(name: str, account: str = "") -> Unit:
    """The proxy's unit, by name, in the system's manager or in a user manager.

    :raises LegacyError: no manager has it (with the candidates found), or more than one has.
    """
    if not name.endswith(".service"):
        name += ".service"
    found = [unit for manager in managers(account) for unit in show(manager, [name])]
    if len(found) == 1:
        return found[0]
    if found:
        where = ", ".join(unit.manager.account or "the system" for unit in found)
        raise LegacyError(
            "%s exists more than once: for %s." % (name, where),
            "Set legacy_account to the account whose unit serves the proxy.",
        )
    for manager in managers(account):
        for unit in unloadable(manager, [name]):
            raise LegacyError(
                "%s %s." % (unit.name, unit.fault),
                "Put its file right, then systemctl%s daemon-reload."
                % (" --user --machine=%s@" % manager.account if manager.account else ""),
            )
    candidates = candidate_units()
    raise LegacyError(
        "no systemd unit named %s, neither of the system nor of %s."
        % (
            name,
            "the account " + account if account else "any account with a running user manager",
        ),
        "Set legacy_unit to one of: %s." % ", ".join(candidates)
        if candidates
        else _proxy_process.homeless()
        or "No unit that looks like LiteLLM was found. Is its user manager running (loginctl "
        "enable-linger ACCOUNT)?",
    )


def candidate_units() -> list[str]:
    """Services that may be a LiteLLM proxy, as ``name`` or ``name (account)``: those that run one,
    whatever starts it, and those that look like it."""
    found = {
        label.replace(" of account ", " (") + ")" * (" of account " in label)
        for label in _proxy_process.running()
    }
    for manager in managers():
        for unit in show(manager, list_unit_files(manager, "*.service")):
            if "litellm" in unit.name or "litellm" in unit.properties.get("ExecStart", ""):
                found.add(
                    "%s (%s)" % (unit.name, manager.account) if manager.account else unit.name
                )
    return sorted(found)


def related_units(
    unit: Unit, port: Optional[int] = None, folder: str = "", config: Optional[str] = None
) -> list[Unit]:
    """The units that belong to a proxy, its own last, see :mod:`_deployment.related_units`.

    :param port: its port, ``folder``: where it runs, ``config``: its configuration; without them,
        as its unit says.
    """
    own = _marks(unit, port, folder, config)
    return _related_units.related(unit, own, _proxy_marks)


def strangers(recorded: Facts) -> list[dict[str, str]]:
    """Records of units that do not belong to the proxy, whatever they are called: in 0.1.0 a name
    that begins like the proxy's was enough."""
    about, config, folder = recorded["unit"], recorded["config"], recorded["folder"]
    manager = Manager(about["account"] or None)
    reader = recorded.get("reader", "")
    files = [entry["path"] for entry in recorded["environment_files"]]
    own = _related_units.marks(
        about["name"],
        recorded["port"],
        about["account"] or ("" if ":" in reader else reader),
        [folder, os.path.dirname(config) if config else None],
        [config, *files],
    )
    proxy = (show(manager, [about["name"]]) or [Unit(about["name"], manager, "", "", {})])[0]
    taken = {
        (unit.name, unit.manager.account or "")
        for unit in _related_units.related(proxy, own, _proxy_marks)
    }
    return [
        record
        for record in recorded["units"]
        if (record["name"], record["account"]) not in taken and _is_loaded(record)
    ]


def _is_loaded(record: dict[str, str]) -> bool:
    """Whether what a unit does can be known."""
    there = show(Manager(record["account"] or None), [record["name"]])
    return bool(there) and there[0].properties.get("LoadState") == "loaded"


def _proxy_marks(unit: Unit) -> Optional[_related_units.Marks]:
    """The marks of a unit that is a proxy of its own; ``None`` for any other."""
    return _marks(unit) if _unit_command(unit) else None


def _unit_command(unit: Unit) -> list[str]:
    """The command with which a unit starts a proxy; nothing where none of its commands is one."""
    lines = [line.split() for line in _related_units.commands(unit)]
    return next((words for words in lines if any(map(_proxy_command.PROGRAM.search, words))), [])


def _marks(
    unit: Unit, port: Optional[int] = None, folder: str = "", config: Optional[str] = None
) -> _related_units.Marks:
    command = _proxy_command.parse_command(_unit_command(unit))
    folder = folder or unit.properties.get("WorkingDirectory", "").lstrip("-!")
    config = config or (os.path.join(folder, command["config"]) if command["config"] else None)
    files = parse_environment_files(unit.properties.get("EnvironmentFiles", ""))
    return _related_units.marks(
        unit.name,
        port or command["port"],
        _related_units.unit_account(unit),
        [folder, os.path.dirname(config) if config else None],
        [config, *(path for path, _optional in files)],
    )


def file_hash(path: str) -> str:
    """SHA-256 of a file, to tell whether it changed; read by who could have chosen it (see
    :func:`_host.reader.of`).

    :raises OSError, UntrustedPath: it can't be read.
    """
    return hashlib.sha256(_reader.of("", path).read(path)).hexdigest()


def account_of(unit: Unit, pid: int, config: Optional[str]) -> Account:
    """Who the proxy is. What its unit's manager calls its process has to be of that manager's
    account, or of the one that the unit names: a user manager can name any process.

    :raises LegacyError: it is another's, or nobody's in particular. :raises OSError: it has ended.
    """
    named = unit.manager.account or unit.properties.get("User", "")
    try:
        account = Account.of_process(pid)
        if _reader.is_dynamic(account) and unit.properties.get("DynamicUser") == "yes":
            named = ""  # a host need not know the name that systemd has made up
        uid = int(named) if named.isdigit() else Account.named(named).uid if named else account.uid
        if account.uid != uid:
            raise AccountError(
                "process %d is account %s's, and the unit runs as %s" % (pid, account.name, named)
            )
        # a proxy that runs as root reads what others may have chosen
        return _reader.of(_reader.ROOT, config or "/") if account.is_root else account
    except (AccountError, UntrustedPath) as error:
        raise LegacyError(
            "%s: %s." % (unit.name, str(error).rstrip(".")),
            "Let its unit start LiteLLM itself, as an account whose files nobody else can write.",
        ) from error


def discover(name: str, account: str = "", alone: bool = False) -> Running:
    """Find the legacy deployment as it runs now.

    :param alone: without the other units that belong to the proxy.
    :raises LegacyError: no such unit, it does not run, none of its processes is the proxy, it runs
        without what a migration needs, or its manager calls another account's process its own.
    """
    unit = find_unit(name, account)
    proxy = _proxy_process.find(unit)
    try:
        who = account_of(unit, proxy.pid, _proxy_settings.named(unit, proxy))
        found = _proxy_settings.inspect(unit, proxy, who)
    except OSError as error:
        raise LegacyError(
            "%s ended while it was inspected (%s)." % (unit.name, error.strerror),
            "Look why: systemctl %sstatus %s"
            % ("--user " if unit.manager.account else "", unit.name),
        ) from error
    started, command = found.effective.started, found.served.command
    metrics = _proxy_process.metrics_port(command["options"], started)
    wanted = command["port"] or _number(started.get("PORT"))
    at = _proxy_process.address(proxy, wanted or PORT, [metrics] if metrics else [])
    files = environment_files(unit)
    facts: Facts = {
        "unit": unit.record(),
        "units": [unit.record()],
        "pid": proxy.pid,
        "folder": found.folder,
        "config": found.config,
        "included": [part.path for part in found.tree.parts[1:]],
        "host": at.host,
        "port": at.port,
        "options": command["options"],
        "environment_files": [{"path": path} for path, _optional in files],
        "optional_files": [path for path, optional in files if optional],
        "dotenv_files": [
            {"path": file.path, "dialect": "dotenv", "late": file.late} for file in found.dotenv
        ],
        "variables": sorted(found.effective.carried),
        "python": found.python,
        "site": found.release["site"],
        "litellm_version": found.release["version"],
        "litellm_traces": found.release["traces"],
        "hashes": {},
        "files": [],
        "reader": _reader.word(who),
    }
    if not alone:
        related = related_units(unit, facts["port"], found.folder, found.config)
        facts["units"] = [other.record() for other in related]
    reader = Reader(who, system_paths(facts))
    for entry in (*facts["environment_files"], *facts["dotenv_files"]):
        entry["account"] = _reader.word(reader.of(entry["path"]))
    _add_files(facts, unit.properties.get("FragmentPath", ""), reader)
    return Running(
        unit,
        found.effective.carried,
        found.tree,
        facts,
        reader,
        found.unread,
        (*found.problems, *_misplaced(proxy, at, wanted or PORT)),
        found.warnings,
    )


def environment_files(unit: Unit) -> list[tuple[str, bool]]:
    """The env files of a unit as its manager finds them, with whether each may be missing: a
    pattern is what it fits, in the order of names; one that fits nothing stays as it is written.
    """
    named = parse_environment_files(unit.properties.get("EnvironmentFiles", ""))
    return [(each, optional) for path, optional in named for each in _fitting(unit.manager, path)]


def _fitting(manager: Manager, path: str) -> list[str]:
    if not glob.has_magic(path):
        return [path]
    try:
        return manager.ask(lambda: sorted(glob.glob(path)), path) or [path]
    except OSError:
        return [path]  # its owner does not get there either, which is said where it is read


def _number(text: Optional[str]) -> Optional[int]:
    return int(text) if text and text.isdigit() else None


def _misplaced(
    proxy: _proxy_process.Proxy, at: _proxy_process.Address, wanted: int
) -> list[Problem]:
    """A proxy that found its port taken, and listens at one that it chose by chance."""
    if proxy.program.name != _proxy_command.LITELLM or at.port == wanted or wanted != PORT:
        return []
    holder = next((item for item in _listeners.listeners() if item.port == wanted), None)
    return [
        Problem(
            "port %d" % wanted,
            "was taken when process %d began, so LiteLLM chose port %d by chance; at %d listens %s"
            % (proxy.pid, at.port, wanted, holder.command if holder else "nobody now"),
            "name the port that clients use (--port), restart the proxy, and run again",
        )
    ]


def proxy_pid(unit: Unit) -> Optional[int]:
    """The process that is LiteLLM in a unit; ``None`` where there is none, or it is not of the
    unit's account."""
    try:
        proxy = _proxy_process.find(unit)
        account_of(unit, proxy.pid, None)
    except (LegacyError, OSError):
        return None
    return proxy.pid


def _add_files(facts: Facts, fragment: str, reader: Reader) -> None:
    """Add what is kept of the files; of those that can't be read, preflight says why."""
    named = (*facts["environment_files"], *facts["dotenv_files"])
    paths = [facts["config"], fragment, *(entry["path"] for entry in named)]
    hashes = {path: reader.digest(path) for path in paths if path}
    # Of an own build of the database client, where somebody made one.
    schema = os.path.join(os.path.dirname(facts["config"] or facts["folder"]), "schema.prisma")
    saved = [path for path, digest in hashes.items() if digest]
    saved += [schema] * reader.is_file(schema)
    hashes.update({path: reader.digest(path) for path in facts["included"]})
    facts["hashes"] = {path: digest for path, digest in hashes.items() if digest}
    # As a backup takes them, which finds by itself what is included: two files may have the same
    # name in different folders.
    facts["files"] = [
        {
            "src": path,
            "name": _files.numbered_name(number, path),
            "account": _reader.word(reader.of(path)),
        }
        for number, path in enumerate(dict.fromkeys(saved), 1)
    ]


def service_behind(
    port: int, found: list[_listeners.Listener], host: str = _listeners.LOOPBACK
) -> Optional[Server]:
    """Who answers on a port of the address that clients use, or at PostgreSQL's Unix socket in that
    folder, with the systemd unit it belongs to; ``None`` where nobody listens."""
    listener = listener_at(port, found, host)
    if listener is None:
        return None
    behind = _process_unit.behind(listener)
    return {
        "port": port,
        "address": listener.address,
        "process": listener.command,
        "pid": listener.pid,
        "unit": behind.unit.record() if behind.unit else None,
        "seen": behind.reason,
    }


def listener_at(
    port: int, found: Sequence[_listeners.Listener], host: str = _listeners.LOOPBACK
) -> Optional[_listeners.Listener]:
    """Who answers there; of PostgreSQL's Unix socket, its folder stands for an address."""
    if not _endpoint.is_socket(host):
        return _listeners.holder(found, port, host)
    pid = _programs.postmaster(host, port, "/proc")
    try:
        account = Account.of_process(pid) if pid else None
    except OSError:
        account = None
    if pid is None or account is None:
        return None
    return _listeners.Listener(host, port, pid, _process.describe(pid), account.uid)


def model_ports(environment: dict[str, str], configs: Sequence[str]) -> set[int]:
    """The ports of the loopback address that the configuration, what it includes, and the
    environment name, but for Redis' and databases'."""
    ports = {
        item.port for config in configs for item in _addresses.find(config) if item.kind == "model"
    }
    for value in environment.values():
        ports |= {item.port for item in _addresses.find_value(value) if item.kind == "model"}
    return ports
