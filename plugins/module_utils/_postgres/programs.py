# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which PostgreSQL of this host answers, and where its client programs are that root may run."""

from __future__ import annotations

import glob
import os
import re
from typing import Optional, Sequence

from .._host import servers as _servers
from .._host.listeners import holder, listeners
from .._host.paths import weakness
from .._host.problem import OperatorError
from .._host.process import PATH

PROGRAMS = ("psql", "pg_dump", "pg_restore")
SOCKET_FOLDERS = ("/var/run/postgresql", "/tmp")
# Debian's packages, PostgreSQL's own for Red Hat, and its source without a choice.
INSTALLED = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin")


class PostgresError(OperatorError):
    """A database could not be reached, understood or used; the message is complete, plain and holds
    no secret.
    """


def postmaster(host: str, port: int, proc: str) -> Optional[int]:
    """The process that answers at a host and port, if it runs on this machine and can be seen."""
    if host.startswith("/") or not host:
        folders = (host,) if host else SOCKET_FOLDERS
        found = (_servers.peer(os.path.join(folder, ".s.PGSQL.%d" % port)) for folder in folders)
        return next(filter(None, found), None)
    listening = holder(listeners(proc), port, host)
    return listening.pid if listening else None


def find_bindir(
    host: str, port: int, proc: str = "/proc", installed: Sequence[str] = INSTALLED
) -> str:
    """The folder of the client programs for a server: its own, else the newest installed, else the
    PATH's; only one in which root alone can have put them.

    :raises PostgresError: there is none; with what was found and is not run.
    """
    refused = []
    for folder in _candidates(postmaster(host, port, proc), proc, installed):
        weak = _weak(folder)
        if weak:
            refused.append(weak)
        elif all(os.access(os.path.join(folder, program), os.X_OK) for program in PROGRAMS):
            return folder
    raise PostgresError(
        "psql, pg_dump and pg_restore were not found on this host%s: install PostgreSQL's client "
        "programs of the server's major version or a newer one (packages postgresql-client-N of "
        "Debian and Ubuntu, postgresqlN of PGDG)"
        % (
            " where only root can have put them (root does not run what is beside it: %s)"
            % "; ".join(dict.fromkeys(refused))
            if refused
            else ""
        )
    )


def _candidates(pid: Optional[int], proc: str, installed: Sequence[str]) -> list[str]:
    """Folders that may have client programs, the best first."""
    folders = []
    if pid is not None:
        try:
            folders.append(os.path.dirname(os.readlink(os.path.join(proc, str(pid), "exe"))))
        except OSError:
            pass  # another account's process, or one that just ended: the installed ones do
    folders += sorted(
        (folder for pattern in installed for folder in glob.glob(pattern)),
        key=lambda folder: [int(part) for part in re.findall(r"\d+", folder)],
        reverse=True,
    )
    return folders + PATH.split(":")


def _weak(folder: str) -> str:
    """Who else could have chosen the programs of a folder or the library that they load, in words;
    looked at before anything else is done there."""
    library = os.path.join(os.path.dirname(folder), "lib", "libpq.so.5")
    for path in (*(os.path.join(folder, program) for program in PROGRAMS), library):
        try:
            found = weakness(path)
        except OSError as error:
            found = "%s: %s" % (path, error.strerror)
        if found:
            return found
    return ""
