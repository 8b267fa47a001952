# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a configuration says at a place, with includes, anchors and references as LiteLLM (read in
1.102.4) takes them.

Of two files that have the same top-level key, the later one's counts as a whole. A reference
(``os.environ/NAME``) is looked up before ``environment_variables:`` are set, and nothing where the
process has no such variable.
"""

from __future__ import annotations

from typing import Mapping, NamedTuple, Optional, Union

from . import includes as _includes
from . import yaml_values as _yaml_values
from .includes import Part, Tree
from .loopback import REFERENCE
from .yaml_values import Path, Value

# As PyYAML reads them.
_NOTHING = ("", "~", "null", "Null", "NULL")
_BOOLEANS = {
    word: value
    for words, value in (("true yes on", True), ("false no off", False))
    for name in words.split()
    for word in (name, name.title(), name.upper())
}


class Nested:
    """What a list or a mapping is where a text is asked for."""


NESTED = Nested()
Setting = Union[str, bool, Nested, None]


class Entry(NamedTuple):
    """A setting: ``value`` after references; ``variable`` whose name it is written by, empty
    without one; ``place``: its file and keys, in words."""

    value: Setting
    variable: str
    place: str

    @property
    def text(self) -> str:
        """What Python makes of it where a text is wanted; empty for nothing."""
        return "" if self.value is None or isinstance(self.value, Nested) else str(self.value)


class Configured:
    """A configuration with all that it includes, and the environment that its references mean."""

    def __init__(self, tree: Tree, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._parts: dict[str, _Part] = {}
        for part in map(_Part, tree.parts):
            self._parts.update({path[0]: part for path in part.below.get((), {}).values()})

    @property
    def is_managed(self) -> bool:
        """Whether a secret manager may know what a reference means."""
        manager = self.one("general_settings", "key_management_system")
        return bool(manager and manager.text)

    def at(self, *path: str) -> dict[str, Entry]:
        """The entries of the mapping at a place, by key; none where there is no mapping."""
        part = self._parts.get(path[0])
        found: dict[str, Entry] = {}
        for node in part.nodes(path) if part else ():
            for key in part.below.get(node, {}) if part else ():
                entry = self.one(*path, key)
                if entry and key not in found:
                    found[key] = entry
        return found

    def one(self, *path: str) -> Optional[Entry]:
        """The entry at a place; ``None`` where the configuration has no such key."""
        part = self._parts.get(path[0])
        node = next(iter(part.nodes(path)), None) if part else None
        if part is None or node is None:
            return None
        value = part.setting(node)
        place = "%s of %s" % (".".join(path), part.path)
        if isinstance(value, str) and value.startswith(REFERENCE):
            name = value[len(REFERENCE) :]
            return Entry(self._environment.get(name), name, place)
        return Entry(value, "", place)


class _Part:
    """One file: its keys by the place that they are below, and what anchors mean."""

    def __init__(self, part: Part) -> None:
        self.path, self._text = part.path, part.text
        scan = _yaml_values.scan(part.text)
        self._values = {value.path: value for value in scan.values}
        self._used: dict[Path, list[Path]] = {}
        for path, name in scan.aliases:
            while path and path[-1] in ("-", "<<"):
                path = path[:-1]
            if name in scan.anchors:
                self._used.setdefault(path, []).append(scan.anchors[name])
        self.below: dict[Path, dict[str, Path]] = {}
        for path in scan.keys:
            if path[-1] == "<<":
                continue
            self.below.setdefault(path[:-1], {})[path[-1]] = path
        self._lists = {path for path, _offset in scan.items}

    def nodes(self, path: Path) -> list[Path]:
        """Where a place is written: there, then where anchors say that it is, nearest first."""
        nodes: list[Path] = self._also([()])
        for key in path:
            there = [(*node, key) for node in nodes if key in self.below.get(node, {})]
            nodes = self._also(there)
        return nodes

    def _also(self, nodes: list[Path]) -> list[Path]:
        found, pending = dict.fromkeys(nodes), list(nodes)
        for node in pending:  # which grows meanwhile
            new = [path for path in self._used.get(node, ()) if path not in found]
            found.update(dict.fromkeys(new))
            pending += new
        return list(found)

    def setting(self, node: Path) -> Setting:
        """What is written at a place, references as they are."""
        for path in self._also([node]):
            if path in self._values:
                return self._scalar(self._values[path])
            if path in self.below or path in self._lists:
                return NESTED
        return None

    def _scalar(self, value: Value) -> Setting:
        written = _includes.decoded(self._text, value)
        if value.quoted:
            return written
        if written in _NOTHING:
            return None
        return _BOOLEANS.get(written, written.strip())
