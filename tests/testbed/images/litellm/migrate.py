# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give a database LiteLLM's real schema, as `prisma migrate deploy` would.

Applies `litellm_proxy_extras/migrations/*/migration.sql` in order with one psql, and records each in
`_prisma_migrations`. What is recorded already is left out, so a second run does nothing. The connection comes from
libpq's own environment (PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSWORD), never from an argument.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import subprocess
import sys
import uuid
from pathlib import Path

# As Prisma's schema engine makes it.
LEDGER = """
CREATE TABLE IF NOT EXISTS _prisma_migrations (
    id                  VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum            VARCHAR(64) NOT NULL,
    finished_at         TIMESTAMPTZ,
    migration_name      VARCHAR(255) NOT NULL,
    logs                TEXT,
    rolled_back_at      TIMESTAMPTZ,
    started_at          TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count INTEGER NOT NULL DEFAULT 0
);
"""
PSQL = ["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]


def migrations_folder() -> Path:
    """Folder of the migrations in this Python environment. Raises SystemExit when there is none."""
    spec = importlib.util.find_spec("litellm_proxy_extras")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"litellm_proxy_extras is not installed in {sys.prefix}")
    return Path(next(iter(spec.submodule_search_locations))) / "migrations"


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def script(migrations: list[tuple[str, bytes]]) -> str:
    """SQL that applies and records `(name, content)` pairs in the order given.

    Each runs outside a transaction, since some create indexes concurrently; the record is written before and completed
    after, so that a failed one is seen as failed.
    """
    parts = []
    for name, content in migrations:
        identity = literal(str(uuid.uuid4()))
        checksum = literal(hashlib.sha256(content).hexdigest())
        parts.append(
            f"INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ({identity}, {checksum}, {literal(name)});\n"
            f"{content.decode('utf-8')}\n;\n"
            "UPDATE _prisma_migrations SET finished_at = clock_timestamp(), applied_steps_count = 1 "
            f"WHERE id = {identity};\n"
        )
    return "".join(parts)


def recorded() -> set[str]:
    """Names of the migrations that the database has; makes the ledger where there is none."""
    subprocess.run(PSQL, input="SET client_min_messages = warning;" + LEDGER, text=True, check=True)
    query = "SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL"
    done = subprocess.run([*PSQL, "--tuples-only", "--no-align", "--command", query],
                          text=True, check=True, stdout=subprocess.PIPE)
    return set(done.stdout.splitlines())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--migrations", type=Path, help="folder of the migrations (default: this environment's)")
    arguments = parser.parse_args()
    folder = arguments.migrations or migrations_folder()
    present = recorded()
    # Prisma's order is the folders' names' byte order.
    files = sorted(folder.glob("*/migration.sql"), key=lambda path: path.parent.name.encode())
    missing = [(path.parent.name, path.read_bytes()) for path in files if path.parent.name not in present]
    if missing:
        sql = "SET client_min_messages = warning;\n" + script(missing)
        subprocess.run(PSQL, input=sql, text=True, check=True, stdout=subprocess.DEVNULL)
    print(f"{len(missing)} migrations applied, {len(files) - len(missing)} were there")
    return 0


if __name__ == "__main__":
    sys.exit(main())
