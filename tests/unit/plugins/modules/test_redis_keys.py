"""The module redis_keys: what each direction does, refuses, and says in check mode."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable

import pytest
from unit import support

from ansible_collections.llmops.litellm.plugins.module_utils._host import systemd as _systemd
from ansible_collections.llmops.litellm.plugins.module_utils._redis import redis as _redis
from ansible_collections.llmops.litellm.plugins.module_utils._redis import transfer as _transfer
from ansible_collections.llmops.litellm.plugins.modules import redis_keys

NATIVE = "db0:keys=12,expires=11\r\ndb3:keys=1,expires=0\r\n"
UNIT = {"name": "redis-server.service", "account": ""}
HELD = "# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=1\r\n"
COMMON = {"container": "litellm-redis"}
Run = Callable[..., dict[str, Any]]


class Engine:
    """A container in some state, and what was done with it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, state: str, held: str = "") -> None:
        self.done: list[str] = []
        monkeypatch.setattr(_redis.Container, "state", lambda _self: state)
        monkeypatch.setattr(
            _redis.Container,
            "start",
            lambda _self, deadline: self.done.append("start within %g" % deadline),
        )
        monkeypatch.setattr(
            _redis.Container, "ask", lambda _self, *words: self.done.append("ask") or held
        )
        monkeypatch.setattr(
            _redis.Native,
            "ask",
            lambda native, *words: self.done.append("native %s" % native.password) or NATIVE,
        )
        monkeypatch.setattr(
            _transfer,
            "copy",
            lambda *_given: (
                self.done.append("copy")
                or {"databases": {}, "keys": 13, "bytes": 5, "seconds": 0.5, "differences": []}
            ),
        )


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the module and returns what it printed."""

    def call(check: bool = False, **params: Any) -> dict[str, Any]:
        return support.run_module(
            redis_keys.main,
            {**COMMON, "to": "container", "timeout": 7, **params, "_ansible_check_mode": check},
            capsys,
        )

    return call


def test_keys_are_copied_to_a_container(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Engine(monkeypatch, "running")
    result = run()
    assert {name: result[name] for name in result if name != "invocation"} == {
        "changed": True,
        "copied": True,
        "reason": "",
        "databases": {},
        "keys": 13,
        "bytes": 5,
        "seconds": 0.5,
    }


@pytest.mark.parametrize("state", ["created", "exited"])
def test_container_that_does_not_run_is_started(
    run: Run, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    engine = Engine(monkeypatch, state)
    assert run()["changed"]
    assert engine.done == ["start within 7", "ask", "copy"]


def test_container_that_does_not_run_may_hold_keys(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(monkeypatch, "exited", held="db0:keys=2,expires=0\r\n")
    assert "holds keys already (db0: 2)" in run()["msg"]
    assert "copy" not in engine.done


def test_container_that_does_not_exist_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(monkeypatch, "")
    assert run()["msg"] == "there is no container litellm-redis."
    assert engine.done == []


@pytest.mark.parametrize(("state", "asked"), [("running", ["ask"]), ("exited", []), ("", [])])
def test_check_mode_only_looks(
    run: Run, monkeypatch: pytest.MonkeyPatch, state: str, asked: list[str]
) -> None:
    engine = Engine(monkeypatch, state)
    result = run(check=True)
    assert result["changed"]
    assert result["databases"] == {
        "db0": {"source": {"keys": 12, "expires": 11}},
        "db3": {"source": {"keys": 1, "expires": 0}},
    }
    assert result["keys"] == 13
    assert engine.done == [*asked, "native "]


def test_check_mode_refuses_what_a_run_would_refuse(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Engine(monkeypatch, "running", held="db0:keys=2,expires=0\r\n")
    assert "holds keys already (db0: 2)" in run(check=True)["msg"]


def test_variable_names_the_password(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    engine = Engine(monkeypatch, "")
    (tmp_path / "env").write_text("REDIS_PASSWORD=wrong\nCACHE_PW=right\n")
    run(check=True, env_file=str(tmp_path / "env"), variable="CACHE_PW")
    assert engine.done == ["native right"]


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "No such file"), ("REDIS_PASSWORD='hunter2\n", "env, line 1")],
    ids=["no file", "a quote that never ends"],
)
def test_env_file_that_cannot_be_read_is_reported(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: Any, said: str
) -> None:
    engine = Engine(monkeypatch, "running")
    if text is not None:
        (tmp_path / "env").write_text(text)
    assert said in run(env_file=str(tmp_path / "env"))["msg"]
    assert engine.done == []


@pytest.mark.parametrize(
    ("held", "replace", "differences", "said"),
    [
        ("", False, [], None),
        ("db0:keys=2,expires=0\r\n", False, [], "holds keys already (db0: 2)"),
        ("db0:keys=2,expires=0\r\n", True, [], None),
        ("", False, ["db0: 1 keys"], "does not hold what the native Redis held: db0: 1 keys"),
    ],
    ids=["empty", "not empty", "may be replaced", "differs"],
)
def test_container_that_holds_keys_is_refused_or_replaced(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    held: str,
    replace: bool,
    differences: list[str],
    said: Any,
) -> None:
    (tmp_path / "env").write_text("REDIS_PASSWORD=hunter2\nREDIS_USERNAME=gateway\n")
    seen: list[Any] = []

    def copy(source: Any, target: Any, folder: str, timeout: float) -> dict[str, Any]:
        seen.append(source)
        return {"databases": {}, "keys": 0, "bytes": 1, "differences": differences}

    monkeypatch.setattr(_transfer, "copy", copy)
    monkeypatch.setattr(_redis.Container, "state", lambda self: "running")
    monkeypatch.setattr(_redis.Container, "ask", lambda self, *words: held)
    result = run(env_file=str(tmp_path / "env"), replace=replace)
    if said is None:
        assert result["changed"]
        assert seen == [_redis.Native("127.0.0.1", 6379, "gateway", "hunter2")]
    else:
        assert said in result["msg"]
        assert bool(seen) == bool(differences)


def fail(error: Exception) -> None:
    """Raise what a test has prepared."""
    raise error


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A native server's folder, the container's answers, and the order in which things were
    done.
    """
    world: dict[str, Any] = {
        "done": [],
        "native": HELD,
        "version": "redis_version:8.0.2\r\n",
        "folder": tmp_path / "redis",
        "own": tmp_path / "own",
    }
    for name in ("redis", "own"):
        (tmp_path / name).mkdir(mode=0o700)
    tmp_path = world["folder"]
    (tmp_path / "dump.rdb").write_text("old")
    support.reachable(tmp_path)
    for path in (tmp_path, tmp_path / "dump.rdb"):
        os.chown(path, 65534, 65534)

    def ask(self: Any, *words: str, **named: Any) -> str:
        if isinstance(self, _redis.Native):
            if isinstance(world["native"], Exception):
                fail(world["native"])
            return str(world["native"])
        return str(world["version"]) if words[-1] == "server" else HELD

    def save(self: Any, path: str) -> None:
        assert Path(path).parent.parent == world["own"]
        Path(path).write_text("new")

    monkeypatch.setattr(_redis.Native, "ask", ask)
    monkeypatch.setattr(_redis.Container, "ask", ask)
    monkeypatch.setattr(_redis.Container, "save", save)
    for name in ("retire", "restore"):
        monkeypatch.setattr(
            _systemd,
            name,
            lambda unit, name=name: world["done"].append(
                (name, (tmp_path / "dump.rdb").read_text())
            ),
        )
    return world


