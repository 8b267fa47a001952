"""Ask this host's Docker Compose, systemd and bash what they read from env files.

``real_parsers.py SEED COUNT``: the files are those of env_cases.py: its table, and COUNT random
ones. With ``real_parsers.py --file PATH`` it is that one file. Prints JSON: the files (base64) and,
for each reader, a list of what it reads from each: variables, or null for a refusal.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import env_cases

# None of them can be run by what stands in a file: there is nothing on this PATH.
CLEAN = ["env", "-i", "PATH=/nonexistent", "HOME=/root"]
# Compose itself: Docker's client, which would only start it, takes as long again.
COMPOSE = "/usr/libexec/docker/cli-plugins/docker-compose"
SHELL_OWN = {"PWD", "OLDPWD", "SHLVL", "_", "PATH", "HOME"}


def variables(output: bytes) -> dict[str, str]:
    """What ``env -0`` printed."""
    text = output.decode("utf-8", "surrogateescape")
    return {
        name: value
        for name, _equals, value in (
            item.partition("=") for item in text.split("\0") if "=" in item
        )
    }


def compose(path: Path) -> dict[str, str] | None:
    """By ``env_file:``; what it prints has each dollar doubled."""
    project = path.with_suffix(".compose.json")
    project.write_text(
        json.dumps({"name": "p", "services": {"s": {"image": "x", "env_file": [path.name]}}})
    )
    done = subprocess.run(
        [
            *CLEAN,
            COMPOSE,
            "--env-file",
            "/dev/null",
            "--file",
            str(project),
            "config",
            "--format",
            "json",
        ],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        return None
    found = json.loads(done.stdout)["services"]["s"].get("environment") or {}
    return {name.replace("$$", "$"): value.replace("$$", "$") for name, value in found.items()}


def compose_interpolation(path: Path, names: list[str]) -> dict[str, str]:
    """By ``.env`` and ``${NAME}`` in the compose file."""
    project = path.with_suffix(".interpolation.json")
    service = {"image": "x", "environment": {name: "${%s}" % name for name in names}}
    project.write_text(json.dumps({"name": "p", "services": {"s": service}}))
    done = subprocess.run(
        [
            *CLEAN,
            COMPOSE,
            "--env-file",
            str(path),
            "--file",
            str(project),
            "config",
            "--format",
            "json",
        ],
        capture_output=True,
        check=True,
    )
    return {
        name: value.replace("$$", "$")
        for name, value in json.loads(done.stdout)["services"]["s"]["environment"].items()
    }


def transient(path: Path | None) -> dict[str, str] | None:
    """The environment of a transient unit with this ``EnvironmentFile=``."""
    option = [f"--property=EnvironmentFile={path}"] if path else []
    done = subprocess.run(
        ["systemd-run", "--quiet", "--wait", "--collect", "--pipe", *option, "/usr/bin/env", "-0"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return variables(done.stdout) if done.returncode == 0 else None


def systemd(path: Path, own: set[str]) -> dict[str, str] | None:
    """Without what every unit has."""
    found = transient(path)
    return (
        None if found is None else {name: value for name, value in found.items() if name not in own}
    )


def bash(path: Path) -> dict[str, str] | None:
    """By ``source``, whatever it says meanwhile."""
    script = 'exec 3>&1 >/dev/null 2>&1; set -a; . "$0"; /usr/bin/env -0 >&3'
    done = subprocess.run(
        [*CLEAN, "/usr/bin/bash", "-c", script, str(path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return {name: value for name, value in variables(done.stdout).items() if name not in SHELL_OWN}


def main(arguments: list[str]) -> None:
    if arguments[0] == "--file":
        texts = [Path(arguments[1]).read_bytes()]
    else:
        texts = [case.text for case in env_cases.CASES] + env_cases.random_files(
            int(arguments[0]), int(arguments[1])
        )
    # not /tmp: what systemd reads need not be the /tmp that this process sees
    with tempfile.TemporaryDirectory(dir="/run") as folder, ThreadPoolExecutor(4) as pool:
        paths = [Path(folder) / f"{number}.env" for number in range(len(texts))]
        for path, text in zip(paths, texts):
            path.write_bytes(text)
        own = set(transient(None) or {})
        found = {
            "compose": list(pool.map(compose, paths)),
            "systemd": list(pool.map(lambda path: systemd(path, own), paths)),
            "shell": list(pool.map(bash, paths)),
        }
        if arguments[0] == "--file":
            names = list(found["systemd"][0] or {})
            found["interpolation"] = [compose_interpolation(paths[0], names)]
    print(json.dumps({"files": [base64.b64encode(text).decode() for text in texts], **found}))


if __name__ == "__main__":
    main(sys.argv[1:])
