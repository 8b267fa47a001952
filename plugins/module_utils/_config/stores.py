# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which database and which Redis a proxy uses, and with which keys, from its environment and its
configuration.

One answer for everybody: :func:`find`, and :func:`effective` for those who want variables.
"""

from __future__ import annotations

import re
from typing import Mapping, NamedTuple, Optional

from . import database_settings as _database_settings
from . import redis_settings as _redis_settings
from .addresses import is_database_here
from .configured import Configured
from .environment_rules import ELSEWHERE, HERE, NOWHERE, is_loopback
from .includes import Tree

VARIABLES = ("environment_variables",)
MASTER_KEY, SALT_KEY = "LITELLM_MASTER_KEY", "LITELLM_SALT_KEY"
# What `environment_variables:` may set of what is asked here; they carry all others themselves.
_OURS = re.compile(r"(REDIS|VALKEY|DATABASE)_[A-Z_]+|DIRECT_URL|%s|%s" % (MASTER_KEY, SALT_KEY))


class Stores(NamedTuple):
    """``database``: ``None`` where the proxy has none. ``redis``: one for each part of LiteLLM that
    has one of its own."""

    database: Optional[_database_settings.Database]
    redis: tuple[_redis_settings.Redis, ...]


def find(environment: Mapping[str, str], tree: Tree) -> Stores:
    """The database and every Redis.

    :param environment: of the process, as it was started.
    """
    configured = Configured(tree, environment)
    return Stores(
        _database_settings.find(configured, environment),
        tuple(_redis_settings.find(configured, _with_variables(configured, environment))),
    )


def effective(environment: Mapping[str, str], tree: Tree) -> dict[str, str]:
    """An environment that alone says what the proxy uses: DATABASE_URL, the login to Redis, and
    both keys, wherever they are written. All else is as it was."""
    configured = Configured(tree, environment)
    made = _with_variables(configured, environment)
    key = configured.one("general_settings", "master_key")
    if key and key.text:
        made[MASTER_KEY] = key.text
    elif key and not configured.is_managed:
        made.pop(MASTER_KEY, None)  # a key that is nothing is none, whatever the environment has
    stores = find(environment, tree)
    if stores.database and stores.database.url:
        made[_database_settings.URL] = stores.database.url
    # of one elsewhere every part of LiteLLM goes on reading its own settings
    for redis in filter(_is_here, _redis_settings.distinct(list(stores.redis))[:1]):
        for name, value in (("REDIS_USERNAME", redis.user), ("REDIS_PASSWORD", redis.password)):
            made.pop(name, None)
            made.update({name: value} if value else {})
    return made


def hides_key(environment: Mapping[str, str], tree: Tree) -> bool:
    """Whether the configuration has a master key that only LiteLLM can read."""
    configured = Configured(tree, environment)
    key = configured.one("general_settings", "master_key")
    return bool(key and not key.text and configured.is_managed)


def _is_here(redis: _redis_settings.Redis) -> bool:
    """Whether a Redis is one of this host: by the loopback address or a Unix socket."""
    return bool(redis.path) or is_loopback(redis.host)


def where(stores: Stores) -> dict[str, str]:
    """Where ``database`` and ``redis`` are: :data:`HERE`, :data:`ELSEWHERE` or :data:`NOWHERE`. Of
    what can't be known nothing is said: it counts as one of this host, which is refused."""
    database = stores.database
    elsewhere = [item for item in stores.redis if not (item.fault or _is_here(item))]
    return {
        "database": NOWHERE
        if database is None
        else HERE
        if database.fault or is_database_here(database.url) or not _is_url(database.url)
        else ELSEWHERE,
        "redis": NOWHERE
        if not stores.redis
        else ELSEWHERE
        if len(elsewhere) == len(stores.redis)
        else HERE,
    }


def _is_url(url: str) -> bool:
    return url.strip().startswith(("postgres://", "postgresql://"))


def variables(stores: Stores) -> dict[str, str]:
    """Variables by which the configuration names the stores of this host, other than those that
    LiteLLM reads by itself: by name, what of Redis they give, or ``database``."""
    named = {
        name: field for redis in filter(_is_here, stores.redis) for name, field in redis.variables
    }
    database = stores.database
    if database and database.variable not in ("", _database_settings.URL):
        if is_database_here(database.url):
            named[database.variable] = "database"
    return named


def is_redis_here(stores: Stores) -> bool:
    """Whether every Redis that the proxy uses is this host's, and it uses one."""
    return bool(stores.redis) and all(not redis.fault and _is_here(redis) for redis in stores.redis)


def _with_variables(configured: Configured, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with what the configuration sets in it, as LiteLLM does."""
    given = configured.at(*VARIABLES)
    # what Python makes of nothing is a text, too
    return {
        **environment,
        **{name: str(entry.value) for name, entry in given.items() if _OURS.fullmatch(name)},
    }
