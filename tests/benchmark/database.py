"""How long copies, fingerprints and backups take, beside the bare programs: ``database.py
--migrations DIR --rows N SOURCE TARGET``.

SOURCE is a URL, TARGET a URL or ``container:NAME:USER``; their databases (names as in the URL;
``benchmark`` in a container) are MADE AND DROPPED here. DIR is a copy of
litellm_proxy_extras/migrations. Each figure is of one run; the order is as printed.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Callable, TypeVar

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import copy as _copy
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    fingerprint as _fingerprint,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    Session,
    database_size,
    identifier,
    server_version,
)

T = TypeVar("T")
SPEND = """INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, api_key, spend, total_tokens,
  prompt_tokens, completion_tokens, "startTime",
  "endTime", model, model_id, model_group, custom_llm_provider, api_base, "user", metadata,
  request_tags, team_id, end_user, requester_ip_address,
  session_id, status, request_duration_ms)
SELECT 'chatcmpl-' || md5(i::text), 'acompletion', md5('k' || (i %% 7)) || md5('l' || (i %% 7)),
  (i %% 1000) * 0.00012345 / 3, i %% 900, i %% 700,
  i %% 200, timestamp '2026-01-01' + i * interval '17.031 s',
  timestamp '2026-01-01' + i * interval '17.031 s' + interval '1.234 s', 'gpt-4o',
  md5('m' || (i %% 5)), 'gpt-4o', 'openai', 'https://api.example.test/v1', 'user-' || (i %% 50),
  jsonb_build_object('user_api_key', md5('k' || (i %% 7)), 'user_api_key_alias',
  'größe-ключ-' || (i %% 7), 'status', 'success',
    'note', md5(i::text) || md5((i + 1)::text) || md5((i + 2)::text), 'cost_breakdown',
  jsonb_build_object('input', 0.1 + 0.2, 'output', i * 1e-9)),
  jsonb_build_array('tag' || (i %% 9), 'User-Agent: OpenAI/Python ' || (i %% 4)), md5('t'),
  'end-' || (i %% 1000), '10.0.0.' || (i %% 250),
  md5('s' || (i / 10)), 'success', i %% 4000
FROM generate_series(1, %d) i"""


def timed(name: str, act: Callable[[], T]) -> T:
    """Run and print the seconds."""
    begun = time.monotonic()
    result = act()
    print("%-64s %7.2f s" % (name, time.monotonic() - begun), flush=True)
    return result


def renew(endpoint: Endpoint, make: bool) -> None:
    """Drop a database, and make it."""
    with Session(endpoint.on("postgres")) as admin:
        admin.execute("DROP DATABASE IF EXISTS %s" % identifier(endpoint.database))
        if make:
            admin.execute(
                "CREATE DATABASE %s TEMPLATE template0 ENCODING 'UTF8'"
                % identifier(endpoint.database)
            )


def bare(source: Endpoint, target: Endpoint) -> None:
    """What a person would type: pg_dump -Fc -Z0 | pg_restore."""
    dump = source.start("pg_dump", "-Fc", "-Z0", stdout=subprocess.PIPE)
    restore = target.start(
        "pg_restore", "--no-owner", "--no-acl", "--single-transaction", stdin=dump.stdout
    )
    if dump.stdout:
        dump.stdout.close()
    if restore.wait() or dump.wait():
        raise SystemExit("the bare copy failed")


def naive(source: Endpoint) -> str:
    """A content hash as scripts take it: every row, in order, out of the server and through a
    hash.
    """
    dump = source.start(
        "psql",
        "-X",
        "-q",
        "-c",
        'COPY (SELECT * FROM "LiteLLM_SpendLogs" ORDER BY request_id) TO STDOUT',
        stdout=subprocess.PIPE,
    )
    digest = hashlib.md5()
    if dump.stdout:
        for chunk in iter(lambda: dump.stdout.read(1 << 20) if dump.stdout else b"", b""):
            digest.update(chunk)
    dump.wait()
    return digest.hexdigest()


def dump_only(source: Endpoint, path: str) -> None:
    """The bare dump that a backup is measured against."""
    with open(path, "wb") as out:
        source.start("pg_dump", "-Fc", stdout=out).wait()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--migrations", type=Path, required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("source")
    parser.add_argument("target")
    asked = parser.parse_args()
    source = Endpoint.from_url(asked.source)
    if asked.target.startswith("container:"):
        _word, name, user = asked.target.split(":")
        engine = (
            ("docker", "--host", os.environ["DOCKER_HOST"])
            if "DOCKER_HOST" in os.environ
            else ("docker",)
        )
        target = Endpoint("benchmark", user, container=name, engine=engine)
    else:
        target = Endpoint.from_url(asked.target)
    now = datetime.datetime.now(datetime.timezone.utc)
    renew(source, True)
    with Session(source) as session:
        session.execute("SET client_min_messages = warning")
        for path in sorted(asked.migrations.glob("*/migration.sql")):
            session.execute(path.read_text(encoding="utf-8"))
        session.execute(SPEND % asked.rows)
        session.execute("VACUUM ANALYZE")
        session.execute("CHECKPOINT")
    print(
        "%d spend rows, %.0f MiB on disk, PostgreSQL %s to %s"
        % (
            asked.rows,
            database_size(source) / 2**20,
            server_version(source)[0].split()[0],
            server_version(target.on("postgres"))[0].split()[0],
        )
    )
    timed("fingerprint", lambda: _fingerprint.fingerprint(source))
    timed("naive hash of one table (COPY … ORDER BY through MD5)", lambda: naive(source))
    for _round in range(2):
        renew(target, True)
        timed("bare pg_dump -Fc -Z0 | pg_restore, nothing proved", lambda: bare(source, target))
        renew(target, False)
        done = timed(
            "database, state copied: the same, ANALYZE, both fingerprints",
            lambda: _copy.copy(source, target, "ours", now),
        )
        print(
            "  %s, %.0f MiB crossed, equal: %s"
            % (done.seconds, done.bytes / 2**20, not done.differences)
        )
    with tempfile.TemporaryDirectory() as folder:
        timed("bare pg_dump -Fc to a file", lambda: dump_only(source, folder + "/bare.dump"))
        made = timed(
            "database_backup: the same, fingerprint, checksums, read back twice",
            lambda: _backup.backup(_backup.Order(source, folder + "/b", "legacy"), now),
        )
        print("  %.1f MiB" % (made["bytes"] / 2**20))
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(encoding="ascii"))
    print("peak memory of this process: %.1f MiB" % (int(found.group(1)) / 1024 if found else 0))
    for endpoint in (source, target):
        renew(endpoint, False)


if __name__ == "__main__":
    main()
