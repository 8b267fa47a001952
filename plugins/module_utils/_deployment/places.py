# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the database and the Redis of a deployment are, by what preflight has found.

One that is *here*, on this host, is moved into the Compose project. One that is *elsewhere* stays
there: the project has no service for it, and nothing is copied. A proxy may have none of either.
Facts of releases that knew only stores of this host do not say it.
"""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple

from .._config.environment_rules import ELSEWHERE, HERE, NOWHERE

STORES = ("database", "redis")
# The services of the Compose project, by the store that is moved into them.
_SERVICES = {"database": "postgres", "redis": "redis"}
_NAMES = {"database": "database", "redis": "Redis"}


class Places(NamedTuple):
    """Where each of both is: :data:`HERE`, :data:`ELSEWHERE` or :data:`NOWHERE`."""

    database: str = HERE
    redis: str = HERE


def of(found: Mapping[str, Any]) -> Places:
    """The places in preflight's facts; of what they do not tell, it is here."""
    return Places(*(_place(found, store) for store in STORES))


def _place(found: Mapping[str, Any], store: str) -> str:
    if store not in found:
        return HERE
    about = found[store]
    return NOWHERE if about is None else str(about.get("where") or HERE)


def here(found: Mapping[str, Any], store: str) -> dict[str, Any]:
    """What was found of a store of this host, empty where it is none."""
    return (found.get(store) or {}) if _place(found, store) == HERE else {}


def elsewhere(found: Mapping[str, Any]) -> list[str]:
    """The stores that are on another host."""
    return [store for store in STORES if _place(found, store) == ELSEWHERE]


def services(found: Mapping[str, Any]) -> list[str]:
    """The services of the Compose project. Without a Redis, the proxy gets one there."""
    places = of(found)
    return [
        "litellm",
        *(["postgres"] if places.database == HERE else []),
        *(["redis"] if places.redis != ELSEWHERE else []),
    ]


def images(found: Mapping[str, Any]) -> list[str]:
    """The services whose images are needed: of a PostgreSQL that is elsewhere, the client
    programs are."""
    clients = ["postgres"] if of(found).database == ELSEWHERE else []
    return [*services(found), *clients]


def database(facts: Mapping[str, Any], env_file: str) -> dict[str, Any]:
    """A database that is elsewhere, as the modules' argument of that name.

    :param facts: of a journal, which has the image whose client programs ask it, and where the
        copy of its certificate is.
    :param env_file: of the deployment that uses it.
    """
    found = facts.get("found") or {}
    about, needs = found["database"], found.get("needs") or {}
    copies = [
        "%s/%s" % (found.get("project_dir"), item["name"])
        for item in needs.get("files") or []
        if item["target"] == about.get("rootcert")
    ]
    image = (facts.get("images") or {}).get("postgres") or {}
    return {
        "env_file": env_file,
        "variable": about.get("variable"),
        "image": image.get("reference") or about.get("image"),
        "rootcert": copies[0] if copies else None,
    }


def stay(found: Mapping[str, Any]) -> list[str]:
    """What is said of each store that is on another host, in words."""
    return [
        "%s: stays at %s, nothing copied" % (_NAMES[store], address(found[store]))
        for store in elsewhere(found)
    ]


def address(store: Mapping[str, Any]) -> str:
    """Host and port of a store that is elsewhere."""
    host = str(store.get("host"))
    return ("[%s]:%s" if ":" in host else "%s:%s") % (host, store.get("port"))
