"""The new proxy is frozen at its start after the cutover.

What must be true then, after the next run without the saboteur, and when that is taken back.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from play import (
    BACK,
    BACKUPS,
    NATIVE,
    PREPARE,
    REDIS_AUTH,
    SERVES_AGAIN,
    STATE,
    USER,
    client,
    journal,
    kill_in,
    play,
    spend_rows,
    stand,
    state,
    states,
    wait_for_spend,
    words,
)


@pytest.fixture(scope="module")
def written(host: Any) -> dict[str, Any]:
    """What the client made before any of this, at the legacy proxy."""
    client(host, "write", "first")
    made = client(host, "read", "first")
    wait_for_spend(host, made, NATIVE)
    return dict(made)


def listed(host: Any) -> list[str]:
    """Names of the legacy deployment's backups that no migration has pinned."""
    found = json.loads(host.check_output("litellm-ops list --json"))["backups"]
    return [entry["name"] for entry in found if not entry["pinned"]]


@pytest.fixture(scope="module")
def backed_up(host: Any, written: dict[str, Any]) -> dict[str, Any]:
    """Backups set up for the legacy deployment: the host's state then."""
    assert written["chat"] == 200
    run = play("backup")
    assert run.returncode == 0, run.stdout
    assert re.search(r"is made and verified: [0-9]+ rows in", words(run))
    return state(host)


def test_legacy_deployment_is_backed_up_by_the_same_playbook(
    host: Any, backed_up: dict[str, Any]
) -> None:
    (name,) = listed(host)
    made = json.loads(host.check_output(f"cat {BACKUPS}/{name}/manifest.json"))
    assert (made["source"], made["facts"]["litellm_version"]) == ("legacy", "1.102.4")
    assert {"1-config.yaml", "legacy.env"} <= {entry["name"] for entry in made["files"]}
    assert "litellm-ops-backup.timer" in backed_up["units"]["system active"]
    run = play("backup")
    assert re.search(r"changed=1 ", run.stdout), run.stdout  # the backup itself
    # retention keeps the newer one of a day
    assert len(listed(host)) == 1 and listed(host) != [name]


def test_failure_before_the_cutover_touches_nothing(host: Any, backed_up: dict[str, Any]) -> None:
    before = state(host)
    assert before == backed_up
    pid = host.check_output(f"{USER} show --property MainPID --value litellm.service")
    # seconds; PostgreSQL may make its first data folder in that time, no LiteLLM starts in it
    run = play("migrate", litellm_wait=1)
    assert run.returncode != 0
    assert "the legacy deployment was not touched and serves" in words(run)
    stands = journal(host)
    assert (stands["state"], stands["phase"] in PREPARE) == ("untouched", True)
    assert "the legacy deployment serves; the last migration touched nothing of it" in words(
        play("status")
    )
    assert state(host) == before
    assert host.check_output(f"{USER} show --property MainPID --value litellm.service") == pid


@pytest.fixture(scope="module")
def sabotaged(host: Any) -> dict[str, Any]:
    """A run against the saboteur: the host's state before, what the run printed, its journal."""
    before = state(host)
    host.check_output("systemd-run --unit=saboteur python3 -B /root/observer/saboteur.py")
    run = play("migrate", litellm_max_downtime=75)  # seconds; enough for a cutover that ends well
    host.check_output("systemctl stop saboteur")
    return {
        "before": before,
        "run": run,
        "journal": journal(host),
        "frozen": host.check_output("journalctl -u saboteur -o cat"),
    }


def test_run_fails_and_says_what_is_true_now(sabotaged: dict[str, Any]) -> None:
    assert "frozen" in sabotaged["frozen"]
    assert sabotaged["run"].returncode != 0
    assert "The migration failed, and the legacy deployment serves again" in sabotaged["run"].stdout
    assert sabotaged["journal"]["state"] == "rolled back"
    # the operator's limit ends the wait for it, long before litellm_wait does
    assert "Timed out after" in sabotaged["journal"]["facts"]["failure"]
    assert states(sabotaged["journal"], ("serve",)) == {"serve": "failed"}
    # its schema is not the legacy one any more: rows are not guessed into it, and the legacy
    # deployment serves all the same
    ended = dict.fromkeys(BACK, "done")
    ended[BACK[1]] = "failed"
    assert states(sabotaged["journal"], BACK) == ended


def test_host_is_as_it_was(host: Any, sabotaged: dict[str, Any]) -> None:
    assert state(host) == sabotaged["before"]


