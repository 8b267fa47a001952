"""What clients notice of a change of servers: with real rules, in a network of its own.

Root's, for the namespace and for nft.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from integration.hold.parts import (
    ASK,
    GRACE,
    PATIENCE,
    PORT,
    TABLE,
    TO,
    Clients,
    Processes,
    ended,
    heard,
    until,
)

from ansible_collections.llmops.litellm.plugins.module_utils._hold import hold as _hold
from ansible_collections.llmops.litellm.plugins.module_utils._hold import redirect as _redirect
from ansible_collections.llmops.litellm.plugins.module_utils._host import marked as _marked
from ansible_collections.llmops.litellm.plugins.module_utils._litellm.client import Client

CLONE_NEWNET = 0x40000000
C = ctypes.CDLL(None, use_errno=True)


@pytest.fixture(autouse=True)
def _own_network() -> Iterator[None]:
    """A network of this thread's, and of all that it starts."""
    back = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        assert C.unshare(CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        yield
    finally:
        assert C.setns(back, CLONE_NEWNET) == 0
        os.close(back)


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    made = Processes(tmp_path)
    with made.stack:
        yield made


def rules() -> str:
    """All rules of this network."""
    answer = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True)
    return answer.stdout


def connect(address: str = "127.0.0.1") -> socket.socket:
    """A new connection of a client."""
    return socket.create_connection((address, PORT), PATIENCE)


def is_waiting(made: socket.socket, seconds: float = 0.2) -> bool:
    """Whether a client hears nothing, neither an answer nor an end, for some time."""
    made.settimeout(seconds)
    try:
        made.recv(1)
    except socket.timeout:
        made.settimeout(PATIENCE)
        return True
    return False


@pytest.mark.parametrize(
    ("served", "held", "asked"),
    [
        ("127.0.0.1", ["127.0.0.1"], "127.0.0.1"),
        ("0.0.0.0", ["0.0.0.0"], "127.0.0.1"),
        ("0.0.0.0", ["0.0.0.0"], "127.0.0.2"),
        ("::1", ["::1"], "::1"),
        ("::", ["::", "0.0.0.0"], "::1"),
        ("::", ["::", "0.0.0.0"], "127.0.0.1"),
    ],
)
def test_no_client_notices(processes: Processes, served: str, held: list[str], asked: str) -> None:
    clients, old = Clients(asked), processes.serve("old", served)
    idle = processes.stack.enter_context(connect(asked))
    idle.sendall(ASK)
    assert idle.recv(65536).endswith(b"\r\n\r\nold")

    def script() -> None:
        until(lambda: clients.have_heard("old"))
        hold = processes.hold(*held, pids=(old.pid,))
        old.terminate()
        assert ended(old)[0] == 0
        idle.sendall(ASK)
        processes.serve("new", served)
        hold.send_signal(signal.SIGUSR1)
        status = processes.told(lambda status: status["state"] == "carrying")
        assert status["held"] > 0 and status["carried"] > 0 and status["seconds"] > 0
        until(lambda: clients.have_heard("new"))
        assert "dport" not in rules()
        assert b"\r\nConnection: close\r\n" in idle.recv(65536)

    asyncio.run(clients.all(script))
    assert clients.lost == []
    assert clients.stream.endswith(b"5\r\n00039\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    ("first", "served", "held", "asked"),
    [
        ("led", "127.0.0.1", ["127.0.0.1"], "127.0.0.1"),
        ("led", "0.0.0.0", ["0.0.0.0"], "127.0.0.2"),
        ("led", "::", ["::", "0.0.0.0"], "::1"),
        ("led", "::", ["::", "0.0.0.0"], "127.0.0.1"),
        ("held", "127.0.0.1", ["127.0.0.1"], "127.0.0.1"),
        ("held between", "127.0.0.1", ["127.0.0.1"], "127.0.0.1"),
    ],
)
def test_no_client_notices_that_a_server_is_replaced_while_another_serves(
    processes: Processes, first: str, served: str, held: list[str], asked: str
) -> None:
    clients, old = Clients(asked), processes.serve("old", served)
    other = processes.serve("other", served, TO)
    idle, late = (processes.stack.enter_context(connect(asked)) for _each in range(2))
    for each in (idle, late):
        each.sendall(ASK)
        assert each.recv(65536).endswith(b"\r\n\r\nold")
    ends: list[tuple[int, str]] = []

    def script() -> None:
        until(lambda: clients.have_heard("old"))
        time.sleep(1.2)  # since the answer to those who are idle
        more = [] if first == "held" else ["--to=%d" % TO]
        hold = processes.hold(*held, pids=(old.pid,), more=more)
        if first == "held":
            old.terminate()
            assert ended(old)[0] == 0
            processes.turn(hold, TO)
        else:
            until(lambda: clients.fresh_have_heard("other"))
            old.terminate()
            assert ended(old)[0] == 0
        until(lambda: clients.have_heard("other"))
        idle.sendall(ASK)
        assert idle.recv(65536).endswith(b"\r\nConnection: close\r\nContent-Length: 5\r\n\r\nother")
        there = processes.stack.enter_context(connect(asked))
        there.sendall(ASK)
        assert there.recv(65536).endswith(b"\r\n\r\nother")
        if first == "held between":
            assert processes.turn(hold, 0)["to"] == TO
            time.sleep(0.2)
        hold.send_signal(signal.SIGUSR2)
        assert processes.told(lambda status: status["spared"])["to"] == TO
        processes.serve("new", served)
        hold.send_signal(signal.SIGUSR1)
        assert processes.told(lambda status: status["state"] == "carrying")["to"] == TO
        assert "dport" not in rules()
        other.terminate()
        assert ended(other)[0] == 0
        there.sendall(ASK)
        assert there.recv(65536).endswith(b"\r\n\r\nnew")
        until(lambda: clients.have_heard("new"))
        # it went on to the other one's port in its time, and asks only now
        late.sendall(ASK)
        assert late.recv(65536).endswith(b"\r\n\r\nnew")
        clients.over = True
        for each in (idle, late, there):
            each.close()
        ends.append(ended(hold))

    asyncio.run(clients.all(script))
    assert clients.lost == []
    assert clients.stream.endswith(b"5\r\n00039\r\n0\r\n\r\n")
    assert ends == [(0, "")] and rules() == ""


