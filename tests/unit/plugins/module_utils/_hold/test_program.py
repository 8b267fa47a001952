"""What the holding process does, when: with real connections, and rules that are only noted."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import select
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from unit.support import answered, fails

from ansible_collections.llmops.litellm.plugins.module_utils._hold import kept as _kept
from ansible_collections.llmops.litellm.plugins.module_utils._hold import program as _program
from ansible_collections.llmops.litellm.plugins.module_utils._hold import redirect as _redirect
from ansible_collections.llmops.litellm.plugins.module_utils._hold import status as _status
from ansible_collections.llmops.litellm.plugins.module_utils._hold.program import Program
from ansible_collections.llmops.litellm.plugins.module_utils._hold.redirect import (
    Lead,
    RedirectError,
)

PATIENCE = 10.0  # seconds until a test that waits for nothing fails
ASK = b"GET / HTTP/1.1\r\n\r\n"
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
CLOSES = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


class Rules:
    """Rules that lead nobody: ``led`` is what they are, ``None`` without a table."""

    def __init__(self) -> None:
        self.led: list[Lead] | None = None
        self.spared: Sequence[int] = ()
        self.puts = 0
        self.refuses = False

    def put(self, _name: str, leads: list[Lead], spared: Sequence[int] = ()) -> None:
        if self.refuses:
            raise RedirectError("nft refused: no")
        self.led, self.spared, self.puts = list(leads), spared, self.puts + 1

    def remove(self, _name: str) -> None:
        if self.refuses:
            raise RedirectError("nft refused: no")
        self.led = None

    def there(self, _name: str) -> bool:
        return self.led is not None

    def client(self, number: int = 0) -> socket.socket:
        """A connection that they lead."""
        assert self.led
        return socket.create_connection((self.led[number].address, self.led[number].to), PATIENCE)


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> Rules:
    made = Rules()
    for name in ("put", "remove", "there"):
        monkeypatch.setattr(_redirect, name, getattr(made, name))
    for name, seconds in (("LOOK", 0.005), ("WATCH", 0.01), ("LATE", 0.05), ("NEXT", 0.1)):
        monkeypatch.setattr(_program, name, seconds)
    return made


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What systemd was told."""
    made: list[str] = []
    monkeypatch.setattr(_status, "notify", made.append)
    return made


@pytest.fixture
def server() -> Any:
    """A server that never takes anybody but whom a test takes."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.settimeout(PATIENCE)
        yield made


def options(port: int, *words: str) -> list[str]:
    """A unit's command line."""
    more = [] if any("address" in word for word in words) else ["--address=127.0.0.1"]
    return ["--table=t", f"--port={port}", "--limit=30", *more, *words]


Script = Callable[[Program], Awaitable[None]]


def run(port: int, script: Script, *words: str) -> tuple[int, Program]:
    """Run a program, and a script once it holds; the exit code."""

    async def both() -> tuple[int, Program]:
        program = Program(_program._options(options(port, *words)))
        running = asyncio.ensure_future(program.run())
        await until(lambda: running.done() or program._put_for)
        await asyncio.wait_for(script(program), PATIENCE)
        return await asyncio.wait_for(running, PATIENCE), program

    return asyncio.run(both())


