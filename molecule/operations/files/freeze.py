# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stops the proxy's processes in their tracks, or lets them go on.

``freeze.py STOP`` or ``freeze.py CONT``. The init process above is left alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

init = subprocess.run(
    ["docker", "inspect", "--format", "{{.State.Pid}}", "litellm-proxy"],
    capture_output=True,
    text=True,
    check=True,
).stdout.strip()
with open(f"/proc/{init}/task/{init}/children", encoding="ascii") as handle:
    children = handle.read().split()
for pid in children:
    os.kill(int(pid), {"STOP": signal.SIGSTOP, "CONT": signal.SIGCONT}[sys.argv[1]])
if not children:
    sys.exit("the proxy has no process")
