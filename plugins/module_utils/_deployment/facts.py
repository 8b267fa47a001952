# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment is made from, in the shape of preflight's facts, whatever the host was before.

A host remembers it: in the journal of its migration, in the record of ``deploy.yml``, or, restored
from a backup, in its ``compose.yaml``. A bare host has defaults. What the inventory wishes wins.
"""

from __future__ import annotations

import os
import re
from typing import Any, Mapping, NamedTuple, Optional, Sequence

from .._config.environment_rules import ELSEWHERE, HERE, NOWHERE
from . import addresses as _addresses
from . import journal as _journal
from . import proxy_command as _proxy_command
from . import record as _record
from . import steps as _steps

# Where a deployment comes from: nothing, this playbook, a migration, a backup.
ORIGINS = NEW, DEPLOYED, MIGRATED, RESTORED = "new", "deployed", "migrated", "restored"
LOOPBACK = "127.0.0.1"
PORTS = {"proxy": 4000, "database": 5434, "redis": 6379}
VARIABLES = {
    "proxy": "litellm_port",
    "database": "litellm_postgres_port",
    "redis": "litellm_redis_port",
}
# Of what a service of compose.yaml mounts: a copy in the project's folder.
_COPY = re.compile(r"\./(needed\..+)")
# Names of the container's /etc/hosts that the compose file has from itself.
_OWN_HOSTS = ("host.docker.internal", "postgres", "redis")


class Wishes(NamedTuple):
    """What the inventory says of a deployment; ``None`` and empty: nothing. ``ports`` by
    ``proxy``, ``database`` and ``redis``; ``config``: whether it has LiteLLM's configuration."""

    ports: Mapping[str, Optional[int]] = {}
    publish: Sequence[str] = ()
    options: Optional[Sequence[str]] = None
    config: bool = False
    network: str = "bridge"


class Known(NamedTuple):
    """What a host remembers: its ``origin`` and, but of a new one, the facts. ``begun``: of a new
    one, whether a run has begun to make it, ``served``: and has come so far that it served."""

    origin: str
    found: dict[str, Any]
    begun: bool = False
    served: bool = False


def known(
    journal: Optional[_journal.Journal],
    record: Optional[_record.Record],
    restored: Mapping[str, Any],
) -> Known:
    """What a host remembers of its deployment.

    :param restored: facts from the ``compose.yaml`` of a host that has neither; empty where it has
        none of this collection's.
    """
    if journal is not None and journal["state"] in (_steps.MIGRATED, _steps.FINALIZED):
        return Known(MIGRATED, dict(_journal.found_in(journal)))
    if record is not None and journal is not None and record["begun"] < journal["created"]:
        record = None  # of a deployment from before that migration
    if record is not None:
        found = record["facts"].get("found")
        if found:
            return Known(DEPLOYED, dict(found))
        return Known(NEW, {}, True, record["step"] == _record.SWAP)
    if journal is None and restored:
        return Known(RESTORED, dict(restored))
    return Known(NEW, {})


def bare(project_dir: str) -> dict[str, Any]:
    """The facts of a deployment of which nothing is known but its folder."""
    return {
        "project_dir": project_dir,
        "legacy": {
            "unit": {"name": ""},
            "units": [],
            "pid": None,
            "folder": None,
            "config": os.path.join(project_dir, "config.yaml"),
            "port": PORTS["proxy"],
            "options": [],
            "environment_files": [],
            "dotenv_files": [],
            "litellm_version": None,
            "reader": "",
        },
        "database": {
            "where": HERE,
            "host": LOOPBACK,
            "port": PORTS["database"],
            "unit": None,
            "server": None,
            "variables": [],
        },
        "redis": {
            "where": HERE,
            "host": LOOPBACK,
            "port": PORTS["redis"],
            "unit": None,
            "login": False,
            "variables": [],
        },
        "model_hosts": [],
        "places": {"database": HERE, "redis": HERE},
    }