async def until(true: Callable[[], Any]) -> None:
    """Wait for what nobody tells of."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it did not come to pass"
        await asyncio.sleep(0.002)


def kill(number: int) -> None:
    """Send this process a signal."""
    os.kill(os.getpid(), number)


def statuses(told: list[str]) -> list[dict[str, Any]]:
    """The statuses among what systemd was told."""
    return [json.loads(text.partition("STATUS=")[2]) for text in told]


async def nothing(_program: Program) -> None:
    """Do nothing."""


def test_it_says_how_it_stands(rules: Rules, told: list[str], server: socket.socket) -> None:
    async def script(_made: Program) -> None:
        await until(lambda: told)
        assert told == [
            'READY=1\nSTATUS={"carried": 0, "held": 0, "kept": 0, "seconds": 0.0,'
            ' "spared": false, "state": "holding", "to": 0}\n'
        ]
        kill(signal.SIGTERM)

    assert run(server.getsockname()[1], script)[0] == 0
    assert len(told) == 1  # nothing new is not told


def test_those_who_wait_are_led_to_the_server(
    rules: Rules, told: list[str], server: socket.socket
) -> None:
    port = server.getsockname()[1]

    async def script(made: Program) -> None:
        assert rules.led == [Lead("127.0.0.1", port, made._doors[0][0].getsockname()[1])]
        with rules.client() as client, ThreadPoolExecutor(1) as pool:
            client.sendall(ASK)

            def serve() -> None:
                with server.accept()[0] as proxy:
                    assert proxy.recv(65536) == ASK
                    proxy.sendall(ANSWER)
                    assert client.recv(65536) == CLOSES
                    client.close()
                    assert proxy.recv(1) == b""

            served = pool.submit(serve)
            kill(signal.SIGUSR1)
            await until(served.done)
            served.result()
        assert rules.led == []  # it stays for who was led
        kill(signal.SIGUSR1)  # once more changes nothing

    code, made = run(port, script)
    assert (code, made.state, made.held, rules.led) == (0, "over", 1, None)
    carrying = statuses(told)[1]
    assert (carrying["state"], carrying["held"], carrying["carried"]) == ("carrying", 1, 0)
    assert 0 < carrying["seconds"] == statuses(told)[-1]["seconds"]


def test_who_was_led_before_and_comes_late_is_carried(
    rules: Rules, told: list[str], server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_program, "LATE", 0.3)

    async def script(_made: Program) -> None:
        led = list(rules.led or [])
        kill(signal.SIGUSR1)
        await until(lambda: rules.led == [])
        rules.led = led
        with rules.client() as client:
            client.sendall(ASK)
            rules.led = []
            await until(lambda: statuses(told)[-1]["held"] == 1)
        server.close()  # with what it never took

    assert run(server.getsockname()[1], script)[0] == 0


def test_who_gave_up_while_waiting_is_asked_for_by_nobody(
    rules: Rules, told: list[str], server: socket.socket
) -> None:
    async def script(made: Program) -> None:
        with rules.client() as gave_up:
            gave_up.sendall(ASK)
        with rules.client() as waits:
            waits.sendall(b"GET /wanted HTTP/1.1\r\n\r\n")
            kill(signal.SIGUSR1)
            await until(lambda: made.held == 2)
            asked, _client = await asyncio.to_thread(server.accept)
            with asked:
                assert (await asyncio.to_thread(asked.recv, 100)).startswith(b"GET /wanted ")
            await until(lambda: not made._carrying)
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
        kill(signal.SIGTERM)

    assert run(server.getsockname()[1], script)[0] == 0


def test_it_stays_while_a_connection_is_carried(
    rules: Rules, told: list[str], server: socket.socket
) -> None:
    async def script(made: Program) -> None:
        with rules.client() as client:
            client.sendall(ASK)
            kill(signal.SIGUSR1)
            await until(lambda: made._doors == [])
            assert (made.state, rules.led) == ("carrying", [])
            rules.led = None  # somebody flushed them
            await until(lambda: rules.led == [])
        server.close()

    code, made = run(server.getsockname()[1], script)
    assert (code, made.state) == (0, "over")


def test_rules_that_were_flushed_are_put_again(
    rules: Rules, told: list[str], server: socket.socket
) -> None:
    async def script(_made: Program) -> None:
        before, rules.led = rules.led, None
        await until(lambda: rules.led == before)
        kill(signal.SIGUSR2)
        await until(lambda: rules.spared == [7])
        rules.led, rules.spared = None, ()
        await until(lambda: rules.led == before)
        assert rules.spared == [7]
        puts = rules.puts
        await asyncio.sleep(_program.WATCH * 5)
        assert rules.puts == puts  # nothing to mend
        kill(signal.SIGTERM)

    assert run(server.getsockname()[1], script, "--account=7")[0] == 0
    assert statuses(told)[-1]["spared"] is True


def test_an_account_is_spared_once_the_rules_say_so(
    rules: Rules, told: list[str], server: socket.socket, capfd: pytest.CaptureFixture[str]
) -> None:
    async def script(made: Program) -> None:
        rules.refuses = True
        kill(signal.SIGUSR2)
        await until(lambda: "nft refused: no\n" in capfd.readouterr().err)
        assert not made.spared
        rules.refuses = False
        kill(signal.SIGUSR2)
        await until(lambda: made.spared)
        assert rules.spared == [0]
        kill(signal.SIGTERM)

    assert run(server.getsockname()[1], script, "--account=0")[0] == 0


def test_as_long_as_rules_lead_here_the_doors_are_open(
    rules: Rules, told: list[str], server: socket.socket, capfd: pytest.CaptureFixture[str]
) -> None:
    async def script(made: Program) -> None:
        rules.refuses = True
        kill(signal.SIGUSR1)
        await until(lambda: made.state == "carrying")
        await until(lambda: time.monotonic() - made._turned > _program.LATE * 2)
        with rules.client() as client:
            client.sendall(ASK)
            await until(lambda: made.held == 1)
        rules.refuses = False
        server.close()

    assert run(server.getsockname()[1], script)[0] == 0
    assert "nft refused: no\n" in capfd.readouterr().err


@pytest.mark.parametrize("words", [["--limit=1"], []], ids=["limit", "SIGTERM"])
def test_letting_go_breaks_what_waits(
    rules: Rules, told: list[str], server: socket.socket, words: list[str]
) -> None:
    async def script(_made: Program) -> None:
        with rules.client() as client:
            if not words:
                kill(signal.SIGTERM)
            await until(lambda: rules.led is None)
            with pytest.raises(ConnectionResetError):
                client.recv(1)

    code, made = run(server.getsockname()[1], script, *words)
    assert (code, made.state, made.seconds > 0) == (0, "over", True)


def test_the_limit_is_none_for_those_who_are_carried(
    rules: Rules, told: list[str], server: socket.socket
) -> None:
    async def script(made: Program) -> None:
        with rules.client() as client:
            client.sendall(ASK)
            kill(signal.SIGUSR1)
            await asyncio.sleep(1.1)
            assert made.state == "carrying"
            client.setblocking(False)
            with pytest.raises(BlockingIOError):
                client.recv(1)
        server.close()

    assert run(server.getsockname()[1], script, "--limit=1")[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_before_it_is_ready_counts(
    rules: Rules, told: list[str], server: socket.socket, number: int
) -> None:
    """While the server still has somebody in its queue."""
    with socket.create_connection(server.getsockname()):

        async def script(made: Program) -> None:
            assert told == []
            kill(number)
            await until(lambda: made.state != "holding")
            with server.accept()[0]:
                pass

        code, made = run(server.getsockname()[1], script)
    assert (code, made.state) == (0, "over")


def test_it_is_ready_once_the_server_has_taken_all_that_came_before(
    rules: Rules, told: list[str], server: socket.socket
) -> None:
    port = server.getsockname()[1]
    with socket.create_connection(server.getsockname()):

        async def script(made: Program) -> None:
            assert _program._queued(port) == 1
            await asyncio.sleep(_program.LOOK * 4)
            assert told == []
            with server.accept()[0]:
                await until(lambda: told)
                assert _program._queued(port) == 0
                assert statuses(told)[-1]["kept"] == 1  # of this process, which is the server
                kill(signal.SIGTERM)

        assert run(port, script, f"--process={os.getpid()}")[0] == 0


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0", "::"])
def test_a_door_leads_to_the_server_of_its_address(address: str) -> None:
    door, found = _program._door(address)
    with door:
        wanted = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)
        assert found == wanted
        place = door.getsockname()
        with socket.create_connection((wanted, place[1]), PATIENCE):
            assert place[0] == address
        if address == "::":  # the one of IPv4 is another door's
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", place[1]), PATIENCE)


def test_why_it_can_not_hold_is_said(
    rules: Rules, told: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    rules.refuses = True
    assert run(1, nothing)[0] == 1
    assert capfd.readouterr().err == "nft refused: no\n"
    assert run(1, nothing, "--address=192.0.2.1")[0] == 1
    assert "Cannot assign requested address" in capfd.readouterr().err
    assert told == []


class Kept:
    """Connections that a server has let go of, when a test says so."""

    def __init__(self) -> None:
        self.gone: list[socket.socket] = []
        self.taken, self.served = 3, True
        self.followed: tuple[list[int], int] = ([], 0)

    def look(self) -> list[socket.socket]:
        gone, self.gone = self.gone, []
        return gone

    def leave(self) -> None:
        self.served = False

    def follow(self, pids: list[int], port: int) -> None:
        self.followed, self.served = (pids, port), bool(pids)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    made = Kept()
    monkeypatch.setattr(_program, "KeptConnections", lambda _pids, _port: made)
    return made


def connected(port: int) -> tuple[socket.socket, socket.socket]:
    """A client, and its connection as the server had it that is gone."""
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(("127.0.0.2", port))
        door.listen()
        client = socket.create_connection(door.getsockname(), PATIENCE)
        return client, door.accept()[0]


def test_kept_connections_go_on_where_the_client_is_still_there(
    rules: Rules, told: list[str], kept: Kept, server: socket.socket
) -> None:
    port = server.getsockname()[1]
    with socket.create_server(("127.0.0.2", port)) as same:
        pairs = []
        for _each in range(4):
            client = socket.create_connection(same.getsockname(), PATIENCE)
            pairs.append((client, same.accept()[0]))
        pairs[0][0].sendall(ASK)
        pairs[1][0].close()
        pairs[2][0].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        pairs[2][0].close()

        async def script(made: Program) -> None:
            kept.gone = [ours for _client, ours in pairs[:3]]
            await until(lambda: kept.gone == [] and len(made._orphans) == 1)
            kill(signal.SIGUSR1)
            await until(lambda: made.state == "carrying")
            assert (made.carried, kept.served) == (1, False)
            kept.gone = [pairs[3][1]]  # let go of in the very moment
            await until(lambda: made.carried == 2)
            for each in (0, 3):
                pairs[each][0].close()
            same.close()

        code, made = run(port, script)
    assert (code, made.carried) == (0, 2)
    assert statuses(told)[-1]["kept"] == 3


def test_who_hears_of_the_end_by_the_connection_hears_of_it(
    rules: Rules, told: list[str], kept: Kept, server: socket.socket
) -> None:
    port = server.getsockname()[1]
    pairs = [connected(port + each) for each in range(3)]
    for _client, ours in pairs[:2]:
        ours.sendall(b"an answer")
    old = pairs[2]
    pairs[1][0].sendall(ASK)  # the next request

    async def script(made: Program) -> None:
        await until(lambda: _program._since_answer(old[1]) > _program.NEXT)
        for _client, ours in pairs[:2]:
            ours.sendall(b".")
        kept.gone = [ours for _client, ours in pairs]
        await until(lambda: len(made._orphans) == 3)
        await until(lambda: len(made._orphans) == 2)
        assert set(made._carrying.values()) == made._orphans
        assert pairs[0][0].recv(100) + pairs[0][0].recv(100) == b"an answer."
        await until(lambda: _program._since_answer(pairs[1][1]) > _program.NEXT * 2)
        assert {ours for _client, ours in pairs[1:]} == made._orphans
        kill(signal.SIGTERM)

    assert run(port, script)[0] == 0
    for client, _ours in pairs:
        client.close()


def test_without_a_descriptor_those_who_wait_go_on_waiting(
    rules: Rules, told: list[str], server: socket.socket
) -> None:
    class Door:
        """A door where nobody can be taken for now."""

        accept = staticmethod(fails(OSError(errno.EMFILE, "Too many open files")))

    async def script(made: Program) -> None:
        made._accept(Door(), "127.0.0.1")  # type: ignore[arg-type]
        assert (made.held, made._carrying) == (0, {})
        kill(signal.SIGTERM)

    assert run(server.getsockname()[1], script)[0] == 0


def test_its_events_are_those_of_its_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until Python 3.10 they are of the one that there is when they are made."""
    made: list[object] = []

    class Event:
        """One that is made where a loop runs."""

        def __init__(self) -> None:
            made.append(asyncio.get_running_loop())

    async def done(_made: Program) -> int:
        return 7

    monkeypatch.setattr(Program, "run", done)
    monkeypatch.setattr(asyncio, "Event", Event)
    assert (_program.main(options(1)), len(made)) == (7, 2)


