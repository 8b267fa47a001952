"""A copy of an engine's data: what never changes is shared, all else is the new host's own."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import ModuleType


def test_layers_are_links_and_all_else_is_copied(migrated: ModuleType, tmp_path: Path) -> None:
    source, target = tmp_path / "old/_data", tmp_path / "new/_data"
    target.mkdir(parents=True)
    for name, text in {
        "image/overlay2/layerdb/sha256/ab/cache-id": "layer1",
        "image/overlay2/layerdb/sha256/cd/cache-id": "layer2",
        "overlay2/layer1/diff/usr/bin/python": "binary",
        "overlay2/layer2/diff/etc/passwd": "root",
        "overlay2/container/diff/tmp/written": "since",
        "overlay2/l/SHORT": "a link, really",
        "volumes/litellm_postgres/_data/base/1": "rows",
        "engine-id": "1",
    }.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    subprocess.run(["sh", "-c", migrated.COPY, "sh", str(tmp_path), "old", "new"], check=True)
    files = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    assert {path.relative_to(target) for path in target.rglob("*") if path.is_file()} == files
    shared = {str(name) for name in files if (source / name).samefile(target / name)}
    assert shared == {"overlay2/layer1/diff/usr/bin/python", "overlay2/layer2/diff/etc/passwd"}
    assert all((target / name).read_text() == (source / name).read_text() for name in files)


def test_copy_that_breaks_off_fails(migrated: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "new/_data").mkdir(parents=True)
    command = ["sh", "-c", migrated.COPY, "sh", str(tmp_path), "none", "new"]
    assert subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode != 0
