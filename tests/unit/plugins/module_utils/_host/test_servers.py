"""The servers that a process is connected to, and whose addresses are this host's."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    connections as _connections,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import servers as _servers

# Connects to a port and to a Unix socket, says so, and waits.
CLIENT = """
import socket, sys
one = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
two = socket.socket(socket.AF_UNIX)
two.connect(sys.argv[2])
print(flush=True)
input()
"""


def test_servers_of_a_client_are_those_it_is_connected_to(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(path)
        unix.listen()
        port = tcp.getsockname()[1]
        with subprocess.Popen(
            [sys.executable, "-c", CLIENT, str(port), path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as client:
            assert client.stdout
            client.stdout.readline()
            accepted = tcp.accept()[0], unix.accept()[0]
            found = _servers.of([client.pid])
            ours = _servers.of([os.getpid()])
            assert client.pid in _servers.family(os.getpid())
            for connection in accepted:
                connection.close()
            client.terminate()
    program = os.path.basename(os.path.realpath(sys.executable))
    assert [(item.address, item.port, item.path) for item in found] == [
        ("", 0, path),
        ("127.0.0.1", port, ""),
    ]
    assert {(item.pid, item.program) for item in found} == {(os.getpid(), program)}
    assert found[1].place.startswith("127.0.0.1:%d, %s" % (port, found[1].command))
    # who asks a server is none of its servers
    assert not {item.pid for item in ours} & {client.pid}


TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt uid inode
   0: 0100007F:9C40 0100007F:18EB 01 00000000:00000000 00:00000000 00000000  1000        0 11
   1: 0100007F:18EB 0100007F:9C40 01 00000000:00000000 00:00000000 00000000   999        0 12
   2: 0100007F:0FA0 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 13
   3: 0100007F:0FA0 0100007F:9C41 01 00000000:00000000 00:00000000 00000000  1000        0 14
   4: 0500000A:9C42 0600000A:1538 01 00000000:00000000 00:00000000 00000000  1000        0 15
"""
UNIX = """Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01    20 /run/x/.s.PGSQL.5432
0000000000000000: 00000003 00000000 00000000 0001 03    21 /run/x/.s.PGSQL.5432
0000000000000000: 00000003 00000000 00000000 0001 03    22
"""


def process(proc: Path, pid: int, program: str, sockets: list[int], parent: int = 1) -> None:
    """A process with open sockets."""
    (proc / str(pid) / "fd").mkdir(parents=True)
    for number, inode in enumerate(sockets):
        (proc / str(pid) / "fd" / str(number)).symlink_to("socket:[%d]" % inode)
    (proc / str(pid) / "exe").symlink_to(program)
    (proc / str(pid) / "cmdline").write_text(os.path.basename(program))
    (proc / str(pid) / "status").write_text("Name:\tx\nPPid:\t%d\n" % parent)


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    process(tmp_path, 7, "/usr/bin/python3", [11, 13, 14, 15])
    process(tmp_path, 8, "/usr/bin/query-engine", [22], parent=7)
    process(tmp_path, 9, "/usr/bin/redis-check-rdb (deleted)", [12])
    process(tmp_path, 10, "/usr/lib/postgresql/15/bin/postgres", [21])
    for pid in ("7", "8"):
        (tmp_path / pid / "net").mkdir()
        (tmp_path / pid / "net/tcp").write_text(TABLE)
        (tmp_path / pid / "net/unix").write_text(UNIX)
    return tmp_path


def test_tables_are_read_as_the_kernel_writes_them(
    proc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_connections, "unix_peers", lambda: {22: 21, 21: 22})
    found = _servers.of(_servers.family(7, str(proc)), str(proc))
    assert [(item.place, item.program) for item in found] == [
        ("/run/x/.s.PGSQL.5432, postgres (process 10)", "postgres"),
        ("10.0.0.6:5432", ""),
        ("127.0.0.1:6379, redis-check-rdb (process 9)", "redis-check-rdb"),
    ]


def test_unix_socket_whose_other_end_is_not_told_is_left_out(
    proc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_connections, "unix_peers", dict)
    assert [item.path for item in _servers.of([8], str(proc))] == []


def test_process_that_is_gone_has_no_sockets(tmp_path: Path) -> None:
    assert _servers.sockets_of(7, str(tmp_path)) == []


def test_who_listens_on_a_unix_socket_is_the_kernels_word(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    assert _servers.peer(path) is None
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        assert _servers.peer(path) == os.getpid()


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("localhost", True),
        ("192.0.2.1", False),
        ("no-such-host.invalid", False),
    ],
)
def test_host_is_this_one_by_its_address(host: str, here: bool) -> None:
    assert _servers.is_here(host) == here


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("LOCALHOST", {"127.0.0.1", "::1"}),
        ("0.0.0.0", {"127.0.0.1", "::1"}),
        ("192.0.2.1", {"192.0.2.1"}),
        ("::ffff:192.0.2.1", {"192.0.2.1"}),
        ("no-such-host.invalid", {"no-such-host.invalid"}),
    ],
)
def test_names_are_what_a_client_may_be_connected_to(host: str, addresses: set[str]) -> None:
    assert _servers.addresses(host) == addresses
