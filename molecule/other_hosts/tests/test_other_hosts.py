"""What others have on the host is theirs; what LiteLLM is there comes along, and home again."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from play import (
    BACK,
    BACKUPS,
    FORWARD,
    NATIVE,
    PSQL,
    REDIS_AUTH,
    ROOT,
    STATE,
    USER,
    Run,
    client,
    journal,
    play,
    spend_rows,
    state,
    states,
    until,
    wait_for_spend,
    without_ours,
    words,
)

# Whoever uses LiteLLM's own server, and what is hung on its tables, as a refusal names them.
BESIDE = (
    "unit reporting.service",
    "database reports",
    "database postgres",
    "role grafana",
    "contents of database llm_gateway",
    "trigger LiteLLM_SpendLogs.audited",
)
# They share nothing with it, so no message has their names.
APART = ("shop", "opencode", "4010", "5435", "6379", "team-chat", "15-other")
LEGACY, PROJECT = "/home/litellm/llm@team", "/opt/litellm"
OTHERS = "python3 -B /root/observer/others.py"
NATIVE_KEYS = "REDISCLI_AUTH=$(cat /root/observer/redis-password) redis-cli -p 6390 --raw"
KEYS = f"docker exec litellm-redis sh -c '{REDIS_AUTH} redis-cli --scan'"
FROM_A_CONTAINER = "docker exec team-chat busybox wget -q -O- http://172.17.0.1:4000/health/%s"

# An embedding by the model of the included file, through the proxy that serves now.
EMBEDDING = """
import json, urllib.request
key = json.load(open("/root/testbed/secrets.json"))["LITELLM_MASTER_KEY"]
body = json.dumps({"model": "embed", "input": "word"}).encode()
headers = {"Content-Type": "application/json", "Authorization": "Bearer " + key}
request = urllib.request.Request("http://127.0.0.1:4000/v1/embeddings", body, headers)
print(len(json.load(urllib.request.urlopen(request, timeout=120))["data"][0]["embedding"]))
"""


def others(host: Any) -> dict[str, Any]:
    """What isn't LiteLLM's."""
    return dict(json.loads(host.check_output(OTHERS)))


def seen(host: Any) -> dict[str, Any]:
    """What the other application has seen of its stores."""
    return dict(json.loads(host.check_output("cat /var/lib/shop/seen.json")))


def recorded(host: Any, name: str) -> dict[str, Any]:
    """What was recorded before the first run."""
    return dict(json.loads(host.check_output(f"cat /root/observer/{name}.json")))


def nothing_of_others_has_changed(host: Any, *, stopped: bool = False) -> None:
    """Neither data nor service nor client of anybody else; LiteLLM's server may be stopped."""
    before, now = recorded(host, "others"), others(host)
    assert now["apart"] == before["apart"]
    assert now["beside"] == (None if stopped else before["beside"])
    told = seen(host)
    assert told["failed"] == []
    asked = "$(grep -o '[0-9]*' /var/lib/shop/seen.json | head -n 1)"
    until(host, f'[ "{asked}" -gt {told["asked"]} ]', 20)


# What is refused, and by which names


@pytest.fixture(scope="module")
def refused(host: Any) -> Run:
    """The operator's first command."""
    nothing_of_others_has_changed(host)
    return play("migrate")


def test_everybody_who_would_lose_something_is_named(host: Any, refused: Run) -> None:
    assert refused.returncode != 0
    said = words(refused)
    assert "Nothing was touched." in said
    assert set(re.findall(r" \d+\. (.+?): ", said)) == set(BESIDE), said
    for name in BESIDE:
        assert f"preflight_accept_down: [{name}]" in said


def test_nobody_else_is_named(host: Any, refused: Run) -> None:
    assert [name for name in APART if name in words(refused)] == []


def test_refusal_changed_nothing(host: Any, refused: Run) -> None:
    assert re.search(r"changed=0 .*failed=1", refused.stdout)
    assert state(host) == without_ours(recorded(host, "legacy"))
    nothing_of_others_has_changed(host)


def test_unit_that_is_no_proxy_is_refused_with_the_one_that_is(host: Any) -> None:
    run = play("migrate", legacy_unit="litellm-opencode.service")
    assert run.returncode != 0
    assert "litellm-opencode.service" in words(run)
    assert "litellm.service" in words(run)
    nothing_of_others_has_changed(host)


