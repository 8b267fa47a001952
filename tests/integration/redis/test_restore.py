"""What a restore does with a container's keys: put aside, gone for the restored database, back for
the one that was in service.
"""

from __future__ import annotations

from pathlib import Path

from ansible_collections.llmops.litellm.plugins.module_utils._redis.redis import (
    Container,
    parse_keyspace,
)
from ansible_collections.llmops.litellm.plugins.module_utils._redis.snapshot import RedisAside


def place(folder: Path) -> str:
    """Where the snapshot goes."""
    (folder / "state").mkdir()
    return str(folder / "state/restore-redis.rdb")


def keys(container: Container) -> int:
    return sum(
        counts["keys"] for counts in parse_keyspace(container.ask("INFO", "keyspace")).values()
    )


def test_keys_are_gone_and_come_back(target: Container, tmp_path: Path) -> None:
    aside = RedisAside(target, place(tmp_path))
    target.ask("SET", "spend:key:1", "5.5")
    target.ask("-n", "3", "RPUSH", "litellm_spend_update_buffer", "a", "b")
    assert aside.clear()
    assert keys(target) == 0
    assert Path(aside.snapshot).stat().st_mode & 0o777 == 0o600
    # a proxy has counted anew, and the run was killed: what was there first is what counts
    target.ask("SET", "spend:key:1", "0.1")
    assert aside.clear()
    aside.put_back(30)
    assert target.ask("GET", "spend:key:1").strip() == "5.5"
    assert keys(target) == 2
    assert list((tmp_path / "state").iterdir()) == []


def test_redis_that_a_killed_run_has_stopped_comes_back_with_its_keys(
    target: Container, tmp_path: Path
) -> None:
    aside = RedisAside(target, place(tmp_path))
    target.ask("SET", "a", "1")
    assert aside.clear()
    target.docker("stop", target.name)
    aside.put_back(30)
    assert target.ask("GET", "a").strip() == "1"


def test_redis_that_does_not_run_is_left_alone(target: Container, tmp_path: Path) -> None:
    target.docker("stop", target.name)
    assert not RedisAside(target, place(tmp_path)).clear()
    assert list((tmp_path / "state").iterdir()) == []