def test_legacy_proxy_itself_serves(host: Any) -> None:
    pid = host.check_output(f"{USER} show --property MainPID --value litellm.service")
    assert f"pid={pid}," in host.check_output("ss -Hltnp sport = :4000")
    probe = (
        "import json, urllib.request as r; "
        "answer = r.urlopen('http://127.0.0.1:4000/health/readiness', timeout=5); "
        "print(json.load(answer)['db'])"
    )
    assert host.check_output("python3 -c %s", probe) == "connected"


def test_rows_of_the_failed_deployment_are_kept(host: Any, sabotaged: dict[str, Any]) -> None:
    assert sabotaged["journal"]["facts"]["kept_database"].startswith("litellm_")
    assert "litellm_postgres" in host.check_output("docker volume ls --quiet")
    report = host.check_output(f"cat {STATE}/report.md")
    assert sabotaged["journal"]["facts"]["kept_database"] in report
    assert "Reason:" in report


@pytest.fixture(scope="module")
def next_run(host: Any, sabotaged: dict[str, Any]) -> None:
    """Without the saboteur, into the host's own network."""
    assert sabotaged["run"].returncode != 0
    host.check_output("redis-cli SET left-behind yes")
    run = play("migrate", litellm_carry_redis=False, litellm_network="host")
    assert run.returncode == 0, run.stdout[-3000:]


def test_next_run_migrates_and_starts_with_an_empty_redis(
    host: Any, sabotaged: dict[str, Any], next_run: None
) -> None:
    assert journal(host)["state"] == "migrated"
    names = host.check_output(
        "docker exec litellm-postgres psql -U litellm -d postgres -XAtc "
        "'SELECT datname FROM pg_database'"
    ).split()
    assert sabotaged["journal"]["facts"]["kept_database"] in names
    assert (
        host.check_output(
            f"docker exec litellm-redis sh -c '{REDIS_AUTH} redis-cli EXISTS left-behind'"
        )
        == "0"
    )


def test_clients_waited_for_a_proxy_in_the_hosts_network(host: Any, next_run: None) -> None:
    report = json.loads(host.check_output(f"cat {STATE}/report.json"))
    assert report["refused_seconds"] is None
    assert report["waited"]["seconds"] > 0
    assert report["watched"]["since"]["failed"] == 0


def test_compose_deployment_is_backed_up_in_its_place(host: Any, next_run: None) -> None:
    settings = json.loads(host.check_output("cat /etc/llmops-litellm/ops.json"))
    assert list(settings["deployments"]) == ["compose"]
    report = host.check_output(f"cat {STATE}/report.md")
    assert r"backups by litellm-ops: \*-\*-\* 02:30:00" in report


def test_proxy_is_in_the_hosts_network_and_needs_no_bridge(host: Any, next_run: None) -> None:
    mode = "docker inspect --format '{{.HostConfig.NetworkMode}}' litellm-proxy"
    assert host.check_output(mode) == "host"
    assert host.check_output("ss -Hltn sport = :4000").split()[3] == "127.0.0.1:4000"
    assert host.run("ls /etc/systemd/system/litellm-bridge-*").rc != 0
    assert play("health").returncode == 0


# Killed when the data has been decided on and the legacy proxy begins to serve; the next one need
# not be told of the choice.
def test_backup_from_before_the_migration_comes_back(
    host: Any,
    sabotaged: dict[str, Any],
    written: dict[str, Any],
    next_run: None,
    tmp_path: Path,
) -> None:
    client(host, "write", "second")
    made = client(host, "read", "second")
    wait_for_spend(host, made)
    kill_in(host, SERVES_AGAIN, "rollback", "-e", "rollback_data=backup")
    seen = stand(tmp_path)
    assert (seen[0], *seen[2:]) == (
        "running",
        "brings the legacy deployment back first, and ends rolled back",
        "goes on, and ends rolled back",
    )
    run = play("rollback")
    assert run.returncode == 0, run.stdout
    # The client stores its model with the containers' address; the native proxy gets its own.
    reached = {"api_base": "http://127.0.0.1:8082/v1", "embedding": 200}
    assert client(host, "read", "first") == {**written, **reached}
    assert (spend_rows(host, NATIVE, written), spend_rows(host, NATIVE, made)) == (1, 0)
    assert "✔ legacy database is as in the backup" in run.stdout
    kept = journal(host)["facts"]["kept_database"]
    assert kept in host.check_output(f"cat {STATE}/report.md")
    assert state(host) == sabotaged["before"]
    # and the backups that it had
    assert json.loads(host.check_output("litellm-ops backup --json"))["source"] == "legacy"
