# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of a server that was given LiteLLM's application, as LiteLLM's own command has them.

The container runs LiteLLM's command, so what has no such option is left behind, and named.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional

from .proxy_command import Command, Program

HOST, PORT, BIND, FILE, VARIABLE = "host", "port", "bind", "file", "variable"
SETTINGS = "settings"
NOTHING = "nothing"  # of no effect on what clients or LiteLLM see in a container
_WORKERS = "--num_workers"
# By server: each option's meaning here, or its name in LiteLLM.
_OPTIONS = {
    "uvicorn": {
        "--host": HOST,
        "--port": PORT,
        "--workers": _WORKERS,
        "--env-file": FILE,
        "--ssl-keyfile": "--ssl_keyfile_path",
        "--ssl-certfile": "--ssl_certfile_path",
        "--ssl-ciphers": "--ciphers",
        "--log-config": "--log_config",
        "--timeout-keep-alive": "--keepalive_timeout",
        "--timeout-worker-healthcheck": "--timeout_worker_healthcheck",
        "--limit-max-requests": "--max_requests_before_restart",
        "--limit-max-requests-jitter": "--max_requests_before_restart_jitter",
        "--limit-concurrency": "--limit_concurrency",
        **dict.fromkeys(
            ("--loop", "--http", "--ws", "--lifespan", "--interface", "--use-colors"), NOTHING
        ),
        **dict.fromkeys(("--no-use-colors", "--no-server-header", "--server-header"), NOTHING),
        **dict.fromkeys(("--backlog", "--log-level"), NOTHING),
    },
    "gunicorn": {
        "-b": BIND,
        "--bind": BIND,
        "-w": _WORKERS,
        "--workers": _WORKERS,
        "-c": SETTINGS,
        "--config": SETTINGS,
        "-e": VARIABLE,
        "--env": VARIABLE,
        "--keyfile": "--ssl_keyfile_path",
        "--certfile": "--ssl_certfile_path",
        "--ciphers": "--ciphers",
        "--keep-alive": "--keepalive_timeout",
        "--max-requests": "--max_requests_before_restart",
        "--max-requests-jitter": "--max_requests_before_restart_jitter",
        **dict.fromkeys(("-k", "--worker-class", "--preload", "--chdir", "--backlog"), NOTHING),
        **dict.fromkeys(("-n", "--name", "-p", "--pid", "--worker-tmp-dir"), NOTHING),
        **dict.fromkeys(("--access-logfile", "--error-logfile", "--log-file"), NOTHING),
        **dict.fromkeys(("--log-level", "--capture-output", "--reuse-port"), NOTHING),
    },
    "hypercorn": {
        "-b": BIND,
        "--bind": BIND,
        "-w": _WORKERS,
        "--workers": _WORKERS,
        "--keyfile": "--ssl_keyfile_path",
        "--certfile": "--ssl_certfile_path",
        "--ciphers": "--ciphers",
        "--keep-alive": "--keepalive_timeout",
        "--max-requests": "--max_requests_before_restart",
        **dict.fromkeys(("-k", "--worker-class", "--backlog", "--access-logfile"), NOTHING),
        **dict.fromkeys(("--error-logfile", "--log-level", "-p", "--pid"), NOTHING),
    },
    "granian": {
        "--host": HOST,
        "--port": PORT,
        "--workers": _WORKERS,
        "--ssl-certificate": "--ssl_certfile_path",
        "--ssl-keyfile": "--ssl_keyfile_path",
        "--env-files": FILE,
        **dict.fromkeys(("--interface", "--loop", "--log-level", "--backlog"), NOTHING),
    },
}
# Of these the value is the next word, whatever it looks like; all others have one if it does not.
_SWITCH = re.compile(
    r"--(preload|capture-output|reuse-port|reload|factory|(no-)?(use-colors|server-header"
    r"|date-header|proxy-headers|access-log)|access-log|log-enabled)$"
)
_BIND = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^:]*)):(?P<port>[0-9]+)$")
# What the servers themselves read; uvicorn every option as UVICORN_NAME.
_COUNT = {"uvicorn": "WEB_CONCURRENCY", "gunicorn": "WEB_CONCURRENCY", "granian": "GRANIAN_WORKERS"}


class Served(NamedTuple):
    """``left``: what is left behind, as it is written but for its value; ``files``: env files that
    the server loads; ``variables``: what it sets in LiteLLM's environment; ``settings``: the file
    that has more of its options, as it is named there."""

    command: Command
    left: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    variables: Mapping[str, str] = {}
    settings: str = ""


def translated(
    program: Program, environment: Mapping[str, str], settings: Sequence[str] = ()
) -> Served:
    """A server's command line as LiteLLM's. A number of workers that its environment gives counts
    where the command line has none.

    :param settings: options that its file has, see :mod:`.gunicorn_settings`.
    """
    words = [
        *settings,
        *_from_environment(program.name, environment),
        *program.words,
    ]
    named = ""
    made: dict[str, Optional[str]] = {}
    options: dict[str, str] = {}
    left: list[str] = []
    files: list[str] = []
    variables: dict[str, str] = {}
    for name, value in _pairs(words):
        meaning = _OPTIONS[program.name].get(name)
        if meaning is None:
            left.append(name)
        elif meaning == BIND:
            bound = _BIND.match(value)
            made.update({HOST: bound["v6"] or bound["host"], PORT: bound["port"]} if bound else {})
        elif meaning in (HOST, PORT):
            made[meaning] = value
        elif meaning == FILE:
            files.append(value)
        elif meaning == SETTINGS:
            named = value
        elif meaning == VARIABLE:
            variables.update({value.partition("=")[0]: value.partition("=")[2]})
        elif meaning != NOTHING:
            options[meaning] = value
    count = environment.get(_COUNT.get(program.name, ""), "")
    if _WORKERS not in options and count.isdigit():
        options[_WORKERS] = count
    port = made.get(PORT)
    command: Command = {
        "host": made.get(HOST) or None,
        "port": int(port) if port and port.isdigit() else None,
        "config": None,
        "options": [word for pair in options.items() for word in pair],
    }
    return Served(command, tuple(dict.fromkeys(left)), tuple(files), variables, named)


def _from_environment(server: str, environment: Mapping[str, str]) -> list[str]:
    """Options that a server reads from its environment, before those of its command line."""
    if server == "gunicorn":
        try:
            return shlex.split(environment.get("GUNICORN_CMD_ARGS", ""))
        except ValueError:
            return []
    if server == "uvicorn":
        named = (
            ("--" + name[len("UVICORN_") :].lower().replace("_", "-"), value)
            for name, value in environment.items()
            if name.startswith("UVICORN_")
        )
        return [word for pair in named if pair[0] in _OPTIONS[server] for word in pair]
    return []


def _pairs(words: Sequence[str]) -> list[tuple[str, str]]:
    """The options of a command line, each with its value, empty without one; what is no option is
    the application."""
    found: list[tuple[str, str]] = []
    position = 0
    while position < len(words):
        name, equals, value = words[position].partition("=")
        position += 1
        if not name.startswith("-"):
            continue
        if not name.startswith("--") and len(name) > 2:
            name, value, equals = name[:2], words[position - 1][2:].lstrip("="), "="
        if not equals and not _SWITCH.match(name) and position < len(words):
            if not words[position].startswith("-"):
                value = words[position]
                position += 1
        found.append((name, value))
    return found