@pytest.fixture
def back(place: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the module in the other direction."""

    def call(check: bool = False, **params: Any) -> dict[str, Any]:
        data = {
            "folder": str(place["folder"]),
            "file": "dump.rdb",
            "append_only": False,
            "account": "nobody",
            "refused": "",
        }
        given = {
            **COMMON,
            "to": "native",
            "unit": UNIT,
            "data": data,
            "major": 8,
            "port": 6379,
            "timeout": 3,
            "folder": str(place["own"]),
            "_ansible_check_mode": check,
            **params,
        }
        return support.run_module(
            redis_keys.main,
            {name: value for name, value in given.items() if value is not None},
            capsys,
        )

    return call


def test_keys_are_loaded_by_a_server_that_was_stopped(back: Run, place: dict[str, Any]) -> None:
    result = back()
    assert (result["changed"], result["copied"], result["reason"], result["keys"]) == (
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
    back: Run, place: dict[str, Any], native: Any, said: str
) -> None:
    place["native"] = native
    result = back()
    assert (result["changed"], result["copied"], result["reason"]) == (False, False, said)
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
        ({"data": None}, "8.0.2", "it is unknown where"),
        (
            {"data": {"folder": "", "file": "", "append_only": False, "refused": "it says /etc"}},
            "8.0.2",
            "it says /etc",
        ),
        (
            {"major": 7},
            "8.0.2",
            "the container has Redis 8, whose snapshots the native Redis 7 need not know",
        ),
        ({"major": None}, "8.0.2", "unknown version"),
        (
            {"release": "Redis 7.0", "major": 7},
            "7.4.2",
            "the container has Redis 7.4, whose snapshots (format 12) the native Redis 7.0 does not"
            " read",
        ),
        ({"release": "Redis 7.0"}, "9.0.0", "unknown what format the container's snapshots have"),
    ],
)
def test_native_server_starts_with_what_it_had(
    back: Run, place: dict[str, Any], params: dict[str, Any], version: str, said: str
) -> None:
    place["version"] = "redis_version:%s\r\n" % version
    result = back(**params)
    assert (result["changed"], result["copied"]) == (False, False)
    assert said in result["reason"]
    assert place["done"] == [("restore", "old")]
    failed = back(required=True, **params)
    assert failed["failed"]
    assert "there may be spend in them that no database has" in failed["msg"]


def test_keys_come_home_to_a_lower_major_that_reads_their_format(
    back: Run, place: dict[str, Any]
) -> None:
    place["version"] = "redis_version:8.0.2\r\n"
    assert back(release="Redis 7.4", major=7)["copied"]


def test_append_only_file_is_loaded_in_place_of_a_snapshot(
    back: Run, place: dict[str, Any]
) -> None:
    data = {
        "folder": str(place["folder"]),
        "file": "dump.rdb",
        "append_only": True,
        "account": "nobody",
        "refused": "",
    }
    assert "append-only" in back(data=data)["reason"]
    assert place["done"] == [("restore", "old")]


def test_account_that_cannot_write_keeps_what_it_had(back: Run, place: dict[str, Any]) -> None:
    """The server serves again, and the reason names the file."""
    place["folder"].chmod(0o500)
    result = back()
    assert (result["copied"], result["changed"]) == (False, False)
    assert result["reason"].endswith("Permission denied")
    assert str(place["folder"]) in result["reason"]
    assert place["done"] == [("retire", "old"), ("retire", "old"), ("restore", "old")]
    assert list(place["own"].iterdir()) == []


@pytest.mark.parametrize("name", ["dump.rdb", ".llmops-litellm-copied", ".llmops-litellm-earlier"])
def test_link_in_the_place_leads_nowhere(back: Run, place: dict[str, Any], name: str) -> None:
    """A planted link is replaced; what it points to keeps content, owner and mode."""
    other = place["own"].parent / "system"
    other.write_text("root's")
    other.chmod(0o644)
    before = other.stat()
    link = place["folder"] / name
    link.unlink(missing_ok=True)
    link.symlink_to(other)
    result = back()
    assert result["copied"], result
    after = other.stat()
    assert (after.st_uid, after.st_mode, other.read_text()) == (0, before.st_mode, "root's")
    assert (place["folder"] / "dump.rdb").stat().st_uid == 65534
    assert not (place["folder"] / "dump.rdb").is_symlink()


def test_check_mode_touches_nothing(back: Run, place: dict[str, Any]) -> None:
    assert back(check=True)["copied"]
    assert place["done"] == []


def test_what_the_server_had_first_is_kept_over_a_run_that_was_killed(
    back: Run, place: dict[str, Any]
) -> None:
    (place["folder"] / ".llmops-litellm-earlier").write_text("older")
    place["native"] = _redis.RedisError("no")
    back()
    assert (place["folder"] / "dump.rdb").read_text() == "older"


def test_native_server_needs_its_unit(back: Run, place: dict[str, Any]) -> None:
    assert "to is native but all of the following are missing: unit" in back(unit=None)["msg"]
    assert place["done"] == []
