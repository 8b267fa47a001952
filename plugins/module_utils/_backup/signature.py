# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup's signature: ``ssh-keygen -Y sign`` over its ``SHA256SUMS``, which covers every other
file, encrypted or not.

Checksums say that nothing was damaged; a signature by a key that the reader knows says who made it.
Anybody can make both anew with a key of his own, so a signature proves nothing until somebody says
which keys he believes.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
from typing import Sequence

from .._host import files as _files
from .._host import paths as _paths
from .._host import process as _process
from .folder import SIGNATURE, SUMS, BackupError

PROGRAM, PACKAGE = "ssh-keygen", "openssh-client"
SECONDS = 60.0
# What a signature is good for: none that the key made for mail or git passes here.
NAMESPACE = "backup@llmops.litellm"
_SIGNER = "operator"
_LARGEST = 8 << 20  # bytes of the checksums; a signature has some hundred
_KEY = re.compile(
    r"(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp(?:256|384|521)"
    r"|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]+={0,3}(?: [^\n]*)?"
)
_GOOD = re.compile(r"Good \".*\" signature .*key (SHA256:\S+)")
# It must not ask for a passphrase, on no terminal and in no window.
_SILENT = {"SSH_ASKPASS": "/bin/false", "SSH_ASKPASS_REQUIRE": "force"}


def refusal(key: str) -> str:
    """Why this is no public key for SSH, empty where it looks like one. The text itself is not
    shown: it may be a secret key."""
    if "PRIVATE KEY" in key:
        return "is a secret key. Give its public half (ssh-keygen -y -f FILE), and make a new key"
    return "" if _KEY.fullmatch(key) else "is no public key of SSH: ssh-ed25519 …, ssh-rsa …"


def check_keys(keys: Sequence[str]) -> None:
    """:raises BackupError: one of them is no public key for SSH."""
    for why in filter(None, map(refusal, keys)):
        raise BackupError("a key that backups must be signed by %s" % why)


def read_keys(path: str) -> tuple[str, ...]:
    """The public keys in a file, one a line, as ``ssh-keygen`` writes them.

    :raises BackupError: it can't be read, or has none.
    """
    try:
        with _files.reading(path) as handle:
            text = handle.read(_LARGEST).decode("utf-8", "replace")
    except OSError as error:
        raise BackupError("%s cannot be read: %s" % (path, error.strerror)) from None
    keys = [line.strip() for line in text.splitlines()]
    keys = [line for line in keys if line and not line.startswith("#")]
    check_keys(keys)
    if not keys:
        raise BackupError("%s has no key" % path)
    return tuple(keys)


def check(key_file: str) -> None:
    """Sign nothing, for real.

    :raises BackupError: the key can't be used, or somebody else could read it or put it there.
    """
    try:
        about = os.stat(key_file)
        weakness = _paths.weakness(key_file)
    except OSError as error:
        raise BackupError(
            "%s, the signing key, cannot be read: %s" % (key_file, error.strerror)
        ) from None
    if weakness or not stat.S_ISREG(about.st_mode) or about.st_mode & 0o077:
        raise BackupError(
            "%s, the signing key, must be a file that only root can read (0600), below folders that"
            " only root can write to%s" % (key_file, ": " + weakness if weakness else "")
        )
    sign("", key_file)


def sign(sums: str, key_file: str) -> str:
    """The signature of a backup's checksums.

    :param key_file: a private key of SSH without a passphrase.
    :raises BackupError: there is none.
    """
    done = _keygen(["sign", "-f", key_file, "-n", NAMESPACE], sums)
    if done.rc:
        said = [line for line in done.err.splitlines() if not line.startswith("Signing data")]
        raise BackupError(
            "%s cannot sign backups: %s" % (key_file, said[0] if said else "exit code %d" % done.rc)
        )
    return done.out