def test_once_the_other_server_is_killed_nobody_is_led_to_it(processes: Processes) -> None:
    old, other = processes.serve("old"), processes.serve("other", port=TO)
    with connect() as kept:
        kept.sendall(ASK)
        assert kept.recv(65536).endswith(b"\r\n\r\nold")
        hold = processes.hold(pids=(old.pid,), more=["--to=%d" % TO])
        assert "dport" in rules()
        other.kill()
        until(lambda: rules() == "", 4)
        assert ended(hold) == (0, "nobody serves at port %d any more\n" % TO)
        with connect() as fresh:
            for client in (kept, fresh):  # one that was not stopped has its own again
                client.sendall(ASK)
                assert client.recv(65536).endswith(b"\r\n\r\nold")


def test_held_again_new_connections_wait_and_others_stay(processes: Processes) -> None:
    processes.serve("other", port=TO)
    hold = processes.hold(more=["--to=%d" % TO], limit=1)
    with connect() as there:
        time.sleep(1.2)  # the limit is none for those who are led
        there.sendall(ASK)
        assert there.recv(65536).endswith(b"\r\n\r\nother")
        processes.turn(hold, 0)
        with connect() as fresh:
            fresh.sendall(ASK)
            assert is_waiting(fresh)
            there.sendall(ASK)
            assert there.recv(65536).endswith(b"\r\n\r\nother")
            assert heard(fresh) == b"reset"
    assert ended(hold) == (0, "nobody serves after 1 s: clients are refused\n")
    assert rules() == ""


def test_a_server_that_nobody_stops_serves_on(processes: Processes) -> None:
    processes.serve("old")
    hold = processes.hold(more=["--url=http://127.0.0.1:%d" % PORT])
    with connect() as client:
        client.sendall(ASK)
        assert is_waiting(client, GRACE / 2)
        assert client.recv(65536).endswith(b"\r\n\r\nold")
    assert ended(hold) == (0, "the server was not stopped: clients are let through\n")
    assert rules() == ""


