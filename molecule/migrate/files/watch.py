# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look for secrets on the command lines of all processes, ten times a second.

``watch.py FILE`` keeps in FILE: ``looked`` (how often) and ``leaks`` (names of secrets that a
command line held, with the program).
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

SECRETS = Path("/root/testbed/secrets.json")
NEW = Path("/srv/llm@team/compose/.env")


def secrets() -> dict[str, str]:
    """What must never be seen: the legacy deployment's secrets and the generated passwords."""
    found = json.loads(SECRETS.read_text())
    if NEW.exists():
        for line in NEW.read_text().splitlines():
            name, equals, value = line.partition("=")
            if equals and name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD"):
                found[name] = value.strip("'\"")
    return found


def leaks(known: dict[str, str]) -> set[str]:
    """Secrets on command lines, as ``NAME in PROGRAM on the host`` or ``in a container``."""
    found = set()
    here = os.readlink("/proc/1/ns/pid")
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes().decode(errors="replace")
                where = (
                    "on the host" if os.readlink(folder / "ns/pid") == here else "in a container"
                )
            except OSError:
                continue
            found |= {
                "%s in %s %s" % (name, os.path.basename(words.split("\0")[0]), where)
                for name, value in known.items()
                if value in words
            }
    return found


def main() -> None:
    seen: set[str] = set()
    looked = 0
    while True:
        begun = time.time()
        seen |= leaks(secrets())
        looked += 1
        Path(sys.argv[1] + ".new").write_text(json.dumps({"looked": looked, "leaks": sorted(seen)}))
        os.rename(sys.argv[1] + ".new", sys.argv[1])
        time.sleep(max(0.0, 0.1 - (time.time() - begun)))


if __name__ == "__main__":
    main()
