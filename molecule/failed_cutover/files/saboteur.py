# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Freezes the new proxy as soon as it is published at the legacy address: it never gets healthy.

It also changes the schema of its database, as a newer release might: rows of such a one can't be
carried into the legacy database.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

PATIENCE = 10  # seconds for an init process to start what it is there for


def freeze(init: int) -> None:
    """Stops the proxy itself, the one child of its container's init process.

    That process has no other child: frozen itself, it would only stop reaping.
    """
    children = Path(f"/proc/{init}/task/{init}/children")
    end = time.monotonic() + PATIENCE
    while not (found := children.read_text().split()):
        if time.monotonic() > end:
            raise SystemExit(f"the init process {init} started nothing in {PATIENCE} s")
    for pid in found:
        os.kill(int(pid), signal.SIGSTOP)


def main() -> None:
    events = subprocess.Popen(
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
    for line in events.stdout or ():
        told = json.loads(
            subprocess.run(
                ["docker", "inspect", line.strip()], capture_output=True, text=True, check=True
            ).stdout
        )[0]
        ports = [
            item["HostPort"]
            for hosts in told["HostConfig"]["PortBindings"].values()
            for item in hosts
        ]
        if "4000" in ports:
            freeze(told["State"]["Pid"])
            subprocess.run(
                [
                    "docker",
                    "exec",
                    "litellm-postgres",
                    "psql",
                    "-U",
                    "litellm",
                    "-d",
                    "litellm",
                    "-c",
                    'ALTER TABLE "LiteLLM_TeamTable" ADD COLUMN later text',
                ],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            print("frozen", flush=True)


if __name__ == "__main__":
    main()
