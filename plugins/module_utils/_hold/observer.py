# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that is a client: it asks the proxy ten times a second, without a key and with a
connection of its own each time, and remembers how it was served.

SIGUSR1: what came so far is what it is like when nothing happens. SIGUSR2: ask no more, and tell
the whole of it once the last request is over.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import time
from typing import NamedTuple, Optional, Sequence

from .question import Question
from .status import Status

# What it is doing, as its status says.
ASKING, DONE = "asking", "done"
PACE = 0.1  # seconds from request to request, whatever becomes of those before
TOLD = 1.0  # seconds between two statuses
LAST = 5.0  # seconds for what is under way at the end


class Request(NamedTuple):
    """When it was made, by the monotonic clock, the seconds until its end, and whether it was
    answered."""

    begun: float
    seconds: float
    answered: bool


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Ask, as the unit's command line says."""
    found = argparse.ArgumentParser(prog="observer")
    found.add_argument("--url", required=True)
    found.add_argument("--patience", type=float, required=True)
    found.add_argument("--limit", type=float, required=True)
    return asyncio.run(_run(found.parse_args(argv)))


async def _run(options: argparse.Namespace) -> int:
    return await Observer(options).run()  # made here: until Python 3.10 events are of a loop


class Observer:
    """What asks, and what it has seen."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.question = Question(options.url)
        self.state = ASKING
        self.done: list[Request] = []
        self.turned: Optional[float] = None
        self._under_way: dict[asyncio.Future[None], float] = {}
        self._end = asyncio.Event()
        self._status = Status()

    async def run(self) -> int:
        """Ask until the end or the limit, then wait to be asked for what came of it; the exit
        code."""
        loop = asyncio.get_running_loop()
        stopped = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR1, self._turn)
        loop.add_signal_handler(signal.SIGUSR2, self._end.set)
        loop.add_signal_handler(signal.SIGTERM, stopped.set)
        loop.call_later(self.options.limit, stopped.set)
        self._tell(True)
        asking = asyncio.ensure_future(self._ask_on())
        waiting = asyncio.ensure_future(stopped.wait())
        await asyncio.wait({asking, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not stopped.is_set():
            self.state = DONE
            self._tell()
            await waiting
        asking.cancel()
        return 0

    async def _ask_on(self) -> None:
        told = time.monotonic()
        while not self._end.is_set():
            task = asyncio.ensure_future(self._ask())
            self._under_way[task] = time.monotonic()
            task.add_done_callback(self._under_way.pop)
            if time.monotonic() - told > TOLD:
                told = time.monotonic()
                self._tell()
            try:
                await asyncio.wait_for(self._end.wait(), PACE)
            except asyncio.TimeoutError:
                pass
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=LAST)

    async def _ask(self) -> None:
        begun = time.monotonic()
        try:
            status = await asyncio.wait_for(self.question.status(), self.options.patience)
            answered = status == 200
        except (OSError, asyncio.TimeoutError):
            answered = False
        self.done.append(Request(begun, time.monotonic() - begun, answered))

    def _turn(self) -> None:
        self.turned = time.monotonic()
        self._tell()

    def _tell(self, ready: bool = False) -> None:
        now = time.monotonic()
        turned = now if self.turned is None else self.turned
        # what is under way is as long as it is by now, and not answered yet
        open_ = [Request(begun, now - begun, False) for begun in self._under_way.values()]
        late = open_ if self.state == DONE else []
        before = [item for item in self.done if item.begun + item.seconds <= turned]
        since = [item for item in self.done if item.begun + item.seconds > turned] + late
        self._status.tell(ready, state=self.state, before=_sum(before), since=_sum(since))


def _sum(requests: Sequence[Request]) -> dict[str, float]:
    return {
        "asked": len(requests),
        "failed": sum(not item.answered for item in requests),
        "longest": round(max((item.seconds for item in requests), default=0.0), 3),
    }
