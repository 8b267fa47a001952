# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine itself can get from a registry, asked without pulling.

The engine asks as it would pull: by its mirrors, its proxy, its certificates, with root's login.
Its client has no command for that (``docker manifest inspect`` asks by itself, and of
``tag@digest`` the tag), so it is asked where its client asks it: at its socket.
"""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any, NamedTuple, Optional
from urllib.parse import quote

from .process import run
from .registry_login import Login

TIMEOUT = 30.0
_LIMIT = 1 << 20


class Answer(NamedTuple):
    """``status``: the engine's, as of HTTP; 0 where it could not be asked. ``digest``: of what the
    name means now, of all platforms where there is an index. ``platforms`` like ``linux/amd64``.
    ``said``: why there is none."""

    status: int
    digest: str = ""
    platforms: tuple[str, ...] = ()
    said: str = ""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def address() -> str:
    """Where root's client reaches the engine, such as ``unix:///var/run/docker.sock``; empty where
    it does not say."""
    told = run(["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"])
    return told.out.strip() if told.rc == 0 else ""


def path_of(where: str) -> str:
    """The socket of an :func:`address`; empty for another kind of address."""
    return where.partition("unix://")[2]


def distribution(reference: str, login: Optional[Login], registry: str, path: str) -> Answer:
    """Ask the engine for an image that it need not have.

    :param registry: the login's. ``path``: the engine's socket, empty where it is not known.
    """
    if not path:
        return Answer(0, said="its socket is not known")
    headers = {"X-Registry-Auth": login.header(registry)} if login else {}
    connection = _Connection(path)
    place = "/distribution/%s/json" % quote(reference, safe="/:@")
    try:
        connection.request("GET", place, headers=headers)
        answer = connection.getresponse()
        return _read(answer.status, json.loads(answer.read(_LIMIT)))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(0, said=str(error) or type(error).__name__)
    finally:
        connection.close()


def _read(status: int, said: Any) -> Answer:
    if not isinstance(said, dict):
        return Answer(0, said="its answer is not understood")
    if status != 200:
        return Answer(status, said=" ".join(str(said.get("message", "")).split()))
    descriptor = said.get("Descriptor") or {}
    platforms = {
        "%s/%s" % (item.get("os"), item.get("architecture"))
        for item in said.get("Platforms") or []
        if item.get("os") and item.get("os") != "unknown"  # attestations are of no platform
    }
    return Answer(status, str(descriptor.get("digest", "")), tuple(sorted(platforms)))
