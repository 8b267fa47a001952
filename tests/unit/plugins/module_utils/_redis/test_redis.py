"""Keys of Redis: what a snapshot must hold, and who is asked how."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any, Optional

import pytest
from unit.support import reachable

from ansible_collections.llmops.litellm.plugins.module_utils._host.process import Result
from ansible_collections.llmops.litellm.plugins.module_utils._redis import redis as _redis

# redis-cli INFO keyspace of Redis 8.0.2
KEYSPACE = (
    "# Keyspace\r\ndb0:keys=12,expires=11,avg_ttl=501234,subexpiry=0\r\n"
    "db3:keys=1,expires=0,avg_ttl=0,subexpiry=0\r\n"
)


def test_keyspace_is_read() -> None:
    assert _redis.parse_keyspace(KEYSPACE) == {
        "db0": {"keys": 12, "expires": 11},
        "db3": {"keys": 1, "expires": 0},
    }
    assert _redis.parse_keyspace("# Keyspace\r\n") == {}


def test_password_is_not_on_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def run(argv: list[str], env: Any = None, timeout: float = 0) -> Result:
        seen.update(argv=argv, env=env)
        return Result(0, "PONG\n", "")

    monkeypatch.setattr(_redis, "run", run)
    _redis.Native("127.0.0.1", 6379, "gateway", "p@ss word").ask("PING")
    assert "p@ss word" not in " ".join(seen["argv"])
    assert seen["env"] == {"REDISCLI_AUTH": "p@ss word", "VALKEYCLI_AUTH": "p@ss word"}


def test_command_of_a_container_goes_by_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def run(argv: list[str], stdin: Optional[str] = None, timeout: float = 0) -> Result:
        seen.append((argv[:4], argv[-1], stdin))
        return Result(0, "OK\n", "")

    monkeypatch.setattr(_redis, "run", run)
    container = _redis.Container("litellm-redis")
    container.ask(stdin="SET a hunter2\n")
    container.ask("PING")
    assert seen == [
        (["docker", "exec", "-i", "litellm-redis"], "redis-cli", "SET a hunter2\n"),
        (["docker", "exec", "litellm-redis", "sh"], "PING", None),
    ]


def test_hash_of_a_containers_password_is_made_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, ...]] = []

    def docker(_self: _redis.Container, *words: str) -> str:
        seen.append(words)
        return "5b39  -\n"

    monkeypatch.setattr(_redis.Container, "docker", docker)
    assert _redis.Container("litellm-redis").password_hash() == "5b39"
    assert seen[0][:4] == ("exec", "litellm-redis", "sh", "-c")


@pytest.mark.parametrize(
    "said",
    ["NOAUTH Authentication required.", "(error) LOADING Redis is loading the dataset in memory"],
)
def test_errors_that_end_well_are_errors(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setattr(_redis, "run", lambda *_args, **_named: Result(0, said + "\n", ""))
    with pytest.raises(_redis.RedisError, match="native Redis on port 6379"):
        _redis.Native("127.0.0.1", 6379, "", "").ask("PING")


def test_being_let_in_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        _redis,
        "run",
        lambda *_args, **_named: Result(
            0, "NOAUTH Authentication required.\n", "AUTH failed: WRONGPASS\n"
        ),
    )
    with pytest.raises(
        _redis.Denied, match="Redis in container litellm-redis: AUTH failed: WRONGPASS"
    ):
        _redis.Container("litellm-redis").ask("PING")


def test_loading_is_waited_for_until_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis that never ends to load, in a container that runs."""
    times = iter([0.0, 4.0, 5.0, 6.0])
    answers = {
        "exec": Result(0, "LOADING Redis is loading the dataset in memory\n", ""),
        "start": Result(0, "", ""),
    }
    inspected = {
        "{{.State.Status}}": Result(0, "running\n", ""),
        "{{.RestartCount}}": Result(0, "3\n", ""),
    }
    monkeypatch.setattr(
        _redis,
        "run",
        lambda argv, **_named: inspected[argv[4]] if argv[1] == "container" else answers[argv[1]],
    )
    monkeypatch.setattr(_redis.time, "sleep", lambda _seconds: None)
    with pytest.raises(
        _redis.RedisError, match="has not loaded the keys within 5 seconds: .*LOADING"
    ):
        _redis.Container("litellm-redis").start(5, lambda: next(times))
    assert list(times) == []


