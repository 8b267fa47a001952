# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that never stops: ``writer.py FILE`` makes requests and keys, and remembers in FILE
every one that was acknowledged.

One JSON line each, synced: ``{"kind": "spend"|"key", "id": as the database has it, "time"}``, and
for each span in which the proxy did not serve ``{"kind": "refused", "begin", "end"}``. Keys
themselves are never written down.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import sys
import time
import uuid
from typing import Any, Optional

MASTER = json.load(open("/root/testbed/secrets.json", encoding="utf-8"))["LITELLM_MASTER_KEY"]
PACE = 1.0  # seconds from request to request
EACH = 4  # so many requests for one key


def ask(key: str, path: str, body: Any) -> Optional[Any]:
    """The JSON of an acknowledged request, ``None`` for any that was not."""
    connection = http.client.HTTPConnection("127.0.0.1", 4000, timeout=20)
    try:
        connection.request(
            "POST",
            path,
            json.dumps(body),
            {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        answer = connection.getresponse()
        text = answer.read()
        return json.loads(text) if answer.status == 200 else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


class Writer:
    """Requests, one after the other, and what is known of them."""

    def __init__(self, path: str) -> None:
        self.log = open(path, "a", encoding="utf-8")
        self.refused: Optional[float] = None

    def note(self, **told: Any) -> None:
        """Remember, for good."""
        self.log.write(json.dumps(told) + "\n")
        self.log.flush()
        os.fsync(self.log.fileno())

    def heard(self, answer: Optional[Any], begun: float) -> bool:
        """Whether a request was acknowledged; the begin and the end of an outage are seen here."""
        now = time.time()
        if answer is None:
            self.refused = self.refused or begun
        elif self.refused:
            self.note(kind="refused", begin=self.refused, end=now)
            self.refused = None
        return answer is not None

    def key(self) -> Optional[str]:
        """A new key, which the caller alone knows."""
        begun = time.time()
        made = ask(
            MASTER, "/key/generate", {"key_alias": "writer-%s" % uuid.uuid4(), "max_budget": 9.5}
        )
        if not self.heard(made, begun) or made is None:
            return None
        self.note(kind="key", id=hashlib.sha256(made["key"].encode()).hexdigest(), time=time.time())
        return str(made["key"])

    def spend(self, key: str) -> None:
        """A request that costs."""
        begun = time.time()
        # the stand-in's answer has the same id for the same words
        told = ask(
            key,
            "/v1/chat/completions",
            {"model": "chat", "messages": [{"role": "user", "content": str(uuid.uuid4())}]},
        )
        if self.heard(told, begun) and told is not None:
            self.note(kind="spend", id=told["id"], time=time.time())


def main() -> None:
    writer, key, turn = Writer(sys.argv[1]), None, 0
    while True:
        begun = time.monotonic()
        if key is None or turn % EACH == 0:
            key = writer.key() or key
        if key:
            writer.spend(key)
        turn += 1
        time.sleep(max(0.05, PACE - (time.monotonic() - begun)))


if __name__ == "__main__":
    main()
