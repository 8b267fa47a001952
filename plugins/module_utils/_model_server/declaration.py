# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The declaration of a model server: what the operator writes, read and checked as a whole.

The face of this package: ``read`` checks declarations, ``load`` reads an installed one. ``read`` is
pure: it does not inspect the host.

The same declaration, checked and with its defaults, lies on the host as
``/etc/llmops-litellm/models/NAME.json`` for the commands that the server's units call.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections.abc import Iterable, Mapping
from typing import Any, Callable, NamedTuple, Optional, Union

from .._host import files as _files
from .._host import settings_file as _settings_file
from .._host.problem import OperatorError

FOLDER = "/etc/llmops-litellm/models"
FORMAT = 1
LLAMA_CPP, VLLM, RERANK, COMMAND = SERVERS = ("llama_cpp", "vllm", "rerank", "command")
CHAT, EMBEDDING, RERANKING, OTHER = TASKS = ("chat", "embedding", "rerank", "other")
ALWAYS, ON_DEMAND, MANUAL = BOOTS = ("always", "on_demand", "manual")
LLAMA_SERVER = "/usr/bin/llama-server"
# What a server on demand listens on, above the port that its clients know.
BACKEND_OFFSET = 10000
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
GPU_UUID = re.compile(r"(?:GPU|MIG)-[0-9a-fA-F-]{8,}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([KMGT])(?:i?B)?)?", re.I)
SECRET = re.compile(r"(?:KEY|TOKEN|PASSWORD|SECRET)$", re.I)
# Arguments that the declaration decides, or that hold a secret which every account could read.
OWN_ARGUMENTS = {
    "--host": "it listens on 127.0.0.1 alone",
    "--port": "it is `port`",
    "-m": "it is `model`",
    "--model": "it is `model`",
    "--api-key": "everybody on the host can read a command line; put it into environment_file",
}
# Restarts after a failure: how many starts in all, seconds before the first one, and the longest.
STARTS, FIRST_DELAY, LONGEST_DELAY = 10, 2, 120


class DeclarationError(OperatorError):
    """Declarations can't be used; the message has every reason, a line each."""


class Request(NamedTuple):
    """A request that a server must answer with 200."""

    path: str
    body: dict[str, Any]


class Server(NamedTuple):
    """A model server.

    Sizes are bytes (0: not declared), times seconds (0: by the size of the weights).
    """

    name: str
    server: str
    task: str
    binary: str
    command: tuple[str, ...]
    model: str
    alias: str
    port: int
    backend_port: int
    gpus: tuple[str, ...]
    arguments: tuple[str, ...]
    vram: int
    memory: int
    boot: str
    idle: int
    wait: int
    start_timeout: int
    health: str
    warm_up: Optional[Request]
    environment: dict[str, str]
    environment_file: str
    settings: dict[str, str]

    @property
    def listens(self) -> int:
        """The port that the server itself listens on."""
        return self.backend_port if self.boot == ON_DEMAND else self.port


class Installed(NamedTuple):
    """A server as installed: with the name of its unit and of the account that it runs as."""

    server: Server
    unit: str
    account: str


def read(declarations: Iterable[Any]) -> tuple[list[Server], list[str]]:
    """Declarations, and everything that is wrong with them and between them."""
    problems: list[str] = []
    servers = [_server(declared, number, problems) for number, declared in enumerate(declarations)]
    for field, words in (("name", "name %s"), ("port", "port %s")):
        values = [getattr(server, field) for server in servers]
        problems += [
            (words + " is declared %d times") % (value, values.count(value))
            for value in sorted(set(values) - {"", 0})
            if values.count(value) > 1
        ]
    ports = {server.port: server.name for server in servers}
    for server in servers:
        other = ports.get(server.backend_port)
        if server.boot == ON_DEMAND and other:
            problems.append(
                "%s: backend_port %d is the port of %s; give another one"
                % (server.name, server.backend_port, other)
            )
    return servers, problems


def _one_of(values: tuple[str, ...]) -> tuple[Callable[[Any], bool], str]:
    """The check and its words for a setting that has a fixed set of values."""
    return (lambda value: value in values), "one of %s" % ", ".join(values)


def _server(declared: Any, number: int, problems: list[str]) -> Server:
    """One declaration with its defaults; its faults go to ``problems``."""
    is_mapping = isinstance(declared, Mapping)
    named = declared.get("name") if is_mapping else None
    head = "%s: " % named if isinstance(named, str) and named else "declaration %d: " % (number + 1)
    found: list[str] = []
    if not is_mapping:
        problems.append(head + "must be a dictionary")
    items = declared.items() if is_mapping else ()
    values = {key: value for key, value in items if value is not None}
    reader = _settings_file.Reader(values, "", found)
    server = _read_server(reader)
    reader.end()
    _agree(server, reader)
    problems += [head + problem for problem in found]
    return server


