"""The proxy, as its clients see it: every request is a real one."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import pytest

# A key that may do everything.
FREE = "batch-jobs"
# Seconds that a request may take longer while other proxies start on the same two cores.
NOISE = 2.0
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
    least = dict.fromkeys(("fresh", "official", "pooled", "session", "embeddings", "keys"), 20)
    least.update(streams=5, long_streams=1)
    counts = {kind: len(asked.get(kind, [])) for kind in least}
    assert {kind: count for kind, count in counts.items() if count < least[kind]} == {}
    assert [request for each in asked.values() for request in each if request["failed"]] == []


def test_every_key_that_was_made_is_there_with_its_spend(
    host: Any, asked: dict[str, list[dict[str, Any]]], journal: dict[str, Any]
) -> None:
    """Those that were made and used before the run ended: their spend was written since."""
    ended = datetime.fromisoformat(journal["ended"]).timestamp() - 30
    made = {each["made"] for each in asked["keys"] if each["begun"] + each["seconds"] < ended}
    for column, table in (("token", "VerificationToken"), ("api_key", "SpendLogs")):
        there = host.check_output(
            "docker exec litellm-postgres psql -U litellm -d litellm -XAtc %s",
            f'SELECT {column} FROM "LiteLLM_{table}"',
        )
        assert made - {None} - set(there.split()) == set(), table
    assert len(made) > 20


def test_nobody_waited_but_who_needed_the_database(
    asked: dict[str, list[dict[str, Any]]], report: dict[str, Any], journal: dict[str, Any]
) -> None:
    assert report["refused_seconds"] is None and report["waited"] is None
    # not for a copy, of whatever size
    assert report["led"]["waits"] is None and journal["facts"]["switched"]
    paused = report["led"]["seconds"]
    assert 0 < paused < 3
    [cutover] = [step for step in journal["steps"] if step["name"] == "cutover"]
    turned = datetime.fromisoformat(cutover["begun"]).timestamp()
    kinds = ("fresh", "official", "pooled", "session", "embeddings")
    before, since = (
        max(
            each["seconds"]
            for kind in kinds
            for each in asked[kind]
            if (each["begun"] + each["seconds"] < turned) is early
        )
        for early in (True, False)
    )
    assert since < before + NOISE
    assert max(each["seconds"] for each in asked["keys"]) < before + paused + 10
    seen = report["watched"]
    assert seen["before"]["asked"] > 10 and seen["since"]["asked"] > 10
    assert seen["since"]["failed"] == 0
    assert seen["since"]["longest"] < seen["before"]["longest"] + NOISE


def test_nothing_is_left_of_the_hold(host: Any) -> None:
    assert (
        host.check_output("systemctl list-units --all --plain --no-legend 'llmops-litellm-*'") == ""
    )
    assert "llmops" not in host.check_output("nft list tables")
    assert not re.search("llmops|litellm-legacy", host.check_output("ls /run /run/systemd/system"))


def test_nothing_is_left_that_followed_the_database(host: Any) -> None:
    asked = (
        "SELECT count(*) FROM pg_publication UNION ALL SELECT count(*) FROM pg_replication_slots"
    )
    told = host.check_output(
        "docker exec litellm-postgres psql -U litellm -d litellm -XAtc %s", asked
    )
    assert told.split() == ["0", "0"]
    # it was another process with other words, and its settings are what they were
    settings = host.check_output(
        "cat /var/lib/postgresql/15/main/postgresql.auto.conf"
        " /etc/postgresql/15/main/postgresql.conf; ls /etc/postgresql/15/main/conf.d"
    )
    assert not re.search(r"^\s*wal_level|127\.0\.0\.2", settings, re.MULTILINE)
