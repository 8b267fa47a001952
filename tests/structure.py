"""Print the packages of plugins/module_utils, from the ground up, with their lines and imports:
``tests/structure.py``.

A package may import only from packages below it; an import that goes up, or a circle, is printed
and ends with exit code 1. Read from the syntax trees, so that imports within functions and for type
checking count as well.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
UTILITIES = ROOT / "plugins/module_utils"
# From the ground up; packages of one floor do not know of each other. The module in brackets is the
# package's face.
FLOORS = (
    {"_host": "process"},
    {"_config": "envfile", "_hold": "hold"},
    {"_postgres": "session", "_redis": "redis"},
    {"_litellm": "client", "_pooler": "pooler"},
    {"_deployment": "journal"},
    {"_backup": "backup", "_model_server": "declaration"},
    {"_health": "checks", "_restore": "plan"},
    {"_migration": "preflight", "_ops": "cli"},
)


class Arrow(NamedTuple):
    """An import of one package's module by another's."""

    source: str
    target: str
    path: str
    line: int


def floor_of(package: str) -> int:
    """The floor of a package, counted from the ground."""
    return next(number for number, floor in enumerate(FLOORS) if package in floor)


def arrows(root: Path = UTILITIES) -> list[Arrow]:
    """Every import across packages.

    :raises ValueError: an import that is neither within the package nor of another one of these.
    """
    found = []
    for path in sorted(root.glob("*/*.py")):
        source = path.parent.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level > 1:
                target = (node.module or "").split(".")[0]
                if node.level > 2 or not target:
                    raise ValueError(f"{path}:{node.lineno}: imports from outside the packages")
                found.append(Arrow(source, target, str(path.relative_to(root)), node.lineno))
    return found


def upward(found: list[Arrow]) -> list[Arrow]:
    """Those that don't go down."""
    return [arrow for arrow in found if floor_of(arrow.target) >= floor_of(arrow.source)]


def main() -> int:
    """Print the house; the exit code."""
    found = arrows()
    print(f"{'floor':<6} {'package':<15} {'face':<13} {'files':>5} {'lines':>6}  imports from")
    for number, floor in reversed(list(enumerate(FLOORS, 1))):
        for package, face in floor.items():
            files = sorted((UTILITIES / package).glob("*.py"))
            lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files)
            below = " ".join(sorted({arrow.target for arrow in found if arrow.source == package}))
            print(
                f"{number:<6} {package:<15} {face:<13} {len(files):>5} {lines:>6}  {below or '-'}"
            )
    up = upward(found)
    pairs = len({(arrow.source, arrow.target) for arrow in found})
    print(f"{sum(map(len, FLOORS))} packages on {len(FLOORS)} floors, {pairs} arrows, {len(up)} up")
    for arrow in up:
        print(f"UP  {arrow.path}:{arrow.line}: {arrow.source} imports {arrow.target}")
    return 1 if up else 0


if __name__ == "__main__":
    sys.exit(main())
