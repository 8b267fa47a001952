"""What clients notice of the end of a server in a container, behind Docker's forwarder: with a real
engine, and rules of the machine's own network, for a port that nobody else has."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.database.conftest import free_port
from integration.hold.conftest import IMAGES
from integration.hold.parts import (
    ASK,
    LATE,
    PATIENCE,
    SERVER,
    Clients,
    Processes,
    ended,
    heard,
    until,
)

from ansible_collections.llmops.litellm.plugins.module_utils._hold import container as _container
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process

INSIDE = 4000
# How the server is started in its container: by the init itself, with workers, by a wrapper that
# ends before it.
COMMAND = ["python3", "/server.py", "old", "0.0.0.0", str(INSIDE)]
WAYS = {
    "alone": COMMAND,
    "workers": [*COMMAND, "2"],
    "wrapped": ["sh", "-c", " ".join(COMMAND) + "; exit 1"],
}


class Site:
    """A server in a container, and another one beside it on the machine.

    :param way: how it is started. :param words: options of the container.
    """

    def __init__(self, folder: Path, image: str, way: str = "alone", *words: str) -> None:
        self.way, self.port, self.to = way, free_port(), free_port()
        self.name = "llmops-test-hold-" + secrets.token_hex(4)
        table = self.name.replace("-", "_")
        self.processes = Processes(folder, self.port, table)
        callback = self.processes.stack.callback
        callback(subprocess.run, ["nft", "delete", "table", "inet", table], capture_output=True)
        callback(self.docker, "rm", "--force", self.name)
        self.docker(
            *("run", "--detach", "--name", self.name, *(words or ("--init",))),
            *("--publish", f"127.0.0.1:{self.port}:{INSIDE}", "--restart", "on-failure"),
            *("--volume", f"{SERVER}:/server.py:ro", "--cap-drop", "ALL", "--user", "65532"),
            *("--entrypoint", WAYS[way][0], image, *WAYS[way][1:]),
        )
        lines = {"workers": 2}.get(way, 1)
        until(lambda: self.docker("logs", self.name) == "serves\n" * lines)
        self.other = self.processes.serve("other", port=self.to)

    @staticmethod
    def docker(*words: str) -> str:
        """What the engine's client prints."""
        return subprocess.run(
            ["docker", *words], stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    def state(self) -> dict[str, Any]:
        """The container's, as the engine has it."""
        return dict(json.loads(self.docker("inspect", "--format", "{{json .State}}", self.name)))

    def place(self) -> _container.Place:
        """The server in the container."""
        found = _container.find(self.name, self.port)
        assert found
        return found

    def hold(self, kept: bool = True) -> subprocess.Popen[str]:
        """Lead clients to the other server, and keep connections of the one in the container."""
        more, pids = [f"--to={self.to}"], ()
        if kept:
            place = self.place()
            pids = tuple(place.servers)
            more += [f"--init={place.init}", f"--inside={place.port}"]
        return self.processes.hold(pids=pids, more=more)

    def stop(self, seconds: int = 60) -> subprocess.Popen[str]:
        """Begin to stop the container, as anybody does."""
        made = subprocess.Popen(
            ["docker", "stop", "--time", str(seconds), self.name],
            stdout=subprocess.DEVNULL,
            text=True,
        )
        self.processes.stack.callback(made.communicate)
        return made

    def client(self, address: str = "") -> socket.socket:
        """A client whom the server in the container has answered, and who keeps its connection.

        :param address: the container's, for one that comes past the forwarder.
        """
        place = (address, INSIDE) if address else ("127.0.0.1", self.port)
        made = self.processes.stack.enter_context(socket.create_connection(place, PATIENCE))
        made.sendall(ASK)
        assert made.recv(65536).endswith(b"\r\n\r\nold")
        return made

    def address(self) -> str:
        """The container's own address."""
        path = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return self.docker("inspect", "--format", path, self.name).strip()


@pytest.fixture(autouse=True)
def _engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_process.ENVIRONMENT, "DOCKER_HOST", os.environ["DOCKER_HOST"])


@pytest.fixture
def way() -> str:
    """How the server is started; a test may say otherwise."""
    return "alone"


@pytest.fixture(params=IMAGES)
def site(request: pytest.FixtureRequest, tmp_path: Path, way: str) -> Iterator[Site]:
    made = Site(tmp_path, request.param, way)
    with made.processes.stack:
        yield made