def _read_server(reader: _settings_file.Reader) -> Server:
    get = reader.get
    name = get(
        "name",
        str,
        None,
        lambda value: bool(NAME.fullmatch(value)),
        "lower-case letters, digits and dashes, at most 40",
    )
    kind = get("server", str, None, *_one_of(SERVERS))
    task = get("task", str, RERANKING if kind == RERANK else CHAT, *_one_of(TASKS))
    boot = get("boot", str, ALWAYS, *_one_of(BOOTS))
    port = get("port", int, None, lambda value: 1 <= value <= 65535, "a port from 1 to 65535")
    has_backend = boot == ON_DEMAND and 0 < port <= 65535 - BACKEND_OFFSET
    backend_port = get(
        "backend_port",
        int,
        port + BACKEND_OFFSET if has_backend else 0,
        lambda value: 0 <= value <= 65535,
        "a port from 1 to 65535",
    )
    health = get(
        "health",
        str,
        "/health",
        lambda value: value == "" or value.startswith("/"),
        "a path from / on, or empty for none",
    )
    return Server(
        name=name,
        server=kind,
        task=task,
        binary=_binary(reader, kind),
        command=_texts(reader, "command"),
        model=reader.path("model", "" if kind == COMMAND else None),
        alias=get("alias", str, name) or name,
        port=port,
        backend_port=backend_port,
        gpus=_gpus(reader),
        arguments=_texts(reader, "arguments"),
        vram=_size(reader, "vram"),
        memory=_size(reader, "memory"),
        boot=boot,
        idle=_seconds(reader, "idle", 600),
        wait=_seconds(reader, "wait", 0),
        start_timeout=_seconds(reader, "start_timeout", 0),
        health=health,
        warm_up=_request(reader),
        environment=_environment(reader),
        environment_file=reader.path("environment_file", ""),
        settings=_unit_settings(reader),
    )


def _agree(server: Server, reader: _settings_file.Reader) -> None:
    """Report values that are valid alone and contradict each other."""
    if server.server == COMMAND and not server.command:
        reader.wrong(
            "command",
            "is missing: the program and its arguments, with {port}, {model} and {alias} "
            "where they belong",
        )
    elif server.server == COMMAND and not os.path.isabs(server.command[0]):
        reader.wrong("command", "must begin with an absolute path")
    elif server.server == COMMAND and not any("{port}" in word for word in server.command):
        reader.wrong("command", "has no {port}, so the program would not know where to listen")
    if server.server != COMMAND and server.command:
        reader.wrong("command", "is for server: command; others take arguments")
    if server.server == RERANK and server.task != RERANKING:
        reader.wrong("task", "is rerank where server is rerank; for others take server: llama_cpp")
    if server.task == OTHER and server.warm_up is None:
        reader.wrong(
            "warm_up", "is missing: with task other nothing else proves that the server works"
        )
    if server.boot == ON_DEMAND and server.backend_port in (0, server.port):
        reader.wrong("backend_port", "must be another free port for a server on demand")
    if server.boot != ON_DEMAND and server.backend_port:
        reader.wrong("backend_port", "is for boot: on_demand")
    if server.vram and not server.gpus:
        reader.wrong("vram", "is %s, and gpus names none" % human(server.vram))
    for word in server.arguments:
        option = word.split("=", 1)[0]
        if option in OWN_ARGUMENTS:
            reader.wrong("arguments", "must not hold %s: %s" % (option, OWN_ARGUMENTS[option]))
    if "CUDA_VISIBLE_DEVICES" in server.environment:
        reader.wrong("environment", "must not hold CUDA_VISIBLE_DEVICES: it is `gpus`")


def _binary(reader: _settings_file.Reader, kind: str) -> str:
    """The server's program: by its path, or in a Python environment."""
    folder, binary = reader.path("venv", ""), reader.path("binary", "")
    if folder and binary:
        reader.wrong("venv", "and binary say the same twice; give one")
    if folder and kind != VLLM:
        reader.wrong("venv", "is for server: vllm")
    if kind == VLLM and not (folder or binary):
        reader.wrong(
            "venv", "or binary is missing: the Python environment that has vLLM, or its program"
        )
    if kind == COMMAND and binary:
        reader.wrong("binary", "is for other servers; command begins with it")
    if binary:
        return binary
    if folder:
        return os.path.join(folder, "bin/vllm")
    return LLAMA_SERVER if kind in (LLAMA_CPP, RERANK) else ""


def _texts(reader: _settings_file.Reader, name: str) -> tuple[str, ...]:
    values = reader.get(
        name,
        list,
        [],
        lambda value: all(
            isinstance(word, (str, int, float)) and not isinstance(word, bool) for word in value
        ),
        "a list of texts and numbers",
    )
    return tuple(str(word) for word in values)