def test_a_server_that_is_stopped_is_waited_for(processes: Processes) -> None:
    """Also when the next one answers before it is to have clients."""
    old = processes.serve("old")
    hold = processes.hold(pids=(old.pid,), more=["--url=http://127.0.0.1:%d" % PORT])
    old.terminate()
    assert ended(old)[0] == 0
    time.sleep(1.5)
    processes.serve("new")
    with connect() as client:
        client.sendall(ASK)
        assert is_waiting(client, GRACE * 2)
        hold.send_signal(signal.SIGUSR1)
        assert client.recv(65536).endswith(b"\r\n\r\nnew")


@pytest.fixture
def hold(processes: Processes) -> subprocess.Popen[str]:
    """A hold where nobody serves."""
    return processes.hold()


def test_those_who_came_while_nobody_served_are_all_answered(
    processes: Processes, hold: subprocess.Popen[str]
) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(connect()) for _each in range(500)]
        for client in clients:
            client.sendall(ASK)
        assert is_waiting(clients[0])
        processes.serve("new")
        hold.send_signal(signal.SIGUSR1)
        for client in clients:
            assert client.recv(65536).endswith(b"\r\n\r\nnew")
    told = processes.told(lambda status: status["state"] == "carrying")
    assert (told["held"], told["kept"], told["carried"]) == (500, 0, 0)


def test_a_hold_ends_by_itself_once_the_last_was_served(
    processes: Processes, hold: subprocess.Popen[str]
) -> None:
    with connect() as client:
        client.sendall(ASK)
        processes.serve("new")
        hold.send_signal(signal.SIGUSR1)
        assert client.recv(65536).endswith(b"\r\n\r\nnew")
    assert ended(hold) == (0, "")
    assert rules() == ""


def test_flushed_rules_are_mended(hold: subprocess.Popen[str]) -> None:
    before = rules()
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    with pytest.raises(ConnectionRefusedError):
        connect()
    until(lambda: rules() == before, 2.5)
    with connect() as client:
        assert is_waiting(client)


def test_at_the_limit_clients_are_refused(processes: Processes) -> None:
    hold = processes.hold(limit=0.5)
    with connect() as client:
        client.sendall(ASK)
        assert heard(client) == b"reset"
    assert ended(hold) == (0, "nobody serves after 0.5 s: clients are refused\n")
    assert rules() == ""
    with pytest.raises(ConnectionRefusedError):
        connect()


def test_who_is_told_to_end_lets_go(hold: subprocess.Popen[str]) -> None:
    with connect() as client:
        assert is_waiting(client)
        hold.terminate()
        assert heard(client) == b"reset"
    assert ended(hold) == (0, "")
    assert rules() == ""


def test_before_the_end_of_the_server_nothing_is_lost_by_letting_go(processes: Processes) -> None:
    """As where the proxy does not stop: its clients are its own again."""
    old = processes.serve("old")
    with connect() as client:
        client.sendall(ASK)
        assert client.recv(65536).endswith(b"\r\n\r\nold")
        hold = processes.hold(pids=(old.pid,))
        hold.terminate()
        assert ended(hold) == (0, "")
        client.sendall(ASK)
        assert client.recv(65536).endswith(b"\r\n\r\nold")


def test_let_through_to_a_server_that_never_ended(processes: Processes) -> None:
    old = processes.serve("old")
    with connect() as kept:
        kept.sendall(ASK)
        assert kept.recv(65536).endswith(b"\r\n\r\nold")
        hold = processes.hold(pids=(old.pid,))
        with connect() as fresh:
            fresh.sendall(ASK)
            assert is_waiting(fresh)
            hold.send_signal(signal.SIGUSR1)
            assert fresh.recv(65536).endswith(b"\r\n\r\nold")
        for _each in range(2):  # nobody reads beside the server
            kept.sendall(ASK)
            assert b"close" not in kept.recv(65536)
        assert processes.told(lambda status: status["state"] == "carrying")["carried"] == 0


