# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Redis LiteLLM uses, by its own order of settings (read in 1.102.4).

Four of its parts may have one: what its workers agree on (``coordination_redis``), the cache of
answers (``cache: true`` with ``cache_params``), the router (``redis_url``, or ``redis_host`` with
``redis_port``) and, where neither of the first two has one, what REDIS_HOST or REDIS_URL name. Each
takes what its own settings lack from REDIS_… of the environment, and a URL before host and port;
only REDIS_URL of the environment gives way to a host that its own settings name.
"""

from __future__ import annotations

import re
from typing import Iterator, Mapping, NamedTuple, Optional
from urllib.parse import parse_qs, unquote, urlsplit

from .configured import Configured, Entry
from .loopback import REDIS_PORT

CACHE = ("litellm_settings", "cache_params")
COORDINATION = ("general_settings", "coordination_redis")
ROUTER = ("router_settings",)
USES = {CACHE: "the cache", COORDINATION: "coordination", ROUTER: "the router"}
SEMANTIC = "the semantic cache"
FALLBACK = "coordination (REDIS_… of the environment)"
# What a client is made of, and what says that it is none that can be moved.
FIELDS = ("url", "host", "port", "username", "password", "db", "ssl", "unix_socket_path")
CLUSTER = ("startup_nodes", "redis_startup_nodes")
# By the names of variables, which all count by themselves.
_ENVIRONMENT = {
    **{"REDIS_" + field.upper(): field for field in FIELDS},
    "REDIS_CLUSTER_NODES": "startup_nodes",
    "REDIS_SENTINEL_NODES": "sentinel_nodes",
    "REDIS_AWS_IAM_AUTH": "aws_iam_auth",
    "REDIS_GCP_SERVICE_ACCOUNT": "gcp_service_account",
    "REDIS_AZURE_AD_TOKEN": "azure_redis_ad_token",
}
_SEMANTIC = {"redis-semantic": ("REDIS_",), "valkey-semantic": ("VALKEY_", "REDIS_")}
_ROUTER = ("redis_url", "redis_host", "redis_port", "redis_password", "redis_db")
_SCHEMES = ("redis", "rediss", "unix")
_TOKENS = ("aws_iam_auth", "gcp_service_account", "azure_redis_ad_token")
_TRUE = ("true", "1", "yes")


class Redis(NamedTuple):
    """A Redis that a part of LiteLLM uses. ``user`` and ``password`` are secret.

    ``use``: which part. ``origin``: where its address is written, in words. ``path``: of its Unix
    socket, else empty. ``fault``: why it is no single server with a password, in words that follow
    its origin; the rest is not known then. ``variables``: names of variables, other than those that
    LiteLLM reads by itself, and what they give (of :data:`FIELDS`).
    """

    use: str
    origin: str
    host: str = ""
    port: int = REDIS_PORT
    path: str = ""
    user: str = ""
    password: str = ""
    database: int = 0
    tls: bool = False
    fault: str = ""
    variables: tuple[tuple[str, str], ...] = ()

    @property
    def address(self) -> str:
        """Its address, without anything secret."""
        if self.path:
            return self.path
        return ("[%s]:%d" if ":" in self.host else "%s:%d") % (self.host, self.port)


def find(configured: Configured, environment: Mapping[str, str]) -> list[Redis]:
    """Every Redis that LiteLLM uses; one for each of its parts that has one of its own.

    :param environment: with what ``environment_variables:`` of the configuration have set.
    """
    inherited = _inherited(environment)
    cache, cache_settings = _cache(configured, environment)
    parts = [
        (USES[COORDINATION], configured.at(*COORDINATION)),
        (cache, cache_settings),
        (USES[ROUTER], _router(configured)),
    ]
    found = [
        item
        for use, settings in parts
        for item in [settings and _client(use, settings, inherited, configured.is_managed)]
        if item
    ]
    if not {USES[COORDINATION], USES[CACHE]} & {item.use for item in found}:
        fallback = _client(FALLBACK, {}, inherited)
        found += [fallback] if fallback else []
    return found


def distinct(found: list[Redis]) -> list[Redis]:
    """The first of those that are one server by their addresses, however that is spelled."""
    servers: dict[object, Redis] = {}
    for item in found:
        loopback = re.fullmatch(r"127\.0\.0\.1|localhost|::1|0\.0\.0\.0", item.host, re.I)
        host = "" if loopback else item.host.lower()
        known = servers.setdefault((item.path or host, not item.path and item.port), item)
        if item.password and not known.password:
            servers[(item.path or host, not item.path and item.port)] = item
    return list(servers.values())


def _inherited(environment: Mapping[str, str]) -> dict[str, Entry]:
    """What every part takes from the environment."""
    return {
        field: Entry(environment[name], "", "%s of the environment" % name)
        for name, field in _ENVIRONMENT.items()
        if environment.get(name)
    }


def _cache(configured: Configured, environment: Mapping[str, str]) -> tuple[str, dict[str, Entry]]:
    """Which cache it is, and its settings where it is one in Redis; none where it is another or
    off."""
    switch = configured.one("litellm_settings", "cache")
    if switch is None or not (switch.value is True or (switch.variable and _is(switch))):
        return "", {}
    settings = configured.at(*CACHE)
    # without any settings it is a cache in the environment's Redis, with some it says its type
    kind = settings["type"].text if "type" in settings else "" if settings else "redis"
    if kind == "redis":
        return USES[CACHE], settings or {"type": Entry(kind, "", switch.place)}
    if kind not in _SEMANTIC:
        return "", {}
    named = {"url": settings.get("redis_url", Entry(None, "", "")), **settings}
    for field in ("host", "port", "password"):
        names = [prefix + field.upper() for prefix in _SEMANTIC[kind]]
        given = next((name for name in names if environment.get(name)), None)
        if given and not _said(named, field):
            named[field] = Entry(environment[given], given, "")
    return SEMANTIC, named


def _is(entry: Entry) -> bool:
    return entry.text.lower() == "true"


def _router(configured: Configured) -> dict[str, Entry]:
    """The settings of the router's own Redis; none where it has none, as with a host alone."""
    settings = configured.at(*ROUTER)
    named = {
        key[len("redis_") :]: settings[key]
        for key in _ROUTER
        if key in settings and settings[key].value is not None
    }
    if "url" not in named and not {"host", "port"} <= set(named):
        return {}
    return {**named, **configured.at(*ROUTER, "cache_kwargs")}


