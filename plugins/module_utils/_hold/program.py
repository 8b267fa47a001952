# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that clients meet while nobody serves at their port: new connections wait in its
socket's queue, or are led to another port where somebody serves meanwhile; kept ones are taken
along, and all that it has are carried to the proxy that serves then.

It runs as a unit of its own and depends on nobody: whatever becomes of the run that has started it,
it lets go at its limit, or once nobody serves where it leads to, and its rules leave with it. It
says how it stands in the unit's status. Where the server is in a container whose network those
connections need, that stays as long, while clients are led (:mod:`_hold.init`).

SIGUSR1: somebody serves at the port, let them through; once more: take nobody along any longer.
SIGUSR2: the proxy is about to start, and must find its port free. SIGHUP: lead to the port that the
wish names from now on, or hold, where that is 0. SIGTERM: let go at once.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import struct
import sys
import time
from typing import Optional, Sequence, Union

from .._host import files as _files
from .._host import listeners as _listeners
from . import kept as _kept
from . import redirect as _redirect
from . import relay as _relay
from .init import Init
from .kept import KeptConnections
from .question import Question
from .redirect import Lead, RedirectError
from .status import Status

# What it is doing, as its status says.
HOLDING, LEADING, CARRYING, OVER = "holding", "leading", "carrying", "over"
BACKLOG = 65535  # the kernel has a limit of its own (net.core.somaxconn)
# Seconds: between two looks at what a process that ends has closed (the kernel tells nobody), and
# between two at the rules, which somebody may flush, and at the servers.
LOOK, WATCH = 0.02, 1.0
# Looks in a row that find nobody at the port that clients are led to, until the rules leave it.
MISSED = 2
# Seconds that a kept connection may be silent once it is ours, and that the socket is open for
# connections that were led here and arrive after the rules are gone.
IDLE, LATE = 60.0, 5.0
# Seconds after which a server that answered at each look is not going to be stopped, and that each
# answer may take.
GRACE, ANSWERS = 20.0, 5.0
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
    return asyncio.run(_run(_options(argv)))


async def _run(options: argparse.Namespace) -> int:
    return await Program(options).run()  # made here: until Python 3.10 events are of a loop


def _options(argv: Optional[Sequence[str]]) -> argparse.Namespace:
    found = argparse.ArgumentParser(prog="hold")
    found.add_argument("--table", required=True)
    found.add_argument("--port", type=int, required=True)
    found.add_argument("--address", action="append", required=True)
    found.add_argument("--process", action="append", type=int, default=[])
    found.add_argument("--init", type=int, default=0)
    found.add_argument("--inside", type=int, default=0)
    found.add_argument("--account", action="append", type=int, default=[])
    found.add_argument("--limit", type=float, required=True)
    found.add_argument("--to", type=int, default=0)
    found.add_argument("--wish", default="")
    found.add_argument("--url", default="")
    return found.parse_args(argv)


