"""Keys are copied, and what differs afterwards is told from what may."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.llmops.litellm.plugins.module_utils._redis import redis as _redis
from ansible_collections.llmops.litellm.plugins.module_utils._redis import transfer as _transfer

# redis-cli INFO keyspace of Redis 8.0.2
KEYSPACE = (
    "# Keyspace\r\ndb0:keys=12,expires=11,avg_ttl=501234,subexpiry=0\r\n"
    "db3:keys=1,expires=0,avg_ttl=0,subexpiry=0\r\n"
)
COUNTS = st.dictionaries(
    st.sampled_from(["db0", "db1", "db15"]),
    st.tuples(st.integers(0, 50), st.integers(0, 50)).map(
        lambda pair: {"keys": pair[0] + pair[1], "expires": pair[1]}
    ),
)


@given(COUNTS)
def test_writers_of_the_source_are_no_difference(counts: Any) -> None:
    """What the snapshot holds lies between what was there before and afterwards."""
    more = {
        name: {"keys": side["keys"] + 4, "expires": side["expires"] + 2}
        for name, side in counts.items()
    }
    between = {
        name: {"keys": side["keys"] + 2, "expires": side["expires"] + 1}
        for name, side in counts.items()
    }
    assert _transfer.differences(counts, more, between) == []
    assert len(_transfer.differences(counts, between, more)) == 2 * len(counts)


@given(COUNTS)
def test_equal_sides_do_not_differ(counts: Any) -> None:
    assert _transfer.differences(counts, counts, counts) == []


@given(COUNTS)
def test_keys_may_expire_meanwhile(counts: Any) -> None:
    left = {
        name: {"keys": side["keys"] - side["expires"], "expires": 0}
        for name, side in counts.items()
    }
    assert _transfer.differences(counts, left, left) == []


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ({}, "db0: 2 keys that never expire in the source, 0 in the target"),
        (
            {"db0": {"keys": 3, "expires": 0}},
            "db0: 2 keys that never expire in the source, 3 in the target",
        ),
        (
            {"db0": {"keys": 9, "expires": 7}},
            "db0: 3 keys that expire in the source, 7 in the target",
        ),
        (
            {"db0": {"keys": 5, "expires": 3}, "db4": {"keys": 1, "expires": 0}},
            "db4: 0 keys that never expire in the source, 1 in the target",
        ),
    ],
    ids=["lost", "too many", "too many that expire", "another database"],
)
def test_differences_are_told(target: Any, said: str) -> None:
    source = {"db0": {"keys": 5, "expires": 3}}
    assert said in _transfer.differences(source, source, target)


def test_snapshot_is_removed_when_the_target_refuses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        _redis.Native,
        "ask",
        lambda self, *words, **_named: (
            Path(words[1]).write_text("x") and "" if words[0] == "--rdb" else KEYSPACE
        ),
    )
    monkeypatch.setattr(
        _redis.Container,
        "ask",
        lambda self, *words: "# Persistence\r\nloading:0\r\naof_enabled:0\r\n",
    )

    def refuse(self: Any, snapshot: str, deadline: float) -> None:
        assert Path(snapshot).stat().st_mode & 0o777 == 0o600
        assert Path(snapshot).parent.stat().st_mode & 0o777 == 0o700
        raise _redis.RedisError("no")

    monkeypatch.setattr(_redis.Container, "load", refuse)
    with pytest.raises(_redis.RedisError, match="no"):
        _transfer.copy(
            _redis.Native("127.0.0.1", 6379, "", ""),
            _redis.Container("litellm-redis"),
            str(tmp_path),
            5,
        )
    assert list(tmp_path.iterdir()) == []
