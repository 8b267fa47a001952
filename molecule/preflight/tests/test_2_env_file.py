"""What the role env_file, alone, leaves on a host whose legacy deployment is running."""

from __future__ import annotations

import json
from typing import Any

import pytest
from play import bring, play

from ansible_collections.llmops.litellm.plugins.module_utils._config import envfile as _envfile

LEGACY, PROJECT = "/home/litellm/llm@team", "/srv/llm@team"
GENERATED = ("POSTGRES_PASSWORD", "REDIS_PASSWORD")
WANTED = (
    "POSTGRES_USER",
    "POSTGRES_PASSWORD",
    "POSTGRES_DB",
    "REDIS_PASSWORD",
    "LITELLM_MODE",
    "LITELLM_LOG",
    "JSON_LOGS",
    "DISABLE_SCHEMA_UPDATE",
    "USE_PRISMA_MIGRATE",
    "LITELLM_KEY_INFO_ADMIN_ONLY",
    "UI_USERNAME",
    "UI_PASSWORD",
    "LITELLM_PUBLIC_PASSTHROUGH_PREFIXES",
    "LITELLM_MASTER_KEY",
    "LITELLM_SALT_KEY",
    "OPENAI_API_KEY",
    "DEEPSEEK_API_KEY",
    "GEMINI_API_KEY",
    "MISTRAL_API_KEY",
)
# What the host's process had and the container must not get.
NATIVE = {
    "HOME",
    "LANG",
    "LOGNAME",
    "PATH",
    "SHELL",
    "USER",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "MANAGERPID",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "SYSTEMD_EXEC_PID",
    "MEMORY_PRESSURE_WATCH",
    "MEMORY_PRESSURE_WRITE",
    "PYTHONUNBUFFERED",
}


@pytest.fixture(scope="module", autouse=True)
def written(host: Any) -> None:
    """The role's first run."""
    bring(host, "files/real_parsers.py", "../../tests/env_cases.py", folder="/root/real_parsers")
    run = play("molecule/preflight/env_file")
    assert run.returncode == 0, run.stdout[-3000:]


def test_second_run_changes_nothing() -> None:
    run = play("molecule/preflight/env_file")
    assert run.returncode == 0, run.stdout[-3000:]
    assert "changed=0" in run.stdout


@pytest.fixture(scope="module")
def process(host: Any) -> dict[str, str]:
    """The environment that the running legacy process really has."""
    pid = host.check_output(
        "systemctl --user --machine=litellm@ show --property MainPID --value litellm.service"
    )
    text = host.check_output("tr '\\0' '\\001' < /proc/%s/environ", pid)
    return {
        name: value
        for name, _equals, value in (item.partition("=") for item in text.split("\x01") if item)
    }


@pytest.fixture(scope="module")
def real(host: Any) -> dict[str, dict[str, str]]:
    """What the host's real programs read from the new .env."""
    found = json.loads(
        host.check_output(
            f"cd /root/real_parsers && python3 -B real_parsers.py --file {PROJECT}/.env"
        )
    )
    return {reader: found[reader][0] for reader in ("compose", "systemd", "interpolation")}


def test_compose_and_systemd_read_the_same(real: dict[str, dict[str, str]]) -> None:
    assert real["compose"] == real["systemd"] == real["interpolation"]


def test_what_the_process_had_is_there_byte_for_byte(
    process: dict[str, str], real: dict[str, dict[str, str]]
) -> None:
    moved = {"DATABASE_URL", "UI_EMPTY"}
    kept = {name: value for name, value in process.items() if name not in NATIVE | moved}
    assert len(kept) > 15
    assert {name: real["compose"].get(name) for name in kept} == kept


def test_native_variables_stay_behind(real: dict[str, dict[str, str]]) -> None:
    assert NATIVE & set(real["compose"]) == set()


@pytest.mark.parametrize("name", WANTED)
def test_the_deployment_has_what_it_needs(real: dict[str, dict[str, str]], name: str) -> None:
    assert name in real["compose"]


@pytest.mark.parametrize("name", GENERATED)
def test_passwords_are_generated(
    process: dict[str, str], real: dict[str, dict[str, str]], name: str
) -> None:
    password = real["compose"][name]
    assert len(password) >= 40
    assert all(password not in value for value in process.values())


