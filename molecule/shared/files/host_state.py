# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a test host as JSON, to compare before and after.

Files, units, listeners, what Docker has.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys

FOLDERS = (
    "/etc/systemd/system",
    "/etc/redis",
    "/etc/postgresql",
    "/etc/docker",
    "/etc/llmops-litellm",
    "/usr/local/lib/llmops-litellm",
    "/usr/local/sbin",
    "/home/litellm/llm@team",
    "/home/litellm/.config",
    "/opt/litellm",
    "/var/lib/llmops-litellm",
    "/var/backups/llmops-litellm",
)
UNITS = re.compile(r"litellm|llama|postgres|redis|docker|chat")
# From here on ports are given at random, such as that of the proxy's own database engine.
EPHEMERAL = 32768
DOCKER = (
    ["ps", "--all", "--format", "{{.Names}}"],
    ["volume", "ls", "--quiet"],
    ["network", "ls", "--format", "{{.Name}}"],
    ["image", "ls", "--quiet", "--no-trunc"],
)


def run(*words: str) -> list[str]:
    """The lines that a program prints, sorted."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return sorted(line.strip() for line in done.stdout.splitlines() if line.strip())


def files() -> dict[str, str]:
    """Mode, owner and content of every file in the folders that matter."""
    found = {}
    for top in FOLDERS:
        for folder, names, inner in os.walk(top):
            for name in (*names, *inner):
                path = os.path.join(folder, name)
                told = os.lstat(path)
                text = "%o %d:%d" % (told.st_mode, told.st_uid, told.st_gid)
                if os.path.islink(path):
                    text += " -> " + os.readlink(path)
                elif os.path.isfile(path):
                    with open(path, "rb") as handle:
                        text += " " + hashlib.sha256(handle.read()).hexdigest()
                found[path] = text
    return found


def units() -> dict[str, list[str]]:
    """Unit files with their states, and what is active, of the system and of the account."""
    found = {}
    for scope, words in (("system", []), ("litellm", ["--user", "--machine=litellm@"])):
        base = ["systemctl", *words, "--no-legend", "--plain", "--no-pager"]
        found[scope + " files"] = [
            " ".join(line.split()[:2])
            for line in run(*base, "list-unit-files")
            if UNITS.search(line)
        ]
        found[scope + " active"] = [
            line.split()[0]
            for line in run(*base, "list-units", "--state=active", "--type=service,timer,socket")
            if UNITS.search(line)
        ]
    return found


def main() -> None:
    state = {
        "files": files(),
        "units": units(),
        "docker": {words[0]: run("docker", *words) for words in DOCKER},
        "listeners": sorted(
            {
                address
                for address in (line.split()[3] for line in run("ss", "-Hltn"))
                if int(address.rpartition(":")[2]) < EPHEMERAL
            }
        ),
    }
    json.dump(state, sys.stdout, indent=1, sort_keys=True)


if __name__ == "__main__":
    main()
