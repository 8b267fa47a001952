# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a PostgreSQL database is, and the command lines of its own client programs, natively or in
a container.

An :class:`Endpoint` says where a database is and yields the command lines of its clients. Passwords
go by environment only. Whatever fails is a :class:`PostgresError` in plain words.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
from dataclasses import dataclass, field, replace
from typing import IO, Any, Iterable, Iterator, Mapping, Optional
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from .._config import envfile as _envfile
from .._host import process as _process
from .._host import reader as _reader
from .._host.account import Account, AccountError
from .._host.paths import UntrustedPath
from .._host.process import PATH
from . import image_client as _image_client
from .programs import PostgresError, find_bindir

APPLICATION = "llmops.litellm"
# In an env file beside a URL: who has to ask, where a server knows its clients by their account.
ACCOUNT = "LLMOPS_LITELLM_ACCOUNT"
SCRIPT = "--file=-"  # psql reads its statements from its standard input
# Whose socket it has to be where every account can put one.
SERVER_ACCOUNT = "postgres"
INSIDE_SECONDS = 3600  # removing a large dump in a container may take its time
SAID = 1 << 20  # bytes that are read of what a client program says
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# The argument specification that the database modules share.
ENDPOINT_OPTIONS: dict[str, Any] = {
    "env_file": {"type": "path"},
    "variable": {"type": "str", "default": "DATABASE_URL"},
    "container": {"type": "str"},
    "database": {"type": "str"},
    "user": {"type": "str"},
    "image": {"type": "str"},
    "rootcert": {"type": "path"},
}
ENDPOINT_RULES: dict[str, Any] = {
    "mutually_exclusive": [
        ("env_file", "container"),
        ("env_file", "user"),
        ("image", "container"),
        ("rootcert", "container"),
    ],
    "required_one_of": [("env_file", "container")],
    "required_by": {"container": ("database", "user")},
}
_SAYS_WHY = re.compile(
    r"(psql|pg_dump|pg_restore|docker|Error|ERROR|error|OCI|Cannot connect|permission denied)\b"
)


def conninfo(**words: object) -> str:
    """A libpq connection string; empty values are left out, every other is quoted."""
    return " ".join(
        "%s='%s'" % (key, str(value).replace("\\", "\\\\").replace("'", "\\'"))
        for key, value in words.items()
        if value not in ("", None)
    )


def _folders(host: str) -> Iterator[os.stat_result]:
    """A Unix socket's folder and those above it, as far as they are there; none for another
    host."""
    place = os.path.normpath(host) if host.startswith("/") else ""
    while place:
        try:
            yield os.stat(place)
        except OSError:
            pass  # the client will say it
        place = "" if place == "/" else os.path.dirname(place)


def _open_to_all(host: str) -> bool:
    """Whether any account could listen where a client connects: in or below a folder such as
    ``/tmp``, or in libpq's default, which is one in some builds."""
    return not host or any(about.st_mode & stat.S_IWOTH for about in _folders(host))


