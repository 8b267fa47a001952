"""Health checks: what each part proves, and that one that hangs holds up nothing."""

from __future__ import annotations

import json
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.support import reachable

from ansible_collections.llmops.litellm.plugins.module_utils._config.needs_files import Copy
from ansible_collections.llmops.litellm.plugins.module_utils._deployment.locate import (
    Deployed,
    ModelHost,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment.needed_copies import (
    Copies,
)
from ansible_collections.llmops.litellm.plugins.module_utils._health import checks as _checks
from ansible_collections.llmops.litellm.plugins.module_utils._health.checks import (
    HEALTHY,
    Check,
    Target,
)
from ansible_collections.llmops.litellm.plugins.module_utils._health.host_checks import (
    DEGRADED,
    FAILED,
    OK,
    UNKNOWN,
    Limits,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker
from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result
from ansible_collections.llmops.litellm.plugins.module_utils._host.systemd import Unit
from ansible_collections.llmops.litellm.plugins.module_utils._litellm import readiness as _readiness
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session
from ansible_collections.llmops.litellm.plugins.module_utils._redis import redis as _redis

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
DATABASE = _session.Endpoint("litellm", "litellm", "litellm-postgres")
RECORD = {"name": "llama.service", "account": "", "active": "active"}
KEY = "sk-hunter2-4f9c0b7ad2e15386"


@pytest.mark.parametrize(
    ("states", "word", "code"),
    [
        ((OK, OK), HEALTHY, 0),
        ((), HEALTHY, 0),
        ((OK, DEGRADED), DEGRADED, 1),
        ((UNKNOWN, DEGRADED), UNKNOWN, 3),
        ((FAILED, UNKNOWN, OK), FAILED, 2),
    ],
)
def test_worst_check_is_the_outcome(states: Any, word: str, code: int) -> None:
    assert _checks.outcome([Check("a", state, "", 0.0) for state in states]) == word
    assert _checks.CODES[word] == code


@given(st.lists(st.sampled_from((OK, DEGRADED, FAILED, UNKNOWN))), st.randoms())
def test_outcome_knows_no_order_and_is_healthy_only_where_all_is_well(
    states: Any, random: Any
) -> None:
    told = [Check("a", state, "", 0.0) for state in states]
    word = _checks.outcome(told)
    assert (word == HEALTHY) == all(state == OK for state in states)
    random.shuffle(told)
    assert _checks.outcome(told) == word


def test_check_that_hangs_or_breaks_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    hang = threading.Event()

    def broken() -> Any:
        raise KeyError(KEY)

    def hangs() -> Any:
        hang.wait(30)
        return OK, ""

    parts = {"one": lambda: (OK, "fine"), "two": hangs, "three": broken}
    monkeypatch.setattr(_checks, "checks", lambda target, now: parts)
    begun = time.monotonic()
    found = _checks.run(Target(Deployed("compose", ""), limits=Limits(seconds=0.2)), NOW)
    hang.set()
    assert time.monotonic() - begun < 5
    assert [(check.name, check.state) for check in found] == [
        ("one", OK),
        ("two", FAILED),
        ("three", UNKNOWN),
    ]
    assert found[1].detail == "gave no answer within 0.2 seconds"
    assert found[2].detail == "could not be checked: KeyError"


def test_only_what_applies_is_asked() -> None:
    legacy = Deployed("legacy", "http://127.0.0.1:1", database=DATABASE, units=(RECORD,))
    assert list(_checks.checks(Target(legacy), NOW)) == [
        "units",
        "postgresql",
        "liveness",
        "readiness",
        "bogus key",
    ]
    compose = Deployed(
        "compose",
        "https://127.0.0.1:1",
        database=DATABASE,
        redis=_redis.Container("r"),
        containers=("a",),
        proxy="p",
        models=(ModelHost("m", "h:1"),),
        copies=Copies(files=(Copy("/a", "/a", "needed.001-a"),)),
        lacking=(("journal", "cannot be read"),),
    )
    full = Target(compose, ("/",), "/nosuch")
    assert list(_checks.checks(full, NOW)) == [
        "engine",
        "containers",
        "postgresql",
        "redis",
        "liveness",
        "readiness",
        "bogus key",
        "model hosts",
        "copies",
        "certificate",
        "disk",
        "backup",
        "drill",
        "journal",
    ]
    assert _checks.checks(full, NOW)["journal"]() == (UNKNOWN, "cannot be read")


def test_containers_are_healthy_and_on_the_loopback_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: dict[str, Any] = {
        "state": "running",
        "health": "healthy",
        "ports": {"4000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "4000"}]},
    }
    monkeypatch.setattr(_docker, "containers", lambda names, limit: dict.fromkeys(names, told))
    assert _checks.containers(("a", "b"), 5) == (OK, "2 run, healthy")
    told["ports"]["4000/tcp"][0]["HostIp"] = "0.0.0.0"
    assert _checks.containers(("a",), 5) == (
        FAILED,
        "container a publishes 4000/tcp on 0.0.0.0:4000, not on the loopback address alone",
    )
    monkeypatch.setattr(_docker, "containers", lambda names, limit: "Cannot connect")
    assert _checks.containers(("a",), 5) == (UNKNOWN, "the engine does not answer: Cannot connect")


def test_containers_are_asked_together(monkeypatch: pytest.MonkeyPatch) -> None:
    line = json.dumps({"name": "/a", "state": "running"})
    answers = [
        Result(0, line + "\n", ""),
        Result(1, line + "\n", "Error: No such container: b"),
        Result(1, "", "Cannot connect to the Docker daemon"),
        Result(124, "", "docker did not answer within 5 seconds"),
    ]
    monkeypatch.setattr(_docker, "run", lambda argv, timeout: answers.pop(0))
    assert _docker.containers(["a"]) == {"a": {"name": "/a", "state": "running"}}
    assert _docker.containers(["a", "b"]) == {"a": {"name": "/a", "state": "running"}, "b": None}
    assert _docker.containers(["a"]) == "Cannot connect to the Docker daemon"
    assert _docker.containers(["a"], 5) == "docker did not answer within 5 seconds"


def test_units_are_as_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    active = {"llama.service": "active"}
    monkeypatch.setattr(
        _systemd,
        "show",
        lambda manager, names: [
            Unit(name, manager, "", active[name], {}) for name in names if name in active
        ],
    )
    assert _checks.units((RECORD,)) == (OK, "1 as recorded")
    active["llama.service"] = "failed"
    assert _checks.units((RECORD,)) == (FAILED, "llama.service is failed")
    active.clear()
    assert _checks.units((RECORD,)) == (FAILED, "llama.service is gone")


def test_postgresql_that_answers_hangs_or_refuses(tmp_path: Path) -> None:
    psql = reachable(tmp_path / "psql")
    server = _session.Endpoint("litellm", host="/nosuch", bindir=str(tmp_path))

    def says(script: str) -> Any:
        psql.write_text("#!/bin/sh\n%s\n" % script)
        psql.chmod(0o755)
        return _checks.postgresql(server, 0.3)

    assert says("echo 15.18") == (OK, "answers (15.18)")
    assert says("echo 'psql: error: connection refused' >&2; exit 2") == (
        FAILED,
        "%s: psql: error: connection refused" % server,
    )
    begun = time.monotonic()
    assert says("exec sleep 30") == (FAILED, "%s: does not answer within 0.3 seconds" % server)
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("PONG\n", (OK, "answers")),
        ("LATER\n", (DEGRADED, "answers something else than PONG")),
        (_redis.Denied("NOAUTH"), (DEGRADED, "NOAUTH")),
        (_redis.RedisError("is paused"), (DEGRADED, "is paused")),
    ],
)
def test_redis_is_asked_for_a_sign_of_life(answer: Any, said: Any) -> None:
    class Server:
        def ask(self, word: str, timeout: float) -> str:
            assert (word, timeout) == ("PING", 3)
            if isinstance(answer, Exception):
                raise answer
            return str(answer)

    assert _checks.redis(Server(), 3) == said


def test_proxy_that_is_alive_gone_or_frozen(proxy: Any) -> None:
    assert _checks.liveness(proxy.url, 5) == (FAILED, "HTTP 404")
    proxy.answers["/health/liveliness"] = 200
    assert _checks.liveness(proxy.url, 5) == (OK, "answers")
    proxy.hold.clear()
    assert _checks.liveness(proxy.url, 0.2) == (FAILED, "no answer: it took too long")
    assert _checks.liveness("http://127.0.0.1:1", 5) == (FAILED, "no answer: connection refused")


@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        ((True, "connected", "connected", "1.102.4"), OK),
        ((True, "connected", "disconnected", "1.102.4"), DEGRADED),
        ((False, "disconnected", "unknown", "1.102.4"), FAILED),
        ((False, "unknown", "unknown", "1.80.0"), UNKNOWN),
        ((False, "unknown", "unknown", None), FAILED),
        ((True, "not configured", "connected", "1.102.4"), FAILED),
    ],
)
def test_readiness_is_what_is_proved(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, verdict: Any, state: str
) -> None:
    path = tmp_path / ".env"
    path.write_text("LITELLM_MASTER_KEY=%s\n" % KEY)
    asked: list[Optional[str]] = []

    def readiness(public: Any, key: Optional[str]) -> Any:
        asked.append(key)
        ready, database, cache, version = verdict
        return _readiness.Verdict(ready, database, cache, version, "1.100", [])

    monkeypatch.setattr(_checks._readiness, "ask", readiness)
    found = _checks.readiness("http://127.0.0.1:1", str(path), 5)
    assert found[0] == state
    assert asked == [KEY]
    assert KEY not in found[1]
    # of a deployment that has none the same is well, and another one is not
    without = _checks.readiness("http://127.0.0.1:1", str(path), 5, "", "not configured")
    assert (without[0] == OK) == (verdict[0] and verdict[1] == "not configured")
    assert _checks.readiness("http://127.0.0.1:1", str(tmp_path / "nosuch"), 5) == (
        UNKNOWN,
        "%s: No such file or directory" % (tmp_path / "nosuch"),
    )


@pytest.mark.parametrize(("status", "state"), [(200, FAILED), (401, OK), (403, OK), (500, UNKNOWN)])
def test_open_proxy_is_the_worst(proxy: Any, status: int, state: str) -> None:
    proxy.answers[_checks.LOCKED] = status
    assert _checks.bogus_key(proxy.url, 5)[0] == state
    assert _checks.bogus_key(proxy.url, 5)[0] == state
    assert len(set(proxy.keys)) == 2  # a proxy may remember a key; nobody has this one


def test_proxy_without_a_database_refuses_a_key_in_its_own_way(proxy: Any) -> None:
    proxy.answers[_checks.LOCKED] = 400
    assert _checks.bogus_key(proxy.url, 5)[0] == UNKNOWN
    assert _checks.bogus_key(proxy.url, 5, (400, 401, 403))[0] == OK
