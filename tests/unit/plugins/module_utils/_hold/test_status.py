"""What a program tells systemd of itself."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from unit.support import fails

from ansible_collections.llmops.litellm.plugins.module_utils._hold import status as _status

PATIENCE = 10.0  # seconds until a test that waits for nothing fails


@pytest.mark.parametrize("kind", ["", "@"])
def test_systemd_is_told_at_its_socket(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"{tmp_path}/s"
    monkeypatch.setenv("NOTIFY_SOCKET", kind + place)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
        there.bind("\0" + place if kind else place)
        there.settimeout(PATIENCE)
        _status.notify("READY=1\n")
        assert there.recv(100) == b"READY=1\n"


def test_without_a_systemd_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setattr(socket, "socket", fails(AssertionError("nobody is there")))
    _status.notify("READY=1\n")


def test_what_is_told_already_is_not_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(_status, "notify", told.append)
    status = _status.Status()
    status.tell(b=1, a="x")
    status.tell(a="x", b=1)
    status.tell(True, a="x", b=1)
    status.tell(a="y")
    line = 'STATUS={"a": "x", "b": 1}\n'
    assert told == [line, "READY=1\n" + line, 'STATUS={"a": "y"}\n']
