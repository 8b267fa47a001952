"""The proxy, as its clients see it: every request is a real one."""

from __future__ import annotations

import json
from typing import Any

import pytest

ANSWERS = {"ok": 200, "blocked": 401, "over_budget": 429}
# Runs on the host, with the key on its standard input.
CLIENT = """import json, sys, urllib.request, urllib.error
key, path, body = json.load(sys.stdin)
request = urllib.request.Request("http://127.0.0.1:4000" + path, json.dumps(body).encode() if body else None,
                                 {"Authorization": "Bearer " + key, "Content-Type": "application/json"})
try:
    with urllib.request.urlopen(request, timeout=60) as answer:
        print(json.dumps([answer.status, answer.read().decode()]))
except urllib.error.HTTPError as error:
    print(json.dumps([error.code, error.read().decode()]))
"""


def ask(host: Any, key: str, path: str, body: Any = None) -> tuple[int, str]:
    """One request from the host."""
    told = json.dumps([key, path, body])
    status, text = json.loads(host.check_output("printf %%s %s | python3 -c %s", told, CLIENT))
    return status, text


@pytest.fixture(scope="module")
def key(keys: dict[str, Any]) -> str:
    """A key that may do everything."""
    return next(item["key"] for item in keys["keys"] if item["alias"] == "batch-jobs")


@pytest.mark.parametrize("number", range(6))
def test_keys_do_what_they_did(host: Any, keys: dict[str, Any], number: int) -> None:
    item = keys["keys"][number]
    status, text = ask(host, item["key"], "/v1/chat/completions", {"model": "chat", "messages": [{"role": "user", "content": f"key {number}"}]})
    assert status == ANSWERS[item["expect"]], item["alias"]
    assert status != 200 or "stand-in" in json.loads(text)["choices"][0]["message"]["content"]


def test_bogus_key_is_refused(host: Any, keys: dict[str, Any]) -> None:
    assert ask(host, keys["bogus"], "/v1/models")[0] == 401


def test_chat_streams(host: Any, key: str) -> None:
    status, text = ask(host, key, "/v1/chat/completions", {"model": "chat", "stream": True, "messages": [{"role": "user", "content": "stream"}]})
    assert status == 200
    assert text.count("data: {") > 2
    assert text.rstrip().endswith("data: [DONE]")


@pytest.mark.parametrize("model", ["embed", "embed-stored"])
def test_embeddings_answer(host: Any, key: str, model: str) -> None:
    status, text = ask(host, key, "/v1/embeddings", {"model": model, "input": f"a text for {model}"})
    assert status == 200
    assert len(json.loads(text)["data"][0]["embedding"]) > 10


def test_rerank_answers(host: Any, key: str) -> None:
    status, text = ask(host, key, "/v1/rerank", {"model": "rerank", "query": "a proxy", "documents": ["a gateway", "an apple"]})
    assert status == 200
    assert {item["index"] for item in json.loads(text)["results"]} == {0, 1}


def test_cache_works(host: Any, secrets: dict[str, str]) -> None:
    status, text = ask(host, secrets["LITELLM_MASTER_KEY"], "/cache/ping")
    assert status == 200
    assert json.loads(text)["status"] == "healthy"


def test_clients_were_refused_as_long_as_the_report_says(host: Any, report: dict[str, Any]) -> None:
    watched = json.loads(host.check_output("cat /root/observer/watch.json"))
    assert watched["asked"] > 100
    assert watched["down"] is None
    assert len(watched["refused"]) == 1
    begin, end = watched["refused"][0]
    assert 0 < end - begin <= report["refused_seconds"] + 0.5
    assert report["refused_seconds"] < 60
