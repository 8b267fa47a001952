# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load a backup's dump with pg_restore: one file or a folder of files, encrypted or not.

A container gets a folder as a stream, into a temporary folder of its own: nothing of the host is
mounted, and no password is needed.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import tarfile
import tempfile
from contextlib import contextmanager
from typing import IO, Iterator, NamedTuple, Optional, Sequence

from .._backup import folder as _folder
from .._backup.folder import BackupError
from .._host import files as _files
from .._host import paths as _paths
from .._host import process as _process
from .._postgres import endpoint as _endpoint
from .._postgres import extensions as _extensions
from .._postgres.extensions import Extension
from .._postgres.session import Endpoint, PostgresError, parse_rows

FOLDER, ENCRYPTED = _folder.FOLDER, _folder.SEALED
LEDGER = "_prisma_migrations"
# No server of ours publishes to, or subscribes to, another one.
LOAD_OPTIONS = (
    "--no-owner",
    "--no-acl",
    "--no-publications",
    "--no-subscriptions",
    "--no-security-labels",
    "--no-tablespaces",
    "--exit-on-error",
)
# In the container, and on a host that has to read what is encrypted. One name: what a killed run
# has left is found by it.
INSIDE = "llmops-litellm-restore"
TEMPORARY, PREFIX = "/var/tmp", "llmops-litellm-restore-"


class EncryptedError(BackupError):
    """The backup is encrypted and no key was given, so it is unknown whether it is sound."""


class Dump(NamedTuple):
    """A dump on the host.

    ``folder``: pg_dump's directory format; ``identity``: file with the age key that opens it, empty
    where it is not encrypted.
    """

    path: str
    folder: bool
    identity: str


def find(folder: str, manifest: _folder.Manifest, identity: str = "") -> Dump:
    """The dump of a backup.

    :param manifest: the backup's manifest.
    :raises EncryptedError: it is encrypted, and there is no identity.
    :raises BackupError: there is none, or the identity can't be read.
    """
    name = str(manifest["database"].get("dump", _folder.DUMP))
    if name not in (_folder.DUMP, _folder.DUMP_FOLDER):  # it could lie outside the backup
        raise BackupError("%s names a dump %r, as this collection does not" % (folder, name))
    path = os.path.join(folder, name)
    encrypted = bool(manifest.get("encrypted"))
    if encrypted and not identity:
        raise EncryptedError(
            "%s is encrypted: give the path of a file with the age identity that opens it" % folder
        )
    if encrypted and not os.access(identity, os.R_OK):
        raise BackupError("%s, the age identity, cannot be read" % identity)
    is_folder = name.endswith(FOLDER)
    if encrypted and not is_folder and not os.path.exists(path):
        path += ENCRYPTED
    if not os.path.lexists(path):
        raise BackupError("%s is missing" % path)
    return Dump(path, is_folder, identity if encrypted else "")


