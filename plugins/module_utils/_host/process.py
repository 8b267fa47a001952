# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Linux host is running: commands, processes, listeners, and files written so that a crash
cannot halve them.

Everything is read from ``/proc``; the parsers are pure and take text, so that they are tested on
captured files.
"""

from __future__ import annotations

import functools
import os
import re
import select
import signal
import subprocess
import time
from typing import Any, Callable, Mapping, NamedTuple, Optional

from . import display as _display
from . import paths as _paths
from .account import Account
from .files import read

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Nothing of the caller's own: an exported ``POSTGRES_PASSWORD``, ``LD_PRELOAD`` or ``DOCKER_HOST``
# of the operator's shell must not change what is looked at.
ENVIRONMENT = {"PATH": PATH, "LC_ALL": "C", "HOME": "/root"}
MOST_NAME = 80  # letters of a process' name


class Result(NamedTuple):
    """What a command did: exit code (127: no such program, 126: not allowed, 124: out of
    time), standard output and error as text."""

    rc: int
    out: str
    err: str


@functools.lru_cache(maxsize=None)
def program(name: str) -> str:
    """The path of a program that root may run: only root can have chosen it.

    :param name: a name, looked for where the system has its programs, or a path.
    :raises FileNotFoundError: there is none. :raises UntrustedPath: there is only one that another
        account could have put there.
    """
    places = [name] if "/" in name else [os.path.join(each, name) for each in PATH.split(":")]
    there = [place for place in places if os.access(place, os.X_OK) and not os.path.isdir(place)]
    for place in there:
        if not _paths.weakness(place):
            return place
    if there:
        _paths.require(there[0], "would run it")
    raise FileNotFoundError(2, "not found", name)


def start(
    argv: list[str],
    env: Optional[Mapping[str, str]] = None,
    account: Optional[Account] = None,
    **options: Any,
) -> subprocess.Popen[bytes]:
    """Start a program without a shell, with a small clean environment.

    :param account: who runs it. Root runs only what only root can have put there.
    :param options: those of ``subprocess.Popen``.
    :raises FileNotFoundError, UntrustedPath: see :func:`program`.
    """
    if account is None or account.is_root:
        options["executable"] = program(argv[0])
    else:
        # no terminal of ours, no way back to root
        options.update(preexec_fn=account.become, start_new_session=True)
    options.setdefault("stdin", subprocess.DEVNULL)
    options.setdefault("cwd", "/")
    return subprocess.Popen(argv, env={**ENVIRONMENT, **(env or {})}, **options)


def run(
    argv: list[str],
    env: Optional[Mapping[str, str]] = None,
    stdin: Optional[str] = None,
    timeout: float = 60,
    account: Optional[Account] = None,
) -> Result:
    """Run a program as :func:`start` does, and never raise for what it does."""
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if stdin is not None:
        options["stdin"] = subprocess.PIPE
    try:
        process = start(argv, env, account, **options)
    except FileNotFoundError:
        return Result(127, "", "%s: not found" % argv[0])
    except _paths.UntrustedPath as error:
        return Result(126, "", str(error))
    except PermissionError as error:
        return Result(126, "", "%s: %s" % (argv[0], error.strerror))
    with process:
        try:
            out, err = process.communicate(
                None if stdin is None else stdin.encode("utf-8", "surrogateescape"), timeout
            )
        except subprocess.TimeoutExpired:
            process.kill()
            return Result(124, "", "%s did not answer within %g seconds" % (argv[0], timeout))
        except BaseException:
            process.kill()
            raise
    return Result(
        process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
    )


def command_line(pid: int, proc: str = "/proc") -> list[str]:
    """The arguments that a process was started with, empty ones but at the end; nothing when it is
    gone."""
    try:
        text = read(os.path.join(proc, str(pid), "cmdline")).rstrip("\0")
    except OSError:
        return []
    return text.split("\0") if text else []


def end(pid: int, sure: Callable[[], bool], seconds: float) -> bool:
    """Tell a process to end, and wait; whether it has ended in time.

    :param sure: asked when no other process can get its number any more: whether it is still the
        one that is meant.
    """
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    except (AttributeError, OSError):
        return _end_by_number(pid, sure, seconds)  # this kernel or this Python has no such handles
    try:
        if not sure():
            return False
        signal.pidfd_send_signal(handle, signal.SIGTERM)
        return bool(select.select([handle], [], [], seconds)[0])
    except ProcessLookupError:
        return True
    finally:
        os.close(handle)


def _end_by_number(pid: int, sure: Callable[[], bool], seconds: float) -> bool:
    """:func:`end` where another process could get the number between question and signal."""
    if not sure():
        return False
    limit = time.monotonic() + seconds
    try:
        os.kill(pid, signal.SIGTERM)
        while time.monotonic() < limit:
            os.kill(pid, 0)
            time.sleep(0.1)  # nothing tells of the end of a process that is no child
    except ProcessLookupError:
        return True
    return False


def describe(pid: Optional[int], proc: str = "/proc") -> str:
    """A process as an operator would know it: program name and process id, never its arguments
    (they may be secret). What it calls itself is its own choice, so it can't be long or more than
    a line."""
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
    return "%s (process %d)" % (_display.plain(name)[:MOST_NAME], pid)


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
