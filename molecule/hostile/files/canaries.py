# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no account may get: ``canaries.py record`` before anything, ``canaries.py look`` after each
run. Prints as JSON what has given way, by kind; ``fired`` are the traps that those accounts have
run which plant them, ``words`` what no run may print.
"""

from __future__ import annotations

import base64
import glob
import hashlib
import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator

RECORD, RUNNER = "/root/observer/canaries.json", "/srv/runner"
# The legacy account and mallory. Not only root: whoever else runs a program does so for a run.
PLANTERS = (1001, 1002)
UNITS = ("ufw.service", "redis-server.service")
# Of the system, and nobody's but root's to make or change.
SECRET = ("/root/canary", "/root/canary.env")
PRECIOUS = ("/etc/ld.so.preload", "/etc/shadow", "/etc/sudoers", *SECRET)
OURS = (
    "/etc/llmops-litellm",
    "/opt/litellm",
    "/usr/local/lib/llmops-litellm",
    "/usr/local/sbin",
    "/var/backups/llmops-litellm",
    "/var/lib/llmops-litellm",
)
OTHERS = ("/etc", "/home/litellm", "/home/mallory", "/run", "/srv", "/tmp", "/var/lib/redis")
LOGS, METRICS = ("/var/log", "/var/tmp"), "/var/lib/prometheus"
ENGINE = ("/var/lib/docker/containers", "/var/lib/docker/volumes")
# The proxy's own environment is large, and nobody but its account writes there.
SPARED = re.compile(r"/home/litellm/(venv|\.cache)/|/run/(user/\d+/)?(docker|systemd)|/srv/models")
LARGEST = 64 << 20
# What forges something, by the kind of file.
FORGED = {
    ".md": re.compile(rb"\x1b|^[\W\d]*FORGED|(?<!\\)(<img|\]\(http://127\.0\.0\.9)", re.M),
    ".html": re.compile(rb"\x1b|<img|href=.?http://127\.0\.0\.9"),
    ".prom": re.compile(rb"\x1b|^[\W\d]*FORGED", re.M),
}


def layers() -> tuple[str, ...]:
    """What containers have written to their own file systems."""
    names = show("docker", "ps", "--all", "--quiet").split()
    upper = "{{.GraphDriver.Data.UpperDir}}"
    return tuple(show("docker", "inspect", "--format", upper, *names).split()) if names else ()


def show(*words: str) -> str:
    """What a program prints."""
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def units() -> dict[str, str]:
    """Each unit's run, and whether it is on."""
    shown = "--property=ActiveState,UnitFileState,InvocationID,FragmentPath"
    return {name: show("systemctl", "show", shown, name) for name in UNITS}


def precious() -> dict[str, str]:
    """Owner, mode and content of each file; empty where there is none."""
    found = dict.fromkeys(PRECIOUS, "")
    for path in PRECIOUS:
        if os.path.lexists(path):
            about = os.lstat(path)
            with open(path, "rb") as handle:
                digest = hashlib.sha256(handle.read()).hexdigest()
            found[path] = "%o %d:%d %s" % (about.st_mode, about.st_uid, about.st_gid, digest)
    return found


def walk(tops: tuple[str, ...]) -> Iterator[tuple[str, os.stat_result]]:
    """Every file and folder, without what is mounted below."""
    for top in tops:
        if os.path.lexists(top):
            yield top, os.lstat(top)
        for folder, inner, names in os.walk(top):
            inner[:] = [each for each in inner if not SPARED.match("%s/%s/" % (folder, each))]
            for name in (*inner, *names):
                path = os.path.join(folder, name)
                try:
                    yield path, os.lstat(path)
                except FileNotFoundError:
                    continue


def words() -> list[bytes]:
    """What only root may read, as it is and as it is often written, and what nobody can tell of it
    who has not read it."""
    contents = []
    for path in SECRET:
        with open(path, "rb") as handle:
            contents.append(handle.read())
    word = contents[1].strip().partition(b"=")[2]
    shifted = [base64.b64encode(b"x" * skip + word)[4 if skip else 0 : -4] for skip in range(3)]
    digests = [hashlib.sha256(content).hexdigest().encode() for content in contents]
    return [word, word.hex().encode(), *shifted, *digests]


def leaked(tops: tuple[str, ...]) -> list[str]:
    """Files beside root's own that have it."""
    told, found = words(), []
    for path, about in walk(tops):
        if not stat.S_ISREG(about.st_mode) or about.st_size > LARGEST or about.st_nlink == 0:
            continue
        if about.st_ino == os.stat("/root/canary").st_ino:
            continue  # a hard link, which the account can't read either
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            continue  # gone meanwhile, or a link by now
        with os.fdopen(handle, "rb") as stream:
            content = stream.read(LARGEST)
        found += [path] if any(word in content for word in told) else []
    return found


def in_the_journal() -> list[str]:
    """The system's log, which accounts read who are in its group."""
    log = show("journalctl", "--quiet", "--no-pager", "--output=cat").encode()
    return ["journal" for word in words() if word in log]


def open_to_all() -> list[str]:
    """What we have installed, and others could change."""
    return [
        "%s %o %d" % (path, about.st_mode, about.st_uid)
        for path, about in walk(OURS)
        if not stat.S_ISLNK(about.st_mode)
        and (about.st_mode & stat.S_IWOTH or path.startswith(OURS[2]) and about.st_uid)
    ]


def forged() -> list[str]:
    """What is shown by us and has somebody else's lines, colours or links in it."""
    found = []
    for path, _about in walk(("/var/lib/llmops-litellm", METRICS)):
        pattern = FORGED.get(os.path.splitext(path)[1])
        if pattern:
            with open(path, "rb") as handle:
                found += [path] if pattern.search(handle.read()) else []
    return found


def run_by(planters: bool) -> list[str]:
    """The traps that those have run who plant them, or that anybody else has."""
    return sorted(
        name.rpartition(".")[0]
        for name in os.listdir(RUNNER)
        if (os.lstat(os.path.join(RUNNER, name)).st_uid in PLANTERS) == planters
    )


def changed(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """What is not as it was."""
    return [
        "%s: %s -> %s" % (name, before[name], now[name])
        for name in now
        if now[name] != before[name]
    ]


def look() -> dict[str, list[str]]:
    with open(RECORD, encoding="utf-8") as handle:
        before = json.load(handle)
    tops = (*OURS, *OTHERS, *LOGS, *ENGINE, *layers())
    return {
        "run": run_by(False),
        "unit": changed(before["units"], units()),
        "file": changed(before["files"], precious()),
        "read": leaked(tops) + in_the_journal(),
        "told": glob.glob("/home/*/told"),
        "open": open_to_all(),
        "forged": forged(),
        "fired": sorted(set(run_by(True))),
        "words": [word.decode() for word in words()],
    }


def main() -> None:
    if sys.argv[1] == "record":
        with open(RECORD, "w", encoding="utf-8") as handle:
            json.dump({"units": units(), "files": precious()}, handle)
    else:
        json.dump(look(), sys.stdout)


if __name__ == "__main__":
    main()
