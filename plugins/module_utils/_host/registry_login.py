# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The login that root's own client of the engine has for a registry: in root's configuration of it,
or with the helper which that names. The engine has none of its own."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, NamedTuple, Optional

from . import files as _files
from . import process as _process
from .image_reference import HUB

CONFIG = "/root/.docker/config.json"
# Where the client keeps the login of the default registry.
_HUB_KEY = "https://index.docker.io/v1/"
_TOKEN_USER = "<token>"


class Login(NamedTuple):
    """``user`` is empty for an identity token, which only the engine knows how to use. Neither is
    ever shown."""

    user: str
    secret: str

    def header(self, server: str) -> str:
        """For the engine, as its client sends it (``X-Registry-Auth``)."""
        said = (
            {"username": self.user, "password": self.secret}
            if self.user
            else {"identitytoken": self.secret}
        )
        text = json.dumps({**said, "serveraddress": _key(server)})
        return base64.urlsafe_b64encode(text.encode()).decode()

    def basic(self) -> str:
        """For a registry or what gives its tokens."""
        return "Basic " + base64.b64encode(("%s:%s" % self).encode()).decode()


class LoginUnknown(Exception):
    """There may be a login, and it can't be had; in words."""


def login(registry: str, config: str = CONFIG) -> Optional[Login]:
    """Root's login for a registry; ``None`` where there is none.

    :raises LoginUnknown: root's configuration or a helper says something else.
    """
    try:
        held = json.loads(_files.read(config))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise LoginUnknown("%s can't be read: %s" % (config, type(error).__name__)) from None
    if not isinstance(held, dict):
        raise LoginUnknown("%s is not as docker login writes it" % config)
    key = _key(registry)
    # by the same name as the logins
    helper = _of(held.get("credHelpers"), key) or held.get("credsStore")
    if isinstance(helper, str) and helper:
        return _asked(helper, key)
    auths = held.get("auths")
    return _stored(_of(auths, key) or _of(auths, registry) or _by_address(auths, registry))


def known(registry: str) -> tuple[Optional[Login], str]:
    """Root's login for a registry, and why it may have another one; empty where that is sure."""
    try:
        return login(registry), ""
    except LoginUnknown as error:
        return None, str(error)


def _key(registry: str) -> str:
    return _HUB_KEY if registry == HUB else registry


def _of(held: Any, key: str) -> Any:
    return held.get(key) if isinstance(held, dict) else None


def _by_address(held: Any, registry: str) -> Any:
    """The login of a registry whose name an earlier client has written as an address
    (``https://registry.example.com/v1/``), as the client of today still finds it."""
    named = held.items() if isinstance(held, dict) and registry != HUB else ()
    found = (
        entry
        for address, entry in named
        if re.sub(r"^https?://", "", address).partition("/")[0] == registry
    )
    return next(found, None)


def _stored(entry: Any) -> Optional[Login]:
    if not isinstance(entry, dict):
        return None
    if entry.get("identitytoken"):
        return Login("", str(entry["identitytoken"]))
    try:
        text = base64.b64decode(entry.get("auth") or "", validate=True).decode()
    except (ValueError, TypeError):
        raise LoginUnknown("a login in %s is not as docker login writes it" % CONFIG) from None
    user, colon, secret = text.partition(":")
    return Login(user, secret.rstrip("\0")) if colon and user else None


def _asked(helper: str, key: str) -> Optional[Login]:
    name = "docker-credential-" + helper
    if not re.fullmatch(r"[A-Za-z0-9._-]+", helper):
        raise LoginUnknown("%s is no name of a credential helper" % name)
    answer = _process.run([name, "get"], stdin=key, timeout=20)
    if answer.rc and "credentials not found" in (answer.out + answer.err).lower():
        return None
    try:
        said = json.loads(answer.out)
        user, secret = str(said["Username"]), str(said["Secret"])
    except (ValueError, KeyError, TypeError):
        raise LoginUnknown("%s does not tell the login" % name) from None
    return Login("" if user == _TOKEN_USER else user, secret)
