# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Freezes the proxy at its next start, once: it runs, and never gets healthy."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

started = subprocess.Popen(
    [
        "docker",
        "events",
        "--filter",
        "container=litellm-proxy",
        "--filter",
        "event=start",
        "--format",
        "{{.ID}}",
    ],
    stdout=subprocess.PIPE,
    text=True,
)
print("waiting", flush=True)
container = (started.stdout or sys.stdin).readline().strip()
init = subprocess.run(
    ["docker", "inspect", "--format", "{{.State.Pid}}", container],
    capture_output=True,
    text=True,
    check=True,
).stdout.strip()
limit = time.monotonic() + 10
children: list[str] = []
while (
    not children and time.monotonic() < limit
):  # the init process first has to start what it is there for
    with open(f"/proc/{init}/task/{init}/children", encoding="ascii") as handle:
        children = handle.read().split()
for pid in children:
    os.kill(int(pid), signal.SIGSTOP)
print("frozen" if children else "nothing to freeze", flush=True)
