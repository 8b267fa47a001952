# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints each command line that appears on this host, once: what any account of it can read.

It does so until it is ended.
"""

from __future__ import annotations

import os
import time

seen: set[bytes] = set()
while True:
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/cmdline", "rb") as handle:
                    line = handle.read()
            except OSError:
                continue
            if line and line not in seen:
                seen.add(line)
                print(
                    line.replace(b"\0", b" ").decode("utf-8", "replace").replace("\n", " "),
                    flush=True,
                )
    time.sleep(0.002)  # as often as two cores allow; there is no event to wait for
