"""Refusals are true: none on a host on which it would be wrong, and none that advises to take away
what is not proved to be nobody's.

The hosts are those of people who run LiteLLM; what each check finds wrong is tested beside it.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from refusal_rows import RELAYED, ROWS, TESTED, WARNINGS, Row

ROOT = Path(__file__).resolve().parents[2]
UTILS = ROOT / "plugins/module_utils"
MAKERS = {"Problem", "Use", "refuse", "_refuse", "_refuse_given", "LegacyError", "_Unplaced"}
FIRST = {"LegacyError", "_Unplaced", "_refuse_given"}  # their problem is the first argument
# What a preflight, a rollback, a finalize.yml or a restore refuses by.
LOOKED_AT = (
    *sorted((UTILS / "_migration").glob("*.py")),
    *(
        UTILS / name
        for name in (
            "_config/needs_files.py",
            "_deployment/legacy.py",
            "_deployment/proxy_process.py",
            "_deployment/proxy_settings.py",
            "_host/docker.py",
            "_host/engine_kind.py",
            "_host/systemd.py",
            "_postgres/endpoint.py",
            "_restore/checks.py",
            "_restore/rebuild.py",
        )
    ),
)
# Of a restore, the functions that return what is wrong as texts.
TELLS = re.compile(
    r"checks\.(check_\w+|newer)"
    r"|rebuild\.(examine|_unaccepted|_without_database|_lost_mounts|_untrusted)"
)
# Advice to take something away, by a piece of it, and whose that is.
TAKES = re.compile(r"\b(stop|drop|kill|end them|remove|rm|restart|disable|uninstall)\b", re.I)
OWN = {
    "restart the proxy": "the proxy that is migrated",
    "restart the unit": "the proxy's own",
    "EnvironmentFile= of the unit, restart it": "the same",
    "give the proxy a login that works, which may read all keys, and restart it": "the same",
    "as at every restart so far": "no advice",
    "git rm --cached": "a file of our own project folder, which stays on the disk",
    "docker volume rm %s": "our own volume, whose rows the journal names",
    "remove its files by hand": "a unit of the legacy deployment, once that is finalized",
    "drop what is not needed": "what only the database's owner knows the need of",
    "drop it where it is not needed": "an extension of LiteLLM's own database",
}


class Refusal(NamedTuple):
    """A place that makes one: ``module.function``, and the words that are written there."""

    where: str
    words: tuple[str, ...]


def constants(node: ast.AST) -> tuple[str, ...]:
    """Texts of at least two words, or with something to fill in."""
    found = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
    return tuple(text for text in found if isinstance(text, str) and re.search(r"\S \S|%s", text))


@functools.lru_cache(maxsize=None)
def functions(path: Path) -> list[tuple[str, ast.FunctionDef]]:
    """Functions of a module by their names, the inner ones of another after it."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [
        ("%s.%s" % (path.stem, node.name), node)
        for node in nodes
        if isinstance(node, ast.FunctionDef)
    ]


def refusals(path: Path) -> Iterator[Refusal]:
    """All that a module makes."""
    for where, function in functions(path):
        for node in ast.walk(function):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in MAKERS and not isinstance(node.args[0], ast.Starred):
                told = node.args[0 if name in FIRST or len(node.args) == 1 else 1]
                yield Refusal(where, constants(told))


def keyed(where: str, words: tuple[str, ...]) -> bool:
    """Whether a row or a test is about one of these words."""
    keys = [key.split(": ", 1) for key in [*(row.key for row in ROWS), *TESTED]]
    return any(place == where and any(piece in text for text in words) for place, piece in keys)


def is_warning(where: str, words: tuple[str, ...]) -> bool:
    """Whether it stops nothing, by its function or by its words there."""
    keys = [key.split(": ", 1) for key in WARNINGS]
    return any(
        place == where and (not piece or any(piece[0] in text for text in words))
        for place, *piece in keys
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key.replace(" ", "-"))
def test_refusal_is_where_it_fits_and_nowhere_else(row: Row) -> None:
    assert row.shown in " | ".join(map(str, row.right()))
    assert [text for text in map(str, row.wrong()) if text] == []


@pytest.mark.parametrize("path", LOOKED_AT, ids=lambda path: path.stem)
def test_every_refusal_has_a_host_on_which_it_would_be_wrong(path: Path) -> None:
    """One without needs a row, or a test that has such a host (``tests/refusal_rows.py``)."""
    missing = [
        refusal
        for refusal in refusals(path)
        if not is_warning(*refusal)
        and not (keyed(*refusal) if refusal.words else refusal.where in RELAYED)
    ]
    assert missing == []


def test_every_text_of_a_restore_has_one() -> None:
    told = [name for path in LOOKED_AT for name, _node in functions(path) if TELLS.fullmatch(name)]
    keys = {key.split(": ")[0] for key in [*(row.key for row in ROWS), *TESTED]}
    assert sorted(set(told) - keys) == []


@pytest.mark.parametrize("key", [*(row.key for row in ROWS), *TESTED])
def test_key_is_of_a_refusal_that_there_is(key: str) -> None:
    where, piece = key.split(": ", 1)
    texts = [
        text
        for path in LOOKED_AT
        for name, node in functions(path)
        if name == where
        for text in constants(node)
    ]
    assert any(piece in text for text in texts)


@pytest.mark.parametrize("test", sorted({test for tests in TESTED.values() for test in tests}))
def test_test_of_a_refusal_is_there(test: str) -> None:
    path, name = test.split("::")
    there = [node.name for _name, node in functions(ROOT / "tests/unit" / path)]
    assert there.count(name) == 1


def test_refusals_are_found_in_every_way_in_which_they_are_made(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        "def one():\n    return Problem('a', 'is %s' if x else 'is not', 'do it')\n"
        "def two(found):\n    found.refuse('a', str(error), 'mend it')\n"
        "    raise LegacyError('it is gone', 'look')\n"
    )
    assert list(refusals(path)) == [
        Refusal("module.one", ("is %s", "is not")),
        Refusal("module.two", ()),
        Refusal("module.two", ("it is gone",)),
    ]
    assert not keyed("module.one", ("is %s", "is not"))


def advice(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """What problems of a module say that there is to do: line and words."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and len(node.args) == 3:
            called = node.func
            name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
            if name in ("Problem", "refuse", "warn", "Use"):
                texts = [part for part in ast.walk(node.args[2]) if isinstance(part, ast.Constant)]
                yield node.lineno, " ".join(str(part.value) for part in texts)


def test_advice_takes_nothing_away_that_may_be_somebodys() -> None:
    found = []
    for path in sorted((ROOT / "plugins/module_utils").rglob("*.py")):
        for line, text in advice(ast.parse(path.read_text(encoding="utf-8"))):
            if TAKES.search(text) and not any(piece in text for piece in OWN):
                found.append("%s:%d: %s" % (path.relative_to(ROOT), line, text))
    assert found == []


def test_advice_is_found_in_every_way_in_which_it_is_given() -> None:
    text = (
        'Problem("a", "b", "stop it" if x else "see")\n'
        'found.refuse("a", "b", "drop %s" % name)\nfound.warn("a", f"stop {x}", "wait")\n'
    )
    told = [(line, bool(TAKES.search(words))) for line, words in advice(ast.parse(text))]
    assert told == [(1, True), (2, True), (3, False)]
