"""Checks of the host: model servers, certificates, room on disks, the age of backups."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._config.needs_files import Copy
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    needed_copies as _needed_copies,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment.locate import ModelHost
from ansible_collections.llmops.litellm.plugins.module_utils._health import (
    host_checks as _host_checks,
)
from ansible_collections.llmops.litellm.plugins.module_utils._health.host_checks import (
    DEGRADED,
    FAILED,
    OK,
    UNKNOWN,
    Limits,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import listeners as _listeners
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result
from ansible_collections.llmops.litellm.plugins.module_utils._host.systemd import Unit

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
RECORD = {"name": "llama.service", "account": "", "active": "active"}


def test_model_hosts_are_asked_for_an_answer_and_not_only_a_connection(
    proxy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = proxy.url.removeprefix("http://")
    active = "active"
    monkeypatch.setattr(
        _systemd,
        "show",
        lambda manager, names: [Unit(name, manager, "", active, {}) for name in names],
    )
    up, down = ModelHost("embed", address), ModelHost("rerank", "127.0.0.1:1", RECORD)
    assert _host_checks.model_hosts((up,), "", 5) == (OK, "1 of 1 answer")
    assert _host_checks.model_hosts((up, down), "", 5) == (
        DEGRADED,
        "rerank (127.0.0.1:1) refuses connections, its unit is active",
    )
    active = "inactive"
    assert _host_checks.model_hosts((up, down), "", 5) == (
        OK,
        "1 of 2 answer; stopped on purpose: rerank",
    )
    proxy.hold.clear()
    # on a loaded machine the program that asks may take longer to start than the limit
    real = _process.run
    monkeypatch.setattr(_process, "run", lambda argv, timeout: real(argv, timeout=60))
    assert _host_checks.model_hosts((up,), "", 0.2) == (
        DEGRADED,
        "embed (%s) does not answer in time" % address,
    )


def test_model_hosts_are_asked_from_the_proxys_container(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def run(argv: list[str], timeout: float) -> Result:
        seen.append(argv)
        return Result(1, "", "Error response from daemon: container is paused\n")

    monkeypatch.setattr(_process, "run", run)
    assert _host_checks.model_hosts(
        (ModelHost("m", "host.docker.internal:8082"),), "litellm-proxy", 5
    ) == (UNKNOWN, "could not be asked: Error response from daemon: container is paused")
    assert seen[0][:4] == ["docker", "exec", "litellm-proxy", "python3"]
    assert seen[0][-2:] == ["2.5", "host.docker.internal:8082"]


@pytest.fixture
def tls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a server whose own certificate is valid for so many days."""
    files = ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "cert")]
    words = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=gateway.lan -days".split()
    subprocess.run([*words, str(request.param), *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):  # closed at the end
                while True:
                    client = server.accept()[0]
                    with contextlib.suppress(OSError), context.wrap_socket(client, True) as spoken:
                        spoken.recv(1)

        threading.Thread(target=serve, daemon=True).start()
        yield "https://127.0.0.1:%d" % server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("tls", [30, 9500], indirect=True, ids=["soon", "after 2050"])
def test_certificate_at_an_address_of_this_host_is_asked_for_its_end_alone(
    tls: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    days, limits = request.node.callspec.params["tls"], Limits(seconds=5)
    now = datetime.now(timezone.utc) - timedelta(minutes=5)
    said = [
        _host_checks.certificate(tls, now + timedelta(days=days - left), limits)
        for left in (20, 13, -1)
    ]
    assert said[:2] == [(OK, "valid for 20 more days"), (DEGRADED, "valid for 13 more days")]
    assert said[2][0] == FAILED and said[2][1].startswith("ran out on 20")
    monkeypatch.setattr(_listeners, "is_here", lambda host: False)
    untrusted = (FAILED, "its TLS certificate is not trusted")
    assert _host_checks.certificate(tls, now, limits) == untrusted


def test_certificate_of_what_speaks_no_tls(proxy: Any) -> None:
    told = _host_checks.certificate("https" + proxy.url[4:], NOW, Limits(seconds=2))
    assert told == (FAILED, "TLS failed")


@pytest.mark.parametrize("data", [b"", b"\x30", b"\x30\x82", b"\x30\x03\x02\x01\x00"])
def test_what_is_no_certificate_has_no_end(data: bytes) -> None:
    with pytest.raises(ValueError):
        _host_checks.expiry(data)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ([], (OK, "no original of 3 has changed")),
        (
            ["/a"],
            (DEGRADED, "litellm-ops refresh copies anew what has changed since, and restarts: /a"),
        ),
        (["/a", "/b", "/c"], (DEGRADED, "/a, /b, 1 more")),
    ],
)
def test_originals_that_have_changed_are_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, changed: list[str], said: tuple[str, str]
) -> None:
    files = [Copy(path, path, "needed.001-x") for path in ("/a", "/b", "/c")]
    kept = _needed_copies.Copies("/p", "root", 0, tuple(files))
    outdated = [file for file in files if file.source in changed]
    monkeypatch.setattr(_needed_copies, "outdated", lambda copies: outdated)
    state, detail = _host_checks.copies(kept)
    assert state == said[0] and detail.endswith(said[1])


def test_disk_is_told_once_per_disk_and_for_folders_that_are_not_there_yet(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    free = 50
    monkeypatch.setattr(
        _host_checks.shutil,
        "disk_usage",
        lambda folder: _host_checks.shutil._ntuple_diskusage(100, 100 - free, free),
    )
    state, detail = _host_checks.disk((str(tmp_path), str(tmp_path / "a" / "b")), Limits())
    assert (state, detail) == (OK, "%s is 50 %% full, 0.0 GiB free" % tmp_path)
    free = 10
    assert _host_checks.disk((str(tmp_path),), Limits())[0] == DEGRADED
    free = 2
    assert _host_checks.disk((str(tmp_path),), Limits())[0] == FAILED


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, (DEGRADED, "none has succeeded yet")),
        ({"backup": {"last_success": None}}, (DEGRADED, "none has succeeded yet")),
        ([], (DEGRADED, "none has succeeded yet")),
        (
            {"backup": {"ok": True, "last_success": {"time": "2026-11-24T10:30:00+00:00"}}},
            (OK, "1.5 hours old"),
        ),
        (
            {"backup": {"ok": True, "last_success": {"time": "2026-11-21T12:00:00+00:00"}}},
            (DEGRADED, "the last one that succeeded is 72 hours old, more than 26"),
        ),
        (
            {
                "backup": {
                    "ok": False,
                    "problem": "the disk is full",
                    "last_success": {"time": "2026-11-24T10:30:00+00:00"},
                }
            },
            (DEGRADED, "the last one failed: the disk is full"),
        ),
        (
            {"backup": {"ok": True, "last_success": {"time": "2026-11-24T13:00:00+00:00"}}},
            (OK, "0.0 hours old"),
        ),
    ],
)
def test_backups_must_not_be_too_old(tmp_path: Path, told: Any, said: Any) -> None:
    path = tmp_path / "backup.json"
    path.write_text(json.dumps(told))
    assert _host_checks.age(str(path), "backup", NOW, 26) == said
    assert _host_checks.age(str(tmp_path / "nosuch"), "backup", NOW, 26) == (
        DEGRADED,
        "none has succeeded yet",
    )
