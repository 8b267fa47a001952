# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the host itself, each at the phase of a migration where it hurts most."""

from __future__ import annotations

from typing import NamedTuple

COMPOSE_DATA = "/var/lib/docker/volumes/litellm_postgres/_data"
BACKUPS = "/var/backups/llmops-litellm"
# A file system of its own for the volume (the servers must not run) ... which is full from some
# moment on.
OWN_DISK = (
    f"mountpoint -q {COMPOSE_DATA} || mount -t tmpfs -o size=4g,mode=0700,"
    f"uid=$(stat -c %u {COMPOSE_DATA}),gid=$(stat -c %g {COMPOSE_DATA}) tmpfs {COMPOSE_DATA}"
)
FULL = f"mount -o remount,size=$(( $(du -sk {COMPOSE_DATA} | cut -f1) + 512 ))k {COMPOSE_DATA}"
# Until a copy or a dump is under way. The brackets keep the pattern from finding this very command.
COPYING = (
    'timeout 60 sh -c \'until pgrep -f "[p]g_dump .*--format=custom" > /dev/null; '
    "do sleep 0.05; done'"
)
# Until the rehearsal's copy is made equal again.
REFRESHING = (
    "timeout 60 sh -c 'until pgrep -f \"[p]sql --no-psqlrc\" > /dev/null; do sleep 0.02; done'"
)
# Until queries wait for the database.
PAUSED = "timeout 60 sh -c 'until test -e /run/litellm-transition/pause; do sleep 0.02; done'"
# Until clients wait, or are led elsewhere.
HELD = "timeout 60 sh -c 'until nft list tables | grep -q llmops_litellm_hold; do sleep 0.02; done'"


class Strike(NamedTuple):
    """A fault: what is run on the host (by ``sh``) when the journal's phase is ``phase``, and what
    undoes it after the run has ended.

    ``spend``: whether LiteLLM may be held to spend that it had in memory only when a proxy or a
    database was killed under it. ``outside``: done by the harness, on this machine: ``restart`` the
    host, ``cut`` the connection, start a ``second`` run. ``ends``: the states in which the struck
    run itself may leave the host. A fault that leaves no trace was none: where ``migrated`` is not
    among them, the run must have failed. ``fresh``: needs a host on which no migration has been
    before. ``before`` is run ahead of it all on a host that was migrated and came back, so that the
    volume is there; ``after`` at the very end, on the host that has come back again.
    """

    name: str
    phase: str
    strike: str = ""
    undo: str = ""
    spend: bool = True
    outside: str = ""
    ends: tuple[str, ...] = ("migrated", "rolled back")
    fresh: bool = False
    before: str = ""
    after: str = ""


def crash(phase: str, *ends: str) -> Strike:
    """The host's Docker daemon is killed; systemd starts it again."""
    return Strike(
        "Docker daemon killed",
        phase,
        "systemctl kill --signal=KILL docker.service",
        "systemctl reset-failed docker.service; systemctl start docker.service",
        spend=False,
        ends=ends,
    )


STRIKES = [
    crash("stage", "untouched", "migrated"),
    crash("cutover", "migrated", "rolled back"),
    crash("serve", "migrated", "rolled back"),
    Strike(
        "Docker daemon and initdb killed",
        "environment",
        "timeout 120 sh -c 'until pgrep -x initdb > /dev/null; do sleep 0.02; done'; "
        "kill -9 $(systemctl show -p MainPID --value docker) $(pgrep -x initdb) "
        "$(pgrep -f '[d]ocker-entrypoint.sh postgres')",
        "systemctl reset-failed docker.service; systemctl start docker.service",
        ends=("untouched", "migrated"),
        fresh=True,
    ),
    Strike(
        "PostgreSQL container killed during the copy",
        "rehearse",
        f"{COPYING}; docker kill litellm-postgres",
        ends=("untouched",),
    ),
    Strike(
        "PostgreSQL container killed during the copy",
        "cutover",
        f"{REFRESHING}; docker kill litellm-postgres",
        ends=("rolled back",),
    ),
    Strike(
        "rules that hold clients flushed",
        "cutover",
        f"{HELD}; nft delete table $(nft list tables | grep -o 'inet llmops_litellm_hold.*')",
        ends=("migrated",),
    ),
    Strike(
        "process that holds clients killed",
        "cutover",
        f"{HELD}; systemctl kill --signal=KILL 'llmops-litellm-hold-*.service'",
        # before anybody was led to the transitional proxy, the legacy one just goes on
        ends=("migrated", "rolled back"),
    ),
    Strike(
        "transitional proxy killed",
        "cutover",
        f"{HELD}; docker kill litellm-transition-proxy",
        spend=False,
        ends=("migrated",),
    ),
    Strike(
        "pooler killed while the database moves",
        "cutover",
        f"{PAUSED}; docker kill litellm-transition-pooler",
        spend=False,
        ends=("rolled back",),
    ),
    Strike(
        "legacy PostgreSQL stopped under the dump",
        "backup",
        f"{COPYING}; systemctl stop postgresql@15-main",
        "systemctl start postgresql@15-main",
        spend=False,
        ends=("untouched",),
    ),
    Strike(
        "disk full in the backup folder",
        "rehearse",
        f"mkdir -p {BACKUPS} && mount -t tmpfs -o size=64k,mode=0700 tmpfs {BACKUPS}",
        f"umount {BACKUPS}",
        ends=("untouched",),
    ),
    *(
        Strike(
            "disk full in Docker's volume",
            phase,
            FULL,
            f"mount -o remount,size=4g {COMPOSE_DATA}",
            ends=ends,
            before=OWN_DISK,
            after=f"umount {COMPOSE_DATA}",
        )
        for phase, ends in (
            ("rehearse", ("untouched",)),
            # what has changed since the rehearsal may be little enough
            ("cutover", ("rolled back", "migrated")),
        )
    ),
    Strike("host restarted", "cutover", outside="restart", spend=False, ends=("running",)),
    Strike("connection to the host cut", "cutover", outside="cut", ends=("rolled back", "running")),
    Strike("connection to the host cut", "serve", outside="cut", ends=("rolled back", "running")),
    Strike(
        "new proxy crashes again and again",
        "cutover",
        "systemd-run --unit=saboteur --collect python3 -B /root/faults/saboteur.py",
        "systemctl stop saboteur",
        spend=False,
        ends=("rolled back",),
    ),
    Strike(
        "new proxy has the wrong salt key",
        "backup",
        "sed -i 's/^LITELLM_SALT_KEY=.*/LITELLM_SALT_KEY=sk-wrong-salt-key-0123456789abcdef/' "
        "/opt/litellm/.env",
        ends=("rolled back",),
    ),
    Strike("second run at the same time", "rehearse", outside="second", ends=("migrated",)),
]


def damaged(path: str) -> list[tuple[str, str]]:
    """Ways to spoil a journal: what they are called, and the command."""
    return [
        ("journal truncated", f"truncate -s $(( $(stat -c %s {path}) / 2 )) {path}"),
        (
            "journal edited into nonsense",
            f'sed -i \'s/"state": "migrated"/"state": "whatever"/\' {path}',
        ),
        ("journal edited into nonsense", f'sed -i \'s/"steps": \\[/"steps": 3, "_": [/\' {path}'),
    ]