# The way there


@pytest.fixture(scope="module")
def migrated(host: Any, refused: Run) -> Run:
    """The same, with these names accepted."""
    assert refused.returncode != 0
    return play("migrate", preflight_accept_down=list(BESIDE))


@pytest.fixture(scope="module")
def given() -> dict[str, str]:
    """The images, as the inventory names them."""
    digests = json.loads((ROOT / ".cache/testbed/official.json").read_text())
    return {
        "litellm": f"registry.test:5000/litellm:main-stable@{digests['litellm-root']}",
        "postgres": "docker.io/library/postgres:17-alpine",
        "redis": "redis:8-alpine",
    }


@pytest.fixture(scope="module")
def made(host: Any, migrated: Run) -> dict[str, Any]:
    """What a client has made there since."""
    assert migrated.returncode == 0, migrated.stdout[-6000:]
    client(host, "write", "first")
    told = client(host, "read", "first")
    wait_for_spend(host, told)
    return dict(told)


def test_migration_leaves_the_others_alone(host: Any, migrated: Run) -> None:
    assert migrated.returncode == 0, migrated.stdout[-6000:]
    assert states(journal(host), FORWARD) == dict.fromkeys(FORWARD, "done")
    nothing_of_others_has_changed(host, stopped=True)


def test_provider_is_asked_with_the_key_of_a_file_that_litellm_found(
    host: Any, made: dict[str, Any]
) -> None:
    assert made["chat"] == 200
    named = host.check_output(f"cat {STATE}/report.md")
    assert r"/home/litellm/.env" in named.replace("\\", "")


def test_clients_of_every_address_waited(host: Any, migrated: Run) -> None:
    assert migrated.returncode == 0
    report = json.loads(host.check_output(f"cat {STATE}/report.json"))
    assert report["waited"]["seconds"] > 0
    assert report["watched"]["since"]["failed"] == 0


def test_clients_come_from_where_they_came(host: Any, made: dict[str, Any]) -> None:
    assert host.check_output("ss -Hltn sport = :4000").split()[3] == "0.0.0.0:4000"
    assert "alive" in host.check_output(FROM_A_CONTAINER % "liveliness")
    assert '"connected"' in host.check_output(FROM_A_CONTAINER % "readiness")


def test_operators_callback_is_called(host: Any, made: dict[str, Any]) -> None:
    until(host, "docker logs litellm-proxy 2>&1 | grep -q 'price note: [0-9]'")


def test_included_file_has_a_view_with_the_bridge(host: Any, made: dict[str, Any]) -> None:
    host.check_output("sha256sum --quiet -c /root/observer/configuration")
    old, view = (
        host.file(f"{LEGACY}/local-models.yaml"),
        host.file(f"{PROJECT}/config.compose.1-local-models.yaml"),
    )
    native, bridged = "http://localhost:8082/v1", "http://host.docker.internal:8082/v1"
    assert native in old.content_string
    assert view.content_string.partition("\n")[2] == old.content_string.replace(native, bridged)
    first = host.file(f"{PROJECT}/config.compose.yaml")
    assert (view.user, view.group, view.mode) == (first.user, first.group, first.mode)
    assert "- config.compose.1-local-models.yaml  # of this machine" in first.content_string
    mounts = json.loads(
        host.check_output("docker inspect --format '{{json .Mounts}}' litellm-proxy")
    )
    views = [mount for mount in mounts if mount["Source"].startswith(f"{PROJECT}/config.")]
    assert {mount["Destination"]: mount["RW"] for mount in views} == {
        "/app/config.yaml": False,
        "/app/config.compose.1-local-models.yaml": False,
    }
    assert (
        "config.compose.1-local-models.yaml line 6: http\\://localhost:8082 is "
        "http\\://host.docker.internal:8082" in host.file(f"{STATE}/report.md").content_string
    )
    assert int(host.check_output("python3 -c %s", EMBEDDING)) > 0


def test_credential_is_read_by_the_container_and_by_nobody_else(
    host: Any, made: dict[str, Any]
) -> None:
    path = "/home/litellm/keys/vertex.json"
    inside = host.check_output(f"docker exec litellm-proxy cat {path}")
    assert inside == host.check_output(f"cat {path}")
    copies = host.check_output("find /opt/litellm -name 'needed.*' -perm /o=rwx").split()
    assert copies == []


