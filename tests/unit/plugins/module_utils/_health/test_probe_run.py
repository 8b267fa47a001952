"""A probe and an inventory put together: what is asked of whom, and what could not be asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._deployment.locate import Deployed
from ansible_collections.llmops.litellm.plugins.module_utils._health import probe as _probe
from ansible_collections.llmops.litellm.plugins.module_utils._health import probe_run as _probe_run
from ansible_collections.llmops.litellm.plugins.module_utils._health.settings import Settings
from ansible_collections.llmops.litellm.plugins.module_utils._litellm.client import ProxyError

MODELS = [
    {
        "model_name": name,
        "litellm_params": {"model": f"openai/{name}", "api_base": base},
        "model_info": {"mode": "chat"},
    }
    for name, base in (("here", "http://127.0.0.1:8081/v1"), ("loop", "http://127.0.0.1:4000/v1"))
]


class Proxy:
    """Answers by path; what it has no answer for is an error."""

    url, port = "http://127.0.0.1:4011", 4011

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "/model/info": {"data": MODELS},
            "/v1/models": {"data": [{"id": "here"}, "nonsense", {"id": "loop"}]},
        }

    def json(self, _method: str, path: str, *_more: Any) -> Any:
        path = path.split("?")[0]
        if path not in self.answers:
            raise ProxyError(f"GET {path}: HTTP 404")
        return self.answers[path]


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Proxy:
    proxy = Proxy()
    monkeypatch.setattr(_probe_run, "client_of", lambda told, seconds: proxy)
    return proxy


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Model servers that all answer; who was asked, and from where."""
    asked: list[Any] = []

    def ask(bases: list[str], container: str, seconds: float) -> tuple[dict[str, Any], str]:
        asked.append((sorted(set(bases)), container, seconds))
        return {}, "python3: not found"

    monkeypatch.setattr(_probe_run._inventory_hosts, "ask", ask)
    return asked


@pytest.fixture
def told(tmp_path: Path) -> Deployed:
    (tmp_path / "config.yaml").write_text(
        "include: [nosuch.yaml]\nmodel_list:\n"
        "- {model_name: here, litellm_params: {model: openai/here, "
        "api_base: http://127.0.0.1:8081/v1}}\n"
    )
    return Deployed("legacy", Proxy.url, config=str(tmp_path / "config.yaml"))


def settings(folder: Path) -> Settings:
    return Settings(str(folder), local_hosts=("llm.example.com",))


def test_host_is_known_by_its_names_and_the_bridges(tmp_path: Path) -> None:
    names = _probe_run.local_hosts(settings(tmp_path))
    assert "llm.example.com" in names
    assert "host.docker.internal" in names


@pytest.mark.parametrize(("kind", "planned"), [("legacy", {"here", "loop"}), ("compose", {"here"})])
def test_proxy_in_its_container_is_not_taken_for_a_model_server(
    proxy: Proxy, told: Deployed, tmp_path: Path, kind: str, planned: set[str]
) -> None:
    models, tasks = _probe_run.planned(
        settings(tmp_path), told._replace(kind=kind), _probe.Options()
    )
    assert {model.name for model in models} == {"here", "loop"}
    assert {task.model for task in tasks} == planned


def test_everything_that_could_not_be_asked_is_told(
    proxy: Proxy, asked: list[Any], told: Deployed, tmp_path: Path
) -> None:
    proxy.answers.clear()
    lost = told._replace(
        config=str(tmp_path / "none"),
        lacking=(("journal", "is broken"), ("database", "of no concern")),
    )
    findings = _probe_run.inventory(settings(tmp_path), lost)["findings"]
    texts = str([item["words"] for item in findings])
    for words in ("is broken", "No such file or directory", "HTTP 404", "python3: not found"):
        assert words in texts
    assert "of no concern" not in texts


def test_file_that_cannot_be_included_is_told_with_its_line(
    proxy: Proxy, asked: list[Any], told: Deployed, tmp_path: Path
) -> None:
    inventory = _probe_run.inventory(settings(tmp_path), told)
    said = "line 1 includes %s/nosuch.yaml, which cannot be read" % tmp_path
    assert said in str(inventory["findings"])


def test_model_servers_are_asked_from_the_proxys_container(
    proxy: Proxy, asked: list[Any], told: Deployed, tmp_path: Path
) -> None:
    _probe_run.inventory(settings(tmp_path), told._replace(kind="compose", proxy="litellm-proxy"))
    ((bases, container, seconds),) = asked
    assert bases == ["http://127.0.0.1:8081"]
    assert container == "litellm-proxy"
    assert seconds == settings(tmp_path).limits.seconds * 2


def test_secrets_beside_the_routers_settings_are_not_taken(
    proxy: Proxy, asked: list[Any], told: Deployed, tmp_path: Path
) -> None:
    proxy.answers["/get/config/callbacks"] = {
        "callbacks": [{"variables": {"KEY": "hunter2"}}],
        "router_settings": {"model_group_alias": {"best": "here"}},
    }
    inventory = _probe_run.inventory(settings(tmp_path), told)
    assert inventory["aliases"] == {"best": "here"}
    assert "hunter2" not in str(inventory)


def test_result_stays_the_last_line_of_both_screens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_probe_run._probe_report, "screen", lambda *_words: ["a", "healthy"])
    monkeypatch.setattr(_probe_run._inventory, "screen", lambda *_words: ["b", "1 models"])
    monkeypatch.setattr(_probe_run._inspect, "text_lines", lambda _told: ["hosts"])
    assert _probe_run.screen({}, ["lost"]) == ["a", "inventory  lost", "healthy"]
    support.assert_on_lines(_probe_run.screen({}, [support.HOSTILE]), 3)
    assert _probe_run.inventory_screen({"model_hosts": {}}) == ["b", "hosts", "1 models"]


def test_proxy_without_a_key_is_said(tmp_path: Path) -> None:
    with pytest.raises(ProxyError):
        _probe_run.client_of(Deployed("legacy", Proxy.url, key_file=str(tmp_path / "none")), 5)
