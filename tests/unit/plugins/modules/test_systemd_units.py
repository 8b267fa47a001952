"""The module systemd_units: what it returns, shows and refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_systemd import FILES, PATTERNS, Systemd
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._host import unit_files as _unit_files
from ansible_collections.llmops.litellm.plugins.module_utils._host.paths import UntrustedPath
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result
from ansible_collections.llmops.litellm.plugins.modules import systemd_units


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    folder = tmp_path / "system"
    folder.mkdir()
    fake = Systemd(folder)

    def systemctl(_manager: Any, *words: str, timeout: float = 0) -> Result:
        if words == ("daemon-reload",):
            fake.reload()
            return Result(0, "", "")
        return fake.systemctl(*words, timeout=timeout)

    monkeypatch.setattr(_systemd.Manager, "systemctl", systemctl)
    monkeypatch.setattr(_unit_files, "run", lambda argv: Result(0, "", ""))
    return fake


def install(host: Systemd, files: dict[str, str], **options: Any) -> list[str]:
    given: dict[str, Any] = {
        "patterns": PATTERNS,
        "enabled": ["x-tidy.timer"],
        "folder": str(host.folder),
        **options,
    }
    return _unit_files.install(files, **given).done


def test_module_tells_what_it_does(
    host: Systemd, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("install", "pause", "remove"):
        act = getattr(_unit_files, name)
        monkeypatch.setattr(
            _unit_files,
            name,
            lambda *words, act=act, **_folder: act(*words, folder=str(host.folder)),
        )

    def run(**params: Any) -> dict[str, Any]:
        return support.run_module(systemd_units.main, {"patterns": PATTERNS, **params}, capsys)

    files = [{"name": name, "content": text} for name, text in FILES.items()]
    told = run(files=files, enabled=["x-tidy.timer"])
    assert told["changed"] and told["done"][-1] == "x-tidy.timer: started"
    assert told["diff"][0] == {
        "before": "",
        "after": FILES["x-tidy.service"],
        "before_header": "x-tidy.service",
        "after_header": "x-tidy.service",
    }
    assert run(files=files, enabled=["x-tidy.timer"])["changed"] is False
    assert run(state="paused", wait=5)["done"] == ["x-tidy.timer: stopped"]
    assert run(state="absent")["done"][-1] == "x-tidy.timer: removed"
    assert "nosuch" in run(files=files, started=["nosuch.service"])["msg"]


def test_folder_that_is_not_roots_own_is_a_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_unit_files, "install", support.fails(UntrustedPath("of somebody else")))
    told = support.run_module(systemd_units.main, {"patterns": PATTERNS}, capsys)
    assert (told["failed"], told["msg"]) == (True, "of somebody else")