def test_name_that_only_this_host_knows_is_known_inside(host: Any, made: dict[str, Any]) -> None:
    found = host.check_output("docker exec litellm-proxy getent hosts gpu1.lab")
    assert found.split()[0] == "10.255.0.7"


def test_keys_of_its_own_redis_came_along_and_no_others(host: Any, made: dict[str, Any]) -> None:
    names = host.check_output(KEYS).split()
    assert "gateway:kept" in names
    assert [name for name in names if name.startswith("shop:")] == []
    assert host.check_output("ss -Hltn sport = :6390").split()[3] == "127.0.0.1:6390"


def test_only_litellms_own_is_in_the_container(host: Any, made: dict[str, Any]) -> None:
    schemas = host.check_output(
        f"{PSQL} \"SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_'\""
    )
    assert sorted(schemas.split()) == ["information_schema", "public"]
    assert host.check_output(f"{PSQL} 'SELECT count(*) FROM pg_largeobject_metadata'") == "0"


def test_images_are_recorded_by_what_can_be_had_again(
    host: Any, made: dict[str, Any], given: dict[str, str]
) -> None:
    assert host.check_output("docker exec litellm-postgres id -u postgres") == "70"
    assert host.run("docker exec litellm-redis ls /bin/bash").rc != 0
    images = journal(host)["facts"]["images"]
    assert {name: image["name"] for name, image in images.items()} == given
    references = {name: image["reference"] for name, image in images.items()}
    assert references["litellm"] == given["litellm"]
    assert references["postgres"].startswith("postgres@sha256:")
    assert references["redis"] == images["redis"]["id"]  # no registry has it


def test_backup_drill_and_health_work_with_these_images(
    host: Any, made: dict[str, Any], given: dict[str, str]
) -> None:
    host.check_output("litellm-ops backup --name since")
    host.check_output("litellm-ops drill since")
    manifest = host.check_output(f"cat {BACKUPS}/since/manifest.json")
    assert [name for name in given.values() if name not in manifest] == []
    run = play("health")
    assert run.returncode == 0, run.stdout[-3000:]


def test_second_run_changes_nothing(host: Any, made: dict[str, Any]) -> None:
    run = play("migrate", preflight_accept_down=list(BESIDE))
    assert run.returncode == 0, run.stdout[-3000:]
    assert "changed=0" in run.stdout


# The way back


@pytest.fixture(scope="module")
def rolled_back(host: Any, made: dict[str, Any]) -> Run:
    """The whole way back."""
    assert made
    return play("rollback")


def test_rows_come_home_past_the_trigger(host: Any, made: dict[str, Any], rolled_back: Run) -> None:
    assert rolled_back.returncode == 0, rolled_back.stdout[-6000:]
    assert states(journal(host), BACK) == dict.fromkeys(BACK, "done")
    assert spend_rows(host, NATIVE, made) == 1
    where = f"WHERE request_id = '{made['request']}'"
    assert host.check_output(f'{NATIVE} "SELECT count(*) FROM audit.spend {where}"') == "0"


def test_host_is_what_it_was(host: Any, rolled_back: Run) -> None:
    assert rolled_back.returncode == 0
    assert state(host) == without_ours(recorded(host, "legacy"))


def test_everything_of_the_others_is_what_it_was(host: Any, rolled_back: Run) -> None:
    assert rolled_back.returncode == 0
    nothing_of_others_has_changed(host)
    until(host, "systemctl is-active --quiet reporting.service")
    rows = f"{NATIVE.replace('llm_gateway', 'reports')} 'SELECT count(*) FROM facts'"
    assert host.check_output(rows) == "70"


def test_legacy_proxy_serves_as_it_did(host: Any, rolled_back: Run) -> None:
    assert rolled_back.returncode == 0
    assert client(host, "read", "first")["chat"] == 200
    assert "alive" in host.check_output(FROM_A_CONTAINER % "liveliness")
    assert host.check_output(f"{NATIVE_KEYS} GET gateway:kept") == "yes"
    assert host.check_output(f"{USER} is-active litellm.service") == "active"
    host.check_output("sha256sum --quiet -c /root/observer/configuration")
    assert int(host.check_output("python3 -c %s", EMBEDDING)) > 0
