"""There and back: what was written after the cutover comes home, and the host is what it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

SCENARIO = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"])
ROOT = SCENARIO.parent.parent
# What a migration leaves on purpose: journal and report, backups, the project folder of a deployment that is stopped and not destroyed.
OURS = ("/var/lib/llmops-litellm", "/var/backups/llmops-litellm", "/opt/litellm")
PSQL = "docker exec litellm-postgres psql -U litellm -d litellm -XAtc"
NATIVE = "runuser -u postgres -- psql -p 5434 -d llm_gateway -XAtc"


def play(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The operator's own command."""
    return subprocess.run(
        [
            "ansible-playbook",
            "-i",
            str(SCENARIO / "inventory.yml"),
            f"playbooks/{name}.yml",
            *words,
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def words(run: subprocess.CompletedProcess[str]) -> str:
    """What a run printed, without its line breaks."""
    return " ".join(run.stdout.split())


def state(host: Any) -> dict[str, Any]:
    """The host's state, without what a migration leaves on purpose."""
    told = json.loads(host.check_output("python3 -B /root/observer/host_state.py"))
    told["files"] = {
        path: text for path, text in told["files"].items() if not path.startswith(OURS)
    }
    del told["docker"]["volume"], told["docker"]["image"]
    return told


def journal(host: Any) -> dict[str, Any]:
    """Where the host stands."""
    return json.loads(host.check_output("cat /var/lib/llmops-litellm/journal.json"))


def stand(tmp_path: Path) -> tuple[str, str, str, str]:
    """What status.yml tells: the state, who serves, and what the next commands would do."""
    path = tmp_path / "status.json"
    run = play("status", "-e", f"status_file={path}")
    assert run.returncode == 0, run.stdout
    told = json.loads(path.read_text())["llmops-rollback"]
    assert told["proxy"]["kind"] == "nobody" or told["proxy"]["ready"]
    return (
        told["journal"]["state"],
        told["proxy"]["kind"],
        told["next"]["migrate.yml"],
        told["next"]["rollback.yml"],
    )


def client(host: Any, action: str, name: str) -> Any:
    """What the client did or sees."""
    told = host.check_output(
        f"python3 -B /root/observer/client.py {action} /root/observer/{name}.json"
    )
    return json.loads(told) if told else None


def spend_rows(host: Any, query: str, told: dict[str, Any]) -> int:
    """The rows of one request in a database."""
    return int(
        host.check_output(
            f'{query} "SELECT count(*) FROM \\"LiteLLM_SpendLogs\\" WHERE request_id = \'{told["request"]}\'"'
        )
    )


def redis(host: Any, command: str) -> str:
    """What Redis answers."""
    return str(host.check_output(command)).strip()


def wait_for_spend(host: Any, told: dict[str, Any]) -> None:
    """LiteLLM writes its spend some seconds after the request."""
    limit = time.monotonic() + 90
    while not spend_rows(host, PSQL, told):
        assert time.monotonic() < limit
        time.sleep(0.5)


@pytest.fixture(scope="module")
def before(host: Any) -> dict[str, Any]:
    """The host before anything."""
    return state(host)


def test_host_without_a_migration_is_left_as_it_is(
    host: Any, before: dict[str, Any], tmp_path: Path
) -> None:
    assert stand(tmp_path) == (
        "none",
        "legacy",
        "looks at everything, then migrates, or says why not before anything is touched",
        "changes nothing: no migration was ever begun",
    )
    run = play("rollback")
    assert run.returncode == 0, run.stdout
    assert "is not migrated (no migration was ever begun). Nothing was changed." in words(run)
    assert state(host) == before


@pytest.fixture(scope="module")
def migrated(host: Any, before: dict[str, Any]) -> dict[str, Any]:
    """A migrated host that somebody has used: what the client made there."""
    assert before
    run = play("migrate")
    assert run.returncode == 0, run.stdout
    client(host, "write", "first")
    told = client(host, "read", "first")
    wait_for_spend(host, told)
    redis(
        host,
        "docker exec litellm-redis sh -c 'REDISCLI_AUTH=$REDIS_PASSWORD redis-cli SET since then'",
    )
    return told


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
def rolled_back(migrated: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """The run that brings the host back."""
    assert migrated
    return play("rollback", "-vvv")


def test_rows_come_home(
    host: Any, migrated: dict[str, Any], rolled_back: subprocess.CompletedProcess[str]
) -> None:
    assert rolled_back.returncode == 0, rolled_back.stdout
    assert "✔ rows came home, with equal fingerprints" in rolled_back.stdout
    now = client(host, "read", "first")
    # the address is the native proxy's again
    assert now == {**migrated, "api_base": "http://127.0.0.1:8082/v1"}
    assert spend_rows(host, NATIVE, migrated) == 1
    assert redis(host, "redis-cli GET since") == "then"


def test_log_report_and_journal_hold_no_secret(
    host: Any, rolled_back: subprocess.CompletedProcess[str]
) -> None:
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


def test_host_is_what_it_was(
    host: Any, before: dict[str, Any], rolled_back: subprocess.CompletedProcess[str]
) -> None:
    assert rolled_back.returncode == 0
    assert state(host) == before


def test_legacy_proxy_itself_serves(
    host: Any, rolled_back: subprocess.CompletedProcess[str]
) -> None:
    assert rolled_back.returncode == 0
    pid = host.check_output(
        "systemctl --user --machine=litellm@ show --property MainPID --value litellm.service"
    )
    assert f"pid={pid}," in host.check_output("ss -Hltnp sport = :4000")
    assert play("health").returncode == 0


def test_compose_deployment_is_stopped_not_destroyed(
    host: Any, rolled_back: subprocess.CompletedProcess[str]
) -> None:
    assert rolled_back.returncode == 0
    assert host.check_output("docker ps --all --quiet") == ""
    assert host.check_output("docker volume ls --quiet").split() == [
        "litellm_postgres",
        "litellm_redis",
    ]


def test_report_says_how_to_go_on(host: Any, rolled_back: subprocess.CompletedProcess[str]) -> None:
    assert rolled_back.returncode == 0
    told = journal(host)
    assert told["state"] == "rolled back"
    assert {step["name"]: step["state"] for step in told["steps"][-5:]} == dict.fromkeys(
        ["leave", "carry", "return", "check", "clear"], "done"
    )
    report = json.loads(host.check_output("cat /var/lib/llmops-litellm/report.json"))
    assert all(proof["ok"] for proof in report["proofs"])
    assert report["refused_seconds"] > 0
    assert "migrate.yml goes forward again" in host.check_output(
        "cat /var/lib/llmops-litellm/report.md"
    )


def test_second_rollback_changes_nothing(
    host: Any, before: dict[str, Any], rolled_back: subprocess.CompletedProcess[str], tmp_path: Path
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


def again(host: Any, name: str, *words: str) -> dict[str, Any]:
    """Forward once more, and used: what the client made."""
    run = play("migrate", *words)
    assert run.returncode == 0, run.stdout
    client(host, "write", name)
    told = client(host, "read", name)
    wait_for_spend(host, told)
    return dict(told)


def test_rows_that_are_not_wanted_stay_in_the_volume(
    host: Any,
    migrated: dict[str, Any],
    rolled_back: subprocess.CompletedProcess[str],
    before: dict[str, Any],
) -> None:
    assert rolled_back.returncode == 0
    told = again(host, "second")
    run = play("rollback", "-e", "rollback_data=none")
    assert run.returncode == 0, run.stdout
    assert (spend_rows(host, NATIVE, migrated), spend_rows(host, NATIVE, told)) == (1, 0)
    assert journal(host)["facts"]["kept_database"].startswith("litellm_")
    assert journal(host)["facts"]["kept_database"] in host.check_output(
        "cat /var/lib/llmops-litellm/report.md"
    )
    assert state(host) == before


# The rollback is killed when the data has been decided on and the legacy proxy begins to serve; the next one need not be told of the choice.
def test_backup_from_before_the_migration_comes_back_from_the_hosts_network(
    host: Any,
    migrated: dict[str, Any],
    rolled_back: subprocess.CompletedProcess[str],
    before: dict[str, Any],
    tmp_path: Path,
) -> None:
    assert rolled_back.returncode == 0
    told = again(host, "third", "-e", "litellm_network=host")
    assert (
        host.check_output("docker inspect --format '{{.HostConfig.NetworkMode}}' litellm-proxy")
        == "host"
    )
    assert host.check_output("ss -Hltn sport = :4000").split()[3] == "127.0.0.1:4000"
    assert host.run("ls /etc/systemd/system/litellm-bridge-*").rc != 0
    assert play("health").returncode == 0
    victim = subprocess.Popen(
        [
            "ansible-playbook",
            "-i",
            str(SCENARIO / "inventory.yml"),
            "playbooks/rollback.yml",
            "-e",
            "rollback_data=backup",
        ],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    limit = time.monotonic() + 300
    while journal(host)["phase"] != "return":
        assert time.monotonic() < limit
        assert victim.poll() is None
        time.sleep(0.2)
    os.killpg(victim.pid, signal.SIGKILL)
    victim.wait()
    stands = stand(tmp_path)
    assert (stands[0], *stands[2:]) == (
        "running",
        "brings the legacy deployment back first, and ends rolled back",
        "goes on, and ends rolled back",
    )
    run = play("rollback")
    assert run.returncode == 0, run.stdout
    assert client(host, "read", "first") == {**migrated, "api_base": "http://127.0.0.1:8082/v1"}
    assert (spend_rows(host, NATIVE, migrated), spend_rows(host, NATIVE, told)) == (1, 0)
    assert "✔ legacy database is as in the backup" in run.stdout
    assert journal(host)["facts"]["kept_database"] in host.check_output(
        "cat /var/lib/llmops-litellm/report.md"
    )
    assert state(host) == before
