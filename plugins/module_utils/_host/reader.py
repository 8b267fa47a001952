# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reads a file for us, by the word that journals and settings keep of it."""

from __future__ import annotations

import io
import os
from typing import IO

from . import paths as _paths
from .account import Account, AccountError, open_regular

ROOT = "root"
# Of units with DynamicUser=: such a name is gone as soon as the unit stops.
_DYNAMIC = range(61184, 65520)


def word(account: Account) -> str:
    """An account in one word: its name where a login would make it the same, else
    ``UID:GID:GROUP,…``."""
    if account.is_root:
        return ROOT
    try:
        login = Account.named(account.name)
        same = (login.uid, login.gid) == (account.uid, account.gid) and (
            {login.gid, *login.groups} == {account.gid, *account.groups}
        )
    except AccountError:
        same = False
    if same and not is_dynamic(account):
        return account.name
    return "%d:%d:%s" % (account.uid, account.gid, ",".join(map(str, account.groups)))


def is_dynamic(account: Account) -> bool:
    """Whether an account is there only while a unit with ``DynamicUser=`` runs."""
    return account.uid in _DYNAMIC


def recall(text: str) -> Account:
    """The account of a :func:`word`.

    :raises AccountError: there is none of that name. :raises ValueError: it is no such word.
    """
    if ":" not in text:
        return Account.named(text)
    uid, gid, groups = text.split(":")
    return Account.numbered(int(uid))._replace(
        gid=int(gid), groups=tuple(int(group) for group in groups.split(",") if group)
    )


def of(text: str, path: str) -> Account:
    """Who reads a path: the account of this word; where it is root's, or empty, who could have
    chosen what lies there. Without root's rights, we ourselves.

    :raises AccountError: there is no such account. :raises UntrustedPath: more than one account
        could have chosen it. :raises OSError: a folder can't be looked at.
    """
    if os.geteuid() != 0:
        return ours()
    if text and text != ROOT:
        return recall(text)
    return Account.numbered(_paths.chooser(path))


def settled(path: str) -> bool:
    """Whether nobody but root can have chosen which file lies at a path; what is in it may be
    another account's."""
    folder = os.path.dirname(os.path.abspath(path))
    return not _paths.weakness(path) or not (os.path.islink(path) or _paths.weakness(folder))


def one(text: str, path: str) -> Account:
    """Who reads one file, of which nothing else follows: where the word is root's, or empty, root
    if the path is :func:`settled`, else as :func:`of`.

    :raises OSError, UntrustedPath, AccountError: see :func:`of`.
    """
    return ours() if text in ("", ROOT) and settled(path) else of(text, path)


def opened(text: str, path: str) -> IO[bytes]:
    """A regular file, open for reading as :func:`one` has it. An account's with what it holds now,
    and no larger than a configuration may be.

    :raises OSError: who reads it can't, with who and why as its message. :raises UntrustedPath,
        AccountError: see :func:`of`.
    """
    account = one(text, path)
    try:
        if account.uid == os.geteuid():
            return os.fdopen(open_regular(path), "rb")
        return io.BytesIO(account.read(path))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise OSError(error.errno, account.cannot(error), path) from None


def size(text: str, path: str) -> int:
    """Bytes of a file, as who reads it sees it.

    :raises OSError, UntrustedPath, AccountError: see :func:`opened`.
    """
    account = one(text, path)
    try:
        return int(account.ask(lambda: os.stat(path).st_size, path))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise OSError(error.errno, account.cannot(error), path) from None


def ours() -> Account:
    """Who we are."""
    return Account.numbered(os.geteuid())._replace(groups=tuple(os.getgroups()))
