"""What of a compose file is not the role's own: each way to a right over the host is named, and
each file that the role writes passes.
"""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    compose_file as _compose_file,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment.compose_file import (
    Expected,
)

OURS = support.compose_file()
IMAGES = {"litellm": "docker.io/library/litellm:v1", "postgres": "postgres", "redis": "redis:7"}


def texts(value: Any) -> Any:
    """As the strict reader has values: truth values, and everything else as it is written."""
    if isinstance(value, dict):
        return {key: texts(each) for key, each in value.items()}
    if isinstance(value, list):
        return [texts(each) for each in value]
    return value if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("engine", [20, 28])
@pytest.mark.parametrize("network", ["bridge", "host"])
def test_what_the_role_writes_is_read_as_yaml_has_it_and_passes(network: str, engine: int) -> None:
    text = support.compose_file(network, compose_engine_major=engine)
    assert _compose_file.read(text) == texts(yaml.safe_load(text))
    assert _compose_file.differences(text, Expected(network, IMAGES)) == []
    assert _compose_file.images(text)["redis"] == "redis@sha256:1"


@pytest.mark.parametrize(
    ("group", "unknown"), [(65519, []), (0, ["services.litellm.group_add[0]"])]
)
def test_a_group_besides_is_the_one_of_its_files_alone(group: int, unknown: list[str]) -> None:
    text = support.compose_file(compose_litellm_groups=[group])
    assert yaml.safe_load(text)["services"]["litellm"]["group_add"] == [str(group)]
    assert _compose_file.differences(text) == unknown


def test_containers_have_limits_and_write_to_volumes_and_memory_alone() -> None:
    limits = {
        name: [each[key] for key in ("read_only", "mem_limit", "pids_limit")]
        for name, each in yaml.safe_load(OURS)["services"].items()
    }
    assert limits == {
        "litellm": [True, "8g", 2048],
        "postgres": [True, "4g", 512],
        "redis": [True, "4g", 128],
    }


def test_environment_of_the_servers_has_no_secret() -> None:
    services = yaml.safe_load(OURS)["services"]
    assert "environment" not in services["redis"]
    assert services["postgres"]["environment"] == {
        "POSTGRES_USER": "postgres",
        "POSTGRES_PASSWORD_FILE": "/proc/sys/kernel/random/uuid",
        "POSTGRES_DB": "postgres",
        "PGDATA": "/var/lib/postgresql/data",
    }


def test_containers_whose_own_files_are_written_to_have_no_more_rights() -> None:
    text = support.compose_file(compose_read_only=False)
    assert "read_only: false" in text
    assert _compose_file.differences(text) == []


def test_network_and_images_are_those_of_the_inventory() -> None:
    assert _compose_file.differences(support.compose_file("host")) == [
        "services.litellm.network_mode: host"
    ]
    assert _compose_file.differences(OURS, Expected(images={"litellm": "ghcr.io/x/litellm"})) == [
        "services.litellm.image: litellm@sha256:1 (litellm_images names ghcr.io/x/litellm)"
    ]
    assert _compose_file.differences(OURS, Expected(images={"litellm": "host:5000/litellm"}))
    # tagged anew or loaded here: another name of the image that the inventory names
    same = {"litellm": ("sha256:2", "litellm@sha256:1")}
    found = Expected(images={"litellm": "ghcr.io/x/litellm"}, same=same)
    assert _compose_file.differences(OURS, found) == []


def test_layout_of_postgresql_18_and_user_of_valkey_are_ours() -> None:
    place = {"mount": "/var/lib/postgresql", "folder": "/var/lib/postgresql/18/docker"}
    text = support.compose_file(__compose_postgres_data=place, __compose_redis_user="valkey")
    services = yaml.safe_load(text)["services"]
    assert services["postgres"]["volumes"] == ["postgres:/var/lib/postgresql"]
    assert services["postgres"]["environment"]["PGDATA"] == place["folder"]
    assert services["redis"]["user"] == "valkey"
    assert _compose_file.differences(text) == []


@pytest.mark.parametrize("address", ["0.0.0.0", "10.0.0.5", "::"])
def test_the_proxy_is_published_where_the_inventory_says(address: str) -> None:
    text = support.compose_file(compose_publish=["127.0.0.1", address])
    shown = "[%s]" % address if ":" in address else address
    assert _compose_file.differences(text) == [
        "services.litellm.ports[1]: %s:4000:4000 (litellm_publish does not name it)" % shown
    ]
    assert _compose_file.differences(text, Expected(publish=[address])) == []
    other = text.replace("127.0.0.1:6379:", "%s:6379:" % shown)
    assert len(_compose_file.differences(other, Expected(publish=[address]))) == 1


