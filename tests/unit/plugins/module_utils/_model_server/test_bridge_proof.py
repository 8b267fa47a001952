"""What answers from three places prove."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._model_server import (
    bridge_proof as proof,
)


def judge(
    server: str = "answers", inside: str = "answers", other: Any = "silent", outer: str = "refuses"
) -> proof.Verdict:
    return proof.check(
        [1],
        proof.Answers(
            {1: server}, {1: inside}, {} if other is None else {1: other}, {"192.0.2.1": {1: outer}}
        ),
    )


def test_reached_from_inside_and_from_nowhere_else() -> None:
    assert judge() == proof.Verdict([1], [], [])


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"inside": "refuses"}, "does not reach the bridge"),
        ({"inside": "silent"}, "does not reach the bridge"),
        ({"inside": "unknown"}, "could not be asked"),
        ({"inside": "closes"}, "not to the proxy's container"),
        ({"other": "answers"}, "another network of this host reaches it"),
        ({"other": "closes"}, "another network of this host reaches it"),
        ({"other": "unknown"}, "could not be asked from another network"),
        ({"outer": "answers"}, "192.0.2.1:1 takes connections"),
        ({"outer": "closes"}, "192.0.2.1:1 takes connections"),
        ({"server": "refuses", "inside": "refuses"}, "does not reach the bridge"),
    ],
)
def test_what_is_not_as_it_must_be(asked: dict[str, str], words: str) -> None:
    told = judge(**asked)
    assert told.proved == []
    assert [words in problem for problem in told.problems] == [True]


@pytest.mark.parametrize(
    ("asked", "words", "proved"),
    [
        ({"server": "asleep", "inside": "unknown"}, "not woken", []),
        ({"server": "refuses", "inside": "closes"}, "does not answer on the host either", []),
    ],
)
def test_what_could_not_be_proved_is_no_problem(
    asked: dict[str, Any], words: str, proved: list[int]
) -> None:
    told = judge(**asked)
    assert (told.problems, told.proved, [words in note for note in told.notes]) == (
        [],
        proved,
        [True],
    )


def test_addresses_at_which_others_come() -> None:
    links = [
        {"ifname": name, "addr_info": [{"family": "inet", "local": address}]}
        for name, address in (
            ("lo", "127.0.0.1"),
            ("eth0", "192.0.2.1"),
            ("docker0", "172.17.0.1"),
            ("br-0123456789ab", "172.30.40.1"),
            ("br0", "192.0.2.9"),
        )
    ]
    assert proof.outer_addresses(json.dumps(links), ["192.0.2.9"]) == ["192.0.2.1"]
    assert proof.outer_addresses("") == []


def serve(listening: socket.socket, answer: bytes) -> None:
    client, _peer = listening.accept()
    with client:
        client.recv(100)
        client.sendall(answer)


@pytest.mark.parametrize(
    ("answer", "word"), [(b"HTTP/1.1 503 x\r\n\r\n", "answers"), (b"", "closes")]
)
def test_the_same_words_from_the_host_and_from_a_container(answer: bytes, word: str) -> None:
    for where in ("host", "container"):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            thread = threading.Thread(target=serve, args=(listening, answer))
            thread.start()
            address = "127.0.0.1:%d" % port
            if where == "host":
                assert proof.probe([("127.0.0.1", port)], 5) == {("127.0.0.1", port): word}
            else:
                done = subprocess.run(
                    [sys.executable, "-c", proof.PROBE, "5", address],
                    capture_output=True,
                    text=True,
                    check=True,
                )
                assert json.loads(done.stdout) == {address: word}
            thread.join()
        assert proof.probe([("127.0.0.1", port)], 5) == {("127.0.0.1", port): "refuses"}


def test_a_server_that_sleeps_is_not_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def run(argv: list[str], **_more: Any) -> _process.Result:
        asked.append(argv)
        return _process.Result(
            0,
            "[]"
            if argv[0] == "ip"
            else json.dumps({"gw:2": "answers", "10.0.0.1:1": "silent", "10.0.0.1:2": "silent"}),
            "",
        )

    monkeypatch.setattr(_process, "run", run)
    monkeypatch.setattr(proof, "sleeping", lambda _ports, _found: {1})
    monkeypatch.setattr(
        proof, "probe", lambda addresses, _seconds: dict.fromkeys(addresses, "answers")
    )
    monkeypatch.setattr(_docker, "container", lambda _name: {"image": "registry.example/litellm"})
    told = proof.collect([1, 2], "gw", "10.0.0.1", "proxy", "bridge", 3)
    assert told == proof.Answers(
        {1: "asleep", 2: "answers"}, {2: "answers"}, {1: "silent", 2: "silent"}, {}
    )
    inside = next(argv for argv in asked if argv[:2] == ["docker", "exec"])
    assert "gw:2" in inside
    assert "gw:1" not in inside
    outside = next(argv for argv in asked if argv[:2] == ["docker", "run"])
    assert "registry.example/litellm" in outside and "never" in outside


def test_a_container_that_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        _process, "run", lambda *_words, **_more: _process.Result(1, "", "no such container")
    )
    assert proof.probe_container("proxy", {1: "gw:1"}, 1) == {1: "unknown"}
