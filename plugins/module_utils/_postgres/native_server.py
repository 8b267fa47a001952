# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the native PostgreSQL server in private while another one has its port.

It listens on a Unix socket that only its own account and root can reach, and runs as a transient
unit that does not survive a reboot. Where its clients are to go on, it listens for them at another
address as well, and for nobody else.

The recorded server: ``{argv, program, account, folder}`` of its first process, see :func:`seen`.
"""

from __future__ import annotations

import os
import pwd
import re
import stat
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Iterator, NamedTuple, Optional
from urllib.parse import quote, urlencode

from .._host import files as _files
from .._host import reader as _reader
from .._host.account import Account, AccountError
from .._host.paths import weakness
from .._host.problem import OperatorError
from .._host.process import command_line, run
from .._host.systemd import Manager, show
from .endpoint import Endpoint, parse_url, read_env, schema_of
from .programs import PostgresError
from .role import MAINTENANCE
from .session import query

NAME = "litellm-legacy-look"
RUNTIME = "/run"
VARIABLE = "DATABASE_URL"
# Only accounts that own the server's files anyway can enter the folder; others do not get as far as
# a password.
RULES = "# Written by llmops.litellm for a server on a private socket\nlocal all all trust\n"
# No subscription of its own goes on, and no other program takes it for the unit's.
QUIET = ("max_logical_replication_workers=0", "external_pid_file=")
# No background work: reading leaves the rows as they are, and a killed run leaves no server for
# days.
READING = ("autovacuum=off", "ssl=off")
# What clients change can be followed. What waits to be read must not fill the disk.
FOLLOWED = ("wal_level=logical", "max_replication_slots=20", "max_slot_wal_keep_size=2GB")
# It is the account's program and arguments: it gets no more than the account has.
CONFINED = {"NoNewPrivileges": "yes", "CapabilityBoundingSet": "", "UMask": "0077"}
LOCK_FILE = 4096  # bytes; the server's own has some 100
READ_ONLY = "default_transaction_read_only=on"
LONGEST = 6 * 3600
# Seconds between two looks whether it answers; and where clients wait for it.
PAUSE, QUICK = 0.5, 0.01


class NativeServerError(OperatorError):
    """The server could not be started or stopped; the message is plain and holds no secret."""


class Place(NamedTuple):
    """Where a private server is: its unit, the folder of its socket, the env file with a URL for
    clients (no secret in it).
    """

    unit: str
    folder: str
    env_file: str


class Serving(NamedTuple):
    """Whom a private server serves: at an ``address`` of its port, one ``role`` in one
    ``database``, which may write, and whose changes can be followed."""

    address: str
    database: str
    role: str


def serving(url: str, address: str) -> Serving:
    """The same role and database as a URL's, at another address.

    :raises NativeServerError: a rule for them can't be written.
    """
    parts = parse_url(url)
    for name in (parts["database"], parts["user"]):
        # one with a slash in front is an expression to a server from 16 on, also in quotes
        if not name or re.search(r'^/|["\x00-\x1f]', name):
            raise NativeServerError(
                "the database URL names a database or role that no rule of pg_hba.conf can have"
            )
    return Serving(address, parts["database"], parts["user"])


def rules(serving_: Optional[Serving] = None) -> str:
    """The text of ``pg_hba.conf``."""
    if serving_ is None:
        return RULES
    # "md5" takes a password that is stored in either way
    words = (serving_.database, serving_.role, "127.0.0.0/8")
    return RULES + 'host "%s" "%s" %s md5\n' % words


def place(name: str = NAME, runtime: str = RUNTIME) -> Place:
    """The places of a private server of this name."""
    return Place(
        name + ".service", os.path.join(runtime, name), os.path.join(runtime, name + ".env")
    )


def seen(pid: Optional[int], proc: str = "/proc") -> Optional[dict[str, Any]]:
    """How a running server was started, from its first process; ``None`` if that can't be read.

    ``argv``, ``program``, ``account`` and ``folder`` (its working folder, the data folder).
    """
    if pid is None:
        return None
    base = os.path.join(proc, str(pid))
    try:
        # an upgrade of the package while it runs leaves the old file without a name; its path has
        # the new one
        program = os.readlink(os.path.join(base, "exe")).removesuffix(" (deleted)")
        folder = os.readlink(os.path.join(base, "cwd"))
        account = pwd.getpwuid(os.stat(base).st_uid).pw_name
    except (OSError, KeyError):
        return None
    argv = command_line(pid, proc)
    return (
        {"argv": argv, "program": program, "account": account, "folder": folder} if argv else None
    )


def command(
    server: dict[str, Any],
    port: int,
    folder: str,
    writable: bool = False,
    serving_: Optional[Serving] = None,
) -> list[str]:
    """The command line of the private server: its own, and what keeps it private and quiet.

    What comes last counts.
    """
    settings = [
        "listen_addresses=" + (serving_.address if serving_ else ""),
        "hba_file=" + os.path.join(folder, "pg_hba.conf"),
        *QUIET,
        *(FOLLOWED if serving_ else READING),
        *([] if writable or serving_ else [READ_ONLY]),
    ]
    return [
        server["program"],
        *server["argv"][1:],
        "-p",
        str(port),
        "-k",
        folder,
        *(word for setting in settings for word in ("-c", setting)),
    ]


def unit_command(
    server: dict[str, Any],
    port: int,
    where: Place,
    writable: bool = False,
    conflicts: str = "",
    serving_: Optional[Serving] = None,
) -> list[str]:
    """The command that starts it as a transient unit.

    :param conflicts: the server's own unit. Starting it stops ours first, so that ours, left by a
        killed run, is not in the way.
    """
    properties = {
        "User": server["account"],
        "KillSignal": "SIGINT",
        "KillMode": "mixed",
        "TimeoutStopSec": "600",
        **({} if serving_ else {"RuntimeMaxSec": str(LONGEST)}),
        **CONFINED,
        **({} if weakness(server["program"]) else {"OOMScoreAdjust": "-900"}),
        **({"Conflicts": conflicts, "Before": conflicts} if conflicts else {}),
    }
    # the manager would take $WORD for a variable
    words = [
        word.replace("$", "$$") for word in command(server, port, where.folder, writable, serving_)
    ]
    return [
        "systemd-run",
        "--quiet",
        "--collect",
        "--unit=" + where.unit,
        "--service-type=exec",
        "--description=Native PostgreSQL on a private socket",
        "--setenv=PGDATA=" + server["folder"],
        *("--property=%s=%s" % item for item in properties.items()),
        "--",
        *words,
    ]


def private_url(url: str, account: str, folder: str) -> str:
    """The URL of the same database and role on the private socket, without its password."""
    parts = parse_url(url)
    return "postgresql://%s@/%s?%s" % (
        quote(parts["user"] or account, safe=""),
        quote(parts["database"], safe=""),
        urlencode(
            {
                "host": folder,
                "port": parts["port"],
                **({"schema": schema_of(url)} if schema_of(url) else {}),
            }
        ),
    )


def owner(server: dict[str, Any]) -> Account:
    """The account that a recorded server runs as, after a second look at what the record says.

    :raises NativeServerError: it is root, or neither the program nor the folder is what such a
        server has.
    """
    try:
        account = Account.named(server["account"])
    except AccountError as error:
        raise NativeServerError(str(error)) from None
    if account.is_root:
        raise NativeServerError(
            "the native PostgreSQL was seen running as root, which PostgreSQL itself refuses: it is"
            " not started"
        )
    program, folder = server["program"], server["folder"]
    there = _look(account, program)
    if there is None or not there["runs"]:
        raise NativeServerError("%s is gone: install that PostgreSQL again" % program)
    if there["uid"] not in (0, account.uid):
        raise NativeServerError(
            "%s belongs to neither root nor account %s, as which it would run"
            % (program, account.name)
        )
    data = _look(account, folder)
    if data is None or not data["folder"] or data["uid"] != account.uid:
        raise NativeServerError(
            "%s is not a folder of account %s, as a data folder of its server is"
            % (folder, account.name)
        )
    return account


def _look(account: Account, path: str) -> Optional[dict[str, Any]]:
    """What an account sees at a path: ``uid`` of the owner, ``folder``, ``runs`` (a program of its
    own or anybody's); ``None`` for nothing."""

    def look() -> Optional[dict[str, Any]]:
        try:
            about = os.stat(path)
        except OSError:
            return None
        runs = stat.S_ISREG(about.st_mode) and os.access(path, os.X_OK)
        return {"uid": about.st_uid, "folder": stat.S_ISDIR(about.st_mode), "runs": runs}

    return account.ask(look, path)


def holder(server: dict[str, Any], account: Account, proc: str = "/proc") -> Optional[int]:
    """The process that has the server's data folder open, ``None`` where none has.

    :raises OSError: its lock file can't be read as that account.
    """
    folder = server["folder"]
    try:
        pid = int(account.text(os.path.join(folder, "postmaster.pid"), LOCK_FILE).split("\n")[0])
        base = os.path.join(proc, str(pid))
        same = os.readlink(os.path.join(base, "cwd")) == account.ask(
            lambda: os.path.realpath(folder), folder
        )
        return pid if same and os.stat(base).st_uid == account.uid else None
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None


def stop(where: Place) -> bool:
    """Shut a private server down, and remove what was made for it; whether there was something.

    :raises NativeServerError: it does not stop.
    """
    units = show(Manager(None), [where.unit])
    if units:
        answer = Manager(None).systemctl("stop", "--", where.unit, timeout=660)
        if answer.rc != 0:
            raise NativeServerError("%s does not stop: %s" % (where.unit, answer.err.strip()))
        # one that failed stays known to systemd until then, and its name taken
        Manager(None).systemctl("reset-failed", "--", where.unit)
    left = [path for path in (where.folder, where.env_file) if os.path.lexists(path)]
    if where.folder in left:
        _files.remove_tree(where.folder)
    if where.env_file in left:
        os.unlink(where.env_file)
    return bool(units or left)


class Prepared(NamedTuple):
    """A private server whose files are there, and how it is started: the command, and the URL on
    its private socket."""

    where: Place
    argv: list[str]
    url: str


def prepare(
    server: dict[str, Any],
    env_file: str,
    where: Place,
    writable: bool = False,
    conflicts: str = "",
    serving_: Optional[Serving] = None,
) -> Prepared:
    """Write the files of a private server, of which nothing is left from before.

    :param env_file: env file with the database's URL as its clients had it.
    :raises NativeServerError: it can't be one. :raises OSError: they can't be written.
    """
    stop(where)
    account = owner(server)
    url = url_in(env_file)
    private = private_url(url, server["account"], where.folder)
    _files.make_folder(where.folder, 0o700)
    path = os.path.join(where.folder, "pg_hba.conf")
    _files.write_atomically(path, rules(serving_), 0o600, (account.uid, account.gid))
    _files.give(where.folder, account.uid, account.gid)
    _files.write_atomically(where.env_file, "%s=%s\n" % (VARIABLE, private))
    argv = unit_command(server, parse_url(url)["port"], where, writable, conflicts, serving_)
    return Prepared(where, argv, private)


def url_in(env_file: str) -> str:
    """The database's URL as its clients had it.

    :raises NativeServerError: there is none.
    """
    url = read_env(env_file).get(VARIABLE)
    if not url:
        raise NativeServerError("%s does not set %s" % (env_file, VARIABLE))
    return url


def launch(prepared: Prepared, timeout: float, pause: float = PAUSE) -> Endpoint:
    """Start a private server, and wait until it answers.

    :param timeout: seconds. :param pause: between two looks.
    :raises NativeServerError, PostgresError: it does not start.
    """
    answer = run(prepared.argv)
    if answer.rc != 0:
        raise NativeServerError(
            "the native PostgreSQL could not be started in private: %s" % answer.err.strip()
        )
    return _answering(prepared.url, prepared.where, timeout, pause)


def start(
    server: dict[str, Any],
    env_file: str,
    where: Place,
    writable: bool = False,
    conflicts: str = "",
    timeout: float = 300,
    serving_: Optional[Serving] = None,
) -> Endpoint:
    """Start the server in private and wait until it answers.

    :param env_file: env file with the database's URL as its clients had it.
    :raises NativeServerError, PostgresError: it does not start; nothing of it is left then.
    """
    stop(where)
    pid = holder(server, owner(server))
    if pid is not None:
        raise NativeServerError(
            "the native PostgreSQL runs already (process %d in %s), and stays as it is: this goes"
            " on when it does not run" % (pid, server["folder"])
        )
    try:
        prepared = prepare(server, env_file, where, writable, conflicts, serving_)
        return launch(prepared, timeout)
    except BaseException:
        stop(where)
        raise


def _answering(url: str, where: Place, timeout: float, pause: float) -> Endpoint:
    """The server's endpoint, as soon as it answers."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            endpoint = Endpoint.from_url(url)
            query(endpoint, "SELECT 1")
            return endpoint
        except PostgresError as error:
            units = show(Manager(None), [where.unit])
            if not units or units[0].active not in ("active", "activating"):
                raise NativeServerError(
                    "the native PostgreSQL ended while it was started in private: %s"
                    % _last_errors(where)
                ) from None
            if time.monotonic() > deadline:
                raise NativeServerError(
                    "the native PostgreSQL does not answer on its private socket after %g s: %s"
                    % (timeout, error)
                ) from None
        time.sleep(pause)


def _last_errors(where: Place) -> str:
    """The server's last errors in systemd's journal."""
    log = run(
        ["journalctl", "--unit=" + where.unit, "--lines=40", "--output=cat", "--no-pager"]
    ).out.splitlines()
    lines = [line for line in log if "FATAL" in line or "PANIC" in line or "HINT" in line]
    return "; ".join(lines[-3:]) or "see its log and journalctl --unit=%s" % where.unit


@contextmanager
def running(
    server: dict[str, Any], env_file: str, where: Place, conflicts: str = "", timeout: float = 300
) -> Iterator[Endpoint]:
    """The server in private for as long as the block lasts, read only.

    :raises NativeServerError, PostgresError: it does not start or stop.
    """
    endpoint = start(server, env_file, where, conflicts=conflicts, timeout=timeout)
    try:
        yield endpoint
    finally:
        stop(where)


# Its bootstrap superuser by name, whatever that is.
_SUPERUSER = "SELECT rolname FROM pg_roles WHERE rolsuper AND rolcanlogin ORDER BY oid LIMIT 1"


def administrator(private: Endpoint) -> Endpoint:
    """The database of a private server as a superuser of it, whom it asks for no password.

    :param private: as :func:`start` returns it.
    :raises PostgresError: it has none that may log in.
    """
    found = query(private, _SUPERUSER)
    if not found:
        raise PostgresError("%s: no superuser may log in" % private)
    return replace(private, user=str(found[0][0]), settings=())


def as_its_account(source: Endpoint, server: Optional[dict[str, Any]]) -> Endpoint:
    """The server's maintenance database, as the account that the server runs as: who could read
    its files anyway.

    :raises OperatorError, OSError: nobody knows how to ask.
    """
    if not server:
        raise PostgresError("nobody saw how its server runs")
    account = owner(server)
    if holder(server, account) is None:
        raise PostgresError("its server does not run in %s" % server["folder"])
    lock = os.path.join(server["folder"], "postmaster.pid")
    lines = account.text(lock, LOCK_FILE).split("\n")
    folder, port = (lines + [""] * 5)[4], (lines + [""] * 5)[3]
    if not folder.startswith("/") or not port.isdigit():
        raise PostgresError("its server listens at no Unix socket")
    return Endpoint(
        MAINTENANCE,
        account.name,
        host=folder,
        port=int(port),
        bindir=source.bindir,
        account=_reader.word(account),
    )
