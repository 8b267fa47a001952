# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container image is, without pulling it: from the engine where it is present, else what the
engine can get, and what its registry tells of that.

A refusal must leave the host as it was, so preflight may not pull. The engine decides what it can
get: only it knows its mirrors, proxies and certificates. A registry's manifest and configuration
say what else should be known: size, the environment that the image declares (``PG_MAJOR``,
``REDIS_VERSION``), labels.
"""

from __future__ import annotations

import json
import re
from typing import Any, Mapping, NamedTuple, Optional

from . import engine_socket as _engine_socket
from . import registry as _registry
from . import registry_login as _registry_login
from .image_reference import HUB, is_id, parse_reference
from .process import run

# Of the engine's answers those that a pull would get as well: there is no such image, or it is not
# for this host's login.
REFUSALS = (401, 403, 404)


class Image(NamedTuple):
    """What is known of an image. ``platforms`` like ``linux/amd64``, none where nobody tells;
    ``environment`` what the image itself sets; ``size`` bytes to fetch, 0 where it is present or
    nobody tells; ``error``: why it can't be had, else empty. ``digest``: of what the name means in
    its registry; ``note``: what could not be learnt; ``volumes``: folders that it declares."""

    reference: str
    present: bool
    platforms: tuple[str, ...]
    environment: Mapping[str, str]
    labels: Mapping[str, str]
    size: int
    error: str
    digest: str = ""
    note: str = ""
    volumes: tuple[str, ...] = ()


def parse_local(reference: str, text: str) -> Image:
    """``docker image inspect`` of one image."""
    result = json.loads(text)[0]
    config = result.get("Config") or {}
    return Image(
        reference,
        True,
        ("%s/%s" % (result["Os"], result["Architecture"]),),
        _registry.pairs(config.get("Env")),
        config.get("Labels") or {},
        0,
        "",
        volumes=tuple(config.get("Volumes") or ()),
    )


def look(reference: str, engine: Mapping[str, Any]) -> Image:
    """An image as the engine or, where it is not present, its registry knows it.

    :param engine: of :func:`_host.docker.describe` ``platform``, ``insecure``, ``mirrors``,
        ``proxies`` and ``socket``.
    :raises ValueError: it is no reference.
    """
    nothing = Image(reference, False, (), {}, {}, 0, "")
    parts = None if is_id(reference) else parse_reference(reference)
    local = run(["docker", "image", "inspect", reference])
    if local.rc == 0:
        return parse_local(reference, local.out)
    if parts is None:
        return nothing._replace(error="is not on this host, and an id can't be pulled")
    access = _registry.Access(
        engine.get("insecure") or (), engine.get("mirrors") or (), engine.get("proxies") or {}
    )
    login, unsure = _registry_login.known(parts.host)
    asked = _engine_socket.distribution(reference, login, parts.host, engine.get("socket") or "")
    if asked.status in REFUSALS and not unsure and not (access.mirrors and parts.host == HUB):
        return nothing._replace(error="the engine can't get it (%s)" % asked.said)
    told = _registry.describe(parts, engine["platform"], access, login)
    notes = ["the engine can't say whether it can get it (%s)" % asked.said] * bool(asked.said)
    notes += [unsure] * bool(unsure) + [told.error] * bool(told.error)
    return nothing._replace(
        platforms=asked.platforms or told.platforms,
        environment=told.environment,
        labels=told.labels,
        size=told.size,
        digest=parts.digest or asked.digest,
        note="; ".join(notes),
        volumes=told.volumes,
    )


def version(image: Image) -> Optional[str]:
    """The release that an image says to hold: from its labels, else from its tag; ``None`` where
    neither tells."""
    for label in ("org.opencontainers.image.version", "version"):
        match = re.search(r"\d+\.\d+\.\d+", image.labels.get(label, ""))
        if match:
            return match.group(0)
    match = re.search(r"\d+\.\d+\.\d+", tag(image))
    return match.group(0) if match else None


def tag(image: Image) -> str:
    """The tag of an image's name, empty where it has none."""
    return "" if is_id(image.reference) else parse_reference(image.reference).tag


def major(image: Image, variable: str) -> Optional[int]:
    """The major version that an image declares in a variable of its own (``PG_MAJOR``,
    ``REDIS_VERSION``), else in its tag; ``None`` where neither tells."""
    told = (re.match(r"\d+", text) for text in (image.environment.get(variable, ""), tag(image)))
    return next((int(match.group(0)) for match in told if match), None)
