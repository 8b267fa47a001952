"""What a restore is made of: settings, journal, project."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._backup import settings as _settings
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    compose_project as _compose_project,
)
from ansible_collections.llmops.litellm.plugins.module_utils._deployment import journal as _journal
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import session as _session
from ansible_collections.llmops.litellm.plugins.module_utils._restore import plan as _plan
from ansible_collections.llmops.litellm.plugins.module_utils._restore import (
    rebuild as _rebuild,
)
from ansible_collections.llmops.litellm.plugins.module_utils._restore import (
    restore as _restore,
)
from ansible_collections.llmops.litellm.plugins.module_utils._restore.state import RestoreError

NOW = datetime(2026, 11, 24, tzinfo=timezone.utc)


def make(folder: Path, name: str = "20261123T120000Z") -> str:
    path = folder / name
    path.mkdir(parents=True)
    (path / "manifest.json").write_text(
        json.dumps({"format": 1, "created": "2026-11-23T12:00:00+00:00"})
    )
    return str(path)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _settings.Settings:
    env = tmp_path / "legacy.env"
    env.write_text(
        "LITELLM_SALT_KEY=hunter2\nDATABASE_URL=postgresql://u:hunter2@127.0.0.1:5434/llm\n"
    )
    database = {"container": "litellm-postgres", "database": "litellm", "user": "litellm"}
    told = {
        "format": 1,
        "state_dir": str(tmp_path / "state"),
        "project": {"name": "litellm", "folder": str(tmp_path / "opt")},
        "deployments": {
            "compose": {"database": database, "files": [], "salt_key_file": str(env)},
            "legacy": {"database": {"env_file": str(env)}, "salt_key_file": str(env)},
        },
        "backup": {"folder": str(tmp_path / "backups")},
    }
    (tmp_path / "ops.json").write_text(json.dumps(told))
    (tmp_path / "ops.json").chmod(0o600)
    (tmp_path / "state").mkdir()
    (tmp_path / "opt").mkdir()
    (tmp_path / "opt/compose.yaml").touch()
    project = _compose_project.Project(
        "gate",
        str(tmp_path / "opt"),
        {"litellm": "l@sha256:1"},
        {},
        [],
        "http://127.0.0.1:4001",
        _session.Endpoint("x", "x", "x"),
        "redis",
    )
    monkeypatch.setattr(_compose_project, "read", lambda folder, engine: project)
    monkeypatch.setattr(
        _session.Endpoint,
        "from_url",
        classmethod(lambda cls, *_given: cls("llm", host="127.0.0.1")),
    )
    make(tmp_path / "backups")
    return _settings.load(str(tmp_path / "ops.json"), (tmp_path / "ops.json").stat().st_uid)


def journal(settings: _settings.Settings, state: str, found: Any) -> None:
    told = _journal.create("x", {}, NOW)
    _journal.save(
        settings.state_dir, {**told, "state": state, "facts": {"found": {"legacy": found}}}, NOW
    )


FOUND = {
    "port": 4002,
    "unit": {"name": "litellm.service", "account": "team"},
    "python": "/venv/bin/python",
}


def test_compose_deployment_is_known_from_its_project(
    settings: _settings.Settings, tmp_path: Path
) -> None:
    order = _plan.order(settings, NOW, identity="/key", timeout=5)
    assert isinstance(order, _restore.Order)
    deployment = order.deployment
    assert (deployment.kind, deployment.url, deployment.project_name) == (
        "compose",
        "http://127.0.0.1:4001",
        "gate",
    )
    assert deployment.images == {"litellm": "l@sha256:1"}
    assert deployment.database.container == "litellm-postgres"
    assert (order.path, order.folder, order.identity, order.timeout) == (
        str(tmp_path / "backups/20261123T120000Z"),
        str(tmp_path / "backups"),
        "/key",
        5,
    )
    assert order.point is not None
    assert (order.point.pinned, order.point.kind, order.point.folder) == (
        True,
        "compose",
        str(tmp_path / "backups"),
    )
    assert _plan.order(settings, NOW, point=False).point is None  # type: ignore[union-attr]


def test_legacy_deployment_is_known_from_the_journal(settings: _settings.Settings) -> None:
    with pytest.raises(RestoreError, match="does not name the legacy proxy"):
        _plan.order(settings, NOW, kind="legacy")
    journal(settings, _journal.ROLLED_BACK, FOUND)
    order = _plan.order(settings, NOW)
    assert isinstance(order, _restore.Order)
    deployment = order.deployment
    assert (
        deployment.kind,
        deployment.unit,
        deployment.account,
        deployment.python,
        deployment.url,
    ) == ("legacy", "litellm.service", "team", "/venv/bin/python", "http://127.0.0.1:4002")
    assert "hunter2" not in repr(deployment)


def test_host_without_a_project_is_built(settings: _settings.Settings, tmp_path: Path) -> None:
    (tmp_path / "opt/compose.yaml").unlink()
    elsewhere = make(tmp_path / "elsewhere")
    order = _plan.order(settings, NOW, folder=str(tmp_path / "elsewhere"))
    assert order == _rebuild.Order(
        elsewhere, str(tmp_path / "opt"), str(tmp_path / "state"), timeout=240.0
    )
    # gone on with where it stopped, though there is a folder by now
    _rebuild._save(order, _rebuild.DATABASE)
    (tmp_path / "opt/compose.yaml").touch()
    assert isinstance(
        _plan.order(settings, NOW, folder=str(tmp_path / "elsewhere")), _rebuild.Order
    )
    assert isinstance(_plan.order(settings, NOW), _restore.Order)
    journal(settings, _journal.ROLLED_BACK, FOUND)
    assert isinstance(
        _plan.order(settings, NOW, folder=str(tmp_path / "elsewhere"), kind="legacy"),
        _restore.Order,
    )


def test_only_what_can_be_proved_is_restored(settings: _settings.Settings, tmp_path: Path) -> None:
    make(tmp_path / "backups", "daily-20261123-120000")
    with pytest.raises(_backup.BackupError, match="was not made by this collection"):
        _plan.backup_path(settings.backup_dir, "daily-20261123-120000", NOW)
    Path(make(tmp_path / "backups", "20261122T120000Z"), "manifest.json").write_text("{}")
    with pytest.raises(_backup.BackupError, match="is not of format 1"):
        _plan.backup_path(settings.backup_dir, "20261122T120000Z", NOW)
    with pytest.raises(_backup.BackupError, match="holds no backup nosuch"):
        _plan.order(settings, NOW, "nosuch")
