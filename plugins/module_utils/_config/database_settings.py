# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which database LiteLLM uses, by its own order of settings (read in 1.102.4).

``environment_variables.DATABASE_URL`` of the configuration, then
``general_settings.database_url``, then DATABASE_URL of the environment, then a URL that is made of
DATABASE_HOST, DATABASE_USERNAME and DATABASE_NAME.
"""

from __future__ import annotations

from typing import Mapping, NamedTuple, Optional
from urllib.parse import quote_plus, urlencode

from .configured import Configured

URL = "DATABASE_URL"
# With what a URL is made of; a port, if any, is part of the host.
PARTS = ("DATABASE_HOST", "DATABASE_USERNAME", "DATABASE_NAME")
_PARAMETERS = {
    "schema": "DATABASE_SCHEMA",
    "sslmode": "DATABASE_SSLMODE",
    "sslrootcert": "DATABASE_SSLROOTCERT",
}
_OFF = ("", "0", "false", "no", "off")
_TOKENS = ("IAM_TOKEN_DB_AUTH", "AZURE_POSTGRESQL_AUTH")
_IN_CONFIGURATION = (("environment_variables", URL), ("general_settings", "database_url"))


class Database(NamedTuple):
    """The database: its URL, which is secret; ``origin``: where that is written, in words;
    ``variable``: the one of the environment that has it, empty where none has; ``fault``: why it
    can't be moved, in words that follow its origin."""

    url: str
    origin: str
    variable: str = ""
    fault: str = ""


def find(configured: Configured, environment: Mapping[str, str]) -> Optional[Database]:
    """The database; ``None`` where LiteLLM has none.

    :param environment: of the process, as it was started.
    """
    tokens = next(
        (name for name in _TOKENS if environment.get(name, "").strip().lower() not in _OFF), None
    )
    if tokens:
        return Database(
            "",
            "%s of the environment" % tokens,
            fault="logs in to PostgreSQL with tokens of a cloud, which expire",
        )
    return _configured(configured) or _of_environment(environment)


def _configured(configured: Configured) -> Optional[Database]:
    for path in _IN_CONFIGURATION:
        entry = configured.one(*path)
        if entry and entry.text:
            words = ", which is %s of the environment" % entry.variable if entry.variable else ""
            return Database(entry.text, entry.place + words, entry.variable)
        if entry and entry.variable and configured.is_managed:
            fault = "is %s of a secret manager, which is not asked here" % entry.variable
            return Database("", entry.place, entry.variable, fault)
    return None


def _of_environment(environment: Mapping[str, str]) -> Optional[Database]:
    if URL in environment:
        url = environment[URL]
        return Database(url, "%s of the environment" % URL, URL) if url else None
    host, user, name = (environment.get(part, "") for part in PARTS)
    if not (host and user and name):
        return None
    password = environment.get("DATABASE_PASSWORD", "")
    login = ":".join(quote_plus(word) for word in (user, password) if word)
    query = {
        parameter: environment[variable]
        for parameter, variable in _PARAMETERS.items()
        if environment.get(variable)
    }
    if "sslrootcert" in query:
        query.setdefault("sslmode", "verify-full")
    url = "postgresql://%s@%s/%s" % (login, host, quote_plus(name))
    origin = "%s, %s and %s of the environment" % PARTS
    return Database(url + ("?" + urlencode(query) if query else ""), origin)
