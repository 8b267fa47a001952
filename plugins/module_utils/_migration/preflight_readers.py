# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Preflight check of the roles beside LiteLLM's own that read its tables: which of them will be in
the container, and what becomes of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

from .._deployment import legacy as _legacy
from .._deployment import places as _places
from .._host.problem import Problem
from .._postgres import contents as _contents
from .._postgres import readers as _readers
from .._postgres import session as _session
from .._postgres.role import SETTINGS
from . import preflight_stores as _preflight_stores
from .preflight_findings import Facts, Findings

VARIABLE = "litellm_database_readers"
TAKE_OUT = "take it out of " + VARIABLE
SHOWN = 12  # names in one message


class Seen(NamedTuple):
    """What a server has of roles: ``reading``: who reads LiteLLM's tables, with how many;
    ``roles``: those that are named; of these ``groups``: members of those that can't log in;
    ``writing`` and ``hidden``: what each may besides, and tables that hide rows from it;
    ``rights``: their number; ``passwords``: what is known of them."""

    user: str
    reading: dict[str, int]
    roles: dict[str, _readers.Role]
    groups: dict[str, list[str]]
    writing: dict[str, list[str]]
    hidden: dict[str, list[str]]
    rights: dict[str, int]
    passwords: dict[str, _readers.Known]


def check_readers(legacy: _legacy.Running, facts: Facts, settings: dict[str, Any]) -> Findings:
    """Look at the roles of the running proxy's server, as far as it has answered.

    Facts: more of ``database``: ``readers``, the roles that are carried.
    """
    found = Findings()
    database = facts.get("database") or {}
    names = list(dict.fromkeys(settings["database_readers"]))
    if not _places.here(facts, "database"):
        if names and "database" in facts:
            found.warn(
                VARIABLE,
                "names %s, and no database is moved into a container" % ", ".join(names),
                "nothing is carried, and what these roles read stays where it is; leave it empty",
            )
        return found
    if "major" not in database or "schema" not in database:
        return found  # which is said elsewhere
    endpoint = _preflight_stores.endpoint(database, legacy.effective)
    try:
        seen = _look(endpoint, database, names)
    except _session.PostgresError as error:
        found.refuse(
            "database %s" % endpoint.database,
            str(error),
            "let the proxy's role read the system catalogs",
        )
        return found
    if seen is None:
        return found
    found.problems += refusals(names, seen, settings["database_role"])
    carried = [name for name in names if name in seen.roles]
    found.warnings += unlisted(names, seen)
    found.warnings += remarks(carried, seen)
    if carried:
        found.warnings.append(reached(carried, database["port"]))
    database["readers"] = carried
    return found


def _look(
    endpoint: _session.Endpoint, database: dict[str, Any], names: Sequence[str]
) -> Optional[Seen]:
    with _session.Session(endpoint, SETTINGS) as session:
        there = _contents.read(session, endpoint.schema)
        if there is None:
            return None
        roles = _readers.roles(session, names)
        given = [right.role for right in _readers.rights(session, names)]
        groups = {name: _readers.members(session, name) for name in roles if not roles[name].login}
        return Seen(
            endpoint.user or str(session.query("SELECT current_user")[0][0]),
            _readers.reading(session, there.scope),
            roles,
            groups,
            _readers.writing(session, there.scope, names),
            _readers.hidden(session, there.scope, names),
            {name: given.count(name) for name in names},
            _readers.passwords(endpoint, database.get("server"), names) if names else {},
        )


def refusals(names: Sequence[str], seen: Seen, own: str) -> list[Problem]:
    """Roles that can't be carried.

    :param own: LiteLLM's role in the container.
    """
    found = []
    for name in names:
        role = seen.roles.get(name)
        if name == seen.user:
            found.append(
                Problem(
                    "role %s" % name,
                    "is LiteLLM's own role, which the container has anyway",
                    TAKE_OUT,
                )
            )
        elif role is None:
            there = ", ".join(sorted(seen.reading)[:SHOWN])
            found.append(
                Problem(
                    "%s: %s" % (VARIABLE, name),
                    "the native PostgreSQL has no role of this name",
                    "%s, or correct it%s"
                    % (
                        TAKE_OUT,
                        ": those that read LiteLLM's tables are %s" % there if there else "",
                    ),
                )
            )
        elif _readers.reserved(name, own):
            found.append(
                Problem(
                    "role %s" % name,
                    "has a name that the container's PostgreSQL has for a role of its own",
                    "%s; give its clients a role of another name there, and name that" % TAKE_OUT,
                )
            )
        elif not role.login:
            members = ", ".join(seen.groups.get(name, [])) or "it has none"
            found.append(
                Problem(
                    "role %s" % name,
                    "can't log in: it is a group, and no membership is carried",
                    "name its members instead (%s), each with the rights that it has by it"
                    % members,
                )
            )
    return found


def unlisted(names: Sequence[str], seen: Seen) -> list[Problem]:
    """Roles that read LiteLLM's tables, and will not be in the container."""
    return [
        Problem(
            "role %s" % name,
            "reads %d of LiteLLM's tables and views, and will not be in the container: what it sees"
            " here stays as it was at the cutover" % count,
            "to carry it there, with its password and nothing but what it reads, add it to %s"
            % VARIABLE,
        )
        for name, count in sorted(seen.reading.items())
        if name not in names
    ]


def remarks(carried: Sequence[str], seen: Seen) -> list[Problem]:
    """What of a role will not be as it is here."""
    found = []
    for name in carried:
        role, known = seen.roles[name], seen.passwords.get(name)
        words = []
        if known is not None and known.stored is None:
            words.append(
                (
                    "gets no password in the container: %s" % known.why,
                    "after the migration: docker exec -it, psql --username=postgres, \\password %s"
                    % name,
                )
            )
        more = [*(["is a superuser"] if role.superuser else []), *seen.writing.get(name, [])]
        if more:
            words.append(
                (
                    "may do more here than read (%s): in the container it only reads"
                    % ", ".join(more),
                    "see whether its clients can do with that",
                )
            )
        if name in seen.hidden:
            words.append(
                (
                    "can't read in the container what row security may hide from it here: %s"
                    % ", ".join(seen.hidden[name][:SHOWN]),
                    "no policy is in the container; grant it there what it may see",
                )
            )
        if not seen.rights.get(name):
            words.append(
                (
                    "reads nothing of LiteLLM's here, and will not in the container",
                    "%s, or grant it SELECT here" % TAKE_OUT,
                )
            )
        found += [Problem("role %s" % name, said, remedy) for said, remedy in words]
    return found


def reached(carried: Sequence[str], port: int) -> Problem:
    """Where its clients find them."""
    return Problem(
        "role%s %s" % ("s" if len(carried) > 1 else "", ", ".join(carried)),
        "will find the container's PostgreSQL at 127.0.0.1:%d of this host, by password, and"
        " nowhere else: not by a Unix socket, by TLS, or from another host" % port,
        "where clients come another way, see docs/operations.md before you migrate",
    )
