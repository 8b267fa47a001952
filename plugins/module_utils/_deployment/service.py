# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy of a deployment, stopped and started for a restore, and asked whether it serves."""

from __future__ import annotations

import time
from typing import Mapping, NamedTuple, Optional

from .._host import systemd as _systemd
from .._litellm import client as _client
from .._litellm import readiness as _readiness
from .._postgres.session import Endpoint
from .._redis import snapshot as _snapshot
from .._redis.snapshot import RedisAside
from . import compose_project as _compose_project
from . import legacy as _legacy
from .compose_project import DeploymentError

DELAY = 0.5  # seconds between two looks
# Any release shows at least one row of this, to nobody but the holder of the master key.
KEYS = "/key/list?size=1"


class Deployment(NamedTuple):
    """What is restored. ``kind``: ``compose`` or ``legacy``; ``images`` by service; ``unit``,
    ``account`` (empty: the system's) and ``python`` (the interpreter whose environment has LiteLLM)
    are of the legacy kind, folder and name of the project of the other."""

    kind: str
    database: Endpoint
    project_folder: str = ""
    project_name: str = ""
    salt_key_file: str = ""
    url: str = "http://127.0.0.1:4000"
    images: Mapping[str, str] = {}
    unit: str = ""
    account: str = ""
    python: str = ""


class Service:
    """The proxy of a deployment."""

    def __init__(self, deployment: Deployment, state_dir: str, timeout: float) -> None:
        self.deployment, self.timeout = deployment, timeout
        self.engine = deployment.database.engine
        self.redis: Optional[RedisAside] = None
        if deployment.kind == "compose":
            self.redis = _snapshot.aside(deployment.project_name, state_dir, self.engine)

    def stop(self, patience: int = _compose_project.STOP) -> None:
        """It does not run any more, and has written what it had to.

        :param patience: seconds after which a container is killed; a unit has its own time.
        :raises DeploymentError, SystemdError: it does not stop.
        """
        if self.deployment.kind == "compose":
            _compose_project.stop_proxy(self.deployment.project_folder, self.engine, patience)
            return
        unit = self._unit()
        if unit.active in ("active", "activating", "reloading", "deactivating"):
            # Its database client is a process of its own, which must not be told to end before it.
            _systemd.stop(unit, _legacy.proxy_pid)

    def end(self) -> None:
        """As :meth:`stop`, where nobody is served: a proxy that hangs is not waited for.

        :raises DeploymentError, SystemdError: it does not stop.
        """
        hangs = self.deployment.kind == "compose" and not self.serves()
        self.stop(_compose_project.HUNG if hangs else _compose_project.STOP)

    def start(self) -> None:
        """It runs.

        :raises DeploymentError: it does not start.
        """
        if self.deployment.kind == "compose":
            _compose_project.start_proxy(self.deployment.project_folder, self.engine, self.timeout)
            return
        unit = self._unit()
        _systemd.forget_stop(unit.manager, unit.name)
        unit.manager.systemctl("reset-failed", "--", unit.name)
        _compose_project.must(
            unit.manager.systemctl("start", "--", unit.name), "%s does not start" % unit.name
        )

    def _unit(self) -> _systemd.Unit:
        try:
            return _legacy.find_unit(self.deployment.unit, self.deployment.account)
        except _legacy.LegacyError as error:
            raise DeploymentError(str(error)) from None

    def serves(self) -> bool:
        """Whether it serves now."""
        try:
            self.verify(0)
        except DeploymentError:
            return False
        return True

    def verify(self, timeout: Optional[float] = None) -> None:
        """It serves with its database, and knows its master key.

        :raises DeploymentError: not in time; the message has the reasons.
        """
        limit = time.monotonic() + (self.timeout if timeout is None else timeout)
        try:
            key = _client.key_from_file(self.deployment.salt_key_file)
            client = _client.Client(self.deployment.url, None, 10)
            while True:
                verdict = _readiness.ask(client, key)
                if verdict.ready and verdict.database == _readiness.CONNECTED:
                    client.with_key(key).json("GET", KEYS)
                    return
                if time.monotonic() > limit:
                    raise DeploymentError(
                        "the proxy at %s is not proved ready: %s"
                        % (
                            self.deployment.url,
                            "; ".join(["its database is %s" % verdict.database, *verdict.reasons]),
                        )
                    )
                time.sleep(DELAY)
        except _client.ProxyError as error:
            raise DeploymentError("the proxy at %s: %s" % (self.deployment.url, error)) from None


def of(deployment: Deployment, state_dir: str, timeout: float) -> Service:
    """The proxy of a deployment."""
    return Service(deployment, state_dir, timeout)
