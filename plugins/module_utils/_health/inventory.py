# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every model side by side: as the configuration, the database, the proxy and the model servers
themselves have it, and what of it does not fit.

Pure: what was asked comes in, findings go out. A finding is ``{what, name, words, problem
(bool)}``; one that is no problem is for information.
"""

from __future__ import annotations

import fnmatch
from collections import Counter
from typing import Any, Iterable, Mapping, NamedTuple, Optional, Sequence

from .._config.environment_rules import is_loopback
from .._host import display as _display
from .._litellm.stored_models import ADDRESSES, without_secrets
from . import host_checks as _host_checks
from . import inventory_config as _inventory_config
from . import inventory_hosts as _inventory_hosts
from .inventory_config import CONFIG, DATABASE, Alias, Config, Entry, Fallback
from .inventory_hosts import Server

MISSING, ORPHANED, DUPLICATE, FALLBACK, ALIAS = (
    "missing",
    "orphaned",
    "duplicate",
    "fallback",
    "alias",
)
LOOPBACK, UNREACHABLE, UNLISTED, UNASKED = "loopback", "unreachable", "unlisted", "unknown"


class Sources(NamedTuple):
    """What was found where. ``config``: ``None`` where it could not be read; ``rows`` of
    ``/model/info`` and ``listed`` ids of ``/v1/models``: ``None`` where the proxy did not tell;
    ``router``: fallbacks and aliases of the proxy's own; ``problems``: (source, why) of what could
    not be asked."""

    config: Optional[Config]
    rows: Optional[list[Entry]]
    listed: Optional[list[str]]
    router: tuple[list[Fallback], list[Alias]]
    servers: Mapping[str, Server]
    problems: Sequence[tuple[str, str]] = ()


class Place(NamedTuple):
    """Where the proxy stands: whether in a container, the names by which it reaches this host, and
    its own ports."""

    container: bool
    local_hosts: Sequence[str] = ()
    own_ports: Sequence[int] = ()
    config: str = ""


def entries(result: Iterable[Any]) -> list[Entry]:
    """The rows of ``/model/info`` as entries."""
    found = []
    for item in result:
        if isinstance(item, dict) and isinstance(item.get("model_name"), str):
            params, info = (
                {} if not isinstance(item.get(name), dict) else item[name]
                for name in ("litellm_params", "model_info")
            )
            address = next(
                (params[key] for key in ADDRESSES if isinstance(params.get(key), str)), ""
            )
            found.append(
                Entry(
                    item["model_name"],
                    DATABASE if info.get("db_model") is True else CONFIG,
                    str(params.get("model") or ""),
                    address,
                    str(info.get("mode") or ""),
                )
            )
    return found


def compare(sources: Sources, place: Place) -> dict[str, Any]:
    """``{rows, servers, findings, outcome}``: each model name with where it is, each server with
    what it lists, and what does not fit."""
    configured = sources.config.entries if sources.config else []
    aliases = {
        item[:2]: item
        for item in [*sources.router[1], *(sources.config.aliases if sources.config else [])]
    }
    if sources.rows is not None:
        # the proxy lists an alias as if it were a model
        others = {item.name for item in aliases.values()} - {entry.name for entry in configured}
        sources = sources._replace(
            rows=[entry for entry in sources.rows if entry.name not in others]
        )
    rows = sources.rows if sources.rows is not None else []
    stored = [entry for entry in rows if entry.source == DATABASE]
    named = [*sources.router[0], *(sources.config.fallbacks if sources.config else [])]
    fallbacks = list({(item.kind, item.name, item.target): item for item in named}.values())
    every = [*configured, *rows]
    names = {entry.name for entry in every}
    findings = [
        _finding(UNASKED, source, "%s: %s" % (source, why), True)
        for source, why in sources.problems
    ]
    findings += _missing(sources, configured, rows)
    findings += _orphaned(sources, names, {item.name for item in aliases.values()})
    findings += _duplicates(
        configured if sources.config else [entry for entry in rows if entry.source == CONFIG],
        stored,
    )
    findings += _nowhere(fallbacks, list(aliases.values()), names)
    findings += _unreachable(configured + stored if sources.config else rows, sources, place)
    return {
        "rows": _rows(
            sources,
            place,
            sorted(
                (names | set(sources.listed or [])) - ({name for name, _target in aliases} - names)
            ),
        ),
        "servers": [
            {
                "address": base,
                "answers": server.answers,
                "models": server.names,
                "problem": _reason(server),
            }
            for base, server in sorted(sources.servers.items())
        ],
        "findings": findings,
        "aliases": dict(aliases.keys()),
        "outcome": "unknown"
        if sources.problems
        else "degraded"
        if any(finding["problem"] for finding in findings)
        else "healthy",
    }


def _finding(what: str, name: str, words: str, problem: bool) -> dict[str, Any]:
    return {"what": what, "name": name, "words": words, "problem": problem}


def _missing(sources: Sources, configured: list[Entry], rows: list[Entry]) -> list[dict[str, Any]]:
    """What should be there and is not: of the configuration in the proxy, of the proxy in what it
    lists."""
    found = []
    if sources.config is not None and sources.rows is not None:
        short = Counter(entry.name for entry in configured) - Counter(
            entry.name for entry in rows if entry.source == CONFIG
        )
        lines = {entry.name: _inventory_config.place(entry) for entry in configured}
        found += [
            _finding(
                MISSING,
                name,
                "%s stands in the configuration (%s), and the proxy does not have it: it "
                "was started before, or could not "
                "load it" % (name, lines[name]),
                True,
            )
            for name in short
        ]
    if sources.rows is not None and sources.listed is not None:
        found += [
            _finding(
                MISSING, name, "%s is a model of the proxy, and it does not list it" % name, True
            )
            for name in sorted({entry.name for entry in rows} - set(sources.listed))
            if "*" not in name
        ]
    return found


def _orphaned(sources: Sources, names: set[str], aliases: set[str]) -> list[dict[str, Any]]:
    """What is there and belongs to nothing: in the proxy, and on model servers."""
    found = []
    if sources.config is not None and sources.rows is not None:
        wanted = {entry.name for entry in sources.config.entries}
        found += [
            _finding(
                ORPHANED,
                name,
                "%s is in the proxy, and neither in the configuration nor in the database: "
                "the next restart takes it" % name,
                True,
            )
            for name in sorted(
                {entry.name for entry in sources.rows if entry.source == CONFIG} - wanted
            )
        ]
    patterns = [name for name in names if "*" in name]
    if sources.rows is not None:
        found += [
            _finding(
                ORPHANED,
                name,
                "%s is listed by the proxy, and no model of it has that name" % name,
                True,
            )
            for name in sorted(set(sources.listed or []) - names - aliases)
            if not any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
        ]
    used = {
        form
        for entry in [*(sources.config.entries if sources.config else []), *(sources.rows or [])]
        for form in _forms(entry.model)
    }
    for base, server in sorted(sources.servers.items()):
        found += [
            _finding(
                ORPHANED,
                name,
                "%s is served at %s, and no model of the proxy uses it" % (name, base),
                False,
            )
            for name in server.names or []
            if name not in used and len(server.names or []) > 1
        ]
    return found


def _forms(model: str) -> set[str]:
    """The names that a server may know a model by: with and without the provider before it."""
    return {model, model.partition("/")[2]} - {""}


def _duplicates(configured: list[Entry], stored: list[Entry]) -> list[dict[str, Any]]:
    """One name for things that are not one: in both places, twice the same, or of two modes.
    Several servers for one name are none."""
    found = [
        _finding(
            DUPLICATE,
            name,
            "%s is in the configuration and in the database: requests go to either" % name,
            True,
        )
        for name in sorted({entry.name for entry in configured} & {entry.name for entry in stored})
    ]
    for where, group in (("the configuration", configured), ("the database", stored)):
        same = Counter((entry.name, entry.model, entry.address) for entry in group)
        found += [
            _finding(
                DUPLICATE,
                key[0],
                "%s is %d times in %s, with the same model and address" % (key[0], count, where),
                True,
            )
            for key, count in sorted(same.items())
            if count > 1
        ]
    modes: dict[str, set[str]] = {}
    for entry in [*configured, *stored]:
        modes.setdefault(entry.name, set()).add(entry.mode or "chat")
    return found + [
        _finding(
            DUPLICATE,
            name,
            "%s is a name for models of different modes: %s" % (name, ", ".join(sorted(result))),
            True,
        )
        for name, result in sorted(modes.items())
        if len(result) > 1
    ]


def _nowhere(
    fallbacks: list[Fallback], aliases: list[Alias], names: set[str]
) -> list[dict[str, Any]]:
    """Fallbacks and aliases whose model is none."""
    known = names | {alias.name for alias in aliases if alias.target in names}

    def there(name: str) -> bool:
        return name in known or any(
            "*" in pattern and fnmatch.fnmatchcase(name, pattern) for pattern in names
        )

    found = []
    for item in fallbacks:
        where = "%s%s" % (item.kind, _in_brackets(item))
        if not there(item.target):
            found.append(
                _finding(
                    FALLBACK,
                    item.target,
                    "%s: %s falls back to %s, which is no model"
                    % (where, item.name or "any model", item.target),
                    True,
                )
            )
        if item.name not in ("", "*") and not there(item.name):
            found.append(
                _finding(
                    FALLBACK,
                    item.name,
                    "%s: %s has a fallback, and is no model" % (where, item.name),
                    True,
                )
            )
    return found + [
        _finding(
            ALIAS,
            alias.name,
            "alias %s%s stands for %s, which is no model"
            % (alias.name, _in_brackets(alias), alias.target),
            True,
        )
        for alias in aliases
        if not there(alias.target)
    ]


def _in_brackets(item: Fallback | Alias) -> str:
    return " (%s)" % _inventory_config.place(item) if item.line else ""


def _unreachable(every: list[Entry], sources: Sources, place: Place) -> list[dict[str, Any]]:
    """Addresses that the proxy can't reach, and servers that do not have the model."""
    found = []
    for entry in dict.fromkeys(every):
        base = _inventory_hosts.base_of(entry.address, place.local_hosts, place.own_ports)
        where = ", ".join(filter(None, [entry.source, _inventory_config.place(entry)]))
        server = sources.servers.get(base)
        if base and place.container and is_loopback(_host_of(base)):
            found.append(
                _finding(
                    LOOPBACK,
                    entry.name,
                    "%s (%s) is asked at %s, which is the container itself"
                    % (entry.name, where, base),
                    True,
                )
            )
        elif server is not None and not server.answers:
            found.append(
                _finding(
                    UNREACHABLE,
                    entry.name,
                    "%s (%s): the server at %s %s" % (entry.name, where, base, _reason(server)),
                    True,
                )
            )
        elif server is not None and server.names and not _forms(entry.model) & set(server.names):
            found.append(
                _finding(
                    UNLISTED,
                    entry.name,
                    "%s (%s) asks %s for %s, which lists %s"
                    % (
                        entry.name,
                        where,
                        base,
                        entry.model,
                        ", ".join(server.names[:5]) + (" …" if len(server.names) > 5 else ""),
                    ),
                    False,
                )
            )
    return found


