# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backups a policy keeps. Pure.

As restic and borg count: a rule keeps the newest backup of each of the last n days (weeks, months, years) *that have one*, so a missed
day shifts nothing, and one backup may serve several rules. Days are the calendar's in the policy's time zone.
"""
from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Callable, Iterable, NamedTuple, Optional
from zoneinfo import ZoneInfo


class Backup(NamedTuple):
    """A backup: ``time`` has a time zone."""

    name: str
    time: datetime


class Policy(NamedTuple):
    """How many to keep by each rule. ``timezone``: a name such as ``Europe/Berlin``; empty for the host's own."""

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


# The bucket that a local time falls into, and how people write it.
_BUCKETS: dict[str, tuple[Callable[[datetime], tuple[int, ...]], str]] = {
    "daily": (lambda local: (local.year, local.month, local.day), "%04d-%02d-%02d"),
    "weekly": (lambda local: tuple(local.isocalendar()[:2]), "%04d-W%02d"),
    "monthly": (lambda local: (local.year, local.month), "%04d-%02d"),
    "yearly": (lambda local: (local.year,), "%04d"),
}


def check(policy: Policy) -> None:
    """:raises ValueError: the policy keeps nothing, a number is negative, or nobody knows the time zone."""
    counts = policy[:5]
    if min(counts) < 0:
        raise ValueError("the policy has a negative number: %s" % words(policy))
    if not any(counts):
        raise ValueError("a policy of zeros keeps nothing: set at least one of keep_last, keep_daily, keep_weekly, keep_monthly, keep_yearly")
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
        raise ValueError("%r is no time zone that this host knows (one is written like Europe/Berlin; Debian: tzdata)" % policy.timezone) from None


def words(policy: Policy) -> str:
    """The rules that keep something: ``last 1, daily 7``."""
    return ", ".join("%s %d" % item for item in zip(policy._fields[:5], policy[:5]) if item[1])


def plan(backups: Iterable[Backup], policy: Policy) -> Plan:
    """What a policy keeps. The newest is always kept; of two of the same time the later name is the newer one.

    :raises ValueError: the policy is no good (see :func:`check`), or a time has no time zone.
    """
    check(policy)
    there = zone(policy)
    ordered = sorted(backups, key=lambda backup: (backup.time, backup.name), reverse=True)
    if any(backup.time.tzinfo is None for backup in ordered):
        raise ValueError("the time of a backup has no time zone")
    kept: dict[int, list[str]] = {}
    for number in range(min(len(ordered), policy.last)):
        kept[number] = ["last %d" % (number + 1)]
    if ordered and not policy.last:
        kept[0] = ["newest"]
    local = [backup.time.astimezone(there) for backup in ordered]
    for rule, most in zip(policy._fields[1:5], policy[1:5]):
        if most:
            _keep(rule, most, local, kept)
    days = {local[number].date() for number in kept}
    older = "older than what is kept (%s)" % words(policy)
    stay = [Decision(*backup, kept[number]) for number, backup in enumerate(ordered) if number in kept]
    go = [Decision(*backup, ["another one of %s is kept" % day if day in days else older])
          for number, backup in enumerate(ordered) if number not in kept for day in (local[number].date(),)]
    return Plan(stay, go)


def _keep(rule: str, most: int, local: list[datetime], kept: dict[int, list[str]]) -> None:
    """Add what one rule keeps. Times come newest first, so the first of a bucket is its newest."""
    bucket, written = _BUCKETS[rule]
    seen: set[tuple[int, ...]] = set()
    for number, time in enumerate(local):
        key = bucket(time)
        if key not in seen:
            if len(seen) == most:
                return
            seen.add(key)
            kept.setdefault(number, []).append("%s %s" % (rule, written % key))
