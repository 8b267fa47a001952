# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The legacy host as an image: installed and seeded once on a real host, stopped cleanly,
committed. Hosts start from it.

Its tag is the hash of the host image and of everything that makes the deployment.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from common import CACHE, HERE, TestbedError, run, say
from images import LOGS, PREFIX, hash_files, inputs, present, tag, tail

CHECKOUT = HERE.parent.parent
SHARED = CHECKOUT / "molecule" / "shared"
BUILDER = f"{PREFIX}-legacy"
# What the playbooks read of the engine and the images; the checkout's, since each checkout has its
# own hashes.
STATE = CHECKOUT / ".cache" / "testbed" / "testbed.json"


def legacy_tag() -> str:
    """The full name of the legacy host's image."""
    folders = [HERE / "legacy", HERE / "standin"]
    files = [path for folder in folders for path in inputs(folder)]
    files += [HERE / "images" / "litellm" / "migrate.py", Path(__file__)]
    total = hashlib.sha256(f"{tag('host')} {hash_files(HERE, files)}".encode())
    return f"{PREFIX}/legacy-host:{total.hexdigest()[:12]}"


def privileged() -> bool:
    """Whether the engine can start privileged containers: not on a machine that itself lacks a
    capability.
    """
    probe = [
        "docker",
        "run",
        "--rm",
        "--privileged",
        "--network",
        "none",
        "--entrypoint",
        "true",
        tag("base"),
    ]
    return run(probe, capture=True, check=False).returncode == 0


def facts() -> dict[str, object]:
    """What create.yml and destroy.yml need to know of the engine and the images."""
    cgroup = run(["docker", "info", "--format", "{{.CgroupVersion}}"], capture=True).stdout.strip()
    return {
        "docker_host": os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"),
        "cgroup_version": int(cgroup or 1),
        "privileged": privileged(),
        "network": PREFIX,
        "bare_host_image": tag("host"),
        "host_image": legacy_tag(),
    }


def write_state(state: dict[str, object]) -> None:
    """Leave the facts, and the images as hosts name them, where playbooks and inventories look."""
    STATE.parent.mkdir(parents=True, exist_ok=True)
    temporary = STATE.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
    temporary.replace(STATE)


def playbook(path: Path, inventory: Path, log: Path, **variables: object) -> None:
    """Run a playbook of this checkout. Raises TestbedError with the end of its log."""
    ansible = Path(sys.executable).parent / "ansible-playbook"
    if not ansible.exists():
        ansible = CHECKOUT / ".venv" / "bin" / "ansible-playbook"
    command: list[str | Path] = [
        ansible,
        "--inventory",
        inventory,
        path,
        "--extra-vars",
        json.dumps(variables),
    ]
    environment = {
        **os.environ,
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
    }
    with log.open("a", encoding="utf-8") as output:
        done = run(
            command, check=False, cwd=CHECKOUT, env=environment, stdout=output, stderr=output
        )
    if done.returncode:
        raise TestbedError(
            f"{path.name} failed (its host is left as it is), the whole log is {log}:\n"
            f"{tail(log, 40)}"
        )


def write_inventory(folder: Path, host: str) -> Path:
    """An inventory of one host, in a folder."""
    inventory = folder / "inventory.yml"
    variables = {
        "ansible_connection": "community.docker.docker",
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    content = {"litellm": {"hosts": {host: variables}}}
    inventory.write_text(json.dumps(content), encoding="utf-8")
    return inventory


def commit(host: str, reference: str) -> None:
    """Keep the file system of a host that was stopped as an image."""
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        # each host that starts from the image makes an identity of its own
        empty = Path(folder) / "machine-id"
        empty.touch(0o444)
        run(["docker", "cp", empty, f"{host}:/etc/machine-id"], capture=True)
    change = ["--change", f"LABEL {PREFIX}=image"]
    run(["docker", "commit", *change, host, reference], capture=True)


def snapshot(testbed: dict[str, object]) -> None:
    """Make the legacy host's image, unless it is there."""
    reference = legacy_tag()
    if present(reference):
        return
    say(f"building {reference}: installing and seeding the legacy deployment")
    started = time.monotonic()
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / "build-legacy-host.log"
    log.write_text("", encoding="utf-8")
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        inventory = write_inventory(Path(folder), BUILDER)
        playbook(SHARED / "destroy.yml", inventory, log, testbed=testbed)
        bare = {**testbed, "host_image": tag("host")}
        playbook(SHARED / "create.yml", inventory, log, testbed=bare)
        playbook(HERE / "legacy" / "install.yml", inventory, log)
        # systemd ends every service, so PostgreSQL's and Redis's files are those of a clean stop
        run(["docker", "stop", "--time", "120", BUILDER], capture=True)
        commit(BUILDER, reference)
        playbook(SHARED / "destroy.yml", inventory, log, testbed=testbed)
    say(f"built {reference} in {time.monotonic() - started:.0f} s")
