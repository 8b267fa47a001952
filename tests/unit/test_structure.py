"""Packages import downwards only, and the test says so where one does not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import structure


def test_no_import_goes_up() -> None:
    assert structure.upward(structure.arrows()) == []


def test_every_package_has_its_floor_and_its_face() -> None:
    packages = {name: face for floor in structure.FLOORS for name, face in floor.items()}
    assert {path.name for path in structure.UTILITIES.iterdir() if path.is_dir()} - {
        "__pycache__"
    } == set(packages)
    assert [
        name
        for name, face in packages.items()
        if not (structure.UTILITIES / name / f"{face}.py").is_file()
    ] == []


def test_development_page_draws_every_package() -> None:
    page = (structure.ROOT / "docs/development.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| (\d) \| `(_\w+)` \| `(\w+)` \|", page, re.M)) == sorted(
        (str(number), name, face)
        for number, floor in enumerate(structure.FLOORS, 1)
        for name, face in floor.items()
    )


@pytest.mark.parametrize(
    "line",
    [
        "from .._ops import cli",
        "def late():\n    from .._ops.cli import main",
        "from .._host2 import x",
    ],
)
def test_an_import_that_goes_up_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "_host").mkdir()
    (tmp_path / "_host" / "process.py").write_text(line + "\n")
    found = structure.arrows(tmp_path)
    assert [arrow.path for arrow in found] == ["_host/process.py"]
    if "_host2" in line:
        with pytest.raises(StopIteration):
            structure.upward(found)
    else:
        assert structure.upward(found) == found


@pytest.mark.parametrize("line", ["from ... import roles", "from .. import process"])
def test_an_import_from_elsewhere_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "_host").mkdir()
    (tmp_path / "_host" / "process.py").write_text(line + "\n")
    with pytest.raises(ValueError, match=":1: imports from outside"):
        structure.arrows(tmp_path)
