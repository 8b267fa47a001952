"""The module redis_return: what it does with the native server, and what it says where the keys can't come home."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._redis import redis as _redis
from ansible_collections.llmops.litellm.plugins.modules import redis_return

Run = Callable[..., dict[str, Any]]
UNIT = {"name": "redis-server.service", "account": ""}
HELD = "# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=1\r\n"


def fail(error: Exception) -> None:
    """Raise what a test has prepared."""
    raise error


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A native server's folder, the container's answers, and the order in which things were done."""
    told: dict[str, Any] = {
        "done": [],
        "native": HELD,
        "version": "redis_version:8.0.2\r\n",
        "folder": tmp_path,
    }
    (tmp_path / "dump.rdb").write_text("old")

    def ask(self: Any, *words: str, **named: Any) -> str:
        if isinstance(self, _redis.Native):
            if isinstance(told["native"], Exception):
                fail(told["native"])
            return str(told["native"])
        return str(told["version"]) if words[-1] == "server" else HELD

    def save(self: Any, path: str) -> None:
        Path(path).write_text("new")

    monkeypatch.setattr(_redis.Native, "ask", ask)
    monkeypatch.setattr(_redis.Container, "ask", ask)
    monkeypatch.setattr(_redis.Container, "save", save)
    for name in ("retire", "restore"):
        monkeypatch.setattr(
            _systemd,
            name,
            lambda unit, name=name: told["done"].append(
                (name, (tmp_path / "dump.rdb").read_text())
            ),
        )
    return told


@pytest.fixture
def run(place: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the module."""

    def call(check: bool = False, **params: Any) -> dict[str, Any]:
        data = {"folder": str(place["folder"]), "file": "dump.rdb", "append_only": False}
        given = {
            "container": "litellm-redis",
            "unit": UNIT,
            "data": data,
            "major": 8,
            "port": 6379,
            "timeout": 0,
            "_ansible_check_mode": check,
            **params,
        }
        with (
            patch_module_args({name: value for name, value in given.items() if value is not None}),
            pytest.raises(SystemExit),
        ):
            redis_return.main()
        return json.loads(capsys.readouterr().out)

    return call


def test_keys_are_loaded_by_a_server_that_was_stopped(run: Run, place: dict[str, Any]) -> None:
    result = run()
    assert (result["changed"], result["carried"], result["reason"], result["keys"]) == (
        True,
        True,
        "",
        3,
    )
    assert place["done"] == [("retire", "old"), ("restore", "new")]
    assert [path.name for path in place["folder"].iterdir()] == ["dump.rdb"]


@pytest.mark.parametrize(
    ("native", "said"),
    [
        (
            "# Keyspace\r\ndb0:keys=1,expires=1\r\n",
            "db0: 2 keys that never expire in the source, 0 in the target",
        ),
        (_redis.RedisError("Can't handle RDB format"), "Can't handle RDB format"),
    ],
)
def test_snapshot_that_is_not_loaded_is_taken_back(
    run: Run, place: dict[str, Any], native: Any, said: str
) -> None:
    place["native"] = native
    result = run()
    assert (result["changed"], result["carried"], result["reason"]) == (False, False, said)
    assert place["done"] == [
        ("retire", "old"),
        ("restore", "new"),
        ("retire", "new"),
        ("restore", "old"),
    ]
    assert [path.name for path in place["folder"].iterdir()] == ["dump.rdb"]


@pytest.mark.parametrize(
    ("params", "version", "said"),
    [
        ({"data": None}, "8.0.2", "nobody knows where"),
        ({"data": {"folder": "/", "file": "x", "append_only": True}}, "8.0.2", "append-only"),
        (
            {"major": 7},
            "8.0.2",
            "the container has Redis 8, whose snapshots the native Redis 7 need not know",
        ),
        ({"major": None}, "8.0.2", "unknown version"),
    ],
)
def test_native_server_starts_with_what_it_had(
    run: Run, place: dict[str, Any], params: dict[str, Any], version: str, said: str
) -> None:
    place["version"] = "redis_version:%s\r\n" % version
    result = run(**params)
    assert (result["changed"], result["carried"]) == (False, False)
    assert said in result["reason"]
    assert place["done"] == [("restore", "old")]
    failed = run(required=True, **params)
    assert failed["failed"]
    assert "there may be spend in them that no database has" in failed["msg"]


def test_check_mode_touches_nothing(run: Run, place: dict[str, Any]) -> None:
    assert run(check=True)["carried"]
    assert place["done"] == []


def test_what_the_server_had_first_is_kept_over_a_run_that_was_killed(
    run: Run, place: dict[str, Any]
) -> None:
    (place["folder"] / ".llmops-litellm-earlier").write_text("older")
    place["native"] = _redis.RedisError("no")
    run()
    assert (place["folder"] / "dump.rdb").read_text() == "older"
