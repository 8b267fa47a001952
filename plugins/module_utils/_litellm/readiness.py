# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What LiteLLM's answers about its readiness prove, from release 1.60 to today.

Releases differ in what they answer and in how much of it is true; no HTTP status is proof by
itself. :func:`judge` is pure: answers in, a verdict out.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple, Optional

from . import client as _client
from .client import Answer, parse, whole, word

CONNECTED, DISCONNECTED, NOT_CONFIGURED, UNKNOWN = (
    "connected",
    "disconnected",
    "not configured",
    "unknown",
)
STATES = (CONNECTED, DISCONNECTED, NOT_CONFIGURED, UNKNOWN)

# Releases that answer alike: (the first of them, its name).
GENERATIONS = (
    ((1, 60, 0), "1.60"),
    ((1, 82, 6), "1.82.6"),
    ((1, 84, 0), "1.84"),
    ((1, 90, 0), "1.90"),
    ((1, 100, 0), "1.100"),
    ((1, 104, 9), "1.104.9"),
)
FIRST_REAL = (1, 82, 6)  # before it, "db" is a constant
# How old a remembered state may be: as old as later releases let theirs become.
FRESH = timedelta(seconds=15)
AHEAD = timedelta(seconds=2)
OLD = (
    "this release repeats an earlier state of the database, which is too old to prove anything "
    "or has no time"
)
LOST = "the proxy cannot reach its database"
# Prisma's words for a server that does not answer, and its HTTP client's for an engine that has
# ended with it.
UNREACHABLE = re.compile("Can't reach database server|All connection attempts failed")
DATABASE = {
    "connected": CONNECTED,
    "disconnected": DISCONNECTED,
    "stalled": DISCONNECTED,
    "not connected": NOT_CONFIGURED,
}


class Verdict(NamedTuple):
    """What is proved.

    - ``ready``: the proxy says so and its database works, or none is configured.
    - ``database`` and ``cache``: one of :data:`STATES`.
    - ``version``: LiteLLM's, if the answers have it.
    - ``generation``: the first release that answers like this one, or ``unknown``.
    - ``reasons``: what is not healthy and what could not be proved.
    """

    ready: bool
    database: str
    cache: str
    version: Optional[str]
    generation: str
    reasons: list[str]


def judge(
    readiness: Answer,
    details: Optional[Answer] = None,
    cache_ping: Optional[Answer] = None,
    now: Optional[datetime] = None,
    database_read: Optional[Answer] = None,
) -> Verdict:
    """What these answers prove. Never raises.

    :param readiness: ``GET /health/readiness``.
    :param details: ``GET /health/readiness/details`` with a key.
    :param cache_ping: ``GET /cache/ping`` with a key.
    :param now: the time on the proxy's clock, when the answers came: releases before 1.82.6 repeat
        a state of up to two minutes ago. Without a time zone it is the proxy's local time.
    :param database_read: ``GET /key/list`` with a key, which reads the database: a proof where a
        release has no other, and a doubt where it fails while the other answers may be of some
        seconds ago.
    """
    reasons: list[str] = []
    public, extra = parse(readiness), parse(details)
    is_litellm = _is_litellm(readiness, public, reasons)
    version = _version(extra) or _version(public)
    states = []
    if is_litellm:
        states.append(_database(readiness, public, version, now, reasons))
        if details is not None:
            states.append(_details(details, extra, version, now, reasons))
        if database_read is not None:
            states.append(_read(database_read, reasons))
    database = _combined(states, reasons)
    if database == CONNECTED and _failed(database_read):
        database = UNKNOWN
        reasons.append(
            "the proxy remembers its database as connected, and a request that reads it failed"
        )
    elif database == CONNECTED and OLD in reasons:
        reasons.remove(OLD)
    if database == UNKNOWN and is_litellm and not reasons:
        reasons.append(
            "the answer does not say whether the database works; details need the master key"
        )
    cache = _cache(cache_ping, database, [public, extra], reasons)
    ready = (
        is_litellm
        and database in (CONNECTED, NOT_CONFIGURED)
        and _is_healthy(readiness, public)
        and not _is_shutting_down(extra)
    )
    if database == NOT_CONFIGURED:
        reasons.append(
            "no database is configured, or the first connection to it failed, which LiteLLM "
            "takes for the same"
        )
    return Verdict(
        ready, database, cache, version, _generation(readiness, public, version), reasons
    )


def version_of(text: Optional[str]) -> Optional[tuple[int, int, int]]:
    """``1.82.3-stable`` as ``(1, 82, 3)``; ``None`` for what is no version."""
    found = re.match(r"v?([0-9]{1,6})\.([0-9]{1,6})(?:\.([0-9]{1,6}))?", text or "")
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def _version(body: Optional[dict[str, Any]]) -> Optional[str]:
    text = word(body, "litellm_version")
    return text if version_of(text) else None


