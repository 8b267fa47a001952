"""Keys cross into a container: all of them, or none."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Callable

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._redis.native_data import (
    data_of,
    place_of,
)
from ansible_collections.llmops.litellm.plugins.module_utils._redis.redis import (
    Container,
    Denied,
    Native,
    RedisError,
    parse_keyspace,
)
from ansible_collections.llmops.litellm.plugins.module_utils._redis.transfer import (
    copy,
    hindrance,
)

from .conftest import ENGINE

# Every byte as a key's name and as its value
BYTES = (
    "local all = {} for i = 0, 255 do all[i + 1] = string.char(i) end all = "
    'table.concat(all) redis.call("SET", all, all)'
)
CONTENT = [
    (0, "EVAL", BYTES, "0"),
    (0, "SET", "empty", ""),
    (0, "SET", "größe of\nit", "42"),
    (0, "SET", "expiring", "later", "EX", "86400"),
    (0, "RPUSH", "litellm_spend_update_buffer", '{"cost": 0.1}', '{"cost": 0.2}'),
    (0, "HSET", "hash", "field", "value", "", "empty"),
    (3, "SADD", "set", "a", "b"),
    (3, "ZADD", "sorted", "1.5", "a", "-inf", "b"),
    (3, "SET", "soon", "x", "PX", "7200001"),
    (15, "XADD", "stream", "5-1", "field", "value"),
]
QUESTIONS = [
    (
        0,
        "EVAL",
        (
            'local sums = {} for i, key in ipairs(redis.call("KEYS", "*")) do sums[i] = '
            "redis.sha1hex(key) end table.sort(sums) return sums"
        ),
        "0",
    ),
    (
        0,
        "EVAL",
        (
            'for _, key in ipairs(redis.call("KEYS", "*")) do if #key == 256 then return '
            'redis.sha1hex(redis.call("GET", key)) end end'
        ),
        "0",
    ),
    (0, "STRLEN", "empty"),
    (0, "EXISTS", "empty"),
    (0, "GET", "größe of\nit"),
    (0, "PEXPIRETIME", "expiring"),
    (0, "PEXPIRETIME", "empty"),
    (0, "LRANGE", "litellm_spend_update_buffer", "0", "-1"),
    (0, "HMGET", "hash", "field", ""),
    (3, "SORT", "set", "ALPHA"),
    (3, "ZRANGE", "sorted", "0", "-1", "WITHSCORES"),
    (3, "PEXPIRETIME", "soon"),
    (15, "XRANGE", "stream", "-", "+"),
]


# No manager knows it: whose the data are was seen when it ran.
UNIT = {"name": "llmops-none.service", "account": ""}


def fill(native: Native) -> None:
    """Keys of every type."""
    for database, *words in CONTENT:
        native.ask("-n", str(database), *words)


def test_every_key_is_carried(native: Native, target: Container, tmp_path: Path) -> None:
    fill(native)
    done = copy(native, target, str(tmp_path), 30)
    assert done["differences"] == []
    assert done["databases"] == {
        "db0": {"source": {"keys": 6, "expires": 1}, "target": {"keys": 6, "expires": 1}},
        "db15": {"source": {"keys": 1, "expires": 0}, "target": {"keys": 1, "expires": 0}},
        "db3": {"source": {"keys": 3, "expires": 1}, "target": {"keys": 3, "expires": 1}},
    }
    assert done["keys"] == 10
    assert done["bytes"] > 500
    assert 0 < done["seconds"] < 30
    old, new = (
        [side.ask("-n", str(database), *words) for database, *words in QUESTIONS]
        for side in (native, target)
    )
    assert old == new
    assert old[2:5] == ["0\n", "1\n", "42\n"]
    assert len(old[1].strip()) == 40


def test_nothing_is_left_on_the_host(native: Native, target: Container, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    copy(native, target, str(folder), 30)
    assert list(folder.iterdir()) == []


def test_keys_stay_when_the_container_starts_again(
    native: Native, target: Container, tmp_path: Path
) -> None:
    fill(native)
    copy(native, target, str(tmp_path), 30)
    assert (
        target.docker("exec", target.name, "stat", "-c", "%U %G %a", "/data/dump.rdb")
        == "redis redis 600\n"
    )
    target.ask("SET", "since", "then")
    target.docker("stop", target.name)
    target.start(30)
    assert parse_keyspace(target.ask("INFO", "keyspace"))["db0"] == {"keys": 7, "expires": 1}


def test_what_the_container_held_is_replaced(
    native: Native, target: Container, tmp_path: Path
) -> None:
    native.ask("SET", "new", "1")
    target.ask("SET", "rehearsed", "1")
    target.ask("-n", "4", "SET", "rehearsed", "1")
    assert copy(native, target, str(tmp_path), 30)["databases"] == {
        "db0": {"source": {"keys": 1, "expires": 0}, "target": {"keys": 1, "expires": 0}}
    }
    assert target.ask("EXISTS", "rehearsed") == "0\n"


def test_empty_source_is_carried_too(native: Native, target: Container, tmp_path: Path) -> None:
    target.ask("SET", "rehearsed", "1")
    done = copy(native, target, str(tmp_path), 30)
    assert (done["databases"], done["keys"], done["differences"]) == ({}, 0, [])


def test_keys_whose_time_is_over_are_no_difference(
    native: Native, target: Container, tmp_path: Path
) -> None:
    """Redis counts them until it meets them."""
    native.ask(
        "EVAL",
        'for i = 1, 1000 do redis.call("SET", i, i, "PX", 1) end redis.call("SET", "stays", "1")',
        "0",
    )
    done = copy(native, target, str(tmp_path), 30)
    assert done["differences"] == []
    assert target.ask("DBSIZE") == "1\n"


def test_container_that_cannot_load_it_holds_what_it_held(
    serve: Callable[..., Native], target: Container, tmp_path: Path
) -> None:
    native = serve("databases 64")
    native.ask("-n", "20", "SET", "far", "away")
    target.ask("SET", "held", "before")
    with pytest.raises(
        RedisError, match="does not run .*configured to handle more than 16 databases"
    ):
        copy(native, target, str(tmp_path), 30)
    assert target.ask("GET", "held") == "before\n"
    assert target.state() == "running"


def test_engine_that_takes_no_file_leaves_the_container_running(
    native: Native, target: Container, tmp_path: Path
) -> None:
    """An engine's client that does not read what it shall put into the container, the first
    time.
    """
    script = tmp_path / "docker"
    script.write_text(
        '#!/bin/sh\ncase "$*" in *"cp - "*) [ -e "$0.used" ] || { touch "$0.used"; echo '
        "no space >&2; exit 1; } ;; esac\n"
        'exec %s "$@"\n' % " ".join(ENGINE)
    )
    script.chmod(0o755)
    native.ask("EVAL", 'for i = 1, 200000 do redis.call("SET", i, redis.sha1hex(i)) end', "0")
    target.ask("SET", "held", "before")
    with pytest.raises(RedisError, match="docker cp: no space"):
        copy(native, target._replace(engine=(str(script),)), str(tmp_path), 30)
    assert target.ask("GET", "held") == "before\n"


def test_append_only_file_is_refused(
    native: Native, contain: Callable[..., Container], tmp_path: Path
) -> None:
    target = contain("appendonly yes\n")
    target.start(30)
    target.ask("SET", "held", "before")
    with pytest.raises(RedisError, match="append-only file"):
        copy(native, target, str(tmp_path), 30)
    assert target.ask("GET", "held") == "before\n"


def test_container_is_started(contain: Callable[..., Container]) -> None:
    container = contain()
    assert container.state() == "created"
    container.start(30)
    assert (container.state(), container.ask("PING")) == ("running", "PONG\n")
    container.docker("stop", container.name)
    assert container.state() == "exited"


def test_container_that_does_not_exist_has_no_state() -> None:
    assert Container("llmops-test-redis-none", ENGINE).state() == ""
    with pytest.raises(RedisError, match="No such container"):
        Container("llmops-test-redis-none", ENGINE).start(30)
    with pytest.raises(RedisError, match="docker inspect: .*connect"):
        Container("x", ("docker", "--host", "unix:///nonexistent")).state()


def test_faulty_configuration_is_not_shown(contain: Callable[..., Container]) -> None:
    container = contain('requirepass "hunter2\n')
    with pytest.raises(RedisError, match="does not run") as refused:
        container.start(30)
    assert (
        "hunter2"
        in subprocess.run(
            [*ENGINE, "logs", container.name], capture_output=True, text=True, check=True
        ).stderr
    )
    assert "hunter2" not in str(refused.value)


def test_password_that_is_another_is_said_at_once(contain: Callable[..., Container]) -> None:
    container = contain("requirepass another\n")
    with pytest.raises(Denied, match="NOAUTH|WRONGPASS"):
        container.start(30)


def test_keys_go_home_to_a_server_that_knows_their_format(
    serve: Callable[..., Native], target: Container, tmp_path: Path
) -> None:
    """Debian's own server may be older than the container's: it would not start with the
    container's snapshot, and gets its own back.
    """
    left = serve()
    fill(left)
    copy(left, target, str(tmp_path), 30)
    target.ask("-n", "0", "SET", "since", "then")
    data = data_of(left)
    assert data is not None
    told = re.search(r"redis_version:(\d+)", left.ask("INFO", "server"))
    assert told
    older = hindrance(target, data, UNIT, int(told[1])) != ""
    assert older is (int(told[1]) < target.major())
    left.ask("SHUTDOWN")
    copied = str(tmp_path / "copied.rdb")
    target.save(copied)
    place = place_of(data, UNIT)
    place.put(copied, 30)
    folder = 'dir "%s"' % data["folder"]
    if older:
        with pytest.raises(AssertionError, match="Can't handle RDB format"):
            serve(folder)
    else:
        home = serve(folder)
        assert home.wait(5) == parse_keyspace(target.ask("INFO", "keyspace"))
        home.ask("SHUTDOWN", "NOSAVE")
    place.take_back(True)
    old = serve(folder)
    target.ask("-n", "0", "DEL", "since")
    assert [old.ask("-n", str(number), *words) for number, *words in QUESTIONS] == [
        target.ask("-n", str(number), *words) for number, *words in QUESTIONS
    ]
    assert old.ask("EXISTS", "since") == "0\n"
