"""A deployment's proxy: stopped, started, and asked whether it serves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fake_proxy
import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    compose_project as _compose_project,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import legacy as _legacy
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    service as _service,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment.compose_project import (
    DeploymentError,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session

TARGET = _session.Endpoint("litellm", "litellm", "litellm-postgres")


@pytest.fixture
def proxy() -> Iterator[fake_proxy.FakeProxy]:
    with fake_proxy.serve() as served:
        yield served


@pytest.fixture
def service(
    proxy: fake_proxy.FakeProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> _service.Service:
    (tmp_path / ".env").write_text("LITELLM_MASTER_KEY=%s\n" % fake_proxy.MASTER)
    monkeypatch.setattr(_service, "DELAY", 0.01)
    deployment = _service.Deployment(
        "compose", TARGET, "/opt/litellm", "litellm", str(tmp_path / ".env"), proxy.url
    )
    return _service.of(deployment, str(tmp_path), 0.3)


def test_proxy_that_serves_is_proved(
    service: _service.Service, proxy: fake_proxy.FakeProxy
) -> None:
    service.verify()
    assert service.serves()
    assert ("GET", "/key/list?size=1", None) in proxy.seen


@pytest.mark.parametrize(
    ("path", "reply", "words"),
    [
        (
            "/health/readiness",
            (503, {"status": "unhealthy", "db": "disconnected"}),
            "its database is disconnected",
        ),
        (
            "/health/readiness",
            (200, {"status": "healthy", "db": "Not connected"}),
            "its database is unknown; the answers contradict each other",
        ),
        ("/key/list", (401, {"error": {}}), "the key is not the proxy's master key"),
        ("/key/list", (500, {"error": {}}), "is not proved ready"),
    ],
)
def test_proxy_that_does_not_serve_is_told(
    service: _service.Service,
    proxy: fake_proxy.FakeProxy,
    path: str,
    reply: Any,
    words: str,
) -> None:
    proxy.replies[path] = reply
    with pytest.raises(DeploymentError) as caught:
        service.verify()
    assert words in str(caught.value)
    assert fake_proxy.MASTER not in str(caught.value)
    assert not service.serves()


def test_proxy_is_waited_for(
    service: _service.Service, proxy: fake_proxy.FakeProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.replies["/health/readiness"] = (503, {"status": "unhealthy", "db": "disconnected"})

    def later(seconds: float) -> None:
        proxy.replies.clear()

    monkeypatch.setattr(_service.time, "sleep", later)
    service.verify(timeout=60)  # a busy machine takes its time for the first look


def test_key_that_is_not_there_is_said(service: _service.Service) -> None:
    Path(service.deployment.salt_key_file).write_text("A=1\n")
    with pytest.raises(DeploymentError, match="has no LITELLM_MASTER_KEY"):
        service.verify()


@pytest.mark.parametrize(("serves", "patience"), [(True, 90), (False, 10)])
def test_only_a_proxy_that_serves_has_time_to_write(
    service: _service.Service, monkeypatch: pytest.MonkeyPatch, serves: bool, patience: int
) -> None:
    done: list[int] = []
    monkeypatch.setattr(_compose_project, "stop_proxy", lambda *words: done.append(words[-1]))
    monkeypatch.setattr(_service.Service, "serves", lambda _self: serves)
    service.end()
    assert done == [patience]


def test_compose_kind_is_stopped_by_compose_and_has_a_redis(
    service: _service.Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Any] = []
    monkeypatch.setattr(
        _compose_project, "stop_proxy", lambda *words: done.append(("stop", *words))
    )
    monkeypatch.setattr(
        _compose_project, "start_proxy", lambda *words: done.append(("start", *words))
    )
    service.stop()
    service.start()
    assert done == [
        ("stop", "/opt/litellm", ("docker",), 90),
        ("start", "/opt/litellm", ("docker",), 0.3),
    ]
    assert service.redis is not None and service.redis.container.name == "litellm-redis"


class Manager:
    """A user manager."""

    account = "team"

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.rc = 0

    def systemctl(self, *words: str, **_more: Any) -> _process.Result:
        self.asked.append(words)
        return _process.Result(self.rc, "", "Job failed\n" if self.rc else "")


@pytest.mark.parametrize(
    ("active", "stops"),
    [("active", True), ("inactive", False), ("activating", True), ("failed", False)],
)
def test_legacy_kind_is_stopped_by_its_own_manager(
    monkeypatch: pytest.MonkeyPatch, active: str, stops: bool
) -> None:
    manager = Manager()
    unit = _systemd.Unit("litellm.service", manager, "enabled", active, {"MainPID": "7"})  # type: ignore[arg-type]
    asked: list[Any] = []
    stopped: list[Any] = []
    monkeypatch.setattr(
        _legacy, "find_unit", lambda name, account: asked.append((name, account)) or unit
    )
    monkeypatch.setattr(_legacy, "proxy_pid", lambda unit: 8)
    cleaned: list[Any] = []
    monkeypatch.setattr(_systemd, "forget_stop", lambda *place: cleaned.append(place))
    monkeypatch.setattr(_systemd, "stop", lambda unit, first: stopped.append(first(unit)))
    service = _service.of(
        _service.Deployment("legacy", TARGET, unit="litellm.service", account="team"),
        "/x",
        1,
    )
    service.stop()
    assert stopped == ([8] if stops else [])
    service.start()
    assert asked == [("litellm.service", "team")] * 2
    assert manager.asked == [
        ("reset-failed", "--", "litellm.service"),
        ("start", "--", "litellm.service"),
    ]
    assert cleaned == [(manager, "litellm.service")]
    assert service.redis is None
    manager.rc = 1
    with pytest.raises(DeploymentError, match="litellm.service does not start: Job failed"):
        service.start()


def test_unit_that_is_gone_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str, account: str) -> Any:
        raise _legacy.LegacyError("no such unit.", "Set it.")

    monkeypatch.setattr(_legacy, "find_unit", find)
    with pytest.raises(DeploymentError, match="no such unit. Set it."):
        _service.of(_service.Deployment("legacy", TARGET, unit="x"), "/x", 1).stop()
