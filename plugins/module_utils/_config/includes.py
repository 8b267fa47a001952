# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a config.yaml of LiteLLM includes, found as LiteLLM (read in 1.102.4) finds them.

An entry of ``include:`` is searched beside the file that has it, then beside the first one;
included files may include others. They are merged in the order in which they are named, those that
included files name last; no file is read twice. Lists are extended, every other top-level value is
replaced as a whole.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from typing import Callable, Mapping, NamedTuple, Optional

from . import yaml_values as _yaml_values
from .loopback import line_of
from .yaml_values import Value

INCLUDE = ("include",)
# How the container's view of a config.yaml begins, and the first one's name in the container.
MARK, INSIDE = "# Written by llmops.litellm, module config_file", "config.yaml"
_YAML = (".yaml", ".yml")
# Compose's own files have a key of that name too, with another meaning.
_COMPOSE = re.compile(r"(docker-)?compose\b")
_LINE_END = re.compile(r"\r\n|[\r\n]")
_FOLD = re.compile(r"[ \t]*(?P<lines>(?:(?:\r\n|[\r\n])[ \t]*)+)")
_DOUBLE = re.compile(
    r"\\(?:(?P<code>x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8})"
    r"|(?P<joined>(?:\r\n|[\r\n])[ \t]*)|(?P<sign>.))|%s" % _FOLD.pattern
)
_ESCAPES = {
    "0": "\0",
    "a": "\a",
    "b": "\b",
    "t": "\t",
    "\t": "\t",
    "n": "\n",
    "v": "\v",
    "f": "\f",
    "r": "\r",
    "e": "\x1b",
    " ": " ",
    '"': '"',
    "/": "/",
    "\\": "\\",
    "N": "\x85",
    "_": "\xa0",
    "L": "\u2028",
    "P": "\u2029",
}
_ODD = re.compile(r"[^A-Za-z0-9._-]")


class Files(NamedTuple):
    """``files``: paths by names in a backup.

    ``absent``: in words, what is included and not there.
    """

    files: dict[str, str]
    absent: tuple[str, ...]


class Part(NamedTuple):
    """A config.yaml or a file that it includes.

    ``entries``: where each name below ``include:`` stands, and the file that it means.
    """

    path: str
    text: str
    entries: tuple[tuple[Value, str], ...] = ()


class Lost(NamedTuple):
    """What is included and can't be read: by which file, in which line, as it is written there;
    ``error``: ``None`` where it is not there.
    """

    by: str
    line: int
    written: str
    place: str
    error: Optional[OSError]


class Tree(NamedTuple):
    """A config.yaml with all that it includes, in the order in which LiteLLM reads them."""

    parts: tuple[Part, ...] = ()
    lost: tuple[Lost, ...] = ()

    @property
    def texts(self) -> list[str]:
        return [part.text for part in self.parts]

    def having(self, key: str) -> str:
        """The text of the last file with a top-level key, whose value counts unless it is a list;
        empty if no file has it.
        """
        return next(
            (text for text in reversed(self.texts) if (key,) in _yaml_values.scan(text).keys), ""
        )


def exact(path: str) -> str:
    """A text file with its line ends as they are, undecodable bytes kept as surrogates."""
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as stream:
        return stream.read()


def entries(text: str) -> list[tuple[str, Value]]:
    """What a config.yaml names under ``include:``, in its order, and where."""
    return [
        (_decoded(text, value), value)
        for value in _yaml_values.scan(text).values
        if value.path == (*INCLUDE, "-")
    ]


def _decoded(text: str, value: Value) -> str:
    """The value of a scalar other than a block: escapes, quotes and line ends read as in YAML."""
    quote, written = text[value.start - 1] if value.quoted else "", text[value.start : value.end]
    return (_DOUBLE if quote == '"' else _FOLD).sub(
        _read, written.replace("''", "'") if quote == "'" else written
    )


def _read(match: re.Match[str]) -> str:
    groups = match.groupdict()
    if groups["lines"] is not None:
        return "\n" * (len(_LINE_END.findall(groups["lines"])) - 1) or " "
    if groups.get("code"):
        number = int(groups["code"][1:], 16)
        return chr(number) if number <= sys.maxunicode else match[0]
    return "" if groups.get("joined") else _ESCAPES.get(groups["sign"], match[0])


def follow(path: str, read: Callable[[str], str] = exact) -> Tree:
    """A config.yaml with all that it includes.

    :raises OSError: the file itself can't be read.
    """
    first = os.path.abspath(path)
    parts = [_part(path, read(path), first)]
    lost, seen = [], {first}
    if parts[0].text.startswith(MARK):
        seen.add(os.path.join(os.path.dirname(first), INSIDE))  # as other views name this one
    pending = [(parts[0], entry) for entry in parts[0].entries]
    while pending:
        by, (value, place) = pending.pop(0)
        if place in seen:
            continue
        seen.add(place)
        try:
            if os.path.exists(place) and not os.path.isfile(place):
                raise OSError(errno.EINVAL, "not a regular file", place)
            parts.append(_part(place, read(place), first))
            pending += [(parts[-1], entry) for entry in parts[-1].entries]
        except (OSError, ValueError) as error:  # ValueError: no file can have such a name
            why = (
                error
                if isinstance(error, OSError) and not isinstance(error, FileNotFoundError)
                else None
            )
            lost.append(
                Lost(
                    by.path,
                    line_of(by.text, value.start),
                    by.text[value.start : value.end],
                    place,
                    why,
                )
            )
    return Tree(tuple(parts), tuple(lost))


def _part(path: str, text: str, first: str) -> Part:
    return Part(
        path,
        text,
        tuple((value, _place(name, os.path.abspath(path), first)) for name, value in entries(text)),
    )


def _place(name: str, by: str, first: str) -> str:
    """The file that a name in a file means."""
    beside, instead = (
        os.path.abspath(os.path.join(os.path.dirname(each), name)) for each in (by, first)
    )
    return instead if os.path.exists(instead) and not os.path.exists(beside) else beside


def find(path: str) -> tuple[list[str], list[str]]:
    """The files that a config.yaml includes, and those that it includes and that are not there.

    :raises OSError: a file is there and can't be read.
    """
    tree = follow(path)
    for item in tree.lost:
        if item.error is not None and item.error.errno != errno.EINVAL:
            raise item.error
    return [part.path for part in tree.parts[1:]], [item.place for item in tree.lost]


def name_in(path: str, config: str, taken: Mapping[str, str]) -> str:
    """An included file's name in a backup: its own if it lies beside the config, else one that
    holds its folders' names too.
    """
    base = os.path.dirname(os.path.abspath(config))
    way = os.path.relpath(path, base)
    name = _ODD.sub("_", way.replace("../", "").replace("/", "--"))[-90:].lstrip(".-_")
    return next(
        each
        for each in [name] + ["%d-%s" % (number, name) for number in range(2, 10000)]
        if each not in taken
    )


def with_included(files: Mapping[str, str]) -> Files:
    """The files of a backup, and what the configs among them include.

    :param files: paths by names in the backup. Missing ones stay in it, for the caller to refuse.
    :raises OSError: a file is there and can't be read.
    """
    made, absent = dict(files), []
    for path in files.values():
        if (
            path.endswith(_YAML)
            and not _COMPOSE.match(os.path.basename(path))
            and os.path.isfile(path)
        ):
            found, missing = find(path)
            absent += ["%s includes %s, which is not there" % (path, each) for each in missing]
            for each in found:
                if each not in {os.path.abspath(known) for known in made.values()}:
                    made[name_in(each, path, made)] = each
    return Files(made, tuple(absent))