def stopped(pid: int) -> bool:
    """Whether a process is stopped by a signal."""
    return "\nState:\tT" in Path(f"/proc/{pid}/status").read_text()


@pytest.mark.parametrize("way", WAYS)
def test_no_client_notices_that_a_container_ends(site: Site) -> None:
    clients, servers = Clients("127.0.0.1", site.port), site.place().servers
    assert len(servers) > 2 or site.way != "workers"
    idle, beside = site.client(), site.client(site.address())

    def script() -> None:
        until(lambda: clients.have_heard("old"))
        time.sleep(1.2)  # since the answer to those who are idle
        hold = site.hold()
        until(lambda: clients.fresh_have_heard("other"))
        assert stopped(site.place().init)
        stop = site.stop()
        until(lambda: clients.have_heard("other"))
        until(lambda: all(_status(server) in ("", "Z") for server in servers))
        # the server has ended, and its network has not
        assert stop.poll() is None and site.state()["Running"]
        for each in (idle, beside):
            each.sendall(ASK)
            head, body = each.recv(65536).split(b"\r\n\r\n")
            assert (b"\r\nConnection: close\r\n" in head, body) == (True, b"other")
            assert stop.poll() is None
            each.close()
        assert ended(stop)[0] == 0
        state = site.state()
        assert not state["Running"] and not state["Restarting"]
        # others may have had their last answer from the old server
        assert site.processes.told(lambda status: status["carried"] >= 2)["kept"] > 2
        assert hold.poll() is None

    asyncio.run(clients.all(script))
    assert clients.lost == []
    assert clients.stream.endswith(b"5\r\n00039\r\n0\r\n\r\n")


def _status(pid: int) -> str:
    """The letter of a process' state; empty where it is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return ""
    return text.partition("State:\t")[2][0]


def test_without_it_whoever_keeps_a_connection_loses_a_request(site: Site) -> None:
    """What the tests of this file would see if nobody kept the container's network."""
    idle = site.client()
    site.hold(kept=False)
    assert ended(site.stop())[0] == 0
    try:
        idle.sendall(ASK)
        assert heard(idle) in (b"", b"reset")
    except (BrokenPipeError, ConnectionResetError):
        pass  # it has heard of it by then


def test_a_container_whose_clients_have_gone_ends_at_once(site: Site) -> None:
    site.client().close()
    site.hold()
    time.sleep(LATE)
    begun = time.monotonic()
    assert ended(site.stop())[0] == 0
    assert time.monotonic() - begun < 4
    assert site.state()["ExitCode"] == 0


@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_who_keeps_it_may_end_at_any_time(site: Site, end: str) -> None:
    """Killed, it leaves an init that is stopped, which the unit has go on."""
    idle, init = site.client(), site.place().init
    hold = site.hold()
    getattr(hold, end)()
    ended(hold)
    assert stopped(init) is (end == "kill")
    idle.sendall(ASK)
    assert idle.recv(65536).endswith(b"\r\n\r\nold")
    if end == "kill":
        stop = site.stop()
        until(lambda: int(_field(init, "ShdPnd"), 16))
        assert stop.poll() is None
        subprocess.run(["sh", "-c", f"kill -CONT {init}"], check=True)
        assert ended(stop)[0] == 0
    else:
        assert ended(site.stop())[0] == 0
    assert heard(idle) in (b"", b"reset")


def _field(pid: int, name: str) -> str:
    """A line of a process' status."""
    return Path(f"/proc/{pid}/status").read_text().partition(f"{name}:\t")[2].split("\n")[0]


def test_a_container_that_is_removed_by_force_is_let_go(site: Site) -> None:
    idle = site.client()
    hold = site.hold()
    site.docker("rm", "--force", site.name)
    assert heard(idle) in (b"", b"reset")
    with socket.create_connection(("127.0.0.1", site.port), PATIENCE) as fresh:
        fresh.sendall(ASK)
        assert fresh.recv(65536).endswith(b"\r\n\r\nother")
    assert hold.poll() is None


@pytest.mark.parametrize("image", IMAGES)
def test_a_server_that_is_the_containers_first_process_keeps_nobody(
    tmp_path: Path, image: str
) -> None:
    site = Site(tmp_path, image, "alone", "--no-healthcheck")
    with site.processes.stack:
        assert _container.find(site.name, site.port) is None
        assert _container.find(site.name, site.port + 1) is None
        assert _container.find(site.name + "x", site.port) is None
