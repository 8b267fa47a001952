# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database's dump on its way into a backup, with the fingerprint of the same snapshot: one file,
a folder of files, or one file encrypted.

Whatever the form, memory stays flat, and pg_restore has read the whole dump before it counts: from
the disk, or, where it is encrypted, what goes to age on its way there, since afterwards this host
can't read it any more.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import tarfile
import tempfile
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, Any, Iterator, NamedTuple, Optional, Sequence

from .._host import files as _files
from .._postgres import archive as _archive
from .._postgres import contents as _contents
from .._postgres import endpoint as _endpoint
from .._postgres import fingerprint as _fingerprint
from .._postgres.session import Endpoint, PostgresError, Session, client_version
from . import encryption as _encryption
from .folder import DUMP, DUMP_FOLDER, SEALED, place

# What a container's pg_dump puts into its scratch folder until it is here. What a run that was
# killed has left goes when it is older than a day, in minutes as find writes them.
PREFIX, ABANDONED = "llmops-litellm-backup-", "+1440"
_OPTIONS = ("--no-owner", "--no-acl", "--lock-wait-timeout=60000")
_CHUNK = 1 << 18
CUSTOM, DIRECTORY, ENCRYPTED = "custom", "directory", "encrypted"


class How(NamedTuple):
    """``compression``: pg_dump's level, 0 to 9. ``jobs``: connections at once, for a database of
    ``parallel_from`` bytes or more (0: never). ``recipients``: public keys to encrypt to.
    ``signing_key``: file with the private key that signs, empty for none."""

    compression: int = 6
    jobs: int = 1
    parallel_from: int = 0
    recipients: tuple[str, ...] = ()
    signing_key: str = ""


class Dump(NamedTuple):
    """``name`` as the manifest has it, without ``.age``. ``digests``: SHA-256 of what was written,
    by names in the backup, where it came by here."""

    name: str
    fingerprint: dict[str, Any]
    sequences_after: list[dict[str, Any]]
    digests: dict[str, str]


def form(source: Endpoint, how: How, size: int) -> str:
    """How a database of this size is dumped. Encrypted it is always one stream: a folder would be
    on disk in the clear first."""
    if how.recipients:
        return ENCRYPTED
    if source.image or source.account:
        # Its pg_dump has no folder of this host; another account could not write into root's.
        return CUSTOM
    large = how.jobs > 1 and 0 < how.parallel_from <= size
    # A container's goes into its own temporary folder first.
    return (
        DIRECTORY
        if large
        and (not source.container or _endpoint.free_bytes(source, _endpoint.scratch(source)) > size)
        else CUSTOM
    )


def dump(source: Endpoint, folder: str, how: How, size: int) -> Dump:
    """Dump a database into a folder: on disk, and read by pg_restore.

    :raises BackupError, PostgresError, OSError: it is not whole.
    """
    chosen = form(source, how, size)
    kind = {
        CUSTOM: _File,
        ENCRYPTED: _Encrypted,
        DIRECTORY: _FromContainer if source.container else _Folder,
    }[chosen]
    with kind(source, folder, how) as way:
        with Session(source, _fingerprint.SETTINGS) as session:
            _fingerprint.begin(session)
            snapshot = str(session.query("SELECT pg_export_snapshot()")[0][0])
            way.scope = scope = _contents.scope(session)
            words = [*_OPTIONS, "--compress=%d" % how.compression, "--snapshot=" + snapshot]
            if scope:
                words += scope.options(client_version(source, "pg_dump"))
            before = _fingerprint.sequences(session, scope)
            with way.running(words):
                held = _fingerprint.take(session, scope)
            # Sequences are outside of snapshots: the dump has a value between these two
            after = _fingerprint.sequences(session, scope)
        way.finish()
    held["sequences"] = before
    held["hash"] = _fingerprint.digest(held)
    return Dump(way.name, held, after, way.digests)


def _ended(
    source: Endpoint, program: str, process: subprocess.Popen[bytes], said: IO[bytes]
) -> None:
    """:raises PostgresError: a client program failed. ``said``: its standard error."""
    if process.wait():
        raise source.explain(program, process.returncode, _endpoint.said(said))


def _stop(*processes: subprocess.Popen[bytes]) -> None:
    for process in processes:
        process.kill()
        process.wait()


