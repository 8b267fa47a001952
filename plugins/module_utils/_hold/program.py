# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that holds clients while nobody serves: new connections wait in its socket's queue,
kept ones are taken along, and all of them are carried to the proxy that serves then.

It runs as a unit of its own and depends on nobody: whatever becomes of the run that has started it,
it lets go at its limit, and its rules leave with it. It says how it stands in the unit's status.

SIGUSR1: somebody serves, let them through. SIGUSR2: the proxy is about to start, and must find its
port free. SIGTERM: let go at once.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import struct
import sys
import time
from typing import Optional, Sequence

from .._host import files as _files
from .._host import listeners as _listeners
from . import redirect as _redirect
from . import relay as _relay
from .kept import KeptConnections
from .redirect import Lead, RedirectError
from .status import Status

# What it is doing, as its status says.
HOLDING, CARRYING, OVER = "holding", "carrying", "over"
BACKLOG = 65535  # the kernel has a limit of its own (net.core.somaxconn)
# Seconds: between two looks at what a process that ends has closed (the kernel tells nobody), and
# between two at the rules, which somebody may flush.
LOOK, WATCH = 0.02, 1.0
# Seconds that a kept connection may be silent after it was carried on, and that the socket is open
# for connections that were led here and arrive after the rules are gone.
IDLE, LATE = 60.0, 5.0
# Seconds that the client of a connection which the server closed right after an answer has for its
# next request. It may be one that waits for the end of the connection, as of HTTP/1.0.
NEXT = 1.0
# Of struct tcp_info, up to tcpi_last_data_sent (milliseconds).
_LAST_SENT = struct.Struct("=44xI")
# Of its first byte, the states in which a client has not closed its end: established, and about to
# be.
_OPEN = (1, 3)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Hold, as the unit's command line says."""
    return asyncio.run(Program(_options(argv)).run())


def _options(argv: Optional[Sequence[str]]) -> argparse.Namespace:
    found = argparse.ArgumentParser(prog="hold")
    found.add_argument("--table", required=True)
    found.add_argument("--port", type=int, required=True)
    found.add_argument("--address", action="append", required=True)
    found.add_argument("--process", action="append", type=int, default=[])
    found.add_argument("--account", action="append", type=int, default=[])
    found.add_argument("--limit", type=float, required=True)
    return found.parse_args(argv)


