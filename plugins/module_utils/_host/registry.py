# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry's HTTP interface, as far as reading manifests and configurations goes.

Only what the engine can't tell is asked here: an image's size, and what it declares. What keeps it
from being told is a note and never a refusal, since the engine may have other ways to the registry.
"""

from __future__ import annotations

import glob
import http.client
import json
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Mapping, NamedTuple, Optional, Sequence

from .image_reference import HUB, Reference
from .registry_login import Login

MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
LIMIT = 4 << 20  # bytes of a manifest or configuration; real ones are some kilobytes
TIMEOUT = 15.0
# ``docker.io`` is a name, and no registry answers there.
HUB_API = "https://registry-1.docker.io"
CERTIFICATES = "/etc/docker/certs.d"


class Told(NamedTuple):
    """What a registry tells of an image. ``platforms`` like ``linux/amd64``, those of an index
    where there is one; of the platform that was asked for ``environment``, ``labels``, ``volumes``
    and ``size`` (bytes to fetch); ``error``: why nothing is told, else empty."""

    platforms: tuple[str, ...] = ()
    environment: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}
    volumes: tuple[str, ...] = ()
    size: int = 0
    error: str = ""


class Access(NamedTuple):
    """How the engine reaches registries: ``insecure`` ones, ``mirrors`` of the default one,
    ``proxies`` by scheme with ``no`` for what goes past them; empty: those of the environment."""

    insecure: Sequence[str] = ()
    mirrors: Sequence[str] = ()
    proxies: Mapping[str, str] = {}


def pairs(items: Optional[Sequence[str]]) -> dict[str, str]:
    """An image's environment as a dictionary."""
    return dict(item.split("=", 1) for item in items or [] if "=" in item)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a registry to where it sends: a vendor's own domain to the registry behind it, with
    the token that was got for that one; and for blobs to signed addresses, which refuse a second
    credential."""

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self.tokens = tokens

    def redirect_request(self, req: Any, *words: Any) -> Optional[urllib.request.Request]:
        made = super().redirect_request(req, *words)
        if made is not None:
            _authorise(made, self.tokens)
        return made


def _authorise(request: urllib.request.Request, tokens: Mapping[str, str]) -> None:
    token = tokens.get(_place(request.full_url))
    if token:
        request.add_unredirected_header("Authorization", token)


def _place(url: str) -> str:
    return "%s://%s" % urllib.parse.urlsplit(url)[:2]


def _tls(host: str) -> ssl.SSLContext:
    """As the engine trusts a registry."""
    context = ssl.create_default_context()
    for path in sorted(glob.glob("%s/%s/*.crt" % (CERTIFICATES, glob.escape(host)))):
        context.load_verify_locations(path)
    return context


class _Registry:
    def __init__(
        self, base: str, reference: Reference, login: Optional[Login], access: Access
    ) -> None:
        self.base = "%s/v2/%s/" % (base.rstrip("/"), reference.path)
        self.login = login
        self.tokens: dict[str, str] = {}
        host = urllib.parse.urlsplit(base).netloc
        self.own = host
        handlers: list[Any] = [
            urllib.request.HTTPSHandler(context=_tls(host)),
            _Redirects(self.tokens),
        ]
        if access.proxies:
            past = urllib.request.proxy_bypass_environment(host, dict(access.proxies))  # type: ignore[attr-defined]
            handlers.append(
                urllib.request.ProxyHandler(
                    {}
                    if past
                    else {key: value for key, value in access.proxies.items() if key != "no"}
                )
            )
        self.opener = urllib.request.build_opener(*handlers)

    def get(self, path: str, accept: str = "*/*") -> dict:
        try:
            return self._get(path, accept)
        except urllib.error.HTTPError as error:
            # of the host that asks for it, which after a redirect is another one
            place = _place(error.url or self.base)
            if error.code != 401 or place in self.tokens:
                raise
            self.tokens[place] = self._granted(place, error.headers.get("WWW-Authenticate", ""))
            if not self.tokens[place]:
                raise
            return self._get(path, accept)

    def _granted(self, place: str, challenge: str) -> str:
        """What a host that asks for a login is given; empty where there is nothing to give."""
        basic = self._basic(place)
        if challenge.lower().startswith("basic"):
            return basic
        asked = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        realm = asked.get("realm", "")
        if not challenge.lower().startswith("bearer") or not realm.startswith("http"):
            return ""
        query = urllib.parse.urlencode(
            {key: asked[key] for key in ("service", "scope") if key in asked}
        )
        request = urllib.request.Request("%s?%s" % (realm, query))
        if basic and (realm.startswith("https:") or _place(realm) == place):
            request.add_unredirected_header("Authorization", basic)
        with self.opener.open(request, timeout=TIMEOUT) as answer:
            granted = json.loads(answer.read(LIMIT))
        token = granted.get("token") or granted.get("access_token") or ""
        return "Bearer " + token if token else ""

    def _basic(self, place: str) -> str:
        """The login belongs to the registry that was named, and is shown to no other one."""
        named = place.partition("://")[2] == self.own
        return self.login.basic() if named and self.login and self.login.user else ""

    def _get(self, path: str, accept: str) -> dict:
        request = urllib.request.Request(self.base + path, headers={"Accept": accept})
        _authorise(request, self.tokens)
        with self.opener.open(request, timeout=TIMEOUT) as answer:
            return json.loads(answer.read(LIMIT))


def _platform(result: dict) -> str:
    return "%s/%s" % (result.get("os", "?"), result.get("architecture", "?"))


def _told(registry: _Registry, reference: Reference, platform: str) -> Told:
    accept = ", ".join(MANIFESTS)
    manifest = registry.get("manifests/" + (reference.digest or reference.tag or "latest"), accept)
    platforms: tuple[str, ...] = ()
    if "manifests" in manifest:
        offered = {
            _platform(item.get("platform") or {}): item["digest"] for item in manifest["manifests"]
        }
        platforms = tuple(sorted(offered))
        if platform not in offered:
            return Told(platforms)
        manifest = registry.get("manifests/" + offered[platform], accept)
    config: dict[str, Any] = registry.get("blobs/" + manifest["config"]["digest"])
    inner = config.get("config") or {}
    return Told(
        platforms or (_platform(config),),
        pairs(inner.get("Env")),
        inner.get("Labels") or {},
        tuple(inner.get("Volumes") or ()),
        sum(layer.get("size", 0) for layer in manifest.get("layers", [])),
    )


def describe(
    reference: Reference, platform: str, access: Access, login: Optional[Login] = None
) -> Told:
    """Ask the registry, or the first of its mirrors that tells; whatever goes wrong becomes
    ``error``."""
    told = Told(error="nobody was asked")
    for base in _bases(reference, access):
        # a mirror is another place, which has no business with the login
        own = login if base not in access.mirrors else None
        told = _asked(base, reference, own, access, platform)
        if not told.error:
            break
    return told


def _bases(reference: Reference, access: Access) -> list[str]:
    if reference.host == HUB:
        return [*access.mirrors, HUB_API]
    scheme = "http" if reference.registry in access.insecure else "https"
    return ["%s://%s" % (scheme, reference.registry)]


def _asked(
    base: str,
    reference: Reference,
    login: Optional[Login],
    access: Access,
    platform: str,
) -> Told:
    try:
        return _told(_Registry(base, reference, login, access), reference, platform)
    except urllib.error.HTTPError as error:
        return Told(error="the registry answered %d %s" % (error.code, error.reason))
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "reason", None) or str(error).strip()
        return Told(error="the registry cannot be asked (%s)" % why)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        # an answer of another shape, such as a login page
        return Told(error="the registry cannot be asked (its answer is not understood: %s)" % error)
