# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container image is, without pulling it: from the engine where it is present, else from its
registry.

A refusal must leave the host as it was, so preflight may not pull. A registry's manifest and
configuration say what has to be known: platform, digest, size, the environment that the image
declares (``PG_MAJOR``, ``REDIS_VERSION``), labels.
"""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, NamedTuple, Optional

from .process import run

MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
# Follows the host's proxy settings, as the engine's own pulls usually do.
_OPENER = urllib.request.build_opener()
LIMIT = 4 << 20  # bytes of a manifest or configuration; real ones are some kilobytes


class Reference(NamedTuple):
    """An image reference taken apart; ``registry`` is empty for the engine's default one."""

    registry: str
    repository: str
    tag: str
    digest: str


class Image(NamedTuple):
    """What is known of an image. ``platforms`` like ``linux/amd64``; ``environment`` what the image
    itself sets; ``size`` bytes to fetch, 0 where it is present; ``error`` why nothing is known,
    else empty."""

    reference: str
    present: bool
    platforms: tuple[str, ...]
    environment: dict[str, str]
    labels: dict[str, str]
    size: int
    error: str


def parse_reference(text: str) -> Reference:
    """Take ``[registry/]repository[:tag][@digest]`` apart.

    :raises ValueError: it is none.
    """
    match = re.match(
        r"^(?:(?P<registry>[^/]*[.:][^/]*|localhost)/)?(?P<repository>[a-z0-9][a-z0-9._/-]*)"
        r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]*))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?$",
        text,
    )
    if match is None:
        raise ValueError(
            "%r is not an image reference ([registry/]name[:tag]@sha256:digest)" % text
        )
    return Reference(
        *(match.group(name) or "" for name in ("registry", "repository", "tag", "digest"))
    )


def _pairs(items: Optional[list[str]]) -> dict[str, str]:
    return dict(item.split("=", 1) for item in items or [] if "=" in item)


def parse_local(reference: str, text: str) -> Image:
    """``docker image inspect`` of one image."""
    result = json.loads(text)[0]
    config = result.get("Config") or {}
    return Image(
        reference,
        True,
        ("%s/%s" % (result["Os"], result["Architecture"]),),
        _pairs(config.get("Env")),
        config.get("Labels") or {},
        0,
        "",
    )


class _Registry:
    """A registry's HTTP interface, as far as reading manifests and configurations goes, with
    anonymous tokens."""

    def __init__(self, reference: Reference, insecure: bool, timeout: float) -> None:
        self.base = "%s://%s/v2/%s/" % (
            "http" if insecure else "https",
            reference.registry,
            reference.repository,
        )
        self.timeout, self.token = timeout, ""

    def get(self, path: str, accept: str = "*/*") -> dict:
        try:
            return self._get(path, accept)
        except urllib.error.HTTPError as error:
            challenge = error.headers.get("WWW-Authenticate", "")
            if error.code != 401 or not challenge.lower().startswith("bearer") or self.token:
                raise
            result = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
            query = urllib.parse.urlencode(
                {key: result[key] for key in ("service", "scope") if key in result}
            )
            with _OPENER.open("%s?%s" % (result["realm"], query), timeout=self.timeout) as answer:
                granted = json.loads(answer.read(LIMIT))
            self.token = granted.get("token") or granted.get("access_token") or ""
            return self._get(path, accept)

    def _get(self, path: str, accept: str) -> dict:
        request = urllib.request.Request(self.base + path, headers={"Accept": accept})
        if self.token:
            # Registries send to another host for blobs, by an address that is signed; such hosts
            # refuse a second credential.
            request.add_unredirected_header("Authorization", "Bearer " + self.token)
        with _OPENER.open(request, timeout=self.timeout) as answer:
            return json.loads(answer.read(LIMIT))


def _platform(result: dict) -> str:
    return "%s/%s" % (result.get("os", "?"), result.get("architecture", "?"))


def remote(reference: str, platform: str, insecure: bool, timeout: float = 20) -> Image:
    """Ask the registry; whatever goes wrong becomes ``error``."""
    parts = parse_reference(reference)
    registry = _Registry(parts, insecure, timeout)
    try:
        manifest = registry.get(
            "manifests/" + (parts.digest or parts.tag or "latest"), ", ".join(MANIFESTS)
        )
        if "manifests" in manifest:
            offered = {
                _platform(item.get("platform") or {}): item["digest"]
                for item in manifest["manifests"]
            }
            if platform not in offered:
                return Image(reference, False, tuple(sorted(offered)), {}, {}, 0, "")
            manifest = registry.get("manifests/" + offered[platform], ", ".join(MANIFESTS))
        config: dict[str, Any] = registry.get("blobs/" + manifest["config"]["digest"])
        inner = config.get("config") or {}
        return Image(
            reference,
            False,
            (_platform(config),),
            _pairs(inner.get("Env")),
            inner.get("Labels") or {},
            sum(layer.get("size", 0) for layer in manifest.get("layers", [])),
            "",
        )
    except urllib.error.HTTPError as error:
        return Image(
            reference,
            False,
            (),
            {},
            {},
            0,
            "the registry answered %d %s" % (error.code, error.reason),
        )
    except (OSError, http.client.HTTPException) as error:
        return Image(
            reference,
            False,
            (),
            {},
            {},
            0,
            "the registry cannot be asked (%s)"
            % (getattr(error, "reason", None) or str(error).strip()),
        )
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
    ) as error:  # an answer of another shape, such as a login page
        return Image(
            reference,
            False,
            (),
            {},
            {},
            0,
            "the registry cannot be asked (its answer is not understood: %s)" % error,
        )


def look(reference: str, platform: str, insecure_registries: list[str]) -> Image:
    """An image as the engine or, where it is not present, its registry knows it.

    Images of the engine's default registry are asked for through the engine's own client, which
    tells existence only.
    """
    parts = parse_reference(reference)
    local = run(["docker", "image", "inspect", reference])
    if local.rc == 0:
        return parse_local(reference, local.out)
    if parts.registry:
        return remote(reference, platform, parts.registry in insecure_registries)
    asked = run(["docker", "manifest", "inspect", reference])
    return Image(
        reference,
        False,
        (platform,) if asked.rc == 0 else (),
        {},
        {},
        0,
        ""
        if asked.rc == 0
        else "the registry does not have it (%s)" % "".join(asked.err.strip().splitlines()[-1:]),
    )


def version(image: Image) -> Optional[str]:
    """The release that an image says to hold: from its labels, else from its tag; ``None`` where
    neither tells."""
    for label in ("org.opencontainers.image.version", "version"):
        match = re.search(r"\d+\.\d+\.\d+", image.labels.get(label, ""))
        if match:
            return match.group(0)
    match = re.search(r"\d+\.\d+\.\d+", parse_reference(image.reference).tag)
    return match.group(0) if match else None


def major(image: Image, variable: str) -> Optional[int]:
    """The major version that an image declares in a variable of its own (``PG_MAJOR``,
    ``REDIS_VERSION``), else in its tag."""
    for text in (image.environment.get(variable, ""), parse_reference(image.reference).tag):
        match = re.match(r"(\d+)", text)
        if match:
            return int(match.group(1))
    return None