def _is_shutting_down(body: Optional[dict[str, Any]]) -> bool:
    return word(body, "status") == "shutting_down"


def _is_healthy(answer: Answer, body: Optional[dict[str, Any]]) -> bool:
    """Whether the proxy says that it can serve."""
    return whole(answer.status) == 200 and word(body, "status").lower() in ("healthy", CONNECTED)


def _is_litellm(answer: Answer, body: Optional[dict[str, Any]], reasons: list[str]) -> bool:
    """Whether it is LiteLLM's readiness that answered, ready or not."""
    status = whole(answer.status)
    if not status:
        reasons.append(
            "no answer: %s"
            % (answer.body if isinstance(answer.body, str) and answer.body else "reason unknown")
        )
    elif 300 <= status < 400:
        reasons.append(
            "HTTP %d, a redirect: it is not LiteLLM that answers at this address" % status
        )
    elif status not in (200, 503):
        reasons.append("HTTP %d is not an answer of LiteLLM's readiness" % status)
    elif body is None:
        reasons.append(
            "HTTP %d with something that is not a JSON object: it is not LiteLLM that answers"
            % status
        )
    elif not (word(body, "status") or word(body, "db") or _database_error(answer, body)):
        reasons.append(
            "HTTP %d with JSON that has neither status nor db: it is not LiteLLM's readiness"
            % status
        )
    else:
        if _is_shutting_down(body):
            reasons.append("the proxy is shutting down")
        elif status == 503:
            reasons.append("HTTP 503: the proxy says that it cannot serve")
        elif not _is_healthy(answer, body) and word(body, "status").lower() != DISCONNECTED:
            reasons.append("the proxy's status is neither healthy nor connected")
        return True
    return False


def _database_error(answer: Answer, body: Optional[dict[str, Any]]) -> str:
    """The error that releases before 1.82.6 answer when their two-minute database check fails."""
    text = word(body, "detail")
    return text if whole(answer.status) == 503 and text.startswith("Service Unhealthy (") else ""


def _is_cached(body: dict[str, Any], version: Optional[str]) -> bool:
    """Whether ``db`` is a constant, and ``status`` the result of an earlier check."""
    release = version_of(version)
    return release < FIRST_REAL if release else "last_updated" in body


def _fresh(stamp: str, now: Optional[datetime]) -> bool:
    try:
        checked = datetime.fromisoformat(stamp.replace("Z", "+00:00"))
        if now is None:
            return False
        if now.tzinfo is None or checked.tzinfo is not None:
            ages = [now - checked] if (now.tzinfo is None) == (checked.tzinfo is None) else []
        else:
            # a proxy in a container may be on UTC while its host is not
            ages = [now - checked.replace(tzinfo=zone) for zone in (now.tzinfo, timezone.utc)]
    except (ValueError, OverflowError):
        return False
    return any(-AHEAD <= age <= FRESH for age in ages)


def _database(
    answer: Answer,
    body: Optional[dict[str, Any]],
    version: Optional[str],
    now: Optional[datetime],
    reasons: list[str],
) -> str:
    """The state of the database that one answer proves."""
    body = body or {}
    # the check's error in Prisma's words, or in those of its HTTP client; nothing in the brackets
    # is a time-out of no known cause
    if re.search("database|connect", _database_error(answer, body), re.IGNORECASE):
        reasons.append(LOST)
        return DISCONNECTED
    status, claimed = word(body, "status").lower(), word(body, "db").lower()
    state = DATABASE.get(claimed, UNKNOWN)
    if claimed == "stalled":
        reasons.append("the database is stalled: it accepts connections and does not answer")
    elif state == DISCONNECTED or status == "disconnected":
        state = DISCONNECTED
        reasons.append(LOST)
    elif claimed and state == UNKNOWN:
        reasons.append("the proxy does not know the state of its database")
    if state != CONNECTED:
        return state
    if not _is_healthy(answer, body):
        return UNKNOWN
    if _is_cached(body, version):
        if status == CONNECTED and _fresh(word(body, "last_updated"), now):
            return CONNECTED
        reasons.append(OLD)
        return UNKNOWN
    if status == CONNECTED or not (version or set(body) <= {"status", "db"}):
        reasons.append(
            "no known release answers like this: what it says about the database proves nothing"
        )
        return UNKNOWN
    return CONNECTED


def _details(
    answer: Answer,
    body: Optional[dict[str, Any]],
    version: Optional[str],
    now: Optional[datetime],
    reasons: list[str],
) -> str:
    status = whole(answer.status)
    if status in (200, 503) and body is not None and word(body, "status"):
        found: list[str] = []
        state = _database(answer, body, version, now, found)
        reasons += [reason for reason in found if reason not in reasons]
        return state
    if status in (401, 403):
        reasons.append("HTTP %d for the details: the key is not accepted" % status)
    elif status != 404:  # which releases before 1.84 answer
        reasons.append("the readiness details could not be read")
    return UNKNOWN


