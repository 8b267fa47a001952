# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The snapshot file of a native Redis, read and replaced as the account that Redis runs as.

Where it is, the server says itself, and anybody who may configure it chooses what it says. So that
is believed only of a folder of the account's own, and root never goes there itself.
"""

from __future__ import annotations

import os
import re
import stat
import time
from typing import Any, Callable, Mapping, NamedTuple, Optional

from .._host import files as _files
from .._host import listeners as _listeners
from .._host import paths as _paths
from .._host import systemd as _systemd
from .._host.account import Account, AccountError
from .redis import Native, RedisError

# Debian's redis-server is another name of redis-check-rdb.
_SERVER = r"(redis|valkey|keydb|redict)-"


class Refused(RedisError):
    """A native Redis says of itself what can't be believed; the message has it, and what was
    expected."""


class Place(NamedTuple):
    """The snapshot of a native Redis, by the account that reads and writes it."""

    account: Account
    folder: str
    file: str

    @property
    def path(self) -> str:
        """Where Redis loads it from."""
        return os.path.join(self.folder, self.file)

    @property
    def earlier(self) -> str:
        """Where its own is kept while another is tried."""
        return os.path.join(self.folder, ".llmops-litellm-earlier")

    @property
    def _copied(self) -> str:
        return os.path.join(self.folder, ".llmops-litellm-copied")

    def put(self, snapshot: str, seconds: float) -> None:
        """Give a stopped Redis a snapshot, a file of ours, to load at its start.

        :raises OSError: the account can't, or needs longer.
        """
        with _files.reading(snapshot) as data:
            self.account.write(self._copied, data, 0o600, seconds)
        # A run that was killed here has kept it already.
        if self.account.exists(self.path) and not self.account.exists(self.earlier):
            self.account.move(self.path, self.earlier)
        self.account.move(self._copied, self.path)

    def take_back(self, loaded: bool) -> None:
        """Give a stopped Redis what it had.

        :param loaded: whether :meth:`put` came to its end.
        :raises OSError: the account can't.
        """
        if self.account.exists(self.earlier):
            self.account.move(self.earlier, self.path)
        elif loaded:
            self.account.remove(self.path)
        self.account.remove(self._copied)

    def forget(self) -> None:
        """Remove what :meth:`put` has kept.

        :raises OSError: the account can't.
        """
        self.account.remove(self.earlier)


def data_of(native: Native) -> Optional[dict[str, Any]]:
    """Where a native Redis keeps its keys: ``folder``, ``file``, ``append_only``, ``account`` (the
    name of the one that it runs as), and ``refused``: why that can't be believed, in which case the
    other texts are empty.

    ``None`` where it does not say.
    """
    try:
        said = {name: _setting(native, name) for name in ("dir", "dbfilename", "appendonly")}
    except RedisError:
        return None
    if not said["dir"]:
        return None
    data: dict[str, Any] = {
        "folder": said["dir"],
        "file": said["dbfilename"],
        "append_only": said["appendonly"] == "yes",
        "account": "",
        "refused": "",
    }
    try:
        place = Place(_listening(native), data["folder"], data["file"])
        _check(place)
        data["account"] = place.account.name
    except Refused as error:
        data.update(folder="", file="", refused=str(error))
    return data


def place_of(data: Mapping[str, Any], unit: Mapping[str, str]) -> Place:
    """Where a native Redis, stopped or not, loads its keys from.

    :param data: as :func:`data_of` found it, or 0.1.0, which recorded no account.
    :param unit: record of its unit.
    :raises Refused: it is no place to write to.
    """
    if data.get("refused"):
        raise Refused(data["refused"])
    place = Place(_recorded(data, unit), data["folder"], data["file"])
    _check(place)
    return place


def snapshot(native: Native, path: str, timeout: float) -> None:
    """Write all of its keys to a new file that only the caller's account can read.

    By BGSAVE, if the server says where it saves and that can be believed. A replica's snapshot,
    which any server gives, only begins after ``repl-diskless-sync-delay`` (five seconds by
    default), in which clients would be refused.

    :raises RedisError: it does not run, refuses, or needs longer.
    """
    # redis-cli alone would create it readable for everybody
    with _files.creating(path) as target:
        data = data_of(native)
        if data and not data["refused"] and _save(native, timeout):
            saved = os.path.join(data["folder"], data["file"])
            try:
                _named(data["account"]).copy(saved, target, timeout)
                return
            except (OSError, AccountError):
                target.truncate(0)
    native.ask("--rdb", path, timeout=timeout)


def _setting(native: Native, name: str) -> str:
    """A setting of the server, empty where it has none of that name or of more than one line."""
    lines = native.ask("CONFIG", "GET", name).splitlines()
    return lines[1] if len(lines) == 2 else ""


def _listening(native: Native) -> Account:
    """Who the process behind a server's port is.

    :raises Refused: it can't be seen, or is no Redis but something of root's in front of one.
    """
    listener = _listeners.holder(_listeners.listeners(), native.port, native.host)
    if listener is None or listener.pid is None:
        raise Refused("the process that listens on port %d can't be seen" % native.port)
    try:
        account = Account.of_process(listener.pid)
        program = os.path.basename(os.readlink("/proc/%d/exe" % listener.pid))
    except OSError as error:
        raise Refused("%s can't be looked at: %s" % (listener.command, error.strerror)) from None
    if account.is_root and not re.match(_SERVER, program):
        raise Refused("%s runs as root and is no Redis" % listener.command)
    return account


def _recorded(data: Mapping[str, Any], unit: Mapping[str, str]) -> Account:
    """Who a native Redis runs as: as recorded, else the owner of its user manager, else as whom the
    system's manager starts it, else the owner of its folder.

    :raises Refused: nothing tells.
    """
    name = data.get("account") or unit.get("account") or _started_as(unit["name"])
    if name:
        return _named(name)
    above = os.path.dirname(os.path.abspath(data["folder"]))
    try:
        owner = os.stat(data["folder"]).st_uid
        if owner and not _paths.weakness(above):
            return Account.numbered(owner)
    except OSError as error:
        raise Refused("%s: %s" % (data["folder"], error.strerror)) from None
    raise Refused("it is unknown as which account %s runs Redis" % unit["name"])


def _started_as(unit: str) -> str:
    """As whom the system's manager starts a Redis; empty where it does not say, or the account is
    there only while the unit runs."""
    found = _systemd.show(_systemd.Manager(None), [unit])
    properties = found[0].properties if found else {}
    try:
        if properties.get("User"):
            return _named(properties["User"]).name
    except Refused:
        return ""
    command = _systemd.parse_exec(properties.get("ExecStart", ""))
    return "root" if command and re.match(_SERVER, os.path.basename(command[0])) else ""


def _named(name: str) -> Account:
    """An account by its name, or by the number of one that has none."""
    try:
        return Account.named(name)
    except AccountError as error:
        if name.isdigit():
            return Account.numbered(int(name))
        raise Refused(str(error)) from None


def _check(place: Place) -> None:
    """That a place is one of its account's own.

    :raises Refused: it is not; with what was said and expected.
    """
    name, folder, file = place.account.name, place.folder, place.file
    wrong = ""
    if not folder.startswith("/") or "\0" in folder:
        wrong = "that is no path"
    elif file in ("", ".", "..") or "/" in file or "\0" in file:
        wrong = "that is no file's name"
    else:
        try:
            owner, above = place.account.ask(lambda: _look(folder), folder)
            if owner != place.account.uid:
                wrong = "%s belongs to %s" % (folder, Account.numbered(owner).name)
            elif above:
                wrong = above
        except OSError as error:
            wrong = "account %s finds: %s" % (name, error.strerror)
    if wrong:
        raise Refused(
            "Redis, which runs as account %s, says that it keeps its keys in %s as %s; expected is"
            " a plain name in a folder of that account's, below folders that nobody else can write"
            " to. But %s" % (name, folder, file or "nothing", wrong)
        )


def _look(folder: str) -> tuple[int, str]:
    """As the account: who owns a folder, and who else could put another in its place."""
    about = os.stat(folder)
    if not stat.S_ISDIR(about.st_mode):
        raise NotADirectoryError(20, "not a folder", folder)
    return about.st_uid, _paths.weakness(os.path.dirname(os.path.realpath(folder)))


def _save(native: Native, timeout: float, clock: Callable[[], float] = time.monotonic) -> bool:
    """Save the current keys to disk; whether that worked."""
    limit = clock() + timeout
    started = False
    while clock() < limit:
        info = dict(re.findall(r"^(rdb_\w+):(\w+)", native.ask("INFO", "persistence"), re.M))
        if info.get("rdb_bgsave_in_progress") != "1":
            if started or "rdb_bgsave_in_progress" not in info:
                return info.get("rdb_last_bgsave_status") == "ok"
            try:
                native.ask("BGSAVE")
            except RedisError:
                return False
            started = True
        time.sleep(0.05)
    return False
