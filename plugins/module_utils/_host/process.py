# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Linux host is running: commands, processes, listeners, and files written so that a crash cannot halve them.

Everything is read from ``/proc``; the parsers are pure and take text, so that they are tested on captured files.
"""
from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
import tempfile
from typing import Any, Iterable, Mapping, NamedTuple, Optional

LISTEN = "0A"


class Result(NamedTuple):
    """What a command did: exit code (127: no such program, 124: out of time), standard output and error as text."""

    rc: int
    out: str
    err: str


class Listener(NamedTuple):
    """A TCP socket in LISTEN: numeric address, port, and who holds it (``None`` where that cannot be read)."""

    address: str
    port: int
    pid: Optional[int]
    command: str

    @property
    def loopback(self) -> bool:
        """True where only this host can connect."""
        return self.address.startswith("127.") or self.address in ("::1", "::ffff:127.0.0.1")


def run(argv: list[str], env: Optional[Mapping[str, str]] = None, stdin: Optional[str] = None,
        timeout: float = 60, account: Optional[tuple[int, int]] = None) -> Result:
    """Run a program without a shell and never raise for what it does.

    :param env: added to a small clean environment; the caller's own is not inherited, so that an exported
        ``POSTGRES_PASSWORD`` or ``DOCKER_HOST`` of the operator's shell cannot change what is looked at.
    :param account: (uid, gid) to run as.
    """
    full = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": "/root"}
    full.update(env or {})
    options: dict[str, Any] = {}
    if account is not None:
        options = {"user": account[0], "group": account[1], "extra_groups": []}
    try:
        done = subprocess.run(argv, env=full, input=stdin, capture_output=True, text=True, errors="replace",
                              timeout=timeout, check=False, cwd="/", **options)
    except FileNotFoundError:
        return Result(127, "", "%s: not found" % argv[0])
    except subprocess.TimeoutExpired:
        return Result(124, "", "%s did not answer within %g seconds" % (argv[0], timeout))
    return Result(done.returncode, done.stdout, done.stderr)


def _address(text: str) -> str:
    """The kernel's hexadecimal address (host byte order in groups of 32 bits) as people write it."""
    words = [int(text[i:i + 8], 16) for i in range(0, len(text), 8)]
    packed = b"".join(struct.pack("=I", word) for word in words)
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def parse_listeners(text: str) -> list[tuple[str, int, int]]:
    """``/proc/net/tcp`` or ``tcp6`` as (address, port, inode) of the sockets that listen."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == LISTEN:
            address, port = fields[1].rsplit(":", 1)
            found.append((_address(address), int(port, 16), int(fields[9])))
    return found


def _socket_owners(proc: str) -> dict[int, int]:
    """Which process holds which socket: inode to the lowest process id (the parent, where a server forks)."""
    owners: dict[int, int] = {}
    for name in sorted((entry for entry in os.listdir(proc) if entry.isdigit()), key=int, reverse=True):
        try:
            handles = os.listdir(os.path.join(proc, name, "fd"))
        except OSError:
            continue  # the process ended while we looked
        for handle in handles:
            try:
                target = os.readlink(os.path.join(proc, name, "fd", handle))
            except OSError:
                continue  # closed while we looked
            if target.startswith("socket:["):
                owners[int(target[8:-1])] = int(name)
    return owners


def read(path: str) -> str:
    """A text file, undecodable bytes kept as surrogates."""
    with open(path, encoding="utf-8", errors="surrogateescape") as handle:
        return handle.read()


def command_line(pid: int, proc: str = "/proc") -> list[str]:
    """The arguments that a process was started with, empty ones but at the end; nothing when it is gone."""
    try:
        text = read(os.path.join(proc, str(pid), "cmdline")).rstrip("\0")
    except OSError:
        return []
    return text.split("\0") if text else []


def describe(pid: Optional[int], proc: str = "/proc") -> str:
    """A process as an operator would know it: program name and process id, never its arguments (they may be secret)."""
    if pid is None:
        return "a process that cannot be seen from here"
    words = command_line(pid, proc)
    name = os.path.basename(words[0].split(" ")[0].rstrip(":")) if words else "?"
    if re.match(r"(python|node|bash|sh)[0-9.]*$", name) and len(words) > 1 and not words[1].startswith("-"):
        name += " " + os.path.basename(words[1])
    return "%s (process %d)" % (name, pid)


def listeners(proc: str = "/proc") -> list[Listener]:
    """Every TCP listener of the host."""
    owners = _socket_owners(proc)
    found = []
    for table in ("tcp", "tcp6"):
        try:
            rows = parse_listeners(read(os.path.join(proc, "net", table)))
        except OSError:
            continue
        for address, port, inode in rows:
            pid = owners.get(inode)
            found.append(Listener(address, port, pid, describe(pid, proc)))
    return found


def process_environment(pid: int, proc: str = "/proc") -> dict[str, str]:
    """The environment that a process was really started with.

    :raises OSError: the process is gone or belongs to somebody whose environment we may not read.
    """
    pairs = (item.partition("=") for item in read(os.path.join(proc, str(pid), "environ")).split("\0") if "=" in item)
    return {name: value for name, _equals, value in pairs}


def parse_unit(cgroup: str) -> Optional[str]:
    """The innermost systemd service of ``/proc/PID/cgroup``, ``None`` for a process that belongs to none."""
    for line in cgroup.splitlines():
        services = re.findall(r"/([^/]+\.service)(?=/|$)", line)
        if services:
            return services[-1]
    return None


def unit_of(pid: int, proc: str = "/proc") -> Optional[str]:
    """The systemd service that a process belongs to."""
    try:
        return parse_unit(read(os.path.join(proc, str(pid), "cgroup")))
    except OSError:
        return None


def ancestors(pid: int, proc: str = "/proc") -> list[int]:
    """The process and its parents up to, not including, PID 1."""
    found: list[int] = []
    while pid > 1 and pid not in found:
        found.append(pid)
        try:
            status = read(os.path.join(proc, str(pid), "status"))
        except OSError:
            break
        parent = re.search(r"^PPid:\s+(\d+)$", status, re.M)
        pid = int(parent.group(1)) if parent else 0
    return found


def free_bytes(path: str) -> int:
    """Bytes that root may still write below the nearest existing parent of a path."""
    while not os.path.exists(path):
        path = os.path.dirname(path) or "/"
    stat = os.statvfs(path)
    return stat.f_bavail * stat.f_frsize


def device_of(path: str) -> int:
    """The device of the nearest existing parent of a path; equal for paths that share their free space."""
    while not os.path.exists(path):
        path = os.path.dirname(path) or "/"
    return os.stat(path).st_dev


def write_atomically(path: str, text: str, mode: int = 0o600, owner: Optional[tuple[int, int]] = None) -> None:
    """Put a file in place whole or not at all: temporary name, sync, rename, parent synced."""
    folder = os.path.dirname(path)
    handle, temporary = tempfile.mkstemp(prefix=".%s." % os.path.basename(path), dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            if owner is not None:
                os.fchown(stream.fileno(), *owner)
            os.fsync(stream.fileno())
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    sync_folder(folder)


def sync_folder(folder: str) -> None:
    """Make renames and removals in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def holder(found: Iterable[Listener], port: int) -> Optional[Listener]:
    """Who answers on a port of the loopback address: a listener on it or on every address."""
    for listener in found:
        if listener.port == port and (listener.loopback or listener.address in ("0.0.0.0", "::")):
            return listener
    return None
