# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Query a PostgreSQL server: a :class:`Session` is one psql process whose answers are rows.

The face of this package. A failure is a :class:`PostgresError` in plain words, without secrets.
"""

from __future__ import annotations

import re
import secrets
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from typing import IO, Callable, Iterable, Iterator, Mapping, Optional, Protocol

from .._host.files import size
from .endpoint import ENDPOINT_OPTIONS, ENDPOINT_RULES, SCRIPT, Endpoint, said
from .programs import PostgresError

__all__ = [
    "ENDPOINT_OPTIONS",
    "ENDPOINT_RULES",
    "Endpoint",
    "PostgresError",
    "Session",
    "answers",
    "client_version",
    "database_size",
    "from_url",
    "identifier",
    "literal",
    "parse_rows",
    "query",
    "server_version",
]
# Bytes that are held of one answer: what a table holds is hashed by its server, so an honest one is
# far smaller, the models of a large deployment included.
ANSWER = 64 << 20
# In some others a character may end with a quote's byte: psql would see another end of a name than
# we do, and what follows as commands of its own.
ENCODING = "UTF8"
SECONDS = 600.0
VERSION = 100  # characters of what a server says that it is
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def parse_rows(lines: Iterable[str]) -> list[list[Optional[str]]]:
    """Lines of COPY's text format as rows; NULL is ``None``."""

    def value(text: str) -> Optional[str]:
        if text == "\\N":
            return None
        return re.sub(
            r"\\(.)", lambda found: _ESCAPES.get(found.group(1), found.group(1)), text, flags=re.S
        )

    return [[value(text) for text in line.split("\t")] for line in lines]


def literal(text: str) -> str:
    """A string as an SQL literal."""
    return ("E'%s'" if "\\" in text else "'%s'") % text.replace("\\", "\\\\").replace("'", "''")


def identifier(*names: str) -> str:
    """A (qualified) name as SQL, quoted."""
    return ".".join('"%s"' % name.replace('"', '""') for name in names)


class Readable(Protocol):
    """A pipe, or what is read like one: at most so many bytes each time, none at its end."""

    def read(self, size: int, /) -> bytes: ...