@dataclass(frozen=True)
class Endpoint:
    """A database.

    ``container`` empty: clients run on the host, from ``bindir``, or with an ``image`` from that,
    see :mod:`.image_client`; else by the engine's ``exec`` on its local socket or, with a ``host``,
    as the container knows that. ``rootcert``: file of this host with the certificates by which a
    server is known, empty where it is not verified.

    ``host`` is a name, an address or the folder of a Unix socket. ``engine`` is the container
    engine's command. ``settings`` are server settings for every connection
    (``maintenance_work_mem=256MB``). ``schema`` is where LiteLLM's tables are, empty where nobody
    says. ``account``: as whom clients run on the host, in the word of :mod:`_host.reader`; empty
    for us.
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
    schema: str = ""
    account: str = ""
    image: str = ""
    rootcert: str = ""

    @classmethod
    def from_url(cls, url: str, account: str = "", image: str = "", rootcert: str = "") -> Endpoint:
        """An endpoint from a ``DATABASE_URL`` (see :func:`parse_url`), its client programs from an
        image, or found on this host.

        :param rootcert: where this host has the certificates that the URL names, empty where they
            are at their own path.
        """
        found = cls(
            **parse_url(url),
            schema=schema_of(url),
            settings=_found_in(schema_of(url)),
            account=account,
            image=image,
        )
        if found.rootcert:
            found = replace(found, rootcert=rootcert or found.rootcert)
            _image_client.check(found.rootcert)
        if image:
            return found
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
        found = cls.from_url(
            values[variable],
            values.get(ACCOUNT, ""),
            params.get("image") or "",
            params.get("rootcert") or "",
        )
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
                words.update(sslrootcert=self._rootcert_there())
            if not (self.container or self.image) and _open_to_all(self.host):
                words.update(requirepeer=SERVER_ACCOUNT)
            arguments = ("--dbname=" + conninfo(**words), "--no-password") + arguments
        if not (self.container or self.image):
            return [os.path.join(self.bindir, program), *arguments]
        values = ["%s=%s" % item for item in sorted(_CLIENT.items())] + (
            ["PGPASSWORD"] if self.password is not None else []
        )
        if self.image:
            prefix = _image_client.command(self.engine, self.image, program, values, self.rootcert)
            return [*prefix, *arguments]
        flags = [word for value in values for word in ("--env", value)]
        return [*self.engine, "exec", "--interactive", *flags, self.container, program, *arguments]

    def _rootcert_there(self) -> str:
        return _image_client.INSIDE if self.rootcert and self.image else self.rootcert

    def environment(self) -> dict[str, str]:
        """The whole environment of a client program: nothing of the caller's own, so that no PG…
        variable or file of his counts.
        """
        values = {
            "PATH": PATH,
            "HOME": "/nonexistent",
            "PGPASSFILE": "/nonexistent/pgpass",
            "PGSERVICEFILE": "/nonexistent/service",
            "PGSYSCONFDIR": "/nonexistent",
            **_CLIENT,
        }
        if self.password is not None:
            values["PGPASSWORD"] = self.password
        return values

    def start(
        self, program: str, *arguments: str, connect: bool = True, **options: Any
    ) -> subprocess.Popen[bytes]:
        """Start a client program; ``options`` are those of ``subprocess.Popen``.

        :raises PostgresError: there is none that root may run.
        """
        # psql runs commands that stand in what it reads, and what a server has said goes into that
        reads = program == "psql" and SCRIPT in arguments
        account = None
        if not (self.container or self.image) and (reads or (self.account and connect)):
            account = self._client() or self._stranger()
        argv = self.argv(program, *arguments, connect=connect)
        return started(self, argv, account, **options)

    def _client(self) -> Optional[Account]:
        """Who has to ask, ``None`` where anybody may.

        :raises PostgresError: there is no such account any more.
        """
        if not self.account or os.geteuid() != 0:
            return None
        try:
            return _reader.recall(self.account)
        except (AccountError, ValueError) as error:
            raise PostgresError("%s: %s" % (self, error)) from None

    def _stranger(self) -> Optional[Account]:
        """Who runs what a server may have a hand in, ``None`` where this process is not root: an
        account that nobody has or, where only one can reach the socket, that one."""
        if os.geteuid() != 0:
            return None
        for about in _folders(self.host):
            if about.st_uid != 0 and not about.st_mode & stat.S_IXOTH:
                return Account.numbered(about.st_uid)
        return Account.stranger()

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
    # tickets lie at a fixed name below /tmp
    "PGGSSENCMODE": "disable",
}


def started(
    endpoint: Endpoint, argv: list[str], account: Optional[Account] = None, **options: Any
) -> subprocess.Popen[bytes]:
    """A program with an endpoint's environment.

    :raises PostgresError: it is not there, or root does not run it.
    """
    try:
        return _process.start(argv, endpoint.environment(), account, **options)
    except FileNotFoundError as error:
        raise PostgresError("%s: the program %s was not found" % (endpoint, argv[0])) from error
    except PermissionError as error:
        raise PostgresError("%s: %s can't be run by every account" % (endpoint, argv[0])) from error
    except UntrustedPath as error:
        raise PostgresError("%s: %s" % (endpoint, error)) from None


def said(errors: IO[bytes]) -> str:
    """What a client program said in a file of ours, from its beginning, of whatever length."""
    errors.seek(0)
    return errors.read(SAID).decode("utf-8", "replace")


def read_env(path: str) -> dict[str, str]:
    """The variables of an env file on this host; the message of a failure quotes none."""
    try:
        with _reader.opened("", path) as handle:
            text = handle.read().decode("utf-8", "surrogateescape")
        return dict(_envfile.loads(text, "compose"))
    except OSError as error:
        raise PostgresError("%s cannot be read: %s" % (path, error.strerror)) from None
    except UntrustedPath as error:
        raise PostgresError(str(error)) from None
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


def schema_of(url: str) -> str:
    """The schema that a URL which :func:`parse_url` takes names, empty for none."""
    return dict(parse_qsl(urlsplit(url.strip()).query)).get("schema", "")


def with_account(values: Mapping[str, str], account: str) -> dict[str, str]:
    """Variables with who has to ask the database that DATABASE_URL names: where that is a Unix
    socket and no password, its server may know its clients by their account only.

    :param account: of the proxy, in the word of :mod:`_host.reader`.
    """
    try:
        parts = parse_url(values.get("DATABASE_URL", ""))
    except PostgresError:
        return dict(values)
    by_account = is_socket(parts["host"]) and not parts["password"]
    return {**values, **({ACCOUNT: account} if by_account else {})}


def is_socket(host: str) -> bool:
    """Whether a client connects to a Unix socket: in a folder, or in its own default one."""
    return not host or host.startswith("/")


def _found_in(schema: str) -> tuple[str, ...]:
    """The setting with which tables of a schema are found by their names alone, as LiteLLM's own
    client finds them; none where they are anyway.
    """
    if schema in ("", "public"):
        return ()
    quoted = '"%s"' % schema.replace('"', '""')
    return ("search_path=" + re.sub(r"([\\\s])", r"\\\1", quoted),)


def parse_url(url: str) -> dict[str, Any]:
    """User, password, host, port, database, sslmode and rootcert of a PostgreSQL URL,
    percent-decoded; a host in its query comes before the one in its address, as the folder of a
    socket is given.

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
    userinfo, _at, address = parts.netloc.rpartition("@")
    if "," in address:
        raise refuse("names several servers; LiteLLM's own client takes one")
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
    port = place["port"] or query.get("port") or "5432"
    if not re.fullmatch("[0-9]{1,5}", port):
        raise refuse("has a port that is none")
    known = query["sslmode"] if query.get("sslmode") in SSL_MODES else ""
    sslmode, rootcert = _image_client.verification(query, known)
    return {
        "database": database,
        "user": unquote(user),
        "password": unquote(password) if colon else None,
        "host": query.get("host") or place["six"] or unquote(place["name"] or ""),
        "port": int(port),
        "sslmode": sslmode,
        "rootcert": rootcert,
    }


