"""How clients are served while a host is migrated: by the order of a hand-written plan, and by
migrate.yml, one after the other on the demo's host, each under the same clients.

    python tests/benchmark/cutover.py

Takes some minutes, and needs what `make demo` needs. The host stays up, migrated.
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
PYTHON = "/home/litellm/venv/bin/python3"  # has LiteLLM, and with it the clients' libraries
ASKED = "/root/clients.jsonl"
# What a person would write down, or a playbook without ours: one thing after the other. The new
# containers' files and images are there already, as they are before the cutover of migrate.yml.
PLAN = r"""set -eu
cd /opt/litellm
systemctl --user --machine=litellm@ stop litellm.service
runuser -u postgres -- pg_dump -p 5434 --no-owner --no-acl llm_gateway > /root/plan.sql
systemctl stop postgresql@15-main redis-server
docker compose up --detach --wait --quiet-pull postgres redis
psql="docker exec -i litellm-postgres psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 litellm"
$psql -U postgres -c 'DROP SCHEMA public CASCADE' -c 'CREATE SCHEMA public AUTHORIZATION litellm'
$psql -U litellm --output /dev/null < /root/plan.sql
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
    the last, and the longest request in seconds."""

    asked: int
    failed: int
    refused: float
    longest: float


def run(*words: str, **options: Any) -> None:
    """Run a program of this machine; its output goes away unless it fails."""
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")


def on_host(script: str) -> str:
    """What a script prints on the host."""
    words = ["docker", "exec", "-i", HOST, "bash"]
    return subprocess.run(
        words, input=script, capture_output=True, text=True, check=True
    ).stdout.strip()


def requests() -> list[dict[str, Any]]:
    """What clients have asked so far."""
    return [json.loads(line) for line in on_host(f"cat {ASKED}").splitlines()]


def settled(since: float) -> None:
    """Wait until each kind of client was answered twice since some time."""
    while True:
        counts: dict[str, int] = {}
        for item in requests():
            well = not item["failed"] and item["begun"] > since
            counts[item["kind"]] = counts.get(item["kind"], 0) + well
        if counts and min(counts.values()) >= 2:
            return
        time.sleep(0.5)


def watched(act: Callable[[], object]) -> Seen:
    """What clients saw of something."""
    on_host(f"touch {ASKED}; systemd-run --unit=clients {PYTHON} -B /root/clients.py {ASKED}")
    settled(0)
    begun = time.time()
    act()
    settled(time.time())
    on_host(f"systemctl stop clients; mv {ASKED} {ASKED}.old")
    found = [
        json.loads(line)
        for line in on_host(f"cat {ASKED}.old").splitlines()
        if json.loads(line)["begun"] > begun - 1
    ]
    failed = [item for item in found if item["failed"]]
    ends = [item["begun"] + item["seconds"] for item in failed]
    return Seen(
        len(found),
        len(failed),
        max(ends) - min(item["begun"] for item in failed) if failed else 0.0,
        max(item["seconds"] for item in found),
    )


def main() -> None:
    """Measure both."""
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
    plan = watched(lambda: on_host(PLAN))
    on_host(BACK)
    ours = watched(lambda: run("make", "demo-migrate"))
    print(f"{rows} spend rows; clients: a new connection each, httpx, requests, OpenAI's")
    print("| | requests | failed | refused for | longest |\n|---|---:|---:|---:|---:|")
    for name, seen in (("the plan's order", plan), ("migrate.yml", ours)):
        print(
            f"| {name} | {seen.asked} | {seen.failed} | {seen.refused:.1f} s"
            f" | {seen.longest:.1f} s |"
        )


if __name__ == "__main__":
    main()
