# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of backups off the host, with the operator's own restic or rclone.

Passwords come from an env file that only its owner can read, and reach the program in its
environment, never on a command line. A copy is proved as far as its tool can: rclone compares every
file, restic reads the backup's checksums back out of the repository. What it does over there is
whole or looks like nothing: rclone gets the manifest and the checksums last.
"""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import tempfile
import time
from datetime import datetime
from typing import Any, Callable, Mapping, NamedTuple, Sequence

from .._host import files as _files
from .._host import paths as _paths
from .._host import process as _process
from .._postgres.endpoint import read_env
from .._postgres.session import PostgresError
from . import entry as _entry
from . import folder as _folder
from . import retention as _retention
from .folder import MANIFEST, SIGNATURE, SUMS, BackupError

TOOLS = ("restic", "rclone")
TAG = "llmops.litellm"
LIMIT = 5 * 3600.0  # seconds for one command; the unit's own limit is 6 h
# As both tools would take a password in an address: URLs with a user's, and rclone's options in
# front of the colon.
_PASSWORD = re.compile(r"://[^/@]*:[^/@]*@|^[^/]*,[^/]*=")
_KEYS = (
    ("RESTIC_PASSWORD", "RESTIC_PASSWORD_FILE", "RESTIC_PASSWORD_COMMAND"),
    ("RESTIC_REPOSITORY", "RESTIC_REPOSITORY_FILE"),
)


class Copy(NamedTuple):
    """``to``: restic's repository (empty: as the environment file says) or rclone's
    ``remote:path``. ``environment_file``: passwords and credentials; ``prune``: retention is
    applied over there too."""

    tool: str
    to: str
    environment_file: str
    prune: bool = False


def refusal(copy: Copy) -> str:
    """What is wrong with the place, empty where nothing is. It is not shown, since what is wrong
    may be a password in it."""
    if _PASSWORD.search(copy.to):
        return (
            "has a password or an option in it, which everybody could read in the list of"
            " processes: put it into the environment file"
        )
    if copy.tool == "rclone" and not re.fullmatch(r"[^:/,\s-][^:/,]*:.*|/.+", copy.to):
        return "must be a remote of rclone's with a path in it (remote:path), or an absolute path"
    return ""


def environment(copy: Copy) -> dict[str, str]:
    """What the program gets, from the environment file.

    :raises BackupError: the file can't be used, or others can read it.
    """
    path = copy.environment_file
    try:
        about = os.stat(path)
        if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & 0o077:
            raise BackupError(
                "%s must be a file of this account that nobody else can read or write "
                "(0600): it holds the password of the copies" % path
            )
        _paths.require(path, "logs in with what it says")
        values = read_env(path)
    except OSError as error:
        raise BackupError(
            "%s cannot be read: %s. It holds what %s needs to log in"
            % (path, error.strerror, copy.tool)
        ) from None
    except (PostgresError, _paths.UntrustedPath) as error:
        raise BackupError(str(error)) from None
    return values


def check(copy: Copy) -> None:
    """Whether a copy can be begun. Nothing is asked of the network.

    :raises BackupError: it can't; with everything that is wrong.
    """
    problems = []
    try:
        _process.program(copy.tool)
    except FileNotFoundError:
        problems.append(
            "the program %s is not installed on this host (Debian: %s)" % (copy.tool, copy.tool)
        )
    except _paths.UntrustedPath as error:
        problems.append(str(error))
    try:
        values = environment(copy)
        if copy.tool == "restic":
            problems += [
                "%s sets none of %s" % (copy.environment_file, ", ".join(names))
                for names in (_KEYS if not copy.to else _KEYS[:1])
                if not any(values.get(name) for name in names)
            ]
    except BackupError as error:
        problems.append(str(error))
    if problems:
        raise BackupError("backups can't be copied: %s" % "; ".join(problems))


class _Program:
    """The tool with its environment."""

    def __init__(self, copy: Copy, state_dir: str) -> None:
        self.copy = copy
        self.secret = environment(copy)
        more = {"RESTIC_REPOSITORY": copy.to} if copy.to and copy.tool == "restic" else {}
        # Neither may ask anybody, nor write where a unit can't.
        self.environment = {
            "LC_ALL": "C.UTF-8",
            "RESTIC_CACHE_DIR": os.path.join(state_dir, "restic-cache"),
            "RCLONE_ASK_PASSWORD": "false",
            **self.secret,
            **more,
        }

    def __call__(self, *words: str, folder: str = "/") -> str:
        """What it prints.

        :raises BackupError: it failed; without any value of the environment file.
        """
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
            try:
                process = _process.start(
                    [self.copy.tool, *words],
                    self.environment,
                    stdout=out,
                    stderr=said,
                    cwd=folder,
                )
            except FileNotFoundError:
                raise BackupError(
                    "the program %s is not installed on this host (Debian: %s)"
                    % (self.copy.tool, self.copy.tool)
                ) from None
            with process:
                try:
                    code = process.wait(LIMIT)
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise BackupError(
                        "%s %s took more than %g s" % (self.copy.tool, words[0], LIMIT)
                    ) from None
                except BaseException:
                    process.kill()
                    raise
            for stream in (out, said):
                stream.seek(0)
            if code:
                raise BackupError(
                    "%s %s: %s"
                    % (
                        self.copy.tool,
                        words[0],
                        self._why(said.read().decode("utf-8", "replace"), code),
                    )
                )
            return out.read().decode("utf-8", "replace")

    def _why(self, text: str, code: int) -> str:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        telling = [
            re.sub(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d ", "", line)
            for line in lines
            if re.search(r"fatal|error|failed|unable|not found", line, re.I)
        ]
        words = " / ".join(dict.fromkeys((telling or lines)[-3:])) or "exit code %d" % code
        for value in sorted(self.secret.values(), key=len, reverse=True):
            words = words.replace(value, "***") if len(value) > 3 else words
        return words


def copy(
    wanted: Copy,
    path: str,
    pinned: bool,
    state_dir: str,
    policy: _retention.Policy,
    keeps: Sequence[str] = (),
) -> dict[str, Any]:
    """Copy a backup off the host, and prove that it is there.

    :param path: its folder, verified by the caller. ``pinned``: retention leaves it alone, over
        there too.
    :param policy: what stays over there, where that is wanted; ``keeps``: names that stay in any
        case.
    :returns: ``seconds``, ``bytes``, ``removed`` (what went over there: names, or with restic the
        short names of its snapshots).
    :raises BackupError: it is not there, or what is there could not be pruned. Nothing is changed
        here.
    """
    begun = time.monotonic()
    check(wanted)
    run = _Program(wanted, state_dir)
    send, prune = {"restic": (_restic, _restic_prune), "rclone": (_rclone, _rclone_prune)}[
        wanted.tool
    ]
    send(run, wanted, path, pinned)
    removed: list[str] = []
    if wanted.prune:
        try:
            removed = prune(run, wanted, policy, set(keeps))
        except BackupError as error:
            raise BackupError(
                "the copy is there and proved, but what retention does not keep could not "
                "be removed: %s" % error
            ) from None
    return {
        "seconds": round(time.monotonic() - begun, 3),
        "bytes": _folder.size(path),
        "removed": removed,
    }


def _proofs(path: str) -> dict[str, str]:
    """The checksums, and the signature where there is one, by their names."""
    there = [name for name in (SUMS, SIGNATURE) if os.path.lexists(os.path.join(path, name))]
    return {name: _files.read(os.path.join(path, name)) for name in there}


def _restic(run: Callable[..., str], wanted: Copy, path: str, pinned: bool) -> None:
    folder, name = os.path.split(path)
    tags = [word for tag in [TAG] + (["pinned"] if pinned else []) for word in ("--tag", tag)]
    text = run("backup", "--json", *tags, name, folder=folder)
    said = [line for line in text.splitlines() if '"summary"' in line]
    snapshot = str(json.loads(said[-1])["snapshot_id"]) if said else "latest"
    # 0.17 and newer have the name at the top, as it was given; so have older ones.
    for proof, text in _proofs(path).items():
        if run("dump", snapshot, "/%s/%s" % (name, proof)) != text:
            raise BackupError("what restic has of %s is not what is here" % name)


def _restic_prune(
    run: Callable[..., str], wanted: Copy, policy: _retention.Policy, keeps: set[str]
) -> list[str]:
    numbers = zip(("last", "daily", "weekly", "monthly", "yearly"), policy[:5])
    words = [word for unit, number in numbers if number for word in ("--keep-" + unit, str(number))]
    # All snapshots of this host are one group: each has a path of its own.
    result = run(
        "forget",
        "--json",
        "--prune",
        "--tag",
        TAG,
        "--host",
        os.uname().nodename,
        "--group-by",
        "host",
        "--keep-tag",
        "pinned",
        *words,
    )
    groups = json.loads(next((line for line in result.splitlines() if line.startswith("[")), "[]"))
    return [
        str(snapshot.get("short_id")) for group in groups for snapshot in group.get("remove") or []
    ]


def _rclone(run: Callable[..., str], wanted: Copy, path: str, pinned: bool) -> None:
    there = _below(wanted.to, os.path.basename(path))
    # What is not whole has no manifest, so it is no backup.
    run("copy", "--checksum", "--exclude", "/" + MANIFEST, "--exclude", "/" + SUMS, path, there)
    run("copy", "--checksum", path, there)
    run("check", path, there)


def _below(place: str, name: str) -> str:
    return place + name if place.endswith((":", "/")) else "%s/%s" % (place, name)


def _rclone_prune(
    run: Callable[..., str], wanted: Copy, policy: _retention.Policy, keeps: set[str]
) -> list[str]:
    times: dict[str, datetime] = {}
    for line in run("lsf", "--dirs-only", wanted.to).splitlines():
        time_is = _entry.named_time(line.rstrip("/"))
        if time_is and line.rstrip("/") not in keeps:
            times[line.rstrip("/")] = time_is
    removed = []
    for decision in _retention.plan(
        [_retention.Backup(name, when) for name, when in times.items()], policy
    ).removed:
        there = _below(wanted.to, decision.name)
        if _is_ours(run, there, decision.name):
            run("purge", there)
            removed.append(decision.name)
    return removed


def _is_ours(run: Callable[..., str], there: str, name: str) -> bool:
    """Whether it is a backup of this host that nobody has pinned; one that is half removed has lost
    nothing by staying."""
    try:
        result: Mapping[str, Any] = json.loads(run("cat", _below(there, MANIFEST)))
    except (BackupError, ValueError):
        return False
    return isinstance(result, dict) and (
        result.get("name"),
        result.get("host"),
        result.get("pinned"),
    ) == (
        name,
        os.uname().nodename,
        False,
    )
