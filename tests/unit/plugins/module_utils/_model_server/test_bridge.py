"""The filter of a bridge, on real sockets: whom it admits is served, whom it does not is not
heard.
"""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._model_server import bridge as _bridge


def test_a_network_that_is_admitted_is_served() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        _bridge.admit(listening, "127.0.0.0/8")
        with socket.create_connection(listening.getsockname(), timeout=5) as client:
            served, _peer = listening.accept()
            with served:
                client.sendall(b"words")
                assert served.recv(5) == b"words"
                served.sendall(b"back")
            assert client.recv(4) == b"back"


def test_a_stranger_is_not_heard() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        _bridge.admit(listening, "172.30.40.0/24")
        with pytest.raises(socket.timeout):
            socket.create_connection(listening.getsockname(), timeout=0.1)


def test_the_edge_of_a_network_is_exact() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        _bridge.admit(listening, "127.0.0.4/30")
        socket.create_connection(
            listening.getsockname(), timeout=5, source_address=("127.0.0.7", 0)
        ).close()
        with pytest.raises(socket.timeout):
            socket.create_connection(
                listening.getsockname(), timeout=0.1, source_address=("127.0.0.8", 0)
            )


@pytest.mark.parametrize("network", ["172.30.40.1/24", "::/0", "all"])
def test_what_is_no_network(network: str) -> None:
    with pytest.raises(ValueError, match=".*"):
        _bridge.program(network)


def test_it_becomes_the_proxy_only_behind_the_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Any] = []
    monkeypatch.setattr(_bridge, "admit", lambda _socket, network: done.append(network))
    monkeypatch.setattr(os, "set_inheritable", lambda *_words: None)
    monkeypatch.setattr(os, "execv", lambda *words: done.append(words))
    with socket.socket() as listening:
        _bridge.serve(listening, "172.30.40.0/24", "127.0.0.1:8082")
    assert done == [
        "172.30.40.0/24",
        (
            _bridge.SETPRIV,
            [
                _bridge.SETPRIV,
                "--ambient-caps=-all",
                "--inh-caps=-all",
                _bridge.PROXYD,
                "--connections-max=2048",
                "127.0.0.1:8082",
            ],
        ),
    ]
