"""The compose deployment, as the engine and the host show it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

LEGACY = "/home/litellm/llm@team"
PROJECT = "/srv/llm@team/compose"
PORTS = {
    "litellm-proxy": ("4000/tcp", "4000"),
    "litellm-postgres": ("5432/tcp", "5434"),
    "litellm-redis": ("6379/tcp", "6379"),
}
# Bytes of memory, processes: Redis' are the inventory's, the others the role's.
LIMITS = {
    "litellm-proxy": (8 << 30, 2048),
    "litellm-postgres": (4 << 30, 512),
    "litellm-redis": (1 << 30, 64),
}
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
    "HF_TOKEN",
)
CONTAINERS = tuple(PORTS)
# What belongs to the native process and its manager, and the addresses that are others now.
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
MOVED = {"DATABASE_URL", "UI_EMPTY"}


@pytest.mark.parametrize("name", CONTAINERS)
def test_ports_are_published_on_loopback_only(containers: dict[str, Any], name: str) -> None:
    inner, outer = PORTS[name]
    published = {
        port: hosts for port, hosts in containers[name]["NetworkSettings"]["Ports"].items() if hosts
    }
    assert published == {inner: [{"HostIp": "127.0.0.1", "HostPort": outer}]}


def test_nobody_else_holds_the_ports(host: Any) -> None:
    for port in (4000, 5434, 6379):
        lines = host.check_output(f"ss -Hltnp sport = :{port}").splitlines()
        assert len(lines) == 1
        assert "docker-proxy" in lines[0]
        assert f"127.0.0.1:{port}" in lines[0]


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers_are_healthy_and_by_digest(containers: dict[str, Any], name: str) -> None:
    assert containers[name]["State"]["Health"]["Status"] == "healthy"
    assert re.search(r"@sha256:[0-9a-f]{64}$", containers[name]["Config"]["Image"])


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers_are_confined(host: Any, containers: dict[str, Any], name: str) -> None:
    told = containers[name]["HostConfig"]
    assert told["CapDrop"] == ["ALL"]
    assert told["CapAdd"] is None
    assert "no-new-privileges:true" in told["SecurityOpt"]
    assert told["ReadonlyRootfs"]
    assert (told["Memory"], told["PidsLimit"]) == LIMITS[name]
    assert host.run("docker exec %s touch /etc/written", name).rc != 0
    assert host.run("docker exec %s touch /tmp/written", name).rc == 0
    assert told["LogConfig"]["Config"]["max-size"] == "10m"
    assert told["RestartPolicy"]["Name"] == (
        "on-failure" if name == "litellm-proxy" else "unless-stopped"
    )
    uids = {
        line.split()[0]
        for line in host.check_output("docker top %s -eo uid,pid", name).splitlines()[1:]
    }
    assert uids
    assert "0" not in uids


def test_engine_tells_no_password_of_the_servers(
    containers: dict[str, Any], new: dict[str, str]
) -> None:
    for name in ("litellm-postgres", "litellm-redis"):
        told = json.dumps(containers[name])
        hidden = ("POSTGRES_PASSWORD", "REDIS_PASSWORD")
        assert [variable for variable in hidden if new[variable] in told] == []


def test_network_and_volumes_are_named(host: Any, containers: dict[str, Any]) -> None:
    network = json.loads(host.check_output("docker network inspect litellm"))[0]
    assert network["IPAM"]["Config"] == [{"Subnet": "172.30.40.0/24", "Gateway": "172.30.40.1"}]
    volumes = {
        name: [mount["Name"] for mount in containers[name]["Mounts"] if mount["Type"] == "volume"]
        for name in CONTAINERS
    }
    assert volumes == {
        "litellm-proxy": [],
        "litellm-postgres": ["litellm_postgres"],
        "litellm-redis": ["litellm_redis"],
    }


def test_every_variable_survives_byte_for_byte(old: dict[str, str], new: dict[str, str]) -> None:
    kept = {name: value for name, value in old.items() if name not in NATIVE | MOVED}
    assert len(kept) > 15
    # names only: a failing test must not print the values
    assert [name for name, value in kept.items() if new.get(name) != value] == []


def test_native_variables_stay_behind(new: dict[str, str]) -> None:
    inherited = {"HOME", "PATH", "LANG"}  # the image has its own
    assert (NATIVE - inherited) & set(new) == set()


@pytest.mark.parametrize("name", WANTED)
def test_container_has_what_it_needs(new: dict[str, str], name: str) -> None:
    assert name in new


def test_env_file_is_private_and_ignored_by_git(host: Any) -> None:
    for name, mode in ((".env", 0o600), ("redis.conf", 0o400), ("config.compose.yaml", 0o640)):
        assert host.file(f"{PROJECT}/{name}").mode == mode
    git = f"git -C {PROJECT}"
    assert host.check_output(f"{git} check-ignore .env redis.conf").split() == [
        ".env",
        "redis.conf",
    ]


def test_build_context_holds_nothing_private(host: Any) -> None:
    host.check_output(
        f"install -d {PROJECT}/kept && "
        f"touch {PROJECT}/kept/file {PROJECT}/notes.md {PROJECT}/x.env && "
        f"printf 'FROM scratch\\nCOPY . /\\n' | docker build -q -t context -f - {PROJECT}"
    )
    try:
        names = host.check_output(
            "docker create --name context context x > /dev/null; docker export context | tar -t"
        ).split()
    finally:
        host.run(
            "docker rm context; docker rmi context; "
            f"rm -r {PROJECT}/kept {PROJECT}/notes.md {PROJECT}/x.env"
        )
    assert "kept/file" in names
    private = re.compile(
        r"(^|/)(\.git|\.env.*|.*\.env|env\..*|redis\.conf|.*\.md|.*\.service|compose.*\.yaml)(/|$)"
    )
    assert [name for name in names if private.search(name)] == []


def test_legacy_configuration_is_untouched(host: Any, prepared: dict[str, Any]) -> None:
    old = {
        path: told
        for path, told in prepared["files"].items()
        if path.startswith((f"{LEGACY}/", "/home/litellm/.config/"))
    }
    now = json.loads(host.check_output("python3 -B /root/observer/host_state.py"))["files"]
    changed = [path for path, told in old.items() if now.get(path) != told and "/.git" not in path]
    # enabled units are links in the user's configuration; what they point to stays
    assert [path for path in changed if ".wants" not in path] == []


def test_containers_view_of_the_configuration(host: Any) -> None:
    old = host.file(f"{LEGACY}/config.yaml").content_string
    new = host.file(f"{PROJECT}/config.compose.yaml").content_string
    comments = [line.strip() for line in old.splitlines() if line.strip().startswith("#")]
    assert [line.strip() for line in new.splitlines() if line.strip() in comments] == comments
    wanted = old.replace(
        "api_base: http://127.0.0.1:8081/v1 ", "api_base: http://host.docker.internal:8081/v1 "
    )
    wanted = wanted.replace('"http://localhost:8082/v1"', '"http://host.docker.internal:8082/v1"')
    wanted = wanted.replace(
        "'http://127.0.0.1:8079/v1/rerank'", "'http://host.docker.internal:8079/v1/rerank'"
    )
    wanted = wanted.replace("host: 127.0.0.1\n", "host: redis\n")
    assert yaml.safe_load(new) == yaml.safe_load(wanted)
    assert "http://127.0.0.1:8090" in new  # in a comment


def test_model_servers_were_never_stopped(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert after["servers"] == before["servers"]


def test_model_servers_stay_on_loopback(host: Any) -> None:
    for port in (8079, 8081, 8082):
        addresses = {
            line.split()[3] for line in host.check_output(f"ss -Hltn sport = :{port}").splitlines()
        }
        assert addresses == {f"127.0.0.1:{port}", f"172.30.40.1:{port}"}


def test_legacy_units_are_stopped_disabled_and_still_there(host: Any) -> None:
    show = "systemctl --user --machine=litellm@ show --property ActiveState,UnitFileState --value"
    for unit in (
        "litellm.service",
        "litellm-backup.timer",
        "litellm-healthcheck.timer",
        "litellm-probe-capabilities.timer",
    ):
        assert host.check_output(f"{show} {unit}").split() in (
            ["inactive", "disabled"],
            ["failed", "disabled"],
        )
        assert host.file(f"/home/litellm/.config/systemd/user/{unit}").is_file
    for unit in ("postgresql@15-main.service", "redis-server.service"):
        assert host.check_output(f"systemctl is-active {unit} ; true") == "inactive"
        assert host.check_output(f"systemctl is-enabled {unit} ; true") in (
            "disabled",
            "masked",
            "masked-runtime",
        )


def test_journal_knows_what_was_disabled_on_purpose(journal: dict[str, Any]) -> None:
    units = {unit["name"]: unit for unit in journal["facts"]["found"]["legacy"]["units"]}
    assert (
        units["litellm-healthcheck.timer"]["enabled"],
        units["litellm-healthcheck.timer"]["active"],
    ) == ("disabled", "inactive")
    assert (units["litellm-backup.timer"]["enabled"], units["litellm-backup.timer"]["active"]) == (
        "enabled",
        "active",
    )
    assert units["litellm.service"]["active"] == "active"
