"""Keys of Redis are put aside once and come back."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.llmops.litellm.plugins.module_utils._redis import redis as _redis
from ansible_collections.llmops.litellm.plugins.module_utils._redis import snapshot as _snapshot


class Redis:
    """A Redis of which only what happens to it counts."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.runs = "running"

    def state(self) -> str:
        return self.runs

    def save(self, path: str) -> None:
        assert not Path(path).exists()
        Path(path).write_text("keys")
        self.log.append("save")

    def ask(self, *words: str) -> str:
        self.log.append(" ".join(words))
        return "OK"

    def start(self, patience: float) -> None:
        self.runs = "running"
        self.log.append("start")

    def load(self, path: str, patience: float) -> None:
        assert Path(path).read_text() == "keys" and not Path(path + ".before").exists()
        Path(path + ".before").write_text("none")
        self.log.append("load")


def test_keys_are_put_aside_once_and_come_back(tmp_path: Path) -> None:
    redis = Redis()
    snapshot = tmp_path / "restore-redis.rdb"
    aside = _snapshot.RedisAside(redis, str(snapshot))  # type: ignore[arg-type]
    (tmp_path / "restore-redis.rdb.growing").write_text("half")
    assert aside.clear()
    assert (
        aside.clear()
    )  # by the run after one that was killed: what is in there now is not what was in there first
    assert redis.log == ["save", "FLUSHALL", "FLUSHALL"]
    redis.runs = "exited"
    (tmp_path / "restore-redis.rdb.before").write_text("of a run that was killed")
    aside.put_back(10)
    assert redis.log[3:] == ["start", "load"]
    assert list(tmp_path.iterdir()) == []
    aside.put_back(10)
    assert len(redis.log) == 5


def test_redis_that_is_not_there_is_left_alone(tmp_path: Path) -> None:
    redis = Redis()
    redis.runs = ""
    assert not _snapshot.RedisAside(redis, str(tmp_path / "x")).clear()  # type: ignore[arg-type]
    assert redis.log == []


def test_snapshot_is_in_the_state_folder() -> None:
    aside = _snapshot.aside("gate", "/var/lib/llmops-litellm", ("docker",))
    assert (aside.container, aside.snapshot) == (
        _redis.Container("gate-redis"),
        "/var/lib/llmops-litellm/restore-redis.rdb",
    )
