"""A server in a container, found by what the engine and the kernel say."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._hold import container as _container
from ansible_collections.llmops.litellm.plugins.module_utils._hold import init as _init
from ansible_collections.llmops.litellm.plugins.module_utils._hold import kept as _kept
from ansible_collections.llmops.litellm.plugins.module_utils._hold.container import Place
from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker


class Engine:
    """What is said of a container, and of the processes in it."""

    def __init__(self) -> None:
        at = {"HostIp": "127.0.0.1", "HostPort": "4001"}
        self.ports: Any = {"4000/udp": [at], "9090/tcp": None, "4000/tcp": [at]}
        self.pids = [7]
        self.servers = [8, 9]
        self.children: list[int] | None = [8]
        self.asked: list[Any] = []

    def kept(self, port: int, within: int) -> list[int]:
        self.asked.append((port, within))
        return self.servers


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(_docker, "container", lambda _name: {"ports": made.ports})
    monkeypatch.setattr(_docker, "pids", lambda _names: made.pids)
    monkeypatch.setattr(_kept, "servers", made.kept)
    monkeypatch.setattr(_init, "children", lambda _pid: made.children)
    return made


def test_a_server_is_found_by_the_port_that_is_published(engine: Engine) -> None:
    assert _container.find("c", 4001) == Place(7, 4000, [8, 9])
    assert engine.asked == [(4000, 7)]
    assert _container.find("c", 4002) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pids", []),  # it does not run
        ("ports", None),
        ("servers", []),
        ("servers", [7, 8]),  # it is the first process
        ("children", None),  # a kernel that does not tell
    ],
)
def test_where_it_can_not_be_kept_there_is_none(engine: Engine, name: str, value: Any) -> None:
    setattr(engine, name, value)
    assert _container.find("c", 4001) is None


def test_a_container_that_is_not_there_has_none(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_docker, "container", lambda _name: None)
    assert _container.find("c", 4001) is None
