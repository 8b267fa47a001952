"""Keys of Redis: what a snapshot must hold, and who is asked how."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils import _redis
from ansible_collections.llmops.litellm.plugins.module_utils._host import Result

# redis-cli INFO keyspace of Redis 8.0.2
KEYSPACE = "# Keyspace\r\ndb0:keys=12,expires=11,avg_ttl=501234,subexpiry=0\r\ndb3:keys=1,expires=0,avg_ttl=0,subexpiry=0\r\n"
COUNTS = st.dictionaries(st.sampled_from(["db0", "db1", "db15"]), st.tuples(st.integers(0, 50), st.integers(0, 50)).map(
    lambda pair: {"keys": pair[0] + pair[1], "expires": pair[1]}))


def test_keyspace_is_read() -> None:
    assert _redis.parse_keyspace(KEYSPACE) == {"db0": {"keys": 12, "expires": 11}, "db3": {"keys": 1, "expires": 0}}
    assert _redis.parse_keyspace("# Keyspace\r\n") == {}


@given(COUNTS)
def test_equal_sides_do_not_differ(counts: Any) -> None:
    assert _redis.differences(counts, counts, counts) == []


@given(COUNTS)
def test_keys_may_expire_meanwhile(counts: Any) -> None:
    left = {name: {"keys": side["keys"] - side["expires"], "expires": 0} for name, side in counts.items()}
    assert _redis.differences(counts, left, left) == []


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ({}, "db0: 2 keys that never expire in the source, 0 in the target"),
        ({"db0": {"keys": 3, "expires": 0}}, "db0: 2 keys that never expire in the source, 3 in the target"),
        ({"db0": {"keys": 9, "expires": 7}}, "db0: 3 keys that expire in the source, 7 in the target"),
        ({"db0": {"keys": 5, "expires": 3}, "db4": {"keys": 1, "expires": 0}}, "db4: 0 keys that never expire in the source, 1 in the target"),
    ],
    ids=["lost", "too many", "too many that expire", "another database"],
)
def test_differences_are_told(target: Any, said: str) -> None:
    source = {"db0": {"keys": 5, "expires": 3}}
    assert said in _redis.differences(source, source, target)


def test_password_is_not_on_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def run(argv: list[str], env: Any = None, timeout: float = 0) -> Result:
        seen.update(argv=argv, env=env)
        return Result(0, "PONG\n", "")

    monkeypatch.setattr(_redis, "run", run)
    _redis.Native("127.0.0.1", 6379, "gateway", "p@ss word").ask("PING")
    assert "p@ss word" not in " ".join(seen["argv"])
    assert seen["env"] == {"REDISCLI_AUTH": "p@ss word"}


@pytest.mark.parametrize("said", ["NOAUTH Authentication required.", "(error) LOADING Redis is loading the dataset in memory"])
def test_errors_that_end_well_are_errors(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setattr(_redis, "run", lambda *_args, **_named: Result(0, said + "\n", ""))
    with pytest.raises(_redis.RedisError, match="native Redis on port 6379"):
        _redis.Native("127.0.0.1", 6379, "", "").ask("PING")


def test_missing_client_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_redis, "run", lambda *_args, **_named: Result(127, "", "redis-cli: not found"))
    with pytest.raises(_redis.RedisError, match="redis-tools"):
        _redis.Native("127.0.0.1", 6379, "", "").ask("PING")


def test_snapshot_is_removed_when_the_target_refuses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_redis.Native, "ask", lambda self, *words, **_named: Path(words[1]).write_text("x") and "" if words[0] == "--rdb" else KEYSPACE)

    def refuse(self: Any, snapshot: str, deadline: float) -> None:
        assert Path(snapshot).exists()
        raise _redis.RedisError("no")

    monkeypatch.setattr(_redis.Container, "load", refuse)
    with pytest.raises(_redis.RedisError, match="no"):
        _redis.carry(_redis.Native("127.0.0.1", 6379, "", ""), _redis.Container("litellm-redis"), str(tmp_path), 5)
    assert list(tmp_path.iterdir()) == []
