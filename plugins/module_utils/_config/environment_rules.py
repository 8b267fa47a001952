# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for variables: which ones of a native LiteLLM process do not go into a container, and
which ones the compose deployment adds.
"""

from __future__ import annotations

import re
from typing import Iterable, NamedTuple, Optional

# (names, why they are dropped). A name is matched whole; what is not listed is kept.
_DROPPED = (
    (
        r"PATH|HOME|USER|LOGNAME|SHELL|PWD|OLDPWD|SHLVL|_|MAIL|HOSTNAME|TERM|COLORTERM|EDITOR|VISUAL|PAGER|LESS[A-Z]*|LS_COLORS"
        r"|TMP|TEMP|TMPDIR|SSH_(CLIENT|CONNECTION|TTY|AUTH_SOCK|AGENT_PID)|SUDO_[A-Z]+",
        "belongs to the native process and its account",
    ),
    (r"LANG|LANGUAGE|LC_[A-Z]+", "the host's locale, which the image need not have"),
    (
        r"INVOCATION_ID|JOURNAL_STREAM|SYSTEMD_[A-Z_]+|MEMORY_PRESSURE_[A-Z]+|MANAGERPID|MANAGERPIDFDID|MAINPID|NOTIFY_SOCKET"
        r"|LISTEN_(FDS|PID|FDNAMES|PIDFDID)|WATCHDOG_(PID|USEC)|FDSTORE|CREDENTIALS_DIRECTORY"
        r"|(RUNTIME|STATE|CACHE|LOGS|CONFIGURATION)_DIRECTORY|TRIGGER_(UNIT|PATH|TIMER_[A-Z_]+)",
        "systemd sets it for the native process",
    ),
    (r"XDG_[A-Z_]+|DBUS_[A-Z_]+", "belongs to the account's session"),
    (
        r"VIRTUAL_ENV[A-Z_]*|_OLD_VIRTUAL_[A-Z_]+|CONDA_[A-Z0-9_]+|_CONDA_[A-Z_]+|_CE_[A-Z]+|(NIX_)?PYTHON[A-Z0-9]*|PYENV_[A-Z_]+|PIP_[A-Z_]+|UV_[A-Z_]+",
        "belongs to the native Python environment; the image has its own",
    ),
    (
        r"PRISMA_[A-Z_]+_(BINARY|LIBRARY)|PRISMA_(BINARY_CACHE_DIR|HOME_DIR|NODEENV_CACHE_DIR|CLI_PATH|DML_PATH|ENGINES_MIRROR)",
        "names Prisma's engines on the host; the image has its own",
    ),
    (r"LD_(PRELOAD|LIBRARY_PATH|AUDIT|BIND_NOW|DEBUG|DEBUG_OUTPUT)", "names libraries on the host"),
    (
        r"PG(HOST|HOSTADDR|PORT|DATABASE|USER|PASSWORD|PASSFILE|SERVICE|SERVICEFILE|OPTIONS|APPNAME|CLIENTENCODING|TZ|DATESTYLE|DATA"
        r"|CONNECT_TIMEOUT|TARGETSESSIONATTRS|REQUIREPEER|CHANNELBINDING|GSS[A-Z]+|KRBSRVNAME|SSL[A-Z]+|SYSCONFDIR|LOCALEDIR)",
        "a setting of PostgreSQL's clients on the host",
    ),
    (
        r"HOST|PORT|CONFIG_FILE_PATH|WORKER_CONFIG|WEB_CONCURRENCY|UVICORN_[A-Z_]+|GUNICORN_CMD_ARGS",
        "the container's command says it",
    ),
    (
        r"SEPARATE_HEALTH_(APP|PORT)|SUPERVISORD_STOPWAITSECS",
        "only the image's start script follows it: it would start a second server beside the proxy",
    ),
    (
        r"COMPOSE_[A-Z_]+|DOCKER_(HOST|CONTEXT|CONFIG|TLS|TLS_VERIFY|CERT_PATH|API_VERSION|BUILDKIT|DEFAULT_PLATFORM|CONTENT_TRUST[A-Z_]*|CLI_[A-Z_]+)"
        r"|BUILDX_[A-Z_]+|BUILDKIT_[A-Z_]+",
        "would steer Compose itself, which reads this file too",
    ),
    (
        r"DATABASE_(HOST|PORT|USER|USERNAME|PASSWORD|NAME|SSLMODE|SSLROOTCERT)",
        "DATABASE_URL says it",
    ),
    (
        r"DATABASE_URL_READ_REPLICA",
        "names a replica of the legacy database, which gets no new rows",
    ),
    (
        r"REDIS_(USERNAME|SSL[A-Z_]*|SENTINEL_[A-Z]+|SERVICE_NAME|CLUSTER_NODES|UNIX_SOCKET_PATH)",
        "the deployment's Redis is a single server with a password",
    ),
    (r"LLMOPS_LITELLM_[A-Z_]+", "says how this collection reaches the legacy stores"),
)
DROPPED = tuple((re.compile(r"(?:%s)\Z" % names), why) for names, why in _DROPPED)


# Values by which the official images' start script (docker/prod_entrypoint.sh) starts another
# program than LiteLLM. A native proxy that has them was not started by that script.
STEERING = {
    "SEPARATE_HEALTH_APP": (
        "1",
        "the image's start script starts supervisord with it, and a second server on port 4001 of"
        " every address of the container",
    ),
    "USE_DDTRACE": (
        "true",
        "the image's start script starts LiteLLM below ddtrace-run with it: the image must have"
        " that program, and the container must reach its agent (DD_AGENT_HOST,"
        " DD_TRACE_AGENT_URL)",
    ),
    "USE_NEWRELIC": (
        "true",
        "the image's start script starts LiteLLM below newrelic-admin with it, which the official"
        " images don't have: take one that does, or set it to false in"
        " env_file_overrides",
    ),
}


class Default(NamedTuple):
    """A variable's default value; ``forced``: it also replaces what the legacy process had."""

    value: str
    reason: str
    forced: bool = False


