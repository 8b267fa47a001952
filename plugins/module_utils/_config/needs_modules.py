# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a Python module of the operator's, with those that it imports from beside it.

To be run as the account whose modules they are (:meth:`_host.account.Account.ask`): what is parsed
here is its own, and a child that dies of it is only a child.
"""

from __future__ import annotations

import ast
import os
import sys
from typing import Any, Callable, Iterator, NamedTuple, Sequence

# Python's own, as far as this Python knows them (3.10 and newer).
STANDARD = frozenset(getattr(sys, "stdlib_module_names", ()))
MOST = 200
LARGEST = 1 << 20  # bytes of one


class Sources(NamedTuple):
    """``files``: paths by their place below the folder of modules (``hooks/limit.py``).
    ``imports``: top-level names that none of them is, and that Python has not by itself.
    ``broken``: what can't be read or is no Python, in words.
    """

    files: dict[str, str]
    imports: list[str]
    broken: list[str]


def find(
    names: Sequence[str], folders: Sequence[str], read: Callable[[str], bytes]
) -> dict[str, Any]:
    """A :class:`Sources` as a dictionary, for modules by their names.

    :param folders: where Python looks, in this order.
    :param read: a file's content.
    """
    made = Sources({}, [], [])
    pending = [(name, True) for name in names]
    seen: set[str] = set()
    while pending:
        name, needed = pending.pop(0)
        if name in seen or len(made.files) >= MOST:
            continue
        seen.add(name)
        found = _locate(name, folders)
        top = name.split(".")[0]
        if not found:
            outside = top not in STANDARD and not _locate(top, folders)
            if needed and outside and top not in made.imports:
                made.imports.append(top)
            continue
        for place, path in found:
            pending += _taken(place, path, made, read)
    return made._asdict()


def _taken(
    place: str, path: str, made: Sources, read: Callable[[str], bytes]
) -> list[tuple[str, bool]]:
    """What a file, which is noted, imports."""
    if place in made.files:
        return []
    made.files[place] = path
    try:
        text = read(path)
        tree = ast.parse(text[:LARGEST])
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError) as error:
        made.broken.append(
            "%s: %s" % (path, getattr(error, "strerror", None) or type(error).__name__)
        )
        return []
    package = place[: -len(".py")].replace("/", ".")
    package = (
        package[: -len(".__init__")]
        if package.endswith(".__init__")
        else package.rpartition(".")[0]
    )
    return list(_imports(tree, package))


def _locate(name: str, folders: Sequence[str]) -> list[tuple[str, str]]:
    """A module's file and those of the packages above it: place below the folder, and path. A name
    that is not there may be an attribute of the module above."""
    parts = name.split(".")
    for folder in folders:
        way = os.path.join(*parts)
        for place in (way + ".py", os.path.join(way, "__init__.py")):
            if os.path.isfile(os.path.join(folder, place)):
                above = [os.path.join(*parts[:end], "__init__.py") for end in range(1, len(parts))]
                places = [each for each in above if os.path.isfile(os.path.join(folder, each))]
                return [
                    (each, os.path.join(folder, each)) for each in dict.fromkeys([*places, place])
                ]
    return []


def _imports(tree: ast.Module, package: str) -> Iterator[tuple[str, bool]]:
    """Names of modules that a file imports, and whether it can't be loaded without."""
    always = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        needed = id(node) in always
        if isinstance(node, ast.Import):
            yield from ((item.name, needed) for item in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            if base:
                yield base, needed
            yield from (
                ("%s.%s" % (base, item.name) if base else item.name, False) for item in node.names
            )
