# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The content of a deployment as JSON.

What its process had, what its tables hold, since when its model servers run.

``before.py [CONTAINER]``: of the legacy deployment or, with a container's name, of PostgreSQL in
it.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys

# Rows that no running proxy changes by itself, and no client beside; spend only grows.
TABLES = {
    "keys": "SELECT token, key_alias, blocked, max_budget, team_id, user_id, metadata::text "
    'FROM "LiteLLM_VerificationToken" '
    "WHERE metadata->>'made_by' IS DISTINCT FROM 'clients.py' ORDER BY 1",
    "teams": 'SELECT team_id, team_alias, max_budget, blocked FROM "LiteLLM_TeamTable" ORDER BY 1',
    "users": 'SELECT user_id, user_email, max_budget FROM "LiteLLM_UserTable" ORDER BY 1',
    "models": 'SELECT model_id, model_name FROM "LiteLLM_ProxyModelTable" ORDER BY 1',
    "migrations": "SELECT migration_name, finished_at IS NOT NULL "
    "FROM _prisma_migrations ORDER BY 1",
}
NUMBERS = {
    "spend rows": 'SELECT count(*) FROM "LiteLLM_SpendLogs"',
    "spend of keys": "SELECT round(coalesce(sum(spend), 0)::numeric, 6) "
    'FROM "LiteLLM_VerificationToken"',
    "spend of teams": 'SELECT round(coalesce(sum(spend), 0)::numeric, 6) FROM "LiteLLM_TeamTable"',
    "tables": "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'",
}
SERVERS = ("llama-embeddings.service", "llama-rerank.service", "chat-standin.service")


def output(*words: str) -> str:
    """What a program prints."""
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def query(sql: str, container: str) -> str:
    """The rows of a query, in psql's plain form."""
    if container:
        return output(
            "docker", "exec", container, "psql", "-U", "litellm", "-d", "litellm", "-XAtc", sql
        )
    return output(
        "runuser", "-u", "postgres", "--", "psql", "-p", "5434", "-d", "llm_gateway", "-XAtc", sql
    )


def main() -> None:
    container = sys.argv[1] if len(sys.argv) > 1 else ""
    told: dict = {
        "tables": {name: query(sql, container).splitlines() for name, sql in TABLES.items()},
        "numbers": {name: float(query(sql, container)) for name, sql in NUMBERS.items()},
        "servers": {
            name: output("systemctl", "show", "--property", "MainPID,ActiveEnterTimestamp", name)
            for name in SERVERS
        },
    }
    if container:
        environment = subprocess.run(
            ["docker", "exec", "litellm-proxy", "cat", "/proc/1/environ"],
            capture_output=True,
            check=True,
        ).stdout
    else:
        pid = output(
            "systemctl",
            "--user",
            "--machine=litellm@",
            "show",
            "--property",
            "MainPID",
            "--value",
            "litellm.service",
        )
        with open("/proc/%s/environ" % pid, "rb") as handle:
            environment = handle.read()
    told["environment"] = base64.b64encode(environment).decode()
    json.dump(told, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
