"""Who is connected to a server of this host: real sockets of this process and of a child."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import (
    connections as _connections,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import listeners as _listeners

CLIENT = """import socket, sys
family, place = (socket.AF_UNIX, sys.argv[1]) if len(sys.argv) == 2 else (
    socket.AF_INET, (sys.argv[1], int(sys.argv[2])))
with socket.socket(family) as ours:
    ours.connect(place)
    print("there", flush=True)
    sys.stdin.read()"""


def client(*words: str) -> subprocess.Popen[str]:
    """A process of its own that connects and stays, until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", CLIENT, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    return process


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_client_of_this_host_is_its_process(family: int) -> None:
    with socket.socket(family) as server:
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.bind(("::" if family == socket.AF_INET6 else "127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with client("127.0.0.1", str(port)) as other:
            taken, (_address, number, *_rest) = server.accept()
            with taken:
                found = _connections.connections(os.getpid(), _listeners.listeners())
                assert [item for item in found if item.port == number] == [
                    _connections.Connection("127.0.0.1", number, other.pid, os.getpid())
                ]
                assert _connections.connections(other.pid, _listeners.listeners()) == []
            other.communicate()


def test_who_is_connected_to_an_address_is_known_without_its_server() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with client("127.0.0.1", str(port)) as other:
            found = _connections.connected_to({("127.0.0.1", port), ("::1", port)})
            assert [(item.address, item.client, item.server) for item in found] == [
                ("127.0.0.1", other.pid, 0)
            ]
            assert _connections.connected_to({("127.0.0.2", port)}) == []
            other.communicate()


def test_client_by_a_unix_socket_is_its_process(tmp_path: Path) -> None:
    path = str(tmp_path / ".s.PGSQL.5432")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        with client(path) as other:
            taken, _nobody = server.accept()
            with taken:
                found = _connections.connections(os.getpid(), [])
                assert _connections.Connection("", 0, other.pid, os.getpid()) in found
            other.communicate()


def test_client_that_has_closed_its_end_is_gone(tmp_path: Path) -> None:
    path = str(tmp_path / ".s.PGSQL.5432")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as ours:
        server.bind(path)
        server.listen()
        ours.connect(path)
        taken, _nobody = server.accept()
        with taken:
            before = len(_connections.connections(os.getpid(), []))
            ours.close()
            after = _connections.connections(os.getpid(), [])
            assert len(after) == before - 1
            assert [item for item in after if item.client is None] == []


def test_client_from_elsewhere_is_its_address(tmp_path: Path) -> None:
    """And one that a forked process serves is the server's too; another server's is not.

    The kernel repeats a row where the table changes while it is read.
    """
    net = tmp_path / "net"
    net.mkdir()
    row = "%4d: %s:%04X %s:%04X %s 0:0 0:0 0 105 0 %d 1"
    here, away = "0100007F", "0500000A"
    (net / "tcp").write_text(
        "\n".join(
            [
                "  sl ...",
                row % (0, here, 5434, away, 40000, "01", 11),
                row % (0, here, 5434, away, 40000, "01", 11),
                row % (1, here, 5434, away, 40001, "01", 12),
                row % (2, here, 5434, away, 40002, "06", 13),
                row % (3, here, 5435, away, 40003, "01", 14),
            ]
        )
        + "\n"
    )
    for pid, parent, inode in ((7, 1, 1), (8, 7, 11), (9, 1, 12), (10, 7, 14)):
        (tmp_path / str(pid) / "fd").mkdir(parents=True)
        (tmp_path / str(pid) / "fd" / "3").symlink_to("socket:[%d]" % inode)
        (tmp_path / str(pid) / "status").write_text("Name:\tx\nPPid:\t%d\n" % parent)
    listening = [_listeners.Listener("127.0.0.1", 5434, 7, "postgres")]
    assert _connections.connections(7, listening, str(tmp_path)) == [
        _connections.Connection("10.0.0.5", 40000, None, 8)
    ]


def test_table_of_unix_sockets_is_read() -> None:
    text = (
        "Num RefCount Protocol Flags Type St Inode Path\n"
        "0: 00000002 00000000 00010000 0001 01 11 /run/postgresql/.s.PGSQL.5432\n"
        "0: 00000003 00000000 00000000 0001 03 12 /run/postgresql/.s.PGSQL.5432\n"
        "0: 00000003 00000000 00000000 0001 03 13\n"
        "0: 00000003 00000000 00000000 0001 03 14 /run/a b\n"
    )
    assert _connections.parse_unix(text) == (
        {"/run/postgresql/.s.PGSQL.5432"},
        {12: "/run/postgresql/.s.PGSQL.5432", 14: "/run/a b"},
    )


def test_what_the_kernel_says_of_unix_sockets_is_read() -> None:
    name = struct.pack("=HH4s", 8, 0, b"abcd")
    peer = struct.pack("=HHI", 8, 2, 77)

    def message(kind: int, inode: int, attributes: bytes) -> bytes:
        body = struct.pack("=BBBBIII", 1, 1, 1, 0, inode, 0, 0) + attributes
        return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body

    first = message(20, 11, name + peer) + message(20, 12, name)
    assert _connections.parse_peers(first) == ({11: 77}, True)
    assert _connections.parse_peers(first + message(3, 0, b"")) == ({11: 77}, False)
    assert _connections.parse_peers(message(2, 0, b"")) == ({}, False)


def test_address_that_an_ipv6_socket_has_taken_is_ipv4() -> None:
    assert _connections.plain("::ffff:10.0.0.5") == "10.0.0.5"
    assert _connections.plain("::1") == "::1"
