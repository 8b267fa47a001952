"""What backups cost beside the bare pg_dump and the naive way, in one run: ``backup.py
[--migrations DIR] [--rounds N] GIB [GIB ...]``.

A throwaway PostgreSQL of Debian's binaries is made on a free port, with databases of about these
sizes on disk (0.1, 1 and 5, say), of spend-like rows; all of it is removed afterwards. DIR, a copy
of litellm_proxy_extras/migrations, gives LiteLLM's own schema; without it there is the one large
table with its indexes. Every way runs in a process of its own, so that its peak memory (the largest
of that process and of its programs: ``ru_maxrss``) is its own. The rounds go through all ways in
turn, and the figures are their medians.

ours             a backup as ``litellm-ops`` makes it, with manifest, checksums, fingerprint, read
back pg_dump          the bare program with the same options into a file, and nothing else
naive            what many scripts do: pg_dump as text, captured into memory by Python, then written
 fingerprint      the fingerprint alone: what of ours is the hashing of rows
hashing          the SHA-256 of the bare program's file, twice: what of ours is the hashing of files

"""

from __future__ import annotations

import argparse
import glob
import json
import os
import pwd
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable, Iterator, Optional

from database import SPEND

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._backup.backup import How
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    fingerprint as _fingerprint,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    Session,
    database_size,
)

# With LiteLLM's indexes on it, as seen on PostgreSQL 15.
ROW_BYTES = 1040
TABLE = """CREATE TABLE "LiteLLM_SpendLogs" (request_id text PRIMARY KEY, call_type text,
  api_key text, spend double precision, total_tokens int,
  prompt_tokens int, completion_tokens int, "startTime" timestamp(3), "endTime" timestamp(3),
  model text, model_id text, model_group text,
  custom_llm_provider text, api_base text, "user" text, metadata jsonb, request_tags jsonb,
  team_id text, end_user text, requester_ip_address text,
  session_id text, status text, request_duration_ms int);
CREATE INDEX ON "LiteLLM_SpendLogs" ("startTime"); CREATE INDEX ON "LiteLLM_SpendLogs" (end_user);
  CREATE INDEX ON "LiteLLM_SpendLogs" (session_id)"""


def ours(source: Endpoint, folder: str, **how: Any) -> None:
    """A backup."""
    _backup.backup(
        _backup.Order(source, folder, "compose", how=How(**how)), datetime.now(timezone.utc)
    )


def bare(source: Endpoint, folder: str, jobs: int = 1) -> None:
    """pg_dump with the options that ours has."""
    words = ["--compress=6", "--no-owner", "--no-acl", "--lock-wait-timeout=60000"]
    form = ["--format=directory", "--jobs=%d" % jobs] if jobs > 1 else ["--format=custom"]
    with source.start("pg_dump", *form, *words, "--file=%s/dump" % folder) as process:
        if process.wait():
            raise SystemExit("pg_dump failed")


def naive(source: Endpoint, folder: str) -> None:
    """A dump as text in Python's memory."""
    text = source.start("pg_dump", stdout=subprocess.PIPE).communicate()[0].decode()
    Path(folder, "dump.sql").write_text(text, encoding="utf-8")


def fingerprint(source: Endpoint, _folder: str) -> None:
    """The fingerprint alone."""
    _fingerprint.fingerprint(source)


def hashing(source: Endpoint, folder: str) -> None:
    """A dump's SHA-256 as often as ours reads it for that; the dump itself is made before the clock
    starts.
    """
    for _time in range(2):
        _backup.sha256(folder + "/dump")


def encrypted(source: Endpoint, folder: str) -> None:
    """Ours to a key that nobody has."""
    ours(
        source,
        folder,
        recipients=("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",),
    )


WAYS: dict[str, tuple[str, Callable[[Endpoint, str], None]]] = {
    "pg_dump": ("bare `pg_dump -Fc`", bare),
    "ours": ("a backup of ours", ours),
    "fingerprint": ("… its fingerprint, alone", fingerprint),
    "hashing": ("… SHA-256 of its dump, twice, alone", hashing),
    "pg_dump -j": ("bare `pg_dump -Fd -j 2`", lambda source, folder: bare(source, folder, 2)),
    "ours -j": (
        "a backup of ours as a folder, 2 jobs",
        lambda source, folder: ours(source, folder, jobs=2, parallel_from=1),
    ),
    "encrypted": ("a backup of ours, encrypted", encrypted),
    "naive": ("naive: text in Python's memory, then written", naive),
}


