# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every part of the test bed needs: the cache folder, commands, waiting, Debian packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("LLMOPS_CACHE") or Path.home() / ".cache" / "llmops-litellm").absolute()


class TestbedError(Exception):
    """The test bed cannot go on; the text says why and what to do."""


def say(text: str) -> None:
    """One line of progress. On stderr: stdout is for what a caller reads."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def run(
    command: Sequence[str | Path], *, capture: bool = False, check: bool = True, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command as text.

    Its output goes to stderr, or into the result with `capture`. Raises TestbedError.
    """
    outputs: dict[str, Any] = (
        {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        if capture
        else {"stdout": sys.stderr}
    )
    try:
        done = subprocess.run(
            [str(word) for word in command], text=True, check=False, **{**outputs, **options}
        )
    except FileNotFoundError as error:
        raise TestbedError(f"{command[0]} is not installed") from error
    if check and done.returncode:
        detail = f": {done.stderr.strip()}" if capture and done.stderr else ""
        raise TestbedError(f"{' '.join(map(str, command))} ended with {done.returncode}{detail}")
    return done


def as_root(command: Sequence[str | Path]) -> list[str | Path]:
    """The command with the rights of root."""
    return [*command] if os.geteuid() == 0 else ["sudo", *command]


def install(*packages: str) -> None:
    """Install Debian packages. Raises TestbedError where there is no apt."""
    if shutil.which("apt-get") is None:
        raise TestbedError(f"this is not Debian: install {' '.join(packages)} by hand")
    say(f"installing {' '.join(packages)}")
    apt = as_root(
        ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    )
    run([*apt, "update"])
    run([*apt, "install", "-y", "--no-install-recommends", *packages])


def wait_for(what: str, condition: Callable[[], bool], seconds: float) -> None:
    """Poll until `condition()` is true. Raises TestbedError when `seconds` have passed."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TestbedError(f"{what}: not so after {seconds:.0f} s")
        time.sleep(0.2)