class Program:
    """What holds, and what it has."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.to: int = options.to  # whose servers' connections are taken along in the end; 0: none
        self.state = ""
        self.held = 0  # new connections that waited
        self.carried = 0  # kept connections that went on
        self.seconds = 0.0
        self.spared = False
        self._kept = KeptConnections(options.process, options.inside or options.port)
        self._init: Optional[Init] = None  # of the server's container, which is stopped
        self._doors: list[tuple[socket.socket, str]] = []
        self._carrying: dict[asyncio.Future[bool], socket.socket] = {}
        self._orphans: set[socket.socket] = set()  # kept ones of those, that wait for a server
        self._served = asyncio.Event()  # whether there is one
        self._settling = options.port  # where a server may have to take whom the rules missed
        self._missed = 0  # looks that found nobody
        self._wake = asyncio.Event()
        self._status = Status()
        self._put_for = ""  # the state that the rules are for
        self._turned = self._last = time.monotonic()  # into this state; a connection was carried

    @property
    def target(self) -> int:
        """The port that everybody is carried to; 0 as long as nobody serves."""
        return {LEADING: self.to, CARRYING: self.options.port}.get(self.state, 0)

    @property
    def leads(self) -> list[Lead]:
        """The rules of this state: to its own sockets, past them, or none."""
        ports = {HOLDING: [door.getsockname()[1] for door, _address in self._doors]}
        ports[LEADING] = [self.to] * len(self.options.address)
        return [
            Lead(address, self.options.port, to)
            for address, to in zip(self.options.address, ports.get(self.state, []))
        ]

    async def run(self) -> int:
        """Go on until nobody needs it any more; the exit code."""
        loop = asyncio.get_running_loop()
        try:
            self._doors = [_door(address) for address in self.options.address]
        except OSError as error:
            sys.stderr.write("%s\n" % error)
            return 1
        if not self._turn(LEADING if self.to else HOLDING):
            return 1
        loop.add_signal_handler(signal.SIGUSR1, self._let_through)
        loop.add_signal_handler(signal.SIGUSR2, self._spare)
        loop.add_signal_handler(signal.SIGHUP, self._obey)
        loop.add_signal_handler(signal.SIGTERM, self._let_go)
        await self._settle()
        self._stop_init()
        self._tell(True)
        asking = asyncio.ensure_future(self._ask()) if self.options.url else None
        try:
            await self._until_over()
        finally:
            self._let_go()
            if asking:
                asking.cancel()
        return 0

    async def _settle(self) -> None:
        """Wait until the server at a port has taken who came before the rules did, and have them
        taken along."""
        until = time.monotonic() + 2
        inside = self.options.inside if self._settling == self.options.port else 0
        while (
            _queued(self._settling) or (inside and _queued(inside, self.options.init))
        ) and time.monotonic() < until:
            self._look()
            await asyncio.sleep(LOOK)
        self._look()
        self._settling = 0

    def _stop_init(self) -> None:
        """Have the network of the server's container stay; where it does not, connections in it
        stay the server's."""
        if not self.options.init or self.state != LEADING:
            return
        try:
            self._init = Init(self.options.init, self.options.inside)
            self._init.stop()
        except OSError as error:
            sys.stderr.write("the container's network can't stay: %s\n" % error)
            self._init_goes_on()
            self._kept.leave()

    def _init_goes_on(self) -> None:
        """Leave the container to itself."""
        if self._init:
            self._init.go_on()
            self._init = None

    async def _until_over(self) -> None:
        watched = time.monotonic()
        while self.state != OVER:
            if self._settling:
                await self._settle()
                self._tell()
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
        """Carry what servers have closed; as long as nobody serves it waits."""
        for made in self._kept.look():
            # a client that has got its answer may wait for the end of the connection
            idle = NEXT if _since_answer(made) < NEXT else IDLE
            self._orphans.add(made)
            address = self.options.address[0] if self.options.inside else made.getsockname()[0]
            self._carry(made, _reached(address.replace("::ffff:", "")), idle)
        if self.target:
            self.carried += sum(not _has_left(made) for made in self._orphans)
            self._orphans.clear()
        # what a forwarder still has of the last answer has its time as well
        if self._init and self._init.is_over() and time.monotonic() - self._last > LATE:
            self._init_goes_on()

    def _watch(self, now: float) -> None:
        """Mend the rules; end when nobody is where they lead, or all that were held have gone."""
        if self._put_for != self.state or not _redirect.there(self.options.table):
            self._put()
        if self.state == LEADING:
            self._missed = 0 if _listening(self.to) else self._missed + 1
            if self._missed == MISSED:
                sys.stderr.write("nobody serves at port %d any more\n" % self.to)
                self._let_go()
        if self.state == CARRYING and not self._kept.served:
            self.to = 0
        if self._put_for == CARRYING and now - self._turned > LATE:
            for door, _address in self._doors:
                asyncio.get_running_loop().remove_reader(door)
                door.close()
            self._doors = []
            # what a slow client has not got yet is still translated
            if not self._carrying and not self.to and now - self._last > LATE:
                self.state = OVER
        self._tell()

    def _put(self) -> bool:
        """Put the rules in place that this state needs; whether they are. As long as they are not,
        it goes on: they lead here, or to a server.

        When nobody is led any more the table stays: without it a host on which nobody else has such
        rules would tear apart the connections that were led.
        """
        accounts = self.options.account if self.spared else []
        try:
            _redirect.put(self.options.table, self.leads, accounts)
        except RedirectError as error:
            sys.stderr.write("%s\n" % error)
            return False
        self._put_for = self.state
        return True

    def _turn(self, state: str) -> bool:
        """Hold, lead or carry from now on; whether the rules say so, too."""
        now = time.monotonic()
        if self.state == HOLDING:
            self.seconds += now - self._turned
        self.state, self._turned, self._missed = state, now, 0
        loop = asyncio.get_running_loop()
        if state == HOLDING:
            self._served.clear()
            loop.call_later(self.options.limit, self._limit, now)
        else:
            self._served.set()
        for door, address in self._doors:
            if state == HOLDING:
                loop.remove_reader(door)
            else:
                loop.add_reader(door, self._accept, door, address)
                self._accept(door, address)
        self._look()
        self._wake.set()
        return self._put()

    def _lead_no_more(self, state: str) -> bool:
        """Turn to another state; from leading only if the rules do."""
        led = self.state == LEADING
        if self._turn(state) or not led:
            self._init_goes_on()
            return True
        self._turn(LEADING)
        return False

    def _spare(self) -> None:
        """A proxy that starts asks whether somebody has its port, and takes another one then."""
        if self.state != OVER:
            self.spared = True
            self.spared = self._put()
            self._tell()

    def _obey(self) -> None:
        """Lead or hold, as it is wished."""
        if self.state not in (HOLDING, LEADING):
            return
        try:
            to = int(_files.read(self.options.wish))
        except (OSError, ValueError) as error:
            sys.stderr.write("%s\n" % error)
            return
        if to:
            self.to = to
            self._turn(LEADING)
        elif self.state == LEADING:
            self._lead_no_more(HOLDING)
        self._tell()

    def _let_through(self) -> None:
        """Carry all to the port, and take along who is at the one that they were led to, whose
        servers may end now."""
        if self.state == OVER:
            return
        if self.state == CARRYING:
            self._kept.leave()
            self.to = 0
        elif self._lead_no_more(CARRYING):
            self._kept.leave()
            if self.to:
                self._kept.follow(_kept.servers(self.to), self.to)
                self._settling = self.to
        self._tell()

    async def _ask(self) -> None:
        """Ask the server that is to stop whether it is still there. If it never was away it is not
        going to be: who has begun this has not come to it, and nobody need wait."""
        question = Question(self.options.url)
        while self.state in (HOLDING, LEADING):
            try:
                if await asyncio.wait_for(question.status(marked=True), ANSWERS) is None:
                    return
            except (OSError, asyncio.TimeoutError):
                return
            if self.state == HOLDING and time.monotonic() - self._turned > GRACE:
                sys.stderr.write("the server was not stopped: clients are let through\n")
                self._let_through()
            await asyncio.sleep(WATCH)

    def _accept(self, door: socket.socket, address: str) -> None:
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
                self._carry(made, address, IDLE)

    def _carry(self, made: socket.socket, address: str, idle: float) -> None:
        async def target() -> tuple[str, int]:
            while not self.target:
                await self._served.wait()
                if _has_left(made):
                    raise ConnectionAbortedError
            return address, self.target

        task = asyncio.ensure_future(_relay.carry(made, target, idle))
        self._carrying[task] = made
        task.add_done_callback(self._carried)

    def _carried(self, task: asyncio.Future[bool]) -> None:
        self._orphans.discard(self._carrying.pop(task))
        self._last = time.monotonic()
        if not task.cancelled():
            task.exception()  # a connection that broke; its other end knows already

    def _limit(self, turned: float) -> None:
        if self.state == HOLDING and turned == self._turned:
            sys.stderr.write("nobody serves after %g s: clients are refused\n" % self.options.limit)
            self._let_go()

    def _let_go(self) -> None:
        """Remove the rules and close what waits; a client sees what it would have without us."""
        if self.state == HOLDING:
            self.seconds += time.monotonic() - self._turned
        self.state = OVER
        self._put()
        self._kept.leave()
        self._init_goes_on()
        for door, _address in self._doors:
            asyncio.get_running_loop().remove_reader(door)
            door.close()
        self._doors = []
        for made in self._carrying.values():
            _break(made)
        try:
            _redirect.remove(self.options.table)  # last: who waits hears of the end by it
        except RedirectError as error:
            sys.stderr.write("%s\n" % error)  # the unit tries it once more
        self._wake.set()

    def _tell(self, ready: bool = False) -> None:
        if self._settling:
            return  # it has not happened as long as a connection may still be missed
        self._status.tell(
            ready,
            state=self.state,
            to=self.to,
            held=self.held,
            kept=self._kept.taken,
            carried=self.carried,
            seconds=round(self.seconds, 3),
            spared=self.spared,
        )