class Session:
    """One psql process: statements in, rows out, one connection.

    A context manager; leaving it ends the connection.

    Any failure ends the process and raises :class:`PostgresError`.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        settings: Optional[Mapping[str, str]] = None,
        seconds: Optional[float] = None,
    ) -> None:
        """:param seconds: for each answer; without, it may take what it takes."""
        self.endpoint, self._seconds, self._late = endpoint, seconds, False
        self._mark = secrets.token_hex(16)
        self._errors = tempfile.TemporaryFile()
        self._psql = endpoint.start(
            "psql",
            "--no-psqlrc",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            "--set=VERBOSITY=terse",
            SCRIPT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        try:
            self._run(
                "".join(
                    "SET %s = %s;\n" % (name, literal(value))
                    for name, value in (settings or {}).items()
                )
            )
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _run(self, statements: str) -> list[str]:
        """Send statements; the lines that they print."""
        lines: list[str] = []
        left = ANSWER
        for line in self._lines(statements):
            lines.append(line.decode("utf-8", "surrogateescape").rstrip("\n"))
            left -= len(line)
            if left <= 0:
                raise self._too_long()
        return lines

    def _lines(self, statements: str) -> Iterator[bytes]:
        """Send statements; the lines that they print, as they come.

        Who does not read all of them ends the connection.
        """
        into, out = self._psql.stdin, self._psql.stdout
        if into is None or out is None:
            raise PostgresError("%s: psql was started without pipes" % self.endpoint)
        try:
            text = "%s\n\\echo %s :ENCODING\n" % (statements, self._mark)
            into.write(text.encode("utf-8", "surrogateescape"))
            into.flush()
        except OSError:
            pass  # psql has ended; its standard error says why
        limit = threading.Timer(self._seconds, self._expire) if self._seconds else None
        if limit:
            limit.start()
        try:
            yield from self._answer(out)
        except GeneratorExit:
            self._give_up()
            raise
        finally:
            if limit:
                limit.cancel()

    def _expire(self) -> None:
        self._late = True
        self._psql.kill()

    def _answer(self, out: IO[bytes]) -> Iterator[bytes]:
        """The lines up to the mark."""
        mark = self._mark.encode()
        while True:
            line = out.readline(ANSWER)
            if not line:
                rc = self._psql.wait()
                if self._late:
                    raise self._refused("no answer within %g seconds" % (self._seconds or 0))
                raise self.endpoint.explain("psql", rc, said(self._errors))
            if line.startswith(mark):
                encoding = line[len(mark) :].decode("utf-8", "surrogateescape").strip()
                if encoding == ENCODING:
                    return
                raise self._refused("its answers are %s" % encoding)
            if len(line) == ANSWER:
                raise self._too_long()
            yield line

    def _too_long(self) -> PostgresError:
        return self._refused("an answer is longer than %s" % size(ANSWER))

    def _give_up(self) -> None:
        """End the connection; what was answered before and is not read yet answers nothing."""
        self._psql.kill()
        self._mark = secrets.token_hex(16)

    def _refused(self, why: str) -> PostgresError:
        """The end of a connection to a server that no PostgreSQL is."""
        self._give_up()
        return PostgresError("%s: %s" % (self.endpoint, why))

    def execute(self, statement: str) -> None:
        """Run a statement that returns no rows."""
        self._run(statement + ";")

    def query(self, statement: str) -> list[list[Optional[str]]]:
        """The rows of a SELECT, VALUES, TABLE or SHOW, every value as text, NULL as ``None``."""
        shown = re.fullmatch(r"\s*show\s+([\w.]+)\s*", statement, re.I)
        if shown:
            statement = "SELECT pg_catalog.current_setting('%s')" % shown.group(1)
        return parse_rows(self._run("COPY (%s\n) TO STDOUT;" % statement))

    def copied(self, statement: str) -> Iterator[bytes]:
        """The rows of a SELECT as lines of COPY's text format, as they come: however many there
        are, one is held. Who does not read all of them ends the connection.
        """
        return self._lines("COPY (%s\n) TO STDOUT;" % statement)

    @contextmanager
    def loading(self, statement: str) -> Iterator[Callable[[Readable], int]]:
        """Run ``COPY … FROM STDIN``: within, a function takes rows in COPY's text format from a
        pipe and returns how many bytes there were.

        They are complete when the block ends normally. An exception within it ends the connection
        before the server commits them.
        """
        into = self._psql.stdin
        if into is None:
            raise PostgresError("%s: psql was started without pipes" % self.endpoint)

        def load(rows: Readable) -> int:
            count = 0
            try:
                into.write(("%s;\n" % statement).encode("utf-8", "surrogateescape"))
                for chunk in iter(lambda: rows.read(1 << 16), b""):
                    into.write(chunk)
                    count += len(chunk)
            except OSError:
                self._run("")  # psql has ended, and this says why
            return count

        try:
            yield load
        except BaseException:
            self._psql.kill()
            raise
        try:
            into.write(b"\\.\n")
        except OSError:
            pass  # psql has ended; what follows says why
        self._run("")

    def close(self) -> None:
        """End the connection."""
        if self._psql.stdin and not self._psql.stdin.closed:
            try:
                self._psql.stdin.close()
            except OSError:
                pass  # it ended before
        try:
            self._psql.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._psql.kill()
            self._psql.wait()
        if self._psql.stdout:
            self._psql.stdout.close()
        self._errors.close()


def from_url(url: str, account: str = "", image: str = "") -> Endpoint:
    """:meth:`Endpoint.from_url`."""
    return Endpoint.from_url(url, account, image)


def query(
    endpoint: Endpoint, statement: str, seconds: float = SECONDS
) -> list[list[Optional[str]]]:
    """The rows of one query on a connection of its own (see :meth:`Session.query`).

    :raises PostgresError: it failed, or has no answer in this time.
    """
    with Session(endpoint, seconds=seconds) as session:
        return session.query(statement)


def server_version(endpoint: Endpoint) -> tuple[str, int]:
    """The server's version as it writes it, and its major number."""
    version, number = query(
        endpoint, "SELECT current_setting('server_version'), current_setting('server_version_num')"
    )[0]
    return str(version)[:VERSION], int(number or 0) // 10000


def answers(endpoint: Endpoint, timeout: float) -> str:
    """The server's version, by one query in the endpoint's database.

    :param timeout: seconds for the whole of it.
    :raises PostgresError: it does not answer, or not in time.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        process = endpoint.start(
            "psql",
            "--no-psqlrc",
            "--no-align",
            "--tuples-only",
            "--command=SHOW server_version",
            stdout=out,
            stderr=errors,
        )
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            late = "%s: does not answer within %g seconds" % (endpoint, timeout)
            raise PostgresError(late) from None
        finally:
            process.kill()
            process.wait()
        if process.returncode:
            raise endpoint.explain("psql", process.returncode, said(errors))
        return said(out).strip()[:VERSION]


def database_size(endpoint: Endpoint) -> int:
    """Bytes that the database occupies on its server's disk, indexes included."""
    return int(query(endpoint, "SELECT pg_database_size(current_database())")[0][0] or 0)


def client_version(endpoint: Endpoint, program: str) -> int:
    """The major number of a client program of an endpoint."""
    with endpoint.start(
        program,
        "--version",
        connect=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        out, err = (text.decode("utf-8", "replace") for text in process.communicate())
    found = re.search(r"\(PostgreSQL\) (\d+)", out)
    if process.returncode or not found:
        raise endpoint.explain(program, process.returncode, err)
    return int(found.group(1))