def test_the_account_that_starts_a_server_finds_its_port_free(
    processes: Processes, hold: subprocess.Popen[str]
) -> None:
    code = "import socket; socket.create_connection(('127.0.0.1', %d), 5)" % PORT
    asks = [sys.executable, "-I", "-c", code]

    def refused(account: int) -> bool:
        done = subprocess.run(asks, user=account, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 0 or "ConnectionRefusedError" in done.stderr
        return done.returncode != 0

    assert not refused(65534)
    hold.send_signal(signal.SIGUSR2)
    assert processes.told(lambda status: status["spared"])["state"] == "holding"
    assert refused(65534)
    assert not refused(65533)
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    until(lambda: TABLE in rules(), 2.5)
    assert refused(65534)  # mended, too
    assert not refused(65533)


def test_what_is_ours_is_let_through(processes: Processes) -> None:
    old = processes.serve("old")
    processes.hold(pids=(old.pid,))
    assert Client("http://127.0.0.1:%d" % PORT).get("/") == (200, "old")
    with _marked.connect(("127.0.0.1", PORT), 5) as ours, connect() as client:
        client.sendall(ASK)
        ours.sendall(ASK)
        assert ours.recv(65536).endswith(b"\r\n\r\nold")
        assert is_waiting(client)


def test_other_ports_and_addresses_are_nobodys_concern(hold: subprocess.Popen[str]) -> None:
    with pytest.raises(ConnectionRefusedError):
        connect("127.0.0.2")
    with socket.create_server(("127.0.0.1", PORT + 1)) as other:
        with socket.create_connection(other.getsockname(), PATIENCE) as client:
            client.sendall(b"x")
            assert other.accept()[0].recv(1) == b"x"


@pytest.mark.parametrize(
    "said",
    [b"\x16\x03\x01\x02\x00\x01", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ids=["TLS", "HTTP/2"],
)
def test_what_is_no_http_1_in_plain_text_comes_as_it_is(
    processes: Processes, hold: subprocess.Popen[str], said: bytes
) -> None:
    with connect() as client:
        client.sendall(said)
        processes.serve("new")
        hold.send_signal(signal.SIGUSR1)
        assert client.recv(65536) == b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\nas it is"


def test_an_answer_that_ends_with_its_connection_does_end(processes: Processes) -> None:
    """A client of HTTP/1.0, as nginx is by default, waits for the end of the connection, which the
    server has closed and we still have."""
    old = processes.serve("old")
    with connect() as client, connect() as idle:
        idle.sendall(ASK)
        assert idle.recv(65536).endswith(b"\r\n\r\nold")
        client.sendall(b"GET /stream HTTP/1.0\r\n\r\n")
        assert client.recv(65536, socket.MSG_PEEK)
        processes.hold(pids=(old.pid,))
        old.terminate()
        assert ended(old)[0] == 0
        begun = time.monotonic()
        assert heard(client).endswith(b"00039")
        assert time.monotonic() - begun < 5


def test_this_host_can_hold(processes: Processes) -> None:
    assert processes.place  # a network of its own is enough
    assert _hold.obstacles(PORT, ["127.0.0.1", "0.0.0.0", "::1", "::", "10.1.2.3"]) == ("", "")
    assert rules() == ""
    rules_, kept = _hold.obstacles(PORT, ["fe80::1%lo"])
    assert rules_.startswith("nft refused: ") and kept == ""


def test_rules_come_and_go_as_a_whole() -> None:
    leads = [_redirect.Lead("127.0.0.1", PORT, 1), _redirect.Lead("::", PORT, 2)]
    assert not _redirect.there(TABLE)
    _redirect.remove(TABLE)
    _redirect.put(TABLE, leads)
    first = rules()
    _redirect.put(TABLE, leads, [5])
    assert rules() != first and rules().count("skuid 5") == 1
    _redirect.put(TABLE, leads)
    assert (rules(), _redirect.there(TABLE)) == (first, True)
    with pytest.raises(_redirect.RedirectError, match="nft refused: "):
        _redirect.put(TABLE, [_redirect.Lead("127.0.0.1", PORT, 99999)])
    assert rules() == first
    _redirect.remove(TABLE)
    assert rules() == ""
