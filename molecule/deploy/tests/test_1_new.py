"""A bare host and deploy.yml, in the order of the file: refused, looked at, failed, killed, made,
and looked after. One host, and each test goes on from where the one before has left it.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from play import BACKUPS, STATE, command, kill, play, status, told, until, words

FOLDER = "/opt/litellm"
URL = "http://127.0.0.1:4000"
CHAT_KEY = "sk-standin-4f9c0b7ad2e15386"
# What the run printed that made the deployment.
LOGS: list[str] = []
# Of Docker, what a deployment makes beside images.
MADE = (
    "docker ps --all --quiet; docker volume ls --quiet; "
    "docker network ls --quiet --filter name=litellm"
)


def made(host: Any) -> list[str]:
    return str(host.check_output(MADE)).split()


def environment(host: Any) -> dict[str, str]:
    """What .env says; its values are written without quotes here."""
    lines = str(host.check_output(f"grep -v '^#' {FOLDER}/.env")).splitlines()
    found = (line.partition("=") for line in lines)
    return {name: value.strip("'\"") for name, _equals, value in found}


def ask(host: Any, path: str, key: str, body: Any = None) -> Any:
    """An answer of the proxy, asked on the host with the key on standard input."""
    script = (
        "import json, sys, urllib.request\n"
        "key, body = json.load(sys.stdin)\n"
        f"request = urllib.request.Request({URL + path!r}, body and json.dumps(body).encode(),"
        " {'Authorization': 'Bearer ' + key, 'Content-Type': 'application/json'})\n"
        "print(urllib.request.urlopen(request, timeout=60).read().decode())"
    )
    done = subprocess.run(
        ["docker", "exec", "-i", host.backend.host, "python3", "-c", script],
        input=json.dumps([key, body]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def record(host: Any) -> dict[str, Any]:
    return dict(told(host, "deployment"))


def test_1_everything_that_is_wrong_is_said_at_once(host: Any) -> None:
    run = play(
        "deploy",
        litellm_port=99999,
        litellm_options=["--config", "/x"],
        litellm_publish=["203.0.113.9"],
        litellm_redis_port=5434,
        litellm_subnet="8.8.8.0/24",
        env_file_overrides={"LITELLM_MASTER_KEY": "sk-1234", "CHAT_KEY": CHAT_KEY},
        litellm_images={"litellm": "nosuch", "postgres": "", "redis": "registry.test:5000/nosuch"},
    )
    said = words(run)
    assert run.returncode != 0
    for part in (
        "cannot be deployed to. Nothing was touched.",
        "litellm_port: 99999 is not a port",
        "litellm_redis_port: 5434 is that of litellm_postgres_port",
        "litellm_options: names --config",
        "litellm_publish: 203.0.113.9 is no address of this host",
        "litellm_subnet: 8.8.8.0/24 is not a private IPv4 subnet",
        "env_file_overrides.LITELLM_MASTER_KEY: the value given is publicly known",
        "litellm_images.litellm:",
        "litellm_images.postgres:",
        "litellm_images.redis:",
    ):
        assert part in said, part
    assert made(host) == []
    assert not host.file(FOLDER).exists
    assert not host.file(STATE).exists


def test_2_check_mode_shows_and_changes_nothing(host: Any) -> None:
    run = play("deploy", "--check", "--diff")
    said = words(run)
    assert run.returncode == 0, run.stdout
    assert "bridges to the model servers on ports 8081, 8082" in said
    assert "LITELLM_MASTER_KEY" in said
    assert "services:" in said
    assert made(host) == []
    assert not host.file(FOLDER).exists
    assert not host.file(STATE).exists


def test_3_what_does_not_start_is_taken_away(host: Any) -> None:
    run = play("deploy", litellm_options=["--nosuch_option"], litellm_wait=30)
    said = words(run)
    assert run.returncode != 0
    assert "What was started was removed again" in said
    assert made(host) == []
    assert record(host)["state"] == "failed"
    assert "deploy.yml has failed" in words(play("status"))


def test_4_run_that_was_killed_is_begun_anew(host: Any) -> None:
    key = environment(host)["LITELLM_MASTER_KEY"]
    with tempfile.TemporaryFile() as output:
        victim = subprocess.Popen(
            command("deploy"),
            cwd=Path(__file__).resolve().parents[3],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            until(host, "docker exec litellm-postgres pg_isready -h 127.0.0.1", 300)
            assert victim.poll() is None
        finally:
            kill(victim.pid)
            victim.wait()
    assert record(host)["state"] == "running"
    assert "a run of deploy.yml is at work, or was killed" in words(play("status"))
    for name in ("migrate", "rollback", "backup"):
        run = play(name)
        assert run.returncode != 0
        assert "deploy.yml is under way, or was killed" in words(run)
    run = play("deploy", "-vvv", "--diff")
    assert run.returncode == 0, run.stdout
    LOGS.append(run.stdout)
    assert record(host)["state"] == "deployed"
    assert environment(host)["LITELLM_MASTER_KEY"] == key
    assert f"master key: LITELLM_MASTER_KEY in {FOLDER}/.env" in words(run)


def test_5_it_serves(host: Any) -> None:
    values = environment(host)
    master = values["LITELLM_MASTER_KEY"]
    assert master.startswith("sk-")
    assert values["LITELLM_SALT_KEY"] != master
    key = ask(host, "/key/generate", master, {"models": ["chat", "embed"]})["key"]
    message = {"role": "user", "content": "from a new host"}
    answer = ask(host, "/v1/chat/completions", key, {"model": "chat", "messages": [message]})
    said = answer["choices"][0]["message"]["content"]
    assert said == "stand-in stand-in-chat heard 1 messages; last: from a new host"
    found = ask(host, "/v1/embeddings", key, {"model": "embed", "input": "word"})
    assert len(found["data"][0]["embedding"]) > 8
    assert ask(host, "/cache/ping", master)["status"] == "healthy"
    model = {
        "model_name": "stored",
        "litellm_params": {"model": "openai/stand-in-chat", "api_key": "sk-stored-secret-1"},
    }
    ask(host, "/model/new", master, model)


def test_6_running_it_again_changes_nothing(host: Any) -> None:
    before = host.check_output("docker ps --format '{{.ID}} {{.Names}}'")
    run = play("deploy")
    assert run.returncode == 0, run.stdout
    assert "changed=0 " in run.stdout, run.stdout
    assert host.check_output("docker ps --format '{{.ID}} {{.Names}}'") == before
    run = play("deploy", "--check", "--diff")
    assert run.returncode == 0, run.stdout
    assert "changed=0 " in run.stdout, run.stdout


@pytest.mark.parametrize("name", ["health", "backup"])
def test_7_it_is_looked_after(host: Any, name: str) -> None:
    run = play(name)
    assert run.returncode == 0, run.stdout


def test_8_backups_restore(host: Any) -> None:
    drill = json.loads(host.check_output("litellm-ops drill --json"))
    assert drill["ok"] is True, drill
    before = host.check_output("docker ps --format '{{.Names}}'")
    run = play("restore")
    assert run.returncode == 0, run.stdout
    assert host.check_output("docker ps --format '{{.Names}}'") == before
    values = environment(host)
    names = [
        item["model_name"]
        for item in ask(host, "/model/info", values["LITELLM_MASTER_KEY"])["data"]
    ]
    assert "stored" in names


def test_9_status_says_so(host: Any, tmp_path: Path) -> None:
    seen = status(tmp_path)
    assert (seen["journal"]["state"], seen["proxy"]["kind"]) == ("deployed", "compose")
    assert (seen["proxy"]["ready"], seen["proxy"]["cache"]) == (True, "connected")
    assert seen["backup"]["last"]["kind"] == "compose"
    assert seen["next"]["migrate.yml"].startswith("refuses")


def test_10_others_leave_it_alone(host: Any) -> None:
    before = host.check_output("docker ps --format '{{.ID}}'")
    run = play("migrate")
    assert run.returncode != 0
    assert "Nothing was touched" in words(run)
    run = play("rollback")
    assert run.returncode == 0, run.stdout
    assert "is not migrated (deploy.yml has made its deployment)" in words(run)
    assert host.check_output("docker ps --format '{{.ID}}'") == before


def test_11_secrets_are_where_they_belong(host: Any) -> None:
    values = environment(host)
    names = ("LITELLM_MASTER_KEY", "LITELLM_SALT_KEY", "UI_PASSWORD", "POSTGRES_PASSWORD")
    secrets = {name: values[name] for name in (*names, "REDIS_PASSWORD")}
    (log,) = LOGS
    assert "EXEC" in log or "ESTABLISH" in log  # it is the log of a run with -vvv
    texts = {
        "the log": log,
        "the record": host.check_output(f"cat {STATE}/deployment.json"),
        "command lines": host.check_output("cat /proc/[0-9]*/cmdline | tr '\\0' ' '"),
        "logs of containers": host.check_output(
            "for name in proxy postgres redis; do docker logs litellm-$name 2>&1; done"
        ),
    }
    for place, text in texts.items():
        assert [name for name, value in secrets.items() if value in text] == [], place
    readable = host.check_output(
        f"find {FOLDER} {STATE} {BACKUPS} /etc/systemd/system /etc/llmops-litellm"
        " -type f -perm /o=r -readable"
    ).split()
    assert f"{FOLDER}/compose.yaml" in readable
    for path in readable:
        text = host.check_output(f"cat {path}")
        assert [name for name, value in secrets.items() if value in text] == [], path
    for path in (f"{FOLDER}/.env", f"{STATE}/deployment.json", f"{FOLDER}/config.yaml"):
        assert host.file(path).mode == 0o600, path


def test_12_it_comes_back_after_a_reboot(host: Any) -> None:
    host.check_output("systemctl restart docker")
    until(host, "litellm-ops health --json", 180)