def _read(answer: Answer, reasons: list[str]) -> str:
    body = parse(answer)
    if _failed(answer) and UNREACHABLE.search(_message(body or {})):
        reasons[:] = [reason for reason in reasons if reason not in (OLD, LOST)] + [LOST]
        return DISCONNECTED
    return (
        CONNECTED
        if whole(answer.status) == 200 and body is not None and isinstance(body.get("keys"), list)
        else UNKNOWN
    )


def _failed(answer: Optional[Answer]) -> bool:
    """Whether a request failed in the proxy, and not for its key or its path."""
    return answer is not None and (not whole(answer.status) or answer.status >= 500)  # type: ignore[operator]


def _combined(states: list[str], reasons: list[str]) -> str:
    """The worst of what several answers prove; unknown where they contradict each other."""
    proved = set(states) - {UNKNOWN}
    if DISCONNECTED in proved:
        return DISCONNECTED
    if len(proved) > 1:
        reasons.append("the answers contradict each other about the database")
        return UNKNOWN
    return proved.pop() if proved else UNKNOWN


def _cache(
    answer: Optional[Answer],
    database: str,
    bodies: list[Optional[dict[str, Any]]],
    reasons: list[str],
) -> str:
    """The state of the cache. Only a ping proves that it works."""
    if answer is None:
        none = any(
            body is not None
            and "litellm_version" in body
            and "cache" in body
            and body["cache"] is None
            for body in bodies
        )
        return NOT_CONFIGURED if none else UNKNOWN
    status, body = whole(answer.status), parse(answer) or {}
    if status == 200 and body.get("status") == "healthy":
        if body.get("ping_response") is True and body.get("set_cache_response") == "success":
            return CONNECTED
        reasons.append(
            "the cache is not a Redis that can be asked, or does not say that it was written to"
        )
    elif status == 503:
        message = _message(body)
        if "Cache not initialized" in message:
            return NOT_CONFIGURED
        # 1.102.4 answers the same with a living Redis while its database is dead
        if "Service Unhealthy" in message and database != DISCONNECTED:
            reasons.append("the proxy cannot reach its cache")
            return DISCONNECTED
        reasons.append(
            "the ping of the cache failed, and not for a reason that is the cache's alone"
        )
    elif status in (401, 403):
        reasons.append("HTTP %d for the cache: the key is not accepted" % status)
    else:
        reasons.append("the cache's state could not be read")
    return UNKNOWN


def _message(body: dict[str, Any]) -> str:
    """The message of a failed ping: JSON in a string, cut off in some releases, without the
    settings that follow it.
    """
    error = body.get("error")
    text = error.get("message") if isinstance(error, dict) else None
    if not isinstance(text, str):
        return ""
    found = re.match(r'\s*\{\s*"message"\s*:\s*"((?:[^"\\]|\\.)*)"', text)
    return found[1] if found else text


def _generation(answer: Answer, body: Optional[dict[str, Any]], version: Optional[str]) -> str:
    """The first release that answers like this one: by its version, else by the answer's shape."""
    release = version_of(version)
    if release:
        return next((name for first, name in reversed(GENERATIONS) if release >= first), UNKNOWN)
    if body is None or whole(answer.status) not in (200, 503):
        return UNKNOWN
    if "last_updated" in body or _database_error(answer, body):
        return "1.60"
    if word(body, "db") == "stalled":
        return "1.104.9"
    if _is_shutting_down(body):
        return "1.90"
    if (
        whole(answer.status) == 200
        and word(body, "db") == DISCONNECTED
        and set(body) <= {"status", "db"}
    ):
        return "1.100"
    return (
        "1.84" if word(body, "status") == "healthy" and set(body) <= {"status", "db"} else UNKNOWN
    )


def ask(public: _client.Client, key: Optional[str] = None) -> Verdict:
    """Ask a proxy and return what its answers prove.

    :param public: a client without a key.
    :param key: the master key; without it only the public answer is asked for, which may be of 15
        seconds ago.
    """
    answer = public.get("/health/readiness")
    if answer.status not in (200, 503) or key is None:
        return judge(answer, now=datetime.now().astimezone())
    private = public.with_key(key)
    answers = (
        answer,
        private.get("/health/readiness/details"),
        private.get("/cache/ping"),
        datetime.now().astimezone(),
    )
    verdict = judge(*answers)
    # what says "connected" may be of 15 seconds ago; a request that reads the database is of now
    if verdict.database in (UNKNOWN, CONNECTED):
        verdict = judge(*answers, database_read=private.get("/key/list?size=1"))
    return verdict
