# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The activation gate of a model server on demand: clients wait at its socket until the server is
ready, and get an HTTP error if it does not become ready.

systemd passes the listening socket on at the first connection and starts the server beside.
Connections stay in the socket's queue meanwhile, so clients only see a slow first answer. Then
``systemd-socket-proxyd`` takes the same socket. When it has been idle for long enough it exits, the
gate with it, and systemd stops the server. Its unit is called ``…-door.service``.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from typing import Any, Callable, NamedTuple, Optional

from .._host import systemd as _systemd
from .declaration import Installed

PROXYD = "/usr/lib/systemd/systemd-socket-proxyd"
FIRST = 3  # the first file descriptor that systemd hands over
# Seconds: between two checks of the server, until a server that was not started counts as stopped,
# in which new clients are still refused, and for one client to send its request.
POLL, STOPPED, LINGER, CLIENT_TIMEOUT = 0.2, 15.0, 5.0, 5.0
CONNECTIONS = 2048
LARGEST_HEAD = 65536


class State(NamedTuple):
    """The server's unit: systemd's ActiveState, its main process, and why it failed."""

    active: str
    pid: int
    result: str


class Ended(Exception):
    """The gate got the signal to stop."""


def inherited(environment: dict[str, str]) -> socket.socket:
    """The listening socket that systemd passes on.

    :raises ValueError: there is none.
    """
    if environment.get("LISTEN_PID") != str(os.getpid()) or environment.get("LISTEN_FDS") != "1":
        raise ValueError(
            "this is started by its socket, which hands itself over; start the socket unit"
        )
    return socket.socket(fileno=FIRST)


def unit_state(unit: str) -> State:
    """The server's unit as systemd sees it."""
    answer = _systemd.Manager(None).systemctl(
        "show", "--property=ActiveState,MainPID,Result", "--", unit
    )
    properties = (_systemd.parse_show(answer.out) or [{}])[0]
    return State(
        properties.get("ActiveState", "unknown"),
        int(properties.get("MainPID") or 0),
        properties.get("Result", ""),
    )


def wait(
    state_of: Callable[[], State],
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Optional[State], str]:
    """Wait until the server is ready.

    :returns: its state, or ``None`` and why it is not coming; without a reason it was stopped, and
        the next connection starts it again.
    """
    begun = clock()
    stopped: Optional[float] = None
    while True:
        state, now = state_of(), clock()
        if state.active == "active":
            return state, ""
        if state.active == "failed":
            return None, "it failed to start (%s)" % (state.result or "unknown")
        if state.active != "inactive":
            stopped = None
        elif stopped is None:
            stopped = now
        if stopped is not None and now - stopped > STOPPED:
            return None, ""
        if now - begun > seconds:
            return None, "it was not ready after %d seconds" % seconds
        sleep(POLL)


def proxy(listening: socket.socket, port: int, idle: int) -> int:
    """Start systemd's proxy on the listening socket. Returns its process id."""
    argv = [PROXYD, "--connections-max=%d" % CONNECTIONS, "127.0.0.1:%d" % port]
    if idle:
        argv.insert(1, "--exit-idle-time=%ds" % idle)
    handle = listening.fileno()
    child = os.fork()
    if child == 0:
        try:
            if handle != FIRST:
                os.dup2(handle, FIRST)
            os.set_inheritable(FIRST, True)
            os.execve(
                argv[0], argv, {**os.environ, "LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
            )
        finally:
            os._exit(127)
    return child


def watch(child: int, server: int, sleep: Callable[[float], None] = time.sleep) -> Optional[int]:
    """Wait until the proxy ends, and stop it if the server ends: new clients then wait at the
    socket for the next one.

    :returns: the proxy's exit code, ``None`` where the server is gone.
    """
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if server and not os.path.exists("/proc/%d" % server):
            os.kill(child, signal.SIGTERM)
            os.waitpid(child, 0)
            return None
        sleep(POLL)


def serve(
    installed: Installed,
    seconds: float,
    listening: socket.socket,
    state_of: Callable[[], State],
    log: Callable[[str], None],
) -> int:
    """Wait for the server, then proxy until one of the two ends. Returns the exit code."""
    server = installed.server

    def end(*_signal: Any) -> None:
        raise Ended

    signal.signal(signal.SIGTERM, end)
    try:
        while True:
            state, why = wait(state_of, seconds)
            if state is None:
                if why:
                    log(
                        "model server %s: %s. Clients get 503; see journalctl -u %s"
                        % (server.name, why, installed.unit)
                    )
                    refuse(
                        listening,
                        "model server %s is not available: %s" % (server.name, why),
                        LINGER,
                    )
                return 0
            child = proxy(listening, server.listens, server.idle)
            try:
                code = watch(child, state.pid)
            except Ended:
                os.kill(child, signal.SIGTERM)
                os.waitpid(child, 0)
                return 0
            if code is not None:
                return code
            log("model server %s has ended; clients wait for it" % server.name)
    except Ended:
        refuse(listening, "model server %s is stopped" % server.name, 0)
        return 0


def refuse(listening: socket.socket, why: str, linger: float) -> int:
    """Answer every waiting and new client with a 503 in OpenAI's format until none has come for a
    while.

    :param linger: seconds without a new client after which it ends.
    :returns: how many were answered.
    """
    return asyncio.run(_refuse(listening, why, linger))


async def _refuse(listening: socket.socket, why: str, linger: float) -> int:
    body = json.dumps(
        {"error": {"message": why, "type": "service_unavailable", "code": 503}}
    ).encode()
    answer = (
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: "
        b"30\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    ) + body
    listening.setblocking(False)
    loop = asyncio.get_running_loop()
    tasks: set[Any] = set()
    answered = 0
    while True:
        try:
            client, _peer = await asyncio.wait_for(loop.sock_accept(listening), max(linger, 0.05))
        except asyncio.TimeoutError:
            break
        tasks.add(asyncio.ensure_future(_respond(client, answer)))
        answered += 1
    await asyncio.gather(*tasks)
    return answered


async def _respond(client: socket.socket, answer: bytes) -> None:
    """Read the whole request, then answer: a client that still sends would see a reset instead."""
    reader, writer = await asyncio.open_connection(sock=client, limit=LARGEST_HEAD)
    try:
        await asyncio.wait_for(_request(reader), CLIENT_TIMEOUT)
    except (
        asyncio.TimeoutError,
        asyncio.IncompleteReadError,
        asyncio.LimitOverrunError,
        ValueError,
        OSError,
    ):
        pass  # whatever it has sent, it gets the answer
    try:
        writer.write(answer)
        await asyncio.wait_for(writer.drain(), CLIENT_TIMEOUT)
        if writer.can_write_eof():
            writer.write_eof()
        await asyncio.wait_for(reader.read(LARGEST_HEAD), CLIENT_TIMEOUT)
    except (asyncio.TimeoutError, OSError):
        pass  # it has gone
    finally:
        writer.close()


async def _request(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = next(
        (
            int(line.partition(b":")[2])
            for line in head.split(b"\r\n")
            if line.startswith(b"content-length:")
        ),
        0,
    )
    while length > 0:
        piece = await reader.read(min(length, LARGEST_HEAD))
        if not piece:
            return
        length -= len(piece)
