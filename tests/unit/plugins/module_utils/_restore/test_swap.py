"""Two databases change names: every statement of it, and what is never dropped.

tests/integration/database/test_restore_deployment.py does it on a real server.
"""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._postgres.database import (
    Occupancy,
    growing,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import (
    Endpoint,
    PostgresError,
)
from ansible_collections.llmops.litellm.plugins.module_utils._restore import swap as _swap


def test_names_stay_within_postgresqls_limit() -> None:
    long = "ü" * 40
    for name in (
        _swap.fresh_name(long),
        _swap.kept_name(long, "20261124T120000Z-2"),
    ):
        assert len(name.encode()) <= 63
    assert _swap.fresh_name("litellm") == "litellm_restored"
    assert _swap.kept_name("litellm", "20261124T120000Z") == "litellm_before_20261124t120000z"


NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
TARGET = Endpoint("litellm", "owner", "litellm-postgres")
OURS = '{"made_by": "llmops.litellm", "state": "kept", "of": "litellm", "time": "2026"}'


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> support.Database:
    """A server with the database in service and a restored one beside it."""
    database = support.Database({"SELECT 1 FROM": [["1"]], "shobj_description": [["a note"]]})
    monkeypatch.setattr(_swap, "administering", database)
    monkeypatch.setattr(
        _swap, "mark", lambda admin, name, **words: admin.execute(f"mark {name} {words['state']}")
    )
    return database


def changes(database: support.Database) -> list[str]:
    return [statement for statement in database.done if not statement.startswith("SELECT")]


def test_both_names_change_in_one_transaction_and_the_comment_stays(
    database: support.Database,
) -> None:
    assert _swap.swap(TARGET, "fresh", "kept", NOW)
    assert changes(database) == [
        "BEGIN",
        'ALTER DATABASE "litellm" RENAME TO "kept"',
        "mark kept kept",
        'ALTER DATABASE "fresh" RENAME TO "litellm"',
        "COMMENT ON DATABASE \"litellm\" IS 'a note'",
        "COMMIT",
    ]


@pytest.mark.parametrize("times", [1, _swap.TRIES])
def test_reader_that_comes_again_just_now_is_sent_away_again(
    database: support.Database, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    fails = iter([PostgresError("is being accessed by other users")] * times)
    sent: list[str] = []

    def disconnect(_admin: object, target: Endpoint) -> None:
        sent.append(target.database)
        failure = next(fails, None)
        if failure:
            raise failure

    monkeypatch.setattr(_swap._readers, "disconnect", disconnect)
    if times < _swap.TRIES:
        assert _swap.swap(TARGET, "fresh", "kept", NOW)
        _swap.unswap(TARGET, "fresh", "kept", NOW)
    else:
        with pytest.raises(PostgresError, match="other users"):
            _swap.swap(TARGET, "fresh", "kept", NOW)
    assert sent == ["litellm"] * (3 if times == 1 else _swap.TRIES)


def test_swap_that_fails_otherwise_is_not_tried_again(
    database: support.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = iter([PostgresError("is down")])
    monkeypatch.setattr(_swap._readers, "disconnect", lambda *_words: support.fails(next(fails))())
    with pytest.raises(PostgresError, match="is down"):
        _swap.swap(TARGET, "fresh", "kept", NOW)


def test_first_database_of_a_server_takes_its_name(database: support.Database) -> None:
    database.answers = {}
    assert not _swap.swap(TARGET, "fresh", "kept", NOW)
    assert changes(database) == [
        "BEGIN",
        'ALTER DATABASE "fresh" RENAME TO "litellm"',
        "COMMIT",
    ]


def test_way_back_leaves_the_restored_one_as_ours(database: support.Database) -> None:
    _swap.unswap(TARGET, "fresh", "kept", NOW)
    assert changes(database) == [
        "BEGIN",
        'ALTER DATABASE "litellm" RENAME TO "fresh"',
        "mark fresh complete",
        'ALTER DATABASE "kept" RENAME TO "litellm"',
        "COMMENT ON DATABASE \"litellm\" IS 'a note'",
        "COMMIT",
    ]


@pytest.mark.parametrize(
    ("there", "swapped"),
    [(["litellm"], True), (["litellm", "fresh"], False), (["fresh"], False), ([], False)],
)
def test_swap_is_known_by_the_names_that_are_there(
    database: support.Database, there: list[str], swapped: bool
) -> None:
    database.answers = {f"datname = '{name}'": [["1"]] for name in there}
    assert _swap.swapped(TARGET, "fresh") == swapped


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (["t", "t"], ""),
        (["f", "t"], r"must be allowed to create databases \(ALTER ROLE … CREATEDB\) to"),
        (["t", "f"], "must own the database to"),
        (["f", "f"], "CREATEDB.* and own the database to"),
    ],
)
def test_role_that_may_not_rename_is_refused(
    database: support.Database, row: list[str], said: str
) -> None:
    database.answers = {"rolcreatedb": [row]}
    if not said:
        _swap.check_rights(TARGET)
        return
    with pytest.raises(PostgresError, match=said):
        _swap.check_rights(TARGET)


def test_others_are_waited_for_and_named(
    database: support.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = iter([["psql of bob"], ["psql of bob"], []])
    monkeypatch.setattr(_swap.time, "sleep", lambda _seconds: None)
    monkeypatch.setattr(_swap, "inspect", lambda *_words: Occupancy(True, None, [], next(clients)))
    _swap.wait_alone(TARGET)
    assert next(clients, None) is None
    monkeypatch.setattr(
        _swap, "inspect", lambda *_words: Occupancy(True, None, [], ["psql of bob"])
    )
    with pytest.raises(PostgresError, match="still in use by others than the proxy: psql of bob"):
        _swap.wait_alone(TARGET, -1)


def test_kept_ones_are_ours_of_this_database_oldest_first(database: support.Database) -> None:
    database.answers = {
        "pg_database_size": [
            ["b", OURS, "5"],
            ["a", OURS.replace("2026", "2025"), None],
            ["c", OURS.replace('"of": "litellm"', '"of": "other"'), "1"],
            ["d", OURS.replace("kept", "complete"), "1"],
            ["e", "a note", "1"],
            ["f", None, "1"],
        ]
    }
    database.answers["pg_database_size"].sort(key=lambda row: row[0], reverse=True)
    assert _swap.kept(TARGET) == [
        {"name": "a", "time": "2025", "bytes": 0},
        {"name": "b", "time": "2026", "bytes": 5},
    ]


def test_all_kept_ones_but_the_last_are_dropped_while_the_mark_is_theirs(
    database: support.Database,
) -> None:
    database.answers = {
        "pg_database_size": [["a", OURS, "1"], ["b", OURS, "1"], ["c", OURS, "1"]],
        "datname = 'a'": [[OURS]],
        "datname = 'b'": [["somebody has taken it over"]],
    }
    assert _swap.discard(TARGET, "c") == ["a", "b"]
    assert changes(database) == ['DROP DATABASE IF EXISTS "a"']


def test_restored_one_that_nobody_used_goes_whole_or_half(database: support.Database) -> None:
    database.answers = {
        "SELECT 1 FROM": [["1"]],
        "datname = 'fresh'": [[OURS]],
        f"datname = '{growing('fresh')}'": [[OURS]],
    }
    _swap.drop_fresh(TARGET, "fresh")
    assert changes(database) == [
        'DROP DATABASE "fresh" WITH (FORCE)',
        f'DROP DATABASE "{growing("fresh")}" WITH (FORCE)',
    ]


def test_database_without_our_mark_is_never_dropped(database: support.Database) -> None:
    _swap.drop_fresh(TARGET, "fresh")
    assert changes(database) == []