def test_the_database_is_the_one_in_the_container(real: dict[str, dict[str, str]]) -> None:
    password = real["compose"]["POSTGRES_PASSWORD"]
    wanted = (
        f"postgresql://litellm:{password}@postgres:5432/litellm?connection_limit=10&pool_timeout=60"
    )
    assert real["compose"]["DATABASE_URL"] == wanted


def test_the_operators_word_counts(host: Any, real: dict[str, dict[str, str]]) -> None:
    secrets = json.loads(host.check_output("cat /root/testbed/secrets.json"))
    assert real["compose"]["NEW_NOTE"] == "it's `new`, #1 for $HOME\\"
    assert real["compose"]["HF_TOKEN"] == secrets["HF_TOKEN"]  # stands in an `export` line, adopted
    assert "ANTHROPIC_API_KEY" not in real["compose"]  # so does this one, which nobody asked for
    assert "UI_EMPTY" not in real["compose"]


def test_nobody_else_can_read_the_secrets(host: Any) -> None:
    env, redis = host.file(f"{PROJECT}/.env"), host.file(f"{PROJECT}/redis.conf")
    assert (env.user, env.group, env.mode) == ("root", "root", 0o600)
    assert (redis.uid, redis.gid, redis.mode) == (999, 999, 0o400)


def test_redis_takes_the_password_and_refuses_others(
    host: Any, real: dict[str, dict[str, str]]
) -> None:
    start = (
        f"sed 's|^dir .*|dir /run|' '{PROJECT}/redis.conf' > /run/try.conf && "
        "redis-server /run/try.conf --port 16399 --daemonize yes"
    )
    host.check_output(start)
    try:
        host.check_output("timeout 20 sh -c 'until redis-cli -p 16399 ping; do sleep 0.1; done'")
        assert "NOAUTH" in host.run("redis-cli -p 16399 ping").stdout
        assert (
            host.check_output(
                "REDISCLI_AUTH=%s redis-cli -p 16399 ping", real["compose"]["REDIS_PASSWORD"]
            )
            == "PONG"
        )
    finally:
        host.run(
            "REDISCLI_AUTH=%s redis-cli -p 16399 shutdown nosave", real["compose"]["REDIS_PASSWORD"]
        )
        host.run("rm -f /run/try.conf")


@pytest.mark.parametrize("name", [".env", "redis.conf"])
def test_git_ignores_the_secrets(host: Any, name: str) -> None:
    git = f"git -C {PROJECT}"
    assert host.run(f"{git} check-ignore --quiet {name}").rc == 0
    assert host.check_output(f"{git} status --porcelain -- {name}") == ""


def test_the_build_context_has_no_secrets(host: Any) -> None:
    """What the engine itself sends, not what the file says."""
    host.check_output(
        f"printf 'FROM scratch\\nCOPY . /\\n' > /run/Dockerfile && cd {PROJECT}"
        " && touch x.service x.log && mkdir -p tests logs backups state"
        " && touch tests/x logs/x backups/x state/x"
    )
    try:
        host.check_output(
            "DOCKER_BUILDKIT=0 docker build --quiet --tag context-test "
            f"--file /run/Dockerfile {PROJECT}"
        )
        host.check_output("docker create --name context-test context-test /none")
        listed = host.check_output("docker export context-test | tar --list").splitlines()
    finally:
        host.run(
            "docker rm context-test; docker rmi context-test; rm -f /run/Dockerfile; "
            f"cd {PROJECT} && rm -rf x.service x.log tests logs backups state"
        )
    ours = {name.split("/")[0] for name in listed} - {"dev", "etc", "proc", "sys", ".dockerenv"}
    assert ours == {"notes.txt"}


def test_our_reader_sees_what_is_wrong_with_the_legacy_files(
    host: Any, process: dict[str, str]
) -> None:
    text = host.check_output(f"cat {LEGACY}/secrets.env")
    assert {item.name for item in _envfile.dropped(text)} == {"ANTHROPIC_API_KEY", "HF_TOKEN"}
    assert not {"ANTHROPIC_API_KEY", "HF_TOKEN"} & set(process)