@contextmanager
def server() -> Iterator[Endpoint]:
    """A PostgreSQL with fsync on and defaults otherwise, on a socket in a folder of its own."""
    binaries = sorted(
        glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4])
    )[-1]
    folder = tempfile.mkdtemp(prefix="llmops-benchmark-", dir="/var/tmp")
    account: dict[str, Any] = {}
    if os.geteuid() == 0:
        entry = pwd.getpwnam("postgres")
        account = {"user": entry.pw_uid, "group": entry.pw_gid}
        os.chown(folder, entry.pw_uid, entry.pw_gid)

    def run(program: str, *words: str) -> None:
        subprocess.run(
            [os.path.join(binaries, program), "--pgdata", folder + "/data", *words],
            check=True,
            cwd="/",
            stdout=subprocess.DEVNULL,
            **account,
        )

    run("initdb", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust")
    try:
        run(
            "pg_ctl",
            "--wait",
            "--log",
            folder + "/log",
            "--options",
            "-c listen_addresses= -c unix_socket_directories=" + folder,
            "start",
        )
        yield Endpoint("benchmark", "postgres", host=folder, bindir=binaries)
        run("pg_ctl", "--wait", "--mode=fast", "stop")
    finally:
        if os.path.exists(folder + "/data/postmaster.pid"):
            run("pg_ctl", "--wait", "--mode=immediate", "stop")
        shutil.rmtree(folder)


def fill(source: Endpoint, gib: float, migrations: Optional[Path]) -> None:
    """A database of about this size."""
    with Session(source.on("postgres")) as admin:
        admin.execute("DROP DATABASE IF EXISTS benchmark")
        admin.execute("CREATE DATABASE benchmark TEMPLATE template0 ENCODING 'UTF8'")
    with Session(source) as session:
        session.execute("SET client_min_messages = warning")
        for text in (
            [
                path.read_text(encoding="utf-8")
                for path in sorted(migrations.glob("*/migration.sql"))
            ]
            if migrations
            else [TABLE]
        ):
            session.execute(text)
        session.execute(SPEND % int(gib * 2**30 / ROW_BYTES))
        session.execute("VACUUM ANALYZE")
        session.execute("CHECKPOINT")


def measured(name: str, source: Endpoint) -> dict[str, Any]:
    """One way, once, in a process of its own."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        if name == "hashing":
            bare(source, folder)
        words = [
            sys.executable,
            __file__,
            "--way",
            name,
            "--socket",
            source.host,
            "--bindir",
            source.bindir,
            "--folder",
            folder,
        ]
        told: dict[str, Any] = json.loads(
            subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout
        )
        told["bytes"] = sum(
            path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()
        )
    return told


def one(name: str, source: Endpoint, folder: str) -> None:
    """Run a way here, and print what it took."""
    begun = time.monotonic()
    WAYS[name][1](source, folder)
    seconds = time.monotonic() - begun
    peaks = [
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    print(json.dumps({"seconds": seconds, "python": peaks[0] * 1024, "programs": peaks[1] * 1024}))


def table(rows: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """Markdown."""
    middle = {
        name: {key: statistics.median(each[key] for each in found) for key in found[0]}
        for name, found in rows.items()
    }
    yield "| | time | of the bare one's | peak memory: Python, its programs | size |"
    yield "|---|---|---|---|---|"
    for name, (words, _act) in WAYS.items():
        if name in middle:
            told = middle[name]
            base = middle["pg_dump -j" if name == "ours -j" else "pg_dump"]["seconds"]
            ratio = (
                ""
                if name in ("fingerprint", "hashing") or name.startswith("pg_dump")
                else "%.2f" % (told["seconds"] / base)
            )
            size = (
                "" if name in ("fingerprint", "hashing") else "%.1f MiB" % (told["bytes"] / 2**20)
            )
            yield "| %s | %.2f s | %s | %.0f, %.0f MiB | %s |" % (
                words,
                told["seconds"],
                ratio,
                told["python"] / 2**20,
                told["programs"] / 2**20,
                size,
            )
    hashed = middle["fingerprint"]["seconds"] + middle["hashing"]["seconds"]
    allowed = 1.1 * middle["pg_dump"]["seconds"] + hashed
    yield ""
    yield (
        (
            "ours %.2f s; allowed, the bare one and 10 %% plus the hashing: %.2f s; without "
            "the hashing ours is %.2f of the bare one"
        )
        % (
            middle["ours"]["seconds"],
            allowed,
            (middle["ours"]["seconds"] - hashed) / middle["pg_dump"]["seconds"],
        )
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--migrations", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--only",
        nargs="+",
        choices=WAYS,
        default=list(WAYS),
        help="these ways; the four that are compared are always among them",
    )
    parser.add_argument("gib", nargs="*", type=float)
    for hidden in ("--way", "--socket", "--bindir", "--folder"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.way:
        one(
            asked.way,
            Endpoint("benchmark", "postgres", host=asked.socket, bindir=asked.bindir),
            asked.folder,
        )
        return
    ways = [
        name
        for name in WAYS
        if name in asked.only or name in ("pg_dump", "ours", "fingerprint", "hashing")
    ]
    with server() as source:
        for gib in asked.gib or [0.1]:
            fill(source, gib, asked.migrations)
            rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
            for _round in range(asked.rounds):
                for name in ways:
                    rows[name].append(measured(name, source))
            print("\n%.2f GiB on disk, %d rounds\n" % (database_size(source) / 2**30, asked.rounds))
            print("\n".join(table(rows)), flush=True)


if __name__ == "__main__":
    main()
