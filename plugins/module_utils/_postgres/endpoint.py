# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a PostgreSQL database is, and the command lines of its own client programs, natively or in
a container.

An :class:`Endpoint` says where a database is and yields the command lines of its clients. Passwords
go by environment only. Whatever fails is a :class:`PostgresError` in plain words.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from typing import Any, Iterable, Mapping, Optional
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from .._config import envfile as _envfile
from .._host.files import read
from .._host.listeners import holder, listeners
from .._host.problem import OperatorError

PROGRAMS = ("psql", "pg_dump", "pg_restore")
APPLICATION = "llmops.litellm"
SOCKET_FOLDERS = ("/var/run/postgresql", "/tmp")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# The argument specification that the database modules share.
ENDPOINT_OPTIONS: dict[str, Any] = {
    "env_file": {"type": "path"},
    "variable": {"type": "str", "default": "DATABASE_URL"},
    "container": {"type": "str"},
    "database": {"type": "str"},
    "user": {"type": "str"},
}
ENDPOINT_RULES: dict[str, Any] = {
    "mutually_exclusive": [("env_file", "container"), ("env_file", "user")],
    "required_one_of": [("env_file", "container")],
    "required_by": {"container": ("database", "user")},
}
_SAYS_WHY = re.compile(
    r"(psql|pg_dump|pg_restore|docker|Error|ERROR|error|OCI|Cannot connect|permission denied)\b"
)


class PostgresError(OperatorError):
    """A database could not be reached, understood or used; the message is complete, plain and holds
    no secret.
    """


def conninfo(**words: object) -> str:
    """A libpq connection string; empty values are left out, every other is quoted."""
    return " ".join(
        "%s='%s'" % (key, str(value).replace("\\", "\\\\").replace("'", "\\'"))
        for key, value in words.items()
        if value not in ("", None)
    )


@dataclass(frozen=True)
class Endpoint:
    """A database.

    ``container`` empty: clients run on the host, from ``bindir``; else by the engine's ``exec`` on
    its local socket or, with a ``host``, as the container knows that.

    ``host`` is a name, an address or the folder of a Unix socket. ``engine`` is the container
    engine's command. ``settings`` are server settings for every connection
    (``maintenance_work_mem=256MB``).
    """

    database: str
    user: str = ""
    container: str = ""
    host: str = ""
    port: int = 5432
    password: Optional[str] = field(default=None, repr=False)
    sslmode: str = ""
    bindir: str = ""
    engine: tuple[str, ...] = ("docker",)
    settings: tuple[str, ...] = ()

    @classmethod
    def from_url(cls, url: str) -> Endpoint:
        """An endpoint from a ``DATABASE_URL`` (see :func:`parse_url`), its client programs found on
        this host.
        """
        found = cls(**parse_url(url))
        return replace(found, bindir=find_bindir(found.host, found.port))

    @classmethod
    def from_params(cls, params: Mapping[str, Optional[str]]) -> Endpoint:
        """An endpoint from a module's argument (see :data:`ENDPOINT_OPTIONS`); the URL is read from
        the file, here on the host.
        """
        if params.get("container"):
            return cls(
                database=params["database"] or "",
                user=params["user"] or "",
                container=params["container"] or "",
            )
        path, variable = params["env_file"] or "", params.get("variable") or "DATABASE_URL"
        values = read_env(path)
        if not values.get(variable):
            raise PostgresError("%s does not set %s" % (path, variable))
        found = cls.from_url(values[variable])
        return replace(found, database=params.get("database") or found.database)

    def on(self, database: str) -> Endpoint:
        """Another database of the same server."""
        return replace(self, database=database)

    def __str__(self) -> str:
        place = (
            "container %s" % self.container
            if self.container
            else "%s:%d" % (self.host or "local socket", self.port)
        )
        return "database %s (%s)" % (self.database, place)

    def argv(self, program: str, *arguments: str, connect: bool = True) -> list[str]:
        """The command line of a client program, without secrets."""
        if connect:
            words = {
                "dbname": self.database,
                "user": self.user,
                "options": " ".join("-c " + setting for setting in self.settings),
            }
            if self.host or not self.container:
                words.update(host=self.host, port=str(self.port), sslmode=self.sslmode)
            arguments = ("--dbname=" + conninfo(**words), "--no-password") + arguments
        if not self.container:
            return [os.path.join(self.bindir, program), *arguments]
        values = ["%s=%s" % item for item in sorted(_CLIENT.items())] + (
            ["PGPASSWORD"] if self.password is not None else []
        )
        flags = [word for value in values for word in ("--env", value)]
        return [*self.engine, "exec", "--interactive", *flags, self.container, program, *arguments]

    def environment(self) -> dict[str, str]:
        """The whole environment of a client program: nothing of the caller's own, so that no PG…
        variable or file of his counts.
        """
        values = {
            "PATH": PATH,
            "HOME": "/nonexistent",
            "PGPASSFILE": "/nonexistent/pgpass",
            "PGSERVICEFILE": "/nonexistent/service",
            **_CLIENT,
        }
        if self.password is not None:
            values["PGPASSWORD"] = self.password
        return values

    def start(
        self, program: str, *arguments: str, connect: bool = True, **options: Any
    ) -> subprocess.Popen[bytes]:
        """Start a client program; ``options`` are those of ``subprocess.Popen``."""
        try:
            return subprocess.Popen(
                self.argv(program, *arguments, connect=connect),
                env=self.environment(),
                cwd="/",
                **options,
            )
        except FileNotFoundError as error:
            raise PostgresError(
                "%s: the program %s was not found" % (self, error.filename)
            ) from None

    def explain(self, program: str, rc: int, text: str) -> PostgresError:
        """Why a client program failed, from its standard error."""
        hidden = [value for value in (self.password, quote(self.password or "", safe="")) if value]
        return PostgresError(
            "%s: %s" % (self, clean(text, hidden) or "%s ended with exit code %d" % (program, rc))
        )