def test_redis_that_the_engine_started_again_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Loading can take long before it fails, and the engine starts it again too soon for its state
    to be seen.
    """
    restarts = iter(["2\n", "2\n", "3\n"])
    answers = {
        "exec": "LOADING Redis is loading the dataset in memory\n",
        "start": "",
        "logs": "1:M 23 Nov 2026 17:31:47.287 # Out of memory\n",
    }

    def run(argv: list[str], **_named: Any) -> Result:
        if argv[1] == "container":
            return Result(0, "running\n" if "Status" in argv[4] else next(restarts), "")
        return Result(0, answers[argv[1]], "")

    monkeypatch.setattr(_redis, "run", run)
    monkeypatch.setattr(_redis.time, "sleep", lambda _seconds: None)
    with pytest.raises(_redis.RedisError, match="does not run .*: Out of memory"):
        _redis.Container("litellm-redis").start(5, lambda: 0.0)


# docker logs of Redis 8.0.2 that was started three times: with a good file, one of another format,
# and one of more databases
LOG = """\
1:M 23 Nov 2026 17:31:40.001 # WARNING Memory overcommit must be enabled!
1:C 23 Nov 2026 17:31:47.285 * oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo
1:M 23 Nov 2026 17:31:47.287 * Server initialized
1:M 23 Nov 2026 17:31:47.287 # Can't handle RDB format version 99
1:M 23 Nov 2026 17:31:47.287 # Fatal error loading the DB, check server logs. Exiting.
"""
LATER = """\
1:C 23 Nov 2026 17:31:55.560 * oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo
1:M 23 Nov 2026 17:31:55.561 # WARNING Memory overcommit must be enabled!
1:M 23 Nov 2026 17:31:55.562 # FATAL: Data file was created with a Redis server configured to handle more than 16 databases. Exiting
"""  # noqa: E501
FAULTY = """\
*** FATAL CONFIG FILE ERROR (Redis 8.0.2) ***
Reading the configuration file, at line 9
>>> 'requirepass "hunter2'
Unbalanced quotes in configuration line
"""


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (LOG, "Can't handle RDB format version 99"),
        (
            LOG + LATER,
            (
                "FATAL: Data file was created with a Redis server configured to handle more "
                "than 16 databases. Exiting"
            ),
        ),
        (
            (LOG + LATER).replace("Redis", "Valkey"),
            (
                "FATAL: Data file was created with a Valkey server configured to handle more "
                "than 16 databases. Exiting"
            ),
        ),
        (FAULTY, ""),
        ("", ""),
    ],
    ids=[
        "one start",
        "the last start",
        "Valkey's",
        "a faulty configuration is not shown",
        "nothing",
    ],
)
def test_reason_is_read_from_the_log(log: str, said: str) -> None:
    assert _redis.reason(log) == said


def test_missing_client_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        _redis, "run", lambda *_args, **_named: Result(127, "", "redis-cli: not found")
    )
    with pytest.raises(_redis.RedisError, match="redis-tools"):
        _redis.Native("127.0.0.1", 6379, "", "").ask("PING")


ENGINE = """#!/bin/sh
case "$2" in
-) cat > {folder}/taken ;;
*) cat {folder}/given ;;
esac
echo "$1: {said}" >&2
exit {code}
"""


def engine(folder: Path, code: int = 0, said: str = "fine") -> _redis.Container:
    """A container whose engine gives the archive ``given`` and keeps what it gets as ``taken``."""
    program = reachable(folder / "engine")
    program.write_text(ENGINE.format(folder=folder, code=code, said=said))
    program.chmod(0o755)
    return _redis.Container("litellm-redis", (str(program),))


def archive(folder: Path, kind: bytes, content: bytes = b"", link: str = "") -> None:
    """What the engine gives."""
    with tarfile.open(folder / "given", "w") as given:
        item = tarfile.TarInfo("dump.rdb")
        item.type, item.size, item.linkname = kind, len(content), link
        item.mode = 0o666
        given.addfile(item, io.BytesIO(content))


def test_snapshot_of_a_container_is_a_stream(tmp_path: Path) -> None:
    content = b"REDIS0012" * 100_000
    archive(tmp_path, tarfile.REGTYPE, content)
    engine(tmp_path).fetch(str(tmp_path / "dump.rdb"))
    assert (tmp_path / "dump.rdb").read_bytes() == content
    assert (tmp_path / "dump.rdb").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_link_in_a_container_is_none_on_the_host(tmp_path: Path, kind: bytes) -> None:
    other = tmp_path / "other"
    other.write_text("root's")
    other.chmod(0o644)
    archive(tmp_path, kind, link=str(other))
    with pytest.raises(_redis.RedisError, match="/data/dump.rdb of container .* is no file"):
        engine(tmp_path).fetch(str(tmp_path / "dump.rdb"))
    assert not (tmp_path / "dump.rdb").is_symlink()
    assert (other.read_text(), other.stat().st_mode & 0o777) == ("root's", 0o644)


def test_engine_says_why_it_gives_nothing(tmp_path: Path) -> None:
    (tmp_path / "given").write_bytes(b"")
    with pytest.raises(_redis.RedisError, match="docker cp: cp: no such container"):
        engine(tmp_path, 1, "no such container").fetch(str(tmp_path / "dump.rdb"))
    with pytest.raises(_redis.RedisError, match="docker cp: "):
        engine(tmp_path).fetch(str(tmp_path / "dump.rdb"))


def test_container_gets_its_snapshot_with_its_own_owner(tmp_path: Path) -> None:
    (tmp_path / "own").write_bytes(b"REDIS")
    engine(tmp_path).put(str(tmp_path / "own"), (999, 998))
    with tarfile.open(tmp_path / "taken") as taken:
        item = taken.getmembers()[0]
        source = taken.extractfile(item)
        assert source is not None and source.read() == b"REDIS"
    assert (item.name, item.uid, item.gid, item.mode) == ("dump.rdb", 999, 998, 0o600)
    with pytest.raises(_redis.RedisError, match="docker cp: cp: full"):
        engine(tmp_path, 1, "full").put(str(tmp_path / "own"), (999, 998))


def test_counts_of_any_length_are_read_or_left() -> None:
    assert _redis.parse_keyspace("db0:keys=%s,expires=0" % ("9" * 5000)) == {}