# In the order in which they are written.
DEFAULTS = {
    "UI_USERNAME": Default("admin", "LiteLLM's own default, written out"),
    "LITELLM_MODE": Default(
        "PRODUCTION", "so that LiteLLM reads no .env by itself, in its own dialect", True
    ),
    "LITELLM_LOG": Default(
        "INFO", "says what happened; DEBUG would write prompts and keys into the log"
    ),
    "JSON_LOGS": Default("true", "one line for each event, which a log collector can read"),
    "DISABLE_SCHEMA_UPDATE": Default(
        "true", "the schema comes with the copied database; an upgrade is a step of its own", True
    ),
    "USE_PRISMA_MIGRATE": Default(
        "true", "where a release knows it: migrations, never a push of the schema"
    ),
    "LITELLM_KEY_INFO_ADMIN_ONLY": Default(
        "false", "LiteLLM's own default, written out; not every release knows it"
    ),
    "LITELLM_PUBLIC_PASSTHROUGH_PREFIXES": Default(
        "", "nothing is public; not every release knows it"
    ),
}
# What is written first, in this order; everything else follows by name.
ORDER = (
    "LITELLM_MASTER_KEY",
    "LITELLM_SALT_KEY",
    "UI_USERNAME",
    "UI_PASSWORD",
    "POSTGRES_USER",
    "POSTGRES_PASSWORD",
    "POSTGRES_DB",
    "DATABASE_URL",
    "REDIS_HOST",
    "REDIS_PORT",
    "REDIS_PASSWORD",
    "REDIS_URL",
    *DEFAULTS,
)

# Query parameters of a database URL that are as true for the new server as for the old one.
URL_PARAMETERS = {
    "connection_limit",
    "pool_timeout",
    "schema",
    "statement_cache_size",
    "connect_timeout",
    "socket_timeout",
    "application_name",
    "options",
    "max_connection_lifetime",
    "max_idle_connection_lifetime",
}

# Where a store is. One of this host is moved into the Compose project; one elsewhere stays there.
HERE, ELSEWHERE, NOWHERE = "here", "elsewhere", "nowhere"

LOOPBACK_HOST = r"127(?:\.[0-9]{1,3}){3}|localhost|\[::1\]|::1|0\.0\.0\.0"


# What speaks of a store that is moved, by the store: one that is elsewhere is still what it says.
_OF_STORES = {"redis": re.compile(r"REDIS_"), "database": re.compile(r"DATABASE_URL_READ_REPLICA")}


def why_dropped(name: str, elsewhere: Iterable[str] = ()) -> Optional[str]:
    """Why a variable is dropped, ``None`` for one that is kept.

    :param elsewhere: stores (``database``, ``redis``) that stay where they are.
    """
    if any(_OF_STORES[store].match(name) for store in elsewhere):
        return None
    for pattern, why in DROPPED:
        if pattern.match(name):
            return why
    return None


def is_loopback(host: str) -> bool:
    """Whether a host name or address is the host itself, seen from the host."""
    return bool(re.match("(?:%s)\\Z" % LOOPBACK_HOST, host, re.I))
