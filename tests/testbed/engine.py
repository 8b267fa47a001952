# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outer Docker engine: the one that runs already, else one of our own with everything under the
cache folder.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from common import CACHE, TestbedError, as_root, install, run, say, wait_for

FOLDER = CACHE / "engine"
SOCKET = FOLDER / "docker.sock"
PIDFILE = FOLDER / "docker.pid"
LOG = FOLDER / "dockerd.log"
# A Unix socket's path has 108 bytes at most, its final zero included.
LONGEST_SOCKET = 107
DEFAULT_SOCKET = Path("/var/run/docker.sock")


def answers(host: str | None) -> bool:
    """Whether an engine answers at `host`; None asks where docker itself would."""
    if shutil.which("docker") is None:
        return False
    environment = {**os.environ, **({"DOCKER_HOST": host} if host else {})}
    return (
        run(
            ["docker", "info", "--format", "{{.ServerVersion}}"],
            capture=True,
            check=False,
            env=environment,
        ).returncode
        == 0
    )


def own() -> str:
    """The address of our own engine."""
    return f"unix://{SOCKET}"


def host() -> str | None:
    """The address of the engine to use, None for docker's own default.

    Raises TestbedError when there is none.
    """
    if SOCKET.exists() and answers(own()):
        return own()
    if answers(None):
        return os.environ.get("DOCKER_HOST")
    raise TestbedError("no Docker engine answers: run 'testbed.py engine up'")


def select() -> None:
    """Make every docker command and library in this process and its children use the engine."""
    address = host()
    if address:
        os.environ["DOCKER_HOST"] = address


def up() -> None:
    """Make sure that an engine answers; start our own only where none runs."""
    if answers(own()) or answers(None):
        return
    if os.environ.get("DOCKER_HOST") not in (None, "", own()):
        raise TestbedError(f"no Docker engine answers at DOCKER_HOST={os.environ['DOCKER_HOST']}")
    if DEFAULT_SOCKET.is_socket() and not os.access(DEFAULT_SOCKET, os.W_OK):
        raise TestbedError(
            f"a Docker engine is at {DEFAULT_SOCKET}, and you may not use it: join its "
            f"group or become root"
        )
    missing = [
        package
        for package, program in (("docker.io", "dockerd"), ("iptables", "iptables"))
        if not installed(program)
    ]
    if missing:
        # docker.io's own service must not come up beside ours: it would be the machine's, not the
        # test bed's
        install(*missing)
        if answers(None):
            return
    if len(str(SOCKET)) > LONGEST_SOCKET:
        raise TestbedError(
            f"the socket's path is too long, choose a shorter LLMOPS_CACHE: {SOCKET}"
        )
    FOLDER.mkdir(parents=True, exist_ok=True)
    command = as_root(
        [
            "dockerd",
            f"--data-root={FOLDER / 'data'}",
            f"--exec-root={FOLDER / 'run'}",
            f"--pidfile={PIDFILE}",
            f"--host={own()}",
            f"--group={os.getgid()}",
            "--log-level=warn",
        ]
    )
    say(f"starting a Docker engine, its log is {LOG}")
    with LOG.open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )

    def ready() -> bool:
        if process.poll() is not None:
            raise TestbedError(f"dockerd ended with {process.returncode}:\n{tail(LOG)}")
        return answers(own())

    wait_for("Docker engine answers", ready, 60)


def down() -> None:
    """Stop the engine that we started; any other is left alone."""
    pid = running_pid()
    if pid is None:
        return
    if os.geteuid() == 0:
        os.kill(pid, signal.SIGTERM)
    else:
        run(as_root(["kill", "-TERM", str(pid)]))
    wait_for("Docker engine has ended", lambda: running_pid() is None, 60)


def running_pid() -> int | None:
    """The process of our own engine, if it runs.

    A recorded number that belongs to another program by now is not ours.
    """
    try:
        pid = int(PIDFILE.read_text(encoding="ascii"))
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return pid if f"--pidfile={PIDFILE}".encode() in command else None


def installed(program: str) -> bool:
    """Whether a program is there; Debian keeps daemons where a plain user's PATH does not look."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is not None


def tail(path: Path, lines: int = 15) -> str:
    """The end of a log."""
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
