# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a retention policy needs to decide: ``python tests/benchmark/retention.py [BACKUPS]``
(100,000).

One backup every ten minutes, shuffled; the default policy, and one that has to look at all of them.
"""

from __future__ import annotations

import random
import sys
import time
from datetime import datetime, timedelta, timezone

from ansible_collections.llmops.litellm.plugins.module_utils._backup.retention import (
    Backup,
    Policy,
    plan,
    words,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)


def main() -> None:
    """Print the seconds of the clock and of the processor, best and worst of five."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    backups = [
        Backup("%06d" % index, NOW - timedelta(minutes=10 * index)) for index in range(number)
    ]
    random.Random(1).shuffle(backups)
    for policy in (
        Policy(),
        Policy(timezone="Europe/Berlin"),
        Policy(50, 9999, 999, 99, 9, "Europe/Berlin"),
    ):
        clock, processor = [], []
        for _run in range(5):
            begun = time.perf_counter(), time.process_time()
            decided = plan(backups, policy)
            clock.append(time.perf_counter() - begun[0])
            processor.append(time.process_time() - begun[1])
        print(
            "%d backups, %s, zone %s: %.2f to %.2f s (processor %.2f to %.2f s), %d kept"
            % (
                number,
                words(policy),
                policy.timezone or "of the host",
                min(clock),
                max(clock),
                min(processor),
                max(processor),
                len(decided.kept),
            )
        )


if __name__ == "__main__":
    main()