def restored(project_dir: str, compose: Mapping[str, Any], database: str) -> dict[str, Any]:
    """The facts that a ``compose.yaml`` of this collection tells of the deployment that a restore
    has made of it.

    :param compose: its values, as :func:`_deployment.compose_file.read` has them.
    :param database: where the database is if the project has none.
    """
    services = compose["services"]
    proxy, found = services["litellm"], bare(project_dir)
    command = _proxy_command.parse_words([str(word) for word in proxy.get("command") or []])
    at = _published(proxy)
    if proxy.get("network_mode") == "host":
        at = [(str(command["host"] or LOOPBACK), command["port"] or PORTS["proxy"])]
    if at:
        found["legacy"]["port"] = at[0][1]
    # Nothing else tells of what the operator had set.
    found["legacy"]["environment"] = os.path.join(project_dir, ".env")
    # Compose takes a dollar sign for a variable.
    found["legacy"]["options"] = [word.replace("$$", "$") for word in command["options"]]
    for store, service, place in (
        ("database", "postgres", database),
        ("redis", "redis", ELSEWHERE),
    ):
        if service in services:
            ports = _published(services[service])
            if ports:
                found[store]["port"] = ports[0][1]
            continue
        found["places"][store] = place
        found[store] = None if place == NOWHERE else {"where": place, "unit": None}
    found["address"] = {"publish": [host for host, _port in at] or [LOOPBACK]}
    found["needs"] = _needs(project_dir, proxy)
    return found


def _published(service: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Address and port of what a service publishes, as the role writes it."""
    entries = [str(entry).rsplit(":", 2) for entry in service.get("ports") or []]
    return [(host.strip("[]"), int(port)) for host, port, _target in entries]


def _needs(project_dir: str, proxy: Mapping[str, Any]) -> dict[str, Any]:
    volumes = [each for each in proxy.get("volumes") or [] if isinstance(each, dict)]
    copies = [(_COPY.fullmatch(str(each.get("source"))), each) for each in volumes]
    hosts = [str(entry).partition(":") for entry in proxy.get("extra_hosts") or []]
    return {
        "files": [
            {
                "source": os.path.join(project_dir, match[1]),
                "target": str(each["target"]),
                "name": match[1],
            }
            for match, each in copies
            if match
        ],
        "mounts": [
            {"source": str(each["source"]), "target": str(each["target"])}
            for each in volumes
            if str(each.get("source")).startswith("/")
        ],
        "environment": {
            str(name): str(value) for name, value in (proxy.get("environment") or {}).items()
        },
        "addresses": {name: value for name, _colon, value in hosts if name not in _OWN_HOSTS},
        "modules": [],
        "programs": [],
        "hosts": [],
        "servers": [],
    }


def wished(found: Mapping[str, Any], wishes: Wishes) -> dict[str, Any]:
    """The facts with what the inventory says; its addresses are for :func:`address`."""
    made = {**found, "legacy": dict(found["legacy"])}
    legacy, port = made["legacy"], wishes.ports.get("proxy")
    if port is not None:
        legacy["port"] = port
    if wishes.options is not None:
        legacy["options"] = list(wishes.options)
    if wishes.config:
        legacy["config"] = os.path.join(found["project_dir"], "config.yaml")
        legacy["reader"] = ""
    for store in ("database", "redis"):
        port = wishes.ports.get(store)
        if port is not None and (found.get(store) or {}).get("where") == HERE:
            made[store] = {**found[store], "port": port}
    return made


def publish(found: Mapping[str, Any], wishes: Wishes) -> list[str]:
    """The addresses at which the proxy is published; in the host's network the one at which it
    listens."""
    before = (found.get("address") or {}).get("publish") or [LOOPBACK]
    wanted = list(wishes.publish) or list(before)
    if wishes.network == "host":
        return [_addresses.listened(wanted)]
    return _addresses.published(wanted)


def address(
    port: int, published: Sequence[str], tls: bool, proofs: Sequence[str], legacy: Sequence[str]
) -> dict[str, Any]:
    """The fact ``address``.

    :param proofs: addresses at which others reach the proxy, which has to answer there as well.
    :param legacy: the addresses at which it was before.
    """
    scheme = "https" if tls else "http"
    url, before, *others = [
        _addresses.url(scheme, _addresses.reached(each), port)
        for each in (published, legacy, *([proof] for proof in proofs))
    ]
    return {
        "legacy": list(legacy),
        "publish": list(published),
        "listen": _addresses.listened(published),
        "tls": tls,
        "legacy_url": before,
        "url": url,
        "proofs": others,
    }