def check(source: Endpoint, path: str, folder: bool = False) -> None:
    """Read a whole dump with the endpoint's pg_restore, to nowhere.

    :param folder: it is one, and the path is as pg_restore sees it.
    :raises PostgresError: it cannot be read to its end.
    """
    with ExitStack() as stack:
        said = stack.enter_context(tempfile.TemporaryFile())
        stream = subprocess.DEVNULL if folder else stack.enter_context(_files.reading(path))
        process = source.start(
            "pg_restore",
            "--file=" + os.devnull,
            *([path] if folder else []),
            connect=False,
            stdin=stream,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        try:
            _ended(source, "pg_restore", process, said)
        except BaseException:
            _stop(process)
            raise


class _Way:
    """A dump in one form: :meth:`running` while pg_dump works, then :meth:`finish`."""

    name, format = DUMP, "custom"

    def __init__(self, source: Endpoint, folder: str, how: How) -> None:
        self.source, self.how, self.path = source, how, os.path.join(folder, self.name)
        self.digests: dict[str, str] = {}
        # what of the database; all of it without
        self.scope: Optional[_contents.Scope] = None

    def __enter__(self) -> _Way:
        return self

    def __exit__(self, *_error: object) -> None:
        """Nothing is left anywhere but in the backup."""

    @contextmanager
    def running(self, words: Sequence[str], **options: Any) -> Iterator[None]:
        """pg_dump works with these words until the block is left, and is stopped where that fails.

        :raises PostgresError: it failed.
        """
        with tempfile.TemporaryFile() as said:
            process = self.source.start(
                "pg_dump",
                "--format=" + self.format,
                *words,
                stderr=said,
                **options,
            )
            try:
                yield
                _ended(self.source, "pg_dump", process, said)
            except BaseException:
                _stop(process)
                raise

    def finish(self) -> None:
        """Put on disk and read back what pg_dump has written."""
        raise NotImplementedError


class _File(_Way):
    """One file, straight from pg_dump."""

    @contextmanager
    def running(self, words: Sequence[str], **options: Any) -> Iterator[None]:
        with _files.creating(self.path) as out:
            with super().running(words, stdout=out):
                yield
            if self.scope:
                _archive.blank(self.path, self.scope.keeps)
            os.fsync(out.fileno())

    def finish(self) -> None:
        check(self.source, self.path)


class _Folder(_Way):
    """A folder of files, a connection for each of several at once."""

    name, format = DUMP_FOLDER, "directory"

    @contextmanager
    def running(self, words: Sequence[str], **options: Any) -> Iterator[None]:
        # Its files are synced by pg_dump itself, but for what is blanked afterwards.
        with super().running(
            [*words, "--jobs=%d" % self.how.jobs, "--file=" + self._target()],
            stdout=subprocess.DEVNULL,
            umask=0o077,
        ):
            yield

    def _target(self) -> str:
        return self.path

    def finish(self) -> None:
        if self.scope:
            _archive.blank(os.path.join(self.path, _archive.TOC), self.scope.keeps)
        check(self.source, self.path, folder=True)


class _FromContainer(_Folder):
    """The same of a container, out of which it comes as a stream: nothing of the host is mounted,
    and there is no second copy on it."""

    def __enter__(self) -> _FromContainer:
        scratch = _endpoint.scratch(self.source)
        self.inside = "%s/%s%s" % (scratch, PREFIX, secrets.token_hex(8))
        # Those of runs that were killed.
        _endpoint.run(
            self.source,
            "find",
            scratch,
            "-maxdepth",
            "1",
            "-name",
            PREFIX + "*",
            "-mmin",
            ABANDONED,
            "-exec",
            "rm",
            "-rf",
            "{}",
            ";",
        )
        return self

    def _target(self) -> str:
        return self.inside

    def __exit__(self, *_error: object) -> None:
        # If the container does not answer any more, there is more to say than this; the next backup
        # removes what is left.
        with suppress(PostgresError):
            _endpoint.run(self.source, "rm", "-rf", self.inside)

    def finish(self) -> None:
        check(self.source, self.inside, folder=True)
        # A stream that ends between two files looks like one that is whole.
        listed = _endpoint.run(
            self.source,
            "find",
            self.inside,
            "-type",
            "f",
            "-exec",
            "stat",
            "-c",
            "%s %n",
            "{}",
            "+",
        ).splitlines()
        _files.make_folder(self.path, 0o700)
        with tempfile.TemporaryFile() as said:
            process = _endpoint.started(
                self.source,
                _endpoint.command(self.source, "tar", "-c", "-f", "-", "-C", self.inside, "."),
                stdout=subprocess.PIPE,
                stderr=said,
            )
            try:
                self._receive(process.stdout)  # type: ignore[arg-type]
                _ended(self.source, "tar", process, said)
            except tarfile.TarError as error:
                _ended(self.source, "tar", process, said)
                raise PostgresError(
                    "%s: the dump did not come out of it: %s" % (self.source, error)
                ) from None
            finally:
                _stop(process)
                process.stdout.close()  # type: ignore[union-attr]
        if sorted(listed) != sorted(
            "%d %s/%s" % (os.stat(os.path.join(self.path, name)).st_size, self.inside, name)
            for name in os.listdir(self.path)
        ):
            raise PostgresError("%s: the dump did not come out of it whole" % self.source)

    def _receive(self, stream: IO[bytes]) -> None:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=_CHUNK) as archive:
            for item in archive:
                name = os.path.normpath(item.name)
                content = archive.extractfile(item)
                if content is not None and name == os.path.basename(name):
                    self.digests["%s/%s" % (self.name, name)] = place(
                        content, os.path.join(self.path, name)
                    )
        while stream.read(_CHUNK):  # what pads the archive
            pass


