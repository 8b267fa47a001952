"""What the pages say exists: links lead somewhere, names are the collection's.

And a page stays readable: its lines and its recipes are short.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from pages import dead_links

ROOT = Path(__file__).resolve().parents[2]
LISTED = subprocess.run(
    ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
    cwd=ROOT,
    check=True,
    capture_output=True,
    text=True,
).stdout.split("\0")
# CHANGELOG.md is made by antsibull-changelog; what images and hosts of the test bed get is theirs.
FOREIGN = re.compile(r"CHANGELOG\.md|tests/testbed/[^/]+/")
PAGES = [
    ROOT / name for name in LISTED if name and (ROOT / name).exists() and not FOREIGN.match(name)
]
NAME = re.compile(r"\bllmops\.litellm\.([a-z_]+)\b")
WIDTH = 100


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def known_names() -> set[str]:
    """The names of playbooks, roles, modules, filters and lookups."""
    plugins = (
        path.stem for path in (ROOT / "plugins").glob("*/*") if path.suffix in (".py", ".yml")
    )
    return {
        *plugins,
        *(path.stem for path in (ROOT / "playbooks").glob("*.yml")),
        *(path.name for path in (ROOT / "roles").iterdir()),
    }


def long_lines(text: str) -> list[int]:
    """The numbers of lines that are too long; a row of a table can't be wrapped."""
    return [
        number
        for number, line in enumerate(text.splitlines(), 1)
        if len(line) > WIDTH and not line.startswith("|")
    ]


def test_there_are_pages() -> None:
    assert {"README.md", "docs/guide.md", "docs/glossary.md", "docs/recipes.md"} <= set(
        map(name_of, PAGES)
    )


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    assert dead_links(page) == []


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One head\n[a](#one-head) [b](#two) [c](page.md#one-head) [d](gone.md) [e](x://y)\n"
    )
    assert dead_links(page) == ["#two", "gone.md"]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_names_are_those_of_the_collection(page: Path) -> None:
    assert set(NAME.findall(page.read_text(encoding="utf-8"))) - known_names() == set()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_lines_fit_a_screen(page: Path) -> None:
    assert long_lines(page.read_text(encoding="utf-8")) == []


def test_a_long_line_is_found_and_a_row_is_not() -> None:
    assert long_lines("x" * 101 + "\n| " + "x" * 101 + "\n" + "x" * 100) == [1]


def test_recipes_have_at_most_ten_lines() -> None:
    page = (ROOT / "docs/recipes.md").read_text(encoding="utf-8")
    recipes = [recipe.strip().splitlines() for recipe in page.split("\n## ")[1:]]
    assert len(recipes) == 6
    assert [head for head, *steps in recipes if len(steps) > 10] == []