def test_the_container_gets_what_the_inventory_says() -> None:
    mounts = [{"source": "/etc/litellm/prompts", "target": "/app/prompts"}]
    text = support.compose_file(compose_mounts=mounts)
    (said,) = _compose_file.differences(text)
    assert said.startswith("services.litellm.volumes[")
    assert said.endswith("source: /etc/litellm/prompts (litellm_mounts does not name it)")
    assert _compose_file.differences(text, Expected(mounts=["/etc/litellm/prompts"])) == []
    assert _compose_file.mounted(text) == ["/etc/litellm/prompts"]
    assert _compose_file.mounted(OURS) == _compose_file.mounted("no: [compose") == []


PROXY = "    container_name: litellm-proxy\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("privileged: true", "services.litellm.privileged"),
        ("pid: host", "services.litellm.pid"),
        ("cap_add: [SYS_ADMIN]", "services.litellm.cap_add[0]: SYS_ADMIN"),
        ("devices: [/dev/sda]", "services.litellm.devices[0]: /dev/sda"),
        ("build: .", "services.litellm.build"),
        ("extends: {file: /root/x.yaml, service: x}", "services.litellm.extends.file"),
        ("user: root\n    cap_drop: []", "services.litellm.cap_drop"),
        ("security_opt: [apparmor=unconfined]", "services.litellm.security_opt[0]: apparmor"),
        ("env_file: [/etc/shadow]", None),
        ("network_mode: container:x", "services.litellm.network_mode: container:x"),
        ("userns_mode: host", "services.litellm.userns_mode"),
        ("volumes_from: [x]", "services.litellm.volumes_from[0]"),
        ("runtime: evil", "services.litellm.runtime"),
        ("post_start: [{command: x, privileged: true}]", "services.litellm.post_start[0].command"),
        ("logging: {driver: syslog}", "services.litellm.logging.driver"),
        ("provider: {type: evil}", "services.litellm.provider.type"),
    ],
)
def test_rights_over_the_host_are_named(line: str, said: str | None) -> None:
    found = _compose_file.differences(OURS.replace(PROXY, PROXY + "    %s\n" % line))
    if said is None:  # the key is there already
        assert found[0].startswith("line ")
    else:
        assert any(each.startswith(said) for each in found), found


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        ("./redis.conf", "/", "services.redis.volumes[1].source: /"),
        ("./redis.conf", "./../../etc", "services.redis.volumes[1].source: ./../../etc"),
        ("./redis.conf", "./${X}", "line "),
        ("- redis:/data", "- /:/data", "services.redis.volumes[0]: /:/data"),
        ("- redis:/data", "- other:/data", "services.redis.volumes[0]: other:/data"),
        ("127.0.0.1:6379:", "6379:", "services.redis.ports[0]: 6379:6379"),
        ("127.0.0.1:6379:", "0.0.0.0:6379:", "services.redis.ports[0]: 0.0.0.0:6379:6379"),
        ("127.0.0.1:6379:", "${A}:6379:", "services.redis.ports[0]: ${A}:6379:6379"),
        ("    name: litellm_redis", "    driver: evil", "volumes.redis.driver: evil"),
        (
            "    name: litellm_redis",
            "    driver_opts: {type: none, o: bind, device: /}",
            "volumes.redis.driver_opts.type: none",
        ),
        ("networks:\n  default:", "include: [oci://evil]\nnetworks:\n  default:", "include[0]"),
        (
            "networks:\n  default:",
            "configs:\n  x: {file: /y}\nnetworks:\n  default:",
            "configs.x.f",
        ),
        ("  redis:\n    <<", "  more:\n    image: x\n\n  redis:\n    <<", "services.more.image: x"),
        ("no-new-privileges:true", "no-new-privileges:false", "services.litellm.security_opt[0]: "),
        ("cap_drop: [ALL]", "x-y: z", "services.litellm.x-y"),
        ("    env_file: [.env]", "    env_file: [/etc/shadow]", "services.litellm.env_file[0]"),
        ('    image: "redis@sha256:1"', '    image: "${X}"', "services.redis.image: ${X}"),
        ("redis@sha256:1", "--volume=/:/host", "services.redis.image: --volume=/:/host"),
        ("127.0.0.1:4000:", ":4000:", "services.litellm.ports[0]: :4000:4000"),
    ],
)
def test_other_values_are_named(ours: str, theirs: str, said: str) -> None:
    assert ours in OURS
    found = _compose_file.differences(OURS.replace(ours, theirs))
    assert any(each.startswith(said) for each in found), found