class Program:
    """What holds, and what it has."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.state = HOLDING
        self.begun = time.monotonic()
        self.held = 0  # new connections that waited
        self.carried = 0  # kept connections that went on
        self.seconds = 0.0
        self.spared = False
        self._kept = KeptConnections(options.process, options.port)
        self._orphans: list[socket.socket] = []
        self._doors: list[tuple[socket.socket, tuple[str, int]]] = []
        self._carrying: set[asyncio.Future[bool]] = set()
        self._wake = asyncio.Event()
        self._status = Status()
        self._put_for = ""  # the state that the rules are for
        self._last = self.begun  # when a connection was carried

    @property
    def leads(self) -> list[Lead]:
        """The rules that lead to its sockets."""
        return [
            Lead(address, self.options.port, door.getsockname()[1])
            for address, (door, _target) in zip(self.options.address, self._doors)
        ]

    async def run(self) -> int:
        """Hold until nobody needs it any more; the exit code."""
        loop = asyncio.get_running_loop()
        try:
            self._doors = [_door(address, self.options.port) for address in self.options.address]
            self._kept.look()
            _redirect.put(self.options.table, self.leads)
            self._put_for = HOLDING
        except (OSError, RedirectError) as error:
            sys.stderr.write("%s\n" % error)
            return 1
        loop.add_signal_handler(signal.SIGUSR1, self._let_through)
        loop.add_signal_handler(signal.SIGUSR2, self._spare)
        loop.add_signal_handler(signal.SIGTERM, self._let_go)
        loop.call_later(self.options.limit, self._limit)
        await self._settle()
        self._tell(True)
        try:
            await self._until_over()
        finally:
            self._let_go()
        return 0

    async def _settle(self) -> None:
        """Wait until the server has taken what came before the rules did."""
        until = time.monotonic() + 2
        while _queued(self.options.port) and time.monotonic() < until:
            self._look()
            await asyncio.sleep(LOOK)
        self._look()

    async def _until_over(self) -> None:
        watched = time.monotonic()
        while self.state != OVER:
            self._look()
            now = time.monotonic()
            if now - watched > WATCH:
                watched = now
                self._watch(now)
            try:
                await asyncio.wait_for(self._wake.wait(), LOOK if self._kept.served else WATCH)
                self._wake.clear()
            except asyncio.TimeoutError:
                pass

    def _look(self) -> None:
        for made in self._kept.look():
            if self.state == CARRYING:
                self._go_on(made)
            else:
                self._orphans.append(made)
                if _since_answer(made) < NEXT:
                    asyncio.get_running_loop().call_later(NEXT, self._end_answer, made)

    def _end_answer(self, made: socket.socket) -> None:
        """End a connection whose client has asked nothing since its answer."""
        if made in self._orphans and not _has_asked(made):
            self._orphans.remove(made)
            made.close()

    def _watch(self, now: float) -> None:
        """Mend the rules; end when all that were held have gone."""
        if self._put_for != self.state or not _redirect.there(self.options.table):
            self._put()
        if self._put_for == CARRYING and now - self.begun > self.seconds + LATE:
            for door, _target in self._doors:
                asyncio.get_running_loop().remove_reader(door)
                door.close()
            self._doors = []
            # what a slow client has not got yet is still translated
            if not self._carrying and now - self._last > LATE:
                self.state = OVER
        self._tell()

    def _put(self) -> bool:
        """Put the rules in place that this state needs; whether they are. As long as they are not,
        it goes on: they lead here.

        When nobody is led here any more the table stays: without it a host on which nobody else
        has such rules would tear apart the connections that were led here.
        """
        leads = self.leads if self.state == HOLDING else []
        accounts = self.options.account if self.spared else []
        try:
            _redirect.put(self.options.table, leads, accounts)
        except RedirectError as error:
            sys.stderr.write("%s\n" % error)
            return False
        self._put_for = self.state
        return True

    def _spare(self) -> None:
        """A proxy that starts asks whether somebody has its port, and takes another one then."""
        self.spared = True
        if self.state == HOLDING:
            self.spared = self._put()
        self._tell()

    def _let_through(self) -> None:
        if self.state != HOLDING:
            return
        self.state, self.seconds = CARRYING, time.monotonic() - self.begun
        self._look()
        self._kept.leave()
        orphans, self._orphans = self._orphans, []
        for made in orphans:
            self._go_on(made)
        for door, target in self._doors:
            asyncio.get_running_loop().add_reader(door, self._accept, door, target)
            self._accept(door, target)
        self._put()
        self._tell()
        self._wake.set()

    def _go_on(self, made: socket.socket) -> None:
        """Carry a kept connection on, unless its client has gone."""
        if _has_asked(made) is None or _has_left(made):
            made.close()
            return
        self.carried += 1
        address = made.getsockname()[0].replace("::ffff:", "")
        self._carry(made, (address, self.options.port))

    def _accept(self, door: socket.socket, target: tuple[str, int]) -> None:
        """Carry all that wait in a socket's queue."""
        while True:
            try:
                made, _client = door.accept()
            except OSError:
                return  # nobody waits, or no descriptor is left for now
            self.held += 1
            if _has_left(made):
                made.close()
            else:
                self._carry(made, target)

    def _carry(self, made: socket.socket, target: tuple[str, int]) -> None:
        task = asyncio.ensure_future(_relay.carry(made, target, IDLE))
        self._carrying.add(task)
        task.add_done_callback(self._carried)

    def _carried(self, task: asyncio.Future[bool]) -> None:
        self._carrying.discard(task)
        self._last = time.monotonic()
        if not task.cancelled():
            task.exception()  # a connection that broke; its other end knows already

    def _limit(self) -> None:
        if self.state == HOLDING:
            sys.stderr.write("nobody serves after %g s: clients are refused\n" % self.options.limit)
            self._let_go()

    def _let_go(self) -> None:
        """Remove the rules and close what waits; a client sees what it would have without us."""
        if self.state == HOLDING:
            self.seconds = time.monotonic() - self.begun
        self.state = OVER
        self._put()
        self._kept.leave()
        for made in [*self._orphans, *(door for door, _target in self._doors)]:
            made.close()
        self._orphans, self._doors = [], []
        try:
            _redirect.remove(self.options.table)  # last: who waits hears of the end by it
        except RedirectError as error:
            sys.stderr.write("%s\n" % error)  # the unit tries it once more
        self._wake.set()

    def _tell(self, ready: bool = False) -> None:
        self._status.tell(
            ready,
            state=self.state,
            held=self.held,
            kept=self._kept.taken,
            carried=self.carried,
            seconds=round(self.seconds, 3),
            spared=self.spared,
        )


def _door(address: str, port: int) -> tuple[socket.socket, tuple[str, int]]:
    """A socket at a free port of an address, which nobody is taken from yet, and where its clients
    are carried to."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    made.bind((address, 0))
    made.listen(BACKLOG)
    made.setblocking(False)
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)
    return made, (here, port)


def _has_asked(made: socket.socket) -> Optional[bool]:
    """Whether a client has sent what nobody has read yet; ``None`` where it has gone."""
    try:
        return True if made.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) else None
    except BlockingIOError:
        return False
    except OSError:
        return None


def _has_left(made: socket.socket) -> bool:
    """Whether a client has closed its end while it waited: what it asked for would be done and paid
    for, and nobody would get the answer."""
    return made.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] not in _OPEN


def _since_answer(made: socket.socket) -> float:
    """Seconds since the server has last sent something, as the kernel knows it."""
    told = made.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_SENT.size)
    return float(_LAST_SENT.unpack(told)[0]) / 1000


def _queued(port: int) -> int:
    """How many connections wait at a port until its server takes them."""
    count = 0
    for kind in ("tcp", "tcp6"):
        try:
            rows = _listeners.rows(_files.read("/proc/self/net/" + kind))
        except OSError:
            continue
        for row in rows:
            if row[3] == _listeners.LISTEN and _listeners.place(row[1])[1] == port:
                count += int(row[4].partition(":")[2], 16)  # received and not read
    return count
