# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits until all of these answer: ``wait.py SECONDS URL...``; a proxy with its database connected.

On the host, since asking again from outside costs more than a proxy that starts has to spare.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request


def answers(url: str) -> bool:
    """Whether a server answers well."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            text = response.read().decode()
    except OSError:
        return False
    if not url.endswith("/health/readiness"):
        return True
    return json.loads(text).get("db") == "connected"


def main() -> None:
    limit = time.monotonic() + float(sys.argv[1])
    for url in sys.argv[2:]:
        while not answers(url):
            if time.monotonic() > limit:
                sys.exit(f"{url} does not answer")
            time.sleep(0.5)


if __name__ == "__main__":
    main()
