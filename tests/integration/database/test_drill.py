"""Drills: backups restored into real throwaway containers, of which nothing is left."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._backup import backup as _backup
from ansible_collections.llmops.litellm.plugins.module_utils._postgres import (
    fingerprint as _fingerprint,
)
from ansible_collections.llmops.litellm.plugins.module_utils._postgres.session import PostgresError
from ansible_collections.llmops.litellm.plugins.module_utils._restore import drill as _drill
from ansible_collections.llmops.litellm.plugins.module_utils._restore import load as _load

from .conftest import ENGINE, IMAGES, Server
from .content import NASTY

NOW = datetime(2026, 11, 23, 12, 5, 1, tzinfo=timezone.utc)


def docker(*words: str) -> str:
    """What the engine's client prints."""
    return subprocess.run([*ENGINE, *words], capture_output=True, text=True, check=True).stdout


def left() -> tuple[list[str], list[str]]:
    """Containers of drills, and volumes without a name of somebody's, as scenarios beside have."""
    volumes = docker("volume", "ls", "--quiet").split()
    return docker("ps", "--all", "--quiet", "--filter", "label=" + _drill.LABEL).split(), sorted(
        name for name in volumes if re.fullmatch("[0-9a-f]{64}", name)
    )


def backed_up(source: Server, folder: Path) -> str:
    """The folder of a backup."""
    return str(_backup.backup(_backup.Order(source.new(NASTY), str(folder), "legacy"), NOW)["path"])


@pytest.mark.parametrize("image", IMAGES)
def test_backup_is_proved_and_nothing_is_left(native: Server, tmp_path: Path, image: str) -> None:
    path, before = backed_up(native, tmp_path), left()
    done = _drill.drill(path, image, NOW, ENGINE)
    held = _backup.manifest(path)["fingerprint"]
    assert (done["differences"], done["rows"], done["tables"]) == (
        [],
        held["rows_total"],
        len(held["tables"]),
    )
    assert left() == before


@pytest.mark.parametrize("image", IMAGES)
def test_dump_that_is_not_what_the_manifest_says_is_found(
    native: Server, tmp_path: Path, image: str
) -> None:
    """A sound file with other rows: every checksum is right."""
    path = Path(backed_up(native, tmp_path))
    told = json.loads((path / "manifest.json").read_text())
    told["fingerprint"]["tables"][0]["hash"] = "0" * 32
    told["fingerprint"]["hash"] = _fingerprint.digest(told["fingerprint"])
    (path / "manifest.json").write_text(json.dumps(told))
    (path / "SHA256SUMS").write_text(_backup.sums(str(path)))
    before = left()
    assert _drill.drill(str(path), image, NOW, ENGINE)["differences"]
    (path / "database.dump").write_bytes((path / "database.dump").read_bytes()[:-200])
    (path / "SHA256SUMS").write_text(_backup.sums(str(path)))
    with pytest.raises(PostgresError, match="pg_restore"):
        _drill.drill(str(path), image, NOW, ENGINE)
    assert left() == before


@pytest.mark.parametrize("image", IMAGES)
def test_what_a_drill_that_was_killed_has_left_goes_with_the_next(
    native: Server, tmp_path: Path, image: str
) -> None:
    path, before = backed_up(native, tmp_path), left()
    docker(
        "run", "--detach", "--label", _drill.LABEL, "--network", "none", image, "sleep", "infinity"
    )
    assert len(left()[0]) == 1
    _drill.drill(path, image, NOW, ENGINE)
    assert left() == before


def test_encrypted_backup_without_a_key_is_not_called_broken(
    native: Server, tmp_path: Path
) -> None:
    path = Path(backed_up(native, tmp_path))
    told = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps({**told, "encrypted": ["age1xyz"]}))
    before = left()
    with pytest.raises(_load.EncryptedError, match="is encrypted"):
        _drill.drill(str(path), "nosuch:1", NOW, ENGINE)
    assert left() == before


def test_image_that_is_not_there_is_said(native: Server, tmp_path: Path) -> None:
    path = backed_up(native, tmp_path)
    with pytest.raises(
        _backup.BackupError, match="a container for the drill does not start: .*nosuch"
    ):
        _drill.drill(path, "nosuch:1", NOW, ENGINE)


@pytest.mark.parametrize("image", IMAGES)
def test_server_has_no_network(image: str) -> None:
    told: list[str] = []
    with _drill.server(image, ENGINE) as name:
        told.append(
            docker(
                "inspect",
                "--format",
                "{{.HostConfig.NetworkMode}} {{json .NetworkSettings.Ports}}",
                name,
            ).strip()
        )
        told.append(docker("inspect", "--format", "{{.HostConfig.Memory}}", name).strip())
    assert told == ["none {}", str(2 << 30)]