@pytest.fixture
def other() -> Any:
    """A server at another port, to which clients are led."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.settimeout(PATIENCE)
        yield made


class Wish:
    """The file that says where clients are led to."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def say(self, text: object) -> None:
        """Wish it."""
        self.path.write_text(str(text))
        kill(signal.SIGHUP)

    @property
    def word(self) -> str:
        """How a program is told of the file."""
        return f"--wish={self.path}"


@pytest.fixture
def wish(tmp_path: Path) -> Wish:
    return Wish(tmp_path / "to")


async def asked(server: socket.socket, answer: bytes = ANSWER) -> bytes:
    """What the next client asks a server, which answers it."""

    def serve() -> bytes:
        with server.accept()[0] as client:
            client.settimeout(PATIENCE)
            said = client.recv(65536)
            client.sendall(answer)
            return said

    return await asyncio.to_thread(serve)


async def hears(client: socket.socket) -> bytes:
    """What a client hears next."""
    return await asyncio.to_thread(client.recv, 65536)


def waits(client: socket.socket) -> bool:
    """Whether a client has heard nothing yet."""
    return not select.select([client], [], [], 0)[0]


def test_clients_may_be_led_past_it_from_the_beginning(
    rules: Rules, told: list[str], server: socket.socket, other: socket.socket
) -> None:
    port, to = server.getsockname()[1], other.getsockname()[1]

    async def script(made: Program) -> None:
        await until(lambda: told)
        assert rules.led == [Lead("127.0.0.1", port, to)]
        await asyncio.sleep(0.1)  # the limit is none for those who are led
        assert (made.state, statuses(told)[-1]["state"]) == ("leading", "leading")
        assert (statuses(told)[-1]["to"], statuses(told)[-1]["seconds"]) == (to, 0)
        rules.led = None  # somebody flushed them
        await until(lambda: rules.led == [Lead("127.0.0.1", port, to)])
        kill(signal.SIGUSR2)
        await until(lambda: rules.spared == [7])
        assert rules.led == [Lead("127.0.0.1", port, to)]
        kill(signal.SIGTERM)

    words = [f"--to={to}", "--limit=0.05", "--account=7"]
    assert run(port, script, *words)[0] == 0
    assert rules.led is None and statuses(told)[-1]["spared"] is True


