# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills the new proxy each time that it starts at the legacy address."""

from __future__ import annotations

import json
import os
import signal
import subprocess


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
            for item in hosts or ()
        ]
        if "4000" in ports and told["State"]["Pid"]:
            os.kill(told["State"]["Pid"], signal.SIGKILL)


if __name__ == "__main__":
    main()