def _host_of(base: str) -> str:
    return base.partition("://")[2].rpartition(":")[0]


def _reason(server: Server) -> str:
    return (
        "" if server.answers else str(_host_checks.REASONS.get(server.problem, "cannot be reached"))
    )


def _rows(sources: Sources, place: Place, names: list[str]) -> list[dict[str, Any]]:
    """Each name, and where it is: how often in the configuration and in the database, whether the
    proxy lists it, and its addresses."""
    found = []
    for name in names:
        configured = [
            entry
            for entry in (sources.config.entries if sources.config else [])
            if entry.name == name
        ]
        rows = [entry for entry in sources.rows or [] if entry.name == name]
        stored = [entry for entry in rows if entry.source == DATABASE]
        addresses = []
        for entry in [
            *(configured or [entry for entry in rows if entry.source == CONFIG]),
            *stored,
        ]:
            base = _inventory_hosts.base_of(entry.address, place.local_hosts, place.own_ports)
            server = sources.servers.get(base)
            shown = without_secrets(entry.address) if entry.address else "elsewhere"
            state = "" if server is None else "answers" if server.answers else _reason(server)
            addresses.append("%s%s" % (shown, " (%s)" % state if state else ""))
        found.append(
            {
                "name": name,
                "config": len(configured) if sources.config else None,
                "database": len(stored) if sources.rows is not None else None,
                "listed": name in sources.listed if sources.listed is not None else None,
                "addresses": list(dict.fromkeys(addresses)),
            }
        )
    return found


