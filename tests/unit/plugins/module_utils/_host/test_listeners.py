"""Who listens on which port, and who answers on the loopback address."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import listeners as _listeners
from ansible_collections.llmops.litellm.plugins.module_utils._host.listeners import Listener

TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0FA0 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 12345 1 0000000000000000 100 0 0 10 0
   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12346 1 0000000000000000 100 0 0 10 0
   2: 0100007F:A2B4 0100007F:0FA0 01 00000000:00000000 00:00000000 00000000  1001        0 12347 1 0000000000000000 20 4 30 10 -1
"""  # noqa: E501
TCP6 = """  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:18EB 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000   105        0 777 1 0 100
"""  # noqa: E501


def test_listeners_are_read() -> None:
    assert _listeners.parse_listeners(TCP) == [
        ("127.0.0.1", 4000, 1001, 12345),
        ("0.0.0.0", 8080, 0, 12346),
    ]
    assert _listeners.parse_listeners(TCP6) == [("::1", 6379, 105, 777)]


def test_real_listener_is_found_with_its_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = _listeners.holder(_listeners.listeners(), port)
        assert found is not None
        assert (found.pid, found.uid) == (os.getpid(), os.geteuid())
        assert str(os.getpid()) in found.command
    assert _listeners.holder(_listeners.listeners(), port) is None


def test_listeners_of_another_network_are_found_by_a_process_in_it(tmp_path: Path) -> None:
    for folder in ("7/fd", "7/net", "net"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "7/fd/3").symlink_to("socket:[12346]")
    (tmp_path / "7/net/tcp").write_text(TCP)
    (tmp_path / "net/tcp6").write_text(TCP6)
    found = _listeners.listeners(str(tmp_path), 7)
    assert [(each.port, each.pid) for each in found] == [(4000, None), (8080, 7)]
    assert [each.port for each in _listeners.listeners(str(tmp_path))] == [6379]


def test_sockets_of_a_port_are_found_in_any_state() -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client, server.accept()[0] as _there:
            assert sorted(row[3] for row in _listeners.of_port(port)) == ["01", "0A"]
            own = client.getsockname()[1]
            assert [row[3] for row in _listeners.of_port(own, os.getpid())] == ["01"]
    assert _listeners.of_port(port, 1 << 30) == []  # no such process


def test_handle_that_closes_meanwhile_hides_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "7" / "fd"
    folder.mkdir(parents=True)
    (folder / "0").write_text("")  # no link: readlink fails, as for a handle that is gone
    (folder / "1").symlink_to("socket:[12345]")
    assert _listeners.socket_owners(str(tmp_path)) == {12345: 7}


@pytest.mark.parametrize(
    ("there", "host", "answers"),
    [
        (["127.0.0.2", "127.0.0.1"], "127.0.0.1", "127.0.0.1"),
        (["127.0.0.2", "127.0.1.1", "10.0.0.1", "::1"], "127.0.0.1", None),
        (["127.0.0.2"], "127.0.0.2", "127.0.0.2"),
        (["::", "0.0.0.0", "127.0.0.1"], "127.0.0.1", "127.0.0.1"),
        (["::", "0.0.0.0", "127.0.0.2"], "127.0.0.1", "0.0.0.0"),
        (["::", "127.0.0.2"], "127.0.0.1", "::"),
        (["0.0.0.0", "::ffff:127.0.0.1"], "127.0.0.1", "::ffff:127.0.0.1"),
        (["0.0.0.0", "127.0.0.1"], "::1", None),
        (["::", "::1"], "::1", "::1"),
        (["::1", "127.0.0.1"], "localhost", "127.0.0.1"),
        (["::1", "127.0.0.2"], "localhost", "::1"),
        (["0.0.0.0", "10.0.0.1"], "10.0.0.1", "10.0.0.1"),
        (["0.0.0.0"], "10.0.0.1", None),
        (["127.0.0.1"], "db.example.com", None),
    ],
)
def test_who_answers_is_who_has_the_address_that_clients_use(
    there: list[str], host: str, answers: Any
) -> None:
    listeners = [_listeners.Listener(address, 4000, 1, "x") for address in there]
    found = _listeners.holder(listeners, 4000, host)
    assert (found and found.address) == answers
    assert _listeners.holder(listeners, 4001, host) is None


def test_a_port_that_only_another_address_has_is_found() -> None:
    outer = Listener("10.0.0.5", 4000, 1, "outer")
    inner = Listener("127.0.0.1", 4000, 2, "inner")
    assert _listeners.anywhere([outer, inner], 4000) == inner
    assert _listeners.anywhere([outer], 4000) == outer
    assert _listeners.anywhere([outer], 4001) is None


@pytest.mark.parametrize(
    ("address", "wanted"),
    [("127.0.0.1", True), ("0.0.0.0", True), ("192.0.2.1", False), ("gateway", False)],
)
def test_addresses_of_this_host(address: str, wanted: bool) -> None:
    assert _listeners.is_here(address) is wanted


def test_what_is_asked_where_nothing_is_said_is_the_first_loopback_address() -> None:
    others = [_listeners.Listener("127.0.0.%d" % number, 4000, number, "x") for number in (2, 1)]
    assert _listeners.holder(others, 4000) == others[1]
    assert _listeners.holder(others[:1], 4000) is None


def test_kernel_gives_a_client_to_the_one_that_holder_names() -> None:
    """On this kernel: nobody but the exact address, else the wildcard of both families."""
    with socket.create_server(("127.0.0.2", 0)) as stranger:
        port = stranger.getsockname()[1]
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
        assert _listeners.holder(_listeners.listeners(), port) is None
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as both:
        port = both.getsockname()[1]
        socket.create_connection(("127.0.0.1", port)).close()
        found = _listeners.holder(_listeners.listeners(), port)
        assert found is not None
        assert found.address == "::"
