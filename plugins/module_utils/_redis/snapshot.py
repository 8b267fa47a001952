# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set the project's Redis aside during a restore: save its keys, empty it, load them again."""

from __future__ import annotations

import os
from typing import NamedTuple, Sequence

from .._host import files as _files
from .redis import Container


class RedisAside(NamedTuple):
    """The keys of the project's Redis, set aside while the proxy is stopped.

    They belong to another database than the restored one. LiteLLM counts spend in Redis and
    refreshes a counter at each request, so one that is too high would stay; and what waits there to
    be written would be added to the restored database. The snapshot is kept until the restore has
    succeeded.
    """

    container: Container
    snapshot: str

    def clear(self) -> bool:
        """Save what it holds, and empty it; whether there is such a Redis.

        :raises RedisError: it refuses.
        """
        if self.container.state() != "running":
            return False
        if not os.path.exists(self.snapshot):
            partial = self.snapshot + ".growing"
            if os.path.exists(partial):
                os.unlink(partial)
            self.container.save(partial)
            _files.move(partial, self.snapshot)
        self.container.ask("FLUSHALL")
        return True

    def put_back(self, timeout: float) -> None:
        """Load what was saved.

        :raises RedisError: it can't load that.
        """
        if os.path.exists(self.snapshot):
            before = self.snapshot + ".before"
            if os.path.exists(before):
                os.unlink(before)
            if self.container.state() != "running":  # an earlier run was killed here
                self.container.start(timeout)
            self.container.load(self.snapshot, timeout)
            self.forget()

    def forget(self) -> None:
        """Remove the snapshot: it is not needed any more."""
        for path in (self.snapshot, self.snapshot + ".before", self.snapshot + ".growing"):
            if os.path.exists(path):
                os.unlink(path)


def aside(project_name: str, state_dir: str, engine: Sequence[str]) -> RedisAside:
    """The Redis of a project, and where its snapshot is kept."""
    return RedisAside(
        Container("%s-redis" % project_name, tuple(engine)),
        os.path.join(state_dir, "restore-redis.rdb"),
    )
