"""The proxy, as its clients see it: every request is a real one."""

from __future__ import annotations

import json
from typing import Any

import pytest

# A key that may do everything.
FREE = "batch-jobs"
ANSWERS = {"ok": 200, "blocked": 401, "over_budget": 429}
# Runs on the host and takes the key from the test bed's files there, so that no command line holds
# one.
CLIENT = """import json, sys, urllib.request, urllib.error
who, path, body = json.loads(sys.argv[1])
told = json.load(open("/root/testbed/keys.json"))
secrets = json.load(open("/root/testbed/secrets.json"))
known = {"bogus": told["bogus"], "master": secrets["LITELLM_MASTER_KEY"]}
key = known.get(who) or next(item["key"] for item in told["keys"] if item["alias"] == who)
request = urllib.request.Request(
    "http://127.0.0.1:4000" + path,
    json.dumps(body).encode() if body else None,
    {"Authorization": "Bearer " + key, "Content-Type": "application/json"},
)
try:
    with urllib.request.urlopen(request, timeout=60) as answer:
        print(json.dumps([answer.status, answer.read().decode()]))
except urllib.error.HTTPError as error:
    print(json.dumps([error.code, error.read().decode()]))
"""


def ask(host: Any, who: str, path: str, body: Any = None) -> tuple[int, str]:
    """One request from the host, with the key of this alias, or the bogus or the master key."""
    status, text = json.loads(
        host.check_output("python3 -c %s %s", CLIENT, json.dumps([who, path, body]))
    )
    return status, text


@pytest.mark.parametrize("number", range(6))
def test_keys_do_what_they_did(host: Any, keys: dict[str, Any], number: int) -> None:
    item = keys["keys"][number]
    status, text = ask(
        host,
        item["alias"],
        "/v1/chat/completions",
        {"model": "chat", "messages": [{"role": "user", "content": f"key {number}"}]},
    )
    assert status == ANSWERS[item["expect"]], item["alias"]
    assert status != 200 or "stand-in" in json.loads(text)["choices"][0]["message"]["content"]


def test_bogus_key_is_refused(host: Any) -> None:
    assert ask(host, "bogus", "/v1/models")[0] == 401


def test_chat_streams(host: Any) -> None:
    status, text = ask(
        host,
        FREE,
        "/v1/chat/completions",
        {"model": "chat", "stream": True, "messages": [{"role": "user", "content": "stream"}]},
    )
    assert status == 200
    assert text.count("data: {") > 2
    assert text.rstrip().endswith("data: [DONE]")


@pytest.mark.parametrize("model", ["embed", "embed-stored"])
def test_embeddings_answer(host: Any, model: str) -> None:
    status, text = ask(
        host, FREE, "/v1/embeddings", {"model": model, "input": f"a text for {model}"}
    )
    assert status == 200
    assert len(json.loads(text)["data"][0]["embedding"]) > 10


def test_rerank_answers(host: Any) -> None:
    status, text = ask(
        host,
        FREE,
        "/v1/rerank",
        {"model": "rerank", "query": "a proxy", "documents": ["a gateway", "an apple"]},
    )
    assert status == 200
    assert {item["index"] for item in json.loads(text)["results"]} == {0, 1}


def test_cache_works(host: Any) -> None:
    status, text = ask(host, "master", "/cache/ping")
    assert status == 200
    assert json.loads(text)["status"] == "healthy"


@pytest.fixture(scope="module")
def asked(host: Any) -> dict[str, list[dict[str, Any]]]:
    """What clients of each kind have asked from before the migration until now."""
    host.check_output("systemctl stop clients.service")
    told: dict[str, list[dict[str, Any]]] = {}
    for line in host.check_output("cat /root/observer/clients.jsonl").splitlines():
        request = json.loads(line)
        told.setdefault(request["kind"], []).append(request)
    return told


def test_no_request_failed(asked: dict[str, list[dict[str, Any]]]) -> None:
    assert sorted(asked) == ["fresh", "official", "pooled", "session"]
    assert {kind: len(requests) for kind, requests in asked.items() if len(requests) < 20} == {}
    assert [request for each in asked.values() for request in each if request["failed"]] == []


def test_clients_waited_as_long_as_the_report_says(
    asked: dict[str, list[dict[str, Any]]], report: dict[str, Any]
) -> None:
    assert report["refused_seconds"] is None
    waited = report["waited"]
    longest = max(request["seconds"] for each in asked.values() for request in each)
    # one that came at the very end may have been answered by a proxy that was busy with all others
    assert waited["seconds"] / 2 < longest < waited["seconds"] + 10
    assert waited["held"] >= 1
    seen = report["watched"]
    assert seen["before"]["asked"] > 10 and seen["since"]["asked"] > 10
    assert seen["since"]["failed"] == 0
    assert waited["seconds"] / 2 < seen["since"]["longest"] < waited["seconds"] + 10
    # The cutover does what the rehearsal did before, under the same load: other scenarios run
    # beside this one, so a bound in seconds would measure them.
    seconds = {phase["name"]: phase["seconds"] for phase in report["phases"]}
    assert waited["seconds"] < 1.5 * seconds["rehearse"]


def test_nothing_is_left_of_the_hold(host: Any) -> None:
    assert (
        host.check_output("systemctl list-units --all --plain --no-legend 'llmops-litellm-*'") == ""
    )
    assert "llmops" not in host.check_output("nft list tables")
    assert "llmops" not in host.check_output("ls /run")
