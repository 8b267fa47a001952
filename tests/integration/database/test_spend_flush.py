"""The write of a proxy's spend, seen from another session of the same role. The proxy is a session
that writes what LiteLLM does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._litellm import (
    spend_flush as _spend_flush,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    Session,
)

from .conftest import Native

LOGS = 'CREATE TABLE "LiteLLM_SpendLogs" (request_id text, "startTime" timestamp(3));'
DAILY = (
    'CREATE TABLE "LiteLLM_DailyUserSpend" (id text, date text, spend int); '
    "INSERT INTO \"LiteLLM_DailyUserSpend\" SELECT 'a', to_char(now(), 'YYYY-MM-DD'), 0;"
)
# As the job of LiteLLM 1.102.4 writes, with a write that takes a while.
JOB = [
    'UPDATE "LiteLLM_DailyUserSpend" SET spend = spend + 1',
    "BEGIN",
    (
        "INSERT INTO \"public\".\"LiteLLM_SpendLogs\" SELECT 'b', now() AT TIME ZONE 'UTC' "
        "FROM pg_sleep(0.4)"
    ),
    "COMMIT",
]


@contextmanager
def writing(endpoint: Endpoint, statements: list[str], after: float) -> Iterator[list[float]]:
    """A proxy that is connected, and writes once after so many seconds; when it had ended."""
    ended: list[float] = []
    let_go = threading.Event()
    ready = threading.Event()

    def proxy() -> None:
        with Session(endpoint) as session:
            session.execute("SELECT 1")
            ready.set()
            if not let_go.wait(after):
                for statement in statements:
                    session.execute(statement)
                ended.append(time.monotonic())
                let_go.wait(30)

    thread = threading.Thread(target=proxy)
    thread.start()
    ready.wait(30)
    yield ended
    let_go.set()
    thread.join()


@pytest.mark.parametrize(
    ("tables", "statements"),
    [(LOGS + DAILY, JOB), (LOGS, JOB[1:])],
    ids=["daily tables", "a release without them"],
)
def test_write_is_seen_when_it_has_ended(
    native: Native, tables: str, statements: list[str]
) -> None:
    endpoint = native.new(tables)
    with writing(endpoint, statements, 1.0) as ended:
        told = _spend_flush.wait(endpoint, 10)
        now = time.monotonic()
    assert told.seen and told.reason == ""
    assert 0 <= now - ended[0] < 3
    assert told.seconds > 1.4


def test_rows_that_are_written_beside_the_job_are_not_it(native: Native) -> None:
    endpoint = native.new(LOGS + DAILY)
    with writing(endpoint, JOB[1:], 0.5):
        told = _spend_flush.wait(endpoint, 2)
    assert told == (False, "the proxy wrote no spend for 2 s", told.seconds)


def test_earlier_write_is_none(native: Native) -> None:
    endpoint = native.new(LOGS + DAILY)
    with writing(endpoint, JOB, 0.0) as ended:
        while not ended:
            time.sleep(0.01)
        assert not _spend_flush.wait(endpoint, 1.5).seen


def test_nobody_is_waited_for_who_is_not_there(native: Native) -> None:
    endpoint = native.new(LOGS + DAILY)
    told = _spend_flush.wait(endpoint, 10)
    assert (told.seen, told.reason) == (False, "no proxy is connected to its database")
    assert told.seconds < 3
    told = _spend_flush.wait(endpoint.on("none"), 10)
    assert not told.seen and 'database "none" does not exist' in told.reason
