# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the host's own Redis in LiteLLM's config.yaml and replace it by the container's.

As read in LiteLLM 1.102: a missing password comes from ``REDIS_PASSWORD``, but a URL takes no
password from elsewhere. So a URL becomes host, port and database, and a password the environment's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .environment_rules import LOOPBACK_HOST, is_loopback
from .loopback import REDIS_PORT, REFERENCE, URL, Edit, Found, line_of, port_of, shown
from .yaml_values import Path, Scan, Value

CACHE = ("litellm_settings", "cache_params")
ENVIRONMENT = ("environment_variables",)
# Where a Redis is described, and how the names of its settings begin there.
PLACES = {
    CACHE: "",
    ("router_settings",): "redis_",
    ("general_settings", "coordination_redis"): "",
    ENVIRONMENT: "REDIS_",
}
FIELDS = ("host", "port", "url", "password", "username", "ssl", "db")
CLUSTER = (
    "startup_nodes",
    "redis_startup_nodes",
    "sentinel_nodes",
    "REDIS_CLUSTER_NODES",
    "REDIS_SENTINEL_NODES",
)


class Place(NamedTuple):
    """A mapping that describes the host's Redis: its keys' prefix, and its values by field."""

    prefix: str
    fields: dict[str, Value]


def places(text: str, scan: Scan, variables: Sequence[str] = ()) -> list[Place]:
    """The places that describe the host's own Redis.

    :param variables: names of variables that say where it is, beside REDIS_HOST and REDIS_URL.
    """
    found = []
    for place, paths in _merged(scan).items():
        inside = {value.path[-1]: value for value in scan.values if value.path[:-1] in paths}
        kind = (
            text[inside["type"].start : inside["type"].end]
            if place == CACHE and "type" in inside
            else "redis"
        )
        prefix = PLACES[place]
        names = {prefix + (field.upper() if prefix.isupper() else field): field for field in FIELDS}
        if place == CACHE:
            names["redis_url"] = "url"
        fields = {names[name]: value for name, value in inside.items() if name in names}
        if (
            re.match("redis|valkey|" + REFERENCE, kind)
            and {"host", "port", "url", "password"} & set(fields)
            and _is_local(text, fields, variables)
        ):
            found.append(Place(prefix, fields))
    return found


def _merged(scan: Scan) -> dict[Path, set[Path]]:
    """Each of the places, with the anchored nodes that are merged into it or stand for it."""
    used: dict[Path, list[Path]] = {}
    for path, name in scan.aliases:
        while path and path[-1] in ("-", "<<"):
            path = path[:-1]
        if name in scan.anchors:
            used.setdefault(path, []).append(scan.anchors[name])
    found = {place: {place} for place in PLACES}
    for place, paths in found.items():
        pending = [place]
        while pending:
            new = set(used.get(pending.pop(), ())) - paths
            paths |= new
            pending += new
    return found


def _is_local(text: str, fields: dict[str, Value], variables: Sequence[str]) -> bool:
    """Whether it is the host's own Redis, which REDIS_HOST and REDIS_URL of the environment are."""
    named = {REFERENCE + name for name in ("REDIS_URL", "REDIS_HOST", *variables)}

    def read(name: str) -> str:
        return text[fields[name].start : fields[name].end] if name in fields else ""

    if read("url") not in ("", *named):
        return bool(URL.match(read("url"))) or read("url").startswith("unix:/")
    return read("host") in ("", *named) or is_loopback(read("host"))


def address_of(text: str, place: Place) -> Found:
    """The address of the Redis that the place describes."""
    fields = {name: text[value.start : value.end] for name, value in place.fields.items()}
    source = next(
        place.fields[name] for name in ("url", "host", "port", "password") if name in place.fields
    )
    url = URL.match(fields.get("url", ""))
    if url:
        number, address = port_of(url), shown(url)
    elif fields.get("url", "").startswith("unix:/"):
        number, address = REDIS_PORT, "(a Unix socket)"
    else:
        port = fields.get("port", "")
        number = int(port) if re.match(r"[0-9]{1,5}\Z", port) else REDIS_PORT
        address = "%s:%d" % (fields.get("host") or "REDIS_HOST", number)
    return Found(line_of(text, source.start), number, "redis", address, source.start, source.end)


def edits(text: str, place: Place, host: str, port: int) -> Iterator[Edit]:
    """The edits that make the place describe the container's Redis."""
    wanted = {
        "host": host,
        "port": str(port),
        "password": REFERENCE + "REDIS_PASSWORD",
        "username": "default",
        "ssl": "false",
    }
    for name, value in place.fields.items():
        old = text[value.start : value.end]
        if (
            name == "db"
            or (name in ("host", "port", "url") and old.startswith(REFERENCE))
            or (name == "ssl" and old.lower() != "true")
        ):
            continue
        if name == "url" and not place.prefix.isupper():
            yield _without_url(text, place, host, port)
            continue
        new = REFERENCE + place.prefix + name.upper() if place.prefix.isupper() else wanted[name]
        if old != new:
            yield Edit(
                value.start,
                value.end,
                new,
                ({"password": "(a password)", "url": "(a URL)"}.get(name, old), new),
            )


def _without_url(text: str, place: Place, host: str, port: int) -> Edit:
    value = place.fields["url"]
    old = text[value.start : value.end]
    match = URL.match(old)
    number = re.search(r"[^/]/([0-9]+)\Z|[?&]db=([0-9]+)", old)
    parts = {"host": host, "port": str(port)}
    if number and (number[1] or number[2]) != "0":
        parts["db"] = number[1] or number[2]
    # No name twice: those that are there already have edits of their own.
    missing = {
        place.prefix + name: part for name, part in parts.items() if name not in place.fields
    } or {value.path[-1]: "null"}
    column = value.key - text.rfind("\n", 0, value.key) - 1
    made = (", " if value.flow else "\n" + " " * column).join(
        "%s: %s" % item for item in missing.items()
    )
    return Edit(
        value.key,
        value.end + value.quoted,
        made,
        (shown(match) if match else "(a URL)", "%s:%d" % (host, port)),
    )


def clusters(text: str, scan: Scan) -> Iterator[tuple[int, str]]:
    """Settings that name several Redis servers of the host: the offset and name of each."""
    for path, offset in scan.keys.items():
        if path[-1] in CLUSTER and path[:-1] in PLACES:
            below = [
                text[value.start : value.end]
                for value in scan.values
                if value.path[: len(path)] == path
            ]
            if any(
                re.search(r"(?<![\w.-])(?:%s)(?![\w.-])" % LOOPBACK_HOST, value, re.I)
                for value in below
            ):
                yield offset, path[-1]
