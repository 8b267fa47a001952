# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""LiteLLM's tables in the empty database of a new deployment, made by the image's own migrations
before its proxy starts.

Prisma hands the database's URL to its engine on a command line, which every account of the host can
read. So LiteLLM's role has another password meanwhile, which is void afterwards.
"""

from __future__ import annotations

import secrets

from .._config import environment as _environment
from .._host.process import run
from .._postgres import role as _role
from .._postgres.endpoint import Endpoint
from .._postgres.session import Session
from .compose_project import INSIDE, DeploymentError

# Seconds; a hundred migrations take ten.
LIMIT = 600.0
SHOWN = 12  # lines of what the image said last
_LEDGER = "SELECT to_regclass('public._prisma_migrations')"
_STATE = """SELECT count(*), count(*) FILTER (WHERE finished_at IS NULL AND rolled_back_at IS NULL),
  to_regclass('public."LiteLLM_VerificationToken"') IS NOT NULL FROM public._prisma_migrations"""


def missing(target: Endpoint) -> str:
    """Why LiteLLM can't work with a database yet, in words; empty where its tables are there.

    :raises PostgresError: the server does not answer.
    """
    with Session(_role.administrator(target).on(target.database), _role.SETTINGS) as session:
        if session.query(_LEDGER)[0][0] is None:
            return "it has no tables of LiteLLM's"
        every, open_, keys = session.query(_STATE)[0]
    if str(open_) != "0":
        return "%s of its %s migrations did not end" % (open_, every)
    return "" if keys == "t" else "it has no table for keys"


def make(folder: str, project: str, target: Endpoint, password: str, host: str) -> None:
    """Have the image make the tables, and judge by what is there: a migration that failed does not
    always fail the program.

    :param folder: of the project, whose service ``litellm`` is used.
    :param target: the database, with LiteLLM's role; ``password``: the role's own, which it has
        afterwards in any case.
    :param host: the server's name on the project's network.
    :raises DeploymentError: the tables are not there; what the image said last is in the message,
        without a value of the environment.
    """
    name, void = "%s-schema" % project, secrets.token_urlsafe(32)
    url = _environment.database_url(target.user, void, host, INSIDE["postgres"], target.database)
    _remove(name)
    _role.secure(target, void)
    try:
        told = run(_words(folder, name), {"DATABASE_URL": url}, timeout=LIMIT)
    finally:
        _remove(name)
        _role.secure(target, password)
    why = missing(target)
    if told.rc or why:
        raise DeploymentError(
            "LiteLLM's image does not make its tables: %s. It said: %s"
            % (why or "it ended with exit code %d" % told.rc, last(told.out + told.err, [void]))
        )


def _words(folder: str, name: str) -> list[str]:
    """The command: what is secret is in its environment."""
    words = ["docker", "compose", "--project-directory", folder]
    words += ["--file", "%s/compose.yaml" % folder, "run", "--rm", "--no-deps", "--no-TTY"]
    words += ["--name", name, "--env", "DATABASE_URL", "--env", "DISABLE_SCHEMA_UPDATE=false"]
    words += ["--env", "ENFORCE_PRISMA_MIGRATION_CHECK=true", "--env", "JSON_LOGS="]
    return [*words, "litellm", "--config", "/app/config.yaml", "--skip_server_startup"]


def _remove(name: str) -> None:
    """Compose's client may be gone, and its container not."""
    run(["docker", "container", "rm", "--force", name])


def last(text: str, hidden: list[str]) -> str:
    """The last lines of an output on one line, without these values."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    words = "; ".join(lines[-SHOWN:]) or "nothing"
    for value in hidden:
        words = words.replace(value, "***")
    return words
