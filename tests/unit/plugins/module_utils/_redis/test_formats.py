"""Formats of snapshots: what each release of Redis and Valkey writes, and which ones it reads."""

from __future__ import annotations

from typing import Any, Optional

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._redis import formats as _formats
from ansible_collections.llmops.litellm.plugins.module_utils._redis.formats import Release


def of(text: str) -> Release:
    """A release by its name."""
    found = _formats.release(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("release", "written"),
    [
        ("Redis 6.0", 9),
        ("Redis 6.2", 9),
        ("Redis 7.0", 10),
        ("Redis 7.2", 11),
        ("Redis 7.4", 12),
        ("Redis 8.0", 12),
        ("Redis 8.2", 12),
        ("Redis 8.4", 12),
        ("Redis 8.6", 13),
        ("Redis 9.0", None),
        ("Redis 2.4", None),
        ("Valkey 7.2", 11),
        ("Valkey 8.0", 11),
        ("Valkey 8.1", 11),
        ("Valkey 9.0", 80),
        ("Valkey 9.2", 81),
        ("Valkey 10.0", None),
    ],
)
def test_release_writes_its_format(release: str, written: Optional[int]) -> None:
    assert of(release).writes == written


@pytest.mark.parametrize(
    ("source", "target", "carried"),
    [
        ("Redis 7.0", "Redis 7.0", True),
        ("Redis 7.0", "Redis 7.4", True),
        ("Redis 7.4", "Redis 7.0", False),
        ("Redis 7.4", "Redis 8.0", True),
        ("Redis 8.0", "Redis 7.4", True),
        ("Redis 6.2", "Valkey 8.0", True),
        ("Redis 7.2", "Valkey 7.2", True),
        ("Redis 7.4", "Valkey 8.0", False),
        ("Redis 7.4", "Valkey 9.0", False),
        ("Valkey 8.0", "Redis 7.2", True),
        ("Valkey 8.0", "Redis 7.0", False),
        ("Valkey 9.0", "Valkey 8.1", False),
        ("Valkey 9.0", "Redis 8.0", False),
        ("Redis 9.0", "Redis 9.0", True),
        ("Redis 9.0", "Redis 8.0", None),
        ("Redis 8.0", "Redis 9.0", True),
        ("Redis 7.4", "Valkey 10.0", False),
        ("Valkey 9.0", "Redis 9.0", None),
    ],
)
def test_snapshots_go_where_their_format_is_read(source: str, target: str, carried: Any) -> None:
    assert _formats.carried(of(source), of(target)) is carried


def test_nothing_is_concluded_of_an_unknown_server() -> None:
    assert _formats.carried(None, of("Redis 8.0")) is None
    assert _formats.carried(of("Redis 8.0"), None) is None


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", "Redis 7.0"),
        ("Valkey server v=8.0.2 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", "Valkey 8.0"),
        (
            "# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.1\r\n",
            "Valkey 8.1",
        ),
        ("# Server\r\nredis_version:8.0.2\r\nredis_git_sha1:0\r\n", "Redis 8.0"),
        ("", None),
        ("PONG", None),
    ],
    ids=["redis-server", "valkey-server", "INFO of Valkey", "INFO of Redis", "nothing", "other"],
)
def test_servers_say_what_they_are(text: str, release: Optional[str]) -> None:
    found = _formats.release(text)
    assert (str(found) if found else None) == release


@pytest.mark.parametrize(
    ("environment", "name", "tag", "release"),
    [
        ({"REDIS_VERSION": "7.4.2"}, "redis", "8", "Redis 7.4"),
        ({"VALKEY_VERSION": "8.0.1"}, "mirror/cache", "", "Valkey 8.0"),
        ({}, "redis", "7.2-alpine", "Redis 7.2"),
        ({}, "valkey/valkey", "8.0", "Valkey 8.0"),
        ({}, "redis", "8", None),
        ({}, "redis", "", None),
    ],
    ids=["Redis", "Valkey", "tag", "Valkey's tag", "major alone", "nothing"],
)
def test_images_say_what_they_hold(
    environment: dict[str, str], name: str, tag: str, release: Optional[str]
) -> None:
    found = _formats.of_image(environment, name, tag)
    assert (str(found) if found else None) == release
