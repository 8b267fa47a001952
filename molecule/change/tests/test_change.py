"""A deployment that serves and deploy.yml, in the order of the file. One host: each test goes on
from where the one before has left it.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from play import PSQL, STATE, bring, command, kill, play, told, until, words

FOLDER = "/opt/litellm"
ASKED = "/root/observer/clients.jsonl"
KINDS = ("fresh", "pooled", "session", "official", "embeddings", "keys", "streams")
# Seconds that a request may take while another proxy starts on the same two cores; and while
# PostgreSQL and Redis are started anew.
NOISE, RENEWED = 3.0, 30.0
FILES = f"cd {FOLDER} && sha256sum .env compose.yaml config.compose.yaml redis.conf"
# What is there for the time of a run.
LEFT = f"find /run {STATE} -maxdepth 1 -name 'litellm-*' -o -maxdepth 1 -name kept-project"
CONTAINERS = "docker ps --all --format '{{.ID}} {{.Names}}'"
# What the inventory says from one test to the next.
WISHES: dict[str, Any] = {}
SECRETS = ("rotated-database-7Jq2", "rotated-redis-password-9Lw4")


@contextmanager
def clients(host: Any, longest: float = NOISE) -> Iterator[None]:
    """Clients of all kinds ask meanwhile; none of them fails or waits for longer."""
    bring(host, "../shared/files/clients.py")
    host.check_output(f"rm -f {ASKED}")
    host.check_output(
        "systemd-run --quiet --unit=clients --property=UMask=0077"
        f" /home/litellm/venv/bin/python3 -B /root/observer/clients.py {ASKED} {' '.join(KINDS)}"
    )
    try:
        until(host, f"test $(grep -c streams {ASKED}) -ge 2")
        yield
    finally:
        host.check_output("systemctl stop clients.service")
    found = [json.loads(line) for line in host.check_output(f"cat {ASKED}").splitlines()]
    assert {item["kind"] for item in found} == set(KINDS)
    assert [item for item in found if item["failed"]] == []
    short = [item for item in found if item["kind"] != "streams"]
    assert max(item["seconds"] for item in short) < longest
    made = [item["made"] for item in found if item["made"]]
    listed = ", ".join(f"'{key}'" for key in made)
    query = f'SELECT count(*) FROM \\"LiteLLM_VerificationToken\\" WHERE token IN ({listed})'
    assert int(host.check_output(f'{PSQL} "{query}"')) == len(made) > 0
    until(host, _spent(listed, len(made)))


def _spent(listed: str, wanted: int) -> str:
    query = (
        f'SELECT count(DISTINCT api_key) FROM \\"LiteLLM_SpendLogs\\" WHERE api_key IN ({listed})'
    )
    return f'test "$({PSQL} "{query}")" = {wanted}'


def deploy(*options: str) -> Any:
    return play("deploy", *options, **WISHES)


def test_1_nothing_differs(host: Any) -> None:
    before = host.check_output(CONTAINERS)
    for options in ((), ("--check", "--diff")):
        run = deploy(*options)
        assert run.returncode == 0, run.stdout
        assert "changed=0 " in run.stdout, run.stdout
    assert host.check_output(CONTAINERS) == before


def test_2_check_mode_shows_what_differs(host: Any) -> None:
    WISHES.update(
        litellm_memory_limits={"litellm": "6g"}, env_file_overrides={"UI_TEAM": "not-shown"}
    )
    before = host.check_output(f"{CONTAINERS}; {FILES}")
    run = deploy("--check", "--diff")
    assert run.returncode == 0, run.stdout
    assert ".env: UI_TEAM" in words(run)
    assert 'services.litellm.mem_limit: "8589934592" -> "6442450944"' in words(run)
    assert "not-shown" not in run.stdout
    assert host.check_output(f"{CONTAINERS}; {FILES}") == before


def test_3_a_change_that_nobody_notices(host: Any) -> None:
    servers = host.check_output("docker ps --format '{{.ID}}' --filter name=-redis")
    with clients(host):
        run = deploy()
    assert run.returncode == 0, run.stdout
    record = told(host, "deployment")
    assert (record["state"], record["facts"]["seen"]["since"]["failed"]) == ("deployed", 0)
    limit = "docker inspect --format '{{.HostConfig.Memory}}' litellm-proxy"
    assert host.check_output(limit) == "6442450944"
    assert host.check_output("docker ps --format '{{.ID}}' --filter name=-redis") == servers
    assert host.check_output(LEFT) == ""
    run = deploy()
    assert "changed=0 " in run.stdout, run.stdout


def test_4_a_configuration_of_the_inventory(host: Any) -> None:
    text = host.check_output(f"cat '{told(host, 'journal')['facts']['found']['legacy']['config']}'")
    model = (
        "model_list:\n  - model_name: chat-added\n    litellm_params:\n"
        "      model: openai/stand-in-chat\n      api_base: http://127.0.0.1:8081/v1\n"
        "      api_key: os.environ/OPENAI_API_KEY\n"
    )
    WISHES["litellm_config"] = text.replace("model_list:\n", model, 1) + "\n"
    with clients(host):
        run = deploy()
    assert run.returncode == 0, run.stdout
    assert "model chat-added: it was not there before" in words(run)
    assert "chat-added" in host.check_output(f"cat {FOLDER}/config.compose.yaml")
    run = deploy()
    assert "changed=0 " in run.stdout, run.stdout


def test_5_one_that_does_not_start_is_not_taken(host: Any) -> None:
    before = host.check_output(f"{CONTAINERS}; {FILES}")
    with clients(host):
        run = play("deploy", **{**WISHES, "litellm_options": ["--nosuch_option"]}, litellm_wait=30)
    assert run.returncode != 0
    assert "The deployment that there was serves, and was not touched" in words(run)
    assert host.check_output(f"{CONTAINERS}; {FILES}") == before
    assert told(host, "deployment")["state"] == "failed"
    assert host.check_output(LEFT) == ""


def test_6_a_salt_key_is_kept(host: Any) -> None:
    before = host.check_output(f"{CONTAINERS}; {FILES}")
    overrides = {**WISHES["env_file_overrides"], "LITELLM_SALT_KEY": "sk-another-salt-3Kf8"}
    run = play("deploy", **{**WISHES, "env_file_overrides": overrides})
    assert run.returncode != 0
    assert "LITELLM_SALT_KEY in env_file_overrides is another one" in words(run)
    assert host.check_output(f"{CONTAINERS}; {FILES}") == before


def test_7_a_run_that_is_killed_is_ended_by_the_next(host: Any) -> None:
    WISHES["litellm_memory_limits"] = {"litellm": "5g"}
    with clients(host):
        with tempfile.TemporaryFile() as output:
            victim = subprocess.Popen(
                command("deploy", "-e", json.dumps(WISHES)),
                cwd=Path(__file__).resolve().parents[3],
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                until(host, f"grep -q 5g {FOLDER}/compose.yaml", 300)
            finally:
                kill(victim.pid)
                victim.wait()
        assert told(host, "deployment")["state"] == "running"
        assert "deploy.yml ends it" in words(play("rollback"))
        run = deploy()
    assert run.returncode == 0, run.stdout
    assert told(host, "deployment")["state"] == "deployed"
    limit = "docker inspect --format '{{.HostConfig.Memory}}' litellm-proxy"
    assert host.check_output(limit) == "5368709120"
    assert host.check_output(LEFT) == ""


def test_8_passwords_are_rotated(host: Any) -> None:
    WISHES["env_file_overrides"].update(
        zip(("POSTGRES_PASSWORD", "REDIS_PASSWORD"), SECRETS, strict=True)
    )
    with clients(host, RENEWED):
        run = deploy("-vv", "--diff")
    assert run.returncode == 0, run.stdout
    assert [secret for secret in SECRETS if secret in run.stdout] == []
    assert SECRETS[0] in host.check_output(f"grep ^DATABASE_URL= {FOLDER}/.env")
    run = deploy()
    assert "changed=0 " in run.stdout, run.stdout


def test_9_what_was_changed_by_hand_is_told_and_mended(host: Any) -> None:
    host.check_output("docker stop litellm-redis")
    run = deploy("--check")
    assert "not as the last run left it: litellm-redis does not run: it is exited" in words(run)
    run = deploy()
    assert run.returncode == 0, run.stdout
    until(host, "litellm-ops health --json", 90)
    run = deploy()
    assert "changed=0 " in run.stdout, run.stdout
