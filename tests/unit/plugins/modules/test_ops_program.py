"""The module ops_program: the real command, run by a Python that knows nothing of Ansible."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._ops import answer as _answer
from ansible_collections.llmops.litellm.plugins.module_utils._ops import install as _install
from ansible_collections.llmops.litellm.plugins.modules import ops_program


def call(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tmp_path / "sbin" / "litellm-ops", *words],
        capture_output=True,
        text=True,
        check=False,
        env={},
        cwd="/",
    )


def test_module_installs_the_real_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sbin").mkdir()
    command = str(tmp_path / "sbin" / "litellm-ops")

    def run(**params: Any) -> dict[str, Any]:
        given = {
            "library": str(tmp_path / "lib"),
            "command": command,
            **params,
        }
        return support.run_module(ops_program.main, given, capsys)

    support.reachable(tmp_path / "sbin")
    tmp_path.chmod(0o755)
    told = run()
    assert told["changed"] and told["diff"]["after"].startswith("#!/usr/bin/python3 -IB\n")
    assert run()["changed"] is False
    (tmp_path / "sbin").chmod(0o700)
    for told in (run(), run(_ansible_check_mode=True)):
        assert told["failed"] and f"{tmp_path}/sbin (mode 0700) is closed to it" in told["msg"]
    (tmp_path / "sbin").chmod(0o755)
    done = call(tmp_path, "backup", "--help")
    assert done.returncode == 0 and "--no-prune" in done.stdout, done.stderr
    (tmp_path / "ops.json").write_text("{}")
    (tmp_path / "ops.json").chmod(0o600)
    done = call(tmp_path, "status", "--settings", str(tmp_path / "ops.json"))
    assert (done.returncode, "state_dir is missing" in done.stderr) == (_answer.USAGE, True), (
        done.stderr
    )
    caller = str(tmp_path / "m.service")
    monkeypatch.setattr(_install, "remove_settings_folder", lambda check: True)
    monkeypatch.setattr(_install, "needed_by", lambda path: [caller] if path == command else [])
    told = run(state="absent")
    assert (told["changed"], told["needed_by"]) == (True, [caller])
    assert call(tmp_path, "--help").returncode == 0
    monkeypatch.setattr(_install, "needed_by", lambda path: [])
    folder = {"path": str(tmp_path / "etc"), "mode": "0755"}
    told = run(folders=[folder], _ansible_check_mode=True)
    assert (told["changed"], (tmp_path / "etc").exists()) == (True, False)
    assert [run(folders=[folder])["changed"] for _time in range(2)] == [True, False]
    (tmp_path / "etc").chmod(0o700)
    assert [run(folders=[folder])["changed"] for _time in range(2)] == [True, False]
    theirs = support.foreign(tmp_path / "theirs")
    for check in (True, False):
        folder = {"path": str(theirs / "inner"), "mode": "0700"}
        told = run(folders=[folder], _ansible_check_mode=check)
        assert told["failed"] and "theirs belongs to account nobody" in told["msg"]
    assert list(theirs.iterdir()) == []
    told = run(state="absent")
    assert (told["changed"], told["needed_by"]) == (True, [])
    assert os.listdir(tmp_path / "sbin") == []
