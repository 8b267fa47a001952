"""A Compose project as Compose tells it, and what a restore does with its proxy and its Redis."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    compose_project as _compose_project,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment.compose_project import (
    DeploymentError,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process

CONFIG = {
    "name": "litellm",
    "services": {
        "litellm": {
            "image": "l@sha256:1",
            "container_name": "litellm-proxy",
            "environment": {"LITELLM_SALT_KEY": "hunter2"},
            "ports": [
                {
                    "mode": "ingress",
                    "host_ip": "127.0.0.1",
                    "target": 4000,
                    "published": "4001",
                    "protocol": "tcp",
                }
            ],
        },
        "postgres": {
            "image": "p@sha256:2",
            "container_name": "litellm-postgres",
            "environment": {
                "POSTGRES_DB": "llm",
                "POSTGRES_USER": "gate",
                "POSTGRES_PASSWORD": "hunter2",
            },
        },
        "redis": {"image": "r@sha256:3", "user": "redis"},
    },
    "volumes": {"redis": {"name": "litellm_redis"}, "postgres": {"name": "litellm_postgres"}},
}


class Engine:
    """What is run, and what it answers."""

    def __init__(self) -> None:
        self.seen: list[tuple[list[str], float]] = []
        self.answer = _process.Result(0, json.dumps(CONFIG), "")

    def __call__(self, argv: list[str], timeout: float = 60, **_more: Any) -> _process.Result:
        self.seen.append((argv, timeout))
        return self.answer


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    fake = Engine()
    monkeypatch.setattr(_compose_project, "run", fake)
    return fake


def test_project_is_what_compose_says(engine: Engine) -> None:
    project = _compose_project.read("/opt/litellm", ("docker", "--host", "unix:///x"))
    assert engine.seen[0][0] == [
        "docker",
        "--host",
        "unix:///x",
        "compose",
        "--project-directory",
        "/opt/litellm",
        "--file",
        "/opt/litellm/compose.yaml",
        "config",
        "--format",
        "json",
    ]
    assert project.images == {
        "litellm": "l@sha256:1",
        "postgres": "p@sha256:2",
        "redis": "r@sha256:3",
    }
    assert project.containers == {
        "litellm": "litellm-proxy",
        "postgres": "litellm-postgres",
        "redis": "litellm-redis-1",
    }
    assert (project.url, project.volumes, project.redis_user) == (
        "http://127.0.0.1:4001",
        ["litellm_postgres", "litellm_redis"],
        "redis",
    )
    assert 4001 in project.ports
    assert (project.database.database, project.database.user, project.database.container) == (
        "llm",
        "gate",
        "litellm-postgres",
    )


def test_proxy_in_the_hosts_network_is_where_its_command_says(engine: Engine) -> None:
    told: dict[str, Any] = json.loads(json.dumps(CONFIG))
    del told["services"]["litellm"]["ports"]
    told["services"]["litellm"].update(
        network_mode="host",
        command=["--config", "/app/config.yaml", "--host", "127.0.0.1", "--port", "4002"],
    )
    engine.answer = _process.Result(0, json.dumps(told), "")
    project = _compose_project.read("/opt/litellm")
    assert (project.url, 4002 in project.ports) == ("http://127.0.0.1:4002", True)


@pytest.mark.parametrize(
    "answer",
    [
        _process.Result(0, "{", ""),
        _process.Result(0, '{"name": "hunter2"}', ""),
        _process.Result(14, "hunter2", "no such file\n"),
        _process.Result(
            0,
            json.dumps(
                {**CONFIG, "services": {**CONFIG["services"], "litellm": {"image": "hunter2"}}}
            ),
            "",
        ),
    ],
)  # type: ignore[dict-item]
def test_what_is_no_project_is_said_without_its_secrets(
    engine: Engine, answer: _process.Result
) -> None:
    engine.answer = answer
    with pytest.raises(DeploymentError, match="/opt/litellm/compose.yaml") as caught:
        _compose_project.read("/opt/litellm")
    assert "hunter2" not in str(caught.value)


def test_only_the_proxy_is_stopped_and_started(engine: Engine) -> None:
    _compose_project.stop_proxy("/opt/litellm", ("docker",))
    _compose_project.start_proxy("/opt/litellm", ("docker",), 240)
    (stop, patience), (start, longer) = engine.seen
    assert stop[6:] == ["stop", "--timeout", "90", "litellm"] and patience > 90
    assert (
        start[6:]
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
