# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a declared model server can start on this host: program, weights, port, GPU.

Every reason at once, with numbers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from typing import Any, Optional

from .._host import listeners as _listeners
from .._host import process_unit as _process_unit
from .._host import systemd as _systemd
from .._host.account import NOBODY, Account, AccountError, open_regular
from . import gpu as _gpu
from .declaration import COMMAND, LLAMA_CPP, ON_DEMAND, RERANK, VLLM, Server, human

GGUF = b"GGUF"
SPLIT = re.compile(r"(.*-)(\d{5})(-of-)(\d{5})(\.gguf)")
WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf")


def account_of(name: str) -> Account:
    """The account that runs it; nobody where it does not exist yet."""
    try:
        return Account.named(name)
    except AccountError:
        return Account.numbered(NOBODY)


def _as(account: str, place: str, look: Callable[[], Any]) -> Any:
    """What the account that runs the server finds: what it can't read is of no use to it, and
    nobody else's business.

    :raises OSError: it needs too long.
    """
    is_root = os.geteuid() == 0
    return (account_of(account) if is_root else Account.numbered(os.geteuid())).ask(look, place)


def _parts(server: Server) -> list[str]:
    """The files of the weights. GGUF may come in parts, which are named by their number."""
    match = SPLIT.fullmatch(server.model)
    if match:
        return [
            "%s%05d%s%s%s" % (match[1], number, match[3], match[4], match[5])
            for number in range(1, int(match[4]) + 1)
        ]
    if os.path.isdir(server.model):
        return sorted(
            os.path.join(server.model, name)
            for name in os.listdir(server.model)
            if name.endswith(WEIGHTS)
        )
    return [server.model] if server.model else []


def size_of(server: Server, account: str) -> int:
    """Bytes of the weights that the account sees."""

    def look() -> int:
        return sum(os.path.getsize(path) for path in _parts(server) if os.path.isfile(path))

    return int(_as(account, server.model, look)) if server.model else 0


def weights(server: Server, account: str) -> list[str]:
    """What is wrong with the weights."""
    if not server.model:
        return []
    try:
        found = _as(account, server.model, lambda: _weights(server))
    except PermissionError as error:
        found = [_closed(account, error.filename)]
    except OSError as error:
        found = ["%s: %s" % (error.filename, error.strerror)]
    return ["%s: %s" % (server.name, problem) for problem in found]


def _closed(account: str, path: str) -> str:
    return (
        "the account %s cannot read %s: give it or its group the right, on every folder above too"
        % (account, path)
    )


def _weights(server: Server) -> list[str]:
    """What is wrong, as the account sees it.

    :raises PermissionError: it can't.
    """
    llama = server.server in (LLAMA_CPP, RERANK)
    if not _is_there(server.model):
        return ["model %s does not exist" % server.model]
    folder = os.path.isdir(server.model)
    if llama and folder:
        return ["model %s is a folder; llama.cpp reads a GGUF file" % server.model]
    files = _parts(server)
    if not files:
        return ["model %s holds no weights (%s)" % (server.model, ", ".join(WEIGHTS))]
    if folder and server.server == VLLM:
        files = [os.path.join(server.model, "config.json"), *files]
    found = ((path, _wrong(path, llama)) for path in files)
    return ["%s %s" % (path, wrong) for path, wrong in found if wrong]


def _is_there(path: str) -> bool:
    """Whether something is there.

    :raises PermissionError: a folder above it is closed to us.
    """
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _wrong(path: str, is_gguf: bool) -> str:
    if not _is_there(path) or not os.path.isfile(path):
        return "of the model does not exist"
    handle = open_regular(path)
    try:
        head = os.read(handle, len(GGUF))
    finally:
        os.close(handle)
    if not head:
        return "is empty"
    return "is not a GGUF file" if is_gguf and head != GGUF else ""


def program(server: Server, account: str) -> list[str]:
    """Whether the account can run its program."""
    path = server.command[0] if server.server == COMMAND else server.binary

    def look() -> tuple[bool, bool]:
        return _is_there(path) and os.path.isfile(path), os.access(path, os.X_OK)

    try:
        there, runs = _as(account, path, look)
    except OSError:
        there, runs = True, False
    if not there:
        return ["%s: program %s does not exist" % (server.name, path)]
    return [] if runs else ["%s: the account %s cannot run %s" % (server.name, account, path)]


def ports(server: Server, units: dict[str, str], found: Sequence[_listeners.Listener]) -> list[str]:
    """Ports that another process holds; those of its own units are free for it.

    :param units: the names of its units, as :func:`_model_server.unit.names` gives them.
    """
    problems = []
    needed = [(server.listens, units["service"])] + (
        [(server.port, units["socket"])] if server.boot == ON_DEMAND else []
    )
    for port, unit in needed:
        listener = _listeners.holder(found, port)
        if listener is None:
            continue
        owner = _owner(listener, unit)
        # a change of the boot policy hands a port on from one of its units to another
        if owner not in (
            *units.values(),
            *(units["service"].replace(".service", end) for end in (".socket", "-door.service")),
        ):
            problems.append(
                "%s: port %d is taken by %s" % (server.name, port, owner or listener.command)
            )
    return problems


def _owner(listener: _listeners.Listener, unit: str) -> Optional[str]:
    """The unit that has a port; sockets of units belong to systemd itself."""
    if listener.pid == 1:
        socket = unit.rsplit(".", 1)[0] + ".socket"
        active = [
            item
            for item in _systemd.show(_systemd.Manager(None), [socket])
            if item.active == "active"
        ]
        return socket if active else None
    return _process_unit.behind(listener).label or None


def check(
    servers: Sequence[Server], units: dict[str, dict[str, str]], account: str
) -> tuple[list[str], list[str], dict[str, Any]]:
    """Check several servers: problems, notes, and the GPUs' report.

    :param units: the units of each server, by its name.
    """
    found, gpus = _listeners.listeners(), _gpu.inspect()
    problems, notes = [], []
    for server in servers:
        problems += (
            program(server, account)
            + weights(server, account)
            + ports(server, units[server.name], found)
        )
        if server.environment_file and not os.path.isfile(server.environment_file):
            problems.append(
                "%s: environment_file %s does not exist" % (server.name, server.environment_file)
            )
    problems += _gpu.missing(servers, gpus) + _gpu.overcommitted(servers, gpus)
    users = _users(gpus)
    for server in servers:
        problems += _gpu.full(server, gpus, users, units[server.name]["service"])
    if not gpus.found:
        notes.append("%s: GPUs and their memory are not checked" % gpus.reason)
    gpu_report = {
        "reason": gpus.reason,
        "gpus": [
            {**gpu._asdict(), "users": None, "total": human(gpu.total), "free": human(gpu.free)}
            for gpu in gpus.found
        ],
    }
    return problems, notes, gpu_report


def before_start(server: Server, unit: str, account: str) -> list[str]:
    """Why a server can't start, checked right before its start.

    The port of its socket belongs to systemd and is not checked.
    """
    gpus = _gpu.inspect() if server.gpus else _gpu.Gpus([], "")
    listener = _listeners.holder(_listeners.listeners(), server.listens)
    problems = program(server, account) + weights(server, account)
    if listener is not None:
        problems.append(
            "%s: port %d is taken by %s" % (server.name, server.listens, listener.command)
        )
    problems += _gpu.missing([server], gpus)
    return problems + _gpu.full(server, gpus, _users(gpus), unit)


def _users(gpus: _gpu.Gpus) -> dict[int, str]:
    """The units of the processes that use a GPU."""
    return {pid: _process_unit.of(pid).label for gpu in gpus.found for pid in gpu.users}