def screen(result: dict[str, Any], colours: bool = False) -> list[str]:
    """The inventory as lines for a terminal."""
    result = _display.each(result)
    width = max([len(row["name"]) for row in result["rows"]] + [5])
    lines = ["%s  config  database  listed  address" % "model".ljust(width)]
    for row in result["rows"]:
        config, database = (
            "?" if row[name] is None else str(row[name] or "-") for name in ("config", "database")
        )
        listed = {True: "yes", False: "NO", None: "?"}[row["listed"]]
        cells = (
            row["name"].ljust(width),
            config.rjust(6),
            database.rjust(8),
            listed.rjust(6),
            ", ".join(row["addresses"]),
        )
        lines.append("  ".join(cells).rstrip())
    lines += ["alias %s: %s" % item for item in sorted(result["aliases"].items())]
    for server in result["servers"]:
        models = server["problem"] or (
            ", ".join(server["models"])
            if server["models"]
            else "answers, and does not say what it serves"
        )
        lines.append("server %s: %s" % (server["address"], models))
    for finding in result["findings"]:
        word = "%-12s" % finding["what"]
        word = "\033[%dm%s\033[0m" % (31 if finding["problem"] else 33, word) if colours else word
        lines.append("%s  %s" % (word, finding["words"]))
    problems = sum(finding["problem"] for finding in result["findings"])
    return [
        *lines,
        "%d models, %s"
        % (
            len(result["rows"]),
            "%d things do not fit" % problems if problems else "everything fits",
        ),
    ]


def words(result: dict[str, Any]) -> list[str]:
    """The findings in words, problems first."""
    return [
        "%s: %s" % (finding["what"], finding["words"])
        for finding in sorted(result["findings"], key=lambda finding: not finding["problem"])
    ]
