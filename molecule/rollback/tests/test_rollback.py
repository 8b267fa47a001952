"""What was written after the cutover comes home, or stays away, and the host is what it was."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from play import (
    BACK,
    NATIVE,
    PSQL,
    REDIS_AUTH,
    STATE,
    Run,
    bring,
    client,
    journal,
    legacy_state,
    play,
    spend_rows,
    stand,
    state,
    states,
    until,
    wait_for_spend,
    words,
)

# Migrated like the first; its operator doesn't want what was written since.
OTHER = "llmops-rollback-none"
# Clients that never ask twice: those that keep their connections, and streams.
KINDS = ("fresh", "pooled", "faithful", "session", "official", "streams", "long_streams")
ASKED = "/root/observer/clients.jsonl"
HOME = {"api_base": "http://127.0.0.1:8082/v1"}  # the address is the native proxy's again


def redis(host: Any, command: str) -> str:
    """What Redis answers."""
    return str(host.check_output(command)).strip()


@pytest.fixture(scope="module")
def before(host: Any) -> dict[str, Any]:
    """The host before anything."""
    return legacy_state(host)


@pytest.fixture(scope="module")
def migrated(host: Any) -> dict[str, Any]:
    """A migrated host that somebody has used: what the client made there."""
    client(host, "write", "first")
    made = client(host, "read", "first")
    wait_for_spend(host, made)
    redis(
        host,
        f"docker exec litellm-redis sh -c '{REDIS_AUTH} redis-cli SET since then'",
    )
    return dict(made)


def test_check_mode_tells_what_each_choice_keeps_and_loses(
    host: Any, migrated: dict[str, Any], tmp_path: Path
) -> None:
    assert migrated["embedding"] == 200
    assert stand(tmp_path)[:2] == ("migrated", "compose")
    kept = journal(host)
    run = play("rollback", "--check")
    assert run.returncode == 0, run.stdout
    said = words(run)
    assert "rollback_data=carry (chosen)" in said
    assert "Since the cutover 1 key created" in said
    assert "LiteLLM_VerificationToken +1" in said
    assert "rollback_data=none keeps the legacy database as it was at the cutover" in said
    assert journal(host) == kept
    assert client(host, "read", "first")["chat"] == 200


def test_schema_that_moved_on_is_refused_with_the_choices(
    host: Any, migrated: dict[str, Any]
) -> None:
    assert migrated
    host.check_output(f"{PSQL} 'ALTER TABLE \"LiteLLM_TeamTable\" ADD COLUMN later text'")
    try:
        run = play("rollback")
    finally:
        host.check_output(f"{PSQL} 'ALTER TABLE \"LiteLLM_TeamTable\" DROP COLUMN later'")
    assert run.returncode != 0
    assert "has another schema than at the cutover" in words(run)
    assert "rollback_data=none" in words(run)
    assert "Nothing was touched" in run.stdout
    assert journal(host)["state"] == "migrated"


def test_all_reasons_come_at_once(host: Any, migrated: dict[str, Any]) -> None:
    assert migrated
    unit = "/home/litellm/.config/systemd/user/litellm-backup.timer"
    config = "/home/litellm/llm@team/config.yaml"
    host.check_output(f"mv {unit} {unit}.away && mv {config} {config}.away")
    try:
        run = play("rollback")
    finally:
        host.check_output(f"mv {unit}.away {unit} && mv {config}.away {config}")
    assert run.returncode != 0
    assert f"unit litellm-backup.timer: its file {unit} is gone" in words(run)
    assert f"{config}: is gone" in words(run)
    assert journal(host)["state"] == "migrated"


@pytest.fixture(scope="module")
def other(host: Any) -> Any:
    """The other host, when its proxy serves."""
    found = type(host).get_host(f"docker://{OTHER}")
    healthy = "docker inspect --format '{{.State.Health.Status}}' litellm-proxy"
    until(found, f"{healthy} | grep -qx healthy", 240)
    return found


@pytest.fixture(scope="module")
def unwanted(other: Any) -> dict[str, Any]:
    """What its client made there."""
    client(other, "write", "first")
    made = client(other, "read", "first")
    wait_for_spend(other, made)
    return dict(made)


@pytest.fixture(scope="module")
def rolled_back(host: Any, migrated: dict[str, Any], unwanted: dict[str, Any]) -> Run:
    """The run that brings both hosts back, the first with a bridge that earlier code has left."""
    assert migrated and unwanted
    socket = (
        "[Socket]\\nListenStream=172.30.40.1:9999\\nFreeBind=true\\n"
        "[Install]\\nWantedBy=sockets.target\\n"
    )
    service = "[Service]\\nExecStart=/usr/lib/systemd/systemd-socket-proxyd 127.0.0.1:8082\\n"
    host.check_output(
        f"cd /etc/systemd/system && printf '{socket}' > litellm-bridge-9999.socket"
        f" && printf '{service}' > litellm-bridge-9999.service"
        " && systemctl daemon-reload && systemctl enable --now litellm-bridge-9999.socket"
    )
    bring(host, "../shared/files/clients.py")
    host.check_output(
        "systemd-run --quiet --unit=clients --property=UMask=0077"
        " /home/litellm/venv/bin/python3 -B /root/observer/clients.py"
        f" {ASKED} {' '.join(KINDS)}"
    )
    until(host, f'test $(grep -o \'"kind": "[a-z]*\' {ASKED} | sort -u | wc -l) -gt 4')
    done = play("rollback", "-vvv", inventory="files/both.yml")
    host.check_output("systemctl stop clients.service")
    return done


def test_rows_come_home(host: Any, migrated: dict[str, Any], rolled_back: Run) -> None:
    assert rolled_back.returncode == 0, rolled_back.stdout
    assert "✔ rows came home, with equal fingerprints" in rolled_back.stdout
    now = client(host, "read", "first")
    assert now == {**migrated, **HOME}
    assert spend_rows(host, NATIVE, migrated) == 1
    assert redis(host, "redis-cli GET since") == "then"


def test_clients_were_served_meanwhile(host: Any, other: Any, rolled_back: Run) -> None:
    """By a transitional proxy, of which nothing is left. Whoever does not want what they have
    written since has them wait instead."""
    report = json.loads(host.check_output("cat /var/lib/llmops-litellm/report.json"))
    assert 0 < report["led"]["seconds"] < 3
    assert report["led"]["waits"] is None and journal(host)["facts"]["switched_back"]
    assert (report["waited"], report["refused_seconds"]) == (None, None)
    seen = report["watched"]["since"]
    assert seen["asked"] > 10 and seen["failed"] == 0
    left = host.check_output("docker ps --all --format '{{.Names}}'; ls /run /run/systemd/system")
    assert not re.search("transition|litellm-legacy", left)
    asked = (
        "SELECT current_setting('wal_level'), (SELECT count(*) FROM pg_publication),"
        " (SELECT count(*) FROM pg_replication_slots)"
    )
    told = host.check_output("runuser -u postgres -- psql -p 5434 -d llm_gateway -XAtc %s", asked)
    assert told == "replica|0|0"
    report = json.loads(other.check_output("cat /var/lib/llmops-litellm/report.json"))
    assert report["led"] is None and report["waited"]["seconds"] > 0


def test_no_request_failed_not_on_a_connection_that_was_kept(host: Any, rolled_back: Run) -> None:
    """Those of the new proxy end in its container, which stays until nobody needs them."""
    assert rolled_back.returncode == 0, rolled_back.stdout
    told = [json.loads(line) for line in host.check_output(f"cat {ASKED}").splitlines()]
    counts = {kind: sum(each["kind"] == kind for each in told) for kind in KINDS}
    least = {**dict.fromkeys(KINDS, 20), "streams": 5, "long_streams": 1}
    assert {kind: count for kind, count in counts.items() if count < least[kind]} == {}
    assert [each for each in told if each["failed"]] == []
    report = json.loads(host.check_output("cat /var/lib/llmops-litellm/report.json"))
    assert report["led"]["carried"] > 0


def test_log_report_and_journal_hold_no_secret(host: Any, rolled_back: Run) -> None:
    secrets = json.loads(host.check_output("cat /root/testbed/secrets.json"))
    for line in host.check_output(
        "grep -E '^(POSTGRES|REDIS)_PASSWORD=' /opt/litellm/.env"
    ).splitlines():
        secrets[line.partition("=")[0] + " of the compose deployment"] = line.partition("=")[
            2
        ].strip("'\"")
    secrets["key"] = json.loads(host.check_output("cat /root/observer/first.json"))["key"]
    texts = {
        "log": rolled_back.stdout,
        "files": host.check_output(
            "cat /var/lib/llmops-litellm/journal.json /var/lib/llmops-litellm/report.*"
        ),
    }
    assert "EXEC" in texts["log"]
    assert [
        (where, name)
        for where, text in texts.items()
        for name, value in secrets.items()
        if value in text or json.dumps(value)[1:-1] in text
    ] == []


def test_host_is_what_it_was(host: Any, before: dict[str, Any], rolled_back: Run) -> None:
    assert rolled_back.returncode == 0
    assert state(host) == before


def test_bridges_are_gone_those_of_earlier_code_too(host: Any, rolled_back: Run) -> None:
    assert rolled_back.returncode == 0
    assert (
        host.run(
            "ls /etc/systemd/system/litellm-bridge-* "
            "/etc/systemd/system/sockets.target.wants/litellm-bridge-*"
        ).stdout
        == ""
    )
    assert host.check_output("ss -Hltn").count("172.30.40.1") == 0


def test_legacy_proxy_itself_serves(host: Any, rolled_back: Run) -> None:
    assert rolled_back.returncode == 0
    pid = host.check_output(
        "systemctl --user --machine=litellm@ show --property MainPID --value litellm.service"
    )
    assert f"pid={pid}," in host.check_output("ss -Hltnp sport = :4000")
    assert play("health").returncode == 0


def test_compose_deployment_is_stopped_not_destroyed(host: Any, rolled_back: Run) -> None:
    assert rolled_back.returncode == 0
    assert host.check_output("docker ps --all --quiet") == ""
    assert host.check_output("docker volume ls --quiet").split() == [
        "litellm_postgres",
        "litellm_redis",
    ]


def test_report_says_how_to_go_on(host: Any, rolled_back: Run) -> None:
    assert rolled_back.returncode == 0
    told = journal(host)
    assert told["state"] == "rolled back"
    assert states(told, BACK) == dict.fromkeys(BACK, "done")
    report = json.loads(host.check_output("cat /var/lib/llmops-litellm/report.json"))
    assert all(proof["ok"] for proof in report["proofs"])
    assert "migrate.yml goes forward again" in host.check_output(
        "cat /var/lib/llmops-litellm/report.md"
    )


def test_second_rollback_changes_nothing(
    host: Any, before: dict[str, Any], rolled_back: Run, tmp_path: Path
) -> None:
    assert rolled_back.returncode == 0
    assert stand(tmp_path) == (
        "rolled back",
        "legacy",
        "goes forward again, takes up images, volumes and files that are there, and migrates",
        "changes nothing: the host runs its legacy deployment",
    )
    run = play("rollback")
    assert run.returncode == 0, run.stdout
    assert "changed=0" in run.stdout
    assert "is not migrated (rolled back since" in words(run)
    assert state(host) == before


def test_rows_that_are_not_wanted_stay_in_the_volume(
    other: Any, unwanted: dict[str, Any], rolled_back: Run
) -> None:
    assert rolled_back.returncode == 0, rolled_back.stdout
    assert spend_rows(other, NATIVE, unwanted) == 0
    kept = journal(other)["facts"]["kept_database"]
    assert kept.startswith("litellm_")
    assert kept in other.check_output(f"cat {STATE}/report.md")
    assert state(other) == legacy_state(other)