class _Encrypted(_Way):
    """One file that only the owner of a secret key can read. pg_restore reads what age is given,
    byte for byte."""

    @contextmanager
    def running(self, words: Sequence[str], **options: Any) -> Iterator[None]:
        with (
            tempfile.TemporaryFile() as said,
            _encryption.sealed(self.path + SEALED, self.how.recipients) as out,
        ):
            reader = self.source.start(
                "pg_restore",
                "--file=" + os.devnull,
                connect=False,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=said,
            )
            try:
                with self._pumped(out, reader, words):
                    yield
                _ended(self.source, "pg_restore", reader, said)
            finally:
                _stop(reader)
        self.digests[self.name + SEALED] = out.digest

    @contextmanager
    def _pumped(
        self, out: _encryption.Seal, reader: subprocess.Popen[bytes], words: Sequence[str]
    ) -> Iterator[None]:
        read, write = os.pipe()
        with os.fdopen(read, "rb", buffering=0) as stream:
            keep = self.scope and self.scope.keeps
            pump = _Pump(stream, out, reader.stdin, keep)  # type: ignore[arg-type]
            try:
                try:
                    with os.fdopen(write, "wb", buffering=0) as end:
                        with super().running(words, stdout=end):
                            end.close()
                            pump.start()
                            yield
                finally:
                    pump.end()
            except PostgresError:
                if pump.failure is None or isinstance(pump.failure, _archive.Truncated):
                    raise
        if pump.failure is not None:
            raise pump.failure

    def finish(self) -> None:
        """Read on its way."""


class _Pump(threading.Thread):
    """Gives what comes out of a pipe to age and to pg_restore, of an archive's head what is kept.
    ``failure``: why it stopped early."""

    def __init__(
        self,
        stream: IO[bytes],
        out: _encryption.Seal,
        reader: IO[bytes],
        keep: Optional[_archive.Keep] = None,
    ) -> None:
        super().__init__()
        self.stream, self.out, self.reader, self.keep = stream, out, reader, keep
        self.failure: Optional[BaseException] = None

    def run(self) -> None:
        """Until pg_dump closes its end."""
        reads = True
        try:
            for chunk in self._chunks():
                self.out.write(chunk)
                try:
                    if reads:
                        self.reader.write(chunk)
                except BrokenPipeError:
                    reads = False  # its exit code says why
        except BaseException as error:
            self.failure = error
            self.stream.close()  # pg_dump ends

    def _chunks(self) -> Iterator[bytes]:
        if self.keep:
            yield _archive.head(self.stream.read, self.keep)
        yield from iter(lambda: self.stream.read(_CHUNK), b"")

    def end(self) -> None:
        """Everything was given."""
        if self.ident is not None:
            self.join()
        with suppress(BrokenPipeError):
            self.reader.close()
