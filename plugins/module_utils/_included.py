# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a config.yaml of LiteLLM includes, found as LiteLLM (read in 1.102.4) finds them.

An entry of ``include:`` is looked for beside the file that has it, and else beside the first one; included files may include others.
"""
from __future__ import annotations

import json
import os
import re
from typing import Mapping, NamedTuple

from . import _yaml_values
from ._host import read

_YAML = (".yaml", ".yml")
# Compose's own files have a key of that name too, with another meaning.
_COMPOSE = re.compile(r"(docker-)?compose\b")
_ODD = re.compile(r"[^A-Za-z0-9._-]")


class Files(NamedTuple):
    """``files``: paths by names in a backup. ``absent``: in words, what is included and not there."""

    files: dict[str, str]
    absent: tuple[str, ...]


def entries(text: str) -> list[str]:
    """What a config.yaml names under ``include:``, in its order."""
    found = []
    for value in _yaml_values.scan(text).values:
        if value.path == ("include", "-"):
            written = text[value.start:value.end]
            found.append(_unquoted(text[value.start - 1], written) if value.quoted else written)
    return [name for name in found if name]


def _unquoted(quote: str, written: str) -> str:
    if quote == "'":
        return written.replace("''", "'")
    try:
        return str(json.loads('"%s"' % written))
    except ValueError:
        return written


def find(path: str) -> tuple[list[str], list[str]]:
    """The files that a config.yaml includes, and those that it includes and that are not there.

    :raises OSError: a file is there and can't be read.
    """
    found, missing, seen = [], [], {os.path.abspath(path)}
    pending = [(name, path) for name in entries(read(path))]
    while pending:
        name, by = pending.pop(0)
        places = [os.path.abspath(os.path.join(os.path.dirname(each), name)) for each in (by, path)]
        place = next((each for each in places if os.path.exists(each)), places[0])
        if place in seen:
            continue
        seen.add(place)
        if os.path.isfile(place):
            found.append(place)
            pending += [(more, place) for more in entries(read(place))]
        else:
            missing.append(place)
    return found, missing


def name_in(path: str, config: str, taken: Mapping[str, str]) -> str:
    """The name in a backup of an included file: its own where it lies beside the config that a restore puts it beside, else with its folders' names."""
    base = os.path.dirname(os.path.abspath(config))
    way = os.path.relpath(path, base)
    name = _ODD.sub("_", way.replace("../", "").replace("/", "--"))[-90:].lstrip(".-_")
    return next(each for each in [name] + ["%d-%s" % (number, name) for number in range(2, 10000)] if each not in taken)


def with_included(files: Mapping[str, str]) -> Files:
    """The files of a backup, and what the configs among them include.

    :param files: paths by names in the backup. Those that are not there stay, for whoever has to refuse them.
    :raises OSError: a file is there and can't be read.
    """
    made, absent = dict(files), []
    for path in files.values():
        if path.endswith(_YAML) and not _COMPOSE.match(os.path.basename(path)) and os.path.isfile(path):
            found, missing = find(path)
            absent += ["%s includes %s, which is not there" % (path, each) for each in missing]
            for each in found:
                if each not in {os.path.abspath(known) for known in made.values()}:
                    made[name_in(each, path, made)] = each
    return Files(made, tuple(absent))
