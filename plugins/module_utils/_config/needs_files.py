# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes in the container of what :mod:`_config.needs` found by its name.

A file is copied into the project folder, root's and readable for the container's group, and
mounted read-only where LiteLLM looks for it: at the same absolute path, or below :data:`INSIDE`,
its working folder, for a relative one. A copy, since Docker would follow a link that the account
puts in its place, and since the container's user is not the account. It is found, listed and read
by the account that the proxy runs as: what that can't open, the proxy never had.
"""

from __future__ import annotations

import os
import re
import stat
from typing import Any, Iterable, Mapping, NamedTuple, Sequence

from .._host import paths as _paths
from .._host import reader as _reader
from .._host.account import Account, open_regular
from .._host.files import size
from .._host.problem import Problem
from . import mounts as _mounts
from . import needs_modules as _needs_modules
from .mounts import Mount
from .needs import FILE, GUESS, HOST, LIKELY, MODULE, PLACE, PROGRAM, SOCKET, SURE, Named

INSIDE = "/app"  # where the container's LiteLLM works and has its configuration
WRITABLE = "/tmp"
MOST, LIMIT, ALL = 200, 8 << 20, 32 << 20  # files; bytes of one, and of all
PREFIX = "needed."
OWN = re.compile(r"needed\.[0-9]{3}-[A-Za-z0-9._-]{1,60}")
_ODD = re.compile(r"[^A-Za-z0-9._-]")
_UNSAFE = re.compile(r"[$\x00-\x1f\x7f]")
_WRITES = re.compile(rb"FileHandler")
_STARTS = re.compile(rb"^\s*(credential_process|sso_session|sso_start_url)\s*=", re.M)
_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFSOCK: "socket"}


class Place(NamedTuple):
    """Where the legacy proxy runs: its working folder, that of its configuration, those that its
    Python has besides (PYTHONPATH)."""

    folder: str
    config: str
    python: Sequence[str] = ()


class Copy(NamedTuple):
    """A file of the host (``source``) that the container has at ``target``; ``name``: of its copy
    in the project folder. ``account``: who reads it, empty for who the proxy is."""

    source: str
    target: str
    name: str
    account: str = ""


class Resolved(NamedTuple):
    """What the container gets, what it is asked for before the cutover, and what stands against it.

    ``mounts``: what is mounted itself. ``environment``: variables that name a place in the
    container. ``modules`` and ``programs``: to be found there. ``hosts``: names to be looked up
    there; ``addresses``: of those that only ``/etc/hosts`` knows.
    """

    files: list[Copy]
    environment: dict[str, str]
    modules: list[str]
    programs: list[str]
    hosts: list[str]
    addresses: dict[str, str]
    mounts: list[Mount]
    problems: list[Problem]
    warnings: list[Problem]


def resolve(
    named: Iterable[Named],
    place: Place,
    account: Account,
    hosts: Mapping[str, str],
    given: Sequence[Mount] = (),
) -> Resolved:
    """Resolve everything that is needed, once, as the container will.

    :param hosts: names that only this host knows, with their addresses.
    :param given: what the operator mounts himself.
    """
    made = _Resolver(place, account, hosts, frozenset(item.target for item in given))
    for item in given:
        made.give(item)
    return made.run(list(dict.fromkeys(named)))


class _Resolver:
    def __init__(
        self, place: Place, account: Account, hosts: Mapping[str, str], taken: frozenset[str]
    ) -> None:
        self.place, self.account, self.known, self.taken = place, account, hosts, taken
        self.targets: dict[str, str] = {}
        self.roots: set[str] = set()  # sources that root reads
        self.made = Resolved([], {}, [], [], [], {}, [], [], [])

    def give(self, mount: Mount) -> None:
        """Something that the operator mounts: itself, or a copy."""
        try:
            why = _mounts.obstacle(mount.source)
        except OSError as error:
            self._refuse_given("%s: %s" % (mount.source, error.strerror))
            return
        if not why:
            self.made.mounts.append(mount)
            return
        # a folder that only root can have put there may still be an account's, with all in it
        theirs = os.path.isdir(mount.source) and _paths.weakness(mount.source)
        ours = _reader.settled(mount.source) and not theirs
        reader = _reader.ours() if ours else self.account
        kind, ways = reader.ask(lambda: _given(mount.source), mount.source)
        if kind not in ("file", "folder") or len(ways) > MOST:
            self._refuse_given(
                "%s can't be mounted (%s), and can't be copied" % (mount.source, why)
            )
            return
        for way, readable in ways if kind == "folder" else [("", True)]:
            if _UNSAFE.search(way):
                self.made.warnings.append(
                    Problem("litellm_mounts", _UNCARRIED % (way, mount.source), "rename it")
                )
                continue
            source = os.path.join(mount.source, way) if way else mount.source
            settled = _reader.settled(source)
            if not (readable or settled):
                self._refuse_given("%s is closed to account %s" % (source, self.account.name))
                continue
            self.targets[os.path.join(mount.target, way) if way else mount.target] = source
            self.roots |= {source} if settled else set()

    def _refuse_given(self, problem: str) -> None:
        self.made.problems.append(
            Problem(
                "litellm_mounts",
                problem,
                "name a file, or a folder of at most %d, that is there and account %s can read; a"
                " larger one or a socket in a place that only root can change and everybody can"
                " read" % (MOST, self.account.name),
            )
        )

    def run(self, named: Sequence[Named]) -> Resolved:
        kinds = self._look([self._path(item.name) for item in named if item.kind == FILE])
        for item in named:
            if item.kind == FILE:
                self._file(item, kinds[self._path(item.name)])
            elif item.kind == HOST:
                self._host(item)
            elif item.kind == PLACE:
                self._place(item)
            elif item.kind == SOCKET and self._target(item.name) not in self.taken:
                self._refuse(item, "a unix socket of this host, which no container has", _MOUNT)
            elif item.kind == PROGRAM and item.name not in self.made.programs:
                self.made.programs.append(item.name)
        self._modules([item for item in named if item.kind == MODULE])
        self._count()
        for number, (target, source) in enumerate(sorted(self.targets.items()), 1):
            safe = _ODD.sub("_", os.path.basename(target))[-60:]
            who = _reader.ROOT if source in self.roots else ""
            name = "%s%03d-%s" % (PREFIX, number, safe)
            self.made.files.append(Copy(source, target, name, who))
        return self.made

    def _path(self, name: str) -> str:
        return os.path.normpath(os.path.join(self.place.folder, name))

    def _target(self, name: str) -> str:
        return os.path.normpath(os.path.join(INSIDE, name))

    def _covered(self, target: str) -> bool:
        return any(
            target == each or target.startswith(each.rstrip("/") + "/") for each in self.taken
        )

    def _refuse(self, item: Named, problem: str, remedy: str) -> None:
        self.made.problems.append(Problem(item.where, "%s is %s" % (item.name, problem), remedy))

    def _warn(self, item: Named, problem: str, remedy: str) -> None:
        self.made.warnings.append(Problem(item.where, problem, remedy))

    def _look(self, paths: Sequence[str]) -> dict[str, Any]:
        """What the account sees at each path."""
        wanted = list(dict.fromkeys(paths))
        if not wanted:
            return {}
        return dict(zip(wanted, self.account.ask(lambda: [_seen(path) for path in wanted], "/")))

    def _file(self, item: Named, kind: str) -> None:
        target = self._target(item.name)
        if self._covered(target):
            return
        if not kind:
            if item.weight == SURE:
                self._warn(
                    item,
                    "names %s, which account %s does not find" % (item.name, self.account.name),
                    "the legacy proxy has none either; if it is needed, put it there",
                )
        elif kind == "closed":
            if item.weight >= LIKELY:
                self._refuse(item, "closed to account %s now" % self.account.name, _READABLE)
        elif kind == "socket":
            self._refuse(item, "a unix socket of this host, which no container has", _MOUNT)
        elif _UNSAFE.search(target):
            self._refuse(item, "a path that Compose can't carry", "rename it")
        elif kind == "folder":
            self._folder(item, target)
        elif kind == "file":
            self._add(item, self._path(item.name), target)
        elif item.weight >= LIKELY:
            self._refuse(item, "no regular file", _MOUNT)

    def _add(self, item: Named, source: str, target: str) -> None:
        self.targets[target] = source
        if item.variable and target != item.name:
            self.made.environment[item.variable] = target
        elif item.variable and item.where.startswith("~/"):
            folder = item.variable.endswith("_DIR")
            self.made.environment[item.variable] = os.path.dirname(target) if folder else target
        self._content(item, source)

    def _content(self, item: Named, source: str) -> None:
        """What a file that is copied asks for in its turn."""
        config = "log_config" in item.where
        aws = (
            source.endswith("/config") and "/.aws/" in source or item.variable == "AWS_CONFIG_FILE"
        )
        if not (config or aws):
            return
        try:
            data = self.account.read(source, LIMIT)
        except OSError:
            return  # said when it is copied
        if config and _WRITES.search(data):
            self._warn(
                item,
                "%s has a FileHandler, and the container's files can't be written" % source,
                "let it log to stdout or stderr, which docker logs has, or below %s" % WRITABLE,
            )
        for word in sorted({match[1].decode() for match in _STARTS.finditer(data)} if aws else ()):
            self._warn(
                item,
                "%s has %s, which needs a program or a login of this host" % (source, word),
                "give the container keys of its own: env_file_overrides: {AWS_ACCESS_KEY_ID: …}",
            )

    def _folder(self, item: Named, target: str) -> None:
        source = self._path(item.name)
        try:
            listed = self.account.ask(lambda: _below(source, MOST + 1), source)
        except OSError as error:
            self._refuse(item, self.account.cannot(error), _READABLE)
            return
        if len(listed) > MOST:
            if item.weight == GUESS:
                self._warn(
                    item, "names %s, which has more than %d files" % (item.name, MOST), _MOUNT
                )
            else:
                self._refuse(item, "a folder of more than %d files" % MOST, _MOUNT)
            return
        for way, readable in listed:
            if not readable:
                if item.weight >= LIKELY:
                    words = "a folder with %s, which is closed to account %s now"
                    self._refuse(item, words % (way, self.account.name), _READABLE)
                continue
            if _UNSAFE.search(way):
                self._warn(item, _UNCARRIED % (way, source), "rename it")
                continue
            self.targets[os.path.join(target, way)] = os.path.join(source, way)
        if item.variable and item.where.startswith("~/"):
            self.made.environment[item.variable] = target

    def _host(self, item: Named) -> None:
        address = self.known.get(item.name)
        if item.name in self.made.hosts or item.name in self.made.addresses:
            return
        if address is None:
            self.made.hosts.append(item.name)
        elif address.startswith("127.") or address == "::1":
            self._refuse(
                item,
                "%s in this host's /etc/hosts, the host itself, and a container's own is another"
                % address,
                "write 127.0.0.1 (or localhost) instead of the name, which is rewritten for the"
                " container, restart the proxy, and run again",
            )
        else:
            self.made.addresses[item.name] = address
            self.made.hosts.append(item.name)

    def _place(self, item: Named) -> None:
        target = self._target(item.name)
        if self._covered(target) or target.startswith(WRITABLE + "/"):
            return
        instead = "%s/%s" % (WRITABLE, _ODD.sub("_", os.path.basename(target)))
        if item.variable:
            self.made.environment[item.variable] = instead
            self._warn(
                item,
                "names %s, where the container can't write; it has %s instead, which begins empty"
                % (item.name, instead),
                "mount what is read there with litellm_mounts",
            )
        else:
            self._refuse(item, "a folder that the container can't write to", "write %s" % instead)

    def _modules(self, named: Sequence[Named]) -> None:
        if not named:
            return
        folders = [self.place.config, self.place.folder, *self.place.python]
        names = list(dict.fromkeys(item.name for item in named))
        try:
            found = self.account.ask(
                lambda: _needs_modules.find(names, folders, _read), self.place.config
            )
        except OSError as error:
            self._refuse(named[0], self.account.cannot(error), _READABLE)
            return
        for place, path in found["files"].items():
            target = "%s/%s" % (INSIDE, place)
            if not self._covered(target):
                self.targets[target] = path
        for words in found["broken"]:
            self._refuse(named[0], "in need of a file that can't be read (%s)" % words, "mend it")
        self.made.modules.extend(found["imports"])

    def _count(self) -> None:
        """Refuse what is too much for copies."""
        reader = _reader.ours() if self.roots else self.account
        places = list(self.targets.values())
        sizes = (
            reader.ask(lambda: [os.stat(path).st_size for path in places], "/") if places else []
        )
        large = [path for path, each in zip(self.targets.values(), sizes) if each > LIMIT]
        for path in large:
            self.made.problems.append(
                Problem(path, "is larger than %s, and would be copied" % size(LIMIT), _MOUNT)
            )
        if len(self.targets) > MOST or sum(sizes) > ALL:
            self.made.problems.append(
                Problem(
                    "files that the proxy needs",
                    "are %d of %s together; %d of %s are copied at the most"
                    % (len(self.targets), size(sum(sizes)), MOST, size(ALL)),
                    _MOUNT,
                )
            )


_UNCARRIED = "%r in %s has a name that Compose can't carry"
_MOUNT = "mount it by yourself: litellm_mounts: [{source: …, target: …}]"
_READABLE = "let that account read it, or mount it by yourself: litellm_mounts"


def _read(path: str) -> bytes:
    """A file, as whoever we are: to be called in a child that is the account."""
    with os.fdopen(open_regular(path), "rb") as data:
        return data.read(LIMIT)


def _seen(path: str) -> str:
    """What is at a path: ``file``, ``folder``, ``socket``, ``other``, ``closed`` (nobody but others
    can tell, or read it), empty where there is nothing."""
    try:
        kind = _KINDS.get(stat.S_IFMT(os.stat(path).st_mode), "other")
    except PermissionError:
        return "closed"
    except (OSError, ValueError):
        return ""
    readable = os.access(path, os.R_OK | (os.X_OK if kind == "folder" else 0))
    return kind if readable or kind == "socket" else "closed"


def _given(path: str) -> tuple[str, list[tuple[str, bool]]]:
    """What is at a path, and the files below it where it is a folder, as :func:`_below`."""
    kind = _seen(path)
    return kind, _below(path, MOST + 1) if kind == "folder" else []


def _below(folder: str, most: int) -> list[tuple[str, bool]]:
    """Regular files below a folder, by their way from there, and whether we can read them. Links
    are followed, as LiteLLM does, but for those to a folder above."""
    found: list[tuple[str, bool]] = []
    for here, folders, names in os.walk(folder, followlinks=True):
        above = os.path.realpath(here) + "/"
        folders[:] = sorted(
            name
            for name in folders
            if name not in ("__pycache__", ".git")
            and not above.startswith(os.path.realpath(os.path.join(here, name)) + "/")
        )
        for name in sorted(names):
            path = os.path.join(here, name)
            if os.path.isfile(path):
                found.append((os.path.relpath(path, folder), os.access(path, os.R_OK)))
            if len(found) >= most:
                return found
    return found
