# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What belongs to an account is read, listed and written by a process that *is* that account.

Root has no eyes of its own there: what the account can't open, nobody gets to see, whatever links,
FIFOs or devices lie in the way. The child has the account's groups, no capability, no new
privileges, no open file of its parent's and a deadline; it can't be traced by the account.

What comes back is bytes. Nothing of the account's is run.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import pwd
import select
import shutil
import signal
import stat
import time
from typing import IO, Any, Callable, NamedTuple, NoReturn, Optional

from .problem import OperatorError

SECONDS = 20.0
# Of a configuration, an env file, a unit. A program's file or a database's is copied instead.
LIMIT = 8 << 20
_CHUNK = 1 << 20
_DONE = b"done"
# Neither Debian, Red Hat nor systemd gives them to anybody.
_FREE = range(65520, 65534)
# Many programs of a host are in the group of nobody. Files of a container that is in it are for a
# group that is free as well, which the container gets besides.
NOBODY, PRIVATE_GROUP = 65534, 65519
# Where systemd keeps the folders of units, and those of ``DynamicUser=`` closed to others.
_KEPT, _PRIVATE = ("/var/lib", "/var/cache", "/var/log"), "private"
_NO_NEW_PRIVILEGES, _DUMPABLE, _PARENT_DEATH = 38, 4, 1


class AccountError(OperatorError):
    """An account is not there, or this process can't become it."""