@contextmanager
def opened(path: str, identity: str) -> Iterator[IO[bytes]]:
    """A file of a backup, decrypted on the way where there is an identity.

    :raises BackupError: it cannot be decrypted.
    """
    if not identity:
        with _files.reading(path) as plain:
            yield plain
        return
    with tempfile.TemporaryFile() as errors:
        try:
            process = _process.start(
                ["age", "--decrypt", "--identity", identity, path],
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        except FileNotFoundError:
            raise BackupError(
                "%s is encrypted, and the program age is not installed on this host (Debian: age)"
                % path
            ) from None
        except _paths.UntrustedPath as error:
            raise BackupError(str(error)) from None
        with process:
            if process.stdout is None:
                raise BackupError("%s: age was started without a pipe" % path)
            try:
                yield process.stdout
                # What the reader did not want is not a failure; what did not come is.
                while process.stdout.read(1 << 20):
                    pass
            except PostgresError:
                # The reader also fails if age gave nothing (more); then age says why.
                if process.stdout.read(1) or process.wait() == 0:
                    process.kill()
                    raise
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            errors.seek(0)
            lines = [
                line
                for line in errors.read().decode("utf-8", "replace").splitlines()
                if line.startswith("age: error")
            ]
            raise BackupError(
                "%s cannot be decrypted: %s"
                % (path, (lines or ["age ended with exit code %d" % process.returncode])[0])
            )


def load(dump: Dump, target: Endpoint, jobs: int = 2, options: Sequence[str] = ()) -> None:
    """Fill an empty database.

    :param jobs: connections at once, where the dump is a folder.
    :param options: more of pg_restore's.
    :raises BackupError, PostgresError: it could not be read or loaded to its end.
    """
    if not dump.folder:
        _stream(dump, target, "pg_restore", *LOAD_OPTIONS, *options, "--single-transaction")
        return
    if target.account and not target.container:
        raise BackupError(
            "%s is a folder, which the account that logs in to %s without a password could not "
            "read: give its role a password, and name it in the URL" % (dump.path, target)
        )
    with _placed(dump, target, None) as path:
        _run(target, "pg_restore", *LOAD_OPTIONS, *options, "--jobs=%d" % jobs, path)


def extensions(dump: Dump, target: Endpoint) -> list[Extension]:
    """The extensions that a dumped database had.

    :param target: any database of the server whose pg_restore is used. Nothing is changed there.
    """
    words = ("--schema-only", "--section=pre-data", "--file=-")
    if not dump.folder:
        return _extensions.parse(_stream(dump, target, "pg_restore", *words, connect=False))
    with _placed(dump, target, ["toc.dat"]) as path:
        return _extensions.parse(_run(target, "pg_restore", *words, path, connect=False))


def migrations(dump: Dump, target: Endpoint) -> Optional[list[str]]:
    """Names of the schema migrations that the dumped database had finished, ``None`` if it keeps no
    ledger of them.

    :param target: any database of the server whose pg_restore is used. Nothing is changed there.
    """
    words = ("--data-only", "--table=" + LEDGER, "--file=-")
    if not dump.folder:
        return parse_ledger(_stream(dump, target, "pg_restore", *words, connect=False))
    with _placed(dump, target, ["toc.dat"]) as path:
        found = re.findall(
            r"^(\d+); \d+ \d+ TABLE DATA \S+ %s " % LEDGER,
            _run(target, "pg_restore", "--list", path, connect=False),
            re.M,
        )
    if not found:
        return None
    wanted = ("toc.dat", *(number + ".dat" for number in found))
    names = [name for name in sorted(os.listdir(dump.path)) if name.startswith(wanted)]
    with _placed(dump, target, names) as path:
        return parse_ledger(_run(target, "pg_restore", *words, path, connect=False))


def parse_ledger(text: str) -> Optional[list[str]]:
    """The finished migrations in pg_restore's output of the ledger: a COPY with its rows. Where
    another application has one in another schema, LiteLLM's is in ``public``."""
    copies = re.findall(
        r"^COPY (public\.)?[^\n]*?\(([^\n]*)\) FROM stdin;\n(.*?)^\\\.$", text, re.M | re.S
    )
    if not copies:
        return None
    _public, names, lines = max(copies, key=lambda copy: bool(copy[0]))
    columns = [name.strip('" ') for name in names.split(",")]
    rows = [dict(zip(columns, row)) for row in parse_rows(lines.splitlines())]
    return sorted(
        str(row["migration_name"])
        for row in rows
        if row.get("finished_at") is not None and row.get("rolled_back_at") is None
    )


def _run(target: Endpoint, program: str, *words: str, connect: bool = True) -> str:
    process = target.start(
        program,
        *words,
        connect=connect,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, errors = process.communicate()
    if process.returncode:
        raise target.explain(program, process.returncode, errors.decode("utf-8", "replace"))
    return out.decode("utf-8", "surrogateescape")


def _stream(dump: Dump, target: Endpoint, program: str, *words: str, connect: bool = True) -> str:
    """Run a program with the dump as its input; what it prints."""
    with opened(dump.path, dump.identity) as source:
        process = target.start(
            program,
            *words,
            connect=connect,
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            out, errors = process.communicate()
        except BaseException:
            process.kill()
            process.communicate()
            raise
        if process.returncode:
            raise target.explain(program, process.returncode, errors.decode("utf-8", "replace"))
    return out.decode("utf-8", "surrogateescape")


@contextmanager
def _placed(dump: Dump, target: Endpoint, names: Optional[list[str]]) -> Iterator[str]:
    """A folder where the target's pg_restore can read the dump's files (``None``: all of them)."""
    if target.image:
        raise BackupError(
            "%s is a folder, of a database that was in a container: the client programs of an image"
            " can't read one" % dump.path
        )
    if not target.container and not dump.identity:
        yield dump.path
        return
    try:
        files = (
            sorted(os.listdir(dump.path))
            if names is None
            else [
                name if os.path.exists(os.path.join(dump.path, name)) else name + ENCRYPTED
                for name in names
            ]
        )
        if target.container:
            inside = "%s/%s" % (_endpoint.scratch(target), INSIDE)
            _endpoint.run(target, "rm", "-rf", inside)
            _endpoint.run(target, "mkdir", "-m", "700", inside)
            try:
                _send(dump, target, files, inside)
                yield inside
            finally:
                _endpoint.run(target, "rm", "-rf", inside)
            return
        sweep()
        folder = _files.temporary_folder(PREFIX, TEMPORARY)
        try:
            for name in files:
                with (
                    opened(os.path.join(dump.path, name), dump.identity) as source,
                    _files.creating(os.path.join(folder, plain(name))) as out,
                ):
                    shutil.copyfileobj(source, out, 1 << 20)
            yield folder
        finally:
            _files.remove_tree(folder)
    except OSError as error:
        raise BackupError("%s: %s" % (error.filename or dump.path, error.strerror)) from None


def sweep() -> None:
    """Remove the files that a killed restore has decrypted on this host; what others have put there
    under such a name is none of our business."""
    for name in os.listdir(TEMPORARY):
        path = os.path.join(TEMPORARY, name)
        if name.startswith(PREFIX) and _is_own_folder(path):
            _files.remove_tree(path)


def _is_own_folder(path: str) -> bool:
    try:
        about = os.lstat(path)
    except FileNotFoundError:  # anybody may remove their own at any time
        return False
    return stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid()


def plain(name: str) -> str:
    """A file's name as it was before it was encrypted."""
    return name[: -len(ENCRYPTED)] if name.endswith(ENCRYPTED) else name


def _send(dump: Dump, target: Endpoint, files: list[str], inside: str) -> None:
    """Stream the files as a tar into the container: no copy on the host, and no mount."""
    with tempfile.TemporaryFile() as errors:
        process = _process.start(
            _endpoint.command(target, "tar", "-x", "-f", "-", "-C", inside),
            target.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        with process:
            try:
                with tarfile.open(fileobj=process.stdin, mode="w|", bufsize=1 << 20) as archive:
                    for name in files:
                        _add(archive, os.path.join(dump.path, name), plain(name), dump.identity)
            except BrokenPipeError:
                pass  # tar ended early: its exit code and standard error say why
            except BaseException:
                process.kill()
                raise
            finally:
                if process.stdin and not process.stdin.closed:
                    try:
                        process.stdin.close()
                    except BrokenPipeError:
                        pass  # as above
        if process.returncode:
            errors.seek(0)
            text = errors.read().decode("utf-8", "replace").strip().splitlines()
            raise PostgresError(
                "%s: the dump does not fit in there: %s"
                % (target, text[-1] if text else "tar ended with exit code %d" % process.returncode)
            )


def _add(archive: tarfile.TarFile, path: str, name: str, identity: str) -> None:
    item = tarfile.TarInfo(name)
    item.mode = 0o600
    if not identity:
        item.size = os.stat(path).st_size
        with _files.reading(path) as source:
            archive.addfile(item, source)
        return
    # A tar names a file's size before its content, and a decrypted one's is known at its end.
    with tempfile.TemporaryFile(dir=TEMPORARY) as spool:
        with opened(path, identity) as source:
            shutil.copyfileobj(source, spool, 1 << 20)
        item.size = spool.tell()
        spool.seek(0)
        archive.addfile(item, spool)
