# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a retention policy needs to decide: ``python tests/benchmark/retention.py [BACKUPS]`` (100,000)."""

from __future__ import annotations

import random
import sys
import time
from datetime import datetime, timedelta, timezone

from ansible_collections.llmops.litellm.plugins.module_utils._retention import Backup, Policy, plan

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)


def main() -> None:
    """Print the seconds, best and worst of five."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    backups = [Backup("%06d" % index, NOW - timedelta(minutes=10 * index)) for index in range(number)]
    random.Random(1).shuffle(backups)
    for zone in ("", "Europe/Berlin"):
        seconds = []
        for _run in range(5):
            begun = time.perf_counter()
            decided = plan(backups, Policy(1, 7, 4, 3, 0, zone))
            seconds.append(time.perf_counter() - begun)
        print("%d backups, zone %s: %.2f to %.2f s, %d kept" % (number, zone or "of the host", min(seconds), max(seconds), len(decided.kept)))


if __name__ == "__main__":
    main()
