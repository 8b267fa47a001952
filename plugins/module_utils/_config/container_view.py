# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendered copies of config.yaml and the files that it includes, with the container's addresses.

The copies ("views") lie in one folder, on the host and in the container, and include each other
without a path. So the includes resolve in both places, and in a backup.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Optional

from . import addresses as _addresses
from . import includes as _includes
from . import yaml_values as _yaml_values
from .addresses import Rejected, Rewritten
from .includes import INCLUDE, INSIDE, MARK, Tree
from .loopback import Edit, Found, line_of

_EXTENSION = re.compile(r"\.ya?ml\Z", re.I)
_LONGEST = 40
_SURROGATE = re.compile("[\ud800-\udfff]")


class Addresses(NamedTuple):
    """The container's names for other servers (see :func:`_config.addresses.rewrite`).

    ``where``: where the stores are (see :func:`_config.stores.where`)."""

    gateway_name: str = "host.docker.internal"
    own_ports: Sequence[int] = (4000,)
    ports: Optional[Sequence[int]] = None
    redis_host: str = "redis"
    redis_port: int = 6379
    redis_variables: Sequence[str] = ()
    where: Mapping[str, str] = {}


class View(NamedTuple):
    """``source``: the file it was made from.

    ``name``: its own, in the folder of the views. The lines of the rest are those of the source.
    """

    source: str
    name: str
    text: str
    rewritten: list[Rewritten]
    endpoints: list[Found]
    unreachable: list[Found]


def problems(tree: Tree, where: Optional[Mapping[str, str]] = None) -> list[Rejected]:
    """Why there can be no views: everything that stands against it, file by file.

    :param where: where the stores are (see :func:`_config.stores.where`).
    """
    found = []
    for number, part in enumerate(tree.parts):
        misnamed = list(_misnamed(part.text))
        broken = [
            *_unreadable(part.text),
            *((item.line, item.message) for item in _addresses.problems(part.text, where=where)),
            *misnamed,
        ]
        if number and not broken:
            broken += _no_mapping(part.text)
        found += [Rejected(part.path, line, message) for line, message in sorted(broken)]
        found += [
            Rejected(item.by, item.line, _why(item))
            for item in tree.lost
            if item.by == part.path and not misnamed
        ]
    return found


def _unreadable(text: str) -> Iterator[tuple[int, str]]:
    """What no YAML library reads."""
    match = _SURROGATE.search(text)
    if match:
        yield (
            line_of(text, match.start()),
            "not UTF-8, which is all that LiteLLM reads. Write the file as UTF-8",
        )
    if "\0" in text:
        yield line_of(text, text.index("\0")), "holds a NUL byte, so it is no YAML"


def _misnamed(text: str) -> Iterator[tuple[int, str]]:
    """An ``include:`` that LiteLLM does not read as a list of names."""
    scan = _yaml_values.scan(text)
    if INCLUDE not in scan.keys:
        return
    line = line_of(text, scan.keys[INCLUDE])
    if any(path[:1] == INCLUDE for path, _name in scan.aliases):
        yield line, "include: holds an alias (*). Write the names of the files themselves"
    elif (
        INCLUDE not in {path for path, _offset in scan.items}
        or any(
            path[:1] == INCLUDE and path not in (INCLUDE, (*INCLUDE, "-"))
            for path in [*scan.keys, *(value.path for value in scan.values)]
        )
        or any(value.path == INCLUDE for value in scan.values)
    ):
        yield (
            line,
            "include: is not a list of file names, so LiteLLM would not start with it. Write it "
            "as a list",
        )
    elif any(
        re.match(r"\s|\Z", text[value.start :]) or text[value.end - 1] in "\r\n"
        for value in scan.values
        if value.path[:1] == INCLUDE and not value.quoted
    ):
        yield (
            line,
            "include: has a name that is written as a block (| or >). Write it after its dash",
        )


def _no_mapping(text: str) -> Iterator[tuple[int, str]]:
    """Top-level content of an included file that is not a mapping; an empty file is fine."""
    scan = _yaml_values.scan(text)
    offsets = [value.start for value in scan.values if not value.path] + [
        offset for path, offset in scan.items if not path
    ]
    if offsets:
        yield (
            line_of(text, min(offsets)),
            "is included and is not a mapping (key: value), so LiteLLM would not start with it. "
            "Write it as a mapping, or take the file out of include:",
        )


def _why(item: _includes.Lost) -> str:
    """Why an included file can't be read; an address may hold a password, and is not shown."""
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", item.written)
    if scheme:
        return (
            "includes an address (%s…), and LiteLLM includes files. Put what it holds into a "
            "file, and name that" % scheme[0]
        )
    if not item.why:
        return (
            "includes %s, and %s is not there, so LiteLLM would not start again. Restore the "
            "file, or take it out of include:" % (" ".join(item.written.split()), item.place)
        )
    return "includes %s: %s. Make it a file that LiteLLM can read, or take it out of include:" % (
        item.place,
        item.why,
    )


def names(tree: Tree, dest: str) -> dict[str, str]:
    """File names for the views of included files, by source path: numbered, so that none clash."""
    stem = _EXTENSION.sub("", os.path.basename(dest))
    made = {}
    for number, part in enumerate(tree.parts[1:], 1):
        name = _EXTENSION.sub("", os.path.basename(part.path))
        safe_name = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:_LONGEST]
        made[part.path] = "%s.%d-%s.yaml" % (stem, number, safe_name)
    return made


def views(tree: Tree, dest: str, addresses: Addresses, named: str = "") -> list[View]:
    """The view of a config.yaml, at ``dest``, then those of the files it includes, beside it.

    :param named: the path that the first one names, where it is not the one that was read.
    """
    view_names = names(tree, dest)
    # A file that includes the first one again uses its name in the container; LiteLLM does not read
    # it twice.
    names_by_path = {os.path.abspath(tree.parts[0].path): INSIDE, **view_names}
    found = []
    for part in tree.parts:
        edits = [
            Edit(
                value.start - value.quoted,
                value.end + value.quoted,
                names_by_path[place],
                (part.text[value.start : value.end], names_by_path[place]),
            )
            for value, place in part.entries
        ]
        text, rewritten = _addresses.rewrite(part.text, **addresses._asdict(), more=edits)
        text = "%s, from %s: change that file and run again.\n%s" % (
            MARK,
            (named if named and part is tree.parts[0] else part.path).replace("\n", " "),
            text.lstrip("\ufeff"),
        )
        unreached = _addresses.unreachable(part.text, addresses.own_ports, addresses.ports)
        found.append(
            View(
                part.path,
                view_names.get(part.path, os.path.basename(dest)),
                text,
                rewritten,
                _addresses.find(part.text),
                unreached,
            )
        )
    return found


def stale(folder: str, dest: str, wanted: Sequence[str]) -> list[str]:
    """Paths of views that an earlier run rendered for files that are no longer included.

    :raises OSError: one of them can't be read.
    """
    ours = re.compile(
        re.escape(_EXTENSION.sub("", os.path.basename(dest)))
        + r"\.[1-9][0-9]*-[A-Za-z0-9_-]*\.yaml"
    )
    found = [
        os.path.join(folder, name)
        for name in sorted(os.listdir(folder) if os.path.isdir(folder) else [])
        if ours.fullmatch(name) and name not in wanted
    ]
    return [
        path
        for path in found
        if os.path.isfile(path)
        and not os.path.islink(path)
        and _includes.exact(path).startswith(MARK)
    ]
