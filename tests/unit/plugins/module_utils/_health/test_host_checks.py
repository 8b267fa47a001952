"""Checks of the host: model servers, certificates, room on disks, the age of backups."""

from __future__ import annotations

import json
import ssl
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

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


def test_certificate_that_is_not_trusted_or_runs_out(
    monkeypatch: pytest.MonkeyPatch, proxy: Any
) -> None:
    assert _host_checks.certificate("https" + proxy.url[4:], NOW, Limits(seconds=2)) == (
        FAILED,
        "TLS failed",
    )

    class Secured:
        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_error: object) -> None:
            pass

        def getpeercert(self) -> dict[str, str]:
            return {"notAfter": (NOW + timedelta(days=days)).strftime("%b %d %H:%M:%S %Y GMT")}

    monkeypatch.setattr(
        ssl.SSLContext, "wrap_socket", lambda self, plain, server_hostname: Secured()
    )
    days = 13
    assert _host_checks.certificate("https" + proxy.url[4:], NOW, Limits()) == (
        DEGRADED,
        "valid for 13 more days",
    )
    days = 60
    assert _host_checks.certificate("https" + proxy.url[4:], NOW, Limits()) == (
        OK,
        "valid for 60 more days",
    )


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
