# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Preflight: what the legacy proxy needs besides its configuration and environment comes along, or
is named (see :mod:`_config.needs`)."""

from __future__ import annotations

import os
from typing import Any, Iterable, Mapping, Sequence

from .._config import container_view as _container_view
from .._config import mounts as _mounts
from .._config import needs as _needs
from .._config import needs_files as _needs_files
from .._config import stores as _stores
from .._config.needs import HOST, REFERENCE, Named
from .._deployment import legacy as _legacy
from .._deployment import places as _places
from .._host import files as _files
from .._host.account import Account
from .._litellm import salt_key as _salt_key
from .._postgres import session as _session
from . import preflight_stores as _preflight_stores
from .preflight_findings import Facts, Findings

HOSTS = "/etc/hosts"
# Names that the project's own network has.
OURS = {"postgres", "redis", _container_view.Addresses().gateway_name}
_STORED = "SELECT litellm_params::text, model_name FROM %s ORDER BY model_id"
_SECRETS = "key_management_system"


def check_needs(
    legacy: _legacy.Running, settings: dict, facts: Facts, planned: Mapping[str, str]
) -> Findings:
    """Find what is needed, and resolve it as the container will.

    Facts: ``needs``, as :class:`_config.needs_files.Resolved` has it, and ``servers``: host and
    port of stores that are elsewhere.

    :param planned: the new environment.
    """
    views = _views(legacy)
    stored = _stored(legacy, facts)
    carried = {name: value for name, value in planned.items() if name not in settings["overrides"]}
    texts = [view.text for view in views] + [
        str(values.get("model", "")) for _name, values in stored
    ]
    named = [
        *(item for view in views for item in _needs.of_config(view.source, _as_source(view.text))),
        *_needs.of_environment(carried, _places.elsewhere(facts)),
        *_needs.of_options(legacy.facts.get("options", [])),
        *(item for name, values in stored for item in _needs.of_stored(name, values)),
    ]
    account = legacy.reader.account
    home = legacy.effective.get("HOME") or account.home
    named += _needs.of_home(home, planned, texts)
    found = Findings()
    _check_references(found, legacy, planned, named, texts)
    found.add(check_named(named, _place(legacy), account, settings))
    found.facts["needs"]["servers"] = _preflight_stores.servers(legacy, facts)
    return found


def check_named(
    named: Iterable[Named], place: _needs_files.Place, account: Account, settings: dict
) -> Findings:
    """Resolve what is named, and what the operator gives besides, as the container will.

    Facts: ``needs``, but for ``servers``.

    :param account: who reads it.
    """
    found = Findings()
    try:
        given = _mounts.parse(settings["mounts"])
    except ValueError as error:
        found.refuse("litellm_mounts", str(error), "")
        given = []
    odd = _needs.odd_hosts(settings["extra_hosts"])
    if odd:
        found.refuse(
            "litellm_extra_hosts",
            "%s: not a host's name with a numeric address" % ", ".join(odd),
            "write it as {gpu1: 10.0.0.7}",
        )
    resolved = _needs_files.resolve(
        [item for item in named if item.kind != REFERENCE and not _ours(item)],
        place,
        account,
        # what the operator says goes before the host's own file, which is carried in any case
        {**_known_hosts(), **settings["extra_hosts"]},
        given,
    )
    found.problems += resolved.problems
    found.warnings += resolved.warnings
    found.facts["needs"] = facts_of(resolved)
    return found


def facts_of(resolved: _needs_files.Resolved) -> dict[str, Any]:
    """What the journal keeps of it."""
    return {
        "files": [item._asdict() for item in resolved.files],
        "mounts": [item._asdict() for item in resolved.mounts],
        **{
            name: getattr(resolved, name)
            for name in ("environment", "modules", "programs", "hosts", "addresses")
        },
    }


def _views(legacy: _legacy.Running) -> list[_container_view.View]:
    """The configuration as the container reads it; none where there can be none."""
    where = _stores.where(legacy.stores)
    # what can't be read has no parts; check_legacy has said both
    if not legacy.configuration.parts or _container_view.problems(legacy.configuration, where):
        return []
    addresses = _container_view.Addresses(own_ports=[legacy.facts["port"]], where=where)
    return _container_view.views(legacy.configuration, "config.compose.yaml", addresses)


def _as_source(view: str) -> str:
    """A view with the lines of its source."""
    return view.partition("\n")[2]


def _place(legacy: _legacy.Running) -> _needs_files.Place:
    folder = legacy.facts["folder"]
    config = os.path.dirname(os.path.abspath(legacy.facts["config"] or folder + "/config.yaml"))
    paths = legacy.effective.get("PYTHONPATH", "").split(os.pathsep)
    return _needs_files.Place(
        folder, config, [os.path.join(folder, path) for path in paths if path]
    )


def _ours(item: Named) -> bool:
    return item.kind == HOST and item.name in OURS


def _known_hosts() -> dict[str, str]:
    try:
        return _needs.host_names(_files.read(HOSTS))
    except OSError:
        return {}


def _stored(legacy: _legacy.Running, facts: Facts) -> list[tuple[str, dict[str, Any]]]:
    """Models of the database with their parameters, as far as the key in use decrypts them."""
    database = facts.get("database") or {}
    if not database.get("stored_models"):
        return []
    environment = legacy.effective
    try:
        endpoint = _preflight_stores.endpoint(database, environment)
        table = _session.identifier(endpoint.schema or "public", "LiteLLM_ProxyModelTable")
        rows = _session.query(endpoint, _STORED % table)
    except _session.PostgresError:
        return []  # said by check_database
    key = environment.get("LITELLM_SALT_KEY", environment.get("LITELLM_MASTER_KEY", ""))
    return [(str(row[-1]), _plain(_needs.parameters(row[0]), key)) for row in rows]


def _plain(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = {}
    for name, value in values.items():
        text = _salt_key.decrypted(value, key) if isinstance(value, str) else None
        found[name] = value if text is None else text
    return found


def _check_references(
    found: Findings,
    legacy: _legacy.Running,
    planned: Mapping[str, str],
    named: Iterable[Named],
    texts: Sequence[str],
) -> None:
    """Every variable that is referred to is in the new environment, or is said."""
    configured = [name for text in texts for name in _needs.configured(text)]
    secrets = any(_SECRETS in text for text in texts)
    for item in _needs.missing(named, planned, configured):
        if item.name in legacy.effective:
            found.refuse(
                item.where,
                "refers to %s, which the legacy proxy has and the new environment would not"
                % item.name,
                "give it: env_file_overrides: {%s: …}" % item.name,
            )
        elif not secrets:
            found.warn(
                item.where,
                "refers to %s, which is not in the legacy proxy's environment, and would not be in"
                " the new one's either" % item.name,
                "if it is used, set it: env_file_overrides: {%s: …}" % item.name,
            )
