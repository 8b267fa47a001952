# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A probe and an inventory of a deployment of this host, as the command and the modules make
them."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import Any, Callable, Optional

from .._config import includes as _includes
from .._deployment import locate as _locate
from .._deployment.locate import Deployed
from .._deployment.steps import COMPOSE
from .._host import display as _display
from .._host.paths import UntrustedPath
from .._litellm import client as _client
from .._model_server import inspect as _inspect
from . import inventory as _inventory
from . import inventory_config as _inventory_config
from . import inventory_hosts as _inventory_hosts
from . import probe as _probe
from . import probe_page as _probe_page
from . import probe_report as _probe_report
from . import probe_store as _probe_store
from .settings import Settings


def inventory_screen(result: dict[str, Any], colours: bool = False) -> list[str]:
    """An inventory as lines for a terminal, with the model servers of this host before what it
    comes to."""
    lines = _inventory.screen(result, colours)
    return [*lines[:-1], *_inspect.text_lines(result["model_hosts"]), lines[-1]]


def client_of(result: Deployed, seconds: float) -> _client.Client:
    """A client with the proxy's master key.

    :raises ProxyError: there is none.
    """
    return _client.Client(result.url, result.master_key(), seconds)


def local_hosts(settings: Settings) -> list[str]:
    """Names of this host beside the loopback ones."""
    return [settings.gateway_name, *settings.local_hosts]


def planned(
    settings: Settings, result: Deployed, options: _probe.Options
) -> tuple[list[_probe.Model], list[_probe.Task]]:
    """The proxy's models, and what would be asked of them.

    :raises ProxyError: the proxy does not tell its models.
    """
    client = client_of(result, settings.probe_seconds)
    # within its container the proxy has the port that it has there
    aliases = {alias.name: alias.target for alias in _router(client)[1]}
    found = _probe.models(
        _probe_report.listed(client),
        local_hosts(settings),
        {client.port, 4000} if result.kind == COMPOSE else {client.port},
        aliases,
    )
    return found, _probe.plan(found, options)


def probe(
    settings: Settings,
    result: Deployed,
    options: _probe.Options,
    tell: Callable[[str], None] = lambda line: None,
    fresh: bool = False,
) -> tuple[dict[str, Any], list[str], dict[str, str], dict[str, str]]:
    """Ask, check, compare and keep.

    :returns: the report, the inventory's findings, the report's other forms (``md``, ``html``), and
        what is where.
    :raises ProxyError: the proxy does not tell its models.
    """
    client = client_of(result, settings.probe_seconds)
    found, _tasks = planned(settings, result, options)
    about = {
        "url": client.url,
        "kind": result.kind,
        "scope": options.scope,
        "names": list(options.names),
    }
    keeper = _probe_store.Keeper(settings.state_dir, about, datetime.now(timezone.utc))
    report = _probe_report.probe(
        client, result.kind, options, keeper, found, keeper.begin(fresh), tell
    )
    findings = _inventory.words(inventory(settings, result))
    texts = {
        "md": _probe_report.markdown(report, findings),
        "html": _probe_page.page(report, findings),
    }
    return report, findings, texts, keeper.end(report, texts)


def screen(report: dict[str, Any], findings: list[str], colours: bool = False) -> list[str]:
    """Both as lines for a terminal."""
    lines = _probe_report.screen(report, colours)
    return [*lines[:-1], *("inventory  " + _display.plain(line) for line in findings), lines[-1]]


def inventory(settings: Settings, result: Deployed) -> dict[str, Any]:
    """Everything side by side. What can't be asked is among the findings."""
    problems: list[tuple[str, str]] = [
        (part, why)
        for part, why in result.lacking
        if part in ("journal", "legacy unit", "compose project", _locate.ADDRESS)
    ]
    config: Optional[_inventory_config.Config] = None
    try:
        tree = _includes.follow(result.config, result.reader and result.reader.account)
        config = _inventory_config.read(
            tree.parts[0].text,
            result.environment,
            [(os.path.basename(part.path), part.text) for part in tree.parts[1:]],
        )
        problems += [
            (
                "configuration",
                "%s: line %d includes %s, which cannot be read" % (item.by, item.line, item.place),
            )
            for item in tree.lost
        ]
    except OSError as error:
        problems.append(
            ("configuration", "%s: %s" % (result.config or "config.yaml", error.strerror))
        )
    except UntrustedPath as error:
        problems.append(("configuration", str(error)))
    rows: Optional[list[_inventory_config.Entry]] = None
    listed: Optional[list[str]] = None
    router: tuple[list[_inventory_config.Fallback], list[_inventory_config.Alias]] = ([], [])
    own = [4000]
    try:
        client = client_of(result, settings.limits.seconds)
        own = [client.port, 4000] if result.kind == COMPOSE else [client.port]
        rows = _inventory.entries(_probe_report.listed(client))
        body = client.json("GET", "/v1/models")
        listed = (
            [str(row.get("id")) for row in body.get("data") or [] if isinstance(row, dict)]
            if isinstance(body, dict)
            else []
        )
        router = _router(client)
    except _client.ProxyError as error:
        problems.append(("proxy", str(error)))
    place = _inventory.Place(result.kind == COMPOSE, local_hosts(settings), own, result.config)
    entries = [*(config.entries if config else []), *(rows or [])]
    bases = [_inventory_hosts.base_of(entry.address, place.local_hosts, own) for entry in entries]
    servers, problem = _inventory_hosts.ask(
        [base for base in bases if base], result.proxy, settings.limits.seconds * 2
    )
    problems += [("model servers", problem)] if problem else []
    return {
        "kind": result.kind,
        **_inventory.compare(
            _inventory.Sources(config, rows, listed, router, servers, problems), place
        ),
    }


def with_model_hosts(settings: Settings, result: Deployed) -> dict[str, Any]:
    """An inventory and, as ``model_hosts``, the units, GPUs and answers of this host's model
    servers.

    When each of them answered is recorded in the state folder
    (:func:`_model_server.inspect.collect`).
    """
    place = _inspect.Scope(
        settings.project_name,
        settings.state_dir,
        result.proxy,
        settings.gateway_name,
        seconds=settings.limits.seconds,
    )
    return {
        **inventory(settings, result),
        "model_hosts": _inspect.collect(place, datetime.now(timezone.utc), remember=True),
    }


def _router(
    client: _client.Client,
) -> tuple[list[_inventory_config.Fallback], list[_inventory_config.Alias]]:
    """The router's settings that the proxy works with. The answer holds secrets beside them, of
    which nothing is taken."""
    try:
        body = client.json("GET", "/get/config/callbacks")
    except _client.ProxyError:
        return [], []  # releases differ; what the configuration says is known anyway
    return _inventory_config.of_router(
        body.get("router_settings") if isinstance(body, dict) else None
    )
