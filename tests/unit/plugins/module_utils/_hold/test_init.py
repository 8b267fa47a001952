"""A real process that stands for a container's init, with children that are told to end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from unit.support import fails

from ansible_collections.llmops.litellm.plugins.module_utils._hold import init as _init
from ansible_collections.llmops.litellm.plugins.module_utils._hold.init import Init
from ansible_collections.llmops.litellm.plugins.module_utils._host import files as _files

PATIENCE = 10.0  # seconds until a test that waits for nothing fails
# Takes over what its children leave, as the first process of a container does, and ends when it is
# told to, with what its child has ended with.
INIT = """import ctypes, signal, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
all = {signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD}
signal.pthread_sigmask(signal.SIG_BLOCK, all)
child = subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2]])
while signal.sigwait(all) == signal.SIGCHLD: pass
sys.exit(child.wait())
"""
# Writes down what it is told, and ends at SIGUSR1.
CHILD = """import os, signal, sys
all = {signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1}
signal.pthread_sigmask(signal.SIG_BLOCK, all)
print(os.getpid(), flush=True)
while True:
    number = signal.sigwait(all)
    if number == signal.SIGUSR1: sys.exit(7)
    open(sys.argv[1], "a").write("%d " % number)
"""
# One that has started another, and ends before it.
WRAPPER = (
    """import signal, subprocess, sys
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGHUP})
subprocess.run([sys.executable, "-c", %r, sys.argv[1]])
"""
    % CHILD
)


class Host:
    """Such a process, and the child that says its number."""

    def __init__(self, folder: Path, child: str = CHILD) -> None:
        self.heard = folder / "heard"
        self.heard.write_text("")
        words = [sys.executable, "-c", INIT, child, str(self.heard)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.pid, self.child = self.process.pid, int(self.process.stdout.readline())

    def state(self) -> str:
        """The letter of the init's state."""
        return Path(f"/proc/{self.pid}/status").read_text().partition("State:\t")[2][0]

    def end_child(self) -> None:
        """Have the child end by itself."""
        os.kill(self.child, signal.SIGUSR1)

    def close(self) -> None:
        """End all of it."""
        for pid in (self.child, self.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it has ended
        self.process.communicate()


@pytest.fixture
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path, getattr(request, "param", CHILD))
    yield made
    made.close()


@pytest.fixture
def door() -> Iterator[socket.socket]:
    """The server's."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.fixture
def init(host: Host, door: socket.socket) -> Init:
    """The one that is stopped."""
    made = Init(host.pid, door.getsockname()[1])
    made.stop()
    until(lambda: host.state() == "T")
    return made


def until(true: Callable[[], Any]) -> None:
    """Wait for what nobody tells of."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)


def test_it_is_stopped_and_goes_on(host: Host, init: Init) -> None:
    assert not init.is_over()
    init.go_on()
    until(lambda: host.state() == "S")


def test_its_children_are_told_what_it_is_told_once(host: Host, init: Init) -> None:
    os.kill(host.pid, signal.SIGTERM)
    for _each in range(3):
        assert not init.is_over()
    until(lambda: host.heard.read_text() == "15 ")
    os.kill(host.pid, signal.SIGHUP)
    for _each in range(3):
        assert not init.is_over()
    until(lambda: host.heard.read_text() == "15 1 ")


def test_it_is_over_once_they_and_the_last_connection_have_ended(
    host: Host, init: Init, door: socket.socket
) -> None:
    client = socket.create_connection(door.getsockname(), PATIENCE)
    server = door.accept()[0]
    os.kill(host.pid, signal.SIGTERM)
    door.close()
    client.close()
    assert not init.is_over()
    host.end_child()
    until(lambda: _init.children(host.pid) == [])
    assert not init.is_over()  # the other end may have more to say
    server.close()
    until(init.is_over)
    init.go_on()
    assert host.process.wait(PATIENCE) == 7


def test_as_long_as_somebody_listens_it_is_not_over(
    host: Host, init: Init, door: socket.socket
) -> None:
    os.kill(host.pid, signal.SIGTERM)
    host.end_child()
    until(lambda: _init.children(host.pid) == [])
    assert not init.is_over()
    door.close()
    assert init.is_over()


def test_a_server_that_ends_by_itself_is_left_to_whoever_stops_the_container(
    host: Host, init: Init, door: socket.socket
) -> None:
    door.close()
    host.end_child()
    until(lambda: _init.children(host.pid) == [])
    assert not init.is_over()  # SIGCHLD is nothing that it is told
    os.kill(host.pid, signal.SIGTERM)
    until(init.is_over)


@pytest.mark.parametrize("host", [WRAPPER], indirect=True)
def test_whom_a_wrapper_leaves_is_told_as_well(host: Host, init: Init, door: socket.socket) -> None:
    door.close()
    os.kill(host.pid, signal.SIGTERM)
    until(lambda: not init.is_over() and host.heard.read_text() == "15 ")
    assert _init.children(host.pid) == [host.child]
    host.end_child()
    until(init.is_over)


def test_one_that_was_killed_is_over(host: Host, init: Init) -> None:
    os.kill(host.pid, signal.SIGKILL)
    until(init.is_over)
    host.process.wait(PATIENCE)
    assert init.is_over()
    init.go_on()
    with pytest.raises(ProcessLookupError):
        Init(host.pid, 1)


def test_who_may_not_be_told_is_left_to_the_engine(
    host: Host, init: Init, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.kill(host.pid, signal.SIGHUP)
    with monkeypatch.context() as patch:
        patch.setattr(os, "kill", fails(PermissionError()))
        assert not init.is_over()
    assert not init.is_over()
    host.end_child()
    until(lambda: _init.children(host.pid) == [])
    assert host.heard.read_text() == ""


def test_children_are_known_where_the_kernel_tells(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _init.children(host.pid) == [host.child]
    assert _init.children(host.child) == []
    read = _files.read

    def without(path: str) -> str:
        if path.endswith("/children"):
            raise FileNotFoundError(path)
        return read(path)

    monkeypatch.setattr(_files, "read", without)
    assert _init.children(host.pid) is None


def test_what_ends_while_it_is_looked_at_is_no_child(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = _files.read

    def late(path: str) -> str:
        if path == f"/proc/{host.child}/status":
            raise ProcessLookupError(path)
        return read(path)

    monkeypatch.setattr(_files, "read", late)
    assert _init.children(host.pid) == []
    monkeypatch.setattr(_files, "read", fails(ProcessLookupError()))
    assert _init._pending(host.pid) == []
