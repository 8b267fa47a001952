"""Addresses of stored models: which are rewritten, both ways, and that the proxy shows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import fake_proxy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._litellm import (
    stored_models as _stored_models,
)
from ansible_collections.llmops.litellm.plugins.module_utils._litellm.client import (
    Client,
    ProxyError,
)

NAME = "host.docker.internal"


@pytest.fixture
def proxy() -> Iterator[fake_proxy.FakeProxy]:
    with fake_proxy.serve() as running:
        yield running


@pytest.fixture
def client(proxy: fake_proxy.FakeProxy) -> Client:
    return Client(proxy.url, fake_proxy.MASTER)


@pytest.mark.parametrize(
    ("url", "container"),
    [
        ("http://127.0.0.1:8082/v1", "http://host.docker.internal:8082/v1"),
        ("http://localhost:8082", "http://host.docker.internal:8082"),
        ("HTTPS://[::1]:8443/v1", "HTTPS://host.docker.internal:8443/v1"),
        ("http://127.0.0.1/v1", "http://host.docker.internal/v1"),
        (
            "http://user:p%40ss@127.0.0.1:8082/v1?key=x#y",
            "http://user:p%40ss@host.docker.internal:8082/v1?key=x#y",
        ),
        ("http://127.0.0.1:4000/v1", "http://127.0.0.1:4000/v1"),
        (
            "https://api.example.com/v1?next=http://127.0.0.1:8082",
            "https://api.example.com/v1?next=http://127.0.0.1:8082",
        ),
        ("http://127.0.0.1.example.com/v1", "http://127.0.0.1.example.com/v1"),
        ("http://localhost.example.com:8082/v1", "http://localhost.example.com:8082/v1"),
        ("redis://127.0.0.1:6379", "redis://127.0.0.1:6379"),
        ("os.environ/EMBED_URL", "os.environ/EMBED_URL"),
        ("", ""),
    ],
)
def test_to_container(url: str, container: str) -> None:
    assert _stored_models.to_container(url, NAME, [4000], None) == container


def test_only_ports_with_a_bridge() -> None:
    assert (
        _stored_models.to_container("http://127.0.0.1:8082", NAME, [], [8079])
        == "http://127.0.0.1:8082"
    )
    assert (
        _stored_models.to_container("http://127.0.0.1:8082", NAME, [], [8082])
        == "http://host.docker.internal:8082"
    )


@given(
    st.sampled_from(["http", "https"]),
    st.sampled_from(["", "user@", "user:p%2Fw@"]),
    st.none() | st.integers(1, 65535),
    st.sampled_from(["", "/", "/v1", "/v1?a=b", "?a=http://127.0.0.1:1"]),
)
def test_there_and_back(scheme: str, user: str, port: int | None, rest: str) -> None:
    url = f"{scheme}://{user}127.0.0.1{'' if port is None else f':{port}'}{rest}"
    there = _stored_models.to_container(url, NAME, [], None)
    assert there != url and _stored_models.to_loopback(there, NAME) == url
    assert (
        _stored_models.to_container(there, NAME, [], None) == there
        and _stored_models.to_loopback(url, NAME) == url
    )


@pytest.mark.parametrize(
    "url",
    [
        "http://host.docker.internal.example.com/v1",
        "http://hostXdocker.internal/v1",
        "https://x/?y=http://host.docker.internal",
    ],
)
def test_other_hosts_are_not_taken_for_the_gateway(url: str) -> None:
    assert _stored_models.to_loopback(url, NAME) == url


def test_only_models_of_the_database_and_all_else_of_them_stays(
    proxy: fake_proxy.FakeProxy, client: Client
) -> None:
    proxy.models.append(
        fake_proxy.model("base", None, stored=True, base_url="http://localhost:8079/v1")
    )
    changes = _stored_models.plan(_stored_models.stored(client), "container", NAME)
    assert [change.shown() for change in changes] == [
        {
            "id": "stored",
            "name": "stored",
            "field": "api_base",
            "old": "http://127.0.0.1:8082/v1",
            "new": "http://host.docker.internal:8082/v1",
        },
        {
            "id": "base",
            "name": "base",
            "field": "base_url",
            "old": "http://localhost:8079/v1",
            "new": "http://host.docker.internal:8079/v1",
        },
    ]
    _stored_models.apply(client, changes)
    assert [payload for method, _target, payload in proxy.seen if method == "PATCH"] == [
        {"litellm_params": {"api_base": "http://host.docker.internal:8082/v1"}},
        {"litellm_params": {"base_url": "http://host.docker.internal:8079/v1"}},
    ]
    assert _stored_models.plan(_stored_models.stored(client), "container", NAME) == []
    back = _stored_models.plan(
        _stored_models.stored(client),
        "loopback",
        NAME,
        earlier=[change.shown() for change in changes],
    )
    assert [(change.id, change.new) for change in back] == [
        ("stored", "http://127.0.0.1:8082/v1"),
        ("base", "http://localhost:8079/v1"),
    ]
    unknown = _stored_models.plan(_stored_models.stored(client), "loopback", NAME)
    assert [change.new for change in unknown] == [
        "http://127.0.0.1:8082/v1",
        "http://127.0.0.1:8079/v1",
    ]


def test_the_way_of_writing_this_host_is_kept(client: Client) -> None:
    row: dict[str, Any] = {
        "model_name": "m",
        "model_info": {"id": "i"},
        "litellm_params": {"api_base": "http://[::1]:8082/v1"},
    }
    (change,) = _stored_models.plan([row], "container", NAME)
    row["litellm_params"]["api_base"] = change.new
    assert (
        _stored_models.plan([row], "loopback", NAME, earlier=[change.shown()])[0].new
        == "http://[::1]:8082/v1"
    )


def test_what_is_shown_has_no_secret() -> None:
    shown = _stored_models.Change(
        "i",
        "m",
        "api_base",
        "http://user:p@ss@127.0.0.1:8082/v1?key=sk-1",
        "http://user:p@ss@x:8082/v1#sk-1",
    ).shown()
    assert (shown["old"], shown["new"]) == ("http://127.0.0.1:8082/v1", "http://x:8082/v1")


def test_a_proxy_that_shows_it_late_is_waited_for(
    proxy: fake_proxy.FakeProxy, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(_stored_models.time, "sleep", slept.append)
    changes = _stored_models.plan(_stored_models.stored(client), "container", NAME)
    proxy.lag = 1
    _stored_models.apply(client, changes, timeout=60)
    assert (proxy.lag, slept) == (0, [0.5])


def test_a_proxy_that_never_shows_it_is_an_error(
    proxy: fake_proxy.FakeProxy, client: Client
) -> None:
    changes = _stored_models.plan(_stored_models.stored(client), "container", NAME)
    proxy.lag = 1000
    with pytest.raises(ProxyError, match="old address of stored"):
        _stored_models.apply(client, changes, timeout=0)


def test_a_refusal_is_an_error(proxy: fake_proxy.FakeProxy, client: Client) -> None:
    change = _stored_models.Change(
        "no/such?model", "m", "api_base", "http://127.0.0.1:1", "http://x:1"
    )
    with pytest.raises(ProxyError, match="HTTP 404"):
        _stored_models.apply(client, [change])
    assert proxy.seen[-1][1] == "/model/no%2Fsuch%3Fmodel/update"


@pytest.mark.parametrize("body", [[], {"data": None}, "<html>"], ids=str)
def test_models_that_cannot_be_read_are_an_error(
    proxy: fake_proxy.FakeProxy, client: Client, body: Any
) -> None:
    proxy.replies["/model/info"] = (200, body)
    with pytest.raises(ProxyError, match="/model/info"):
        _stored_models.stored(client)
