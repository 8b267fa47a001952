# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backups a policy keeps. Pure.

As restic and borg count: a rule keeps the newest backup of each of the last n days (weeks, months,
years) *that have one*, so a missed day shifts nothing, and one backup may serve several rules. Days
are the calendar's in the policy's time zone.
"""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from operator import attrgetter
from typing import Callable, Iterable, NamedTuple, Optional
from zoneinfo import ZoneInfo


class Backup(NamedTuple):
    """A backup: ``time`` has a time zone."""

    name: str
    time: datetime


class Policy(NamedTuple):
    """How many to keep by each rule. ``timezone``: a name such as ``Europe/Berlin``; empty for the
    host's own (``/etc/localtime``)."""

    last: int = 1
    daily: int = 7
    weekly: int = 4
    monthly: int = 3
    yearly: int = 0
    timezone: str = ""


class Decision(NamedTuple):
    """A backup that stays or goes, and why, in words."""

    name: str
    time: datetime
    reasons: list[str]


class Plan(NamedTuple):
    """Both newest first."""

    kept: list[Decision]
    removed: list[Decision]


# The bucket that a day falls into, as people write it. Every bucket is made of whole days.
_BUCKETS: dict[str, Callable[[date], str]] = {
    "daily": lambda day: day.isoformat(),
    "weekly": lambda day: "%04d-W%02d" % tuple(day.isocalendar()[:2]),
    "monthly": lambda day: "%04d-%02d" % (day.year, day.month),
    "yearly": lambda day: "%04d" % day.year,
}


def check(policy: Policy) -> None:
    """:raises ValueError: the policy keeps nothing, a number is negative, or nobody knows the time
    zone."""
    counts = policy[:5]
    if min(counts) < 0:
        raise ValueError("the policy has a negative number: %s" % words(policy))
    if not any(counts):
        raise ValueError(
            "a policy of zeros keeps nothing: set at least one of keep_last, keep_daily, "
            "keep_weekly, keep_monthly, keep_yearly"
        )
    zone(policy)


def zone(policy: Policy) -> Optional[tzinfo]:
    """The policy's time zone, ``None`` for the host's own, whose rules the C library knows.

    :raises ValueError: nobody knows it.
    """
    if not policy.timezone:
        return None
    try:
        return ZoneInfo(policy.timezone)
    except (OSError, ValueError, KeyError):
        raise ValueError(
            "%r is no time zone that this host knows (one is written like Europe/Berlin; "
            "Debian: tzdata)" % policy.timezone
        ) from None


def words(policy: Policy) -> str:
    """The rules that keep something: ``last 1, daily 7``."""
    return ", ".join("%s %d" % item for item in zip(policy._fields[:5], policy[:5]) if item[1])


def plan(backups: Iterable[Backup], policy: Policy) -> Plan:
    """What a policy keeps. The newest is always kept; of two of the same time the later name is the
    newer one.

    A time counts as what it says, also one of the future: who calls decides whether to believe it.

    :raises ValueError: the policy is no good (see :func:`check`), or a time has no time zone.
    """
    check(policy)
    there = zone(policy)
    ordered = sorted(backups, key=attrgetter("name"), reverse=True)
    if any(backup.time.tzinfo is None for backup in ordered):
        raise ValueError("the time of a backup has no time zone")
    ordered.sort(key=attrgetter("time"), reverse=True)
    days = [_day(backup.time, there) for backup in ordered]
    newest: dict[date, int] = {}  # of each day
    for number, day in enumerate(days):
        newest.setdefault(day, number)
    kept = {number: ["last %d" % (number + 1)] for number in range(min(len(ordered), policy.last))}
    if ordered and not policy.last:
        kept[0] = ["newest"]
    filled = {
        rule: _keep(rule, most, newest, kept)
        for rule, most in zip(policy._fields[1:5], policy[1:5])
        if most
    }
    # one list for a day's many
    kept_days, last = {days[number] for number in kept}, max(kept, default=0)
    why = {day: [_why(day, newest[day] > last, kept_days, filled, policy)] for day in newest}
    return Plan(
        [
            Decision(backup.name, backup.time, kept[number])
            for number, backup in enumerate(ordered)
            if number in kept
        ],
        [
            Decision(backup.name, backup.time, why[days[number]])
            for number, backup in enumerate(ordered)
            if number not in kept
        ],
    )


def _day(time: datetime, there: Optional[tzinfo]) -> date:
    try:
        return time.astimezone(there).date()
    except (OverflowError, ValueError):
        # the calendar's first and last day, where the zone would lead out of it
        return time.date()


def _keep(rule: str, most: int, newest: dict[date, int], kept: dict[int, list[str]]) -> set[str]:
    """Add what one rule keeps; the buckets it has filled. Days come newest first, so the first of a
    bucket has its newest backup."""
    filled: set[str] = set()
    for day, number in newest.items():
        bucket = _BUCKETS[rule](day)
        if bucket not in filled:
            if len(filled) == most:
                break
            filled.add(bucket)
            kept.setdefault(number, []).append("%s %s" % (rule, bucket))
    return filled


def _why(
    day: date, oldest: bool, kept: set[date], filled: dict[str, set[str]], policy: Policy
) -> str:
    """Why what is not kept of a day goes. Where an older one stays, some rule has met this day's
    bucket before, with a newer one."""
    if day in kept:
        return "another one of %s is kept" % day
    if not oldest:
        for rule, buckets in filled.items():
            if _BUCKETS[rule](day) in buckets:
                return "a newer one is kept for %s %s" % (rule, _BUCKETS[rule](day))
    return "older than what is kept (%s)" % words(policy)
