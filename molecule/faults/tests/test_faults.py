"""Runs that are killed, under a client that remembers what was acknowledged."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"]).parent.parent


def test_every_run_that_was_killed_comes_to_a_good_end(tmp_path: Path) -> None:
    run = subprocess.run(
        [
            sys.executable,
            "tests/faults/faults.py",
            "run",
            "--representative",
            "--keep",
            "--host",
            "llmops-faults-scenario",
            "--results",
            str(tmp_path / "r"),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print(run.stdout)
    assert run.returncode == 0
    assert "2 cases, 2 good, 0 acknowledged rows lost." in run.stdout
