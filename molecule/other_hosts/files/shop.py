# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another application of the host, which uses its stores all the time.

One session with its own PostgreSQL server, one connection to its Redis, requests to the other
gateway. ``seen.json`` says how often each was asked, and what went wrong: a session that breaks is
never opened again.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.request
from typing import Any

STATE = "/var/lib/shop/seen.json"


def main() -> None:
    session: Any = subprocess.Popen(
        ["psql", "-XAtq", "-p", "5435", "-d", "shop"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    connection = socket.create_connection(("127.0.0.1", 6379), 5)
    answers = connection.makefile("r", encoding="ascii")

    def database() -> str:
        session.stdin.write("SELECT count(*) FROM orders;\n")
        session.stdin.flush()
        return str(session.stdout.readline().strip())

    def redis() -> str:
        connection.sendall(b"DBSIZE\r\n")
        return answers.readline().strip()

    def gateway() -> str:
        with urllib.request.urlopen("http://127.0.0.1:4010/", timeout=5) as answer:
            return str(answer.read().decode())

    wanted = {database: "250", redis: ":40", gateway: "opencode"}
    seen: dict[str, Any] = {"asked": 0, "failed": []}
    while True:
        for ask, right in wanted.items():
            try:
                told = ask()
            except OSError as error:
                told = repr(error)
            if told != right and len(seen["failed"]) < 20:
                seen["failed"].append(f"{time.time():.1f} {ask.__name__}: {told}")
        seen["asked"] += 1
        with open(STATE + ".new", "w", encoding="utf-8") as kept:
            json.dump(seen, kept)
        os.replace(STATE + ".new", STATE)
        time.sleep(0.5)


if __name__ == "__main__":
    main()
