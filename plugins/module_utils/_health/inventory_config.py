# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The models, fallbacks and aliases that a LiteLLM configuration names, with their files and lines.
Pure; no secret of it is kept."""

from __future__ import annotations

import bisect
from typing import Any, Iterable, Mapping, NamedTuple, Optional

from .._config import yaml_values as _yaml_values
from .._config.loopback import REFERENCE, line_of
from .._litellm.stored_models import ADDRESSES

CONFIG, DATABASE = "config", "database"
_MODELS = ("model_list", "-")
_FALLBACKS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
_ROUTER = "router_settings"
_SECTIONS = (_ROUTER, "litellm_settings")


class Entry(NamedTuple):
    """A deployment of a model: its public ``name``, where it stands, LiteLLM's ``model``, and the
    ``address`` it is asked at. ``line``: 0 where it has none. ``file``: the name of the included
    file that has it, empty for the configuration itself."""

    name: str
    source: str
    model: str = ""
    address: str = ""
    mode: str = ""
    line: int = 0
    file: str = ""


class Fallback(NamedTuple):
    """Where requests for ``name`` (empty: for any model) go when it fails."""

    kind: str
    name: str
    target: str
    line: int = 0
    file: str = ""


class Alias(NamedTuple):
    """Another name for a model."""

    name: str
    target: str
    line: int = 0
    file: str = ""


class Config(NamedTuple):
    """What a configuration names."""

    entries: list[Entry]
    fallbacks: list[Fallback]
    aliases: list[Alias]


def place(item: Entry | Fallback | Alias) -> str:
    """Where something stands, in words; empty where it is in no file."""
    return "%sline %d" % (item.file + " " if item.file else "", item.line) if item.line else ""


def read(
    text: str,
    environment: Optional[Mapping[str, str]] = None,
    included: Iterable[tuple[str, str]] = (),
) -> Config:
    """The models, fallbacks and aliases of a config.yaml.

    :param environment: the proxy's, for addresses that the configuration leaves to it.
    :param included: names and texts of the files that it includes, in the order in which LiteLLM
        reads them.
    """
    made = Config([], [], [])
    replaced: set[str] = set()
    # From the last one back: a list goes on in the next file, another value of the top level is
    # replaced by it as a whole.
    for file, inner in reversed([("", text), *included]):
        scan = _yaml_values.scan(inner)
        sections = set(_SECTIONS) - replaced
        made = Config(
            [entry._replace(file=file) for entry in _entries(inner, scan, environment or {})]
            + made.entries,
            [item._replace(file=file) for item in _fallbacks(inner, scan, sections)]
            + made.fallbacks,
            [item._replace(file=file) for item in _aliases(inner, scan, sections)] + made.aliases,
        )
        replaced |= {section for section in sections if (section,) in scan.keys}
    return made


def _entries(text: str, scan: _yaml_values.Scan, environment: Mapping[str, str]) -> list[Entry]:
    begins = [offset for path, offset in scan.items if path == _MODELS[:-1]]
    items: list[dict[tuple[str, ...], str]] = [{} for _begin in begins]
    for value in scan.values:
        number = bisect.bisect_right(begins, value.start) - 1
        if value.path[:2] == _MODELS and number >= 0:
            items[number].setdefault(value.path[2:], text[value.start : value.end])
    found = []
    for begin, item in zip(begins, items):
        name = item.get(("model_name",), "")
        if name:
            address = next(
                (
                    item[("litellm_params", key)]
                    for key in ADDRESSES
                    if item.get(("litellm_params", key))
                ),
                "",
            )
            if address.startswith(REFERENCE):
                address = environment.get(address[len(REFERENCE) :], "")
            found.append(
                Entry(
                    name,
                    CONFIG,
                    item.get(("litellm_params", "model"), ""),
                    address,
                    item.get(("model_info", "mode"), ""),
                    line_of(text, begin),
                )
            )
    return found


def _fallbacks(text: str, scan: _yaml_values.Scan, sections: set[str]) -> list[Fallback]:
    found = []
    for value in scan.values:
        section, kind, *rest = (*value.path, "", "")[:2] + tuple(value.path[2:])
        if section not in sections:
            continue
        target, line = text[value.start : value.end], line_of(text, value.start)
        if kind == "default_fallbacks" and rest == ["-"]:
            found.append(Fallback(kind, "", target, line))
        elif (
            kind in _FALLBACKS
            and len(rest) >= 3
            and rest[0] == "-"
            and rest[2] == "-"
            and (len(rest) == 3 or rest[3:] == ["model"])
        ):
            found.append(Fallback(kind, rest[1], target, line))
    return found


def _aliases(text: str, scan: _yaml_values.Scan, sections: set[str]) -> list[Alias]:
    found = []
    for value in scan.values if _ROUTER in sections else ():
        path = value.path
        if path[:2] == (_ROUTER, "model_group_alias") and (
            len(path) == 3 or (len(path) == 4 and path[3] == "model")
        ):
            found.append(Alias(path[2], text[value.start : value.end], line_of(text, value.start)))
    return found


def of_router(result: Any) -> tuple[list[Fallback], list[Alias]]:
    """Fallbacks and aliases of a router's settings as the proxy tells them: those of its database
    are among them."""
    settings = result if isinstance(result, dict) else {}
    fallbacks: list[Fallback] = []
    for kind in _FALLBACKS:
        listed = settings.get(kind)
        for entry in listed if isinstance(listed, list) else []:
            for name, targets in entry.items() if isinstance(entry, dict) else ():
                for target in targets if isinstance(targets, list) else []:
                    named = target.get("model") if isinstance(target, dict) else target
                    if isinstance(named, str):
                        fallbacks.append(Fallback(kind, str(name), named))
    usual = settings.get("default_fallbacks")
    fallbacks += [
        Fallback("default_fallbacks", "", target)
        for target in (usual if isinstance(usual, list) else [])
        if isinstance(target, str)
    ]
    aliases = settings.get("model_group_alias")
    found = []
    for name, target in aliases.items() if isinstance(aliases, dict) else ():
        named = target.get("model") if isinstance(target, dict) else target
        if isinstance(named, str):
            found.append(Alias(str(name), named))
    return fallbacks, found
