"""Snapshots of a proxy, and what differs between two."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any, Callable

import fake_proxy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._litellm.client import (
    Client,
    ProxyError,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    client_keys as _client_keys,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration import snapshot as _snapshot

KEYS = [
    _client_keys.ClientKey("good", "sk-good"),
    _client_keys.ClientKey("leaver", "sk-blocked"),
    _client_keys.ClientKey("spent", "sk-spent"),
]
LOCAL = {"local_hosts": ["host.docker.internal"], "own_ports": [4000]}


@pytest.fixture
def proxy() -> Iterator[fake_proxy.FakeProxy]:
    with fake_proxy.serve() as running:
        yield running


def look(proxy: fake_proxy.FakeProxy, **more: Any) -> dict[str, Any]:
    options: dict[str, Any] = {**LOCAL, "client_keys": KEYS, "chat_model": "chat", **more}
    return _snapshot.snapshot(Client(proxy.url, fake_proxy.MASTER), **options)


def asked(proxy: fake_proxy.FakeProxy) -> set[str]:
    return {payload["model"] for method, _target, payload in proxy.seen if method == "POST"}


def change_key(index: int, **more: Any) -> Callable[[fake_proxy.FakeProxy], None]:
    return lambda proxy: proxy.keys[index].update(more)


def change_model(index: int, **more: Any) -> Callable[[fake_proxy.FakeProxy], None]:
    return lambda proxy: proxy.models[index]["litellm_params"].update(more)


def reply(path: str, status: int, body: Any) -> Callable[[fake_proxy.FakeProxy], None]:
    return lambda proxy: proxy.replies.update({path: (status, body)})


def put(name: str, value: Any) -> Callable[[fake_proxy.FakeProxy], None]:
    return lambda proxy: setattr(proxy, name, value)


def able(proxy: fake_proxy.FakeProxy, **more: Any) -> dict[str, Any]:
    options: dict[str, Any] = {
        "local_hosts": ["host.docker.internal"],
        "own_ports": [4000],
        "bogus": False,
        **more,
    }
    return _snapshot.snapshot(Client(proxy.url, fake_proxy.MASTER), **options)


def states(found: dict[str, Any]) -> dict[tuple[str, str], str]:
    return {(row["model"], row["capability"]): row["state"] for row in found["capabilities"]}


def test_what_a_snapshot_holds(proxy: fake_proxy.FakeProxy) -> None:
    found = look(proxy)
    assert [
        (item["name"], item["mode"], item["db_model"], item["local"]) for item in found["models"]
    ] == [
        ("chat", "chat", False, True),
        ("paid", "chat", False, False),
        ("mixed", "rerank", False, True),
        ("mixed", "rerank", False, False),
        ("embed", "embedding", False, True),
        ("rank", "rerank", False, True),
        ("stored", "embedding", True, True),
        ("loop", "completion", True, False),
    ]
    assert found["keys"]["count"] == 3
    assert [(row["hash"], row["alias"], row["blocked"]) for row in found["keys"]["listed"]] == [
        ("001122334455", "batch", False),
        ("0123456789ab", "ci-runner", False),
        ("fedcba987654", "leaver", True),
    ]
    assert (
        found["teams"][0]["spend"] == 3.5
        and found["users"] == {"count": 4}
        and found["bogus"] == 401
    )
    assert found["client_keys"] == [
        {"name": "good", "models": 200, "chat": 200},
        {"name": "leaver", "models": 401, "chat": 401},
        {"name": "spent", "models": 429, "chat": 429},
    ]
    assert [
        (item["model"], item["mode"], item["status"], item["ok"]) for item in found["exercised"]
    ] == [
        ("chat", "chat", 200, True),
        ("chat", "stream", 200, True),
        ("embed", "embedding", 200, True),
        ("rank", "rerank", 200, True),
        ("stored", "embedding", 200, True),
    ]
    assert found["exercised"][1]["detail"] == {"characters": 10, "pieces": 2, "done": True}
    assert found["exercised"][3]["detail"] == {"order": [1, 0, 2]}
    assert _snapshot.compare(found, look(proxy)) == []


def test_nothing_secret_is_in_it(proxy: fake_proxy.FakeProxy) -> None:
    proxy.models[0]["litellm_params"].update(
        api_base="http://user:hunter2@127.0.0.1:8081/v1", extra_headers={"x": "sk-header"}
    )
    text = json.dumps(look(proxy, exercise=["chat", "nobody"]))
    assert not [
        word for word in ("sk-", "hunter2", "127.0.0.1", "0123456789abcdef") if word in text
    ]
    assert "HTTP 400 BadRequestError" in text


def test_no_paid_model_is_asked_unless_it_is_named(proxy: fake_proxy.FakeProxy) -> None:
    look(proxy, client_keys=[])
    assert asked(proxy) == {"chat", "embed", "rank", "stored"}
    look(proxy, client_keys=[], exercise=["paid"])
    assert asked(proxy) == {"chat", "embed", "rank", "stored", "paid"}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "host.docker.internal"])
def test_a_model_behind_the_proxy_itself_is_not_on_this_host(
    proxy: fake_proxy.FakeProxy, host: str
) -> None:
    port = proxy.url.rsplit(":", 1)[1]
    proxy.models = [
        fake_proxy.model("own", f"http://{host}:{port}/v1"),
        fake_proxy.model("old", f"http://{host}:4000/v1"),
        fake_proxy.model("all/*", f"http://{host}:8081/v1"),
        fake_proxy.model("pictures", f"http://{host}:8081/v1", mode="image_generation"),
    ]
    assert look(proxy, client_keys=[])["exercised"] == []


def test_an_empty_list_asks_no_model_and_bogus_can_be_left_out(proxy: fake_proxy.FakeProxy) -> None:
    found = look(proxy, exercise=[], client_keys=[], bogus=False)
    assert (found["exercised"], found["client_keys"], found["bogus"]) == ([], [], None)
    assert not [target for _method, target, _payload in proxy.seen if target == "/v1/models"]


def test_requests_go_past_the_cache_and_the_fallbacks(proxy: fake_proxy.FakeProxy) -> None:
    look(proxy, client_keys=[])
    sent = [payload for method, _target, payload in proxy.seen if method == "POST"]
    assert len(sent) == 5 and all(
        payload["cache"]["no-cache"] and payload["disable_fallbacks"] for payload in sent
    )


def test_keys_are_sorted_by_the_server_where_it_can(proxy: fake_proxy.FakeProxy) -> None:
    look(proxy)
    pages = [target for _method, target, _payload in proxy.seen if target.startswith("/key/list")]
    assert all("sort_by=token" in page for page in pages) and [page[-1] for page in pages[1:]] == [
        "1",
        "2",
    ]


@pytest.mark.parametrize(("told", "asked_for"), [(None, 1), ("many", 1), (3, 3)])
def test_pages_that_are_not_told(proxy: fake_proxy.FakeProxy, told: Any, asked_for: int) -> None:
    proxy.replies["/key/list"] = (200, {"keys": proxy.keys, "total_pages": told})
    assert look(proxy)["keys"]["count"] == 3
    assert (
        len([target for _method, target, _payload in proxy.seen if target.startswith("/key/list")])
        == 1 + asked_for
    )


def test_an_empty_page_is_the_last(proxy: fake_proxy.FakeProxy) -> None:
    proxy.replies["/key/list"] = (200, {"keys": [], "total_pages": 50})
    assert look(proxy)["keys"] == {"count": 0, "listed": []}
    assert (
        len([target for _method, target, _payload in proxy.seen if target.startswith("/key/list")])
        == 2
    )


def test_a_list_is_no_page_of_keys(proxy: fake_proxy.FakeProxy) -> None:
    proxy.replies["/key/list"] = (200, [{}])
    with pytest.raises(ProxyError, match="/key/list"):
        look(proxy)


@pytest.mark.parametrize("path", ["/model/info", "/key/list", "/team/list", "/user/list"])
@pytest.mark.parametrize(
    "reply",
    [(500, {}), (401, {}), (200, {"unexpected": 1}), (200, [1]), (200, ""), (200, "<html>")],
    ids=str,
)
def test_what_cannot_be_read_is_an_error(
    proxy: fake_proxy.FakeProxy, path: str, reply: tuple[int, Any]
) -> None:
    proxy.replies[path] = reply
    with pytest.raises(ProxyError, match=path):
        look(proxy)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            change_key(0, spend=0.1), ["key ci-runner: spend 0.12 became 0.1"], id="less spend"
        ),
        pytest.param(change_key(0, spend=0.13), [], id="more spend"),
        pytest.param(
            change_key(0, spend=0.0, budget_reset_at="2026-12-01"), [], id="a new budget period"
        ),
        pytest.param(
            change_key(1, blocked=False), ["key leaver: blocked yes became no"], id="unblocked"
        ),
        pytest.param(
            change_key(0, max_budget=None),
            ["key ci-runner: max_budget 25 became none"],
            id="no budget",
        ),
        pytest.param(
            change_key(0, expires="2027-01-01"),
            ["key ci-runner: expires none became 2027-01-01"],
            id="expires",
        ),
        pytest.param(
            change_key(0, models=["chat"]),
            ["key ci-runner: its settings differ"],
            id="models of a key",
        ),
        pytest.param(
            change_key(0, models=None, metadata=None, last_active="2027"),
            [],
            id="nothing in other words",
        ),
        pytest.param(
            lambda proxy: proxy.keys.pop(2), ["key batch: it is not there any more"], id="key lost"
        ),
        pytest.param(
            lambda proxy: proxy.keys.append(fake_proxy.key("new", "aaaa000011112222")),
            [],
            id="key added",
        ),
        pytest.param(
            lambda proxy: proxy.teams[0].update(blocked=True, spend=1),
            ["team Research: blocked no became yes", "team Research: spend 3.5 became 1"],
            id="team",
        ),
        pytest.param(
            lambda proxy: proxy.teams.clear(),
            ["team Research: it is not there any more"],
            id="team lost",
        ),
        pytest.param(put("users", 3), ["users: 4 became 3"], id="user lost"),
        pytest.param(put("users", 5), [], id="user added"),
        pytest.param(
            change_model(0, api_base="http://host.docker.internal:8081/v1"),
            [],
            id="address rewritten",
        ),
        pytest.param(
            change_model(1, input_cost_per_token=2e-06),
            ["model paid: its settings differ"],
            id="price",
        ),
        pytest.param(
            change_model(1, api_key="sk-x", use_in_pass_through=None),
            [],
            id="nothing that clients see",
        ),
        pytest.param(
            lambda proxy: proxy.models[1]["model_info"].update(access_groups=["beta"]),
            ["model paid: its settings differ"],
            id="access groups",
        ),
        pytest.param(
            lambda proxy: proxy.models[1]["model_info"].update(max_tokens=8192),
            [],
            id="what LiteLLM looks up",
        ),
        pytest.param(
            lambda proxy: proxy.models.pop(1),
            ["model paid: it is not there any more"],
            id="model lost",
        ),
        pytest.param(
            lambda proxy: proxy.models.append(fake_proxy.model("new", None)),
            ["model new: it was not there before"],
            id="model added",
        ),
        pytest.param(
            lambda proxy: proxy.models.append(proxy.models[1]),
            ["model paid: it was not there before"],
            id="model doubled",
        ),
        pytest.param(
            put("accepted", {"sk-good": 401, "sk-blocked": 401, "sk-spent": 429}),
            [
                "client key good, models: HTTP 200 became 401",
                "client key good, chat: HTTP 200 became 401",
            ],
            id="client key refused",
        ),
        pytest.param(
            reply("/v1/models", 200, {"data": []}),
            [
                "a key that does not exist gets HTTP 200 where it should get 401",
                "client key leaver, models: HTTP 401 became 200",
                "client key spent, models: HTTP 429 became 200",
            ],
            id="open to all",
        ),
        pytest.param(
            put("vector", [0.5, -0.25, 0.125] * 4),
            [
                "model embed, embedding: 24 dimensions became 12",
                "model stored, embedding: 24 dimensions became 12",
            ],
            id="dimensions",
        ),
        pytest.param(
            put("vector", [0.5, 0.25, 0.125] * 8),
            [
                "model embed, embedding: the vector for the same text is another one",
                "model stored, embedding: the vector for the same text is another one",
            ],
            id="another vector",
        ),
        pytest.param(put("vector", [0.5004, -0.2501, 0.1249] * 8), [], id="nearly the same vector"),
        pytest.param(
            put("vector", [0.0] * 24),
            [
                (
                    "model embed, embedding: an answer became a failure (the answer has not "
                    "the form that it should have)"
                ),
                (
                    "model stored, embedding: an answer became a failure (the answer has not "
                    "the form that it should have)"
                ),
            ],
            id="no vector",
        ),
        pytest.param(
            put("scores", [0.9, 0.2, 0.1]),
            ["model rank, rerank: the order [1, 0, 2] became [0, 1, 2]"],
            id="another order",
        ),
        pytest.param(put("said", ["Something else"]), [], id="other words"),
        pytest.param(
            put("said", [""]),
            [
                (
                    "model chat, chat: an answer became a failure (HTTP 200 with an empty or "
                    "incomplete answer)"
                ),
                (
                    "model chat, stream: an answer became a failure (HTTP 200 with an empty "
                    "or incomplete answer)"
                ),
            ],
            id="no words",
        ),
        pytest.param(
            reply(
                "/v1/rerank",
                500,
                {
                    "error": {
                        "message": "litellm.InternalServerError: Connection error. http://user:pw@x"
                    }
                },
            ),
            [
                (
                    "model rank, rerank: an answer became a failure (HTTP 500 "
                    "InternalServerError (Connection error))"
                )
            ],
            id="model server not reached",
        ),
        pytest.param(
            reply("/v1/embeddings", 200, "<html>"),
            [
                (
                    "model embed, embedding: an answer became a failure (the answer has not "
                    "the form that it should have)"
                ),
                (
                    "model stored, embedding: an answer became a failure (the answer has not "
                    "the form that it should have)"
                ),
            ],
            id="not JSON",
        ),
    ],
)
def test_compare(
    proxy: fake_proxy.FakeProxy, change: Callable[[fake_proxy.FakeProxy], None], expected: list[str]
) -> None:
    before = json.loads(json.dumps(look(proxy)))
    change(proxy)
    assert sorted(_snapshot.compare(before, look(proxy))) == sorted(expected)


def test_what_clients_may_change_is_not_compared_where_they_were_served(
    proxy: fake_proxy.FakeProxy,
) -> None:
    before = look(proxy)
    after = json.loads(json.dumps(before))
    after["keys"]["listed"].pop()
    after["keys"]["listed"][0]["max_budget"] = 4711.0
    after["teams"], after["users"] = [], {"count": 0}
    found = _snapshot.compare(before, after)
    for kind in ("key ", "team ", "users: "):
        assert any(each.startswith(kind) for each in found)
    assert _snapshot.compare(before, after, served=True) == []
    # what no client can change
    after["models"], after["bogus"] = [], 200
    after["client_keys"][0]["models"] = 401
    found = _snapshot.compare(before, after, served=True)
    for said in ("model", "a key that does not exist gets HTTP 200", "client key good, models"):
        assert any(said in each for each in found)


def test_what_was_not_tried_again_is_a_difference(proxy: fake_proxy.FakeProxy) -> None:
    before = look(proxy)
    found = _snapshot.compare(
        before, look(proxy, exercise=["chat"], client_keys=KEYS[:1], bogus=False)
    )
    assert found == [
        "model embed, embedding: it was not asked again",
        "model rank, rerank: it was not asked again",
        "model stored, embedding: it was not asked again",
        "client key leaver: it was not tried again",
        "client key spent: it was not tried again",
    ]


def test_a_model_that_is_gone_is_said_once(proxy: fake_proxy.FakeProxy) -> None:
    """Nothing can be asked of it any more, which is no difference of its own."""
    before = look(proxy)
    after = copy.deepcopy(before)
    for part, name in (("models", "name"), ("exercised", "model")):
        after[part] = [each for each in after[part] if each[name] != "embed"]
    found = _snapshot.compare(before, after)
    assert [each for each in found if "was not asked again" in each] == []
    assert [each for each in found if each.startswith("model embed")] == [
        "model embed: it is not there any more"
    ]


@given(st.dictionaries(st.sampled_from("abc"), st.none() | st.integers(1, 3), max_size=3))
def test_digests_do_not_see_what_is_absent_or_empty(value: dict[str, Any]) -> None:
    assert _snapshot.digest({**value, "x": None, "y": [], "z": False}) == _snapshot.digest(value)
    assert _snapshot.digest({**value, "x": 1}) != _snapshot.digest(value)


def test_a_snapshot_is_not_changed_by_comparing(proxy: fake_proxy.FakeProxy) -> None:
    before = look(proxy)
    kept = copy.deepcopy(before)
    _snapshot.compare(before, before)
    assert before == kept


def test_proxy_without_a_database_is_not_asked_for_what_is_in_one(
    proxy: fake_proxy.FakeProxy,
) -> None:
    found = look(proxy, database=False)
    assert found["keys"] == {"count": 0, "listed": []}
    assert (found["teams"], found["users"]) == ([], {"count": 0})
    assert found["models"]
    assert not any(path.startswith(("/key", "/team", "/user")) for path in asked(proxy))


def test_nothing_is_asked_that_nobody_wants_to_know(proxy: fake_proxy.FakeProxy) -> None:
    assert able(proxy)["capabilities"] == []


def test_what_an_exercise_shows_is_not_asked_twice(proxy: fake_proxy.FakeProxy) -> None:
    proxy.calls = [True]
    assert states(able(proxy, capabilities=True)) == {
        ("chat", "system prompt"): "no",
        ("chat", "tools"): "yes",
        ("chat", "JSON schema"): "no",
        ("chat", "vision"): "no",
    }


def test_a_model_that_does_not_answer_is_asked_nothing_more(proxy: fake_proxy.FakeProxy) -> None:
    proxy.said = [""]
    assert able(proxy, capabilities=True)["capabilities"] == []


def test_a_capability_that_is_lost_is_a_difference_with_a_table(
    proxy: fake_proxy.FakeProxy,
) -> None:
    proxy.calls = [True]
    before = able(proxy, capabilities=True)
    after = able(proxy, earlier=before)
    assert _snapshot.compare(before, after) == [
        "model chat, tools: yes became no (no tool was called)"
    ]
    lines = _snapshot.table(before, after)
    assert lines[0].split("  ")[0] == "model" and len(lines) == 1 + len(before["exercised"]) + 4
    assert [line.split()[:4] for line in lines if " tools " in line] == [
        ["chat", "tools", "yes", "no"]
    ]


def test_table_has_a_line_for_each_model_of_any_name() -> None:
    row = {"model": support.HOSTILE, "mode": "chat", "ok": True, "seconds": 0.1}
    seen: Any = {"exercised": [row]}
    support.assert_on_lines(_snapshot.table(seen, seen), 2)


@pytest.mark.parametrize(
    ("answers", "lost"), [([False, False, True], False), ([False, False, False, True], True)]
)
def test_a_model_may_need_more_than_one_try(
    proxy: fake_proxy.FakeProxy, answers: list[bool], lost: bool
) -> None:
    proxy.calls = [True]
    before = able(proxy, capabilities=True)
    proxy.calls = list(answers)
    assert bool(_snapshot.compare(before, able(proxy, earlier=before))) is lost
    assert len(answers) - len(proxy.calls) == 3


def test_what_it_can_do_in_addition_is_no_difference(proxy: fake_proxy.FakeProxy) -> None:
    before = able(proxy, capabilities=True)
    proxy.calls = [True]
    assert _snapshot.compare(before, able(proxy, earlier=before)) == []


def test_a_model_that_is_silent_now_is_said_once(proxy: fake_proxy.FakeProxy) -> None:
    proxy.calls = [True]
    before = able(proxy, capabilities=True)
    proxy.replies["/v1/chat/completions"] = (500, {})
    assert _snapshot.compare(before, able(proxy, earlier=before)) == [
        "model chat, chat: an answer became a failure (HTTP 500)",
        "model chat, stream: an answer became a failure (HTTP 500)",
    ]


def test_a_journal_that_is_older_than_capabilities_is_compared(proxy: fake_proxy.FakeProxy) -> None:
    before = able(proxy)
    del before["capabilities"]
    after = able(proxy, earlier=before)
    assert _snapshot.compare(before, after) == [] and len(
        _snapshot.table(before, after)
    ) == 1 + len(before["exercised"])


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("yes", "no", ["model m, tools: yes became no (why)"]),
        ("yes", "failed", ["model m, tools: yes became failed (why)"]),
        ("no", "failed", ["model m, tools: no became failed (why)"]),
        ("no", "yes", []),
        ("failed", "no", []),
        ("failed", "failed", []),
    ],
)
def test_which_changes_are_losses(old: str, new: str, found: list[str]) -> None:
    row = {"model": "m", "capability": "tools", "why": "why", "seconds": 0.1}
    assert _snapshot.differences([{**row, "state": old}], [{**row, "state": new}]) == found


def test_what_was_not_asked_again_is_a_loss() -> None:
    row = {"model": "m", "capability": "tools", "state": "no", "why": "", "seconds": 0.1}
    assert _snapshot.differences([row], []) == ["model m, tools: it was not asked again"]
