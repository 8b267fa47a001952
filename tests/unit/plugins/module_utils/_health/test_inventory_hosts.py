"""Model servers are asked from where the proxy is."""

from __future__ import annotations

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._health import (
    inventory_hosts as _inventory_hosts,
)
from ansible_collections.llmops.litellm.plugins.module_utils._health.inventory_hosts import Server
from ansible_collections.llmops.litellm.plugins.module_utils._host import process as _process
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result


def test_servers_are_asked_where_the_proxy_is(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def run(argv: list[str], timeout: float) -> Result:
        seen.append(argv)
        return Result(
            0,
            (
                '{"http://a:1": [200, ["m", "m"]], "http://b:2": "ConnectionRefusedError", '
                '"http://c:3": [401, null]}'
            ),
            "",
        )

    monkeypatch.setattr(_process, "run", run)
    told, problem = _inventory_hosts.ask(
        ["http://a:1", "http://b:2", "http://c:3", "http://d:4"], "litellm-proxy"
    )
    assert told == {
        "http://a:1": Server(True, ["m"]),
        "http://b:2": Server(False, None, "ConnectionRefusedError"),
        "http://c:3": Server(True),
        "http://d:4": Server(False, None, "no answer"),
    }
    assert problem == "" and seen[0][:3] == ["docker", "exec", "litellm-proxy"]
    monkeypatch.setattr(
        _process, "run", lambda argv, timeout: Result(1, "", "Error: container is paused\n")
    )
    assert _inventory_hosts.ask(["http://a:1"], "litellm-proxy") == (
        {},
        "Error: container is paused",
    )


@pytest.mark.parametrize(
    ("address", "base"),
    [
        ("http://127.0.0.1:8081/v1", "http://127.0.0.1:8081"),
        ("http://[::1]:1", "http://[::1]:1"),
        ("https://localhost/v1", "https://localhost:443"),
        ("http://host.docker.internal:8081", "http://host.docker.internal:8081"),
        ("http://127.0.0.1:4000", ""),
        ("https://api.example.com", ""),
        ("http://[", ""),
        ("", ""),
        ("file://localhost/x", ""),
    ],
)
def test_only_servers_of_this_host_are_asked(address: str, base: str) -> None:
    assert _inventory_hosts.base_of(address, ["host.docker.internal"], [4000]) == base
