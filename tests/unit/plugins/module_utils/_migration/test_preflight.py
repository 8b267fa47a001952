"""The whole preflight: what a host has and what is wrong with it. Git, files and listeners are
real; systemd, Docker and the databases are not."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from legacy_host import CONFIG, NOW, SECRET, URL, deployment, settings, texts

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import legacy as _legacy
from ansible_collections.llmops.litellm.plugins.module_utils._hold import hold as _hold
from ansible_collections.llmops.litellm.plugins.module_utils._host import docker as _docker
from ansible_collections.llmops.litellm.plugins.module_utils._host import files as _files
from ansible_collections.llmops.litellm.plugins.module_utils._host import images as _images
from ansible_collections.llmops.litellm.plugins.module_utils._host import listeners as _listeners
from ansible_collections.llmops.litellm.plugins.module_utils._host.listeners import Listener
from ansible_collections.llmops.litellm.plugins.module_utils._host.problem import Problem
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    neighbours as _neighbours,
)
from ansible_collections.llmops.litellm.plugins.module_utils._migration import (
    preflight as _preflight,
)
from ansible_collections.llmops.litellm.plugins.module_utils._redis import redis as _redis


def test_run_at_work_locks_the_host(tmp_path: Path) -> None:
    wanted = settings(tmp_path)
    assert _preflight.check_lock(wanted, NOW) == []
    (tmp_path / "state").mkdir()
    journal = _journal.create("x", {"controller": "elsewhere", "run": "1:1"}, NOW)
    _journal.save(wanted["state_dir"], journal, NOW)
    assert "lock: run 1:1 of controller elsewhere is at work" in texts(
        _preflight.check_lock(wanted, NOW)
    )
    assert _preflight.check_lock(wanted, NOW + timedelta(hours=3)) == []
    (tmp_path / "state/journal.json").write_text("{")
    assert "journal: " in texts(_preflight.check_lock(wanted, NOW))


@pytest.mark.parametrize("labels", [None, {}], ids=["volume gone", "volume there"])
def test_rows_that_are_nowhere_else_lock_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labels: Any
) -> None:
    monkeypatch.setattr(_docker, "volume_labels", lambda name: labels)
    (tmp_path / "state").mkdir()
    journal = _journal.create("x", {"controller": "desk", "run": "1:1"}, NOW)
    journal.update(state="rolled back", facts={"not_kept": "the dump failed"})
    _journal.save(str(tmp_path / "state"), journal, NOW)
    found = texts(_preflight.check_lock(settings(tmp_path, project_name="team"), NOW))
    assert (
        (
            "volume team_postgres: may hold rows of the failed migration x that are nowhere "
            "else (the dump failed)"
        )
        in found
    ) == (labels is not None)


def image(reference: str, **others: Any) -> _images.Image:
    """An image with which nothing is wrong."""
    return _images.Image(
        reference,
        False,
        ("linux/amd64",),
        {"PG_MAJOR": "17", "REDIS_VERSION": "8.0"},
        {"version": "1.102.4"},
        50,
        "",
    )._replace(**others)


def test_everything_wrong_is_told_in_one_go(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, servers: list[Listener]
) -> None:
    def discover(unit: str, account: str) -> Any:
        raise _legacy.LegacyError("no systemd unit named %s" % unit, "Set legacy_unit")

    monkeypatch.setattr(_legacy, "discover", discover)
    monkeypatch.setattr(_listeners, "listeners", lambda: servers)
    monkeypatch.setattr(_files, "free_bytes", lambda path: 0)
    monkeypatch.setattr(
        _docker,
        "describe",
        lambda: {
            "client": False,
            "server": "",
            "error": "",
            "compose": "",
            "compose_v1": "",
            "root": str(tmp_path),
            "images_root": str(tmp_path),
        },
    )
    found = _preflight.preflight(settings(tmp_path, overrides={"UI_PASSWORD": "x"}), NOW)
    assert [item.subject for item in found.problems] == [
        "Docker",
        "legacy_unit",
        "env_file_overrides.UI_PASSWORD",
        "disk space",
    ]
    assert json.loads(json.dumps(found.facts))["engine"]["client"] is False


def test_host_with_which_nothing_is_wrong_is_told_without_secrets(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    servers: list[Listener],
    database: dict[str, Any],
    pings: list[_redis.Native],
) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "secrets.env").write_text("LITELLM_MASTER_KEY=sk-%s\n" % SECRET)
    legacy = deployment(
        {
            "DATABASE_URL": URL,
            "REDIS_HOST": "127.0.0.1",
            "REDIS_PORT": "6379",
            "LITELLM_SALT_KEY": SECRET[::-1],
        },
        config=str(tmp_path / "config.yaml"),
        environment_files=[{"path": str(tmp_path / "secrets.env")}],
    )
    monkeypatch.setattr(_legacy, "discover", lambda unit, account: legacy)
    monkeypatch.setattr(
        _listeners, "listeners", lambda: [*servers, Listener("0.0.0.0", 8082, None, "llama-server")]
    )
    monkeypatch.setattr(_files, "free_bytes", lambda path: 1 << 40)
    monkeypatch.setattr(
        _docker,
        "describe",
        lambda: {
            "client": True,
            "server": "26.1.5",
            "error": "",
            "compose": "2.26.1",
            "compose_v1": "",
            "platform": "linux/amd64",
            "root": str(tmp_path),
            "images_root": str(tmp_path),
            "insecure": [],
        },
    )
    for name in ("volume_labels", "container"):
        monkeypatch.setattr(_docker, name, lambda name: None)
    for name in ("subnets", "routes"):
        monkeypatch.setattr(_docker, name, list)
    monkeypatch.setattr(_images, "look", lambda reference, engine: image(reference))
    uses = [Problem("unit x.service", "is here", "")]

    def of_legacy(found: Any, environment: Any, accepted: Any) -> list[Problem]:
        assert found["redis"]["port"] == 6379
        assert found["database"]["major"] == 15
        assert environment == legacy.environment
        return [] if accepted else uses

    monkeypatch.setattr(_neighbours, "of_legacy", of_legacy)
    monkeypatch.setattr(_hold, "obstacles", lambda port, addresses: ("", ""))
    images = {"litellm": "l", "postgres": "p", "redis": "r", "pgbouncer": "b"}
    found = _preflight.preflight(settings(tmp_path, images=images), NOW)
    assert found.problems == uses
    assert found.facts["cutover"] == {"way": "live", "reasons": []}
    assert "pgbouncer" in found.facts["images"]
    given = settings(tmp_path, images=images, accept_down=["x.service"])
    found = _preflight.preflight(given, NOW)
    assert texts(found.problems) == ""
    shown = json.dumps(found.facts) + texts(found.warnings)
    assert SECRET not in shown
    assert SECRET[::-1] not in shown
    assert [entry["port"] for entry in found.facts["model_hosts"]] == [8082]
