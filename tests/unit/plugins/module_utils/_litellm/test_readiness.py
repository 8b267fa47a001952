"""What readiness answers prove: answers captured from running proxies, those of other releases, and
whatever else may come.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._litellm import client as _client
from ansible_collections.llmops.litellm.plugins.module_utils._litellm import readiness as _readiness
from ansible_collections.llmops.litellm.plugins.module_utils._litellm.readiness import (
    Answer,
    Verdict,
    judge,
)

CAPTURED = Path(__file__).parents[1] / "captured"
CHECKED = datetime(2026, 11, 23, 8, 38, 35, 986668)  # last_updated of the answers of 1.80.0
SOON, LATE = CHECKED + timedelta(seconds=5), CHECKED + timedelta(seconds=90)


def captured(version: str, state: str) -> dict[str, Answer]:
    found = json.loads((CAPTURED / f"readiness-{version}.json").read_text(encoding="utf-8"))[state]
    return {path: Answer(**answer) for path, answer in found.items()}


def with_key(version: str, state: str, now: datetime | None = None) -> Verdict:
    answers = captured(version, state)
    return judge(
        answers["/health/readiness"],
        answers["/health/readiness/details (auth)"],
        answers["/cache/ping (auth)"],
        now,
    )


def rich(version: str, **more: Any) -> dict[str, Any]:
    return {
        "status": "healthy",
        "db": "connected",
        "cache": "redis",
        "litellm_version": version,
        "success_callbacks": [],
        **more,
    }


HEALTHY = Answer(200, {"status": "healthy", "db": "connected"})
BARE = Answer(200, {"status": "healthy"})


WORDS = st.sampled_from(
    [
        "connected",
        "Connected",
        "disconnected",
        "Not connected",
        "stalled",
        "unknown",
        "healthy",
        "shutting_down",
        "redis",
        "success",
        "",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "status": WORDS | JSON,
        "db": WORDS | JSON,
        "cache": JSON,
        "detail": JSON,
        "error": JSON,
        "ping_response": JSON,
        "set_cache_response": WORDS,
        "litellm_version": st.sampled_from(
            ["1.60.0", "1.80.0", "1.82.6", "1.84.0", "1.102.4", "2", "x"]
        )
        | JSON,
        "keys": JSON,
        "last_updated": st.datetimes().map(str) | st.just(CHECKED.isoformat()) | JSON,
    },
)
ANSWERS = st.builds(
    Answer,
    st.none() | st.sampled_from([0, 200, 204, 302, 401, 404, 500, 503]) | JSON,
    BODIES | JSON | BODIES.map(json.dumps) | st.binary(max_size=20) | st.text(max_size=20),
)
TIMES = st.none() | st.datetimes() | st.datetimes(timezones=st.just(timezone.utc)) | st.just(SOON)

KEY = "sk-hunter2-4f9c0b7ad2e15386"
PUBLIC, DETAILS, CACHE, READ = (
    "/health/readiness",
    "/health/readiness/details",
    "/cache/ping",
    "/key/list?size=1",
)


@pytest.mark.parametrize(
    ("version", "state", "now", "ready", "database", "cache"),
    [
        ("1.80.0", "no_db_no_redis", None, True, "not configured", "not configured"),
        ("1.80.0", "db_up_redis_up", SOON, True, "connected", "connected"),
        ("1.80.0", "db_up_redis_up", None, False, "unknown", "connected"),
        ("1.80.0", "db_up_redis_down", SOON, True, "connected", "disconnected"),
        ("1.80.0", "db_up_redis_down", None, False, "unknown", "disconnected"),
        ("1.80.0", "db_down_redis_up", LATE, False, "unknown", "connected"),
        ("1.80.0", "db_down_redis_up", None, False, "unknown", "connected"),
        ("1.80.0", "db_back", LATE, False, "unknown", "connected"),
        ("1.90.0", "no_db_no_redis", None, True, "not configured", "not configured"),
        ("1.90.0", "db_up_redis_up", None, True, "connected", "connected"),
        ("1.90.0", "db_up_redis_down", None, True, "connected", "disconnected"),
        ("1.90.0", "db_down_redis_up", None, False, "disconnected", "connected"),
        ("1.90.0", "db_back", None, True, "connected", "connected"),
        ("1.102.4", "no_db_no_redis", None, True, "not configured", "not configured"),
        ("1.102.4", "db_up_redis_up", None, True, "connected", "connected"),
        ("1.102.4", "db_up_redis_down", None, True, "connected", "disconnected"),
        ("1.102.4", "db_down_redis_up", None, False, "disconnected", "unknown"),
        ("1.102.4", "db_back", None, True, "connected", "connected"),
    ],
    ids=lambda value: value.isoformat() if isinstance(value, datetime) else str(value),
)
def test_captured_with_the_key(
    version: str, state: str, now: datetime | None, ready: bool, database: str, cache: str
) -> None:
    verdict = with_key(version, state, now)
    assert (verdict.ready, verdict.database, verdict.cache, verdict.version) == (
        ready,
        database,
        cache,
        version,
    )
    assert verdict.generation == {"1.80.0": "1.60", "1.90.0": "1.90", "1.102.4": "1.100"}[version]
    assert bool(verdict.reasons) == (
        not (ready and database == "connected" and cache == "connected")
    )


@pytest.mark.parametrize("version", ["1.90.0", "1.102.4"])
@pytest.mark.parametrize(
    ("state", "ready", "database"),
    [
        ("no_db_no_redis", True, "not configured"),
        ("db_up_redis_up", True, "connected"),
        ("db_down_redis_up", False, "disconnected"),
    ],
)
def test_captured_without_a_key(version: str, state: str, ready: bool, database: str) -> None:
    answers = captured(version, state)
    for details, ping in (
        (None, None),
        (answers["/health/readiness/details"], answers["/cache/ping"]),
    ):
        verdict = judge(answers["/health/readiness"], details, ping)
        assert (verdict.ready, verdict.database, verdict.cache, verdict.version) == (
            ready,
            database,
            "unknown",
            None,
        )
        assert any("401" in reason for reason in verdict.reasons) == (details is not None)


def test_captured_1_80_0_tells_its_dead_database_by_an_error_once_it_has_looked() -> None:
    for now in (None, LATE):
        assert with_key("1.80.0", "db_down_two_minutes", now) == Verdict(
            False,
            "disconnected",
            "connected",
            None,
            "1.60",
            [
                "HTTP 503: the proxy says that it cannot serve",
                "the proxy cannot reach its database",
            ],
        )


def test_captured_1_90_0_remembers_a_database_that_died_a_moment_ago_and_the_read_does_not() -> (
    None
):
    assert with_key("1.90.0", "db_down_a_moment_ago").database == "connected"
    answers = captured("1.90.0", "db_down_a_moment_ago")
    verdict = judge(
        answers["/health/readiness"],
        answers["/health/readiness/details (auth)"],
        answers["/cache/ping (auth)"],
        database_read=answers["/key/list (auth)"],
    )
    assert verdict == Verdict(
        False,
        "disconnected",
        "connected",
        "1.90.0",
        "1.90",
        ["the proxy cannot reach its database"],
    )


@pytest.mark.parametrize(
    ("status", "body", "ready", "database", "generation"),
    [
        pytest.param(
            200,
            rich("1.60.0", status="connected", last_updated=SOON.isoformat()),
            True,
            "connected",
            "1.60",
            id="1.60 checked now",
        ),
        pytest.param(
            200,
            rich("1.82.0", status="connected", last_updated=CHECKED.isoformat()),
            True,
            "connected",
            "1.60",
            id="1.82.0 checked 5 s ago",
        ),
        pytest.param(
            200,
            rich("1.82.0", status="connected"),
            False,
            "unknown",
            "1.60",
            id="1.82.0 with no time of its check",
        ),
        pytest.param(
            200,
            rich("1.82.0", status="healthy", last_updated=SOON.isoformat()),
            False,
            "unknown",
            "1.60",
            id="1.82.0 db is a constant",
        ),
        pytest.param(
            200,
            rich("1.82.0", status="disconnected", last_updated=SOON.isoformat()),
            False,
            "disconnected",
            "1.60",
            id="1.82.0 database down",
        ),
        pytest.param(
            503,
            {"detail": "Service Unhealthy (All connection attempts failed)"},
            False,
            "disconnected",
            "1.60",
            id="1.82.0 query engine down",
        ),
        pytest.param(
            503,
            {"detail": "Service Unhealthy ()"},
            False,
            "unknown",
            "1.60",
            id="1.82.0 check without an error's text",
        ),
        pytest.param(200, rich("1.82.6"), True, "connected", "1.82.6", id="1.82.6"),
        pytest.param(
            200,
            rich("1.83.14", db="disconnected"),
            False,
            "disconnected",
            "1.82.6",
            id="1.83.14 database down",
        ),
        pytest.param(
            200, rich("1.84.0-stable.1"), True, "connected", "1.84", id="1.84 with public details"
        ),
        pytest.param(
            200, rich("1.59.8"), False, "unknown", "unknown", id="1.59.8 is too old to be known"
        ),
        pytest.param(
            200, rich("next"), False, "unknown", "unknown", id="a release that hides its version"
        ),
        pytest.param(200, {"status": "healthy"}, False, "unknown", "1.84", id="1.84 status alone"),
        pytest.param(
            200,
            {"status": "healthy", "db": "connected"},
            True,
            "connected",
            "1.84",
            id="1.84 status and db",
        ),
        pytest.param(
            200,
            {"status": "connected", "db": "connected"},
            False,
            "unknown",
            "unknown",
            id="no release",
        ),
        pytest.param(
            503,
            {"status": "healthy", "db": "disconnected"},
            False,
            "disconnected",
            "1.84",
            id="1.84 database down",
        ),
        pytest.param(
            503,
            {"detail": {"status": "healthy", "db": "disconnected"}},
            False,
            "disconnected",
            "1.84",
            id="1.84 database down, wrapped",
        ),
        pytest.param(
            503,
            {"status": "healthy", "db": "connected"},
            False,
            "unknown",
            "1.84",
            id="503 says the contrary of its body",
        ),
        pytest.param(
            503, {"status": "shutting_down"}, False, "unknown", "1.90", id="1.90 shutting down"
        ),
        pytest.param(
            200,
            {"status": "shutting_down", "db": "connected"},
            False,
            "unknown",
            "1.90",
            id="shutting down with a 200",
        ),
        pytest.param(
            200,
            {"status": "healthy", "db": "disconnected"},
            False,
            "disconnected",
            "1.100",
            id="1.100 serves without its database",
        ),
        pytest.param(
            200,
            {"status": "healthy", "db": "stalled"},
            False,
            "disconnected",
            "1.104.9",
            id="1.104.9 stalled",
        ),
        pytest.param(
            200, {"status": "healthy", "db": "unknown"}, False, "unknown", "1.84", id="db unknown"
        ),
        pytest.param(
            200,
            {"status": "healthy", "db": "Not connected"},
            True,
            "not configured",
            "1.84",
            id="1.84 no database",
        ),
        pytest.param(
            200,
            {"status": "unhealthy", "db": "Not connected"},
            False,
            "not configured",
            "unknown",
            id="not healthy",
        ),
        pytest.param(200, {"db": "connected"}, False, "unknown", "unknown", id="no status"),
    ],
)
def test_other_releases(
    status: int, body: dict[str, Any], ready: bool, database: str, generation: str
) -> None:
    for form in (body, json.dumps(body), json.dumps(body).encode()):
        verdict = judge(Answer(status, form), now=SOON)
        assert (verdict.ready, verdict.database, verdict.cache, verdict.generation) == (
            ready,
            database,
            "unknown",
            generation,
        )
        assert bool(verdict.reasons) != (ready and database == "connected")


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        pytest.param(None, "connection refused", "connection refused", id="refused"),
        pytest.param(0, "it took too long", "too long", id="timeout"),
        pytest.param(None, None, "no answer", id="no reason"),
        pytest.param(200, "<html>It works!</html>", "not a JSON", id="HTML"),
        pytest.param(200, "", "not a JSON", id="empty"),
        pytest.param(200, b"\xff\xfe\x00", "not a JSON", id="binary"),
        pytest.param(200, "[" * 100000, "not a JSON", id="nested without end"),
        pytest.param(200, '["connected"]', "not a JSON", id="a list"),
        pytest.param(200, {"ok": True}, "neither status nor db", id="another program's JSON"),
        pytest.param(
            200, {"status": 1, "db": ["connected"]}, "neither status nor db", id="wrong types"
        ),
        pytest.param(
            503, {"detail": "no database here"}, "neither status nor db", id="another program's 503"
        ),
        pytest.param(
            200,
            {"detail": "Service Unhealthy (x)"},
            "neither status nor db",
            id="a failure with a 200",
        ),
        pytest.param(302, {"status": "healthy", "db": "connected"}, "redirect", id="redirect"),
        pytest.param(404, {"status": "healthy", "db": "connected"}, "404", id="404"),
        pytest.param(401, {"status": "healthy", "db": "connected"}, "401", id="401"),
        pytest.param(502, "Bad gateway", "502", id="a gateway before it"),
    ],
)
def test_what_is_no_readiness_proves_nothing(status: int | None, body: Any, word: str) -> None:
    verdict = judge(Answer(status, body), Answer(200, rich("1.102.4")), now=SOON)
    assert (verdict.ready, verdict.database, verdict.cache) == (False, "unknown", "unknown")
    assert word in " ".join(verdict.reasons)


@pytest.mark.parametrize(
    ("readiness", "details", "ready", "database"),
    [
        pytest.param(
            BARE,
            Answer(200, rich("1.84.2")),
            True,
            "connected",
            id="details prove what status alone does not",
        ),
        pytest.param(BARE, Answer(401, {"error": {}}), False, "unknown", id="details refused"),
        pytest.param(
            BARE, Answer(None, "it took too long"), False, "unknown", id="details do not come"
        ),
        pytest.param(
            HEALTHY,
            Answer(503, rich("1.102.4", db="disconnected")),
            False,
            "disconnected",
            id="the worse counts",
        ),
        pytest.param(
            Answer(503, {"status": "healthy", "db": "disconnected"}),
            Answer(200, rich("1.102.4")),
            False,
            "disconnected",
            id="in both directions",
        ),
        pytest.param(
            HEALTHY,
            Answer(200, rich("1.102.4", db="Not connected")),
            False,
            "unknown",
            id="contradiction",
        ),
        pytest.param(
            HEALTHY,
            Answer(503, {"status": "shutting_down"}),
            False,
            "connected",
            id="shutting down since",
        ),
        pytest.param(
            HEALTHY,
            Answer(404, {"detail": "Not Found"}),
            True,
            "connected",
            id="no details in this release",
        ),
    ],
)
def test_details(readiness: Answer, details: Answer, ready: bool, database: str) -> None:
    verdict = judge(readiness, details)
    assert (verdict.ready, verdict.database) == (ready, database)


@pytest.mark.parametrize(
    ("ping", "cache"),
    [
        pytest.param(
            Answer(
                200,
                {
                    "status": "healthy",
                    "cache_type": "redis",
                    "ping_response": True,
                    "set_cache_response": "success",
                },
            ),
            "connected",
            id="redis",
        ),
        pytest.param(
            Answer(200, {"status": "healthy", "cache_type": "local"}), "unknown", id="in memory"
        ),
        pytest.param(
            Answer(200, {"status": "healthy", "ping_response": True, "set_cache_response": None}),
            "unknown",
            id="not written to",
        ),
        pytest.param(
            Answer(
                200, {"status": "healthy", "ping_response": None, "set_cache_response": "success"}
            ),
            "unknown",
            id="not asked",
        ),
        pytest.param(Answer(200, "OK"), "unknown", id="not JSON"),
        pytest.param(Answer(401, {}), "unknown", id="refused"),
        pytest.param(Answer(404, {}), "unknown", id="no such path"),
        pytest.param(
            Answer(
                503,
                {
                    "error": {
                        "message": json.dumps(
                            {"message": "Service Unhealthy", "x": "Cache not initialized"}
                        )
                    }
                },
            ),
            "disconnected",
            id="settings are no message",
        ),
        pytest.param(
            Answer(503, {"error": {"message": "Service Unhealthy (timeout)"}}),
            "disconnected",
            id="a plain message",
        ),
        pytest.param(Answer(503, {"error": "busy"}), "unknown", id="another 503"),
        pytest.param(Answer(503, "<html>"), "unknown", id="a gateway's 503"),
        pytest.param(Answer(None, "it took too long"), "unknown", id="timeout"),
    ],
)
def test_cache(ping: Answer, cache: str) -> None:
    assert judge(HEALTHY, None, ping).cache == cache


def test_a_name_of_a_cache_is_no_proof_and_none_is() -> None:
    assert judge(Answer(200, rich("1.83.0"))).cache == "unknown"
    assert judge(Answer(200, rich("1.83.0", cache=None))).cache == "not configured"


@pytest.mark.parametrize("hours", [-7, 0, 1])
def test_a_state_may_be_stamped_in_the_hosts_time_or_in_utc(hours: int) -> None:
    here = timezone(timedelta(hours=hours))
    now = datetime(2026, 11, 23, 8, 38, 40, tzinfo=here)
    for zone in (here, timezone.utc):
        for age, database in (
            (5, "connected"),
            (16, "unknown"),
            (119, "unknown"),
            (-60, "unknown"),
        ):
            stamp = (now - timedelta(seconds=age)).astimezone(zone).replace(tzinfo=None).isoformat()
            body = rich("1.80.0", status="connected", last_updated=stamp)
            assert judge(Answer(200, body), now=now).database == database


def test_reading_the_database_is_a_proof_where_a_release_has_no_other() -> None:
    old = captured("1.80.0", "db_up_redis_up")["/health/readiness"]
    assert judge(
        old, now=LATE, database_read=Answer(200, '{"keys": [], "total_count": 0}')
    ) == Verdict(True, "connected", "unknown", "1.80.0", "1.60", [])
    assert judge(old, now=LATE, database_read=Answer(500, '{"error": {}}')).database == "unknown"
    assert judge(old, now=LATE, database_read=Answer(200, '{"data": []}')).database == "unknown"
    lost = {
        "error": {
            "message": "Authentication Error, Can't reach database server at `127.0.0.1:5432`"
        }
    }
    for now in (SOON, LATE, None):
        assert judge(old, now=now, database_read=Answer(500, lost)) == Verdict(
            False,
            "disconnected",
            "unknown",
            "1.80.0",
            "1.60",
            ["the proxy cannot reach its database"],
        )
    assert judge(old, now=LATE, database_read=Answer(401, lost)).database == "unknown"
    for status, database in (
        (None, "unknown"),
        (500, "unknown"),
        (503, "unknown"),
        (403, "connected"),
        (404, "connected"),
    ):
        assert judge(HEALTHY, database_read=Answer(status, "")).database == database
    assert (
        judge(Answer(503, {"db": "disconnected"}), database_read=Answer(200, {"keys": []})).database
        == "disconnected"
    )


@given(ANSWERS, st.none() | ANSWERS, st.none() | ANSWERS, TIMES, st.none() | ANSWERS)
def test_no_answer_raises_and_none_without_proof_is_connected(
    readiness: Answer,
    details: Answer | None,
    ping: Answer | None,
    now: datetime | None,
    read: Answer | None,
) -> None:
    verdict = judge(readiness, details, ping, now, read)
    assert verdict.database in _readiness.STATES and verdict.cache in _readiness.STATES
    assert all(isinstance(reason, str) and reason for reason in verdict.reasons)
    assert verdict.ready <= (verdict.database in ("connected", "not configured"))
    assert verdict.ready <= (readiness.status == 200)
    if verdict.database == "connected":
        proofs = [
            answer
            for answer in (readiness, details, read)
            if answer is not None and answer.status == 200
        ]
        assert any(
            "connected" in str(answer.body).lower() or "keys" in str(answer.body)
            for answer in proofs
        )
        assert verdict.ready or readiness.status in (200, 503)
    if verdict.cache == "connected":
        assert ping is not None and ping.status == 200 and "ping_response" in str(ping.body)
    if verdict.cache == "disconnected":
        assert ping is not None and ping.status == 503
    if not verdict.ready:
        assert verdict.reasons


@given(
    BODIES,
    st.datetimes(min_value=CHECKED + timedelta(seconds=16)),
    st.sampled_from(["1.60.0", "1.80.0", "1.82.0"]),
)
def test_an_old_state_is_never_a_proof(body: dict[str, Any], now: datetime, version: str) -> None:
    body = {**body, "litellm_version": version, "last_updated": CHECKED.isoformat(), "detail": None}
    assert judge(Answer(200, body), now=now).database != "connected"
    assert judge(Answer(200, body)).database != "connected"


@given(ANSWERS)
def test_nothing_but_a_200_with_db_connected_is_connected_by_itself(answer: Answer) -> None:
    if judge(answer).database == "connected":
        assert (
            answer.status == 200
            and '"connected"'
            in json.dumps(
                answer.body if isinstance(answer.body, dict) else json.loads(answer.body)
            ).lower()
        )


@pytest.mark.parametrize(
    ("status", "database", "key", "asked"),
    [
        (200, "connected", None, [PUBLIC]),
        (404, "connected", KEY, [PUBLIC]),
        (200, "connected", KEY, [PUBLIC, DETAILS, CACHE, READ]),
        (200, "Not connected", KEY, [PUBLIC, DETAILS, CACHE]),
        (200, None, KEY, [PUBLIC, DETAILS, CACHE, READ]),
        (503, "disconnected", KEY, [PUBLIC, DETAILS, CACHE]),
    ],
)
def test_no_more_is_asked_than_proves_it(
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    database: Optional[str],
    key: Optional[str],
    asked: list[str],
) -> None:
    seen: list[tuple[str, Optional[str]]] = []
    body = {
        "status": "healthy",
        "litellm_version": "1.102.4",
        **({"db": database} if database else {}),
    }

    def get(client: _client.Client, path: str) -> Answer:
        seen.append((path, client._key))
        return Answer(status, json.dumps(body))

    monkeypatch.setattr(_client.Client, "get", get)
    _readiness.ask(_client.Client("http://127.0.0.1:4000"), key)
    assert [path for path, _key in seen] == asked
    assert [sent for _path, sent in seen] == [None] + [key] * (len(asked) - 1)
