# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether only root can have chosen what lies at a path.

Every folder from ``/`` down is looked at, links are followed as the kernel follows them. A path
that passes can't be changed by another account afterwards, so there is no race between this look
and the use.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from typing import Iterator, Optional

from .problem import OperatorError

MOST_LINKS = 40  # the kernel's own limit


class UntrustedPath(OperatorError):
    """Somebody who is not root could have chosen what lies there; the message names the folder or
    file, who, and what to do."""


def weakness(path: str) -> str:
    """Who else could have chosen what lies at a path, in words; empty where only root can.

    Of what is not there yet, the folders that are there count.

    :raises OSError: a folder can't be looked at, or links go in a circle.
    """
    return next((words for _uid, words in _doubts(path)), "")


def chooser(path: str) -> int:
    """The number of the one account that, beside root, could have chosen what lies at a path; our
    own where nobody else could.

    :raises UntrustedPath: more than one could. :raises OSError: see :func:`weakness`.
    """
    doubts = list(_doubts(path))
    uids = {uid for uid, _words in doubts}
    if not uids:
        return os.geteuid()
    uid = doubts[0][0]
    if len(uids) > 1 or uid is None:
        raise UntrustedPath(
            "%s: %s, so nobody knows whose it is. Let only root, or only one account, write there"
            " (chown and chmod go-w)." % (path, " and ".join(words for _uid, words in doubts))
        )
    return uid


def _doubts(path: str) -> Iterator[tuple[Optional[int], str]]:
    """Who else could have chosen what lies at a path, one after the other: the number of an account
    (``None``: more than one), and words."""
    trusted, above = {0, os.geteuid()}, ""
    for place, about, folder in _steps(path):
        if about is None:
            if above:
                yield None, "every account can make %s" % place
            return
        if about.st_uid not in trusted:
            yield about.st_uid, "%s belongs to %s" % (place, _account(about.st_uid))
        if stat.S_ISLNK(about.st_mode):
            continue
        # in a sticky folder nobody can move what root has, but anybody can be the first
        sticky = folder and about.st_mode & stat.S_ISVTX
        above = place if sticky and about.st_mode & stat.S_IWOTH else ""
        if about.st_mode & stat.S_IWOTH and not sticky:
            yield None, "every account can write to %s" % place
        elif about.st_mode & stat.S_IWGRP and not sticky:
            if _members(about.st_gid, {*trusted, about.st_uid}):
                yield None, "group %s can write to %s" % (_group(about.st_gid), place)


def require(path: str, purpose: str) -> None:
    """Only root can have chosen what lies there.

    :param purpose: what root would do with it, as a sentence goes on after "root": ``runs it``.
    :raises UntrustedPath: somebody else can. :raises OSError: see :func:`weakness`.
    """
    found = weakness(path)
    if found:
        raise UntrustedPath(
            "%s: %s, and root %s. Let only root write there (chown root: and chmod go-w), or name"
            " another place." % (path, found, purpose)
        )


def _steps(path: str) -> Iterator[tuple[str, Optional[os.stat_result], bool]]:
    """Each file that decides what a path is, from the ground: its path, what it is (``None``, and
    then it is the last, for what is not there), and whether something below it follows."""
    pending = [part for part in os.path.abspath(path).split("/") if part]
    place, links = "/", 0
    yield place, os.lstat(place), bool(pending)
    while pending:
        name = pending.pop(0)
        if name in ("", "."):
            continue
        if name == "..":
            place = os.path.dirname(place)
            continue
        here = os.path.join(place, name)
        try:
            about = os.lstat(here)
        except FileNotFoundError:
            yield here, None, False
            return
        yield here, about, bool(pending)
        if not stat.S_ISLNK(about.st_mode):
            place = here
            continue
        links += 1
        if links > MOST_LINKS:
            raise OSError(40, "too many levels of symbolic links", path)
        target = os.readlink(here)
        if target.startswith("/"):
            place = "/"
        pending = target.split("/") + pending


def _account(uid: int) -> str:
    try:
        return "account " + pwd.getpwuid(uid).pw_name
    except KeyError:
        return "account number %d" % uid


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return "number %d" % gid


def _members(gid: int, trusted: set[int]) -> bool:
    """Whether a group has anybody else in it. Debian gives ``/usr/local`` to a group that nobody is
    in."""
    try:
        names = grp.getgrgid(gid).gr_mem
    except KeyError:
        names = []
    for name in names:
        try:
            if pwd.getpwnam(name).pw_uid not in trusted:
                return True
        except KeyError:
            continue  # nobody can be an account that is not there
    return any(entry.pw_gid == gid and entry.pw_uid not in trusted for entry in pwd.getpwall())