def sums(folder: str, signers: Sequence[str] = ()) -> str:
    """The text of a backup's SHA256SUMS, whose signature fits it, if it has one.

    Nothing else of the backup is read.

    :param signers: public keys, of which one must have signed it; without any a signature by
        whatever key will do, and so does none.
    :raises BackupError: not so, or a file can't be read.
    """
    text = _text(folder, SUMS)
    signer(folder, text, signers)
    return text


def signer(folder: str, text: str, signers: Sequence[str] = ()) -> str:
    """The fingerprint of the key that signed a backup's checksums; empty where none did, or where
    this host has no program that could tell and no ``signers`` are asked for.

    :raises BackupError: see :func:`sums`.
    """
    path = os.path.join(folder, SIGNATURE)
    if not os.path.lexists(path):
        if signers:
            raise BackupError("%s is not signed, and must be signed by %s" % (folder, _of(signers)))
        return ""
    signature = _text(folder, SIGNATURE)
    found = _verify(["check-novalidate", "-n", NAMESPACE], signature, text)
    if found.rc == 127:
        if signers:
            raise BackupError(_missing())
        return ""
    named = _GOOD.search(found.out)
    if found.rc or not named:
        raise BackupError("%s is no signature of the %s beside it" % (path, SUMS))
    if signers and _believed(signature, text, signers) != named[1]:
        raise BackupError(
            "%s is signed by the key %s, and must be signed by %s"
            % (folder, named[1], _of(signers))
        )
    return named[1]


def _believed(signature: str, text: str, signers: Sequence[str]) -> str:
    """The fingerprint of that of the keys which made a signature; empty where none did."""
    lines = ['%s namespaces="%s" %s\n' % (_SIGNER, NAMESPACE, key) for key in signers]
    words = ["verify", "-n", NAMESPACE, "-I", _SIGNER, "-f"]
    found = _verify(words, signature, text, "".join(lines))
    named = _GOOD.search(found.out)
    return named[1] if named and not found.rc else ""


def _verify(words: list[str], signature: str, text: str, signers: str = "") -> _process.Result:
    """``signers``: the text of a file whose name ends the words."""
    handles = [_memory(each) for each in ([signers] if signers else []) + [signature]]
    names = ["/proc/self/fd/%d" % handle for handle in handles]
    try:
        return _keygen([*words, *names[:-1], "-s", names[-1]], text, handles)
    finally:
        for handle in handles:
            os.close(handle)


def _memory(text: str) -> int:
    """A file that is on no disk, where nobody can change it under our hands."""
    handle = os.memfd_create("signature")
    os.write(handle, text.encode("utf-8", "surrogateescape"))
    return handle


def _keygen(words: list[str], text: str, handles: Sequence[int] = ()) -> _process.Result:
    try:
        process = _process.start(
            [PROGRAM, "-Y", *words],
            _SILENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=handles,
            start_new_session=True,
        )
    except FileNotFoundError:
        return _process.Result(127, "", _missing())
    with process:
        try:
            out, err = process.communicate(text.encode("utf-8", "surrogateescape"), SECONDS)
        except subprocess.TimeoutExpired:  # a key in a device waits for somebody's finger
            process.kill()
            return _process.Result(124, "", "%s takes longer than %g s" % (PROGRAM, SECONDS))
    return _process.Result(
        process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
    )


def _missing() -> str:
    return "the program %s is not installed on this host (Debian: %s)" % (PROGRAM, PACKAGE)


def _of(signers: Sequence[str]) -> str:
    return "one of the %d keys given" % len(signers) if len(signers) > 1 else "the key given"


def _text(folder: str, name: str) -> str:
    path = os.path.join(folder, name)
    try:
        with _files.reading(path) as handle:
            data = handle.read(_LARGEST + 1)
    except OSError as error:
        raise BackupError("%s cannot be read: %s" % (path, error.strerror)) from None
    if len(data) > _LARGEST:
        raise BackupError("%s is larger than %d bytes" % (path, _LARGEST))
    return data.decode("utf-8", "surrogateescape")
