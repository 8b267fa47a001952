"""What tests of held clients have in common: servers, a hold, and clients that ask on and on."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

PORT, TO = 4000, 14000
PATIENCE = 15.0  # seconds until a test that waits for nothing fails
TABLE = "llmops_litellm_hold_1"
SERVER = str(Path(__file__).parent / "server.py")
HOLDS = "ansible_collections.llmops.litellm.plugins.module_utils._hold.program"
ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
# Seconds, shorter than theirs: after which a server that is there is not going to be stopped, and
# for connections that come late.
GRACE, LATE = 3.0, 1.5
KEPT, FRESH = 20, 10  # clients that ask on and on


class Processes:
    """What a test starts: servers and a hold.

    :param port: at which clients ask. :param table: of the rules.
    """

    def __init__(self, folder: Path, port: int = PORT, table: str = TABLE) -> None:
        self.port, self.table = port, table
        self.stack = ExitStack()
        self.place, self.wish = str(folder / "notify"), folder / "to"
        self._status = self.stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self._status.bind(self.place)
        self._statuses: queue.Queue[str] = queue.Queue()
        reader = threading.Thread(target=self._hear)
        reader.start()
        self.stack.callback(reader.join)
        self.stack.callback(self._status.sendto, b"", self.place)

    def _hear(self) -> None:
        """Hear all that a hold says, as systemd does: it waits for nobody who listens."""
        while text := self._status.recv(65536).decode():
            self._statuses.put(text)

    def start(self, words: list[str], **options: Any) -> subprocess.Popen[str]:
        """Start a program, which is killed at the end of the test."""
        made = subprocess.Popen([sys.executable, *words], text=True, **options)
        self.stack.callback(lambda: (made.kill(), made.communicate()))
        return made

    def serve(self, name: str, address: str = "127.0.0.1", port: int = 0) -> subprocess.Popen[str]:
        """A server, once it serves."""
        made = self.start([SERVER, name, address, str(port or self.port)], stdout=subprocess.PIPE)
        assert made.stdout and made.stdout.readline() == "serves\n"
        return made

    def hold(
        self,
        *addresses: str,
        pids: tuple[int, ...] = (),
        limit: float = 60,
        account: int = 65534,
        more: Sequence[str] = (),
    ) -> subprocess.Popen[str]:
        """A hold, once it holds or leads."""
        code = "import sys, %s as it; it.GRACE, it.LATE = %g, %g; sys.exit(it.main())"
        words = ["--table=" + self.table, "--port=%d" % self.port, "--limit=%g" % limit]
        words += ["--address=" + each for each in addresses or ("127.0.0.1",)]
        words += ["--process=%d" % pid for pid in pids] + ["--account=%d" % account]
        words += ["--wish=%s" % self.wish, *more]
        made = self.start(
            ["-c", code % (HOLDS, GRACE, LATE), *words],
            env={**os.environ, "NOTIFY_SOCKET": self.place},
            stderr=subprocess.PIPE,
        )
        state = "leading" if any(each.startswith("--to=") for each in more) else "holding"
        assert self.told(lambda status: status["state"] == state)["kept"] == 0 or pids
        return made

    def turn(self, hold: subprocess.Popen[str], to: int) -> dict[str, Any]:
        """Have it lead to a port, or hold, and what it says then."""
        self.wish.write_text(str(to))
        hold.send_signal(signal.SIGHUP)
        state = "leading" if to else "holding"
        return self.told(lambda status: status["state"] == state)

    def told(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first status of the hold that is as wanted."""
        while True:
            text = self._statuses.get(timeout=PATIENCE)
            status = json.loads(text.partition("STATUS=")[2])
            if wanted(status):
                return dict(status)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code of a process, once it has ended, and what it said of errors."""
    _out, errors = process.communicate(timeout=PATIENCE)
    return process.returncode, errors or ""


def heard(made: socket.socket) -> bytes:
    """What a client hears until the end; ``b"reset"`` at the end of a connection that broke."""
    said = b""
    try:
        while piece := made.recv(65536):
            said += piece
    except ConnectionResetError:
        said += b"reset"
    return said


def until(true: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """Wait for what nobody tells of."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)


class Clients:
    """Clients that ask on and on, and what became of each request."""

    def __init__(self, address: str, port: int = PORT) -> None:
        self.address, self.port = address, port
        self.asked = 0
        self.names: dict[int, set[str]] = {}  # who has answered, by client
        self.lost: list[str] = []
        self.stream = b""
        self.over = False

    async def ask(self, number: int, keep: bool) -> None:
        """Ask until it is over; a client that is told to close, or finds its connection closed
        before it asks, opens a new one."""
        reader: Any = None
        writer: Any = None
        while not self.over:
            try:
                if reader is None or reader.at_eof():
                    reader, writer = await asyncio.open_connection(self.address, self.port)
                self.asked += 1
                writer.write(ASK)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r")[0])
                name = (await reader.readexactly(length)).decode()
                self.names.setdefault(number, set()).add(name)
                if not keep or b"Connection: close" in head:
                    writer.close()
                    reader = None
            except (OSError, EOFError) as error:
                self.lost.append("%s: %r" % ("kept" if keep else "fresh", error))
                reader = None
            await asyncio.sleep(0.002)
        if writer:
            writer.close()

    async def listen(self) -> None:
        """One long answer."""
        reader, writer = await asyncio.open_connection(self.address, self.port)
        writer.write(b"GET /stream HTTP/1.1\r\n\r\n")
        self.stream = await reader.readuntil(b"0\r\n\r\n")
        writer.close()

    def have_heard(self, name: str) -> bool:
        """Whether every one of them was answered by this server."""
        return len(self.names) == KEPT + FRESH and all(name in each for each in self.names.values())

    def fresh_have_heard(self, name: str) -> bool:
        """Whether those were answered by it who ask with a connection each."""
        return all(name in self.names[KEPT + each] for each in range(FRESH))

    async def all(self, script: Callable[[], None]) -> None:
        """All of them, while a script runs beside."""
        asking = [asyncio.ensure_future(self.ask(number, True)) for number in range(KEPT)]
        asking += [asyncio.ensure_future(self.ask(KEPT + each, False)) for each in range(FRESH)]
        listening = asyncio.ensure_future(self.listen())
        script_runs = asyncio.get_running_loop().run_in_executor(None, script)
        try:
            await script_runs
        finally:
            self.over = True
            await asyncio.wait_for(asyncio.gather(listening, *asking), PATIENCE)