def _door(address: str) -> tuple[socket.socket, str]:
    """A socket at a free port of an address, which nobody is taken from yet, and the address at
    which its clients find a server."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    made.bind((address, 0))
    made.listen(BACKLOG)
    made.setblocking(False)
    return made, _reached(address)


def _reached(address: str) -> str:
    """The address at which a server is reached that listens at one."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)


def _has_left(made: socket.socket) -> bool:
    """Whether a client has closed its end while it waited: what it asked for would be done and paid
    for, and nobody would get the answer."""
    try:
        return made.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] not in _OPEN
    except OSError:
        return True  # it is closed


def _break(made: socket.socket) -> None:
    """End a connection that somebody still waits for elsewhere in this process."""
    try:
        made.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # its other end has


def _since_answer(made: socket.socket) -> float:
    """Seconds since the server has last sent something, as the kernel knows it."""
    told = made.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_SENT.size)
    return float(_LAST_SENT.unpack(told)[0]) / 1000


def _queued(port: int, within: Union[int, str] = "self") -> int:
    """How many connections wait at a port until its server takes them, in the network that a
    process is in."""
    rows = _listening(port, within)
    return sum(int(row[4].partition(":")[2], 16) for row in rows)  # not read yet


def _listening(port: int, within: Union[int, str] = "self") -> list[list[str]]:
    """The rows of the kernel's sockets that listen at a port."""
    return [row for row in _listeners.of_port(port, within) if row[3] == _listeners.LISTEN]
