"""A Compose project as Compose tells it, and what a restore does with its proxy and its Redis."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    compose_project as _compose_project,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment.compose_project import (
    DeploymentError,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process

CAPTURED = Path(__file__).parent.parent / "captured"
# Real outputs of docker compose config: of the template in both networks, and, of the parts that
# say where a port is, of other spellings.
BRIDGE, HOST = (
    json.loads((CAPTURED / ("compose-2.26.1-%s.json" % name)).read_text())
    for name in ("bridge", "host")
)
SPELLINGS = json.loads((CAPTURED / "compose-2.26.1-spellings.json").read_text())
SECRET = "hunter2"


def spelt(name: str) -> dict[str, Any]:
    """What Compose makes of the template with its ports spelt in another way."""
    found: dict[str, Any] = json.loads(json.dumps(HOST if name == "hoststring" else BRIDGE))
    for service, parts in SPELLINGS[name]["services"].items():
        found["services"][service].pop("ports", None)
        found["services"][service].update(parts)
    return found


class Engine:
    """What is run, and what it answers."""

    def __init__(self) -> None:
        self.seen: list[tuple[list[str], float]] = []
        self.answers(BRIDGE)

    def answers(self, found: Any) -> None:
        self.answer = _process.Result(0, json.dumps(found), "")

    def __call__(self, argv: list[str], timeout: float = 60, **_more: Any) -> _process.Result:
        self.seen.append((argv, timeout))
        return self.answer


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    fake = Engine()
    monkeypatch.setattr(_compose_project, "run", fake)
    return fake


@pytest.fixture
def folder(tmp_path: Path) -> str:
    (tmp_path / "compose.yaml").touch()
    (tmp_path / ".env").touch()
    return str(tmp_path)


def test_compose_itself_chooses_the_files(engine: Engine, folder: str) -> None:
    _compose_project.read(folder, ("docker", "--host", "unix:///x"))
    words = ["compose", "--project-directory", folder, "config", "--format", "json"]
    assert [argv for argv, _timeout in engine.seen] == [["docker", "--host", "unix:///x", *words]]


def test_project_in_its_own_network(engine: Engine, folder: str) -> None:
    project = _compose_project.read(folder)
    assert {name: image.split("@")[0] for name, image in project.images.items()} == {
        "litellm": "registry:5000/litellm",
        "postgres": "registry:5000/postgres",
        "redis": "registry:5000/redis",
    }
    assert project.containers == _compose_project.container_names("litellm")
    assert project.volumes == sorted(_compose_project.volume_names("litellm").values())
    assert project.proxy_url() == project.url == "http://127.0.0.1:4001"
    assert project.redis_user == "redis"
    assert project.ports == (4001, 5434, 6380)
    assert project.published == (
        ("litellm-proxy", 4001),
        ("litellm-postgres", 5434),
        ("litellm-redis", 6380),
    )
    assert project.database.database == project.database.user == "litellm"
    assert project.database.container == "litellm-postgres"


def test_proxy_in_the_hosts_network_is_where_its_command_says(engine: Engine, folder: str) -> None:
    engine.answers(HOST)
    project = _compose_project.read(folder)
    assert project.url == "http://127.0.0.1:4001"
    assert project.ports == (4001, 5434, 6380)
    assert project.published[0] == ("litellm-proxy", 4001)


@pytest.mark.parametrize(
    ("spelling", "url", "proxy"),
    [
        ("long", "http://127.0.0.1:4001", 4001),
        ("quotes", "http://127.0.0.1:4001", 4001),
        ("order", "http://127.0.0.1:4001", 4001),
        ("ipv6", "http://[::1]:4001", 4001),
        ("several", "http://127.0.0.1:4001", 4001),
        ("wildcard", "http://127.0.0.1:4001", 4001),
        ("range", "http://127.0.0.1:4001", 4001),
        ("inside", "http://127.0.0.1:4001", 4001),
        ("hoststring", "http://127.0.0.1:4002", 4002),
    ],
)
def test_port_is_understood_however_it_is_spelt(
    engine: Engine, folder: str, spelling: str, url: str, proxy: int
) -> None:
    engine.answers(spelt(spelling))
    project = _compose_project.read(folder)
    assert project.url == url, SPELLINGS[spelling]["written"]
    assert dict(project.published) == {
        "litellm-proxy": proxy,
        "litellm-postgres": 5434,
        "litellm-redis": 6380,
    }


def test_every_port_that_the_project_takes_is_known(engine: Engine, folder: str) -> None:
    engine.answers(spelt("several"))
    assert _compose_project.read(folder).ports == (4001, 4003, 5434, 6380, 9464)


def test_address_of_another_host_is_taken_where_there_is_no_other(
    engine: Engine, folder: str
) -> None:
    found = spelt("several")
    ports = found["services"]["litellm"]["ports"]
    found["services"]["litellm"]["ports"] = [
        port for port in ports if port["host_ip"] == "10.0.0.5"
    ]
    engine.answers(found)
    assert _compose_project.read(folder).url == "http://10.0.0.5:4003"


@pytest.mark.parametrize("spelling", ["anyof", "ephemeral", "unpublished"])
def test_port_that_docker_chooses_is_not_guessed(
    engine: Engine, folder: str, spelling: str
) -> None:
    engine.answers(spelt(spelling))
    project = _compose_project.read(folder)
    assert project.url == ""
    assert "litellm-proxy" not in dict(project.published)
    assert 5434 in project.ports and 4001 not in project.ports
    with pytest.raises(DeploymentError, match="port 4000 is published at no port"):
        project.proxy_url()


def test_words_of_a_command_may_be_a_text(engine: Engine, folder: str) -> None:
    found = spelt("hoststring")
    found["services"]["litellm"]["command"] = "--host '127.0.0.1' --port 4009"
    engine.answers(found)
    assert _compose_project.read(folder).url == "http://127.0.0.1:4009"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (_process.Result(0, "{", ""), "does not describe"),
        (_process.Result(0, json.dumps({"name": SECRET}), ""), "does not describe"),
        (_process.Result(0, json.dumps([SECRET]), ""), "does not describe"),
        (_process.Result(14, SECRET, ""), "exit code 14"),
        (
            _process.Result(
                1, "", 'line 3: unexpected character "+" in variable name "%s"' % SECRET
            ),
            "exit code 1.*config --quiet",
        ),
        (_process.Result(127, "", "docker: not found"), "there is no docker here"),
        (_process.Result(124, "", SECRET), "did not answer within 20 seconds"),
        (_process.Result(125, "", "unknown flag: --project-directory"), "has no Compose here"),
        (_process.Result(1, "", "docker: 'compose' is not a docker command."), "has no Compose"),
    ],
)
def test_what_is_no_project_is_said_without_its_secrets(
    engine: Engine, folder: str, answer: _process.Result, why: str
) -> None:
    engine.answer = answer
    with pytest.raises(DeploymentError, match="(?s)compose.yaml .*" + why) as caught:
        _compose_project.read(folder)
    assert SECRET not in str(caught.value)


def test_file_that_is_missing_is_named_and_not_looked_for_above(
    engine: Engine, folder: str
) -> None:
    engine.answer = _process.Result(14, "", "env file .env not found")
    (Path(folder) / ".env").unlink()
    with pytest.raises(DeploymentError, match="needs %s/.env, which is not there" % folder):
        _compose_project.read(folder)
    (Path(folder) / "compose.yaml").unlink()
    with pytest.raises(DeploymentError, match="compose.yaml is not there"):
        _compose_project.read(folder)
    assert len(engine.seen) == 1


def test_start_of_the_proxy_is_its_containers(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_docker, "started", {"4ba1": 12.5}.__getitem__)
    engine.answer = _process.Result(0, "4ba1\n", "")
    assert _compose_project.proxy_started("/opt/litellm", ("docker",)) == 12.5
    engine.answer = _process.Result(0, "", "")
    assert _compose_project.proxy_started("/opt/litellm", ("docker",)) == 0
    engine.answer = _process.Result(1, "", "no configuration file provided")
    with pytest.raises(DeploymentError, match="container is not known: no configuration file"):
        _compose_project.proxy_started("/opt/litellm", ("docker",))


def test_only_the_proxy_is_stopped_and_started(engine: Engine) -> None:
    _compose_project.stop_proxy("/opt/litellm", ("docker",))
    _compose_project.start_proxy("/opt/litellm", ("docker",), 240)
    (stop, timeout), (start, longer) = engine.seen
    assert stop[4:] == ["stop", "--timeout", "90", "litellm"] and timeout > 90
    assert (
        start[4:]
        == [
            "up",
            "--detach",
            "--wait",
            "--wait-timeout",
            "240",
            "--no-deps",
            "--no-build",
            "--pull",
            "never",
            "litellm",
        ]
        and longer > 240
    )
    engine.answer = _process.Result(
        1, "", "Container litellm-proxy  Waiting\ncontainer litellm-proxy is unhealthy\n\n"
    )
    with pytest.raises(
        DeploymentError, match="the proxy does not start: container litellm-proxy is unhealthy"
    ):
        _compose_project.start_proxy("/opt/litellm", ("docker",), 240)
    with pytest.raises(DeploymentError, match="the proxy does not stop"):
        _compose_project.stop_proxy("/opt/litellm", ("docker",))


@pytest.mark.parametrize(
    ("command", "environment", "scheme"),
    [
        (["--ssl_certfile_path", "/c", "--ssl_keyfile_path", "/k"], {}, "https"),
        ("--ssl_certfile_path=/c --ssl_keyfile_path=/k", None, "https"),
        (["--ssl_certfile_path=/c"], {"SSL_KEYFILE_PATH": "/k"}, "https"),
        (["--ssl_certfile_path=/c"], {"SSL_KEYFILE_PATH": None}, "http"),
        (None, {}, "http"),
    ],
)
def test_proxy_serves_https_where_it_has_both_files(
    command: Any, environment: Any, scheme: str
) -> None:
    service = {"command": command, "environment": environment}
    assert _compose_project._scheme(service) == scheme