def test_those_who_wait_are_carried_to_where_they_are_led(
    rules: Rules,
    told: list[str],
    kept: Kept,
    server: socket.socket,
    other: socket.socket,
    wish: Wish,
) -> None:
    port, to = server.getsockname()[1], other.getsockname()[1]
    client, ours = connected(port)
    late, lates = connected(port)

    async def script(made: Program) -> None:
        made.options.address = ["127.0.0.1"]
        kept.gone = [ours]
        await until(lambda: made._orphans)
        with client, late, rules.client() as fresh, relayed(other, "127.0.0.2"):
            fresh.sendall(b"GET /fresh HTTP/1.1\r\n\r\n")
            wish.say(to)
            await until(lambda: made.state == "leading")
            assert rules.led == [Lead("127.0.0.1", port, to)]
            assert (await asked(other)).startswith(b"GET /fresh ")
            assert await hears(fresh) == CLOSES
            assert (made.held, made.carried, kept.served) == (1, 1, True)
            kept.gone = [lates]  # the old server still drains
            await until(lambda: made.carried == 2)
            assert made._orphans == set()
            late.sendall(b"GET /late HTTP/1.1\r\n\r\n")
            assert await hears(late) == CLOSES
        kill(signal.SIGTERM)

    assert run(port, script, wish.word)[0] == 0
    seen = [one["state"] for one in statuses(told)]
    assert seen[0] == "holding" and "leading" in seen
    assert 0 < statuses(told)[-1]["seconds"] < PATIENCE