def test_service_that_drops_what_it_takes_over_is_named() -> None:
    found = _compose_file.differences(OURS.replace("    <<: *service\n", "", 1))
    assert found == [
        "services.litellm.cap_drop: is not ALL",
        "services.litellm.security_opt: is not no-new-privileges:true",
    ]
    assert "services.litellm: is missing" in _compose_file.differences("name: litellm\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name: a\nname: b\n",
        "name: &x a\n",
        "name: *x\n",
        "name: !!str a\n",
        "name: |\n  a\n",
        "name: a\n  b\n",
        "name: 'a'\n",
        "name: a # b\n",
        "name: a: b\n",
        "name:\n",
        "name: a\tb\n",
        "name: a\r\nb: c\n",
        "name: a\x85services: b\n",
        "name: a\u2028services: b\n",
        "\ufeffname: a\n",
        '"name": a\n',
        "? name\n: a\n",
        "--- \nname: a\n",
        "%YAML 1.1\nname: a\n",
        "name: {a: b, a: c}\n",
        "name: {a: b,}\n",
        "name: [a%c: ]\n",
        "name: [a: b]\n",
        'name: ["a" "b"]\n',
        'name: {"a":b}\n',
        "name: {a: b} x\n",
        "name: [" + "[" * 50 + "]" * 50 + "]\n",
        "name: " + "[" * 200000 + "\n",
        "name: " + "x" * 300000 + "\n",
        "a: &service\n  b: c\nd:\n  <<: [*service]\n",
        "a: &service\n  b: c\nd:\n  <<: *service\n  <<: *service\n",
        "- a\n- b\n",
        "name:\n- a\n",
        "name:\n  - a: b\n    c: d\n",
        "name:\n  - a\n  b: c\n",
        "".join("%s%s:\n" % (" " * depth, "a") for depth in range(500)),
    ],
)
def test_another_form_of_yaml_is_not_understood_but_said(text: str) -> None:
    found = _compose_file.differences(text)
    assert len(found) == 1 and (
        "is not as this collection writes it" in found[0] or "longer" in found[0]
    )
    assert _compose_file.images(text) == {}


def test_values_forge_no_line_of_a_message() -> None:
    for value, said in (
        (r"a\u001b[31m\nok", r"'a\x1b[31m\nok'"),
        ("x" * 500 + "!", "x" * 200 + "…"),
    ):
        text = OURS.replace("redis@sha256:1", value)
        assert _compose_file.differences(text) == ["services.redis.image: " + said]
        assert _compose_file.images(text)["redis"] == said


def test_values_that_may_be_secret_are_not_shown() -> None:
    text = OURS.replace("      REDIS_PASSWORD: ${REDIS_PASSWORD}", "      A: hunter2")
    assert _compose_file.differences(text) == []
    text = OURS.replace(PROXY, PROXY + "    annotations: {a: hunter2}\n")
    assert _compose_file.differences(text) == ["services.litellm.annotations.a"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("A=1\nLITELLM_MASTER_KEY=sk\n", []),
        ("COMPOSE_FILE=/evil.yaml\n", ["COMPOSE_FILE"]),
        ("A='x' COMPOSE_FILE=/evil.yaml\n", ["COMPOSE_FILE"]),
        ("export DOCKER_HOST = tcp://evil\nLD_PRELOAD: x\n", ["DOCKER_HOST", "LD_PRELOAD"]),
        ("MY_COMPOSE_FILE=1\nXLD_PRELOAD=1\n", []),
    ],
)
def test_variables_that_steer_compose_are_named(text: str, names: list[str]) -> None:
    assert _compose_file.steering(text) == names


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("compose.yaml", True),
        ("compose.override.yml", True),
        ("docker-compose.yml", True),
        ("docker-compose.override.yaml", True),
        ("config.compose.yaml", False),
        ("compose.stage.yaml", False),
    ],
)
def test_files_that_compose_finds_by_itself(name: str, read: bool) -> None:
    assert bool(_compose_file.FOUND.fullmatch(name)) is read


@pytest.mark.parametrize("network", ["bridge", "host"])
@pytest.mark.parametrize("stores", [["redis"], ["postgres"], []])
def test_project_without_what_is_elsewhere_is_ours(network: str, stores: list[str]) -> None:
    text = support.compose_file(network, __compose_stores=stores)
    expected = _compose_file.UNKNOWN._replace(network=network)
    assert _compose_file.differences(text, expected) == []
    assert set(_compose_file.images(text)) == {"litellm", *stores}
    read = _compose_file.read(text)
    assert set(read["services"]["litellm"].get("depends_on", {})) == set(stores)
    assert set(read.get("volumes", {})) == set(stores)


def test_project_without_a_proxy_is_none_of_ours() -> None:
    text = support.compose_file().replace("\n  litellm:\n", "\n  redis2:\n")
    assert "services.litellm: is missing" in _compose_file.differences(text)