class Account(NamedTuple):
    """Who a process is: ``groups`` are the supplementary ones."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str

    @classmethod
    def named(cls, name: str) -> Account:
        """As a login would make it.

        :raises AccountError: there is none of that name.
        """
        try:
            return cls._of(pwd.getpwnam(name))
        except KeyError:
            raise AccountError("there is no account %s on this host" % name) from None

    @classmethod
    def numbered(cls, uid: int) -> Account:
        """As a login would make it; one without a name has the group of its own number."""
        try:
            return cls._of(pwd.getpwuid(uid))
        except KeyError:
            return cls(str(uid), uid, uid, (), "/")

    @classmethod
    def stranger(cls) -> Account:
        """One that nobody has: nothing on this host is its own, and no process but those that it is
        given to. For a program that reads what somebody else may have made up.

        :raises AccountError: each of the numbers that distributions leave free is somebody's.
        """
        for number in _FREE:
            try:
                pwd.getpwuid(number)
            except KeyError:
                return cls("number %d" % number, number, number, (), "/nonexistent")
        raise AccountError("no account number from %d to %d is free" % (_FREE[0], _FREE[-1]))

    @classmethod
    def _of(cls, entry: pwd.struct_passwd) -> Account:
        groups = os.getgrouplist(entry.pw_name, entry.pw_gid)
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid, tuple(groups), entry.pw_dir)

    @classmethod
    def of_process(cls, pid: int, proc: str = "/proc") -> Account:
        """As a process is now: a service can have more groups than its account, or no entry in
        ``/etc/passwd`` at all.

        :raises OSError: it has ended. :raises AccountError: it runs a program with somebody else's
            rights (set-user-ID), so it is nobody's word for who its account is.
        """
        with open(os.path.join(proc, str(pid), "status"), encoding="ascii", errors="replace") as f:
            fields = dict(line.rstrip("\n").partition(":\t")[::2] for line in f)
        ids = [set(fields[name].split()) for name in ("Uid", "Gid")]
        if any(len(each) > 1 for each in ids):
            raise AccountError("process %d has the rights of more than one account" % pid)
        uid, gid = (int(each.pop()) for each in ids)
        groups = tuple(int(word) for word in fields.get("Groups", "").split())
        return cls.numbered(uid)._replace(gid=gid, groups=groups)

    @property
    def is_root(self) -> bool:
        """Whether it is root, to whom nothing is closed."""
        return self.uid == 0

    def cannot(self, error: OSError) -> str:
        """Why it can't read something, in words that follow its path."""
        who = "root" if self.is_root else "account " + self.name
        said = "%s can't read it: %s" % (who, error.strerror)
        if error.errno == errno.EACCES and _is_private(str(error.filename or "")):
            said += (
                " (it is in the folder of a unit with DynamicUser=, where nothing but that unit"
                " gets in: move it to a folder below /etc)"
            )
        return said

    def read(self, path: str, limit: int = LIMIT, seconds: float = SECONDS) -> bytes:
        """A regular file, whole.

        :param limit: bytes that it may have at the most.
        :raises OSError: the account can't open it, it is no regular file (``EINVAL``), too large
            (``EFBIG``), or it does not come in time (``ETIMEDOUT``); with the path as file name.
        """
        parts: list[bytes] = []
        self._child(lambda out: _send(path, out, limit), parts.append, path, seconds)
        return b"".join(parts)

    def text(self, path: str, limit: int = LIMIT, seconds: float = SECONDS) -> str:
        """A text file with its line ends as they are, undecodable bytes kept as surrogates; see
        :meth:`read`."""
        return self.read(path, limit, seconds).decode("utf-8", "surrogateescape")

    def copy(self, path: str, target: IO[bytes], seconds: float) -> None:
        """Stream a regular file of any size into an open one; see :meth:`read`."""
        self._child(lambda out: _send(path, out, None), target.write, path, seconds)

    def ask(self, question: Callable[[], Any], place: str, seconds: float = SECONDS) -> Any:
        """What a function finds that only looks, as JSON carries it.

        :param place: the path that it is about, for what is raised.
        :raises OSError: it failed, or takes longer.
        """
        parts: list[bytes] = []
        self._child(
            lambda out: out.write(json.dumps(question()).encode()), parts.append, place, seconds
        )
        return json.loads(b"".join(parts))

    def is_file(self, path: str) -> bool:
        """Whether the account sees a regular file there."""
        return bool(self.ask(lambda: os.path.isfile(path), path))

    def exists(self, path: str) -> bool:
        """Whether the account sees anything there."""
        return bool(self.ask(lambda: os.path.exists(path), path))

    def write(self, path: str, data: IO[bytes], mode: int, seconds: float) -> None:
        """Put a file in place whole or not at all, as the account, which owns it then.

        :param data: an open file of ours, read from where it stands.
        :raises OSError: see :meth:`read`.
        """
        handle = data.fileno()
        self._child(lambda _out: _put(path, handle, mode), _nothing, path, seconds, keep=handle)

    def move(self, path: str, target: str) -> None:
        """Rename within a folder, durably, as the account.

        :raises OSError: it can't.
        """
        self._child(lambda _out: _rename(path, target), _nothing, path, SECONDS)

    def remove(self, path: str) -> None:
        """Remove a file, durably, as the account; none there is no error.

        :raises OSError: it can't.
        """
        self._child(lambda _out: _unlink(path), _nothing, path, SECONDS)

    def become(self) -> None:
        """Turn this process, a child, into the account for good: for ``preexec_fn`` as well.

        :raises OSError: only root can become another account.
        """
        system = ctypes.CDLL(None, use_errno=True)
        if os.geteuid() != self.uid:
            os.setgroups(self.groups)
            os.setresgid(self.gid, self.gid, self.gid)
            os.setresuid(self.uid, self.uid, self.uid)
        if system.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or system.prctl(_DUMPABLE, 0, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")

    def _child(
        self,
        work: Callable[[IO[bytes]], Any],
        take: Callable[[bytes], Any],
        place: str,
        seconds: float,
        keep: int = -1,
    ) -> None:
        """Let a child that is the account do something; ``take`` gets what it writes."""
        ours, theirs = os.pipe()
        failed, fails = os.pipe()
        parent, pid = os.getpid(), os.fork()
        if pid == 0:
            _live(self, work, parent, theirs, fails, keep)
        os.close(theirs)
        os.close(fails)
        try:
            try:
                in_time = _collect(ours, take, time.monotonic() + seconds)
            finally:
                os.kill(pid, signal.SIGKILL)  # it has ended, is late, or we are going
                os.waitpid(pid, 0)
            told = os.read(failed, 1 << 16) if in_time else b""
        finally:
            os.close(ours)
            os.close(failed)
        if not in_time:
            late = "account %s needs longer than %g s" % (self.name, seconds)
            raise OSError(errno.ETIMEDOUT, late, place)
        if told != _DONE:
            # the account may kill its own processes, and with them this one
            number, message, name = json.loads(told or b'[5, "the reading process was killed", ""]')
            raise OSError(number, message, name or place)


def _live(
    account: Account,
    work: Callable[[IO[bytes]], Any],
    parent: int,
    out: int,
    fails: int,
    keep: int,
) -> NoReturn:
    """The child's whole life."""
    try:
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(name, signal.SIG_DFL)
        os.setsid()
        _close_all_but({out, fails, keep})
        os.chdir("/")
        os.umask(0o077)
        account.become()
        # not before: another account's process begins without it
        ctypes.CDLL(None).prctl(_PARENT_DEATH, signal.SIGKILL, 0, 0, 0)
        if os.getppid() == parent:
            with os.fdopen(out, "wb", closefd=False) as stream:
                work(stream)
            os.write(fails, _DONE)
    except OSError as error:
        _tell(fails, error.errno or errno.EIO, error.strerror or str(error), error.filename)
    except BaseException as error:  # nothing of the parent's may go on in here
        _tell(fails, errno.EIO, "%s: %s" % (type(error).__name__, error), None)
    finally:
        os._exit(0)


def _tell(fails: int, number: int, message: str, name: Any) -> None:
    told = [number, message[:500], name[:2000] if isinstance(name, str) else ""]
    os.write(fails, json.dumps(told).encode())


def _close_all_but(kept: set[int]) -> None:
    """Close every file of the parent's: through ``/proc/self/fd`` an account could name them."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        if standard not in kept:
            os.dup2(null, standard)
    edges = [2, *sorted(handle for handle in kept if handle > 2), os.sysconf("SC_OPEN_MAX")]
    for low, high in zip(edges, edges[1:]):
        os.closerange(low + 1, high)


def _collect(handle: int, take: Callable[[bytes], Any], deadline: float) -> bool:
    """Hand on what comes until it ends; whether it ended in time."""
    while True:
        left = max(0, deadline - time.monotonic())
        if not select.select([handle], [], [], left)[0]:
            return False
        data = os.read(handle, _CHUNK)
        if not data:
            return True
        take(data)


def _is_private(path: str) -> bool:
    """Whether a path leads into a folder of StateDirectory= and its kin of a unit whose account is
    made up while it runs: ``/var/lib/NAME`` is then a link to ``private/NAME``. Only root can have
    put there what is looked at."""
    for above in _KEPT:
        if path.startswith(above + "/"):
            first = path[len(above) + 1 :].partition("/")[0]
            place = os.path.join(above, first)
            return first == _PRIVATE or (
                os.path.islink(place) and os.readlink(place) == os.path.join(_PRIVATE, first)
            )
    return False


def _nothing(data: bytes) -> None:
    del data


def open_regular(path: str, follow: bool = True) -> int:
    """A handle for reading a regular file as whoever we are: opening never waits for somebody at
    the other end, and never makes a terminal ours.

    :raises OSError: it can't be opened, or is no regular file (``EINVAL``).
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    handle = os.open(path, flags if follow else flags | os.O_NOFOLLOW)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a regular file", path)
    return handle


def _send(path: str, out: IO[bytes], limit: Optional[int]) -> None:
    handle, count = open_regular(path), 0
    while True:
        data = os.read(handle, _CHUNK)
        if not data:
            return
        count += len(data)
        if limit is not None and count > limit:
            raise OSError(errno.EFBIG, "larger than %d bytes" % limit, path)
        out.write(data)


def _put(path: str, source: int, mode: int) -> None:
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    with os.fdopen(source, "rb", buffering=0, closefd=False) as data:
        put_below(folder, os.path.basename(path), data, mode)


def put_below(folder: int, name: str, data: IO[bytes], mode: int) -> None:
    """Put a file into a folder that is held open, whole or not at all; what lies there under its
    name or its growing one's is replaced, and no link followed.

    :raises OSError: it can't be; nothing of it is left then.
    """
    growing = ".%s.llmops-litellm" % name
    _unlink_below(folder, growing)  # of a run that was killed
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(growing, flags, 0o600, dir_fd=folder), "wb") as target:
            shutil.copyfileobj(data, target, _CHUNK)
            target.flush()
            os.fchmod(target.fileno(), mode)
            os.fsync(target.fileno())
        os.rename(growing, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        _unlink_below(folder, growing)
        raise
    os.fsync(folder)


def _unlink_below(folder: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        pass


def _rename(path: str, target: str) -> None:
    os.rename(path, target)
    _sync(os.path.dirname(target))


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    _sync(os.path.dirname(path))


def _sync(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(handle)
