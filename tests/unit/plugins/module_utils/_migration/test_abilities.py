"""What models can do through one proxy and through another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import fake_proxy
import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._litellm.client import Client
from ansible_collections.llmops.litellm.plugins.module_utils._migration import snapshot as _snapshot


@pytest.fixture
def proxy() -> Iterator[fake_proxy.FakeProxy]:
    with fake_proxy.serve() as running:
        yield running


def look(proxy: fake_proxy.FakeProxy, **more: Any) -> dict[str, Any]:
    options: dict[str, Any] = {
        "local_hosts": ["host.docker.internal"],
        "own_ports": [4000],
        "bogus": False,
        **more,
    }
    return _snapshot.snapshot(Client(proxy.url, fake_proxy.MASTER), **options)


def states(found: dict[str, Any]) -> dict[tuple[str, str], str]:
    return {(row["model"], row["capability"]): row["state"] for row in found["capabilities"]}


def test_nothing_is_asked_that_nobody_wants_to_know(proxy: fake_proxy.FakeProxy) -> None:
    assert look(proxy)["capabilities"] == []


def test_what_an_exercise_shows_is_not_asked_twice(proxy: fake_proxy.FakeProxy) -> None:
    proxy.calls = [True]
    assert states(look(proxy, capabilities=True)) == {
        ("chat", "system prompt"): "no",
        ("chat", "tools"): "yes",
        ("chat", "JSON schema"): "no",
        ("chat", "vision"): "no",
    }


def test_a_model_that_does_not_answer_is_asked_nothing_more(proxy: fake_proxy.FakeProxy) -> None:
    proxy.said = [""]
    assert look(proxy, capabilities=True)["capabilities"] == []


def test_a_capability_that_is_lost_is_a_difference_with_a_table(
    proxy: fake_proxy.FakeProxy,
) -> None:
    proxy.calls = [True]
    before = look(proxy, capabilities=True)
    after = look(proxy, earlier=before)
    assert _snapshot.compare(before, after) == [
        "model chat, tools: yes became no (no tool was called)"
    ]
    lines = _snapshot.table(before, after)
    assert lines[0].split("  ")[0] == "model" and len(lines) == 1 + len(before["exercised"]) + 4
    assert [line.split()[:4] for line in lines if " tools " in line] == [
        ["chat", "tools", "yes", "no"]
    ]


@pytest.mark.parametrize(
    ("answers", "lost"), [([False, False, True], False), ([False, False, False, True], True)]
)
def test_a_model_may_need_more_than_one_try(
    proxy: fake_proxy.FakeProxy, answers: list[bool], lost: bool
) -> None:
    proxy.calls = [True]
    before = look(proxy, capabilities=True)
    proxy.calls = list(answers)
    assert bool(_snapshot.compare(before, look(proxy, earlier=before))) is lost
    assert len(answers) - len(proxy.calls) == 3


def test_what_it_can_do_in_addition_is_no_difference(proxy: fake_proxy.FakeProxy) -> None:
    before = look(proxy, capabilities=True)
    proxy.calls = [True]
    assert _snapshot.compare(before, look(proxy, earlier=before)) == []


def test_a_model_that_is_silent_now_is_said_once(proxy: fake_proxy.FakeProxy) -> None:
    proxy.calls = [True]
    before = look(proxy, capabilities=True)
    proxy.replies["/v1/chat/completions"] = (500, {})
    assert _snapshot.compare(before, look(proxy, earlier=before)) == [
        "model chat, chat: an answer became a failure (HTTP 500)",
        "model chat, stream: an answer became a failure (HTTP 500)",
    ]


def test_a_journal_that_is_older_than_capabilities_is_compared(proxy: fake_proxy.FakeProxy) -> None:
    before = look(proxy)
    del before["capabilities"]
    after = look(proxy, earlier=before)
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
