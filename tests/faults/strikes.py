# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the host itself, each at the phase of a migration where it hurts most."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

COMPOSE_DATA = "/var/lib/docker/volumes/litellm_postgres/_data"
BACKUPS = "/var/backups/llmops-litellm"
# Until a copy or a dump is under way.
COPYING = "timeout 60 sh -c 'until pgrep -f \"pg_dump .*--format=custom\" > /dev/null; do sleep 0.05; done'"


class Strike(NamedTuple):
    """A fault: what is run on the host (by ``sh``) when the journal's phase is ``phase``, and what undoes it after the run has ended.

    ``spend``: whether LiteLLM may be held to spend that it had in memory only when a proxy or a database was killed under it.
    ``outside``: done by the harness, on this machine: ``restart`` the host, ``cut`` the connection, start a ``second`` run.
    """

    name: str
    phase: str
    strike: str = ""
    undo: str = ""
    spend: bool = True
    outside: str = ""


def crash(phase: str) -> Strike:
    """The host's Docker daemon is killed; systemd starts it again."""
    return Strike("Docker daemon killed", phase, "systemctl kill --signal=KILL docker.service",
                  "systemctl reset-failed docker.service; systemctl start docker.service", spend=False)


STRIKES = [
    crash("stage"), crash("cutover"), crash("serve"),
    Strike("PostgreSQL container killed during the copy", "rehearse", f"{COPYING}; docker kill litellm-postgres"),
    Strike("PostgreSQL container killed during the copy", "cutover", f"{COPYING}; docker kill litellm-postgres"),
    Strike("legacy PostgreSQL stopped under the dump", "backup", f"{COPYING}; systemctl stop postgresql@15-main",
           "systemctl start postgresql@15-main", spend=False),
    Strike("disk full in the backup folder", "rehearse", f"mkdir -p {BACKUPS} && mount -t tmpfs -o size=1m tmpfs {BACKUPS}", f"umount {BACKUPS}"),
    Strike("disk full in Docker's volume", "environment", f"test -d {COMPOSE_DATA} && mount -t tmpfs -o size=72m tmpfs {COMPOSE_DATA}",
           f"umount {COMPOSE_DATA}"),
    Strike("host restarted", "cutover", outside="restart", spend=False),
    Strike("connection to the host cut", "cutover", outside="cut"),
    Strike("connection to the host cut", "serve", outside="cut"),
    Strike("new proxy crashes again and again", "cutover", "systemd-run --unit=saboteur --collect python3 -B /root/faults/saboteur.py",
           "systemctl stop saboteur", spend=False),
    Strike("new proxy has the wrong salt key", "backup",
           "sed -i 's/^LITELLM_SALT_KEY=.*/LITELLM_SALT_KEY=sk-wrong-salt-key-0123456789abcdef/' /opt/litellm/.env"),
    Strike("second run at the same time", "rehearse", outside="second"),
]


def damaged(path: str) -> list[tuple[str, str]]:
    """Ways to spoil a journal: what they are called, and the command."""
    return [("journal truncated", f"truncate -s 50% {path}".replace("50%", "$(( $(stat -c %s " + path + ") / 2 ))")),
            ("journal edited into nonsense", f"sed -i 's/\"state\": \"migrated\"/\"state\": \"whatever\"/' {path}"),
            ("journal edited into nonsense", f"sed -i 's/\"steps\": \\[/\"steps\": 3, \"_\": [/' {path}")]


Host = Callable[..., str]
