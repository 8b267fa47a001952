"""Which backups a policy keeps: tables, and the rules as properties."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._backup.retention import (
    Backup,
    Policy,
    plan,
)

UTC = timezone.utc
NONE = Policy(0, 0, 0, 0, 0, "UTC")


def at(text: str, zone: Any = UTC) -> datetime:
    """``2026-11-24 02:00``."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=zone)


def backups(*times: str) -> list[Backup]:
    """Backups named by their times."""
    return [Backup(text, at(text)) for text in times]


def kept(found: list[Backup], policy: Policy) -> dict[str, list[str]]:
    """What stays, and why."""
    return {decision.name: decision.reasons for decision in plan(found, policy).kept}


DAILY = ["2026-11-%02d 02:00" % day for day in range(1, 25)]


@pytest.mark.parametrize(
    ("times", "policy", "wanted"),
    [
        ([], Policy(), {}),
        (
            ["2026-11-24 02:00"],
            NONE._replace(daily=1),
            {"2026-11-24 02:00": ["newest", "daily 2026-11-24"]},
        ),
        # the newest of a day
        (
            ["2026-11-24 02:00", "2026-11-24 14:00"],
            NONE._replace(daily=2),
            {"2026-11-24 14:00": ["newest", "daily 2026-11-24"]},
        ),
        # a missed day shifts nothing
        (
            ["2026-11-20 02:00", "2026-11-23 02:00", "2026-11-24 02:00"],
            NONE._replace(daily=2),
            {
                "2026-11-24 02:00": ["newest", "daily 2026-11-24"],
                "2026-11-23 02:00": ["daily 2026-11-23"],
            },
        ),
        (
            ["2025-01-01 02:00", "2026-11-24 02:00"],
            NONE._replace(daily=2),
            {
                "2026-11-24 02:00": ["newest", "daily 2026-11-24"],
                "2025-01-01 02:00": ["daily 2025-01-01"],
            },
        ),
        # one backup for several rules
        (
            DAILY,
            Policy(1, 2, 2, 2, 0, "UTC"),
            {
                "2026-11-24 02:00": [
                    "last 1",
                    "daily 2026-11-24",
                    "weekly 2026-W48",
                    "monthly 2026-11",
                ],
                "2026-11-23 02:00": ["daily 2026-11-23"],
                "2026-11-22 02:00": ["weekly 2026-W47"],
            },
        ),
        # weeks are ISO's: Sunday the 3rd of January 2027 is in the last week of 2026, and so is
        # Monday the 28th of December
        (
            ["2026-12-27 02:00", "2026-12-28 02:00", "2027-01-03 02:00", "2027-01-04 02:00"],
            NONE._replace(weekly=3),
            {
                "2027-01-04 02:00": ["newest", "weekly 2027-W01"],
                "2027-01-03 02:00": ["weekly 2026-W53"],
                "2026-12-27 02:00": ["weekly 2026-W52"],
            },
        ),
        (
            ["2024-12-29 02:00", "2024-12-30 02:00", "2025-01-01 02:00"],
            NONE._replace(weekly=2),
            {
                "2025-01-01 02:00": ["newest", "weekly 2025-W01"],
                "2024-12-29 02:00": ["weekly 2024-W52"],
            },
        ),
        (
            ["2024-06-01 02:00", "2025-06-01 02:00", "2026-06-01 02:00"],
            NONE._replace(yearly=2),
            {"2026-06-01 02:00": ["newest", "yearly 2026"], "2025-06-01 02:00": ["yearly 2025"]},
        ),
        (
            ["2026-11-24 02:00", "2026-11-24 03:00", "2026-11-24 04:00"],
            NONE._replace(last=2),
            {"2026-11-24 04:00": ["last 1"], "2026-11-24 03:00": ["last 2"]},
        ),
    ],
)
def test_rules(times: list[str], policy: Policy, wanted: dict[str, list[str]]) -> None:
    assert kept(backups(*times), policy) == wanted


