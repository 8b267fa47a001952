"""Connections taken along from a real process: nothing is read before it has let go of them."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from unit.support import fails, listening

from ansible_collections.llmops.litellm.plugins.module_utils._hold import kept as _kept
from ansible_collections.llmops.litellm.plugins.module_utils._hold.kept import KeptConnections

PATIENCE = 10.0  # seconds until a test that waits for nothing fails
# A server that is told what to do: accept, close the oldest connection, or (without a word) end.
SERVER = """import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
door = socket.create_server((sys.argv[1], 0), family=family, dualstack_ipv6=sys.argv[1] == "::")
beside = socket.socketpair(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
elsewhere = socket.create_server(("127.0.0.1", 0))
out = socket.create_connection(elsewhere.getsockname()); other = elsewhere.accept()[0]
has = []
print(door.getsockname()[1], flush=True)
for line in sys.stdin:
    if line == "accept\\n": has.append(door.accept()[0])
    elif line == "close\\n": has.pop(0).close()
    elif line == "bare\\n":
        while has: has.pop().close()
        door.close(); elsewhere.close(); out.close(); other.close(); beside[1].close()
        for each in beside[0]: each.close()
    print("done", flush=True)
"""


class Server:
    """A process that serves at a port, and its clients."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        assert process.stdin and process.stdout
        self.process, self.tell, self.hear = process, process.stdin, process.stdout
        self.address = address
        self.port = int(self.hear.readline())
        self.clients: list[socket.socket] = []

    def do(self, what: str) -> None:
        """Have it do something."""
        self.tell.write(what + "\n")
        self.tell.flush()
        assert self.hear.readline() == "done\n"

    def client(self, address: str = "") -> socket.socket:
        """A client whose connection it has accepted."""
        place = address or {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.address, self.address)
        made = socket.create_connection((place, self.port), PATIENCE)
        self.clients.append(made)
        self.do("accept")
        return made

    def end(self) -> None:
        """End it, and wait until it has."""
        self.tell.close()
        self.process.wait(PATIENCE)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Starts servers."""
    running: list[Server] = []

    def start(address: str = "127.0.0.1") -> Server:
        words = [sys.executable, "-c", SERVER, address]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        running.append(Server(subprocess.Popen(words, **pipes), address))
        return running[-1]

    yield start
    for server in running:
        server.end()
        server.hear.close()
        for client in server.clients:
            client.close()


@pytest.fixture
def keep() -> Iterator[Callable[..., KeptConnections]]:
    """Takes connections along, until the test is over."""
    made: list[KeptConnections] = []

    def start(*pids: int, port: int) -> KeptConnections:
        made.append(KeptConnections(pids, port))
        return made[-1]

    yield start
    for each in made:
        each.leave()


Serve, Keep = Callable[..., Server], Callable[..., KeptConnections]


def test_this_host_hands_connections_over() -> None:
    assert _kept.obstacle() == ""


def test_a_kernel_that_hands_nothing_over_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    monkeypatch.setattr(_kept, "duplicate", fails(refused))
    before = sorted(os.listdir("/proc/self/fd"))
    assert _kept.obstacle() == (
        "the kernel does not hand over connections (pidfd_getfd: Function not implemented)"
    )
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_a_descriptor_of_another_process_becomes_ours(serve: Serve) -> None:
    server = serve()
    process = os.pidfd_open(server.process.pid)
    try:
        made = _kept.duplicate(process, 1)
        os.write(made, b"said by us\n")
        os.close(made)
        assert server.hear.readline() == "said by us\n"
        with pytest.raises(OSError, match="Bad file descriptor"):
            _kept.duplicate(process, 999)
        server.end()
        with pytest.raises(OSError, match="No such process"):
            _kept.duplicate(process, 1)
    finally:
        os.close(process)


@pytest.mark.parametrize(
    ("address", "client"),
    [("127.0.0.1", ""), ("0.0.0.0", ""), ("::1", ""), ("::", "::1"), ("::", "127.0.0.1")],
)
def test_a_request_from_the_moment_of_the_end_is_there(
    serve: Serve, keep: Keep, address: str, client: str
) -> None:
    server = serve(address)
    asking = server.client(client)
    kept = keep(server.process.pid, port=server.port)
    assert (kept.look(), kept.taken, kept.served) == ([], 1, True)
    server.do("close")
    asking.sendall(b"GET / HTTP/1.1\r\n\r\n")
    (ours,) = kept.look()
    with ours:
        assert ours.recv(100) == b"GET / HTTP/1.1\r\n\r\n"
        ours.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        assert asking.recv(100) == b"HTTP/1.1 200 OK\r\n\r\n"
        assert kept.look() == []  # it is ours once


def test_nothing_is_read_while_the_server_has_it(serve: Serve, keep: Keep) -> None:
    server = serve()
    asking = server.client()
    kept = keep(server.process.pid, port=server.port)
    asking.sendall(b"for the server")
    assert [kept.look(), kept.look()] == [[], []]
    assert kept.taken == 1
    server.do("close")
    (ours,) = kept.look()
    with ours:
        assert ours.recv(100) == b"for the server"


def test_only_clients_of_the_port_are_taken(serve: Serve, keep: Keep) -> None:
    """Not who listens, other ports' clients, what the server asks itself, and what is no TCP."""
    server = serve()
    kept = keep(server.process.pid, port=server.port)
    kept.look()
    assert kept.taken == 0
    server.end()
    assert kept.look() == []


def test_a_connection_that_comes_later_is_taken_as_well(serve: Serve, keep: Keep) -> None:
    server = serve()
    kept = keep(server.process.pid, port=server.port)
    kept.look()
    server.client()
    kept.look()
    server.client()
    kept.look()
    assert kept.taken == 2
    server.do("close")
    (first,) = kept.look()
    first.close()
    server.end()
    (second,) = kept.look()
    second.close()
    assert not kept.served


def test_a_process_that_ends_leaves_all_that_it_had(serve: Serve, keep: Keep) -> None:
    server, other = serve(), serve()
    clients = [server.client() for _each in range(3)]
    kept = keep(server.process.pid, other.process.pid, port=server.port)
    assert (kept.look(), kept.taken) == ([], 3)
    server.process.kill()
    server.process.wait()
    ours = kept.look()
    places = sorted(each.getpeername() for each in ours)
    assert places == sorted(each.getsockname() for each in clients)
    for each in ours:
        each.close()
    assert kept.served
    other.do("bare")  # one without a socket is done, whether it ends or not
    assert (kept.look(), kept.served) == ([], False)


def test_what_is_left_to_the_server_stays_there(serve: Serve, keep: Keep) -> None:
    server = serve()
    asking = server.client()
    before = sorted(os.listdir("/proc/self/fd"))
    kept = keep(server.process.pid, port=server.port)
    kept.look()
    assert sorted(os.listdir("/proc/self/fd")) != before
    kept.leave()
    assert sorted(os.listdir("/proc/self/fd")) == before
    assert (kept.look(), kept.served) == ([], False)
    asking.setblocking(False)
    with pytest.raises(BlockingIOError):
        asking.recv(1)
    asking.settimeout(PATIENCE)
    server.do("close")
    assert asking.recv(1) == b""


def test_a_client_that_has_gone_is_left_alone(serve: Serve, keep: Keep) -> None:
    server = serve()
    asking = server.client()
    asking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    asking.close()
    kept = keep(server.process.pid, port=server.port)
    assert (kept.look(), kept.taken) == ([], 0)
    server.do("close")
    assert kept.look() == []


def test_processes_that_are_gone_or_never_were_are_none(serve: Serve, keep: Keep) -> None:
    server = serve()
    server.end()
    kept = keep(server.process.pid, port=server.port)
    assert (kept.served, kept.look()) == (False, [])


def test_a_number_that_came_again_is_not_taken_for_the_one_before(
    serve: Serve, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at a process' descriptors and the taking of one, it may have closed that and
    opened another by its number: whoever would go by the first would read along with the server."""
    server = serve()
    server.client()
    kept = keep(server.process.pid, port=server.port)
    seen = dict(_kept._sockets(server.process.pid))
    server.do("close")
    asking = server.client()  # by the number of the first, as the lowest that is free
    assert sorted(seen.values()) == sorted(dict(_kept._sockets(server.process.pid)).values())
    with monkeypatch.context() as patch:
        patch.setattr(_kept, "_sockets", lambda _pid: iter(seen.items()))
        kept.look()
    assert kept.look() == []
    assert kept.taken == 1
    server.do("close")
    (ours,) = kept.look()
    with ours:
        assert ours.getpeername() == asking.getsockname()


def test_others_may_be_followed_in_their_place(serve: Serve, keep: Keep) -> None:
    one, two = serve(), serve()
    for server in (one, two):
        server.client()
    kept = keep(one.process.pid, port=one.port)
    kept.look()
    kept.follow([two.process.pid], two.port)
    kept.look()
    assert kept.taken == 2
    for server in (one, two):
        server.do("close")
    (ours,) = kept.look()  # the other one is closed, as its server wants it
    with ours:
        assert ours.getpeername() == two.clients[0].getsockname()
    assert one.clients[0].recv(1) == b""
    two.end()
    assert (kept.look(), kept.served) == ([], False)


def test_what_can_not_be_looked_at_for_now_has_not_ended(
    serve: Serve, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a descriptor for the look, the server's connections are still its own."""
    server = serve()
    server.client()
    kept = keep(server.process.pid, port=server.port)
    kept.look()
    with monkeypatch.context() as patch:
        patch.setattr(os, "listdir", fails(OSError(errno.EMFILE, "Too many open files")))
        assert (kept.look(), kept.served) == ([], True)
    server.do("close")
    (ours,) = kept.look()
    ours.close()


def test_descriptors_that_go_while_they_are_looked_at_are_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as one:
        monkeypatch.setattr(os, "listdir", lambda _folder: ["99999", str(one.fileno())])
        assert dict(_kept._sockets(os.getpid())) == {os.fstat(one.fileno()).st_ino: one.fileno()}


def test_many_connections_are_looked_at_quickly(serve: Serve, keep: Keep) -> None:
    server = serve()
    for _each in range(200):
        server.client()
    kept = keep(server.process.pid, port=server.port)
    kept.look()
    assert kept.taken == 200
    begun = time.process_time()
    for _each in range(5):
        kept.look()
    # five looks within two of their intervals, however loaded the machine is
    assert time.process_time() - begun < 0.5


def test_servers_are_who_listens_and_their_children(tmp_path: Path) -> None:
    """Workers have what they accepted, whoever listens."""
    code = (
        "import os, socket, sys; d = socket.create_server(('127.0.0.1', 0)); r, w = os.pipe()\n"
        "child = os.fork()\n"
        "if not child: d.close(); os.close(w); os.read(r, 1); os._exit(0)\n"
        "print(child, d.getsockname()[1], flush=True); sys.stdin.read()\n"
    )
    with (
        listening([], {}, tmp_path) as other,
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server,
        socket.socket() as beside,
    ):
        assert server.stdout
        child, port = map(int, server.stdout.readline().split())
        beside.connect(("127.0.0.1", port))  # who only asks is none
        found = _kept.servers(port)
        assert _kept.servers(port, within=server.pid) == found
        assert _kept.servers(port, within=1 << 30) == []  # in no network
        server.communicate("")
        assert sorted(found) == sorted([server.pid, child])
        assert _kept.servers(other.port) == [other.pid]
        assert os.getpid() not in found
