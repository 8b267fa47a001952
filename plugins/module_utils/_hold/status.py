# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a program of this package tells systemd of itself."""

from __future__ import annotations

import json
import os
import socket
from typing import Any


class Status:
    """The status of the unit that this process is in; told only when it is another than before."""

    def __init__(self) -> None:
        self._told = ""

    def tell(self, ready: bool = False, **words: Any) -> None:
        """:param ready: what it was started for goes on from now."""
        status = json.dumps(words, sort_keys=True)
        if ready or status != self._told:
            self._told = status
            notify("%sSTATUS=%s\n" % ("READY=1\n" if ready else "", status))


def notify(text: str) -> None:
    """Tell systemd, where it listens."""
    place = os.environ.get("NOTIFY_SOCKET", "")
    if place:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.connect("\0" + place[1:] if place.startswith("@") else place)
            out.sendall(text.encode())
