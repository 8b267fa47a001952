"""The new proxy is frozen at its start after the cutover. What must be true then, and after the next run without the saboteur."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

SCENARIO = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"])
ROOT = SCENARIO.parent.parent
# What a migration leaves on purpose.
OURS = ("/var/lib/llmops-litellm", "/var/backups/llmops-litellm", "/opt/litellm")


def migrate(*words: str) -> subprocess.CompletedProcess[str]:
    """The operator's own command."""
    return subprocess.run(
        [
            "ansible-playbook",
            "-i",
            str(SCENARIO / "inventory.yml"),
            "playbooks/migrate.yml",
            *words,
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def state(host: Any) -> dict[str, Any]:
    """The host's state, without what a migration leaves on purpose."""
    told = json.loads(host.check_output("python3 -B /root/observer/host_state.py"))
    told["files"] = {
        path: text for path, text in told["files"].items() if not path.startswith(OURS)
    }
    del told["docker"]["volume"], told["docker"]["image"]
    return told


def test_failure_before_the_cutover_touches_nothing(host: Any) -> None:
    before = state(host)
    pid = host.check_output(
        "systemctl --user --machine=litellm@ show --property MainPID --value litellm.service"
    )
    run = migrate(
        "-e", "litellm_wait=1"
    )  # seconds; no PostgreSQL makes its first data folder in that time
    assert run.returncode != 0
    assert "the legacy deployment was not touched and serves" in " ".join(run.stdout.split())
    journal = json.loads(host.check_output("cat /var/lib/llmops-litellm/journal.json"))
    assert (journal["state"], journal["phase"]) == ("untouched", "stage")
    status = subprocess.run(
        ["ansible-playbook", "-i", str(SCENARIO / "inventory.yml"), "playbooks/status.yml"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    assert "the legacy deployment serves; the last migration touched nothing of it" in " ".join(
        status.split()
    )
    assert state(host) == before
    assert (
        host.check_output(
            "systemctl --user --machine=litellm@ show --property MainPID --value litellm.service"
        )
        == pid
    )


@pytest.fixture(scope="module")
def sabotaged(host: Any) -> dict[str, Any]:
    """A run against the saboteur: the host's state before, what the run printed, its journal."""
    before = state(host)
    host.check_output("systemd-run --unit=saboteur python3 -B /root/observer/saboteur.py")
    run = migrate("-e", "litellm_max_downtime=75")  # seconds; enough for a cutover that ends well
    host.check_output("systemctl stop saboteur")
    journal = json.loads(host.check_output("cat /var/lib/llmops-litellm/journal.json"))
    return {
        "before": before,
        "run": run,
        "journal": journal,
        "frozen": host.check_output("journalctl -u saboteur -o cat"),
    }


def test_run_fails_and_says_what_is_true_now(sabotaged: dict[str, Any]) -> None:
    assert "frozen" in sabotaged["frozen"]
    assert sabotaged["run"].returncode != 0
    assert "The migration failed, and the legacy deployment serves again" in sabotaged["run"].stdout
    assert sabotaged["journal"]["state"] == "rolled back"
    # the operator's limit ends the wait for it, long before litellm_wait does
    assert "Timed out after" in sabotaged["journal"]["facts"]["failure"]
    states = {step["name"]: step["state"] for step in sabotaged["journal"]["steps"]}
    assert states["serve"] == "failed"
    # its schema is not the legacy one any more: rows are not guessed into it, and the legacy deployment serves all the same
    assert [states[name] for name in ("leave", "carry", "return", "check", "clear")] == [
        "done",
        "failed",
        "done",
        "done",
        "done",
    ]


def test_host_is_as_it_was(host: Any, sabotaged: dict[str, Any]) -> None:
    assert state(host) == sabotaged["before"]


def test_legacy_proxy_itself_serves(host: Any) -> None:
    pid = host.check_output(
        "systemctl --user --machine=litellm@ show --property MainPID --value litellm.service"
    )
    assert f"pid={pid}," in host.check_output("ss -Hltnp sport = :4000")
    probe = "import json, urllib.request as r; print(json.load(r.urlopen('http://127.0.0.1:4000/health/readiness', timeout=5))['db'])"
    assert host.check_output("python3 -c %s", probe) == "connected"


def test_rows_of_the_failed_deployment_are_kept(host: Any, sabotaged: dict[str, Any]) -> None:
    assert sabotaged["journal"]["facts"]["kept_database"].startswith("litellm_")
    assert "litellm_postgres" in host.check_output("docker volume ls --quiet")
    report = host.check_output("cat /var/lib/llmops-litellm/report.md")
    assert sabotaged["journal"]["facts"]["kept_database"] in report
    assert "Reason:" in report


def test_next_run_migrates_and_starts_with_an_empty_redis(
    host: Any, sabotaged: dict[str, Any]
) -> None:
    host.check_output("redis-cli SET left-behind yes")
    run = migrate("-e", '{"litellm_carry_redis": false}')
    assert run.returncode == 0, run.stdout[-3000:]
    assert (
        json.loads(host.check_output("cat /var/lib/llmops-litellm/journal.json"))["state"]
        == "migrated"
    )
    names = host.check_output(
        "docker exec litellm-postgres psql -U litellm -d postgres -XAtc 'SELECT datname FROM pg_database'"
    ).split()
    assert sabotaged["journal"]["facts"]["kept_database"] in names
    assert (
        host.check_output(
            "docker exec litellm-redis sh -c 'REDISCLI_AUTH=$REDIS_PASSWORD redis-cli EXISTS left-behind'"
        )
        == "0"
    )
