# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis' keys, put aside while a restore changes databases, and back where it fails."""

from __future__ import annotations

import os
from typing import NamedTuple, Sequence

from .redis import Container


class RedisAside(NamedTuple):
    """What the project's Redis holds, put aside while the proxy stands still: counters and cached keys of another database.

    LiteLLM counts spend up in Redis and refreshes such a counter at each request, so that one that is too high would stay. What waits there to
    be written would be added to the restored database. Kept as a snapshot until the restore has gone well.
    """

    container: Container
    snapshot: str

    def clear(self) -> bool:
        """Keep what it holds, and empty it; whether there is such a Redis.

        :raises RedisError: it refuses.
        """
        if self.container.state() != "running":
            return False
        if not os.path.exists(self.snapshot):
            growing = self.snapshot + ".growing"
            if os.path.exists(growing):
                os.unlink(growing)
            self.container.save(growing)
            os.rename(growing, self.snapshot)
        self.container.ask("FLUSHALL")
        return True

    def put_back(self, patience: float) -> None:
        """Let it hold again what it held.

        :raises RedisError: it can't load that.
        """
        if os.path.exists(self.snapshot):
            before = self.snapshot + ".before"
            if os.path.exists(before):
                os.unlink(before)
            if self.container.state() != "running":  # as a run leaves it that is killed here
                self.container.start(patience)
            self.container.load(self.snapshot, patience)
            self.forget()

    def forget(self) -> None:
        """What was kept is not needed any more."""
        for path in (self.snapshot, self.snapshot + ".before", self.snapshot + ".growing"):
            if os.path.exists(path):
                os.unlink(path)


def aside(project_name: str, state_dir: str, engine: Sequence[str]) -> RedisAside:
    """The Redis of a project, and where its snapshot is kept."""
    return RedisAside(
        Container("%s-redis" % project_name, tuple(engine)),
        os.path.join(state_dir, "restore-redis.rdb"),
    )