@contextmanager
def relayed(server: socket.socket, address: str) -> Iterator[None]:
    """A server that answers at a port of another address, too, for one client."""
    port = server.getsockname()[1]
    with socket.create_server((address, port)) as door, ThreadPoolExecutor(1) as pool:
        door.settimeout(PATIENCE)

        def serve() -> None:
            with door.accept()[0] as client:
                client.recv(65536)
                client.sendall(ANSWER)

        served = pool.submit(serve)
        yield
        served.result(PATIENCE)


def test_it_ends_once_nobody_serves_where_clients_are_led(
    rules: Rules,
    told: list[str],
    server: socket.socket,
    other: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    listening, missed = _program._listening, [0]

    def look(port: int) -> list[list[str]]:
        missed[0] += 1
        return [] if port == to and missed[0] % 2 else listening(port)  # never twice in a row

    to = other.getsockname()[1]

    async def script(made: Program) -> None:
        await until(lambda: told)
        monkeypatch.setattr(_program, "_listening", look)
        await until(lambda: missed[0] > 6)
        assert made.state == "leading" and rules.led
        other.close()

    code, made = run(server.getsockname()[1], script, f"--to={to}")
    assert (code, made.state, rules.led) == (0, "over", None)
    assert capfd.readouterr().err == f"nobody serves at port {to} any more\n"


def test_who_was_led_waits_once_clients_are_held_again(
    rules: Rules,
    told: list[str],
    server: socket.socket,
    other: socket.socket,
    wish: Wish,
    capfd: pytest.CaptureFixture[str],
) -> None:
    port, to = server.getsockname()[1], other.getsockname()[1]

    async def script(made: Program) -> None:
        await until(lambda: told)
        with rules.client() as idle:  # has connected while held, and asks nothing yet
            wish.say(to)
            await until(lambda: made.held == 1)
            rules.refuses = True
            wish.say(0)
            await until(lambda: "nft refused: no\n" in capfd.readouterr().err)
            assert made.state == "leading"
            assert all(one["state"] != "holding" for one in statuses(told)[1:])
            rules.refuses = False
            wish.say(0)
            await until(lambda: statuses(told)[-1]["state"] == "holding")
            assert statuses(told)[-1]["to"] == to
            with rules.client() as fresh:
                for client in (idle, fresh):
                    client.sendall(ASK)
                await asyncio.sleep(0.1)
                assert waits(idle) and waits(fresh) and made.held == 1
                wish.say(to)
                for _each in (idle, fresh):
                    assert await asked(other) == ASK
                for client in (idle, fresh):
                    assert await hears(client) == CLOSES
        kill(signal.SIGTERM)

    assert run(port, script, wish.word)[0] == 0
    assert statuses(told)[-1]["held"] == 2


def test_who_gave_up_when_held_again_is_asked_for_by_nobody(
    rules: Rules, told: list[str], server: socket.socket, other: socket.socket, wish: Wish
) -> None:
    to = other.getsockname()[1]

    async def script(made: Program) -> None:
        await until(lambda: told)
        with rules.client() as idle:
            wish.say(to)
            await until(lambda: made.held == 1)
            wish.say(0)
            await until(lambda: made.state == "holding")
            idle.sendall(ASK)
        await asyncio.sleep(0.05)
        kill(signal.SIGUSR1)
        await until(lambda: not made._carrying)
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
        kill(signal.SIGTERM)

    assert run(server.getsockname()[1], script, wish.word)[0] == 0


def test_who_asks_in_the_moment_of_the_end_is_carried_nowhere(
    rules: Rules, told: list[str], server: socket.socket, other: socket.socket, wish: Wish
) -> None:
    async def script(made: Program) -> None:
        await until(lambda: told)
        with rules.client() as idle:
            wish.say(other.getsockname()[1])
            await until(lambda: made.held == 1)
            idle.sendall(ASK)
            made._let_go()
            assert await hears(idle) == b""

    assert run(server.getsockname()[1], script, wish.word)[0] == 0
    other.setblocking(False)
    with pytest.raises(BlockingIOError):
        other.accept()


def test_the_limit_counts_from_when_clients_wait(
    rules: Rules,
    told: list[str],
    server: socket.socket,
    other: socket.socket,
    wish: Wish,
    capfd: pytest.CaptureFixture[str],
) -> None:
    to = other.getsockname()[1]

    async def script(made: Program) -> None:
        await until(lambda: told)
        wish.say(to)
        await until(lambda: made.state == "leading")
        await asyncio.sleep(1.1)  # the limit of the first hold comes meanwhile
        assert made.state == "leading"
        wish.say(0)
        await until(lambda: made.state == "holding")
        assert rules.led and rules.led[0].to != to

    code, made = run(server.getsockname()[1], script, "--limit=1", wish.word)
    assert (code, rules.led) == (0, None)
    assert 1 <= made.seconds < PATIENCE
    assert "nobody serves after 1 s: clients are refused\n" in capfd.readouterr().err


@pytest.mark.parametrize("text", ["", "4000 ", "elsewhere"])
def test_a_wish_that_nobody_understands_changes_nothing(
    rules: Rules,
    told: list[str],
    server: socket.socket,
    wish: Wish,
    text: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    async def script(made: Program) -> None:
        kill(signal.SIGHUP) if not text else wish.say(text.replace("4000 ", "4x"))
        await until(lambda: capfd.readouterr().err)
        assert made.state == "holding"
        kill(signal.SIGUSR1)
        await until(lambda: made.state != "holding")
        wish.say(1)  # too late
        await asyncio.sleep(0.02)
        assert made.state in ("carrying", "over")

    assert run(server.getsockname()[1], script, wish.word)[0] == 0


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ports whose servers were asked for: there are two."""
    made: list[int] = []

    def servers(port: int) -> list[int]:
        made.append(port)
        return [21, 22]

    monkeypatch.setattr(_kept, "servers", servers)
    return made


@pytest.mark.parametrize("again", [False, True], ids=["led", "held after that"])
def test_when_it_leads_no_more_it_takes_along_whom_it_has_led(
    rules: Rules,
    told: list[str],
    kept: Kept,
    serving: list[int],
    server: socket.socket,
    other: socket.socket,
    wish: Wish,
    again: bool,
) -> None:
    port, to = server.getsockname()[1], other.getsockname()[1]
    client, ours = connected(to)

    async def script(made: Program) -> None:
        await until(lambda: told)
        if again:
            wish.say(0)
            await until(lambda: made.state == "holding")
        assert serving == []
        kill(signal.SIGUSR1)
        await until(lambda: made.state == "carrying")
        assert (serving, kept.followed, rules.led) == ([to], ([21, 22], to), [])
        await until(lambda: statuses(told)[-1]["state"] == "carrying")
        assert statuses(told)[-1]["to"] == to
        await asyncio.sleep(_program.LATE * 3)
        assert made.state == "carrying"  # as long as its servers are there
        with client, relayed(server, "127.0.0.2"):
            client.sendall(ASK)
            kept.gone = [ours]
            assert await hears(client) == CLOSES
            kept.served = False

    code, made = run(port, script, f"--to={to}", wish.word)
    assert (code, made.state, made.carried) == (0, "over", 1)
    assert statuses(told)[-1]["to"] == 0


def test_who_was_led_may_be_left_to_their_servers(
    rules: Rules,
    told: list[str],
    kept: Kept,
    serving: list[int],
    server: socket.socket,
    other: socket.socket,
) -> None:
    to = other.getsockname()[1]

    async def script(made: Program) -> None:
        await until(lambda: told)
        kill(signal.SIGUSR1)
        await until(lambda: kept.followed[1] == to and not made._settling)
        kill(signal.SIGUSR1)
        await until(lambda: not kept.served)
        assert (made.state, statuses(told)[-1]["to"]) == ("carrying", 0)

    assert run(server.getsockname()[1], script, f"--to={to}")[0] == 0
    assert serving == [to]


def test_as_long_as_the_rules_lead_it_does_not_say_otherwise(
    rules: Rules,
    told: list[str],
    kept: Kept,
    serving: list[int],
    server: socket.socket,
    other: socket.socket,
) -> None:
    async def script(made: Program) -> None:
        await until(lambda: told)
        rules.refuses = True
        kill(signal.SIGUSR1)
        await asyncio.sleep(0.05)
        assert made.state == "leading" and len(told) == 1
        assert serving == []
        rules.refuses = False
        kill(signal.SIGUSR1)
        await until(lambda: made.state == "carrying")
        kept.served = False

    assert run(server.getsockname()[1], script, f"--to={other.getsockname()[1]}")[0] == 0


def test_it_leads_no_more_once_their_server_has_taken_all(
    rules: Rules,
    told: list[str],
    kept: Kept,
    serving: list[int],
    server: socket.socket,
    other: socket.socket,
) -> None:
    async def script(made: Program) -> None:
        await until(lambda: told)
        with socket.create_connection(other.getsockname()):
            kill(signal.SIGUSR1)
            await until(lambda: made.state == "carrying")
            await asyncio.sleep(_program.LOOK * 6)
            assert len(told) == 1  # one could be missed
            with other.accept()[0]:
                await until(lambda: len(told) > 1)
        assert serving == [other.getsockname()[1]]
        kept.served = False

    assert run(server.getsockname()[1], script, f"--to={other.getsockname()[1]}")[0] == 0


class Answers:
    """What the server that is to stop says to each look; the last of it again and again."""

    def __init__(self) -> None:
        self.said: list[Any] = [200]
        self.looks = 0

    def question(self, url: str) -> Any:
        """In the place of a question."""
        assert url == "http://x"
        return self

    async def status(self, marked: bool) -> int | None:
        assert marked
        self.looks += 1
        return answered(self.said.pop(0) if len(self.said) > 1 else self.said[0])  # type: ignore


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    made = Answers()
    monkeypatch.setattr(_program, "Question", made.question)
    monkeypatch.setattr(_program, "GRACE", 1.0)  # many looks, on a busy machine too
    return made


def test_a_server_that_nobody_stops_serves_on(
    rules: Rules,
    told: list[str],
    server: socket.socket,
    answers: Answers,
    capfd: pytest.CaptureFixture[str],
) -> None:
    answers.said = [503, 200]

    async def script(made: Program) -> None:
        with rules.client() as client:
            client.sendall(ASK)
            assert await asked(server) == ASK
            assert await hears(client) == CLOSES
        assert made.state == "carrying"

    code, made = run(server.getsockname()[1], script, "--url=http://x")
    assert (code, made.state, made.held) == (0, "over", 1)
    assert made.seconds >= _program.GRACE
    assert capfd.readouterr().err == "the server was not stopped: clients are let through\n"
    assert answers.looks > 1


@pytest.mark.parametrize("away", [None, ConnectionRefusedError(), asyncio.TimeoutError()])
def test_a_server_that_was_away_once_is_waited_for(
    rules: Rules, told: list[str], server: socket.socket, answers: Answers, away: Any
) -> None:
    answers.said = [200, away, 200]

    async def script(made: Program) -> None:
        await until(lambda: answers.looks == 2)
        await asyncio.sleep(_program.GRACE * 1.2)
        assert (made.state, answers.looks) == ("holding", 2)
        kill(signal.SIGTERM)

    assert run(server.getsockname()[1], script, "--url=http://x")[0] == 0


def test_an_answer_that_does_not_come_is_none(
    rules: Rules,
    told: list[str],
    server: socket.socket,
    answers: Answers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_program, "ANSWERS", 0.05)
    monkeypatch.setattr(answers, "status", lambda marked: asyncio.sleep(PATIENCE))

    async def script(made: Program) -> None:
        await asyncio.sleep(_program.GRACE * 2)
        assert made.state == "holding"
        kill(signal.SIGTERM)

    assert run(server.getsockname()[1], script, "--url=http://x")[0] == 0


def test_while_clients_are_led_nobody_waits_for_a_server_to_stop(
    rules: Rules,
    told: list[str],
    server: socket.socket,
    other: socket.socket,
    answers: Answers,
    wish: Wish,
    kept: Kept,
    serving: list[int],
) -> None:
    async def script(made: Program) -> None:
        await asyncio.sleep(_program.GRACE * 2)
        await until(lambda: answers.looks > 4)
        assert made.state == "leading"
        wish.say(0)  # it still has its time to stop
        await until(lambda: made.state == "holding")
        begun = time.monotonic()
        await until(lambda: made.state == "carrying")
        assert time.monotonic() - begun > 0.1
        await until(lambda: serving == [to])
        kept.served = False

    to = other.getsockname()[1]
    assert run(server.getsockname()[1], script, f"--to={to}", "--url=http://x", wish.word)[0] == 0


class Stopped:
    """The init of a container: ``did`` is what was done with it."""

    def __init__(self) -> None:
        self.did: list[Any] = []
        self.over = False
        self.fails: OSError | None = None

    def made(self, *words: int) -> Stopped:
        self.did.append(words)
        return self

    def stop(self) -> None:
        self.did.append("stop")
        answered(self.fails)

    def go_on(self) -> None:
        self.did.append("go on")

    def is_over(self) -> bool:
        return self.over


INSIDE = ["--init=7", "--inside=4000"]


@pytest.fixture
def init(monkeypatch: pytest.MonkeyPatch) -> Stopped:
    made = Stopped()
    monkeypatch.setattr(_program, "Init", made.made)
    return made


def test_the_network_of_a_container_stays_until_it_is_over(
    rules: Rules,
    told: list[str],
    kept: Kept,
    init: Stopped,
    server: socket.socket,
    other: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_program, "LATE", 0.3)
    port, to = server.getsockname()[1], other.getsockname()[1]
    client, ours = connected(port)  # at an address that only the container's network has

    async def script(made: Program) -> None:
        await until(lambda: told)
        assert init.did == [(7, 4000), "stop"]
        kept.gone = [ours]
        client.sendall(ASK)
        assert await asked(other) == ASK
        assert await hears(client) == CLOSES
        client.close()
        await until(lambda: not made._carrying)
        carried, init.over = time.monotonic(), True
        await until(lambda: "go on" in init.did)
        assert time.monotonic() - carried > _program.LATE / 2  # what a forwarder still has
        assert made.state == "leading"
        kill(signal.SIGTERM)

    assert run(port, script, f"--to={to}", *INSIDE)[0] == 0
    assert init.did == [(7, 4000), "stop", "go on"]


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM, signal.SIGHUP])
def test_a_container_is_needed_only_while_clients_are_led(
    rules: Rules,
    told: list[str],
    kept: Kept,
    init: Stopped,
    serving: list[int],
    server: socket.socket,
    other: socket.socket,
    wish: Wish,
    number: int,
) -> None:
    async def script(made: Program) -> None:
        await until(lambda: told)
        assert init.did[-1] == "stop"
        wish.path.write_text("0")
        rules.refuses = number != signal.SIGTERM
        kill(number)
        await asyncio.sleep(0.05)
        if rules.refuses:  # they are led as before
            assert init.did[-1] == "stop"
            rules.refuses = False
            kill(number)
        await until(lambda: made.state != "leading")
        assert init.did[-1] == "go on"
        kept.served = False
        kill(signal.SIGTERM)

    words = [f"--to={other.getsockname()[1]}", wish.word, *INSIDE]
    assert run(server.getsockname()[1], script, *words)[0] == 0
    assert init.did.count("go on") == 1


def test_where_its_network_can_not_stay_its_connections_do(
    rules: Rules,
    told: list[str],
    kept: Kept,
    init: Stopped,
    server: socket.socket,
    other: socket.socket,
    capfd: pytest.CaptureFixture[str],
) -> None:
    init.fails = PermissionError(errno.EPERM, "Operation not permitted")

    async def script(made: Program) -> None:
        await until(lambda: told)
        assert not kept.served
        kill(signal.SIGTERM)

    words = [f"--to={other.getsockname()[1]}", *INSIDE]
    assert run(server.getsockname()[1], script, *words)[0] == 0
    assert init.did == [(7, 4000), "stop", "go on"]
    assert "the container's network can't stay: [Errno 1]" in capfd.readouterr().err


def test_whoever_waits_holds_up_no_container(
    rules: Rules, told: list[str], kept: Kept, init: Stopped, server: socket.socket
) -> None:
    async def script(made: Program) -> None:
        await until(lambda: told)
        kill(signal.SIGTERM)

    assert run(server.getsockname()[1], script, *INSIDE)[0] == 0
    assert init.did == []


def test_one_that_is_ended_before_it_is_ready_stops_no_container(
    rules: Rules, told: list[str], init: Stopped, server: socket.socket, other: socket.socket
) -> None:
    """While the server in the container still has somebody in its queue."""
    inside = f"--inside={other.getsockname()[1]}"
    with (
        socket.create_server(("127.0.0.1", 0)) as leads,
        socket.create_connection(other.getsockname()),
    ):

        async def script(made: Program) -> None:
            await asyncio.sleep(_program.LOOK * 4)
            assert told == []
            kill(signal.SIGTERM)
            await until(lambda: made.state == "over")
            with other.accept()[0]:
                pass

        words = [f"--to={leads.getsockname()[1]}", f"--init={os.getpid()}", inside]
        assert run(server.getsockname()[1], script, *words)[0] == 0
    assert init.did == []