_CLIENT = {
    "LC_ALL": "C",
    "PGCLIENTENCODING": "UTF8",
    "PGAPPNAME": APPLICATION,
    "PGCONNECT_TIMEOUT": "10",
}


def read_env(path: str) -> dict[str, str]:
    """The variables of an env file on this host; the message of a failure quotes none."""
    try:
        return dict(_envfile.loads(read(path), "compose"))
    except OSError as error:
        raise PostgresError("%s cannot be read: %s" % (path, error.strerror)) from None
    except _envfile.EnvError as error:
        raise PostgresError(
            "%s is not an env file: line %s, column %s" % (path, error.line, error.column)
        ) from None


def clean(text: str, hidden: Iterable[str] = ()) -> str:
    """The lines of a client's standard error that say what went wrong.

    Details, contexts and statements are dropped: they can quote rows. So are notices and what
    follows the first three errors.
    """
    lines = [
        re.sub(r"^psql:<stdin>:\d+: ", "", line.strip())
        for line in text.splitlines()
        if _SAYS_WHY.match(line)
    ]
    lines = [
        line
        for line in lines
        if not re.match(r"(NOTICE|WARNING|psql: warning|pg_\w+: warning)", line)
    ]
    words = "; ".join(dict.fromkeys(lines[:3]))
    for value in hidden:
        words = words.replace(value, "***")
    return words


