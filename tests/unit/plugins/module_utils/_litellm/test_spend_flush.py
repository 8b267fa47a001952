"""The moment after a proxy has written its spend, seen in answers of a database that is none.

tests/integration/database/test_spend_flush.py waits for a real writer.
"""

from __future__ import annotations

from typing import Any

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._litellm import (
    spend_flush as _spend_flush,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
)

PROXY = Endpoint("litellm", "litellm", "litellm-postgres")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> support.Clock:
    clock = support.Clock()
    monkeypatch.setattr(_spend_flush, "time", clock)
    return clock


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> support.Database:
    """One with the daily tables, a proxy that is connected and a write that never comes."""
    database = support.Database(
        {"to_regclass": [["t"]], "pg_stat_activity": [["3", "f"]], "DailyUserSpend": [["7", "70"]]}
    )
    monkeypatch.setattr(_spend_flush, "Session", database)
    return database


def test_write_is_seen_once_it_has_settled(
    clock: support.Clock, database: support.Database
) -> None:
    database.answers["DailyUserSpend"] = lambda: [["7" if clock.time < 105 else "8", "70"]]
    # the proxy is within its transaction for half a second more
    database.answers["pg_stat_activity"] = lambda: [["3", "t" if 105 < clock.time < 105.5 else "f"]]
    told = _spend_flush.wait(PROXY)
    assert (told.seen, told.reason) == (True, "")
    assert 5.5 <= told.seconds < 5.6


def test_others_that_write_all_the_time_are_not_waited_for(
    clock: support.Clock, database: support.Database
) -> None:
    database.answers["DailyUserSpend"] = lambda: [["7" if clock.time < 105 else "8", "70"]]
    database.answers["pg_stat_activity"] = [["3", "t"]]
    told = _spend_flush.wait(PROXY)
    assert told.seen
    assert 5 + _spend_flush.CROWDED < told.seconds < 5.2 + _spend_flush.CROWDED


def test_release_without_daily_tables_is_known_by_its_single_rows(
    clock: support.Clock, database: support.Database
) -> None:
    database.answers.update(
        {"to_regclass": [["f"]], "SpendLogs": lambda: [[int(clock.time), None]]}
    )
    assert _spend_flush.wait(PROXY).seen
    assert not [statement for statement in database.done if "date >=" in statement]


def test_proxy_that_writes_nothing_is_given_up_at_the_limit(
    clock: support.Clock, database: support.Database
) -> None:
    told = _spend_flush.wait(PROXY, 9.0)
    assert (told.seen, told.reason) == (False, "the proxy wrote no spend for 9 s")
    assert 9 <= told.seconds < 9.1


def test_proxy_that_is_not_connected_is_not_waited_for(
    clock: support.Clock, database: support.Database
) -> None:
    database.answers["pg_stat_activity"] = [["0", "f"]]
    told = _spend_flush.wait(PROXY)
    assert (told.seen, told.reason) == (False, "no proxy is connected to its database")
    assert _spend_flush.ABSENT < told.seconds < 1.1


def test_database_that_does_not_answer_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse: Any = support.fails(PostgresError("connection refused"))
    monkeypatch.setattr(_spend_flush, "Session", refuse)
    told = _spend_flush.wait(PROXY)
    assert (told.seen, told.reason) == (False, "connection refused")


def test_writes_of_another_proxy_are_not_taken_for_this_ones(
    clock: support.Clock, database: support.Database
) -> None:
    """Somebody writes to the same tables every three seconds, this one at 108."""
    database.answers["DailyUserSpend"] = lambda: [[str(int(clock.time / 3)), "70"]]
    database.answers["pg_stat_activity"] = lambda: [
        ["2", "t" if 107.9 < clock.time < 108.4 else "f"]
    ]
    told = _spend_flush.wait(PROXY, only=lambda: _spend_flush.from_ports({42, 41}))
    assert told.seen
    assert 8.3 < told.seconds < 8.5
    asked = [statement for statement in database.done if "pg_stat_activity" in statement]
    assert all(statement.endswith(" AND client_port IN (0, 41, 42)") for statement in asked)


def test_one_of_several_that_has_no_connection_is_waited_for(
    clock: support.Clock, database: support.Database
) -> None:
    """It opens one when it has something to write."""
    database.answers["pg_stat_activity"] = [["0", "f"]]
    told = _spend_flush.wait(PROXY, 9.0, only=lambda: _spend_flush.from_ports(()))
    assert told.reason == "the proxy wrote no spend for 9 s"
    assert any(statement.endswith(" AND client_port IN (0)") for statement in database.done)


def test_who_is_the_proxy_is_asked_each_time(
    clock: support.Clock, database: support.Database
) -> None:
    """Its connections come and go."""
    ports = iter(range(1, 10000))
    _spend_flush.wait(PROXY, 0.1, only=lambda: _spend_flush.from_ports({next(ports)}))
    asked = [statement for statement in database.done if "pg_stat_activity" in statement]
    assert len(asked) > 2
    assert [statement.rpartition(" AND ")[2] for statement in asked] == [
        "client_port IN (0, %d)" % port for port in range(1, len(asked) + 1)
    ]


def test_address_is_quoted() -> None:
    assert _spend_flush.at("172.30.40.5") == "client_addr = '172.30.40.5'"
    assert _spend_flush.at("x' OR '1") == "client_addr = 'x'' OR ''1'"
