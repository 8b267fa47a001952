"""What differs between a project and the one that it is to be, and from its containers."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import changes as _changes
from ansible_collections.llmops.litellm.plugins.module_utils._deployment.compose_project import (
    DeploymentError,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process

CAPTURED = Path(__file__).parent.parent / "captured"
BRIDGE, HOST = (
    json.loads((CAPTURED / ("compose-2.26.1-%s.json" % name)).read_text())
    for name in ("bridge", "host")
)
NAMES = {"litellm-proxy", "litellm-postgres", "litellm-redis"}


class Engine:
    """Compose and its engine: ``old`` and ``new`` projects, containers, and what Compose would
    make anew."""

    def __init__(self) -> None:
        self.old: Any = copy.deepcopy(BRIDGE)
        self.new: Any = copy.deepcopy(BRIDGE)
        self.containers = {
            str(item["container_name"]): {"state": "running", "health": "healthy"}
            for item in BRIDGE["services"].values()
        }
        self.anew: list[str] = []

    def __call__(self, argv: list[str], stdin: Any = None, **_more: Any) -> _process.Result:
        if "config" in argv:
            found = self.new if stdin is not None else self.old
            return _process.Result(int(found is None), json.dumps(found), "a line of .env")
        if "create" in argv:
            assert "--dry-run" in argv
            lines = [" DRY-RUN MODE -  Container %s  Recreate" % name for name in self.anew]
            return _process.Result(0, "", "\n".join(lines))
        there = self.containers.get(argv[-1])
        return _process.Result(int(there is None), json.dumps(there), "")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    fake = Engine()
    monkeypatch.setattr(_changes, "run", fake)
    return fake


@pytest.fixture
def folder(tmp_path: Path) -> str:
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    return str(tmp_path)


def test_nothing_differs(engine: Engine, folder: str) -> None:
    assert _changes.look(folder, "text") == _changes.Found(
        [], False, False, [], [], True, 4001, ["127.0.0.1"]
    )


def test_a_host_without_a_project_gets_all_of_it(engine: Engine, tmp_path: Path) -> None:
    found = _changes.look(str(tmp_path), "text")
    assert found.services == ["litellm", "postgres", "redis"]
    assert found.network and found.volumes and not found.serves


def _service(name: str, **parts: Any) -> Callable[[Engine], None]:
    return lambda engine: engine.new["services"][name].update(parts)


@pytest.mark.parametrize(
    ("change", "services", "told"),
    [
        (
            _service("litellm", image="litellm:next"),
            ["litellm"],
            ['services.litellm.image: %s -> "litellm:next"'],
        ),
        (
            _service("redis", restart="no"),
            ["redis"],
            ['services.redis.restart: %s -> "no"'],
        ),
    ],
)
def test_services_whose_definition_differs(
    engine: Engine,
    folder: str,
    change: Callable[[Engine], Any],
    services: list[str],
    told: list[str],
) -> None:
    change(engine)
    found = _changes.look(folder, "text")
    assert (found.services, found.network, found.volumes) == (services, False, False)
    key = told[0].split(":")[0].rpartition(".")[2]
    before = json.dumps(engine.old["services"][services[0]][key])
    assert found.changes == [told[0] % before]


def test_a_service_that_goes_is_told_with_all_it_had(engine: Engine, folder: str) -> None:
    """The proxy no longer waits for it."""
    del engine.new["services"]["redis"]
    del engine.new["services"]["litellm"]["depends_on"]["redis"]
    found = _changes.look(folder, "text")
    assert (found.services, found.network, found.volumes) == (["litellm", "redis"], False, False)
    assert 'services.redis.container_name: "litellm-redis" -> nothing' in found.changes
    assert "services.redis.environment.REDIS_PASSWORD" in found.changes
    assert [line.partition(":")[0] for line in found.changes if "services.litellm" in line] == [
        "services.litellm.depends_on.redis.condition",
        "services.litellm.depends_on.redis.required",
    ]
    odd = [line for line in found.changes if not line.endswith("-> nothing")]
    assert odd == ["services.redis.environment.REDIS_PASSWORD"]


def test_a_network_has_every_container_made_anew(engine: Engine, folder: str) -> None:
    engine.new["networks"]["default"]["ipam"]["config"][0]["subnet"] = "172.30.99.0/24"
    found = _changes.look(folder, "text")
    assert found.network and found.services == ["litellm", "postgres", "redis"]
    assert len(found.changes) == 1 and "172.30.99.0/24" in found.changes[0]


def test_volumes_are_told(engine: Engine, folder: str) -> None:
    engine.new["volumes"]["postgres"]["name"] = "other"
    found = _changes.look(folder, "text")
    assert found.volumes and not found.network
    assert found.services == ["litellm", "postgres", "redis"]


def test_no_value_of_an_environment_is_told(engine: Engine, folder: str) -> None:
    engine.new["services"]["litellm"]["environment"]["A_TOKEN"] = "hunter2"
    found = _changes.look(folder, "text")
    assert found.changes == ["services.litellm.environment.A_TOKEN"]
    assert found.services == ["litellm"]


@pytest.mark.parametrize(
    ("name", "there", "told", "serves"),
    [
        ("litellm-redis", None, "litellm-redis is not there", False),
        (
            "litellm-proxy",
            {"state": "exited", "health": None},
            "litellm-proxy does not run: it is exited",
            False,
        ),
        ("litellm-proxy", None, "litellm-proxy is not there", False),
        (
            "litellm-proxy",
            {"state": "running", "health": "unhealthy"},
            "litellm-proxy is unhealthy",
            False,
        ),
    ],
)
def test_containers_that_are_not_as_the_project_has_them(
    engine: Engine, folder: str, name: str, there: Any, told: str, serves: bool
) -> None:
    assert set(engine.containers) == NAMES
    engine.containers[name] = there
    if there is None:
        del engine.containers[name]
    found = _changes.look(folder, "text")
    assert (found.drift, found.serves, found.services) == ([told], serves, [])


def test_a_container_with_other_settings(engine: Engine, folder: str) -> None:
    engine.anew = ["litellm-proxy"]
    found = _changes.look(folder, "text")
    assert found.drift == [
        "litellm-proxy was started with other settings than compose.yaml and .env have"
    ]
    assert found.serves  # until it is replaced


def test_where_clients_ask_a_proxy_in_the_hosts_network(engine: Engine, folder: str) -> None:
    engine.old = copy.deepcopy(HOST)
    found = _changes.look(folder, "text")
    assert (found.port, found.addresses) == (4001, ["127.0.0.1"])


@pytest.mark.parametrize("which", ["old", "new"])
def test_what_compose_cannot_read_is_named_without_its_words(
    engine: Engine, folder: str, which: str
) -> None:
    setattr(engine, which, None)
    with pytest.raises(DeploymentError) as caught:
        _changes.look(folder, "text")
    assert "docker compose can't read" in str(caught.value)
    assert "a line of .env" not in str(caught.value)
    assert ("the new compose.yaml" in str(caught.value)) == (which == "new")