def parse_url(url: str) -> dict[str, Any]:
    """User, password, host, port, database and sslmode of a PostgreSQL URL, percent-decoded.

    Parameters that only other clients know (``connection_limit``, ``pool_timeout``, ``schema``,
    ``pgbouncer`` …) are left out.

    :raises PostgresError: not such a URL; the message never quotes it.
    """

    def refuse(why: str) -> PostgresError:
        return PostgresError("the database URL %s" % why)

    try:
        parts = urlsplit(url.strip())
    except ValueError:
        raise refuse("is malformed") from None
    if parts.scheme not in ("postgres", "postgresql"):
        raise refuse("does not begin with postgresql://")
    userinfo, at, address = parts.netloc.rpartition("@")
    place = re.fullmatch(r"(?:\[(?P<six>[^\]]+)\]|(?P<name>[^:,]*))(?::(?P<port>\d*))?", address)
    # A raw one of these ends the address early, so that the rest of the password is found in the
    # path or behind it
    if not place or parts.fragment or "@" in parts.path + parts.query or "@" in userinfo:
        raise refuse(
            "has a character in user or password that must be percent-encoded (one of # / ? "
            "@ :), or no valid host and port"
        )
    database = unquote(parts.path[1:])
    if not database:
        raise refuse("names no database")
    user, colon, password = userinfo.partition(":")
    query = dict(parse_qsl(parts.query))
    return {
        "database": database,
        "user": unquote(user),
        "password": unquote(password) if colon else None,
        "host": place["six"] or unquote(place["name"] or "") or query.get("host", ""),
        "port": int(place["port"] or query.get("port") or 5432),
        "sslmode": query["sslmode"] if query.get("sslmode") in SSL_MODES else "",
    }


def postmaster(host: str, port: int, proc: str) -> Optional[int]:
    """The process that answers at a host and port, if it runs on this machine and can be seen."""
    if host.startswith("/") or not host:
        for folder in (host,) if host else SOCKET_FOLDERS:
            try:
                return int(read(os.path.join(folder, ".s.PGSQL.%d.lock" % port)).split("\n", 1)[0])
            except (OSError, ValueError):
                continue
        return None
    found = (
        holder(listeners(proc), port, host)
        if host == "localhost" or host.startswith("127.") or host == "::1"
        else None
    )
    return found.pid if found else None


def find_bindir(
    host: str, port: int, proc: str = "/proc", installed: str = "/usr/lib/postgresql/*/bin"
) -> str:
    """The folder of the client programs for a server: its own, else the newest installed, else the
    PATH's.

    :raises PostgresError: there is none.
    """
    folders = []
    pid = postmaster(host, port, proc)
    if pid is not None:
        try:
            folders.append(os.path.dirname(os.readlink(os.path.join(proc, str(pid), "exe"))))
        except OSError:
            pass  # another account's process, or one that just ended: the installed ones do
    folders += sorted(
        glob.glob(installed),
        key=lambda folder: [int(part) for part in re.findall(r"\d+", folder)],
        reverse=True,
    )
    folders.append(os.path.dirname(shutil.which("pg_dump", path=PATH) or "/"))
    for folder in folders:
        if all(os.access(os.path.join(folder, program), os.X_OK) for program in PROGRAMS):
            return folder
    raise PostgresError(
        "psql, pg_dump and pg_restore were not found on this host: install PostgreSQL's "
        "client programs (postgresql-client)"
    )


def command(endpoint: Endpoint, *words: str) -> list[str]:
    """The command line that runs a command in an endpoint's container, with its standard input."""
    return [*endpoint.engine, "exec", "--interactive", endpoint.container, *words]


def run(endpoint: Endpoint, *words: str) -> str:
    """What it prints.

    :raises PostgresError: it failed.
    """
    done = subprocess.run(
        command(endpoint, *words),
        env=endpoint.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        cwd="/",
    )
    if done.returncode:
        raise endpoint.explain(words[0], done.returncode, done.stderr.decode("utf-8", "replace"))
    return done.stdout.decode("utf-8", "replace")


def free_bytes(endpoint: Endpoint, folder: str) -> int:
    """Bytes that are free in there, 0 where the container does not tell."""
    done = subprocess.run(
        command(endpoint, "df", "-Pk", folder),
        env=endpoint.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        cwd="/",
    )
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    words = lines[-1].split() if done.returncode == 0 and lines else []
    return int(words[3]) * 1024 if len(words) > 4 and words[3].isdigit() else 0