def _client(
    use: str,
    settings: Mapping[str, Entry],
    inherited: Mapping[str, Entry],
    managed: bool = False,
) -> Optional[Redis]:
    """The Redis that settings describe; ``None`` where nothing names one.

    :param managed: whether a secret manager may know what a reference means.
    """
    own = {
        ("startup_nodes" if key in CLUSTER else key): entry
        for key, entry in settings.items()
        # these give way to the environment where they are nothing; others do not
        if entry.value is not None or key not in ("host", "port", "password", *CLUSTER)
    }
    merged = dict(inherited)
    if {"host", "startup_nodes", "sentinel_nodes"} & set(own) and not _said(own, "url"):
        merged.pop("url", None)
    merged.update(own)
    # a secret manager comes before the environment, and what it says of a host is not nothing
    for entry, fault in [*_faults(merged), *(_hidden(settings) if managed else ())]:
        return Redis(use, entry.place, fault=fault, variables=_variables(merged))
    target = next((key for key in ("url", "host") if _said(merged, key)), None)
    if target is None:
        return None
    made = _by_url(merged) if target == "url" else _by_parts(merged)
    return made._replace(use=use, origin=_origin(merged, target), variables=_variables(merged))


def _said(settings: Mapping[str, Entry], key: str) -> bool:
    return key in settings and bool(settings[key].text)


