"""A native Redis is read, and only read."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._redis.native_data import snapshot
from ansible_collections.llmops.litellm.plugins.module_utils._redis.redis import (
    Denied,
    Native,
    RedisError,
)

from .conftest import PASSWORD, free_port, quoted


def test_snapshot_is_for_its_owner_only(native: Native, tmp_path: Path) -> None:
    native.ask("SET", "key", "value")
    snapshot(native, str(tmp_path / "dump"), 30)
    assert (tmp_path / "dump").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "dump").read_bytes().startswith(b"REDIS")


def test_source_saves_its_keys_and_is_as_it_was_otherwise(native: Native, tmp_path: Path) -> None:
    native.ask("SET", "key", "value")

    def state() -> list[str]:
        return [
            native.ask("INFO", "keyspace"),
            *sorted(native.ask("CONFIG", "GET", "*").splitlines()),
        ]

    before = state()
    snapshot(native, str(tmp_path / "dump"), 30)
    assert state() == before
    assert [path.name for path in (tmp_path / "native 0").iterdir()] == ["dump.rdb"]


@pytest.mark.parametrize("settings", ['rename-command CONFIG ""', 'rename-command BGSAVE ""'])
def test_source_that_does_not_save_is_read_as_a_replica_would(
    serve: Callable[..., Native], tmp_path: Path, settings: str
) -> None:
    native = serve(settings)
    native.ask("SET", "key", "value")
    snapshot(native, str(tmp_path / "dump"), 30)
    assert b"value" in (tmp_path / "dump").read_bytes()
    assert list((tmp_path / "native 0").iterdir()) == []


def test_native_that_is_down_is_named(tmp_path: Path) -> None:
    port = free_port()
    for ask in (
        lambda: Native("127.0.0.1", port, "", "").ask("PING"),
        lambda: snapshot(Native("127.0.0.1", port, "", ""), str(tmp_path / "x"), 30),
    ):
        with pytest.raises(
            RedisError,
            match="the native Redis on port %d: Could not connect .*Connection refused" % port,
        ):
            ask()


@pytest.mark.parametrize("password", ["", "another"], ids=["none", "wrong"])
def test_password_is_needed(native: Native, tmp_path: Path, password: str) -> None:
    stranger = native._replace(password=password)
    with pytest.raises(Denied, match="NOAUTH|WRONGPASS"):
        stranger.ask("INFO", "keyspace")
    with pytest.raises(RedisError, match="NOAUTH|WRONGPASS"):
        snapshot(stranger, str(tmp_path / "dump"), 30)


def test_user_of_an_access_list(serve: Callable[..., Native], tmp_path: Path) -> None:
    native = serve(
        "user reader on >%s ~* +info +psync +sync +replconf +ping" % "secret",
        "user clerk on >%s ~* +get" % "secret",
    )
    native.ask("SET", "key", "value")
    reader, clerk = (native._replace(user=name, password="secret") for name in ("reader", "clerk"))
    assert "db0:keys=1" in reader.ask("INFO", "keyspace")
    snapshot(reader, str(tmp_path / "reader"), 30)
    with pytest.raises(Denied, match="NOPERM"):
        clerk.ask("INFO", "keyspace")
    with pytest.raises(RedisError, match="NOPERM") as refused:
        snapshot(clerk, str(tmp_path / "clerk"), 30)
    assert "secret" not in str(refused.value)


def test_one_without_a_password_takes_any(serve: Callable[..., Native]) -> None:
    native = serve("requirepass " + quoted(""))
    assert native._replace(password="").ask("PING") == "PONG\n"
    assert native._replace(password=PASSWORD).ask("PING") == "PONG\n"
