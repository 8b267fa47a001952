# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What isn't LiteLLM's, as JSON, to compare before and after.

``apart`` shares nothing with LiteLLM and stays as it is all the time: processes and since when they
run, databases, keys, files, a container. ``beside`` is on LiteLLM's own PostgreSQL server: null
while that is stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from typing import Any

UNITS = (
    ("shop.service",),
    ("postgresql@15-other.service",),
    ("redis-server.service",),
    ("docker.service",),
    ("--user", "--machine=litellm@", "litellm-opencode.service"),
)
FILES = (
    "/home/litellm/.env",
    "/home/litellm/keys",
    "/home/litellm/opencode",
    "/home/reports",
    "/etc/hosts",
    "/etc/docker/daemon.json",
    "/etc/systemd/system/shop.service",
    "/etc/systemd/system/reporting.service",
    "/usr/local/bin/shop",
)
CONTAINER = "{{.Id}} {{.State.StartedAt}} {{json .NetworkSettings.Networks}}"
# Of LiteLLM's database, what others have in it and hung on it.
KEPT = {
    "extensions": "SELECT extname, extversion, extnamespace::regnamespace FROM pg_extension",
    "large object": "SELECT convert_from(lo_get(424242), 'UTF8'), lomowner::regrole, lomacl "
    "FROM pg_largeobject_metadata",
    "panels": "SELECT md5(string_agg(p::text, ',' ORDER BY id)) FROM grafana.panels p",
    "relations": "SELECT oid, relname, relowner::regrole, relacl FROM pg_class "
    "WHERE relnamespace IN ('grafana'::regnamespace, 'audit'::regnamespace)",
    "view": "SELECT pg_get_viewdef('grafana.costs'::regclass)",
    "schemas": "SELECT oid, nspname, nspowner::regrole, nspacl FROM pg_namespace "
    "WHERE nspname !~ '^pg_(toast_)?temp'",
    "trigger": "SELECT pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE tgname = 'audited'",
    "rights": "SELECT relacl FROM pg_class WHERE oid = '\"LiteLLM_SpendLogs\"'::regclass",
    "roles": "SELECT rolname, rolsuper, rolcanlogin, rolpassword FROM pg_authid",
}


def output(*words: str) -> str:
    """What a program prints."""
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd="/")
    return done.stdout.strip()


def as_postgres(*words: str) -> str:
    return output("runuser", "-u", "postgres", "--", *words)


def rows(port: str, database: str, sql: str) -> list[str]:
    """The rows of a query, sorted."""
    return sorted(as_postgres("psql", "-XAtq", "-p", port, "-d", database, "-c", sql).splitlines())


def dump(port: str, database: str) -> str:
    """A hash of all that is in a database. pg_dump writes a word of its own into each."""
    text = as_postgres("pg_dump", "-p", port, "-d", database)
    lines = [line for line in text.splitlines() if not line.startswith(("\\restr", "\\unrestr"))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def unit(*words: str) -> str:
    shown = "--property=MainPID,ActiveState,ActiveEnterTimestampMonotonic,UnitFileState"
    return output("systemctl", *words[:-1], "show", shown, words[-1])


def keys() -> dict[str, str]:
    names = output("redis-cli", "--raw", "KEYS", "*").split()
    return {name: output("redis-cli", "--raw", "GET", name) for name in sorted(names)}


def files() -> dict[str, str]:
    """Owner, mode and content."""
    found = {}
    for top in FILES:
        folders = [path for path in [top] if os.path.isdir(path)]
        paths = [os.path.join(path, name) for path in folders for name in os.listdir(path)]
        for path in [top, *paths]:
            told = os.lstat(path)
            found[path] = "%o %d:%d" % (told.st_mode, told.st_uid, told.st_gid)
            if os.path.isfile(path):
                with open(path, "rb") as handle:
                    found[path] += " " + hashlib.sha256(handle.read()).hexdigest()
    return found


def apart() -> dict[str, Any]:
    return {
        "units": {words[-1]: unit(*words) for words in UNITS},
        "database": dump("5435", "shop"),
        "server": rows("5435", "postgres", "SELECT rolname, rolpassword FROM pg_authid")
        + rows("5435", "postgres", "SELECT datname, datdba::regrole, datacl FROM pg_database"),
        "keys": keys(),
        "redis": output("redis-cli", "CONFIG", "GET", "*"),
        "container": output("docker", "inspect", "--format", CONTAINER, "team-chat"),
        "files": files(),
    }


def beside() -> dict[str, Any] | None:
    done = subprocess.run(["systemctl", "is-active", "-q", "postgresql@15-main"], check=False)
    if done.returncode:
        return None
    return {
        "reports": dump("5434", "reports"),
        "postgres": dump("5434", "postgres"),
        **{name: rows("5434", "llm_gateway", sql) for name, sql in KEPT.items()},
    }


if __name__ == "__main__":
    json.dump({"apart": apart(), "beside": beside()}, sys.stdout, indent=1, sort_keys=True)