def _faults(settings: Mapping[str, Entry]) -> Iterator[tuple[Entry, str]]:
    """What makes it no single server: the setting, and in words."""
    if _said(settings, "unix_socket_path") and not _said(settings, "url"):
        yield (
            settings["unix_socket_path"],
            "names a Unix socket where only half of LiteLLM's clients take one",
        )
    for name in ("startup_nodes", "sentinel_nodes"):
        if name in settings and settings[name].value is not None:
            url_first = name == "sentinel_nodes" and _said(settings, "url")
            if not url_first:
                kind = "a Redis Cluster" if name == "startup_nodes" else "a Redis by its Sentinels"
                yield settings[name], "names %s" % kind
    for name in _TOKENS:
        if name in settings and settings[name].text.lower() not in ("", "false", "0", "no"):
            yield settings[name], "logs in to Redis with tokens of a cloud, which expire"


def _hidden(settings: Mapping[str, Entry]) -> Iterator[tuple[Entry, str]]:
    """What of a server only a secret manager knows."""
    for name in FIELDS:
        entry = settings.get(name)
        if entry and entry.variable and entry.value is None:
            yield entry, "is %s of a secret manager, which is not asked here" % entry.variable


def _origin(settings: Mapping[str, Entry], target: str) -> str:
    entry = settings[target]
    words = entry.place
    if entry.variable:
        words += (", which is " if words else "") + "%s of the environment" % entry.variable
    if target == "host" and not _said(settings, "port"):
        words += ", with Redis' own port since none is given"
    return words


def _variables(settings: Mapping[str, Entry]) -> tuple[tuple[str, str], ...]:
    return tuple(
        sorted(
            (entry.variable, field)
            for field, entry in settings.items()
            if field in FIELDS and entry.variable and entry.variable not in _ENVIRONMENT
        )
    )


def _by_parts(settings: Mapping[str, Entry]) -> Redis:
    said = {field: settings[field].text for field in FIELDS if field in settings}
    port = said.get("port") or str(REDIS_PORT)
    number = said.get("db") or "0"
    wrong = next(
        (
            "%s, %s: is no number" % (settings[field].place, field)
            for field, value in (("port", port), ("db", number))
            if not re.fullmatch(r"[0-9]{1,5}", value)
        ),
        "",
    )
    return Redis(
        "",
        "",
        said.get("host", ""),
        0 if wrong else int(port),
        "",
        said.get("username", ""),
        said.get("password", ""),
        0 if wrong else int(number),
        said.get("ssl", "").lower() in _TRUE,
        wrong,
    )


def _by_url(settings: Mapping[str, Entry]) -> Redis:
    """As redis-py reads a URL: a part of it counts more than its query, that more than settings,
    and a password comes from nowhere else."""
    try:
        parts = urlsplit(settings["url"].text)
        port, hostname = parts.port, parts.hostname
    except ValueError:
        return Redis("", "", fault="is no URL that Redis' client can read")
    if parts.scheme not in _SCHEMES:
        return Redis("", "", fault="is a URL of another kind than redis://, rediss:// or unix://")
    query = {name: unquote(values[0]) for name, values in parse_qs(parts.query).items()}
    user = settings["username"].text if "username" in settings else ""
    number = query.get("db", "")
    if parts.scheme != "unix" and not number:
        number = unquote(parts.path).replace("/", "")
    return Redis(
        "",
        "",
        "" if parts.scheme == "unix" else unquote(hostname or query.get("host", "localhost")),
        port or REDIS_PORT,
        unquote(parts.path) if parts.scheme == "unix" else "",
        unquote(parts.username or "") or query.get("username", "") or user,
        unquote(parts.password or "") or query.get("password", ""),
        int(number) if re.fullmatch(r"[0-9]{1,5}", number) else 0,
        parts.scheme == "rediss",
    )