def _gpus(reader: _settings_file.Reader) -> tuple[str, ...]:
    values = [word.strip() for word in _texts(reader, "gpus")]
    for word in values:
        if not word.isdigit() and not GPU_UUID.fullmatch(word):
            reader.wrong(
                "gpus", "has %s, which is neither an index nor a UUID of nvidia-smi" % word
            )
        elif values.count(word) > 1:
            reader.wrong("gpus", "has %s twice" % word)
    return tuple(dict.fromkeys(values))


def _size(reader: _settings_file.Reader, name: str) -> int:
    reader.known.add(name)
    value = reader.values.get(name, 0)
    try:
        return size(value)
    except ValueError:
        reader.wrong(name, "must be a size such as 800M or 12G")
        return 0


def _seconds(reader: _settings_file.Reader, name: str, default: int) -> int:
    return int(
        reader.get(name, int, default, lambda value: value >= 0, "a number of seconds from 0 on")
    )


def _request(reader: _settings_file.Reader) -> Optional[Request]:
    if "warm_up" not in reader.values:
        return None
    inner = reader.inner("warm_up")
    request = Request(
        inner.get("path", str, None, lambda value: value.startswith("/"), "a path from / on"),
        inner.get("body", dict),
    )
    inner.end()
    return request


def _environment(reader: _settings_file.Reader) -> dict[str, str]:
    values = {str(name): str(value) for name, value in reader.get("environment", dict, {}).items()}
    for name, value in values.items():
        if not VARIABLE.fullmatch(name) or not value.isprintable():
            reader.wrong("environment", "has %s, which systemd can't pass on" % name)
        elif SECRET.search(name):
            reader.wrong(
                "environment",
                "has %s: everybody can read a unit; put it into environment_file" % name,
            )
    return values


def _unit_settings(reader: _settings_file.Reader) -> dict[str, str]:
    values = {str(name): str(value) for name, value in reader.get("settings", dict, {}).items()}
    for name, value in values.items():
        if not re.fullmatch(r"[A-Z][A-Za-z]+", name) or "\n" in value:
            reader.wrong(
                "settings",
                "has %s, which is no directive of a [Service] section with a value of one line"
                % name,
            )
    return values


def size(value: Union[str, int, float]) -> int:
    """A size in bytes; units are powers of 1024, as systemd's.

    :raises ValueError: it is none.
    """
    match = SIZE.fullmatch(str(value).strip())
    if isinstance(value, bool) or not match:
        raise ValueError(value)
    return int(float(match[1]) * 1024 ** " KMGT".index((match[2] or " ").upper()))


def human(number: int) -> str:
    """A size for people."""
    power = min(4, int(math.log(number, 1024))) if number >= 1024 else 0
    return "%.4g %s" % (number / 1024**power, ("bytes", "KiB", "MiB", "GiB", "TiB")[power])


def dump(installed: Installed) -> str:
    """The JSON of a server for the commands on the host; without its environment."""
    fields = {
        **installed.server._asdict(),
        "warm_up": installed.server.warm_up and installed.server.warm_up._asdict(),
    }
    del fields["environment"]
    return (
        json.dumps(
            {
                "format": FORMAT,
                "unit": installed.unit,
                "account": installed.account,
                "server": fields,
            },
            indent=1,
            sort_keys=True,
        )
        + "\n"
    )


def load(name: str, folder: str = FOLDER, owner: int = 0) -> Installed:
    """An installed server of this host.

    :param owner: the account that the file must belong to: parts of it are done as root.
    :raises DeclarationError: there is none, or its file can't be trusted or read.
    """
    path = os.path.join(folder, name + ".json")
    if not NAME.fullmatch(name):
        raise DeclarationError("%r is no name of a model server" % name)
    try:
        with _files.reading(path) as handle:
            about = os.fstat(handle.fileno())
            record = json.loads(handle.read().decode("utf-8"))
        if about.st_uid != owner or about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise DeclarationError(
                "%s must belong to %s and be writable for nobody else"
                % (path, "root" if owner == 0 else "account %d" % owner)
            )
        if record["format"] != FORMAT:
            raise DeclarationError(
                "%s was written by another release of this collection: run its role again" % path
            )
        fields = {
            **record["server"],
            "environment": {},
            "warm_up": record["server"]["warm_up"] and Request(**record["server"]["warm_up"]),
        }
        for field in ("command", "gpus", "arguments"):
            fields[field] = tuple(fields[field])
        return Installed(Server(**fields), record["unit"], record["account"])
    except OSError as error:
        raise DeclarationError(
            "%s cannot be read (%s): the role llmops.litellm.model_host writes it"
            % (path, error.strerror)
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise DeclarationError(
            "%s is not what the role llmops.litellm.model_host writes (%s)" % (path, error)
        ) from None
