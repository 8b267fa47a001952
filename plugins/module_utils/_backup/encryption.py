# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that grow encrypted: ``age`` takes what is written, and nothing of it is on disk in the
clear.

Only public keys are needed for that, so a host can make backups that it can't read.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from typing import IO, Iterator, Optional, Sequence

from .._host import files as _files
from .._host import paths as _paths
from .._host import process as _process
from .folder import BackupError

PROGRAM = "age"
_RECIPIENT = re.compile(r"age1[a-z0-9]+|ssh-(?:ed25519|rsa) [A-Za-z0-9+/]+={0,3}(?: .*)?")


def refusal(recipient: str) -> str:
    """Why this is no public key for age, empty where it looks like one. The text itself is not
    shown: it may be a secret key."""
    if recipient.upper().startswith("AGE-SECRET-KEY-") or "PRIVATE KEY" in recipient:
        return (
            "is a secret key: whoever reads it can read the backups. Give its public half"
            " (age-keygen -y FILE), and make a new key"
        )
    return (
        ""
        if _RECIPIENT.fullmatch(recipient)
        else "is no public key: age1…, ssh-ed25519 … or ssh-rsa …"
    )


def shown(recipient: str) -> str:
    """A public key without the comment behind an SSH key."""
    return " ".join(recipient.split()[:2])


def check(recipients: Sequence[str]) -> None:
    """Encrypt nothing, for real.

    :raises BackupError: age is not there, or does not take one of the keys.
    """
    for recipient in recipients:
        why = refusal(recipient)
        if why:
            raise BackupError("a key to encrypt to %s" % why)
    if not recipients:
        return
    try:
        _process.program(PROGRAM)
    except FileNotFoundError:
        raise BackupError(
            "backups are to be encrypted, and the program age is not installed on this "
            "host (Debian: age)"
        ) from None
    except _paths.UntrustedPath as error:
        raise BackupError(str(error)) from None
    for recipient in recipients:
        process = _start([recipient], subprocess.PIPE)
        errors = process.communicate()[1]
        if process.returncode:
            raise BackupError(
                "age does not take %s as a public key: %s"
                % (shown(recipient), said(errors, process.returncode))
            )


def said(errors: bytes, code: int) -> str:
    """What age says of its failure."""
    lines = [
        line
        for line in errors.decode("utf-8", "replace").splitlines()
        if line.startswith("age: error")
    ]
    return (lines or ["age ended with exit code %d" % code])[0]


def _start(recipients: Sequence[str], errors: object) -> subprocess.Popen[bytes]:
    words = [PROGRAM, "--encrypt"] + [
        word for recipient in recipients for word in ("--recipient", shown(recipient))
    ]
    return _process.start(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)


class Seal:
    """A file that grows (0600, must not be there). ``digest``: the SHA-256 of what was written to
    it, once it is whole."""

    def __init__(self, path: str, recipients: Sequence[str]) -> None:
        self.path, self.digest = path, ""
        self._errors = tempfile.TemporaryFile()
        self._out: IO[bytes] = _files.creating(path)
        self._failure: Optional[BaseException] = None
        self._age = _start(recipients, self._errors)
        self._writer = threading.Thread(target=self._drain)
        self._writer.start()

    def _drain(self) -> None:
        """Write down what age gives out."""
        digest = hashlib.sha256()
        try:
            for chunk in iter(lambda: self._age.stdout.read(1 << 18), b""):  # type: ignore[union-attr]
                digest.update(chunk)
                self._out.write(chunk)
            self._out.flush()
            os.fsync(self._out.fileno())
            self.digest = digest.hexdigest()
        except BaseException as error:
            self._failure = error
            self._age.kill()

    def write(self, data: bytes) -> None:
        """Take some of it.

        :raises BrokenPipeError: age has ended; :meth:`close` says why.
        """
        self._age.stdin.write(data)  # type: ignore[union-attr]

    def close(self) -> None:
        """All of it was written.

        :raises BackupError, OSError: it is not whole on disk.
        """
        errors = self._end()
        if self._failure:
            raise self._failure
        if self._age.returncode:
            raise BackupError(
                "%s cannot be encrypted: %s" % (self.path, said(errors, self._age.returncode))
            )

    def abandon(self) -> None:
        """It will never be whole."""
        self._age.kill()
        self._end()

    def _end(self) -> bytes:
        """Wait for both; what age has said."""
        try:
            self._age.stdin.close()  # type: ignore[union-attr]
        except BrokenPipeError:
            pass  # its exit code says why
        self._writer.join()
        self._age.wait()
        self._age.stdout.close()  # type: ignore[union-attr]
        self._out.close()
        with self._errors as errors:
            errors.seek(0)
            return errors.read()


@contextmanager
def sealed(path: str, recipients: Sequence[str]) -> Iterator[Seal]:
    """A file that is whole, encrypted and on disk when the block is left well.

    :raises BackupError, OSError: it is not.
    """
    growing = Seal(path, recipients)
    try:
        yield growing
    except BrokenPipeError:
        growing.close()
        raise
    except BaseException:
        growing.abandon()
        raise
    growing.close()
