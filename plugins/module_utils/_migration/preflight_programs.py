# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What answers where the proxy's settings lead: PostgreSQL or Redis themselves, or something before
them (a pool, a forwarder, a container's published port), which is nothing to stop and copy from.
"""

from __future__ import annotations

import os
import re
from typing import Optional

from .._deployment import legacy as _legacy
from .._host import process as _process

DATABASE, REDIS = "PostgreSQL", "Redis"
# By the names of their programs. Debian's redis-server is another name of redis-check-rdb, and a
# Redis may call itself whatever its proc-title-template says.
_SERVERS = {
    DATABASE: re.compile(r"(edb-)?postgres|postmaster"),
    REDIS: re.compile(r"(redis|valkey)-(server|check-rdb)"),
}
_PUBLISHES = re.compile(r"docker-proxy|rootlesskit.*|rootlessport|slirp4netns|pasta.*|conmon")
REMEDY = (
    "let its settings name the port of a %s that is a systemd unit of this host, restart the proxy,"
    " and run again; what answers there now stays as it is"
)


def names(pid: int, proc: str = "/proc") -> list[str]:
    """What a process is called: as it calls itself, and the file that it runs. PostgreSQL and Redis
    write more than that into their first word."""
    words = _process.command_line(pid, proc)
    found = [os.path.basename(words[0].split(" ")[0].rstrip(":"))] if words else []
    try:
        program = os.readlink(os.path.join(proc, str(pid), "exe"))
    except OSError:
        return found
    return [*found, re.sub(r" \(deleted\)$", "", os.path.basename(program))]


def is_server(kind: str, pid: Optional[int], proc: str = "/proc") -> bool:
    """Whether a process is a server of a kind."""
    return bool(pid) and any(map(_SERVERS[kind].fullmatch, names(pid or 0, proc)))


def instead(kind: str, service: Optional[_legacy.Server]) -> Optional[tuple[str, str]]:
    """What answers in a server's place, in words that follow the setting that names it, and what to
    do; ``None`` for the server itself, and where nobody can tell."""
    pid = service["pid"] if service else None
    told = names(pid) if pid else []
    if not service or not told or any(map(_SERVERS[kind].fullmatch, told)):
        return None
    seen = "leads to port %d, where %s listens" % (service["port"], service["process"])
    if any(map(_PUBLISHES.fullmatch, told)):
        seen += " for a container"
    return "%s, which is no %s of this host's own" % (seen, kind), REMEDY % kind