@pytest.mark.parametrize(
    ("zone", "utc", "days"),
    [
        # summer time ends on the 25th: that day has 25 hours
        (
            "Europe/Berlin",
            ["2026-10-24 21:59", "2026-10-24 22:00", "2026-10-25 22:59", "2026-10-25 23:00"],
            ["2026-10-24", "2026-10-25", "2026-10-26"],
        ),
        # it begins on the 29th: that day has 23
        (
            "Europe/Berlin",
            ["2026-03-28 22:59", "2026-03-28 23:00", "2026-03-29 21:59", "2026-03-29 22:00"],
            ["2026-03-28", "2026-03-29", "2026-03-30"],
        ),
        (
            "America/New_York",
            ["2026-11-01 03:59", "2026-11-01 04:00", "2026-11-02 04:59", "2026-11-02 05:00"],
            ["2026-10-31", "2026-11-01", "2026-11-02"],
        ),
        (
            "America/New_York",
            ["2026-03-08 04:59", "2026-03-08 05:00", "2026-03-09 03:59", "2026-03-09 04:00"],
            ["2026-03-07", "2026-03-08", "2026-03-09"],
        ),
        # the hour that comes twice begins at midnight: the day before comes back
        (
            "America/Havana",
            ["2026-11-01 03:59", "2026-11-01 04:30", "2026-11-01 05:30", "2026-11-02 05:00"],
            ["2026-10-31", "2026-11-01", "2026-11-02"],
        ),
    ],
)
def test_days_are_those_of_the_place(zone: str, utc: list[str], days: list[str]) -> None:
    found = kept(backups(*utc), NONE._replace(daily=10, timezone=zone))
    assert (
        sorted(
            reason.partition(" ")[2]
            for reasons in found.values()
            for reason in reasons
            if reason != "newest"
        )
        == days
    )


@pytest.mark.parametrize(
    ("host", "day"),
    [
        ("America/New_York", "2026-11-23"),
        ("Asia/Tokyo", "2026-11-24"),
        ("Europe/Berlin", "2026-11-24"),
    ],
)
def test_zone_is_the_hosts_unless_one_is_named(
    monkeypatch: pytest.MonkeyPatch, host: str, day: str
) -> None:
    monkeypatch.setenv("TZ", host)
    time.tzset()
    try:
        assert kept(backups("2026-11-24 02:00"), Policy(1, 1, 0, 0, 0)) == {
            "2026-11-24 02:00": ["last 1", "daily %s" % day]
        }
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("zone", ["", "Europe/Berlin", "America/New_York"])
def test_ends_of_the_calendar_are_days_as_well(zone: str) -> None:
    ends = [
        Backup("first", datetime.min.replace(tzinfo=UTC)),
        Backup("last", datetime.max.replace(tzinfo=UTC)),
    ]
    assert list(kept(ends, NONE._replace(daily=2, yearly=2, timezone=zone))) == ["last", "first"]


def test_same_moment_in_another_zone_is_the_same() -> None:
    here = [
        Backup("a", at("2026-11-24 01:30", ZoneInfo("Europe/Berlin"))),
        Backup("b", at("2026-11-24 00:30")),
    ]
    assert list(kept(here, NONE._replace(daily=5))) == ["b"]
    assert list(kept(here, NONE._replace(daily=5, timezone="Asia/Tokyo"))) == ["b"]


def test_of_two_of_one_time_the_later_name_is_the_newer() -> None:
    found = [
        Backup(name, at("2026-11-24 02:00")) for name in ("20261124T020000Z", "20261124T020000Z-2")
    ]
    assert list(kept(found, NONE._replace(daily=1))) == ["20261124T020000Z-2"]


def test_what_goes_says_why() -> None:
    decided = plan(
        backups("2026-11-20 02:00", "2026-11-24 02:00", "2026-11-24 14:00"), NONE._replace(daily=1)
    )
    assert {decision.name: decision.reasons for decision in decided.removed} == {
        "2026-11-24 02:00": ["another one of 2026-11-24 is kept"],
        "2026-11-20 02:00": ["older than what is kept (daily 1)"],
    }


