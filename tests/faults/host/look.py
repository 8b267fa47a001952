# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is true on the host at this moment, as JSON: ``look.py [ACKNOWLEDGED]``.

``state`` and ``phase`` of the journal; ``serves``: ``legacy``, ``compose`` or ``nobody`` at port
4000; ``ready``: whether that one has its database; ``writers``: the proxies that run and would
write for clients; ``databases``: which can be read; ``left``: what is only for the time of a move
and should be gone after it; and with the writer's file how many of its rows each of them has:
``rows``: ``{database: {acknowledged, missing, keys_missing}}``.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from typing import Any, Optional

JOURNAL = "/var/lib/llmops-litellm/journal.json"
# Where the native server is while another one has its address.
ASIDE = "/run/litellm-legacy-aside"
PSQL = {
    "legacy": ["runuser", "-u", "postgres", "--", "psql", "-p", "5434", "-d", "llm_gateway"],
    "compose": ["docker", "exec", "litellm-postgres", "psql", "-U", "litellm", "-d", "litellm"],
}
IDS = """SELECT token FROM "LiteLLM_VerificationToken"
UNION ALL SELECT request_id FROM "LiteLLM_SpendLogs" WHERE "startTime" > now() - interval '1 day'"""


def run(words: list[str]) -> Optional[str]:
    """What a command prints, ``None`` where it fails."""
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, timeout=20, cwd="/"
        )
    except subprocess.TimeoutExpired:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def journal() -> dict[str, Any]:
    """The journal's state and phase."""
    try:
        with open(JOURNAL, encoding="utf-8") as handle:
            told = json.load(handle)
        return {"state": str(told["state"]), "phase": str(told["phase"])}
    except FileNotFoundError:
        return {"state": "none", "phase": ""}
    except (ValueError, KeyError, TypeError):
        return {"state": "unreadable", "phase": ""}


def ready() -> bool:
    """Whether the proxy at port 4000 says that it has its database."""
    try:
        with urllib.request.urlopen("http://127.0.0.1:4000/health/readiness", timeout=5) as answer:
            return bool(json.load(answer).get("db") == "connected")
    except (OSError, ValueError):
        return False


def proxies() -> tuple[str, list[str]]:
    """Who holds port 4000, and which proxies run that would write for clients (the rehearsal's is
    at another port)."""
    pid = (
        run(
            [
                "systemctl",
                "--user",
                "--machine=litellm@",
                "show",
                "--property",
                "MainPID",
                "--value",
                "litellm.service",
            ]
        )
        or "0"
    )
    published = (
        run(["docker", "ps", "--filter", "name=^litellm-proxy$", "--format", "{{.Ports}}"]) or ""
    )
    holders = run(["ss", "-Hltnp", "sport = :4000"]) or ""
    writers = (["legacy"] if pid != "0" else []) + (["compose"] if ":4000->" in published else [])
    serves = (
        "legacy"
        if re.search(r"pid=%s\b" % pid, holders) and pid != "0"
        else "compose"
        if "docker-proxy" in holders
        else "nobody"
    )
    return serves, writers


def left() -> list[str]:
    """Containers, folder and timer of a transition, the native server at another address, and
    publications of what followed a database."""
    names = run(["docker", "ps", "--all", "--format", "{{.Names}}"]) or ""
    timers = run(["systemctl", "list-units", "--all", "--plain", "--no-legend", "llmops-*.timer"])
    return [
        *(name for name in names.split() if name.startswith("litellm-transition")),
        *(["/run/litellm-transition"] if os.path.exists("/run/litellm-transition") else []),
        *(line.split()[0] for line in (timers or "").splitlines()),
        *([ASIDE] if os.path.exists(ASIDE) else []),
        *(
            f"publication in {name}"
            for name, psql in PSQL.items()
            if run([*psql, "-XAtc", "SELECT pubname FROM pg_publication"])
        ),
    ]


def acknowledged_rows(path: str) -> list[dict[str, Any]]:
    """What the client was told. The line that it is writing right now may be half there."""
    with open(path, encoding="utf-8") as handle:
        return [
            told
            for told in (json.loads(line) for line in handle if line.endswith("\n"))
            if told["kind"] != "refused"
        ]


def rows(acknowledged: list[dict[str, Any]], ids: set[str]) -> dict[str, Any]:
    """How many of the acknowledged rows are not in a database."""
    missing = [told for told in acknowledged if told["id"] not in ids]
    return {
        "acknowledged": len(acknowledged),
        "missing": len(missing),
        "keys_missing": sum(told["kind"] == "key" for told in missing),
        "which": missing[:5],
    }


def main() -> None:
    serves, writers = proxies()
    told: dict[str, Any] = {
        **journal(),
        "serves": serves,
        "writers": writers,
        "ready": ready(),
        "left": left(),
        "rows": {},
    }
    # before the databases are asked: the client goes on writing
    acknowledged = (
        acknowledged_rows(sys.argv[1]) if len(sys.argv) > 1 and os.path.exists(sys.argv[1]) else []
    )
    if os.path.exists(ASIDE):
        PSQL["legacy"] += ["-h", ASIDE, "-U", "postgres"]
    for name, psql in PSQL.items():
        answer = run([*psql, "-XAt", "-c", IDS])
        if answer is not None:
            told["rows"][name] = rows(acknowledged, set(answer.split())) if acknowledged else {}
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
