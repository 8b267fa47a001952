# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a config.yaml of LiteLLM includes, found as LiteLLM (read in 1.102.4) finds them.

An entry of ``include:`` is searched beside the file that has it, then beside the first one;
included files may include others. They are merged in the order in which they are named, those that
included files name last; no file is read twice. Lists are extended, every other top-level value is
replaced as a whole.

All of them are read by one account, the one whose proxy reads them: what a name below ``include:``
means is that account's choice.
"""

from __future__ import annotations

import collections
import os
import re
import sys
from typing import Mapping, NamedTuple, Optional, Union

from .._host import reader as _reader
from .._host.account import Account
from .._host.problem import OperatorError
from . import yaml_values as _yaml_values
from .loopback import line_of
from .yaml_values import Value

INCLUDE = ("include",)
# How the container's view of a config.yaml begins, and the first one's name in the container.
MARK, INSIDE = "# Written by llmops.litellm, module config_file", "config.yaml"
_YAML = (".yaml", ".yml")
# Of one file and of all together, in bytes; some thousand models are a tenth of the former.
LIMIT, ALL = 4 << 20, 16 << 20
MOST = 200  # files
_GONE = ", which is not there"
_TOO_MANY = "more than %d files, or %d MiB, are included" % (MOST, ALL >> 20)
_LONGEST = 4096  # characters of a name; no file has a longer one
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
    """``files``: paths by names in a backup. ``readers``: who reads them (see
    :func:`_host.reader.of`), by these names.

    ``absent``: in words, what is included and can't be had.
    """

    files: dict[str, str]
    absent: tuple[str, ...]
    readers: dict[str, str]


class Part(NamedTuple):
    """A config.yaml or a file that it includes.

    ``entries``: where each name below ``include:`` stands, and the file that it means.
    """

    path: str
    text: str
    entries: tuple[tuple[Value, str], ...] = ()


class Lost(NamedTuple):
    """What is included and can't be read: by which file, in which line, as it is written there;
    ``why``: in words that follow its path, empty where it is not there.
    """

    by: str
    line: int
    written: str
    place: str
    why: str


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
    """A text file of ours with its line ends as they are, undecodable bytes kept as surrogates.

    :raises OSError: it can't be read.
    """
    return _reader.ours().text(path)


def entries(text: str) -> list[tuple[str, Value]]:
    """What a config.yaml names under ``include:``, in its order, and where."""
    return [
        (decoded(text, value), value)
        for value in _yaml_values.scan(text).values
        if value.path == (*INCLUDE, "-")
    ]


def decoded(text: str, value: Value) -> str:
    """The value of a scalar other than a block: escapes, quotes and line ends read as in YAML."""
    quote, written = text[value.start - 1] if value.quoted else "", text[value.start : value.end]
    if len(written) > _LONGEST:
        return written
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


def follow(path: str, account: Optional[Account] = None, text: Optional[str] = None) -> Tree:
    """A config.yaml with all that it includes.

    :param account: who reads it; without one, who could have chosen the file (see
        :func:`_host.reader.of`).
    :param text: what it is to hold, of one that is not written yet.
    :raises OSError: the file itself can't be read. :raises UntrustedPath: more than one account
        could have chosen it.
    """
    account = account or _reader.of("", path)
    first = os.path.abspath(path)
    read = account.text(path, LIMIT) if text is None else text
    parts = [_part(path, read, first, account)]
    lost, seen = [], {first}
    if parts[0].text.startswith(MARK):
        seen.add(os.path.join(os.path.dirname(first), INSIDE))  # as other views name this one
    pending = collections.deque((parts[0], entry) for entry in parts[0].entries)
    while pending:
        by, (value, place) = pending.popleft()
        if place in seen:
            continue
        seen.add(place)
        why = _TOO_MANY
        if len(parts) < MOST and sum(len(part.text) for part in parts) <= ALL:
            part = _included(place, first, account)
            if isinstance(part, Part):
                parts.append(part)
                pending += [(part, entry) for entry in part.entries]
                continue
            why = part
        written = by.text[value.start : value.end]
        lost.append(Lost(by.path, line_of(by.text, value.start), written, place, why))
        if why == _TOO_MANY:
            break
    return Tree(tuple(parts), tuple(lost))


def _included(place: str, first: str, account: Account) -> Union[Part, str]:
    """An included file, or why there is none; empty where nothing is there."""
    try:
        if b"\0" in os.fsencode(place):
            return ""  # no file can have such a name
        return _part(place, account.text(place, LIMIT), first, account)
    except (FileNotFoundError, UnicodeEncodeError):
        return ""
    except OSError as error:
        return account.cannot(error)


def _part(path: str, text: str, first: str, account: Account) -> Part:
    named = entries(text)
    names = list(dict.fromkeys(name for name, _value in named))[: MOST + 1]
    places = _places(names, os.path.abspath(path), first, account)
    return Part(path, text, tuple((value, places[name]) for name, value in named if name in places))


def _places(names: list[str], by: str, first: str, account: Account) -> dict[str, str]:
    """The files that names in a file mean."""
    made = {}
    for name in names:
        beside, instead = (
            os.path.abspath(os.path.join(os.path.dirname(each), name)) for each in (by, first)
        )
        made[name] = [beside, instead]
    unsure = [name for name, (beside, instead) in made.items() if beside != instead]
    if unsure:
        there = account.ask(
            lambda: [[os.path.exists(each) for each in made[name]] for name in unsure], by
        )
        for name, found in zip(unsure, there):
            if found == [False, True]:
                made[name].reverse()
    return {name: beside for name, (beside, _instead) in made.items()}


def find(path: str) -> tuple[list[str], list[str]]:
    """The files that a config.yaml includes, and those that it includes and that can't be had.

    :raises OSError, UntrustedPath: see :func:`follow`.
    """
    tree = follow(path)
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


def with_included(files: Mapping[str, str], readers: Optional[Mapping[str, str]] = None) -> Files:
    """The files of a backup, and what the configs among them include.

    :param files: paths by names in the backup. Those that can't be read stay in it, for the caller
        to refuse.
    :param readers: who reads them, by these names.
    """
    made, absent, who = dict(files), [], dict(readers or {})
    for target, path in files.items():
        if not path.endswith(_YAML) or _COMPOSE.match(os.path.basename(path)):
            continue
        try:
            account = _reader.of(who.get(target, ""), path)
            tree = follow(path, account)
        except (OSError, OperatorError):
            continue
        absent += [
            "%s includes %s%s" % (path, item.place, ": " + item.why if item.why else _GONE)
            for item in tree.lost
        ]
        for part in tree.parts[1:]:
            if part.path not in {os.path.abspath(known) for known in made.values()}:
                name = name_in(part.path, path, made)
                made[name], who[name] = part.path, _reader.word(account)
    return Files(made, tuple(absent), who)
