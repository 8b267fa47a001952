# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a test host was when it was taken down: ``tests/evidence.py HOST FOLDER``.

FOLDER gets a file for each entry of `ASKED`, without the secrets that the host knows, and
``runs.json``: how often the host was migrated and brought back, by its own journals. Names of steps
are the collection's own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import steps as _steps

STATE = "/var/lib/llmops-litellm"
ASKED = {
    "journal.log": "journalctl --no-pager --output short-precise --lines 5000",
    "containers.txt": "docker ps --all --no-trunc",
    "proxy.log": "docker logs --timestamps --tail 500 litellm-proxy 2>&1",
    "failed.txt": "systemctl list-units --failed --no-pager",
    "units.txt": "systemctl list-units --all --no-pager '*litellm*' 'llama*' 'docker*' "
    "'postgres*' 'redis*'; "
    "systemctl --user --machine=litellm@ list-units --all --no-pager 'litellm*'",
    "timers.txt": "systemctl list-timers --all --no-pager",
    "journal.json": f"cat {STATE}/journal.json",
    "report.md": f"cat {STATE}/report.md",
    "listeners.txt": "ss -Hltnp",
    "processes.txt": "ps -eo pid,ppid,lstart,comm --forest",
}
JOURNALS = (
    f"for path in {STATE}/journal.json {STATE}/journal-*.json; do "
    '[ -e "$path" ] && { cat "$path" | tr -d "\\n"; echo; }; done; true'
)


def ask(host: str, command: str) -> str:
    """What a command on the host prints, whether it ends well or not."""
    done = subprocess.run(
        ["docker", "exec", host, "timeout", "30", "sh", "-c", command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.stdout.decode(errors="replace")


def secrets(host: str) -> dict[str, str]:
    """Everything that nobody may read, by name.

    systemd logs the lines of an env file that it ignores, so the journal may hold any of it.
    """
    found = json.loads(ask(host, "cat /root/testbed/secrets.json 2> /dev/null || echo {}"))
    keys = json.loads(ask(host, "cat /root/testbed/keys.json 2> /dev/null || echo {}"))
    found.update({entry["alias"]: entry["key"] for entry in keys.get("keys", [])})
    command = "grep -hsE '^(POSTGRES|REDIS)_PASSWORD=' /opt/litellm/.env /home/*/*/compose/.env"
    for line in ask(host, command).splitlines():
        name, _equals, value = line.partition("=")
        found["new " + name] = value.strip("'\"")
    return {name: value for name, value in found.items() if len(value) > 8}


def hide(text: str, known: dict[str, str]) -> str:
    """A text with the names of secrets in their places."""
    for name, value in known.items():
        text = text.replace(value, f"<{name}>").replace(json.dumps(value)[1:-1], f"<{name}>")
    return text


def runs(journals: Iterable[str]) -> dict[str, int]:
    """How many migrations and ways back came to the end of their last step.

    :param journals: the host's journals, each as JSON.
    """
    last = {
        "migrations": _steps.of(_steps.SERVE)[-1],
        "rollbacks": _steps.of(_steps.REVERT)[-1],
    }
    counted = dict.fromkeys(last, 0)
    for text in journals:
        ended = {
            (step.get("name"), step.get("state")) for step in json.loads(text).get("steps", [])
        }
        for kind, name in last.items():
            counted[kind] += (name, "done") in ended
    return counted


def main() -> None:
    """Ask the host, write the folder."""
    host, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    known = secrets(host)
    for name, command in ASKED.items():
        (folder / name).write_text(hide(ask(host, command), known), encoding="utf-8")
    lines = [line for line in ask(host, JOURNALS).splitlines() if line.startswith("{")]
    (folder / "runs.json").write_text(json.dumps(runs(lines)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
