# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Linux host is running: commands, processes, listeners, and files written so that a crash
cannot halve them.

Everything is read from ``/proc``; the parsers are pure and take text, so that they are tested on
captured files.
"""

from __future__ import annotations

import os
import re
import subprocess
from typing import Any, Mapping, NamedTuple, Optional

from .files import read


class Result(NamedTuple):
    """What a command did: exit code (127: no such program, 124: out of time), standard output and
    error as text."""

    rc: int
    out: str
    err: str


def run(
    argv: list[str],
    env: Optional[Mapping[str, str]] = None,
    stdin: Optional[str] = None,
    timeout: float = 60,
    account: Optional[tuple[int, int]] = None,
) -> Result:
    """Run a program without a shell and never raise for what it does.

    :param env: added to a small clean environment; the caller's own is not inherited, so that an
        exported ``POSTGRES_PASSWORD`` or ``DOCKER_HOST`` of the operator's shell cannot change what
        is looked at.
    :param account: (uid, gid) to run as.
    """
    full = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C",
        "HOME": "/root",
    }
    full.update(env or {})
    options: dict[str, Any] = {}
    if account is not None:
        options = {"user": account[0], "group": account[1], "extra_groups": []}
    try:
        done = subprocess.run(
            argv,
            env=full,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            cwd="/",
            **options,
        )
    except FileNotFoundError:
        return Result(127, "", "%s: not found" % argv[0])
    except subprocess.TimeoutExpired:
        return Result(124, "", "%s did not answer within %g seconds" % (argv[0], timeout))
    return Result(done.returncode, done.stdout, done.stderr)


def command_line(pid: int, proc: str = "/proc") -> list[str]:
    """The arguments that a process was started with, empty ones but at the end; nothing when it is
    gone."""
    try:
        text = read(os.path.join(proc, str(pid), "cmdline")).rstrip("\0")
    except OSError:
        return []
    return text.split("\0") if text else []


def describe(pid: Optional[int], proc: str = "/proc") -> str:
    """A process as an operator would know it: program name and process id, never its arguments
    (they may be secret)."""
    if pid is None:
        return "a process that cannot be seen from here"
    words = command_line(pid, proc)
    name = os.path.basename(words[0].split(" ")[0].rstrip(":")) if words else "?"
    if (
        re.match(r"(python|node|bash|sh)[0-9.]*$", name)
        and len(words) > 1
        and not words[1].startswith("-")
    ):
        name += " " + os.path.basename(words[1])
    return "%s (process %d)" % (name, pid)


def process_environment(pid: int, proc: str = "/proc") -> dict[str, str]:
    """The environment that a process was really started with.

    :raises OSError: the process is gone or belongs to somebody whose environment we may not read.
    """
    pairs = (
        item.partition("=")
        for item in read(os.path.join(proc, str(pid), "environ")).split("\0")
        if "=" in item
    )
    return {name: value for name, _equals, value in pairs}


def parse_unit(cgroup: str) -> Optional[str]:
    """The innermost systemd service of ``/proc/PID/cgroup``, ``None`` for a process that belongs to
    none."""
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
