"""What a health check looks at: the deployment's parts, its folders, and backups where somebody
makes them.
"""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._deployment.locate import Deployed
from ansible_collections.llmops.litellm.plugins.module_utils._health import target as _target
from ansible_collections.llmops.litellm.plugins.module_utils._health.settings import Settings

SINCE = datetime(2026, 11, 20, 3, 0, tzinfo=timezone.utc)


def looked_at(folder: Path, kind: str = "compose", **more: Any) -> Any:
    settings = Settings(str(folder / "state"), project_dir=str(folder / "project"))
    told = Deployed(
        kind, "http://127.0.0.1:4000", config="/home/litellm/config.yaml", key="sk-x", **more
    )
    return _target.target(settings._replace(backup_settings=str(folder / "ops.json")), told)


def test_parts_of_the_deployment_are_taken_as_they_were_found(tmp_path: Path) -> None:
    target = looked_at(
        tmp_path,
        containers=("litellm-proxy",),
        published=(("litellm-proxy", 4000),),
        proxy="litellm-proxy",
        lacking=(("database", "no DATABASE_URL"),),
    )
    assert target.deployed.containers == ("litellm-proxy",)
    assert target.deployed.published == (("litellm-proxy", 4000),)
    assert target.deployed.proxy == "litellm-proxy"
    assert target.deployed.lacking == (("database", "no DATABASE_URL"),)
    assert target.deployed.key == "sk-x"


@pytest.mark.parametrize(("kind", "own"), [("compose", "project"), ("legacy", "/home/litellm")])
def test_room_is_looked_at_where_the_deployment_writes(tmp_path: Path, kind: str, own: str) -> None:
    assert looked_at(tmp_path, kind).folders[:2] == (
        str(tmp_path / "state"),
        str(tmp_path / own),
    )


def test_backups_count_since_somebody_has_set_them_up(tmp_path: Path) -> None:
    (tmp_path / "ops.json").write_text("{}")
    os.utime(tmp_path / "ops.json", (SINCE.timestamp(), SINCE.timestamp()))
    target = looked_at(tmp_path)
    assert target.since == SINCE
    assert target.outcomes == str(tmp_path / "state/backup.json")


def test_nobody_misses_backups_that_were_never_set_up(tmp_path: Path) -> None:
    target = looked_at(tmp_path)
    assert target.since is None
    assert target.outcomes == ""


def test_backups_that_once_ran_are_missed_without_settings(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state/backup.json").write_text("{}")
    assert looked_at(tmp_path).outcomes == str(tmp_path / "state/backup.json")
