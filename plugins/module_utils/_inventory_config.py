# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The models, fallbacks and aliases that a LiteLLM configuration names, with their lines. Pure; no secret of it is kept."""
from __future__ import annotations

import bisect
from typing import Any, Mapping, NamedTuple, Optional

from . import _yaml_values
from ._loopback import REFERENCE, line_of
from ._stored_models import ADDRESSES

CONFIG, DATABASE = "config", "database"
_MODELS = ("model_list", "-")
_FALLBACKS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
_SECTIONS = ("router_settings", "litellm_settings")


class Entry(NamedTuple):
    """A deployment of a model: its public ``name``, where it stands, LiteLLM's ``model``, and the ``address`` it is asked at. ``line``: 0 where
    it has none."""

    name: str
    source: str
    model: str = ""
    address: str = ""
    mode: str = ""
    line: int = 0


class Fallback(NamedTuple):
    """Where requests for ``name`` (empty: for any model) go when it fails."""

    kind: str
    name: str
    target: str
    line: int = 0


class Config(NamedTuple):
    """What a configuration names. ``aliases``: (name, model, line)."""

    entries: list[Entry]
    fallbacks: list[Fallback]
    aliases: list[tuple[str, str, int]]


def read(text: str, environment: Optional[Mapping[str, str]] = None) -> Config:
    """The models, fallbacks and aliases of a config.yaml.

    :param environment: the proxy's, for addresses that the configuration leaves to it.
    """
    scan = _yaml_values.scan(text)
    return Config(_entries(text, scan, environment or {}), _fallbacks(text, scan), _aliases(text, scan))


def _entries(text: str, scan: _yaml_values.Scan, environment: Mapping[str, str]) -> list[Entry]:
    begins = [offset for path, offset in scan.items if path == _MODELS[:-1]]
    items: list[dict[tuple[str, ...], str]] = [{} for _begin in begins]
    for value in scan.values:
        number = bisect.bisect_right(begins, value.start) - 1
        if value.path[:2] == _MODELS and number >= 0:
            items[number].setdefault(value.path[2:], text[value.start:value.end])
    found = []
    for begin, item in zip(begins, items):
        name = item.get(("model_name",), "")
        if name:
            address = next((item[("litellm_params", key)] for key in ADDRESSES if item.get(("litellm_params", key))), "")
            if address.startswith(REFERENCE):
                address = environment.get(address[len(REFERENCE):], "")
            found.append(Entry(name, CONFIG, item.get(("litellm_params", "model"), ""), address, item.get(("model_info", "mode"), ""), line_of(text, begin)))
    return found


def _fallbacks(text: str, scan: _yaml_values.Scan) -> list[Fallback]:
    found = []
    for value in scan.values:
        section, kind, *rest = (*value.path, "", "")[:2] + tuple(value.path[2:])
        if section not in _SECTIONS:
            continue
        target, line = text[value.start:value.end], line_of(text, value.start)
        if kind == "default_fallbacks" and rest == ["-"]:
            found.append(Fallback(kind, "", target, line))
        elif kind in _FALLBACKS and len(rest) >= 3 and rest[0] == "-" and rest[2] == "-" and (len(rest) == 3 or rest[3:] == ["model"]):
            found.append(Fallback(kind, rest[1], target, line))
    return found


def _aliases(text: str, scan: _yaml_values.Scan) -> list[tuple[str, str, int]]:
    found = []
    for value in scan.values:
        path = value.path
        if path[:2] == ("router_settings", "model_group_alias") and (len(path) == 3 or (len(path) == 4 and path[3] == "model")):
            found.append((path[2], text[value.start:value.end], line_of(text, value.start)))
    return found


def of_router(told: Any) -> tuple[list[Fallback], list[tuple[str, str, int]]]:
    """Fallbacks and aliases of a router's settings as the proxy tells them: those of its database are among them."""
    settings = told if isinstance(told, dict) else {}
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
    fallbacks += [Fallback("default_fallbacks", "", target) for target in (usual if isinstance(usual, list) else []) if isinstance(target, str)]
    aliases = settings.get("model_group_alias")
    found = []
    for name, target in aliases.items() if isinstance(aliases, dict) else ():
        named = target.get("model") if isinstance(target, dict) else target
        if isinstance(named, str):
            found.append((str(name), named, 0))
    return fallbacks, found
