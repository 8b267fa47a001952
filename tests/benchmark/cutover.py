# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How clients are served while a host is migrated, each time under the same clients, none of which
asks twice: live there, back and there again; by the order of a plan written by hand; by migrate.yml
with a stop.

    python tests/benchmark/cutover.py [--rows N]

N: make it at least so many spend rows first. Takes some twenty minutes, and needs what `make demo`
needs. The demo's host is made for it and stays up, migrated.
"""

from __future__ import annotations

import argparse
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
BRIDGED = "[8079, 8081, 8082]"
SLOWEST = 600.0  # seconds; what needs longer has failed
BASELINE = 60.0  # seconds that clients are watched before something happens
# Rows as LiteLLM writes them, of requests that were nobody's.
SPEND = """INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, api_key, spend, total_tokens,
  prompt_tokens, completion_tokens, "startTime", "endTime", model, model_group, "user", metadata,
  request_tags, end_user, session_id, status)
SELECT 'benchmark-' || i, 'acompletion', md5('k' || (i %% 7)) || md5('l' || (i %% 7)),
  (i %% 1000) * 0.00012345 / 3, i %% 900, i %% 700, i %% 200,
  timestamp '2026-01-01' + i * interval '17.031 s', timestamp '2026-01-01' + i * interval '17.5 s',
  'gpt-4o', 'gpt-4o', 'user-' || (i %% 50),
  jsonb_build_object('note', md5(i::text) || md5((i + 1)::text) || md5((i + 2)::text)),
  jsonb_build_array('tag' || (i %% 9)), 'end-' || (i %% 1000), md5('s' || (i / 10)), 'success'
FROM generate_series(1, %d) i"""
# What a person would write down, or a playbook without ours: one thing after the other. The new
# containers' files and images are there already, as they are before the cutover of migrate.yml.
PLAN = r"""set -eu
cd /opt/litellm
systemctl --user --machine=litellm@ stop litellm.service
runuser -u postgres -- pg_dump -p 5434 --no-owner --no-acl llm_gateway > /root/plan.sql
systemctl stop postgresql@15-main redis-server
docker compose up --detach --wait postgres redis
psql="docker exec -i litellm-postgres psql --quiet --no-psqlrc --set ON_ERROR_STOP=1"
$psql -U postgres -c 'ALTER ROLE litellm RESET default_transaction_read_only' \
  -c 'DROP SCHEMA public CASCADE' -c 'CREATE SCHEMA public AUTHORIZATION litellm' \
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
    """What clients saw: requests, those that failed, seconds from the begin of the first that
    failed to the end of the last, and the longest request in seconds, in the minute before and
    then: of all but those that make keys, and of those."""

    asked: int
    failed: int
    refused: float
    before: tuple[float, float]
    then: tuple[float, float]


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


def longest(found: list[dict[str, Any]]) -> tuple[float, float]:
    """The longest request in seconds: of all but those that make keys, and of those."""
    return (
        max(item["seconds"] for item in found if item["kind"] != "keys"),
        max(item["seconds"] for item in found if item["kind"] == "keys"),
    )


def watched(act: Callable[[], object]) -> Seen:
    """What clients saw of something."""
    on_host(
        f"rm -f {ASKED}; touch {ASKED};"
        f" systemd-run --unit=clients {PYTHON} -B /root/clients.py {ASKED} {' '.join(KINDS)}"
    )
    settled(0)
    settled(time.time() + BASELINE)
    begun = time.time()
    act()
    settled(time.time())
    on_host("systemctl stop clients")
    # What was under way when it began belongs to it.
    before: list[dict[str, Any]] = []
    then: list[dict[str, Any]] = []
    for item in requests():
        (then if item["begun"] + item["seconds"] > begun else before).append(item)
    failed = [item for item in then if item["failed"]]
    ends = [item["begun"] + item["seconds"] for item in failed]
    return Seen(
        len(then),
        len(failed),
        max(ends) - min(item["begun"] for item in failed) if failed else 0.0,
        longest([item for item in before if item["begun"] > begun - BASELINE]),
        longest(then),
    )


def playbook(name: str, **variables: str) -> Callable[[], None]:
    """One of ours on the demo's host."""
    words = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "inventory/demo"]
    for variable, value in variables.items():
        words += ["-e", f"{{{variable}: {value}}}"]
    return lambda: run(*words, f"playbooks/{name}.yml")


def spend_rows(wanted: int) -> int:
    """How many spend rows the legacy database has, once it has as many as are wanted."""
    # From the output of another program: psql would wait for what a shell gives it.
    query = "runuser -u postgres -- psql -p 5434 -d llm_gateway --no-psqlrc -qAtc"
    count = """'SELECT count(*) FROM "LiteLLM_SpendLogs"'"""
    missing = wanted - int(on_host(f"{query} {count}"))
    if missing > 0:
        on_host(f"""{query} "$(cat <<'END'\n{SPEND % missing}\nEND\n)" """)
        on_host(f"{query} ANALYZE")
    return int(on_host(f"{query} {count}"))


def main() -> None:
    """Measure all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=0)
    asked = parser.parse_args()
    run(sys.executable, "tests/testbed/testbed.py", "up")
    facts = json.loads((ROOT / ".cache/testbed/testbed.json").read_text(encoding="utf-8"))
    os.environ["DOCKER_HOST"] = facts["docker_host"]
    run("make", "demo-host")
    run("docker", "cp", str(CLIENTS), f"{HOST}:/root/clients.py")
    rows = spend_rows(asked.rows)
    live, back = playbook("migrate", litellm_cutover="live"), playbook("rollback")
    print(f"{rows} spend rows; clients: {', '.join(KINDS)}")
    print("| | requests | failed | within | longest (the minute before) | … with new keys |")
    print("|---|---:|---:|---:|---:|---:|")

    def told(name: str, act: Callable[[], object]) -> None:
        seen = watched(act)
        print(
            f"| {name} | {seen.asked} | {seen.failed} | {seen.refused:.1f} s"
            f" | {seen.then[0]:.1f} s ({seen.before[0]:.1f} s)"
            f" | {seen.then[1]:.1f} s ({seen.before[1]:.1f} s) |",
            flush=True,
        )

    told("migrate.yml, live", live)
    told("rollback.yml, live", back)
    told("migrate.yml, live, again", live)
    back()
    # The plan's author has prepared what containers reach of the host.
    playbook("model_hosts", model_host_bridge_ports=BRIDGED)()
    told("the plan's order", lambda: on_host(PLAN))
    on_host(BACK)
    told("migrate.yml, with a stop", playbook("migrate", litellm_cutover="stop"))


if __name__ == "__main__":
    main()
