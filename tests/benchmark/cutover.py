# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How clients are served while a host is migrated: by the order of a hand-written plan, by
migrate.yml with a stop, and live; one after the other on the demo's host, each under the same
clients, none of which asks twice.

    python tests/benchmark/cutover.py

Takes a quarter of an hour, and needs what `make demo` needs. The host stays up, migrated.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
HOST = "llmops-demo"
CLIENTS = ROOT / "molecule/shared/files/clients.py"
KINDS = ("fresh", "pooled", "session", "official", "embeddings", "keys")
PYTHON = "/home/litellm/venv/bin/python3"  # has LiteLLM, and with it the clients' libraries
ASKED = "/root/clients.jsonl"
SLOWEST = 300.0  # seconds; what needs longer has failed
# What a person would write down, or a playbook without ours: one thing after the other. The new
# containers' files and images are there already, as they are before the cutover of migrate.yml.
PLAN = r"""set -eu
cd /opt/litellm
systemctl --user --machine=litellm@ stop litellm.service
runuser -u postgres -- pg_dump -p 5434 --no-owner --no-acl llm_gateway > /root/plan.sql
systemctl stop postgresql@15-main redis-server
docker compose up --detach --wait postgres redis
psql="docker exec -i litellm-postgres psql --quiet --no-psqlrc --set ON_ERROR_STOP=1"
$psql -U postgres -c 'DROP SCHEMA public CASCADE' -c 'CREATE SCHEMA public AUTHORIZATION litellm' \
  litellm < /dev/null
$psql -U litellm --output /dev/null litellm < /root/plan.sql
docker compose up --detach --wait litellm
"""
BACK = r"""set -eu
cd /opt/litellm
docker compose down
systemctl start redis-server postgresql@15-main
systemctl --user --machine=litellm@ start litellm.service
rm /root/plan.sql
"""


class Seen(NamedTuple):
    """What clients saw: requests, those that failed, seconds from the first failure to the end of
    the last, and the longest request in seconds: of all, and of those that make no keys."""

    asked: int
    failed: int
    refused: float
    longest: float
    ordinary: float


def run(*words: str) -> None:
    """Run a program of this machine; its output goes away unless it fails."""
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")


def on_host(script: str) -> str:
    """What a script prints on the host."""
    # not from standard input, which its programs would read
    words = ["docker", "exec", HOST, "bash", "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=SLOWEST)
    if done.returncode:
        sys.exit(f"{script}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout.strip()


def requests() -> list[dict[str, Any]]:
    """What clients have asked so far."""
    lines = on_host(f"cat {ASKED}").splitlines()
    return [json.loads(line) for line in lines if line.endswith("}")]


def settled(since: float) -> None:
    """Wait until each kind of client was answered twice since some time."""
    until = time.monotonic() + SLOWEST
    while time.monotonic() < until:
        found = [item for item in requests() if not item["failed"] and item["begun"] > since]
        if min(sum(item["kind"] == kind for item in found) for kind in KINDS) >= 2:
            return
        time.sleep(0.5)
    sys.exit(f"clients are not served again after {SLOWEST:g} s: {requests()[-len(KINDS) :]}")


def watched(act: Callable[[], object]) -> Seen:
    """What clients saw of something."""
    on_host(
        f"rm -f {ASKED}; touch {ASKED};"
        f" systemd-run --unit=clients {PYTHON} -B /root/clients.py {ASKED} {' '.join(KINDS)}"
    )
    settled(0)
    begun = time.time()
    act()
    settled(time.time())
    on_host("systemctl stop clients")
    found = [item for item in requests() if item["begun"] > begun - 1]
    failed = [item for item in found if item["failed"]]
    ends = [item["begun"] + item["seconds"] for item in failed]
    return Seen(
        len(found),
        len(failed),
        max(ends) - min(item["begun"] for item in failed) if failed else 0.0,
        max(item["seconds"] for item in found),
        max(item["seconds"] for item in found if item["kind"] != "keys"),
    )


def migrate(way: str) -> Callable[[], None]:
    """The demo's migration, one way."""
    words = ["ansible-playbook", "-i", "inventory/demo", "-e", f"litellm_cutover={way}"]
    return lambda: run(*words, "playbooks/migrate.yml")


def main() -> None:
    """Measure all three."""
    run(sys.executable, "tests/testbed/testbed.py", "up")
    facts = json.loads((ROOT / ".cache/testbed/testbed.json").read_text(encoding="utf-8"))
    os.environ["DOCKER_HOST"] = facts["docker_host"]
    run("make", "demo")
    run("make", "demo-rollback")
    run("docker", "cp", str(CLIENTS), f"{HOST}:/root/clients.py")
    rows = on_host(
        "runuser -u postgres -- psql -p 5434 -d llm_gateway -XAtc"
        """ 'SELECT count(*) FROM "LiteLLM_SpendLogs"'"""
    )
    seen = {"the plan's order": watched(lambda: on_host(PLAN))}
    on_host(BACK)
    seen["migrate.yml, with a stop"] = watched(migrate("stop"))
    run("make", "demo-rollback")
    seen["migrate.yml, live"] = watched(migrate("live"))
    print(f"{rows} spend rows; clients: {', '.join(KINDS)}")
    print("| | requests | failed | within | longest | longest but of new keys |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, told in seen.items():
        print(
            f"| {name} | {told.asked} | {told.failed} | {told.refused:.1f} s"
            f" | {told.longest:.1f} s | {told.ordinary:.1f} s |"
        )


if __name__ == "__main__":
    main()