def test_what_goes_before_an_older_one_says_whose_place_it_would_have() -> None:
    decided = plan(
        backups("2026-10-31 02:00", "2026-11-05 02:00", "2026-11-23 02:00", "2026-11-24 02:00"),
        NONE._replace(weekly=1, monthly=2),
    )
    assert {decision.name: decision.reasons for decision in decided.removed} == {
        "2026-11-23 02:00": ["a newer one is kept for weekly 2026-W48"],
        "2026-11-05 02:00": ["a newer one is kept for monthly 2026-11"],
    }


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (NONE, "a policy of zeros keeps nothing: set at least one of keep_last, keep_daily"),
        (Policy(daily=-1), "negative number: last 1, daily -1"),
        (
            Policy(timezone="Europe/Atlantis"),
            "'Europe/Atlantis' is no time zone that this host knows",
        ),
        (Policy(timezone="../etc"), "is no time zone"),
    ],
)
def test_policies_that_are_refused(policy: Policy, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        plan(backups("2026-11-24 02:00"), policy)


def test_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        plan([Backup("a", datetime(2026, 11, 24))], Policy())


TIMES = st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
ARCHIVES = st.lists(TIMES, max_size=60).map(
    lambda times: [Backup("%04d" % number, time) for number, time in enumerate(times)]
)
POLICIES = st.builds(
    Policy,
    st.integers(0, 3),
    st.integers(0, 8),
    st.integers(0, 5),
    st.integers(0, 4),
    st.integers(0, 2),
    st.sampled_from(("UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia")),
).filter(lambda policy: any(policy[:5]))


@given(ARCHIVES, POLICIES)
def test_every_backup_is_decided_once_and_the_newest_stays(
    found: list[Backup], policy: Policy
) -> None:
    decided = plan(found, policy)
    assert sorted([decision.name for decision in decided.kept + decided.removed]) == sorted(
        backup.name for backup in found
    )
    if found:
        assert (
            decided.kept[0].name == max(found, key=lambda backup: (backup.time, backup.name)).name
        )
    assert all(decision.reasons for decision in decided.kept + decided.removed)


@given(ARCHIVES, POLICIES)
def test_deciding_again_over_what_was_kept_changes_nothing(
    found: list[Backup], policy: Policy
) -> None:
    first = plan(found, policy)
    again = plan([Backup(decision.name, decision.time) for decision in first.kept], policy)
    assert (again.kept, again.removed) == (first.kept, [])


@given(ARCHIVES, POLICIES)
def test_no_rule_keeps_more_than_it_may(found: list[Backup], policy: Policy) -> None:
    reasons = [
        reason.split(" ")[0] for decision in plan(found, policy).kept for reason in decision.reasons
    ]
    for rule, most in zip(policy._fields[:5], policy[:5]):
        assert reasons.count(rule) <= most


@given(ARCHIVES.filter(bool), POLICIES, st.integers(1, 400 * 86400))
def test_older_backup_never_pushes_out_a_newer_one(
    found: list[Backup], policy: Policy, seconds: int
) -> None:
    older = Backup("older", min(backup.time for backup in found) - timedelta(seconds=seconds))
    assert {decision.name for decision in plan(found, policy).kept} <= {
        decision.name for decision in plan([*found, older], policy).kept
    }


@given(ARCHIVES, POLICIES)
def test_reasons_for_going_are_true(found: list[Backup], policy: Policy) -> None:
    decided = plan(found, policy)
    oldest = min((decision.time for decision in decided.kept), default=None)
    said = [
        reason.partition(" is kept for ")[2]
        for decision in decided.removed
        for reason in decision.reasons
        if " is kept for " in reason
    ]
    assert set(said) <= {reason for decision in decided.kept for reason in decision.reasons}
    for decision in decided.removed:
        assert oldest is not None
        assert decision.reasons[0].startswith("older") <= (decision.time < oldest)
        assert (decision.time > oldest) <= ("is kept" in decision.reasons[0])


def by_the_book(found: list[Backup], policy: Policy) -> set[str]:
    """The rules once more, as one would tell them: for each rule, of each of its last n buckets the
    newest.
    """
    zone = ZoneInfo(policy.timezone)
    forms = {"daily": "%Y-%m-%d", "weekly": "%G-%V", "monthly": "%Y-%m", "yearly": "%Y"}
    ordered = sorted(found, key=lambda backup: (backup.time, backup.name))
    kept_names = (
        {backup.name for backup in ordered[len(ordered) - max(policy.last, 1) :]}
        if len(ordered) > policy.last
        else {b.name for b in ordered}
    )
    for rule, form in forms.items():
        buckets = {backup.time.astimezone(zone).strftime(form): backup.name for backup in ordered}
        most = getattr(policy, rule)
        kept_names |= {
            buckets[bucket]
            for bucket in sorted(buckets)[len(buckets) - most if len(buckets) > most else 0 :]
        }
    return kept_names


@given(ARCHIVES, POLICIES)
def test_plan_is_what_the_book_says(found: list[Backup], policy: Policy) -> None:
    assert {decision.name for decision in plan(found, policy).kept} == by_the_book(found, policy)


@given(ARCHIVES, POLICIES, st.randoms())
def test_order_of_the_list_does_not_count(found: list[Backup], policy: Policy, random: Any) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)
    assert plan(shuffled, policy) == plan(found, policy)
