# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values for a model server's units: command line, environment, limits and names. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .declaration import (
    CHAT,
    COMMAND,
    EMBEDDING,
    FIRST_DELAY,
    LONGEST_DELAY,
    MANUAL,
    ON_DEMAND,
    RERANKING,
    STARTS,
    VLLM,
    Server,
)

LOOPBACK = "127.0.0.1"
# Seconds: the least time that a start gets, what vLLM needs besides to compile, and the bytes that
# a slow disk reads in one.
LEAST_START, COMPILE, PER_SECOND = 120, 480, 50 << 20
# Seconds that a start may take beyond the wait for readiness, and a stop until the server is
# killed. The unit says the same.
START_SLACK, STOP_TIMEOUT = 30, 60
# The first release that lengthens the time between restarts.
RESTART_STEPS = 254


def command(server: Server) -> list[str]:
    """The server's command line."""
    if server.server == COMMAND:
        known = {"{port}": str(server.listens), "{model}": server.model, "{alias}": server.alias}
        words = [*server.command, *server.arguments]
        for mark, value in known.items():
            words = [word.replace(mark, value) for word in words]
        return words
    if server.server == VLLM:
        return [
            server.binary,
            "serve",
            server.model,
            "--host",
            LOOPBACK,
            "--port",
            str(server.listens),
            "--served-model-name",
            server.alias,
            *server.arguments,
        ]
    kind = {EMBEDDING: ["--embedding"], RERANKING: ["--reranking"], CHAT: []}.get(server.task, [])
    return [
        server.binary,
        "-m",
        server.model,
        "--alias",
        server.alias,
        *kind,
        "--host",
        LOOPBACK,
        "--port",
        str(server.listens),
        *server.arguments,
    ]


def environment(server: Server, home: str) -> dict[str, str]:
    """The server's environment; the operator's values win.

    A server without GPUs sees none, whatever the host has.
    """
    values = {
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": ",".join(server.gpus),
        "HOME": home,
    }
    if server.server == VLLM:
        # weights are on the host; nothing is downloaded, and no usage is reported
        values.update({"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"})
    return {**values, **server.environment}


def start_timeout(server: Server, weights: int) -> int:
    """The start timeout in seconds, up to readiness.

    :param weights: bytes of the weights.
    """
    return server.start_timeout or LEAST_START + (COMPILE if server.server == VLLM else 0) + -(
        -weights // PER_SECOND
    )


def hold(server: Server, timeout: int) -> int:
    """The longest time in seconds that a client of a server on demand waits."""
    return server.wait or timeout


def limits(timeout: int, systemd: int) -> dict[str, int]:
    """The limits of restarts after a failure.

    The interval is so long that the allowed number of failures in sequence always falls into it,
    however long each start took.

    :param systemd: the release; from 254 on the time between restarts grows.
    """
    grows = systemd >= RESTART_STEPS
    return {
        "starts": STARTS,
        "interval": STARTS * (timeout + START_SLACK + STOP_TIMEOUT + LONGEST_DELAY),
        "delay": FIRST_DELAY if grows else 4 * FIRST_DELAY,
        "steps": STARTS - 3 if grows else 0,
        "longest": LONGEST_DELAY,
    }


def quoted(words: Sequence[str]) -> str:
    """Quote words for ``ExecStart=``, without expansion. systemd knows JSON's escapes except the
    one of a slash, which JSON does not need.
    """
    return " ".join(
        json.dumps(word.replace("%", "%%").replace("$", "$$"), ensure_ascii=False) for word in words
    )


def assignments(values: dict[str, str]) -> list[str]:
    """Values for ``Environment=``, which knows specifiers and no variables."""
    return [
        json.dumps("%s=%s" % (name, value.replace("%", "%%")), ensure_ascii=False)
        for name, value in sorted(values.items())
    ]


def names(server: Server, project: str) -> dict[str, str]:
    """The names of its units.

    A server on demand has a socket, and an activation gate (``door``) at which clients wait.
    """
    stem = "%s-model-%s" % (project, server.name)
    units = {"service": stem + ".service"}
    if server.boot == ON_DEMAND:
        units.update({"socket": stem + ".socket", "door": stem + "-door.service"})
    return units


def entry(server: Server, project: str) -> str:
    """The unit that is enabled and started; empty for a server that is started by hand."""
    if server.boot == MANUAL:
        return ""
    return names(server, project)["socket" if server.boot == ON_DEMAND else "service"]


def describe(
    server: Server, project: str, weights: int, devices: Sequence[str], systemd: int
) -> dict[str, Any]:
    """Everything that the templates of its units need.

    :param devices: the GPU devices of this host.
    """
    home = "/var/lib/%s-model/%s" % (project, server.name)
    timeout = start_timeout(server, weights)
    jit = bool(server.gpus) or server.server in (VLLM, COMMAND)
    return {
        "name": server.name,
        "server": server.server,
        "task": server.task,
        "boot": server.boot,
        "port": server.port,
        "listens": server.listens,
        "units": names(server, project),
        "entry": entry(server, project),
        "exec": quoted(command(server)),
        "argv": command(server),
        "environment": assignments(environment(server, home)),
        "environment_file": server.environment_file.replace("%", "%%"),
        "gpus": list(server.gpus),
        "devices": list(devices) if server.gpus else [],
        "memory": server.memory,
        "start_timeout": timeout,
        "timeout_start": timeout + START_SLACK,
        "timeout_stop": STOP_TIMEOUT,
        "hold": hold(server, timeout),
        "idle": server.idle,
        "limits": limits(timeout, systemd),
        # a GPU's driver, PyTorch and an unknown program translate code while they run
        "writes_code": jit,
        "settings": ["%s=%s" % item for item in sorted(server.settings.items())],
        "state": "%s-model/%s" % (project, server.name),
    }