def command(endpoint: Endpoint, *words: str) -> list[str]:
    """The command line that runs a command in an endpoint's container, with its standard input."""
    return [*endpoint.engine, "exec", "--interactive", endpoint.container, *words]


def _asked(endpoint: Endpoint, *words: str) -> _process.Result:
    """What a command in an endpoint's container did."""
    return _process.run(command(endpoint, *words), endpoint.environment(), timeout=INSIDE_SECONDS)


def run(endpoint: Endpoint, *words: str) -> str:
    """What it prints.

    :raises PostgresError: it failed.
    """
    done = _asked(endpoint, *words)
    if done.rc:
        raise endpoint.explain(words[0], done.rc, done.err)
    return done.out


def scratch(endpoint: Endpoint) -> str:
    """The folder in an endpoint's container that is on its disk, and its account's to write: of
    the server's data. Its root is read-only, and what is in ``/tmp`` is in memory.

    :raises PostgresError: the container does not say.
    """
    return run(endpoint, "printenv", "PGDATA").strip()


def free_bytes(endpoint: Endpoint, folder: str) -> int:
    """Bytes that are free in there, 0 where the container does not tell."""
    done = _asked(endpoint, "df", "-Pk", folder)
    lines = done.out.splitlines()
    words = lines[-1].split() if done.rc == 0 and lines else []
    return int(words[3]) * 1024 if len(words) > 4 and words[3].isdigit() else 0
