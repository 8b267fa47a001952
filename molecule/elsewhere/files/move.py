# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The legacy proxy's database and cache move to another host, as an operator would do it:
``move.py PART …``, where a part is ``database`` or ``cache``.

What ``servers.py`` has printed comes by standard input. The native servers run on, and are nothing
of LiteLLM's any more.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from urllib.parse import quote

PROJECT = "/home/litellm/llm@team"
CA = "/etc/litellm/database-ca.pem"
USER = ("systemctl", "--user", "--machine=litellm@")


def edit(name: str, pattern: str, new: str) -> None:
    """Replace what matches in a file of the project, which stays its owner's."""
    path = os.path.join(PROJECT, name)
    with open(path, encoding="utf-8") as handle:
        text = handle.read()
    made, count = re.subn(pattern, lambda _found: new, text, flags=re.M)
    assert count == 1, (name, count)
    with open(path, "w", encoding="utf-8") as handle:
        handle.write(made)


def move_database(told: dict[str, str]) -> None:
    """Its content, without owners and rights; the URL names it, with the CA of its certificate."""
    os.makedirs(os.path.dirname(CA), exist_ok=True)
    with open(CA, "w", encoding="utf-8") as handle:
        handle.write(told["ca"])
    os.chmod(CA, 0o644)
    place = "host=database.elsewhere.test port=5432 user=gateway dbname=gateway sslmode=verify-full"
    dump = subprocess.Popen(
        ("runuser", "-u", "postgres", "--", "pg_dump", "-p", "5434", "-O", "-x", "llm_gateway"),
        stdout=subprocess.PIPE,
    )
    subprocess.run(
        ("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "%s sslrootcert=%s" % (place, CA)),
        stdin=dump.stdout,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PGPASSWORD": told["database_password"]},
        check=True,
    )
    assert dump.wait() == 0
    edit(
        "env.litellm",
        "^DATABASE_URL=.*$",
        'DATABASE_URL="postgresql://gateway:%s@database.elsewhere.test/gateway'
        '?connection_limit=10&sslmode=verify-full&sslrootcert=%s"'
        % (quote(told["database_password"], safe=""), CA),
    )


def move_cache(told: dict[str, str]) -> None:
    """Its address and password; what it holds is made anew."""
    edit("secrets.env", r"\A", "CACHE_PASSWORD=%s\n" % told["cache_password"])
    edit(
        "config.yaml",
        r"^    host: 127\.0\.0\.1\n    port: 6379$",
        "    host: cache.elsewhere.test\n    port: 6379\n    password: os.environ/CACHE_PASSWORD",
    )


def main(parts: list[str]) -> None:
    """Move what is named."""
    told = json.load(sys.stdin)
    with open("/etc/hosts", "a", encoding="utf-8") as handle:
        for part in parts:
            handle.write("%s %s.elsewhere.test\n" % (told[part], part))
    subprocess.run((*USER, "stop", "litellm.service"), check=True)
    for part in parts:
        {"database": move_database, "cache": move_cache}[part](told)
    subprocess.run((*USER, "start", "litellm.service"), check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
