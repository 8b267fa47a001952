"""The module legacy_record: what it records, and what it never shows."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._config import envfile as _envfile
from ansible_collections.llmops.litellm.plugins.modules import (
    legacy_record,
)

Run = Callable[..., dict[str, Any]]


SECRET = "hunter2 '$\"\\\n#x"


@pytest.fixture
def process() -> Iterator[int]:
    """A process with a secret, and with a variable that no env file can hold."""
    environment = {"LITELLM_SALT_KEY": SECRET, "A": "1", "BASH_FUNC_x%%": "() { :; }"}
    # its first line says that /proc tells of it
    command = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout
        assert child.stdout.readline()
        yield child.pid
        child.terminate()


def test_environment_of_a_process_is_recorded_byte_for_byte(
    run: Run, process: int, tmp_path: Path
) -> None:
    dest = tmp_path / "state" / "legacy.env"
    assert run(legacy_record, check=True, pid=process, dest=str(dest))["changed"]
    assert not dest.exists()
    result = run(legacy_record, pid=process, dest=str(dest))
    assert result["changed"]
    assert {"A", "LITELLM_SALT_KEY"} <= set(result["variables"])
    assert list(result["left_out"]) == ["BASH_FUNC_x%%"]
    assert (dest.stat().st_mode & 0o777, dest.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    for dialect in ("compose", "systemd"):
        assert _envfile.loads(dest.read_text(), dialect)["LITELLM_SALT_KEY"] == SECRET
    assert not run(legacy_record, pid=process, dest=str(dest))["changed"]
    dest.chmod(0o644)
    assert run(legacy_record, pid=process, dest=str(dest))["changed"]
    assert dest.stat().st_mode & 0o777 == 0o600


def test_stores_and_keys_are_those_of_the_configuration(
    run: Run, process: int, tmp_path: Path
) -> None:
    config, dest = tmp_path / "config.yaml", tmp_path / "state" / "legacy.env"
    config.write_text(
        "general_settings: {master_key: sk-x, database_url: 'postgresql://u@/d?host=/run/x'}\n"
    )
    result = run(legacy_record, pid=process, dest=str(dest), config=str(config))
    kept = _envfile.loads(dest.read_text(), "compose")
    assert kept["LITELLM_MASTER_KEY"] == "sk-x"
    assert kept["DATABASE_URL"] == "postgresql://u@/d?host=/run/x"
    assert "LLMOPS_LITELLM_ACCOUNT" in result["variables"]
    config.unlink()
    said = run(legacy_record, pid=process, dest=str(dest), config=str(config))["msg"]
    assert "config.yaml" in said


def test_what_litellm_loads_by_itself_is_recorded_with_it(
    run: Run, process: int, tmp_path: Path
) -> None:
    dest, early, late = (tmp_path / name for name in ("state/legacy.env", ".env", "late.env"))
    early.write_text("A=file\nB_KEY=${A}-%s\n" % "hunter2")
    late.write_text("B_KEY=late\nC_KEY=hunter2\nREDIS_HOST=too_late\n")
    files = [{"path": str(early), "dialect": "dotenv"}, {"path": str(late), "late": True}]
    result = run(legacy_record, pid=process, dest=str(dest), dotenv_files=files)
    assert {"B_KEY", "C_KEY"} <= set(result["variables"])
    recorded = _envfile.loads(dest.read_text(), "systemd")
    assert (recorded["A"], recorded["B_KEY"], recorded["C_KEY"]) == ("1", "1-hunter2", "hunter2")
    assert "REDIS_HOST" not in recorded
    assert not run(legacy_record, pid=process, dest=str(dest), dotenv_files=files)["changed"]
    early.unlink()
    refused = run(legacy_record, pid=process, dest=str(dest), dotenv_files=files)
    assert refused["failed"]
    assert str(early) in refused["msg"]


def test_process_that_is_gone_is_said(run: Run, tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as child:
        child.wait()
    assert "Run again" in run(legacy_record, pid=child.pid, dest=str(tmp_path / "x"))["msg"]
    assert list(tmp_path.iterdir()) == []


def test_process_of_another_account_by_that_number_is_gone(
    run: Run, process: int, tmp_path: Path
) -> None:
    dest = str(tmp_path / "x")
    assert "Run again" in run(legacy_record, pid=process, dest=dest, account="nobody")["msg"]
    said = run(legacy_record, pid=process, dest=dest, account="llmops-nosuch")["msg"]
    assert "there is no account llmops-nosuch" in said
    assert list(tmp_path.iterdir()) == []
    assert run(legacy_record, pid=process, dest=dest, account="root")["changed"]


def test_folder_of_another_account_is_refused(run: Run, process: int, tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    said = run(legacy_record, pid=process, dest=str(tmp_path / "x"))["msg"]
    assert "belongs to account nobody, and root" in said
    assert list(tmp_path.iterdir()) == []
