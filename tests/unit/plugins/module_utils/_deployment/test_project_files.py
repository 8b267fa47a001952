"""Rendered files take the place of a project's, whole, and with their owners and modes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.llmops.litellm.plugins.module_utils._deployment import (
    project_files as _project_files,
)
from ansible_collections.llmops.litellm.plugins.module_utils._host import files as _files
from ansible_collections.llmops.litellm.plugins.module_utils._host.paths import UntrustedPath


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """What a run rendered, and a project with files of its own and of others."""
    source, project = tmp_path / "candidate", tmp_path / "project"
    source.mkdir()
    project.mkdir()
    for name, text in {
        ".env": "NEW=1\n",
        "compose.yaml": "new\n",
        "config.compose.yaml": "same\n",
        "config.compose.1-models.yaml": "models\n",
        "needed.001-key.json": "{}\n",
        "notes.txt": "not ours to put there\n",
    }.items():
        (source / name).write_text(text)
    (source / ".env").chmod(0o600)
    for name, text in {
        ".env": "OLD=1\n",
        "compose.yaml": "old\n",
        "config.compose.yaml": "same\n",
        "config.compose.2-more.yaml": "nobody includes it any more\n",
        "needed.002-gone.pem": "nobody needs it any more\n",
        "schema.prisma": "somebody's\n",
        "redis.conf": "stays\n",
    }.items():
        (project / name).write_text(text)
    return source, project


def test_files_are_placed_and_what_nobody_names_goes(folders: tuple[Path, Path]) -> None:
    source, project = folders
    before = {path.name: path.read_text() for path in project.iterdir()}
    foreseen = _project_files.place(str(source), str(project), check=True)
    assert {path.name: path.read_text() for path in project.iterdir()} == before
    placed = _project_files.place(str(source), str(project))
    assert placed == foreseen
    assert placed.written == [
        "config.compose.1-models.yaml",
        "needed.001-key.json",
        ".env",
        "compose.yaml",
    ]
    assert placed.removed == ["config.compose.2-more.yaml", "needed.002-gone.pem"]
    assert (project / ".env").read_text() == "NEW=1\n"
    assert (project / ".env").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in project.iterdir()) == [
        ".env",
        "compose.yaml",
        "config.compose.1-models.yaml",
        "config.compose.yaml",
        "needed.001-key.json",
        "redis.conf",
        "schema.prisma",
    ]
    assert _project_files.place(str(source), str(project)) == ([], [])


def test_a_mode_alone_is_a_difference(folders: tuple[Path, Path]) -> None:
    source, project = folders
    _project_files.place(str(source), str(project))
    (project / ".env").chmod(0o644)
    assert _project_files.place(str(source), str(project)).written == [".env"]
    assert (project / ".env").stat().st_mode & 0o777 == 0o600


def test_what_compose_reads_is_written_last(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, project = folders
    order: list[str] = []
    real = _files.write_atomically

    def noted(path: str, *rest: Any) -> None:
        order.append(os.path.basename(path))
        real(path, *rest)

    monkeypatch.setattr(_files, "write_atomically", noted)
    _project_files.place(str(source), str(project))
    assert order[-1] == "compose.yaml"


def test_a_link_is_neither_read_nor_kept(folders: tuple[Path, Path], tmp_path: Path) -> None:
    source, project = folders
    secret = tmp_path / "shadow"
    secret.write_text("secret\n")
    (source / "redis.conf").symlink_to(secret)
    (project / "compose.yaml").unlink()
    (project / "compose.yaml").symlink_to(secret)
    assert "redis.conf" not in _project_files.place(str(source), str(project)).written
    assert not (project / "compose.yaml").is_symlink()
    assert secret.read_text() == "secret\n"


@pytest.mark.parametrize("which", [0, 1])
def test_folders_of_others_are_refused(folders: tuple[Path, Path], which: int) -> None:
    folders[which].chmod(0o777)
    with pytest.raises(UntrustedPath, match="puts files in place"):
        _project_files.place(str(folders[0]), str(folders[1]))


def test_patterns_are_of_the_folder() -> None:
    patterns = _project_files.patterns("/opt/litellm")
    assert "/opt/litellm/.env" in patterns and "/opt/litellm/needed.*" in patterns
